"""Which paths treat symmetric coordinates alike?"""

from __future__ import annotations

from typing import Any

import sympy as sp

from proofs.common import HALF, ONE, ZERO, at, eq, everywhere, follows, le, lt, nothing, t, x, y
from proofs.derivation import Part, proves
from proofs.kernel import (
    Every,
    Forall,
    Theorem,
    additivity,
    algebra,
    assume,
    combine,
    conclude,
    contradiction,
    derive,
    evaluate,
    field,
    fubini,
    fundamental,
    increases,
    instantiate,
    integral,
    integrate,
    linearity,
    log_sign,
    partial,
    reals,
    reciprocal,
    rewrite,
    rises,
    sign,
    specialise,
    squeeze,
    times,
    within,
)
from proofs.kernel.terms import Expr

a, b, k, t0 = reals("a b k t_0")
F, p, first, second = field("F", 2), field("p"), field("c_1"), field("c_2")
du, dv = (sp.diff(first(t), t) + sign_ * sp.diff(second(t), t) for sign_ in (1, -1))


def legs(score: Any, corners: list[tuple[Expr, Expr]]) -> tuple[Expr, Expr]:
    """The attributions of a polynomial along a polygon, as integrals leg by leg."""
    totals = [ZERO, ZERO]
    for start, end in zip(corners[:-1], corners[1:], strict=True):
        place = [u + t * (v - u) for u, v in zip(start, end, strict=True)]
        for which, var in enumerate((x, y)):
            density = sp.diff(score, var).subs({x: place[0], y: place[1]}, simultaneous=True)
            totals[which] += integral(sp.expand(density * (end[which] - start[which])), t, 0, 1)
    return totals[0], totals[1]


def valued(score: Any, corners: list[tuple[Expr, Expr]], *values: Expr) -> Part:
    """The two attributions along the polygon by exact evaluation."""
    found = [evaluate(eq(e, v)) for e, v in zip(legs(score, corners), values, strict=True)]
    both = Every(tuple(th.statement for th in found))
    return "leg by leg", conclude(both, *found)


@proves("UNIQ.t_squared", counterexample=True, against=("IG.symmetry",), figure="parabola")
def t_squared() -> list[Part]:
    """Along (t, t²) the symmetric score x_1 x_2 gets 1/3 and 2/3: complete, and not symmetric."""
    one = evaluate(eq(integral(t**2, t, 0, 1), sp.Rational(1, 3)))
    two = evaluate(eq(integral(t * (2 * t), t, 0, 1), sp.Rational(2, 3)))
    both = Every((one.statement, two.statement))
    return [("∂_1F = t² and ∂_2F = t along the path", conclude(both, one, two))]


@proves(
    "UNIQ.not_without_canonicity",
    sources=("1703.01365",),
    counterexample=True,
    against=("UNIQ.monotone_canonical",),
    uses=("IG.symmetry",),
    published="Theorem 1 of 1703.01365 calls IG the unique path method that preserves symmetry. This method does so, too, "
    "and is another: the theorem needs that one path serves all pairs of points.",
)
def not_without_canonicity() -> list[Part]:
    """Take the straight path where two coordinates agree in input and baseline, and any other path elsewhere, such as
    (t, 2t²) from (0, 0) to (1, 2). Symmetry asks for nothing but pairs of the first kind, so it is preserved, but x_1 x_2
    gets 2/3 and 4/3 where IG gives 1 and 1."""
    found = [evaluate(eq(integral(e, t, 0, 1), v)) for e, v in (
        (2 * t**2, sp.Rational(2, 3)), (t * (4 * t), sp.Rational(4, 3)), (2 * t * 1, ONE), (t * 2, ONE))]  # fmt: skip
    both = Every(tuple(th.statement for th in found))
    return [("both attributions along (t, 2t²), then both of IG", conclude(both, *found))]


