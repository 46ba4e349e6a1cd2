"""Is the exact oracle right? Against completeness, brute force, a second evaluation and what torch really does."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from ig_props.networks.network import Add, Affine, Network, Node, Relu, Tanh
from ig_props.networks.torch_ import TorchNetwork
from ig_props.oracles.exact import path_attribution, path_oracle
from ig_props.oracles.oracle import NoOracle
from ig_props.quadrature import RULES
from ig_props.strategies import networks as nets
from ig_props.strategies.cases import IMAGES, VECTORS, point

SHAPES = st.sampled_from((*VECTORS, IMAGES[0], IMAGES[2]))
Drawn = tuple[Network, tuple[float, ...], tuple[float, ...]]


@st.composite
def segments(draw: st.DrawFn) -> Drawn:
    network = draw(nets.piecewise_linear(draw(SHAPES), 1))
    return network, draw(point(network.size)), draw(point(network.size))


@given(segments())
def test_rational_attributions_are_complete_to_the_last_digit(drawn: Drawn) -> None:
    known = path_oracle(drawn[0], 0, *drawn[1:])
    assume(known.exact is not None)
    assert known.exact is not None
    values = TorchNetwork(drawn[0])(torch.tensor(drawn[1:], dtype=torch.float64).reshape(2, *drawn[0].input_shape))
    assume(max(map(abs, (*drawn[1], *drawn[2]))) <= 8)
    assert sum(known.exact) == Fraction(values[0, 0].item()) - Fraction(values[1, 0].item())


def gradients(network: Network, points: np.ndarray) -> np.ndarray:
    x = torch.tensor(points.reshape(-1, *network.input_shape), requires_grad=True)
    (g,) = torch.autograd.grad(TorchNetwork(network)(x).sum(), x)
    return g.reshape(len(points), -1).numpy()


@given(segments(), st.sampled_from(sorted(RULES)), st.sampled_from((3, 5, 9, 17, 33)))
def test_every_rule_is_within_the_variation_bound_of_the_oracle(drawn: Drawn, name: str, n: int) -> None:
    """`QUAD.variation_bound` with torch's own gradients, kinks at nodes included."""
    network, x, b = drawn
    known = path_oracle(network, 0, x, b)
    rule = RULES[name](n)
    start, step = np.array(b), np.array(x) - np.array(b)
    values = gradients(network, start + np.array(rule.nodes)[:, None] * step)
    received = step * (np.array(rule.weights) @ values)
    slack = np.array(known.radius) + known.quadrature(n) + known.rounding(2.0**-52, n)
    assert (np.abs(received - np.array(known.mid)) <= slack).all()


@given(segments())
def test_fine_midpoint_sums_approach_the_oracle(drawn: Drawn) -> None:
    """An oracle that was wrong by more than its own variation allows at 4,096 nodes would show here."""
    network, x, b = drawn
    known = path_oracle(network, 0, x, b)
    n = 4096
    start, step = np.array(b), np.array(x) - np.array(b)
    received = step * gradients(network, start + ((np.arange(n) + 0.5) / n)[:, None] * step).mean(axis=0)
    slack = np.array(known.radius) + known.quadrature(n, 1.0) + known.rounding(2.0**-52, n)
    assert (np.abs(received - np.array(known.mid)) <= slack).all()


def test_a_tie_gives_an_interval_that_holds_every_implementation() -> None:
    nodes = (
        Node(Affine(((1.0, -1.0),), (0.0,)), (0,)),
        Node(Relu(), (1,)),
        Node(Affine(((0.0, 1.0),), (0.0,)), (0,)),
        Node(Add(), (2, 3)),
    )
    known = path_oracle(Network((2,), nodes), 0, (1.0, 1.0), (0.0, 0.0))
    assert known.ties
    assert known.exact is None
    for lowest, highest in zip(np.subtract(known.mid, known.radius), np.add(known.mid, known.radius), strict=True):
        assert lowest <= 0.0
        assert highest >= 1.0


def test_polygonal_paths_are_exact() -> None:
    """max(x0 - 1/2, 0) + x1 along (0,0) -> (0,1) -> (1,1)."""
    nodes = (
        Node(Affine(((1.0, 0.0),), (-0.5,)), (0,)),
        Node(Relu(), (1,)),
        Node(Affine(((0.0, 1.0),), (0.0,)), (0,)),
        Node(Add(), (2, 3)),
    )
    assert path_attribution(Network((2,), nodes), 0, ((0.0, 0.0), (0.0, 1.0), (1.0, 1.0))) == (Fraction(1, 2), 1)


def test_networks_outside_the_oracle_are_refused_with_the_reason() -> None:
    network = Network((1,), (Node(Affine(((1.0,),), (0.0,)), (0,)),))
    assert path_oracle(network, 0, (1.0,), (0.0,)).exact == (Fraction(1),)
    smooth = Network((1,), (Node(Tanh(), (0,)),))
    with pytest.raises(NoOracle, match="tanh"):
        path_oracle(smooth, 0, (1.0,), (0.0,))
