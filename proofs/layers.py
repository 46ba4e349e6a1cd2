"""What do integrals along a layer's own values give?"""

from __future__ import annotations

import sympy as sp

from proofs.axioms import walked
from proofs.common import (
    HALF,
    ONE,
    ZERO,
    at,
    eq,
    everywhere,
    follows,
    le,
    lt,
    nothing,
    relu_above,
    s,
    t,
    unlike,
    written,
)
from proofs.completeness import COQ, smooth_part
from proofs.derivation import Part, proves
from proofs.kernel import (
    Every,
    Theorem,
    algebra,
    assume,
    combine,
    conclude,
    discharge,
    evaluate,
    field,
    fundamental,
    integral,
    integrate,
    linearity,
    reals,
    reciprocal,
    relu,
    rises,
    sign,
    times,
)
from proofs.kernel.terms import Expr

f, h, bypass, head = field("f"), field("h"), field("b"), field("S")
d = reals("d")


@proves("RSI.completeness", sources=("2205.10900",), uses=("PATH.completeness",), general=COQ)
def completeness() -> list[Part]:
    """At a cut the score is s(h) of the layer's values h alone. The chain rule through the layer is that of a path h_1(t), …
    in the layer's space, so the layer's attributions add up to S(x) - S(x')."""
    return [smooth_part(size, "S", "h") for size in (1, 2, 3, 4)]


@proves("RSI.skip_deficit", sources=("this project, section 5",), counterexample=True, against=("RSI.completeness",))
def skip_deficit() -> list[Part]:
    """Off a cut, with a bypass b beside the layer, the layer's attributions add up to what flows through the layer; what the
    bypass carries is missing. For relu(x_1 + x_2) + x_1 - x_2 from (0, 0) to (2, 1) the layer gets 3 of 4."""
    through = sp.diff(head(h(t)), t)
    score = field("T")
    law = assume(everywhere(eq(score(t), head(h(t)) + bypass(t)), t))
    flow = fundamental(through, head(h(t)), t, ZERO, ONE)
    goal = eq(integral(through, t, 0, 1), (score(1) - score(0)) - (bypass(1) - bypass(0)))
    deficit = follows(goal, flow, (-ONE, at(law, ONE)), at(law, ZERO))
    three = evaluate(eq(integral(ONE * 3, t, 0, 1), sp.Integer(3)))
    four = evaluate(eq(relu(sp.Integer(3)) + 2 - 1, sp.Integer(4)))
    both = Every((three.statement, four.statement))
    return [
        ("the deficit is what the bypass carries; T is the whole score along the path", conclude(goal, deficit)),
        ("the layer's integral, and the difference of the score", conclude(both, three, four)),
    ]


@proves("RSI.input_layer", sources=("2205.10900",), uses=("RSI.completeness",))
def input_layer() -> list[Part]:
    """If the layer is the input itself, h_k is the path's coordinate, and on the segment its slope is d: the layer integral is
    Integrated Gradients."""
    a = reals("a")
    straight = a + t * d
    goal = eq(integral(f(t) * sp.diff(straight, t), t, 0, 1), d * integral(f(t), t, 0, 1))
    return [("f is the slope of F along the segment a + t d", conclude(goal, linearity(goal.lhs, goal.rhs)))]


@proves("RSI.reparametrization", sources=("2205.10900",), uses=("PATH.reparametrization",))
def reparametrization() -> list[Part]:
    """Walking the path at another pace leaves the layer's attributions as they are: g is the layer's value along the path
    here, f the slope of the score in it."""
    proof, goal = walked()
    return [("ρ runs from 0 to 1", conclude(goal, proof))]


@proves(
    "RSI.path_space",
    sources=("this project, section 5",),
    counterexample=True,
    against=("RSI.input_layer",),
    uses=("RSI.completeness",),
)
def path_space() -> list[Part]:
    """Two methods walk through one layer: along the layer's own values, or straight from h(x') to h(x). Where h is affine along
    the path they are the same. For relu(h_1 + h_2 - 1) with h_1 = relu(x), h_2 = relu(x - 1) from x = 0 to 2 they give (1, 1)
    and (4/3, 2/3), both with the sum 2."""
    affine = assume(eq(sp.diff(h(t), t), d))
    flow = combine(eq(f(t) * sp.diff(h(t), t), f(t) * d), (f(t), affine))
    third = sp.Rational(1, 3)
    found = [
        evaluate(eq(integral(ONE, s, 1, 2), ONE)),
        evaluate(eq(relu(sp.Integer(1)) - relu(ZERO), ONE)),
        evaluate(eq(2 * integral(ONE, s, third, 1), 4 * third)),
        evaluate(eq(1 * integral(ONE, s, third, 1), 2 * third)),
        evaluate(eq(written("1 + 1"), written("4/3 + 2/3"))),
        evaluate(unlike(ONE, 4 * third)),
    ]
    return [
        ("h affine along the path, with the slope d", integrate(flow, t, ZERO, ONE)),
        ("h_1 and h_2 along their own path, then on the straight one, whose head is active from 1/3 on; sums",
         conclude(Every(tuple(th.statement for th in found)), *found)),
    ]  # fmt: skip


