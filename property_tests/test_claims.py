"""Do the claims hold for the plain reference, does every witness verify, and does each claim stand on its own?"""

from __future__ import annotations

import pytest

from ig_props.campaign import check
from ig_props.claims.claim import Claim, ClaimKind
from ig_props.claims.registry import claims, select
from ig_props.findings import Comparison, Verdict
from ig_props.methods.integrated_gradients import integrated_gradients

ALL = claims()


@pytest.mark.parametrize("claim", [c for c in ALL.values() if c.witness is not None], ids=lambda c: c.id)
def test_every_witness_verifies_its_statement(claim: Claim) -> None:
    assert claim.witness is not None
    assert claim.witness()


def test_a_counterexample_has_a_witness_and_a_theorem_can_be_attacked_or_verified() -> None:
    for claim in ALL.values():
        if claim.kind is ClaimKind.COUNTEREXAMPLE:
            assert claim.witness is not None, claim.id
        assert claim.attackable or claim.witness is not None, claim.id


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_reference_keeps_every_claim(seed: int) -> None:
    for finding in check(integrated_gradients, profile="quick", seed=seed):
        assert finding.verdict in (Verdict.HOLDS, Verdict.NOT_APPLICABLE), (
            finding.claim,
            finding.note,
            finding.formula,
        )


def test_an_unknown_claim_names_the_nearest() -> None:
    with pytest.raises(ValueError, match=r"did you mean PATH\.completeness\.smooth"):
        select(("PATH.completness.smoth",))


def test_verdicts_are_earned() -> None:
    """theory.md 10, line by line."""
    assert Comparison("v", 1.0, 1.0).verdict is Verdict.HOLDS
    assert Comparison("v", 1.1, 1.0, quadrature=0.2).verdict is Verdict.HOLDS
    assert Comparison("v", 1.1, 1.0, radius=0.2).verdict is Verdict.HOLDS
    assert Comparison("v", 1.1, 1.0, quadrature=0.05, rounding=0.01).verdict is Verdict.REFUTED
    assert Comparison("v", 1.1, 1.0, quadrature=0.05, rounding=0.01, float32=0.06).verdict is Verdict.IMPRECISE
    assert Comparison("v", 1.1, 1.0, rigorous=False).verdict is Verdict.INCONCLUSIVE
    assert Comparison("v", float("nan"), 1.0, quadrature=1e9).verdict is Verdict.REFUTED
