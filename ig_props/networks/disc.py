"""How large can the gradient of an analytic network be on a complex disc around a point of the path?

With z = x' + t (x - x'), t complex and |t - c| <= R for a real c, every value is enclosed as

    centre + slope · (t - c) + w,   |w| <= radius,

entry by entry, with real centre and slope (a first-order Taylor model: it keeps the linear part that plain discs would
blow up). Adjoints are enclosed in plain discs, next to the product of suprema that is smaller on large discs. A finite
bound also shows that the gradient is analytic on the disc: the suprema are infinite wherever a pole or a zero of the
softmax's denominator cannot be excluded. All discs are evaluated at once, in float64: every supremum is inflated by
`INFLATION`, every centre's rounding error is put into the radius with a share of `NOISE`, and what underflows counts as
`TINY`; all are far above what float64 arithmetic and its exp, sinh, cosh, tanh and erfc can lose.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ig_props.networks.lowering import Add, Concat, Elementwise, Linear, Product, Softmax, Step, Vector, lower
from ig_props.networks.network import Network, NetworkError

INFLATION = 1.0 + 1e-9
NOISE = 1e-12
TINY = 1e-300
DENSITY = 0.3989422804014327


@dataclass(frozen=True, eq=False)
class Form:
    """centre, slope and radius are [discs, entries]; reach bounds |value - centre| on the disc."""

    centre: Vector
    slope: Vector
    radius: Vector
    reach: Vector


@dataclass(frozen=True, eq=False)
class Activation:
    """Value and derivative at the disc's real centre, suprema of |f'| and |f''| on the disc."""

    value: Vector
    slope: Vector
    steepest: Vector
    curvature: Vector


@dataclass(frozen=True, eq=False)
class Adjoint:
    """Derivatives of the score by a value: within radius of centre, and of absolute value at most size."""

    centre: Vector
    radius: Vector
    size: Vector


@dataclass(frozen=True, eq=False)
class Study:
    """A network on discs: values (the input first), the activations of its elementwise steps, derivatives by values."""

    forms: list[Form]
    activations: list[Activation | None]
    adjoints: list[Adjoint]


def _form(centre: Vector, slope: Vector, radius: Vector, size: Vector) -> Form:
    """With the rounding noise of the centre and the total reach; size is the discs' radius as a column."""
    noisy = (radius + NOISE * (np.abs(centre) + np.abs(slope) * size)) * INFLATION
    return Form(centre, slope, noisy, (np.abs(slope) * size + noisy) * INFLATION)


def _sech2(centre: Vector, reach: Vector) -> Vector:
    """sup |sech²| by |cosh(x + iy)|² = sinh² x + cos² y; infinite unless poles are excluded."""
    nearest = np.minimum(np.maximum(np.abs(centre) - reach, 0.0), 300.0)
    cosine = np.where(reach < math.pi / 2, np.cos(np.minimum(reach, math.pi / 2)), 0.0)
    bound: Vector = INFLATION / (np.sinh(nearest) ** 2 + cosine**2)
    return bound


def _tanh_size(centre: Vector, reach: Vector) -> Vector:
    """sup |tanh| by |tanh|² = (sinh² x + sin² y) / (sinh² x + cos² y), monotone in sinh² x."""
    y = np.minimum(reach, math.pi / 2)
    sine, cosine = np.sin(y) ** 2, np.cos(y) ** 2
    near = np.sinh(np.minimum(np.maximum(np.abs(centre) - reach, 0.0), 20.0)) ** 2
    far = np.sinh(np.minimum(np.abs(centre) + reach, 20.0)) ** 2
    largest: Vector = np.maximum((near + sine) / (near + cosine), (far + sine) / (far + cosine))
    return np.sqrt(largest) * INFLATION


def _tanh(centre: Vector, reach: Vector) -> Activation:
    value, steepest = np.tanh(centre), _sech2(centre, reach)
    curvature = 2.0 * _tanh_size(centre, reach) * steepest
    return Activation(value, 1.0 - value * value, steepest, curvature * INFLATION)


def _sigmoid(centre: Vector, reach: Vector) -> Activation:
    """(1 + tanh(z / 2)) / 2."""
    inner = _tanh(centre / 2, reach / 2)
    return Activation((1.0 + inner.value) / 2, inner.slope / 4, inner.steepest / 4, inner.curvature / 8)


def _softplus(centre: Vector, reach: Vector) -> Activation:
    """Its derivative is the sigmoid, whose supremum follows from the mean value theorem."""
    inner = _sigmoid(centre, reach)
    steepest = (inner.value + reach * inner.steepest) * INFLATION
    return Activation(np.logaddexp(0.0, centre), inner.value, steepest, inner.steepest)


