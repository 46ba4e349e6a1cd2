"""What can be said of a claim after attacking it: verdicts, budgets, outcomes and findings."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Verdict(StrEnum):
    """Verdicts of one example and of a whole attack, worst first."""

    REFUTED = "refuted"
    CRASHED = "crashed"
    IMPRECISE = "imprecise"
    INCONCLUSIVE = "inconclusive"
    UNSUPPORTED = "unsupported"
    CONVENTION = "convention"
    HOLDS = "holds"
    NOT_APPLICABLE = "not applicable"


@dataclass(frozen=True)
class Comparison:
    """One received number against the enclosure [exact - radius, exact + radius] and its proved budget.

    `quadrature` bounds the error of the integration rule, `rounding` that of the working dtype and `float32` that of the
    same computation in single precision; all have the unit of the score.
    """

    what: str
    received: float
    exact: float
    radius: float = 0.0
    quadrature: float = 0.0
    rounding: float = 0.0
    float32: float = 0.0
    rigorous: bool = True
    how: str = ""

    @property
    def error(self) -> float:
        """Distance of the received number from the enclosure; infinite when it is not finite."""
        if not math.isfinite(self.received):
            return math.inf
        return max(0.0, abs(self.received - self.exact) - self.radius)

    @property
    def budget(self) -> float:
        return self.quadrature + self.rounding

    @property
    def ratio(self) -> float:
        """Error over budget: above 1 is a violation. Infinite for an error where none is allowed."""
        if self.error == 0.0:
            return 0.0
        if math.isinf(self.budget):
            return 0.0  # nothing can be said, for instance where the format may overflow
        return self.error / self.budget if self.budget > 0.0 else math.inf

    @property
    def verdict(self) -> Verdict:
        if self.ratio <= 1.0:
            return Verdict.HOLDS
        if not self.rigorous:
            return Verdict.INCONCLUSIVE
        if math.isfinite(self.error) and self.error <= self.quadrature + max(self.rounding, self.float32):
            return Verdict.IMPRECISE
        return Verdict.REFUTED


@dataclass(frozen=True)
class Outcome:
    """What one example showed; `note` is one sentence for people, `facts` are numbers worth reporting."""

    verdict: Verdict
    note: str = ""
    comparison: Comparison | None = None
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def ratio(self) -> float:
        """How clear a violation is: the comparison's ratio, infinite for violations without numbers."""
        if self.comparison is not None:
            return self.comparison.ratio
        return math.inf if self.verdict in (Verdict.REFUTED, Verdict.CRASHED) else 0.0


HOLDS = Outcome(Verdict.HOLDS)


def worst(comparisons: list[Comparison]) -> Outcome:
    """The outcome of several comparisons: the worst verdict, and within it the largest ratio, then error."""
    if not comparisons:
        return HOLDS
    order = list(Verdict)
    top = min(comparisons, key=lambda c: (order.index(c.verdict), -c.ratio, -c.error))
    return Outcome(top.verdict, comparison=top)


@dataclass(frozen=True)
class Finding:
    """The result of attacking one claim of one attributor.

    `case` is the shrunken example in JSON form (see `Case.to_json`); `tally` counts examples by verdict; `declared` says
    whether the attributor claims the property, so that a refutation is its defect, or whether it is mere information.
    """

    attributor: str
    claim: str
    verdict: Verdict
    note: str = ""
    comparison: Comparison | None = None
    case: dict[str, Any] | None = None
    formula: str = ""
    diagnosis: tuple[str, ...] = ()
    reproduction: str = ""
    tally: dict[str, int] = field(default_factory=dict)
    reasons: dict[str, int] = field(default_factory=dict)
    declared: bool = True
    seconds: float = 0.0
    replay: str = ""
    facts: tuple[tuple[str, str], ...] = ()

    @property
    def examples(self) -> int:
        return sum(self.tally.values())

    @property
    def judged(self) -> int:
        """Examples that showed something, one way or the other."""
        shown = (Verdict.HOLDS, Verdict.REFUTED, Verdict.CRASHED, Verdict.IMPRECISE)
        return sum(self.tally.get(str(verdict), 0) for verdict in shown)

    def to_json(self) -> dict[str, Any]:
        comparison = None
        if self.comparison is not None:
            c = self.comparison
            comparison = {
                "what": c.what, "received": c.received, "exact": c.exact, "radius": c.radius, "error": c.error,
                "quadrature_budget": c.quadrature, "rounding_budget": c.rounding, "float32_budget": c.float32,
                "budget": c.budget, "ratio": c.ratio, "rigorous": c.rigorous, "how": c.how,
            }  # fmt: skip
        return {
            "attributor": self.attributor, "claim": self.claim, "verdict": str(self.verdict), "note": self.note,
            "comparison": comparison, "case": self.case, "formula": self.formula, "diagnosis": list(self.diagnosis),
            "reproduction": self.reproduction, "tally": self.tally, "reasons": self.reasons,
            "declared": self.declared, "seconds": self.seconds, "replay": self.replay,
            "facts": [list(fact) for fact in self.facts],
        }  # fmt: skip


def finding_from_json(data: dict[str, Any]) -> Finding:
    """Inverse of `Finding.to_json`."""
    c = data["comparison"]
    comparison = None
    if c is not None:
        comparison = Comparison(
            c["what"], c["received"], c["exact"], c["radius"], c["quadrature_budget"], c["rounding_budget"],
            c["float32_budget"], c["rigorous"], c["how"],
        )  # fmt: skip
    rest = {k: v for k, v in data.items() if k not in {"comparison", "verdict", "diagnosis", "facts"}}
    return Finding(
        **rest,
        verdict=Verdict(data["verdict"]),
        comparison=comparison,
        diagnosis=tuple(data["diagnosis"]),
        facts=tuple((str(label), str(text)) for label, text in data.get("facts", ())),
    )
