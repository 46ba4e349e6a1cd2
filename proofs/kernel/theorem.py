"""Who may make a theorem? Rules alone; each checks its own step and says what it checked."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from proofs.kernel.terms import Rejected, Statement

_KEY = object()


@dataclass(frozen=True)
class Premise:
    """Something that is not proved."""

    statement: Statement


class Theorem:
    """premises ⊢ statement. `rule`, `args` and `checks` say how it was made."""

    __slots__ = ("args", "checks", "premises", "rule", "statement")

    statement: Statement
    premises: frozenset[Premise]
    rule: str
    args: tuple[Any, ...]
    checks: tuple[str, ...]

    def __init__(self, key: object, **parts: Any) -> None:
        if key is not _KEY:
            raise Rejected("a theorem is made by a rule of the kernel")
        for name, value in parts.items():
            object.__setattr__(self, name, value)

    def __setattr__(self, name: str, value: Any) -> None:
        raise Rejected("a theorem does not change")

    def __repr__(self) -> str:
        return f"{len(self.premises)} premises ⊢ {self.statement}"


@dataclass(frozen=True)
class Made:
    """What a rule's body returns: the statement, its premises and what was checked."""

    statement: Statement
    premises: frozenset[Premise]
    checks: tuple[str, ...]


Rule = Callable[..., Made]
RULES: dict[str, Callable[..., Theorem]] = {}


def rule(name: str) -> Callable[[Rule], Callable[..., Theorem]]:
    """Makes a rule of a function that checks a step; what the rule is given stays with the theorem."""

    def decorate(body: Rule) -> Callable[..., Theorem]:
        @functools.wraps(body)
        def apply(*args: Any) -> Theorem:
            try:
                made = body(*args)
            except Rejected as error:
                raise Rejected(f"{name}: {error}") from None
            except (TypeError, AttributeError, ValueError, LookupError, ArithmeticError, NotImplementedError) as error:
                raise Rejected(f"{name}: {type(error).__name__}: {error}") from error
            return Theorem(
                _KEY, statement=made.statement, premises=made.premises, rule=name, args=args, checks=made.checks
            )

        if name in RULES:
            raise ValueError(f"rule {name} is defined twice")
        RULES[name] = apply
        return apply

    return decorate


def premises_of(*theorems: Theorem) -> frozenset[Premise]:
    for t in theorems:
        if not isinstance(t, Theorem):
            raise Rejected(f"a theorem is needed, given {t!r:.60}")
    return frozenset().union(*(t.premises for t in theorems))
