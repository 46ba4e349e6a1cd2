"""What is a small network, independently of any framework that evaluates it?

A `Network` is a frozen list of nodes over values numbered 0 (the input), 1, 2, …; the last value is the score vector.
Its numbers are floats and therefore dyadic rationals, so torch (`torch_.py`) and the rationals (`exact.py`) mean the
same function by it. Shapes are per sample: the batch dimension exists only in the torch meaning.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, ClassVar

Shape = tuple[int, ...]
Matrix = tuple[tuple[float, ...], ...]
Kernel = tuple[tuple[Matrix, ...], ...]


class NetworkError(ValueError):
    """A description that is not a network; the message names the node and what is accepted."""


def _pooled(shape: Shape, kernel: tuple[int, int], stride: tuple[int, int]) -> Shape:
    height, width = ((shape[k + 1] - kernel[k]) // stride[k] + 1 for k in (0, 1))
    if min(height, width) < 1:
        raise NetworkError(f"a {kernel[0]}x{kernel[1]} window does not fit into the shape {list(shape)}")
    return (shape[0], height, width)


@dataclass(frozen=True)
class Op:
    """One operation; `arity` is its number of operands (-1: any number above one)."""

    name: ClassVar[str]
    arity: ClassVar[int] = 1
    elementwise: ClassVar[bool] = True

    def shape(self, operands: tuple[Shape, ...]) -> Shape:
        """Shape of the result (per sample) from the operands' shapes."""
        if any(shape != operands[0] for shape in operands):
            raise NetworkError(f"{self.name} needs operands of one shape, given {[list(s) for s in operands]}")
        return operands[0]


@dataclass(frozen=True)
class Affine(Op):
    """`weight @ z + bias` on a vector: weight is [out][in], bias is [out]."""

    weight: Matrix
    bias: tuple[float, ...]
    name: ClassVar[str] = "affine"
    elementwise: ClassVar[bool] = False

    def shape(self, operands: tuple[Shape, ...]) -> Shape:
        (shape,) = operands
        if len(shape) != 1 or any(len(row) != shape[0] for row in self.weight) or len(self.bias) != len(self.weight):
            raise NetworkError(
                f"affine has {len(self.weight)} rows, {len(self.bias)} biases and operand shape {list(shape)}; "
                "rows as long as a one-dimensional operand and one bias per row are needed"
            )
        return (len(self.weight),)


@dataclass(frozen=True)
class Conv2d(Op):
    """Cross-correlation without dilation or groups: weight is [out][in][kh][kw], zero padding on all four sides."""

    weight: Kernel
    bias: tuple[float, ...]
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)
    name: ClassVar[str] = "conv2d"
    elementwise: ClassVar[bool] = False

    @property
    def kernel(self) -> tuple[int, int]:
        return (len(self.weight[0][0]), len(self.weight[0][0][0]))

    def shape(self, operands: tuple[Shape, ...]) -> Shape:
        (shape,) = operands
        if len(shape) != 3 or len(self.weight[0]) != shape[0] or len(self.bias) != len(self.weight):
            raise NetworkError(f"conv2d with {len(self.weight[0])} input channels does not take shape {list(shape)}")
        padded = (shape[0], shape[1] + 2 * self.padding[0], shape[2] + 2 * self.padding[1])
        return (len(self.weight), *_pooled(padded, self.kernel, self.stride)[1:])


@dataclass(frozen=True)
class Pool(Op):
    """A window without padding over the last two of three dimensions."""

    kernel: tuple[int, int]
    stride: tuple[int, int]
    elementwise: ClassVar[bool] = False

    def shape(self, operands: tuple[Shape, ...]) -> Shape:
        (shape,) = operands
        if len(shape) != 3:
            raise NetworkError(f"{self.name} needs shape [channels, height, width], given {list(shape)}")
        return _pooled(shape, self.kernel, self.stride)


@dataclass(frozen=True)
class MaxPool2d(Pool):
    name: ClassVar[str] = "max_pool2d"


@dataclass(frozen=True)
class AvgPool2d(Pool):
    """Average pooling; windows have a power of two of elements wherever exact float64 values are wanted."""

    name: ClassVar[str] = "avg_pool2d"


@dataclass(frozen=True)
class Relu(Op):
    name: ClassVar[str] = "relu"


@dataclass(frozen=True)
class LeakyRelu(Op):
    slope: float
    name: ClassVar[str] = "leaky_relu"


@dataclass(frozen=True)
class Abs(Op):
    name: ClassVar[str] = "abs"


