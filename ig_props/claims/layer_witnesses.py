"""Which statements about layers need no code under test? Each is verified exactly, the limit in ball arithmetic."""

from __future__ import annotations

from ig_props.attributors.protocol import Kind
from ig_props.claims.claim import Claim, ClaimKind
from ig_props.claims.polynomial_paths import attributions, curve, integral

LAYERS = frozenset({Kind.LAYER_INTEGRAL, Kind.LAYER_IG})


def input_witness() -> str:
    """s(h) = h_0² h_1 with h = x on the segment from (0, 1) to (2, 3)."""
    path = (curve(0, 2), curve(1, 2))
    found = attributions((lambda a, b: 2 * a * b, lambda a, b: a**2), path)
    straight = [2 * integral(2 * path[0] * path[1]), 2 * integral(path[0] ** 2)]
    assert found == straight
    return f"x0²x1 from (0, 1) to (2, 3): the integral along the layer x is IG, ({found[0]}, {found[1]})"


def pace_witness() -> str:
    """h = (t, t²) at the pace t and at the pace 3t² - 2t³."""
    slow = curve(0, 0, 3, -2)
    partials = (lambda a, b: 2 * a * b, lambda a, b: a**2)
    plain = attributions(partials, (curve(0, 1), curve(0, 0, 1)))
    paced = attributions(partials, (slow, slow**2))
    assert plain == paced
    return f"h0²h1 along (t, t²), and along it at the pace 3t² - 2t³: ({plain[0]}, {plain[1]}) both times"


def rectified_witness() -> str:
    """S = h_0 - h_1 with h = (t, t): the gradient of h_1 is negative."""
    signed = [integral(curve(1)), integral(curve(-1))]
    rectified = [integral(curve(max(v, 0))) for v in (1, -1)]
    assert sum(signed) == 0
    assert sum(rectified) == 1
    assert all(r >= s for r, s in zip(rectified, signed, strict=True))
    return "S = h0 - h1 along h = (t, t): signed integrals (1, -1) add up to S(x) - S(x') = 0, rectified ones to 1"


def saturation_witness() -> str:
    """softmax(βz)_0 at z = (1, 0): β y (1 - y) against 2/β, and the sum along z = (t, 0)."""
    from flint import arb, ctx

    before, ctx.prec = ctx.prec, 100
    try:
        factors = []
        for beta in (1, 4, 16, 64):
            y = 1 / (1 + (arb(-beta)).exp())
            factor = beta * y * (1 - y)
            assert factor <= arb(2) / beta
            factors.append(float(factor.mid()))
        assert y - arb(1) / 2 > arb(49) / 100
    finally:
        ctx.prec = before
    return (
        f"softmax(βz)_0 at z = (1, 0) for β = 1, 4, 16, 64: the gradient is {', '.join(f'{v:.1e}' for v in factors)}, below "
        "2/β, while the layer integral from (0, 0) adds up to y - 1/2, which tends to 1/2"
    )


def _claim(id_: str, kind: ClaimKind, statement: str, witness: object, *premises: str) -> Claim:
    return Claim(id_, "layers", kind, statement, premises, "2205.10900; theory.md 5", LAYERS, witness=witness)  # type: ignore[arg-type]


CLAIMS = (
    _claim("RSI.input_layer", ClaimKind.THEOREM, "at the input layer the layer integral is the path attribution; on the "
           "segment, IG", input_witness),
    _claim("RSI.reparametrization", ClaimKind.THEOREM, "walking the path at another pace leaves layer attributions as they are",
           pace_witness),
    _claim("RSI.relu_breaks_completeness", ClaimKind.COUNTEREXAMPLE,
           "rectifying gradients before integrating breaks completeness; where h is nondecreasing along the path the "
           "rectified quantity is at least the unrectified one", rectified_witness),
    _claim("RSI.saturation", ClaimKind.THEOREM,
           "as β grows, the gradient of softmax(βz)_c at an input of class c tends to 0 while the layer integral still adds "
           "up to y_c(x) - y_c(x')", saturation_witness),
)  # fmt: skip
