"""Does the method satisfy the axioms of path attributions?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from ig_props.attributors.protocol import Attributor, Kind, Traits
from ig_props.checking.calling import Check, attributions
from ig_props.checking.judging import Array, allowance, compare, coordinate, judged
from ig_props.claims.case import Case, Point
from ig_props.claims.claim import ATTRIBUTIONS, Cases, Claim, ClaimKind
from ig_props.claims.witnesses.axioms import kink_witness, loop_witness, pace_witness
from ig_props.findings import HOLDS, Outcome
from ig_props.networks.network import Affine, Network, Node, Relu
from ig_props.strategies import networks as nets
from ig_props.strategies import rewrites
from ig_props.strategies.cases import FEW_STEPS, LATTICE, Space, around, cases, settled
from ig_props.strategies.layers import from_space

STEPS = (*FEW_STEPS, 64)
VECTORS = Space(images=False, steps=STEPS)
ONE_SCORE = Space(images=False, max_classes=2, steps=STEPS)


def _plainly(case: Case, **changes: Any) -> Case:
    """The case with other points or network, its situation cut down to what still shows."""
    changed = replace(case, **changes)
    return replace(changed, situation=settled(changed))


def _points(rows: Array) -> tuple[Point, ...]:
    return tuple(tuple(float(v) for v in row) for row in rows)


def _relation(
    case: Case, attributor: Attributor, received: Array, exact: Array, budgets: list[Array], how: str
) -> Outcome:
    """received = exact, where both sides are answers of the code under test; budgets: radius, quadrature, rounding, f32."""
    radius, quadrature, rounding, single = budgets
    return compare(
        coordinate(case), received, exact, radius=radius, quadrature=quadrature, rounding=rounding, float32=single, how=how
    )  # fmt: skip


def _budgets(*weighted: tuple[float, Attributor, Case]) -> list[Array]:
    """Sum of the allowances of several cases, each times the size of its factor."""
    total: list[Array] | None = None
    for factor, attributor, case in weighted:
        a = allowance(attributor, case)
        if attributor.traits.kind is Kind.PATH and not case.network.affine:
            a = replace(a, quadrature=np.full_like(a.quadrature, np.inf))
        terms = [abs(factor) * v for v in (a.radius, a.quadrature, a.rounding, a.float32)]
        total = terms if total is None else [x + y for x, y in zip(total, terms, strict=True)]
    assert total is not None
    return total


def dummy(attributor: Attributor, case: Case) -> Outcome:
    i = int(case.numbers["dummy"][0])
    a = allowance(attributor, case)
    received = attributions(attributor, case)[:, i : i + 1]
    return compare(
        lambda row, _: coordinate(case)(row, i), received, np.zeros_like(received), radius=a.radius[:, i : i + 1],
        rounding=a.rounding[:, i : i + 1], float32=a.float32[:, i : i + 1], how="F does not depend on this coordinate",
    )  # fmt: skip


@st.composite
def dummy_cases(draw: st.DrawFn, traits: Traits) -> Case:
    size = draw(st.integers(2, 4))
    network = draw(nets.layered((size,), draw(st.integers(1, 3))))
    i = draw(st.integers(0, size - 1))
    case = draw(around(rewrites.without(network, i), traits, VECTORS))
    return replace(case, numbers={"dummy": (float(i),)})


def sensitivity(attributor: Attributor, case: Case) -> Outcome:
    """With one changed coordinate everything is attributed to it."""
    a = allowance(attributor, case)
    return compare(
        coordinate(case), attributions(attributor, case), a.mid, radius=a.radius, quadrature=a.quadrature,
        rounding=a.rounding, float32=a.float32, how="F(x) - F(x') in the one coordinate that changes, 0 elsewhere",
    )  # fmt: skip


@st.composite
def sensitivity_cases(draw: st.DrawFn, traits: Traits) -> Case:
    case = draw(cases(traits, VECTORS))
    i = draw(st.integers(0, case.network.size - 1))
    if "baselines" in traits.accepts:
        starts = tuple((*x[:i], draw(st.sampled_from(LATTICE)), *x[i + 1 :]) for x in case.inputs)
        return _plainly(case, baselines=starts)
    ends = tuple(tuple(v if k == i else 0.0 for k, v in enumerate(x)) for x in case.inputs)
    return _plainly(case, inputs=ends, baselines=tuple((0.0,) * len(x) for x in ends))


def linearity(attributor: Attributor, case: Case) -> Outcome:
    assert case.other is not None
    a, b = case.numbers["coefficients"]
    sides = [
        replace(case, network=rewrites.combined(case.network, case.other, a, b)),
        case,
        replace(case, network=case.other),
    ]
    whole, f, g = (attributions(attributor, side) for side in sides)
    budgets = _budgets(*((c, attributor, side) for c, side in zip((1.0, a, b), sides, strict=True)))
    if attributor.traits.kind is Kind.PATH:
        budgets[1] = np.zeros_like(budgets[1]) if not attributor.traits.adaptive else budgets[1]
    return _relation(case, attributor, whole, a * f + b * g, budgets, "a A(F) + b A(G)")


@st.composite
def linearity_cases(draw: st.DrawFn, traits: Traits) -> Case:
    shape, classes = draw(st.sampled_from(VECTORS.shapes)), draw(st.integers(1, 3))
    f, g = (draw(nets.layered(shape, classes, max_depth=1, scales=(1.0,))) for _ in range(2))
    case = draw(around(f, traits, VECTORS))
    coefficients = tuple(draw(st.sampled_from((1.0, -1.0, 2.0, 0.5, -3.0))) for _ in range(2))
    return replace(case, other=g, numbers={"coefficients": coefficients})


def symmetry(attributor: Attributor, case: Case) -> Outcome:
    i, j = (int(v) for v in case.numbers["pair"])
    a = allowance(attributor, case)
    received = attributions(attributor, case)

    def both(values: Array) -> Array:
        total: Array = (values[:, i] + values[:, j])[:, None]
        return total

    return compare(
        lambda row, _: coordinate(case)(row, i), received[:, i : i + 1], received[:, j : j + 1], radius=both(a.radius),
        quadrature=both(a.quadrature), rounding=both(a.rounding), float32=both(a.float32),
        how=f"attribution of x{j}, which F, x and baseline treat alike",
    )  # fmt: skip


@st.composite
def symmetry_cases(draw: st.DrawFn, traits: Traits) -> Case:
    size = draw(st.integers(2, 4))
    i, j = draw(st.sampled_from([(i, j) for j in range(size) for i in range(j)]))
    network = draw(nets.layered((size,), draw(st.integers(1, 3)), max_depth=1, max_width=2, scales=(1.0,)))
    case = draw(around(rewrites.symmetrized(network, i, j), traits, VECTORS))
    equal = [tuple(p[i] if k == j else v for k, v in enumerate(p)) for p in (*case.inputs, *case.baselines)]
    rows = len(case.inputs)
    return _plainly(
        case, inputs=tuple(equal[:rows]), baselines=tuple(equal[rows:]), numbers={"pair": (float(i), float(j))}
    )


def permutation(attributor: Attributor, case: Case) -> Outcome:
    order = [int(v) for v in case.numbers["order"]]
    moved = _plainly(
        case,
        network=rewrites.permuted(case.network, order),
        inputs=_points(np.array(case.inputs)[:, order]),
        baselines=_points(np.array(case.baselines)[:, order]),
    )
    here, there = attributions(attributor, case), attributions(attributor, moved)
    budgets = _budgets((1.0, attributor, case))
    other = _budgets((1.0, attributor, moved))
    total = [a[:, order] + b for a, b in zip(budgets, other, strict=True)]
    return _relation(moved, attributor, there, here[:, order], total, "the permuted attributions")


@st.composite
def permutation_cases(draw: st.DrawFn, traits: Traits) -> Case:
    case = draw(cases(traits, replace(VECTORS, shapes=((2,), (3,), (5,)))))
    order = draw(st.permutations(range(case.network.size)))
    return replace(case, numbers={"order": tuple(map(float, order))})


def affine_scale(attributor: Attributor, case: Case) -> Outcome:
    """Coordinates rescaled by c_i z_i + b_i in the points and undone in the model."""
    factors, shifts = (np.array(case.numbers[k]) for k in ("factors", "shifts"))
    size = case.network.size
    matrix = tuple(tuple(1.0 / factors[i] if i == j else 0.0 for j in range(size)) for i in range(size))
    moved = _plainly(
        case,
        network=rewrites.precomposed(case.network, matrix, tuple(-shifts / factors)),
        inputs=_points(np.array(case.inputs) * factors + shifts),
        baselines=_points(np.array(case.baselines) * factors + shifts),
    )
    here, there = attributions(attributor, case), attributions(attributor, moved)
    budgets = _budgets((1.0, attributor, case), (1.0, attributor, moved))
    return _relation(case, attributor, there, here, budgets, "attributions in the original coordinates")


@st.composite
def affine_scale_cases(draw: st.DrawFn, traits: Traits) -> Case:
    case = draw(cases(traits, replace(VECTORS, precise=True)))
    size = case.network.size
    factors = tuple(draw(st.sampled_from((1.0, 2.0, -1.0, 0.5, -4.0, 1024.0))) for _ in range(size))
    shifts = tuple(draw(st.sampled_from((0.0, 1.0, -2.0, 0.5))) for _ in range(size))
    if "baselines" not in traits.accepts:
        shifts = (0.0,) * size
    return replace(case, numbers={"factors": factors, "shifts": shifts})


def reversal(attributor: Attributor, case: Case) -> Outcome:
    back = _plainly(case, inputs=case.baselines, baselines=case.inputs)
    here, there = attributions(attributor, case), attributions(attributor, back)
    budgets = _budgets((1.0, attributor, case), (1.0, attributor, back))
    return _relation(case, attributor, there, -here, budgets, "minus the attributions from baseline to input")


def additivity(attributor: Attributor, case: Case) -> Outcome:
    share = case.numbers["share"][0]
    ends, starts = np.array(case.inputs), np.array(case.baselines)
    middle = _points(starts + share * (ends - starts))
    legs = [_plainly(case, inputs=middle), _plainly(case, baselines=middle)]
    whole, first, second = (attributions(attributor, c) for c in (case, *legs))
    budgets = _budgets(*((1.0, attributor, c) for c in (case, *legs)))
    return _relation(case, attributor, first + second, whole, budgets, "attributions of the whole segment")


@st.composite
def additivity_cases(draw: st.DrawFn, traits: Traits) -> Case:
    case = draw(cases(traits, VECTORS))
    return replace(case, numbers={"share": (draw(st.sampled_from((0.5, 0.25, 0.75, 0.125))),)})


def positivity(attributor: Attributor, case: Case) -> Outcome:
    """Σ w_l ∂F d cannot be negative for nonnegative weights, gradients and d: no quadrature budget is needed."""
    a = allowance(attributor, case)
    received = attributions(attributor, case)
    return compare(
        coordinate(case), np.minimum(received, 0.0), np.zeros_like(received), rounding=a.rounding, float32=a.float32,
        how="not negative, since F is nondecreasing and x >= x'",
    )  # fmt: skip


@st.composite
def positivity_cases(draw: st.DrawFn, traits: Traits) -> Case:
    shape = draw(st.sampled_from(VECTORS.shapes))
    network = draw(nets.layered(shape, draw(st.integers(1, 3)), gates=(Relu(), nets.GATES[2]), max_depth=2))
    case = draw(around(rewrites.monotone(network), traits, VECTORS))
    pairs = [
        (tuple(map(max, zip(x, b, strict=True))), tuple(map(min, zip(x, b, strict=True))))
        for x, b in zip(case.inputs, case.baselines, strict=True)
    ]
    if "baselines" not in traits.accepts:
        pairs = [(tuple(abs(v) for v in x), (0.0,) * len(x)) for x in case.inputs]
    return _plainly(case, inputs=tuple(p[0] for p in pairs), baselines=tuple(p[1] for p in pairs))


def monotonicity(attributor: Attributor, case: Case) -> Outcome:
    """∂_iF <= ∂_jF along the path and equal displacements give IG_i <= IG_j up to both budgets."""
    i, j = (int(v) for v in case.numbers["pair"])
    a = allowance(attributor, case)
    received = attributions(attributor, case)
    excess = np.maximum(received[:, i] - received[:, j], 0.0)[:, None]
    sums = [(v[:, i] + v[:, j])[:, None] for v in (a.radius, a.quadrature, a.rounding, a.float32)]
    return compare(
        lambda row, _: f"excess of x{i} over x{j}" + (f", sample {row}" if len(case.inputs) > 1 else ""),
        excess, np.zeros_like(excess), radius=sums[0], quadrature=sums[1], rounding=sums[2], float32=sums[3],
        how=f"no excess, since the derivative by x{i} is nowhere above that by x{j}",
    )  # fmt: skip


@st.composite
def monotonicity_cases(draw: st.DrawFn, traits: Traits) -> Case:
    """F(z) = H(z) + nondecreasing function of z_j alone, H symmetric in i and j through its first layer."""
    size = draw(st.integers(2, 3))
    i, j = draw(st.sampled_from([(i, j) for j in range(size) for i in range(size) if i != j]))
    rows = [list(nets.affine_op(draw, size, 1).weight[0]) for _ in range(2)]
    for row in rows:
        row[i] = row[j]
    rows.append([1.0 if k == j else 0.0 for k in range(size)])
    head = (*(draw(nets.weights()) for _ in range(2)), abs(draw(nets.weights())))
    inner = Affine(tuple(map(tuple, rows)), tuple(draw(st.sampled_from(nets.BIASES)) for _ in range(3)))
    nodes = (Node(inner, (0,)), Node(Relu(), (1,)), Node(Affine((head,), (0.0,)), (2,)))
    case = draw(around(Network((size,), nodes), traits, ONE_SCORE))
    ends = []
    for x, b in zip(case.inputs, case.baselines, strict=True):
        d = abs(x[i] - b[i])
        ends.append(tuple(b[k] + d if k in (i, j) else v for k, v in enumerate(x)))
    return _plainly(case, inputs=tuple(ends), numbers={"pair": (float(i), float(j))})


def null_path(attributor: Attributor, case: Case) -> Outcome:
    received = attributions(attributor, case)
    if not received.any():
        return HOLDS
    a = allowance(attributor, case)
    return compare(
        coordinate(case), received, np.zeros_like(received), rounding=a.rounding, float32=a.float32,
        how="the input is the baseline",
    )  # fmt: skip


@st.composite
def null_cases(draw: st.DrawFn, traits: Traits) -> Case:
    case = draw(cases(traits, Space(steps=STEPS)))
    ends = case.inputs if "baselines" in traits.accepts else case.baselines
    return _plainly(case, inputs=ends, baselines=ends)


def invariance(attributor: Attributor, case: Case) -> Outcome:
    assert case.other is not None
    twin = replace(case, network=case.other, other=None)
    here, there = attributions(attributor, case), attributions(attributor, twin)
    budgets = _budgets((1.0, attributor, case), (1.0, attributor, twin))
    return _relation(case, attributor, there, here, budgets, "attributions of the same function written differently")


@st.composite
def invariance_cases(draw: st.DrawFn, traits: Traits) -> Case:
    space = replace(VECTORS, precise=True)
    case = draw(cases(traits, space))
    return replace(case, other=draw(rewrites.preserving(case.network)))


def _if_baselines(
    strategy: Callable[[Traits], st.SearchStrategy[Case] | None],
) -> Callable[[Traits], st.SearchStrategy[Case] | None]:
    return lambda traits: strategy(traits) if "baselines" in traits.accepts else None


def _vectors(
    strategy: Callable[[Traits], st.SearchStrategy[Case] | None],
) -> Callable[[Traits], st.SearchStrategy[Case] | None]:
    return lambda traits: strategy(traits) if "vectors" in traits.accepts else None


IG = frozenset({Kind.IG})


def _claim(
    id_: str, statement: str, source: str, kinds: frozenset[Kind], strategy: Cases, check: Check, *premises: str
) -> Claim:
    return Claim(
        id_,
        "axioms",
        ClaimKind.THEOREM,
        statement,
        premises,
        source,
        kinds,
        strategy,
        judged(check),
    )


CLAIMS = (
    _claim("PATH.dummy", "a coordinate that F does not depend on gets attribution 0", "1703.01365 (sensitivity b)",
           ATTRIBUTIONS, _vectors(dummy_cases), dummy, "F does not depend on the coordinate"),
    _claim("IG.sensitivity", "when one coordinate alone changes, it gets F(x) - F(x') and the others 0",
           "1703.01365 (sensitivity a)", IG, _vectors(sensitivity_cases), sensitivity,
           "x and x' differ in one coordinate"),
    Claim("IG.sensitivity.loop", "axioms", ClaimKind.COUNTEREXAMPLE,
          "for paths that leave the line, sensitivity needs g_j constant where x_j = x'_j: a loop violates it", (),
          "theory.md 2", IG, witness=loop_witness),
    _claim("PATH.linearity", "A(aF + bG) = a A(F) + b A(G)", "1703.01365", ATTRIBUTIONS, _vectors(linearity_cases),
           linearity),
    _claim("IG.symmetry", "coordinates that F, x and x' treat alike get equal attributions", "1703.01365; 2103.13533",
           IG, _vectors(symmetry_cases), symmetry, "F is unchanged when i and j are exchanged",
           "x_i = x_j and x'_i = x'_j"),
    _claim("IG.permutation_equivariance", "permuting the coordinates of model, input and baseline permutes IG",
           "theory.md 2", IG, _vectors(permutation_cases), permutation),
    _claim("IG.affine_scale_invariance", "rescaling and shifting coordinates, undone in the model, leaves IG unchanged",
           "2306.13753", IG, _vectors(affine_scale_cases), affine_scale, "every factor is non-zero"),
    _claim("IG.reversal", "exchanging input and baseline negates IG", "theory.md 2", IG,
           _if_baselines(from_space(Space(steps=STEPS))), reversal),
    _claim("IG.segment_additivity", "IG(x'; x) = IG(x'; m) + IG(m; x) for m on the segment", "theory.md 2", IG,
           _vectors(_if_baselines(additivity_cases)), additivity),
    _claim("IG.nondecreasing_positivity", "F nondecreasing and x >= x': no attribution is negative", "2306.13753", IG,
           _vectors(positivity_cases), positivity, "F is nondecreasing along every coordinate", "x >= x'"),
    _claim("IG.symmetric_monotonicity", "∂_iF <= ∂_jF along the path and d_i = d_j >= 0 give IG_i <= IG_j",
           "2306.13753", IG, _vectors(_if_baselines(monotonicity_cases)), monotonicity, "d_i = d_j >= 0"),
    _claim("IG.null_path", "an input equal to its baseline gets attribution 0", "theory.md 2", ATTRIBUTIONS,
           null_cases, null_path, "x = x'"),
    _claim("PATH.implementation_invariance", "equal functions get equal attributions", "1703.01365", ATTRIBUTIONS,
           _vectors(invariance_cases), invariance, "both are differentiable at almost every point of the path"),
    Claim("PATH.implementation_invariance.kink", "axioms", ClaimKind.COUNTEREXAMPLE,
          "on a tie, implementation invariance fails: max(x0, x1) written in three ways gets three attributions", (),
          "theory.md 2", IG, witness=kink_witness),
    Claim("PATH.reparametrization", "axioms", ClaimKind.THEOREM,
          "walking the path at another pace leaves the attributions as they are", ("the pace runs from 0 to 1",),
          "theory.md 2", ATTRIBUTIONS, witness=pace_witness),
)  # fmt: skip
