"""Are path attributions right along polygons and curves, and their sentences clear?"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ig_props import integrate, integrated_gradients, paths

ZERO, ONE = torch.zeros(1, 2, dtype=torch.float64), torch.ones(1, 2, dtype=torch.float64)
CORNERS = [(0, 0), (2, 2), (2, 3), (1, 3), (1, 2), (2, 2), (3, 2), (3, 1), (2, 1), (2, 2), (4, 4)]


def values(found: Any) -> Tensor:
    assert isinstance(found.values, Tensor)
    return found.values


def test_the_polygon_without_monotonicity() -> None:
    """`UNIQ.not_without_monotonicity`: x²y gets (67/96, 29/96)."""
    vertices = torch.tensor(CORNERS, dtype=torch.float64)[:, None] / 4
    found = integrate(lambda z: z[:, 0] ** 2 * z[:, 1], paths.polygon(vertices), rtol=1e-10)
    expected = torch.tensor([[float(Fraction(67, 96)), float(Fraction(29, 96))]], dtype=torch.float64)
    assert float((values(found) - expected).abs().max()) <= float(found.error.max()) < 1e-10


def test_the_parabola() -> None:
    """`UNIQ.t_squared`: x0 x1 along (t, t²) gets (1/3, 2/3)."""
    found = integrate(lambda z: z[:, 0] * z[:, 1], paths.polynomial(ZERO, ONE, torch.tensor([1, 2])), rtol=1e-10)
    assert found.rule == "spectral"
    assert float((values(found) - torch.tensor([[1 / 3, 2 / 3]])).abs().max()) < 1e-7
    assert float((3 * values(found) - torch.tensor([[1.0, 2.0]], dtype=torch.float64)).abs().max()) < 1e-14


def test_the_segment_is_integrated_gradients() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 1)).double()
    x = torch.randn(4, 3, dtype=torch.float64)
    along = integrate(model, paths.straight(torch.zeros_like(x), x))
    assert torch.equal(values(along), values(integrated_gradients(model, x)))


def test_one_coordinate_after_another_gets_its_own_step() -> None:
    """Every leg moves one coordinate, which gets the leg's whole difference."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 2)).double()
    x = torch.randn(1, 3, dtype=torch.float64)
    found = integrate(lambda z: model(z)[:, 1], paths.coordinatewise(0 * x, x, (2, 0, 1)))
    now, expected = torch.zeros_like(x), torch.zeros_like(x)
    for i in (2, 0, 1):
        before = float(model(now)[0, 1].detach())
        now[0, i] = x[0, i]
        expected[0, i] = float(model(now)[0, 1].detach()) - before
    assert found.exact
    assert float((values(found) - expected).abs().max()) <= float(found.error.max())


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("act", [nn.ReLU, nn.Tanh])
def test_estimates_hold_on_curves(seed: int, act: Callable[[], nn.Module]) -> None:
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(6, 8), act(), nn.Linear(8, 3)).double()
    x = torch.randn(3, 6, dtype=torch.float64)
    path = paths.polynomial(0 * x, x, torch.tensor([1, 2, 3, 1, 2, 3]))
    found = integrate(lambda z: model(z)[:, 0], path)
    fine = integrate(lambda z: model(z)[:, 0], path, method="midpoint", n_steps=100_000)
    assert float(fine.residual.max()) < 1e-5
    apart = (values(found) - values(fine)).abs().amax(1)
    assert bool((apart <= found.error + 1e-5).all())
    assert float(found.error.max()) < 0.1


@pytest.mark.parametrize(
    ("score", "path", "options", "error", "said"),
    [
        (lambda z: z, paths.straight(ZERO, ONE), {}, ValueError, "one number per point"),
        (lambda z: z[:, 0], ZERO, {}, TypeError, "path must be a Polygon or a Curve"),
        (lambda z: z[:, 0], paths.Curve(lambda t: t), {}, ValueError, "must give"),
        (
            lambda z: z[:, 0],
            paths.polynomial(ZERO, ONE, torch.tensor([1, 2])),
            {"method": "left"},
            ValueError,
            "on a curve",
        ),
        (lambda z: z[:, 0].detach(), paths.straight(ZERO, ONE), {}, ValueError, "has no gradient"),
    ],
)
def test_what_does_not_fit_is_one_sentence(
    score: Callable[[Tensor], Tensor], path: Any, options: dict[str, Any], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        integrate(score, path, **options)


def test_paths_of_the_wrong_form_are_refused() -> None:
    for make, said in (
        (lambda: paths.straight(ZERO, ONE[:, :1]), "equal shapes"),
        (lambda: paths.coordinatewise(ZERO, ONE, (0, 0)), "permutation of 0 to 1"),
        (lambda: paths.polynomial(ZERO, ONE, torch.tensor([1, 0])), "at least 1"),
        (lambda: paths.polygon([ZERO]), "V at least 2"),
    ):
        with pytest.raises(ValueError, match=said):
            make()
