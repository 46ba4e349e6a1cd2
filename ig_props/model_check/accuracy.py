"""How large are a method's errors on the given inputs, and how many steps would make them small?"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ig_props.attributors.protocol import Attributor, Kind
from ig_props.checking.answers import answer
from ig_props.checking.calling import EPSILON, ForeignError, Malformed
from ig_props.checking.judging import allowance, constant
from ig_props.checking.layer_sums import quadrature, rounding
from ig_props.claims.case import Situation
from ig_props.model_check.cases import ModelCase
from ig_props.model_check.names import entry
from ig_props.model_check.subject import Subject
from ig_props.networks.network import NetworkError
from ig_props.oracles import NoOracle
from ig_props.oracles.layers import layer_oracle
from ig_props.oracles.nodes import rule_sum

USUAL = 50
"""The number of steps at which errors are told."""
STEPS = (4, 8, 12, 16, 24, 32, 50, 64, 100, 150, 200, 300, 500)
"""Numbers of steps at which errors are measured; a small error counts from where it stays small."""
GOAL = 0.01
"""The error that is called small, relative to the largest attribution of the input."""
SHOWN = 8
"""Inputs whose errors are measured."""
SHARP = 2.0**-40
"""Enclosures that are narrower than this, relative to the largest attribution, are told as one number."""
ROUNDS = 6
"""Attempts at a number of steps whose own rounding is within the goal."""
Facts = list[tuple[str, str]]
Vector = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Truth:
    """Exact attributions of one input, half the widths of their enclosures, and the budgets of one number of steps.

    difference: F(x) - F(x'), whose own budget is `complete`.
    """

    mid: Vector
    radius: Vector
    quadrature: Vector
    rounding: Vector
    difference: float
    complete: float

    @property
    def largest(self) -> float:
        return float(np.abs(self.mid).max())

    def errors(self, received: Vector) -> Vector:
        """Distances from the enclosures; infinite for what is not finite."""
        apart = np.maximum(np.abs(received - self.mid) - self.radius, 0.0)
        return np.where(np.isfinite(received), apart, math.inf)


@dataclass(frozen=True)
class _Row:
    """One of the inputs, as a method explains it."""

    subject: Subject
    attributor: Attributor
    row: int

    @property
    def label(self) -> str:
        return f"{self.subject.sample} {self.row}"

    def case(self, n_steps: int) -> ModelCase:
        """The plain call."""
        traits, subject = self.attributor.traits, self.subject
        return ModelCase(
            network=subject.network,
            inputs=(subject.inputs[self.row],),
            baselines=(subject.baselines[self.row],),
            targets=(subject.targets[self.row],),
            n_steps=traits.fitting(n_steps),
            situation=Situation(dtype=subject.dtype, target="tensor" if "mixed-targets" in traits.accepts else "int"),
            layer=subject.layer if traits.kind.needs_layer else None,
            subject=subject,
        )

    def received(self, n_steps: int) -> Vector:
        """Raises ForeignError and Malformed."""
        values: Vector = answer(self.attributor, self.case(n_steps))[0]
        return values

    def truth(self, n_steps: int) -> Truth:
        """Raises NoOracle where there is none."""
        case, kind = self.case(n_steps), self.attributor.traits.kind
        if not kind.needs_layer:
            c = constant(self.attributor, case)
            a = allowance(self.attributor, case)
            o = a.oracles[0]
            complete = o.difference[1] + o.completeness_budget(case.n_steps, c) + float(a.rounding.sum())
            return Truth(a.mid[0], a.radius[0], a.quadrature[0], a.rounding[0], o.difference[0], complete)
        assert case.layer is not None
        known = layer_oracle(
            case.network, case.targets[0], case.inputs[0], case.baselines[0], case.layer, kind is Kind.LAYER_IG
        )
        off = quadrature(self.attributor, case, known)
        lost = rounding(self.attributor, case, known, EPSILON[case.situation.dtype])
        complete = float((off + lost).sum())
        return Truth(np.array(known.mid), np.array(known.radius), off, lost, known.difference, complete)


def _percent(part: float, whole: float) -> str:
    return f"{100 * part / whole:.2g} %"


def facts(subject: Subject, attributor: Attributor) -> Facts:
    """What a person reads about their inputs, as labels and sentences: a few lines for each of the first ones."""
    told: Facts = list(subject.notes)
    kind = attributor.traits.kind
    if kind.is_map:
        return told
    count = min(SHOWN, len(subject.inputs))
    reason = ""
    for k in range(count):
        row = _Row(subject, attributor, k)
        try:
            # an unknown path has the same sum as the straight one and nothing else
            told += _sums(row) if kind is Kind.PATH else _told(row)
        except NoOracle as error:
            told += [] if str(error) == reason else [("exact values", f"none: {error}")]
            reason = str(error)
            told += _sums(row)
        except (ForeignError, Malformed, NetworkError) as error:
            told.append((row.label, f"not measured: {error}"))
    if count < len(subject.inputs):
        told.append(("", f"{len(subject.inputs) - count} more inputs were not measured"))
    return told


def _told(row: _Row) -> Facts:
    subject, case = row.subject, row.case(USUAL)
    truth, received = row.truth(USUAL), row.received(USUAL)
    errors = truth.errors(received)
    k = int(errors.argmax())
    shape = subject.network.input_shape if case.layer is None else subject.network.shapes[case.layer]
    steps = row.attributor.traits.has_steps
    head = f"class {case.targets[0]}" + (f", {case.n_steps} steps" if steps else "")
    sentence = f"{head}: every exact attribution is 0; the largest error is {errors[k]:.2g}"
    if truth.largest > 0.0:
        share = _percent(float(errors[k]), truth.largest)
        sentence = (
            f"{head}: the largest error is {share} of the largest attribution{_needed(row, truth) if steps else ''}"
        )
    width = f" ± {truth.radius[k]:.1g}" if truth.radius[k] > SHARP * truth.largest else ""
    worst = (
        f"worst at {entry(shape, k)}: received {received[k]:.6g}, exact {truth.mid[k]:.6g}{width}; error {errors[k]:.2g} "
        f"of {truth.quadrature[k] + truth.rounding[k]:.2g} allowed ({truth.quadrature[k]:.2g} quadrature + "
        f"{truth.rounding[k]:.2g} rounding)"
    )
    total = math.fsum(received) if np.isfinite(received).all() else math.nan
    sums = (
        f"sum {total:.6g}, F(x) - F(x') {truth.difference:.6g}: apart {abs(total - truth.difference):.2g} "
        f"of {truth.complete:.2g} allowed"
    )
    return [(row.label, sentence), ("", worst), ("", sums), *_by_the_rule(row, received)]


def _by_the_rule(row: _Row, received: Vector) -> Facts:
    """How far the answer is from the sum of the rule that the method names."""
    traits, case = row.attributor.traits, row.case(USUAL)
    if traits.rule is None or traits.kind is not Kind.IG:
        return []
    rule = traits.rule(case.n_steps)
    known = rule_sum(
        case.network, case.targets[0], case.inputs[0], case.baselines[0], rule, EPSILON[case.situation.dtype]
    )
    apart = np.abs(received - known.mid)
    k = int((apart / np.maximum(known.rounding, 1e-300)).argmax())
    told = (
        f"from the {rule.name} sum over {case.n_steps} nodes: apart {apart[k]:.1g} of {known.rounding[k]:.1g} allowed"
    )
    return [("", told)]


def _needed(row: _Row, truth: Truth) -> str:
    """From how many steps on the error was measured to stay below the goal, and from how many on it is bound to."""
    goal = GOAL * truth.largest
    small, large = None, 0
    for n in dict.fromkeys(map(row.attributor.traits.fitting, STEPS)):
        if float(truth.errors(row.received(n)).max()) <= goal:
            small = n if small is None else small
        else:
            small, large = None, n
    if small is None:
        return f"; for 1 % {large} steps are not enough"
    return f"; for 1 % {small} steps are enough{_proved(row, truth, goal)}"


def _proved(row: _Row, truth: Truth, goal: float) -> str:
    """The number of steps from which the budget itself is below the goal; rounding grows with it."""
    per_step = truth.quadrature * row.case(USUAL).n_steps
    rounding, n = truth.rounding, 1
    for _ in range(ROUNDS):
        if not (rounding < goal).all():
            break
        n = max(n + 1, math.ceil(float((per_step / (goal - rounding)).max())))
        rounding = row.truth(n).rounding
        if (per_step / n + rounding <= goal).all():
            return f" (proved for {n:,})"
    share = _percent(float(rounding.max()), truth.largest)
    return f" (proved for none: {row.subject.dtype} rounding alone is allowed {share})"


def _sums(row: _Row) -> Facts:
    """Where no oracle is: how far the sum is from the difference of the scores, for which no bound is known."""
    case, difference = row.case(USUAL), row.subject.differences[row.row]
    if row.attributor.traits.kind not in (Kind.IG, Kind.PATH):
        return []
    total = math.fsum(row.received(USUAL))
    gap = abs(total - difference)
    at = f"at {case.n_steps} steps " if row.attributor.traits.has_steps else ""
    part = f", {_percent(gap, abs(difference))} of it" if difference else ""
    sentence = (
        f"class {case.targets[0]}: {at}the sum {total:.6g} misses F(x) - F(x') = {difference:.6g} by {gap:.2g}{part}"
    )
    return [(row.label, sentence)]
