"""Which smooth networks and examples do the tests of oracles and rounding bounds share?"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from hypothesis import strategies as st

from ig_props.networks.network import (
    Affine,
    AvgPool2d,
    Conv2d,
    Flatten,
    Gelu,
    Network,
    Node,
    Op,
    Product,
    Sigmoid,
    Softmax,
    Softplus,
    Tanh,
)
from ig_props.networks.torch_ import TorchNetwork

COORDINATES = st.sampled_from([0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0, 0.25, 3.0, -1.5])
Point = tuple[float, ...]
Example = tuple[Network, int, Point, Point]


def examples(family: Callable[[tuple[int, ...], int], st.SearchStrategy[Network]]) -> st.SearchStrategy[Example]:
    """Networks of a family with a target, an input and a baseline."""

    @st.composite
    def draw_example(draw: st.DrawFn) -> Example:
        size, classes = draw(st.integers(1, 3)), draw(st.integers(1, 3))
        network = draw(family((size,), classes))
        x, baseline = (tuple(draw(COORDINATES) for _ in range(size)) for _ in range(2))
        return network, draw(st.integers(0, classes - 1)), x, baseline

    return draw_example()


def weights(rows: int, columns: int, shift: int = 0) -> Affine:
    """A fixed matrix without structure."""
    entry = lambda i, j: ((7 * i + 5 * j + 3 * shift + 3 * i * j) % 11 - 5) / 4  # noqa: E731
    return Affine(
        tuple(tuple(entry(i, j) for j in range(columns)) for i in range(rows)),
        tuple(entry(i, columns) / 2 for i in range(rows)),
    )


def chain(size: int, *ops: Op) -> Network:
    return Network((size,), tuple(Node(op, (k,)) for k, op in enumerate(ops)))


BYPASS = Network(
    (3,),
    (
        Node(weights(3, 3), (0,)), Node(Tanh(), (1,)), Node(Product(), (1, 2)), Node(weights(2, 3, 1), (3,)),
        Node(Gelu(), (4,)), Node(weights(2, 3, 2), (0,)), Node(Product(), (5, 6)),
    ),
)  # fmt: skip
KERNEL = ((((0.5, -1.0), (1.5, 0.25)),), (((1.0, 0.5), (-0.75, -1.0)),))
IMAGE = Network(
    (1, 3, 3),
    (
        Node(Conv2d(KERNEL, (0.25, -0.5), (1, 1), (1, 0)), (0,)),
        Node(Softplus(), (1,)), Node(AvgPool2d((3, 1), (1, 1)), (2,)), Node(Flatten(), (3,)),
        Node(weights(3, 8), (4,)), Node(Softmax(), (5,)),
    ),
)  # fmt: skip
SMOOTH = {
    "tanh": chain(3, weights(4, 3), Tanh(), weights(2, 4, 1)),
    "sigmoid": chain(3, weights(4, 3), Sigmoid(), weights(3, 4, 1), Sigmoid(), weights(2, 3, 2)),
    "softplus": chain(3, weights(4, 3), Softplus(), weights(2, 4, 1)),
    "gelu": chain(3, weights(4, 3), Gelu(), weights(2, 4, 1)),
    "softmax": chain(3, weights(4, 3), Tanh(), weights(3, 4, 1), Softmax()),
    "softmax inside": chain(2, weights(3, 2), Softmax(), weights(2, 3, 1), Tanh(), weights(2, 2)),
    "products": BYPASS,
    "image": IMAGE,
}
POINTS = {2: ((1.0, -0.5), (-0.25, 0.5)), 3: ((1.0, -0.5, 0.75), (-0.25, 0.5, 0.0))}
POINTS[9] = (tuple((k % 5 - 2) / 2 for k in range(9)), (0.25,) * 9)


def gradients(network: Network, target: int, x: Point, baseline: Point, times: np.ndarray) -> np.ndarray:
    """∂F at points of the segment by torch in float64: [times, size]."""
    start, end = (torch.tensor(p, dtype=torch.float64) for p in (baseline, x))
    points = start + torch.tensor(times)[:, None] * (end - start)
    points = points.reshape(-1, *network.input_shape).requires_grad_()
    scores = TorchNetwork(network)(points)[:, target]
    (gradient,) = torch.autograd.grad(scores.sum(), points)
    return gradient.reshape(len(times), -1).numpy()
