"""What are the exact attributions of a piecewise-linear network, as rationals? (`EXACT.piecewise_linear`)"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Any

from flint import fmpq

from ig_props.networks.exact import (
    ONE,
    ZERO,
    Adjoint,
    Piece,
    State,
    Whole,
    open_gates,
    rational,
    restrict,
    states_at,
    whole_gradient,
)
from ig_props.networks.network import Network, NetworkError
from ig_props.oracles.kinks import SLACK, Windows, to_float
from ig_props.oracles.oracle import Floats, NoOracle, PathOracle
from ig_props.oracles.rounding import slope_bounds, smooth_rounding

__all__ = ["SLACK", "Windows", "path_attribution", "path_oracle", "to_float", "to_fraction"]

WRITTEN_OUT = 2**17
"""Up to so many pieces times coordinates the attributions are kept as rationals, whose digits grow with every piece."""
BITS = 320
"""Binary places of breakpoints where they are more: the error is far below a float's, and counted."""


def to_fraction(value: fmpq) -> Fraction:
    return Fraction(int(value.p), int(value.q))


def _conversion(value: fmpq) -> float:
    """Half an ulp of the float nearest to a rational, 0 when it is exact."""
    return 0.0 if rational(to_float(value)) == value else abs(to_float(value)) * 2.0**-52 + 2.0**-1074


def _between(network: Network, before: Piece, after: Piece, states: Sequence[State]) -> bool:
    """Whether the gradient at the breakpoint of two pieces lies between theirs, where these are certain.

    It does where one gate turns, since the gradient is affine in that gate's slope, or in the shares of two operands;
    gates that are open on both pieces do not matter where the gradients there are certain.
    """
    turning: list[tuple[Any, set[Any]]] = []
    for k, entry in open_gates(network, states):
        here, left, right = (
            state[entry] for state in (states[k], before.states[k], after.states[k]) if state is not None
        )
        if not here == left == right:
            turning.append((here, {left, right}))
    if len(turning) != 1:
        return not turning
    ((here, sides),) = turning
    return sides == {-1, 1} if here == 0 else len(here) == 2 and sides == {(i,) for i in here}


_slopes = lru_cache(maxsize=64)(slope_bounds)


@lru_cache(maxsize=8)
def _pieces(network: Network, x: tuple[float, ...], baseline: tuple[float, ...]) -> tuple[list[Piece], Windows]:
    """What all targets share."""
    pieces = restrict(network, x, baseline)
    return pieces, Windows(network, pieces)


def _levels(network: Network, target: int, pieces: Sequence[Piece]) -> list[tuple[Adjoint, Piece | None]]:
    """The gradient on every piece, and between two where it may leave the range between theirs (no piece).

    Coordinates that do not move are left out of account: what is said of them holds on pieces only.
    """
    moving = [i for i, d in enumerate(pieces[0].forms[0].rate) if d]

    def certain(level: Adjoint) -> bool:
        return level.closed or all(level.low[i] == level.high[i] for i in moving)

    levels: list[tuple[Adjoint, Piece | None]] = []
    before: Piece | None = None
    for piece in pieces:
        own = whole_gradient(network, piece.states, target)
        states = states_at(network, piece, piece.start)
        calm = certain(own) and (
            not open_gates(network, states)
            if before is None
            else certain(levels[-1][0]) and _between(network, before, piece, states)
        )
        if not calm:
            levels.append((whole_gradient(network, states, target), None))
        levels.append((own, piece))
        before = piece
    states = states_at(network, pieces[-1], ONE)
    if open_gates(network, states):
        levels.append((whole_gradient(network, states, target), None))
    return levels


def _variation(levels: Sequence[Whole]) -> Whole:
    total = [0] * len(levels[0])
    for before, after in zip(levels[:-1], levels[1:], strict=True):
        total = [v + abs(b - a) for v, a, b in zip(total, before, after, strict=True)]
    return total


