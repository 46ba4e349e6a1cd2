"""What is known of a claim? Everything is computed: from its derivation, Coq's result, the registry and the last runs."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from ig_props.claims.claim import Claim
from ig_props.claims.registry import claims
from proofs.derivation import Derivation, Proved, derivations, run

ROOT = Path(__file__).parents[2]
COQ = ROOT / "proofs" / "coq" / "result.json"
REPLAY = ROOT / "docs" / "_build" / "replay.json"
RUN = Path(os.environ.get("IG_PROPS_RUN", ROOT / "docs" / "_build" / "run.json"))


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


@dataclass(frozen=True)
class Coq:
    """What the Coq audit says of a claim."""

    theorem: str
    file: str
    reads: str
    statement: str
    axioms: tuple[str, ...]


@dataclass(frozen=True)
class Known:
    """A claim with everything that was computed about it. survived: how many examples of the last run it withstood, for
    each attributor. damages: corruptions of its proof that were rejected, and how many were tried."""

    id: str
    family: str
    counterexample: bool
    claim: Claim | None
    proved: Proved | None
    coq: tuple[Coq, ...]
    against: tuple[str, ...] = ()
    mutants: tuple[tuple[str, str], ...] = ()
    survived: tuple[tuple[str, str, int], ...] = ()
    damages: dict[str, Any] = field(default_factory=dict)

    @property
    def derived(self) -> bool:
        return self.proved is not None and not self.proved.error

    @property
    def statement(self) -> str:
        if self.claim is not None:
            return self.claim.statement
        return self.proved.derivation.words if self.proved else ""

    @property
    def statuses(self) -> tuple[tuple[str, str], ...]:
        """CSS class and words of everything that holds of the claim, the strongest first."""
        found = []
        if self.coq:
            found.append(("kernel-checked", "kernel-checked"))
        if self.derived:
            found.append(("derived", "derived"))
        elif self.proved is not None:
            found.append(("failed", "derivation fails"))
        if self.claim is not None and self.claim.attackable:
            found.append(("attacked", "attacked"))
        if self.against:
            found.append(("refuted", "refuted without a premise"))
        return tuple(found) or (("open", "stated only"),)


def _coq() -> dict[str, list[Coq]]:
    found: dict[str, list[Coq]] = {}
    for id_, entries in (_json(COQ) or {}).get("claims", {}).items():
        for e in entries:
            found.setdefault(id_, []).append(
                Coq(e["theorem"], e.get("file", ""), e.get("reads", ""), e["statement"], tuple(e["axioms"]))
            )
    return found


def _survived() -> dict[str, list[tuple[str, str, int]]]:
    found: dict[str, list[tuple[str, str, int]]] = {}
    for f in (_json(RUN) or {}).get("findings", ()):
        found.setdefault(f["claim"], []).append((f["attributor"], f["verdict"], int(f["examples"])))
    return found


def _mutants() -> dict[str, list[tuple[str, str]]]:
    from property_tests.mutants import MUTANTS

    found: dict[str, list[tuple[str, str]]] = {}
    for mutant in MUTANTS.values():
        for id_ in mutant.refuted_by:
            found.setdefault(id_, []).append((mutant.name, mutant.defect))
    return found


@lru_cache(maxsize=1)
def known() -> dict[str, Known]:
    """Every claim that is stated or derived, in the registry's order, then the derivations'."""
    stated, derived = claims(), derivations()
    coq, survived, mutants, damages = _coq(), _survived(), _mutants(), _json(REPLAY) or {}
    against: dict[str, list[str]] = {}
    proofs = {i: run(d) for i, d in derived.items()}
    for i, p in proofs.items():
        for target in p.derivation.against if not p.error else ():
            against.setdefault(target, []).append(i)
    found = {}
    for i in dict.fromkeys((*stated, *derived)):
        claim, proved = stated.get(i), proofs.get(i)
        derivation: Derivation | None = proved.derivation if proved else None
        found[i] = Known(
            id=i,
            family=claim.family if claim else derivation.family if derivation else "",
            counterexample=str(claim.kind) == "counterexample"
            if claim
            else bool(derivation and derivation.counterexample),
            claim=claim,
            proved=proved,
            coq=tuple(coq.get(i, ())),
            against=tuple(against.get(i, ())),
            mutants=tuple(mutants.get(i, ())),
            survived=tuple(survived.get(i, ())),
            damages=damages.get(i, {}),
        )
    return found
