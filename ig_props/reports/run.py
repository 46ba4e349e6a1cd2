"""What ran, what was found, and how does the process end?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ig_props.findings import Finding, Verdict
from ig_props.reproduction.expected import NOTHING, Judgement
from ig_props.running.request import INTERRUPTED, exit_code

MEANING = {
    0: "every claim that was judged holds",
    1: "a claimed property is refuted",
    2: "the command could not be understood",
    3: "the code under test cannot run",
    4: "nothing conclusive ran",
    130: "interrupted",
}
"""Exit codes, and what each says."""


@dataclass(frozen=True)
class Run:
    """A campaign that ended, as reports see it.

    parameters: everything that was asked for and changes a number. versions: of the libraries. unable: attributor ->
    one sentence saying why it cannot run. judgement: which refutations were expected. seconds: wall-clock time.
    """

    attributors: tuple[str, ...]
    parameters: Mapping[str, Any]
    versions: Mapping[str, str]
    findings: tuple[Finding, ...]
    unable: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    strict: bool = False
    judgement: Judgement = NOTHING
    interrupted: bool = False

    def of(self, attributor: str) -> list[Finding]:
        return [f for f in self.findings if f.attributor == attributor]

    def counts(self, attributor: str | None = None) -> dict[str, int]:
        """Findings by verdict, refutations of what the attributor does not claim apart as `information`."""
        kept = self.findings if attributor is None else self.of(attributor)
        return dict(Counter(self.word(f) for f in kept))

    def word(self, finding: Finding) -> str:
        """The verdict as the reports name it."""
        if finding.verdict is Verdict.REFUTED and not finding.declared:
            return "information"
        if self.fails(finding, strict=True) and self.judgement.excuses(finding):
            return "expected"
        return str(finding.verdict)

    def fails(self, finding: Finding, strict: bool | None = None) -> bool:
        """Whether the finding counts against the attributor, expected or not."""
        failing = {Verdict.REFUTED, Verdict.CRASHED}
        if self.strict if strict is None else strict:
            failing.add(Verdict.IMPRECISE)
        return finding.declared and finding.verdict in failing

    @property
    def failures(self) -> list[Finding]:
        """Findings that make the run fail."""
        return [f for f in self.findings if self.fails(f) and not self.judgement.excuses(f)]

    def exit_code_of(self, attributor: str) -> int:
        """As `campaign.exit_code`, with what is expected left out."""
        cannot_run = attributor in self.unable
        return exit_code(
            self.of(attributor), cannot_run=cannot_run, strict=self.strict, expected=self.judgement.excuses
        )

    @property
    def exit_code(self) -> int:
        """The worst of several attributors; an expected failure that is gone counts as a refutation."""
        if self.judgement.news:
            return 1
        code = exit_code(
            self.findings, cannot_run=bool(self.unable), strict=self.strict, expected=self.judgement.excuses
        )
        return INTERRUPTED if self.interrupted and code != 1 else code
