"""Does a campaign survive whatever code under test does, and say what it did?"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ig_props.attributors.protocol import Call, Traits
from ig_props.campaign import PROFILES, Findings, Profile, Request, UsageError, campaign, check, claim_seed, exit_code
from ig_props.findings import Finding, Verdict
from ig_props.running.events import Attacking, CannotRunEvent, Event, Finished, Found, Shrinking, Started
from ig_props.running.pool import Pool
from ig_props.running.worker import Board, Phase, Watched

CLAIMS = '''
"""Claims whose number of steps tells the code under test what to do."""
from hypothesis import strategies as st
from ig_props.checking.calling import answered, attributions
from ig_props.claims.case import Case
from ig_props.claims.claim import Claim, ClaimKind
from ig_props.claims import registry
from ig_props.findings import Comparison, worst
from ig_props.networks.network import Affine, Network, Node

NAMES = ("ok.0", "segfault", "ok.1", "hang", "ok.2", "raise")

def cases(steps):
    def of(traits):
        def case(pair):
            network = Network((1,), (Node(Affine(((float(pair[0]),),), (0.0,)), (0,)),))
            return Case(network, ((float(pair[1]),),), ((0.0,),), (0,), steps)
        return st.tuples(st.integers(-9, 9), st.integers(-9, 9)).map(case)
    return of

@answered
def complete(attributor, case):
    received = float(attributions(attributor, case).sum())
    exact = case.network.nodes[0].op.weight[0][0] * case.inputs[0][0]
    return worst([Comparison("the sum", received, exact, rounding=1e-9)])

CLAIMS = [
    Claim(name, "fake", ClaimKind.THEOREM, name, cases=cases(11 + k), check=complete) for k, name in enumerate(NAMES)
]

def select(globs):
    real, registry.claims = registry.claims, lambda: {claim.id: claim for claim in CLAIMS}
    try:
        return registry.select(globs)
    finally:
        registry.claims = real
'''

FOREIGN = """
import ctypes, os, sys, time
import torch

def attribute(model, inputs, baselines, target, n_steps=50):
    x = inputs.detach().clone().requires_grad_(True)
    (gradient,) = torch.autograd.grad(model(x)[:, 0].sum(), x)
    return gradient * (inputs - baselines)

def noisy(model, inputs, baselines, target, n_steps=50):
    if n_steps == 11:
        for _ in range(50):
            print("x" * 2**20)
        os.write(2, b"y" * 2**20)
        sys.stdout = sys.stderr = None
    input_is_empty = sys.stdin.read() == ""
    return attribute(model, inputs, baselines, target) * (1 if input_is_empty else 2)

def mixed(model, inputs, baselines, target, n_steps=50):
    if n_steps == 12:
        ctypes.string_at(0)
    if n_steps == 14:
        while True:
            time.sleep(0.1)
    if n_steps == 16:
        raise RuntimeError("not today")
    return attribute(model, inputs, baselines, target) * (2 if n_steps == 15 else 1)

def mortal(model, inputs, baselines, target, n_steps=50):
    if n_steps != 8:
        os._exit(7)
    return attribute(model, inputs, baselines, target)

def forks(model, inputs, baselines, target, n_steps=50):
    os.fork()
    return attribute(model, inputs, baselines, target)

def nothing(model, inputs, baselines, target, n_steps=50):
    return None

def leaves(model, inputs, baselines, target, n_steps=50):
    sys.exit("good bye")
