"""Which steps need no analysis? Premises, identities, combinations of facts, signs, instances and values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any

import sympy as sp
from mpmath import mp

from proofs.kernel.terms import Every, Expr, Field, Forall, Rejected, Rel, Said, Statement, bound, relu
from proofs.kernel.theorem import Made, Premise, Theorem, premises_of, rule
from proofs.kernel.witness import Model, NoValue, identity, vanishes

ZERO = sp.Integer(0)


def relation(theorem: Theorem, op: str = "") -> Rel:
    """The theorem's relation; Rejected if it says something else or has another operation."""
    premises_of(theorem)
    if not isinstance(theorem.statement, Rel) or (op and theorem.statement.op not in op):
        raise Rejected(f"a theorem of the form a {op or 'op'} b is needed, given {theorem}")
    return theorem.statement


def positive(e: Expr, strictly: bool = True) -> bool:
    """Whether the form of e alone shows that it is positive (or not negative) for real symbols."""
    if e.is_Number:
        return bool(e > 0 if strictly else e >= 0)
    if isinstance(e, sp.exp) or e in (sp.E, sp.pi):
        return True
    if isinstance(e, sp.Symbol) and e.is_integer and e.is_nonnegative:
        return not strictly
    if e.is_Add:
        return all(positive(a, False) for a in e.args) and (not strictly or any(positive(a) for a in e.args))
    if e.is_Mul:
        return all(positive(a, strictly) for a in e.args)
    if e.is_Pow:
        even = e.exp.is_Integer and int(e.exp) % 2 == 0
        return positive(e.base) or bool(not strictly and e.exp.is_positive and (even or positive(e.base, False)))
    if isinstance(e, sp.Sum) and isinstance(e.limits[0][2] - e.limits[0][1], sp.Expr):
        return positive(e.function, strictly) and (not strictly or _some(e))
    return isinstance(e, sp.Abs | relu) and not strictly


def _some(e: Expr) -> bool:
    """Whether a sum has a term for every value of its natural symbols."""
    _, low, high = e.limits[0]
    return bool((high - low).is_nonnegative)


def _factors(e: Expr) -> list[Expr]:
    return [f.base if f.is_Pow and f.exp.is_Integer else f for f in sp.Mul.make_args(sp.factor(e))]


def defined(expressions: Iterable[Expr], support: tuple[Theorem, ...]) -> None:
    """Rejects denominators and logarithms that neither their form nor a theorem in support keeps from zero."""
    known: list[Expr] = []
    for theorem in support:
        r = relation(theorem, "≠<")
        known += _factors(r.lhs - r.rhs)
    for e in expressions:
        for node in sp.preorder_traversal(e):
            if isinstance(node, sp.Pow) and not (node.exp.is_Rational and node.exp > 0) and not node.exp.is_nonnegative:
                suspects = [node.base]
            elif isinstance(node, sp.log):
                suspects = [node.args[0]]
            else:
                continue
            for factor in [f for s in suspects for f in _factors(s)]:
                shown = positive(factor) or positive(-factor) or any(
                    vanishes(factor - k) or vanishes(factor + k) for k in known
                )  # fmt: skip
                if not shown:
                    raise Rejected(f"nothing shows that {factor} is not zero")


@rule("premise")
def assume(statement: Statement) -> Made:
    """{S} ⊢ S."""
    return Made(statement, frozenset({Premise(statement)}), ("a premise of the theorem, not proved",))


@rule("identity")
def algebra(lhs: Expr, rhs: Expr, *support: Theorem) -> Made:
    """⊢ lhs = rhs; support shows that denominators do not vanish."""
    lhs, rhs = sp.sympify(lhs), sp.sympify(rhs)
    if lhs == rhs:
        raise Rejected("both sides are the same expression, which says nothing")
    defined((lhs, rhs), support)
    return Made(Rel("=", lhs, rhs), premises_of(*support), identity(lhs - rhs))


@rule("combination")
def combine(goal: Rel, *facts: Any) -> Made:
    """The goal from facts times factors: goal.rhs - goal.lhs = Σ factor · (rhs - lhs), factors of ≤ shown to be ≥ 0.

    facts: pairs (factor, theorem), where the factor is an expression or a theorem 0 ≤ expression, and theorems e ≠ 0 or
    0 < e on their own for denominators.
    """
    if goal.op not in "=≤<":
        raise Rejected(f"a goal with {goal.op} is none for combinations")
    support = tuple(f for f in facts if isinstance(f, Theorem))
    pairs = [f for f in facts if not isinstance(f, Theorem)]
    sum_: Expr = ZERO
    strict = False
    used: list[Theorem] = list(support)
    for factor, theorem in pairs:
        r = relation(theorem, "=" if goal.op == "=" else "=≤<")
        used.append(theorem)
        if isinstance(factor, Theorem):
            used.append(factor)
            shown = relation(factor, "≤<")
            if not vanishes(shown.lhs):
                raise Rejected(f"a factor needs a theorem 0 ≤ e, given {factor}")
            factor, sure = shown.rhs, shown.op == "<"
        else:
            factor = sp.sympify(factor)
            # a denominator of the factor may cancel in the product
            defined((factor,), support)
            sure = positive(factor)
            if r.op != "=" and not positive(factor, False):
                raise Rejected(f"nothing shows that the factor {factor} is not negative")
        strict = strict or (r.op == "<" and sure)
        sum_ = sum_ + factor * (r.rhs - r.lhs)
    if goal.op == "<" and not strict:
        raise Rejected("no strict fact is among those combined")
    defined((goal.lhs, goal.rhs, sum_), support)
    return Made(goal, premises_of(*used), identity(goal.rhs - goal.lhs - sum_, "goal minus combination"))


