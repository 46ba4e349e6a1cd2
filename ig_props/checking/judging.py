"""How far may an answer be from the truth? Oracles, quadrature and rounding of one case, and comparisons against them."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ig_props.attributors.protocol import Attributor
from ig_props.checking.calling import EPSILON, FLOAT32, answered, attributions
from ig_props.claims.case import Case
from ig_props.findings import Comparison, Outcome, Verdict
from ig_props.networks.network import NetworkError
from ig_props.oracles import NoOracle, PathOracle, oracle
from ig_props.oracles.exact import SLACK
from ig_props.oracles.rounding import slope_bounds
from ig_props.quadrature import VARIATION_CONSTANT

Array = NDArray[np.float64]
MISJUDGED = 2.0**-50
"""The probability with which a method that samples its nodes at random may be judged wrongly, per comparison."""
HALF_REACH = 256.0
"""Half-precision cases keep to numbers in [1/256, 256], where neither weights nor sums leave the format's range."""


@dataclass(frozen=True, eq=False)
class Truth:
    """What the answers to a case ought to be, and how far they may be off: arrays [N, size], in the unit of the score."""

    mid: Array
    radius: Array
    quadrature: Array
    rounding: Array
    float32: Array

    @property
    def slack(self) -> Array:
        """Everything an answer may differ from the truth by."""
        return self.radius + self.quadrature + self.rounding


@dataclass(frozen=True, eq=False)
class Allowance(Truth):
    """The truth of path attributions, with the oracles that know it, sample by sample."""

    oracles: tuple[PathOracle, ...]


def constant(attributor: Attributor, case: Case) -> float:
    """The constant c in V c / n: 2, what the measured rule needs when the number of steps cannot be chosen, or for n
    independent random nodes the Dvoretzky-Kiefer-Wolfowitz bound on their discrepancy, with Massart's constant."""
    traits = attributor.traits
    if "random" in traits.accepts and traits.rule is None:
        return math.sqrt(case.n_steps * math.log(2.0 / MISJUDGED) / 2.0)
    if traits.has_steps:
        wider = (c for known, n, c in _wider if known is attributor and n == case.n_steps)
        return next(wider, VARIATION_CONSTANT)
    from ig_props.diagnosis import measured_discrepancy

    discrepancy: float = measured_discrepancy(attributor)
    return discrepancy * case.n_steps


_wider: deque[tuple[Attributor, int, float]] = deque(maxlen=64)
"""Rules whose weights are wider than 2/n, by number of steps, as was measured when a bound that supposes otherwise was
exceeded; the same is measured again where it is forgotten."""


def _is_wider(attributor: Attributor, case: Case, outcome: Outcome) -> bool:
    """Whether a rule's own measured width may explain what exceeds the bound of the usual rules; it is then used."""
    from ig_props.diagnosis import WIDEST, widest

    c = outcome.comparison
    if c is None or not attributor.traits.has_steps or not 0.0 < c.quadrature < c.error:
        return False
    used = constant(attributor, case)
    if attributor.traits.kind.needs_layer or c.error > c.quadrature * WIDEST / used + max(c.rounding, c.float32):
        return False
    measured = widest(attributor, case.n_steps)
    if measured <= used:
        return False
    _wider.append((attributor, case.n_steps, measured))
    return True


def increments(case: Case, row: int, eps: float, slopes: tuple[float, ...]) -> Array:
    """Rounding of codes that sum gradients times the differences of rounded path points instead of x - x'."""
    reach = np.maximum(np.abs(np.array(case.inputs[row])), np.abs(np.array(case.baselines[row])))
    bound: Array = 2.0 * (case.n_steps + 2) * eps * reach * np.array(slopes) * SLACK
    return bound


def allowance(attributor: Attributor, case: Case) -> Allowance:
    """Oracles and budgets of every sample of a case; raises NoOracle where there is no truth to compare with."""
    eps = EPSILON[case.situation.dtype]
    c = constant(attributor, case)
    found: list[PathOracle] = []
    mid, radius, quadrature = [], [], []
    rounding: list[Array] = []
    single: list[Array] = []
    for row, (x, b, target) in enumerate(zip(case.inputs, case.baselines, case.targets, strict=True)):
        known = oracle(case.network, target, x, b)
        slopes = slope_bounds(case.network, target, x, b)
        found.append(known)
        mid.append(known.mid)
        radius.append(known.radius)
        quadrature.append(known.quadrature(case.n_steps, c))
        for store, precision in ((rounding, eps), (single, max(eps, FLOAT32))):
            store.append(known.rounding(precision, case.n_steps) + increments(case, row, precision, slopes))
    return Allowance(
        np.array(mid), np.array(radius), np.array(quadrature), np.array(rounding), np.array(single), tuple(found)
    )  # fmt: skip