"""

QUICK = Profile("tiny", 6, 2.0, 1.0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path: Path = tmp_path_factory.mktemp("foreign")
    (path / "fake_claims.py").write_text(CLAIMS)
    (path / "foreign.py").write_text(FOREIGN)
    (path / "strange.py").write_text("def attribute(x):\n    return x\n")
    (path / "exits.py").write_text("import sys\nsys.exit(0)\n")
    (path / "dies.py").write_text("import os\nprint('out of luck')\nos._exit(5)\n")
    (path / "sleeps.py").write_text("import time\ntime.sleep(600)\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(path))
        patch.syspath_prepend(str(path))
        yield path


def request(folder: Path, *names: str, **more: Any) -> Request:
    specs = tuple(f"{folder}/{name}" for name in names)
    return replace(Request(specs, profile=QUICK, timeout=3.0, jobs=2, registry="fake_claims"), **more)


NAMES = (
    "foreign.py:noisy", "foreign.py:mixed", "foreign.py:mortal", "foreign.py:nothing", "strange.py", "exits.py:f",
    "dies.py:f", "missing.py:f",
)  # fmt: skip


@pytest.fixture(scope="module")
def events(folder: Path) -> list[Event]:
    return list(campaign(request(folder, *NAMES)))


def found(events: list[Event], name: str) -> dict[str, Finding]:
    return {e.finding.claim: e.finding for e in events if isinstance(e, Found) and e.finding.attributor.endswith(name)}


def sentence(events: list[Event], name: str) -> str:
    (text,) = (e.sentence for e in events if isinstance(e, CannotRunEvent) and e.attributor.endswith(name))
    return text


def test_a_campaign_starts_and_finishes_once(events: list[Event]) -> None:
    (started,) = (e for e in events if isinstance(e, Started))
    assert events[0] is started
    assert len(started.claims) == 6
    assert {"python", "torch", "hypothesis"} <= set(started.versions)
    (finished,) = (e for e in events if isinstance(e, Finished))
    assert events[-1] is finished
    assert finished.exit_code == 1


def test_megabytes_of_prints_and_a_missing_stdout_disturb_nothing(events: list[Event]) -> None:
    findings = found(events, "noisy")
    assert len(findings) == 6
    assert {f.verdict for f in findings.values()} == {Verdict.HOLDS}


def test_a_crash_is_a_finding_with_its_case_and_the_rest_goes_on(events: list[Event]) -> None:
    findings = found(events, "mixed")
    assert len(findings) == 6
    verdicts = {claim: finding.verdict for claim, finding in findings.items()}
    assert verdicts == {
        "ok.0": Verdict.HOLDS, "ok.1": Verdict.HOLDS, "ok.2": Verdict.REFUTED,
        "segfault": Verdict.CRASHED, "hang": Verdict.CRASHED, "raise": Verdict.UNSUPPORTED,
    }  # fmt: skip
    assert findings["segfault"].note == "the process was ended by signal SIGSEGV when it was called"
    assert findings["hang"].note == "did not answer within 3 s"
    assert findings["raise"].note.startswith("raised RuntimeError: not today")
    for name, steps in (("segfault", 12), ("hang", 14)):
        case = findings[name].case
        assert case is not None
        assert case["n_steps"] == steps
        assert f"n_steps = {steps}" in findings[name].formula


def test_a_refuted_claim_is_shrunk_in_the_worker(events: list[Event]) -> None:
    finding = found(events, "mixed")["ok.2"]
    assert finding.comparison is not None
    assert finding.comparison.received == 2 * finding.comparison.exact != 0
    assert "x = (1)" in finding.formula or "x = (-1)" in finding.formula
    assert any(isinstance(e, Shrinking) and e.finding.claim == "ok.2" for e in events)


def test_after_three_crashes_in_a_row_the_rest_is_not_attacked(events: list[Event]) -> None:
    findings = found(events, "mortal")
    assert len(findings) == 6
    crashed = [f for f in findings.values() if f.verdict is Verdict.CRASHED]
    rest = [f for f in findings.values() if f.verdict is Verdict.INCONCLUSIVE]
    assert 3 <= len(crashed) <= 4
    assert len(crashed) + len(rest) == 6
    assert {f.note for f in crashed} == {"the process ended with exit code 7 when it was called"}
    assert {f.note for f in rest} == {"not attacked: the last 3 attacks ended the process"}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("nothing", "returned None; a tensor of shape [1, 2] is needed"),
        ("strange.py", "takes (x)"),
        ("exits.py:f", "SystemExit: 0"),
        ("dies.py:f", "the process ended with exit code 5 on import (out of luck)"),
        ("missing.py:f", "there is no file"),
    ],
)
def test_code_that_cannot_run_is_one_sentence(events: list[Event], name: str, text: str) -> None:
    assert text in sentence(events, name)
    assert "\n" not in sentence(events, name)
    assert found(events, name) == {}


def test_an_import_that_hangs_is_one_sentence(folder: Path) -> None:
    started, event, finished = campaign(request(folder, "sleeps.py:f", import_timeout=1.0, jobs=1))
    assert isinstance(started, Started)
    assert isinstance(event, CannotRunEvent)
    assert event.sentence.endswith("sleeps.py:f was not imported within 1 s")
    assert isinstance(finished, Finished)
    assert finished.exit_code == 3


def test_every_attack_that_began_ended(events: list[Event]) -> None:
    begun = [(e.attributor, e.claim) for e in events if isinstance(e, Attacking)]
    ended = [(e.finding.attributor, e.finding.claim) for e in events if isinstance(e, Found)]
    assert len(set(begun)) == len(begun)
    assert set(begun) <= set(ended)
    assert len(set(ended)) == len(ended)


def test_copies_that_the_code_forks_do_not_go_on(folder: Path) -> None:
    seen = list(
        campaign(request(folder, "foreign.py:forks", claims=("ok.0",), jobs=1, profile=Profile("two", 2, 2.0, 0.1)))
    )
    assert [e.finding.verdict for e in seen if isinstance(e, Found)] == [Verdict.HOLDS]


def test_an_unknown_claim_is_wrong_usage(folder: Path) -> None:
    with pytest.raises(UsageError, match=r"no claim matches 'ok.9'; did you mean ok"):
        list(campaign(request(folder, "foreign.py:attribute", claims=("ok.9",), jobs=1)))


def test_an_interrupted_campaign_tells_what_it_found_and_leaves_no_process(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workers = []

    def interrupt(pool: Pool, seat: Any) -> Iterator[Event]:
        if seat.worker not in workers:
            workers.append(seat.worker)
        if seat.best is not None:
            raise KeyboardInterrupt
        yield from ()

    monkeypatch.setattr(Pool, "_look", interrupt)
    wanted = request(folder, "foreign.py:mixed", claims=("ok.2",), jobs=1, profile=Profile("long", 6, 2.0, 60.0))
    seen = list(campaign(wanted))
    assert isinstance(seen[-1], Finished)
    assert seen[-1].interrupted
    assert found(seen, "mixed")["ok.2"].verdict is Verdict.REFUTED
    assert all(worker.process.poll() is not None for worker in workers)


def test_a_campaign_that_is_dropped_leaves_no_process(folder: Path) -> None:
    pool = Pool(request(folder, "sleeps.py:f", "sleeps.py:g"))
    pool._fill()
    processes = [worker.process for worker in pool.seats]
    assert [process.poll() for process in processes] == [None, None]
    pool.close()
    assert all(process.poll() is not None for process in processes)


def test_a_function_is_checked_in_this_process(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    import foreign  # type: ignore[import-not-found]

    seen: list[Event] = []
    findings = check(foreign.mixed, claims="ok.*,raise", profile=QUICK, registry="fake_claims", emit=seen.append)
    assert isinstance(findings, Findings)
    assert [f.verdict for f in findings] == [*[Verdict.HOLDS] * 2, Verdict.REFUTED, Verdict.UNSUPPORTED]
    assert findings.exit_code == 1
    assert isinstance(seen[0], Started)
    assert isinstance(seen[-1], Finished)
    assert "REFUTED" in str(findings).upper()
    assert "<" in findings._repr_html_()
    assert capfd.readouterr() == ("", "")


def test_a_function_that_cannot_run_is_told_apart(folder: Path) -> None:
    import foreign

    for function, text in (
        (foreign.nothing, "nothing on a plain call (inputs [1, 2] in float64, n_steps 8) returned None"),
        (foreign.leaves, "called exit('good bye')"),
        (lambda x: x, "takes (x)"),
    ):
        findings = check(function, profile=QUICK, registry="fake_claims")
        assert (len(findings), findings.exit_code) == (0, 3)
        assert text in findings.cannot_run[0].sentence


def test_wrong_usage_of_check_names_what_is_accepted(folder: Path) -> None:
    import foreign

    with pytest.raises(UsageError, match="profile is one of quick, default, deep"):
        check(foreign.attribute, profile="fast")
    with pytest.raises(UsageError, match="as_ is one of ig, path"):
        check(foreign.attribute, as_="igg", registry="fake_claims")
    with pytest.raises(UsageError, match="no claim matches"):
        check(foreign.attribute, claims="nothing", registry="fake_claims")


def test_exit_codes() -> None:
    def finding(verdict: Verdict, name: str = "a", declared: bool = True) -> Finding:
        return Finding(name, "c", verdict, declared=declared)

    holds, refuted, imprecise = finding(Verdict.HOLDS), finding(Verdict.REFUTED), finding(Verdict.IMPRECISE)
    assert exit_code([holds]) == 0
    assert exit_code([holds, refuted]) == 1
    assert exit_code([holds, finding(Verdict.CRASHED)]) == 1
    assert exit_code([holds, finding(Verdict.REFUTED, declared=False)]) == 0
    assert exit_code([holds, refuted], expected=lambda f: f is refuted) == 0
    assert (exit_code([imprecise]), exit_code([imprecise], strict=True)) == (0, 1)
    assert exit_code([holds], cannot_run=True) == 3
    assert exit_code([refuted], cannot_run=True) == 1
    assert exit_code([]) == exit_code([finding(Verdict.UNSUPPORTED)]) == 4
    assert exit_code([holds, finding(Verdict.INCONCLUSIVE, "b")]) == 4


def test_the_seed_of_a_claim_depends_on_nothing_else() -> None:
    assert claim_seed(0, "IG.symmetry") == claim_seed(0, "IG.symmetry")
    assert len({claim_seed(s, c) for s in (0, 1) for c in ("a", "b")}) == 4


def test_the_parent_does_not_need_torch() -> None:
    code = "import sys, ig_props.campaign; sys.exit(any(m in sys.modules for m in ('torch', 'hypothesis', 'numpy')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_showing_a_case_is_cheap(tmp_path: Path) -> None:
    board = Board(tmp_path / "board", create=True)
    text = '{"network": "' + "x" * 2000 + '"}'
    began = time.perf_counter()
    for _ in range(1000):
        board.show(text)
        board.enter(Phase.CALLING)
        board.enter(Phase.CHECKING)
    assert (time.perf_counter() - began) / 1000 < 0.0002
    assert board.case() == {"network": "x" * 2000}
    board.show("x" * 2**21)
    assert board.case() is None


def test_an_exception_that_ends_processes_is_an_error_like_others(tmp_path: Path) -> None:
    class Interrupting:
        name, traits = "interrupting", Traits()

        def attribute(self, call: Call) -> Any:
            raise KeyboardInterrupt

    board = Board(tmp_path / "board", create=True)
    with pytest.raises(RuntimeError, match="raised KeyboardInterrupt, which is no Exception"):
        Watched(Interrupting(), board).attribute(None)  # type: ignore[arg-type]
    assert board.state()[0] is Phase.CHECKING


def test_profiles_are_ordered() -> None:
    quick, default, deep = (PROFILES[name] for name in ("quick", "default", "deep"))
    assert quick.examples < default.examples < deep.examples


def test_claims_that_do_not_apply_are_not_counted_as_unfinished_after_crashes(tmp_path: Path) -> None:
    file = tmp_path / "leaving.py"
    file.write_text(
        "import os\n"
        "def attribute(model, inputs, baselines, target, n_steps=8):\n"
        "    return inputs * 0 if n_steps == 8 else os._exit(3)\n"
    )
    claims = "QUAD.moments,QUAD.weights_sum_one,PATH.completeness.smooth,CODE.determinism,CODE.dtype,RSI.*,RS.by_parts"
    found = {f.claim: f.verdict for f in check(f"{file}:attribute", claims=claims, profile="quick", jobs=1)}
    assert found["RS.by_parts"] is found["RSI.completeness"] is Verdict.NOT_APPLICABLE
    assert Verdict.CRASHED in found.values()
