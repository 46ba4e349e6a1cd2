"""How do the weights and maps of Grad-CAM and Grad-CAM++ relate?"""

from __future__ import annotations

import sympy as sp

from proofs.common import ONE, ZERO, eq, follows, le, lt, relu_nonnegative, written
from proofs.derivation import Part, proves
from proofs.kernel import (
    Every,
    Theorem,
    absolute,
    algebra,
    assume,
    case_split,
    combine,
    conclude,
    evaluate,
    kink,
    reals,
    reciprocal,
    relu,
    times,
)
from proofs.kernel.terms import Rel

g, S, eps, u, c = reals("g S epsilon u c")


@proves("CAM.definition", sources=("1610.02391", "1710.11063"))
def definition() -> list[Part]:
    """The map is relu(Σ_k w_k A^k), which is not negative; the kinds differ in their weights alone."""
    return [("u is the combination Σ w A at a pixel", relu_nonnegative(u))]


@proves(
    "CAM.grad_cam_linear_head",
    sources=("1610.02391",),
    general="Three channels of two pixels, which stand for any number.",
)
def linear_head() -> list[Part]:
    """Behind global average pooling and a linear head with weights v the gradient at every pixel of channel k is v_k/(HW), and so
    is its mean. So Grad-CAM's map is that of CAM, relu(Σ v_k A^k), times 1/(HW) > 0, which passes through relu."""
    v, act = [reals(f"v_{k}") for k in (1, 2, 3)], [reals(f"A_{k}") for k in (1, 2, 3)]
    size = reals("P")
    some = assume(lt(ZERO, size))
    slopes = [[reals(f"g_{k}{p}") for p in (1, 2)] for k in (1, 2, 3)]
    laws = [[assume(eq(gkp, vk / size)) for gkp in row] for row, vk in zip(slopes, v, strict=True)]
    mean = eq(sum((row[0] + row[1]) / 2 * ak for row, ak in zip(slopes, act, strict=True)),
              sum(vk * ak for vk, ak in zip(v, act, strict=True)) / size)  # fmt: skip
    weights = combine(mean, *((ak / 2, law) for ak, row in zip(act, laws, strict=True) for law in row), some)
    factor = assume(lt(ZERO, c))
    weak = follows(le(ZERO, c), factor)
    right, left = assume(le(ZERO, u)), assume(le(u, ZERO))
    goal = eq(relu(c * u), c * relu(u))
    scaled_right = times(weak, right)
    above = follows(goal, kink(c * u, scaled_right), (-c, kink(u, right)))
    low = follows(le(ZERO, c * -u), times(weak, follows(le(ZERO, -u), left)))
    below = follows(goal, kink(c * u, follows(le(c * u, ZERO), low)), (-c, kink(u, left)))
    return [
        ("weights are means of constant gradients, P the number of pixels", weights),
        ("relu passes a positive factor on", case_split(u, above, below)),
    ]


@proves(
    "CAM.plus_plus_alpha",
    sources=("1710.11063",),
    published="1710.11063 leaves open what the weight is where g = 0; here it is 0 there.",
)
def alpha() -> list[Part]:
    """Where the gradient g is not 0, the weight of Grad-CAM++ is 1/(2 + g ΣA), S being ΣA over the whole map."""
    slope, pole = assume(Rel("≠", g, ZERO)), assume(Rel("≠", 2 + g * S, ZERO))
    goal = eq(g**2 / (2 * g**2 + S * g**3), 1 / (2 + g * S))
    return [("away from the pole", conclude(goal, algebra(goal.lhs, goal.rhs, slope, pole)))]


def small() -> tuple[Theorem, Theorem, Theorem, Theorem]:
    """⊢ 0 < 2 + gS, 0 < 2 - ε, and -ε ≤ gS ≤ ε, from |gS| ≤ ε < 2."""
    bound, below = assume(le(sp.Abs(g * S), eps)), assume(lt(eps, sp.Integer(2)))
    high = follows(le(g * S, eps), absolute(g * S, 1), bound)
    low = follows(le(-eps, g * S), absolute(g * S, -1), bound)
    return follows(lt(ZERO, 2 + g * S), low, below), follows(lt(ZERO, 2 - eps), below), low, high


def wide() -> Theorem:
    """⊢ 0 < 2 + ε."""
    size = follows(le(ZERO, eps), absolute(g * S, 0), assume(le(sp.Abs(g * S), eps)))
    return combine(lt(ZERO, 2 + eps), (ONE, size), (ONE, evaluate(lt(ZERO, sp.Integer(2)))))


def lower_bound() -> Rel:
    return le(g / (2 + eps), g / (2 + g * S))


def upper_bound() -> Rel:
    return le(g / (2 + g * S), g / (2 - eps))


