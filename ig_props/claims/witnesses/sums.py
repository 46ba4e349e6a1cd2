"""Which statements about sums and secants need no code under test? Each is verified in rational arithmetic."""

from __future__ import annotations

import random
from collections.abc import Callable
from fractions import Fraction

from ig_props.attributors.protocol import Kind
from ig_props.claims.claim import Claim, ClaimKind
from ig_props.claims.witnesses.polynomials import curve, integral, ratio

IG = frozenset({Kind.IG})
HALF = Fraction(1, 2)


def trapezoid_witness() -> str:
    """f = t + t², α = t² + t³ on [0, h]: what is left after (h³/12)(f'α'' - f''α') is of order h⁴."""
    f, a = curve(0, 1, 1), curve(0, 0, 1, 1)
    slope = (f.derivative(), a.derivative())
    bend = (slope[0].derivative(), slope[1].derivative())
    term = slope[0](ratio(0)) * bend[1](ratio(0)) - bend[0](ratio(0)) * slope[1](ratio(0))
    rest = []
    for k in (3, 4, 5, 6):
        h = Fraction(1, 2**k)
        sum_ = (f(ratio(0)) + f(ratio(h))) / 2 * (a(ratio(h)) - a(ratio(0)))
        gap = ratio(integral(f * slope[1], 0, h)) - sum_ - ratio(h**3 / 12) * term
        rest.append(abs(gap) / ratio(h**4))
    assert term != 0
    assert max(rest) <= 2 * min(rest)
    return (
        "f = t + t², α = t² + t³: the error of a cell is (h³/12)(f'α'' - f''α') up to h⁴, for h = 1/8 to 1/64 exactly"
    )


def spectral_witness() -> str:
    """Random polynomials of degree 3 at four nodes: α' at the nodes from α there, against the exact integral."""
    source = random.Random(5)
    nodes = [Fraction(0), Fraction(1, 4), Fraction(3, 4), Fraction(1)]
    basis = []
    for u in nodes:
        lagrange = curve(1)
        for v in nodes:
            if v != u:
                lagrange *= curve(-v / (u - v), 1 / (u - v))
        basis.append(lagrange)
    for _ in range(20):
        f, a = (curve(*(source.randint(-6, 6) for _ in range(4))) for _ in range(2))
        found = sum((b * a(ratio(v)) for b, v in zip(basis, nodes, strict=True)), curve(0)).derivative()
        assert found == a.derivative()
        head = sum((b * f(ratio(u)) for b, u in zip(basis, nodes, strict=True)), curve(0))
        assert integral(head * found) == integral(f * a.derivative())
    return (
        "20 random pairs of cubics at four nodes: the differentiation matrix gives α' exactly, and the integral with it"
    )


def secant_witness() -> str:
    """m·Δx = ΔF for relu(2x0 - x1) - 3 relu(x0 + x1) + |x1| on random cells."""
    source = random.Random(7)

    def score(z: list[Fraction]) -> tuple[list[Fraction], Fraction]:
        u = [2 * z[0] - z[1], z[0] + z[1], z[1]]
        return u, max(u[0], Fraction(0)) - 3 * max(u[1], Fraction(0)) + abs(u[2])

    weights, rows = (1, -3, 1), ((2, -1), (1, 1), (0, 1))
    for _ in range(50):
        a, b = ([Fraction(source.randint(-8, 8), 4) for _ in range(2)] for _ in range(2))
        (ua, fa), (ub, fb) = score(a), score(b)
        total = Fraction(0)
        for k, (w, row) in enumerate(zip(weights, rows, strict=True)):
            gate: Callable[[Fraction], Fraction] = abs if k == 2 else lambda v: max(v, Fraction(0))
            change = ub[k] - ua[k]
            secant = (gate(ub[k]) - gate(ua[k])) / change if change else Fraction(int(ua[k] > 0))
            step = sum((r * (q - p) for r, p, q in zip(row, a, b, strict=True)), Fraction(0))
            total += w * Fraction(secant) * step
        assert total == fb - fa
    return "relu(2x0 - x1) - 3 relu(x0 + x1) + |x1| on 50 random cells: multipliers times the step are ΔF exactly"


