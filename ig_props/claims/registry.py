"""Which claims are there?"""

from __future__ import annotations

import difflib
from dataclasses import replace
from fnmatch import fnmatchcase
from importlib import import_module

from ig_props.attributors.protocol import Kind
from ig_props.claims.claim import Cases, Claim

FAMILIES = ("completeness", "axioms", "uniqueness", "stieltjes", "layers", "cam", "softmax", "baselines", "contracts")


EFFORT = {
    "completeness": 0.5,
    "axioms": 0.5,
    "uniqueness": 0.5,
    "stieltjes": 0.6,
    "layers": 2.0,
    "cam": 2.0,
    "softmax": 0.5,
    "baselines": 0.5,
    "contracts": 1.0,
    "QUAD.weights_sum_one": 2.5,
    "QUAD.variation_bound": 2.5,
    "CODE.errors": 1.5,
    "CODE.purity": 1.5,
    "CODE.purity_after_failure": 1.5,
}
"""Share of examples: the sharpest attacks get most, the axioms that follow from agreement with the oracle less."""


def _form(kind: Kind) -> tuple[bool, bool]:
    return kind.needs_layer, kind.is_map


def _within(claim: Claim) -> Cases | None:
    """The claim's examples for attributors whose answers have the form of one that makes it, none for others.

    What one map of the Grad-CAM family is says nothing of the others.
    """
    forms, cases = {_form(kind) for kind in claim.kinds}, claim.cases
    if cases is None:
        return None
    if claim.family == "cam":
        return lambda traits: cases(traits) if traits.kind in claim.kinds else None
    return lambda traits: cases(traits) if _form(traits.kind) in forms else None


def claims() -> dict[str, Claim]:
    """Every claim by id, in the order of theory.md."""
    found: dict[str, Claim] = {}
    for family in FAMILIES:
        for claim in import_module(f"ig_props.claims.{family}").CLAIMS:
            if claim.id in found:
                raise ValueError(f"claim id {claim.id} is defined twice")
            found[claim.id] = replace(claim, cases=_within(claim), effort=EFFORT.get(claim.id, EFFORT[claim.family]))
    return found


def select(globs: tuple[str, ...]) -> list[Claim]:
    """The claims whose id matches any of the globs (all when there is none).

    Raises ValueError naming a glob that matches nothing, with the nearest id.
    """
    known = claims()
    if not globs:
        return list(known.values())
    chosen: set[str] = set()
    for glob in globs:
        matched = {i for i in known if fnmatchcase(i, glob)}
        if not matched:
            near = difflib.get_close_matches(glob, known, n=1, cutoff=0.3)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise ValueError(f"no claim matches {glob!r}{hint} (ig-props list shows them all)")
        chosen |= matched
    return [claim for i, claim in known.items() if i in chosen]
