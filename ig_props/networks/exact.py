"""What does a piecewise-linear network do along a segment, over the rationals?

`restrict` cuts [0, 1] at every breakpoint of x' + t (x - x') and gives each piece's affine forms and kink states; on
pieces where a kink's argument vanishes throughout, and at the breakpoints themselves, automatic differentiation may
return any of several values, so gradients come as an interval per coordinate (`EXACT.piecewise_linear`, 1908.06214).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from flint import fmpq, fmpq_mat

from ig_props.networks.lowering import Add, Concat, Elementwise, Linear, Maximum, Step, lower
from ig_props.networks.network import Network, NetworkError

ZERO, ONE = fmpq(0), fmpq(1)
Vector = list[fmpq]
Slopes = tuple[fmpq, fmpq]
State = Sequence[Any] | None
"""Per entry of a gate: its lowest and highest slope, or for a maximum the operands that attain it."""


def rational(value: float) -> fmpq:
    """The dyadic rational that a float is."""
    return fmpq(*value.as_integer_ratio())


@dataclass(frozen=True, eq=False)
class _Matrix:
    whole: fmpq_mat
    positive: fmpq_mat
    negative: fmpq_mat
    bias: Vector


@lru_cache(maxsize=512)
def _matrix(step: Linear) -> _Matrix:
    rows, columns = step.weight.shape
    entries = [rational(float(w)) / step.denominator for w in step.weight.ravel()]
    positive = [e if e > 0 else ZERO for e in entries]
    negative = [e if e < 0 else ZERO for e in entries]
    return _Matrix(
        fmpq_mat(rows, columns, entries),
        fmpq_mat(rows, columns, positive),
        fmpq_mat(rows, columns, negative),
        [rational(float(b)) for b in step.bias],
    )


@dataclass(frozen=True, eq=False)
class Form:
    """A vector affine in t: constant + t * slope, entry by entry."""

    constant: Vector
    slope: Vector

    def at(self, t: fmpq) -> Vector:
        return [a + t * b for a, b in zip(self.constant, self.slope, strict=True)]


@dataclass(frozen=True, eq=False)
class Piece:
    """The network on [start, end]: the affine form of every value and the state of every gate (None elsewhere)."""

    start: fmpq
    end: fmpq
    forms: tuple[Form, ...]
    states: tuple[State, ...]


def _slopes(step: Elementwise) -> Slopes:
    if step.name == "relu":
        return ZERO, ONE
    return (rational(step.slope), ONE) if step.name == "leaky_relu" else (-ONE, ONE)


def _operand(step: Step, forms: Sequence[Form]) -> Form:
    if len(step.operands) == 1:
        return forms[step.operands[0]]
    parts = [forms[i] for i in step.operands]
    return Form([a for p in parts for a in p.constant], [b for p in parts for b in p.slope])


def _crossings(constant: fmpq, slope: fmpq, start: fmpq, end: fmpq, found: set[fmpq]) -> None:
    if slope != 0:
        t = -constant / slope
        if start < t < end:
            found.add(t)


def _breakpoints(step: Step, form: Form, start: fmpq, end: fmpq) -> list[fmpq]:
    found: set[fmpq] = set()
    if isinstance(step, Elementwise):
        for a, b in zip(form.constant, form.slope, strict=True):
            _crossings(a, b, start, end, found)
    elif isinstance(step, Maximum):
        for group in step.groups.tolist():
            for k, i in enumerate(group):
                for j in group[:k]:
                    _crossings(
                        form.constant[i] - form.constant[j], form.slope[i] - form.slope[j], start, end, found
                    )  # fmt: skip
    return sorted(found)


def gate_state(step: Step, values: Vector) -> State:
    """State of a gate whose operand has these values: every slope or selection automatic differentiation may use."""
    if isinstance(step, Elementwise):
        low, high = _slopes(step)
        return [(high, high) if v > 0 else (low, low) if v < 0 else (min(low, high), max(low, high)) for v in values]
    if isinstance(step, Maximum):
        chosen = []
        for group in step.groups.tolist():
            top = max(values[i] for i in group)
            chosen.append(tuple(i for i in group if values[i] == top))
        return chosen
    return None


def _value(step: Step, form: Form, state: State, forms: Sequence[Form]) -> Form:
    if isinstance(step, Linear):
        matrix = _matrix(step)
        flat = [v for pair in zip(form.constant, form.slope, strict=True) for v in pair]
        image = matrix.whole * fmpq_mat(len(form.constant), 2, flat)
        return Form([image[i, 0] + b for i, b in enumerate(matrix.bias)], [image[i, 1] for i in range(step.size)])
    if isinstance(step, Elementwise) and state is not None:
        # a tie has value 0 with any slope, so the lower one serves
        low = [s[0] for s in state]
        return Form(
            [s * a for s, a in zip(low, form.constant, strict=True)],
            [s * b for s, b in zip(low, form.slope, strict=True)],
        )
    if isinstance(step, Maximum) and state is not None:
        first = [int(s[0]) for s in state]
        return Form([form.constant[i] for i in first], [form.slope[i] for i in first])
    if isinstance(step, Concat):
        return form
    if isinstance(step, Add):
        a, b = (forms[i] for i in step.operands)
        return Form(
            [p + q for p, q in zip(a.constant, b.constant, strict=True)],
            [p + q for p, q in zip(a.slope, b.slope, strict=True)],
        )
    raise NetworkError(f"{type(step).__name__.lower()} has no exact meaning on pieces")


def restrict(network: Network, x: Sequence[float], baseline: Sequence[float], limit: int = 20_000) -> list[Piece]:
    """The pieces of a piecewise-linear network on the segment from baseline to x, in order.

    Raises NetworkError for other networks and when there are more than `limit` pieces.
    """
    if not network.piecewise_linear:
        raise NetworkError(f"exact pieces need a piecewise-linear network, given one with {sorted(network.ops)}")
    steps = lower(network)
    start = [rational(b) for b in baseline]
    first = Form(start, [rational(v) - b for v, b in zip(x, start, strict=True)])
    pieces: list[Piece] = []
    stack: list[tuple[fmpq, fmpq, tuple[Form, ...], tuple[State, ...]]] = [(ZERO, ONE, (first,), ())]
    while stack:
        t0, t1, forms, states = stack.pop()
        if len(pieces) + len(stack) > limit:
            raise NetworkError(f"the segment has more than {limit} pieces")
        while len(states) < len(steps):
            step = steps[len(states)]
            operand = _operand(step, forms)
            inner = _breakpoints(step, operand, t0, t1)
            if inner:
                cuts = [t0, *inner, t1]
                stack += [(a, b, forms, states) for a, b in zip(cuts[:-1], cuts[1:], strict=True)][:0:-1]
                t1 = cuts[1]
            state = gate_state(step, operand.at((t0 + t1) / 2))
            forms = (*forms, _value(step, operand, state, forms))
            states = (*states, state)
        pieces.append(Piece(t0, t1, forms, states))
    return pieces


def states_at(network: Network, piece: Piece, t: fmpq) -> tuple[State, ...]:
    """States of all gates at a point of a piece, its ends included."""
    return tuple(
        None if state is None else gate_state(step, _operand(step, piece.forms).at(t))
        for step, state in zip(lower(network), piece.states, strict=True)
    )


def _scatter(adjoints: list[list[Vector] | None], step: Step, parts: list[Vector], sizes: list[int]) -> None:
    """Adds an adjoint of the concatenated operands to the operands' adjoints (parts: low and high)."""
    at = 0
    for i in step.operands:
        ends = [p[at : at + sizes[i]] for p in parts]
        at += sizes[i]
        held = adjoints[i]
        adjoints[i] = ends if held is None else [
            [a + b for a, b in zip(h, e, strict=True)] for h, e in zip(held, ends, strict=True)
        ]  # fmt: skip


