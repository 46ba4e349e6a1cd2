"""Does every method of our own engine answer the claims, with the numbers of steps that it takes?"""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from ig_props import integrated_gradients, layer_integral
from ig_props.attributors.load import load
from ig_props.attributors.ours import NAMED
from ig_props.campaign import check
from ig_props.findings import Verdict
from ig_props.integration.engine import OWN_RULES
from ig_props.integration.layers import METHODS
from ig_props.quadrature import RULES
from ig_props.running.request import Profile

BRIEF = Profile("brief", 4, 0.5, 0.0)
CLAIMS = "QUAD.*,PATH.completeness*,EXACT.*,CERT.*,RS*,CODE.shape,CODE.chunking"
MODES = [("integrated_gradients", m) for m in (*RULES, *OWN_RULES)] + [("layer_integral", m) for m in METHODS]


@pytest.mark.parametrize(("entry", "method"), MODES)
def test_every_method_can_be_attacked_and_is_not_refuted(entry: str, method: str) -> None:
    found = check(load(f"ig_props:{entry}", args={"method": method}), claims=CLAIMS, profile=BRIEF)
    assert not found.cannot_run
    assert any(f.verdict is Verdict.HOLDS for f in found)
    assert not [f for f in found if f.verdict in (Verdict.REFUTED, Verdict.CRASHED)]


@pytest.mark.parametrize("name", NAMED)
def test_rules_that_are_named_are_those_that_run_with_every_number_of_steps(name: str) -> None:
    traits = load("ig_props:integrated_gradients", args={"method": name}).traits
    assert traits.rule is NAMED[name]
    for n in {traits.fitting(k) for k in range(1, 65)}:
        rule = traits.rule(n)
        assert len(rule.nodes) == len(rule.weights) == n
        assert list(rule.nodes) == sorted(rule.nodes)
        for degree in range(min(rule.degree, 25) + 1):
            total = sum(w * t**degree for t, w in zip(rule.nodes, rule.weights, strict=True))
            # every term is a product of degree + 1 rounded numbers, and nodes may be off by a few units in the last place
            assert abs(total - 1 / (degree + 1)) <= 2.0**-52 * (n + 8 * (degree + 1))


def test_code_that_takes_few_numbers_of_steps_is_judged_with_those() -> None:
    asked = []

    def attribute(model: nn.Module, inputs: Tensor, baselines: Tensor, target: Tensor, n_steps: int = 30) -> Tensor:
        asked.append(n_steps)
        found = integrated_gradients(model, inputs, baselines, target, n_steps=n_steps, method="gauss-kronrod").values
        assert isinstance(found, Tensor)
        return found

    (finding,) = check(attribute, claims="QUAD.variation_bound", profile=BRIEF)
    assert finding.verdict is Verdict.HOLDS
    assert not [n for n in asked[-finding.examples :] if n % 15]
    assert not finding.reasons


def test_code_that_takes_no_number_of_steps_cannot_run() -> None:
    def attribute(model: nn.Module, inputs: Tensor, baselines: Tensor, target: Tensor, n_steps: int = 30) -> Tensor:
        raise ValueError(f"never {n_steps}")

    found = check(attribute, claims="QUAD.weights_sum_one", profile=BRIEF)
    assert found.exit_code == 3
    assert "never 8" in found.cannot_run[0].sentence


def test_the_spectral_form_is_not_for_kinks() -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    with pytest.raises(ValueError, match="method 'spectral' needs a smooth model; this one has piecewise linear"):
        layer_integral(model, model[0], torch.ones(1, 2), method="spectral")
