"""Do the attributions add up to the difference of the score?"""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction
from itertools import product

import numpy as np
from hypothesis import strategies as st

from ig_props.attributors.protocol import Attributor, Kind, Traits, drawn_dtypes
from ig_props.checking.calling import attributions
from ig_props.checking.judging import agreement, allowance, compare, constant, judged
from ig_props.claims.case import Case, Situation
from ig_props.claims.claim import ATTRIBUTIONS, Claim, ClaimKind
from ig_props.claims.witnesses.polynomials import attributions as polynomial_attributions
from ig_props.claims.witnesses.polynomials import curve
from ig_props.findings import Outcome, Verdict
from ig_props.networks.network import Add, Affine, Network, Node, Relu, Shape
from ig_props.strategies import networks as nets
from ig_props.strategies.cases import Space, admissible_steps, around, settled, situations
from ig_props.strategies.layers import from_space


def residual(attributor: Attributor, case: Case) -> Outcome:
    """Σ_i A_i against F(x) - F(x') within the quadrature error of the score's own derivative (`IG.discrete_residual`)."""
    allowed = allowance(attributor, case)
    if attributor.traits.kind is Kind.PATH and not case.network.affine:
        return Outcome(Verdict.INCONCLUSIVE, "no budget is known for a nonlinear network on an unknown path")
    received = attributions(attributor, case)
    sums = [[math.fsum(row) if np.isfinite(row).all() else math.nan] for row in received]
    c = constant(attributor, case)
    return compare(
        lambda row, _: "sum of the attributions" + (f", sample {row}" if len(case.inputs) > 1 else ""),
        np.array(sums),
        np.array([[o.difference[0]] for o in allowed.oracles]),
        radius=np.array([[o.difference[1]] for o in allowed.oracles]),
        quadrature=np.array([[o.completeness_budget(case.n_steps, c)] for o in allowed.oracles]),
        rounding=allowed.rounding.sum(axis=1, keepdims=True),
        float32=allowed.float32.sum(axis=1, keepdims=True),
        how="F(x) - F(x')",
    )


@st.composite
def tied(draw: st.DrawFn, shape: Shape, classes: int) -> Network:
    """Rectified networks whose first weights sum to zero row by row: on constant inputs every unit sits on its kink."""
    size = math.prod(shape)
    width = draw(st.integers(1, 3))
    rows = []
    for _ in range(width):
        row = [draw(nets.weights()) for _ in range(size - 1)]
        rows.append((*row, -sum(row)))
    inner = Affine(tuple(rows), (0.0,) * width)
    bypass = nets.affine_op(draw, size, classes)
    gate = draw(st.sampled_from(nets.GATES))
    nodes = (Node(inner, (0,)), Node(gate, (1,)), Node(nets.affine_op(draw, width, classes), (2,)), Node(bypass, (0,)))
    return Network(shape, (*nodes, Node(Add(), (3, 4))))


@st.composite
def tied_cases(draw: st.DrawFn, traits: Traits) -> Case:
    """Constant inputs on constant baselines through tied networks: the whole path runs inside ties."""
    size = draw(st.integers(2, 4))
    network = draw(tied((size,), draw(st.integers(1, 3))))
    space = Space(batches=False)
    situation = draw(situations(traits, space, (size,), network.classes, 1))
    ends = [float(draw(st.sampled_from((1, 0, -1, 2, 3)))) for _ in range(2)]
    start = ends[1] if "baselines" in traits.accepts else 0.0
    n_steps = draw(st.sampled_from(admissible_steps(traits))) if traits.has_steps else 50
    target = draw(st.integers(0, network.classes - 1))
    return Case(network, ((ends[0],) * size,), ((start,) * size,), (target,), n_steps, situation)


