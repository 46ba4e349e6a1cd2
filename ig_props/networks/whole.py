"""How are the numbers of a piecewise-linear network kept exactly? As whole numbers over one denominator per vector.

Weights and points are floats and so dyadic: sums and products of them need no common factor to be found.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from flint import fmpq

from ig_props.networks.lowering import Elementwise, Linear

ZERO, ONE = fmpq(0), fmpq(1)
Vector = list[fmpq]
Whole = list[int]
State = Sequence[Any] | None
"""Per entry of a gate: the sign of its argument, or for a maximum the operands that attain it."""
Point = tuple[int, int]
"""A rational as numerator and positive denominator."""


def rational(value: float) -> fmpq:
    """The dyadic rational that a float is."""
    return fmpq(*value.as_integer_ratio())


def point(t: fmpq) -> Point:
    return int(t.p), int(t.q)


def whole(values: Sequence[float]) -> tuple[Whole, int]:
    """Floats as whole numbers over their least common denominator."""
    ratios = [v.as_integer_ratio() for v in values]
    scale = max((q for _, q in ratios), default=1)
    return [p * (scale // q) for p, q in ratios], scale


@dataclass(frozen=True, eq=False)
class Matrix:
    """The entries that are not zero, (row, weight) by column and (column, weight) by row, over `scale`."""

    columns: list[list[tuple[int, int]]]
    rows: list[list[tuple[int, int]]]
    scale: int
    bias: Whole
    bias_scale: int


@lru_cache(maxsize=512)
def matrix(step: Linear) -> Matrix:
    rows, columns = step.weight.shape
    places = np.argwhere(step.weight).tolist()
    weights, scale = whole(step.weight[np.nonzero(step.weight)].tolist())
    by_row: list[list[tuple[int, int]]] = [[] for _ in range(rows)]
    by_column: list[list[tuple[int, int]]] = [[] for _ in range(columns)]
    for (i, j), weight in zip(places, weights, strict=True):
        by_row[i].append((j, weight))
        by_column[j].append((i, weight))
    return Matrix(by_column, by_row, scale * step.denominator, *whole(step.bias.tolist()))


@lru_cache(maxsize=512)
def slopes(step: Elementwise) -> tuple[int, int, int]:
    """Slopes of an argument below and above zero, over a common denominator."""
    if step.name == "relu":
        return 0, 1, 1
    if step.name == "abs":
        return -1, 1, 1
    low, unit = step.slope.as_integer_ratio()
    return low, unit, unit
