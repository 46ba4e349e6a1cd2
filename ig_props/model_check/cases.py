"""What is asked of a method on a person's own model? Examples that are drawn from the given inputs alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from ig_props.attributors.protocol import Attributor, Kind, Traits
from ig_props.checking.calling import EPSILON, FLOAT32, attributions
from ig_props.checking.judging import compare, coordinate, increments, judged
from ig_props.claims.case import Case, Situation
from ig_props.claims.claim import Cases, Claim
from ig_props.findings import Outcome
from ig_props.model_check.subject import Subject
from ig_props.oracles.nodes import rule_sum
from ig_props.oracles.rounding import slope_bounds
from ig_props.running.request import UsageError

STEPS = (50, 16, 32, 100, 200)
LAYOUTS = ("contiguous", "contiguous", "transposed", "strided", "channels_last")
BATCH = 5
"""The most inputs of one call."""
FLAWS = (0.0, 1.0)
"""Of CODE.errors: a class that there is not, and baselines of another shape."""
SHARES = (0.5, 0.25, 0.125)
"""Where segments are halved: a binary fraction of an input is representable in its dtype."""
Strategy = st.SearchStrategy[Case]


@dataclass(frozen=True)
class ModelCase(Case):
    """An example on a person's model: it is written down by the numbers of its inputs."""

    subject: Subject | None = None

    def row(self, k: int) -> int:
        """Which of the given inputs sample k is."""
        assert self.subject is not None
        return self.subject.rows[self.inputs[k]]

    def _baseline(self) -> str:
        assert self.subject is not None
        if self.baselines == self.inputs:
            return "the input itself"
        if not any(v for row in self.baselines for v in row):
            return "zero"
        return f"row {', '.join(str(self.row(k)) for k in range(len(self.inputs)))} of {self.subject.files.baselines}"

    def example(self) -> list[list[str]]:
        """The case as labels and words."""
        assert self.subject is not None
        files, single = self.subject.files, len(self.inputs) == 1
        numbers = ", ".join(str(self.row(k)) for k in range(len(self.inputs)))
        classes = ", ".join(map(str, dict.fromkeys(self.targets) if single else self.targets))
        lines = [["model", files.model], [self.subject.sample if single else "batch", f"{numbers} of {files.inputs}"]]
        lines += [["class", classes], ["baseline", self._baseline()], ["n_steps", str(self.n_steps)]]
        lines += [["layer", files.layer]] if files.layer is not None else []
        lines += [[name, ", ".join(f"{v:g}" for v in values)] for name, values in self.numbers.items()]
        odd = [word for word in self.situation.odd() if not word.startswith("dtype=")]
        return lines + ([["situation", ", ".join(odd)]] if odd else [])

    def __str__(self) -> str:
        return "\n".join(f"{label}: {text}" for label, text in self.example())

    def to_json(self) -> dict[str, Any]:
        """A reference to the person's files; there is no way back from it."""
        assert self.subject is not None
        return {
            **{f.name: getattr(self.subject.files, f.name) for f in fields(self.subject.files)},
            "rows": [self.row(k) for k in range(len(self.inputs))],
            "null": self.baselines == self.inputs,
            "targets": list(self.targets),
            "n_steps": self.n_steps,
            "dtype": self.situation.dtype,
            "shape": list(self.network.input_shape),
            "unit_shape": None if self.layer is None else list(self.network.shapes[self.layer]),
            "situation": {w.partition("=")[0]: w.partition("=")[2] for w in self.situation.odd()},
            "numbers": {k: list(v) for k, v in self.numbers.items()},
            "second": self.other is not None,
            "example": self.example(),
        }


def fits(subject: Subject, traits: Traits) -> str:
    """Why a method cannot be asked about this model; empty when it can."""
    kind = traits.kind
    if kind.needs_layer and subject.layer is None:
        return "it explains a layer of the model: name one with --layer"
    if kind.is_map and len(subject.network.shapes[subject.layer or 0]) != 3:
        return f"--layer {subject.files.layer} has no maps [channels, height, width]"
    if subject.sample == "input" and "vectors" not in traits.accepts:
        return "it does not accept flat inputs [N, F]"
    if subject.sample == "image" and "images" not in traits.accepts:
        return "it does not accept images [N, C, H, W]"
    if "baselines" not in traits.accepts and any(v for row in subject.baselines for v in row):
        return "it takes no baselines other than zero"
    return ""


