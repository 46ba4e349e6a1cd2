"""Why do the attributions add up to the difference of the score?"""

from __future__ import annotations

from collections.abc import Callable

import sympy as sp

from proofs.common import (
    HALF,
    ONE,
    ZERO,
    at,
    ell,
    eq,
    everywhere,
    follows,
    i,
    k,
    le,
    n,
    nothing,
    t,
    unlike,
    written,
    z,
)
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
    empty_sum,
    evaluate,
    field,
    fundamental,
    fundamental_absolute,
    induction,
    instantiate,
    integral,
    integrate,
    kink,
    last_term,
    linearity,
    partial,
    reals,
    relu,
    substitution,
    sum_linearity,
    summed,
    total,
)
from proofs.kernel.terms import Expr

COQ = "Shown here for 1 to 4 coordinates; the general number of coordinates rests on the kernel-checked proof in Coq."


def finite_additivity(f: Expr, low: Expr, high: Expr) -> Theorem:
    """⊢ ∫ Σ_{i=1}^n f = Σ_{i=1}^n ∫ f by induction on n, f depending on i and t."""
    inside = integral(total(f, i, 1, n), t, low, high)
    outside = total(integral(f, t, low, high), i, 1, n)
    left = follows(
        eq(integral(total(f, i, 1, ZERO), t, low, high), ZERO),
        integrate(empty_sum(total(f, i, 1, ZERO)), t, low, high),
        nothing(t, low, high),
    )
    right = empty_sum(total(integral(f, t, low, high), i, 1, ZERO))
    base = combine(eq(left.statement.lhs, right.statement.lhs), (ONE, left), (-ONE, right))
    hypothesis = assume(eq(inside, outside))
    more = total(f, i, 1, n + 1)
    split = integrate(last_term(more), t, low, high)
    parts = linearity(split.statement.rhs, inside + integral(f.subs(i, n + 1), t, low, high))
    last = last_term(total(integral(f, t, low, high), i, 1, n + 1))
    goal = eq(integral(more, t, low, high), total(integral(f, t, low, high), i, 1, n + 1))
    step = combine(goal, (ONE, split), (ONE, parts), (ONE, hypothesis), (-ONE, last))
    return induction(n, base, step)


@proves(
    "PATH.completeness",
    sources=("1703.01365", "2103.13533"),
    published="Proposition 1 of 1703.01365 asks that F be differentiable almost everywhere. That is not enough "
    "(PATH.completeness.cantor): F∘g must be absolutely continuous and the chain rule must hold almost everywhere.",
)
def completeness() -> list[Part]:
    """If F∘g is absolutely continuous and the chain rule holds at almost every point of the path, for whatever vector v
    stands for the gradient, then the attributions add up to F(x) - F(x')."""
    phi, v, g = field("phi"), field("v_", 2), field("g_", 2)
    flow = v(i, t) * sp.diff(g(i, t), t)
    chain = assume(eq(sp.diff(phi(t), t), total(flow, i, 1, n)))
    whole = fundamental_absolute(phi, t, ZERO, ONE)
    pieces = integrate(chain, t, ZERO, ONE)
    swap = finite_additivity(flow, ZERO, ONE)
    goal = eq(total(integral(flow, t, 0, 1), i, 1, n), phi(1) - phi(0))
    proof = combine(goal, (-ONE, swap), (-ONE, pieces), (ONE, whole))
    return [("for every number n of coordinates, φ being F along the path", conclude(goal, proof))]


def along(size: int, name: str = "F", coordinate: str = "g") -> tuple[Expr, list[Expr]]:
    """F(g_1(t), …, g_size(t)) and the terms ∂_iF g_i' of its derivative."""
    places = [field(f"{coordinate}_{a + 1}")(t) for a in range(size)]
    score = field(name, size)
    return score(*places), [
        partial(score, a + 1)(*places) * sp.diff(place, t) for a, place in enumerate(places)
    ]  # fmt: skip


