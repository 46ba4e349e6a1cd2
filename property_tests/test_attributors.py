"""Do SPECs, plain functions and the adapters of other libraries answer a call as the protocol says?"""

from __future__ import annotations

import functools
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ig_props import quadrature
from ig_props.attributors import load as loading
from ig_props.attributors.load import available, load
from ig_props.attributors.protocol import ACCEPTS, Attributor, Call, CannotRun, Kind, Traits
from ig_props.networks.network import Affine, Conv2d, Flatten, Network, Node
from ig_props.networks.torch_ import TorchNetwork

WEIGHT = ((1.0, -2.0, 0.5), (3.0, 0.25, -1.0))
AFFINE = Network((3,), (Node(Affine(WEIGHT, (0.5, -1.0)), (0,)),))
HEAD = (
    (2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0),
    (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.5, 1.0, 0.5, 1.0, 0.5),
)
"""The first score reads the first channel only, the second the second."""
CONV = Network(
    (1, 2, 3),
    (
        Node(Conv2d((((((1.0,),),)), (((2.0,),),)), (0.5, 1.0)), (0,)),
        Node(Flatten(), (1,)),
        Node(Affine(HEAD, (0.0, 0.5)), (2,)),
    ),
)
STEPS = 8
FLOAT32 = 2.0**-23
INPUT_METHODS = [a.spec for a in available() if not a.kind.needs_layer]
MAP_METHODS = [a.spec for a in available() if a.kind.is_map]
SPECS = [a.spec for a in available()]
SITUATIONS = [
    pytest.param(dtype, rows, whole, id=f"{str(dtype)[6:]}-batch{rows}-{'int' if whole else 'tensor'}")
    for dtype in (torch.float64, torch.float32)
    for rows in (1, 3)
    for whole in (True, False)
]


def installed(spec: str, dtype: torch.dtype | None = None) -> Attributor:
    """The adapter, or a skipped test that says why it cannot be tried here."""
    line = next(a for a in available() if a.spec == spec)
    if line.version is None:
        pytest.skip(f'the library of {spec} is not installed: pip install "ig-props[{line.extra}]"')
    if spec == "saliency:GuidedIG" and np.lib.NumpyVersion(np.__version__) >= "2.4.0":
        pytest.skip("GuidedIG of saliency 0.2.1 calls np.quantile with an argument that NumPy 2.4 has removed")
    if spec.startswith("shap:") and dtype is torch.float64:
        pytest.skip("shap builds its samples in torch's default dtype, float32, which a float64 model refuses")
    return load(spec)


