"""Is a captured module the same function, weight by weight, and is everything else refused in one sentence?"""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from ig_props.networks import network as net
from ig_props.networks.capture import CannotCapture, Captured, capture
from ig_props.networks.network import Network, NetworkError
from ig_props.networks.torch_ import TorchNetwork
from ig_props.strategies import networks as nets
from ig_props.strategies.cases import IMAGES, VECTORS

Forward = Callable[["Function", Tensor], object]


class Function(nn.Module):
    """A forward pass as a person writes one, with layers to use."""

    def __init__(self, forward: Forward) -> None:
        super().__init__()
        self.written = forward
        self.conv = nn.Conv2d(2, 3, 3, padding=1)
        self.norm = nn.BatchNorm2d(3)
        self.drop = nn.Dropout()
        self.head = nn.Linear(3, 4)
        self.wide = nn.Linear(48, 4)
        self.register_buffer("mean", torch.tensor([0.25, -0.5]).reshape(2, 1, 1))
        nn.init.uniform_(self.norm.running_mean)
        nn.init.uniform_(self.norm.running_var, 0.5, 2.0)

    def forward(self, x: Tensor) -> object:
        return self.written(self, x)


def residual(m: Function, x: Tensor) -> Tensor:
    y = F.relu(m.norm(m.conv(x - m.mean)), inplace=True)
    y += m.conv(x)
    return m.head(m.drop(F.adaptive_avg_pool2d(y, 1)).view(x.size(0), -1))


WRITTEN: dict[str, Forward] = {
    "residual": residual,
    "concatenated": lambda m, x: torch.cat([x.abs(), 0.5 * x - 1, -x, x / 4], dim=1).flatten(1),
    "pooled": lambda m, x: m.head(F.avg_pool2d(torch.tanh(m.conv(x)), (4, 4)).flatten(1)),
    "means": lambda m, x: m.head(F.leaky_relu(m.conv(x), 0.1).mean((2, 3))),
    "reshaped": lambda m, x: m.wide(m.conv(x).reshape(-1, 48)),
    "kept shape": lambda m, x: m.wide(torch.flatten(m.conv(x).contiguous().clone(), 1)),
    "smooth": lambda m, x: F.softmax(m.wide(F.gelu(torch.sigmoid(m.conv(x))).view(x.shape[0], 48)), dim=-1),
    "products": lambda m, x: torch.square(m.wide(m.conv(x).flatten(1))) * 3 - 1,
    "maxima": lambda m, x: m.wide(torch.maximum(m.conv(x), -m.conv(x)).flatten(1)),
    "windows": lambda m, x: m.head(F.max_pool2d(m.conv(x).relu(), 2, 2).mean(dim=[-1, -2])),
    "softplus": lambda m, x: F.softplus(m.wide(m.conv(x).flatten(1)), threshold=40.0),
}


def seeded(make: Callable[[], nn.Module]) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return make().double().eval()


