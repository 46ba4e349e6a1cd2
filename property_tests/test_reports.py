"""Do the reports say what was found, to people and to programs?"""

from __future__ import annotations

import io
import json
import math
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from rich.console import Console

from ig_props.findings import Comparison, Finding, Verdict, finding_from_json
from ig_props.networks.network import Affine, Network, Node
from ig_props.reports import describe, json_, junit, notebook, terminal
from ig_props.reproduction.expected import Expected, ExpectedError, Judgement, entries, judge, read
from ig_props.running.events import Attacking, Found, Progress, Shrinking, Started
from property_tests.fakes import DIAGNOSIS, LARGER, NAME, SMALL, every_verdict, finding, refuted, run


@pytest.fixture(autouse=True)
def statements(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reports are tested without the claims, which take seconds to import."""
    monkeypatch.setattr(describe, "statement", lambda claim: f"what {claim} says")


def text(*findings: Finding, verbose: bool = False, width: int = 100) -> str:
    return terminal.plain(terminal.report(run(*findings), verbose=verbose), width)


def test_a_refuted_finding_shows_everything_a_person_needs_to_check_it() -> None:
    shown = text(refuted())
    for part in (
        "QUAD.weights_sum_one", "what QUAD.weights_sum_one says", "F         x0", "x         (1)", "baseline  (0)",
        "n_steps   8", "received  0.875", "exact     1", "error     0.125", "1.5e-14 rounding", "times the budget",
        "import torch", "ig-props replay .ig-props/findings/x.json", DIAGNOSIS[0],
    ):  # fmt: skip
        assert part in shown, part


def test_the_header_names_every_parameter_that_changes_a_number() -> None:
    shown = text(refuted())
    for part in ("captum 0.9.0", "torch 2.13.0", "ig-props 0.1.0", "python 3.11.7", "float64", "cpu", "profile quick",
                 "seed 7", "jobs 2", "method=riemann_trapezoid"):  # fmt: skip
        assert part in shown, part


def test_odd_situations_and_several_samples_are_shown() -> None:
    shown = text(refuted(case=LARGER))
    assert "dtype=float32, no_grad=True" in shown
    assert "x[1]" in shown
    assert "relu(x0 - x1) + x1" in shown


def test_scores_of_other_classes_are_shown() -> None:
    two = Network((1,), (Node(Affine(((2.0,), (-3.0,)), (0.0, 0.0)), (0,)),))
    shown = text(refuted(case=replace(SMALL, network=two)))
    assert "score 1   -3*x0" in shown
    assert "score 0" not in shown


def test_a_diagnosis_shared_by_findings_is_said_once() -> None:
    assert text(*(refuted(c) for c in ("PATH.dummy", "IG.symmetry", "QUAD.order"))).count(DIAGNOSIS[0]) == 1


def test_a_diagnosis_of_one_finding_among_several_stays_with_it() -> None:
    shown = text(refuted("A"), refuted("B", LARGER, diagnosis=("the baseline is ignored",)), refuted("C"))
    assert shown.count("the baseline is ignored") == shown.count(DIAGNOSIS[0]) == 1
    assert shown.index("REFUTED  B") < shown.index("the baseline is ignored")


def test_simple_counterexamples_come_first() -> None:
    shown = text(refuted("LARGE", LARGER), refuted("SMALL", SMALL))
    assert shown.index("REFUTED  SMALL") < shown.index("REFUTED  LARGE")


def test_only_the_simplest_findings_are_shown_in_full_unless_asked() -> None:
    many = [refuted(f"CLAIM.{k}", replace(SMALL, n_steps=k + 1)) for k in range(9)]
    assert text(*many).count("times the budget\n\nimport torch") == terminal.BLOCKS
    assert "also refuted" in text(*many)
    assert all(f"CLAIM.{k}" in text(*many) for k in range(9))
    assert text(*many, verbose=True).count("import torch") == 9


def test_claims_that_one_example_refutes_share_a_block() -> None:
    shown = text(refuted("A"), refuted("B"), refuted("C", LARGER))
    assert shown.count("import torch") == 2
    assert "refutes also  B" in shown
    assert text(refuted("A"), refuted("B"), verbose=True).count("import torch") == 2


def test_every_verdict_has_its_place() -> None:
    shown = text(*every_verdict())
    for part in ("REFUTED", "CRASHED", "imprecise", "inconclusive: 1 claim", "unsupported: 1 claim",
                 "convention: 1 claim", "no oracle for softmax", "raised RuntimeError: no graph", "not claimed",
                 "did not answer within 20 s"):  # fmt: skip
        assert part in shown, part


def test_the_summary_counts_what_ran_and_says_how_the_process_ends() -> None:
    last = " ".join(text(*every_verdict()).splitlines()[-3:])
    for part in ("10 claims attacked with 200 examples in 12.3 s", "2 held", "2 refuted", "1 crashed", "1 imprecise",
                 "1 inconclusive", "1 refuted but not claimed", "1 not applicable",
                 "Exit code 1: 3 claimed properties are refuted or crashed."):  # fmt: skip
        assert part in last, part


@pytest.mark.parametrize("width", [80, 120])
def test_reports_keep_to_the_width_except_for_text_to_copy(width: int) -> None:
    shown = terminal.plain(terminal.report(run(*every_verdict())), width)
    copied = ("import torch", "print(", "ig-props replay")
    assert [line for line in shown.splitlines() if len(line) > width and not line.startswith(copied)] == []


def test_long_lines_to_copy_are_neither_wrapped_nor_cut() -> None:
    code = "a = attribute(" + ", ".join(f"word_{k}=1" for k in range(40)) + ")"
    assert code in text(refuted(reproduction=code), width=80).splitlines()


def test_reports_without_colour_hold_no_escapes() -> None:
    out = io.StringIO()
    Console(file=out, no_color=True, force_terminal=False).print(terminal.report(run(*every_verdict())))
    assert "\x1b" not in out.getvalue()


def test_reasons_are_counted_whatever_the_situation_was() -> None:
    reasons = {"other reasons": 9, "raised E: no": 2, "raised E: no (with dtype=float32)": 3}
    shown = text(finding("A", Verdict.UNSUPPORTED, reasons=reasons)).splitlines()
    assert shown.index("5x  raised E: no  A") < shown.index("9x  other reasons  A")


def test_examples_of_a_claim_that_holds_and_that_were_not_judged_are_counted_with_their_reasons() -> None:
    tally = {"holds": 3, "unsupported": 4, "not applicable": 1}
    reasons = {f"raised ValueError: no {k}": k + 1 for k in range(terminal.REASONS + 1)}
    held = replace(finding("PATH.dummy", Verdict.HOLDS), tally=tally, reasons=reasons)
    shown = text(held)
    assert "3 of 8" in shown
    assert "3 of 8" in notebook.html(run(held))
    assert [f"no {k}" in shown for k in range(terminal.REASONS + 1)] == [False, *[True] * terminal.REASONS]
    assert "no 0" in text(held, verbose=True)
    assert "3 of" not in text(replace(held, tally={"holds": 3}, reasons={}))


def test_the_replay_command_names_code_that_is_not_ours() -> None:
    shown = terminal.plain(terminal.block(refuted(attributor="my code.py:f[n=2]"))).splitlines()
    assert "ig-props replay .ig-props/findings/x.json --attributor 'my code.py:f'" in shown


def test_foreign_text_is_not_taken_for_markup() -> None:
    assert "[bold]raised[/nothing]" in text(refuted(note="[bold]raised[/nothing]"))


def test_numbers_that_differ_late_are_shown_apart() -> None:
    assert describe.apart(1.0, 1.0000000001) == ("1", "1.0000000001")
    assert describe.apart(0.5, 1.0) == ("0.5", "1")
    assert describe.apart(math.nan, 1.0) == ("nan", "1")


def test_a_number_that_is_not_finite_is_said_to_be_so() -> None:
    assert "not finite" in text(refuted(comparison=Comparison("attribution of x0", math.nan, 1.0)))


def test_a_case_that_cannot_be_read_does_not_hide_the_finding() -> None:
    assert "x0 at 1" in text(replace(refuted(), case={"odd": 1}, formula="x0 at 1"))


@pytest.mark.parametrize(
    ("findings", "changes", "code"),
    [
        ([finding("A", Verdict.HOLDS)], {}, 0),
        ([refuted()], {}, 1),
        ([refuted(declared=False), finding("A", Verdict.HOLDS)], {}, 0),
        ([finding("A", Verdict.CRASHED)], {}, 1),
        ([finding("A", Verdict.IMPRECISE)], {}, 0),
        ([finding("A", Verdict.IMPRECISE)], {"strict": True}, 1),
        ([finding("A", Verdict.INCONCLUSIVE), finding("B", Verdict.UNSUPPORTED)], {}, 4),
        ([], {"unable": {NAME: "is not installed"}}, 3),
        ([finding("A", Verdict.HOLDS)], {"unable": {"x:y": "no"}, "attributors": (NAME, "x:y")}, 3),
        ([refuted()], {"unable": {"x:y": "no"}, "attributors": (NAME, "x:y")}, 1),
        ([finding("A", Verdict.HOLDS)], {"interrupted": True}, 130),
        ([refuted()], {"interrupted": True}, 1),
        ([refuted()], {"judgement": Judgement({(NAME, "QUAD.weights_sum_one"): "known"})}, 0),
        ([finding("A", Verdict.HOLDS)], {"judgement": Judgement({}, ("it holds now",))}, 1),
    ],
)
def test_exit_codes(findings: list[Finding], changes: dict[str, object], code: int) -> None:
    done = run(*findings, **changes)
    assert done.exit_code == code
    assert f"Exit code {code}: " in terminal.plain(terminal.report(done))


def test_json_is_of_a_versioned_schema_and_reads_back() -> None:
    data = json.loads(json_.text(run(*every_verdict())))
    assert data["schema"] == "ig-props-report/1"
    assert data["exit_code"] == 1
    assert data["parameters"]["args"] == {"method": "riemann_trapezoid"}
    assert data["versions"]["captum"] == "0.9.0"
    assert data["counts"]["refuted"] == 2
    assert data["counts"]["information"] == 1
    assert data["examples"] == 200
    for item, original in zip(data["findings"], every_verdict(), strict=True):
        kept = {k: v for k, v in item.items() if k not in ("examples", "expected")}
        assert json_.strict(finding_from_json(kept).to_json()) == json_.strict(original.to_json())


def test_json_knows_no_infinities() -> None:
    content = json_.text(run(refuted(comparison=Comparison("a", math.nan, 1.0))))
    data = json.loads(content, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert data["findings"][0]["comparison"]["received"] == "nan"
    assert data["findings"][0]["comparison"]["ratio"] == "inf"


def test_junit_has_a_case_for_every_claim_with_its_fate() -> None:
    root = ET.fromstring(junit.text(run(*every_verdict())))
    (suite,) = root
    fates = {case.get("name"): [child.tag for child in case] for case in suite.iter("testcase")}
    assert fates == {
        "PATH.completeness.piecewise": ["failure"], "QUAD.weights_sum_one": ["failure"], "CODE.errors": ["error"],
        "QUAD.order": ["system-out"], "CERT.enclosure": ["skipped"], "CODE.no_grad": ["skipped"],
        "CODE.batch_independence": ["skipped"], "PATH.dummy": [], "IG.symmetry": [], "RSI.completeness": ["skipped"],
        "RS.bounded_variation": ["skipped"],
    }  # fmt: skip
    assert {k: suite.get(k) for k in ("tests", "failures", "errors", "skipped")} == {
        "tests": "11", "failures": "2", "errors": "1", "skipped": "5",
    }  # fmt: skip
    skipped = {c.get("name"): c.find("skipped") for c in suite.iter("testcase")}
    assert "no oracle for softmax" in str(skipped["CERT.enclosure"].get("message"))  # type: ignore[union-attr]


def test_junit_survives_what_xml_cannot_hold() -> None:
    root = ET.fromstring(junit.text(run(refuted(note="a\x00b\x1b[31m]]>&<c", comparison=None))))
    assert "&<c" in str(root.find(".//failure").get("message"))  # type: ignore[union-attr]


def test_junit_reports_code_that_cannot_run_and_vanished_failures() -> None:
    done = run(unable={NAME: "is not installed"}, judgement=Judgement({}, ("it holds now",)))
    root = ET.fromstring(junit.text(done))
    assert root.find(".//error").get("message") == "is not installed"  # type: ignore[union-attr]
    assert root.find(".//failure").get("message") == "it holds now"  # type: ignore[union-attr]
    assert root.get("failures") == "1"


def test_notebooks_get_escaped_html() -> None:
    shown = notebook.html(run(refuted(note="<script>alert(1)</script>")))
    assert "<script>" not in shown
    assert "QUAD.weights_sum_one" in shown
    assert "0.875" in shown


def test_files_are_written_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "report.json"
    target.write_text("before")
    with pytest.raises(UnicodeEncodeError):
        json_.write_atomically(target, "half \ud800")
    assert target.read_text() == "before"
    json_.write_atomically(target, "after")
    assert [p.name for p in tmp_path.iterdir()] == ["report.json"]
    assert target.read_text() == "after"


def test_links_stay_links_when_their_target_is_written(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("before")
    (tmp_path / "link").symlink_to("real")
    json_.write_atomically(tmp_path / "link", "after")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "after"


def test_a_picture_of_the_report_is_svg(tmp_path: Path) -> None:
    terminal.picture(run(*every_verdict()), tmp_path / "report.svg")
    root = ET.fromstring((tmp_path / "report.svg").read_text())
    assert root.tag.endswith("svg")


def test_live_progress_says_what_is_attacked_and_how_many_examples() -> None:
    out = io.StringIO()
    live = terminal.Live(Console(file=out, force_terminal=True, width=120))
    with live:
        live.show(Started((NAME,), ("A", "B")))
        live.show(Attacking(NAME, "A"))
        live.show(Progress(NAME, "A", 42))
        assert "A 42 examples" in live.description
        live.show(Shrinking(refuted("A")))
        assert "A shrinking" in live.description
        live.show(Found(refuted("A")))
        assert live.description == ""


def test_plain_progress_is_one_line_for_a_settled_claim() -> None:
    out = io.StringIO()
    with terminal.Plainly(Console(file=out)) as lines:
        lines.show(Started((NAME,), ("A",)))
        lines.show(Progress(NAME, "A", 3))
        lines.show(Found(finding("A", Verdict.HOLDS)))
        lines.show(Found(finding("B", Verdict.NOT_APPLICABLE)))
    assert out.getvalue().splitlines() == [f"{NAME}  A  holds  20 examples"]


def test_expected_refutations_are_excused_and_shown_as_such() -> None:
    known = entries([{"claim": "QUAD.weights_sum_one", "attributor": NAME, "reason": "documented upstream"}])
    done = run(refuted(), finding("A", Verdict.HOLDS), judgement=judge([refuted()], known))
    shown = terminal.plain(terminal.report(done))
    assert "documented upstream" in shown
    assert "1 refuted as expected" in shown
    assert done.exit_code == 0


KNOWN = Expected("A", NAME, "known")
PINNED = replace(KNOWN, witness="a.json")


@pytest.mark.parametrize(
    ("verdict", "entry", "shown", "expected", "news", "warnings"),
    [
        (Verdict.REFUTED, KNOWN, None, 1, 0, 0),
        (Verdict.CRASHED, KNOWN, None, 1, 0, 0),
        (Verdict.HOLDS, KNOWN, None, 0, 1, 0),
        (Verdict.IMPRECISE, KNOWN, None, 0, 1, 0),
        (Verdict.INCONCLUSIVE, KNOWN, None, 0, 0, 1),
        (Verdict.NOT_APPLICABLE, KNOWN, None, 0, 0, 1),
        (Verdict.REFUTED, replace(KNOWN, claim="B"), None, 0, 0, 1),
        (Verdict.HOLDS, PINNED, True, 1, 0, 0),
        (Verdict.REFUTED, PINNED, False, 0, 1, 0),
        (Verdict.HOLDS, PINNED, False, 0, 1, 0),
        (Verdict.REFUTED, PINNED, None, 1, 0, 1),
    ],
)
def test_a_witness_decides_whether_an_expected_failure_is_gone(
    verdict: Verdict, entry: Expected, shown: bool | None, expected: int, news: int, warnings: int
) -> None:
    judgement = judge([finding("A", verdict)], [entry], lambda witness: shown)
    counts = tuple(map(len, (judgement.expected, judgement.news, judgement.warnings)))
    assert counts == (expected, news, warnings)


def test_expectations_are_read_from_toml_and_json(tmp_path: Path) -> None:
    rows = [{"claim": "A", "attributor": NAME, "reason": "known", "witness": "a.json"}]
    (tmp_path / "e.json").write_text(json.dumps(rows))
    (tmp_path / "e.toml").write_text("[[expected]]\n" + "\n".join(f"{k} = {v!r}" for k, v in rows[0].items()))
    assert read(tmp_path / "e.json") == read(tmp_path / "e.toml") == (PINNED,)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("{}", "must hold a list"),
        ("[1]", "a table of strings"),
        ('[{"claim": "A", "attributor": "B"}]', "lacks 'reason'"),
        ('[{"claim": "A", "attributor": "B", "reasons": "C"}]', "the nearest is 'reason'"),
    ],
)
def test_expectations_that_do_not_fit_are_one_sentence(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "e.json").write_text(content)
    with pytest.raises(ExpectedError, match=said) as caught:
        read(tmp_path / "e.json")
    assert "\n" not in str(caught.value)
