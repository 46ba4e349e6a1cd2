"""What does a baseline with uniform probabilities give, and what does the search for one promise?"""

from __future__ import annotations

from proofs.common import ONE, ZERO, at, ell, eq, everywhere, follows, le, n, nothing, relu_nonnegative, t, unlike
from proofs.derivation import Part, proves
from proofs.kernel import (
    assume,
    case_split,
    combine,
    conclude,
    derive,
    field,
    induction,
    integral,
    integrate,
    kink,
    linearity,
    partial,
    reals,
    relu,
)


@proves(
    "BASE.uniform",
    sources=("2204.06120",),
    uses=("PATH.completeness", "SOFTMAX.gradient"),
    general="Two to four classes for the sum over classes, one coordinate at a time.",
)
def uniform() -> list[Part]:
    """With probabilities 1/C at the baseline, the attributions of class c add up to y_c(x) - 1/C, by completeness. As the
    probabilities add up to 1 at every point, their slopes add up to 0, and so do the attributions over the classes."""
    amount, classes, end, start = reals("a C y_1 y_0")
    complete = assume(eq(amount, end - start))
    flat = assume(eq(start, 1 / classes))
    some = assume(unlike(classes, ZERO))
    goal = eq(amount, end - 1 / classes)
    parts: list[Part] = [
        (
            "a is the sum of the attributions of a class",
            conclude(goal, combine(goal, (ONE, complete), (-ONE, flat), some)),
        )
    ]
    for count in (2, 3, 4):
        ys = [field(f"y_{k + 1}") for k in range(count)]
        one = at(assume(everywhere(eq(sum(y(t) for y in ys), ONE), t)), t)
        slopes = integrate(derive(one, t), t, ZERO, ONE)
        sums = eq(sum(integral(partial(y, 1)(t), t, 0, 1) for y in ys), ZERO)
        split = linearity(slopes.statement.lhs, sums.lhs)
        parts.append((f"{count} classes: y_c' is what a coordinate adds to class c along the path",
                      conclude(sums, follows(sums, slopes, (-ONE, split), nothing(t, ZERO, ONE)))))  # fmt: skip
    return parts


@proves("BASE.search", sources=("2204.06120",))
def search() -> list[Part]:
    """A search that keeps the best point so far never returns a worse objective than the start's; one that clips to the box
    [l, u] stays in it, clip being l + relu(b - l) - relu(b - u)."""
    best = field("m")
    kept = assume(everywhere(le(best(ell + 1), best(ell)), ell))
    base = combine(le(best(ZERO), best(0)))
    hyp = assume(le(best(n), best(0)))
    step = follows(le(best(n + 1), best(0)), at(kept, n), hyp)
    low, high, b = reals("l u b")
    order = assume(le(low, high))
    clipped = low + relu(b - low) - relu(b - high)
    right, left = assume(le(ZERO, b - high)), assume(le(b - high, ZERO))
    inside = follows(le(ZERO, b - low), right, order)
    up, down = le(clipped, high), le(low, clipped)
    beyond = follows(up, kink(b - low, inside), (-ONE, kink(b - high, right)))
    beyond_low = follows(down, (-ONE, kink(b - low, inside)), kink(b - high, right), order)
    within_low = follows(down, relu_nonnegative(b - low), kink(b - high, left))
    near, far = assume(le(ZERO, b - low)), assume(le(b - low, ZERO))
    mid = follows(up, kink(b - low, near), (-ONE, kink(b - high, left)), left)
    under = follows(up, kink(b - low, far), (-ONE, kink(b - high, left)), order)
    upper = case_split(b - high, beyond, case_split(b - low, mid, under))
    lower = case_split(b - high, beyond_low, within_low)
    return [
        ("the best objective so far, m", induction(n, base, step)),
        ("not above the box", upper),
        ("not below it", lower),
    ]