@proves(
    "RSI.relu_breaks_completeness",
    sources=("2205.10900",),
    counterexample=True,
    against=("RSI.completeness",),
    published="The authors' PyTorch notebooks rectify every gradient before they integrate; completeness is lost by that.",
)
def relu_breaks() -> list[Part]:
    """Rectifying gradients before integrating gives at least the signed quantity where h is nondecreasing along the path, and
    something else in general: for S = -h and h from 0 to 1 it is 0 where S(x) - S(x') = -1."""
    rise = sp.diff(h(t), t)
    room = follows(le(ZERO, relu(f(t)) - f(t)), relu_above(f(t)))
    flow = follows(le(f(t) * rise, relu(f(t)) * rise), times(room, rises(rise)))
    zero = evaluate(eq(integral(relu(-ONE), t, 0, 1), ZERO))
    signed = evaluate(eq(integral(-ONE, t, 0, 1), -ONE))
    both = Every((zero.statement, signed.statement))
    return [
        ("f is the slope of the score in h", integrate(flow, t, ZERO, ONE)),
        ("S = -h: the rectified and the signed integral", conclude(both, zero, signed)),
    ]


def exponential_above(u: Expr) -> Theorem:
    """⊢ 1 + u + u²/2 ≤ e^u for 0 ≤ u assumed, by integrating 0 ≤ e^r twice more."""
    r, q = reals("r q")
    here = assume(le(ZERO, u))
    inner = assume(le(ZERO, r))
    grown = fundamental(sp.exp(q), sp.exp(q), q, ZERO, r)
    first = integrate(sign(sp.exp(q), False), q, ZERO, r, inner)
    one = follows(le(ONE, sp.exp(r)), first, grown, (-ONE, nothing(q, ZERO, r)))
    outer = assume(le(ZERO, s))
    second = integrate(one, r, ZERO, s, outer)
    line = fundamental(ONE, r, r, ZERO, s)
    up = fundamental(sp.exp(r), sp.exp(r), r, ZERO, s)
    two = follows(le(1 + s, sp.exp(s)), second, (-ONE, line), up)
    third = integrate(two, s, ZERO, u, here)
    curve = fundamental(1 + s, s + s**2 / 2, s, ZERO, u)
    top = fundamental(sp.exp(s), sp.exp(s), s, ZERO, u)
    return follows(le(1 + u + u**2 / 2, sp.exp(u)), third, (-ONE, curve), top)


@proves(
    "RSI.saturation",
    sources=("2205.10900", "2306.13197"),
    uses=("SOFTMAX.saturation", "RSI.completeness"),
    general="Two classes; with more, 1 - y_c is at most the sum of such terms.",
)
def saturation() -> list[Part]:
    """S = softmax(βz)_c with the margin m = z_c - z_j > 0 at the input: 1 - y_c ≤ e^(-βm), so the gradient's factor βy_c(1 - y_c)
    is at most β e^(-βm) ≤ 2/(β m²) and tends to 0 as β grows; so do the weights of Grad-CAM. The layer integral still adds up to
    y_c(x) - y_c(x')."""
    beta, margin, u = reals("beta m u")
    prob = 1 / (1 + sp.exp(-beta * margin))
    rest = algebra(1 - prob, sp.exp(-beta * margin) / (1 + sp.exp(-beta * margin)))
    other = sign(sp.exp(-beta * margin) ** 2 / (1 + sp.exp(-beta * margin)), False)
    below = follows(le(1 - prob, sp.exp(-beta * margin)), other, (-ONE, rest))
    curve = exponential_above(u)
    positive = assume(lt(ZERO, u))
    weak = follows(le(ZERO, u), positive)
    plain = follows(le(u**2 / 2, sp.exp(u)), discharge(curve, weak), weak, sign(ONE, False))
    inverse = times(times(reciprocal(positive), reciprocal(positive)), sign(sp.exp(-u), True))
    goal = le(sp.exp(-u), 2 / u**2)
    small = combine(goal, (_double(inverse, positive), plain), positive)
    return [
        ("what is left to the other class", below),
        ("u = βm: e^(-u) ≤ 2/u², so β e^(-βm) ≤ 2/(β m²)", conclude(goal, small)),
    ]


def _double(inverse: Theorem, positive: Theorem) -> Theorem:
    r = inverse.statement
    return combine(lt(ZERO, 2 * r.rhs), (sp.Integer(2), inverse), positive)


@proves(
    "RSI.grad_cam_definition",
    sources=("2205.10900",),
    uses=("RSI.completeness", "RS.trapezoid_central"),
    general="Two channels of two pixels, which stand for any number.",
    published="Rectifying every gradient before integrating, after integrating, or not at all are three methods with three "
    "names here; only the last is complete.",
)
def definition() -> list[Part]:
    """The weight of a channel is the mean over its pixels of the layer integral; so, unrectified, HW times the sum of the weights
    is the sum of all layer attributions, which at a cut is the difference of the score."""
    values = [[reals(f"r_{k}{p}") for p in (1, 2)] for k in (1, 2)]
    weights = reals("w_1 w_2")
    start, end = reals("y_0 y_1")
    means = [assume(eq(w, HALF * sum(row))) for w, row in zip(weights, values, strict=True)]
    complete = assume(eq(sum(v for row in values for v in row), end - start))
    goal = eq(2 * sum(weights), end - start)
    proof = combine(goal, (sp.Integer(2), means[0]), (sp.Integer(2), means[1]), (ONE, complete))
    return [
        ("r are the layer attributions, w their means over two pixels, y the score at both ends", conclude(goal, proof))
    ]
