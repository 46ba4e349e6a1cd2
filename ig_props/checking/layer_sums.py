"""How far may a layer method's sums be from the layer integral? Stieltjes sums, and rules that weigh gradients by velocities.

∫ f dα is ∫ f α' dt where α is absolutely continuous. A Stieltjes sum Σ f Δα takes the layer's own differences, and is exact
at every number of steps where f is constant; Σ w f α' takes its derivative along the path, as forward-mode codes do, and is
a quadrature of the product.
"""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from ig_props.attributors.protocol import Attributor, Kind, drawn_dtypes
from ig_props.checking.answers import answer
from ig_props.checking.calling import ForeignError, Malformed
from ig_props.checking.judging import constant
from ig_props.claims.case import Case, Situation
from ig_props.diagnosis import FINE, GRID, SAME, WIDEST, interlacing, thresholds
from ig_props.oracles.layers import LayerOracle


def _beyond(attributor: Attributor, grid: int, n: int, dtype: str) -> NDArray[np.float64] | None:
    """What a method gives the rectified units of `thresholds`: a Stieltjes sum 1 - i / grid, another rule the weights it has
    beyond i / grid, which differ from that by the order of its cells."""
    situation = Situation(dtype=dtype)
    case = Case(thresholds(grid), ((1.0,) * grid,), ((0.0,) * grid,), (0,), n, situation, 2)
    try:
        values = answer(attributor, case)
    except (ForeignError, Malformed):
        return None
    return values[0] if values.shape == (1, grid) and np.isfinite(values).all() else None


_known: deque[tuple[Attributor, int, float]] = deque(maxlen=64)


def width(attributor: Attributor, n: int) -> float:
    """n times the discrepancy of a rule that integrates gradients times velocities; 0 for Stieltjes sums, for rules whose
    nodes do not interlace their weights, and where a probe shows nothing."""
    traits = attributor.traits
    dtype = drawn_dtypes(traits)[0]
    if traits.kind is not Kind.LAYER_INTEGRAL or not traits.has_steps or dtype not in SAME:
        return 0.0
    for who, steps, value in _known:
        if who is attributor and (steps == n or steps == 0):
            return value
    coarse = _beyond(attributor, GRID, traits.fitting(3), dtype)
    if coarse is None or (np.abs(coarse - (1.0 - np.arange(GRID) / GRID)) <= SAME[dtype]).all():
        _known.append((attributor, 0, 0.0))
        return 0.0
    wide = n * interlacing(_beyond(attributor, FINE, n, dtype))
    _known.append((attributor, n, wide if wide <= WIDEST else 0.0))
    return _known[-1][2]


def quadrature(attributor: Attributor, case: Case, known: LayerOracle) -> NDArray[np.float64]:
    """Bound of the error of a layer method's rule on one sample, unit by unit."""
    moving = width(attributor, case.n_steps)
    if moving:
        return known.moving(case.n_steps, moving)
    return known.quadrature(case.n_steps, constant(attributor, case))


def rounding(attributor: Attributor, case: Case, known: LayerOracle, eps: float) -> NDArray[np.float64]:
    """Bound of the rounding of a layer method on one sample; velocities are up to twice the layer's own values."""
    return known.rounding(eps, case.n_steps) * (2.0 if width(attributor, case.n_steps) else 1.0)
