"""Does an attack find, shrink and report what is wrong, and nothing else?"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st

from ig_props.attributors.protocol import Call, Kind, Traits
from ig_props.claims.case import Case, case_from_json
from ig_props.claims.claim import Claim, ClaimKind
from ig_props.findings import HOLDS, Comparison, Finding, Outcome, Verdict
from ig_props.networks.network import Affine, Network, Node
from ig_props.running.attack import CLEAR, UNSTEADY, attack
from ig_props.running.events import Event, Progress, Shrinking, from_line, to_line


class Fake:
    """An attributor that is never called: the checks below look at the case alone."""

    name = "fake"
    traits = Traits()

    def attribute(self, call: Call) -> Any:
        raise AssertionError("not to be called")


@st.composite
def linear(draw: st.DrawFn) -> Case:
    """F = w·x with up to four coordinates."""
    size = draw(st.integers(1, 4))
    weights, x = (
        tuple(float(v) for v in draw(st.lists(st.integers(-9, 9), min_size=size, max_size=size))) for _ in range(2)
    )
    network = Network((size,), (Node(Affine((weights,), (0.0,)), (0,)),))
    return Case(network, (x,), ((0.0,) * size,), (0,), draw(st.sampled_from((8, 1, 16))))


def claim(check: Callable[[Any, Case], Outcome], cases: Any = lambda traits: linear(), **more: Any) -> Claim:
    return Claim("FAKE.claim", "fake", ClaimKind.THEOREM, "a statement", cases=cases, check=check, **more)


def score(case: Case) -> float:
    op = case.network.nodes[0].op
    assert isinstance(op, Affine)
    return sum(w * v for w, v in zip(op.weight[0], case.inputs[0], strict=True))


def run(check: Callable[[Any, Case], Outcome], seed: int = 1, **more: Any) -> Finding:
    arguments: dict[str, Any] = {"examples": 80, "seconds": 20.0, "shrink_seconds": 20.0} | more
    return attack(claim(check), Fake(), seed=seed, **arguments)


def off_by(error: float, budget: float = 1.0, float32: float = 0.0) -> Outcome:
    comparison = Comparison("the sum", error, 0.0, rounding=budget, float32=float32)
    return Outcome(comparison.verdict, comparison=comparison)


def test_a_claim_that_holds_counts_its_examples() -> None:
    finding = run(lambda attributor, case: HOLDS)
    assert finding.verdict is Verdict.HOLDS
    assert 60 <= finding.tally["holds"] <= 80
    assert finding.case is None
    assert finding.declared


def test_a_violation_shrinks_to_the_simplest_example() -> None:
    finding = run(lambda attributor, case: off_by(1e6 * score(case)))
    assert finding.verdict is Verdict.REFUTED
    assert finding.formula.splitlines()[0] in ("F = x0, x = (1), baseline = (0)", "F = -x0, x = (1), baseline = (0)")
    assert finding.case is not None
    assert str(case_from_json(finding.case)) == finding.formula
    assert finding.comparison is not None
    assert finding.comparison.ratio > CLEAR


@pytest.mark.parametrize("seed", range(3))
def test_shrinking_stays_away_from_the_threshold(seed: int) -> None:
    finding = run(lambda attributor, case: off_by(score(case)), seed=seed)
    assert finding.comparison is not None
    assert finding.comparison.ratio >= CLEAR


def test_a_violation_that_is_never_clear_is_still_found_and_not_made_less_clear() -> None:
    ratios = []

    def check(attributor: Any, case: Case) -> Outcome:
        outcome = off_by(1.0 + abs(score(case)) / 100)
        ratios.append(outcome.ratio)
        return outcome

    finding = run(check)
    assert finding.comparison is not None
    assert 1.0 < max(ratios[: finding.examples]) <= finding.comparison.ratio < CLEAR


def test_equal_seeds_give_equal_findings_and_other_seeds_other_examples() -> None:
    def drawn(seed: int) -> list[str]:
        texts: list[str] = []
        attack(claim(lambda a, c: HOLDS), Fake(), examples=30, seed=seed, seconds=20.0, watch=texts.append)
        return texts

    assert drawn(3) == drawn(3)
    assert drawn(3) != drawn(4)


def test_refuted_wins_over_imprecise_and_imprecise_over_holds() -> None:
    def check(attributor: Any, case: Case) -> Outcome:
        return off_by(score(case), float32=50.0)

    imprecise = run(lambda a, c: off_by(min(abs(score(c)), 40.0), float32=50.0))
    assert imprecise.verdict is Verdict.IMPRECISE
    assert imprecise.tally["holds"] > 0
    assert imprecise.comparison is not None
    assert imprecise.comparison.ratio >= CLEAR
    assert run(check).verdict is Verdict.REFUTED


def test_the_most_frequent_reason_is_told_when_nothing_held() -> None:
    notes = itertools.cycle(("raised A", "raised B", "raised A"))
    finding = run(lambda a, c: Outcome(Verdict.UNSUPPORTED, next(notes)))
    assert finding.verdict is Verdict.UNSUPPORTED
    assert finding.note == "raised A"
    assert set(finding.reasons) == {"raised A", "raised B"}


def test_many_different_reasons_are_not_listed_one_by_one() -> None:
    notes = itertools.count()
    finding = run(lambda a, c: Outcome(Verdict.INCONCLUSIVE, f"reason {next(notes)}"))
    assert len(finding.reasons) == 9
    assert finding.reasons["other reasons"] == finding.examples - 8


def test_code_whose_results_change_is_refuted_with_a_note() -> None:
    calls = itertools.count()
    finding = run(lambda a, c: off_by(1e6) if next(calls) in (5, 6, 7, 9) else HOLDS)
    assert finding.verdict is Verdict.REFUTED
    assert UNSTEADY in finding.note


def test_a_mistake_of_ours_is_inconclusive_and_visible() -> None:
    def check(attributor: Any, case: Case) -> Outcome:
        raise ZeroDivisionError("ours")

    finding = run(check)
    assert finding.verdict is Verdict.INCONCLUSIVE
    assert finding.note.startswith("internal error: ZeroDivisionError: ours (test_attack.py:")
    assert finding.case is not None


def test_a_mistake_of_ours_does_not_hide_a_refutation_nor_a_refutation_the_mistake() -> None:
    def check(attributor: Any, case: Case) -> Outcome:
        if case.n_steps == 1:
            raise ZeroDivisionError("ours")
        return off_by(1e6) if score(case) > 20 else HOLDS

    finding = run(check)
    assert finding.verdict is Verdict.REFUTED
    assert any(reason.startswith("internal error") for reason in finding.reasons)


def test_a_mistake_in_a_strategy_is_inconclusive_and_visible() -> None:
    broken = claim(lambda a, c: HOLDS, cases=lambda traits: st.integers().map(lambda k: k.nothing))
    worse = claim(lambda a, c: HOLDS, cases=lambda traits: 1 / 0)
    for item in (broken, worse):
        finding = attack(item, Fake(), examples=20, seed=0, seconds=5.0)
        assert finding.verdict is Verdict.INCONCLUSIVE
        assert "internal error" in finding.note


def test_exit_is_a_crash_and_shrinks() -> None:
    def check(attributor: Any, case: Case) -> Outcome:
        raise SystemExit(3)

    finding = run(check)
    assert finding.verdict is Verdict.CRASHED
    assert finding.note == "called exit(3)"
    assert finding.formula.startswith("F = 0, x = (0)")


def test_claims_that_do_not_apply_say_so() -> None:
    for item in (claim(lambda a, c: HOLDS, cases=lambda traits: None), claim(lambda a, c: HOLDS, cases=None)):
        finding = attack(item, Fake(), examples=20, seed=0, seconds=5.0)
        assert finding.verdict is Verdict.NOT_APPLICABLE
        assert finding.note
        assert finding.examples == 0


def test_a_strategy_without_examples_is_inconclusive() -> None:
    item = claim(lambda a, c: HOLDS, cases=lambda traits: linear().filter(lambda case: False))
    finding = attack(item, Fake(), examples=20, seed=0, seconds=5.0)
    assert (finding.verdict, finding.note) == (Verdict.INCONCLUSIVE, "no example could be drawn")


def test_a_property_that_is_not_claimed_or_documented_to_fail_is_information() -> None:
    refuted = lambda a, c: off_by(1e6)  # noqa: E731
    path = claim(refuted, kinds=frozenset({Kind.PATH}))
    assert not attack(path, Fake(), examples=5, seed=0, seconds=5.0).declared

    class Documented(Fake):
        traits = Traits(documented={"FAKE.claim": "the manual, page 3"})

    finding = attack(claim(refuted), Documented(), examples=5, seed=0, seconds=5.0)
    assert not finding.declared
    assert "documented: the manual, page 3" in finding.note


def test_time_ends_generation_and_shrinking() -> None:
    def slow(outcome: Outcome) -> Callable[[Any, Case], Outcome]:
        def check(attributor: Any, case: Case) -> Outcome:
            end = time.process_time() + 0.01  # what counts is processor time
            while time.process_time() < end:
                pass
            return outcome

        return check

    began = time.process_time()
    assert 1 <= run(slow(HOLDS), examples=1000, seconds=0.2).examples < 40
    assert run(slow(off_by(1e6)), shrink_seconds=0.2).verdict is Verdict.REFUTED
    assert time.process_time() - began < 3.0


def test_events_tell_progress_and_the_violation_before_it_is_shrunk() -> None:
    events: list[Event] = []

    def check(attributor: Any, case: Case) -> Outcome:
        time.sleep(0.005)
        return off_by(1e6) if score(case) > 9 else HOLDS

    finding = run(check, emit=events.append)
    (shrinking,) = (e for e in events if isinstance(e, Shrinking))
    assert shrinking.finding.verdict is Verdict.REFUTED
    assert shrinking.finding.case is not None
    assert any(isinstance(e, Progress) and e.claim == finding.claim for e in events)


def test_hypothesis_leaves_no_trace(tmp_path: Path, monkeypatch: Any, capfd: Any, recwarn: Any) -> None:
    monkeypatch.chdir(tmp_path)
    run(lambda attributor, case: off_by(1e6 * score(case)))
    assert capfd.readouterr() == ("", "")
    assert list(tmp_path.iterdir()) == []
    assert not recwarn.list


def test_events_survive_json() -> None:
    comparison = Comparison("x", math.inf, 1.0)
    finding = Finding("a", "c", Verdict.REFUTED, comparison=comparison, diagnosis=("d",), case={"k": [1]})
    for event in (Progress("a", "c", 3), Shrinking(finding)):
        assert from_line(to_line(event)) == event
    with pytest.raises(ValueError, match="an event is one of started"):
        from_line('{"event": "unknown"}')
    with pytest.raises(ValueError, match="does not have the fields"):
        from_line('{"event": "progress"}')
