"""Are the reference maps what their formulas say, and does the oracle of maps enclose them?"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from ig_props.attributors.protocol import PLAIN, Kind, Traits
from ig_props.claims import cam
from ig_props.claims.case import Case
from ig_props.methods import grad_cam as maps
from ig_props.networks.torch_ import TorchNetwork
from ig_props.oracles import NoOracle
from ig_props.oracles.maps import positive_sums, raw_map
from ig_props.strategies.cases import Space
from ig_props.strategies.layers import layer_cases

MAPS = Traits(Kind.GRAD_CAM, accepts=PLAIN, adaptive=False)
PLAIN_CASES = layer_cases(MAPS, Space(batches=False, situations=False, precise=True, far=False))
POINTWISE = {
    Kind.GRAD_CAM: maps.grad_cam,
    Kind.GRAD_CAM_POSITIVE: maps.grad_cam_positive,
    Kind.GRAD_CAM_PLUS_PLUS: maps.grad_cam_plus_plus,
}


def prepared(case: Case) -> tuple[TorchNetwork, nn.Module, torch.Tensor]:
    assert case.layer is not None
    model = TorchNetwork(case.network)
    x = torch.tensor(case.inputs, dtype=torch.float64).reshape(1, *case.network.input_shape)
    return model, model.layers[case.layer - 1], x


@pytest.mark.parametrize("kind", POINTWISE)
@settings(max_examples=60, deadline=None)
@given(case=PLAIN_CASES)
def test_the_oracle_encloses_the_reference(kind: Kind, case: Case) -> None:
    assert case.layer is not None
    model, layer, x = prepared(case)
    received = POINTWISE[kind](model, layer, x, case.targets[0]).rectified.flatten().numpy()
    try:
        known = raw_map(
            case.network, case.targets[0], case.inputs[0], case.baselines[0], case.layer, kind, 8, 2.0, 2.0**-52
        )
    except NoOracle:
        assert kind is Kind.GRAD_CAM_PLUS_PLUS
        return
    assert (known.low <= received).all()
    assert (received <= known.high).all()


@pytest.mark.parametrize("signed", [False, True])
@settings(max_examples=40, deadline=None)
@given(case=PLAIN_CASES)
def test_sums_along_the_path_lie_within_the_variation_bound(signed: bool, case: Case) -> None:
    assert case.layer is not None
    model, layer, x = prepared(case)
    start = torch.tensor(case.baselines, dtype=torch.float64).reshape(x.shape)
    received = (
        maps.rsi_grad_cam(model, layer, x, start, case.targets[0], 16, variant="signed" if signed else "rectified")
        .rectified.flatten()
        .numpy()
    )
    kind = Kind.RSI_GRAD_CAM_SIGNED if signed else Kind.RSI_GRAD_CAM
    known = raw_map(
        case.network, case.targets[0], case.inputs[0], case.baselines[0], case.layer, kind, 16, 2.0, 2.0**-52
    )
    assert (known.low - known.quadrature <= received).all()
    assert (received <= known.high + known.quadrature).all()


@settings(max_examples=60, deadline=None)
@given(case=PLAIN_CASES, factor=st.sampled_from((2.0**-4, 2.0**-7, 2.0**-10)))
def test_plus_plus_lies_between_its_bounds(case: Case, factor: float) -> None:
    assert case.layer is not None
    found = positive_sums(case.network, case.targets[0], case.inputs[0], case.layer)
    if found is None or found[1] >= 2.0:
        return
    model, layer, x = prepared(case)
    received = maps.grad_cam_plus_plus(model, layer, x, case.targets[0]).rectified.flatten().numpy()
    sums, eps = found
    slack = 1e-12 * (1.0 + sums)
    assert (sums / (2 + eps) - slack <= received).all()
    assert (received <= sums / (2 - eps) * (1 + slack) + slack).all()


def small() -> tuple[nn.Sequential, torch.Tensor]:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 3, 2), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(12, 4)).double()
    return model, torch.randn(2, 1, 3, 3, dtype=torch.float64)


def test_stages_follow_from_one_another() -> None:
    model, x = small()
    drawn = maps.grad_cam(model, model[0], x, torch.tensor([1, 3]))
    assert drawn.weights.shape == (2, 3)
    assert torch.equal(drawn.rectified, drawn.combined.clamp_min(0))
    top = drawn.normalized.amax((1, 2))
    assert bool(((top == 1.0) | (drawn.rectified.amax((1, 2)) == 0)).all())
    assert drawn.resized(6, 5).shape == (2, 6, 5)


def test_nothing_is_left_behind_after_an_error() -> None:
    model, x = small()
    with pytest.raises(ValueError, match="out of range"):
        maps.grad_cam(model, model[0], x, 4)
    assert not model[0]._forward_hooks
    assert all(p.grad is None for p in model.parameters())


@pytest.mark.parametrize(
    ("layer", "said"),
    [(lambda m: nn.ReLU(), "called 0 times"), (lambda m: m[3], r"must return one tensor \[N, C, H, W\]")],
)
def test_layers_that_have_no_map_are_named(layer: object, said: str) -> None:
    model, x = small()
    with pytest.raises(ValueError, match=said):
        maps.grad_cam(model, layer(model), x, 0)  # type: ignore[operator]


@pytest.mark.parametrize(
    ("options", "said"), [({"n_steps": 0}, "n_steps"), ({"baselines": torch.zeros(1)}, "baselines")]
)
def test_paths_that_do_not_fit_are_named(options: dict[str, object], said: str) -> None:
    model, x = small()
    with pytest.raises(ValueError, match=said):
        maps.rsi_grad_cam(model, model[0], x, target=0, **options)  # type: ignore[arg-type]


def test_signed_sums_are_complete_at_a_cut_with_an_affine_head() -> None:
    model, x = small()
    start = torch.randn_like(x)
    values = [maps.layer_and_gradient(model, model[1], p, 2) for p in (start, x)]
    sums = (values[1][1] * (values[1][0] - values[0][0])).flatten(1).sum(1)
    difference = (model(x.clone()) - model(start.clone()))[:, 2]
    torch.testing.assert_close(sums, difference)
    weights = maps.rsi_grad_cam(model, model[1], x, start, 2, 8, variant="signed").weights
    torch.testing.assert_close(weights.sum(1) * 4, difference)


@pytest.mark.parametrize("witness", [cam.pole_witness, cam.alpha_witness])
def test_witnesses_hold(witness: object) -> None:
    assert isinstance(witness(), str)  # type: ignore[operator]


def test_a_tied_gate_widens_the_enclosure() -> None:
    from ig_props.networks.network import Affine, Conv2d, Flatten, Network, Node, Relu

    nodes = (
        Node(Conv2d(((((1.0,),),),), (0.0,)), (0,)), Node(Relu(), (1,)), Node(Flatten(), (2,)),
        Node(Affine(((1.0, 1.0),), (0.0,)), (3,)),
    )  # fmt: skip
    network = Network((1, 1, 2), nodes)
    known = raw_map(network, 0, (0.0, 1.0), (0.0, 0.0), 1, Kind.GRAD_CAM, 8, 2.0, 0.0)
    np.testing.assert_allclose(known.low, [0.0, 0.5], atol=1e-12)
    np.testing.assert_allclose(known.high, [0.0, 1.0], atol=1e-12)