def _gelu(centre: Vector, reach: Vector) -> Activation:
    """f' = Φ + zφ, f'' = φ(2 - z²), with |φ(x + iy)| = exp((y² - x²) / 2) / √(2π)."""
    nearest, size = np.maximum(np.abs(centre) - reach, 0.0), np.abs(centre) + reach
    tail = np.array([math.erfc(-v * math.sqrt(0.5)) for v in centre.ravel().tolist()]).reshape(centre.shape) / 2
    density = DENSITY * np.exp(-centre * centre / 2)
    largest = DENSITY * np.exp((reach**2 - nearest**2) / 2) * INFLATION + TINY
    steepest = (tail + (reach + size) * largest) * INFLATION
    curvature = largest * (2.0 + size * size) * INFLATION
    return Activation(centre * tail, tail + centre * density, steepest, curvature)


ACTIVATIONS: dict[str, Callable[[Vector, Vector], Activation]] = {
    "tanh": _tanh,
    "sigmoid": _sigmoid,
    "softplus": _softplus,
    "gelu": _gelu,
}


def _elementwise(f: Activation, z: Form, size: Vector) -> Form:
    """The first-order model, or the plain disc f(centre) ± sup |f'| reach where that is smaller."""
    slope = f.slope * z.slope
    radius = np.abs(f.slope) * z.radius + f.curvature * z.reach**2 / 2
    plain = f.steepest * z.reach
    flat = ~(np.abs(slope) * size + radius < plain)
    noise = NOISE * (1.0 + z.reach + np.abs(f.value))
    return _form(f.value, np.where(flat, 0.0, slope), np.where(flat, plain, radius) + noise, size)


def softmax(z: Form, size: Vector) -> tuple[Vector, Vector]:
    """y at the centre, and a bound of |y_k / y_k(centre) - 1|; infinite where the denominator may vanish.

    Relative to the largest class, Σ_j y_j exp(ζ_j) with |ζ_j| <= U_j differs from 1 by at most Σ_j y_j (exp(U_j) - 1).
    """
    top = np.argmax(z.centre, axis=1)[:, None]
    y: Vector = np.exp(z.centre - np.take_along_axis(z.centre, top, 1))
    y = y / y.sum(1, keepdims=True)
    lean = np.abs(z.slope - np.take_along_axis(z.slope, top, 1)) * size
    reach = lean + z.radius + np.take_along_axis(z.radius, top, 1) + NOISE * (1.0 + np.abs(z.centre))
    np.put_along_axis(reach, top, 0.0, 1)
    growth = np.expm1(reach) * INFLATION
    share = (y * growth).sum(1, keepdims=True) * INFLATION + NOISE
    return y, np.where(share < 1.0, (growth + share) / (1.0 - share) * INFLATION, math.inf)


def _forward(step: Step, operands: list[Form], size: Vector) -> Form:
    z = operands[0]
    if isinstance(step, Linear):
        weight = step.weight.T / step.denominator
        noise = NOISE * ((np.abs(z.centre) + z.reach) @ np.abs(weight) + np.abs(step.bias))
        return _form(z.centre @ weight + step.bias, z.slope @ weight, z.radius @ np.abs(weight) + noise, size)
    if isinstance(step, Concat):
        parts = (np.concatenate([getattr(v, name) for v in operands], axis=1) for name in Form.__dataclass_fields__)
        return Form(*parts)
    if isinstance(step, Softmax):
        y, ratio = softmax(z, size)
        return _form(y, np.zeros_like(y), y * ratio + NOISE, size)
    other = operands[1]
    if isinstance(step, Add):
        return _form(z.centre + other.centre, z.slope + other.slope, z.radius + other.radius, size)
    centre, slope = z.centre * other.centre, z.centre * other.slope + z.slope * other.centre
    curved = np.abs(z.slope * other.slope) * size**2
    radius = curved + z.radius * (np.abs(other.centre) + other.reach) + other.radius * (np.abs(z.centre) + z.reach)
    noise = NOISE * (np.abs(z.centre) + z.reach) * (np.abs(other.centre) + other.reach)
    return _form(centre, slope, radius + noise, size)


def _adjoint(centre: Vector, radius: Vector, size: Vector) -> Adjoint:
    """With the rounding noise of the centre; of both bounds of the absolute value the smaller one counts."""
    size = size * INFLATION
    noisy = (radius + NOISE * np.abs(centre)) * INFLATION + TINY
    return Adjoint(centre, noisy, np.fmin(size, (np.abs(centre) + noisy) * INFLATION))


