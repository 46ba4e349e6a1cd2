"""Are odd but honest models integrated right, and are their attributions' errors below the estimates?"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ig_props import integrated_gradients, layer_integral
from ig_props.integration.arguments import segments
from ig_props.integration.attribution import Attribution
from ig_props.integration.job import ELEMENTS, OPERATIONS, ROWS, job_of
from ig_props.integration.layers import layer_integrals

DOUBLE = torch.float64


def _near(found: Attribution, true: Tensor) -> bool:
    """Whether values [N, …] are as near as the estimate says, rounding of a value's size aside."""
    assert isinstance(found.values, Tensor)
    apart = (found.values - true).abs().flatten(1).amax(1).double()
    rounding = 64 * torch.finfo(found.values.dtype).eps * true.abs().flatten(1).amax(1)
    return bool((apart <= found.error + rounding).all())


class Steps(nn.Module):
    """Two steep steps of opposite sign, which completeness cannot tell from none."""

    def __init__(self, slope: float, place: float) -> None:
        super().__init__()
        self.slope, self.place = slope, place

    def forward(self, x: Tensor) -> Tensor:
        h = torch.tanh(self.slope * (x - self.place))
        return h[:, :1] - h[:, 1:] + x[:, :1]


@pytest.mark.parametrize(("slope", "place"), [(92.6, 0.39), (23.5, 0.11), (40.0, 0.7), (12.0, 0.5)])
def test_opposite_steps_are_not_taken_for_none(slope: float, place: float) -> None:
    found = integrated_gradients(Steps(slope, place), torch.ones(1, 2, dtype=DOUBLE))
    ends = torch.tanh(torch.tensor([slope * (1 - place), -slope * place], dtype=DOUBLE))
    step = float(ends[0] - ends[1])
    assert _near(found, torch.tensor([[step + 1, -step]], dtype=DOUBLE))


