"""What do sums along a path give, and how far are they from the integral?"""

from __future__ import annotations

from typing import Any

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
    le,
    n,
    s,
    t,
    telescope,
    unlike,
    written,
)
from proofs.derivation import Part, proves
from proofs.kernel import (
    Every,
    absolute,
    absolute_product,
    algebra,
    assume,
    by_parts,
    combine,
    conclude,
    derive,
    empty_sum,
    evaluate,
    field,
    fundamental,
    induction,
    instantiate,
    integral,
    integrate,
    last_term,
    linearity,
    no_length,
    partial,
    reals,
    sum_linearity,
    summed,
    times,
    total,
    within,
)
from proofs.kernel.terms import Expr

f, alpha, w, W, node = field("f"), field("alpha"), field("w"), field("W"), field("tau")
a, b, c, d, h = reals("a b c d h")


def cells(term: Expr) -> Expr:
    return total(term, ell, 0, n - 1)


def step_up(value: Any) -> Expr:
    return value(ell + 1) - value(ell)


@proves("RS.by_parts", sources=("2205.10900",))
def parts() -> list[Part]:
    """Summation by parts: the left sum of f over α plus the right sum of α over f is the difference of fα at the ends. The
    left and right sums of both, added, give twice that."""
    left, right = f(ell) * step_up(alpha), alpha(ell + 1) * step_up(f)
    product = telescope(lambda q: f(q) * alpha(q))
    goal = eq(cells(left) + cells(right), f(n) * alpha(n) - f(0) * alpha(0))
    same = sum_linearity(goal.lhs, product.statement.lhs)
    both = eq(cells((f(ell) + f(ell + 1)) * step_up(alpha)) + cells((alpha(ell) + alpha(ell + 1)) * step_up(f)),
              2 * (f(n) * alpha(n) - f(0) * alpha(0)))  # fmt: skip
    twice = sum_linearity(both.lhs, 2 * product.statement.lhs)
    return [
        ("one left and one right sum of n cells", conclude(goal, follows(goal, same, product))),
        ("left and right sums of both", conclude(both, follows(both, twice, (sp.Integer(2), product)))),
    ]


@proves("RS.trapezoid_central", sources=("this project, section 4",))
def central() -> list[Part]:
    """The trapezoid sum over n + 1 cells is half the sum of f times the difference of α's two neighbours, with the ends
    clamped: one contraction of the samples."""

    def cell(q: Expr) -> Expr:
        return HALF * (f(q) + f(q + 1)) * (alpha(q + 1) - alpha(q))

    def right(q: Expr) -> Expr:
        middle = total(f(ell) * (alpha(ell + 1) - alpha(ell - 1)), ell, 1, q)
        return HALF * (f(0) * (alpha(1) - alpha(0)) + middle + f(q + 1) * (alpha(q + 1) - alpha(q)))

    inner = f(ell) * (alpha(ell + 1) - alpha(ell - 1))
    first = last_term(total(cell(ell), ell, 0, ZERO))
    base = follows(eq(total(cell(ell), ell, 0, ZERO), right(ZERO)), first,
                   empty_sum(total(cell(ell), ell, 0, ZERO - 1)), (-HALF, empty_sum(total(inner, ell, 1, ZERO))))  # fmt: skip
    hypothesis = assume(eq(total(cell(ell), ell, 0, n), right(n)))
    goal = eq(total(cell(ell), ell, 0, n + 1), right(n + 1))
    step = follows(goal, last_term(goal.lhs), hypothesis, (-HALF, last_term(total(inner, ell, 1, n + 1))))
    return [("for n + 1 cells", induction(n, base, step))]


@proves(
    "RS.trapezoid_quadratic",
    sources=("this project, section 4",),
    uses=("RS.trapezoid_central",),
    general="The identity of one cell is shown for 1 to 4 units of the layer; the number of steps is arbitrary.",
)
def quadratic() -> list[Part]:
    """For a head s of degree at most 2 the trapezoid of one cell is exactly s(b) - s(a), wherever a and b lie; over any
    number of steps, equal or not, the sum telescopes. A left sum of z² is off by the square of the step, so left and right
    sums are exact for affine heads only."""
    found: list[Part] = []
    for size in (1, 2, 3, 4):
        start = [reals(f"a_{i + 1}") for i in range(size)]
        end = [reals(f"b_{i + 1}") for i in range(size)]
        matrix = [[reals(f"q_{min(i, k) + 1}{max(i, k) + 1}") for k in range(size)] for i in range(size)]
        slope0 = [reals(f"r_{i + 1}") for i in range(size)]

        def score(z: list[Expr], matrix: Any = matrix, slope0: Any = slope0) -> Expr:
            pairs = sum(HALF * row[k] * zi * z[k] for zi, row in zip(z, matrix, strict=True) for k in range(len(z)))
            return pairs + sum(r * zi for r, zi in zip(slope0, z, strict=True))

        def slope(z: list[Expr], i: int, score: Any = score) -> Expr:
            return sp.diff(score(z), z[i])

        trapezoid = sum(HALF * (slope(start, i) + slope(end, i)) * (end[i] - start[i]) for i in range(size))
        what = "one unit" if size == 1 else f"{size} units"
        found.append((f"one cell, {what}", algebra(trapezoid, score(end) - score(start))))
    z = field("S")
    left = algebra(b**2 - a**2 - 2 * a * (b - a), (b - a) ** 2)
    return [*found, ("any number of cells, S being the score at the ends of the cells", telescope(z)),
            ("a left sum of z²: what is missing", left)]  # fmt: skip