def drawn(
    subject: Subject, traits: Traits, *, several: bool = False, mixed: bool = False, odd: bool = True
) -> Strategy:
    """Examples of one or several of the inputs.

    several: at least two. mixed: also for other classes than their own. odd: also in unusual situations.
    """
    count = len(subject.inputs)
    batches = "batches" in traits.accepts
    steps = [traits.fitting(n) for n in STEPS] if traits.has_steps else [50]

    @st.composite
    def build(draw: st.DrawFn) -> Case:
        size = draw(st.sampled_from((2, 3, BATCH) if several else (1, 1, 1, 2, 3, BATCH) if batches else (1,)))
        first = draw(st.integers(0, count - 1))
        rows = [first, *(draw(st.integers(0, count - 1)) for _ in range(size - 1))]
        targets = [subject.targets[k] for k in rows]
        if mixed:
            targets = [draw(st.sampled_from((t, *range(subject.network.classes)))) for t in targets]
        if "mixed-targets" not in traits.accepts:
            targets = [targets[0]] * size
        target = draw(st.sampled_from(("tensor", "int") if len(set(targets)) == 1 and odd else ("tensor",)))
        if "mixed-targets" not in traits.accepts:
            target = "int"
        situation = Situation(
            dtype=subject.dtype,
            target=target,
            layout=draw(st.sampled_from(LAYOUTS if subject.sample == "image" else LAYOUTS[:-1]))
            if odd
            else "contiguous",
            no_grad=draw(st.sampled_from((False, False, False, True))) if odd else False,
        )
        return ModelCase(
            network=subject.network,
            inputs=tuple(subject.inputs[k] for k in rows),
            baselines=tuple(subject.baselines[k] for k in rows),
            targets=tuple(targets),
            n_steps=draw(st.sampled_from(steps)),
            situation=situation,
            layer=subject.layer if traits.kind.needs_layer else None,
            subject=subject,
        )

    return build()


def _numbered(strategy: Strategy, name: str, values: Iterable[float]) -> Strategy:
    choice = st.sampled_from(tuple(values))
    return st.tuples(strategy, choice).map(lambda p: replace(p[0], numbers={name: (p[1],)}))


def _situated(strategy: Strategy, name: str, values: Iterable[object]) -> Strategy:
    choice = st.sampled_from(tuple(values))
    return st.tuples(strategy, choice).map(
        lambda p: replace(p[0], situation=replace(p[0].situation, **{name: p[1]}))  # type: ignore[arg-type]
    )


def nodewise(attributor: Attributor, case: Case) -> Outcome:
    """Every attribution against the named rule's own sum on this very model: rounding is all that may be between."""
    rule = attributor.traits.rule
    assert rule is not None
    known = rule(case.n_steps)
    eps = EPSILON[case.situation.dtype]
    rows = list(zip(case.inputs, case.baselines, case.targets, strict=True))
    budgets = []
    for precision in (eps, max(eps, FLOAT32)):
        sums = [rule_sum(case.network, t, x, b, known, precision) for x, b, t in rows]
        more = [increments(case, k, precision, slope_bounds(case.network, t, x, b)) for k, (x, b, t) in enumerate(rows)]
        budgets.append(np.array([s.rounding + m for s, m in zip(sums, more, strict=True)]))
    return compare(
        coordinate(case), attributions(attributor, case), np.array([s.mid for s in sums]), rounding=budgets[0],
        float32=budgets[1], how=f"the {known.name} rule's own sum over {case.n_steps} nodes, evaluated in float64",
    )  # fmt: skip


Asked = Callable[[Subject, Traits], Strategy | None]


def _plain(subject: Subject, traits: Traits) -> Strategy | None:
    return drawn(subject, traits)


def _when(condition: Callable[[Subject], bool]) -> Asked:
    return lambda subject, traits: drawn(subject, traits) if condition(subject) else None


