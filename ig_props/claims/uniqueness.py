"""Which paths treat symmetric coordinates alike? Statements about paths, each with an exact witness."""

from __future__ import annotations

from fractions import Fraction

from ig_props.attributors.protocol import Kind
from ig_props.claims.claim import Claim, ClaimKind
from ig_props.claims.witnesses.polynomials import Gradient, along_polygon, attributions, curve, integral

IG = frozenset({Kind.IG})
HALF, QUARTER = Fraction(1, 2), Fraction(1, 4)
CORNERS = [
    (Fraction(a, 4), Fraction(b, 4))
    for a, b in ((0, 0), (2, 2), (2, 3), (1, 3), (1, 2), (2, 2), (3, 2), (3, 1), (2, 1), (2, 2), (4, 4))
]
"""The diagonal with two detours that mirror each other."""
PRODUCT: Gradient = (lambda a, b: b, lambda a, b: a)
"""The gradient of x_0 x_1."""


def canonicity_witness() -> str:
    """The straight path between points that tie, another between (0, 0) and (1, 2), which do not."""
    straight = attributions(PRODUCT, (curve(0, 1), curve(0, 2)))
    other = attributions(PRODUCT, (curve(0, 1), curve(0, 0, 2)))
    tied = attributions(PRODUCT, (curve(1, 2), curve(1, 2)))
    assert straight == [1, 1]
    assert other == [Fraction(2, 3), Fraction(4, 3)]
    assert tied[0] == tied[1]
    return (
        "the straight path where x_0 = x_1 and x'_0 = x'_1, (t, 2t²) from (0, 0) to (1, 2): x0*x1 gets (2/3, 4/3) there, IG "
        "gives (1, 1), and no pair of points at which symmetry asks for something is treated otherwise than by IG"
    )


def _ramp(low: Fraction, high: Fraction, leg: tuple[Fraction, Fraction]) -> list[tuple[Fraction, Fraction, int]]:
    """Pieces of [0, 1] on which a linear coordinate is below (0), on (1) or above (2) a rising ramp."""
    start, end = leg
    cuts = sorted({Fraction(0), Fraction(1), *((e - start) / (end - start) for e in (low, high) if start < e < end)})
    middle = [start + (end - start) * (a + b) / 2 for a, b in zip(cuts[:-1], cuts[1:], strict=True)]
    return [
        (a, b, 0 if m <= low else 1 if m < high else 2) for a, b, m in zip(cuts[:-1], cuts[1:], middle, strict=True)
    ]


