"""Is a method judged rightly on a person's own model, and is everything told in their terms?"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from torch import Tensor, nn

import ig_props
from ig_props import campaign, cli
from ig_props.checking import calling
from ig_props.findings import Finding, Verdict
from ig_props.methods.integrated_gradients import integrated_gradients
from ig_props.model_check.given import given_of
from ig_props.model_check.names import Files
from ig_props.model_check.subject import Subject, subject_of
from ig_props.oracles import oracle
from ig_props.running.request import Profile, UsageError

ROOT = Path(ig_props.__file__).parent.parent
TINY = Profile("tiny", 4, 4.0, 0.5)
IMPURE = ["CODE.purity", "CODE.purity_after_failure", "CODE.second_model"]
FILES = Files("model.py:model", "inputs.npy")


def network(last: nn.Module | None = None, gate: type[nn.Module] = nn.ReLU) -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        layers = [nn.Conv2d(1, 3, 3), gate(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(12, 4)]
        return nn.Sequential(*layers, *([last] if last is not None else []))


def images(count: int = 3) -> np.ndarray:
    return (np.random.default_rng(0).integers(0, 17, (count, 1, 6, 6)) / 16).astype(np.float32)


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    yield
    calling.PROVIDED.clear()


def subject(module: nn.Module, inputs: np.ndarray | None = None, **given: Any) -> Subject:
    files = Files(FILES.model, FILES.inputs, layer=given.pop("layer", None))
    values = images() if inputs is None else inputs
    return subject_of(given_of(module, values, given.get("baselines"), given.get("target"), files))


def check(function: object, module: nn.Module, **options: Any) -> dict[str, Finding]:
    known = {"inputs": images(), "profile": TINY, **options}
    return {f.claim: f for f in campaign.check(function, model=module, **known)}


def verdicts(found: dict[str, Finding]) -> dict[str, Verdict]:
    return {k: f.verdict for k, f in found.items() if f.verdict is not Verdict.NOT_APPLICABLE}


def too_large(model: nn.Module, inputs: Tensor, baselines: Tensor, target: Any, n_steps: int = 50) -> Tensor:
    return 1.5 * integrated_gradients(model, inputs, baselines, target, n_steps=n_steps)


def first_target(model: nn.Module, inputs: Tensor, baselines: Tensor, target: Any, n_steps: int = 50) -> Tensor:
    one = target if isinstance(target, int) else int(target[0])
    return integrated_gradients(model, inputs, baselines, one, n_steps=n_steps)


def test_a_right_method_holds_on_a_given_model() -> None:
    found = verdicts(check(integrated_gradients, network()))
    assert set(found.values()) == {Verdict.HOLDS}
    wanted = {"PATH.completeness.piecewise", "QUAD.variation_bound", "IG.reversal", "IG.null_path", "CODE.second_model"}
    assert wanted <= set(found)


def test_a_wrong_scale_is_refuted_with_the_image_and_the_place_in_it() -> None:
    finding = check(too_large, network(), claims="QUAD.variation_bound")["QUAD.variation_bound"]
    assert finding.verdict is Verdict.REFUTED
    assert finding.comparison is not None
    assert finding.comparison.what.startswith("attribution at [0, ")
    assert finding.comparison.what.endswith("image 0")
    assert finding.case is not None
    assert ["image", "0 of (the object given)"] in finding.case["example"]
    assert any("1.5 at n_steps" in sentence for sentence in finding.diagnosis)


def test_a_batch_explained_for_one_target_is_refuted() -> None:
    found = check(first_target, network(), claims=["CODE.mixed_targets", "CODE.batch_independence"])
    assert found["CODE.mixed_targets"].verdict is Verdict.REFUTED


def test_what_was_measured_is_told_image_by_image() -> None:
    finding = check(too_large, network(), inputs=images(2), claims="QUAD.variation_bound")["QUAD.variation_bound"]
    told = {label: text for label, text in finding.facts if label}
    assert told["model"].startswith("input [1, 6, 6] -> conv2d [3, 4, 4]")
    assert told["baseline"] == "zero, since none was given"
    for k in (0, 1):
        found = re.search(
            r"the largest error is (\d+) % of the largest attribution; for 1 % 500 steps", told[f"image {k}"]
        )
        assert found is not None
        assert 45 <= int(found[1]) <= 55
    assert any(text.startswith("worst at [0, ") and "exact" in text for _, text in finding.facts)


def test_measured_errors_of_a_right_method_are_small_and_provably_so() -> None:
    found = check(integrated_gradients, network().double(), claims="QUAD.variation_bound", inputs=images(1))
    (sentence,) = [text for label, text in found["QUAD.variation_bound"].facts if label == "image 0"]
    assert "steps are enough (proved for " in sentence


def test_the_oracle_of_the_description_is_the_attribution_of_the_model() -> None:
    """Against a midpoint sum of 4,096 gradients of the person's module itself, in float64."""
    module = network().double()
    known = subject(module)
    n = 4096
    for k, target in enumerate(known.targets):
        exact = oracle(known.network, target, known.inputs[k], known.baselines[k])
        x = torch.tensor(known.inputs[k], dtype=torch.float64).reshape(1, 1, 6, 6)
        points = ((torch.arange(n, dtype=torch.float64) + 0.5) / n).reshape(-1, 1, 1, 1) * x
        (gradient,) = torch.autograd.grad(module(points.requires_grad_())[:, target].sum(), points)
        received = (gradient.mean(0) * x[0]).flatten().numpy()
        slack = np.array(exact.quadrature(n, 1.0)) + exact.rounding(2.0**-52, n)
        assert (np.abs(received - np.array(exact.mid)) <= slack).all()


