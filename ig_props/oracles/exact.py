"""What are the exact attributions of a piecewise-linear network, as rationals? (`EXACT.piecewise_linear`)"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from flint import fmpq

from ig_props.networks.exact import ZERO, Piece, Vector, gradient, rational, restrict, states_at
from ig_props.networks.lowering import Elementwise, Maximum, lower
from ig_props.networks.network import Network, NetworkError
from ig_props.oracles.oracle import Floats, NoOracle, PathOracle
from ig_props.oracles.rounding import preactivation_errors, slope_bounds, smooth_rounding
from ig_props.quadrature import VARIATION_CONSTANT

SLACK = 1.0 + 2.0**-40
"""Covers the float arithmetic with which bounds are added up; bounds are never subtracted."""


def to_fraction(value: fmpq) -> Fraction:
    return Fraction(int(value.p), int(value.q))


def to_float(value: fmpq) -> float:
    """The nearest float."""
    return int(value.p) / int(value.q)


def _conversion(value: fmpq) -> float:
    """Half an ulp of the float nearest to a rational, 0 when it is exact."""
    return 0.0 if rational(to_float(value)) == value else abs(to_float(value)) * 2.0**-52 + 2.0**-1074


class Windows:
    """Where along the segment a gate's argument is so near to zero that rounding decides its sign.

    Per gate and piece: the argument's values at both ends, its forward error per unit of precision and the piece's
    length. Arguments that vanish on the whole piece are left out: every value they allow is in the enclosure.
    """

    def __init__(self, network: Network, pieces: list[Piece]) -> None:
        self.network = network
        starts, ends, lengths, where = [], [], [], []
        for piece in pieces:
            length = to_float(piece.end - piece.start)
            for k, step in enumerate(lower(network)):
                for entry, (a, b) in enumerate(_arguments(network, piece, k)):
                    if a != 0 or b != 0:
                        starts.append(to_float(a))
                        ends.append(to_float(b))
                        lengths.append(length)
                        where.append((k, entry if isinstance(step, Elementwise) else -1))
        self.starts, self.ends, self.lengths = np.array(starts), np.array(ends), np.array(lengths)
        self.where = where

    def measure(self, x: Sequence[float], baseline: Sequence[float], eps: float) -> tuple[float, int]:
        """Length of all windows for a machine epsilon, and how many hold no point where the argument is zero."""
        if not self.where:
            return 0.0, 0
        errors = preactivation_errors(self.network, x, baseline, eps)
        reach = np.array([errors[k][e] if e >= 0 else 2.0 * max(errors[k], default=0.0) for k, e in self.where])
        low, high = np.minimum(self.starts, self.ends), np.maximum(self.starts, self.ends)
        overlap = np.minimum(high, reach) - np.maximum(low, -reach)
        inside = (low <= reach) & (high >= -reach)
        span = np.where(high > low, high - low, 1.0)
        share = np.where(high > low, np.clip(overlap / span, 0.0, 1.0), 1.0)
        lost = inside & ((low > 0) | (high < 0))
        return float((self.lengths * share)[inside].sum()) * SLACK, int(lost.sum())


def _arguments(network: Network, piece: Piece, k: int) -> list[tuple[fmpq, fmpq]]:
    """Values at both ends of a piece of what the gates of step k compare with zero."""
    step = lower(network)[k]
    if not isinstance(step, Elementwise | Maximum):
        return []
    ends = []
    for t in (piece.start, piece.end):
        values: Vector = [v for i in step.operands for v in piece.forms[i].at(t)]
        if isinstance(step, Maximum):
            state = piece.states[k]
            assert state is not None
            values = [
                values[int(chosen[0])] - values[j]
                for group, chosen in zip(step.groups.tolist(), state, strict=True)
                for j in group
                if j not in chosen
            ]
        ends.append(values)
    return list(zip(*ends, strict=True))


def _variation(levels: list[Vector], i: int) -> fmpq:
    total = ZERO
    for before, after in zip(levels[:-1], levels[1:], strict=True):
        total += abs(after[i] - before[i])
    return total


def path_oracle(network: Network, target: int, x: Sequence[float], baseline: Sequence[float]) -> PathOracle:
    """Exact IG of score `target` on the segment from `baseline` to `x`, with variation and rounding bounds.

    Raises NoOracle for networks that are not piecewise linear or have too many pieces.
    """
    try:
        pieces = restrict(network, x, baseline)
    except NetworkError as error:
        raise NoOracle(str(error)) from None
    size = network.size
    displacement = [rational(a) - rational(b) for a, b in zip(x, baseline, strict=True)]
    low, high = [ZERO] * size, [ZERO] * size
    lows: list[Vector] = []
    highs: list[Vector] = []
    ties = False

    rates: list[Vector] = []

    def record(ends: tuple[Vector, Vector], rate: fmpq | None = None) -> None:
        lows.append(ends[0])
        highs.append(ends[1])
        products = [(d * a, d * b) for d, a, b in zip(displacement, *ends, strict=True)]
        rates.append([sum((f(p) for p in products), ZERO) for f in (min, max)] if rate is None else [rate, rate])

    for piece in pieces:
        record(gradient(network, states_at(network, piece, piece.start), target))
        bottom, top = gradient(network, piece.states, target)
        ties = ties or bottom != top
        record((bottom, top), piece.forms[-1].slope[target])
        for i in range(size):
            low[i] += (piece.end - piece.start) * bottom[i]
            high[i] += (piece.end - piece.start) * top[i]
    record(gradient(network, states_at(network, pieces[-1], fmpq(1)), target))
    mids = [d * (a + b) / 2 for d, a, b in zip(displacement, low, high, strict=True)]
    halves = [abs(d) * (b - a) / 2 for d, a, b in zip(displacement, low, high, strict=True)]
    variation = [to_float(max(_variation(lows, i), _variation(highs, i))) * SLACK for i in range(size)]
    last, first = pieces[-1].forms[-1].at(fmpq(1))[target], pieces[0].forms[-1].at(ZERO)[target]
    windows = Windows(network, pieces)
    slopes = slope_bounds(network, target)
    reach = tuple(abs(to_float(d)) for d in displacement)

    def rounding(eps: float, n_steps: int) -> Floats:
        measure, lost = windows.measure(x, baseline, eps)
        kinks = 2.0 * (2.0 * measure + lost * VARIATION_CONSTANT / n_steps)
        base = smooth_rounding(network, target, x, baseline, eps, n_steps)
        return tuple(b + d * s * kinks * SLACK for b, d, s in zip(base, reach, slopes, strict=True))

    return PathOracle(
        mid=tuple(to_float(m) for m in mids),
        radius=tuple(
            (to_float(h) + _conversion(h) + _conversion(m)) * SLACK for h, m in zip(halves, mids, strict=True)
        ),
        difference=(to_float(last - first), _conversion(last - first)),
        displacement=tuple(to_float(d) for d in displacement),
        variation=tuple(variation),
        rounding=rounding,
        how="exact rational value, piece by piece",
        exact=None if ties else tuple(to_fraction(m) for m in mids),
        kinks=len(pieces) - 1,
        ties=ties,
        score_variation=to_float(max(_variation(rates, 0), _variation(rates, 1))) * SLACK,
    )


def path_attribution(network: Network, target: int, points: Sequence[Sequence[float]]) -> tuple[Fraction, ...]:
    """Path attribution along the polygon through `points` of a piecewise-linear network, as rationals.

    Raises NoOracle where a tie leaves the gradient undetermined on a piece.
    """
    total = [Fraction(0)] * network.size
    for start, end in zip(points[:-1], points[1:], strict=True):
        leg = path_oracle(network, target, end, start)
        if leg.exact is None:
            raise NoOracle(f"the leg from {tuple(start)} to {tuple(end)} runs inside a tie")
        total = [a + b for a, b in zip(total, leg.exact, strict=True)]
    return tuple(total)
