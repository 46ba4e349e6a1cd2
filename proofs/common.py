"""What do derivations share? Symbols, short names of relations, and lemmas that several of them use."""

from __future__ import annotations

from typing import Any

import sympy as sp

from proofs.kernel import (
    Forall,
    Rel,
    Theorem,
    additivity,
    assume,
    case_split,
    combine,
    empty_sum,
    induction,
    integral,
    kink,
    last_term,
    linearity,
    naturals,
    no_length,
    reals,
    relu,
    specialise,
    total,
)
from proofs.kernel.terms import Expr

t, s, z, x, y = reals("t s z x y")
n, i, j, k, ell, m = naturals("n i j k l m")
ZERO, ONE = sp.Integer(0), sp.Integer(1)
HALF = sp.Rational(1, 2)


def eq(lhs: Expr, rhs: Expr) -> Rel:
    return Rel("=", sp.sympify(lhs), sp.sympify(rhs))


def le(lhs: Expr, rhs: Expr) -> Rel:
    return Rel("≤", sp.sympify(lhs), sp.sympify(rhs))


def lt(lhs: Expr, rhs: Expr) -> Rel:
    return Rel("<", sp.sympify(lhs), sp.sympify(rhs))


def written(formula: str) -> Expr:
    """A formula in numbers as it is written, not worked out."""
    return sp.parse_expr(formula, evaluate=False)


def unlike(lhs: Expr, rhs: Expr) -> Rel:
    return Rel("≠", sp.sympify(lhs), sp.sympify(rhs))


def follows(goal: Rel, *facts: Any) -> Theorem:
    """The goal from the sum of the facts; a fact in a pair with a factor counts so often."""
    pairs = [f if isinstance(f, tuple) else (ONE, f) for f in facts]
    return combine(goal, *pairs)


def everywhere(inner: Any, *variables: Expr) -> Forall:
    """The statement for every value of every variable; natural numbers from 0."""
    for var in reversed(variables):
        inner = Forall(var, ZERO if var.is_integer else -sp.oo, sp.oo, inner)
    return inner  # type: ignore[no-any-return]


def at(theorem: Theorem, *values: Expr) -> Theorem:
    """A statement about every value of several variables, at these."""
    for value in values:
        theorem = specialise(theorem, sp.sympify(value))
    return theorem


def between(theorem: Theorem, value: Expr, low: Expr, high: Expr) -> Theorem:
    """A statement about every value in [low, high] at a variable that is assumed to lie there."""
    return specialise(theorem, value, assume(le(low, value)), assume(le(value, high)))


def nothing(var: Expr, low: Expr, high: Expr) -> Theorem:
    """⊢ ∫ 0 = 0."""
    return linearity(integral(ZERO, var, low, high), ZERO)


def telescope(value: Any, index: Expr = ell) -> Theorem:
    """⊢ Σ_{l=0}^{n-1} (v(l+1) - v(l)) = v(n) - v(0) by induction."""
    term = value(index + 1) - value(index)
    base_sum = empty_sum(total(term, index, 0, ZERO - 1))
    base = follows(eq(total(term, index, 0, ZERO - 1), value(ZERO) - value(ZERO)), base_sum)
    hypothesis = assume(eq(total(term, index, 0, n - 1), value(n) - value(ZERO)))
    last = last_term(total(term, index, 0, n))
    step = follows(eq(total(term, index, 0, n), value(n + 1) - value(ZERO)), last, hypothesis)
    return induction(n, base, step)


def joined(f: Expr, var: Expr, places: Any, index: Expr = ell) -> Theorem:
    """⊢ Σ_{l=0}^{n-1} ∫_{W(l)}^{W(l+1)} f = ∫_{W(0)}^{W(n)} f by induction, from additivity."""
    cell = integral(f, var, places(index), places(index + 1))
    start = no_length(integral(f, var, places(ZERO), places(ZERO)))
    base = follows(
        eq(total(cell, index, 0, ZERO - 1), start.statement.lhs),  # type: ignore[union-attr]
        empty_sum(total(cell, index, 0, ZERO - 1)),
        (-ONE, start),
    )
    hypothesis = assume(eq(total(cell, index, 0, n - 1), integral(f, var, places(ZERO), places(n))))
    last = last_term(total(cell, index, 0, n))
    whole = additivity(f, var, places(ZERO), places(n), places(n + 1))
    goal = eq(total(cell, index, 0, n), integral(f, var, places(ZERO), places(n + 1)))
    return induction(n, base, follows(goal, last, hypothesis, (-ONE, whole)))


def relu_nonnegative(u: Expr) -> Theorem:
    """⊢ 0 ≤ relu(u)."""
    right, left = assume(le(ZERO, u)), assume(le(u, ZERO))
    goal = le(ZERO, relu(u))
    above = combine(goal, (ONE, right), (-ONE, kink(u, right)))
    below = combine(goal, (-ONE, kink(u, left)))
    return case_split(u, above, below)


def relu_above(u: Expr) -> Theorem:
    """⊢ u ≤ relu(u)."""
    right, left = assume(le(ZERO, u)), assume(le(u, ZERO))
    goal = le(u, relu(u))
    above = combine(goal, (-ONE, kink(u, right)))
    below = combine(goal, (ONE, left), (-ONE, kink(u, left)))
    return case_split(u, above, below)