def test_the_module_is_left_as_it_was() -> None:
    module = network().train()
    before = {k: v.clone() for k, v in module.state_dict().items()}
    check(integrated_gradients, module, claims=IMPURE)
    assert module.training
    assert all(torch.equal(v, before[k]) for k, v in module.state_dict().items())
    assert not any(part._forward_hooks or part._backward_hooks for part in module.modules())
    assert calling.PROVIDED == {}


def test_kinks_behind_smooth_nodes_have_no_oracle_and_that_is_said() -> None:
    found = check(integrated_gradients, network(nn.Softmax(1)), claims=["QUAD.variation_bound", "CODE.purity", "IG.*"])
    finding = found["QUAD.variation_bound"]
    assert finding.verdict is Verdict.INCONCLUSIVE
    assert finding.note.startswith("no oracle covers kinks and smooth nodes in one network")
    assert any("misses F(x) - F(x')" in text for _, text in finding.facts)
    assert found["CODE.purity"].verdict is found["IG.null_path"].verdict is Verdict.HOLDS


def test_a_model_without_a_description_is_checked_as_far_as_that_goes() -> None:
    contracts = (
        "CODE.shape",
        "CODE.dtype",
        "CODE.determinism",
        "CODE.purity",
        "CODE.errors",
        "CODE.purity_after_failure",
    )
    found = check(integrated_gradients, network(gate=nn.SiLU), claims=["QUAD.variation_bound", *contracts])
    finding = found["QUAD.variation_bound"]
    assert finding.verdict is Verdict.INCONCLUSIVE
    assert finding.note == (
        "the model has no description: 1 (SiLU): it is none of the operations that a description knows"
    )
    for claim in contracts:
        assert found[claim].verdict is Verdict.HOLDS
    wrong = check(first_target, network(gate=nn.SiLU), claims="CODE.mixed_targets")["CODE.mixed_targets"]
    assert wrong.verdict is Verdict.INCONCLUSIVE