def _is_open(state: State) -> bool:
    return state is not None and any(len(s) > 1 and (not isinstance(s[0], fmpq) or s[0] != s[1]) for s in state)


def gradient(network: Network, states: Sequence[State], target: int, value: int = 0) -> tuple[Vector, Vector]:
    """Lowest and highest derivative of score `target` by each entry of `value`, over all choices at open gates.

    The bounds are attained with one open gate and may be wider than the attained values with several.
    """
    steps = lower(network)
    sizes = [network.size, *(step.size for step in steps)]
    several = any(_is_open(s) for s in states)
    seed = [ONE if k == target else ZERO for k in range(sizes[-1])]
    adjoints: list[list[Vector] | None] = [None] * len(sizes)
    adjoints[-1] = [seed, seed] if several else [seed]
    for k in range(len(steps) - 1, value - 1, -1):
        step, state, parts = steps[k], states[k], adjoints[k + 1]
        if parts is None:
            continue
        if isinstance(step, Linear):
            _scatter(adjoints, step, _linear_adjoint(step, parts), sizes)
        elif isinstance(step, Elementwise) and state is not None:
            _scatter(adjoints, step, _slope_adjoint(state, parts), sizes)
        elif isinstance(step, Maximum) and state is not None:
            length = sum(sizes[i] for i in step.operands)
            _scatter(adjoints, step, _choice_adjoint(state, parts, length), sizes)
        elif isinstance(step, Add):
            for i in step.operands:
                _scatter(adjoints, Concat((i,), sizes[i]), parts, sizes)
        else:
            _scatter(adjoints, step, parts, sizes)
    ends = adjoints[value] or [[ZERO] * sizes[value]]
    return ends[0], ends[-1]


def _linear_adjoint(step: Linear, parts: list[Vector]) -> list[Vector]:
    matrix, rows = _matrix(step), step.size
    columns = step.weight.shape[1]
    if len(parts) == 1:
        image = fmpq_mat(1, rows, parts[0]) * matrix.whole
        return [[image[0, j] for j in range(columns)]]
    low, high = (fmpq_mat(1, rows, p) for p in parts)
    down, up = low * matrix.positive + high * matrix.negative, high * matrix.positive + low * matrix.negative
    return [[end[0, j] for j in range(columns)] for end in (down, up)]


def _slope_adjoint(state: State, parts: list[Vector]) -> list[Vector]:
    assert state is not None
    if len(parts) == 1:
        return [[s[0] * v for s, v in zip(state, parts[0], strict=True)]]
    ends = [
        [s * v for s in slopes for v in pair] for slopes, pair in zip(state, zip(*parts, strict=True), strict=True)
    ]
    return [[min(e) for e in ends], [max(e) for e in ends]]


def _choice_adjoint(state: State, parts: list[Vector], length: int) -> list[Vector]:
    assert state is not None
    result = [[ZERO] * length for _ in parts]
    for entry, chosen in enumerate(state):
        for i in chosen:
            for end, part in enumerate(parts):
                share = part[entry]
                if len(chosen) > 1:
                    share = min(ZERO, share) if end == 0 else max(ZERO, share)
                result[end][int(i)] += share
    return result