def _null(subject: Subject, traits: Traits) -> Strategy | None:
    if "baselines" not in traits.accepts:
        return None
    return drawn(subject, traits).map(lambda case: replace(case, baselines=case.inputs))


def _moved(strategy: Callable[[Strategy], Strategy]) -> Asked:
    """Examples whose baselines take other values than the given ones."""
    return lambda subject, traits: (
        strategy(drawn(subject, traits, odd=False)) if "baselines" in traits.accepts else None
    )


def _several(accept: str, mixed: bool = False) -> Asked:
    return lambda subject, traits: (
        drawn(subject, traits, several=True, mixed=mixed) if {"batches", accept} <= traits.accepts else None
    )


def _chunked(subject: Subject, traits: Traits) -> Strategy | None:
    if "chunking" not in traits.accepts:
        return None
    return _situated(drawn(subject, traits, odd=False), "chunk", (1, 7, 16, 33, 64))


def _laid_out(subject: Subject, traits: Traits) -> Strategy | None:
    kinds = ("transposed", "strided", "channels_last")
    return _situated(drawn(subject, traits), "layout", kinds if subject.sample == "image" else kinds[:-1])


def _second(subject: Subject, traits: Traits) -> Strategy | None:
    if subject.second is None:
        return None
    return drawn(subject, traits, odd=False).map(lambda case: replace(case, other=subject.second))


ASKED: dict[str, Asked] = {
    "PATH.completeness.piecewise": _when(lambda s: s.network.piecewise_linear),
    "PATH.completeness.smooth": _when(lambda s: s.network.analytic and not s.network.piecewise_linear),
    "PATH.completeness.autodiff": _when(lambda s: not s.network.analytic and not s.network.piecewise_linear),
    "IG.reversal": _moved(lambda strategy: strategy),
    "IG.segment_additivity": _moved(lambda strategy: _numbered(strategy, "share", SHARES)),
    "IG.null_path": _null,
    "QUAD.weights_sum_one": _when(lambda s: s.network.affine),
    "QUAD.variation_bound": _plain,
    "QUAD.named_rule": lambda s, t: drawn(s, t) if t.rule is not None else None,
    "RSI.completeness": _plain,
    "RS.bounded_variation": _plain,
    "CODE.shape": _plain,
    "CODE.dtype": _plain,
    "CODE.determinism": _plain,
    "CODE.purity": _plain,
    "CODE.purity_after_failure": lambda s, t: _numbered(drawn(s, t), "fails", (1.0, 0.0, 2.0)),
    "CODE.batch_independence": _several("batches"),
    "CODE.mixed_targets": _several("mixed-targets", mixed=True),
    "CODE.chunking": _chunked,
    "CODE.memory_layout": _laid_out,
    "CODE.no_grad": _plain,
    "CODE.errors": lambda s, t: _numbered(
        drawn(s, t, odd=False), "flaw", FLAWS if "baselines" in t.accepts and not t.kind.needs_layer else FLAWS[:1]
    ),
    "CODE.second_model": _second,
}
"""The claims that make sense on a given model, and their examples there."""


CHECKS = {"QUAD.named_rule": judged(nodewise)}
"""Checks that differ from those on drawn networks."""


def claims_on(subject: Subject, claims: Iterable[Claim]) -> list[Claim]:
    """The claims that can be asked about a given model, with examples from its inputs; UsageError if there is none."""
    chosen = [
        replace(claim, cases=_cases(claim, subject), check=CHECKS.get(claim.id, claim.check))
        for claim in claims if claim.id in ASKED
    ]  # fmt: skip
    if not chosen:
        raise UsageError(f"none of these claims is about a given model; with --model these are: {', '.join(ASKED)}")
    return chosen


def _cases(claim: Claim, subject: Subject) -> Cases:
    forms = {(kind.needs_layer, kind.is_map) for kind in claim.kinds}

    def cases(traits: Traits) -> Strategy | None:
        kind: Kind = traits.kind
        if (kind.needs_layer, kind.is_map) not in forms:
            return None
        return ASKED[claim.id](subject, traits)

    return cases