def smooth_part(size: int, name: str = "F", coordinate: str = "g") -> Part:
    """⊢ Σ_i ∫ ∂_iF g_i' = F(g(1)) - F(g(0)) for a number of coordinates."""
    inside, terms = along(size, name, coordinate)
    whole = fundamental(sum(terms), inside, t, ZERO, ONE)
    goal = eq(sum(integral(term, t, 0, 1) for term in terms), inside.subs(t, 1) - inside.subs(t, 0))
    split = linearity(whole.statement.lhs, goal.lhs)
    what = "one coordinate" if size == 1 else f"{size} coordinates"
    return what, conclude(goal, combine(goal, (-ONE, split), (ONE, whole)))


@proves("PATH.completeness.smooth", sources=("1703.01365", "2103.13533"), uses=("PATH.completeness",), general=COQ)
def smooth() -> list[Part]:
    """For F of class C¹ the chain rule holds at every point of a C¹ path, so the attributions are complete."""
    return [smooth_part(size) for size in (1, 2, 3, 4)]


@proves("PATH.completeness.piecewise", sources=("2103.13533",), uses=("PATH.completeness",))
def piecewise() -> list[Part]:
    """Let φ = F∘g be p_k, a C¹ function, on the k-th of n pieces, and continuous at the breakpoints τ. Then the integrals
    of the slopes over the pieces add up to the difference of the score. A ReLU network on a segment is of this kind."""
    p, tau = field("p_", 2), field("tau")

    def cell(a: Expr) -> Expr:
        return integral(partial(p, 2)(a, t), t, tau(a), tau(a + 1))

    continuous = assume(everywhere(eq(p(k, tau(k + 1)), p(k + 1, tau(k + 1))), k))
    base = follows(eq(total(cell(ell), ell, 0, ZERO - 1), p(0, tau(0)) - p(0, tau(0))),
                   empty_sum(total(cell(ell), ell, 0, ZERO - 1)))  # fmt: skip
    hypothesis = assume(eq(total(cell(ell), ell, 0, n - 1), p(n, tau(n)) - p(0, tau(0))))
    slope = fundamental(partial(p, 2)(n, t), p(n, t), t, tau(n), tau(n + 1))
    goal = eq(total(cell(ell), ell, 0, n), p(n + 1, tau(n + 1)) - p(0, tau(0)))
    step = follows(goal, last_term(total(cell(ell), ell, 0, n)), hypothesis, slope, at(continuous, n))
    return [("for every number n of pieces", induction(n, base, step))]


@proves(
    "PATH.completeness.autodiff",
    sources=("this project, section 1",),
    uses=("PATH.completeness",),
    general="The induction over the nodes of a network is done in Coq (IG5); here are its steps.",
)
def autodiff() -> list[Part]:
    """Each kind of node passes the true derivative along the path on, whatever value r automatic differentiation takes for
    the slope at a kink: where the argument u vanishes on a set of positive measure, u' = 0 almost everywhere there, so r
    multiplies zero. Affine nodes and products of slopes pass it on by linearity, forward and backward alike."""
    u, v, q = field("u"), field("v"), field("q")
    low, high = reals("t_0 t_1")
    a, b, r, e, c = reals("a b r e c")
    up, vp = (sp.diff(f(t), t) for f in (u, v))
    change = relu(u(high)) - relu(u(low))

    def ends(side: Callable[[Expr], Theorem]) -> tuple[Theorem, Theorem]:
        return kink(u(high), side(u(high))), kink(u(low), side(u(low)))

    top, bottom = ends(lambda value: assume(le(ZERO, value)))
    goal = eq(integral(up, t, low, high), change)
    active = follows(goal, fundamental(up, u(t), t, low, high), (-ONE, top), bottom)
    top, bottom = ends(lambda value: assume(le(value, ZERO)))
    still = eq(integral(ZERO, t, low, high), change)
    idle = follows(still, nothing(t, low, high), (-ONE, top), bottom)
    top, bottom = ends(lambda value: follows(le(value, ZERO), assume(eq(value, ZERO))))
    flat = combine(eq(r * up, ZERO), (r, assume(eq(up, ZERO))))
    whole = integrate(flat, t, low, high, assume(le(low, high)))
    tied = eq(integral(r * up, t, low, high), change)
    tie = follows(tied, whole, nothing(t, low, high), (-ONE, top), bottom)
    affine = a * u(t) + b * v(t) + c
    forward = fundamental(a * up + b * vp, affine, t, low, high)
    backward = eq(r * (a * up + b * vp) + e * (c * up), (r * a + e * c) * up + r * b * vp)
    smooth_node = fundamental(sp.diff(q(u(t)), t), q(u(t)), t, low, high)
    return [
        ("a piece on which u ≥ 0: the slope 1 times u' adds up to the change of relu(u)", conclude(goal, active)),
        ("a piece on which u ≤ 0: the slope is 0, and relu(u) does not change", conclude(still, idle)),
        ("a piece on which u = 0, so that u' = 0 almost everywhere: any slope r is right", conclude(tied, tie)),
        ("an affine node", forward),
        ("a smooth node", smooth_node),
        ("slopes collected from the output to the inputs are the same sum",
         conclude(backward, algebra(backward.lhs, backward.rhs))),
    ]  # fmt: skip


