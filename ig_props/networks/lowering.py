"""What is a network on flat vectors: which dense matrices, elementwise functions and groups of maxima, in which order?

`lower(network)[k]` computes value k+1 from the flat values its `operands` number (0 is the input), so steps and nodes
correspond one to one. A step is one of

- `Linear`: `weight @ z / denominator + bias` (affine, conv2d, avg_pool2d). `weight` and `bias` are float64 and hold the
  description's numbers exactly; `denominator` is the window's size for average pooling (whose weights are 0 and 1) and
  1 otherwise, so that exact arithmetic never meets a rounded 1/size. `fan_in` is the number of terms per entry;
- `Elementwise`: relu, leaky_relu (with `slope`), abs, tanh, sigmoid, softplus, gelu;
- `Maximum`: entry j is the maximum over `groups[j]` of the concatenated operands; `splits` says what automatic
  differentiation does at ties: equal shares (max) or the first of the group (max_pool2d);
- `Softmax`, `Add`, `Product`;
- `Concat`: the flat operands one after the other; flatten is a concatenation of one operand.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

import numpy as np
from numpy.typing import NDArray

from ig_props.networks.network import Affine, AvgPool2d, Conv2d, LeakyRelu, MaxPool2d, Network, NetworkError, Op, Shape

Vector = NDArray[np.float64]
Indices = NDArray[np.intp]
LARGEST = 2**23
"""Entries of the largest dense matrix that `lower` builds."""


@dataclass(frozen=True, eq=False)
class Step:
    """Numbers of the values that the step reads, and the length of the flat value that it computes."""

    operands: tuple[int, ...]
    size: int


@dataclass(frozen=True, eq=False)
class Linear(Step):
    """`weight @ z / denominator + bias`: weight is [size, operand's size], bias is [size], both read-only."""

    weight: Vector
    bias: Vector
    denominator: int
    fan_in: int


@dataclass(frozen=True, eq=False)
class Elementwise(Step):
    name: str
    slope: float = 0.0


@dataclass(frozen=True, eq=False)
class Maximum(Step):
    """groups is [size, window]: indices into the concatenated operands, in the order in which ties are broken."""

    groups: Indices
    splits: bool


@dataclass(frozen=True, eq=False)
class Softmax(Step):
    pass


@dataclass(frozen=True, eq=False)
class Add(Step):
    pass


@dataclass(frozen=True, eq=False)
class Product(Step):
    pass


@dataclass(frozen=True, eq=False)
class Concat(Step):
    pass


def _matrix(rows: int, columns: int, what: str) -> Vector:
    if rows * columns > LARGEST:
        raise NetworkError(f"{what} is a dense matrix of {rows} x {columns}; at most {LARGEST} entries are lowered")
    return np.zeros((rows, columns))


def _flat(shape: Shape, *at: int) -> int:
    return int(np.ravel_multi_index(at, shape))


def _windows(op: MaxPool2d | AvgPool2d, shape: Shape, out: Shape) -> Iterator[list[int]]:
    """Flat indices of every output's window, row by row."""
    for c, i, j in product(*map(range, out)):
        yield [
            _flat(shape, c, i * op.stride[0] + a, j * op.stride[1] + b)
            for a, b in product(range(op.kernel[0]), range(op.kernel[1]))
        ]


def _convolution(op: Conv2d, shape: Shape, out: Shape) -> tuple[Vector, Vector, int]:
    matrix = _matrix(math.prod(out), math.prod(shape), "conv2d")
    for row, (o, i, j) in enumerate(product(*map(range, out))):
        for c, a, b in product(range(shape[0]), range(op.kernel[0]), range(op.kernel[1])):
            y, x = i * op.stride[0] + a - op.padding[0], j * op.stride[1] + b - op.padding[1]
            if 0 <= y < shape[1] and 0 <= x < shape[2]:
                matrix[row, _flat(shape, c, y, x)] = op.weight[o][c][a][b]
    bias = np.repeat(np.array(op.bias, dtype=np.float64), out[1] * out[2])
    return matrix, bias, shape[0] * math.prod(op.kernel)


def _linear(operands: tuple[int, ...], weight: Vector, bias: Vector, denominator: int, fan_in: int) -> Linear:
    weight.setflags(write=False)
    bias.setflags(write=False)
    return Linear(operands, weight.shape[0], weight, bias, denominator, fan_in)


def _step(op: Op, operands: tuple[int, ...], shapes: tuple[Shape, ...], out: Shape) -> Step:
    size = math.prod(out)
    if isinstance(op, Affine):
        weight = np.array(op.weight, dtype=np.float64)
        return _linear(operands, weight, np.array(op.bias, dtype=np.float64), 1, weight.shape[1])
    if isinstance(op, Conv2d):
        weight, bias, fan_in = _convolution(op, shapes[0], out)
        return _linear(operands, weight, bias, 1, fan_in)
    if isinstance(op, AvgPool2d):
        weight, window = _matrix(size, math.prod(shapes[0]), "avg_pool2d"), math.prod(op.kernel)
        for row, indices in enumerate(_windows(op, shapes[0], out)):
            weight[row, indices] = 1.0
        return _linear(operands, weight, np.zeros(size), window, window)
    if isinstance(op, MaxPool2d):
        return Maximum(operands, size, np.array(list(_windows(op, shapes[0], out)), dtype=np.intp), splits=False)
    if op.name == "max":
        return Maximum(operands, size, np.arange(2 * size, dtype=np.intp).reshape(2, size).T, splits=True)
    if op.name in {"concat", "flatten"}:
        return Concat(operands, size)
    plain = {"softmax": Softmax, "add": Add, "product": Product}.get(op.name)
    if plain is not None:
        return plain(operands, size)
    return Elementwise(operands, size, op.name, op.slope if isinstance(op, LeakyRelu) else 0.0)


@lru_cache(maxsize=256)
def lower(network: Network) -> tuple[Step, ...]:
    """One step per node; NetworkError if a convolution is too large to be written as a dense matrix."""
    shapes = network.shapes
    return tuple(
        _step(node.op, node.operands, tuple(shapes[i] for i in node.operands), shapes[k + 1])
        for k, node in enumerate(network.nodes)
    )
