"""Do all meanings of a network description agree, and does it survive its JSON form?"""

from __future__ import annotations

import json
from fractions import Fraction

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from ig_props.checking.calling import prepare
from ig_props.claims.case import Case, Situation
from ig_props.networks.exact import restrict
from ig_props.networks.formula import formula
from ig_props.networks.network import (
    Add,
    Affine,
    Flatten,
    Network,
    NetworkError,
    Node,
    Relu,
    network_from_json,
    network_to_text,
)
from ig_props.networks.torch_ import TorchNetwork
from ig_props.oracles.exact import to_fraction
from ig_props.strategies import networks as nets
from ig_props.strategies.cases import IMAGES, VECTORS, point

SHAPES = st.sampled_from((*VECTORS, *IMAGES))


@st.composite
def described(draw: st.DrawFn) -> Network:
    shape = draw(SHAPES)
    family = draw(st.sampled_from((nets.affine, nets.polynomial, nets.smooth, nets.piecewise_linear, nets.mixed)))
    return draw(family(shape, draw(st.integers(1, 3))))


@given(described())
def test_json_round_trip_is_the_identity(network: Network) -> None:
    assert network_from_json(json.loads(network_to_text(network))) == network


@settings(deadline=None)
@given(st.data())
def test_torch_in_float64_equals_the_rationals(data: st.DataObject) -> None:
    """Dyadic weights and lattice points are evaluated without rounding: equality, no tolerance."""
    shape = data.draw(SHAPES)
    network = data.draw(nets.piecewise_linear(shape, 2))
    x = data.draw(point(network.size).filter(lambda p: max(map(abs, p)) <= 8))
    scores = TorchNetwork(network)(torch.tensor([x], dtype=torch.float64).reshape(1, *shape))
    (piece,) = restrict(network, x, x)
    assert [to_fraction(v) for v in piece.forms[-1].constant] == [Fraction(s.item()) for s in scores[0]]


@given(st.data())
def test_every_odd_module_form_computes_the_same(data: st.DataObject) -> None:
    shape = data.draw(SHAPES)
    network = data.draw(nets.piecewise_linear(shape, 2))
    x = torch.tensor([data.draw(point(network.size))], dtype=torch.float64).reshape(1, *shape)
    plain = TorchNetwork(network)(x)
    for options in ({"inplace": True}, {"shared": True}, {"inplace": True, "shared": True}):
        before = x.clone()
        assert torch.equal(TorchNetwork(network, **options)(x), plain)
        assert torch.equal(x, before)


def test_the_textbook_network_reads_as_its_formula() -> None:
    nodes = (
        Node(Affine(((1.0, -1.0),), (0.0,)), (0,)),
        Node(Relu(), (1,)),
        Node(Affine(((0.0, 1.0),), (0.0,)), (0,)),
        Node(Add(), (2, 3)),
    )
    network = Network((2,), nodes)
    assert formula(network) == "relu(x0 - x1) + x1"


@given(described())
def test_formulas_stay_readable(network: Network) -> None:
    for target in range(network.classes):
        assert len(formula(network, target)) < 1000


@pytest.mark.parametrize(
    "damage",
    [
        lambda d: d.update(input_shape=[0]),
        lambda d: d.update(input_shape="2"),
        lambda d: d["nodes"].append({"op": "exec", "operands": [0]}),
        lambda d: d["nodes"][0].update(operands=[7]),
        lambda d: d["nodes"][0].update(weight=[[1.0, float("nan")]]),
        lambda d: d["nodes"][0].update(weight=[[1.0], [1.0, 2.0]]),
        lambda d: d["nodes"][0].update(weight=[]),
        lambda d: d["nodes"][0].update(extra=1),
        lambda d: d["nodes"][0].pop("bias"),
        lambda d: d.update(nodes=[]),
    ],
)
def test_damaged_descriptions_are_refused_in_one_sentence(damage: object) -> None:
    data = Network((2,), (Node(Affine(((1.0, -1.0),), (0.0,)), (0,)),)).to_json()
    data = json.loads(json.dumps(data))
    damage(data)  # type: ignore[operator]
    with pytest.raises(NetworkError) as caught:
        network_from_json(data)
    assert "\n" not in str(caught.value)


def test_a_weight_that_would_be_rounded_is_refused() -> None:
    network = Network((1,), (Node(Affine(((1.0 + 2.0**-30,),), (0.0,)), (0,)),))
    TorchNetwork(network, torch.float64)
    with pytest.raises(NetworkError, match="float32"):
        TorchNetwork(network, torch.float32)


def test_models_with_modes_have_one_gradient_whatever_the_strides() -> None:
    row = tuple(float(k % 5 - 2) for k in range(24))
    network = Network((3, 2, 4), (Node(Flatten(), (0,)), Node(Affine((row,), (0.0,)), (1,))))
    situation = Situation(layout="channels_last", modal=True)
    call = prepare(Case(network, (row, row[::-1]), ((0.0,) * 24,) * 2, (0, 0), situation=situation)).call
    assert isinstance(call.inputs, Tensor)
    one = call.inputs[1].unsqueeze(0).detach().requires_grad_()
    (found,) = torch.autograd.grad(call.model(one).sum(), one)
    assert found.flatten().tolist() == list(row)