@proves(
    "UNIQ.monotone_canonical",
    sources=("1703.01365",),
    uses=("PATH.reparametrization",),
    figure="ramp",
    general="Two coordinates are compared; the others do not occur in the score.",
    published="1703.01365 leaves out that the path method is canonical and monotone.",
)
def monotone_canonical() -> list[Part]:
    """Suppose c_1(t_0) < a < b < c_2(t_0) on a nondecreasing path from (0, 0) to (1, 1). Let p be a C¹ ramp, 0 up to a and 1
    from b on, and F = p(x_1) p(x_2), which is symmetric. Until t_0 the first coordinate is below the ramp, afterwards the
    second is above it; so the attributions are 1 and 0. If they are equal for every symmetric C¹ score, there is no such
    t_0, that is c_1 = c_2: a diagonal at another pace, which gives IG."""
    dp = partial(p, 1)
    low = assume(everywhere_below(p, a))
    flat_low, flat_high = assume(everywhere_below(dp, a)), assume(everywhere_above(dp, b, ZERO))
    high = assume(everywhere_above(p, b, ONE))
    under, over = assume(lt(first(t0), a)), assume(lt(b, second(t0)))
    early, late = assume(le(t, t0)), assume(le(t0, t))
    inner = [assume(le(ZERO, t0)), assume(le(t0, ONE))]
    ends = [assume(eq(first(1), ONE)), assume(lt(b, ONE))]
    below = follows(lt(first(t), a), increases(first, early), under)
    above = follows(lt(b, second(t)), increases(second, late), over)
    p_low, dp_low = (specialise(law, first(t), below) for law in (low, flat_low))
    p_high, dp_high = (specialise(law, second(t), above) for law in (high, flat_high))
    rise1, rise2 = sp.diff(first(t), t), sp.diff(second(t), t)
    one = dp(first(t)) * p(second(t)) * rise1
    two = p(first(t)) * dp(second(t)) * rise2
    one_early = integrate(combine(eq(one, ZERO), (p(second(t)) * rise1, dp_low)), t, ZERO, t0, inner[0])
    one_late = integrate(combine(eq(one, dp(first(t)) * rise1), (dp(first(t)) * rise1, p_high)), t, t0, ONE, inner[1])
    climbed = fundamental(dp(first(t)) * rise1, p(first(t)), t, t0, ONE)
    top = specialise(high, first(1), follows(lt(b, first(1)), ends[1], (-ONE, ends[0])))
    bottom = specialise(low, first(t0), under)
    whole = eq(integral(one, t, 0, 1), ONE)
    mine = follows(whole, additivity(one, t, ZERO, t0, ONE), one_early, nothing(t, ZERO, t0), one_late, climbed, top,
                   (-ONE, bottom))  # fmt: skip
    two_early = integrate(combine(eq(two, ZERO), (dp(second(t)) * rise2, p_low)), t, ZERO, t0, inner[0])
    two_late = integrate(combine(eq(two, ZERO), (p(first(t)) * rise2, dp_high)), t, t0, ONE, inner[1])
    none = eq(integral(two, t, 0, 1), ZERO)
    other = follows(none, additivity(two, t, ZERO, t0, ONE), two_early, two_late, nothing(t, ZERO, t0),
                    nothing(t, t0, ONE))  # fmt: skip
    alike = assume(eq(integral(one, t, 0, 1), integral(two, t, 0, 1)))
    absurd = follows(eq(ONE, ZERO), (-ONE, mine), alike, other)
    return [
        ("the attribution of the coordinate that is behind", conclude(whole, mine)),
        ("the attribution of the coordinate that is ahead", conclude(none, other)),
        ("if they are equal, c_1(t_0) < a is impossible", contradiction(absurd, lt(first(t0), a))),
    ]


def everywhere_below(law: Any, edge: Expr) -> Forall:
    z = reals("z")
    return Forall(z, -sp.oo, edge, eq(law(z), ZERO))


def everywhere_above(law: Any, edge: Expr, value: Expr) -> Forall:
    z = reals("z")
    return Forall(z, edge, sp.oo, eq(law(z), value))


def logistic(u: Expr) -> Expr:
    return sp.exp(u) / (1 + sp.exp(u))


def softplus(u: Expr) -> Expr:
    return sp.log(1 + sp.exp(u))