def monotone_witness() -> str:
    """(0, 0) → (1/5, 3/5) → (1, 1) and the ramp 3u² - 2u³ from 1/4 to 1/2, piece by piece."""
    low, high = Fraction(1, 4), Fraction(1, 2)
    totals = [Fraction(0), Fraction(0)]
    corners = [(Fraction(0), Fraction(0)), (Fraction(1, 5), Fraction(3, 5)), (Fraction(1), Fraction(1))]
    for start, end in zip(corners[:-1], corners[1:], strict=True):
        legs = [(start[i], end[i]) for i in (0, 1)]
        place = [curve(a, b - a) for a, b in legs]
        cuts = sorted({c for leg in legs for a, b, _ in _ramp(low, high, leg) for c in (a, b)})
        for a, b in zip(cuts[:-1], cuts[1:], strict=True):
            value = []
            for leg, g in zip(legs, place, strict=True):
                (state,) = (s for c, d, s in _ramp(low, high, leg) if c <= a and b <= d)
                u = (g - curve(low)) * curve(1 / (high - low))
                value.append(3 * u**2 - 2 * u**3 if state == 1 else curve(state // 2))
            for i in (0, 1):
                totals[i] += integral(value[i].derivative() * value[1 - i], a, b)
    assert totals == [1, 0]
    return (
        "along (0, 0) -> (1/5, 3/5) -> (1, 1) the symmetric score p(x0) p(x1), p a C¹ ramp from 1/4 to 1/2, is attributed "
        "to x0 alone: (1, 0); every monotone path off the diagonal has such a ramp"
    )


def neuron_witness() -> str:
    """softplus(6 (x_0 + x_1 - 3/4)) along (t², t), by certified integration."""
    from flint import acb, arb, ctx

    before, ctx.prec = ctx.prec, 80
    try:

        def density(t: acb, _: bool) -> acb:
            u = 6 * (t * t + t - acb(arb(3) / 4))
            return (2 * t - 1) * 6 / (1 + (-u).exp())

        gap = acb.integral(density, 0, 1).real
        assert not gap.contains(0)
        bound = 2 * arb(2).log() / 6
        assert bound < arb(1) / 4
        found = float(gap.mid())
    finally:
        ctx.prec = before
    return (
        f"softplus(6 (x0 + x1 - 3/4)) along (t², t): the attributions differ by {found:.4f}, as they must, because "
        "|v(1/2)| = 1/4 is more than 2 ln 2 / 6"
    )


def winding_witness() -> str:
    """A_0 - A_1 against -2∬w ∂_01F, and zero where the winding numbers cancel."""
    scores: tuple[tuple[str, Gradient, Fraction], ...] = (
        ("x0*x1", PRODUCT, Fraction(1)),
        ("x0²x1²", (lambda a, b: 2 * a * b**2, lambda a, b: 2 * a**2 * b), Fraction(4)),
        ("x0³ + x1³", (lambda a, b: 3 * a**2, lambda a, b: 3 * b**2), Fraction(0)),
    )
    for name, gradient, factor in scores:
        x, y = ((QUARTER, HALF), (HALF, 3 * QUARTER))
        degree = 1 if name == "x0²x1²" else 0
        area = factor
        for low, high in (x, y):
            area *= integral(curve(*[0] * degree, 1), low, high)
        detour = along_polygon(gradient, CORNERS[1:6])
        assert detour[0] - detour[1] == -2 * area, name
        whole = along_polygon(gradient, CORNERS)
        assert whole[0] == whole[1], name
    return (
        "x0*x1, x0²x1² and x0³ + x1³ along a detour around [1/4, 1/2] × [1/2, 3/4]: A_0 - A_1 = -2∬∂_01F exactly; with the "
        "mirrored detour the winding numbers cancel and all three get equal attributions"
    )


def monotonicity_witness() -> str:
    """The polygon with antisymmetric winding, on a score that is not symmetric."""
    gradient: Gradient = (lambda a, b: 2 * a * b, lambda a, b: a**2)
    found = along_polygon(gradient, CORNERS)
    straight = along_polygon(gradient, [CORNERS[0], CORNERS[-1]])
    assert found == [Fraction(67, 96), Fraction(29, 96)]
    assert straight == [Fraction(2, 3), Fraction(1, 3)]
    return (
        "x0²x1 along (0,0) -> (1/2,1/2) -> (1/2,3/4) -> (1/4,3/4) -> (1/4,1/2) -> (1/2,1/2) -> (3/4,1/2) -> (3/4,1/4) -> "
        "(1/2,1/4) -> (1/2,1/2) -> (1,1) gets (67/96, 29/96), IG gives (2/3, 1/3); symmetric scores get equal attributions"
    )


def parabola_witness() -> str:
    found = attributions(PRODUCT, (curve(0, 1), curve(0, 0, 1)))
    assert found == [Fraction(1, 3), Fraction(2, 3)]
    return "x0*x1 along (t, t²) gets (1/3, 2/3): the sum is right, the symmetry is not"


def _claim(
    id_: str, kind: ClaimKind, statement: str, witness: object, *premises: str, source: str = "theory.md 3"
) -> Claim:
    return Claim(id_, "uniqueness", kind, statement, premises, source, IG, witness=witness)  # type: ignore[arg-type]


CLAIMS = (
    _claim(
        "UNIQ.not_without_canonicity", ClaimKind.COUNTEREXAMPLE,
        "IG is not the only path method that preserves symmetry: a method may use other paths where no coordinates tie",
        canonicity_witness, source="corrects 1703.01365 Theorem 1",
    ),
    _claim(
        "UNIQ.monotone_canonical", ClaimKind.THEOREM,
        "a canonical monotone path method that preserves symmetry for C¹ scores is IG", monotone_witness,
        "one path c serves all pairs of points: g_i = x'_i + d_i c_i", "every c_i is nondecreasing",
        "symmetry is preserved for every C¹ score", source="1703.01365 Theorem 1, with its premises",
    ),
    _claim(
        "UNIQ.single_neuron", ClaimKind.THEOREM,
        "a monotone C¹ path that treats x_i and x_j alike in softplus(k(x_i + x_j - c)) for all k and c has c_i = c_j",
        neuron_witness, "the path is C¹ and nondecreasing", "equality holds for every k > 0 and every c",
    ),
    _claim(
        "UNIQ.winding", ClaimKind.THEOREM,
        "A_1 - A_2 = -2∬w ∂_12F, w the winding number of the path closed by the diagonal: symmetry is preserved for all "
        "symmetric C² scores exactly if w(p, q) + w(q, p) = 0 almost everywhere",
        winding_witness, "two coordinates, a canonical path of bounded variation", "F is C² and symmetric",
    ),
    _claim(
        "UNIQ.not_without_monotonicity", ClaimKind.COUNTEREXAMPLE,
        "a canonical path that is not monotone can preserve symmetry and not be IG", monotonicity_witness,
    ),
    _claim(
        "UNIQ.t_squared", ClaimKind.COUNTEREXAMPLE, "the path (t, t²) is complete and not symmetric", parabola_witness
    ),
)  # fmt: skip