def trapezoid_gap() -> Expr:
    """The integral minus the trapezoid of the cell [0, h]."""
    flow = integral(f(s) * partial(alpha, 1)(s), s, 0, h)
    return flow - HALF * (f(0) + f(h)) * (alpha(h) - alpha(0))


@proves(
    "RS.trapezoid_error",
    sources=("this project, section 4",),
    uses=("RS.trapezoid_quadratic",),
    published="The sign is that of integral minus sum.",
)
def trapezoid_error() -> list[Part]:
    """For f and α of class C³ the error E(h) of one cell of width h, integral minus trapezoid, vanishes at 0 with its first
    two derivatives, and its third is (f'α'' - f''α')/2 at 0; so E(h) = (h³/12)(f'α'' - f''α') + O(h⁴). Left and right sums
    differ by ΣΔfΔα, which is O(h) in all."""
    gap = trapezoid_gap()
    fs = [f(h)] + [partial(f, *([1] * k))(h) for k in (1, 2, 3)]
    als = [alpha(h)] + [partial(alpha, *([1] * k))(h) for k in (1, 2, 3)]
    df, da = f(h) - f(0), alpha(h) - alpha(0)
    first = HALF * (df * als[1] - fs[1] * da)
    second = HALF * (df * als[2] - fs[2] * da)
    third = HALF * (fs[1] * als[2] + df * als[3] - fs[3] * da - fs[2] * als[1])
    flow0 = no_length(integral(f(s) * partial(alpha, 1)(s), s, ZERO, ZERO))
    limit = HALF * (partial(f, 1)(0) * partial(alpha, 1, 1)(0) - partial(f, 1, 1)(0) * partial(alpha, 1)(0))
    error = field("E")
    e1, e2, e3 = (partial(error, *([1] * k)) for k in (1, 2, 3))
    law = at(assume(everywhere(eq(error(h), gap), h)), h)
    slopes = [law]
    for e, value in zip((e1, e2, e3), (first, second, third), strict=True):
        slopes.append(follows(eq(e(h), value), derive(slopes[-1], h)))
    zeros = [instantiate(slope, {h: ZERO}, {}) for slope in slopes]
    start = eq(error(0), ZERO)
    nothing_yet = conclude(start, follows(start, zeros[0], flow0))
    once = by_parts((h - s) ** 2 / 2, e2(s), s, ZERO, h)
    twice = by_parts(h - s, e1(s), s, ZERO, h)
    thrice = fundamental(e1(s), error(s), s, ZERO, h)
    starts = [assume(eq(g(0), ZERO)) for g in (error, e1, e2)]
    taylor = eq(integral((h - s) ** 2 / 2 * e3(s), s, 0, h), error(h))
    inner = linearity(-integral((s - h) * e2(s), s, ZERO, h), integral((h - s) * e2(s), s, ZERO, h))
    again = linearity(-integral(-e1(s), s, ZERO, h), integral(e1(s), s, ZERO, h))
    remainder = follows(taylor, once, inner, twice, again, thrice, (-h**2 / 2, starts[2]), (-h, starts[1]),
                        (-ONE, starts[0]))  # fmt: skip
    gap_sum = eq(
        cells(f(ell + 1) * step_up(alpha)) - cells(f(ell) * step_up(alpha)), cells(step_up(f) * step_up(alpha))
    )
    return [
        ("the error of a cell of no width", nothing_yet),
        ("the first derivative there", zeros[1]),
        ("the second derivative there", zeros[2]),
        ("the third derivative there", conclude(eq(e3(0), limit), zeros[3])),
        (
            "a function that vanishes so is this integral of its third derivative, by Taylor",
            conclude(taylor, remainder),
        ),
        ("right minus left sum", sum_linearity(gap_sum.lhs, gap_sum.rhs)),
    ]


