"""Are the bounds sound for what rounding does at kinks, and for a named rule's own sum? Real runs in low precision."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ig_props.networks.network import (
    Affine,
    AvgPool2d,
    Conv2d,
    Flatten,
    MaxPool2d,
    Network,
    NetworkError,
    Node,
    Relu,
    Softmax,
)
from ig_props.networks.torch_ import TorchNetwork
from ig_props.oracles.exact import path_oracle
from ig_props.oracles.nodes import rule_sum
from ig_props.quadrature import RULES, Rule
from ig_props.strategies import networks as nets
from ig_props.strategies.cases import IMAGES, VECTORS, point

EPS = {torch.float64: 2.0**-52, torch.float32: 2.0**-23, torch.bfloat16: 2.0**-7}
Point = tuple[float, ...]


def run(network: Network, x: Point, baseline: Point, rule: Rule, dtype: torch.dtype) -> np.ndarray:
    """The rule as code under test computes it, in one dtype throughout."""
    start, end = (torch.tensor(p, dtype=dtype) for p in (baseline, x))
    nodes, weights = (torch.tensor(v, dtype=torch.float64).to(dtype) for v in (rule.nodes, rule.weights))
    points = (start + nodes[:, None] * (end - start)).reshape(-1, *network.input_shape).requires_grad_()
    (gradient,) = torch.autograd.grad(TorchNetwork(network, dtype)(points)[:, 0].sum(), points)
    return ((weights[:, None] * gradient.reshape(len(nodes), -1)).sum(0) * (end - start)).double().numpy()


@st.composite
def examples(draw: st.DrawFn) -> tuple[Network, Point, Point]:
    network = draw(nets.piecewise_linear(draw(st.sampled_from((*VECTORS, IMAGES[0], IMAGES[2]))), 1))
    return network, draw(point(network.size)), draw(point(network.size))


@settings(max_examples=60)
@given(examples(), st.sampled_from(sorted(RULES)), st.sampled_from((3, 9, 33)), st.sampled_from(sorted(EPS, key=str)))
def test_answers_in_any_precision_are_within_the_budget(
    example: tuple[Network, Point, Point], name: str, n: int, dtype: torch.dtype
) -> None:
    network, x, baseline = example
    known, rule = path_oracle(network, 0, x, baseline), RULES[name](n)
    try:
        received = run(network, x, baseline, rule, dtype)
    except NetworkError:
        assume(False)
    slack = np.array(known.radius) + known.quadrature(n) + known.rounding(EPS[dtype], n)
    assert (np.abs(received - np.array(known.mid)) <= slack).all()
    nodes = rule_sum(network, 0, x, baseline, rule, EPS[dtype])
    assert (np.abs(received - nodes.mid) <= nodes.rounding).all()


def trained(pool: type[MaxPool2d] | type[AvgPool2d], smooth: bool = False) -> Network:
    """A convolutional network with weights as training leaves them: no two kinks at one place."""
    g = np.random.default_rng(3)

    def floats(*shape: int) -> tuple[object, ...]:
        def nested(a: object) -> object:
            return tuple(map(nested, a)) if isinstance(a, list) else a

        return nested((g.normal(size=shape) / 2).astype(np.float32).astype(float).tolist())  # type: ignore[return-value]

    ops = [
        Conv2d(floats(2, 1, 3, 3), floats(2), (1, 1), (1, 1)), Relu(), pool((2, 2), (2, 2)),  # type: ignore[arg-type]
        Conv2d(floats(3, 2, 3, 3), floats(3), (1, 1), (1, 1)), Relu(), Flatten(),  # type: ignore[arg-type]
        Affine(floats(3, 27), floats(3)), *([Softmax()] if smooth else []),  # type: ignore[arg-type]
    ]  # fmt: skip
    return Network((1, 6, 6), tuple(Node(op, (k,)) for k, op in enumerate(ops)))


IMAGE = tuple((np.random.default_rng(5).integers(0, 17, 36) / 16).tolist())
BLANK = (0.0,) * 36


@pytest.mark.parametrize("pool", [MaxPool2d, AvgPool2d])
@pytest.mark.parametrize("n", [8, 50, 333])
def test_single_precision_stays_within_a_budget_that_still_says_something(
    pool: type[MaxPool2d] | type[AvgPool2d], n: int
) -> None:
    network, rule = trained(pool), RULES["midpoint"](n)
    known = path_oracle(network, 0, IMAGE, BLANK)
    received = run(network, IMAGE, BLANK, rule, torch.float32)
    rounding = np.array(known.rounding(EPS[torch.float32], n))
    assert (np.abs(received - np.array(known.mid)) <= known.quadrature(n) + rounding).all()
    assert np.median(rounding) < 0.05 * max(map(abs, known.mid))
    nodes = rule_sum(network, 0, IMAGE, BLANK, rule, EPS[torch.float32])
    assert (np.abs(received - nodes.mid) <= nodes.rounding).all()
    assert np.median(nodes.rounding) < 1e-3 * max(map(abs, known.mid))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_named_rule_is_known_to_rounding_where_kinks_and_smooth_nodes_mix(dtype: torch.dtype) -> None:
    network, rule = trained(AvgPool2d, smooth=True), RULES["gauss-legendre"](20)
    received = run(network, IMAGE, BLANK, rule, dtype)
    nodes = rule_sum(network, 0, IMAGE, BLANK, rule, EPS[dtype])
    assert (np.abs(received - nodes.mid) <= nodes.rounding).all()
    other = rule_sum(network, 0, IMAGE, BLANK, RULES["midpoint"](20), EPS[torch.float64])
    assert (np.abs(received - other.mid) > other.rounding).any()


def test_one_turning_gate_adds_no_more_variation_than_its_jump() -> None:
    """relu(z) twice through weights of opposite signs: intervals that forget where they come from would add 3 |w|."""
    nodes = (
        Node(Affine(((1.0,),), (-0.5,)), (0,)),
        Node(Relu(), (1,)),
        Node(Affine(((2.0,), (-2.0,)), (1.0, 1.0)), (2,)),
        Node(Affine(((1.0, 0.5),), (0.0,)), (3,)),
    )
    known = path_oracle(Network((1,), nodes), 0, (1.0,), (0.0,))
    assert known.variation[0] == pytest.approx(1.0)
    assert known.score_variation == pytest.approx(1.0)
