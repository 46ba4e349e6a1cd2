"""Which steps are about signs and order? Squares, absolute values, products, kinks, cases and limits."""

from __future__ import annotations

import sympy as sp

from proofs.kernel.equations import ZERO, exactly, positive, relation
from proofs.kernel.terms import Expr, Forall, Rejected, Rel, relu
from proofs.kernel.theorem import Made, Premise, Theorem, premises_of, rule
from proofs.kernel.witness import vanishes


@rule("square")
def square(e: Expr) -> Made:
    """⊢ 0 ≤ e²."""
    return Made(Rel("≤", ZERO, sp.sympify(e) ** 2), frozenset(), ("a real square",))


@rule("absolute value")
def absolute(e: Expr, side: int) -> Made:
    """⊢ side · e ≤ |e| for side 1 or -1; side 0: ⊢ 0 ≤ |e|."""
    if side not in (-1, 0, 1):
        raise Rejected(f"side is -1, 0 or 1, given {side}")
    return Made(Rel("≤", side * e, sp.Abs(e)), frozenset(), ("the definition of |e|",))


@rule("largest absolute value")
def within(low: Theorem, high: Theorem) -> Made:
    """From -b ≤ e and e ≤ b: |e| ≤ b."""
    r, s = relation(low, "≤"), relation(high, "≤")
    e, b = s.lhs, s.rhs
    if not vanishes(r.rhs - e) or not vanishes(r.lhs + b):
        raise Rejected("the two sides are not -b ≤ e and e ≤ b")
    return Made(Rel("≤", sp.Abs(e), b), premises_of(low, high), ("both signs",))


@rule("product of non-negative numbers")
def times(p: Theorem, q: Theorem) -> Made:
    """From 0 ≤ a and 0 ≤ b: 0 ≤ ab, strictly if both are."""
    r, s = relation(p, "≤<"), relation(q, "≤<")
    if r.lhs != 0 or s.lhs != 0:
        raise Rejected("both facts must have the form 0 ≤ e")
    op = "<" if r.op == s.op == "<" else "≤"
    return Made(Rel(op, ZERO, r.rhs * s.rhs), premises_of(p, q), ("signs of factors",))


@rule("reciprocal")
def reciprocal(p: Theorem) -> Made:
    """From 0 < a: 0 < 1/a."""
    r = relation(p, "<")
    if r.lhs != 0:
        raise Rejected("the fact must have the form 0 < e")
    return Made(Rel("<", ZERO, 1 / r.rhs), premises_of(p), ("sign of a reciprocal",))


@rule("sign by form")
def sign(e: Expr, strict: bool) -> Made:
    """⊢ 0 ≤ e (0 < e) for sums and products of squares, exponentials, absolute values and positive numbers."""
    if not positive(e, strict):
        raise Rejected(f"the form of {e} does not show its sign")
    return Made(Rel("<" if strict else "≤", ZERO, e), frozenset(), ("every term has the sign by its form",))


@rule("unequal")
def unequal(p: Theorem) -> Made:
    """From a < b: b - a ≠ 0."""
    r = relation(p, "<")
    return Made(Rel("≠", r.rhs - r.lhs, ZERO), premises_of(p), ("a positive number is not zero",))


@rule("logarithm")
def log_sign(p: Theorem) -> Made:
    """From 1 ≤ x: 0 ≤ ln x."""
    r = relation(p, "≤<")
    if r.lhs != 1:
        raise Rejected("the fact must have the form 1 ≤ x")
    return Made(Rel("≤", ZERO, sp.log(r.rhs)), premises_of(p), ("the logarithm increases and is 0 at 1",))


@rule("kink")
def kink(u: Expr, side: Theorem) -> Made:
    """relu(u) = u where 0 ≤ u, and 0 where u ≤ 0; |u| likewise is not needed, as |u| = relu(u) + relu(-u)."""
    r = relation(side, "≤")
    if r.lhs == 0 and vanishes(r.rhs - u):
        value = u
    elif r.rhs == 0 and vanishes(r.lhs - u):
        value = ZERO
    else:
        raise Rejected(f"the side of the kink must be 0 ≤ {u} or {u} ≤ 0")
    return Made(Rel("=", relu(u), value), premises_of(side), ("the definition of relu on this side",))


@rule("case split")
def case_split(u: Expr, right: Theorem, left: Theorem) -> Made:
    """What holds for 0 ≤ u and for u ≤ 0 holds; the premises on u go."""
    right_side, left_side = Premise(Rel("≤", ZERO, u)), Premise(Rel("≤", u, ZERO))
    if right.statement != left.statement:
        raise Rejected("the two cases prove different statements")
    if right_side not in right.premises or left_side not in left.premises:
        raise Rejected(f"the cases must rest on 0 ≤ {u} and {u} ≤ 0")
    kept = (right.premises - {right_side}) | (left.premises - {left_side})
    return Made(right.statement, kept, ("every real number has one of the two signs",))


@rule("contradiction")
def contradiction(theorem: Theorem, premise: Rel) -> Made:
    """A false relation of numbers under a < premise b: under the other premises b ≤ a."""
    r = relation(theorem)
    v = exactly(r.rhs - r.lhs)
    false = {"=": v != 0, "≤": v < 0, "<": v <= 0, "≠": v == 0}[r.op]
    if not false or Premise(premise) not in theorem.premises or premise.op != "<":
        raise Rejected("a false relation of numbers that rests on the premise is needed")
    return Made(Rel("≤", premise.rhs, premise.lhs), theorem.premises - {Premise(premise)}, ("the relation is false",))


@rule("antisymmetry")
def antisymmetry(p: Theorem, q: Theorem) -> Made:
    """From a ≤ b and b ≤ a: a = b."""
    r, s = relation(p, "≤"), relation(q, "≤")
    if (r.lhs, r.rhs) != (s.rhs, s.lhs):
        raise Rejected("the two relations are not each other's converse")
    return Made(Rel("=", r.lhs, r.rhs), premises_of(p, q), ("both directions",))


@rule("squeeze")
def squeeze(theorem: Theorem, k: Expr, constant: Expr) -> Made:
    """From |e| ≤ C/k for every k > 0, with e and C free of k: e = 0."""
    r = relation(theorem, "≤")
    if (
        not isinstance(r.lhs, sp.Abs)
        or not vanishes(r.rhs - constant / k)
        or k in r.lhs.free_symbols | constant.free_symbols
    ):
        raise Rejected("a bound |e| ≤ C/k with e and C free of k is needed")
    allowed = Premise(Rel("<", ZERO, k))
    kept = theorem.premises - {allowed}
    every = frozenset(
        Premise(Forall(k, ZERO, sp.oo, p.statement)) if k in p.statement.free_symbols else p for p in kept
    )
    return Made(Rel("=", r.lhs.args[0], ZERO), every, ("a number below C/k for every k is 0",))


@rule("absolute value of a product")
def absolute_product(x: Expr, y: Expr) -> Made:
    """⊢ |xy| = |x| |y|, and both sides as they stand."""
    left = sp.Abs(x * y, evaluate=False)
    return Made(Rel("=", left, sp.Abs(x) * sp.Abs(y)), frozenset(), ("absolute values of real numbers multiply",))