@proves(
    "UNIQ.single_neuron",
    sources=("this project, section 3",),
    uses=("UNIQ.monotone_canonical",),
    general="Two coordinates are compared; the others do not occur in the score.",
)
def single_neuron() -> list[Part]:
    """One neuron at a time is enough: if a nondecreasing C¹ path treats both coordinates alike for softplus(k(x_1 + x_2 -
    c)) for all k > 0 and c, they agree along the path. Write u and v for their sum and difference, σ for the logistic
    function. With c = u(t_0), ∫σ(k(u - c))v' = 0; as |v'| ≤ u', splitting at t_0 bounds |v(t_0)| by 2 ln 2 / k."""
    c1, c2 = first, second
    u = c1(t) + c2(t)
    c = c1(t0) + c2(t0)
    weight = logistic(k * (u - c))
    rest = 1 - weight
    goal_v = c1(t0) - c2(t0)
    positive_k = assume(lt(ZERO, k))
    inner = [assume(le(ZERO, t0)), assume(le(t0, ONE))]
    starts = [assume(eq(f(e), ZERO + e)) for f in (c1, c2) for e in (0, 1)]
    alike = assume(eq(integral(weight * dv, t, 0, 1), ZERO))
    below, above = (_steep(sign_) for sign_ in (-1, 1))
    soft = softplus(k * (u - c)) / k
    rest_soft = -softplus(-k * (u - c)) / k
    early = fundamental(weight * du, soft, t, ZERO, t0, positive_k)
    late = fundamental(rest * du, rest_soft, t, t0, ONE, positive_k)
    drop = fundamental(dv, c1(t) - c2(t), t, t0, ONE)
    cut = additivity(weight * dv, t, ZERO, t0, ONE)
    parts = linearity(integral(rest * dv, t, t0, 1), integral(dv, t, t0, 1) - integral(weight * dv, t, t0, 1))
    bound = 2 * sp.log(2) / k
    ups = []
    per_k = reciprocal(positive_k)
    for side, sign_ in ((below, -1), (above, 1)):
        w_early = integrate(_weighted(weight, side, sign_), t, ZERO, t0, inner[0])
        w_late = integrate(_weighted(rest, side, -sign_), t, t0, ONE, inner[1])
        ups.append((w_early, w_late, sign_))
    first_sign = log_sign(_at_least_one(-k * c))
    last_sign = log_sign(_at_least_one(-k * (2 - c)))
    facts = []
    for w_early, w_late, sign_ in ups:
        # sign · v(t0) = ∫ early σ v' · sign - ∫ late (1 - σ) v' · sign
        goal = le(sign_ * goal_v, bound)
        early0 = rewrite(early, starts[0], starts[2])
        late0 = rewrite(late, starts[1], starts[3])
        drop0 = rewrite(drop, starts[1], starts[3])
        split_early = linearity(w_early.statement.lhs, sign_ * integral(weight * dv, t, 0, t0))
        split_late = linearity(w_late.statement.lhs, -sign_ * integral(rest * dv, t, t0, 1))
        facts.append(combine(
            goal, (ONE, w_early), (ONE, w_late), (-ONE, split_early), (-ONE, split_late), (ONE, early0), (ONE, late0),
            (sp.Integer(sign_), parts), (sp.Integer(sign_), drop0), (sp.Integer(sign_), cut), (-sp.Integer(sign_), alike),
            (per_k, first_sign), (per_k, last_sign), positive_k,
        ))  # fmt: skip
    lower = combine(le(-bound, goal_v), (ONE, facts[0]), positive_k)
    sized = within(lower, facts[1])
    return [
        ("for one k", sized),
        ("for every k", squeeze(sized, k, 2 * sp.log(2))),
    ]


def _steep(sign_: int) -> Theorem:
    """⊢ 0 ≤ u' - sign · v' for nondecreasing coordinates."""
    slow = rises(sp.diff((first if sign_ < 0 else second)(t), t))
    return combine(le(ZERO, du - sign_ * dv), (sp.Integer(2), slow))


def _weighted(weight: Expr, side: Theorem, sign_: int) -> Theorem:
    """⊢ ±weight · v' ≤ weight · u'."""
    form = weight if weight.is_Mul else 1 / (1 + sp.exp(_argument(weight)))
    shown = sign(form, False)
    known = rewrite(shown, algebra(form, weight)) if form != weight else shown
    steep = _steep(sign_)
    return combine(le(sign_ * weight * dv, weight * du), (ONE, times(known, steep)))


def _argument(rest: Expr) -> Expr:
    (e,) = rest.atoms(sp.exp)
    return e.args[0]


def _at_least_one(u: Expr) -> Theorem:
    return follows(le(ONE, 1 + sp.exp(u)), sign(sp.exp(u), False))


def diagonal() -> Theorem:
    """⊢ ∂_1F(a, b) = ∂_2F(b, a) for symmetric F."""
    symmetric = assume(everywhere(eq(F(a, b), F(b, a)), a, b))
    return derive(at(symmetric, a, b), a)


