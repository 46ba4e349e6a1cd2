"""Does the rule behind the steps integrate what it should, within the error it can be held to?"""

from __future__ import annotations

import random
from dataclasses import replace
from fractions import Fraction

import numpy as np
from hypothesis import strategies as st

from ig_props.attributors.protocol import Attributor, Kind, Traits, drawn_dtypes
from ig_props.checking.calling import attributions
from ig_props.checking.judging import agreement, allowance, compare, coordinate, judged
from ig_props.claims.case import Case, Situation
from ig_props.claims.claim import ATTRIBUTIONS, Cases, Claim, ClaimKind
from ig_props.claims.completeness import SMOOTH
from ig_props.claims.witnesses.sums import CLAIMS as SUMS
from ig_props.findings import Outcome
from ig_props.networks.network import Affine, Network, Node, Product, Relu, Shape
from ig_props.strategies import networks as nets
from ig_props.strategies.cases import STEPS, Space, admissible_steps, cases
from ig_props.strategies.layers import from_space
from ig_props.strategies.wide import sweep_cases, wide_cases

IG = frozenset({Kind.IG})
MANY = (*STEPS, 512, 1024)


def exactness(attributor: Attributor, case: Case) -> Outcome:
    """On affine models the oracle's budget has no quadrature part, whatever the path or the rule."""
    a = allowance(attributor, case)
    received = attributions(attributor, case)
    return compare(
        coordinate(case), received, a.mid, radius=a.radius, rounding=a.rounding, float32=a.float32,
        how="weight times displacement: F is affine, so every rule whose weights sum to 1 is exact",
    )  # fmt: skip


@st.composite
def thresholds(draw: st.DrawFn, shape: Shape, classes: int) -> Network:
    """Σ_i ± relu(z_i - s_i): every attribution reads the rule's weights beyond one threshold."""
    size = shape[0]
    rows = tuple(tuple(1.0 if i == j else 0.0 for j in range(size)) for i in range(size))
    shifts = tuple(draw(st.sampled_from((0.0, -0.5, -1.0, 0.5, 1.0, -0.25, -1.5))) for _ in range(size))
    heads = tuple(tuple(draw(st.sampled_from((1.0, -1.0, 2.0))) for _ in range(size)) for _ in range(classes))
    return Network(
        shape, (Node(Affine(rows, shifts), (0,)), Node(Relu(), (1,)), Node(Affine(heads, (0.0,) * classes), (2,)))
    )


def now_and_then_wide(space: Space, curved: bool) -> Cases:
    """Examples of a space, every eighth of them large; where one may be curved, every eighth sweeps thresholds as well."""

    def drawn(traits: Traits) -> st.SearchStrategy[Case]:
        usual = cases(traits, space)
        if "vectors" not in traits.accepts:
            return usual
        other = (wide_cases(traits, space, curved), *([sweep_cases(traits)] if curved else []))
        return nets.choice((usual,) * (8 - len(other)) + other).flatmap(lambda chosen: chosen)

    return drawn


def agreeable(shape: Shape, classes: int) -> st.SearchStrategy[Network]:
    return nets.piecewise_linear(shape, classes) if len(shape) > 1 else st.one_of(
        thresholds(shape, classes), nets.piecewise_linear(shape, classes)
    )  # fmt: skip


def monomial(degree: int, size: int = 1) -> Network:
    """Σ_i z_i^degree."""
    rows = tuple(tuple(1.0 if i == j else 0.0 for j in range(size)) for i in range(size))
    nodes = [Node(Affine(rows, (0.0,) * size), (0,))]
    value = 1
    for _ in range(degree - 1):
        nodes.append(Node(Product(), (value, 1)))
        value = len(nodes)
    nodes.append(Node(Affine(((1.0,) * size,), (0.0,)), (value,)))
    return Network((size,), tuple(nodes))


@st.composite
def moment_cases(draw: st.DrawFn, traits: Traits) -> Case:
    n_steps = draw(st.sampled_from(admissible_steps(traits, MANY))) if traits.has_steps else 50
    network = monomial(draw(st.integers(1, 6)))
    return Case(network, ((1.0,),), ((0.0,),), (0,), n_steps, Situation(dtype=drawn_dtypes(traits)[0]))


