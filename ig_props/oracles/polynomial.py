"""What are the exact attributions of a polynomial network, as rationals? (`EXACT.polynomial`)

On the segment every value is a polynomial in t with rational coefficients, and so is every entry of the gradient: one
forward and one backward pass over such polynomials give the integrand, whose integral over [0, 1] is a rational.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise

import numpy as np
from flint import fmpq, fmpq_poly

from ig_props.networks.lowering import Add, Concat, Linear, Product, Step, Vector, lower
from ig_props.networks.network import Network, NetworkError
from ig_props.oracles.oracle import Floats, NoOracle, PathOracle
from ig_props.oracles.rounding import smooth_rounding

DEGREE = 256
"""Highest degree in t that is still evaluated; products of products double it at every level."""
CELLS = 8
"""Cells of the subdivision whose Bernstein coefficients bound the variation; the excess falls with their square."""
SLACK = 1.0 + 2.0**-40
"""Covers the rounding of a positive rational to a float."""

Polynomials = list[fmpq_poly]
ZERO = fmpq_poly()


def _rational(value: float) -> fmpq:
    return fmpq(*value.as_integer_ratio())


def _enclosure(value: fmpq) -> tuple[float, float]:
    """The nearest float and a bound of its distance from the rational, 0 when there is none."""
    exact = Fraction(int(value.p), int(value.q))
    nearest = float(exact)
    return nearest, float(abs(exact - Fraction(nearest))) * SLACK


def _combine(matrix: Vector, values: Polynomials) -> Polynomials:
    """matrix @ values."""
    result = []
    for row in matrix:
        total = ZERO
        for j in np.flatnonzero(row).tolist():
            total = total + _rational(float(row[j])) * values[j]
        result.append(total)
    return result


def _forward(step: Step, operands: list[Polynomials]) -> Polynomials:
    first = operands[0]
    if isinstance(step, Linear):
        image = _combine(step.weight, first)
        return [p / step.denominator + _rational(float(b)) for p, b in zip(image, step.bias, strict=True)]
    if isinstance(step, Concat):
        return [p for operand in operands for p in operand]
    pairs = list(zip(first, operands[1], strict=True))
    if isinstance(step, Add):
        return [p + q for p, q in pairs]
    if any(p.degree() + q.degree() > DEGREE for p, q in pairs):
        raise NoOracle(f"the score on the segment is a polynomial of degree above {DEGREE}")
    return [p * q for p, q in pairs]


def _backward(step: Step, adjoint: Polynomials, operands: list[Polynomials]) -> list[Polynomials]:
    """The adjoints that the step passes on to each of its operands."""
    if isinstance(step, Linear):
        return [[p / step.denominator for p in _combine(step.weight.T, adjoint)]]
    if isinstance(step, Concat):
        cuts = np.cumsum([0] + [len(operand) for operand in operands]).tolist()
        return [adjoint[a:b] for a, b in pairwise(cuts)]
    if isinstance(step, Product):
        return [[p * q for p, q in zip(adjoint, operands[other], strict=True)] for other in (1, 0)]
    return [adjoint for _ in operands]


def _gradient(network: Network, target: int, values: list[Polynomials]) -> Polynomials:
    steps = lower(network)
    adjoints = [[ZERO] * len(value) for value in values]
    adjoints[-1][target] = fmpq_poly([1])
    for k in range(len(steps), 0, -1):
        step = steps[k - 1]
        passed = _backward(step, adjoints[k], [values[i] for i in step.operands])
        for i, part in zip(step.operands, passed, strict=True):
            adjoints[i] = [p + q for p, q in zip(adjoints[i], part, strict=True)]
    return adjoints[0]


def _variation(polynomial: fmpq_poly) -> float:
    """Upper bound of the total variation on [0, 1].

    The Bernstein form is variation diminishing: a polynomial varies no more on a cell than its coefficients do. For
    degrees up to one the bound is attained.
    """
    degree = polynomial.degree()
    if degree < 1:
        return 0.0
    cells = CELLS if degree > 1 else 1
    total = fmpq(0)
    for cell in range(cells):
        local = polynomial(fmpq_poly([fmpq(cell, cells), fmpq(1, cells)])).coeffs()
        scaled = [c / math.comb(degree, k) for k, c in enumerate(local)]
        before = scaled[0]
        for j in range(1, degree + 1):
            here = sum((math.comb(j, k) * c for k, c in enumerate(scaled[: j + 1])), fmpq(0))
            total += abs(here - before)
            before = here
    return _enclosure(total)[0] * SLACK


def path_oracle(network: Network, target: int, x: Sequence[float], baseline: Sequence[float]) -> PathOracle:
    """Exact IG of score `target` on the segment from `baseline` to `x`, with variation and rounding bounds.

    x, baseline: flat points of `network.size` numbers. Raises NoOracle for networks with other nodes than affine,
    conv2d, avg_pool2d, flatten, add, concat and product, for polynomials of degree above `DEGREE` and for values beyond
    the range of floats.
    """
    if not network.polynomial:
        raise NoOracle(f"exact polynomials need a polynomial network, given one with {', '.join(sorted(network.ops))}")
    if len(x) != network.size or len(baseline) != network.size:
        raise NoOracle(f"points need {network.size} numbers, given {len(x)} (x) and {len(baseline)} (baseline)")
    start = [_rational(float(b)) for b in baseline]
    displacement = [_rational(float(v)) - b for v, b in zip(x, start, strict=True)]
    values = [[fmpq_poly([b, d]) for b, d in zip(start, displacement, strict=True)]]
    try:
        for step in lower(network):
            values.append(_forward(step, [values[i] for i in step.operands]))
    except NetworkError as error:
        raise NoOracle(str(error)) from None
    gradient = _gradient(network, target, values)
    score = values[-1][target]
    exact = [d * p.integral()(1) for d, p in zip(displacement, gradient, strict=True)]

    def rounding(eps: float, n_steps: int) -> Floats:
        return smooth_rounding(network, target, x, baseline, eps, n_steps)

    try:
        enclosures = [_enclosure(value) for value in exact]
        return PathOracle(
            mid=tuple(mid for mid, _ in enclosures),
            radius=tuple(radius for _, radius in enclosures),
            difference=_enclosure(score(1) - score(0)),
            displacement=tuple(_enclosure(d)[0] for d in displacement),
            variation=tuple(_variation(p) for p in gradient),
            rounding=rounding,
            how="exact rational value, as a polynomial along the path",
            exact=tuple(Fraction(int(value.p), int(value.q)) for value in exact),
            score_variation=_variation(score.derivative()),
        )
    except OverflowError:
        raise NoOracle("the attributions are beyond the range of floats") from None
