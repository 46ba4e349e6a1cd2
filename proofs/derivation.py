"""Which derivations are there? Functions registered under the id of the claim that they prove."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from importlib import import_module

from proofs.kernel.script import ordered
from proofs.kernel.terms import Said, Statement
from proofs.kernel.theorem import Theorem

MODULES = (
    "completeness", "axioms", "uniqueness", "stieltjes", "rules", "layers", "cam", "softmax", "baselines", "exact",
)  # fmt: skip

SAME_ROOM = {"rules": "stieltjes", "exact": "stieltjes"}
"""Modules that share a family of claims with another."""

Part = tuple[str, Theorem]
"""A theorem and the words that say what it is."""


@dataclass(frozen=True)
class Derivation:
    """What proves a claim: a function that returns its theorems with words; its docstring is the claim in words.

    published: where the printed statement differs and why. general: "" where the theorem covers every dimension or
    length, else what the general case rests on. counterexample: whether it refutes a statement rather than proving one.
    uses: ids of claims that its
    argument rests on. against: claims of which it shows that a premise is needed. figure: the picture that shows it.
    """

    id: str
    family: str
    build: Callable[[], list[Part]]
    words: str
    published: str = ""
    general: str = ""
    counterexample: bool = False
    uses: tuple[str, ...] = ()
    against: tuple[str, ...] = ()
    figure: str = ""
    sources: tuple[str, ...] = ()


@dataclass(frozen=True)
class Proved:
    """A derivation that was run. error: why it does not go through, empty if it does."""

    derivation: Derivation
    parts: tuple[Part, ...]
    seconds: float
    error: str = ""

    @property
    def steps(self) -> int:
        return sum(len(ordered(t)) for _, t in self.parts)

    @property
    def witnesses(self) -> int:
        return sum(len(step.checks) for _, t in self.parts for step in ordered(t))


def premises(theorem: Theorem) -> list[Statement]:
    """What a theorem rests on, in a stable order; of several orders of smoothness of a function the highest."""
    said: dict[str, Said] = {}
    others = []
    for p in theorem.premises:
        s = p.statement
        if isinstance(s, Said) and s.what.startswith("is C"):
            said[s.about] = max(said.get(s.about, s), s, key=lambda v: "¹²³⁴".index(v.what[-1]))
        else:
            others.append(s)
    continuous = [s for s in others if not (isinstance(s, Said) and s.what == "is continuous" and s.about in said)]
    return sorted([*continuous, *said.values()], key=lambda s: (isinstance(s, Said), s.text()))


_FOUND: dict[str, Derivation] = {}


def proves(
    id_: str,
    *,
    published: str = "",
    general: str = "",
    counterexample: bool = False,
    uses: tuple[str, ...] = (),
    against: tuple[str, ...] = (),
    figure: str = "",
    sources: tuple[str, ...] = (),
) -> Callable[[Callable[[], list[Part]]], Callable[[], list[Part]]]:
    """Registers a derivation under the id of its claim."""

    def register(build: Callable[[], list[Part]]) -> Callable[[], list[Part]]:
        if id_ in _FOUND:
            raise ValueError(f"{id_} is derived twice")
        module = build.__module__.rsplit(".", 1)[-1]
        family = SAME_ROOM.get(module, module)
        words = " ".join((build.__doc__ or "").split())
        _FOUND[id_] = Derivation(
            id_, family, build, words, published, general, counterexample, uses, against, figure, sources
        )  # fmt: skip
        return build

    return register


def derivations(glob: str = "*") -> dict[str, Derivation]:
    """The derivations whose id matches, family by family."""
    for module in MODULES:
        import_module(f"proofs.{module}")
    return {i: d for i, d in _FOUND.items() if fnmatchcase(i, glob)}


def run(derivation: Derivation) -> Proved:
    """The derivation with its theorems, or with the reason why there are none."""
    began = time.perf_counter()
    try:
        parts, error = tuple(derivation.build()), ""
    except Exception as failed:
        parts, error = (), f"{type(failed).__name__}: {failed}"
    if not error and not parts:
        error = "the derivation proves nothing"
    return Proved(derivation, parts, time.perf_counter() - began, error)
