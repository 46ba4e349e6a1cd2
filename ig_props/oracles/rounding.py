"""How far can rounding alone move an attribution that was computed in floating point?

A running-error bound over the whole segment, for code that evaluates gradients by an ordinary forward and backward pass
at rounded path points, multiplies them by weights, sums them in any order and multiplies by x - x'. What is assumed of
that code, with u = eps / 2 the unit roundoff:

- sums, products and quotients are rounded to nearest in one format with gradual underflow, in any order (no TF32, no
  Winograd or FFT convolutions);
- tanh, exp, log1p, erf and what torch composes of them are within `LIBRARY` eps of their value;
- a path point is within 4 eps (|x_i| + |x'_i|) of the exact one (a node within 4u, then at most four roundings);
- the weights are positive and sum to one; each is rounded to within 8 eps, and before that their absolute errors sum to
  at most n 2^-50: the Gauss-Legendre weights of widespread float64 libraries are up to n · 5.3 · 2^-53 off in total.

Every value carries a bound of its magnitude on the segment and a bound of its absolute error; every adjoint as well.
Derivatives are bounded by their suprema, so a bound holds at every point of the segment; gradients that change because
rounding carries a pre-activation across a kink are not in it. The bounds are themselves float64 sums of products of
non-negative numbers, whose own relative rounding error `INFLATION` covers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ig_props.networks.lowering import Add, Concat, Elementwise, Linear, Maximum, Product, Softmax, Step, Vector, lower
from ig_props.networks.network import Network, NetworkError

INFLATION = 1.0 + 1e-10
LIBRARY = 8
"""Assumed error of library functions in multiples of eps times the value; torch documents none, 1 to 2 are usual."""
WEIGHTS = 2.0**-50
"""Assumed total error of n Gauss-Legendre weights, per n; they are computed in float64 whatever the working format."""
BOOKKEEPING = 24
"""Roundings besides the sum over steps: 16 for a weight's error of 8 eps, x - x', products, a division by n."""


@dataclass(frozen=True)
class Activation:
    """sup |f'|, sup |f''|, and the absolute error of the computed f' at an exact argument in multiples of eps.

    That error follows from LIBRARY: tanh' = 1 - y² doubles it, y (1 - y) and e / (1 + e) keep it, Φ(z) + z φ(z) adds a
    quarter of it for z φ(z) and the rounding of z² in the exponent.
    """

    slope: float
    curvature: float
    ulps: float


ACTIVATIONS = {
    "relu": Activation(1.0, 0.0, 0.0),
    "abs": Activation(1.0, 0.0, 0.0),
    "tanh": Activation(1.0, 0.76981, 2 * LIBRARY + 2),
    "sigmoid": Activation(0.25, 0.096226, LIBRARY + 2),
    "softplus": Activation(1.0, 0.25, LIBRARY + 4),
    "gelu": Activation(1.12905, 0.797885, 2 * LIBRARY),
}
"""tanh'' peaks at 4/(3√3), sigmoid'' at 1/(6√3), softplus'' at 1/4; gelu' at √2, gelu'' = φ(z)(2 - z²) at 0."""


@dataclass(frozen=True)
class Format:
    """A floating-point format: machine epsilon, spacing of its subnormal numbers, largest number."""

    eps: float
    spacing: float
    largest: float

    def gamma(self, roundings: int) -> float:
        """Relative error of a sum of products after that many roundings; infinite when nothing can be said."""
        amount = roundings * self.eps / 2
        return amount / (1 - amount) if amount < 1 else math.inf


def format_of(eps: float) -> Format:
    """The format with this machine epsilon: float16, bfloat16, float32 or float64 by its range."""
    if eps == 2.0**-10:
        return Format(eps, 2.0**-24, 65504.0)
    if eps > 2.0**-40:
        return Format(eps, 2.0**-133, 3.38e38)
    return Format(eps, 2.0**-1074, 1.79e308)


@dataclass(frozen=True, eq=False)
class Bounds:
    """For every entry of a flat value or adjoint on the segment: its magnitude and the error of the computed one."""

    size: Vector
    error: Vector

    @property
    def computed(self) -> Vector:
        return self.size + self.error


def _activation(step: Elementwise) -> Activation:
    if step.name == "leaky_relu":
        return Activation(max(1.0, abs(step.slope)), 0.0, 0.0)
    return ACTIVATIONS[step.name]


def _reach(step: Elementwise, size: Vector) -> Vector:
    """Magnitude of the function where its argument's is `size`."""
    if step.name in {"tanh", "sigmoid"}:
        return np.minimum(size, 1.0) if step.name == "tanh" else np.ones_like(size)
    if step.name == "softplus":
        return size + 0.6931472
    return size * max(1.0, abs(step.slope)) if step.name == "leaky_relu" else size


def _join(values: Sequence[Bounds]) -> Bounds:
    if len(values) == 1:
        return values[0]
    return Bounds(np.concatenate([v.size for v in values]), np.concatenate([v.error for v in values]))


