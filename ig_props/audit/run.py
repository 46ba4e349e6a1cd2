"""How is an explanation audited, question by question, so that what was found is kept whatever happens?"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from ig_props.audit import accuracy, layers, softmax, starts
from ig_props.audit.section import Mark, Report, Section
from ig_props.audit.subject import Subject, subject_of
from ig_props.checking.calling import ForeignError
from ig_props.model_check.given import said

Question = Callable[[Subject], Section | None]
QUESTIONS: dict[str, Question] = {
    "accuracy": accuracy.accuracy,
    "steps": accuracy.steps,
    "completeness": accuracy.completeness,
    "kinks": accuracy.kinks,
    "softmax": softmax.saturation,
    "attack": softmax.exposure,
    "baselines": starts.starts,
    "maps": layers.maps,
    "layers": layers.per_layer,
}
"""In the order in which they are answered; None says that a question does not arise."""

TITLES = {
    "accuracy": "How wrong are the numbers?",
    "steps": "How many steps does it need?",
    "completeness": "Does it add up?",
    "kinks": "Does the path touch kinks?",
    "softmax": "Before or after the softmax?",
    "attack": "Can the explanation be forged?",
    "baselines": "How much does the baseline change it?",
    "maps": "What do the heat maps say?",
    "layers": "Does every layer add up?",
}
"""What is asked, for questions that could not be answered."""


@dataclass(frozen=True, eq=False)
class Progress:
    """One question is about to be answered: its name, its number and how many there are."""

    name: str
    number: int
    count: int


def _answer(name: str, question: Question, subject: Subject) -> Section | None:
    try:
        return question(subject)
    except ForeignError as error:
        return Section(name, TITLES[name], f"Not measured: {subject.method.name} raised {error}.", Mark.UNKNOWN)
    except torch.OutOfMemoryError:
        return Section(name, TITLES[name], "Not measured: there is not enough memory.", Mark.UNKNOWN)
    except Exception as error:
        return Section(name, TITLES[name], f"Not measured: {said(error)}.", Mark.UNKNOWN)


def audit(options: Mapping[str, Any]) -> Iterator[Progress | Report]:
    """Progress, and a report after every question: the last one is complete. CannotRun and UsageError before the first."""
    start = time.perf_counter()
    subject = subject_of(options)
    report = Report(
        title=f"{subject.method.name} on {Path(options['model']).name}",
        settings=(*_settings(options, subject), *subject.notes),
        versions=_versions(),
        sections=(),
        seconds=0.0,
        unfinished="not all questions were answered",
    )
    for number, (name, question) in enumerate(QUESTIONS.items(), 1):
        yield Progress(name, number, len(QUESTIONS))
        section = _answer(name, question, subject)
        if section is not None:
            report = replace(report, sections=(*report.sections, section))
        report = replace(report, seconds=time.perf_counter() - start)
        yield report
    yield replace(report, unfinished="")


def _settings(options: Mapping[str, Any], subject: Subject) -> tuple[tuple[str, str], ...]:
    steps = [("steps", str(subject.n_steps))] if subject.method.traits.has_steps else []
    layer = [("layer", subject.layer)] if subject.layer and subject.method.traits.kind.needs_layer else []
    return (
        ("model", options["model"]), ("input", options["inputs"]), ("method", subject.method.name), *steps, *layer,
        ("score", subject.score), ("wanted error", f"{subject.rtol:g}"), ("seed", str(subject.seed)),
        ("dtype", str(subject.inputs.dtype).removeprefix("torch.")),
    )  # fmt: skip


def _versions() -> dict[str, str]:
    import platform

    from ig_props import __version__

    return {"ig-props": __version__, "torch": str(torch.__version__), "python": platform.python_version()}