def order(attributor: Attributor, case: Case) -> Outcome:
    """Polynomials up to the rule's degree of exactness leave rounding alone."""
    a = allowance(attributor, case)
    received = attributions(attributor, case)
    return compare(
        coordinate(case), received, a.mid, radius=a.radius, rounding=a.rounding, float32=a.float32,
        how="the named rule is exact on polynomials of this degree",
    )  # fmt: skip


def order_cases(traits: Traits) -> st.SearchStrategy[Case] | None:
    rule = traits.rule
    if rule is None:
        return None

    @st.composite
    def build(draw: st.DrawFn) -> Case:
        n_steps = draw(st.sampled_from([n for n in admissible_steps(traits) if n <= 64]))
        degree = draw(st.integers(1, max(1, min(rule(n_steps).degree, 5) + 1)))
        case = draw(cases(traits, Space(images=False, batches=False, situations=False, precise=True)))
        size = case.network.size
        network = monomial(degree, size)
        return replace(case, network=network, n_steps=n_steps, targets=(0,))

    return build()


def discretely(attributor: Attributor, case: Case) -> Outcome:
    """With a named rule the residual is known exactly: Σ_l w_l φ'(t_l) - ∫φ' (`IG.discrete_residual`)."""
    rule = attributor.traits.rule
    assert rule is not None
    known = rule(case.n_steps)
    a = allowance(attributor, case)
    degree = int(case.numbers["degree"][0])
    received = attributions(attributor, case)
    exact = np.zeros_like(received)
    for row, (x, b) in enumerate(zip(case.inputs, case.baselines, strict=True)):
        for i, (end, start) in enumerate(zip(x, b, strict=True)):
            nodes = [start + Fraction(t) * Fraction(end - start) for t in known.nodes]
            terms = (Fraction(w) * degree * node ** (degree - 1) for w, node in zip(known.weights, nodes, strict=True))
            exact[row, i] = float(Fraction(end - start) * sum(terms, Fraction(0)))
    return compare(
        coordinate(case), received, exact, radius=np.spacing(np.abs(exact)), rounding=2 * a.rounding,
        float32=2 * a.float32, how=f"the {known.name} rule with {case.n_steps} nodes, evaluated in rational arithmetic",
    )  # fmt: skip


def rule_cases(traits: Traits) -> st.SearchStrategy[Case] | None:
    if traits.rule is None:
        return None

    @st.composite
    def build(draw: st.DrawFn) -> Case:
        case = draw(cases(traits, Space(images=False, batches=False, situations=False, precise=True, steps=STEPS[:14])))
        degree = draw(st.integers(1, 4))
        return replace(
            case, network=monomial(degree, case.network.size), targets=(0,), numbers={"degree": (float(degree),)}
        )

    return build()


def _sequences(seed: int, count: int) -> list[tuple[list[Fraction], list[Fraction]]]:
    source = random.Random(seed)

    def draw(n: int) -> list[Fraction]:
        return [Fraction(source.randint(-9, 9), source.randint(1, 9)) for _ in range(n)]

    return [(draw(n), draw(n)) for n in range(2, 2 + count)]


def parts_witness() -> str:
    for f, a in _sequences(1, 30):
        left = sum(f[k] * (a[k + 1] - a[k]) for k in range(len(f) - 1))
        other = sum(a[k + 1] * (f[k + 1] - f[k]) for k in range(len(f) - 1))
        assert left + other == f[-1] * a[-1] - f[0] * a[0]
    return "summation by parts holds exactly for 30 random rational sequences of 2 to 31 terms"


def central_witness() -> str:
    for f, a in _sequences(2, 30):
        n = len(f)
        cells = sum((f[k] + f[k + 1]) * (a[k + 1] - a[k]) for k in range(n - 1)) / 2
        central = sum(f[k] * (a[min(k + 1, n - 1)] - a[max(k - 1, 0)]) for k in range(n)) / 2
        assert cells == central
    return "trapezoid sums equal the central form exactly for 30 random rational sequences"


def quadratic_witness() -> str:
    source = random.Random(3)
    for _ in range(30):
        q = [[Fraction(source.randint(-5, 5), 2) for _ in range(2)] for _ in range(2)]
        path = [[Fraction(source.randint(-6, 6), 3) for _ in range(2)] for _ in range(source.randint(2, 6))]

        def score(z: list[Fraction], q: list[list[Fraction]] = q) -> Fraction:
            return sum((q[i][j] * z[i] * z[j] for i in range(2) for j in range(2)), Fraction(0)) + z[0]

        def slope(z: list[Fraction], k: int, q: list[list[Fraction]] = q) -> Fraction:
            return sum(((q[k][j] + q[j][k]) * z[j] for j in range(2)), Fraction(1 - k))

        total = sum(
            (slope(a, k) + slope(b, k)) * (b[k] - a[k]) / 2
            for a, b in zip(path[:-1], path[1:], strict=True)
            for k in range(2)
        )
        assert total == score(path[-1]) - score(path[0])
    return "the trapezoidal layer sum is exactly complete for 30 random quadratic heads on random polygons"


