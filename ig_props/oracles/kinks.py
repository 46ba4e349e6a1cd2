"""Where along a segment is a gate's argument so near to zero that rounding decides its sign, and what can that change?

Where rounding takes the other side of a gate, a computed gradient is that of a neighbouring pattern: coordinate i moves
by at most J_i = (change of the slope) |∂z/∂x_i| |∂F/∂a|, z being the gate's argument and a its value, with both factors
bounded over all patterns; several gates add up, one after the other. Let the window of such a gate have length m.

- Where the argument vanishes inside the window, computed gradients are those of a kink that was moved within it: the
  integral moves by at most J m, nodes between the window's first and last carry at most m of the weights, and if these
  two disagree about the side, the lighter one's weight is at most their distance. 3 J m covers all this.
- Where it does not vanish, or windows of different kinks overlap, computed gradients may turn there and back: their
  variation grows by 2 J, and the error by 2 J c / n (`QUAD.variation_bound`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from flint import fmpq

from ig_props.networks.exact import Form, Piece, operand, point, slopes
from ig_props.networks.lowering import Add, Elementwise, Indices, Linear, Maximum, Product, Softmax, Step, Vector, lower
from ig_props.networks.network import Network
from ig_props.oracles.oracle import NoOracle
from ig_props.oracles.rounding import ACTIVATIONS, preactivation_errors
from ig_props.quadrature import VARIATION_CONSTANT

SLACK = 1.0 + 2.0**-40
"""Covers the float arithmetic with which bounds are added up; bounds are never subtracted."""
FUZZ = 2.0**-48
"""Thrice a bound of the error of start + t * rate in float64, relative to |start| + |rate|, all three rounded before."""


def to_float(value: fmpq) -> float:
    """The nearest float."""
    return int(value.p) / int(value.q)


@dataclass(frozen=True, eq=False)
class _Block:
    """What the gates of a step compare with zero on a piece: `entries` of the operand, for a maximum less `others`.

    groups: the entries of the step's own value that they decide.
    """

    step: int
    piece: Piece
    form: Form
    groups: list[int]
    entries: list[int]
    others: list[int] | None

    def gate(self, k: int) -> tuple[int, int, int, int]:
        return self.step, self.groups[k], self.entries[k], -1 if self.others is None else self.others[k]

    def errors(self, known: Sequence[float]) -> list[float]:
        """Errors of the arguments from those of the operand."""
        if self.others is None:
            return [known[i] for i in self.entries]
        return [known[i] + known[j] for i, j in zip(self.entries, self.others, strict=True)]

    def vanishes(self, k: int, t: fmpq) -> bool:
        """Whether the argument number k is exactly zero at t."""
        p, q = point(t)
        a, b = self.form.start, self.form.rate
        i = self.entries[k]
        if self.others is None:
            return a[i] * q + b[i] * p == 0
        j = self.others[k]
        return (a[i] - a[j]) * q + (b[i] - b[j]) * p == 0


@dataclass(frozen=True, eq=False)
class _Arguments:
    """All arguments as columns: value at 0 and rate as floats, their size, and the ends of their pieces.

    first: the row of each block's first argument.
    """

    blocks: list[_Block]
    first: Indices
    start: Vector
    rate: Vector
    size: Vector
    begin: Vector
    end: Vector


@dataclass(frozen=True, eq=False)
class Gates:
    """Gates as columns: step, entry of its value and entries of its operand (`other`: -1 where there is none)."""

    step: Indices
    group: Indices
    entry: Indices
    other: Indices

    @classmethod
    def of(cls, rows: Sequence[tuple[int, int, int, int]]) -> Gates:
        table = np.array(rows, dtype=np.intp).reshape(len(rows), 4).T
        return cls(*table)


@dataclass(frozen=True, eq=False)
class Found:
    """Windows as columns: gate, length, and whether kinks may appear in it that the exact path does not have."""

    gates: Gates
    length: Vector
    lost: np.ndarray


def _blocks(network: Network, pieces: Sequence[Piece]) -> list[_Block]:
    """Arguments that vanish on a whole piece are left out: every value they allow is in the enclosure."""
    steps, blocks = lower(network), []
    for piece in pieces:
        for k, (step, state) in enumerate(zip(steps, piece.states, strict=True)):
            if state is None:
                continue
            form = operand(step, piece.forms)
            if isinstance(step, Maximum):
                triples = [
                    (g, chosen[0], j)
                    for g, (group, chosen) in enumerate(zip(step.groups.tolist(), state, strict=True))
                    for j in group
                    if j not in chosen
                ]
                groups, entries, others = ([t[c] for t in triples] for c in range(3))
                blocks.append(_Block(k, piece, form, groups, entries, others))
            else:
                entries = [i for i, sign in enumerate(state) if sign]
                blocks.append(_Block(k, piece, form, entries, entries, None))
    return [block for block in blocks if block.entries]


class Windows:
    """Where along the segment rounding decides the sign of a gate's argument, for any machine epsilon."""

    def __init__(self, network: Network, pieces: list[Piece]) -> None:
        self.network, self.pieces = network, pieces
        self._known: _Arguments | None = None

    def _arguments(self) -> _Arguments:
        if self._known is not None:
            return self._known
        blocks = _blocks(self.network, self.pieces)
        floats: dict[int, tuple[list[float], list[float]]] = {}
        start: list[float] = []
        rate: list[float] = []
        size: list[float] = []
        for block in blocks:
            form = block.form
            if id(form) not in floats:
                floats[id(form)] = [v / form.scale for v in form.start], [v / form.scale for v in form.rate]
            a, b = floats[id(form)]
            if block.others is None:
                start += [a[i] for i in block.entries]
                rate += [b[i] for i in block.entries]
                size += [abs(a[i]) + abs(b[i]) for i in block.entries]
            else:
                pairs = list(zip(block.entries, block.others, strict=True))
                start += [a[i] - a[j] for i, j in pairs]
                rate += [b[i] - b[j] for i, j in pairs]
                size += [abs(a[i]) + abs(b[i]) + abs(a[j]) + abs(b[j]) for i, j in pairs]
        counts = [len(block.entries) for block in blocks]
        ends = [np.repeat([to_float(t) for t in ts], counts) for ts in (
            [b.piece.start for b in blocks], [b.piece.end for b in blocks])]  # fmt: skip
        first = np.cumsum([0, *counts])[:-1]
        self._known = _Arguments(blocks, first, np.array(start), np.array(rate), np.array(size), *ends)
        return self._known

    def found(self, x: Sequence[float], baseline: Sequence[float], eps: float) -> Found:
        """Every window for a machine epsilon."""
        known = self._arguments()
        reach = known.size * FUZZ
        if known.blocks:
            errors = preactivation_errors(self.network, x, baseline, eps)
            reach = reach + np.array([e for block in known.blocks for e in block.errors(errors[block.step])])
        values = known.start + known.begin * known.rate, known.start + known.end * known.rate
        low, high = np.minimum(*values), np.maximum(*values)
        rows = np.flatnonzero((low <= reach) & (high >= -reach))
        low, high, reach = low[rows], high[rows], reach[rows]
        span = high - low
        whole = known.end[rows] - known.begin[rows]
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            share = np.where(span > 0, (np.minimum(high, reach) - np.maximum(low, -reach)) / span, 1.0)
        length = np.clip(share, 0.0, 1.0) * whole * SLACK
        places = np.searchsorted(known.first, rows, side="right") - 1
        blocks = [known.blocks[k] for k in places.tolist()]
        numbers = (rows - known.first[places]).tolist()
        kinks = [
            next((t for t in (block.piece.start, block.piece.end) if block.vanishes(k, t)), None)
            for block, k in zip(blocks, numbers, strict=True)
        ]
        # a window lies at the end of its piece where the argument is smallest
        at_start = np.abs(values[0][rows]) <= np.abs(values[1][rows])
        begin = np.where(at_start, known.begin[rows], known.end[rows] - length)
        gates = Gates.of([block.gate(k) for block, k in zip(blocks, numbers, strict=True)])
        return Found(gates, length, _lost(begin, begin + length, kinks))

    def measure(self, x: Sequence[float], baseline: Sequence[float], eps: float) -> tuple[float, int]:
        """Length of all windows for a machine epsilon, and in how many kinks may appear."""
        found = self.found(x, baseline, eps)
        return float(found.length.sum()) * SLACK, int(found.lost.sum())

    def budget(self, target: int, x: Sequence[float], baseline: Sequence[float], eps: float, n_steps: int) -> Vector:
        """How far kinks that rounding moves can take the average of ∂_iF over n nodes, for every coordinate."""
        if not self._arguments().blocks:
            return np.zeros(self.network.size)
        found = self.found(x, baseline, eps)
        amounts = 3.0 * found.length + 2.0 * found.lost * VARIATION_CONSTANT / n_steps
        return moved(self.network, target, found.gates, amounts)