@dataclass(frozen=True)
class Max(Op):
    """Elementwise maximum of two values."""

    name: ClassVar[str] = "max"
    arity: ClassVar[int] = 2


@dataclass(frozen=True)
class Tanh(Op):
    name: ClassVar[str] = "tanh"


@dataclass(frozen=True)
class Sigmoid(Op):
    name: ClassVar[str] = "sigmoid"


@dataclass(frozen=True)
class Softplus(Op):
    name: ClassVar[str] = "softplus"


@dataclass(frozen=True)
class Gelu(Op):
    """The exact GELU, z Φ(z)."""

    name: ClassVar[str] = "gelu"


@dataclass(frozen=True)
class Softmax(Op):
    """Over the elements of a vector."""

    name: ClassVar[str] = "softmax"
    elementwise: ClassVar[bool] = False

    def shape(self, operands: tuple[Shape, ...]) -> Shape:
        if len(operands[0]) != 1:
            raise NetworkError(f"softmax needs a vector, given shape {list(operands[0])}")
        return operands[0]


@dataclass(frozen=True)
class Add(Op):
    """Elementwise sum: residual connections."""

    name: ClassVar[str] = "add"
    arity: ClassVar[int] = 2


@dataclass(frozen=True)
class Product(Op):
    """Elementwise product: with affine nodes it makes polynomial networks."""

    name: ClassVar[str] = "product"
    arity: ClassVar[int] = 2


@dataclass(frozen=True)
class Concat(Op):
    """Along the first dimension of a sample."""

    name: ClassVar[str] = "concat"
    arity: ClassVar[int] = -1
    elementwise: ClassVar[bool] = False

    def shape(self, operands: tuple[Shape, ...]) -> Shape:
        if any(len(s) != len(operands[0]) or s[1:] != operands[0][1:] for s in operands):
            raise NetworkError(f"concat needs shapes that differ in the first size only, given {operands}")
        return (sum(s[0] for s in operands), *operands[0][1:])


@dataclass(frozen=True)
class Flatten(Op):
    name: ClassVar[str] = "flatten"
    elementwise: ClassVar[bool] = False

    def shape(self, operands: tuple[Shape, ...]) -> Shape:
        return (math.prod(operands[0]),)


@dataclass(frozen=True)
class Unknown(Op):
    """A person's own code of which only the shape of its result is known, and `why` no more; it has no JSON form."""

    result: Shape
    why: str
    name: ClassVar[str] = "unknown"
    elementwise: ClassVar[bool] = False

    def shape(self, operands: tuple[Shape, ...]) -> Shape:
        return self.result


OPS: dict[str, type[Op]] = {
    op.name: op
    for op in (
        Affine, Conv2d, MaxPool2d, AvgPool2d, Relu, LeakyRelu, Abs, Max, Tanh, Sigmoid, Softplus, Gelu, Softmax, Add,
        Product, Concat, Flatten,
    )
}  # fmt: skip
KINKED = frozenset({"relu", "leaky_relu", "abs", "max", "max_pool2d"})
SMOOTH = frozenset({"tanh", "sigmoid", "softplus", "gelu", "softmax"})
UNKNOWN = frozenset({"unknown"})


@dataclass(frozen=True)
class Node:
    """`op` applied to the values numbered `operands`."""

    op: Op
    operands: tuple[int, ...]


