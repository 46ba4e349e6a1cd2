"""Which claims are there?"""

from __future__ import annotations

import difflib
from fnmatch import fnmatchcase
from importlib import import_module

from ig_props.claims.claim import Claim

FAMILIES = ("completeness", "axioms", "stieltjes", "layers", "contracts")


def claims() -> dict[str, Claim]:
    """Every claim by id, in the order of theory.md."""
    found: dict[str, Claim] = {}
    for family in FAMILIES:
        for claim in import_module(f"ig_props.claims.{family}").CLAIMS:
            if claim.id in found:
                raise ValueError(f"claim id {claim.id} is defined twice")
            found[claim.id] = claim
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
