"""Does an audit say what is true of an explanation, and in one sentence what it cannot do?"""

from __future__ import annotations

import json
import math
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from torch import Tensor

from ig_props import cli
from ig_props.attributors.load import available
from ig_props.audit import run
from ig_props.audit.section import Bars, Curves, Heat, Mark, Report, Section, common, cosine, percent
from ig_props.audit.subject import Subject, subject_of

MODELS = """
import torch
from torch import nn


class Pair(nn.Module):
    def forward(self, x):
        return x, x


class Net(nn.Module):
    def __init__(self, how="logits"):
        super().__init__()
        torch.manual_seed(0)
        self.how = how
        self.conv1, self.conv2 = nn.Conv2d(1, 3, 3, padding=1), nn.Conv2d(3, 3, 3, padding=1)
        self.relu, self.last, self.pair = nn.ReLU(inplace=True), nn.ReLU(), Pair()
        self.unused, self.fc = nn.Linear(3, 3), nn.Linear(48, 4)

    def forward(self, x):
        a = self.relu(self.conv1(x))
        a, _ = self.pair(self.last(self.relu(self.conv2(a)) + (a if self.how == "bypass" else 0)))
        z = self.fc(a.flatten(1))
        return {
            "dict": {"logits": z}, "tuple": (z, a), "probabilities": z.softmax(1), "one": z[:, :1], "flat": z[:, 0],
            "infinite": z / 0, "map": a,
        }.get(self.how, z)


def make(how):
    return lambda: Net(how).eval()


logits, bypass, dictionary, pair, probabilities, one, flat, infinite, map = map(
    make, ("logits", "bypass", "dict", "tuple", "probabilities", "one", "flat", "infinite", "map")
)


def training():
    return Net()


def half():
    return Net().eval().half()


def broken():
    net = Net().eval()
    net.conv1.weight.data[0, 0, 0, 0] = float("nan")
    return net


def constant():
    net = Net().eval()
    net.fc.weight.data.zero_()
    return net


def wrong(model, inputs, baselines, target, n_steps=50):
    return inputs - baselines


def raising(model, inputs, baselines, target, n_steps=50):
    if n_steps != 50:
        raise RuntimeError("no other number of steps")
    from ig_props.methods.integrated_gradients import integrated_gradients
    return integrated_gradients(model, inputs, baselines, target, n_steps)
"""


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder with models, inputs and a file of weights."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nets.py").write_text(MODELS)
    x = np.random.default_rng(0).random((3, 1, 4, 4)).astype(np.float32)
    np.save("x.npy", x)
    np.save("vector.npy", x[0, 0, 0])
    np.save("bytes.npy", (255 * x).astype(np.uint8))
    np.save("nan.npy", x * np.nan)
    return tmp_path


def invoke(*words: str) -> Result:
    return CliRunner().invoke(cli.main, ["audit", *words])


def audited(*words: str) -> dict[str, Any]:
    """The JSON report of an audit, with its sections by name."""
    result = invoke(*words, "--json", "-")
    assert result.exit_code in (0, 1, 4), result.output
    data: dict[str, Any] = json.loads(result.output)
    assert data["exit_code"] == result.exit_code
    data["by_name"] = {s["name"]: s for s in data["sections"]}
    return data


