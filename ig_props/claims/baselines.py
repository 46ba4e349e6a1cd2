"""What does a baseline with uniform class probabilities promise, and what does the search for one return?"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
from hypothesis import strategies as st

from ig_props.attributors.protocol import Attributor, Traits
from ig_props.checking.calling import attributions
from ig_props.checking.judging import allowance, compare, constant, judged
from ig_props.claims.case import Case
from ig_props.claims.claim import INTEGRATED, Claim, ClaimKind
from ig_props.findings import Outcome, Verdict
from ig_props.networks.network import Affine, Network, Node, Softmax
from ig_props.strategies import networks as nets
from ig_props.strategies.cases import FEW_STEPS, Space, around, settled

SPACE = Space(images=False, far=False, steps=FEW_STEPS, rows=(1, 1, 2))


def _probability(case: Case, row: int) -> tuple[float, float]:
    """y_c at the input as a middle and a radius, from logits that are dyadic numbers."""
    from flint import arb

    op = case.network.nodes[0].op
    assert isinstance(op, Affine)
    x = [Fraction(v) for v in case.inputs[row]]
    logits = [
        sum(Fraction(w) * v for w, v in zip(r, x, strict=True)) + Fraction(b)
        for r, b in zip(op.weight, op.bias, strict=True)
    ]
    own = logits[case.targets[row]]
    ball = 1 / sum(((arb((z - own).numerator) / (z - own).denominator).exp() for z in logits), arb(0))
    return float(ball.mid()), float(ball.rad()) + 2.0**-52 * float(ball.mid())


def uniform_start(attributor: Attributor, case: Case) -> Outcome:
    """Σ_i A_i(y_c) = y_c(x) - 1/C, and the attributions of all classes add up to zero coordinate by coordinate."""
    own = _sums(attributor, case)
    return own if own.verdict is Verdict.REFUTED else _cancelling(attributor, case)


def _sums(attributor: Attributor, case: Case) -> Outcome:
    allowed, c = allowance(attributor, case), constant(attributor, case)
    known = [_probability(case, row) for row in range(len(case.inputs))]
    return compare(
        lambda row, _: "sum of the attributions" + (f", sample {row}" if len(known) > 1 else ""),
        attributions(attributor, case).sum(axis=1, keepdims=True),
        np.array([[mid - 1 / case.network.classes] for mid, _ in known]),
        radius=np.array([[radius] for _, radius in known]),
        quadrature=np.array([[o.completeness_budget(case.n_steps, c)] for o in allowed.oracles]),
        rounding=allowed.rounding.sum(axis=1, keepdims=True),
        float32=allowed.float32.sum(axis=1, keepdims=True),
        how="y_c(x) - 1/C",
    )


def _cancelling(attributor: Attributor, case: Case) -> Outcome:
    rows = len(case.inputs)
    each = [replace(case, targets=(k,) * rows) for k in range(case.network.classes)]
    allowed = [allowance(attributor, one) for one in each]
    total = np.sum([attributions(attributor, one) for one in each], axis=0)
    return compare(
        lambda row, i: f"attributions of x{i} over all classes" + (f", sample {row}" if rows > 1 else ""),
        total, np.zeros_like(total),
        radius=np.sum([a.radius for a in allowed], axis=0),
        quadrature=np.sum([a.quadrature for a in allowed], axis=0),
        rounding=np.sum([a.rounding for a in allowed], axis=0),
        float32=np.sum([a.float32 for a in allowed], axis=0),
        how="the probabilities add up to 1 everywhere",
    )  # fmt: skip


def _uniform_cases(traits: Traits) -> st.SearchStrategy[Case] | None:
    """Affine logits that are all zero at the baseline, and a softmax."""

    @st.composite
    def build(draw: st.DrawFn) -> Case:
        size, classes = draw(st.integers(1, 4)), draw(st.integers(2, 4))
        drawn = nets.affine_op(draw, size, classes, biased=False)
        case = draw(around(_classifier(size, drawn), traits, SPACE))
        start = case.baselines[0]
        bias = tuple(-sum(w * v for w, v in zip(row, start, strict=True)) for row in drawn.weight)
        network = _classifier(size, Affine(drawn.weight, bias))
        case = replace(case, network=network, baselines=(start,) * len(case.inputs))
        return replace(case, situation=settled(case))

    return build() if "vectors" in traits.accepts else None


def _classifier(size: int, op: Affine) -> Network:
    return Network((size,), (Node(op, (0,)), Node(Softmax(), (1,))))


def search_witness() -> str:
    """On a small classifier: what the search returns is no worse than where it began, in the box, and nearly uniform."""
    import torch

    from ig_props.methods.baselines import DISTANCES, OPTIMIZERS, uniform_baseline

    generator = torch.Generator().manual_seed(0)
    model = torch.nn.Linear(3, 4).double()
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(torch.randn(p.shape, dtype=torch.float64, generator=generator))
    start = torch.randn((2, 3), dtype=torch.float64, generator=generator).clamp(-1, 1)
    reached = []
    for optimizer in OPTIMIZERS:
        for distance in DISTANCES:
            found = uniform_baseline(model, start, optimizer=optimizer, distance=distance, steps=60, box=(-1.0, 1.0))
            assert bool((found.objective <= found.start_objective).all()), f"{optimizer}, {distance}"
            assert bool((found.baseline.abs() <= 1.0).all())
            reached.append(float(found.from_uniform.max()))
    return (
        f"{len(reached)} searches from one start end at most as far as they began, within the box; the nearest is "
        f"{min(reached):.1e} from uniform"
    )


CLAIMS = (
    Claim(
        "BASE.uniform", "baselines", ClaimKind.THEOREM,
        "from a baseline with uniform probabilities the attributions of class c add up to y_c(x) - 1/C, and those of all "
        "classes cancel", ("the probabilities at the baseline are 1/C",), "2204.06120; theory.md 8", INTEGRATED,
        _uniform_cases, judged(uniform_start),
    ),
    Claim(
        "BASE.search", "baselines", ClaimKind.THEOREM,
        "the search for a uniform baseline never ends worse than its start, stays in its box and tells its distance", (),
        "2204.06120; theory.md 8", INTEGRATED, witness=search_witness,
    ),
)  # fmt: skip