def points(network: Network, rows: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Inputs and non-zero baselines of dyadic numbers, different in every row."""
    size = rows * network.size
    inputs = torch.arange(size, dtype=dtype).reshape(rows, *network.input_shape) / 4 - 1
    return inputs, 0.5 - inputs.flip(0) / 2


def call(network: Network, rows: int, dtype: torch.dtype, whole: bool, layer: int | None = None) -> Call:
    model = TorchNetwork(network, dtype)
    inputs, baselines = points(network, rows, dtype)
    target = 1 if whole else torch.arange(rows) % 2
    return Call(model, inputs, baselines, target, STEPS, None if layer is None else model.layers[layer])


def rows_of(target: Any, rows: int) -> Tensor:
    return torch.as_tensor(target).expand(rows)


def within(received: Tensor, exact: Tensor, terms: int) -> bool:
    """Whether the difference is explained by summing `terms` terms in float32."""
    size = max(1.0, float(exact.abs().max()))
    return (
        received.shape == exact.shape and float((received.detach() - exact).abs().max()) <= 2 * terms * FLOAT32 * size
    )


def grad_cam(c: Call) -> Tensor:
    """Grad-CAM of the convolution by the paper's formula.

    Every score reads one channel only, so Grad-CAM++ differs from it by a factor, which normalising removes.
    """
    gradient = torch.tensor(HEAD)[rows_of(c.target, len(c.inputs))].reshape(-1, 2, 2, 3)
    with torch.no_grad():
        activation = c.layer(c.inputs) if c.layer is not None else c.inputs
    weight = gradient.mean((2, 3), keepdim=True)
    return (weight * activation).sum(1).relu().double()


def normalized(maps: Tensor) -> Tensor:
    shifted = maps - maps.amin((1, 2), keepdim=True)
    return shifted / shifted.amax((1, 2), keepdim=True)


@pytest.mark.parametrize(("dtype", "rows", "whole"), SITUATIONS)
@pytest.mark.parametrize("spec", INPUT_METHODS)
def test_input_methods_are_exact_on_an_affine_model(spec: str, dtype: torch.dtype, rows: int, whole: bool) -> None:
    c = call(AFFINE, rows, dtype, whole)
    exact = torch.tensor(WEIGHT, dtype=torch.float64)[rows_of(c.target, rows)] * (c.inputs - c.baselines)
    assert within(installed(spec, dtype).attribute(c), exact, STEPS)


@pytest.mark.parametrize(("dtype", "rows", "whole"), SITUATIONS)
@pytest.mark.parametrize("spec", ["captum:LayerIntegratedGradients", "captum:LayerConductance"])
def test_layer_methods_are_exact_below_an_affine_head(spec: str, dtype: torch.dtype, rows: int, whole: bool) -> None:
    installed(spec, dtype)
    c = call(CONV, rows, dtype, whole, layer=0)
    assert c.layer is not None
    with torch.no_grad():
        difference = (c.layer(c.inputs) - c.layer(c.baselines)).double()
    exact = torch.tensor(HEAD, dtype=torch.float64)[rows_of(c.target, rows)].reshape(difference.shape) * difference
    # Of LayerConductance's five sets of points only these reach both ends of the path.
    args = {"method": "riemann_trapezoid"} if spec.endswith("Conductance") else {}
    assert within(load(spec, args=args).attribute(c), exact, STEPS)


@pytest.mark.parametrize(("dtype", "rows", "whole"), SITUATIONS)
@pytest.mark.parametrize(
    ("spec", "stage"),
    [("captum:LayerGradCam", "raw"), ("torchcam:GradCAM", "raw"), ("torchcam:GradCAM", "normalized"),
     ("torchcam:GradCAMpp", "normalized"), ("pytorch_grad_cam:GradCAM", "normalized"),
     ("pytorch_grad_cam:GradCAMPlusPlus", "normalized")],
)  # fmt: skip
def test_maps_follow_the_formula(spec: str, stage: str, dtype: torch.dtype, rows: int, whole: bool) -> None:
    installed(spec, dtype)
    attributor = load(spec, stage=stage)
    assert attributor.traits.stage == stage
    c = call(CONV, rows, dtype, whole, layer=0)
    exact = grad_cam(c)
    assert bool((exact.amax((1, 2)) > 0).all())
    assert within(attributor.attribute(c).double(), normalized(exact) if stage == "normalized" else exact, 16)


@pytest.mark.parametrize("spec", ["shap:GradientExplainer.layer"])
def test_shap_explains_the_output_of_the_layer_asked_for(spec: str) -> None:
    attributor = installed(spec)
    c = call(CONV, 3, torch.float32, whole=False, layer=0)
    values = attributor.attribute(c)
    assert values.shape == (3, 2, 2, 3)
    assert c.layer is not None
    assert not c.layer._forward_hooks
    for row, target in zip(values, [0, 1, 0], strict=True):
        assert bool((row[1 - target] == 0).all())
        assert bool((row[target] != 0).any())


@pytest.mark.parametrize("spec", SPECS)
def test_no_hook_survives_success_or_failure(spec: str, capsys: pytest.CaptureFixture[str]) -> None:
    dtype = torch.float32
    attributor = installed(spec, dtype)
    layered = attributor.traits.kind.needs_layer
    good = call(CONV if layered else AFFINE, 2, dtype, whole=False, layer=0 if layered else None)
    bad = Call(good.model, good.inputs, good.baselines, 99, STEPS, good.layer)
    attributor.attribute(good)
    try:
        answer = attributor.attribute(bad)
    except (IndexError, RuntimeError, ValueError):
        answer = None
    assert answer is None
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in good.model.modules())


@pytest.mark.parametrize("spec", ["captum:IntegratedGradients", "captum:NoiseTunnel", "shap:GradientExplainer"])
def test_several_inputs_are_attributed_as_one(spec: str) -> None:
    class Joined(nn.Module):
        def __init__(self, inner: nn.Module) -> None:
            super().__init__()
            self.inner = inner

        def forward(self, a: Tensor, b: Tensor) -> Tensor:
            answer: Tensor = self.inner(torch.cat([a, b], 1))
            return answer

    attributor = installed(spec)
    assert "tuples" in attributor.traits.accepts
    c = call(AFFINE, 3, torch.float32, whole=False)
    split = Call(
        Joined(c.model), tuple(c.inputs.split([1, 2], 1)), tuple(c.baselines.split([1, 2], 1)), c.target, STEPS
    )
    answer = attributor.attribute(split)
    assert isinstance(answer, tuple)
    assert within(torch.cat(answer, 1), attributor.attribute(c), STEPS)


@pytest.mark.parametrize("method", ["gausslegendre", "riemann_left", "riemann_right", "riemann_middle"])
@pytest.mark.parametrize("name", ["IntegratedGradients", "NoiseTunnel"])
def test_captums_methods_are_the_rules_they_are_named_after(name: str, method: str) -> None:
    installed(f"captum:{name}")
    attributor = load(f"captum:{name}", args={"method": method})
    assert attributor.name == f"captum:{name}[method={method}]"
    assert attributor.traits.rule is not None
    rule = attributor.traits.rule(5)
    square = nn.Module()
    square.forward = lambda z: z**2 / 2  # type: ignore[method-assign]
    one = torch.ones(1, 1, dtype=torch.float64)
    received = attributor.attribute(Call(square, one, 0 * one, 0, 5))
    moment = sum(w * t for w, t in zip(rule.weights, rule.nodes, strict=True))
    assert within(received, torch.full_like(one, moment), 5)


def test_captums_trapezoid_claims_the_trapezoid_rule() -> None:
    installed("captum:IntegratedGradients")
    traits = load("captum:IntegratedGradients", args={"method": "riemann_trapezoid"}).traits
    assert traits.rule is quadrature.trapezoid
    assert [traits.fitting(n) for n in (1, 2, 3)] == [2, 2, 3]
    assert not traits.adaptive


def test_captum_chunks_answer_as_one_batch() -> None:
    attributor = installed("captum:IntegratedGradients")
    c = call(AFFINE, 3, torch.float64, whole=False)
    chunked = Call(c.model, c.inputs, c.baselines, c.target, STEPS, internal_batch_size=6)
    assert within(attributor.attribute(chunked), attributor.attribute(c), STEPS)
    fixed = load("captum:IntegratedGradients", args={"internal_batch_size": 6})
    assert "chunking" not in fixed.traits.accepts
    assert within(fixed.attribute(c), attributor.attribute(c), STEPS)


@pytest.mark.parametrize(
    "spec", ["saliency:IntegratedGradients", "shap:GradientExplainer", "zennit:IntegratedGradients"]
)
@pytest.mark.parametrize(("target", "error"), [(-1, IndexError), (torch.tensor([0]), ValueError)])
def test_a_class_that_no_sample_has_is_refused(spec: str, target: Any, error: type[Exception]) -> None:
    c = call(AFFINE, 3, torch.float32, whole=True)
    with pytest.raises(error, match="target"):
        installed(spec).attribute(Call(c.model, c.inputs, c.baselines, target, STEPS))


@pytest.mark.parametrize("spec", SPECS)
def test_traits_speak_the_protocols_words(spec: str) -> None:
    line = next(a for a in available() if a.spec == spec)
    traits = installed_traits(spec)
    assert traits.kind is line.kind
    assert traits.accepts <= set(ACCEPTS)
    # our integrals find their own steps, and our maps along a path take them
    ours, along = spec.startswith("ig_props:"), traits.kind.value.startswith("rsi")
    assert traits.has_steps is (along if ours else not traits.kind.is_map)
    assert ("vectors" in traits.accepts) is not traits.kind.is_map


@functools.cache
def installed_traits(spec: str) -> Traits:
    if next(a for a in available() if a.spec == spec).version is None:
        pytest.skip(f"the library of {spec} is not installed")
    return load(spec).traits


def test_listing_the_adapters_imports_no_library() -> None:
    heavy = "{'torch', 'numpy', 'captum', 'shap', 'zennit', 'saliency'}"
    code = f"import sys; from ig_props.attributors.load import available; available(); assert not {heavy} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_adapter_is_listed_with_its_extra() -> None:
    assert {a.extra for a in available()} == {"", "captum", "zennit", "shap", "saliency", "grad-cam", "torchcam"}
    assert all(a.summary for a in available())


def test_adapters_take_only_kinds_and_stages_of_their_form() -> None:
    installed("captum:IntegratedGradients")
    assert load("captum:IntegratedGradients", as_="path").traits.kind is Kind.PATH
    with pytest.raises(ValueError, match="another form"):
        load("captum:IntegratedGradients", as_="layer-ig")
    with pytest.raises(CannotRun, match=r"method is one of gausslegendre, .*given 'simpson'"):
        load("captum:IntegratedGradients", args={"method": "simpson"})
    installed("pytorch_grad_cam:GradCAM")
    assert load("grad-cam:GradCAM").name == "pytorch_grad_cam:GradCAM"
    with pytest.raises(ValueError, match="returns normalized maps, given stage 'raw'"):
        load("grad-cam:GradCAM", stage="raw")


def test_other_methods_of_a_library_are_found_by_their_class() -> None:
    installed("captum:IntegratedGradients")
    assert not load("captum:DeepLift").traits.has_steps
    with pytest.raises(CannotRun, match="did you mean 'IntegratedGradients'"):
        load("captum:IntegratedGradient")
    with pytest.raises(CannotRun, match="lacks 'baselines'"):
        load("captum:Saliency")


def test_torchvision_is_made_importable_once() -> None:
    installed("zennit:IntegratedGradients")
    before = len(loading._OPERATORS)
    load("zennit:IntegratedGradients")
    assert len(loading._OPERATORS) == before