def test_every_question_is_answered_and_the_numbers_are_right(here: Path) -> None:
    data = audited("nets.py:bypass", "x.npy", "--target", "2", "--n-steps", "16")
    found = data["by_name"]
    assert list(found) == list(run.QUESTIONS)
    assert {n: s["question"] for n, s in found.items()} == run.TITLES
    assert not any(s["answer"].startswith("Not measured") for s in data["sections"])
    from ig_props.attributors.load import imported
    from ig_props.integration.engine import integrated_gradients
    from ig_props.methods.integrated_gradients import integrated_gradients as midpoint

    model = imported("nets.py:bypass", "model")()
    x = torch.from_numpy(np.load("x.npy")[:1])
    exact = integrated_gradients(model.double(), x.double(), target=2, rtol=1e-6).values
    assert isinstance(exact, Tensor)
    error = float((midpoint(model.float(), x, target=2, n_steps=16).double() - exact).abs().max())
    # both references are exact up to 1e-4 of the largest value
    assert found["accuracy"]["numbers"]["error"] == pytest.approx(error, abs=2e-4 * float(exact.abs().max()))
    assert found["completeness"]["numbers"]["difference"] == pytest.approx(float(exact.sum()), abs=1e-3)
    p = model.double()(x.double()).softmax(1)[0, 2]
    assert found["softmax"]["numbers"]["probability"] == pytest.approx(p.item())
    assert found["attack"]["numbers"]["moved"] == pytest.approx(1.0, abs=1e-6)
    assert found["attack"]["numbers"]["probability_gap"] <= found["attack"]["numbers"]["rounding"]
    sums, wanted = found["layers"]["numbers"]["sums"], found["layers"]["numbers"]["difference"]
    assert abs(sums["fc"] - wanted) < 1e-9
    assert abs(sums["conv2"] - wanted) > 0.1 * abs(wanted), "a bypass leaves a deficit"


def opened(inputs: str, **options: Any) -> Subject:
    """What an audit of the plain model would be about."""
    plain = {
        "model": "nets.py:logits", "inputs": inputs, "method": "integrated-gradients", "as_": None, "args": (), "weights": None,
        "sample": 0, "baseline": None, "target": None, "layer": None, "score": "logit", "rtol": 0.01, "seed": 0, "n_steps": 50,
    }  # fmt: skip
    return subject_of(plain | options)


@pytest.mark.parametrize("score", ["probability", "log-probability", "log-odds"])
def test_scores_behind_the_softmax_are_not_exposed(here: Path, score: str) -> None:
    attack = audited("nets.py:logits", "x.npy", "--score", score)["by_name"]["attack"]
    assert attack["mark"] == "good"
    assert attack["numbers"]["moved"] < 1e-9


@pytest.mark.parametrize(
    "method", ["grad-cam", "grad-cam-positive", "grad-cam++", "rsi-grad-cam-signed", "layer-integral"]
)
def test_layer_methods_are_audited_and_exposed(here: Path, method: str) -> None:
    found = audited("nets.py:logits", "x.npy", "--method", method, "--layer", "conv2", "--n-steps", "128")["by_name"]
    assert found["accuracy"]["mark"] == "good", found["accuracy"]
    assert found["attack"]["numbers"]["exposed"], found["attack"]
    assert "maps" in found


@pytest.mark.parametrize(
    "spec", ["captum:LayerGradCam", "captum:LayerConductance", "torchcam:GradCAM", "pytorch_grad_cam:GradCAM"]
)
def test_released_layer_methods_are_audited(here: Path, spec: str) -> None:
    if next(a for a in available() if a.spec == spec).version is None:
        pytest.skip(f"the library of {spec} is not installed")
    found = audited("nets.py:logits", "x.npy", "--method", spec, "--layer", "last")["by_name"]
    assert not any(s["answer"].startswith("Not measured") for s in found.values()), found
    assert found["accuracy"]["mark"] == "good"
    assert found["attack"]["numbers"]["exposed"]


def test_a_wrong_method_is_found_out(here: Path) -> None:
    result = invoke("nets.py:logits", "x.npy", "--method", "nets.py:wrong")
    assert result.exit_code == 1
    assert "Exit code 1: the explanation misses the wanted error" in result.output


def test_partial_results_are_kept(here: Path) -> None:
    data = audited("nets.py:logits", "x.npy", "--method", "nets.py:raising")
    assert data["by_name"]["steps"]["answer"] == (
        "Not measured: nets.py:raising raised RuntimeError: no other number of steps."
    )
    assert data["by_name"]["steps"]["question"] == "How many steps does it need?"
    assert data["by_name"]["accuracy"]["mark"] == "good"
    assert data["by_name"]["layers"]["mark"] == "good"


