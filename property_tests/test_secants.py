"""Is a cell-secant rule told from rules with nodes, and excused from nothing but their bounds?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ig_props.attributors.plain import Plain
from ig_props.attributors.protocol import Attributor, Kind, Traits
from ig_props.checking.secants import bends_in_series, beyond_bounds, is_secant
from ig_props.claims.case import Case
from ig_props.claims.registry import claims
from ig_props.findings import Verdict
from ig_props.integration.engine import integrated_gradients
from ig_props.integration.layers import layer_integral
from ig_props.networks.network import Affine, Network, Node, Relu, Tanh

Function = Callable[..., Tensor]
OPEN = Affine(((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)), (0.0, 0.0, 0.0))
HEAD = Affine(((-1.0, 1.0, 1.0),), (0.0,))
DEEP = Network(
    (3,), tuple(Node(op, (k,)) for k, op in enumerate((OPEN, Relu(), HEAD, Relu(), Affine(((1.0,),), (0.0,)))))
)
"""relu(-relu(x0) + relu(x1) + relu(x2)): from (256, 1, 192) to (-2, 1, -6) its slope along x2 is 0 throughout."""
SHALLOW = Network((3,), tuple(Node(op, (k,)) for k, op in enumerate((OPEN, Relu(), HEAD))))
X, BASELINE = (-2.0, 1.0, -6.0), (256.0, 1.0, 192.0)


def secant(model: nn.Module, inputs: Tensor, baselines: Tensor, target: Any, n_steps: int = 50) -> Tensor:
    return integrated_gradients(model, inputs, baselines, target, n_steps=n_steps, method="secant").values


def layered(
    model: nn.Module, layer: nn.Module, inputs: Tensor, baselines: Tensor, target: Any, n_steps: int = 50
) -> Tensor:
    return layer_integral(model, layer, inputs, baselines, target, n_steps=n_steps, method="secant").values


def midpoint(model: nn.Module, inputs: Tensor, baselines: Tensor, target: Any, n_steps: int = 50) -> Tensor:
    return integrated_gradients(model, inputs, baselines, target, n_steps=n_steps, method="midpoint").values


def exact(model: nn.Module, inputs: Tensor, baselines: Tensor, target: Any, n_steps: int = 50) -> Tensor:
    return integrated_gradients(model, inputs, baselines, target, method="exact").values


def first_cell_lost(model: nn.Module, inputs: Tensor, baselines: Tensor, target: Any, n_steps: int = 50) -> Tensor:
    start = baselines + (inputs - baselines) / n_steps
    return secant(model, inputs, start, target, n_steps)


def one_cell(model: nn.Module, inputs: Tensor, baselines: Tensor, target: Any, n_steps: int = 50) -> Tensor:
    """DeepLIFT's rescale rule: secants that do not grow finer."""
    return secant(model, inputs, baselines, target, 1)


def good_on_the_probe(model: nn.Module, inputs: Tensor, baselines: Tensor, target: Any, n_steps: int = 50) -> Tensor:
    if inputs.shape[1] == 2:
        return secant(model, inputs, baselines, target, n_steps)
    return secant(model, inputs, baselines, target, n_steps).to(torch.float32) * 2.0


def attributor(function: Function, kind: Kind = Kind.IG) -> Attributor:
    return Plain(function, function.__name__, Traits(kind))


def judge(claim: str, function: Attributor, network: Network, n_steps: int = 8) -> Verdict:
    check = claims()[claim].check
    assert check is not None
    layer = 1 if function.traits.kind.needs_layer else None
    return check(function, Case(network, (X,), (BASELINE,), (0,), n_steps, layer=layer)).verdict


def test_bends_are_counted_along_the_way() -> None:
    assert bends_in_series(DEEP)
    assert not bends_in_series(SHALLOW)
    assert not bends_in_series(DEEP, 2)
    assert bends_in_series(Network((1,), (Node(Tanh(), (0,)), Node(Tanh(), (1,)))))


@pytest.mark.parametrize(
    ("function", "kind", "recognised"),
    [
        (secant, Kind.IG, True),
        (layered, Kind.LAYER_INTEGRAL, True),
        (midpoint, Kind.IG, False),
        (exact, Kind.IG, False),
        (first_cell_lost, Kind.IG, False),
        (one_cell, Kind.IG, False),
    ],
)
def test_the_probe_knows_the_rule(function: Function, kind: Kind, recognised: bool) -> None:
    assert is_secant(attributor(function, kind)) is recognised


@pytest.mark.parametrize(
    ("function", "kind", "claim"),
    [
        (secant, Kind.IG, "QUAD.variation_bound"),
        (layered, Kind.LAYER_INTEGRAL, "RS.bounded_variation"),
    ],
)
def test_bounds_for_nodes_are_not_held_against_secants_in_series(function: Function, kind: Kind, claim: str) -> None:
    assert judge(claim, attributor(function, kind), DEEP) is Verdict.NOT_APPLICABLE
    assert judge(claim, attributor(function, kind), SHALLOW) is Verdict.HOLDS


def test_rules_with_nodes_are_judged_there() -> None:
    assert judge("QUAD.variation_bound", attributor(midpoint), DEEP) is Verdict.HOLDS
    assert judge("QUAD.variation_bound", attributor(one_cell), DEEP) is Verdict.REFUTED


@pytest.mark.parametrize(
    ("claim", "network"),
    [("QUAD.variation_bound", SHALLOW), ("PATH.completeness.piecewise", DEEP), ("CODE.dtype", DEEP)],
)
def test_what_secants_keep_is_held_against_them(claim: str, network: Network) -> None:
    wrong = attributor(good_on_the_probe)
    assert beyond_bounds(wrong, Case(DEEP, (X,), (BASELINE,), (0,)))
    assert judge(claim, wrong, network, 4096) is Verdict.REFUTED
