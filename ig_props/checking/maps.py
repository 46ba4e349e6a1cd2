"""How far may a heat map be from the exact one? Budgets pixel by pixel, for raw and for normalised maps."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ig_props.attributors.protocol import Attributor
from ig_props.checking.answers import named
from ig_props.checking.calling import EPSILON, FLOAT32
from ig_props.checking.judging import Truth, compare, constant
from ig_props.claims.case import Case
from ig_props.findings import HOLDS, Comparison, Outcome, Verdict
from ig_props.oracles import NoOracle
from ig_props.oracles.maps import OWN, Map, raw_map

Array = NDArray[np.float64]
CONVENTIONS = ("L / max L", "(L - min L) / (max L - min L)")
"""Both ways to normalise are in use."""


def maps(attributor: Attributor, case: Case, eps: float) -> list[Map]:
    """The raw maps of a case as a computation in a precision may give them."""
    assert case.layer is not None
    kind = attributor.traits.kind
    sampled = kind.value.startswith("rsi")
    if sampled and not attributor.traits.has_steps:
        raise NoOracle("how many path points there are is not known without n_steps")
    c = constant(attributor, case) if sampled else 0.0
    return [
        raw_map(case.network, t, x, b, case.layer, kind, case.n_steps, c, eps)
        for x, b, t in zip(case.inputs, case.baselines, case.targets, strict=True)
    ]


def _centre(low: Array, high: Array, top: float = np.inf) -> tuple[Array, Array]:
    """A value and a radius for an enclosure: 0 and the top where it reaches them, its middle elsewhere."""
    mid = np.where(low <= 0.0, 0.0, np.where(high >= top, top, (low + high) / 2))
    return mid, np.maximum(high - mid, mid - low)


def _widened(inner: list[tuple[Array, Array]], outer: list[tuple[Array, Array]]) -> Array:
    return np.array([np.maximum(h - top, low - b) for (low, top), (b, h) in zip(inner, outer, strict=True)])


def raw(attributor: Attributor, case: Case) -> Truth:
    """Raw maps with their budgets; raises NoOracle where there is no truth to compare with."""
    eps = EPSILON[case.situation.dtype]
    ideal, working, single = (maps(attributor, case, e) for e in (0.0, eps, max(eps, FLOAT32)))
    ends = [[(m.low, m.high) for m in found] for found in (ideal, working, single)]
    centres = [_centre(m.low, m.high) for m in ideal]
    return Truth(
        np.array([mid for mid, _ in centres]),
        np.array([radius for _, radius in centres]),
        np.array([m.quadrature for m in ideal]),
        _widened(ends[0], ends[1]),
        _widened(ends[0], ends[2]),
    )


def _normalised(low: Array, high: Array, how: int, eps: float) -> tuple[Array, Array] | None:
    """Bounds of a normalised map whose raw map lies between bounds; None where the divisor may vanish."""
    least = (float(low.min()), float(high.min())) if how else (0.0, 0.0)
    divisor = (float(low.max()) - least[1], float(high.max()) - least[0])
    if divisor[0] <= 0.0:
        return None
    bottom, top = np.maximum(low - least[1], 0.0) / divisor[1], np.maximum(high - least[0], 0.0) / divisor[0]
    # the largest is 1 and the least, when taken off, 0: numerator and divisor are then the same number
    error = 4 * (eps + OWN)
    return np.maximum(bottom - error, 0.0), np.minimum(top, 1.0) + error


def normalised(attributor: Attributor, case: Case, received: Array) -> Outcome:
    """Every sample's map against both ways to normalise, whichever is nearer; a map that is zero may be anything
    finite from 0 to 1."""
    eps = EPSILON[case.situation.dtype]
    found = [maps(attributor, case, e) for e in (0.0, eps, max(eps, FLOAT32))]
    outcomes = []

    words = named(case)

    def entry(row: int) -> Callable[[int, int], str]:
        return lambda _, k: words(row, k)

    for row, values in enumerate(received):
        ends = [(m.low - m.quadrature, m.high + m.quadrature) for m in (ms[row] for ms in found)]
        ends = [(np.maximum(low, 0.0), high) for low, high in ends]
        outside = np.flatnonzero(~((values >= -eps) & (values <= 1.0 + 4 * eps)))
        if len(outside):
            k = int(outside[0])
            near = Comparison(words(row, k), float(values[k]), 0.5, 0.5, rounding=4 * eps, how="from 0 to 1")
            outcomes.append(Outcome(near.verdict, comparison=near))
            continue
        tried = []
        for how, name in enumerate(CONVENTIONS):
            bounds = [_normalised(*e, how, p) for e, p in zip(ends, (0.0, eps, max(eps, FLOAT32)), strict=True)]
            if bounds[0] is None or bounds[1] is None:
                tried.append(HOLDS)
                continue
            exact, work = bounds[0], bounds[1]
            mid, radius = _centre(*exact, top=1.0)
            coarse = bounds[2] or (np.zeros_like(exact[0]), np.ones_like(exact[1]))
            tried.append(
                compare(
                    entry(row), values[None], mid[None],
                    radius=radius[None], rounding=_widened([exact], [work]),
                    float32=_widened([exact], [coarse]), how=name,
                )
            )  # fmt: skip
        outcomes.append(min(tried, key=lambda o: (-list(Verdict).index(o.verdict), o.ratio)))
    return min(outcomes, key=lambda o: (list(Verdict).index(o.verdict), -o.ratio), default=HOLDS)
