"""What does an analytic network mean over real balls, at many points at once?

A value is an `arb_mat` with one row per entry and one column per point; python-flint keeps the rounding errors of every
operation in the balls' radii, so the exact values and gradients at any real point of the input balls are enclosed.
The precision is the caller's (`flint.ctx`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from flint import arb, arb_mat

from ig_props.networks.lowering import Add, Concat, Elementwise, Linear, Product, Softmax, Step, lower
from ig_props.networks.network import Network, NetworkError

Ball = Any
Balls = Any


def _tanh(z: Ball) -> tuple[Ball, Ball]:
    return z.tanh(), z.sech() ** 2


def _sigmoid(z: Ball) -> tuple[Ball, Ball]:
    decay = (-z).exp()
    value = 1 / (1 + decay)
    return value, decay * value * value


def _softplus(z: Ball) -> tuple[Ball, Ball]:
    growth = z.exp()
    return growth.log1p(), growth / (1 + growth)


def _gelu(z: Ball) -> tuple[Ball, Ball]:
    """By the complementary error function, which keeps its relative precision in the tail."""
    normal = (-z / arb(2).sqrt()).erfc() / 2
    return z * normal, normal + z * (-z * z / 2).exp() / (2 * arb.pi()).sqrt()


FUNCTIONS: dict[str, Callable[[Ball], tuple[Ball, Ball]]] = {
    "tanh": _tanh,
    "sigmoid": _sigmoid,
    "softplus": _softplus,
    "gelu": _gelu,
}
"""Each activation and its derivative on a real ball, without differences of nearly equal numbers."""


@dataclass(frozen=True, eq=False)
class Pass:
    """Every value of a network, the input first, and the derivatives of the elementwise steps (None elsewhere)."""

    values: list[Balls]
    slopes: list[Balls | None]


@lru_cache(maxsize=256)
def _weights(step: Linear) -> tuple[Balls, Balls, Balls]:
    """Weight, its transpose and the bias column, all exact."""
    rows, columns = step.weight.shape
    weight = arb_mat(rows, columns, step.weight.ravel().tolist())
    return weight, weight.transpose(), arb_mat(rows, 1, step.bias.tolist())


def _zip(function: Callable[..., Ball], *operands: Balls) -> Balls:
    """A function entry by entry."""
    entries = zip(*(operand.entries() for operand in operands), strict=True)
    return arb_mat(operands[0].nrows(), operands[0].ncols(), [function(*e) for e in entries])


def _column_by_column(function: Callable[..., list[Ball]], *operands: Balls) -> Balls:
    """A function of columns."""
    columns = [function(*c) for c in zip(*(operand.transpose().tolist() for operand in operands), strict=True)]
    return arb_mat(columns).transpose()


def _softmax(z: list[Ball]) -> list[Ball]:
    return [1 / sum(((other - one).exp() for j, other in enumerate(z) if j != k), arb(1)) for k, one in enumerate(z)]


def _softmax_adjoint(y: list[Ball], g: list[Ball]) -> list[Ball]:
    """y_k Σ_j y_j (g_k - g_j): no difference of nearly equal numbers where y_k is near 1."""
    return [
        a * sum((b * (p - q) for j, (b, q) in enumerate(zip(y, g, strict=True)) if j != k), arb(0))
        for k, (a, p) in enumerate(zip(y, g, strict=True))
    ]


def _value(step: Step, operands: list[Balls]) -> Balls:
    z = operands[0]
    if isinstance(step, Linear):
        weight, _, bias = _weights(step)
        image = weight * z
        if step.denominator != 1:
            image = image / arb(step.denominator)
        return image + bias * arb_mat(1, z.ncols(), [1] * z.ncols())
    if isinstance(step, Softmax):
        return _column_by_column(_softmax, z)
    if isinstance(step, Concat):
        return arb_mat([row for operand in operands for row in operand.tolist()])
    if isinstance(step, Add):
        return z + operands[1]
    return _zip(lambda a, b: a * b, z, operands[1])


def _backward(step: Step, adjoint: Balls, operands: list[Balls], own: Balls, slopes: Balls | None) -> list[Balls]:
    """The adjoints that the step passes on to each of its operands."""
    if isinstance(step, Linear):
        passed = _weights(step)[1] * adjoint
        return [passed if step.denominator == 1 else passed / arb(step.denominator)]
    if isinstance(step, Elementwise):
        return [_zip(lambda g, d: g * d, adjoint, slopes)]
    if isinstance(step, Softmax):
        return [_column_by_column(_softmax_adjoint, own, adjoint)]
    if isinstance(step, Concat):
        rows, parts = adjoint.tolist(), []
        for operand in operands:
            parts.append(arb_mat(rows[: operand.nrows()]))
            rows = rows[operand.nrows() :]
        return parts
    if isinstance(step, Product):
        return [_zip(lambda g, z: g * z, adjoint, operands[other]) for other in (1, 0)]
    return [adjoint for _ in operands]


def evaluate(network: Network, points: Balls) -> Pass:
    """The values and derivatives of an analytic network at the columns of `points` [size, points].

    Raises NetworkError for networks with kinks and for points of another size.
    """
    if not network.analytic:
        raise NetworkError(f"balls need an analytic network, given one with {', '.join(sorted(network.ops))}")
    if points.nrows() != network.size:
        raise NetworkError(f"points need {network.size} rows, given {points.nrows()}")
    values: list[Balls] = [points]
    slopes: list[Balls | None] = []
    for step in lower(network):
        operands = [values[i] for i in step.operands]
        if isinstance(step, Elementwise):
            z = operands[0]
            pairs = [FUNCTIONS[step.name](entry) for entry in z.entries()]
            values.append(arb_mat(z.nrows(), z.ncols(), [value for value, _ in pairs]))
            slopes.append(arb_mat(z.nrows(), z.ncols(), [slope for _, slope in pairs]))
        else:
            values.append(_value(step, operands))
            slopes.append(None)
    return Pass(values, slopes)


def gradient(network: Network, target: int, found: Pass) -> Balls:
    """∂F_target by the input [size, points] at the points of a `Pass`."""
    steps, values, count = lower(network), found.values, found.values[0].ncols()
    adjoints: list[Balls | None] = [None] * len(values)
    seed = [1 if row == target else 0 for row in range(network.classes) for _ in range(count)]
    adjoints[-1] = arb_mat(network.classes, count, seed)
    for k in range(len(steps), 0, -1):
        step, adjoint = steps[k - 1], adjoints[k]
        if adjoint is None:
            continue
        passed = _backward(step, adjoint, [values[i] for i in step.operands], values[k], found.slopes[k - 1])
        for i, part in zip(step.operands, passed, strict=True):
            adjoints[i] = part if adjoints[i] is None else adjoints[i] + part
    return arb_mat(network.size, count) if adjoints[0] is None else adjoints[0]
