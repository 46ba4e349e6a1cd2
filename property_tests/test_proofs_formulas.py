"""Are the formulas and bounds that run those that are proved? Both are evaluated at random rational points."""

from __future__ import annotations

import math
import random
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import sympy as sp
import torch
from torch import nn

from ig_props import quadrature
from ig_props.claims.cam import sandwiched
from ig_props.integration import sums
from ig_props.integration.engine import integrated_gradients
from ig_props.integration.layers import layer_integral
from ig_props.integration.sweep import differentiation
from ig_props.methods.grad_cam import grad_cam, grad_cam_plus_plus, plus_plus_report
from ig_props.methods.shift_attack import Corner, ramp_towards
from ig_props.oracles import rounding
from ig_props.oracles.oracle import PathOracle
from ig_props.quadrature import RULES, VARIATION_CONSTANT
from proofs.common import le
from proofs.derivation import derivations, run
from proofs.kernel import Theorem, evaluate

SEEDS = range(5)


def theorem(id_: str, words: str) -> Theorem:
    """The theorem of a claim whose words contain these."""
    found = run(derivations(id_)[id_])
    assert not found.error
    (chosen,) = [t for w, t in found.parts if words in w]
    return chosen


def at(expression: Any, **values: float | Fraction) -> float:
    """A proved expression at a rational point, exactly until the end."""
    names = {s.name: s for s in expression.free_symbols}
    return float(expression.subs({names[k]: sp.Rational(Fraction(v)) for k, v in values.items() if k in names}))


def rational(source: random.Random) -> Fraction:
    return Fraction(source.randint(-12, 12) or 1, 2 ** source.randint(0, 3))


