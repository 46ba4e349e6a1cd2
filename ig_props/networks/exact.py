"""What does a piecewise-linear network do along a segment, over the rationals?

`restrict` cuts [0, 1] at every breakpoint of x' + t (x - x') and gives each piece's affine forms and kink states; on
pieces where a kink's argument vanishes throughout, and at the breakpoints themselves, automatic differentiation may
return any of several values, so gradients come as an interval per coordinate (`EXACT.piecewise_linear`, 1908.06214).

Weights and points are dyadic, so forms and gradients are kept as whole numbers over one denominator per vector; only
the breakpoints are rationals of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import lcm
from typing import Any

from flint import fmpq

from ig_props.networks.lowering import Add, Concat, Elementwise, Linear, Maximum, Step, lower
from ig_props.networks.network import Network, NetworkError

ZERO, ONE = fmpq(0), fmpq(1)
Vector = list[fmpq]
Whole = list[int]
State = Sequence[Any] | None
"""Per entry of a gate: the sign of its argument, or for a maximum the operands that attain it."""
Point = tuple[int, int]
"""A rational as numerator and positive denominator."""
LARGEST = 20_000
"""The most pieces that a segment may have."""


def rational(value: float) -> fmpq:
    """The dyadic rational that a float is."""
    return fmpq(*value.as_integer_ratio())


def point(t: fmpq) -> Point:
    return int(t.p), int(t.q)


def _middle(a: Point, b: Point) -> Point:
    return a[0] * b[1] + b[0] * a[1], 2 * a[1] * b[1]


def whole(values: Sequence[float]) -> tuple[Whole, int]:
    """Floats as whole numbers over their least common denominator."""
    ratios = [v.as_integer_ratio() for v in values]
    scale = max((q for _, q in ratios), default=1)
    return [p * (scale // q) for p, q in ratios], scale


@dataclass(frozen=True, eq=False)
class _Matrix:
    """The entries that are not zero, (row, weight) by column and (column, weight) by row, over `scale`."""

    columns: list[list[tuple[int, int]]]
    rows: list[list[tuple[int, int]]]
    scale: int
    bias: Whole
    bias_scale: int


@lru_cache(maxsize=512)
def _matrix(step: Linear) -> _Matrix:
    flat, scale = whole(step.weight.ravel().tolist())
    rows, columns = step.weight.shape
    by_row: list[list[tuple[int, int]]] = [[] for _ in range(rows)]
    by_column: list[list[tuple[int, int]]] = [[] for _ in range(columns)]
    for k, weight in enumerate(flat):
        if weight:
            i, j = divmod(k, columns)
            by_row[i].append((j, weight))
            by_column[j].append((i, weight))
    return _Matrix(by_column, by_row, scale * step.denominator, *whole(step.bias.tolist()))


@lru_cache(maxsize=512)
def slopes(step: Elementwise) -> tuple[int, int, int]:
    """Slopes of an argument below and above zero, over a common denominator."""
    if step.name == "relu":
        return 0, 1, 1
    if step.name == "abs":
        return -1, 1, 1
    low, unit = step.slope.as_integer_ratio()
    return low, unit, unit


@dataclass(frozen=True, eq=False)
class Form:
    """A vector affine in t: (start + t * rate) / scale, entry by entry."""

    start: Whole
    rate: Whole
    scale: int

    def at(self, t: fmpq) -> Vector:
        """Its value at a point."""
        values, scale = self.whole_at(point(t))
        return [fmpq(v, scale) for v in values]

    def whole_at(self, t: Point) -> tuple[Whole, int]:
        p, q = t
        return [a * q + b * p for a, b in zip(self.start, self.rate, strict=True)], self.scale * q

    @property
    def constant(self) -> Vector:
        """Its value at 0."""
        return [fmpq(a, self.scale) for a in self.start]

    @property
    def slope(self) -> Vector:
        """Its derivative by t."""
        return [fmpq(b, self.scale) for b in self.rate]


@dataclass(frozen=True, eq=False)
class Piece:
    """The network on [start, end]: the affine form of every value and the state of every gate (None elsewhere)."""

    start: fmpq
    end: fmpq
    forms: tuple[Form, ...]
    states: tuple[State, ...]


def _common(parts: Sequence[Form]) -> list[Form]:
    """The forms over one denominator."""
    scale = lcm(*(p.scale for p in parts))
    return [
        p if p.scale == scale else Form([v * (scale // p.scale) for v in p.start],
                                        [v * (scale // p.scale) for v in p.rate], scale)
        for p in parts
    ]  # fmt: skip


def operand(step: Step, forms: Sequence[Form]) -> Form:
    """The concatenated operands of a step."""
    if len(step.operands) == 1:
        return forms[step.operands[0]]
    parts = _common([forms[i] for i in step.operands])
    return Form([a for p in parts for a in p.start], [b for p in parts for b in p.rate], parts[0].scale)


def _crossing(start: int, rate: int, t0: Point, t1: Point) -> fmpq | None:
    """Where start + t rate vanishes strictly inside (t0, t1)."""
    before, after = start * t0[1] + rate * t0[0], start * t1[1] + rate * t1[0]
    if (before > 0 > after) or (before < 0 < after):
        return fmpq(-start, rate)
    return None


def _breakpoints(step: Step, form: Form, t0: Point, t1: Point) -> list[fmpq]:
    found: set[fmpq] = set()
    start, rate = form.start, form.rate
    if isinstance(step, Elementwise):
        for a, b in zip(start, rate, strict=True):
            if b and (t := _crossing(a, b, t0, t1)) is not None:
                found.add(t)
    elif isinstance(step, Maximum):
        for group in step.groups.tolist():
            for k, i in enumerate(group):
                for j in group[:k]:
                    if rate[i] != rate[j] and (
                        t := _crossing(start[i] - start[j], rate[i] - rate[j], t0, t1)
                    ) is not None:  # fmt: skip
                        found.add(t)
    return sorted(found)


def gate_state(step: Step, values: Whole) -> State:
    """State of a gate whose operand has these values, up to a positive factor."""
    if isinstance(step, Elementwise):
        return [(v > 0) - (v < 0) for v in values]
    if isinstance(step, Maximum):
        chosen = []
        for group in step.groups.tolist():
            top = max(values[i] for i in group)
            chosen.append(tuple(i for i in group if values[i] == top))
        return chosen
    return None


def _linear_value(step: Linear, form: Form) -> Form:
    matrix = _matrix(step)
    start, rate = [0] * step.size, [0] * step.size
    for a, b, column in zip(form.start, form.rate, matrix.columns, strict=True):
        if b:
            for i, w in column:
                start[i] += w * a
                rate[i] += w * b
        elif a:
            for i, w in column:
                start[i] += w * a
    scale = form.scale * matrix.scale
    common = lcm(scale, matrix.bias_scale)
    up, lift = common // scale, common // matrix.bias_scale
    if up != 1:
        start, rate = [v * up for v in start], [v * up for v in rate]
    return Form([v + lift * c for v, c in zip(start, matrix.bias, strict=True)], rate, common)


def _value(step: Step, form: Form, state: State, forms: Sequence[Form]) -> Form:
    if isinstance(step, Linear):
        return _linear_value(step, form)
    if isinstance(step, Elementwise) and state is not None:
        # a tie has value 0 with any slope, so either serves
        low, high, unit = slopes(step)
        factors = [high if s > 0 else low for s in state]
        return Form(
            [f * a for f, a in zip(factors, form.start, strict=True)],
            [f * b for f, b in zip(factors, form.rate, strict=True)],
            form.scale * unit,
        )
    if isinstance(step, Maximum) and state is not None:
        first = [int(s[0]) for s in state]
        return Form([form.start[i] for i in first], [form.rate[i] for i in first], form.scale)
    if isinstance(step, Concat):
        return form
    if isinstance(step, Add):
        a, b = _common([forms[i] for i in step.operands])
        return Form(
            [p + q for p, q in zip(a.start, b.start, strict=True)],
            [p + q for p, q in zip(a.rate, b.rate, strict=True)],
            a.scale,
        )
    raise NetworkError(f"{type(step).__name__.lower()} has no exact meaning on pieces")


def restrict(network: Network, x: Sequence[float], baseline: Sequence[float], limit: int = LARGEST) -> list[Piece]:
    """The pieces of a piecewise-linear network on the segment from baseline to x, in order.

    Raises NetworkError for other networks and when there are more than `limit` pieces.
    """
    if not network.piecewise_linear:
        raise NetworkError(f"exact pieces need a piecewise-linear network, given one with {sorted(network.ops)}")
    steps = lower(network)
    ends, scale = whole([*baseline, *x])
    start = ends[: network.size]
    first = Form(start, [a - b for a, b in zip(ends[network.size :], start, strict=True)], scale)
    pieces: list[Piece] = []
    stack: list[tuple[fmpq, fmpq, tuple[Form, ...], tuple[State, ...]]] = [(ZERO, ONE, (first,), ())]
    while stack:
        t0, t1, forms, states = stack.pop()
        if len(pieces) + len(stack) > limit:
            raise NetworkError(f"the segment has more than {limit} pieces")
        p0, p1 = point(t0), point(t1)
        inside = _middle(p0, p1)
        while len(states) < len(steps):
            step = steps[len(states)]
            form = operand(step, forms)
            state = None
            if isinstance(step, Elementwise | Maximum):
                inner = _breakpoints(step, form, p0, p1)
                if inner:
                    cuts = [t0, *inner, t1]
                    stack += [(a, b, forms, states) for a, b in zip(cuts[:-1], cuts[1:], strict=True)][:0:-1]
                    t1 = cuts[1]
                    p1 = point(t1)
                    inside = _middle(p0, p1)
                state = gate_state(step, form.whole_at(inside)[0])
            forms = (*forms, _value(step, form, state, forms))
            states = (*states, state)
        pieces.append(Piece(t0, t1, forms, states))
    return pieces


def states_at(network: Network, piece: Piece, t: fmpq) -> tuple[State, ...]:
    """States of all gates at a point of a piece, its ends included."""
    at = point(t)
    return tuple(
        None if state is None else gate_state(step, operand(step, piece.forms).whole_at(at)[0])
        for step, state in zip(lower(network), piece.states, strict=True)
    )


def _alive(steps: Sequence[Step], states: Sequence[State], k: int) -> State:
    """The state of step k; of several operands that attain a maximum, without those behind a closed rectifier.

    They are constantly zero, so that it does not matter which of them is taken.
    """
    step, state = steps[k], states[k]
    if not isinstance(step, Maximum) or state is None or all(len(chosen) == 1 for chosen in state):
        return state
    closed: list[bool] = []
    for i in step.operands:
        source, signs = (steps[i - 1], states[i - 1]) if i else (None, None)
        if isinstance(source, Elementwise) and source.name == "relu" and signs is not None:
            closed += [s < 0 for s in signs]
        else:
            closed += [False] * (steps[i - 1].size if i else 1 + int(step.groups.max()))
    return [chosen if len(chosen) == 1 else tuple(i for i in chosen if not closed[i]) for chosen in state]


def open_gates(network: Network, states: Sequence[State]) -> list[tuple[int, int]]:
    """Step and entry of every gate whose state leaves automatic differentiation a choice that may matter."""
    steps = lower(network)
    found = []
    for k, step in enumerate(steps):
        state = _alive(steps, states, k)
        if state is not None and isinstance(step, Maximum):
            found += [(k, entry) for entry, chosen in enumerate(state) if len(chosen) > 1]
        elif state is not None and 0 in state:
            found += [(k, entry) for entry, sign in enumerate(state) if sign == 0]
    return found


@dataclass(frozen=True, eq=False)
class Adjoint:
    """Lowest and highest derivatives over one denominator; where no gate is open both are the same list."""

    low: Whole
    high: Whole
    scale: int

    @property
    def closed(self) -> bool:
        return self.low is self.high

    def over(self, scale: int) -> Adjoint:
        """The same over a multiple of its denominator."""
        up = scale // self.scale
        if up == 1:
            return self
        low = [v * up for v in self.low]
        return Adjoint(low, low if self.closed else [v * up for v in self.high], scale)

    def __add__(self, other: Adjoint) -> Adjoint:
        scale = lcm(self.scale, other.scale)
        a, b = self.over(scale), other.over(scale)
        low = [p + q for p, q in zip(a.low, b.low, strict=True)]
        both = a.closed and b.closed
        return Adjoint(low, low if both else [p + q for p, q in zip(a.high, b.high, strict=True)], scale)

    def part(self, start: int, end: int) -> Adjoint:
        low = self.low[start:end]
        return Adjoint(low, low if self.closed else self.high[start:end], self.scale)


def whole_gradient(network: Network, states: Sequence[State], target: int, value: int = 0) -> Adjoint:
    """As `gradient`; the denominator depends on the network, target and value alone."""
    steps = lower(network)
    sizes = [network.size, *(step.size for step in steps)]
    seed = [int(k == target) for k in range(sizes[-1])]
    adjoints: list[Adjoint | None] = [None] * len(sizes)
    adjoints[-1] = Adjoint(seed, seed, 1)
    for k in range(len(steps) - 1, value - 1, -1):
        step, adjoint = steps[k], adjoints[k + 1]
        if adjoint is None:
            continue
        passed = _passed(step, _alive(steps, states, k), adjoint, sum(sizes[i] for i in step.operands))
        at = 0
        for i in step.operands:
            part = passed
            if not isinstance(step, Add) and len(step.operands) > 1:
                part = passed.part(at, at + sizes[i])
                at += sizes[i]
            held = adjoints[i]
            adjoints[i] = part if held is None else held + part
    zeros = [0] * sizes[value]
    return adjoints[value] or Adjoint(zeros, zeros, 1)


def gradient(network: Network, states: Sequence[State], target: int, value: int = 0) -> tuple[Vector, Vector]:
    """Lowest and highest derivative of score `target` by each entry of `value`, over all choices at open gates.

    The bounds may be wider than the attained values where linear steps follow on an open gate's own.
    """
    found = whole_gradient(network, states, target, value)
    low = [fmpq(v, found.scale) for v in found.low]
    return low, low if found.closed else [fmpq(v, found.scale) for v in found.high]


def _passed(step: Step, state: State, adjoint: Adjoint, length: int) -> Adjoint:
    """The adjoint of the concatenated operands."""
    if isinstance(step, Linear):
        return _linear_adjoint(step, adjoint, length)
    if isinstance(step, Elementwise) and state is not None:
        return _slope_adjoint(step, state, adjoint)
    if isinstance(step, Maximum) and state is not None:
        return _choice_adjoint(state, adjoint, length)
    return adjoint


def _linear_adjoint(step: Linear, adjoint: Adjoint, length: int) -> Adjoint:
    matrix = _matrix(step)
    low = [0] * length
    if adjoint.closed:
        for v, row in zip(adjoint.low, matrix.rows, strict=True):
            if v:
                for j, w in row:
                    low[j] += w * v
        return Adjoint(low, low, adjoint.scale * matrix.scale)
    high = [0] * length
    for a, b, row in zip(adjoint.low, adjoint.high, matrix.rows, strict=True):
        if a or b:
            for j, w in row:
                if w > 0:
                    low[j] += w * a
                    high[j] += w * b
                else:
                    low[j] += w * b
                    high[j] += w * a
    return Adjoint(low, high, adjoint.scale * matrix.scale)


def _slope_adjoint(step: Elementwise, state: Sequence[int], adjoint: Adjoint) -> Adjoint:
    low, high, unit = slopes(step)
    scale = adjoint.scale * unit
    if adjoint.closed and 0 not in state:
        values = [(high if s > 0 else low) * v for s, v in zip(state, adjoint.low, strict=True)]
        return Adjoint(values, values, scale)
    bottom, top = [], []
    for s, a, b in zip(state, adjoint.low, adjoint.high, strict=True):
        factors = (high,) if s > 0 else (low,) if s < 0 else (low, high)
        ends = [f * v for f in factors for v in (a, b)]
        bottom.append(min(ends))
        top.append(max(ends))
    return Adjoint(bottom, top, scale)


def _choice_adjoint(state: Sequence[tuple[int, ...]], adjoint: Adjoint, length: int) -> Adjoint:
    low = [0] * length
    if adjoint.closed and all(len(chosen) == 1 for chosen in state):
        for (i,), v in zip(state, adjoint.low, strict=True):
            low[i] += v
        return Adjoint(low, low, adjoint.scale)
    high = [0] * length
    for chosen, a, b in zip(state, adjoint.low, adjoint.high, strict=True):
        for i in chosen:
            low[i] += a if len(chosen) == 1 else min(0, a)
            high[i] += b if len(chosen) == 1 else max(0, b)
    return Adjoint(low, high, adjoint.scale)
