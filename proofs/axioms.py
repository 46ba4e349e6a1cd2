"""Why do path attributions satisfy their axioms?"""

from __future__ import annotations

import sympy as sp

from proofs.derivation import Part, proves
from proofs.kernel import (
    Rel,
    assume,
    combine,
    conclude,
    field,
    integral,
    integrate,
    linearity,
    reals,
)

t, s, a, b = reals("t s a b")
ZERO, ONE = sp.Integer(0), sp.Integer(1)


@proves("PATH.dummy", sources=("1703.01365",))
def dummy() -> list[Part]:
    """A coordinate that F does not depend on gets attribution 0: the slope under the integral is 0."""
    f, g = field("f"), field("g")
    flat = assume(Rel("=", f(t), ZERO))
    flow = combine(Rel("=", f(t) * sp.diff(g(t), t), ZERO), (sp.diff(g(t), t), flat))
    goal = Rel("=", integral(f(t) * sp.diff(g(t), t), t, 0, 1), ZERO)
    zero = linearity(integral(ZERO, t, ZERO, ONE), ZERO)
    return [("f is the slope of F in the coordinate, along the path",
             conclude(goal, combine(goal, (ONE, integrate(flow, t, ZERO, ONE)), (ONE, zero))))]  # fmt: skip


@proves("PATH.linearity", sources=("1703.01365",))
def linear() -> list[Part]:
    """The attributions of aF + bG are a times those of F plus b times those of G, coordinate by coordinate."""
    f, h, g = field("f"), field("h"), field("g")
    slope = sp.diff(g(t), t)
    one, two = (integral(u(t) * slope, t, 0, 1) for u in (f, h))
    goal = Rel("=", integral((a * f(t) + b * h(t)) * slope, t, 0, 1), a * one + b * two)
    return [("f and h are the slopes of F and G along the path", conclude(goal, linearity(goal.lhs, goal.rhs)))]
