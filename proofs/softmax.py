"""What does the softmax do to attributions, and what does it hide?"""

from __future__ import annotations

import sympy as sp

from proofs.common import ONE, ZERO, ell, eq, follows, le, n, s, t, unlike
from proofs.derivation import Part, proves
from proofs.kernel import (
    Theorem,
    absolute,
    algebra,
    assume,
    chain_rule,
    combine,
    conclude,
    field,
    integral,
    linearity,
    naturals,
    partial,
    reals,
    sum_linearity,
    times,
    total,
    within,
)
from proofs.kernel.terms import Expr

c = naturals("c")
shift = reals("r")
logit = field("z_", 2)
CLASSES = "There are n + 1 classes, for every natural n."


def norm(extra: Expr = ZERO) -> Expr:
    """Σ_j exp(z_j + extra) over n + 1 classes."""
    return total(sp.exp(logit(ell, s) + extra), ell, 1, n + 1)


@proves("SOFTMAX.shift", sources=("2306.13197",))
def shifted() -> list[Part]:
    """Adding one number to all logits leaves every probability as it is: e^t comes out of the sum and cancels."""
    out = sum_linearity(norm(shift), sp.exp(shift) * norm())
    goal = eq(sp.exp(logit(c, s) + shift) / norm(shift), sp.exp(logit(c, s)) / norm())
    proof = combine(goal, (-sp.exp(logit(c, s)) / (norm() * norm(shift)), out))
    return [("n + 1 classes", conclude(goal, proof))]


@proves("SOFTMAX.gradient", sources=("2306.13197",))
def gradient() -> list[Part]:
    """Along any direction, z' being the slopes of the logits, y_c' = y_c Σ_j y_j(z_c' - z_j') and (ln y_c)' is the same without
    the factor y_c; the term j = c is 0."""
    up = partial(logit, 2)
    prob = sp.exp(logit(c, s)) / norm()
    flow = total(sp.exp(logit(ell, s)) * up(ell, s), ell, 1, n + 1)
    raw = prob * (up(c, s) - flow / norm())
    first = chain_rule(prob, s, raw)
    differences = total(sp.exp(logit(ell, s)) * (up(c, s) - up(ell, s)), ell, 1, n + 1)
    split = sum_linearity(differences, up(c, s) * norm() - flow)
    goal = eq(first.statement.lhs, prob * differences / norm())
    proof = combine(goal, (ONE, first), (prob / norm(), _turn(split)))
    log_prob = logit(c, s) - sp.log(norm())
    second = chain_rule(log_prob, s, up(c, s) - flow / norm())
    log_goal = eq(second.statement.lhs, differences / norm())
    log_proof = combine(log_goal, (ONE, second), (1 / norm(), _turn(split)))
    return [("the probability", conclude(goal, proof)), ("its logarithm", conclude(log_goal, log_proof))]


def _turn(theorem: Theorem) -> Theorem:
    r = theorem.statement
    return combine(eq(r.rhs, r.lhs), (-ONE, theorem))


@proves(
    "SOFTMAX.saturation",
    sources=("2306.13197",),
    uses=("SOFTMAX.gradient",),
    general="Shown here for 2, 3 and 4 classes.",
)
def saturation() -> list[Part]:
    """If the slope of z_c is within M of all others, |y_c'| ≤ y_c(1 - y_c)M: a sure prediction has a small gradient."""
    return [_saturated(count) for count in (2, 3, 4)]


def saturation_bound(count: int) -> tuple[Expr, Expr]:
    """y_1' with probabilities y_1, …, and the bound y_1(1 - y_1)M."""
    y, dz = [reals(f"y_{k + 1}") for k in range(count)], [reals(f"p_{k + 1}") for k in range(count)]
    slope = y[0] * sum(yk * (dz[0] - dk) for yk, dk in zip(y[1:], dz[1:], strict=True))
    return slope, y[0] * (1 - y[0]) * reals("M")


