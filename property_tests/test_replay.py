"""Can a finding be run again, by its script and by its replay file, and is a replay file only ever data?"""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from ig_props import cli
from ig_props.attributors.load import LIBRARIES
from ig_props.claims.case import Case, Situation
from ig_props.findings import Comparison, Finding, Verdict
from ig_props.networks.network import Affine, Network, Node
from ig_props.reproduction.calls import LIBRARIES as CALLS
from ig_props.reproduction.calls import split_name
from ig_props.reproduction.replay import Replay, ReplayError, path_of, read, rerun, trusted, write
from ig_props.reproduction.script import script
from property_tests.fakes import MAXIMUM, NAME, ONE, SMALL, finding, refuted

ROOT = Path(__file__).resolve().parent.parent
CODE = """
import time
import torch


def attribute(model, inputs, baselines, target, n_steps=50, factor=1.0):
    rows = torch.arange(len(inputs))
    total = torch.zeros_like(inputs)
    for k in range(n_steps):
        z = (baselines + (k + 0.5) / n_steps * (inputs - baselines)).detach().requires_grad_()
        with torch.enable_grad():
            total += torch.autograd.grad(model(z)[rows, target].sum(), z)[0]
    return factor * (inputs - baselines) * total / n_steps


def hanging(model, inputs, baselines, target, n_steps=50):
    if float(inputs.sum()) == 3.0:
        time.sleep(60)
    return inputs


def leaving(model, inputs, baselines, target, n_steps=50):
    import os
    os._exit(7)


class Method:
    def __init__(self, model):
        self.model = model

    def attribute(self, inputs, baselines=None, target=None, n_steps=50):
        return attribute(self.model, inputs, baselines, target, n_steps, factor=0.5)
"""


@pytest.fixture(autouse=True)
def somewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(CODE)
    return tmp_path