def compare(
    what: Callable[[int, int], str],
    received: Array,
    exact: Array,
    *,
    radius: Array | float = 0.0,
    quadrature: Array | float = 0.0,
    rounding: Array | float = 0.0,
    float32: Array | float = 0.0,
    how: str = "",
) -> Outcome:
    """The worst comparison over arrays [N, size]; `what` names entry (row, column)."""
    radius, quadrature, rounding, float32 = (
        np.broadcast_to(np.asarray(v, dtype=np.float64), received.shape)
        for v in (radius, quadrature, rounding, float32)
    )
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        error = np.abs(received - exact) - radius
        error = np.where(np.isfinite(received), np.maximum(error, 0.0), math.inf)
        budget = quadrature + rounding
        ratio = np.where(error > 0.0, error / np.where(budget > 0.0, budget, 0.0), 0.0)
    ratio = np.where(np.isnan(ratio), 0.0, ratio)
    at = int(np.lexsort((error.ravel(), ratio.ravel()))[-1])
    row, column = np.unravel_index(at, received.shape)
    k = (int(row), int(column))
    comparison = Comparison(
        what(*k), float(received[k]), float(exact[k]), float(radius[k]), float(quadrature[k]), float(rounding[k]),
        float(float32[k]), True, how,
    )  # fmt: skip
    return Outcome(comparison.verdict, comparison=comparison)


def coordinate(case: Case) -> Callable[[int, int], str]:
    """Names of the entries of a case's attributions."""
    return lambda row, i: f"attribution of x{i}" + (f", sample {row}" if len(case.inputs) > 1 else "")


def agreement(attributor: Attributor, case: Case, values: Array | None = None) -> Outcome:
    """Every attribution against the oracle within the proved budget."""
    allowed = allowance(attributor, case)
    received = attributions(attributor, case) if values is None else values
    outcome = compare(
        coordinate(case), received, allowed.mid, radius=allowed.radius, quadrature=allowed.quadrature,
        rounding=allowed.rounding, float32=allowed.float32, how=allowed.oracles[0].how,
    )  # fmt: skip
    if outcome.verdict is Verdict.HOLDS and any(o.ties for o in allowed.oracles):
        return Outcome(Verdict.HOLDS, "", outcome.comparison, {"ties": 1})
    return outcome


def judged(
    check: Callable[[Attributor, Case], Outcome], *, by_nodes: bool = True
) -> Callable[[Attributor, Case], Outcome]:
    """A check whose foreign errors are UNSUPPORTED and whose cases without a truth are INCONCLUSIVE, with the reason.

    by_nodes: whether a bound for sums over nodes decides. It says nothing of cell-secant rules, which keep completeness and
    every contract none the less.
    """
    guarded = answered(check)

    def run(attributor: Attributor, case: Case) -> Outcome:
        from ig_props.checking.secants import beyond_bounds

        if case.situation.dtype in ("float16", "bfloat16") and not _modest(case):
            return Outcome(Verdict.NOT_APPLICABLE, "numbers outside the range of half precision")
        try:
            outcome = guarded(attributor, case)
            if _is_wider(attributor, case, outcome):
                outcome = guarded(attributor, case)
            if outcome.verdict is Verdict.REFUTED and by_nodes and beyond_bounds(attributor, case):
                return Outcome(Verdict.NOT_APPLICABLE, "a cell-secant rule, where nonlinear units follow one another")
            return outcome
        except NoOracle as error:
            return Outcome(Verdict.INCONCLUSIVE, str(error))
        except NetworkError as error:
            return Outcome(Verdict.NOT_APPLICABLE, str(error))

    return run


def _modest(case: Case) -> bool:
    values = [v for row in (*case.inputs, *case.baselines) for v in row]
    for node in case.network.nodes:
        for name in ("weight", "bias"):
            if hasattr(node.op, name):
                values += np.asarray(getattr(node.op, name), dtype=np.float64).ravel().tolist()
    return all(v == 0.0 or 1 / HALF_REACH <= abs(v) <= 16.0 for v in values)