def _lost(begin: Vector, end: Vector, kinks: Sequence[fmpq | None]) -> np.ndarray:
    """Windows without a kink, and those that overlap a window of another kink or of none."""
    lost = np.array([kink is None for kink in kinks], dtype=bool)
    order = np.argsort(begin, kind="stable").tolist()
    open_: list[int] = []
    for k in order:
        open_ = [i for i in open_ if end[i] > begin[k]]
        for i in open_:
            if kinks[i] is None or kinks[k] is None or kinks[i] != kinks[k]:
                lost[i] = lost[k] = True
        open_.append(k)
    return lost


def moved(network: Network, target: int, gates: Gates, amounts: Vector) -> Vector:
    """Σ amount · J_i over gates, by one backward pass with the derivatives' bounds over all patterns and arguments."""
    if not len(amounts):
        return np.zeros(network.size)
    steps = lower(network)
    sizes = [network.size, *(step.size for step in steps)]
    adjoint, total = [[np.zeros(n) for n in sizes] for _ in range(2)]
    adjoint[-1][target] = 1.0
    for k in range(len(steps) - 1, -1, -1):
        step, length = steps[k], sum(sizes[i] for i in steps[k].operands)
        passed = [_backward(step, v[k + 1], length) for v in (adjoint, total)]
        here = np.flatnonzero(gates.step == k)
        if len(here):
            change = 1.0
            if isinstance(step, Elementwise):
                low, high, unit = slopes(step)
                change = abs(high - low) / unit
            share = amounts[here] * change * adjoint[k + 1][gates.group[here]]
            np.add.at(passed[1], gates.entry[here], share)
            both = gates.other[here] >= 0
            np.add.at(passed[1], gates.other[here][both], share[both])
        for values, part in zip((adjoint, total), passed, strict=True):
            at = 0
            for i in step.operands:
                values[i] = values[i] + (part if isinstance(step, Add) else part[at : at + sizes[i]])
                at += sizes[i]
    return total[0] * SLACK


def _backward(step: Step, value: Vector, length: int) -> Vector:
    """Bounds of adjoints of the concatenated operands from a bound of the step's own."""
    if isinstance(step, Linear):
        result: Vector = value @ np.abs(step.weight) / step.denominator
        return result
    if isinstance(step, Elementwise):
        steepest = ACTIVATIONS[step.name].slope if step.name in ACTIVATIONS else max(1.0, abs(step.slope))
        return value * float(steepest)
    if isinstance(step, Maximum):
        passed = np.zeros(length)
        for column in step.groups.T:
            np.add.at(passed, column, value)
        return passed
    if isinstance(step, Softmax):
        # y_j Σ_k y_k |g_j - g_k| with y_j (1 - y_j) <= 1/4
        return np.asarray((value + value.max()) / 4)
    if isinstance(step, Product):
        raise NoOracle("the derivatives of a network with products and kinks have no bound over all arguments")
    return value.copy()