@rule("rewriting")
def rewrite(theorem: Theorem, *equations: Theorem) -> Made:
    """Left sides of the equations replaced by their right sides wherever they stand in the theorem."""
    statement = theorem.statement
    for equation in equations:
        r = relation(equation, "=")
        captured = set().union(*(p.statement.free_symbols for p in equation.premises), set())
        bound_here = set().union(*(bound(e) for e in statement.expressions()), set())
        if captured & bound_here:
            raise Rejected(f"the equation holds under premises about the bound variable {captured & bound_here}")
        before = statement
        statement = _exchange(statement, r.lhs, r.rhs)
        if statement == before:
            raise Rejected(f"{r.lhs} does not occur in {before}")
    return Made(statement, premises_of(theorem, *equations), ("each left side occurs and is replaced everywhere",))


def _exchange(statement: Statement, old: Expr, new: Expr) -> Statement:
    if isinstance(statement, Rel):
        return Rel(statement.op, statement.lhs.xreplace({old: new}), statement.rhs.xreplace({old: new}))
    if isinstance(statement, Every):
        return Every(tuple(_exchange(p, old, new) for p in statement.parts))
    raise Rejected("only relations are rewritten")


@rule("instantiation")
def instantiate(theorem: Theorem, symbols: Mapping[Expr, Any], functions: Mapping[Any, Expr]) -> Made:
    """The theorem and its premises with symbols and functions replaced; what becomes an identity is no premise."""
    values = {k: sp.sympify(v) for k, v in symbols.items()}
    for symbol, v in values.items():
        if symbol.is_integer and not (v.is_integer and v.is_nonnegative):
            raise Rejected(f"{symbol} stands for a natural number, {v} is none")
        if v.has(sp.oo, -sp.oo, sp.zoo, sp.nan, sp.I):
            raise Rejected(f"{symbol} stands for a real number, {v} is none")
    kept = set()
    laws = {f"${f.stem}$": law for f, law in functions.items()}
    for p in premises_of(theorem):
        if isinstance(p.statement, Said) and p.statement.about in laws and p.statement.what.endswith(REGULAR):
            law = laws[p.statement.about]
            if not smooth(law.expr):
                raise Rejected(f"nothing shows that {law} {p.statement.what}")
            continue
        new = p.statement.replaced(values, functions)
        if not (isinstance(new, Rel) and new.op == "=" and vanishes(new.lhs - new.rhs)):
            kept.add(Premise(new))
    return Made(
        theorem.statement.replaced(values, functions), frozenset(kept), ("substituted without capture, premises too",)
    )


REGULAR = ("C¹", "C²", "C³", "continuous")
"""How properties end that every smooth function has."""


def smooth(e: Expr) -> bool:
    """Whether the form of e alone shows that it is infinitely often differentiable."""
    if e.is_Number or e.is_Symbol:
        return True
    if e.is_Add or e.is_Mul or isinstance(e, sp.exp | sp.sin | sp.cos | sp.tanh):
        return all(smooth(a) for a in e.args)
    if e.is_Pow and e.exp.is_Integer:
        return smooth(e.base) and bool(e.exp >= 0 or positive(e.base))
    return isinstance(e, sp.log) and smooth(e.args[0]) and positive(e.args[0])


@rule("specialisation")
def specialise(theorem: Theorem, value: Expr, *sides: Theorem) -> Made:
    """From "for every v in [a, b]" the statement at a value that the sides put into [a, b]."""
    stated = theorem.statement
    if not isinstance(stated, Forall) or stated.almost:
        raise Rejected("a statement about every value is needed")
    value = sp.sympify(value)
    shown = [relation(s, "≤<") for s in sides]
    for small, large in ((stated.low, value), (value, stated.high)):
        free = small.is_infinite or large.is_infinite
        known = free or positive(sp.expand(large - small), False)
        if not known and not any(vanishes(r.rhs - r.lhs - (large - small)) for r in shown):
            raise Rejected(f"nothing shows that {small} ≤ {large}")
    return Made(
        stated.inner.replaced({stated.var: value}), premises_of(theorem, *sides), ("the value is in the range",)
    )


