"""Do the oracles of polynomial and smooth networks enclose the truth, and do their budgets bound what they promise?"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from ig_props.networks.disc import gradient_bounds
from ig_props.networks.lowering import Add, Concat, Elementwise, Linear, Product, Softmax, lower
from ig_props.networks.network import Affine, AvgPool2d, Flatten, Network, Node, Relu, Tanh
from ig_props.networks.network import Product as ProductOp
from ig_props.networks.network import Softmax as SoftmaxOp
from ig_props.oracles import certified, polynomial
from ig_props.oracles.oracle import NoOracle, PathOracle
from ig_props.oracles.rounding import ACTIVATIONS, slope_bounds
from ig_props.strategies import networks as strategies
from property_tests.smooth_networks import POINTS, SMOOTH, Example, Point, chain, examples, gradients, weights

quick = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)

_REPLICAS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "tanh": (mpmath.tanh, lambda z: mpmath.sech(z) ** 2),
    "sigmoid": (lambda z: 1 / (1 + mpmath.exp(-z)), lambda z: 1 / (2 + mpmath.exp(z) + mpmath.exp(-z))),
    "softplus": (lambda z: mpmath.log(1 + mpmath.exp(z)), lambda z: 1 / (1 + mpmath.exp(-z))),
    "gelu": (
        lambda z: z * (1 + mpmath.erf(z / mpmath.sqrt(2))) / 2,
        lambda z: (1 + mpmath.erf(z / mpmath.sqrt(2))) / 2 + z * mpmath.exp(-z * z / 2) / mpmath.sqrt(2 * mpmath.pi),
    ),
}


def replica(network: Network, target: int, point: list[Any], i: int) -> tuple[Any, Any]:
    """Score and ∂_i of it by dual numbers in mpmath: another route than the backward pass, real or complex."""
    values = [[(z, mpmath.mpf(k == i)) for k, z in enumerate(point)]]
    for step in lower(network):
        operands = [values[k] for k in step.operands]
        z = operands[0]
        if isinstance(step, Linear):
            new = []
            for row, bias in zip(step.weight.tolist(), step.bias.tolist(), strict=True):
                value, slope = (mpmath.fsum(w * e[part] for w, e in zip(row, z, strict=True)) for part in (0, 1))
                new.append((value / step.denominator + bias, slope / step.denominator))
        elif isinstance(step, Elementwise):
            function, derivative = _REPLICAS[step.name]
            new = [(function(v), derivative(v) * d) for v, d in z]
        elif isinstance(step, Softmax):
            powers = [(mpmath.exp(v), mpmath.exp(v) * d) for v, d in z]
            total, rate = (mpmath.fsum(p[part] for p in powers) for part in (0, 1))
            new = [(p / total, d / total - p * rate / total**2) for p, d in powers]
        elif isinstance(step, Concat):
            new = [e for operand in operands for e in operand]
        else:
            pairs = list(zip(z, operands[1], strict=True))
            adds = isinstance(step, Add)
            assert adds or isinstance(step, Product)
            new = [(a + b, p + q) if adds else (a * b, a * q + b * p) for (a, p), (b, q) in pairs]
        values.append(new)
    return values[-1][target]


def gauss(network: Network, target: int, x: Point, baseline: Point, panels: int = 60) -> np.ndarray:
    """IG by a composite Gauss rule of 16 nodes per panel in float64."""
    nodes, shares = np.polynomial.legendre.leggauss(16)
    times = ((np.arange(panels)[:, None] + (nodes + 1) / 2) / panels).ravel()
    sums = (gradients(network, target, x, baseline, times) * np.tile(shares / 2 / panels, panels)[:, None]).sum(0)
    return sums * (np.array(x) - np.array(baseline))


def assert_agrees_with_gauss(oracle: PathOracle, example: Example, panels: int = 60) -> None:
    """The composite rule's value lies within radius and rounding bound (its truncation error is far below both)."""
    value = gauss(*example, panels=panels)
    bound = np.array(oracle.radius) + np.array(oracle.rounding(2.0**-52, 16 * panels))
    assert (np.abs(value - np.array(oracle.mid)) <= bound).all()


def assert_variation_is_bounded(oracle: PathOracle, example: Example, excess: float) -> None:
    """Dense samples never vary more than the bound, and the bound is not far above them."""
    network, target, x, baseline = example
    samples = gradients(network, target, x, baseline, np.linspace(0, 1, 4001))
    rates = samples @ (np.array(x) - np.array(baseline))
    # torch's own rounding adds noise to every sampled difference
    noise = 8000 * 2.0**-50 * np.array(slope_bounds(network, target, x, baseline)) * 32
    seen = np.abs(np.diff(samples, axis=0)).sum(0)
    assert (seen - noise <= np.array(oracle.variation)).all()
    moving = np.array(x) != np.array(baseline)
    assert (np.array(oracle.variation) <= excess * seen + noise)[moving].all()
    assert oracle.score_variation is not None
    total = float(np.abs(np.diff(rates)).sum())
    assert total - float(noise @ np.abs(np.array(x) - np.array(baseline))) <= oracle.score_variation