class Hooked(nn.Module):
    """A model that computes something else than its trace says."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = network()
        self.inner[0].register_forward_hook(lambda module, args, out: out + 0.125)

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.inner(x)
        return scores


def test_a_trace_of_something_else_is_noticed() -> None:
    known = subject(Hooked())
    assert "the traced description computes something else" in known.network.unknown


def test_numbers_are_taken_as_the_model_sees_them() -> None:
    known = subject(network(), np.full((1, 1, 6, 6), 0.1))
    assert set(known.inputs[0]) == {float(np.float32(0.1))}
    assert ("inputs", "float64 numbers are rounded to the model's float32") in known.notes
    assert known.dtype == "float32"
    assert subject(network(), np.full((1, 1, 6, 6), 2, dtype=np.uint8)).inputs[0][0] == 2.0


def test_more_inputs_than_are_used_are_said_to_be() -> None:
    known = subject(network(), images(100))
    assert len(known.inputs) == 64
    assert ("inputs", "the first 64 of 100") in known.notes


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"inputs": np.zeros(4)}, r"--inputs has the shape \[4\]"),
        ({"inputs": np.zeros((0, 1, 6, 6))}, r"--inputs has the shape \[0, 1, 6, 6\]"),
        ({"baselines": np.zeros((2, 2))}, r"--baselines has the shape \[2, 2\]; \[3, 1, 6, 6\], one row"),
        ({"target": 4}, "--target holds the class 4; the model has the classes 0 to 3"),
        ({"target": np.array([1, 2])}, "--target is one class or one for each of 3 inputs"),
        ({"target": np.array([0.5])}, "--target is one class or one for each of 3 inputs, given float64"),
        ({"layer": "5"}, "the model has no layer '5'; did you mean"),
        ({"inputs": None}, "belong together"),
        ({"inputs": "missing.npy"}, "there is no file missing.npy"),
        ({"inputs": np.array([["a"]])}, "an array of finite numbers"),
        ({"inputs": np.full((1, 1, 6, 6), np.nan)}, "an array of finite numbers"),
        ({"claims": "NONE.*"}, "no claim matches"),
        ({"claims": "PATH.linearity"}, "none of these claims is about a given model"),
    ],
)
def test_what_does_not_fit_is_one_sentence(options: dict[str, Any], sentence: str) -> None:
    claims = {"as_": "layer-integral"} if "layer" in options else {}
    with pytest.raises(UsageError, match=sentence) as caught:
        check(layered if claims else integrated_gradients, network(), **claims, **options)
    assert "\n" not in str(caught.value)


def layered(
    model: nn.Module, layer: nn.Module, inputs: Tensor, baselines: Tensor, target: Any, n_steps: int = 50
) -> Tensor:
    """Left sums of gradients at the layer times its own increments (conductance)."""
    kept: list[Tensor] = []
    hook = layer.register_forward_hook(lambda module, arguments, out: kept.append(out))
    total: Tensor | float = 0.0
    try:
        with torch.enable_grad():
            index = torch.as_tensor(target).expand(len(inputs))
            before: tuple[Tensor, Tensor] | None = None
            for k in range(n_steps + 1):
                x = (baselines + k / n_steps * (inputs - baselines)).requires_grad_()
                score = model(x)[torch.arange(len(x)), index].sum()
                (gradient,) = torch.autograd.grad(score, kept[-1])
                if before is not None:
                    total = total + (before[0] + gradient) / 2 * (kept[-1] - before[1])
                before = gradient, kept[-1]
    finally:
        hook.remove()
    assert isinstance(total, Tensor)
    return total.detach()


def test_layers_are_named_as_the_model_names_them() -> None:
    found = check(layered, network(), as_="layer-integral", layer="2", claims=["RSI.*", "RS.*", "CODE.shape"])
    assert verdicts(found) == dict.fromkeys(("RSI.completeness", "RS.bounded_variation", "CODE.shape"), Verdict.HOLDS)
    assert any(text.startswith("worst at [") for _, text in found["RS.bounded_variation"].facts)


def test_a_layer_method_without_a_layer_cannot_run() -> None:
    result = campaign.check(layered, as_="layer-integral", model=network(), inputs=images(), profile=TINY)
    assert result.exit_code == 3
    assert "name it with --layer" in result.cannot_run[0].sentence


def command(*words: str) -> Result:
    return CliRunner().invoke(cli.main, ["check", *words])


MODEL = """
import torch

def model():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(3, 5), torch.nn.ReLU(), torch.nn.Linear(5, 2)).eval()

def broken():
    raise OSError("no weights here")

number = 3
"""
METHOD = """
import torch

