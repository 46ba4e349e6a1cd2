"""Which example refutes a claim of an attributor, and what is the simplest one that does so clearly?"""

from __future__ import annotations

import json
import math
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ig_props.findings import Finding, Outcome, Verdict
from ig_props.running.drive import Interesting, Stop, drive
from ig_props.running.events import Event, Progress, Shrinking

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from ig_props.attributors.protocol import Attributor
    from ig_props.claims.case import Case
    from ig_props.claims.claim import Claim

CLEAR = 10.0
"""A violation of this many budgets is clear: shrinking keeps it, and no clearer one is preferred to a simpler one."""
VIOLATIONS = (Verdict.REFUTED, Verdict.CRASHED, Verdict.IMPRECISE)
REASONS = 8
"""The most different notes that are counted one by one."""
LOOKING_ON = 8
"""After a violation that is not clear, so many more examples may show a clearer one."""
EVERY = 0.1
"""Seconds between two reports of progress."""
LEAST = 5
"""Examples that every claim gets, whatever its effort; fewer, cut short by the clock, show nothing."""
UNSTEADY = "the result changes between identical calls"


@dataclass(frozen=True)
class _Example:
    case: Case
    outcome: Outcome
    size: int
    order: int


def _size(case: Case, data: dict[str, Any]) -> int:
    """How much there is to read in an example; every oddity of the situation counts like a word."""
    return len(json.dumps([v for k, v in data.items() if k != "situation"])) + 8 * len(case.situation.odd())


def _severity(verdict: Verdict) -> int:
    return VIOLATIONS.index(verdict) if verdict in VIOLATIONS else len(VIOLATIONS)


def _best(pool: list[_Example]) -> _Example:
    """The clearest violation among the simplest; of equally good ones the one that was found last."""
    severity = min(_severity(e.outcome.verdict) for e in pool)
    worst = [e for e in pool if _severity(e.outcome.verdict) == severity]
    limit = 1.1 * min(e.size for e in worst)
    return max((e for e in worst if e.size <= limit), key=lambda e: (min(e.outcome.ratio, CLEAR), -e.size, e.order))