@dataclass(frozen=True)
class Network:
    """`input_shape` per sample and the nodes in order of evaluation; the last value must be a vector of scores.

    Raises NetworkError if an operand is not computed before its use, a shape does not fit or a number is not finite.
    """

    input_shape: Shape
    nodes: tuple[Node, ...]

    def __post_init__(self) -> None:
        shapes = self.shapes
        if len(shapes[-1]) != 1 or not self.nodes:
            raise NetworkError(f"the last value must be a vector of scores, but has shape {list(shapes[-1])}")

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        """Kept, since every cache asks for it and a convolution may have thousands of weights."""
        return hash((self.input_shape, self.nodes))

    @cached_property
    def shapes(self) -> tuple[Shape, ...]:
        """Per-sample shape of every value, the input first."""
        shapes: list[Shape] = [self.input_shape]
        for k, node in enumerate(self.nodes):
            arity = node.op.arity
            if arity >= 0 and len(node.operands) != arity:
                raise NetworkError(f"node {k} ({node.op.name}) takes {arity} operands, given {len(node.operands)}")
            if not node.operands or any(not 0 <= i <= k for i in node.operands):
                raise NetworkError(f"node {k} ({node.op.name}) uses values {node.operands}; 0 to {k} exist there")
            try:
                shapes.append(node.op.shape(tuple(shapes[i] for i in node.operands)))
            except NetworkError as error:
                raise NetworkError(f"node {k}: {error}") from None
        return tuple(shapes)

    @property
    def size(self) -> int:
        """Number of input coordinates."""
        return math.prod(self.input_shape)

    @property
    def classes(self) -> int:
        """Number of scores."""
        return self.shapes[-1][0]

    @cached_property
    def ops(self) -> frozenset[str]:
        return frozenset(node.op.name for node in self.nodes)

    @property
    def unknown(self) -> str:
        """Why nothing is known of what it computes; empty for a description."""
        return next((node.op.why for node in self.nodes if isinstance(node.op, Unknown)), "")

    @property
    def piecewise_linear(self) -> bool:
        return not self.ops & (SMOOTH | UNKNOWN | {"product"})

    @property
    def polynomial(self) -> bool:
        return not self.ops & (SMOOTH | KINKED | UNKNOWN)

    @property
    def analytic(self) -> bool:
        return not self.ops & (KINKED | UNKNOWN)

    @property
    def affine(self) -> bool:
        return self.polynomial and "product" not in self.ops

    def __str__(self) -> str:
        from ig_props.networks.formula import formula

        return formula(self)

    def to_json(self) -> dict[str, Any]:
        """A JSON-ready form; floats round-trip exactly."""
        return {
            "input_shape": list(self.input_shape),
            "nodes": [
                {
                    "op": node.op.name,
                    "operands": list(node.operands),
                    **{f.name: getattr(node.op, f.name) for f in fields(node.op)},
                }
                for node in self.nodes
            ],
        }


def _shape_from_json(value: Any, what: str) -> tuple[int, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(v, int) and v >= 0 for v in value):
        raise NetworkError(f"{what} must be a list of whole numbers, given {value!r:.80}")
    return tuple(value)


def _numbers_from_json(value: Any, what: str) -> Any:
    if isinstance(value, list | tuple):
        return tuple(_numbers_from_json(v, what) for v in value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise NetworkError(f"{what} must hold finite numbers, given {value!r:.80}")
    return float(value)


_DEPTH = {"weight": {"affine": 2, "conv2d": 4}, "bias": {"affine": 1, "conv2d": 1}, "slope": {"leaky_relu": 0}}


def _depth(value: Any) -> int:
    """Nesting of a rectangular array of numbers; NetworkError when it is ragged or has an empty level."""
    if not isinstance(value, tuple):
        return 0
    if not value or len({(_depth(v), len(v) if isinstance(v, tuple) else -1) for v in value}) != 1:
        raise NetworkError("arrays must be rectangular and not empty")
    return 1 + _depth(value[0])


def network_from_json(data: Any) -> Network:
    """The network described by `Network.to_json`; NetworkError names what does not fit (nothing is evaluated)."""
    if not isinstance(data, Mapping) or not isinstance(data.get("nodes"), list | tuple):
        raise NetworkError("a network is an object with 'input_shape' and a list 'nodes'")
    nodes = []
    for k, item in enumerate(data["nodes"]):
        if not isinstance(item, Mapping) or item.get("op") not in OPS:
            given = item.get("op") if isinstance(item, Mapping) else item
            raise NetworkError(f"node {k}: op {given!r:.40} is not one of {', '.join(sorted(OPS))}")
        op = OPS[item["op"]]
        names = {f.name for f in fields(op)}
        if names | {"op", "operands"} != set(item):
            raise NetworkError(f"node {k} ({op.name}) has fields {sorted(item)}; {sorted(names)} are needed")
        arguments: dict[str, Any] = {}
        for name in names:
            if name in _DEPTH:
                value = _numbers_from_json(item[name], f"node {k} {name}")
                if _depth(value) != _DEPTH[name][op.name]:
                    raise NetworkError(f"node {k} {name} must be nested {_DEPTH[name][op.name]} deep")
            else:
                value = _shape_from_json(item[name], f"node {k} {name}")
                if len(value) != 2 or (name != "padding" and 0 in value):
                    raise NetworkError(f"node {k} {name} must be two positive whole numbers")
            arguments[name] = value
        nodes.append(Node(op(**arguments), _shape_from_json(item["operands"], f"node {k} operands")))
    shape = _shape_from_json(data.get("input_shape"), "input_shape")
    if not shape or 0 in shape:
        raise NetworkError(f"input_shape must hold positive whole numbers, given {list(shape)}")
    return Network(shape, tuple(nodes))


def network_to_text(network: Network) -> str:
    """Compact JSON text of a network."""
    return json.dumps(network.to_json(), separators=(",", ":"))
