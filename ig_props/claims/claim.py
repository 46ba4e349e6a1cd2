"""What is a claim? A statement with an id, its premises and source, and the attack that could refute it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from ig_props.attributors.protocol import Kind

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from ig_props.attributors.protocol import Attributor, Traits
    from ig_props.claims.case import Case
    from ig_props.findings import Outcome


class ClaimKind(StrEnum):
    THEOREM = "theorem"
    COUNTEREXAMPLE = "counterexample"
    CONTRACT = "contract"


ATTRIBUTIONS = frozenset({Kind.IG, Kind.PATH})
EVERY = frozenset(Kind)
INTEGRATED = frozenset({Kind.IG})


Cases = Callable[["Traits"], "SearchStrategy[Case] | None"]
"""For an attributor's traits the strategy that draws examples, or None when the claim does not apply to them."""


@dataclass(frozen=True)
class Claim:
    """One row of theory.md.

    kinds: the attributors that claim it. check: what one example shows. witness: for counterexamples and identities
    that need no attributor, a function that verifies the statement exactly and returns what it found as a sentence; it
    raises AssertionError if the statement fails. effort: its share of examples, 1 for the profile's number.
    """

    id: str
    family: str
    kind: ClaimKind
    statement: str
    premises: tuple[str, ...] = ()
    source: str = ""
    kinds: frozenset[Kind] = INTEGRATED
    cases: Cases | None = None
    check: Callable[[Attributor, Case], Outcome] | None = None
    witness: Callable[[], str] | None = None
    effort: float = 1.0

    @property
    def attackable(self) -> bool:
        return self.cases is not None and self.check is not None
