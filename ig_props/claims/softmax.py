"""What does the softmax hide, and what does an explanation before it reveal that the probabilities do not hold?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import product

import numpy as np
from hypothesis import strategies as st

from ig_props.attributors.protocol import Attributor, Traits
from ig_props.checking.calling import attributions
from ig_props.checking.judging import Array, allowance, compare, coordinate, judged
from ig_props.claims.case import Case
from ig_props.claims.claim import INTEGRATED, Cases, Claim, ClaimKind
from ig_props.findings import Outcome
from ig_props.networks.network import Add, Affine, Conv2d, Flatten, Network, Node, Softmax
from ig_props.strategies import networks as nets
from ig_props.strategies.cases import FEW_STEPS, Space, around
from ig_props.strategies.rewrites import append

SLOPES = (1.0, -1.0, 0.5, -0.25, 2.0, -3.0, 0.0)
SPACE = Space(images=False, far=False, steps=FEW_STEPS, rows=(1, 1, 2))


def shifted(network: Network, slopes: Sequence[float], offset: float = 0.0) -> Network:
    """The network with slopes·z + offset added to every score."""
    rows = (tuple(slopes),) * network.classes
    source, nodes = 0, list(network.nodes)
    scores = len(nodes)
    if len(network.input_shape) > 1:
        nodes.append(Node(Flatten(), (0,)))
        source = len(nodes)
    nodes.append(Node(Affine(rows, (offset,) * network.classes), (source,)))
    return Network(network.input_shape, (*nodes, Node(Add(), (scores, len(nodes)))))


def _both(attributor: Attributor, first: Case, second: Case) -> list[Array]:
    """Radius, quadrature, rounding and float32 rounding of a difference of two answers."""
    a, b = allowance(attributor, first), allowance(attributor, second)
    return [a.radius + b.radius, a.quadrature + b.quadrature, a.rounding + b.rounding, a.float32 + b.float32]


def unmoved(attributor: Attributor, case: Case) -> Outcome:
    """Post-softmax attributions of a model and of one whose logits are shifted by an affine function of the input."""
    assert case.other is not None
    other = replace(case, network=case.other)
    radius, quadrature, rounding, single = _both(attributor, case, other)
    return compare(
        coordinate(case), attributions(attributor, other), attributions(attributor, case), radius=radius,
        quadrature=quadrature, rounding=rounding, float32=single, how="the same probabilities from logits without a shift",
    )  # fmt: skip


def moved(attributor: Attributor, case: Case) -> Outcome:
    """Pre-softmax attributions move by the slopes of the shift times the displacement, and by nothing else."""
    assert case.other is not None
    other = replace(case, network=case.other)
    radius, quadrature, rounding, single = _both(attributor, case, other)
    slopes = np.array(case.numbers["slopes"])
    wanted = slopes * (np.array(case.inputs) - np.array(case.baselines))
    return compare(
        coordinate(case), attributions(attributor, other), attributions(attributor, case) + wanted, radius=radius,
        quadrature=quadrature, rounding=rounding, float32=single, how="the attribution before the shift, plus the shift's own",
    )  # fmt: skip


def _cases(smooth: bool) -> Cases:
    """Classifiers and the same with an affine function of the input added to all logits."""

    @st.composite
    def build(draw: st.DrawFn, traits: Traits) -> Case:
        size, classes = draw(st.integers(1, 3)), draw(st.integers(2, 4))
        family = nets.CURVES if smooth else nets.GATES
        logits = draw(nets.layered((size,), classes, family, max_depth=1, max_width=3, scales=(1.0,)))
        slopes = tuple(draw(nets.vector(size, SLOPES)))
        other = shifted(logits, slopes, draw(nets.choice((0.0, 1.0, -8.0))))
        if smooth:
            logits, other = append(logits, Softmax()), append(other, Softmax())
        case = draw(around(logits, traits, SPACE))
        return replace(case, other=other, numbers={"slopes": slopes})

    return lambda traits: build(traits) if "vectors" in traits.accepts else None


def _softmax(weights: Sequence[Fraction]) -> list[Fraction]:
    """Probabilities from w_j = exp z_j, which may be any positive numbers."""
    return [w / sum(weights) for w in weights]


WEIGHTS = [
    (Fraction(1), Fraction(2), Fraction(3)),
    (Fraction(1, 7), Fraction(5), Fraction(5)),
    (Fraction(9), Fraction(1)),
]


def shift_witness() -> str:
    """A shift by t multiplies every exp z_j by exp t, which cancels."""
    for weights, factor in product(WEIGHTS, (Fraction(1, 1000), Fraction(3), Fraction(10**6))):
        assert _softmax([factor * w for w in weights]) == _softmax(weights)
    return "exact at nine pairs of rational exp z and exp t; the common factor cancels for all of them"


def _slopes(weights: Sequence[Fraction], c: int, slopes: Sequence[Fraction]) -> tuple[list[Fraction], Fraction]:
    """y and ∂y_c by the quotient rule on w_c / Σw, where ∂w_j = w_j ∂z_j."""
    total = sum(weights)
    grown = [w * s for w, s in zip(weights, slopes, strict=True)]
    return _softmax(weights), (grown[c] * total - weights[c] * sum(grown)) / total**2


def gradient_witness() -> str:
    """∂y_c by the quotient rule against y_c Σ_{j≠c} y_j (∂z_c - ∂z_j), and ∂ log y_c = ∂y_c / y_c likewise."""
    count = 0
    for weights in WEIGHTS:
        for c in range(len(weights)):
            for shape in ((1, -2, 5), (0, 0, 1), (Fraction(1, 3), 4, 4)):
                slopes = [Fraction(s) for s in shape[: len(weights)]]
                y, own = _slopes(weights, c, slopes)
                inner = sum((y[j] * (slopes[c] - slopes[j]) for j in range(len(y)) if j != c), Fraction(0))
                assert own == y[c] * inner
                assert own / y[c] == inner
                count += 1
    return f"both identities are exact at {count} rational points"


def saturation_witness() -> str:
    """|∂y_c| against y_c (1 - y_c) max_j |∂z_c - ∂z_j|, with equality for two classes; it vanishes as β grows."""
    for weights in WEIGHTS:
        for c in range(len(weights)):
            slopes = [Fraction(k * k - 2) for k in range(len(weights))]
            y, own = _slopes(weights, c, slopes)
            bound = y[c] * (1 - y[c]) * max(abs(slopes[c] - s) for s in slopes)
            assert abs(own) <= bound
            assert len(weights) > 2 or abs(own) == bound
    sizes = []
    for beta in (1, 4, 16):
        y, own = _slopes((Fraction(3) ** beta, Fraction(1)), 0, (Fraction(beta), Fraction(0)))
        assert own <= beta * Fraction(1, 3**beta)
        sizes.append(f"{float(own):.2g}")
    return f"holds at every point tried; for logits (β log 3, 0) the slope at β = 1, 4, 16 is {', '.join(sizes)}"


def attack_witness() -> str:
    """Equal probabilities, a wanted attribution before the softmax, and a channel weight moved by κ/(HW)."""
    from ig_props.networks.exact import restrict
    from ig_props.oracles import exact

    plain = Network((2,), (Node(Affine(((1.0, -1.0), (0.5, 2.0)), (0.0, 0.25)), (0,)),))
    x, b, wanted = (2.0, 1.0), (0.0, -1.0), (Fraction(-7), Fraction(40))
    own = exact.path_oracle(plain, 0, x, b).exact
    assert own is not None
    slopes = [(w - a) / Fraction(p - q) for w, a, p, q in zip(wanted, own, x, b, strict=True)]
    attacked = shifted(plain, [float(s) for s in slopes])
    assert exact.path_oracle(attacked, 0, x, b).exact == wanted
    for point in ((0.0, 0.0), (3.0, -5.0), (100.0, 1.0)):
        scores = [
            exact.to_fraction(v) for n in (plain, attacked) for v in restrict(n, point, point)[0].forms[-1].constant
        ]
        assert scores[0] - scores[1] == scores[2] - scores[3]
    return (
        f"{plain}: IG of the first logit is {', '.join(map(str, own))}; with an affine shift of both logits it is "
        f"{', '.join(map(str, wanted))}, while their difference, hence every probability, stays the same. "
        f"{_corner()}"
    )


def _corner() -> str:
    """κ Σ_k A^k_00 on every logit moves the mean gradient of every channel by κ/(HW)."""
    from ig_props.networks import exact

    kappa, height, width, channels = 6.0, 2, 3, 2
    conv = Node(Conv2d((((((1.0,),),), (((-2.0,),),))), (0.0, 1.0)), (0,))
    flat = channels * height * width
    head = Affine((tuple(float(k % 3) for k in range(flat)), (0.0,) * flat), (0.0, 0.0))
    corner = tuple(kappa if k % (height * width) == 0 else 0.0 for k in range(flat))
    nodes = (
        conv,
        Node(Flatten(), (1,)),
        Node(head, (2,)),
        Node(Affine((corner, corner), (0.0, 0.0)), (2,)),
        Node(Add(), (3, 4)),
    )
    means = []
    for network in (Network((1, height, width), nodes[:3]), Network((1, height, width), nodes)):
        point = (1.0,) * (height * width)
        (piece,) = exact.restrict(network, point, point)
        low, _ = exact.gradient(network, piece.states, 0, 1)
        size = height * width
        means.append([sum(low[k * size : (k + 1) * size]) / size for k in range(channels)])
    assert all(b - a == 1 for a, b in zip(*means, strict=True))
    return "κ = 6 at the corner of a layer of 2 by 3 moves both channel weights by exactly 1"


def _claim(id_: str, statement: str, source: str, **rest: object) -> Claim:
    return Claim(id_, "softmax", ClaimKind.THEOREM, statement, source=f"{source}; theory.md 7", **rest)  # type: ignore[arg-type]


CLAIMS = (
    _claim("SOFTMAX.shift", "softmax(z + t·1) = softmax(z)", "2306.13197", witness=shift_witness),
    _claim("SOFTMAX.gradient", "∂y_c = y_c Σ_{j≠c} y_j (∂z_c - ∂z_j) and ∂ log y_c = Σ_{j≠c} y_j (∂z_c - ∂z_j)",
           "2306.13197", witness=gradient_witness),
    _claim("SOFTMAX.saturation", "|∂y_c| ≤ y_c (1 - y_c) max_j |∂z_c - ∂z_j|", "2306.13197; 2205.10900",
           witness=saturation_witness),
    _claim("SOFTMAX.attack", "an affine shift t(z) = Σ v_i (z_i - x'_i) / d_i of all logits adds exactly v to pre-softmax "
           "attributions and leaves every probability as it was", "2307.03305", kinds=INTEGRATED,
           premises=("v_i = 0 where d_i = 0",), cases=_cases(False), check=judged(moved), witness=attack_witness),
    _claim("SOFTMAX.implementation", "post-softmax attributions depend on the probabilities alone: a shift of all logits "
           "does not move them", "2306.13197; 2307.03305", kinds=INTEGRATED, cases=_cases(True), check=judged(unmoved)),
)  # fmt: skip
