"""Does the forged model keep every probability, move the explanation as proved, and leave post-softmax ones alone?"""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis import target as towards
from torch import Tensor, nn

from ig_props.attributors.load import load
from ig_props.attributors.protocol import Call
from ig_props.integration.engine import integrated_gradients
from ig_props.integration.layers import layer_integral
from ig_props.methods import grad_cam, shift_attack
from ig_props.methods.scores import SCORES


class Residual(nn.Module):
    """A classifier with a bypass and rectifiers in place."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(1, 3, 3, padding=1), nn.Conv2d(3, 3, 3, padding=1)
        self.relu, self.head = nn.ReLU(inplace=True), nn.Linear(3 * 4 * 5, 4)

    def forward(self, x: Tensor) -> Tensor:
        a = self.relu(self.first(x))
        out: Tensor = self.head(torch.relu_(self.second(a) + a).flatten(1))
        return out


def network(seed: int = 0) -> Residual:
    torch.manual_seed(seed)
    return Residual().double().eval()


def image(seed: int, count: int = 1) -> Tensor:
    return torch.randn(count, 1, 4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def attributions(model: nn.Module, x: Tensor, start: Tensor, score: str = "logit") -> Tensor:
    values = integrated_gradients(model, x, start, 2, method="midpoint", n_steps=64, score=SCORES[score]).values
    assert isinstance(values, Tensor)
    return values


@settings(max_examples=40, deadline=None)
@given(
    data=st.data(),
    dtype=st.sampled_from((torch.float64, torch.float32)),
    place=st.sampled_from((None, "first", "second", "relu")),
    size=st.sampled_from((1.0, 1e2, 1e4)),
)
def test_probabilities_are_equal_up_to_rounding(
    data: st.DataObject, dtype: torch.dtype, place: str | None, size: float
) -> None:
    model = network().to(dtype)
    points = data.draw(st.lists(st.lists(st.floats(-8, 8, width=32), min_size=20, max_size=20), min_size=1, max_size=3))
    x = torch.tensor(points, dtype=dtype).view(-1, 1, 4, 5)
    shift: nn.Module = shift_attack.Corner(size)
    if place is None:
        shift = shift_attack.Ramp(size * image(1)[0].to(dtype), image(2)[0].to(dtype))
    forged = shift_attack.Shifted(model, shift, place)
    with torch.no_grad():
        plain, other = model(x.clone()), forged(x.clone())
        shifts = (other - plain)[:, 0]
        apart = (plain.softmax(1) - other.softmax(1)).abs().amax(1)
    allowed = shift_attack.rounding(plain, shifts)
    towards(float((apart / allowed).max()), label="share of the bound")
    assert bool((apart <= allowed).all())
    assert not any(m._forward_hooks for m in forged.modules())


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), scale=st.sampled_from((1e-3, 1.0, 1e3)))
def test_integrated_gradients_become_any_wanted_vector(seed: int, scale: float) -> None:
    model, x, start = network(seed), image(seed), image(seed + 1)
    wanted = scale * image(seed + 2)
    now = attributions(model, x, start)
    forged = shift_attack.forge_attributions(model, x, start, now, wanted)
    # both runs use one rule, exact on the affine shift, so that rounding alone separates them
    close = 64 * 64 * 2.0**-52 * float((now.abs() + wanted.abs()).max())
    assert float((attributions(forged, x, start) - wanted).abs().max()) <= close
    for score in ("probability", "log-probability", "log-odds"):
        before, after = attributions(model, x, start, score), attributions(forged, x, start, score)
        # gradients of the shift, of the size of the slopes, cancel in every class's sum
        slopes = float(forged.shift.slope.abs().max() * (x - start).abs().max())  # type: ignore[operator,union-attr]
        assert float((before - after).abs().max()) <= 64 * 2.0**-52 * (64 * float(before.abs().max()) + slopes * 64)


@pytest.mark.parametrize("place", ["first", "relu", "second"])
def test_layer_integrals_become_any_wanted_tensor(place: str) -> None:
    model, x, start = network(), image(5), image(6)
    layer = model.get_submodule(place)
    now = layer_integral(model, layer, x, start, 1, n_steps=32).values
    assert isinstance(now, Tensor)
    walked = [grad_cam.layer_output(model, layer, p) for p in (x, start)]
    wanted = torch.where(walked[0] != walked[1], torch.full_like(now, 0.25), now)
    forged = shift_attack.forge_attributions(model, x, start, now, wanted, place)
    found = layer_integral(forged, layer, x, start, 1, n_steps=32).values
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-9)


@pytest.mark.parametrize("kappa", [-3.0, 0.5, 1e3])
@pytest.mark.parametrize("place", ["first", "relu", "second"])
def test_every_channel_weight_moves_by_kappa_over_the_pixels(kappa: float, place: str) -> None:
    model, x = network(), image(7, 3)
    forged = shift_attack.forge_map(model, place, kappa)
    target = torch.tensor([0, 1, 3])
    layer = model.get_submodule(place)
    before, after = (grad_cam.grad_cam(m, layer, x, target) for m in (model, forged))
    torch.testing.assert_close(after.weights, before.weights + kappa / 20)
    values, _ = grad_cam.layer_and_gradient(model, layer, x, target)
    torch.testing.assert_close(after.combined, before.combined + kappa / 20 * values.sum(1))
    for name in ("probability", "log-probability", "log-odds"):
        maps = [grad_cam.grad_cam(m, layer, x, target, SCORES[name]).combined for m in (model, forged)]
        torch.testing.assert_close(maps[1], maps[0], rtol=0, atol=1e-12 * (1 + abs(kappa)))


@pytest.mark.parametrize("spec", ["captum:LayerGradCam", "torchcam:GradCAM"])
def test_released_libraries_are_moved_as_proved(spec: str) -> None:
    pytest.importorskip(spec.split(":")[0])
    model, x = network(), image(8)
    for p in model.parameters():
        p.requires_grad_(True)
    method = load(spec, stage="raw")
    forged = shift_attack.forge_map(model, "second", 50.0)
    maps = [method.attribute(Call(m, x, None, 1, layer=model.second)) for m in (model, forged)]
    plain = grad_cam.grad_cam(model, model.second, x, 1)
    values, _ = grad_cam.layer_and_gradient(model, model.second, x, 1)
    assert isinstance(maps[0], Tensor)
    assert isinstance(maps[1], Tensor)
    torch.testing.assert_close(maps[0].reshape(1, 4, 5), plain.rectified)
    torch.testing.assert_close(maps[1].reshape(1, 4, 5), (plain.combined + 2.5 * values.sum(1)).relu())


def test_what_cannot_be_forged_is_one_sentence() -> None:
    model, x = network(), image(0)
    start = x.clone()
    start[0, 0, 1, 2] = 9.0
    with pytest.raises(ValueError, match=r"coordinate \[0, 0, 0\], where input and baseline are equal"):
        shift_attack.ramp_towards(torch.ones_like(x), x, start)
    with pytest.raises(ValueError, match="are one sample"):
        shift_attack.ramp_towards(torch.ones(2, 1, 4, 5), x, x)
    with pytest.raises(ValueError, match="kappa must be finite"):
        shift_attack.forge_map(model, "first", float("nan"))
    with pytest.raises(ValueError, match=r"must return \[N, C, H, W\]"):
        shift_attack.forge_map(model, "head", 1.0)(x)
    with pytest.raises(ValueError, match="at least two classes"):
        shift_attack.Shifted(nn.Flatten(0), shift_attack.Corner(1.0))(x)