def _forward(step: Step, operands: list[Bounds], form: Format) -> Bounds:
    eps, unit, z = form.eps, form.eps / 2, operands[0]
    if isinstance(step, Linear):
        weight, bias = np.abs(step.weight) / step.denominator, np.abs(step.bias)
        size = weight @ z.size + bias
        lost = form.gamma(step.fan_in + 2) * (weight @ z.computed + bias) + (step.fan_in + 2) * form.spacing
        return Bounds(size, weight @ z.error + lost)
    if isinstance(step, Elementwise):
        size = _reach(step, z.size)
        if step.name in {"relu", "abs"}:
            return Bounds(size, z.error)
        if step.name == "softplus" and float(z.computed.max()) >= math.log(form.largest):
            return Bounds(size, np.full_like(size, math.inf))
        share = 2 * eps if step.name == "leaky_relu" else LIBRARY * eps
        error = _activation(step).slope * z.error
        return Bounds(size, error + share * (size + error) + form.spacing)
    if isinstance(step, Maximum):
        both = _join(operands)
        return Bounds(both.size[step.groups].max(1), both.error[step.groups].max(1))
    if isinstance(step, Concat):
        return _join(operands)
    if isinstance(step, Softmax):
        # |∂y_k/∂z_j| sums to at most 2 y_k (1 - y_k) <= 1/2 over j; z - max z is rounded before it is exponentiated.
        share = 2 * LIBRARY * eps + (4 * float(z.computed.max()) + step.size + 4) * unit
        inner = min(1.0, float(z.error.max()) / 2)
        own = share / (1 - share) if share < 1 else math.inf
        return Bounds(np.ones(step.size), np.full(step.size, inner + own + 2 * form.spacing))
    other = operands[1]
    if isinstance(step, Add):
        error = z.error + other.error
        return Bounds(z.size + other.size, error + unit * (z.computed + other.computed))
    error = z.size * other.error + z.error * other.computed
    return Bounds(z.size * other.size, error + unit * z.computed * other.computed + form.spacing)


def _scale(adjoint: Bounds, factor: Bounds, form: Format) -> Bounds:
    """The adjoint times a factor, elementwise, with one rounding."""
    error = adjoint.size * factor.error + adjoint.error * factor.computed
    lost = form.eps / 2 * adjoint.computed * factor.computed + form.spacing
    return Bounds(adjoint.size * factor.size, error + lost)


def _largest_other(values: Vector) -> Vector:
    """For each entry the largest of the others (0 when there is none)."""
    if len(values) == 1:
        return np.zeros(1)
    top = int(np.argmax(values))
    result = np.full_like(values, values[top])
    result[top] = np.delete(values, top).max()
    return result


def _through_softmax(adjoint: Bounds, y: Bounds, form: Format) -> Bounds:
    """y_k (g_k - Σ_j g_j y_j): its size is at most y_k (1 - y_k) (|g_k| + max_{j≠k} |g_j|)."""
    count, unit = len(y.size), form.eps / 2
    spread = adjoint.size + _largest_other(adjoint.size)
    mean = float(adjoint.error.max() + adjoint.computed @ y.error)
    lost = form.gamma(count + 1) * float(adjoint.computed @ y.computed) + count * form.spacing
    inner = Bounds(spread, adjoint.error + mean + lost)
    inner = Bounds(spread, inner.error + unit * (adjoint.computed + float(adjoint.size.max()) + mean + lost))
    outer = _scale(inner, y, form)
    return Bounds(spread / 4, outer.error)


def _backward(step: Step, adjoint: Bounds, operands: list[Bounds], own: Bounds, form: Format) -> list[Bounds]:
    """Bounds of what the step passes on to each of its operands."""
    if isinstance(step, Linear):
        weight = np.abs(step.weight.T) / step.denominator
        terms = int(np.count_nonzero(step.weight, axis=0).max(initial=0)) + 2
        lost = form.gamma(terms) * (weight @ adjoint.computed) + terms * form.spacing
        return [Bounds(weight @ adjoint.size, weight @ adjoint.error + lost)]
    if isinstance(step, Elementwise):
        function, size = _activation(step), np.ones(step.size)
        if step.name in {"relu", "abs"}:
            return [adjoint]
        error = function.curvature * operands[0].error + function.ulps * form.eps
        if step.name == "leaky_relu":
            error = error + 2 * form.eps * function.slope
        return [_scale(adjoint, Bounds(function.slope * size, error), form)]
    if isinstance(step, Maximum):
        lengths = [len(v.size) for v in operands]
        size, error, count = (np.zeros(sum(lengths)) for _ in range(3))
        for column in step.groups.T:
            np.add.at(size, column, adjoint.size)
            np.add.at(error, column, adjoint.error)
            np.add.at(count, column, 1.0)
        error = error + form.gamma(int(count.max())) * (size + error)
        return _split(Bounds(size, error), lengths)
    if isinstance(step, Concat):
        return _split(adjoint, [len(v.size) for v in operands])
    if isinstance(step, Softmax):
        return [_through_softmax(adjoint, own, form)]
    if isinstance(step, Product):
        return [_scale(adjoint, operands[1], form), _scale(adjoint, operands[0], form)]
    return [adjoint for _ in operands]


