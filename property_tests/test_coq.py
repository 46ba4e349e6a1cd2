"""Does the audit of the Coq proofs refuse what only looks like a proof, and do ours pass it?"""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from ig_props.commands import catalogue

ROOT = Path(__file__).parents[1]
COQ = ROOT / "proofs" / "coq"


def _loaded() -> ModuleType:
    spec = importlib.util.spec_from_file_location("coq_audit", COQ / "audit.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


audit = _loaded()
needs_coq = pytest.mark.skipif(bool(audit.unavailable()), reason=audit.unavailable() or "Coq is here")

SPEC = "Definition double (n : nat) : nat := n + n.\n"
INSTANCES = """From IgProps Require Import Spec Proof.
Example even_instance : 0 < double 1.
Proof. solve [apply even; repeat constructor | cbv; repeat constructor]. Qed.
"""
PROOF = """From Coq Require Import Lia Classical_Prop.
From IgProps Require Import Spec.
Theorem even (n : nat) : 0 < n -> 0 < double n.
Proof. unfold double. lia. Qed.
Theorem middle (P : Prop) : P \\/ ~ P.
Proof. apply classic. Qed.
"""
TABLE = """
[[theorem]]
claim = "TINY.even"
file = "Proof"
name = "even"
reads = "A positive number doubled is positive."
statement = "forall n : nat, (0 < n)%nat -> (0 < double n)%nat"

[[theorem]]
claim = "TINY.middle"
file = "Proof"
name = "middle"
reads = "A statement holds or it does not."
statement = "forall P : Prop, P \\\\/ ~ P"

[[unproved]]
claim = "TINY.all"
reason = "needs more than this"
"""


@pytest.fixture
def tiny(tmp_path: Path) -> Callable[..., Path]:
    def write(proof: str = PROOF, spec: str = SPEC, table: str = TABLE, instances: str = INSTANCES) -> Path:
        (tmp_path / "statements").mkdir()
        (tmp_path / "Spec.v").write_text(spec)
        (tmp_path / "Proof.v").write_text(proof)
        (tmp_path / "Instances.v").write_text(instances)
        (tmp_path / "statements" / "tiny.toml").write_text(table)
        return tmp_path

    return write


def swapped(text: str, old: str, new: str) -> str:
    assert old in text
    return text.replace(old, new)


@needs_coq
def test_honest_proofs_are_accepted(tiny: Callable[..., Path]) -> None:
    result = audit.audit(tiny())
    assert {c: t[0]["axioms"] for c, t in result["claims"].items()} == {
        "TINY.even": [],
        "TINY.middle": ["Classical_Prop.classic"],
    }
    assert result["unproved"] == {"TINY.all": "needs more than this"}


LOOP = "Unset Guard Checking.\nFixpoint absurd (n : nat) : False := absurd n.\n"
MUTANTS = {
    "an Admitted": (swapped(PROOF, "unfold double. lia. Qed.", "Admitted."), "rests on 'Proof.even"),
    "an axiom of ours": (
        swapped(PROOF, "Theorem even", "Axiom a : 0 = 1.\nTheorem even").replace(
            "unfold double. lia", "discriminate a"
        ),
        "rests on 'Proof.a : 0 = 1'",
    ),
    "an axiom of ours under an accepted name": (
        swapped(
            PROOF, "Theorem even", "Module Classical_Prop.\nAxiom classic : 0 = 1.\nEnd Classical_Prop.\nTheorem even"
        ).replace("unfold double. lia", "discriminate Classical_Prop.classic"),
        "rests on 'Proof.Classical_Prop.classic : 0 = 1'",
    ),
    "an accepted axiom's type under our own name": (
        swapped(PROOF, "Theorem even", "Axiom classic : forall P : Prop, P \\/ ~ P.\nTheorem even"),
        "rests on 'Proof.classic",
    ),
    "guard checking switched off": (
        swapped(PROOF, "Theorem even", LOOP + "Theorem even").replace("unfold double. lia", "destruct (absurd 0)"),
        "assumed to be guarded",
    ),
    "type in type": (
        swapped(PROOF, "Theorem even", "Unset Universe Checking.\nTheorem even"),
        "relies on an unsafe hierarchy",
    ),
    "a premise more": (
        swapped(PROOF, "(n : nat) : 0 < n ->", "(n : nat) : n = 1 -> 0 < n ->"),
        "TINY.even: Proof.even is not what the table says",
    ),
    "a weaker conclusion": (
        swapped(PROOF, "0 < n -> 0 < double n", "0 < n -> 0 <= double n"),
        "TINY.even: Proof.even is not what the table says",
    ),
    "a premise that a section leaks": (
        swapped(PROOF, "Theorem even", "Section Leak.\nHypothesis h : 0 = 1.\nTheorem even")
        .replace("unfold double. lia", "discriminate h")
        .replace("Theorem middle", "End Leak.\nTheorem middle"),
        "TINY.even: Proof.even is not what the table says",
    ),
    "a definition that hides the one of Spec.v": (
        swapped(PROOF, "Theorem even", "Definition double (n : nat) : nat := S n.\nTheorem even"),
        "TINY.even: Proof.even is not what the table says",
    ),
    "a notation that hides the one of Coq": (
        swapped(PROOF, "Theorem even", 'Notation "a < b" := (a <= S b) : nat_scope.\nTheorem even'),
        "TINY.even: Proof.even is not what the table says",
    ),
}


@needs_coq
@pytest.mark.parametrize("name", MUTANTS)
def test_what_only_looks_like_a_proof_is_refused(tiny: Callable[..., Path], name: str) -> None:
    proof, complaint = MUTANTS[name]
    with pytest.raises(audit.Refused) as refusal:
        audit.audit(tiny(proof))
    assert complaint in str(refusal.value)


@needs_coq
def test_a_dropped_premise_in_the_table_is_refused(tiny: Callable[..., Path]) -> None:
    stronger = swapped(TABLE, "(0 < n)%nat -> (0 < double n)%nat", "(0 < double n)%nat")
    with pytest.raises(audit.Refused, match="is not what the table says"):
        audit.audit(tiny(table=stronger))


@needs_coq
def test_a_table_of_unknown_words_is_refused(tiny: Callable[..., Path]) -> None:
    with pytest.raises(audit.Refused, match=r"Proof\.even has a statement that means nothing to Spec\.v"):
        audit.audit(tiny(table=swapped(TABLE, "double n", "triple n")))


@pytest.mark.parametrize(
    "instances", ["", INSTANCES.replace("apply even; repeat constructor | ", ""), "(* even_instance *)"]
)
def test_premises_that_no_instance_meets_are_refused(tiny: Callable[..., Path], instances: str) -> None:
    with pytest.raises(audit.Refused, match=r"TINY\.even: can the premises of even be met\?"):
        audit.audit(tiny(instances=instances))


def test_a_claim_is_not_both_proved_and_unproved(tiny: Callable[..., Path]) -> None:
    with pytest.raises(audit.Refused, match=r"TINY\.even is listed as proved and as unproved"):
        audit.audit(tiny(table=swapped(TABLE, "TINY.all", "TINY.even")))


@needs_coq
@pytest.mark.timeout(1500)
def test_our_proofs_pass_and_the_written_result_says_so() -> None:
    assert audit.stale(COQ, audit.audit(COQ)) == ""


def test_the_written_result_is_about_these_sources() -> None:
    assert audit.stale(COQ) == ""


def test_every_file_is_in_the_project() -> None:
    listed = [line for line in (COQ / "_CoqProject").read_text().splitlines() if line.endswith(".v")]
    assert sorted(listed) == sorted(path.name for path in COQ.glob("*.v"))


def test_the_docs_show_what_was_accepted() -> None:
    pages = audit.pages(COQ)
    assert {path.name: path.read_text() for path in audit.PAGES.glob("*.md")} == pages
    assert "```coq\nTheorem reversal :" in pages["axioms.md"]


def test_a_result_about_other_sources_is_noticed(tiny: Callable[..., Path]) -> None:
    where = tiny()
    (where / "result.json").write_text(json.dumps({"sources": audit.digest(where), "claims": {}, "unproved": {}}))
    assert audit.stale(where) == ""
    (where / "Proof.v").write_text(PROOF + "\n")
    assert "is about other sources" in audit.stale(where)


def test_every_sentence_of_the_table_says_something() -> None:
    theorems, unproved = audit.table(COQ)
    for theorem in theorems:
        assert len(theorem.reads.split()) > 3, theorem.claim
    for claim, reason in unproved.items():
        assert len(reason.split()) > 3, claim


def test_every_claim_that_theory_states_is_proved_or_has_a_reason() -> None:
    from ig_props.claims.registry import claims

    theorems, unproved = audit.table(COQ)
    listed = {t.claim for t in theorems} | unproved.keys()
    mathematical = {c.id for c in claims().values() if not c.id.startswith(("CODE.", "CERT."))}
    assert mathematical <= listed


def test_explain_shows_the_exact_statement_of_a_proved_claim(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    written = tmp_path / "result.json"
    monkeypatch.setattr(catalogue, "KERNEL", written)
    assert catalogue._kernel_checked("IG.reversal") == []
    theorem = {
        "theorem": "back",
        "file": "A.v",
        "reads": "It negates.",
        "statement": "f = - g",
        "gap": "paths",
        "axioms": ["M.classic"],
    }
    written.write_text(json.dumps({"claims": {"IG.reversal": [theorem]}, "unproved": {"QUAD.order": "observed only"}}))
    assert catalogue._kernel_checked("IG.reversal") == [
        ("Coq", "It negates.\nback in A.v, from classic:"),
        ("", "f = - g"),
        ("not in Coq", "paths"),
    ]
    assert catalogue._kernel_checked("QUAD.order") == [("not in Coq", "observed only")]
    assert catalogue._kernel_checked("CODE.dtype") == []
