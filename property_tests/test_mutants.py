"""Is every defect found by a claim that it names, and is every honest implementation left alone?

IG_PROPS_SEEDS holds the seeds of the searches, with commas; one seed by default.
"""

from __future__ import annotations

import os

import numpy as np
import pytest

from ig_props.attributors.plain import Plain
from ig_props.campaign import check
from ig_props.checking.calling import attributions
from ig_props.claims.case import Case
from ig_props.claims.registry import claims
from ig_props.findings import Verdict
from ig_props.networks.network import Affine, Network, Node
from ig_props.running.request import Profile
from property_tests.controls import CONTROLS, Control
from property_tests.mutants import MUTANTS, Mutant

SEEDS = tuple(int(text) for text in os.environ.get("IG_PROPS_SEEDS", "0").split(","))
SEARCH = Profile("mutants", 200, 20.0, 0.0)
LOOK = Profile("controls", 6, 0.6, 0.0)
WRONG = (Verdict.REFUTED, Verdict.CRASHED)
PLAINEST = Case(
    Network((3,), (Node(Affine(((1.0, 0.5, 0.25), (0.5, 1.0, 0.5)), (0.0, 0.5)), (0,)),)),
    inputs=((1.0, 1.0, 1.0),),
    baselines=((0.0, 0.0, 0.0),),
    targets=(1,),
    n_steps=32,
)
"""An affine score that is predicted, a positive input of one sample, a zero baseline, 32 steps."""

seeds = pytest.mark.parametrize("seed", SEEDS)
mutants = pytest.mark.parametrize("mutant", MUTANTS.values(), ids=MUTANTS)
controls = pytest.mark.parametrize("control", CONTROLS.values(), ids=CONTROLS)


def test_there_are_enough_of_both() -> None:
    assert len(MUTANTS) >= 60
    assert len(CONTROLS) >= 24


@mutants
def test_mutant_names_claims_that_exist(mutant: Mutant) -> None:
    assert mutant.refuted_by
    assert set(mutant.refuted_by) <= set(claims())


@pytest.mark.parametrize("name", [name for name, mutant in MUTANTS.items() if not mutant.blunt and mutant.as_ == "ig"])
def test_mutant_is_right_in_the_plainest_case(name: str) -> None:
    received = attributions(Plain(MUTANTS[name].subject, name), PLAINEST)
    np.testing.assert_allclose(received, [[0.5, 1.0, 0.5]], rtol=1e-6)


@pytest.mark.parametrize("name", [name for name, control in CONTROLS.items() if control.as_ == "ig"])
def test_control_is_right_in_the_plainest_case(name: str) -> None:
    received = attributions(Plain(CONTROLS[name].subject, name), PLAINEST)
    np.testing.assert_allclose(received, [[0.5, 1.0, 0.5]], rtol=1e-6)


@seeds
@mutants
def test_mutant_is_refuted_by_a_claim_it_names(mutant: Mutant, seed: int) -> None:
    seen = {}
    for claim in mutant.refuted_by:
        (finding,) = check(
            mutant.subject, as_=mutant.as_, stage=mutant.stage, claims=(claim,), profile=SEARCH, seed=seed
        )
        if finding.verdict is Verdict.REFUTED:
            return
        seen[claim] = f"{finding.verdict} after {finding.examples} examples {finding.note}".strip()
    pytest.fail(f"{mutant.defect} Not refuted: {seen}")


@seeds
@controls
def test_control_is_left_alone(control: Control, seed: int) -> None:
    findings = check(control.subject, as_=control.as_, stage=control.stage, profile=LOOK, seed=seed)
    assert any(finding.verdict is Verdict.HOLDS for finding in findings)
    wrong = [f"{f.claim}: {f.note} {f.comparison}\n{f.formula}" for f in findings if f.verdict in WRONG]
    assert not wrong, f"{control.unusual} Refuted all the same:\n" + "\n".join(wrong)