@proves(
    "RS.bounded_variation",
    sources=("this project, section 4",),
    general="α is C¹ here; for α of bounded variation |α'| is its variation measure, and the argument is the same.",
)
def bounded_variation() -> list[Part]:
    """If f varies by at most ω_l on the l-th cell, a sum with tags inside their cells is off by at most Σ ω_l Var_l(α). On one
    cell |f(τ) - f(s)| ≤ ω, so (f(τ) - f(s))α'(s) lies between ∓ω|α'(s)|; integrate, and add the cells up."""
    rise = sp.diff(alpha(s), s)
    omega, tag = reals("omega tau")
    gap = f(tag) - f(s)
    close = assume(le(sp.Abs(gap), omega))
    order = assume(le(a, b))
    room = follows(le(ZERO, omega - sp.Abs(gap)), close)
    product = times(room, absolute(rise, 0))
    split = absolute_product(gap, rise)
    sides = []
    for sgn in (1, -1):
        flow = follows(le(sgn * gap * rise, omega * sp.Abs(rise)), absolute(gap * rise, sgn), split, product)
        whole = integrate(flow, s, a, b, order)
        variation = linearity(integral(omega * sp.Abs(rise), s, a, b), omega * integral(sp.Abs(rise), s, a, b))
        value = f(tag) * (alpha(b) - alpha(a)) - integral(f(s) * rise, s, a, b)
        path = fundamental(rise, alpha(s), s, a, b)
        out = linearity(
            sgn * integral(sgn * gap * rise, s, a, b), f(tag) * integral(rise, s, a, b) - integral(f(s) * rise, s, a, b)
        )
        bound = omega * integral(sp.Abs(rise), s, a, b)
        goal = le(sgn * value, bound)
        sides.append(combine(goal, (ONE, whole), (ONE, variation), (-sp.Integer(sgn), out), (-sgn * f(tag), path)))
    low = follows(le(-sides[0].statement.rhs, value), sides[1])
    one = within(low, sides[0])
    err, om, var = field("e"), field("omega"), field("v")
    cell_law = assume(le(sp.Abs(err(ell)), om(ell) * var(ell)))
    above = summed(follows(le(err(ell), om(ell) * var(ell)), absolute(err(ell), 1), cell_law), ell, ZERO, n)
    return [("one cell [a, b] with the tag τ", one), ("all cells: errors e_l and bounds ω_l v_l add up", above)]


@proves(
    "RS.existence",
    sources=("2205.10900",),
    counterexample=True,
    against=("RS.bounded_variation",),
    uses=("RS.by_parts",),
    general="That refined sums converge is Cauchy's criterion, applied to the bound shown here.",
)
def existence() -> list[Part]:
    """Splitting a cell at a point moves its term by at most the changes of f there times those of α, so sums converge where
    one of both is continuous and the other of bounded variation. If both jump at one place, right and left sums differ by
    the product of the jumps on every grid: with f = α = the step at 1/2, by 1."""
    u, v, r = reals("u v r")
    p, q = reals("p q")
    refined = algebra(
        f(r) * (q - a) - (f(u) * (p - a) + f(v) * (q - p)), (f(r) - f(u)) * (p - a) + (f(r) - f(v)) * (q - p)
    )
    gap = sum_linearity(
        cells(alpha(ell + 1) * step_up(alpha)) - cells(alpha(ell) * step_up(alpha)), cells(step_up(alpha) ** 2)
    )
    jump = evaluate(eq(written("1*1"), ONE))
    split = evaluate(unlike(written("1*1"), written("0*1")))
    both = Every((jump.statement, split.statement))
    return [
        ("a cell that is split at p, with other tags", refined),
        ("right minus left sum of α over itself", gap),
        (
            "a cell with the jump: the square of the jump is 1; right tag and left tag times the jump differ",
            conclude(both, jump, split),
        ),
    ]


@proves(
    "RS.spectral",
    sources=("this project, section 4",),
    uses=("QUAD.order",),
    general="Shown for polynomials of degree 1 and 2 on two and three nodes; a differentiation matrix is exact on the "
    "polynomials that its nodes determine, whatever their number.",
)
def spectral() -> list[Part]:
    """With W the weights and D the differentiation matrix of the nodes, fᵀWDα is the rule's sum of f α', α' being exact at the
    nodes for polynomials of their degree; so the layer integral is exact as far as the rule is."""
    nodes = {1: [ZERO, ONE], 2: [ZERO, HALF, ONE]}
    weights = {1: [HALF, HALF], 2: [sp.Rational(1, 6), sp.Rational(2, 3), sp.Rational(1, 6)]}
    found: list[Part] = []
    for top, places in nodes.items():
        fs, als = [reals(f"f_{k}") for k in range(top + 1)], [reals(f"alpha_{k}") for k in range(top + 1)]

        def poly(cs: list[Expr], z: Expr) -> Expr:
            return sum(ck * z**k for k, ck in enumerate(cs))

        basis = [
            sp.Mul(*((t - v) / (u - v) for v in places if v != u)) for u in places
        ]  # fmt: skip
        form = sum(
            wk * poly(fs, u) * sp.diff(lag, t).subs(t, u) * poly(als, v)
            for wk, u in zip(weights[top], places, strict=True)
            for lag, v in zip(basis, places, strict=True)
        )
        flow = sp.expand(poly(fs, t) * sp.diff(poly(als, t), t))
        antiderivative = sum(ck * t ** (k + 1) / (k + 1) for (k,), ck in sp.Poly(flow, t).terms())
        exact = fundamental(flow, antiderivative, t, ZERO, ONE)
        goal = eq(integral(flow, t, 0, 1), form)
        found.append((f"degree {top}, {top + 1} nodes", conclude(goal, follows(goal, exact))))
    return found