def cantor(k: int) -> Network:
    """The k-th approximant of the Cantor function on [0, 3^k] as a one-dimensional rectified network.

    In the coordinate z / 3^k its slopes are 0 and (3/2)^k; here they are 0 and 2^-k, a dyadic number.
    """
    lefts = [sum(2 * digit * 3**i for i, digit in enumerate(digits)) for digits in product((0, 1), repeat=k)]
    biases = tuple(-float(end) for left in lefts for end in (left, left + 1))
    signs = tuple((1.0 if j % 2 == 0 else -1.0) * 2.0**-k for j in range(len(biases)))
    rows = ((1.0,),) * len(biases)
    return Network((1,), (Node(Affine(rows, biases), (0,)), Node(Relu(), (1,)), Node(Affine((signs,), (0.0,)), (2,))))


@st.composite
def cantor_cases(draw: st.DrawFn, traits: Traits) -> Case:
    k = draw(st.integers(1, 4))
    n_steps = draw(st.sampled_from(admissible_steps(traits))) if traits.has_steps else 50
    return Case(cantor(k), ((float(3**k),),), ((0.0,),), (0,), n_steps, Situation(dtype=drawn_dtypes(traits)[0]))


def cantor_witness() -> str:
    """Every approximant is complete, while left sums with 3^j steps return (3/2)^k (…) whatever the difference is."""
    from ig_props.networks.exact import ZERO, restrict
    from ig_props.oracles import exact

    for k in range(1, 6):
        known = exact.path_oracle(cantor(k), 0, (float(3**k),), (0.0,))
        assert known.exact == (Fraction(1),), f"approximant {k} is not complete"
    steps = 4
    pieces = restrict(cantor(5), (243.0,), (0.0,))
    slopes = [p.forms[-1].slope[0] for node in range(steps) for p in pieces if p.start <= _middle(node, steps) < p.end]
    midpoint = sum(slopes, ZERO) / steps
    assert midpoint != 1
    return (
        f"approximants 1 to 5 of the Cantor function have IG 1 = F(1) - F(0) exactly; the midpoint rule with {steps} steps "
        f"returns {exact.to_fraction(midpoint)} for the fifth, and the limit has gradient 0 almost everywhere"
    )


def _middle(node: int, steps: int):  # type: ignore[no-untyped-def]
    from flint import fmpq

    return fmpq(2 * node + 1, 2 * steps)


@st.composite
def compensated_cases(draw: st.DrawFn, traits: Traits) -> Case:
    """H(z_0) - H(z_1) + w·z with equal first coordinates: the residual of any rule is 0 whatever it attributes to them."""
    size = draw(st.integers(2, 3))
    kinks = draw(st.integers(1, 2))
    shifts = [draw(nets.choice((0.0, -0.5, -1.0, 0.5, -0.25, -1.5))) for _ in range(kinks)]
    rows = [tuple(float(k == i) for k in range(size)) for i in (0, 1) for _ in shifts]
    height = draw(nets.choice((1.0, 2.0, -1.0, 4.0)))
    inner = Affine(tuple(rows), tuple(shifts * 2))
    head = Affine(((height,) * kinks + (-height,) * kinks,), (0.0,))
    bypass = nets.affine_op(draw, size, 1)
    nodes = (Node(inner, (0,)), Node(Relu(), (1,)), Node(head, (2,)), Node(bypass, (0,)), Node(Add(), (3, 4)))
    case = draw(around(Network((size,), nodes), traits, Space(batches=False, images=False)))
    ends = [tuple((p[0], p[0], *p[2:]) for p in points) for points in (case.inputs, case.baselines)]
    changed = replace(case, inputs=ends[0], baselines=ends[1])
    return replace(changed, situation=settled(changed))


