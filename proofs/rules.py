"""What error can a rule make, and which rules are exact?"""

from __future__ import annotations

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
    written,
)
from proofs.derivation import Part, proves
from proofs.kernel import (
    Every,
    Theorem,
    absolute,
    algebra,
    assume,
    chain_rule,
    combine,
    conclude,
    evaluate,
    field,
    fundamental,
    induction,
    integral,
    integrate,
    kink,
    linearity,
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

f, w, W = field("f"), field("w"), field("W")
a, b, c, d = reals("a b c d")


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
    ends = algebra(ell / (m + 1) - (HALF / (m + 1) + (ell - 1) / (m + 1)), 1 / (2 * (m + 1)))
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
    secant_slope = reals("r")
    divided_once = assume(eq(secant_slope, (sigma(b) - sigma(a)) / (b - a)))
    kept = combine(eq(secant_slope * (b - a), sigma(b) - sigma(a)), (b - a, divided_once), _apart())
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
    outer = evaluate(eq(written("1/(1 + 1/2)"), sp.Rational(2, 3)))
    inner = evaluate(eq(written("1/(1 + 1)*(2/3)"), sp.Rational(1, 3)))
    tie = sp.Rational(3, 5)
    zero = evaluate(eq(written("2*(3/5) + (3/5)/2 + (-1) + (-1/2)"), ZERO))
    mean = evaluate(eq(integral(ONE, t, tie, 1), sp.Rational(2, 5)))
    differ = evaluate(unlike(sp.Rational(2, 5), sp.Rational(1, 3)))
    every = (outer, inner, zero, mean, differ)
    return [
        ("the divided difference is the share of the cell beyond the zero", conclude(goal, share)),
        ("two units in series: multipliers 2/3 and 1/3; the output's zero is at 3/5, so its mean slope is 2/5",
         conclude(Every(tuple(th.statement for th in every)), *every)),
    ]  # fmt: skip
