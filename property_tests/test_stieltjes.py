"""Do sums converge as fast as theory says, and are the exactness claims equalities? (theory.md 4)"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from ig_props import integrated_gradients, layer_integral
from ig_props.claims.completeness import cantor
from ig_props.integration.sums import gauss_kronrod, refined
from ig_props.networks.torch_ import TorchNetwork
from ig_props.quadrature import RULES

DYADIC = st.integers(-32, 32).map(lambda k: k / 8)


def smooth() -> tuple[nn.Module, Tensor]:
    torch.manual_seed(3)
    model = nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, 6), nn.Tanh(), nn.Linear(6, 2)).double()
    return model, torch.randn(3, 5, dtype=torch.float64)


def kinked(seed: int) -> tuple[nn.Module, Tensor]:
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(6, 24), nn.ReLU(), nn.Linear(24, 24), nn.ReLU(), nn.Linear(24, 1)).double()
    return model, torch.randn(8, 6, dtype=torch.float64)


def order(cells: list[int], errors: list[float]) -> float:
    """Minus the slope of log error over log cells."""
    return -float(np.polyfit(np.log(cells), np.log(errors), 1)[0])


def values(found: object) -> Tensor:
    assert isinstance(found.values, Tensor)  # type: ignore[attr-defined]
    return found.values  # type: ignore[attr-defined, no-any-return]


@pytest.mark.parametrize(
    ("rule", "expected", "nodes"),
    [("left", 1, 0), ("right", 1, 0), ("midpoint", 2, 0), ("trapezoid", 2, 1), ("simpson", 4, 1)],
)
def test_rules_have_their_order_on_smooth_networks(rule: str, expected: int, nodes: int, device: str) -> None:
    """`QUAD.order`: the observed order differs from the asymptotic one by O(h), here at most 0.1."""
    model, x = smooth()
    model, x = model.to(device), x.to(device)
    exact = values(integrated_gradients(model, x, target=1, method="gauss-legendre", n_steps=40))
    cells = [8, 16, 32, 64, 128]
    errors = [
        float((values(integrated_gradients(model, x, target=1, method=rule, n_steps=n + nodes)) - exact).abs().max())
        for n in cells
    ]
    assert abs(order(cells, errors) - expected) < 0.1


@pytest.mark.parametrize("rule", ["midpoint", "trapezoid", "gauss-legendre"])
def test_every_rule_that_samples_gradients_is_of_first_order_at_kinks(rule: str) -> None:
    cells, total = [16, 32, 64, 128, 256], np.zeros(5)
    for seed in range(12):
        model, x = kinked(seed)
        exact = values(integrated_gradients(model, x, method="exact"))
        total += [
            float((values(integrated_gradients(model, x, method=rule, n_steps=n)) - exact).abs().mean()) for n in cells
        ]
    assert 0.8 < order(cells, list(total)) < 1.2


def test_the_secant_rule_is_of_order_one_and_a_half_at_kinks() -> None:
    cells, total = [16, 32, 64, 128, 256], np.zeros(5)
    for seed in range(12):
        model, x = kinked(seed)
        exact = values(integrated_gradients(model, x, method="exact"))
        total += [
            float((values(integrated_gradients(model, x, method="secant", n_steps=n)) - exact).abs().mean())
            for n in cells
        ]
    assert order(cells, list(total)) > 1.3


@pytest.mark.parametrize(("method", "expected"), [("trapezoid", 2.0), ("midpoint", 2.0), ("secant", 2.0)])
def test_layer_sums_have_their_order_on_smooth_networks(method: str, expected: float) -> None:
    """`RS.trapezoid_error`: O(h²)."""
    model, x = smooth()
    assert isinstance(model, nn.Sequential)
    exact = values(layer_integral(model, model[1], x, target=1, method="spectral", n_steps=41))
    cells = [8, 16, 32, 64]
    errors = [
        float((values(layer_integral(model, model[1], x, target=1, method=method, n_steps=n)) - exact).abs().max())
        for n in cells
    ]
    assert order(cells, errors) > expected - 0.15


def test_kinks_behind_a_layer_make_trapezoids_first_order_and_leave_secants_better() -> None:
    cells, plain, secant = [16, 32, 64, 128], np.zeros(4), np.zeros(4)
    for seed in range(12):
        model, x = kinked(seed)
        assert isinstance(model, nn.Sequential)
        exact = values(layer_integral(model, model[0], x, method="exact"))
        for total, method in ((plain, "trapezoid"), (secant, "secant")):
            for k, n in enumerate(cells):
                total[k] += float(
                    (values(layer_integral(model, model[0], x, method=method, n_steps=n)) - exact).abs().mean()
                )
    assert 0.8 < order(cells, list(plain)) < 1.2
    assert order(cells, list(secant)) > 1.3


@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_cantor_approximants_are_complete_where_fixed_steps_are_not(k: int) -> None:
    """`PATH.completeness.cantor`: exact pieces give the difference at every k; fixed steps miss half of it."""
    model = TorchNetwork(cantor(k))
    x = torch.tensor([[float(3**k)]], dtype=torch.float64)
    exact = integrated_gradients(model, x, target=0, method="exact")
    assert abs(float(values(exact)) - 1.0) <= float(exact.error) < 1e-12
    steps = integrated_gradients(model, x, target=0, method="midpoint", n_steps=3 ** (k - 1))
    assert abs(float(values(steps)) - 1.0) >= 0.49


@given(
    st.lists(st.lists(DYADIC, min_size=3, max_size=3), min_size=3, max_size=3),
    st.lists(DYADIC, min_size=3, max_size=3),
    st.sampled_from([1, 2, 4, 8]),
)
@settings(max_examples=40, deadline=None)
def test_trapezoids_are_exact_on_quadratic_heads(matrix: list[list[float]], point: list[float], n: int) -> None:
    """`RS.trapezoid_quadratic`, in numbers that are not rounded: equality."""

    class Head(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.form = nn.Parameter(torch.tensor(matrix, dtype=torch.float64))

        def forward(self, h: Tensor) -> Tensor:
            return ((h @ self.form) * h).sum(1, keepdim=True)

    model = nn.Sequential(nn.ReLU(), Head())
    x = torch.tensor([point], dtype=torch.float64)
    found = layer_integral(model, model[0], x, -x, method="trapezoid", n_steps=n)
    assert torch.equal(found.residual, torch.zeros(1, dtype=torch.float64))


@given(st.lists(st.tuples(DYADIC, DYADIC), min_size=2, max_size=12))
def test_one_contraction_is_the_trapezoidal_sum(pairs: list[tuple[float, float]]) -> None:
    """`RS.trapezoid_central`, in numbers that are not rounded: equality."""
    f, a = (torch.tensor(v, dtype=torch.float64) for v in zip(*pairs, strict=True))
    later, earlier = torch.cat([a[1:], a[-1:]]), torch.cat([a[:1], a[:-1]])
    assert torch.equal((f[1:] + f[:-1]) @ a.diff() / 2, f @ (later - earlier) / 2)


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_secant_sums_are_complete_on_numbers_that_are_not_rounded(n: int) -> None:
    """`SECANT.completeness`: slopes that are powers of two divide exactly, so that the sum telescopes to the difference."""
    model = nn.Sequential(nn.Linear(2, 2, bias=False), nn.ReLU(), nn.Linear(2, 2, bias=False), nn.ReLU()).double()
    with torch.no_grad():
        model[0].weight.copy_(torch.tensor([[1.0, -1.0], [2.0, 1.0]]))
        model[2].weight.copy_(torch.tensor([[1.0, -0.5], [-0.5, 1.0]]))
    for point in itertools.product((-1.0, 0.5, 2.0), repeat=2):
        x = torch.tensor([point], dtype=torch.float64)
        found = integrated_gradients(model, x, -x, target=1, method="secant", n_steps=2**n)
        # a cell's slope is a quotient of small numbers, rounded once; four of them meet in an attribution
        assert float(found.residual) <= 8 * 2.0**-52 * 2**n * float((x.abs().sum() + 1) * 8)


@pytest.mark.parametrize("panels", [1, 3])
def test_gauss_kronrod_is_exact_to_its_degrees(panels: int) -> None:
    nodes, weights = gauss_kronrod(panels, torch.device("cpu"))
    assert bool((nodes.diff() > 0).all())
    for row, degree in ((0, 23), (1, 13)):
        for d in range(degree + 1):
            assert float((weights[row] * nodes**d).sum()) == pytest.approx(1 / (d + 1), rel=15 * panels * 2.0**-52 * 4)


@given(st.lists(st.integers(0, 50), min_size=2, max_size=9), st.integers(2, 8))
def test_refined_cells_are_parts_of_the_old_ones(kinks: list[int], growth: int) -> None:
    edges = torch.linspace(0, 1, len(kinks) + 1, dtype=torch.float64)[:, None]
    new, owner = refined(edges, torch.tensor(kinks, dtype=torch.float64)[:, None], growth * len(kinks))
    assert len(new) == growth * len(kinks) + 1
    assert bool((new.diff(dim=0) > 0).all())
    assert bool((new[:-1, 0] >= edges[owner[:, 0], 0]).all())
    assert bool((new[1:, 0] <= edges[owner[:, 0] + 1, 0]).all())
    assert set(owner[:, 0].tolist()) == set(range(len(kinks)))


ORACLE: dict[str, Callable[[int], object]] = dict(RULES)


@pytest.mark.parametrize("rule", sorted(ORACLE))
def test_consistent_rules_are_exact_on_affine_models(rule: str) -> None:
    """`QUAD.weights_sum_one` and its rounding: n weights, each rounded once."""
    model = nn.Linear(3, 1, bias=False).double()
    with torch.no_grad():
        model.weight.copy_(torch.tensor([[1.0, -2.0, 0.5]]))
    x = torch.tensor([[2.0, 1.0, -4.0]], dtype=torch.float64)
    for n in (3, 7, 31):
        found = values(integrated_gradients(model, x, method=rule, n_steps=n))
        assert float((found - model.weight.detach() * x).abs().max()) <= (n + 4) * 2.0**-52 * 2.0
