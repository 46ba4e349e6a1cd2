"""Why do path attributions satisfy their axioms?"""

from __future__ import annotations

import sympy as sp

from proofs.common import ONE, ZERO, at, eq, everywhere, follows, le, nothing, s, t, unlike
from proofs.derivation import Part, proves
from proofs.kernel import (
    Every,
    Theorem,
    additivity,
    assume,
    combine,
    conclude,
    derive,
    evaluate,
    field,
    fundamental,
    instantiate,
    integral,
    integrate,
    linearity,
    orientation,
    partial,
    reals,
    rewrite,
    substitution,
    times,
)
from proofs.kernel.terms import Expr

a, b, d, r, lam = reals("a b d r lambda")
f, h, g = field("f"), field("h"), field("g")
slope = sp.diff(g(t), t)
OTHERS = (
    "The other coordinates are one argument here; they stay as they are, so that any number of them may stand there."
)


def attribution(density: Expr) -> Expr:
    return integral(density, t, 0, 1)


@proves(
    "PATH.implementation_invariance",
    sources=("1703.01365",),
    uses=("PATH.completeness",),
    published="1703.01365 takes equal functions to have equal gradients. At kinks automatic differentiation does not "
    "keep that: the premise is that both are differentiable at almost every point of the path.",
)
def invariance() -> list[Part]:
    """If the gradients used agree at almost every point of the path, so do the attributions; equal functions have equal
    gradients wherever both are differentiable."""
    same = assume(eq(f(t), h(t)))
    flow = combine(eq(f(t) * slope, h(t) * slope), (slope, same))
    goal = eq(attribution(f(t) * slope), attribution(h(t) * slope))
    return [("f and h are the slopes of two implementations along the path",
             conclude(goal, integrate(flow, t, ZERO, ONE)))]  # fmt: skip


@proves(
    "PATH.implementation_invariance.kink",
    sources=("this project, section 2",),
    counterexample=True,
    figure="kink",
    against=("PATH.implementation_invariance", "IG.symmetry"),
)
def kink() -> list[Part]:
    """max(x_1, x_2) from (0, 0) to (1, 1), with r the slope that relu has at 0: relu(x_1 - x_2) + x_2 gets (r, 1 - r),
    relu(x_2 - x_1) + x_1 gets (1 - r, r). Both are complete for every r. With r = 0 they are (0, 1) and (1, 0); maximum,
    which shares its slope among the largest, gets (1/2, 1/2)."""
    first = linearity(attribution(r * ONE), r)
    second = linearity(attribution((ONE - r) * ONE), ONE - r)
    whole = eq(attribution(r * ONE) + attribution((ONE - r) * ONE), ONE)
    complete = follows(whole, first, second)
    differ = evaluate(unlike(attribution(ZERO), attribution(ONE)))
    none = evaluate(unlike(attribution(ZERO), attribution(sp.Rational(1, 2))))
    both = Every((differ.statement, none.statement))
    return [
        ("x_1 in the first form, and x_2 in the second", first),
        ("x_2 in the first form, and x_1 in the second", second),
        ("both forms are complete", conclude(whole, complete)),
        ("with r = 0 the attributions of x_1 are 0, 1 and 1/2", conclude(both, differ, none)),
    ]


@proves("PATH.dummy", sources=("1703.01365",))
def dummy() -> list[Part]:
    """A coordinate that F does not depend on gets attribution 0: the slope under the integral is 0."""
    flat = assume(eq(f(t), ZERO))
    flow = combine(eq(f(t) * slope, ZERO), (slope, flat))
    goal = eq(attribution(f(t) * slope), ZERO)
    return [("f is the slope of F in the coordinate, along the path",
             conclude(goal, follows(goal, integrate(flow, t, ZERO, ONE), nothing(t, ZERO, ONE))))]  # fmt: skip


@proves(
    "IG.sensitivity",
    sources=("1703.01365",),
    uses=("PATH.completeness.smooth",),
    general=OTHERS,
    published="1703.01365 states it for all path methods. It needs that the coordinates which do not change are "
    "constant on the path (IG.sensitivity.loop).",
)
def sensitivity() -> list[Part]:
    """If one coordinate alone changes and the others are constant on the path, it gets the whole difference of the score,
    which is not 0 if the scores differ; the others get 0."""
    c = reals("c")
    score = field("F", 2)
    mine = partial(score, 1)(g(t), c) * slope
    whole = fundamental(mine, score(g(t), c), t, ZERO, ONE)
    goal = eq(attribution(mine), score(g(1), c) - score(g(0), c))
    still = assume(eq(slope, ZERO))
    other = eq(attribution(f(t) * slope), ZERO)
    flow = combine(eq(f(t) * slope, ZERO), (f(t), still))
    return [
        ("the coordinate that changes", conclude(goal, whole)),
        ("a coordinate that is constant on the path",
         conclude(other, follows(other, integrate(flow, t, ZERO, ONE), nothing(t, ZERO, ONE)))),
    ]  # fmt: skip