def jump_witness() -> str:
    """f = α = the step at 1/2: sums with tags left or right of the jump differ by 1 on every grid with a node at 1/2."""
    for n in (2, 4, 8, 64):
        alpha = [Fraction(int(2 * k >= n)) for k in range(n + 1)]
        left = sum(alpha[k] * (alpha[k + 1] - alpha[k]) for k in range(n))
        right = sum(alpha[k + 1] * (alpha[k + 1] - alpha[k]) for k in range(n))
        assert (left, right) == (0, 1)
    return (
        "with f and α jumping together at 1/2, left tags sum to 0 and right tags to 1 on every grid: no integral exists"
    )


def _witness(id_: str, statement: str, witness: object, kind: ClaimKind = ClaimKind.THEOREM) -> Claim:
    return Claim(id_, "stieltjes", kind, statement, (), "2205.10900; theory.md 4", IG, witness=witness)  # type: ignore[arg-type]


CLAIMS = (
    Claim(
        "QUAD.weights_sum_one", "stieltjes", ClaimKind.THEOREM,
        "attributions of an affine model are weight times displacement at every number of steps",
        ("F is affine",), "theory.md 4", ATTRIBUTIONS,
        now_and_then_wide(Space(families=(nets.affine,), any_steps=True), False), judged(exactness),
    ),
    Claim(
        "QUAD.variation_bound", "stieltjes", ClaimKind.THEOREM,
        "attributions agree with the exact integral up to |d_i| V(∂_iF) 2/n and rounding",
        (
            "the rule's nodes interlace the partial sums of its positive weights",
            "no weight is above 2/n, or its own width counts",
        ),
        "theory.md 4 and 10", IG,
        now_and_then_wide(Space(families=(agreeable,)), True), judged(agreement),
    ),
    Claim(
        "QUAD.moments", "stieltjes", ClaimKind.THEOREM,
        "on z^(k+1) from 0 to 1 the attribution is k+1 times the rule's k-th moment, which is near 1/(k+1)",
        ("as for QUAD.variation_bound",), "theory.md 4", IG, moment_cases, judged(agreement),
    ),
    Claim(
        "QUAD.order", "stieltjes", ClaimKind.THEOREM,
        "the named rule is exact on polynomials up to its degree of exactness",
        ("the attributor names its rule",), "theory.md 4", IG, order_cases, judged(order),
    ),
    Claim(
        "QUAD.named_rule", "stieltjes", ClaimKind.THEOREM,
        "attributions are the named rule's sums, node by node",
        ("the attributor names its rule",), "IG.discrete_residual; theory.md 1", IG, rule_cases, judged(discretely),
    ),
    Claim(
        "EXACT.polynomial", "stieltjes", ClaimKind.THEOREM,
        "attributions of polynomial networks agree with the rational value up to the rule's error",
        ("as for QUAD.variation_bound",), "theory.md 9", IG,
        from_space(Space(families=(nets.polynomial,), images=False)), judged(agreement),
    ),
    Claim(
        "CERT.enclosure", "stieltjes", ClaimKind.THEOREM,
        "attributions of smooth networks agree with a certified enclosure up to the rule's error",
        ("F is analytic near the segment", "as for QUAD.variation_bound"), "theory.md 9", IG,
        from_space(SMOOTH), judged(agreement),
    ),
    _witness("RS.by_parts", "Σ f_l Δα_l + Σ α_{l+1} Δf_l = f_n α_n - f_0 α_0", parts_witness),
    _witness("RS.trapezoid_central", "the trapezoid sum is ½ Σ f_l (α_{l+1} - α_{l-1}) with clamped ends", central_witness),
    _witness("RS.trapezoid_quadratic", "trapezoidal layer sums are exactly complete for quadratic heads", quadratic_witness),
    _witness("RS.existence", "∫ f dα need not exist when f and α jump together", jump_witness, ClaimKind.COUNTEREXAMPLE),
    *SUMS,
)  # fmt: skip