@proves(
    "PATH.completeness.cantor",
    sources=("1703.01365",),
    counterexample=True,
    against=("PATH.completeness",),
    uses=("PATH.completeness.piecewise",),
    figure="cantor",
    published="Proposition 1 of 1703.01365 asks for differentiability almost everywhere; the limit of these "
    "approximants has it, with gradient 0, and its attribution is 0 where the difference of the score is 1.",
)
def cantor() -> list[Part]:
    """c(k, z) is the slope of the k-th approximant of the Cantor function: on the outer thirds of [0, 1] it repeats the
    one before at a third of the width and half of the height, on the middle third it is 0. Every approximant is complete,
    its slopes are 0 or (3/2)^k, and a node in a gap sees nothing: no rule with fixed steps follows."""
    c = field("c", 2)
    third, much = sp.Rational(1, 3), sp.Rational(3, 2)
    start = assume(everywhere(eq(c(0, z), ONE), z))
    parts = (
        (ZERO, third, much * c(k, 3 * z)), (third, 2 * third, ZERO), (2 * third, ONE, much * c(k, 3 * z - 2)),
    )  # fmt: skip
    low, gap, high = (
        assume(everywhere(Forall(z, a, b, eq(c(k + 1, z), value), almost=True), k)) for a, b, value in parts
    )

    def claim(a: Expr) -> Expr:
        return integral(c(a, z), z, 0, 1)

    first = integrate(at(start, z), z, ZERO, ONE)
    base = follows(eq(claim(ZERO), ONE), first, linearity(integral(ONE, z, ZERO, ONE), ONE))
    hypothesis = assume(eq(claim(n), ONE))
    w = reals("w")
    pieces = []
    for law, a, b, place in ((low, ZERO, third, w / 3), (high, 2 * third, ONE, (w + 2) / 3)):
        here = integrate(at(law, n), z, a, b)
        moved = substitution(here.statement.rhs, place, w, ZERO, ONE)
        pulled = linearity(moved.statement.rhs, HALF * integral(c(n, w), w, ZERO, ONE))
        value = eq(here.statement.lhs, HALF * claim(n))
        pieces.append(follows(value, here, moved, pulled))
    middle = integrate(at(gap, n), z, third, 2 * third)
    empty = follows(eq(middle.statement.lhs, ZERO), middle, nothing(z, third, 2 * third))
    cut = additivity(c(n + 1, z), z, ZERO, third, ONE)
    again = additivity(c(n + 1, z), z, third, 2 * third, ONE)
    step = follows(eq(claim(n + 1), ONE), cut, again, *pieces, empty, hypothesis)
    complete = induction(n, base, step)
    slope0 = follows(eq(c(0, 0), much**ZERO), at(start, ZERO))
    grown = assume(eq(c(n, 0), much**n))
    end = assume(everywhere(eq(c(k + 1, 0), much * c(k, 0)), k))
    slopes = induction(n, slope0, follows(eq(c(n + 1, 0), much ** (n + 1)), at(end, n), (much, grown)))
    inside = assume(everywhere(eq(c(k + 1, HALF), ZERO), k))
    difference = follows(eq(integral(c(n, z), z, 0, 1) - c(n, 0), 1 - much**n), complete, (-ONE, slopes))
    blind = follows(eq(integral(c(n + 1, z), z, 0, 1) - c(n + 1, HALF), ONE), instantiate(complete, {n: n + 1}, {}),
                    (-ONE, at(inside, n)))  # fmt: skip
    return [
        ("every approximant has attribution 1, the difference of its score", complete),
        ("the slope at the end of the path, which the rule with one step and the node 0 returns", slopes),
        ("the error of that rule grows without bound", difference),
        ("the rule with one step and the node 1/2 misses everything", blind),
    ]