def _saturated(count: int) -> Part:
    y, dz = [reals(f"y_{k + 1}") for k in range(count)], [reals(f"p_{k + 1}") for k in range(count)]
    most = reals("M")
    slope, bound = saturation_bound(count)
    one = assume(eq(sum(y), ONE))
    not_negative = [assume(le(ZERO, yk)) for yk in y]
    sides = []
    for sgn in (1, -1):
        facts = []
        for k in range(1, count):
            gap = dz[0] - dz[k]
            near = assume(le(sp.Abs(gap), most))
            room = follows(le(ZERO, most - sgn * gap), absolute(gap, sgn), near)
            facts.append(times(times(not_negative[0], not_negative[k]), room))
        sides.append(combine(le(sgn * slope, bound), *((ONE, fact) for fact in facts), (y[0] * most, one)))
    low = follows(le(-bound, slope), sides[1])
    return f"{count} classes, p the slopes of the logits", within(low, sides[0])


@proves(
    "SOFTMAX.attack",
    sources=("2307.03305",),
    uses=("SOFTMAX.shift", "PATH.linearity"),
    counterexample=True,
    against=("SOFTMAX.implementation",),
    general=CLASSES,
)
def attack() -> list[Part]:
    """Add to all logits the number t(z) = Σ_i v_i(z_i - x'_i)/d_i: no probability changes at any input, yet its slope in z_i is
    v_i/d_i, and pre-softmax IG moves by exactly v_i. Adding κ Σ_k A^k_00 adds κ to the gradient of one pixel of each channel
    and κ/(HW) to each of Grad-CAM's weights."""
    v, d, rest, x0, kappa, height, width, mean = reals("v d q x_0 kappa H W w")
    z = reals("z")
    apart = assume(unlike(d, ZERO))
    slope = chain_rule(v * (z - x0) / d + rest, z, v / d, apart)
    f = field("f")
    out = linearity(integral((f(t) + v / d) * d, t, 0, 1), integral(f(t) * d, t, 0, 1) + integral(v / d * d, t, 0, 1))
    amount = linearity(integral(v, t, 0, 1), v)
    goal = eq(integral((f(t) + v / d) * d, t, 0, 1), integral(f(t) * d, t, 0, 1) + v)
    moved = combine(goal, (ONE, out), (ONE, amount), apart)
    size = [assume(unlike(e, ZERO)) for e in (height, width)]
    weight = algebra((height * width * mean + kappa) / (height * width), mean + kappa / (height * width), *size)
    return [
        ("the slope of the shift in one coordinate; q is the rest of the sum", slope),
        ("the attribution of the coordinate before the softmax", conclude(goal, moved)),
        ("Grad-CAM's weight, w before", weight),
    ]


@proves(
    "SOFTMAX.implementation",
    sources=("2306.13197", "2307.03305"),
    uses=("SOFTMAX.shift", "PATH.implementation_invariance"),
)
def implementation() -> list[Part]:
    """Logits that differ by a shift r of all of them, r depending on the input, give the same probabilities, hence the same
    slopes y_c Σ y_j(z_c' - z_j') and the same post-softmax attributions; pre-softmax slopes differ by r'."""
    r = reals("r")
    dz, y = [reals(f"p_{k}") for k in (1, 2, 3)], [reals(f"y_{k}") for k in (1, 2, 3)]
    before = y[0] * sum(yk * (dz[0] - dk) for yk, dk in zip(y, dz, strict=True))
    new = [reals(f"q_{k}") for k in (1, 2, 3)]
    laws = [assume(eq(q, p + r)) for q, p in zip(new, dz, strict=True)]
    after = y[0] * sum(yk * (new[0] - qk) for yk, qk in zip(y, new, strict=True))
    same = combine(eq(after, before), (y[0] * (y[1] + y[2]), laws[0]), (-y[0] * y[1], laws[1]), (-y[0] * y[2], laws[2]))
    return [
        ("post-softmax slopes, three classes; q are the slopes of the shifted logits", same),
        ("pre-softmax slopes", follows(eq(new[0] - dz[0], r), laws[0])),
    ]
