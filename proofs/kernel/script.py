"""What is the proof behind a theorem? Its steps in order; they can be run again, and damaged on purpose."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sympy as sp

from proofs.kernel.terms import Every, Field, Forall, Rejected, Rel
from proofs.kernel.theorem import RULES, Theorem

REORDERED = "the same steps in another order"


@dataclass(frozen=True)
class Ref:
    """The theorem of an earlier step."""

    step: int


@dataclass(frozen=True)
class Step:
    """A rule and what it is given, theorems as references to earlier steps."""

    rule: str
    args: tuple[Any, ...]


@dataclass(frozen=True)
class Corruption:
    """A damage: what was done to which step, and the steps that result."""

    what: str
    step: int
    steps: tuple[Step, ...]


def ordered(theorem: Theorem) -> list[Theorem]:
    """The theorems a theorem is made of, each after those it rests on; the theorem itself comes last."""
    found: dict[int, Theorem] = {}

    def visit(t: Theorem) -> None:
        if id(t) in found:
            return
        for part in facts(t.args):
            visit(part)
        found[id(t)] = t

    visit(theorem)
    return list(found.values())


def facts(arg: Any) -> Iterator[Theorem]:
    """The theorems among the arguments of a rule."""
    if isinstance(arg, Theorem):
        yield arg
    elif isinstance(arg, tuple | list):
        for a in arg:
            yield from facts(a)


def _mapped(arg: Any, change: Callable[[Any], Any]) -> Any:
    if isinstance(arg, tuple | list):
        return tuple(_mapped(a, change) for a in arg)
    return change(arg)


def script(theorem: Theorem) -> tuple[Step, ...]:
    """The theorem's proof as steps that `replay` runs."""
    theorems = ordered(theorem)
    number = {id(t): k for k, t in enumerate(theorems)}
    refer = lambda a: Ref(number[id(a)]) if isinstance(a, Theorem) else a  # noqa: E731
    return tuple(Step(t.rule, _mapped(t.args, refer)) for t in theorems)


def run(steps: Sequence[Step], known: Sequence[Theorem | None] = ()) -> list[Theorem]:
    """The theorems of the steps; `known` are those of steps that need not run again. Rejected where a step is."""
    made: list[Theorem] = []
    for k, step in enumerate(steps):
        before = known[k] if k < len(known) else None
        if before is not None:
            made.append(before)
            continue

        def look(a: Any, k: int = k) -> Any:
            if isinstance(a, Ref):
                if not 0 <= a.step < k:
                    raise Rejected(f"step {k} refers to step {a.step}, which is not made yet")
                return made[a.step]
            return a

        made.append(RULES[step.rule](*_mapped(step.args, look)))
    return made


def replay(steps: Sequence[Step]) -> Theorem:
    """The last theorem, every step run again."""
    return run(steps)[-1]


def rerun_damaged(corruption: Corruption, made: Sequence[Theorem]) -> list[Theorem]:
    """The theorems of a damaged proof; steps that rest on no damaged one are taken as they were made."""
    touched: set[int] = set()
    original = tuple(script(made[-1]))
    for k, step in enumerate(corruption.steps):
        refs: list[int] = []
        _mapped(step.args, lambda a, refs=refs: refs.append(a.step) if isinstance(a, Ref) else None)
        if k >= len(original) or step != original[k] or touched & set(refs):
            touched.add(k)
    known = [None if k in touched or k >= len(made) else made[k] for k in range(len(corruption.steps))]
    return run(corruption.steps, known)


def _signs(e: Any) -> Iterator[tuple[str, Any]]:
    """The expression with one sign turned: the whole, or one term of its first sum."""
    yield "sign turned", -e
    for node in sp.preorder_traversal(e):
        if node.is_Add:
            first, *rest = node.args
            yield f"sign of {first} turned", e.xreplace({node: sp.Add(-first, *rest)})
            return


def _exponents(e: Any) -> Iterator[tuple[str, Any]]:
    for node in sp.preorder_traversal(e):
        if node.is_Pow and not node.exp.is_negative:
            yield f"exponent of {node} raised", e.xreplace({node: node.base ** (node.exp + 1)})
            return
    for node in sp.preorder_traversal(e):
        if isinstance(node, Field):
            yield f"{node} squared", e.xreplace({node: node**2})
            return


def _damaged(arg: Any) -> Iterator[tuple[str, Any]]:
    """Ways to damage one argument of a rule."""
    if isinstance(arg, sp.Expr) and not arg.is_Symbol and arg != 0:
        for what, e in (*_signs(arg), *_exponents(arg)):
            if e != arg:
                yield what, e
    elif isinstance(arg, Rel):
        for name, e in (("left", arg.lhs), ("right", arg.rhs)):
            for what, new in (*_signs(e), *_exponents(e)):
                if new != e:
                    yield f"{name} side: {what}", Rel(arg.op, *((new, arg.rhs) if name == "left" else (arg.lhs, new)))
    elif isinstance(arg, Forall):
        for what, inner in _damaged(arg.inner):
            yield what, Forall(arg.var, arg.low, arg.high, inner, arg.almost)
    elif isinstance(arg, Every):
        for k, part in enumerate(arg.parts):
            for what, new in _damaged(part):
                yield f"part {k + 1}, {what}", Every((*arg.parts[:k], new, *arg.parts[k + 1 :]))
    elif isinstance(arg, tuple):
        for k, a in enumerate(arg):
            for what, new in _damaged(a):
                yield what, (*arg[:k], new, *arg[k + 1 :])


def corruptions(steps: Sequence[Step]) -> Iterator[Corruption]:
    """Every automatic damage: a sign, an exponent, a fact or premise that is left out, two steps exchanged."""
    steps = tuple(steps)
    for k, step in enumerate(steps):
        for j, arg in enumerate(step.args):
            changed = list(_damaged(arg))
            if isinstance(arg, Ref) or (isinstance(arg, tuple) and any(isinstance(a, Ref) for a in arg)):
                without = step.args[:j] + step.args[j + 1 :]
                yield Corruption(f"{step.rule}: fact {j + 1} left out", k, _with(steps, k, Step(step.rule, without)))
            for what, new in changed:
                args = (*step.args[:j], new, *step.args[j + 1 :])
                yield Corruption(f"{step.rule}: {what}", k, _with(steps, k, Step(step.rule, args)))
    for k in range(len(steps) - 1):
        yield Corruption(
            f"steps {k + 1} and {k + 2} exchanged", k, (*steps[:k], steps[k + 1], steps[k], *steps[k + 2 :])
        )


def _with(steps: tuple[Step, ...], k: int, new: Step) -> tuple[Step, ...]:
    return (*steps[:k], new, *steps[k + 1 :])


def accepted(corruption: Corruption, made: Sequence[Theorem]) -> str:
    """Empty if the damage is rejected; else why it does no harm, REORDERED where it is no damage.

    Rejected means that a rule refuses a step, or that what comes out is another statement or rests on other premises.
    """
    goal = made[-1]
    try:
        theorems = rerun_damaged(corruption, made)
    except Rejected:
        return ""
    end = theorems[-1]
    if end.statement != goal.statement or not end.premises <= goal.premises:
        return ""
    if {t.statement for t in theorems} == {t.statement for t in made}:
        exchanged = tuple(sorted(map(repr, corruption.steps))) == tuple(sorted(map(repr, script(goal))))
        return REORDERED if exchanged else "the step proves the same statement"
    return "the theorem needs a premise less" if end.premises < goal.premises else "the proof does not need this detail"
