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
Derivatives are bounded by their suprema, so a bound holds at every point of the segment: suprema over all arguments or,
for analytic networks whose segment is cut into cells, over each cell's arguments (`networks/disc.py`), where signed
derivatives and probabilities behind a softmax are far smaller. Gradients that change because rounding carries a
pre-activation across a kink are not in it. The bounds are themselves float64 sums of products of
non-negative numbers, whose own relative rounding error `INFLATION` covers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ig_props.networks import disc
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

    slope: Any
    curvature: Any
    ulps: float


ACTIVATIONS = {
    "relu": Activation(1.0, 0.0, 0.0),
    "abs": Activation(1.0, 0.0, 0.0),
    "tanh": Activation(1.0, 0.76981, 2 * LIBRARY + 2),
    "sigmoid": Activation(0.25, 0.096226, LIBRARY + 2),
    "softplus": Activation(1.0, 0.25, LIBRARY + 4),
    "gelu": Activation(1.12891, 0.797885, 2 * LIBRARY),
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
    """For every entry of a flat value or adjoint: its magnitude and the error of the computed one.

    The last axis are the entries; a first one, if there is one, are the cells of the segment.
    """

    size: Vector
    error: Vector

    @property
    def computed(self) -> Vector:
        return self.size + self.error


@dataclass(frozen=True, eq=False)
class Cells:
    """What is known on each cell of the segment: the network's study and the cells' radii as a column."""

    study: disc.Study
    radii: Vector

    def value(self, k: int, bounds: Bounds) -> Bounds:
        """The bounds of value k with the smaller of both magnitudes."""
        form = self.study.forms[k]
        return Bounds(np.fmin(bounds.size, np.abs(form.centre) + form.reach), bounds.error)

    def adjoint(self, k: int, bounds: Bounds) -> Bounds:
        return Bounds(np.fmin(bounds.size, self.study.adjoints[k].size), bounds.error)


def _activation(step: Elementwise, error: Vector, operand: int, cells: Cells | None) -> Activation:
    """Suprema over all arguments, or over those within `error` of each cell's where they are smaller."""
    if step.name == "leaky_relu":
        return Activation(max(1.0, abs(step.slope)), 0.0, 0.0)
    everywhere = ACTIVATIONS[step.name]
    if cells is None:
        return everywhere
    form = cells.study.forms[operand]
    local = disc.ACTIVATIONS[step.name](form.centre, form.reach + error)
    slope, curvature = np.fmin(local.steepest, everywhere.slope), np.fmin(local.curvature, everywhere.curvature)
    return Activation(slope, curvature, everywhere.ulps)


def _probabilities(step: Softmax, z: Bounds, cells: Cells | None) -> Vector:
    """Upper bounds of the softmax within the error of its operand."""
    if cells is None:
        return np.ones_like(z.size)
    form = cells.study.forms[step.operands[0]]
    y, ratio = disc.softmax(disc.Form(form.centre, form.slope, form.radius + z.error, form.reach), cells.radii)
    return np.fmin(1.0, (y + disc.TINY) * (1.0 + ratio))


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
    return Bounds(*(np.concatenate([getattr(v, name) for v in values], axis=-1) for name in ("size", "error")))


def _forward(step: Step, operands: list[Bounds], form: Format, cells: Cells | None) -> Bounds:
    eps, unit, z = form.eps, form.eps / 2, operands[0]
    if isinstance(step, Linear):
        weight, bias = np.abs(step.weight.T) / step.denominator, np.abs(step.bias)
        lost = form.gamma(step.fan_in + 2) * (z.computed @ weight + bias) + (step.fan_in + 2) * form.spacing
        return Bounds(z.size @ weight + bias, z.error @ weight + lost)
    if isinstance(step, Elementwise):
        size = _reach(step, z.size)
        if step.name in {"relu", "abs"}:
            return Bounds(size, z.error)
        if step.name == "softplus" and not float(z.computed.max()) < math.log(form.largest):
            return Bounds(size, np.full_like(size, math.inf))
        share = 2 * eps if step.name == "leaky_relu" else LIBRARY * eps
        error = _activation(step, z.error, step.operands[0], cells).slope * z.error
        return Bounds(size, error + share * (size + error) + form.spacing)
    if isinstance(step, Maximum):
        both = _join(operands)
        return Bounds(both.size[step.groups].max(1), both.error[step.groups].max(1))
    if isinstance(step, Concat):
        return _join(operands)
    if isinstance(step, Softmax):
        return _softmax(step, z, form, cells)
    other = operands[1]
    if isinstance(step, Add):
        error = z.error + other.error
        return Bounds(z.size + other.size, error + unit * (z.computed + other.computed))
    error = z.size * other.error + z.error * other.computed
    return Bounds(z.size * other.size, error + unit * z.computed * other.computed + form.spacing)


def _pairs(values: Vector, weights: Vector) -> Vector:
    """Σ_{j≠k} weights_j (values_k + values_j)."""
    others = 1.0 - np.eye(values.shape[-1])
    total: Vector = values * (weights @ others) + (weights * values) @ others
    return total


def _softmax(step: Softmax, z: Bounds, form: Format, cells: Cells | None) -> Bounds:
    """∂y_k/∂z moves y_k by Σ_j y_k y_j (δ_k - δ_j), at most max |δ| / 2; z - max z is rounded before exp."""
    y = _probabilities(step, z, cells)
    widest = z.computed.max(-1, keepdims=True)
    share = 2 * LIBRARY * form.eps + (4 * widest + step.size + 4) * form.eps / 2
    own = np.where(share < 1, share / (1 - share), math.inf)
    moved = np.fmin(y * _pairs(z.error, y), np.fmin(1.0, z.error.max(-1, keepdims=True) / 2))
    return Bounds(y, moved + own * y + 2 * form.spacing)


def _scale(adjoint: Bounds, factor: Bounds, form: Format) -> Bounds:
    """The adjoint times a factor, elementwise, with one rounding."""
    error = adjoint.size * factor.error + adjoint.error * factor.computed
    lost = form.eps / 2 * adjoint.computed * factor.computed + form.spacing
    return Bounds(adjoint.size * factor.size, error + lost)


def _largest_other(values: Vector) -> Vector:
    """For each entry the largest of the others (0 when there is none)."""
    count = values.shape[-1]
    ordered = np.sort(values, axis=-1)
    second = ordered[..., -2:-1] if count > 1 else np.zeros_like(ordered)
    top = np.arange(count) == values.argmax(-1)[..., None]
    return np.where(top, second, ordered[..., -1:])


def _through_softmax(g: Bounds, y: Bounds, form: Format) -> Bounds:
    """y_k (g_k - Σ_j g_j y_j): its size is at most y_k Σ_{j≠k} y_j (|g_k| + |g_j|), and y_k (1 - y_k) <= 1/4."""
    count, unit = y.size.shape[-1], form.eps / 2
    widest = g.size + _largest_other(g.size)
    spread = np.fmin(widest, _pairs(g.size, y.size))
    mean = np.fmin((g.error * y.size).sum(-1, keepdims=True), g.error.max(-1, keepdims=True))
    mean = mean + (g.computed * y.error).sum(-1, keepdims=True)
    summed = (g.computed * y.computed).sum(-1, keepdims=True)
    lost = form.gamma(count + 1) * summed + count * form.spacing
    top = np.fmin(g.size.max(-1, keepdims=True), (g.size * y.size).sum(-1, keepdims=True))
    inner = Bounds(spread, g.error + mean + lost + unit * (g.computed + top + mean + lost))
    return Bounds(np.fmin(widest / 4, y.size * spread), _scale(inner, y, form).error)


def _backward(
    step: Step, adjoint: Bounds, operands: list[Bounds], own: Bounds, form: Format, cells: Cells | None
) -> list[Bounds]:
    """Bounds of what the step passes on to each of its operands."""
    if isinstance(step, Linear):
        weight = np.abs(step.weight) / step.denominator
        terms = int(np.count_nonzero(step.weight, axis=0).max(initial=0)) + 2
        lost = form.gamma(terms) * (adjoint.computed @ weight) + terms * form.spacing
        return [Bounds(adjoint.size @ weight, adjoint.error @ weight + lost)]
    if isinstance(step, Elementwise):
        if step.name in {"relu", "abs"}:
            return [adjoint]
        function = _activation(step, operands[0].error, step.operands[0], cells)
        error = function.curvature * operands[0].error + function.ulps * form.eps
        if step.name == "leaky_relu":
            error = error + 2 * form.eps * function.slope
        return [_scale(adjoint, Bounds(function.slope * np.ones_like(adjoint.size), error), form)]
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
        return _split(adjoint, [v.size.shape[-1] for v in operands])
    if isinstance(step, Softmax):
        return [_through_softmax(adjoint, own, form)]
    if isinstance(step, Product):
        return [_scale(adjoint, operands[1], form), _scale(adjoint, operands[0], form)]
    return [adjoint for _ in operands]


def _split(adjoint: Bounds, lengths: Sequence[int]) -> list[Bounds]:
    cuts = np.cumsum(lengths)[:-1]
    pairs = zip(np.split(adjoint.size, cuts, axis=-1), np.split(adjoint.error, cuts, axis=-1), strict=True)
    return [Bounds(size, error) for size, error in pairs]


def _points(network: Network, x: Sequence[float], baseline: Sequence[float], form: Format) -> Bounds:
    ends = [np.abs(np.array(p, dtype=np.float64)) for p in (x, baseline)]
    if any(end.shape != (network.size,) for end in ends):
        raise NetworkError(f"points need {network.size} numbers, given {len(x)} (x) and {len(baseline)} (baseline)")
    return Bounds(np.maximum(*ends), 4 * form.eps * (ends[0] + ends[1]) + form.spacing)


def _values(network: Network, start: Bounds, form: Format, cells: Cells | None = None) -> list[Bounds]:
    """Bounds of every value on the segment, the input first; infinite errors from the first possible overflow on."""
    if cells is not None:
        blank = np.zeros_like(cells.study.forms[0].centre)
        start = cells.value(0, Bounds(start.size + blank, start.error + blank))
    values = [start]
    for k, step in enumerate(lower(network)):
        value = _forward(step, [values[i] for i in step.operands], form, cells)
        if cells is not None:
            value = cells.value(k + 1, value)
        if not float(value.computed.max()) < form.largest / 4:
            value = Bounds(value.size, np.full_like(value.size, math.inf))
        values.append(value)
    return values


def _gradient(network: Network, target: int, values: list[Bounds], form: Format, cells: Cells | None = None) -> Bounds:
    """Bounds of ∂F_target by the input over the segment and over all activation patterns."""
    steps = lower(network)
    adjoints: list[Bounds | None] = [None] * len(values)
    seed = np.zeros_like(values[-1].size)
    seed[..., target] = 1.0
    adjoints[-1] = Bounds(seed, np.zeros_like(seed))
    for k in range(len(steps), 0, -1):
        adjoint, step = adjoints[k], steps[k - 1]
        if adjoint is None:
            continue
        if cells is not None:
            adjoint = cells.adjoint(k, adjoint)
        operands = [values[i] for i in step.operands]
        passed = _backward(step, adjoint, operands, values[k], form, cells)
        for i, part in zip(step.operands, passed, strict=True):
            held = adjoints[i]
            if held is not None:
                size, error = held.size + part.size, held.error + part.error
                part = Bounds(size, error + form.eps / 2 * (size + error))
            adjoints[i] = part
    first = adjoints[0]
    if first is None:
        return Bounds(np.zeros_like(values[0].size), np.zeros_like(values[0].size))
    return first if cells is None else cells.adjoint(0, first)


def _floats(values: Vector) -> tuple[float, ...]:
    """The bounds, inflated; what is not a number becomes infinite: nothing is known."""
    return tuple(np.where(np.isnan(values), math.inf, values * INFLATION).tolist())


def smooth_rounding(
    network: Network,
    target: int,
    x: Sequence[float],
    baseline: Sequence[float],
    eps: float,
    n_steps: int,
    cells: tuple[Vector, Vector] | None = None,
) -> tuple[float, ...]:
    """Bound of the rounding error of attribution i, in the unit of the score; see the module for what is assumed.

    x, baseline: flat points of `network.size` numbers. cells: centres and half-widths of intervals that cover [0, 1];
    they sharpen the bound of analytic networks. Infinite where the format may overflow or n_steps · eps reaches 2.
    Changes of the gradient at kinks that rounding carries a pre-activation across are not included.
    """
    form = format_of(eps)
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        start = _points(network, x, baseline, form)
        gradients = [_gradient(network, target, _values(network, start, form), form)]
        if cells is not None:
            known = Cells(disc.study(network, target, x, baseline, *cells), np.asarray(cells[1])[:, None])
            gradients.append(_gradient(network, target, _values(network, start, form, known), form, known))
        distance = np.abs(np.array(x, dtype=np.float64) - np.array(baseline, dtype=np.float64))
        share = form.gamma(n_steps + BOOKKEEPING) + n_steps * WEIGHTS
        bounds = [g.error + share * g.computed for g in gradients]
        best = np.atleast_2d(bounds[0] if cells is None else np.fmin(*bounds)).max(0)
        largest = (distance * gradients[0].computed).max(initial=0.0) * n_steps
        total = distance * best + (n_steps + BOOKKEEPING) * form.spacing * (1 + distance)
        return _floats(np.where(distance > 0, total if largest < form.largest / 4 else math.inf, 0.0))


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