@proves("IG.sensitivity.loop", counterexample=True, against=("IG.sensitivity",), figure="loop")
def loop() -> list[Part]:
    """F = x_1 x_2 along (0, 0) → (0, 1) → (1, 1) → (1, 0): x_2 ends where it began, and gets -1; x_1 gets 1."""
    first = evaluate(eq(integral(ZERO * t, t, 0, 1) + integral(ONE, t, 0, 1) + integral(0 * t, t, 0, 1), ONE))
    second = evaluate(eq(integral(ZERO, t, 0, 1) + integral(ZERO, t, 0, 1) + integral(-ONE, t, 0, 1), -ONE))
    both = Every((first.statement, second.statement))
    return [("leg by leg, ∂_1F = x_2 and ∂_2F = x_1", conclude(both, first, second))]


@proves("PATH.linearity", sources=("1703.01365",))
def linear() -> list[Part]:
    """The attributions of aF + bG are a times those of F plus b times those of G, coordinate by coordinate."""
    goal = eq(attribution((a * f(t) + b * h(t)) * slope), a * attribution(f(t) * slope) + b * attribution(h(t) * slope))
    return [("f and h are the slopes of F and G along the path", conclude(goal, linearity(goal.lhs, goal.rhs)))]


def exchanged(score: Expr) -> Theorem:
    """⊢ ∂_1F(a, b, r) = ∂_2F(b, a, r) for F symmetric in its first two arguments."""
    symmetric = assume(everywhere(eq(score(a, b, r), score(b, a, r)), a, b, r))
    return derive(at(symmetric, a, b, r), a)


@proves(
    "IG.symmetry",
    sources=("1703.01365", "2103.13533"),
    general=OTHERS,
    published="Both premises are needed: equal values of the coordinates in input and baseline are easily forgotten.",
)
def symmetry() -> list[Part]:
    """If F does not change when two coordinates are exchanged, and they agree in the input and in the baseline, then they
    agree along the straight path and get equal attributions. Without the second premise z_1² + z_2² refutes it: from
    (0, 0) to (1, 2) the attributions are 1 and 4."""
    score, rest = field("F", 3), field("c")

    here = instantiate(exchanged(score), {a: g(t), b: g(t), r: rest(t)}, {})
    flow = combine(
        eq(partial(score, 1)(g(t), g(t), rest(t)) * slope, partial(score, 2)(g(t), g(t), rest(t)) * slope),
        (slope, here),
    )
    goal = eq(*(attribution(partial(score, p)(g(t), g(t), rest(t)) * slope) for p in (1, 2)))
    one = evaluate(eq(attribution(2 * t * 1), ONE))
    four = evaluate(eq(attribution(2 * (2 * t) * 2), sp.Integer(4)))
    both = Every((one.statement, four.statement))
    return [
        ("both coordinates are g along the path", conclude(goal, integrate(flow, t, ZERO, ONE))),
        ("z_1² + z_2² at unequal inputs", conclude(both, one, four)),
    ]


@proves(
    "IG.permutation_equivariance",
    sources=("this project, section 2",),
    general=OTHERS + " Every permutation is made of exchanges of two.",
)
def permutation() -> list[Part]:
    """If G is F with two arguments exchanged, and input and baseline are exchanged likewise, the attributions are."""
    score, twin, rest = field("F", 3), field("G", 3), field("c")
    second = field("h")
    law = assume(everywhere(eq(twin(a, b, r), score(b, a, r)), a, b, r))

    here = instantiate(derive(at(law, a, b, r), a), {a: second(t), b: g(t), r: rest(t)}, {})
    rise = sp.diff(second(t), t)
    goal = eq(attribution(partial(twin, 1)(second(t), g(t), rest(t)) * rise),
              attribution(partial(score, 2)(g(t), second(t), rest(t)) * rise))  # fmt: skip
    flow = combine(eq(goal.lhs.function, goal.rhs.function), (rise, here))
    return [("the first coordinate of G gets what the second of F gets",
             conclude(goal, integrate(flow, t, ZERO, ONE)))]  # fmt: skip


@proves("IG.affine_scale_invariance", sources=("2306.13753",), general=OTHERS)
def affine_scale() -> list[Part]:
    """Let the coordinate be measured in other units, z ↦ cz + b, and let the model G undo that, G(cz + b) = F(z), which for
    c ≠ 0 it can. Then the attribution stays what it was."""
    c = reals("c")
    score, twin, rest = field("F", 2), field("G", 2), field("q")
    law = assume(everywhere(eq(twin(c * a + b, r), score(a, r)), a, r))

    here = instantiate(derive(at(law, a, r), a), {a: g(t), r: rest(t)}, {})
    goal = eq(attribution(partial(twin, 1)(c * g(t) + b, rest(t)) * (c * slope)),
              attribution(partial(score, 1)(g(t), rest(t)) * slope))  # fmt: skip
    flow = combine(eq(goal.lhs.function, goal.rhs.function), (slope, here))
    return [("along the rescaled path", conclude(goal, integrate(flow, t, ZERO, ONE)))]