def agree(module: nn.Module, known: Captured, shape: tuple[int, ...]) -> None:
    x = torch.randn((5, *shape), dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(TorchNetwork(known.network)(x), module(x), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", WRITTEN)
def test_functional_code_is_captured(name: str) -> None:
    module = seeded(lambda: Function(WRITTEN[name]))
    agree(module, capture(module, (2, 4, 4)), (2, 4, 4))


def test_sequential_modules_are_captured_with_the_numbers_of_their_values() -> None:
    module = seeded(
        lambda: nn.Sequential(
            nn.Sequential(nn.Conv2d(2, 3, 3, padding="same"), nn.Dropout2d(), nn.LeakyReLU(0.25), nn.MaxPool2d(2)),
            nn.Identity(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(3, 4, bias=False),
            nn.Softmax(dim=1),
        )
    )
    known = capture(module, (2, 4, 4))
    agree(module, known, (2, 4, 4))
    named = {name: known.network.nodes[value - 1].op.name for name, value in known.values.items()}
    assert named == {
        "0": "max_pool2d", "0.0": "conv2d", "0.1": "conv2d", "0.2": "leaky_relu", "0.3": "max_pool2d",
        "1": "max_pool2d", "2": "avg_pool2d", "3": "flatten", "4": "affine", "5": "softmax",
    }  # fmt: skip


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.float64])
def test_weights_enter_exactly(dtype: torch.dtype) -> None:
    layer = nn.Linear(3, 2).to(dtype)
    op = capture(layer, (3,)).network.nodes[0].op
    assert isinstance(op, net.Affine)
    assert torch.equal(torch.tensor(op.weight, dtype=torch.float64).to(dtype), layer.weight)
    assert torch.tensor(op.weight, dtype=torch.float64).eq(layer.weight.double()).all()


def test_numbers_that_are_rounded_are_named() -> None:
    known = capture(seeded(lambda: Function(residual)), (2, 4, 4))
    assert known.rounded == ("norm (BatchNorm2d)",)
    assert known.repeated == {"conv"}
    thirds = capture(seeded(lambda: Function(lambda m, x: (x / 3).flatten(1))), (2, 4, 4))
    assert thirds.rounded == ("truediv()",)
    halves = capture(seeded(lambda: Function(lambda m, x: (x / 4).flatten(1))), (2, 4, 4))
    assert halves.rounded == ()


@settings(max_examples=60)
@given(st.data())
def test_a_description_made_into_a_module_is_captured_as_itself(data: st.DataObject) -> None:
    """The way out and the way back: node by node, except that flattening a vector is nothing."""
    shape = data.draw(st.sampled_from((*VECTORS, *IMAGES)))
    network = data.draw(st.one_of(nets.piecewise_linear(shape, 2), nets.affine(shape, 2)))
    again = capture(TorchNetwork(network), shape).network
    nothing = any(node.op.name == "flatten" and len(network.shapes[node.operands[0]]) == 1 for node in network.nodes)
    last = max(k for node in (*network.nodes, net.Node(net.Flatten(), (len(network.nodes),))) for k in node.operands)
    if not nothing and last == len(network.nodes):
        assert again == network
    x = torch.ones((1, *shape), dtype=torch.float64)
    assert torch.equal(TorchNetwork(again)(x), TorchNetwork(network)(x))


REFUSED: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "groups": (lambda: nn.Sequential(nn.Conv2d(2, 2, 3, groups=2), nn.Flatten()), r"^0 \(Conv2d\): .*2 groups"),
    "dilation": (lambda: nn.Sequential(nn.Conv2d(2, 2, 2, dilation=2), nn.Flatten()), r"^0 \(Conv2d\): dilation"),
    "uneven padding": (lambda: nn.Sequential(nn.Conv2d(2, 2, 2, padding="same")), "2x2 kernel is not the same on all"),
    "padding mode": (
        lambda: nn.Sequential(nn.Conv2d(2, 2, 3, padding=1, padding_mode="reflect")),
        r"padding_mode 'reflect'",
    ),
    "padded pooling": (lambda: nn.Sequential(nn.MaxPool2d(3, padding=1)), r"^0 \(MaxPool2d\): pooling with padding"),
    "ceil mode": (lambda: nn.Sequential(nn.AvgPool2d(3, ceil_mode=True)), "ceil_mode=True"),
    "overlapping windows": (lambda: nn.Sequential(nn.AdaptiveAvgPool2d(3)), r"\[3, 3\] does not divide"),
    "another function": (lambda: nn.Sequential(nn.Flatten(), nn.SiLU()), r"^1 \(SiLU\): it is none of the operations"),
    "approximate GELU": (lambda: nn.Sequential(nn.Flatten(), nn.GELU("tanh")), "approximate='tanh'"),
    "beta": (lambda: nn.Sequential(nn.Flatten(), nn.Softplus(beta=2)), "beta 2"),
    "softplus's threshold": (lambda: nn.Sequential(nn.Flatten(), nn.Softplus()), "threshold 20"),
    "batch statistics": (
        lambda: nn.Sequential(nn.BatchNorm2d(2, track_running_stats=False)),
        "couples the samples of a batch",
    ),
    "flattened batch": (lambda: nn.Sequential(nn.Flatten(0)), "flatten from 0"),
    "no scores": (lambda: nn.Sequential(nn.Conv2d(2, 2, 3)), r"^it computes no scores \[N, classes\]"),
    "control flow": (lambda: Function(lambda m, x: x if x.sum() > 0 else -x), "^its forward pass cannot be traced"),
    "an index": (lambda: Function(lambda m, x: x[:, 0].flatten(1)), r"^getitem\(\): it takes a part"),
    "a detached value": (lambda: Function(lambda m, x: x.detach().flatten(1)), r"^detach\(\): it is none"),
    "a cast": (lambda: Function(lambda m, x: x.float().flatten(1)), r"^float\(\): it is none"),
    "two results": (lambda: Function(lambda m, x: (x, x)), "^it returns .*; one tensor of scores"),
    "a reshape": (lambda: Function(lambda m, x: x.view(-1, 4, 8)), "is no flattening"),
    "a division by the input": (lambda: Function(lambda m, x: 1 / x.flatten(1)), "divides by a value"),
    "random dropout": (lambda: Function(lambda m, x: F.dropout(x).flatten(1)), r"^dropout\(\): .*is random"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_described_is_refused_in_one_sentence(name: str) -> None:
    make, sentence = REFUSED[name]
    with pytest.raises(CannotCapture, match=sentence) as caught:
        capture(seeded(make), (2, 4, 4))
    assert "\n" not in str(caught.value)


def test_softplus_is_described_where_its_threshold_is_within_rounding() -> None:
    assert capture(nn.Sequential(nn.Flatten(), nn.Linear(4, 2), nn.Softplus()), (4,)).network.analytic


def test_models_with_too_many_weights_are_refused() -> None:
    with pytest.raises(CannotCapture, match=r"it has 2,248,500 weights, and descriptions hold at most 2,097,152"):
        capture(nn.Linear(1498, 1500), (1498,))


def test_the_module_is_left_as_it_was() -> None:
    module = Function(residual).train()
    before = {k: v.clone() for k, v in module.state_dict().items()}
    capture(module, (2, 4, 4))
    assert module.training
    assert all(torch.equal(v, before[k]) for k, v in module.state_dict().items())


def test_an_unknown_operation_has_a_shape_and_a_reason_and_no_json() -> None:
    network = Network((3,), (net.Node(net.Unknown((2,), "it is secret"), (0,)),))
    assert network.unknown == "it is secret"
    assert (network.classes, network.piecewise_linear, network.polynomial, network.analytic) == (2, False, False, False)
    assert str(network) == "input [3] -> unknown [2]"
    with pytest.raises(NetworkError, match="unknown"):
        net.network_from_json(network.to_json())