def _integral(cuts: Sequence[fmpq], values: Sequence[Whole]) -> tuple[list[fmpq], bool]:
    """Σ_k (t_{k+1} - t_k) v_k for every entry, as v_last - Σ_k t_k (v_k - v_{k-1}); and whether it is exact.

    cuts: the breakpoints inside the segment. Otherwise breakpoints are rounded down to `BITS` places.
    """
    exact = len(values) * len(values[0]) <= WRITTEN_OUT
    places: Sequence[fmpq | int] = cuts if exact else [(int(t.p) << BITS) // int(t.q) for t in cuts]
    total: list[fmpq | int] = [v if exact else v << BITS for v in values[-1]]
    for t, before, after in zip(places, values[:-1], values[1:], strict=True):
        for i, (a, b) in enumerate(zip(before, after, strict=True)):
            if a != b:
                total[i] -= t * (b - a)
    return [fmpq(v) if exact else fmpq(v, 1 << BITS) for v in total], exact


def _score_variation(
    levels: Sequence[tuple[Adjoint, Piece | None]], displacement: Whole, scale: int, target: int
) -> fmpq:
    """Variation of d/dt F(g(t)), whose values on pieces are exact."""
    rates: list[tuple[fmpq, fmpq]] = []
    for level, piece in levels:
        if piece is not None:
            rate = fmpq(piece.forms[-1].rate[target], piece.forms[-1].scale)
            rates.append((rate, rate))
        else:
            products = [(d * a, d * b) for d, a, b in zip(displacement, level.low, level.high, strict=True)]
            rates.append((fmpq(sum(map(min, products)), level.scale * scale),
                          fmpq(sum(map(max, products)), level.scale * scale)))  # fmt: skip
    pairs = list(zip(rates[:-1], rates[1:], strict=True))
    return max(sum((abs(b[k] - a[k]) for a, b in pairs), ZERO) for k in (0, 1))


def path_oracle(network: Network, target: int, x: Sequence[float], baseline: Sequence[float]) -> PathOracle:
    """Exact IG of score `target` on the segment from `baseline` to `x`, with variation and rounding bounds.

    Raises NoOracle for networks that are not piecewise linear or have too many pieces.
    """
    try:
        pieces, windows = _pieces(network, tuple(x), tuple(baseline))
    except NetworkError as error:
        raise NoOracle(str(error)) from None
    first = pieces[0].forms[0]
    displacement = [fmpq(d, first.scale) for d in first.rate]
    levels = _levels(network, target, pieces)
    own = [level for level, piece in levels if piece is not None]
    ties = any(level.low != level.high for level in own)
    cuts = [piece.start for piece in pieces[1:]]
    low, exact = _integral(cuts, [level.low for level in own])
    high = low if not ties else _integral(cuts, [level.high for level in own])[0]
    scale = own[0].scale
    mids = [d * (a + b) / (2 * scale) for d, a, b in zip(displacement, low, high, strict=True)]
    halves = [abs(d) * (b - a) / (2 * scale) for d, a, b in zip(displacement, low, high, strict=True)]
    bottoms, tops = ([getattr(level, end) for level, _ in levels] for end in ("low", "high"))
    variation = [
        to_float(fmpq(max(a, b), scale)) * SLACK
        for a, b in zip(_variation(bottoms), _variation(tops), strict=True)
    ]  # fmt: skip
    last, start = pieces[-1].forms[-1].at(ONE)[target], pieces[0].forms[-1].at(ZERO)[target]
    reach = tuple(abs(to_float(d)) for d in displacement)
    cut_off = [0.0 if exact else d * v * 2.0**-BITS for d, v in zip(reach, variation, strict=True)]

    def rounding(eps: float, n_steps: int) -> Floats:
        base = smooth_rounding(network, target, x, baseline, eps, n_steps)
        kinks = windows.budget(target, x, baseline, eps, n_steps).tolist()
        # two gradients differ by no more than twice their bound, whatever their patterns
        largest = _slopes(network, target)
        return tuple(b + d * min(k, 2 * s) * SLACK for b, d, k, s in zip(base, reach, kinks, largest, strict=True))

    return PathOracle(
        mid=tuple(to_float(m) for m in mids),
        radius=tuple(
            (to_float(h) + _conversion(h) + _conversion(m) + c) * SLACK
            for h, m, c in zip(halves, mids, cut_off, strict=True)
        ),
        difference=(to_float(last - start), _conversion(last - start)),
        displacement=tuple(to_float(d) for d in displacement),
        variation=tuple(variation),
        rounding=rounding,
        how="exact rational value, piece by piece",
        exact=None if ties or not exact else tuple(to_fraction(m) for m in mids),
        kinks=len(pieces) - 1,
        ties=ties,
        score_variation=to_float(_score_variation(levels, first.rate, first.scale, target)) * SLACK,
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