def _split(adjoint: Bounds, lengths: Sequence[int]) -> list[Bounds]:
    cuts = np.cumsum(lengths)[:-1]
    pairs = zip(np.split(adjoint.size, cuts), np.split(adjoint.error, cuts), strict=True)
    return [Bounds(size, error) for size, error in pairs]


def _points(network: Network, x: Sequence[float], baseline: Sequence[float], form: Format) -> Bounds:
    ends = [np.abs(np.array(p, dtype=np.float64)) for p in (x, baseline)]
    if any(end.shape != (network.size,) for end in ends):
        raise NetworkError(f"points need {network.size} numbers, given {len(x)} (x) and {len(baseline)} (baseline)")
    return Bounds(np.maximum(*ends), 4 * form.eps * (ends[0] + ends[1]) + form.spacing)


def _values(network: Network, start: Bounds, form: Format) -> list[Bounds]:
    """Bounds of every value on the segment, the input first; infinite errors from the first possible overflow on."""
    values = [start]
    for step in lower(network):
        value = _forward(step, [values[i] for i in step.operands], form)
        if not float(value.computed.max()) < form.largest / 4:
            value = Bounds(value.size, np.full(step.size, math.inf))
        values.append(value)
    return values


def _gradient(network: Network, target: int, values: list[Bounds], form: Format) -> Bounds:
    """Bounds of ∂F_target by the input over the segment and over all activation patterns."""
    steps = lower(network)
    one = np.zeros(network.classes)
    one[target] = 1.0
    sizes: list[Vector | None] = [None] * len(values)
    errors: list[Vector] = [np.zeros(0)] * len(values)
    sizes[-1], errors[-1] = one, np.zeros(network.classes)
    for k in range(len(steps), 0, -1):
        size, step = sizes[k], steps[k - 1]
        if size is None:
            continue
        operands = [values[i] for i in step.operands]
        passed = _backward(step, Bounds(size, errors[k]), operands, values[k], form)
        for i, part in zip(step.operands, passed, strict=True):
            before = sizes[i]
            if before is None:
                sizes[i], errors[i] = part.size, part.error
            else:
                total, error = before + part.size, errors[i] + part.error
                sizes[i], errors[i] = total, error + form.eps / 2 * (total + error)
    size = sizes[0]
    return Bounds(np.zeros(network.size), np.zeros(network.size)) if size is None else Bounds(size, errors[0])


def _floats(values: Vector) -> tuple[float, ...]:
    """The bounds, inflated; what is not a number becomes infinite: nothing is known."""
    return tuple(np.where(np.isnan(values), math.inf, values * INFLATION).tolist())


def smooth_rounding(
    network: Network, target: int, x: Sequence[float], baseline: Sequence[float], eps: float, n_steps: int
) -> tuple[float, ...]:
    """Bound of the rounding error of attribution i, in the unit of the score; see the module for what is assumed.

    x, baseline: flat points of `network.size` numbers. Infinite where the format may overflow or n_steps · eps reaches
    2. Changes of the gradient at kinks that rounding carries a pre-activation across are not included.
    """
    form = format_of(eps)
    with np.errstate(invalid="ignore", over="ignore"):
        values = _values(network, _points(network, x, baseline, form), form)
        gradient = _gradient(network, target, values, form)
        distance = np.abs(np.array(x, dtype=np.float64) - np.array(baseline, dtype=np.float64))
        share = form.gamma(n_steps + BOOKKEEPING) + n_steps * WEIGHTS
        summed = gradient.error + share * gradient.computed
        bound = distance * summed + (n_steps + BOOKKEEPING) * form.spacing * (1 + distance)
        if not float((distance * gradient.computed).max(initial=0.0)) * n_steps < form.largest / 4:
            bound = np.where(distance > 0, math.inf, 0.0)
        return _floats(np.where(distance > 0, bound, 0.0))


def preactivation_errors(
    network: Network, x: Sequence[float], baseline: Sequence[float], eps: float
) -> list[tuple[float, ...]]:
    """Entry k bounds the absolute errors of the computed values that node k reads, its operands one after the other."""
    form = format_of(eps)
    with np.errstate(invalid="ignore", over="ignore"):
        values = _values(network, _points(network, x, baseline, form), form)
        return [_floats(_join([values[i] for i in node.operands]).error) for node in network.nodes]


def slope_bounds(
    network: Network, target: int, x: Sequence[float] | None = None, baseline: Sequence[float] | None = None
) -> tuple[float, ...]:
    """Upper bounds of |∂_iF| over all activation patterns, everywhere; on the segment only if x and baseline are given.

    Raises NetworkError for networks with products when no segment is given: their derivatives are unbounded.
    """
    form = format_of(2.0**-52)
    if x is None or baseline is None:
        if "product" in network.ops:
            raise NetworkError("slope_bounds of a network with products needs x and baseline; none were given")
        x = baseline = (0.0,) * network.size
    with np.errstate(invalid="ignore", over="ignore"):
        values = _values(network, _points(network, x, baseline, form), form)
        return _floats(_gradient(network, target, values, form).size)