def kink_witness() -> str:
    """One kink in the cell: exact. Two in series: relu(relu(x0) + x1 - 1/2) from (-1, 0) to (1, 1/2)."""
    for a, b in ((Fraction(-1, 3), Fraction(2)), (Fraction(-5), Fraction(1, 7))):
        assert b / (b - a) == 1 - (-a / (b - a))
    inner, outer = Fraction(1, 2), Fraction(1) / (1 + HALF)
    secant = (inner * outer, outer)
    crossing = Fraction(3, 5)
    assert 2 * crossing - 1 + crossing / 2 - HALF == 0
    mean = (1 - crossing, 1 - crossing)
    assert secant == (Fraction(1, 3), Fraction(2, 3))
    assert mean != secant
    assert [sum(m * d for m, d in zip(v, (Fraction(2), HALF), strict=True)) for v in (secant, mean)] == [1, 1]
    return (
        "one unit that changes sign: the divided difference is the cell's mean slope; relu(relu(x0) + x1 - 1/2) from (-1, 0) "
        "to (1, 1/2) in one cell: multipliers (1/3, 2/3), mean gradient (2/5, 2/5), both complete"
    )


def pieces_witness() -> str:
    """relu(2x0 - x1) - relu(x1 - 1/2) from (0, 0) to (1, 1): breakpoints from its two arguments, slopes at middles."""
    from ig_props.networks.network import Affine, Network, Node, Relu
    from ig_props.oracles import exact

    nodes = (
        Node(Affine(((2.0, -1.0), (0.0, 1.0)), (-0.25, -0.5)), (0,)),
        Node(Relu(), (1,)),
        Node(Affine(((1.0, -1.0),), (0.0,)), (2,)),
    )
    network = Network((2,), nodes)
    cuts = [Fraction(0), Fraction(1, 4), HALF, Fraction(1)]
    totals = [Fraction(0), Fraction(0)]
    for a, b in zip(cuts[:-1], cuts[1:], strict=True):
        middle = (a + b) / 2
        first, second = middle - Fraction(1, 4) > 0, middle - HALF > 0
        totals = [totals[0] + (b - a) * 2 * first, totals[1] + (b - a) * (-1 * first - 1 * second)]
    known = exact.path_oracle(network, 0, (1.0, 1.0), (0.0, 0.0))
    assert known.exact == tuple(totals)
    found = ", ".join(map(str, totals))
    return f"{network} from (0, 0) to (1, 1): lengths times slopes at the middles are ({found}), as the oracle says"


def _claim(id_: str, statement: str, witness: object, *premises: str) -> Claim:
    return Claim(id_, "stieltjes", ClaimKind.THEOREM, statement, premises, "theory.md 4", IG, witness=witness)  # type: ignore[arg-type]


CLAIMS = (
    _claim(
        "RS.trapezoid_error", "integral minus trapezoid is (h³/12)(f'α'' - f''α') + O(h⁴) on a cell of width h",
        trapezoid_witness, "f and α are C³",
    ),
    _claim(
        "SECANT.completeness", "on every cell the secant multipliers satisfy m·Δx = ΔF, so the sum is complete",
        secant_witness, "the network is made of affine maps and scalar activations",
    ),
    _claim(
        "SECANT.exact_single_kink", "where at most one unit changes sign in a cell, the secant rule is exact there",
        kink_witness, "the network is piecewise linear and the cell straight",
        "every unit behind keeps its side, and is off its kink at one end of the cell at least",
    ),
    _claim(
        "RS.spectral", "fᵀWDα is exact as far as the rule is, for polynomials that the nodes determine", spectral_witness,
        "f and α are polynomials of degree at most m at m + 1 nodes",
    ),
    Claim(
        "EXACT.piecewise_linear", "stieltjes", ClaimKind.THEOREM,
        "on a segment IG of a piecewise-linear network is d_i Σ_k (t_{k+1} - t_k) ∂_iF(mid_k)", (),
        "1908.06214; theory.md 9", IG, witness=pieces_witness,
    ),
)  # fmt: skip