def attribute(model, inputs, baselines, target, n_steps=50):
    total = torch.zeros_like(inputs)
    for k in range(n_steps):
        x = (baselines + (k + 0.5) / n_steps * (inputs - baselines)).detach().requires_grad_()
        with torch.enable_grad():
            scores = model(x)[torch.arange(len(x)), torch.as_tensor(target).expand(len(x))]
            total += torch.autograd.grad(scores.sum(), x)[0]
    return total / (n_steps - 8) * (inputs - baselines)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.py").write_text(MODEL)
    (tmp_path / "method.py").write_text(METHOD)
    np.save("x.npy", np.random.default_rng(1).normal(size=(4, 3)).astype(np.float32))
    np.save("objects.npy", np.array([{}], dtype=object))
    (tmp_path / "text.npy").write_text("1, 2, 3")
    return tmp_path


def test_the_command_line_checks_files_and_its_script_repeats_the_number(folder: Path) -> None:
    words = ("--model", "net.py:model", "--inputs", "x.npy", "--profile", "quick", "--claims", "QUAD.variation_bound")
    result = command("method.py:attribute", *words, "--json", "out.json")
    assert result.exit_code == 1, result.output
    assert "input 0 of x.npy" in " ".join(result.output.split()) or "0 of x.npy" in result.output
    assert "on the given inputs" in result.output
    (finding,) = json.loads((folder / "out.json").read_text())["findings"]
    assert finding["facts"]
    assert not (folder / ".ig-props").exists()
    (folder / "again.py").write_text(finding["reproduction"])
    said = subprocess.run([sys.executable, "again.py"], capture_output=True, text=True, check=True).stdout.split()
    assert float(said[1]) == pytest.approx(finding["comparison"]["received"], rel=1e-5)
    assert float(said[3]) == finding["comparison"]["exact"]


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("--model", "net.py:model"), 2, "--model needs --inputs"),
        (("--inputs", "x.npy"), 2, "--inputs needs --model"),
        (("--model", "none.py:model", "--inputs", "x.npy"), 2, "--model: there is no file none.py"),
        (("--model", "net.py:model", "--inputs", "y.npy"), 2, "--inputs: there is no file y.npy"),
        (("--model", "net.py:model", "--inputs", "objects.npy"), 2, "--inputs objects.npy is no .npy file of numbers"),
        (("--model", "net.py:model", "--inputs", "text.npy"), 2, "--inputs text.npy is no .npy file of numbers"),
        (("--model", "net.py:broken", "--inputs", "x.npy"), 3, "raised OSError: no weights here"),
        (
            ("--model", "net.py:number", "--inputs", "x.npy"),
            3,
            "gives an object of type int; a torch.nn.Module is needed",
        ),
        (("--model", "net.py:modle", "--inputs", "x.npy"), 3, "did you mean 'model'?"),
    ],
)
def test_bad_files_are_one_sentence_and_the_right_exit_code(
    folder: Path, words: tuple[str, ...], code: int, sentence: str
) -> None:
    result = command("method.py:attribute", *words, "--profile", "quick")
    assert result.exit_code == code, result.output
    assert sentence in " ".join(result.output.split())


def test_captum_on_real_images_of_digits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("sklearn")
    pytest.importorskip("captum")
    monkeypatch.chdir(tmp_path)
    example = ROOT / "examples" / "digits.py"
    made = subprocess.run([sys.executable, str(example), "digits.npy"], capture_output=True, text=True, check=True)
    assert "5 images" in made.stdout
    words = ("--model", f"{example}:model", "--inputs", "digits.npy", "--profile", "quick", "--jobs", "1")
    right = command("captum:IntegratedGradients", *words, "--claims", "QUAD.*")
    assert right.exit_code == 0, right.output
    assert "image 4" in right.output
    options = ("--arg", "method=riemann_trapezoid", "--claims", "QUAD.named_rule")
    wrong = command("captum:IntegratedGradients", *words, *options)
    assert wrong.exit_code == 1, wrong.output
    assert "REFUTED QUAD.named_rule" in " ".join(wrong.output.split())
    assert "weights sum to 1 - 1/n" in wrong.output