def internal_error(error: BaseException) -> str:
    """One line for a mistake of this toolkit: what and where."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    text = (str(error).strip().splitlines() or [""])[0][:200]
    return f"internal error: {type(error).__name__}: {text}{where}"


@dataclass
class _Attack:
    """The state of one attack; a case is called once, so that code with changing results cannot confuse the search.

    goal: severity and ratio of the violations that shrinking keeps to, once it has begun.
    """

    claim: Claim
    attributor: Attributor
    emit: Callable[[Event], None]
    watch: Callable[[str], None]
    known: dict[str, Outcome] = field(default_factory=dict)
    tally: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    violations: list[_Example] = field(default_factory=list)
    internal: tuple[Case | None, str] | None = None
    began: float = field(default_factory=time.perf_counter)
    reported: float = 0.0
    deadline: float = math.inf
    stopped: bool = False
    goal: tuple[int, float] | None = None

    def blame(self, case: Case | None, error: BaseException) -> Outcome:
        """A mistake of ours: no verdict, and visible whatever else is found."""
        note = internal_error(error)
        self.internal = self.internal or (case, note)
        if self.goal is not None and note not in self.reasons:
            self.reasons[note] = 1
        return Outcome(Verdict.INCONCLUSIVE, note)

    def call(self, case: Case, text: str) -> Outcome:
        from hypothesis.errors import UnsatisfiedAssumption

        assert self.claim.check is not None
        self.watch(text)
        try:
            return self.claim.check(self.attributor, case)
        except SystemExit as error:
            return Outcome(Verdict.CRASHED, f"called exit({error.code!r})")
        except UnsatisfiedAssumption:
            raise
        except Exception as error:
            return self.blame(case, error)

    def outcome(self, case: Case) -> tuple[Outcome, bool]:
        """What a case shows and whether it is new."""
        data = case.to_json()
        text = json.dumps(data)
        if text in self.known:
            return self.known[text], False
        outcome = self.known[text] = self.call(case, text)
        if outcome.verdict in VIOLATIONS:
            self.violations.append(_Example(case, outcome, _size(case, data), len(self.violations)))
        return outcome, True

    def tick(self) -> None:
        # processor time, so that what is found does not depend on what else the machine is doing
        if time.process_time() > self.deadline:
            self.stopped = True
            raise Stop

    def count(self, outcome: Outcome) -> None:
        self.tally[str(outcome.verdict)] += 1
        if outcome.note and outcome.verdict not in (Verdict.HOLDS, Verdict.REFUTED, Verdict.CRASHED):
            # situations differ from example to example; what is the matter with them does not
            reason = outcome.note.partition(" (with ")[0]
            known = reason in self.reasons or len(self.reasons) < REASONS
            self.reasons[reason if known else "other reasons"] += 1
            self.verdicts[reason] = outcome.verdict
        now = time.perf_counter()
        if now - self.reported >= EVERY:
            self.reported = now
            self.emit(Progress(self.attributor.name, self.claim.id, self.tally.total()))

    @property
    def severity(self) -> int:
        return min((_severity(e.outcome.verdict) for e in self.violations), default=len(VIOLATIONS))

    def ratio(self) -> float:
        """The largest ratio among the worst violations."""
        return max(e.outcome.ratio for e in self.violations if _severity(e.outcome.verdict) == self.severity)

    def timed(self, strategy: SearchStrategy[Case]) -> SearchStrategy[Case]:
        """The strategy, with the clock looked at before each draw; an exception of it is ours and loses one example."""
        from hypothesis import reject
        from hypothesis import strategies as st
        from hypothesis.errors import UnsatisfiedAssumption

        @st.composite
        def timed(draw: Any) -> Case:
            self.tick()
            try:
                case: Case = draw(strategy)
            except UnsatisfiedAssumption:
                raise
            except Exception as error:
                outcome = self.blame(None, error)
                if self.goal is None:
                    self.count(outcome)
                reject()
            return case

        return timed()

    def aim(self) -> None:
        """Shrink from here on; what was found until now is told first."""
        self.goal = (self.severity, min(CLEAR, self.ratio()))
        self.emit(Shrinking(self.finding()))

    def meets(self, outcome: Outcome) -> bool:
        """Whether an outcome is at least as bad as what is being shrunk."""
        if self.goal is None:
            return False
        severity, ratio = self.goal
        mine = _severity(outcome.verdict)
        return mine < severity or (mine == severity and outcome.ratio >= ratio)

    def search(
        self, strategy: SearchStrategy[Case], examples: int, seed: int, seconds: float, shrink_seconds: float
    ) -> None:
        """Generate until a violation is clear and shrink it at once; else draw again and shrink the clearest one.

        The outcomes are known by then, so drawing the same examples a second time costs the drawing alone.
        """
        from hypothesis.errors import Flaky

        left, shrinking = LOOKING_ON, False

        def body(case: Case) -> None:
            nonlocal left, shrinking
            if self.deadline == math.inf:
                self.deadline = time.process_time() + seconds
            outcome, new = self.outcome(case)
            if self.goal is None and new:
                self.count(outcome)
                if self.severity < _severity(Verdict.IMPRECISE):
                    left -= 1
                    if self.ratio() >= CLEAR:
                        self.aim()
                    elif left < 0:
                        raise Stop
            if self.meets(outcome):
                if not shrinking:
                    shrinking = True
                    self.deadline = time.process_time() + shrink_seconds
                raise Interesting
            self.tick()

        began = time.process_time()
        error = drive(self.timed(strategy), body, examples, seed)
        if self.violations and self.goal is None:
            self.aim()
            now = time.process_time()
            self.deadline = now + (now - began) + shrink_seconds
            error = drive(self.timed(strategy), body, examples, seed) or error
        # a draw that the clock cuts short looks to Hypothesis like a strategy that changed its mind
        if error is not None and not (isinstance(error, Flaky) and (self.violations or self.stopped)):
            outcome = self.blame(None, error)
            if self.goal is None:
                self.count(outcome)
        if any(self.meets(e.outcome) for e in self.violations):
            self.violations = [e for e in self.violations if self.meets(e.outcome)]

    def finding(self) -> Finding:
        """What can be said now."""
        traits, claim = self.attributor.traits, self.claim
        finding = Finding(
            attributor=self.attributor.name,
            claim=claim.id,
            verdict=Verdict.INCONCLUSIVE,
            tally=dict(self.tally),
            reasons=dict(self.reasons),
            declared=traits.kind in claim.kinds and claim.id not in traits.documented,
            seconds=time.perf_counter() - self.began,
        )
        if self.violations:
            best = _best(self.violations)
            note = "; ".join(t for t in (best.outcome.note, self._documented()) if t)
            finding = replace(finding, verdict=best.outcome.verdict, comparison=best.outcome.comparison, note=note)
            return _with_case(finding, best.case)
        if self.internal is not None:
            case, note = self.internal
            finding = replace(finding, note=note)
            return finding if case is None else _with_case(finding, case)
        if self.stopped and self.tally.total() < LEAST and self.goal is None:
            return replace(finding, note=f"time ran out after {self.tally.total()} examples; --profile deep takes more")
        if self.tally[str(Verdict.HOLDS)]:
            return replace(finding, verdict=Verdict.HOLDS)
        if not self.tally:
            return replace(finding, note="no example could be drawn")
        verdict = Verdict(self.tally.most_common(1)[0][0])
        notes = [note for note in self.reasons if self.verdicts.get(note) is verdict]
        return replace(finding, verdict=verdict, note=max(notes, key=self.reasons.__getitem__, default=""))

    def _documented(self) -> str:
        where = self.attributor.traits.documented.get(self.claim.id)
        return "" if where is None else f"documented: {where}"

    def narrowed(self, seconds: float) -> None:
        """Looks for up to `seconds` whether one sample of the example fails as clearly, alone or behind the first one."""
        deadline = time.process_time() + seconds
        best = _best(self.violations)
        case, rows = best.case, len(best.case.inputs)
        if rows == 1:
            return
        severity, ratio = _severity(best.outcome.verdict), min(CLEAR, best.outcome.ratio)
        for keep in [(k,) for k in range(rows)] + [(0, k) for k in range(1, rows)]:
            if time.process_time() > deadline:
                return
            parts = [tuple(points[k] for k in keep) for points in (case.inputs, case.baselines)]
            less = replace(case, inputs=parts[0], baselines=parts[1], targets=tuple(case.targets[k] for k in keep))
            outcome, _ = self.outcome(less)
            if _severity(outcome.verdict) <= severity and outcome.ratio >= ratio:
                self.violations = [e for e in self.violations if e.case == less]
                return

    def confirmed(self, finding: Finding) -> Finding:
        """The finding after one more call of its example."""
        best = _best(self.violations)
        again = self.call(best.case, json.dumps(best.case.to_json()))
        if _severity(again.verdict) <= _severity(best.outcome.verdict):
            return finding
        return replace(finding, note=f"{finding.note}; {UNSTEADY}" if finding.note else UNSTEADY)


def _with_case(finding: Finding, case: Case) -> Finding:
    return replace(finding, case=case.to_json(), formula=str(case))


def attack(
    claim: Claim,
    attributor: Attributor,
    *,
    examples: int,
    seed: int,
    seconds: float,
    shrink_seconds: float = 5.0,
    emit: Callable[[Event], None] = lambda event: None,
    watch: Callable[[str], None] = lambda text: None,
) -> Finding:
    """Try up to `examples` cases of a claim on an attributor for up to `seconds`, and shrink a violation.

    `emit` receives Progress and Shrinking events, `watch` the JSON text of each case before it is called. Equal
    arguments give equal examples as long as time does not run out. What the code under test raises is the business of
    the claim's check: an exception that reaches here is a mistake of this toolkit and is reported as such, never as a
    refutation.
    """
    state = _Attack(claim, attributor, emit, watch)
    if claim.cases is None or claim.check is None:
        return replace(state.finding(), verdict=Verdict.NOT_APPLICABLE, note="a statement that no attributor can break")
    try:
        strategy = claim.cases(attributor.traits)
    except Exception as error:
        state.count(state.blame(None, error))
        return state.finding()
    if strategy is None:
        note = "does not apply to what this attributor computes or accepts"
        return replace(state.finding(), verdict=Verdict.NOT_APPLICABLE, note=note)
    state.search(strategy, examples, seed, seconds, shrink_seconds)
    if not state.violations:
        return state.finding()
    state.narrowed(shrink_seconds)
    finding = state.confirmed(state.finding())
    return replace(finding, seconds=time.perf_counter() - state.began)
