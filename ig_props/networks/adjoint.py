"""What are the exact gradients of a piecewise-linear network where every gate's state is known?

An open gate leaves automatic differentiation a choice, so gradients come as an interval per coordinate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import lcm

from flint import fmpq

from ig_props.networks.lowering import Add, Elementwise, Linear, Maximum, Step, lower
from ig_props.networks.network import Network
from ig_props.networks.whole import State, Vector, Whole, matrix, slopes


def _alive(steps: Sequence[Step], states: Sequence[State], k: int, value: int = 0) -> State:
    """The state of step k; of several operands that attain a maximum, without those behind a closed rectifier.

    They are constantly zero, so that it does not matter to derivatives by an earlier value which of them is taken.
    """
    step, state = steps[k], states[k]
    if not isinstance(step, Maximum) or state is None or all(len(chosen) == 1 for chosen in state):
        return state
    closed: list[bool] = []
    for i in step.operands:
        source, signs = (steps[i - 1], states[i - 1]) if i else (None, None)
        if i > value and isinstance(source, Elementwise) and source.name == "relu" and signs is not None:
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
        passed = _passed(step, _alive(steps, states, k, value), adjoint, sum(sizes[i] for i in step.operands))
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
    known = matrix(step)
    low = [0] * length
    if adjoint.closed:
        for v, row in zip(adjoint.low, known.rows, strict=True):
            if v:
                for j, w in row:
                    low[j] += w * v
        return Adjoint(low, low, adjoint.scale * known.scale)
    high = [0] * length
    for a, b, row in zip(adjoint.low, adjoint.high, known.rows, strict=True):
        if a or b:
            for j, w in row:
                if w > 0:
                    low[j] += w * a
                    high[j] += w * b
                else:
                    low[j] += w * b
                    high[j] += w * a
    return Adjoint(low, high, adjoint.scale * known.scale)


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
    if adjoint.closed and all(len(chosen) < 2 for chosen in state):
        for chosen, v in zip(state, adjoint.low, strict=True):
            for i in chosen:
                low[i] += v
        return Adjoint(low, low, adjoint.scale)
    high = [0] * length
    for chosen, a, b in zip(state, adjoint.low, adjoint.high, strict=True):
        for i in chosen:
            low[i] += a if len(chosen) == 1 else min(0, a)
            high[i] += b if len(chosen) == 1 else max(0, b)
    return Adjoint(low, high, adjoint.scale)