@proves(
    "UNIQ.winding",
    sources=("this project, section 3",),
    uses=("IG.symmetry",),
    figure="polygon",
    general="Shown here for the boundary of a rectangle, and so, by addition, for every polygon with sides parallel to "
    "the axes. For closed paths of bounded variation it rests on Green's theorem with winding numbers, and the converse "
    "(preserving symmetry for all F forces antisymmetry of w) on the fundamental lemma of the calculus of variations.",
)
def winding() -> list[Part]:
    """Close the path by the diagonal, on which a symmetric F gives both coordinates the same. Around a rectangle, whose
    winding number is 1 inside, the difference of the attributions is -2∬∂_12F. So for a closed path it is -2∬w ∂_12F, which
    vanishes if w(x, y) + w(y, x) = 0, as ∂_12F is symmetric."""
    c, d = reals("c d")
    x_part = linearity(integral(partial(F, 1)(x, c), x, a, b) - integral(partial(F, 1)(x, d), x, a, b),
                       integral(partial(F, 1)(x, c) - partial(F, 1)(x, d), x, a, b))  # fmt: skip
    y_part = linearity(integral(partial(F, 2)(a, y), y, c, d) - integral(partial(F, 2)(b, y), y, c, d),
                       integral(partial(F, 2)(a, y) - partial(F, 2)(b, y), y, c, d))  # fmt: skip
    mixed = partial(F, 1, 2)
    up = fundamental(mixed(x, y), partial(F, 1)(x, y), y, c, d)
    across = fundamental(mixed(x, y), partial(F, 2)(x, y), x, a, b)
    up_all = integrate(up, x, a, b)
    across_all = integrate(across, y, c, d)
    up_turned = linearity(x_part.statement.rhs, -up_all.statement.rhs)
    across_turned = linearity(y_part.statement.rhs, -across_all.statement.rhs)
    swap = fubini(mixed(x, y), x, a, b, y, c, d)
    area = integral(integral(mixed(x, y), y, c, d), x, a, b)
    goal = eq(x_part.statement.lhs + y_part.statement.lhs, -2 * area)
    green = follows(goal, x_part, y_part, up_turned, across_turned, up_all, across_all, swap)
    same = instantiate(diagonal(), {a: t, b: t}, {})
    on_diagonal = conclude(eq(integral(partial(F, 1)(t, t), t, 0, 1), integral(partial(F, 2)(t, t), t, 0, 1)),
                           integrate(same, t, ZERO, ONE))  # fmt: skip
    w, density = field("w", 2), field("psi", 2)
    anti = assume(everywhere(eq(w(x, y), -w(y, x)), x, y))
    even = assume(everywhere(eq(density(x, y), density(y, x)), x, y))
    turned = combine(eq(w(x, y) * density(x, y), -w(y, x) * density(y, x)),
                     (density(x, y), at(anti, x, y)), (-w(y, x), at(even, x, y)))  # fmt: skip
    inside = integral(integral(w(x, y) * density(x, y), y, 0, 1), x, 0, 1)
    both = integrate(integrate(turned, y, ZERO, ONE), x, ZERO, ONE)
    out = linearity(both.statement.rhs, -integral(integral(w(y, x) * density(y, x), y, 0, 1), x, 0, 1))
    renamed = fubini(w(y, x) * density(y, x), x, ZERO, ONE, y, ZERO, ONE)
    zero = combine(eq(inside, ZERO), (HALF, both), (HALF, out), (-HALF, renamed))
    return [
        ("both coordinates get the same on the diagonal", on_diagonal),
        ("around the rectangle [a, b] × [c, d], counterclockwise, ∂_1F dx - ∂_2F dy", conclude(goal, green)),
        ("an antisymmetric w against a symmetric ψ = ∂_12F", conclude(eq(inside, ZERO), zero)),
    ]


@proves(
    "UNIQ.not_without_monotonicity",
    sources=("this project, section 3",),
    counterexample=True,
    figure="polygon",
    against=("UNIQ.monotone_canonical",),
    uses=("UNIQ.winding",),
)
def not_without_monotonicity() -> list[Part]:
    """Along the diagonal with two detours that mirror each other, every symmetric F gets equal attributions, for what one
    coordinate gets on a leg of one detour the other gets on its mirror image. But x_1² x_2 gets 67/96 and 29/96, not IG's
    2/3 and 1/3."""
    q = sp.Rational(1, 4)
    corners = [(ZERO, ZERO), (2 * q, 2 * q), (2 * q, 3 * q), (q, 3 * q), (q, 2 * q), (2 * q, 2 * q), (3 * q, 2 * q),
               (3 * q, q), (2 * q, q), (2 * q, 2 * q), (ONE, ONE)]  # fmt: skip
    found = [evaluate(eq(e, v)) for e, v in zip(
        (*legs(x**2 * y, corners), *legs(x**2 * y, [(ZERO, ZERO), (ONE, ONE)])),
        (sp.Rational(67, 96), sp.Rational(29, 96), sp.Rational(2, 3), sp.Rational(1, 3)), strict=True)]  # fmt: skip
    both = Every(tuple(th.statement for th in found))
    mirrored = []
    c = reals("c")
    law = diagonal()
    for low, high in ((HALF, 3 * q), (3 * q, HALF)):
        here = instantiate(law, {a: t, b: c}, {})
        mirrored.append(integrate(here, t, low, high))
    return [
        ("the attributions along the polygon, then those of IG", conclude(both, *found)),
        ("what x_1 gets on a leg at x_2 = c is what x_2 gets on the mirrored leg at x_1 = c", mirrored[0]),
        ("the same on the leg that runs back", mirrored[1]),
    ]
