"""Are rules that weigh a layer's gradients by its velocities told from Stieltjes sums, and judged by a bound that holds?"""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from ig_props.attributors.plain import Plain
from ig_props.attributors.protocol import Kind, Traits
from ig_props.checking.answers import answer
from ig_props.checking.layer_sums import quadrature, rounding, width
from ig_props.claims.case import Case
from ig_props.networks.network import Affine, Network, Node, Relu
from ig_props.oracles.layers import layer_oracle
from property_tests.controls import CONTROLS
from property_tests.mutants import MUTANTS
from property_tests.mutants._base import Target, checked
from property_tests.mutants.layers import slopes_at

PAIR = Network(
    (1,),
    (
        Node(Affine(((1.0,), (-1.0,)), (0.0, 0.0)), (0,)),
        Node(Relu(), (1,)),
        Node(Affine(((1.0, -1.0),), (0.0,)), (2,)),
        Node(Affine(((1.0,),), (0.0,)), (3,)),
    ),
)
"""relu(x) - relu(-x) = x, the layer being value 3: at 0 its derivative is 0 by automatic differentiation, and 1 elsewhere."""
CASE = Case(PAIR, ((1.0,),), ((-1.0,),), (0,), 8, layer=3)
NAMES = ["velocities_of_one_node_too_few", "velocity_of_the_middle"]


def left_velocities(
    model: nn.Module, layer: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    """Nodes k/n, one of which lies on both kinks of `PAIR`."""
    x, b, classes = checked(inputs, baselines, target, n_steps)
    found = []
    for k in range(n_steps):
        point = b + k / n_steps * (x - b)
        velocity = torch.func.jvp(model, (point,), (x - b,))[1]  # the model's head is the identity
        found.append(slopes_at(model, layer, point, classes) * velocity)
    return torch.stack(found).detach().mean(0)


def plain(subject: object) -> Plain:
    return Plain(subject, "code", Traits(Kind.LAYER_INTEGRAL))  # type: ignore[arg-type]


@pytest.mark.parametrize("n", [1, 8, 50, 300])
def test_velocities_are_recognised_at_every_number_of_steps(n: int) -> None:
    assert 0.5 <= width(plain(CONTROLS["forward_mode_velocities"].subject), n) <= 8.0
    assert width(plain(CONTROLS["trapezoidal_layer_sum"].subject), n) == 0.0


@pytest.mark.parametrize("name", NAMES)
def test_wrong_velocities_are_not_taken_for_right_ones(name: str) -> None:
    wrong = plain(MUTANTS[name].subject)
    known = layer_oracle(PAIR, 0, (1.0,), (-1.0,), 3, False)
    # with few steps the velocity of the middle is what a rule with one wide node does
    assert width(wrong, 50) == 0.0
    assert quadrature(wrong, replace(CASE, n_steps=50), known).tolist() == known.quadrature(50).tolist()


def test_a_node_on_two_kinks_is_within_the_bound() -> None:
    known = layer_oracle(PAIR, 0, (1.0,), (-1.0,), 3, False)
    assert known.quadrature(8).tolist() == [0.0]
    code = plain(left_velocities)
    lost = abs(known.mid[0] - 2 * 7 / 8)
    assert lost == 2 / 8  # one of eight velocities of 2 is 0
    assert lost <= known.moving(8, 1.0)[0]
    assert rounding(code, CASE, known, 2.0**-53)[0] >= known.rounding(2.0**-53, 8)[0]


def test_automatic_differentiation_loses_that_much() -> None:
    (found,) = answer(plain(left_velocities), CASE)
    assert found.tolist() == [2 * 7 / 8]
