"""Which networks are worth attacking with? Descriptions, drawn by family and size, that shrink to a formula."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import TypeVar

from hypothesis import strategies as st

from ig_props.networks.network import (
    Abs,
    Add,
    Affine,
    AvgPool2d,
    Concat,
    Conv2d,
    Flatten,
    Gelu,
    LeakyRelu,
    Matrix,
    Max,
    MaxPool2d,
    Network,
    Node,
    Op,
    Product,
    Relu,
    Shape,
    Sigmoid,
    Softmax,
    Softplus,
    Tanh,
)

Draw = st.DrawFn
T = TypeVar("T")
WEIGHTS = (1.0, -1.0, 0.0, 2.0, -2.0, 0.5, -0.5, 3.0, -3.0, 1.5, -1.5, 0.25, -0.75, 4.0)
BIASES = (0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -1.5, 0.25)
SCALES = (1.0,) * 8 + (2.0**-8, 2.0**8, 2.0**-22, 2.0**22)
AFFINE_SCALES = (*SCALES, 2.0**-40, 1.0 + 2.0**-9, 1.0 + 2.0**-9)
"""For affine models, on which even rules with an absolute tolerance are exact. The last has more bits than bfloat16 keeps."""
GATES: tuple[Op, ...] = (Relu(), Relu(), LeakyRelu(0.25), Abs())
KERNELS = ((2, 2), (1, 2), (2, 1))
CURVES: tuple[Op, ...] = (Tanh(), Sigmoid(), Softplus(), Gelu())


def choice(pool: tuple[T, ...]) -> st.SearchStrategy[T]:
    """`st.sampled_from`, made once per pool: building and validating strategies costs more than drawing from them."""
    return _choice(pool, tuple(map(type, pool)))


@lru_cache(maxsize=256)
def _choice(pool: tuple[T, ...], types: tuple[type, ...]) -> st.SearchStrategy[T]:
    # equal tuples such as (1,) and (1.0,) are told apart by their types
    return st.sampled_from(pool)


@lru_cache(maxsize=256)
def vector(size: int, pool: tuple[float, ...]) -> st.SearchStrategy[list[float]]:
    return st.lists(choice(pool), min_size=size, max_size=size)


def weights() -> st.SearchStrategy[float]:
    return choice(WEIGHTS)


def _row(draw: Draw, size: int, pool: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(draw(vector(size, pool)))


def affine_op(draw: Draw, inputs: int, outputs: int, *, biased: bool = True, scale: float = 1.0) -> Affine:
    matrix = tuple(tuple(scale * w for w in _row(draw, inputs, WEIGHTS)) for _ in range(outputs))
    bias = _row(draw, outputs, BIASES) if biased else (0.0,) * outputs
    return Affine(matrix, tuple(scale * b for b in bias))


def conv_op(draw: Draw, channels: int, outputs: int, kernel: tuple[int, int], padding: tuple[int, int]) -> Conv2d:
    def plane() -> Matrix:
        return tuple(_row(draw, kernel[1], WEIGHTS) for _ in range(kernel[0]))

    weight = tuple(tuple(plane() for _ in range(channels)) for _ in range(outputs))
    return Conv2d(weight, _row(draw, outputs, BIASES), (1, 1), padding)


class Builder:
    """Appends nodes and remembers shapes; `add` returns the number of the new value."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self.nodes: list[Node] = []

    def add(self, op: Op, *operands: int) -> int:
        self.nodes.append(Node(op, operands))
        return len(self.nodes)

    def last_shape(self) -> Shape:
        shapes = [self.shape]
        for node in self.nodes:
            shapes.append(node.op.shape(tuple(shapes[i] for i in node.operands)))
        return shapes[-1]

    def build(self) -> Network:
        return Network(self.shape, tuple(self.nodes))


def _gate(draw: Draw, b: Builder, value: int, source: int, width: int, gates: tuple[Op, ...]) -> int:
    before = next((n.op for n in reversed(b.nodes) if n.op in gates), None)
    if before is not None and draw(choice((True, False))):
        # one module can serve twice
        return b.add(before, value)
    if gates is GATES and draw(choice((False, False, False, True))):
        return b.add(Max(), value, b.add(affine_op(draw, math.prod(b.shape), width), source))
    return b.add(draw(choice(gates)), value)


def _flat_input(b: Builder) -> int:
    return 0 if len(b.shape) == 1 else b.add(Flatten(), 0)


@st.composite
def layered(
    draw: Draw,
    shape: Shape,
    classes: int,
    gates: tuple[Op, ...] = GATES,
    max_depth: int = 2,
    max_width: int = 4,
    scales: tuple[float, ...] = SCALES,
) -> Network:
    """Affine layers with gates between them, with or without a residual or concatenated bypass of the input."""
    b = Builder(shape)
    value, size = _flat_input(b), math.prod(shape)
    source = value
    width = 0
    for _ in range(draw(choice(tuple(range(1, max_depth + 1))))):
        # layers of one width can share a module
        if width == 0 or draw(choice((True, False))):
            width = draw(choice(tuple(range(1, max_width + 1))))
        value = b.add(affine_op(draw, size, width), value)
        value, size = _gate(draw, b, value, source, width, gates), width
    scale = draw(choice(scales))
    bypass = draw(choice(("none", "none", "add", "concat")))
    if bypass == "concat":
        value, size = b.add(Concat(), value, source), size + math.prod(shape)
    value = b.add(affine_op(draw, size, classes, scale=scale), value)
    if bypass == "add":
        value = b.add(Add(), value, b.add(affine_op(draw, math.prod(shape), classes, scale=scale), source))
    return b.build()


