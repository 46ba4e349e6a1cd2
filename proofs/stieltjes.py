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
    joined,
    le,
    lt,
    m,
    n,
    s,
    t,
    telescope,
    unlike,
)
from proofs.derivation import Part, proves
from proofs.kernel import (
    Every,
    Theorem,
    absolute,
    absolute_product,
    algebra,
    assume,
    by_parts,
    chain_rule,
    combine,
    conclude,
    empty_sum,
    evaluate,
    field,
    fundamental,
    induction,
    integral,
    integrate,
    kink,
    last_term,
    linearity,
    no_length,
    partial,
    reals,
    relu,
    sum_linearity,
    summed,
    times,
    total,
    unequal,
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
    here = eq(gap.subs(h, 0), ZERO)
    limit = HALF * (partial(f, 1)(0) * partial(alpha, 1, 1)(0) - partial(f, 1, 1)(0) * partial(alpha, 1)(0))
    error = field("E")
    e1, e2, e3 = (partial(error, *([1] * k)) for k in (1, 2, 3))
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
        ("the error of a cell of no width", conclude(here, follows(here, flow0))),
        ("its first derivative", chain_rule(gap, h, first)),
        ("its second derivative", chain_rule(first, h, second)),
        ("its third derivative", chain_rule(second, h, third)),
        ("the first derivative at 0", algebra(first.subs(h, 0), ZERO)),
        ("the second derivative at 0", algebra(second.subs(h, 0), ZERO)),
        ("the third derivative at 0", algebra(third.subs(h, 0), limit)),
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
    jump = evaluate(eq((ONE - 0) ** 2, ONE))
    split = evaluate(unlike(ONE * (1 - ZERO), ZERO * (1 - ZERO)))
    both = Every((jump.statement, split.statement))
    return [
        ("a cell that is split at p, with other tags", refined),
        ("right minus left sum of α over itself", gap),
        ("a cell with the jump: the square is 1, right tag and left tag differ", conclude(both, jump, split)),
    ]


def weight_cell() -> Theorem:
    """⊢ |w f(τ) - ∫_cell f| ≤ ω w on a cell of width w on which f stays within ω of f(τ)."""
    omega, tag = reals("omega tau")
    order = assume(le(a, b))
    close = assume(le(sp.Abs(f(tag) - f(s)), omega))
    value = (b - a) * f(tag) - integral(f(s), s, a, b)
    sides = []
    for sgn in (1, -1):
        flow = follows(le(sgn * (f(tag) - f(s)), omega), absolute(f(tag) - f(s), sgn), close)
        whole = integrate(flow, s, a, b, order)
        out = linearity(whole.statement.lhs, sgn * value)
        size = linearity(whole.statement.rhs, omega * (b - a))
        sides.append(combine(le(sgn * value, omega * (b - a)), (ONE, whole), (-ONE, out), (ONE, size)))
    low = follows(le(-omega * (b - a), value), sides[1])
    return within(low, sides[0])


@proves(
    "QUAD.variation_bound",
    sources=("this project, section 4",),
    uses=("IG.discrete_residual",),
    general="That Gauss-Legendre nodes interlace the partial sums of their weights is the separation theorem of "
    "Chebyshev, Markov and Stieltjes, which is cited, not derived.",
)
def variation_bound() -> list[Part]:
    """Let the partial sums W_l of the weights be the ends of cells of [0, 1], with a node in each. On a cell the rule is off
    by at most w_l times the variation ω_l of f there; so in all by at most the largest weight times V(f). Left, right,
    midpoint and trapezoid nodes lie in their cells, and no weight of theirs is above 2/n."""
    err, om, big, whole_v = field("e"), field("omega"), reals("w_max"), reals("V")
    bound = assume(le(sp.Abs(err(ell)), om(ell) * w(ell)))
    heavy, amount = assume(le(w(ell), big)), assume(le(ZERO, om(ell)))
    product = times(amount, follows(le(ZERO, big - w(ell)), heavy))
    parts_: list[Theorem] = []
    for sgn in (1, -1):
        cell_ = follows(le(sgn * err(ell), om(ell) * big), absolute(err(ell), sgn), bound, product)
        sum_ = summed(cell_, ell, ZERO, n)
        pulled = sum_linearity(sum_.statement.lhs, sgn * total(err(ell), ell, 0, n))
        out = sum_linearity(sum_.statement.rhs, big * total(om(ell), ell, 0, n))
        adds_up = assume(le(total(om(ell), ell, 0, n), whole_v))
        positive_big = assume(le(ZERO, big))
        all_v = times(positive_big, follows(le(ZERO, whole_v - total(om(ell), ell, 0, n)), adds_up))
        parts_.append(combine(le(sgn * total(err(ell), ell, 0, n), big * whole_v), (ONE, sum_), (-ONE, pulled), (ONE, out),
                              (ONE, all_v)))  # fmt: skip
    low = follows(le(-big * whole_v, total(err(ell), ell, 0, n)), parts_[1])
    errors = within(low, parts_[0])
    exact = joined(f(s), s, W)
    mid = algebra((ell + HALF) / (n + 1) - ell / (n + 1), 1 / (2 * (n + 1)))
    trap = algebra(2 / (m + 2) - 1 / (m + 1), m / ((m + 1) * (m + 2)))
    ends = algebra(1 / (m + 1) / 2 + ell / (m + 1) - ell / (m + 1), 1 / (2 * (m + 1)))
    return [
        ("one cell [a, b]; |f(τ) - f(s)| ≤ ω there", weight_cell()),
        ("the cells' integrals are the integral", exact),
        ("the errors e_l of all cells", errors),
        ("midpoint: each node is half a cell beyond the cell's start", mid),
        (
            "trapezoid with n = m + 2 nodes: 2/n exceeds its largest weight 1/(n - 1) by this, which is not negative",
            trap,
        ),
        ("trapezoid: each inner node is half a weight beyond the partial sum before it", ends),
    ]


@proves("QUAD.weights_sum_one", sources=("this project, section 4",))
def weights_sum_one() -> list[Part]:
    """On an affine score the slope is a constant c, so a rule whose weights sum to one returns d c, the exact value, with
    any number of nodes; one whose weights sum to something else is wrong by that factor."""
    goal = eq(d * total(w(ell) * c, ell, 0, n), d * c)
    one = assume(eq(total(w(ell), ell, 0, n), ONE))
    pulled = sum_linearity(goal.lhs, d * c * total(w(ell), ell, 0, n))
    return [("d is the displacement", conclude(goal, follows(goal, pulled, (d * c, one))))]


@proves("QUAD.moments", sources=("this project, section 4",), uses=("QUAD.order",))
def moments() -> list[Part]:
    """The slope of z^(m+1)/(m+1) is z^m; so from 0 to 1 a rule with nodes t_l returns its m-th moment Σ w_l t_l^m, and IG is
    1/(m + 1). Enough moments give nodes and weights away."""
    z = reals("z")
    slope = chain_rule(z ** (m + 1) / (m + 1), z, z**m)
    exact = fundamental(z**m, z ** (m + 1) / (m + 1), z, ZERO, ONE)
    goal = eq(integral(z**m, z, 0, 1), 1 / (m + 1))
    return [("the slope", slope), ("the exact value", conclude(goal, follows(goal, exact)))]


def exactness(name: str, nodes: list[Expr], weights: list[Expr], top: int) -> Part:
    """The rule integrates all polynomials up to the degree."""
    coefficients = [reals(f"c_{k}") for k in range(top + 1)]

    def poly(z: Expr) -> Expr:
        return sum(ck * z**k for k, ck in enumerate(coefficients))

    antiderivative = sum(ck * t ** (k + 1) / (k + 1) for k, ck in enumerate(coefficients))
    exact = fundamental(poly(t), antiderivative, t, ZERO, ONE)
    goal = eq(integral(poly(t), t, 0, 1), sum(wk * poly(tk) for wk, tk in zip(weights, nodes, strict=True)))
    return f"{name}, degree {top}", conclude(goal, follows(goal, exact))


@proves(
    "QUAD.order",
    sources=("this project, section 4",),
    general="Rules are shown on one cell; Gauss-Legendre for 1, 2 and 3 nodes. Exactness of Gauss rules to degree "
    "2n - 1 for every n is classical and not derived.",
)
def order() -> list[Part]:
    """On a cell left and right sums are exact for constants, midpoint and trapezoid for degree 1, Simpson for degree 3,
    Gauss-Legendre with n nodes for degree 2n - 1; the next degree they miss."""
    q, root3, root15 = sp.Rational(1, 6), sp.sqrt(3) / 6, sp.sqrt(15) / 10
    found = [
        exactness("left sum", [ZERO], [ONE], 0),
        exactness("midpoint", [HALF], [ONE], 1),
        exactness("trapezoid", [ZERO, ONE], [HALF, HALF], 1),
        exactness("Simpson", [ZERO, HALF, ONE], [q, 4 * q, q], 3),
        exactness("Gauss-Legendre with 2 nodes", [HALF - root3, HALF + root3], [HALF, HALF], 3),
        exactness("Gauss-Legendre with 3 nodes", [HALF - root15, HALF, HALF + root15],
                  [sp.Rational(5, 18), sp.Rational(4, 9), sp.Rational(5, 18)], 5),
    ]  # fmt: skip
    misses = [
        evaluate(unlike(integral(t**k, t, 0, 1), v))
        for k, v in ((1, ZERO), (2, HALF**2), (2, HALF), (4, q * (4 * HALF**4 + 1)))
    ]
    every = Every(tuple(th.statement for th in misses))
    return [*found, ("left, midpoint, trapezoid and Simpson miss the next power", conclude(every, *misses))]


@proves("QUAD.named_rule", sources=("this project, section 4",), uses=("IG.discrete_residual",))
def named_rule() -> list[Part]:
    """With a named rule the attribution of z^(m+1) between two points is d times the rule's sum of the slopes (m + 1)z^m at
    the points x' + t_l d: the slope is what differentiation gives."""
    z = reals("z")
    return [("the slope of z^(m+1)", chain_rule(z ** (m + 1), z, (m + 1) * z**m))]


@proves(
    "SECANT.completeness",
    sources=("this project, section 4",),
    general="One cell of a layered network with two inputs, two units and one output; chains of any length by "
    "induction. General graphs follow node by node.",
)
def secant() -> list[Part]:
    """Replace each activation's derivative by its divided difference r between the ends of the cell, r Δu = Δσ(u). Then the
    multipliers that back-propagation collects satisfy m·Δx = ΔF on the cell, since every node passes differences on
    exactly; over the cells the differences telescope."""
    sigma = field("sigma")
    weights = [reals(f"w_{i}{k}") for i in (1, 2) for k in (1, 2)]
    outs = reals("v_1 v_2")
    rs = reals("r_1 r_2")
    steps = reals("p_1 p_2")
    du = [weights[0] * steps[0] + weights[1] * steps[1], weights[2] * steps[0] + weights[3] * steps[1]]
    ds = reals("q_1 q_2")
    divided = [assume(eq(r * u, out)) for r, u, out in zip(rs, du, ds, strict=True)]
    m1 = outs[0] * rs[0] * weights[0] + outs[1] * rs[1] * weights[2]
    m2 = outs[0] * rs[0] * weights[1] + outs[1] * rs[1] * weights[3]
    goal = eq(m1 * steps[0] + m2 * steps[1], outs[0] * ds[0] + outs[1] * ds[1])
    cell_ = combine(goal, (outs[0], divided[0]), (outs[1], divided[1]))
    delta, mult, r, wt = field("D"), field("M"), field("r"), field("w")
    node_law = assume(everywhere(eq(delta(ell + 1), r(ell) * wt(ell) * delta(ell)), ell))
    mult_law = assume(everywhere(eq(mult(ell + 1), r(ell) * wt(ell) * mult(ell)), ell))
    unit = assume(eq(mult(0), ONE))
    base = combine(eq(mult(ZERO) * delta(0), delta(ZERO)), (delta(0), unit))
    hyp = assume(eq(mult(n) * delta(0), delta(n)))
    step = combine(eq(mult(n + 1) * delta(0), delta(n + 1)), (r(n) * wt(n), hyp), (delta(0), at(mult_law, n)),
                   (-ONE, at(node_law, n)))  # fmt: skip
    kept = algebra((sigma(b) - sigma(a)) / (b - a) * (b - a), sigma(b) - sigma(a), _apart())
    return [
        ("a divided difference times the step is the activation's difference", kept),
        ("one cell, two units: p the steps of the inputs, q those of the activations", conclude(goal, cell_)),
        ("a chain of n nodes: M the product of multipliers, D the differences", induction(n, base, step)),
        ("all cells", telescope(field("F"))),
    ]


def _apart() -> Theorem:
    return unequal(assume(lt(a, b)))


@proves("SECANT.exact_single_kink", sources=("this project, section 4",), uses=("SECANT.completeness",))
def single_kink() -> list[Part]:
    """If one unit alone changes sign in a cell, from a < 0 to b > 0, its divided difference b/(b - a) is the share of the cell
    on which its slope is 1, and all other slopes are constant: the multipliers are the cell's mean gradient. With two units
    in series that both change sign this fails: relu(relu(x_1) + x_2 - 1/2) from (-1, 0) to (1, 1/2) has mean gradient
    (2/5, 2/5), the secant rule gives (1/3, 2/3)."""
    neg, pos = assume(le(a, ZERO)), assume(le(ZERO, b))
    order = _apart()
    goal = eq((relu(b) - relu(a)) / (b - a), ONE - (-a / (b - a)))
    up, down = kink(b, pos), kink(a, neg)
    share = combine(goal, (1 / (b - a), up), (-1 / (b - a), down), order)
    start, end = -HALF, ONE
    outer = evaluate(eq((end - 0) / (end - start), sp.Rational(2, 3)))
    inner = evaluate(eq((ONE - 0) / (ONE + 1) * sp.Rational(2, 3), sp.Rational(1, 3)))
    tie = sp.Rational(3, 5)
    zero = evaluate(eq((2 * tie - 1) + tie / 2 - HALF, ZERO))
    mean = evaluate(eq(integral(ONE, t, tie, 1), sp.Rational(2, 5)))
    differ = evaluate(unlike(sp.Rational(2, 5), sp.Rational(1, 3)))
    every = (outer, inner, zero, mean, differ)
    return [
        ("the divided difference is the share of the cell beyond the zero", conclude(goal, share)),
        ("two units in series: multipliers 2/3 and 1/3; the output's zero is at 3/5, so its mean slope is 2/5",
         conclude(Every(tuple(th.statement for th in every)), *every)),
    ]  # fmt: skip


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
