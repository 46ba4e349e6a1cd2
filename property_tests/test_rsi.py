"""Does RSI-Grad-CAM keep what it promises at any layer, on straight lines and on paths that somebody else gives?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from ig_props.campaign import check
from ig_props.findings import Verdict
from ig_props.integration.layers import layer_integral
from ig_props.methods import grad_cam as maps
from ig_props.methods.scores import log_probability, probability
from ig_props.methods.user_path import path_integrals
from ig_props.running.request import Profile

BRIEF = Profile("maps", 12, 1.5, 0.3)


class Network(nn.Module):
    """Two convolutions, with or without a bypass around the second, and a linear head."""

    def __init__(self, bypass: bool = False) -> None:
        super().__init__()
        self.bypass = bypass
        self.first, self.second = nn.Conv2d(2, 3, 3, padding=1), nn.Conv2d(3, 3, 3, padding=1)
        self.relu, self.last, self.head = nn.ReLU(inplace=True), nn.ReLU(inplace=True), nn.Linear(3 * 4 * 5, 4)

    def forward(self, x: Tensor) -> Tensor:
        a = self.relu(self.first(x))
        b = self.second(a)
        out: Tensor = self.head(self.last(b + a if self.bypass else b).flatten(1))
        return out


def network(bypass: bool = False) -> Network:
    torch.manual_seed(4)
    return Network(bypass).double().eval()


def images(seed: int, count: int = 1) -> Tensor:
    return torch.randn(count, 2, 4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def test_several_layers_in_one_sweep_are_the_single_ones() -> None:
    model, x = network(), images(0, 3)
    target = torch.tensor([0, 2, 3])
    layers = [model.first, model.second, model.last]
    together = maps.rsi_grad_cams(model, layers, x, 0.25, target, 12, variant="signed")
    for layer, found in zip(layers, together, strict=True):
        alone = maps.rsi_grad_cam(model, layer, x, 0.25, target, 12, variant="signed")
        torch.testing.assert_close(found.integrals, alone.integrals)
        torch.testing.assert_close(found.combined, alone.combined)
        assert found.weights.shape == (3, 3)


@pytest.mark.parametrize("baseline", [None, 0.5, images(1), images(1, 3)], ids=["none", "number", "row", "rows"])
def test_baselines_of_any_kind(baseline: Tensor | float | None) -> None:
    model, x = network(), images(0, 3)
    start = torch.zeros_like(x) if baseline is None else torch.as_tensor(baseline, dtype=x.dtype).expand_as(x)
    found = maps.rsi_grad_cam(model, model.first, x, baseline, 1, 10)
    wanted = maps.rsi_grad_cam(model, model.first, x, start, 1, 10)
    assert torch.equal(found.combined, wanted.combined)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 999), n=st.integers(1, 40), chunk=st.sampled_from((None, 1, 3)))
def test_a_straight_path_given_point_by_point_is_the_straight_path(seed: int, n: int, chunk: int | None) -> None:
    model, x, start = network(), images(seed), images(seed + 1)
    t = torch.linspace(0, 1, n + 1, dtype=torch.float64).view(-1, 1, 1, 1)
    path = torch.lerp(start, x, t)
    path[-1] = x[0]
    for variant in maps.VARIANTS:
        given_ = maps.rsi_grad_cam(
            model, model.second, x, target=2, path=path, variant=variant, internal_batch_size=chunk
        )
        straight = maps.rsi_grad_cam(model, model.second, x, start, 2, n, variant=variant)
        torch.testing.assert_close(given_.integrals, straight.integrals)
        torch.testing.assert_close(given_.combined, straight.combined)


def wound(seed: int, points: int) -> Tensor:
    """A path [points, 2, 4, 5] that bends, as the decoded points of a latent path would."""
    corners = images(seed, 4)
    t = torch.linspace(0, 3, points, dtype=torch.float64)
    low = t.floor().clamp_max(2).long()
    share = (t - low).view(-1, 1, 1, 1)
    return corners[low] * (1 - share) + corners[low + 1] * share


def test_sums_on_paths_behave_as_integrals_do() -> None:
    model, path = network(), wound(3, 31)
    layers = [model.first, model.relu, model.second]
    whole = [v.values for v in path_integrals(model, layers, path, 1)]
    parts = [[v.values for v in path_integrals(model, layers, p, 1)] for p in (path[:13], path[12:])]
    back = [v.values for v in path_integrals(model, layers, path.flip(0), 1)]
    slower = [v.values for v in path_integrals(model, layers, path.repeat_interleave(2, 0), 1)]
    for k in range(3):
        assert isinstance(whole[k], Tensor)
        torch.testing.assert_close(whole[k], parts[0][k] + parts[1][k])
        torch.testing.assert_close(whole[k], -back[k])
        torch.testing.assert_close(whole[k], slower[k])


def test_an_affine_head_is_complete_on_every_sampling_of_every_path() -> None:
    model = network()
    for points in (2, 3, 17):
        (found,) = path_integrals(model, [model.last], wound(5, points), 3)
        assert float(found.residual) <= 1e-12
        assert found.evaluations == points


def test_completeness_at_a_cut_and_what_a_bypass_takes_away() -> None:
    x, start = images(7), images(8)
    for bypass in (False, True):
        model = network(bypass)
        sums = layer_integral(model, model.second, x, start, 2, n_steps=2000)
        rest = float(sums.residual)
        scale = float((model(x) - model(start))[0, 2].detach().abs())
        # rectifiers leave O(h) of the score at 2000 cells; the bypass leaves what flows through it
        assert (rest > 0.05 * scale) == bypass, (rest, scale)


def test_variants_differ_as_they_are_defined() -> None:
    model, x, start = network(), images(9), images(10)
    signed, rectified, masked = (
        maps.rsi_grad_cam(model, model.second, x, start, 1, 30, variant=v) for v in ("signed", "rectified", "masked")
    )
    torch.testing.assert_close(masked.integrals, signed.integrals)
    torch.testing.assert_close(masked.weights, signed.integrals.relu().mean((2, 3)))
    assert float(signed.residual) < float(rectified.residual)
    assert bool((masked.weights >= signed.weights).all())
    assert not torch.allclose(rectified.weights, masked.weights)


def test_saturation_silences_grad_cam_and_not_the_path() -> None:
    """`RSI.saturation` and `SOFTMAX.saturation` with both sides computed, on a model whose logits are scaled."""
    model, x = network(), images(11)
    c = int(model(x).argmax())
    start = next(s for s in map(images, range(12, 40)) if int(model(s).argmax()) != c)
    vanished = []
    for beta in (1.0, 8.0, 64.0, 512.0):

        def scaled(output: Tensor, target: int | Tensor | None, beta: float = beta) -> Tensor:
            return probability(beta * output, target)

        values, gradient = maps.layer_and_gradient(model, model.second, x, c, scaled)
        p = (beta * model(x)).softmax(1)[0, c].item()
        slopes = [maps.layer_and_gradient(model, model.second, x, k)[1] for k in range(4)]
        reach = beta * torch.stack([slopes[c] - s for s in slopes]).abs().amax(0)
        # 1 - p is computed with an error of a few roundings, which the bound inherits
        assert bool((gradient.abs() <= p * (1 - p + 2.0**-48) * reach).all())
        vanished.append(float(gradient.abs().max()))
        path = maps.rsi_grad_cam(model, model.second, x, start, c, 4096, variant="signed", score=scaled)
        gain = p - (beta * model(start)).softmax(1)[0, c].item()
        assert abs(float(path.integrals.sum()) - gain) <= 0.05 * gain
    assert vanished[-1] < 1e-9 < 1e-3 < vanished[0]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"variant": "squared"}, "variant is one of rectified, signed, masked"),
        ({"path": torch.zeros(5, 2, 4, 5, dtype=torch.float64)}, "path must end in the one input"),
        ({"path": images(0), "baselines": 0.5}, "path must end in the one input"),
        ({"path": images(0)}, "at least two inputs"),
        ({"n_steps": 0}, "n_steps"),
        ({"baselines": torch.zeros(1, dtype=torch.float64)}, "baselines has shape"),
    ],
)
def test_what_does_not_fit_is_one_sentence(options: dict[str, Any], said: str) -> None:
    model = network()
    with pytest.raises(ValueError, match=said):
        maps.rsi_grad_cam(model, model.first, images(0), target=0, **options)
    assert not any(m._forward_hooks for m in model.modules())


def test_layers_without_maps_are_named() -> None:
    model = network()
    with pytest.raises(ValueError, match=r"must return one tensor \[N, C, H, W\], given \[1, 4\]"):
        maps.rsi_grad_cam(model, model.head, images(0), target=0)


def ours(kind: str) -> Callable[..., Tensor]:
    if kind.startswith("rsi"):
        variant = "signed" if kind.endswith("signed") else "rectified"

        def along(
            model: nn.Module, layer: nn.Module, inputs: Tensor, baselines: Tensor, target: Any, n_steps: int = 50
        ) -> Tensor:
            return maps.rsi_grad_cam(model, layer, inputs, baselines, target, n_steps, variant=variant).rectified

        return along
    methods = {
        "grad-cam": maps.grad_cam, "grad-cam-positive": maps.grad_cam_positive, "grad-cam++": maps.grad_cam_plus_plus,
    }  # fmt: skip

    def at(model: nn.Module, layer: nn.Module, inputs: Tensor, target: Any) -> Tensor:
        return methods[kind](model, layer, inputs, target).rectified

    return at


@pytest.mark.parametrize("kind", ["grad-cam", "grad-cam-positive", "grad-cam++", "rsi-grad-cam", "rsi-grad-cam-signed"])
def test_every_claim_holds_of_ours(kind: str) -> None:
    findings = check(ours(kind), as_=kind, profile=BRIEF)
    wrong = [
        f"{f.claim}: {f.note} {f.comparison}\n{f.formula}"
        for f in findings
        if f.verdict in (Verdict.REFUTED, Verdict.CRASHED)
    ]
    assert not wrong, "\n".join(wrong)
    assert any(
        f.verdict is Verdict.HOLDS and f.claim in ("CAM.definition", "RSI.grad_cam_definition") for f in findings
    )


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), size=st.sampled_from((1e-4, 1e-2, 0.1)), after=st.booleans())
def test_the_reported_bound_of_plus_plus_holds(seed: int, size: float, after: bool) -> None:
    torch.manual_seed(seed)
    model = network()
    with torch.no_grad():
        model.head.weight.copy_(size * torch.randn(4, 60))
    report = maps.plus_plus_report(model, model.last if after else model.second, images(seed, 3), 1, log_probability)
    assert report.epsilon.shape == (3,)
    assert bool((report.observed <= report.bound + 1e-12).all())
    assert bool(report.nonnegative.all()) or not after
    assert bool(torch.isinf(report.bound[~report.nonnegative | (report.epsilon >= 2)]).all())