def _through_softmax(g: Adjoint, z: Form, size: Vector) -> Adjoint:
    """y_k Σ_j y_j (g_k - g_j), the adjoint of the operand, without differences of nearly equal numbers."""
    y, ratio = softmax(z, size)
    upper = np.where(np.isfinite(ratio), (y + TINY) * (1.0 + ratio), math.inf) * INFLATION
    others = 1.0 - np.eye(y.shape[1])
    pairs, uppers = y[:, :, None] * y[:, None, :] * others, upper[:, :, None] * upper[:, None, :] * others
    gaps = g.centre[:, :, None] - g.centre[:, None, :]
    growth = (ratio[:, :, None] + ratio[:, None, :] + ratio[:, :, None] * ratio[:, None, :]) * INFLATION + NOISE
    blur = pairs * growth * np.abs(gaps) + (uppers + NOISE * pairs) * (g.radius[:, :, None] + g.radius[:, None, :])
    size_bound = (uppers * (g.size[:, :, None] + g.size[:, None, :])).sum(2)
    return _adjoint((pairs * gaps).sum(2), blur.sum(2) * INFLATION, size_bound)


def _backward(
    step: Step, g: Adjoint, operands: list[Form], activation: Activation | None, size: Vector
) -> list[Adjoint]:
    if isinstance(step, Linear):
        weight = step.weight / step.denominator
        blur = (g.radius + NOISE * np.abs(g.centre)) @ np.abs(weight)
        return [_adjoint(g.centre @ weight, blur, g.size @ np.abs(weight))]
    if activation is not None:
        f, z = activation, operands[0]
        spread = np.fmin(f.curvature * z.reach, f.steepest + np.abs(f.slope)) + NOISE
        blur = g.radius * f.steepest + np.abs(g.centre) * spread
        return [_adjoint(g.centre * f.slope, blur, g.size * f.steepest)]
    if isinstance(step, Concat):
        cuts = np.cumsum([v.centre.shape[1] for v in operands])[:-1]
        parts = zip(*(np.split(v, cuts, axis=1) for v in (g.centre, g.radius, g.size)), strict=True)
        return [Adjoint(*part) for part in parts]
    if isinstance(step, Softmax):
        return [_through_softmax(g, operands[0], size)]
    if isinstance(step, Product):
        factors = [operands[k] for k in (1, 0)]
        sizes = [np.abs(z.centre) + z.reach for z in factors]
        blurs = [g.radius * b + np.abs(g.centre) * z.reach for b, z in zip(sizes, factors, strict=True)]
        return [
            _adjoint(g.centre * z.centre, blur, g.size * b) for z, b, blur in zip(factors, sizes, blurs, strict=True)
        ]
    return [g for _ in operands]


def study(
    network: Network, target: int, x: Sequence[float], baseline: Sequence[float], centres: Vector, radii: Vector
) -> Study:
    """Values and derivatives of score `target` at x' + t (x - x') for complex t with |t - centres| <= radii.

    Bounds are infinite or not a number where the network is not shown to be analytic. Raises NetworkError for networks
    with kinks.
    """
    if not network.analytic:
        raise NetworkError(f"bounds on complex discs need an analytic network, given one with {sorted(network.ops)}")
    steps, size = lower(network), np.asarray(radii, dtype=np.float64)[:, None]
    start = np.array(baseline, dtype=np.float64)
    distance = np.array(x, dtype=np.float64) - start
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        first = start + np.asarray(centres, dtype=np.float64)[:, None] * distance
        noise = NOISE * (np.abs(start) + np.abs(distance) * (1.0 + size))
        forms = [_form(first, np.broadcast_to(distance, first.shape), noise, size)]
        activations: list[Activation | None] = []
        for step in steps:
            operands = [forms[i] for i in step.operands]
            f = ACTIVATIONS[step.name](operands[0].centre, operands[0].reach) if isinstance(step, Elementwise) else None
            activations.append(f)
            forms.append(_forward(step, operands, size) if f is None else _elementwise(f, operands[0], size))
        adjoints = [Adjoint(*(np.zeros_like(form.centre) for _ in range(3))) for form in forms]
        for part in (adjoints[-1].centre, adjoints[-1].size):
            part[:, target] = 1.0
        for k in range(len(steps), 0, -1):
            step = steps[k - 1]
            passed = _backward(step, adjoints[k], [forms[i] for i in step.operands], activations[k - 1], size)
            for i, more in zip(step.operands, passed, strict=True):
                held = adjoints[i]
                adjoints[i] = _adjoint(held.centre + more.centre, held.radius + more.radius, held.size + more.size)
    return Study(forms, activations, adjoints)


def gradient_bounds(
    network: Network, target: int, x: Sequence[float], baseline: Sequence[float], centres: Vector, radii: Vector
) -> Vector:
    """Upper bounds [discs, size] of |∂_iF| on the discs of `study`; infinite where it is not shown to be analytic."""
    bounds = study(network, target, x, baseline, centres, radii).adjoints[0].size
    return np.where(np.isnan(bounds), math.inf, bounds)