class Head(nn.Module):
    """A score of a map of one channel and two pixels, linear with the given gradient."""

    def __init__(self, gradient: list[float]) -> None:
        super().__init__()
        self.map = nn.Identity()
        self.register_buffer("slopes", torch.tensor(gradient, dtype=torch.float64).reshape(1, 1, 1, 2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (self.map(x) * self.slopes).sum(dim=(1, 2, 3))[:, None]


@pytest.mark.parametrize("seed", SEEDS)
def test_the_weight_of_grad_cam_plus_plus_is_the_proved_one(seed: int) -> None:
    source = random.Random(seed)
    proved = theorem("CAM.plus_plus_alpha", "pole").statement
    g = [abs(rational(source)), -abs(rational(source))]
    values = [abs(rational(source)), abs(rational(source))]
    model = Head([float(v) for v in g])
    x = torch.tensor([float(v) for v in values], dtype=torch.float64).reshape(1, 1, 1, 2)
    found = grad_cam_plus_plus(model, model.map, x, 0).rectified[0].flatten().tolist()
    weight = at(proved.lhs, g=g[0], S=sum(values)) * float(g[0])
    assert found == pytest.approx([weight * float(v) for v in values], rel=1e-13)
    mean = sum(g) / 2
    plain = grad_cam(model, model.map, x, 0).rectified[0].flatten().tolist()
    assert plain == pytest.approx([max(0.0, float(mean * v)) for v in values], rel=1e-13)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_sandwich_is_the_proved_one(seed: int) -> None:
    source = random.Random(seed)
    g, eps = abs(rational(source)), Fraction(source.randint(1, 15), 8)
    below = theorem("CAM.plus_plus_bound", "from below").statement.lhs
    above = theorem("CAM.plus_plus_bound", "from above").statement.rhs
    low, high = sandwiched(np.array([float(g)]), float(eps))
    assert (low[0], high[0]) == pytest.approx((at(below, g=g, epsilon=eps), at(above, g=g, epsilon=eps)), rel=1e-14)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_reported_bound_of_normalised_maps_is_the_proved_one(seed: int) -> None:
    source = random.Random(seed)
    proved = theorem("CAM.plus_plus_bound", "normalised maps").statement.rhs
    g = [Fraction(source.randint(1, 7), 16), Fraction(source.randint(1, 7), 16)]
    values = [Fraction(source.randint(1, 8), 4), Fraction(source.randint(1, 8), 8)]
    model = Head([float(v) for v in g])
    x = torch.tensor([float(v) for v in values], dtype=torch.float64).reshape(1, 1, 1, 2)
    found = plus_plus_report(model, model.map, x, 0)
    epsilon = max(g) * sum(values)
    assert found.epsilon.item() == float(epsilon)
    assert found.bound.item() == pytest.approx(at(proved, epsilon=epsilon) if epsilon < 2 else math.inf, rel=1e-14)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_attacks_ramp_and_corner_add_what_is_proved(seed: int) -> None:
    source = random.Random(seed)
    slope = theorem("SOFTMAX.attack", "slope of the shift").statement.rhs
    wanted, start, end = rational(source), rational(source), rational(source)
    end += start == end
    rows = [torch.tensor([[float(v)]], dtype=torch.float64) for v in (wanted, end, start)]
    ramp = ramp_towards(*rows)
    assert ramp.slope.item() == pytest.approx(at(slope, v=wanted, d=end - start), rel=1e-14)
    weight = theorem("SOFTMAX.attack", "Grad-CAM's weight").statement.rhs
    kappa, mean = rational(source), rational(source)
    maps = torch.zeros(1, 1, 2, 3, dtype=torch.float64, requires_grad=True)
    (g,) = torch.autograd.grad((Corner(float(kappa))(maps) + float(mean) * maps.sum()).sum(), maps)
    assert g.mean().item() == pytest.approx(at(weight, kappa=kappa, H=2, W=3, w=mean), rel=1e-13, abs=1e-15)


@pytest.mark.parametrize("n", [1, 2, 3, 7, 50])
@pytest.mark.parametrize("name", RULES)
def test_rules_interlace_and_their_weights_are_within_the_constant(name: str, n: int) -> None:
    n = {"trapezoid": max(2, n), "simpson": max(3, n | 1)}.get(name, n)
    rule = RULES[name](n)
    heaviest = max(rule.weights)
    assert math.fsum(rule.weights) == pytest.approx(1, abs=1e-14)
    if name == "simpson":
        assert rule.discrepancy <= VARIATION_CONSTANT / n + 1e-12
        return
    assert heaviest <= VARIATION_CONSTANT / n
    sums_ = np.concatenate([[0.0], np.cumsum(rule.weights)])
    assert all(sums_[k] - 1e-13 <= t <= sums_[k + 1] + 1e-13 for k, t in enumerate(rule.nodes))


def test_the_constant_covers_the_proved_excess_of_the_trapezoid() -> None:
    gap = theorem("QUAD.variation_bound", "exceeds its largest weight").statement
    for m in (1, 5, 30):
        n = m + 2
        assert VARIATION_CONSTANT / n - max(quadrature.trapezoid(n).weights) == pytest.approx(
            at(gap.rhs, m=m), abs=1e-15
        )


@pytest.mark.parametrize("name", RULES)
def test_rules_are_exact_to_their_degree_as_proved(name: str) -> None:
    words = {
        "left": "left sum, degree 0", "right": None, "midpoint": "midpoint, degree 1", "trapezoid": "trapezoid, degree 1",
        "simpson": "Simpson, degree 3", "gauss-legendre": "Gauss-Legendre with 3 nodes",
    }[name]  # fmt: skip
    rule = RULES[name](3 if name in ("simpson", "gauss-legendre") else 2 if name == "trapezoid" else 1)
    source = random.Random(name)
    for _ in range(5):
        cs = [rational(source) for _ in range(rule.degree + 1)]
        found = math.fsum(
            w * sum(float(c) * t**k for k, c in enumerate(cs)) for t, w in zip(rule.nodes, rule.weights, strict=True)
        )
        exact = float(sum(c / (k + 1) for k, c in enumerate(cs)))
        if words is not None:
            proved = theorem("QUAD.order", words).statement.rhs
            assert at(proved, **{f"c_{k}": c for k, c in enumerate(cs)}) == pytest.approx(exact, rel=1e-14, abs=1e-14)
        assert found == pytest.approx(exact, rel=1e-13, abs=1e-13)


def test_the_quadrature_budget_is_displacement_times_variation_times_the_heaviest_weight() -> None:
    bound = theorem("QUAD.variation_bound", "errors e_l").statement.rhs
    source = random.Random(3)
    for _ in range(5):
        d, v, n = rational(source), abs(rational(source)), source.randint(1, 50)
        oracle = PathOracle((0.0,), (0.0,), (0.0, 0.0), (float(d),), (float(v),), lambda eps, n: (0.0,), "test")
        heaviest = Fraction(VARIATION_CONSTANT) / n
        assert oracle.quadrature(n)[0] == pytest.approx(abs(float(d)) * at(bound, w_max=heaviest, V=v), rel=1e-14)


class Quadratic(nn.Module):
    def __init__(self, matrix: torch.Tensor) -> None:
        super().__init__()
        self.layer = nn.Tanh()
        self.matrix = matrix

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = self.layer(x)
        return ((h @ self.matrix) * h).sum(1, keepdim=True)


@pytest.mark.parametrize("seed", SEEDS)
def test_trapezoid_layer_sums_are_complete_for_quadratic_heads_as_proved(seed: int) -> None:
    source = random.Random(seed)
    values = [float(rational(source)) for _ in range(4)]
    model = Quadratic(torch.tensor(values, dtype=torch.float64).reshape(2, 2))
    x = torch.tensor([[float(rational(source)) for _ in range(2)]], dtype=torch.float64)
    for cells in (1, 2, 7):
        found = layer_integral(model, model.layer, x, target=0, n_steps=cells, method="trapezoid").values
        assert found.sum().item() == pytest.approx((model(x) - model(0 * x)).item(), abs=1e-12)


def test_the_spectral_form_is_the_proved_one() -> None:
    nodes, weights = sums.clenshaw_curtis(2)
    form = (weights[:, None] * differentiation(nodes)).tolist()
    proved = theorem("RS.spectral", "degree 2").statement.rhs
    source = random.Random(11)
    for _ in range(5):
        fs, als = ([rational(source) for _ in range(3)] for _ in range(2))

        def values(cs: list[Fraction]) -> list[float]:
            return [float(sum(c * Fraction(t) ** k for k, c in enumerate(cs))) for t in nodes.tolist()]

        found = np.array(values(fs)) @ np.array(form) @ np.array(values(als))
        point = {f"f_{k}": v for k, v in enumerate(fs)} | {f"alpha_{k}": v for k, v in enumerate(als)}
        assert found == pytest.approx(at(proved, **point), rel=1e-12, abs=1e-12)


def test_the_secant_rule_gives_the_proved_multipliers() -> None:
    inner, outer = nn.Linear(2, 2).double(), nn.Linear(2, 1).double()
    with torch.no_grad():
        inner.weight.copy_(torch.tensor([[1.0, 0.0], [0.0, 1.0]]))
        inner.bias.zero_()
        outer.weight.copy_(torch.tensor([[1.0, 1.0]]))
        outer.bias.copy_(torch.tensor([-0.5]))
    second = nn.Linear(1, 1).double()
    with torch.no_grad():
        second.weight.fill_(1.0)
        second.bias.zero_()
    model = nn.Sequential(inner, nn.ReLU(), outer, nn.ReLU(), second)
    start, end = torch.tensor([[-1.0, 0.0]]).double(), torch.tensor([[1.0, 0.5]]).double()
    found = integrated_gradients(model, end, start, 0, n_steps=1, method="secant").values[0].tolist()
    assert found == pytest.approx([2 / 3, 1 / 3], rel=1e-14), "multipliers (1/3, 2/3) times the steps 2 and 1/2"
    exact = integrated_gradients(model, end, start, 0, method="exact").values[0].tolist()
    assert exact == pytest.approx([4 / 5, 1 / 5], rel=1e-12), "mean gradient (2/5, 2/5)"


def test_exact_pieces_are_lengths_times_slopes_at_their_middles() -> None:
    proved = theorem("EXACT.piecewise_linear", "one piece").statement.rhs
    assert at(proved, a=Fraction(1, 4), b=1, c=Fraction(3, 2)) == pytest.approx(9 / 8)
    model = nn.Sequential(nn.Linear(1, 1), nn.ReLU()).double()
    with torch.no_grad():
        model[0].weight.fill_(1.5)
        model[0].bias.fill_(-0.375)
    found = integrated_gradients(model, torch.ones(1, 1).double(), 0.0, 0, method="exact").values.item()
    assert found == pytest.approx(9 / 8, rel=1e-14)


def test_torch_returns_the_three_gradients_of_the_kink() -> None:
    proved = [
        theorem("PATH.implementation_invariance.kink", words).statement.rhs
        for words in ("x_1 in the first", "x_2 in the first")
    ]
    forms = (lambda p: torch.relu(p[0] - p[1]) + p[1], lambda p: torch.relu(p[1] - p[0]) + p[0])
    found = []
    for form in (*forms, lambda p: torch.maximum(p[0], p[1])):
        p = torch.tensor([0.5, 0.5], dtype=torch.float64, requires_grad=True)
        found.append(tuple(torch.autograd.grad(form(p), p)[0].tolist()))
    first = tuple(at(e, r=0) for e in proved)
    assert found == [first, first[::-1], (0.5, 0.5)]


PEAKS = {
    "tanh": (sp.Integer(1), 4 / (3 * sp.sqrt(3))),
    "sigmoid": (sp.Rational(1, 4), 1 / (6 * sp.sqrt(3))),
    "softplus": (sp.Integer(1), sp.Rational(1, 4)),
    "gelu": (None, sp.sqrt(2 / sp.pi)),
}
"""sup |f'| and sup |f''| by their formulas."""


@pytest.mark.parametrize("name", PEAKS)
def test_suprema_of_derivatives_are_above_their_formulas(name: str) -> None:
    bounds = rounding.ACTIVATIONS[name]
    for number, peak in zip((bounds.slope, bounds.curvature), PEAKS[name], strict=True):
        if peak is not None:
            assert evaluate(le(peak, sp.Rational(Fraction(number))))
            assert float(number) <= float(peak) * (1 + 1e-4)


@pytest.mark.parametrize("roundings", [1, 2, 10, 1000])
def test_gamma_bounds_products_of_rounding_factors(roundings: int) -> None:
    for eps in (2.0**-10, 2.0**-23, 2.0**-52):
        u = Fraction(eps) / 2
        gamma = rounding.format_of(eps).gamma(roundings)
        grown = (1 + u) ** roundings - 1
        assert grown <= Fraction(gamma) * (1 + Fraction(1, 2**50))
        assert 1 - (1 - u) ** roundings <= Fraction(gamma)