@st.composite
def affine(draw: Draw, shape: Shape, classes: int) -> Network:
    """Affine maps: every consistent rule is exact on them at every number of steps (`QUAD.weights_sum_one`)."""
    b = Builder(shape)
    value, size = _flat_input(b), math.prod(shape)
    if draw(choice((False, False, True))):
        width = draw(st.integers(1, 3))
        value, size = b.add(affine_op(draw, size, width), value), width
    b.add(affine_op(draw, size, classes, scale=draw(choice(AFFINE_SCALES))), value)
    return b.build()


@st.composite
def affine_layers(draw: Draw, shape: Shape, classes: int) -> Network:
    """Two or three affine maps in a row, a convolution first on images: every layer integral is exact at any n."""
    b = Builder(shape)
    if len(shape) == 3:
        b.add(Flatten(), b.add(conv_op(draw, shape[0], draw(st.integers(1, 2)), draw(choice(KERNELS)), (0, 0)), 0))
    else:
        b.add(affine_op(draw, math.prod(shape), draw(st.integers(1, 3))), _flat_input(b))
        if draw(choice((False, True))):
            b.add(affine_op(draw, math.prod(b.last_shape()), draw(st.integers(1, 3))), len(b.nodes))
    b.add(affine_op(draw, math.prod(b.last_shape()), classes, scale=draw(choice(AFFINE_SCALES))), len(b.nodes))
    return b.build()


@st.composite
def convolutional(draw: Draw, shape: Shape, classes: int, gates: tuple[Op, ...] = GATES) -> Network:
    """A convolution, a gate, perhaps a pooling, and an affine head on images."""
    b = Builder(shape)
    channels = draw(st.integers(1, 2))
    padding = draw(choice(((0, 0), (1, 1))))
    kernel = draw(choice(KERNELS))
    value = b.add(conv_op(draw, shape[0], channels, kernel, padding), 0)
    value = b.add(draw(choice(gates)), value)
    out = b.last_shape()
    pool = draw(choice(("none", "avg", "max")))
    if pool != "none" and min(out[1:]) >= 2:
        stride = draw(choice(((1, 1), (2, 2))))
        op: Op = AvgPool2d((2, 2), stride) if pool == "avg" else MaxPool2d((2, 2), stride)
        value = b.add(op, value)
        out = b.last_shape()
    value = b.add(Flatten(), value)
    b.add(affine_op(draw, math.prod(out), classes, scale=draw(choice(SCALES))), value)
    return b.build()


@st.composite
def convolutional_twice(draw: Draw, shape: Shape, classes: int) -> Network:
    """Two convolutions with gates behind them and an affine head: the layers between bend along a path, as does what
    lies behind them."""
    b = Builder(shape)
    value, channels = 0, shape[0]
    for kernel, padding in ((draw(choice(KERNELS)), (1, 1)), (draw(choice(((1, 1), *KERNELS))), (0, 0))):
        wide = draw(st.integers(1, 2))
        value = b.add(conv_op(draw, channels, wide, kernel, padding), value)
        value, channels = b.add(draw(choice(GATES)), value), wide
    size = math.prod(b.last_shape())
    b.add(affine_op(draw, size, classes, scale=draw(choice(SCALES))), b.add(Flatten(), value))
    return b.build()


@st.composite
def pointwise(draw: Draw, shape: Shape, classes: int) -> Network:
    """A convolution of single pixels, with a gate or none, and an affine head: the layer has the image's size."""
    b = Builder(shape)
    value = b.add(conv_op(draw, shape[0], draw(st.integers(1, 3)), (1, 1), (0, 0)), 0)
    if draw(choice((True, False))):
        value = b.add(draw(choice(GATES)), value)
    out = b.last_shape()
    b.add(affine_op(draw, math.prod(out), classes, scale=draw(choice(AFFINE_SCALES))), b.add(Flatten(), value))
    return b.build()


@st.composite
def polynomial(draw: Draw, shape: Shape, classes: int, max_degree: int = 3) -> Network:
    """Products of affine forms under an affine head."""
    b = Builder(shape)
    source, size = _flat_input(b), math.prod(shape)
    width = draw(st.integers(1, 2))
    value = b.add(affine_op(draw, size, width), source)
    for _ in range(draw(st.integers(1, max_degree - 1))):
        other = b.add(affine_op(draw, size, width), source) if draw(st.booleans()) else value
        value = b.add(Product(), value, other)
    b.add(affine_op(draw, width, classes), value)
    return b.build()


@st.composite
def smooth(draw: Draw, shape: Shape, classes: int) -> Network:
    """One or two smooth layers, with or without a softmax at the end."""
    network = draw(layered(shape, classes, CURVES, max_depth=2, max_width=3, scales=(1.0,)))
    if classes > 1 and draw(choice((False, False, True))):
        return Network(network.input_shape, (*network.nodes, Node(Softmax(), (len(network.nodes),))))
    return network


Family = Callable[[Shape, int], st.SearchStrategy[Network]]


def mixed(shape: Shape, classes: int) -> st.SearchStrategy[Network]:
    """Smooth and kinked nodes in one network: no oracle, but completeness holds (`PATH.completeness.autodiff`)."""
    return layered(shape, classes, (*GATES, *CURVES), scales=(1.0,))


def piecewise_linear(shape: Shape, classes: int) -> st.SearchStrategy[Network]:
    """Every kind of piecewise-linear network of a shape."""
    if len(shape) == 3:
        return st.one_of(convolutional(shape, classes), layered(shape, classes, max_depth=1))
    return layered(shape, classes)