@rule("generalisation")
def generalise(theorem: Theorem, var: Expr, low: Expr, high: Expr) -> Made:
    """The statement for every value of a variable that no premise but its range mentions."""
    kept, _ = outside(theorem, var, low, high)
    if any(var in p.statement.free_symbols for p in kept):
        raise Rejected(f"a premise is about {var}")
    return Made(
        Forall(var, sp.sympify(low), sp.sympify(high), relation(theorem)), kept, ("no premise has the variable",)
    )


def outside(theorem: Theorem, var: Expr, low: Expr, high: Expr) -> tuple[frozenset[Premise], bool]:
    """The premises without those that say low ≤ var ≤ high, and whether one of the rest is about var."""
    kept = set()
    for p in premises_of(theorem):
        s = p.statement
        in_range = isinstance(s, Rel) and s.op == "≤" and (
            vanishes(s.rhs - s.lhs - (var - low)) or vanishes(s.rhs - s.lhs - (high - var))
        )  # fmt: skip
        if not in_range:
            kept.add(p)
    return frozenset(kept), any(var in p.statement.free_symbols for p in kept)


def exactly(e: Expr) -> Fraction | Any:
    """The value of a closed expression, a Fraction or an interval."""
    if e.free_symbols or e.atoms(Field):
        raise Rejected(f"{e} is not closed")
    try:
        return Model("closed").value(e)
    except NoValue as why:
        raise Rejected(f"{why} has no exact value") from None


@rule("evaluation")
def evaluate(goal: Rel) -> Made:
    """A relation of closed expressions by exact values: rational arithmetic, or intervals where they decide."""
    if goal.op == "=" and goal.lhs == goal.rhs:
        raise Rejected("both sides are the same expression, which says nothing")
    v = exactly(sp.Add(goal.rhs, sp.Mul(-1, goal.lhs, evaluate=False), evaluate=False))
    rational = isinstance(v, Fraction)
    low, high = (v, v) if rational else (v.a, v.b)
    holds = {"=": rational and v == 0, "≤": low >= 0, "<": low > 0, "≠": low > 0 or high < 0}[goal.op]
    if not holds:
        raise Rejected(f"{goal.latex()} does not hold, the difference is {v}")
    checks = [("rational arithmetic" if rational else "intervals of 50 digits") + f": the difference is {_short(v)}"]
    plain = (goal.rhs - goal.lhs).replace(relu, lambda u: sp.Max(u, 0))
    second = sp.simplify(plain.doit()) if rational else sp.N(plain, 40)
    middle = sp.Rational(v.numerator, v.denominator) if rational else sp.Float(mp.nstr(mp.mpf(v.mid), 45), 45)
    agrees = second == middle if rational else abs(second - middle) < sp.Float("1e-30") * (1 + abs(middle))
    if not agrees:
        raise Rejected(f"SymPy finds {second} where exact evaluation finds {v}")
    return Made(goal, frozenset(), (*checks, "SymPy's own evaluation agrees"))


def _short(v: Any) -> str:
    return str(v) if isinstance(v, Fraction) else f"{float(v.mid):.6g}"


@rule("discharge")
def discharge(theorem: Theorem, by: Theorem) -> Made:
    """A premise that is proved elsewhere goes; what proves it brings its own premises."""
    gone = {p for p in theorem.premises if p.statement == by.statement}
    if not gone:
        raise Rejected("the theorem has no such premise")
    return Made(theorem.statement, (theorem.premises - gone) | by.premises, ("the premise is a theorem",))


@rule("induction")
def induction(n: Expr, base: Theorem, step: Theorem) -> Made:
    """From P(0), and P(n + 1) under P(n), P(n) for every natural n; no other premise of the step mentions n."""
    if not (n.is_Symbol and n.is_integer and n.is_nonnegative):
        raise Rejected(f"{n} is not a natural number")
    claim = [p for p in step.premises if p.statement.replaced({n: n + 1}) == step.statement]
    if not claim:
        raise Rejected("the step does not rest on the statement for n")
    (hypothesis,) = claim[:1]
    if hypothesis.statement.replaced({n: ZERO}) != base.statement:
        raise Rejected("the base is not the statement for 0")
    kept = step.premises - {hypothesis}
    if any(n in p.statement.free_symbols for p in kept):
        raise Rejected("a premise of the step is about n")
    return Made(hypothesis.statement, kept | base.premises, ("the statements for 0, n and n + 1 are instances of one",))


@rule("conclusion")
def conclude(goal: Statement, *theorems: Theorem) -> Made:
    """The goal, word for word, from one theorem, or from several for a goal of several parts."""
    parts = goal.parts if isinstance(goal, Every) else (goal,)
    if tuple(t.statement for t in theorems) != parts:
        raise Rejected("what was proved is not the goal")
    return Made(goal, premises_of(*theorems), ("the statement is the goal, symbol by symbol",))