@proves("IG.reversal", sources=("this project, section 2",))
def reversal() -> list[Part]:
    """Walking back from x to x' passes the same points, with the displacement -d: the attribution changes its sign."""
    goal = eq(integral(f(1 - s) * (-d), s, 0, 1), -integral(f(t) * d, t, 0, 1))
    moved = substitution(integral(f(t) * d, t, ZERO, ONE), 1 - s, s, ONE, ZERO)
    turned = orientation(moved.statement.rhs)
    return [("f is the slope of F along the segment",
             conclude(goal, follows(goal, moved, turned)))]  # fmt: skip


@proves("IG.segment_additivity", sources=("this project, section 2",), uses=("PATH.reparametrization",))
def segment() -> list[Part]:
    """For m = x' + λd on the segment, the attribution from x' to m plus that from m to x is the one from x' to x."""
    whole = additivity(f(t), t, ZERO, lam, ONE)
    low = substitution(integral(f(t), t, ZERO, lam), lam * s, s, ZERO, ONE)
    high = substitution(integral(f(t), t, lam, ONE), lam + (1 - lam) * s, s, ZERO, ONE)
    first = integral(f(lam * s) * (lam * d), s, 0, 1)
    second = integral(f(lam + (1 - lam) * s) * ((1 - lam) * d), s, 0, 1)
    goal = eq(integral(f(t) * d, t, 0, 1), first + second)
    proof = follows(
        goal,
        linearity(goal.lhs, d * integral(f(t), t, 0, 1)),
        (d, whole),
        (d, low),
        (d, high),
        linearity(d * (low.statement.rhs + high.statement.rhs), first + second),
    )
    return [("f is the slope of F along the segment from x' to x", conclude(goal, proof))]


def walked() -> tuple[Theorem, Expr]:
    """⊢ ∫ f(ρ) g'(ρ) ρ' ds = ∫ f g' dt for ρ from 0 to 1."""
    rho = field("rho")
    place = partial(g, 1)
    original = integral(f(t) * place(t), t, rho(0), rho(1))
    moved = substitution(original, rho(s), s, ZERO, ONE)
    ends = [assume(eq(rho(0), ZERO)), assume(eq(rho(1), ONE))]
    fixed = rewrite(moved, *ends)
    goal = eq(integral(f(rho(s)) * place(rho(s)) * sp.diff(rho(s), s), s, 0, 1), integral(f(t) * place(t), t, 0, 1))
    return combine(goal, (-ONE, fixed)), goal


@proves(
    "PATH.reparametrization",
    sources=("this project, section 2",),
    published="The change of the parameter need not be monotone for C¹ paths; it must run from 0 to 1.",
)
def reparametrization() -> list[Part]:
    """A path that is walked at another pace, ρ from 0 to 1, gives the same attributions."""
    proof, goal = walked()
    return [("f is the slope of F along the path g", conclude(goal, proof))]


@proves("IG.nondecreasing_positivity", sources=("2306.13753",))
def positivity() -> list[Part]:
    """Where F is nondecreasing in the coordinate along the segment and the coordinate does not fall, its attribution is not
    negative."""
    rises = assume(le(ZERO, f(t)))
    more = assume(le(ZERO, d))
    product = times(rises, more)
    whole = integrate(product, t, ZERO, ONE)
    goal = le(ZERO, attribution(f(t) * d))
    return [("f is the slope of F in the coordinate",
             conclude(goal, follows(goal, whole, (-ONE, nothing(t, ZERO, ONE)))))]  # fmt: skip


@proves("IG.symmetric_monotonicity", sources=("2306.13753",), uses=("IG.nondecreasing_positivity",))
def monotonicity() -> list[Part]:
    """If the slope of F in one coordinate is at most that of G in another, and both coordinates rise by the same d ≥ 0, then
    so are the attributions."""
    below, more = assume(le(f(t), h(t))), assume(le(ZERO, d))
    gap = follows(le(ZERO, h(t) - f(t)), below)
    flow = follows(le(f(t) * d, h(t) * d), times(gap, more))
    goal = le(attribution(f(t) * d), attribution(h(t) * d))
    return [("f = ∂_iF and h = ∂_jG along the segments", conclude(goal, integrate(flow, t, ZERO, ONE)))]


@proves(
    "IG.null_path",
    sources=("this project, section 2",),
    published="For path methods in general the path from x to x must be constant: a loop may attribute something.",
)
def null() -> list[Part]:
    """If input and baseline agree in a coordinate, d = 0 there, and so is its attribution."""
    still = assume(eq(d, ZERO))
    flow = combine(eq(f(t) * d, ZERO), (f(t), still))
    goal = eq(attribution(f(t) * d), ZERO)
    return [("f is the slope of F along the segment",
             conclude(goal, follows(goal, integrate(flow, t, ZERO, ONE), nothing(t, ZERO, ONE))))]  # fmt: skip
