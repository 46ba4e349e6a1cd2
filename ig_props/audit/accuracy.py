"""How wrong is an explanation numerically, how many steps does it need, and does it add up?"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ig_props.attributors.protocol import Kind
from ig_props.audit.opening import Array
from ig_props.audit.section import Curves, Heat, Mark, Section, percent
from ig_props.audit.subject import Subject
from ig_props.audit.truth import NoTruth, Truth, difference, truth_of
from ig_props.integration.engine import integrated_gradients
from ig_props.integration.traced.breakpoints import pieces
from ig_props.integration.traced.secant import SecantModel
from ig_props.integration.traced.structure import Family, Structure, structure_of, thresholds
from ig_props.methods.scores import score_of

STEPS = (4, 8, 16, 32, 64, 128, 256)
"""Numbers of steps at which errors are measured."""
RULES = ("midpoint", "trapezoid", "gauss-legendre")
COUNTED = 8192
"""Pieces are counted for models with at most so many units that have kinks."""
SMALL = 5000
"""Inputs with more numbers are integrated with fewer steps, and by no other rule for comparison."""


def picture(values: Array) -> Array:
    """What can be shown of values: channels are added, vectors are one row."""
    if values.ndim == 3:
        flat: Array = values.sum(0)
        return flat
    return values if values.ndim == 2 else values.reshape(1, -1)


def apart(received: Array, truth: Truth) -> Array | None:
    """Errors entry by entry, None where the answer has another form than the reference."""
    shaped = received.reshape(truth.values.shape) if received.size == truth.values.size else None
    if shaped is None:
        return None
    return np.where(np.isfinite(shaped), np.abs(shaped - truth.values), math.inf)


def accuracy(subject: Subject) -> Section:
    """The largest error of the answer, against the exact value or one whose error is estimated."""
    question = "How wrong are the numbers?"
    received = subject.explained()
    given = [
        (name, point[0].double().cpu().numpy())
        for name, point in (("input", subject.inputs), ("baseline", subject.start))
    ]
    shown = (
        *(Heat(name, picture(values), False) for name, values in given),
        Heat(f"{subject.method.name}, {subject.score}", picture(received), not subject.method.traits.kind.is_map),
    )
    try:
        truth = truth_of(subject)
    except NoTruth as error:
        return Section("accuracy", question, f"Not known: {error}.", Mark.UNKNOWN, heats=shown)
    errors = apart(received, truth)
    if errors is None:
        text = (
            f"Not compared: the answer has the shape {list(received.shape)}, the reference {list(truth.values.shape)}."
        )
        return Section("accuracy", question, text, Mark.UNKNOWN, (("reference", truth.how),), heats=shown)
    worst, size = float(errors.max()), truth.largest
    goal = subject.rtol * size
    mark = Mark.GOOD if worst + truth.error <= goal else Mark.BAD if worst - truth.error > goal else Mark.UNKNOWN
    at = np.unravel_index(int(errors.argmax()), errors.shape)
    place = "[" + ", ".join(map(str, at)) + "]"
    counted = subject.method.traits.has_steps and not _pointwise(subject)
    head = f"With {subject.n_steps} steps the" if counted else "The"
    answer = (
        f"{head} largest error is {percent(worst, size)} of the largest value; {percent(subject.rtol, 1)} was wanted."
    )
    facts = (
        ("reference", truth.how),
        ("worst entry", f"{place}: {received.reshape(errors.shape)[at]:.6g}, where {truth.values[at]:.6g} is right"),
    )
    heats = (
        *shown,
        Heat("error", picture(received.reshape(errors.shape) - truth.values), True, "received minus reference"),
    )
    numbers = {
        "error": worst,
        "largest": size,
        "relative": worst / size if size else None,
        "reference_error": truth.error,
    }
    return Section("accuracy", question, answer, mark, facts, numbers, heats)


def _pointwise(subject: Subject) -> bool:
    kind = subject.method.traits.kind
    return kind.is_map and not kind.value.startswith("rsi")


def steps(subject: Subject) -> Section | None:
    """Errors by number of steps; None where a method has no steps or nothing to be compared with."""
    if not subject.method.traits.has_steps or _pointwise(subject):
        return None
    try:
        truth = truth_of(subject)
    except NoTruth:
        return None
    found: dict[int, float] = {}
    admissible = dict.fromkeys(map(subject.method.traits.fitting, STEPS))
    for n in admissible if subject.inputs.numel() <= SMALL else list(admissible)[:-1]:
        errors = apart(subject.explained(n_steps=n), truth)
        if errors is None:
            return None
        found[n] = float(errors.max())
    size = truth.largest or 1.0
    enough = next((n for n in found if all(found[m] <= subject.rtol * size for m in found if m >= n)), None)
    wanted = percent(subject.rtol, 1)
    if enough is None:
        answer = (
            f"For {wanted} {max(found)} steps are not enough: the error is still {percent(found[max(found)], size)}."
        )
    else:
        answer = f"For {wanted} {enough} steps are enough, of those tried."
    lines = {subject.method.name: _line(found, size)}
    for rule in RULES if subject.method.traits.kind is Kind.IG and subject.inputs.numel() <= SMALL else ():
        lines[f"{rule} rule"] = _line({n: _by_rule(subject, rule, n, truth) for n in STEPS}, size)
    mark = Mark.UNKNOWN if enough is None else Mark.GOOD if enough <= subject.n_steps else Mark.WARNING
    return Section(
        "steps", "How many steps does it need?", answer, mark,
        numbers={"errors": {str(n): e / size for n, e in found.items()}, "enough": enough},
        curves=Curves("error against steps", "steps", "largest error / largest value", lines, subject.rtol),
    )  # fmt: skip


def _line(found: dict[int, float], size: float) -> tuple[tuple[float, ...], tuple[float, ...]]:
    return tuple(float(n) for n in found), tuple(e / size for e in found.values())


def _by_rule(subject: Subject, rule: str, n: int, truth: Truth) -> float:
    x, b = subject.segment
    model = subject.traced()
    values = integrated_gradients(
        model, x, b, subject.target, method=rule, n_steps=n, score=score_of(subject.score)
    ).values
    assert isinstance(values, Tensor)
    return float(np.abs(values[0].cpu().numpy() - truth.values).max())


def completeness(subject: Subject) -> Section | None:
    """Whether the values add up to F(x) - F(x'); None for heat maps, which promise no sum."""
    if subject.method.traits.kind.is_map:
        return None
    received, wanted = subject.explained(), difference(subject)
    total = math.fsum(received.ravel().tolist()) if np.isfinite(received).all() else math.nan
    gap = abs(total - wanted)
    scale = max(abs(wanted), float(np.abs(received).max(initial=0.0)))
    good = gap <= subject.rtol * scale
    mark = Mark.GOOD if good else Mark.BAD
    answer = (
        f"The values add up to {total:.6g}, F(x) - F(x') is {wanted:.6g}: the gap is {percent(gap, scale)} of the larger of "
        "that and the largest value."
    )
    facts = [
        ("what it shows", "a small gap is necessary and not sufficient: errors of opposite sign cancel in the sum")
    ]
    if subject.method.traits.kind.needs_layer and not good:
        mark = Mark.WARNING
        facts.append(("layer", f"{subject.layer} need not be a cut: what bypasses it is not in the sum"))
    return Section(
        "completeness", "Does it add up?", answer, mark, tuple(facts), {"sum": total, "difference": wanted, "gap": gap}
    )


class _Kinks(SecantModel):
    """Counts, point by point of a path, the units of rectifiers that sit exactly on a kink."""

    def values(self, rows: Tensor) -> dict[str, Tensor]:
        """For every kink node the units [K, M] that are on a threshold, at points [K, …]."""
        runner = self.runner(1)
        nodes = {node.name: node for node in self.graph.graph.nodes}
        found: dict[str, Tensor] = {}
        plain = runner.run_node

        def watched(n: torch.fx.Node) -> Any:
            value = plain(n)
            if n.name in self.kinks and isinstance(value, Tensor):
                source = runner.env[nodes[n.name].all_input_nodes[0]]
                if source.shape == value.shape:
                    on = torch.zeros_like(source, dtype=torch.bool)
                    for level in thresholds(n, self.graph):
                        on |= source == level
                    found[n.name] = on.flatten(1)
            return value

        runner.run_node = watched  # type: ignore[method-assign]
        runner.run(rows)
        return found


def _pieces(structure: Structure, x: Tensor, b: Tensor) -> int | None:
    """Pieces of the segment; None where the model is not piecewise linear."""
    if structure.family is not Family.PIECEWISE:
        return None
    return pieces(structure, (b,), (x,), 2 * COUNTED).most


def kinks(subject: Subject) -> Section:
    """How many kinks the segment crosses, and whether any unit sits on its kink all along it or at an end."""
    question = "Does the path touch kinks?"
    structure = structure_of(subject.double)
    if structure.family is Family.UNKNOWN:
        text = f"Not known: the model is not one whose kinks can be found, since {structure.reason}."
        return Section("kinks", question, text, Mark.UNKNOWN, (("model", structure.reason),))
    if not structure.kinks:
        return Section("kinks", question, f"The model has none: it is {structure.family}.", Mark.GOOD)
    x, b = subject.segment
    t = torch.linspace(0, 1, 9, dtype=torch.float64, device=x.device).view(-1, *[1] * (x.dim() - 1))
    seen = _Kinks(structure).values(torch.lerp(b, x, t)).values()
    everywhere = sum(int(on.all(0).sum()) for on in seen)
    at_ends = sum(int((on[0] | on[-1]).sum()) for on in seen) - everywhere
    units = sum(on.shape[1] for on in seen)
    count = _pieces(structure, x, b) if units <= COUNTED else None
    crossed = (
        f"The model is {structure.family} with {units} units that have kinks."
        if count is None
        else f"The segment has {count} pieces, so it crosses {count - 1} kinks of {units} units."
    )
    tied = (
        f"{everywhere} units sit on their kink all along it" if everywhere else "No unit sits on its kink all along it"
    )
    facts = [("ends", f"{at_ends} units are exactly on a kink at the input or the baseline")] if at_ends else []
    if everywhere:
        facts.append(
            ("there", "the gradient of such a unit is a convention of the framework; completeness does not suffer")
        )
    mark = Mark.WARNING if everywhere or at_ends else Mark.GOOD
    answer = f"{crossed} {tied}."
    return Section(
        "kinks", question, answer, mark, tuple(facts),
        {"pieces": count, "units": units, "tied": everywhere, "at_ends": at_ends, "model": str(structure.family)},
    )  # fmt: skip
