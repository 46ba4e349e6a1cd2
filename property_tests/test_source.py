"""Do printed sources mean the same function as the networks they come from?"""

from __future__ import annotations

import random
from typing import Any

import pytest
import torch

from ig_props.networks.network import (
    OPS,
    Abs,
    Add,
    Affine,
    AvgPool2d,
    Concat,
    Conv2d,
    Flatten,
    Gelu,
    LeakyRelu,
    Max,
    MaxPool2d,
    Network,
    Node,
    Op,
    Product,
    Relu,
    Sigmoid,
    Softmax,
    Softplus,
    Tanh,
)
from ig_props.networks.source import formulas, layer_source, source
from ig_props.networks.torch_ import TorchNetwork

UNARY: tuple[Op, ...] = (Relu(), LeakyRelu(0.25), Abs(), Tanh(), Sigmoid(), Softplus(), Gelu())


def _dyadic(rng: random.Random) -> float:
    return rng.choice((-2.0, -1.0, -0.5, 0.0, 0.0, 0.25, 0.5, 1.0, 1.0, 3.0))


def _affine(rng: random.Random, size: int, out: int) -> Affine:
    weight = tuple(tuple(_dyadic(rng) for _ in range(size)) for _ in range(out))
    return Affine(weight, tuple(_dyadic(rng) for _ in range(out)))


def drawn_network(seed: int, *, chain: bool = False, images: bool = False) -> Network:
    """A small network; over the seeds every operation occurs. A chain reads each value once."""
    rng = random.Random(seed)
    nodes: list[Node] = []
    shapes: list[tuple[int, ...]] = [(2, 4, 4) if images else (rng.randint(1, 3),)]

    def put(op: Op, *operands: int) -> None:
        nodes.append(Node(op, operands))
        shapes.append(op.shape(tuple(shapes[i] for i in operands)))

    if images:
        kernel = tuple(
            tuple(tuple(tuple(_dyadic(rng) for _ in range(2)) for _ in range(2)) for _ in range(2)) for _ in range(2)
        )
        put(Conv2d(kernel, (0.5, -0.5), rng.choice(((1, 1), (2, 2))), rng.choice(((0, 0), (1, 1)))), 0)
        put(rng.choice(UNARY[:2]), 1)
        put(rng.choice((MaxPool2d((2, 2), (1, 1)), AvgPool2d((2, 2), (2, 2)))), 2)
        if not chain:
            put(Add(), 3, 3)
            put(Concat(), 3, 4)
        put(Flatten(), len(nodes))
    for _ in range(rng.randint(1, 4)):
        last = len(nodes)
        twins = [i for i in range(last + 1) if shapes[i] == shapes[last]]
        choice = rng.random()
        if choice < 0.35 or (chain and choice > 0.9):
            put(_affine(rng, shapes[last][0], rng.randint(1, 3)), last)
        elif choice < 0.6 or chain:
            put(rng.choice(UNARY), last)
        elif choice < 0.85:
            put(rng.choice((Add(), Max(), Product())), last, rng.choice(twins))
        elif len(shapes[last]) == 1:
            put(Concat(), last, last) if rng.random() < 0.5 else put(Softmax(), last)
    if not nodes:
        put(_affine(rng, shapes[0][0], 1), 0)
    return Network(shapes[0], tuple(nodes))


def _defined(text: str, name: str = "model") -> Any:
    scope: dict[str, Any] = {"torch": torch}
    exec(text, scope)
    return scope[name]


def _agree(network: Network, text: str, dtype: torch.dtype = torch.float64) -> None:
    theirs, ours = _defined(text), TorchNetwork(network, dtype)
    # a lattice, so that kinks and ties are hit, where a rewritten formula could differ in its gradient
    x = torch.randint(-2, 3, (7, *network.input_shape)).to(dtype) / 2
    a, b = x.clone().requires_grad_(), x.clone().requires_grad_()
    received, expected = theirs(a), ours(b)
    assert received.dtype == expected.dtype == dtype
    torch.testing.assert_close(received, expected, equal_nan=True)
    received.sum().backward()
    expected.sum().backward()
    torch.testing.assert_close(a.grad, b.grad, equal_nan=True)


@pytest.mark.parametrize("seed", range(60))
@pytest.mark.parametrize("module", [False, True])
def test_source_evaluates_equal_to_the_torch_module_with_equal_gradients(seed: int, module: bool) -> None:
    torch.manual_seed(seed)
    network = drawn_network(seed, images=seed % 4 == 0, chain=seed % 3 == 0)
    _agree(network, source(network, "model", module=module))


@pytest.mark.parametrize("seed", range(0, 60, 3))
def test_source_of_a_layer_is_the_value_it_names(seed: int) -> None:
    torch.manual_seed(seed)
    network = drawn_network(seed, images=seed % 2 == 0)
    layer = 1 + seed % len(network.nodes)
    model = _defined(source(network, "model", layer=layer))
    seen: list[torch.Tensor] = []
    place = eval(layer_source(network, "model", layer), {"model": model})
    place.register_forward_hook(lambda module, args, out: seen.append(out))
    x = torch.randint(-2, 3, (3, *network.input_shape)).double()
    ours = TorchNetwork(network)
    expected: list[torch.Tensor] = []
    ours.layers[layer - 1].register_forward_hook(lambda module, args, out: expected.append(out))
    torch.testing.assert_close(model(x), ours(x))
    torch.testing.assert_close(seen[-1], expected[-1])


def test_softplus_turns_linear_where_the_module_does() -> None:
    for name in ("float64", "float32", "float16", "bfloat16"):
        dtype = getattr(torch, name)
        network = Network((1,), (Node(Softplus(), (0,)),))
        (layer,) = TorchNetwork(network, dtype).layers
        text = source(network, "model", dtype=name, layers=True)
        assert _defined(text)[0].threshold == layer.threshold
        assert f"threshold={layer.threshold:g})" in source(network, "model", dtype=name)


def test_source_draws_every_operation() -> None:
    networks = [drawn_network(seed, images=seed % 4 == 0, chain=seed % 3 == 0) for seed in range(60)]
    assert set().union(*(n.ops for n in networks)) == set(OPS)
    assert sum(formulas(n) is not None for n in networks) > 10
    assert sum("Sequential" in source(n, "model") for n in networks) > 5


def test_small_networks_become_a_formula() -> None:
    hidden = Node(Affine(((1.0, -1.0), (0.0, 1.0)), (0.0, 0.0)), (0,))
    network = Network((2,), (hidden, Node(Relu(), (1,)), Node(Affine(((1.0, 1.0),), (0.0,)), (2,))))
    assert source(network, "f") == "def f(x): return (torch.relu(x[:, 0] - x[:, 1]) + torch.relu(x[:, 1])).unsqueeze(1)"


def test_inplace_rectifiers_stay_in_place() -> None:
    network = Network((1,), (Node(Affine(((1.0,),), (0.0,)), (0,)), Node(Relu(), (1,))))
    assert "inplace=True" in source(network, "model", inplace=True)
    _agree(network, source(network, "model", inplace=True))


def test_weights_that_a_product_would_round_are_kept_apart() -> None:
    third = Affine(((1 / 3,),), (0.0,))
    network = Network((1,), (Node(third, (0,)), Node(third, (1,)), Node(third, (2,))))
    assert formulas(network) is None
    _agree(network, source(network, "model"))
