"""Does a pytest suite of somebody else check attribution code with one decorator?"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import ig_props
from ig_props.pytest_plugin import Check, checks
from ig_props.reproduction.expected import ExpectedError

ROOT = Path(__file__).resolve().parent.parent
SUITE = """
import torch
import ig_props


def right(model, inputs, baselines, target, n_steps=50, factor=1.0):
    rows = torch.arange(len(inputs))
    total = torch.zeros_like(inputs)
    with torch.enable_grad():
        for k in range(n_steps):
            z = (baselines + (k + 0.5) / n_steps * (inputs - baselines)).detach().requires_grad_()
            total += torch.autograd.grad(model(z.clone())[rows, target].sum(), z)[0]
    return factor * (inputs - baselines) * total / n_steps


def half(model, inputs, baselines, target, n_steps=50):
    return right(model, inputs, baselines, target, n_steps, 0.5)


CLAIM = "QUAD.weights_sum_one"
known = [{"claim": CLAIM, "attributor": "half", "reason": "a known defect"}]
gone = [{"claim": CLAIM, "attributor": "right", "reason": "was wrong once"}]


@ig_props.parametrize([right, half], claims=[CLAIM], profile="quick")
def test_mine(check):
    check()


@ig_props.parametrize({"named": right}, claims=CLAIM, profile="quick")
def test_named(ig_check):
    assert ig_check().verdict == "holds"


@ig_props.parametrize(half, claims=CLAIM, expected=known, profile="quick")
def test_known(check):
    check()


@ig_props.parametrize(right, claims=CLAIM, expected=gone, profile="quick")
def test_gone(check):
    check()


@ig_props.parametrize("nowhere.py:attribute", claims=CLAIM)
def test_absent(check):
    check()
"""


def pytest_in(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    command = [sys.executable, "-m", "pytest", "-p", "ig_props.pytest_plugin", "-p", "no:cacheprovider", *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment, timeout=300)


def test_a_suite_attacks_claims_with_stable_ids(tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text(SUITE)
    done = pytest_in(tmp_path, "-rA", "-q", "test_mine.py")
    out = done.stdout
    assert done.returncode == 1, out + done.stderr
    assert "PASSED test_mine.py::test_mine[right-QUAD.weights_sum_one]" in out
    assert "FAILED test_mine.py::test_mine[half-QUAD.weights_sum_one]" in out
    assert "PASSED test_mine.py::test_named[named-QUAD.weights_sum_one]" in out
    assert "XFAIL test_mine.py::test_known[half-QUAD.weights_sum_one] - a known defect" in out
    assert "news: QUAD.weights_sum_one of right was expected to be refuted: was wrong once" in out
    assert "nowhere.py:attribute: there is no file nowhere.py" in out
    for part in ("received  0.5", "exact     1", "times the budget"):
        assert part in out, part


def test_the_plugin_imports_no_torch_and_registers_profiles(tmp_path: Path) -> None:
    (tmp_path / "test_profiles.py").write_text(
        "import sys\n"
        "def test_profiles():\n"
        "    assert 'torch' not in sys.modules\n"
        "    from hypothesis import settings\n"
        "    assert settings.get_profile('ig-props-quick').max_examples < settings.get_profile('ig-props-deep').max_examples\n"
    )
    done = pytest_in(tmp_path, "test_profiles.py", "--ig-props-profile", "quick")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"ig-props: {ig_props.__version__}, profile quick" in done.stdout


def test_the_profile_of_hypothesis_is_ours_too(tmp_path: Path) -> None:
    (tmp_path / "test_nothing.py").write_text("def test_nothing(): pass\n")
    done = pytest_in(tmp_path, "-p", "_hypothesis_pytestplugin", "--hypothesis-profile", "ig-props-deep")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "profile deep" in done.stdout


def attribute(model: Any, inputs: Any, baselines: Any, target: Any, n_steps: int = 50) -> Any:
    raise NotImplementedError


def attribute_layer(model: Any, layer: Any, inputs: Any, baselines: Any, target: Any, n_steps: int = 50) -> Any:
    raise NotImplementedError


def ids(made: list[Check]) -> set[str]:
    return {f"{c.name}-{c.claim}" for c in made}


def test_attributors_are_asked_for_what_they_claim_only() -> None:
    assert ids(checks([attribute, attribute_layer], claims="QUAD.order,RSI.completeness")) == {
        "attribute-QUAD.order", "attribute_layer-RSI.completeness",
    }  # fmt: skip
    assert ids(checks("captum:LayerConductance", claims="QUAD.order,RSI.completeness")) == {
        "captum:LayerConductance-RSI.completeness"
    }
    assert checks(attribute, claims="QUAD.order", as_="path") == []


def test_statements_that_nobody_can_break_are_no_tests() -> None:
    assert checks(attribute, claims="RS.by_parts") == []


def test_unknown_claims_and_expectations_are_errors() -> None:
    with pytest.raises(ValueError, match="did you mean"):
        checks(attribute, claims="QUAD.ordr")
    entry = {"claim": "QUAD.order", "attributor": "other", "reason": "known"}
    with pytest.raises(ExpectedError, match="matches no check"):
        checks(attribute, claims="QUAD.order", expected=[entry])


def test_a_test_without_the_argument_is_an_error() -> None:
    def test_without() -> None:
        raise NotImplementedError

    with pytest.raises(TypeError, match="check or ig_check"):
        ig_props.parametrize(attribute, claims="QUAD.order")(test_without)
