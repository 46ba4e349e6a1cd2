"""What did an attributor of any kind answer, and how far may two answers to the same question lie apart?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ig_props.attributors.protocol import Attributor, Kind
from ig_props.checking.calling import (
    EPSILON,
    FLOAT32,
    Malformed,
    Prepared,
    describe,
    expected_shapes,
    invoke,
    numbers,
    parts_of,
    prepare,
    seed_everything,
    sheltered,
)
from ig_props.checking.judging import allowance, compare, coordinate
from ig_props.claims.case import Case
from ig_props.findings import HOLDS, Outcome, Verdict
from ig_props.oracles.layers import layer_oracle

Array = NDArray[np.float64]
RESIZED = 4.0
"""Bilinear enlargement keeps at least a quarter of a map's peak: half a weight along each of two axes."""


def read(attributor: Attributor, case: Case, prepared: Prepared, raw: object) -> np.ndarray:
    """[N, M] float64 numbers of an answer; Malformed when its form is not that of the attributor's kind."""
    kind, rows = attributor.traits.kind, len(case.inputs)
    if not kind.needs_layer:
        return numbers(parts_of(raw, expected_shapes(prepared), case.situation.parts > 1))
    assert case.layer is not None
    if kind.is_map:
        if (
            not isinstance(raw, Tensor)
            or raw.dim() not in (3, 4)
            or raw.shape[0] != rows
            or raw.dim() == 4 != raw.shape[1] + 3
        ):
            raise Malformed(f"returned {describe(raw)}; maps of shape [{rows}, height, width] are needed")
        return numbers([raw])
    return numbers(parts_of(raw, [(rows, *case.network.shapes[case.layer])], False))


def answer(attributor: Attributor, case: Case, prepared: Prepared | None = None, seed: int = 0) -> np.ndarray:
    """[N, M] answer of an attributor of any kind on a case, the model built afresh unless given."""
    prepared = prepared or prepare(case)
    with sheltered():
        seed_everything(seed)
        return read(attributor, case, prepared, invoke(attributor, prepared.call, case.situation.no_grad))


@dataclass(frozen=True, eq=False)
class Apart:
    """How far one answer may lie from the ideal one: arrays that broadcast to [N, M]."""

    quadrature: np.ndarray
    rounding: np.ndarray
    float32: np.ndarray


def apart(attributor: Attributor, case: Case) -> Apart:
    """Budgets of one answer. Two answers to one question differ by at most the sum of theirs."""
    kind, eps = attributor.traits.kind, EPSILON[case.situation.dtype]
    rows = list(zip(case.inputs, case.baselines, case.targets, strict=True))
    if not kind.needs_layer:
        a = allowance(attributor, case)
        # ties leave automatic differentiation free, node by node
        return Apart(a.quadrature + a.radius, a.rounding, a.float32)
    assert case.layer is not None
    coarse = max(eps, FLOAT32)
    if kind in (Kind.LAYER_INTEGRAL, Kind.LAYER_IG):
        from ig_props.checking.layer_sums import quadrature, rounding

        known = [layer_oracle(case.network, t, x, b, case.layer, kind is Kind.LAYER_IG) for x, b, t in rows]
        return Apart(
            np.array([quadrature(attributor, case, o) + np.array(o.radius) for o in known]),
            np.array([rounding(attributor, case, o, eps) for o in known]),
            np.array([rounding(attributor, case, o, coarse) for o in known]),
        )
    return _apart_on_maps(attributor, case, eps, coarse)


def _apart_on_maps(attributor: Attributor, case: Case, eps: float, coarse: float) -> Apart:
    """Raw maps pixel by pixel; normalised or enlarged ones by the share of their peak that the largest budget is."""
    from ig_props.checking.maps import raw

    known = raw(attributor, case)
    off = known.quadrature + known.radius
    if attributor.traits.stage != "normalized":
        assert case.layer is not None
        return Apart(off, known.rounding, known.float32)
    peak = known.mid.max(axis=1, keepdims=True)

    def share(budget: Array, precision: float) -> Array:
        largest = 2.0 * RESIZED * budget.max(axis=1, keepdims=True)
        with np.errstate(divide="ignore"):
            relative: Array = np.where(peak > 0.0, largest / peak, 1.0 / precision) + 8 * precision
        return relative

    return Apart(share(off, eps), share(known.rounding, eps), share(known.float32, coarse))


def only(case: Case, rows: Sequence[int]) -> Case:
    """Some samples of a case."""
    kept = [tuple(values[k] for k in rows) for values in (case.inputs, case.baselines)]
    return replace(case, inputs=kept[0], baselines=kept[1], targets=tuple(case.targets[k] for k in rows))


def named(case: Case) -> Callable[[int, int], str]:
    if case.layer is None:
        return coordinate(case)
    return lambda row, k: f"entry {k}" + (f", sample {row}" if len(case.inputs) > 1 else "")


def alike(
    attributor: Attributor,
    case: Case,
    received: np.ndarray,
    other: np.ndarray,
    how: str,
    rows: Sequence[int] | None = None,
) -> Outcome:
    """Two answers to one question, one of them perhaps scaled by `SECOND`: each may be off by its own budget.

    rows: the samples of the case that the answers are about, all of them when not given.
    """
    if received.shape != other.shape:
        return Outcome(Verdict.REFUTED, f"answers of shapes {list(received.shape)} and {list(other.shape)}: {how}")
    if np.array_equal(received, other, equal_nan=True):
        return HOLDS
    shown = range(len(case.inputs)) if rows is None else rows
    budget, words = apart(attributor, only(case, shown)), named(case)
    # an enlarged map is a mean of the layer's entries
    parts = (budget.quadrature, budget.rounding, budget.float32)
    quadrature, rounding, single = (
        2 * (b if b.shape[1] in (1, received.shape[1]) else b.max(axis=1, keepdims=True)) for b in parts
    )
    return compare(
        lambda row, k: words(shown[row], k), received, other, quadrature=quadrature, rounding=rounding,
        float32=single, how=how,
    )  # fmt: skip