@proves(
    "CAM.plus_plus_bound",
    sources=("2205.10838",),
    uses=("CAM.plus_plus_alpha",),
    general="One pixel and one channel; sums with A ≥ 0 keep the inequalities, and so does relu of what is not negative.",
    published="2205.10838 calls both methods practically equivalent; this is what that means.",
)
def bound() -> list[Part]:
    """Let |g ΣA| ≤ ε < 2 throughout. For a positive gradient the weight α g lies between g/(2 + ε) and g/(2 - ε); with A ≥ 0 so
    do the maps. Two maps with L⁺/(2 + ε) ≤ L⁺⁺ ≤ L⁺/(2 - ε) differ, divided by their maxima, by at most 2ε/(2 - ε)."""
    mid, low_end, low, high = small()
    top = wide()
    rising = assume(le(ZERO, g))
    inverse_mid, inverse_top, inverse_low = reciprocal(mid), reciprocal(top), reciprocal(low_end)
    below = combine(lower_bound(), (_product(rising, inverse_mid, inverse_top), high), mid, top)
    above = combine(upper_bound(), (_product(rising, inverse_mid, inverse_low), low), mid, low_end)
    plus, more, top_plus, top_more = reals("L_p L_q M_p M_q")
    positive_m = assume(lt(ZERO, top_plus))
    upper_map, lower_map = assume(le(more * (2 - eps), plus)), assume(le(plus, more * (2 + eps)))
    upper_top, lower_top = assume(le(top_more * (2 - eps), top_plus)), assume(le(top_plus, top_more * (2 + eps)))
    inside, start = assume(le(plus, top_plus)), assume(le(ZERO, plus))
    positive_q = assume(lt(ZERO, top_more))
    eps_low = follows(le(ZERO, eps), absolute(g * S, 0), assume(le(sp.Abs(g * S), eps)))
    # v/M ≤ (2 + ε)/(2 - ε) · u/M, multiplied out
    room = follows(le(ZERO, plus - more * (2 - eps)), upper_map)
    first = times(room, _weak(positive_m))
    second = times(start, follows(le(ZERO, top_more * (2 + eps) - top_plus), lower_top))
    third = times(times(_weak(positive_q), eps_low), follows(le(ZERO, top_plus - plus), inside))
    ahead = combine(le(ZERO, 2 * eps * top_plus * top_more - (2 - eps) * (more * top_plus - plus * top_more)),
                    (ONE, first), (ONE, second), (sp.Integer(2), third))  # fmt: skip
    room2 = follows(le(ZERO, more * (2 + eps) - plus), lower_map)
    fourth = times(room2, _weak(positive_m))
    fifth = times(start, follows(le(ZERO, top_plus - top_more * (2 - eps)), upper_top))
    behind = combine(le(ZERO, 2 * eps * top_plus * top_more - (2 + eps) * (plus * top_more - more * top_plus)),
                     (ONE, fourth), (ONE, fifth), (sp.Integer(2), third))  # fmt: skip
    tops = times(reciprocal(positive_m), reciprocal(positive_q))
    ratio = more / top_more - plus / top_plus
    above_all = combine(
        le(ratio, 2 * eps / (2 - eps)), (times(tops, reciprocal(low_end)), ahead), positive_m, positive_q, low_end
    )
    below_all = combine(
        le(-ratio, 2 * eps / (2 + eps)), (times(tops, reciprocal(top)), behind), positive_m, positive_q, top
    )
    return [
        ("the weight from below", below),
        ("the weight from above", above),
        ("normalised maps: p is L⁺, q is L⁺⁺, M their maxima", above_all),
        ("the same in the other direction, where the bound is smaller", below_all),
    ]


def _weak(strict: Theorem) -> Theorem:
    r = strict.statement
    return follows(le(r.lhs, r.rhs), strict)


def _product(rising: Theorem, p: Theorem, q: Theorem) -> Theorem:
    return times(rising, times(p, q))


@proves(
    "CAM.plus_plus_pole", sources=("2205.10838",), counterexample=True, against=("CAM.plus_plus_bound",), figure="pole"
)
def pole() -> list[Part]:
    """Near g ΣA = -2 the weight of Grad-CAM++ is beyond every bound and changes its sign: with g = 1 and ΣA = -2 + δ it is 1/δ.
    Grad-CAM's weight is 1 all the time."""
    delta = reals("delta")
    off = assume(lt(ZERO, delta))
    near = assume(eq(S, -2 + delta))
    room = combine(lt(ZERO, 2 + S), (ONE, off), (-ONE, near))
    weight = combine(eq(1 / (2 + S), 1 / delta), (-1 / (delta * (2 + S)), near), off, room)
    values = []
    for amount, value in (("19/10", 10), ("199/100", 100), ("201/100", -100)):
        values.append(evaluate(eq(written(f"1/(2 + 1*(-{amount}))"), sp.Integer(value))))
    return [("the weight at distance δ", weight),
            ("three values", conclude(Every(tuple(v.statement for v in values)), *values))]  # fmt: skip