def residual_witness() -> str:
    """F = relu(z0 - 1/2) - relu(z1 - 1/2): the residual of any rule is zero while both attributions are wrong."""
    from ig_props.networks.exact import gradient, restrict
    from ig_props.oracles import exact

    nodes = (
        Node(Affine(((1.0, 0.0), (0.0, 1.0)), (-0.25, -0.25)), (0,)),
        Node(Relu(), (1,)),
        Node(Affine(((1.0, -1.0),), (0.0,)), (2,)),
    )
    network = Network((2,), nodes)
    known = exact.path_oracle(network, 0, (1.0, 1.0), (0.0, 0.0))
    assert known.exact == (Fraction(3, 4), Fraction(-3, 4))
    (state,) = (p.states for p in restrict(network, (1.0, 1.0), (0.0, 0.0)) if p.end == 1)
    midpoint, _ = gradient(network, state, 0)
    assert midpoint[0] + midpoint[1] == 0
    assert exact.to_fraction(midpoint[0]) != known.exact[0]
    return (
        "F = relu(x0 - 1/4) - relu(x1 - 1/4) from (0, 0) to (1, 1): the midpoint rule with one step returns (1, -1), whose "
        "sum is F(x) - F(x') = 0 exactly, while IG is (3/4, -3/4)"
    )


PIECEWISE = Space(families=(nets.piecewise_linear,))
SMOOTH = Space(families=(nets.smooth,), images=False, far=False, rows=(1, 1, 2))


def chain_witness() -> str:
    """x_0² x_1 + x_1 along (t², t³ - t), where the chain rule holds everywhere."""
    path = (curve(0, 0, 1), curve(0, -1, 0, 1))
    found = polynomial_attributions((lambda a, b: 2 * a * b, lambda a, b: a**2 + 1), path)
    assert sum(found) == 0
    return f"x0²x1 + x1 along (t², t³ - t): attributions {found[0]} and {found[1]}, F(x) - F(x') = 0"


CLAIMS = (
    Claim(
        "PATH.completeness",
        "completeness",
        ClaimKind.THEOREM,
        "where the chain rule holds at almost every point of the path, the attributions add up to F(x) - F(x')",
        ("F∘g is absolutely continuous", "(F∘g)' = Σ_i v_i g_i' almost everywhere, v the gradient used"),
        "1703.01365 Proposition 1, with its premises; 2103.13533",
        ATTRIBUTIONS,
        witness=chain_witness,
    ),
    Claim(
        "PATH.completeness.piecewise",
        "completeness",
        ClaimKind.THEOREM,
        "the attributions of a piecewise-linear network add up to F(x) - F(x')",
        ("F∘g is continuous and C¹ off finitely many breakpoints with one-sided limits",),
        "2103.13533; IG.discrete_residual for the budget of a rule with n nodes",
        ATTRIBUTIONS,
        from_space(PIECEWISE),
        judged(residual, by_nodes=False),
    ),
    Claim(
        "PATH.completeness.smooth",
        "completeness",
        ClaimKind.THEOREM,
        "the attributions of a C¹ network add up to F(x) - F(x')",
        ("F is C¹, so the chain rule holds along every path",),
        "1703.01365 Proposition 1; 2103.13533",
        frozenset({Kind.IG}),
        from_space(SMOOTH),
        judged(residual, by_nodes=False),
    ),
    Claim(
        "PATH.completeness.autodiff",
        "completeness",
        ClaimKind.THEOREM,
        "completeness holds with any value of the derivative at a kink, also where the path runs inside a tie",
        ("F is a program of affine, smooth and piecewise-affine nodes", "the path is absolutely continuous"),
        "theory.md 1",
        frozenset({Kind.IG}),
        tied_cases,
        judged(residual, by_nodes=False),
    ),
    Claim(
        "PATH.completeness.cantor",
        "completeness",
        ClaimKind.COUNTEREXAMPLE,
        "differentiable almost everywhere is not enough for completeness: the Cantor function; its approximants are "
        "complete and stress every rule with a fixed number of steps",
        (),
        "corrects 1703.01365 Proposition 1",
        frozenset({Kind.IG}),
        cantor_cases,
        judged(agreement),
        cantor_witness,
    ),
    Claim(
        "IG.discrete_residual",
        "completeness",
        ClaimKind.COUNTEREXAMPLE,
        "the completeness residual is the quadrature error of one scalar function and can vanish while the attributions "
        "are wrong",
        (),
        "theory.md 1",
        frozenset({Kind.IG}),
        compensated_cases,
        judged(agreement),
        residual_witness,
    ),
)
