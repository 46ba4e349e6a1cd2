"""Which attributions can be computed without error?"""

from __future__ import annotations

from proofs.common import HALF, ONE, ZERO, between, ell, eq, follows, joined, le, m, n, s, t
from proofs.derivation import Part, proves
from proofs.kernel import (
    Forall,
    assume,
    combine,
    conclude,
    field,
    fundamental,
    integral,
    integrate,
    linearity,
    reals,
    summed,
    total,
)

f, W = field("f"), field("W")


@proves(
    "EXACT.piecewise_linear",
    sources=("1908.06214",),
    uses=("PATH.completeness.piecewise", "PATH.completeness.autodiff"),
)
def piecewise_linear() -> list[Part]:
    """On a segment the slope of a piecewise-linear network is constant between breakpoints, so the integral is the sum of lengths
    times slopes at the middles: rational numbers for a rational network."""
    middle = HALF * (W(ell) + W(ell + 1))
    a, b, c, d = reals("a b c d")
    level = assume(Forall(s, a, b, eq(f(s), c)))
    order = assume(le(a, b))
    inner = integrate(between(level, s, a, b), s, a, b, order)
    flat = linearity(integral(c, s, a, b), (b - a) * c)
    one = follows(eq(integral(f(s), s, a, b), (b - a) * c), inner, flat)
    cell = assume(eq(integral(f(s), s, W(ell), W(ell + 1)), (W(ell + 1) - W(ell)) * f(middle)))
    every = summed(cell, ell, ZERO, n - 1)
    whole = joined(f(s), s, W)
    goal = eq(d * integral(f(s), s, W(0), W(n)), d * total((W(ell + 1) - W(ell)) * f(middle), ell, 0, n - 1))
    return [
        ("one piece with the slope c", one),
        ("n pieces with breakpoints W, displacement d", conclude(goal, combine(goal, (d, every), (-d, whole)))),
    ]


@proves("EXACT.polynomial", sources=("this project, section 9",))
def polynomial() -> list[Part]:
    """Along the segment the slope of a polynomial is a polynomial Σ c_k t^k in t, with rational coefficients for rational input
    and baseline, and its integral is Σ c_k/(k + 1): rational."""
    found: list[Part] = []
    for top in (1, 2, 3, 4):
        cs = [reals(f"c_{k}") for k in range(top + 1)]
        density = sum(c * t**k for k, c in enumerate(cs))
        whole = fundamental(density, sum(c * t ** (k + 1) / (k + 1) for k, c in enumerate(cs)), t, ZERO, ONE)
        goal = eq(integral(density, t, 0, 1), sum(c / (k + 1) for k, c in enumerate(cs)))
        found.append((f"degree {top}", conclude(goal, follows(goal, whole))))
    single = fundamental(t**m, t ** (m + 1) / (m + 1), t, ZERO, ONE)
    goal = eq(integral(t**m, t, 0, 1), 1 / (m + 1))
    return [*found, ("one power, for every degree; sums by linearity", conclude(goal, follows(goal, single)))]
