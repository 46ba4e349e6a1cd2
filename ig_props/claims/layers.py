"""Do layer attributions integrate the score's gradient along the layer's own values?"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from hypothesis import strategies as st

from ig_props.attributors.protocol import Attributor, Kind, Traits
from ig_props.checking.answers import answer
from ig_props.checking.calling import EPSILON, FLOAT32
from ig_props.checking.judging import compare, judged
from ig_props.checking.layer_sums import quadrature, rounding
from ig_props.claims.case import Case
from ig_props.claims.claim import Claim, ClaimKind
from ig_props.claims.witnesses.polynomials import attributions, curve
from ig_props.findings import Outcome, Verdict
from ig_props.networks.network import Add, Affine, Network, Node, Relu
from ig_props.oracles.layers import LayerOracle, is_cut, layer_oracle
from ig_props.strategies import networks as nets
from ig_props.strategies.cases import Space
from ig_props.strategies.layers import from_space
from ig_props.strategies.wide import sweep_cases

LAYERS = frozenset({Kind.LAYER_INTEGRAL, Kind.LAYER_IG})


def _oracles(attributor: Attributor, case: Case) -> list[LayerOracle]:
    assert case.layer is not None
    straight = attributor.traits.kind is Kind.LAYER_IG
    return [
        layer_oracle(case.network, t, x, b, case.layer, straight)
        for x, b, t in zip(case.inputs, case.baselines, case.targets, strict=True)
    ]


def agreement(attributor: Attributor, case: Case) -> Outcome:
    """Every unit against the exact layer integral within the variation bound."""
    known = _oracles(attributor, case)
    eps = EPSILON[case.situation.dtype]
    return compare(
        lambda row, k: f"unit {k} of the layer" + (f", sample {row}" if len(known) > 1 else ""),
        answer(attributor, case),
        np.array([o.mid for o in known]),
        radius=np.array([o.radius for o in known]),
        quadrature=np.array([quadrature(attributor, case, o) for o in known]),
        rounding=np.array([rounding(attributor, case, o, eps) for o in known]),
        float32=np.array([rounding(attributor, case, o, max(eps, FLOAT32)) for o in known]),
        how="exact layer integral, piece by piece",
    )


def completeness(attributor: Attributor, case: Case) -> Outcome:
    """Σ_k RSI_k = S(x) - S(x') at a cut."""
    assert case.layer is not None
    if not is_cut(case.network, case.layer):
        return Outcome(Verdict.NOT_APPLICABLE, "the layer is not a cut")
    known = _oracles(attributor, case)
    eps = EPSILON[case.situation.dtype]
    return compare(
        lambda row, _: "sum over the layer" + (f", sample {row}" if len(known) > 1 else ""),
        answer(attributor, case).sum(axis=1, keepdims=True),
        np.array([[o.difference] for o in known]),
        quadrature=np.array([[quadrature(attributor, case, o).sum()] for o in known]),
        rounding=np.array([[rounding(attributor, case, o, eps).sum()] for o in known]),
        float32=np.array([[rounding(attributor, case, o, max(eps, FLOAT32)).sum()] for o in known]),
        how="S(x) - S(x')",
    )


_usual = from_space(Space(any_steps=True))


def _drawn(traits: Traits) -> st.SearchStrategy[Case] | None:
    """Layers of all sorts; every twelfth example sweeps thresholds behind a layer."""
    usual = _usual(traits)
    if usual is None or "vectors" not in traits.accepts:
        return usual
    return nets.choice((usual,) * 11 + (sweep_cases(traits),)).flatmap(lambda chosen: chosen)


def skip_witness() -> str:
    """relu(x0 + x1) + x0 - x1: the layer before the rectifier misses what the bypass carries."""
    nodes = (
        Node(Affine(((1.0, 1.0),), (0.0,)), (0,)),
        Node(Relu(), (1,)),
        Node(Affine(((1.0, -1.0),), (0.0,)), (0,)),
        Node(Add(), (2, 3)),
    )
    network = Network((2,), nodes)
    known = layer_oracle(network, 0, (2.0, 1.0), (0.0, 0.0), 1, False)
    assert (known.mid, known.difference, known.cut) == ((3.0,), 4.0, False)
    return (
        f"{network} from (0, 0) to (2, 1): the layer integral of x0 + x1 is 3, S(x) - S(x') is 4; the bypass carries 1"
    )


def space_witness() -> str:
    """Two paths through one layer: its own trajectory and the straight line between its ends."""
    nodes = (
        Node(Affine(((1.0,), (1.0,)), (0.0, -1.0)), (0,)),
        Node(Relu(), (1,)),
        Node(Affine(((1.0, 1.0),), (-1.0,)), (2,)),
        Node(Relu(), (3,)),
        Node(Affine(((1.0,),), (0.0,)), (4,)),
    )
    network = Network((1,), nodes)
    own = layer_oracle(network, 0, (2.0,), (0.0,), 2, False)
    line = layer_oracle(network, 0, (2.0,), (0.0,), 2, True)
    assert sum(own.mid) == sum(line.mid) == own.difference
    assert own.mid != line.mid
    values = [", ".join(str(Fraction(v).limit_denominator(99)) for v in o.mid) for o in (own, line)]
    return f"{network} from 0 to 2: the layer integral of the two units is ({values[0]}), layer IG ({values[1]}); both complete"


def input_witness() -> str:
    """A layer that hands the input on: the exact layer integral is the exact attribution of the input."""
    from ig_props.oracles import exact

    nodes = (
        Node(Affine(((1.0, 0.0), (0.0, 1.0)), (0.0, 0.0)), (0,)),
        Node(Affine(((1.0, -2.0), (1.0, 1.0)), (0.5, -1.0)), (1,)),
        Node(Relu(), (2,)),
        Node(Affine(((3.0, -1.0),), (0.0,)), (3,)),
    )
    network = Network((2,), nodes)
    layer = layer_oracle(network, 0, (2.0, 1.0), (-1.0, 0.5), 1, False)
    whole = exact.path_oracle(network, 0, (2.0, 1.0), (-1.0, 0.5))
    assert layer.mid == whole.mid
    shown = ", ".join(str(v) for v in whole.exact or ())
    return f"{network} from (-1, 1/2) to (2, 1): both are ({shown})"


def rectified_witness() -> str:
    """x0 - x1: the gradient of x1 is negative, and rectified it adds nothing to the sum."""
    nodes = (Node(Affine(((1.0, 0.0), (0.0, 1.0)), (0.0, 0.0)), (0,)), Node(Affine(((1.0, -1.0),), (0.0,)), (1,)))
    network = Network((2,), nodes)
    signed, rectified = (layer_oracle(network, 0, (2.0, 1.0), (0.0, 0.0), 1, False, kind) for kind in (False, True))
    assert (sum(signed.mid), sum(rectified.mid), signed.difference) == (1.0, 2.0, 1.0)
    assert all(r >= s for r, s in zip(rectified.mid, signed.mid, strict=True))
    return f"{network} from (0, 0) to (2, 1): S(x) - S(x') is 1, and so is the signed sum; the rectified one is 2"


def saturation_witness() -> str:
    """softmax(β x0, 0) from 0 to 1, enclosed: the slope at the input vanishes, the integral does not."""
    from ig_props.networks.network import Softmax
    from ig_props.oracles import certified

    told = []
    for beta in (1.0, 4.0, 16.0, 64.0):
        network = Network((1,), (Node(Affine(((beta,), (0.0,)), (0.0, 0.0)), (0,)), Node(Softmax(), (1,))))
        known = certified.path_oracle(network, 0, (1.0,), (0.0,))
        y, radius = known.difference
        assert abs(known.mid[0] - y) <= known.radius[0] + radius
        rest = 1.0 / (1.0 + np.exp(beta))
        told.append((beta * rest * (1.0 - rest), known.mid[0]))
    assert all(a > b for (a, _), (b, _) in zip(told[1:-1], told[2:], strict=True))
    assert all(value > 0.23 for _, value in told)
    pairs = ", ".join(f"{slope:.1g} and {value:.3f}" for slope, value in told)
    return f"slope at the input and integral for β = 1, 4, 16, 64: {pairs}"


def pace_witness() -> str:
    """h = (t, t²) at the pace t and at the pace 3t² - 2t³."""
    slow = curve(0, 0, 3, -2)
    partials = (lambda a, b: 2 * a * b, lambda a, b: a**2)
    plain = attributions(partials, (curve(0, 1), curve(0, 0, 1)))
    paced = attributions(partials, (slow, slow**2))
    assert plain == paced
    return f"h0²h1 along (t, t²), and along it at the pace 3t² - 2t³: ({plain[0]}, {plain[1]}) both times"


CLAIMS = (
    Claim(
        "RSI.completeness", "layers", ClaimKind.THEOREM, "at a cut the layer's attributions add up to S(x) - S(x')",
        ("the score depends on the input only through the layer",), "2205.10900; theory.md 5", LAYERS,
        _drawn, judged(completeness, by_nodes=False),
    ),
    Claim(
        "RS.bounded_variation", "layers", ClaimKind.THEOREM,
        "layer attributions agree with the exact layer integral up to osc(f) Var(α) cell by cell",
        ("the rule's tags lie inside its cells",), "theory.md 4", LAYERS, _drawn, judged(agreement),
    ),
    Claim(
        "RSI.skip_deficit", "layers", ClaimKind.COUNTEREXAMPLE, "off a cut a bypass leaves a deficit", (),
        "theory.md 5", LAYERS, witness=skip_witness,
    ),
    Claim(
        "RSI.input_layer", "layers", ClaimKind.THEOREM, "at the input layer the layer integral is Integrated Gradients", (),
        "2205.10900; theory.md 5", LAYERS, witness=input_witness,
    ),
    Claim(
        "RSI.relu_breaks_completeness", "layers", ClaimKind.COUNTEREXAMPLE,
        "gradients that are rectified before they are integrated do not add up to S(x) - S(x')", (),
        "2205.10900; theory.md 5", LAYERS, witness=rectified_witness,
    ),
    Claim(
        "RSI.saturation", "layers", ClaimKind.THEOREM,
        "as the logits grow the gradient of a probability at the input vanishes, and the layer integrals still add up to "
        "y(x) - y(x')", ("the layer is a cut",), "2205.10900; theory.md 5", LAYERS, witness=saturation_witness,
    ),
    Claim(
        "RSI.path_space", "layers", ClaimKind.COUNTEREXAMPLE, "layer integrals and layer IG differ in general", (),
        "theory.md 5", LAYERS, witness=space_witness,
    ),
    Claim(
        "RSI.reparametrization", "layers", ClaimKind.THEOREM,
        "walking the path at another pace leaves layer attributions as they are", (), "2205.10900; theory.md 5", LAYERS,
        witness=pace_witness,
    ),
)  # fmt: skip