def test_polynomial_oracle_gives_the_moments_of_powers() -> None:
    """QUAD.moments: z^(k+1)/(k+1) has the integral of t^k, here IG of x³ from 0 to 1 and of x⁴ from -1 to 2."""
    cube = Network((1,), (Node(ProductOp(), (0, 0)), Node(ProductOp(), (1, 0))))
    fourth = Network((1,), (Node(ProductOp(), (0, 0)), Node(ProductOp(), (1, 1))))
    assert polynomial.path_oracle(cube, 0, (1.0,), (0.0,)).exact == (Fraction(1),)
    oracle = polynomial.path_oracle(fourth, 0, (2.0,), (-1.0,))
    assert oracle.exact == (Fraction(15),)
    assert oracle.radius == (0.0,)
    assert oracle.variation[0] == pytest.approx(36.0, rel=1e-2)


def test_polynomial_oracle_gives_the_winding_counterexample_its_shares() -> None:
    """IG of x²y from 0 to (1, 1) is (2/3, 1/3), and the radius covers the rounding of thirds to floats."""
    network = Network((2,), (Node(Affine(((1.0, 0.0),), (0.0,)), (0,)), Node(Affine(((0.0, 1.0),), (0.0,)), (0,)),
                             Node(ProductOp(), (1, 1)), Node(ProductOp(), (3, 2))))  # fmt: skip
    oracle = polynomial.path_oracle(network, 0, (1.0, 1.0), (0.0, 0.0))
    assert oracle.exact == (Fraction(2, 3), Fraction(1, 3))
    for exact, mid, radius in zip(oracle.exact, oracle.mid, oracle.radius, strict=True):
        assert 0 < abs(exact - Fraction(mid)) <= Fraction(radius)


@quick
@given(examples(strategies.polynomial))
def test_polynomial_oracle_is_complete_and_agrees_with_gauss(example: Example) -> None:
    """EXACT.polynomial: completeness holds as an identity of rationals; floats agree within the rounding bound."""
    oracle = polynomial.path_oracle(*example)
    assert oracle.exact is not None
    difference, radius = oracle.difference
    assert abs(sum(oracle.exact, Fraction(0)) - Fraction(difference)) <= Fraction(radius)
    assert_agrees_with_gauss(oracle, example, panels=1)
    assert_variation_is_bounded(oracle, example, excess=1.1)


def test_average_pooling_over_three_elements_stays_rational() -> None:
    """1/3 is no dyadic number, and still the attributions are exact."""
    network = Network(
        (1, 3, 1), (Node(AvgPool2d((3, 1), (1, 1)), (0,)), Node(ProductOp(), (1, 1)), Node(Flatten(), (2,)))
    )
    oracle = polynomial.path_oracle(network, 0, (1.0, 2.0, 4.0), (0.0, 0.0, 0.0))
    assert oracle.exact == (Fraction(7, 9), Fraction(14, 9), Fraction(28, 9))


@pytest.mark.parametrize("name", SMOOTH)
def test_certified_enclosures_hold_integrals_at_forty_digits(name: str) -> None:
    """CERT.enclosure: mpmath's adaptive quadrature of dual-number derivatives at 40 digits lies in every interval."""
    network = SMOOTH[name]
    x, baseline = POINTS[network.size]
    oracle = certified.path_oracle(network, 1, x, baseline)
    largest = max(map(abs, oracle.mid))
    with mpmath.workdps(40):
        ends, starts = ([mpmath.mpf(v) for v in p] for p in (x, baseline))

        def score(at: list[Any]) -> Any:
            return replica(network, 1, at, 0)[0]

        assert abs(score(ends) - score(starts) - oracle.difference[0]) <= oracle.difference[1]
        for i in range(1 if name == "image" else network.size):

            def integrand(t: Any, i: int = i) -> Any:
                at = [a + t * (b - a) for a, b in zip(starts, ends, strict=True)]
                return replica(network, 1, at, i)[1]

            value, error = mpmath.quad(integrand, [0, 0.5, 1], method="gauss-legendre", error=True)
            assert error < mpmath.mpf(10) ** -20
            distance = abs((ends[i] - starts[i]) * value - oracle.mid[i])
            assert distance <= oracle.radius[i]
            assert oracle.radius[i] <= 1e-15 * largest