def run_script(text: str) -> str:
    """What a script prints, run in this process since torch is imported already."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(text, "script.py", "exec"), {"__name__": "script"})
    return out.getvalue()


def received_and_exact(output: str) -> tuple[float, float]:
    (line,) = [line for line in output.splitlines() if line.startswith("received ")]
    _, received, _, exact = line.split()
    return float(received), float(exact)


HALF = "mine.py:attribute[factor=0.5]"


@pytest.mark.parametrize(
    ("claim", "what", "case", "expected"),
    [
        ("QUAD.weights_sum_one", "attribution of x0", SMALL, (0.5, 1.0)),
        ("PATH.completeness.piecewise", "sum of the attributions", SMALL, (0.5, 1.0)),
        ("IG.reversal", "attribution of x0", SMALL, (-0.5, -0.5)),
        ("IG.symmetry", "attribution of x0", Case(MAXIMUM, ((2.0, 1.0),), ((0.0, 0.0),), (0,),
                                                  numbers={"pair": (0.0, 1.0)}), (1.0, 0.0)),
        ("IG.segment_additivity", "attribution of x0", replace(SMALL, numbers={"share": (0.25,)}), (0.5, 0.5)),
        ("PATH.linearity", "attribution of x0",
         replace(SMALL, other=ONE, numbers={"coefficients": (2.0, -1.0)}), (0.5, 0.5)),
        ("IG.permutation_equivariance", "attribution of x0",
         Case(MAXIMUM, ((2.0, 1.0),), ((0.0, 0.0),), (0,), numbers={"order": (1.0, 0.0)}), (0.0, 0.0)),
        ("IG.affine_scale_invariance", "attribution of x0",
         replace(SMALL, numbers={"factors": (2.0,), "shifts": (1.0,)}), (0.5, 0.5)),
        ("PATH.implementation_invariance", "attribution of x0", replace(SMALL, other=ONE), (0.5, 0.5)),
        ("CODE.determinism", "attribution of x0", SMALL, (0.5, 0.5)),
        ("CODE.batch_independence", "attribution of x0, sample 1",
         Case(ONE, ((1.0,), (4.0,)), ((0.0,), (0.0,)), (0, 0)), (2.0, 2.0)),
        ("CODE.mixed_targets", "attribution of x0, sample 1",
         Case(ONE, ((1.0,), (4.0,)), ((0.0,), (0.0,)), (0, 0)), (2.0, 2.0)),
        ("CODE.memory_layout", "attribution of x0",
         replace(SMALL, situation=Situation(layout="strided")), (0.5, 0.5)),
        ("CODE.no_grad", "attribution of x0", replace(SMALL, situation=Situation(frozen=True)), (0.5, 0.5)),
    ],
)  # fmt: skip
def test_scripts_compute_both_sides_of_what_is_compared(
    claim: str, what: str, case: Case, expected: tuple[float, float]
) -> None:
    told = refuted(claim, case, attributor=HALF, comparison=Comparison(what, 0.5, 1.0))
    assert received_and_exact(run_script(script(told))) == expected


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("a second call with other weights in the same model", (-1.0, -1.0)),
        ("a second call with other values in the same tensors", (1.0, 1.0)),
        ("a new model where another one was", (-1.0, -1.0)),
    ],
)
def test_scripts_of_second_models_compute_both_sides(how: str, expected: tuple[float, float]) -> None:
    doubled = Network((1,), (Node(Affine(((-2.0,),), (0.0,)), (0,)),))
    told = refuted(
        "CODE.second_model", replace(SMALL, other=doubled), attributor=HALF,
        comparison=Comparison("attribution of x0", 0.5, 1.0, how=f"the right answer to {how}"),
    )  # fmt: skip
    assert received_and_exact(run_script(script(told))) == expected


@pytest.mark.parametrize(
    ("claim", "case", "note"),
    [
        (
            "CODE.purity",
            replace(SMALL, situation=Situation(filled_grads=True, training=True)),
            "Python's random state changed",
        ),
        ("CODE.purity_after_failure", replace(SMALL, numbers={"fails": (1.0,)}), "hooks"),
        ("CODE.purity_after_failure", replace(SMALL, numbers={"fails": (0.0,)}), "hooks"),
        *(
            ("CODE.errors", replace(SMALL, numbers={"flaw": (float(k),)}), name)
            for k, name in ((2, "nan"), (5, "integers"))
        ),
        ("CODE.dtype", replace(SMALL, situation=Situation(dtype="float32")), "dtype"),
        ("CODE.second_model", replace(SMALL, other=ONE), "the answer of an earlier call was overwritten"),
        ("CODE.shape", SMALL, "returned None; a tensor is needed"),
    ],
)
def test_scripts_of_contracts_run(claim: str, case: Case, note: str) -> None:
    told = finding(claim, Verdict.REFUTED, case, attributor="mine.py:attribute", note=note)
    assert f"# {note}" in script(told)
    run_script(script(told))


@pytest.mark.parametrize(
    ("flaw", "said"),
    [(0, "no such score"), (1, "another shape"), (3, "transpose(-2, -1)"), (4, "one row too few")],
)
def test_scripts_of_wrong_arguments_show_the_argument(flaw: int, said: str) -> None:
    case = replace(SMALL, numbers={"flaw": (float(flaw),)})
    assert said in script(
        finding("CODE.errors", Verdict.REFUTED, case, attributor="mine.py:attribute", note="answered")
    )


def test_the_plainest_script_has_about_six_lines() -> None:
    text = script(refuted())
    assert len(text.splitlines()) <= 7
    assert "from captum.attr import IntegratedGradients" in text
    assert "ig_props" not in text


def test_a_script_runs_on_its_own(somewhere: Path) -> None:
    (somewhere / "script.py").write_text(script(refuted(attributor=HALF)))
    done = subprocess.run([sys.executable, "script.py"], capture_output=True, text=True, timeout=120)
    assert received_and_exact(done.stdout) == (0.5, 1.0)


def test_arguments_in_a_name_are_arguments_of_the_call() -> None:
    text = script(refuted(attributor=f"{NAME}[method=riemann_trapezoid,n=2]"))
    assert "method='riemann_trapezoid', n=2)" in text


def test_classes_are_built_with_the_model() -> None:
    told = refuted(attributor="mine.py:Method")
    assert received_and_exact(run_script(script(told))) == (0.5, 1.0)


@pytest.mark.parametrize(
    "situation",
    [
        Situation(dtype="float32", layout="transposed", target="int"),
        Situation(baseline="none", parts=2),
        Situation(baseline="scalar", leaf_inputs=True),
        Situation(baseline="row", inplace=True, shared=True),
        Situation(frozen=True, filled_grads=True, training=True),
        Situation(dtype="int64"),
        Situation(layout="channels_last", coupled=True, target="none"),
    ],
)
def test_situations_are_rebuilt(situation: Situation) -> None:
    case = Case(MAXIMUM, ((1.0, 2.0), (3.0, 1.0)), ((0.0, 0.0), (0.0, 0.0)), (0, 0), situation=situation)
    text = script(refuted(case=case, attributor="mine.py:attribute"))
    before, _, _ = text.partition("\na = ")
    call = "model(*x)" if situation.parts > 1 else "model(x)"
    output = run_script(f"{before}\nprint({call}.detach().tolist())")
    expected = [[2.0], [3.0]] if not situation.coupled else [[-0.5], [0.5]]
    assert json.loads(output) == expected


def test_every_adapter_has_a_call_of_its_own() -> None:
    assert set(CALLS) == {f"{name}:{method}" for name, known in LIBRARIES.items() for method in known.adapters}


def test_names_hold_the_arguments() -> None:
    assert split_name("a.py:f[method=left,n=3,x=0.5]") == ("a.py:f", {"method": "left", "n": 3, "x": 0.5})
    assert split_name("a.py:f") == ("a.py:f", {})


def witness(spec: str = "mine.py:attribute", **changes: Any) -> Replay:
    return replace(Replay(spec, "QUAD.weights_sum_one", SMALL.to_json(), args={"factor": 0.5}), **changes)


def test_replay_files_read_back(somewhere: Path) -> None:
    written = witness(as_="ig", accepts=("half",), seed=3, versions={"torch": "2"})
    write(written, somewhere / "sub" / "a.json")
    again = read(somewhere / "sub" / "a.json")
    assert again.to_json() == json.loads(json.dumps(written.to_json()))


def test_names_of_replay_files_stay_in_their_folder() -> None:
    for name in ("../../etc/passwd:x", "a/b\\c:d\0", "..", "/abs.py:f", "x" * 400, "a:b[m=../..]"):
        path = path_of(replace(refuted(), attributor=name))
        assert path.parent == Path(".ig-props/findings")
        assert ".." not in path.parts
        assert len(path.name) < 250


def _edited(**changes: Any) -> str:
    return json.dumps({**witness().to_json(), **changes})


def _case(**changes: Any) -> dict[str, Any]:
    return {**SMALL.to_json(), **changes}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (_edited()[:200], "is not JSON and may be truncated"),
        ("", "is not JSON"),
        ("\x80", "is not JSON"),
        ("[" * 200_000, "is not JSON"),
        ("9" * 5000, "is not JSON"),
        ("[]", "it is no replay file"),
        ("{}", "it is no replay file"),
        (_edited(format="ig-props-replay/2"), "this version reads 'ig-props-replay/1'"),
        (_edited(format=1), "it is no replay file"),
        (_edited(extra=1), "extra"),
        (_edited(spec=["a"]), "spec must be a short text"),
        (_edited(spec="a\nb"), "spec must be a short text"),
        (_edited(args={"f": {"__reduce__": 1}}), "args must be an object of texts and numbers"),
        (_edited(accepts="half"), "accepts must be a list"),
        (_edited(seed="1"), "seed must be a whole number"),
        (_edited(case=None), "a case has exactly the fields"),
        (_edited(case=_case(format=2)), "case format 2"),
        (_edited(case=_case(inputs=[["__import__('os').system('true')"]])), "inputs must hold numbers"),
        (_edited(case=_case(inputs=[[10**400]])), "too large"),
        (_edited(case=_case(n_steps=10**9)), "n_steps must be a whole number"),
        (_edited(case=_case(network={"input_shape": [1], "nodes": [{"op": "exec", "operands": [0]}]})), "is not one of"),
        (_edited(case=_case(inputs=[[1.0]] * 5000, baselines=[[0.0]] * 5000, targets=[0] * 5000, n_steps=10**6)),
         "too many"),
    ],
)  # fmt: skip
def test_files_that_are_no_replay_are_one_sentence(somewhere: Path, content: str, said: str) -> None:
    (somewhere / "bad.json").write_bytes(content.encode("latin-1"))
    with pytest.raises(ReplayError, match=r"^bad\.json") as caught:
        read(Path("bad.json"))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_convolution_that_would_fill_the_memory_is_refused(somewhere: Path) -> None:
    conv = {"op": "conv2d", "operands": [0], "weight": [[[[1.0]]]], "bias": [0.0], "stride": [1, 1],
            "padding": [10**5, 10**5]}  # fmt: skip
    pool = {"op": "avg_pool2d", "operands": [1], "kernel": [200001, 200001], "stride": [1, 1]}
    network = {"input_shape": [1, 1, 1], "nodes": [conv, pool, {"op": "flatten", "operands": [2]}]}
    (somewhere / "big.json").write_text(_edited(case=_case(network=network)))
    with pytest.raises(ReplayError, match="too many"):
        read(Path("big.json"))


def test_only_our_adapters_are_trusted() -> None:
    assert trusted(NAME)
    for spec in ("mine.py:attribute", "captum:Other", "captum.attr:IntegratedGradients", "os:system", "captum"):
        assert not trusted(spec)


def replay(*words: str) -> Result:
    return CliRunner().invoke(cli.main, ["replay", *words])


def test_code_that_a_file_names_is_not_run_unasked(somewhere: Path) -> None:
    (somewhere / "evil.py").write_text("from pathlib import Path\nPath('ran').touch()\n")
    write(witness("evil.py:attribute"), somewhere / "evil.json")
    result = replay("evil.json")
    assert result.exit_code == 2
    assert "asks to run 'evil.py:attribute' with factor=0.5" in result.output
    assert "--attributor evil.py:attribute or --trust" in result.output
    assert not (somewhere / "ran").exists()


def test_a_refuting_witness_is_shown_and_exits_1(somewhere: Path) -> None:
    write(witness(), somewhere / "a.json")
    result = replay("a.json", "--trust")
    assert result.exit_code == 1, result.output
    for part in ("received  0.5", "exact     1", "QUAD.weights_sum_one of mine.py:attribute", "is still refuted"):
        assert part in result.output, part


def test_a_witness_that_passes_is_news_and_exits_0(somewhere: Path) -> None:
    write(witness(args={}), somewhere / "a.json")
    result = replay("a.json", "--attributor", "mine.py:attribute")
    assert result.exit_code == 0, result.output
    assert "News: the witness passes" in result.output


def test_code_that_cannot_be_loaded_exits_3(somewhere: Path) -> None:
    write(witness("mine.py:missing"), somewhere / "a.json")
    result = replay("a.json", "--trust")
    assert result.exit_code == 3
    assert "Cannot run: " in result.output


def test_an_unknown_claim_is_wrong_usage(somewhere: Path) -> None:
    write(witness(claim="QUAD.nothing"), somewhere / "a.json")
    result = replay("a.json", "--trust")
    assert result.exit_code == 2
    assert "there is no claim 'QUAD.nothing'" in result.output


@pytest.mark.parametrize(
    ("function", "fate"), [("hanging", "did not answer within 1 s"), ("leaving", "ended with exit code 7")]
)
def test_code_that_hangs_or_leaves_is_a_crash(somewhere: Path, function: str, fate: str) -> None:
    case = replace(SMALL, inputs=((3.0,),)).to_json()
    now: Finding = rerun(witness(f"mine.py:{function}", args={}, case=case), 1.0)
    assert now.verdict is Verdict.CRASHED
    assert fate in now.note