def test_an_interruption_keeps_what_was_found(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(subject: object) -> Section:
        raise KeyboardInterrupt

    monkeypatch.setitem(run.QUESTIONS, "softmax", stopped)
    result = invoke("nets.py:logits", "x.npy", "--json", "part.json", "--html", "part.html")
    assert result.exit_code == 130
    data = json.loads(Path("part.json").read_text())
    assert [s["name"] for s in data["sections"]] == ["accuracy", "steps", "completeness", "kinks"]
    assert "Unfinished" in Path("part.html").read_text()


def test_the_page_is_one_file_that_fetches_nothing(here: Path) -> None:
    result = invoke("nets.py:logits", "x.npy", "--html", "page.html")
    assert result.exit_code in (0, 1)
    page = Path("page.html").read_text()
    for mark in ("http:", "https:", "<script", "@import", "url("):
        assert mark not in page.replace("http://www.w3.org", "").replace("url(#", ""), mark
    assert page.count("data:image/png;base64,") >= 12
    assert page.count("<svg") == 2
    assert "prefers-color-scheme: dark" in page


def test_names_are_escaped(here: Path) -> None:
    from ig_props.reports import html

    report = Report(
        "<b>", (("a", "<i>"),), {}, (Section("n", "<u>?", "<s>", Mark.GOOD, heats=(Heat("<q>", np.eye(2)),)),), 0.1
    )
    text = html.page(report)
    assert not any(f"<{t}>" in text for t in ("i", "u", "s", "q"))


@pytest.mark.parametrize("how", ["one", "flat"])
def test_a_model_with_one_score_has_no_softmax(here: Path, how: str) -> None:
    found = audited(f"nets.py:{how}", "x.npy")["by_name"]
    assert "softmax" not in found
    assert "attack" not in found
    assert found["accuracy"]["mark"] in ("good", "bad")


def test_probabilities_are_recognised(here: Path) -> None:
    data = audited("nets.py:probabilities", "x.npy")
    assert "a softmax on top would be a second one" in data["settings"]["warning"]
    assert data["by_name"]["attack"]["answer"].startswith("No: the model returns probabilities")
    assert "logit" not in data["by_name"]["softmax"]["numbers"]["gradients"]
    # behind the logarithm the second softmax is the first one
    again = audited("nets.py:probabilities", "x.npy", "--score", "probability")["by_name"]
    assert again["completeness"]["numbers"]["difference"] == pytest.approx(
        data["by_name"]["completeness"]["numbers"]["difference"]
    )


def test_a_search_that_cannot_reach_uniformity_is_said(here: Path) -> None:
    facts = dict(map(tuple, audited("nets.py:logits", "x.npy")["by_name"]["baselines"]["facts"]))
    assert "search for uniform" in facts
    flat = audited("nets.py:constant", "x.npy")["by_name"]["baselines"]
    assert "uniformity is not reached" in dict(map(tuple, flat["facts"]))["search for uniform"]


def test_inputs_and_baselines_come_from_files(here: Path) -> None:
    pytest.importorskip("safetensors")
    from PIL import Image
    from safetensors.numpy import save_file

    x = np.load("x.npy")
    save_file({"a": x[0], "b": x[1]}, "x.safetensors")
    Image.fromarray((255 * x[0, 0]).astype(np.uint8)).save("x.png")
    kept, same = opened("x.safetensors:b", baseline="x.safetensors:a"), opened("x.npy", sample=1)
    assert torch.equal(kept.inputs, same.inputs)
    assert torch.equal(kept.start[0, 0], torch.from_numpy(x[0, 0]))
    picture = opened("x.png")
    assert picture.inputs.shape == (1, 1, 4, 4)
    assert ("input", "a picture of 4 by 4 pixels, from 0 to 1") in picture.notes
    assert ("input", "whole numbers from 0 to 255, which are not divided by 255") in opened("bytes.npy").notes
    assert float(opened("x.npy", baseline="0.5").start.std()) == 0.0
    starts = [opened("x.npy", baseline=name).start for name in ("blurred", "mean", "noise", "uniform")]
    assert all(s.shape == (1, 1, 4, 4) for s in starts)
    assert not any(torch.equal(a, b) for a, b in pairwise(starts))


def test_models_come_from_exports_and_weights(here: Path) -> None:
    from ig_props.attributors.load import imported

    plain = audited("nets.py:logits", "x.npy")["by_name"]["completeness"]["numbers"]["difference"]
    model = imported("nets.py:logits", "model")()
    torch.export.save(torch.export.export(model, (torch.from_numpy(np.load("x.npy")[:1]),)), "net.pt2")
    found = audited("net.pt2", "x.npy")["by_name"]["completeness"]["numbers"]["difference"]
    assert found == pytest.approx(plain, rel=1e-6)
    torch.save({k: 2 * v for k, v in model.state_dict().items()}, "twice.pt")
    assert audited("nets.py:logits", "x.npy", "--weights", "twice.pt")["by_name"]["completeness"]["numbers"][
        "difference"
    ] != pytest.approx(plain)


class Trap:
    """An object that would write a file if it were unpickled."""

    def __reduce__(self) -> Any:
        return open, ("sprung", "w")


def test_no_file_is_unpickled(here: Path) -> None:
    torch.save(Trap(), "trap.pt")
    for words in (["nets.py:logits", "x.npy", "--weights", "trap.pt"], ["trap.pt", "x.npy"], ["trap.pt2", "x.npy"]):
        Path("trap.pt2").write_bytes(Path("trap.pt").read_bytes())
        assert invoke(*words).exit_code in (2, 3)
    from ig_props.attributors.load import imported

    model = imported("nets.py:logits", "model")()
    exported = torch.export.export(model, (torch.from_numpy(np.load("x.npy")[:1]),))
    torch.export.save(exported, "net.pt2")
    import zipfile

    with zipfile.ZipFile("net.pt2") as old, zipfile.ZipFile("other.pt2", "w") as new:
        for name in old.namelist():
            inputs = name.endswith("sample_inputs/model.pt")
            new.writestr(name, Path("trap.pt").read_bytes() if inputs else old.read(name))
    assert invoke("other.pt2", "x.npy").exit_code == 3
    assert not Path("sprung").exists()


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["nets.py:logits", "x.npy", "--layer", "conv3"], 2, "no layer 'conv3'; did you mean conv2?"),
        (["nets.py:logits", "x.npy", "--layer", "unused"], 2, "--layer unused is not called"),
        (["nets.py:logits", "x.npy", "--layer", "relu"], 2, "--layer relu is called 2 times"),
        (["nets.py:logits", "x.npy", "--layer", "pair"], 2, "--layer pair returns no single tensor"),
        (["nets.py:logits", "x.npy", "--layer", "fc", "--method", "grad-cam"], 2, "grad-cam needs [N, C, H, W]"),
        (["nets.py:logits", "x.npy", "--target", "4"], 2, "the model has the classes 0 to 3"),
        (["nets.py:dictionary", "x.npy"], 3, "returns a dict of logits; one tensor of scores"),
        (["nets.py:pair", "x.npy"], 3, "returns a tuple of 2"),
        (["nets.py:infinite", "x.npy"], 3, "scores that are not finite"),
        (["nets.py:map", "x.npy"], 3, "scores [N, C] are needed"),
        (["nets.py:broken", "x.npy"], 3, "conv1.weight holds 1 numbers that are not finite"),
        (["nets.py:nothing", "x.npy"], 3, "there is no 'nothing' in it"),
        (["nets.py:logits", "nan.npy"], 2, "holds values that are not finite"),
        (["nets.py:logits", "no.npy"], 2, "INPUT: there is no file no.npy"),
        (["nets.py:logits", "nets.py"], 2, "INPUT is an .npy, .safetensors, .png or .jpg file"),
        (["nets.py:logits", "vector.npy"], 3, "on an input of shape [1, 4]"),
        (["nets.py:logits", "x.npy", "--baseline", "x.npy"], 2, "--baseline equals the input"),
        (["nets.py:logits", "x.npy", "--baseline", "vector.npy"], 2, "--baseline has the shape [4]"),
        (["nets.py:logits", "x.npy", "--baseline", "white"], 2, "given 'white'"),
        (["nets.py:logits", "x.npy", "--sample", "3"], 2, "INPUT holds the samples 0 to 2"),
        (["nets.py:logits", "x.npy", "--score", "probabilty"], 2, "did you mean probability?"),
        (["nets.py:one", "x.npy", "--score", "log-odds"], 2, "needs a model with at least two classes"),
        (["nets.py:logits", "x.npy", "--method", "gradcam"], 2, "did you mean grad-cam?"),
        (["nets.py:logits", "x.npy", "--method", "grad-cam", "--arg", "a=1"], 3, "given 'a'"),
        (["nets.py:logits", "x.npy", "--html", "no/such.html"], 2, "--html no/such.html cannot be written"),
        (["x.npy", "x.npy"], 2, "MODEL is FILE.py:OBJECT"),
        (["torchvision:resnet18", "x.npy"], 2, "needs --weights FILE"),
        (["nets.py:logits", "x.npy", "--weights", "x.npy"], 3, "holds no plain state dict"),
        (["no.pt2", "x.npy"], 2, "there is no file no.pt2"),
        (["weights.pth", "x.npy"], 2, "may hold a pickle"),
    ],
)
def test_what_cannot_be_audited_is_one_sentence(here: Path, words: list[str], code: int, said: str) -> None:
    result = invoke(*words)
    assert said in " ".join(result.output.split()), result.output
    assert result.exit_code == code
    assert "Traceback" not in result.output