@quick
@given(examples(strategies.smooth))
def test_certified_oracle_is_complete_and_agrees_with_gauss(example: Example) -> None:
    """CERT.enclosure and PATH.completeness.smooth on drawn networks; QUAD.variation_bound gets a true variation."""
    oracle = certified.path_oracle(*example)
    spare = sum(oracle.radius) + oracle.difference[1] + 2.0**-50 * sum(map(abs, oracle.mid))
    assert abs(math.fsum(oracle.mid) - oracle.difference[0]) <= spare
    assert_agrees_with_gauss(oracle, example)
    assert_variation_is_bounded(oracle, example, excess=1.2)


def test_saturated_softmax_keeps_its_relative_precision() -> None:
    """Probabilities of e^-60 have gradients of that size, and enclosures relative to it."""
    network = chain(2, Affine(((60.0, 0.0), (0.0, 1.0)), (60.0, 0.0)), SoftmaxOp())
    oracle = certified.path_oracle(network, 1, (1.0, 1.0), (0.5, -0.5))
    assert 0 < abs(oracle.mid[1]) < 1e-25
    assert max(oracle.radius) <= 1e-14 * max(map(abs, oracle.mid))


def test_null_path_has_zero_attributions_without_radius() -> None:
    """IG.null_path."""
    point = POINTS[3][0]
    oracle = certified.path_oracle(SMOOTH["tanh"], 0, point, point)
    assert oracle.mid == oracle.radius == (0.0, 0.0, 0.0)


@pytest.mark.parametrize("name", SMOOTH)
def test_disc_bounds_hold_on_the_boundary_of_discs(name: str) -> None:
    """The bounds are suprema over complex discs: by the maximum principle their boundary is the place to look."""
    network = SMOOTH[name]
    x, baseline = POINTS[network.size]
    tight = 0
    for centre, radius in ((0.5, 0.05), (0.25, 0.2), (0.75, 0.4)):
        bounds = gradient_bounds(network, 0, x, baseline, np.array([centre]), np.array([radius]))[0]
        for k in range(12):
            t = mpmath.mpc(centre) + radius * mpmath.expjpi(mpmath.mpf(k) / 6)
            at = [b + t * (a - b) for a, b in zip(x, baseline, strict=True)]
            for i in range(min(network.size, 3)):
                seen = abs(replica(network, 0, at, i)[1])
                assert seen <= bounds[i]
                tight += bounds[i] < 1000 * seen
    assert tight > 0


def test_disc_bounds_are_infinite_around_poles() -> None:
    """tanh(z) has a pole at iπ/2, and 1/(1 + e^z + e^w) one at (iπ, …): no finite bound may reach them."""
    line = chain(1, Affine(((1.0,),), (0.0,)), Tanh())
    radii = np.array([1.57, 1.571])
    bounds = gradient_bounds(line, 0, (1.0,), (0.0,), np.array([0.0, 0.0]), radii)
    assert np.isfinite(bounds[0, 0])
    assert np.isinf(bounds[1, 0])
    pair = chain(1, Affine(((1.0,), (0.0,)), (0.0, 0.0)), SoftmaxOp())
    assert np.isinf(gradient_bounds(pair, 0, (1.0,), (0.0,), np.array([0.0]), np.array([3.15]))).all()


@pytest.mark.parametrize(
    ("oracle", "network", "word"),
    [
        (polynomial.path_oracle, SMOOTH["tanh"], "polynomial network"),
        (certified.path_oracle, chain(3, weights(2, 3), Relu(), weights(1, 2)), "analytic network"),
        (certified.path_oracle, chain(3, Affine(((1e7, 0.0, 0.0),), (1.0,)), Tanh(), weights(1, 1)), "too steep"),
    ],
)
def test_oracles_say_what_they_cannot_evaluate(oracle: Callable[..., PathOracle], network: Network, word: str) -> None:
    """NoOracle names the reason."""
    with pytest.raises(NoOracle, match=word):
        oracle(network, 0, *POINTS[3])


def test_activation_constants_are_suprema() -> None:
    """sup |f'| and sup |f''| of rounding.ACTIVATIONS at the points where they are attained, in 30 digits."""
    with mpmath.workdps(30):
        exact = {
            "tanh": (mpmath.mpf(1), 4 / (3 * mpmath.sqrt(3))),
            "sigmoid": (mpmath.mpf(1) / 4, 1 / (6 * mpmath.sqrt(3))),
            "softplus": (mpmath.mpf(1), mpmath.mpf(1) / 4),
            "gelu": (_REPLICAS["gelu"][1](mpmath.sqrt(2)), 2 / mpmath.sqrt(2 * mpmath.pi)),
        }
        for name, (slope, curvature) in exact.items():
            stated, derivative = ACTIVATIONS[name], _REPLICAS[name][1]
            assert slope <= stated.slope <= slope * 1.0001
            assert curvature <= stated.curvature <= curvature * 1.0001
            for z in mpmath.linspace(-6, 6, 97):
                assert abs(derivative(z)) <= stated.slope
                assert abs(mpmath.diff(derivative, z)) <= stated.curvature