@proves(
    "IG.discrete_residual",
    sources=("this project, section 1",),
    uses=("PATH.completeness",),
    counterexample=True,
    against=("PATH.completeness",),
    general="Shown here for 1 to 4 coordinates and every number of nodes.",
)
def residual() -> list[Part]:
    """The completeness residual of a rule is the quadrature error of one scalar function, φ' = Σ_i d_i v_i. It can vanish
    while the attributions are wrong: for relu(z_1 - 1/4) - relu(z_2 - 1/4) from (0, 0) to (1, 1) the midpoint returns
    (1, -1), with sum 0 as it should be, and IG is (3/4, -3/4)."""
    node, weight, phi = field("tau"), field("w"), field("phi")
    parts: list[Part] = []
    for size in (1, 2, 3, 4):
        v = [field(f"v_{a + 1}") for a in range(size)]
        d = [reals(f"d_{a + 1}") for a in range(size)]
        flow = sum(d_a * v_a(t) for d_a, v_a in zip(d, v, strict=True))
        chain = assume(everywhere(eq(sp.diff(phi(t), t), flow), t))
        slope = partial(phi, 1)
        mine = sum(d_a * total(weight(ell) * v_a(node(ell)), ell, 0, n) for d_a, v_a in zip(d, v, strict=True))
        split = sum_linearity(mine, total(weight(ell) * flow.subs(t, node(ell)), ell, 0, n))
        term = combine(eq(weight(ell) * slope(node(ell)), weight(ell) * flow.subs(t, node(ell))),
                       (weight(ell), at(chain, node(ell))))  # fmt: skip
        here = summed(term, ell, ZERO, n)
        exact = fundamental(sp.diff(phi(t), t), phi(t), t, ZERO, ONE)
        goal = eq(mine - (phi(1) - phi(0)),
                  total(weight(ell) * slope(node(ell)), ell, 0, n) - integral(slope(t), t, 0, 1))  # fmt: skip
        what = f"{size} coordinates" if size > 1 else "one coordinate"
        parts.append((f"the residual, {what}", conclude(goal, follows(goal, split, (-ONE, here), exact))))
    return [*parts, *_vanishing()]


def _vanishing() -> list[Part]:
    quarter = sp.Rational(1, 4)
    one, two = ONE - quarter, ZERO - quarter
    right = kink(one, evaluate(le(ZERO, one)))
    left = kink(two, evaluate(le(two, ZERO)))
    goal = eq(relu(one) - relu(two), sp.Rational(3, 4))
    value = follows(goal, right, (-ONE, left))
    midpoint = evaluate(eq(written("1*1 + 1*(-1)"), ZERO))
    wrong = evaluate(unlike(sp.Rational(3, 4), written("1*1")))
    both = Every((goal, midpoint.statement, wrong.statement))
    return [("the attribution of z_1 is the rise of relu(t - 1/4), the midpoint's is 1 and its sum right",
             conclude(both, value, midpoint, wrong))]  # fmt: skip