@pytest.mark.parametrize("how", ["training", "half"])
def test_unusual_models_are_audited(here: Path, how: str) -> None:
    data = audited(f"nets.py:{how}", "x.npy", "--rtol", "0.2")
    assert data["by_name"]["completeness"]["mark"] == "good", data["by_name"]["completeness"]
    assert how != "training" or data["settings"]["mode"] == "it came in train mode and is explained in eval mode"


def test_missing_libraries_are_one_sentence(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    for name in ("jinja2", "PIL", "safetensors", "safetensors.torch"):
        monkeypatch.setitem(sys.modules, name, None)
    Path("x.png").write_bytes(b"")
    Path("x.safetensors").write_bytes(b"")
    for words, missing in (
        (["x.npy", "--html", "a.html"], "jinja2"),
        (["x.png"], "pillow"),
        (["x.safetensors"], "safetensors"),
    ):
        result = invoke("nets.py:logits", *words)
        assert result.exit_code == 3
        assert f'needs {missing}, which is not installed: pip install "ig-props[audit]"' in " ".join(
            result.output.split()
        )


def test_shares_and_likeness() -> None:
    assert (percent(0.5, 1), percent(0, 0), percent(0.9999999, 1), percent(1, 0)) == (
        "50 %", "0 %", "100 %", "more than anything (of zero)",
    )  # fmt: skip
    a = np.array([1.0, 0.0, -2.0])
    assert cosine(a, a) == pytest.approx(1.0)
    assert cosine(a, -a) == pytest.approx(-1.0)
    assert (cosine(a, 0 * a), cosine(0 * a, 0 * a)) == (0.0, 1.0)
    assert (common(a, a), common(a, a[::-1])) == (1.0, 0.0)
    numbers = {"x": math.inf}
    section = Section("n", "?", "", Mark.GOOD, numbers=numbers, curves=Curves("", "", "", {}), bars=Bars("", "", {}))
    assert section.to_json()["numbers"] == {"x": None}