class Passing(nn.Module):
    """A layer that hands its input on, which is used again behind it."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.first, self.layer, self.last = nn.Linear(4, 5), layer, nn.Linear(5, 2)

    def forward(self, x: Tensor) -> Tensor:
        h = self.first(x).tanh()
        result: Tensor = self.last(h + self.layer(h)).sigmoid()
        return result


@pytest.mark.parametrize("layer", [nn.Dropout(0.1), nn.Identity()], ids=str)
def test_frozen_parameters_change_no_layer_integral(layer: nn.Module) -> None:
    torch.manual_seed(0)
    model, x = Passing(layer).double().eval(), torch.randn(2, 4, dtype=DOUBLE)
    free = layer_integral(model, layer, x, target=0).values
    frozen = layer_integral(model.requires_grad_(False), layer, x, target=0).values
    assert isinstance(free, Tensor)
    assert isinstance(frozen, Tensor)
    assert torch.equal(free, frozen)


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
def test_a_frozen_encoder_with_padding_has_layer_integrals() -> None:
    class Encoded(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            block = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)
            self.encoder, self.head = nn.TransformerEncoder(block, 2), nn.Linear(8, 2)

        def forward(self, x: Tensor) -> Tensor:
            padding = torch.zeros(x.shape[:2], dtype=torch.bool)
            padding[:, -1] = True
            result: Tensor = self.head(self.encoder(x, src_key_padding_mask=padding)[:, 0])
            return result

    torch.manual_seed(0)
    model = Encoded().double().eval().requires_grad_(False)
    found = layer_integral(model, model.encoder.layers[0], torch.randn(2, 3, 8, dtype=DOUBLE), target=0, n_steps=8)
    assert isinstance(found.values, Tensor)
    assert bool(torch.isfinite(found.values).all())


def test_samples_of_unequal_size_do_not_hide_one_another() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 30), nn.ReLU(), nn.Linear(30, 30), nn.ReLU(), nn.Linear(30, 2))
    x, baselines = torch.randn(2, 4), torch.randn(2, 4)
    x[0] *= 1e5
    both, alone = (integrated_gradients(model, x[k:], baselines[k:], target=0) for k in (0, 1))
    assert isinstance(alone.values, Tensor)
    assert isinstance(both.values, Tensor)
    assert both.exact
    assert bool(((both.values[1:] - alone.values).abs().amax(1) <= both.error[1:] + alone.error).all())


class Sequence(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(4, 5), nn.Linear(5, 2)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.b(torch.relu(self.a(x.permute(1, 0, 2))).mean(0))
        return result


@pytest.mark.parametrize("length", [2, 3, 4, 5, 6, 7])
def test_samples_may_come_second_within_a_model(length: int) -> None:
    torch.manual_seed(length)
    model, x = Sequence().double(), torch.randn(3, length, 4, dtype=DOUBLE)
    found = integrated_gradients(model, x, target=0)
    first = nn.Sequential(model.a, nn.ReLU(), model.b)
    rows = integrated_gradients(first.double(), x.flatten(0, 1), target=0, method="exact").values
    assert isinstance(rows, Tensor)
    assert _near(found, rows.view_as(x) / length)


def test_kinks_of_numbers_without_a_dimension_of_their_own() -> None:
    class Sum(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.relu(x.sum(1) - 1).unsqueeze(1)

    x = torch.tensor([[2.0, 1.0], [0.5, 0.25]], dtype=DOUBLE)
    assert _near(integrated_gradients(Sum(), x), torch.tensor([[4 / 3, 2 / 3], [0.0, 0.0]], dtype=DOUBLE))


def test_inputs_without_a_batch_are_one_sentence() -> None:
    with pytest.raises(ValueError, match=r"inputs must be \[N, …\], given \[4\]; one sample is x\[None\]"):
        integrated_gradients(nn.Linear(4, 2), torch.ones(4), target=0)


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(5, 5)

    def forward(self, x: Tensor) -> Tensor:
        return x + torch.relu(self.inner(x))


@pytest.mark.parametrize("score", ["probability", "log-odds"])
def test_probabilities_behind_composite_modules(score: str) -> None:
    torch.manual_seed(1)
    model = nn.Sequential(nn.Linear(4, 5), Block(), nn.Tanh(), nn.Linear(5, 3)).double()
    x = torch.randn(3, 4, dtype=DOUBLE)
    found = layer_integral(model, model[1], x, target=0, score=score)  # type: ignore[arg-type]
    rounding = 64 * torch.finfo(DOUBLE).eps * 5
    assert bool((found.residual <= found.error + rounding).all())


def test_layers_behind_one_another_are_as_each_alone_by_secants() -> None:
    torch.manual_seed(2)
    model = nn.Sequential(nn.Linear(3, 6), nn.ReLU(), nn.Linear(6, 6), nn.Tanh(), nn.Linear(6, 2)).double()
    x = torch.randn(2, 3, dtype=DOUBLE)
    layers = [model[0], model[1], model[3]]
    both = layer_integrals(model, layers, x, target=0, method="secant", n_steps=20)
    for layer, found in zip(layers, both, strict=True):
        alone = layer_integral(model, layer, x, target=0, method="secant", n_steps=20)
        assert isinstance(alone.values, Tensor)
        assert torch.equal(found.values, alone.values)  # type: ignore[arg-type]
        # all layers are cuts, where secants are complete at any number of cells (`SECANT.completeness`)
        sizes = alone.values.abs().flatten(1).sum(1)
        assert bool((found.residual <= OPERATIONS * torch.finfo(DOUBLE).eps * sizes).all())


def test_chunks_of_rules_that_are_not_traced_heed_what_a_model_keeps() -> None:
    x = torch.randn(2, 4, dtype=DOUBLE)
    rows = []
    for width in (8, 4096):
        model = nn.Sequential(nn.Linear(4, width), nn.Tanh(), nn.Linear(width, 2)).double()
        rows.append(job_of(model, segments(model, x, None, 0), method="midpoint").budget.rows)
    assert rows[0] == ROWS
    assert 8 <= rows[1] <= ELEMENTS // 2048


@pytest.mark.parametrize("options", [{}, {"method": "secant"}, {"method": "midpoint", "internal_batch_size": 1}])
@pytest.mark.parametrize("curve", [nn.Identity(), nn.ReLU(), nn.Tanh()])
def test_one_sample_of_a_channels_last_batch_is_what_it_is_in_any_layout(
    curve: nn.Module, options: dict[str, Any]
) -> None:
    """torch's batch norm gets the gradient of such a slice wrong on the CPU."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.BatchNorm2d(3, affine=False), nn.Flatten(), nn.Linear(24, 4), curve, nn.Linear(4, 1))
    model = model.double().eval()
    batch = torch.randn(2, 3, 2, 4, dtype=torch.float64).contiguous(memory_format=torch.channels_last)
    found = [integrated_gradients(model, x.unsqueeze(0), **options).values for x in (batch[0], batch[0].contiguous())]
    assert torch.equal(*found)
