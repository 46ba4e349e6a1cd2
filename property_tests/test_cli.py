"""Does the command line do what it says, and say in one sentence what it cannot do?"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner, Result

from ig_props import campaign, cli
from ig_props.commands import config, shell
from ig_props.findings import Finding, Verdict
from ig_props.reports import describe
from ig_props.running.request import Request, UsageError
from property_tests import fakes
from property_tests.fakes import NAME, every_verdict, finding, refuted

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def somewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A working directory of its own, and reports without the claims' statements."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(describe, "statement", lambda claim: "")
    return tmp_path


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Request]]:
    """Replaces the campaign by one that finds what it is told; the requests it gets are kept."""
    requests: list[Request] = []

    def install(*findings: Finding, **options: Any) -> list[Request]:
        events = fakes.campaign(*findings, **options)

        def fake(request: Request, **rest: Any) -> Any:
            requests.append(request)
            return events(request, **rest)

        monkeypatch.setattr(campaign, "campaign", fake)
        return requests

    return install


def invoke(*words: str) -> Result:
    return CliRunner().invoke(cli.main, list(words))


def test_help_is_quick_and_imports_nothing_heavy() -> None:
    code = (
        "import sys, time\n"
        "from ig_props import cli\n"
        "try: cli.main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = ('torch', 'hypothesis', 'numpy', 'rich', 'flint')\n"
        "print(time.process_time(), [m for m in heavy if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    seconds, modules = done.stdout.splitlines()[-1].split(" ", 1)
    assert modules == "[]"
    assert float(seconds) < 0.3, "processor time, the interpreter's start included"


def test_importing_the_package_imports_no_torch() -> None:
    code = "import ig_props, sys; ig_props.__version__; ig_props.parametrize; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_the_version_is_printed() -> None:
    result = invoke("--version")
    assert result.exit_code == 0
    assert result.output.startswith("ig-props ")


@pytest.mark.parametrize(
    ("findings", "options", "code"),
    [
        ([finding("A", Verdict.HOLDS)], [], 0),
        ([refuted(), finding("A", Verdict.HOLDS)], [], 1),
        ([finding("A", Verdict.IMPRECISE)], [], 0),
        ([finding("A", Verdict.IMPRECISE)], ["--strict"], 1),
        ([finding("A", Verdict.INCONCLUSIVE)], [], 4),
        ([refuted(declared=False), finding("A", Verdict.HOLDS)], [], 0),
    ],
)
def test_exit_codes_tell_what_was_found(
    found: Callable[..., Any], findings: list[Finding], options: list[str], code: int
) -> None:
    found(*findings)
    result = invoke("check", NAME, *options)
    assert result.exit_code == code
    assert f"Exit code {code}:" in result.output


def test_code_that_cannot_run_is_exit_code_3(found: Callable[..., Any]) -> None:
    found(unable={"no:such": "there is no module no"})
    result = invoke("check", "no:such")
    assert result.exit_code == 3
    assert "Cannot run: there is no module no" in result.output


def test_of_several_attributors_the_worst_counts(found: Callable[..., Any]) -> None:
    holds = replace(finding("A", Verdict.HOLDS), attributor="b:b")
    found(holds, unable={"c:c": "there is no module c"})
    assert invoke("check", "b:b", "c:c").exit_code == 3
    found(holds, refuted(), unable={"c:c": "there is no module c"})
    result = invoke("check", NAME, "b:b", "c:c")
    assert result.exit_code == 1
    assert result.output.index(f"{NAME}: ") < result.output.index("b:b: ") < result.output.index("Cannot run:")


def test_every_option_reaches_the_request(found: Callable[..., list[Request]]) -> None:
    requests = found(finding("A", Verdict.HOLDS))
    result = invoke(
        "check", "a:b", "c:d", "--as", "path", "--stage", "raw", "--arg", "n=3", "--arg", "method=left", "--claims",
        "IG.*,PATH.*", "--claims", "QUAD.order", "--accepts", "half,tuples", "--strict", "--profile", "quick", "--seed",
        "5", "--dtype", "float32", "--device", "cuda:0", "--jobs", "3", "--timeout", "2.5",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    (request,) = requests
    assert request == Request(
        specs=("a:b", "c:d"), as_="path", stage="raw", args={"n": 3, "method": "left"}, accepts=("half", "tuples"),
        claims=("IG.*", "PATH.*", "QUAD.order"), profile=campaign.PROFILES["quick"], seed=5, dtype="float32",
        device="cuda:0", jobs=3, timeout=2.5, strict=True,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["check"], "nothing to check: give a SPEC such as captum:IntegratedGradients"),
        (["check", "a:b", "--as", "igg"], "did you mean 'ig'?"),
        (["check", "a:b", "--accepts", "halves"], "did you mean 'half'?"),
        (["check", "a:b", "--arg", "method"], "--arg needs name=value"),
        (["check", "a:b", "--profile", "slow"], "'slow' is not one of 'quick', 'default', 'deep'"),
        (["check", "a:b", "--timeout", "0"], "0.0 is not in the range"),
        (["check", "a:b", "--jobs", "100000"], "100000 is not in the range"),
        (["check", "a:b", "--json", "no/such/r.json"], "--json no/such/r.json cannot be written"),
        (["check", "a:b", "--json", "-", "--junit", "-"], "cannot both write to standard output"),
        (["check", "a:b", "--expected", "no.toml"], "--expected no.toml cannot be read: No such file"),
        (["check", "a:b", "--inputs", "x.npy"], "--inputs needs --model FILE:OBJECT"),
        (["check", "a:b", "--model", "m.py:model"], "--model needs --inputs FILE.npy"),
        (["replay", "no.json"], "no.json is not a file"),
        (["explain", "IG.revrsal"], "did you mean IG.reversal?"),
    ],
)
def test_wrong_usage_is_one_sentence_and_exit_code_2(found: Callable[..., Any], words: list[str], said: str) -> None:
    found()
    result = invoke(*words)
    assert result.exit_code == 2
    (error,) = [line for line in result.output.splitlines() if line.startswith("Error: ")]
    assert said in error
    assert result.output.splitlines()[-1] == error


def test_an_unknown_claim_is_wrong_usage(monkeypatch: pytest.MonkeyPatch) -> None:
    def fake(request: Request, **rest: Any) -> Any:
        raise UsageError("no claim matches 'IG.simmetry'; did you mean IG.symmetry?")
        yield

    monkeypatch.setattr(campaign, "campaign", fake)
    result = invoke("check", NAME, "--claims", "IG.simmetry")
    assert result.exit_code == 2
    assert result.output.splitlines()[-1].startswith("Error: no claim matches 'IG.simmetry'; did you mean IG.symmetry?")


def test_defaults_come_from_the_project_and_the_command_line_goes_first(
    found: Callable[..., list[Request]], somewhere: Path
) -> None:
    (somewhere / "pyproject.toml").write_text(
        '[tool.ig-props]\nspecs = ["a:b"]\nprofile = "deep"\nclaims = ["IG.*", "QUAD.*"]\nseed = 3\narg = ["n=2"]\n'
        'strict = true\ntimeout = 7\njson = "out.json"\n'
    )
    requests = found(finding("A", Verdict.HOLDS))
    assert invoke("check").exit_code == 0
    assert invoke("check", "c:d", "--profile", "quick", "--claims", "CODE.*").exit_code == 0
    first, second = requests
    assert (first.specs, first.profile.name, first.claims) == (("a:b",), "deep", ("IG.*", "QUAD.*"))
    assert (first.seed, first.args, first.strict, first.timeout) == (3, {"n": 2}, True, 7.0)
    assert (second.specs, second.profile.name, second.claims) == (("c:d",), "quick", ("CODE.*",))
    assert json.loads((somewhere / "out.json").read_text())["schema"] == "ig-props-report/1"


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ('profil = "quick"', "has no key 'profil'; the nearest is 'profile'"),
        ('profile = "slow"', "'slow' given, one of quick, default, deep is needed"),
        ("seed = true", "a whole number is needed"),
        ("claims = [1]", "a list of strings is needed"),
        ("= 1", "is not TOML"),
    ],
)
def test_a_table_that_cannot_be_used_is_one_sentence(somewhere: Path, table: str, said: str) -> None:
    (somewhere / "pyproject.toml").write_text(f"[tool.ig-props]\n{table}\n")
    result = invoke("check", "a:b")
    assert result.exit_code == 2
    assert said in result.output.splitlines()[-1]


def test_every_option_of_check_has_a_key_in_the_table() -> None:
    names = {"as_": "as", "args": "arg", "json_file": "json", "junit_file": "junit", "expected_file": "expected"}
    options = {names.get(str(p.name), str(p.name)) for p in cli.check.params} - {"defaults"}
    assert options == set(config.KEYS)


def test_reports_are_written_to_files(found: Callable[..., Any], somewhere: Path) -> None:
    found(*every_verdict())
    assert invoke("check", NAME, "--json", "r.json", "--junit", "r.xml").exit_code == 1
    data = json.loads((somewhere / "r.json").read_text())
    assert data["exit_code"] == 1
    assert data["attributors"][0]["name"] == NAME
    assert ET.parse(somewhere / "r.xml").getroot().tag == "testsuites"


def test_json_on_standard_output_is_nothing_but_json(found: Callable[..., Any]) -> None:
    found(*every_verdict())
    assert json.loads(invoke("check", NAME, "--json", "-").stdout)["counts"]["refuted"] == 2


def test_a_file_that_cannot_be_written_costs_no_report(found: Callable[..., Any]) -> None:
    found(refuted())
    # writing there fails although the folder exists
    result = invoke("check", NAME, "--json", "/dev/full")
    assert result.exit_code == 2
    assert "REFUTED  QUAD.weights_sum_one" in result.stdout
    assert result.stderr == "Error: --json /dev/full cannot be written: No space left on device\n"


def test_refuted_findings_leave_replay_files(found: Callable[..., Any], somewhere: Path) -> None:
    found(*every_verdict())
    invoke("check", NAME, "--seed", "4")
    written = sorted(p.name for p in (somewhere / ".ig-props" / "findings").iterdir())
    assert written == [
        f"captum-IntegratedGradients-{claim}.json"
        for claim in ("CODE.errors", "PATH.completeness.piecewise", "QUAD.weights_sum_one", "RS.bounded_variation")
    ]
    data = json.loads((somewhere / ".ig-props" / "findings" / written[0]).read_text())
    assert (data["format"], data["spec"], data["seed"]) == ("ig-props-replay/1", NAME, 4)


def test_a_folder_that_cannot_be_written_is_one_warning(found: Callable[..., Any], somewhere: Path) -> None:
    (somewhere / ".ig-props").write_text("in the way")
    found(refuted(), refuted("IG.symmetry"))
    result = invoke("check", NAME)
    assert result.exit_code == 1
    assert result.output.count("Warning: no replay files are written") == 1


def test_expected_failures_do_not_fail_the_run_until_they_vanish(found: Callable[..., Any], somewhere: Path) -> None:
    (somewhere / "known.toml").write_text(
        f'[[expected]]\nclaim = "QUAD.weights_sum_one"\nattributor = "{NAME}"\nreason = "issue 1"\n'
        f'[[expected]]\nclaim = "IG.symetry"\nattributor = "{NAME}"\nreason = "issue 2"\n'
    )
    found(refuted(), finding("IG.symmetry", Verdict.HOLDS))
    result = invoke("check", NAME, "--expected", "known.toml")
    assert result.exit_code == 0
    flat = " ".join(result.output.split())
    assert f"Warning: the expectation IG.symetry of {NAME} matches nothing that ran; the nearest is IG.symmetry" in flat
    found(finding("QUAD.weights_sum_one", Verdict.HOLDS), finding("IG.symmetry", Verdict.HOLDS))
    result = invoke("check", NAME, "--expected", "known.toml")
    assert result.exit_code == 1
    assert "News: QUAD.weights_sum_one" in result.output


def test_findings_are_reported_in_the_order_of_the_claims(found: Callable[..., Any]) -> None:
    gathered = shell.Gathered(claims=("A", "B", "C"))
    gathered.findings = [finding(c, Verdict.HOLDS) for c in ("C", "A", "B")]
    assert [f.claim for f in gathered.in_order()] == ["A", "B", "C"]


def test_an_interrupted_run_reports_what_it_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def fake(request: Request, **rest: Any) -> Any:
        yield from list(fakes.campaign(finding("A", Verdict.HOLDS))(request))[:-1]
        raise KeyboardInterrupt

    monkeypatch.setattr(campaign, "campaign", fake)
    result = invoke("check", NAME)
    assert result.exit_code == 130
    assert "Exit code 130: interrupted." in result.output


def test_output_that_is_piped_has_no_progress(found: Callable[..., Any]) -> None:
    found(finding("A", Verdict.HOLDS))
    result = invoke("check", NAME)
    assert result.stderr == ""
    assert "\x1b" not in result.stdout


def test_attributors_and_claims_are_listed() -> None:
    attributors = invoke("list", "attributors").output.splitlines()
    assert any(line.startswith(f"{NAME} ") for line in attributors)
    claims = invoke("list", "claims").output.splitlines()
    assert any(line.startswith("IG.reversal ") and "negates IG" in line for line in claims)
    assert invoke("list").output.splitlines() == [*attributors, "", *claims]


def test_a_claim_is_explained() -> None:
    flat = " ".join(invoke("explain", "IG.reversal").output.split())
    for part in ("theorem", "exchanging input and baseline", "claimed by ig", NAME, "for example F = "):
        assert part in flat, part


def test_an_explanation_verifies_the_witness() -> None:
    result = invoke("explain", "rs.existence")
    assert result.exit_code == 0
    assert "witness" in result.output


def test_help_names_the_exit_codes() -> None:
    flat = " ".join(invoke("check", "--help").output.split())
    assert "0 holds, 1 refuted, 2 usage, 3 the code under test cannot run, 4 nothing conclusive ran" in flat
