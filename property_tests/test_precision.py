"""Are estimates kept where numbers are coarse: half precision, bfloat16, autocast?"""

from __future__ import annotations

import copy
import warnings

import pytest
import torch
from torch import Tensor, nn

from ig_props import integrated_gradients, layer_integral
from ig_props.integration.attribution import Attribution

DTYPES = (torch.bfloat16, torch.float16, torch.float32)


def _model(act: type[nn.Module], seed: int) -> tuple[nn.Module, Tensor]:
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(16, 64), act(), nn.Linear(64, 32), act(), nn.Linear(32, 3))
    return model.eval().requires_grad_(False), torch.randn(4, 16)


def _kept(found: Attribution, model: nn.Module, x: Tensor, layer: int | None) -> bool:
    """Whether the values are as near to those of the same weights in double precision as the estimate says."""
    fine, y = copy.deepcopy(model).double(), x.double()
    if layer is None:
        true = integrated_gradients(fine, y, target=0, rtol=1e-9)
    else:
        true = layer_integral(fine, fine[layer], y, target=0, rtol=1e-9)  # type: ignore[index]
    assert isinstance(found.values, Tensor)
    assert isinstance(true.values, Tensor)
    return bool(((found.values.double() - true.values).abs().amax(1) <= found.error).all())


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("act", [nn.ReLU, nn.Tanh])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_errors_stay_below_the_estimate(dtype: torch.dtype, act: type[nn.Module], seed: int, device: str) -> None:
    model, x = (v.to(device, dtype) for v in _model(act, seed))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found, inner = integrated_gradients(model, x, target=0), layer_integral(model, model[1], x, target=0)
    assert _kept(found, model, x, None)
    assert _kept(inner, model, x, 1)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("act", [nn.ReLU, nn.Tanh])
def test_autocast_enters_the_estimate(act: type[nn.Module], seed: int, device: str) -> None:
    model, x = (v.to(device) for v in _model(act, seed))
    with warnings.catch_warnings(), torch.autocast(device, dtype=torch.bfloat16):
        warnings.simplefilter("ignore")
        found, inner = integrated_gradients(model, x, target=0), layer_integral(model, model[1], x, target=0)
    assert _kept(found, model, x, None)
    assert _kept(inner, model, x, 1)


def test_pieces_are_not_looked_for_in_coarse_numbers() -> None:
    model, x = (v.to(torch.bfloat16) for v in _model(nn.ReLU, 0))
    for call in (
        lambda: integrated_gradients(model, x, target=0, method="exact"),
        lambda: layer_integral(model, model[1], x, target=0, method="exact"),
    ):
        with pytest.raises(
            ValueError, match="method 'exact' needs float32 or float64 without autocast, given bfloat16"
        ):
            call()
