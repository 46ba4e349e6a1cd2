"""Why do the attributions add up to the difference of the score?"""

from __future__ import annotations

import sympy as sp

from proofs.derivation import Part, proves
from proofs.kernel import (
    Rel,
    Theorem,
    assume,
    combine,
    conclude,
    empty_sum,
    field,
    fundamental_absolute,
    induction,
    integral,
    integrate,
    last_term,
    linearity,
    naturals,
    reals,
    total,
)
from proofs.kernel.terms import Expr

t, s, z = reals("t s z")
n, i, k = naturals("n i k")
ZERO, ONE = sp.Integer(0), sp.Integer(1)


def finite_additivity(f: Expr, low: Expr, high: Expr) -> Theorem:
    """⊢ ∫ Σ_{i=1}^n f = Σ_{i=1}^n ∫ f by induction on n, f depending on i and t."""
    inside = integral(total(f, i, 1, n), t, low, high)
    outside = total(integral(f, t, low, high), i, 1, n)
    nothing = empty_sum(total(f, i, 1, ZERO))
    left = combine(
        Rel("=", integral(total(f, i, 1, ZERO), t, low, high), ZERO),
        (ONE, integrate(nothing, t, low, high)),
        (ONE, linearity(integral(ZERO, t, low, high), ZERO)),
    )
    right = empty_sum(total(integral(f, t, low, high), i, 1, ZERO))
    base = combine(Rel("=", left.statement.lhs, right.statement.lhs), (ONE, left), (-ONE, right))
    hypothesis = assume(Rel("=", inside, outside))
    more = total(f, i, 1, n + 1)
    split = integrate(last_term(more), t, low, high)
    parts = linearity(split.statement.rhs, inside + integral(f.subs(i, n + 1), t, low, high))
    last = last_term(total(integral(f, t, low, high), i, 1, n + 1))
    goal = Rel("=", integral(more, t, low, high), total(integral(f, t, low, high), i, 1, n + 1))
    step = combine(goal, (ONE, split), (ONE, parts), (ONE, hypothesis), (-ONE, last))
    return induction(n, base, step)


@proves("PATH.completeness", sources=("1703.01365", "2103.13533"))
def completeness() -> list[Part]:
    """If F∘g is absolutely continuous and the chain rule holds at almost every point of the path, for whatever vector v
    stands for the gradient, then the attributions add up to F(x) - F(x')."""
    phi, v, g = field("phi"), field("v_", 2), field("g_", 2)
    slope = sp.diff(g(i, t), t)
    flow = v(i, t) * slope
    chain = assume(Rel("=", sp.diff(phi(t), t), total(flow, i, 1, n)))
    whole = fundamental_absolute(phi, t, ZERO, ONE)
    pieces = integrate(chain, t, ZERO, ONE)
    swap = finite_additivity(flow, ZERO, ONE)
    goal = Rel("=", total(integral(flow, t, 0, 1), i, 1, n), phi(1) - phi(0))
    proof = combine(goal, (-ONE, swap), (-ONE, pieces), (ONE, whole))
    return [("for every number n of coordinates", conclude(goal, proof))]
