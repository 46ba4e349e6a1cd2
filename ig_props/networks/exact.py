"""What does a piecewise-linear network do along a segment, over the rationals?

`restrict` cuts [0, 1] at every breakpoint of x' + t (x - x') and gives each piece's affine forms and kink states; on
pieces where a kink's argument vanishes throughout, and at the breakpoints themselves, automatic differentiation may
return any of several values, so gradients come as an interval per coordinate (`EXACT.piecewise_linear`, 1908.06214).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import lcm

import numpy as np
from flint import fmpq

from ig_props.networks.adjoint import Adjoint, gradient, open_gates, whole_gradient
from ig_props.networks.lowering import Add, Concat, Elementwise, Linear, Maximum, Step, lower
from ig_props.networks.network import Network, NetworkError
from ig_props.networks.whole import (
    ONE,
    ZERO,
    Point,
    State,
    Vector,
    Whole,
    matrix,
    point,
    rational,
    slopes,
    whole,
)

__all__ = [
    "ONE", "ZERO", "Adjoint", "Form", "Piece", "State", "Vector", "Whole", "gate_state", "gradient", "open_gates",
    "operand", "point", "rational", "restrict", "slopes", "states_at", "whole_gradient",
]  # fmt: skip

LARGEST = 20_000
"""The most pieces that a segment may have."""
WORK = 2**27
"""The most values and weights that are evaluated on all pieces together, which takes about a minute."""


def _middle(a: Point, b: Point) -> Point:
    return a[0] * b[1] + b[0] * a[1], 2 * a[1] * b[1]


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
            if len({rate[i] for i in group}) == 1:
                continue
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
    known = matrix(step)
    start, rate = [0] * step.size, [0] * step.size
    for a, b, column in zip(form.start, form.rate, known.columns, strict=True):
        if b:
            for i, w in column:
                start[i] += w * a
                rate[i] += w * b
        elif a:
            for i, w in column:
                start[i] += w * a
    scale = form.scale * known.scale
    common = lcm(scale, known.bias_scale)
    up, lift = common // scale, common // known.bias_scale
    if up != 1:
        start, rate = [v * up for v in start], [v * up for v in rate]
    return Form([v + lift * c for v, c in zip(start, known.bias, strict=True)], rate, common)


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


@lru_cache(maxsize=64)
def _affordable(network: Network) -> int:
    """The number of pieces on which the network is evaluated."""
    steps = lower(network)
    numbers = sum(step.size + (np.count_nonzero(step.weight) if isinstance(step, Linear) else 0) for step in steps)
    return min(LARGEST, WORK // int(max(numbers, 1)))


def restrict(network: Network, x: Sequence[float], baseline: Sequence[float]) -> list[Piece]:
    """The pieces of a piecewise-linear network on the segment from baseline to x, in order.

    Raises NetworkError for other networks and when there are more pieces than can be evaluated in about a minute.
    """
    if not network.piecewise_linear:
        given = f"exact pieces need a piecewise-linear network, given one with {sorted(network.ops)}"
        raise NetworkError(network.unknown or given)
    steps = lower(network)
    ends, scale = whole([*baseline, *x])
    start = ends[: network.size]
    first = Form(start, [a - b for a, b in zip(ends[network.size :], start, strict=True)], scale)
    pieces: list[Piece] = []
    limit = _affordable(network)
    stack: list[tuple[fmpq, fmpq, tuple[Form, ...], tuple[State, ...]]] = [(ZERO, ONE, (first,), ())]
    while stack:
        t0, t1, forms, states = stack.pop()
        if len(pieces) + len(stack) > limit:
            raise NetworkError(f"the segment has more than the {limit} pieces that are evaluated of this network")
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
