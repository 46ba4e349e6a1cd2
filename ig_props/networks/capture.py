"""Which network description is a person's module, if it is one?

`capture` traces an `nn.Module` with torch.fx and writes every operation as a node. Weights are floats and so enter
exactly; only the factor 1/sqrt(variance + eps) of a batch norm and a division by a number are rounded to float64, and
`Captured.rounded` names where. What cannot be written raises CannotCapture with one sentence that names the place.
"""

from __future__ import annotations

import copy
import math
import operator
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx, nn

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
    Max,
    MaxPool2d,
    Network,
    NetworkError,
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

F = nn.functional
WEIGHTS = 2**21
"""Numbers of the largest module that is written as a description."""
IDENTICAL = 37.0
"""Above this, softplus and the identity agree within float64's rounding."""


class CannotCapture(Exception):
    """The module is outside what a description can say; one sentence that names the place."""


@dataclass(frozen=True)
class Captured:
    """A module as a description.

    values: the number of the value that each submodule computes, by its name, and `repeated` those that are called more
    than once. rounded: where a number of the description is not one of the module's. calls: submodules in order of use.
    """

    network: Network
    values: Mapping[str, int]
    repeated: frozenset[str]
    rounded: tuple[str, ...]


@dataclass(frozen=True)
class _Value:
    """A value of the network under construction, in place of a tensor [N, *shape]."""

    number: int
    shape: Shape


class _Batch:
    """The size of the batch, in place of a number."""


BATCH = _Batch()


def _numbers(tensor: Tensor) -> Any:
    def frozen(value: Any) -> Any:
        return tuple(map(frozen, value)) if isinstance(value, list) else float(value)

    if not bool(torch.isfinite(tensor).all()):
        raise CannotCapture("a weight is not finite")
    return frozen(tensor.detach().to("cpu", torch.float64).tolist())


def _pair(value: Any) -> tuple[int, int]:
    pair = tuple(value) if isinstance(value, list | tuple) else (value, value)
    if len(pair) != 2 or not all(isinstance(v, int) for v in pair):
        raise CannotCapture(f"{value!r} is not a size of two dimensions")
    return pair


class _Writer:
    """Nodes as they are written."""

    def __init__(self, shape: Shape, double: bool) -> None:
        self.nodes: list[Node] = []
        self.shapes: list[Shape] = [shape]
        self.double = double
        self.rounded = False

    def add(self, op: Op, *operands: Any) -> _Value:
        for value in operands:
            if not isinstance(value, _Value):
                raise CannotCapture(f"an operand is {_said(value)}, not a value that depends on the input")
        self.shapes.append(op.shape(tuple(v.shape for v in operands)))
        self.nodes.append(Node(op, tuple(v.number for v in operands)))
        return _Value(len(self.nodes), self.shapes[-1])

    def scaled(self, x: _Value, factors: list[float], shifts: list[float]) -> _Value:
        """Each channel (or entry of a vector) times a factor plus a shift."""
        if all(f == 1.0 for f in factors) and not any(shifts):
            return x
        rows = [[f if i == j else 0.0 for j in range(len(factors))] for i, f in enumerate(factors)]
        if len(x.shape) == 1:
            return self.add(Affine(tuple(map(tuple, rows)), tuple(shifts)), x)
        return self.add(Conv2d(tuple(tuple(((w,),) for w in row) for row in rows), tuple(shifts)), x)

    def inverse(self, value: float) -> float:
        if value == 0.0 or not math.isfinite(1.0 / value):
            raise CannotCapture(f"it divides by {value!r}")
        self.rounded = self.rounded or math.frexp(value)[0] not in (0.5, -0.5)
        return 1.0 / value


def _said(value: Any) -> str:
    if isinstance(value, Tensor):
        return f"a tensor of shape {list(value.shape)}"
    return "the batch size" if isinstance(value, _Batch) else repr(value)[:60]


def _channels(x: _Value, value: Any) -> list[float]:
    """A constant as one number per channel of x, or per entry of a vector."""
    if isinstance(value, bool | int | float):
        return [float(value)] * x.shape[0]
    if isinstance(value, Tensor):
        shape = tuple(value.shape)
        while len(shape) > len(x.shape) and shape[0] == 1:
            shape = shape[1:]
        given = (1,) * (len(x.shape) - len(shape)) + shape
        if len(given) == len(x.shape) and given[0] in (1, x.shape[0]) and all(n == 1 for n in given[1:]):
            flat = _numbers(value.reshape(-1))
            return list(flat) * (x.shape[0] if len(flat) == 1 else 1)
    raise CannotCapture(f"{_said(value)} is not one number for each of {x.shape[0]} channels")


def _linear(w: _Writer, x: _Value, weight: Tensor, bias: Tensor | None = None) -> _Value:
    return w.add(Affine(_numbers(weight), (0.0,) * len(weight) if bias is None else _numbers(bias)), x)


def _conv2d(
    w: _Writer, x: _Value, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0,
    dilation: Any = 1, groups: int = 1, mode: str = "zeros",
) -> _Value:  # fmt: skip
    stride, dilation, kernel = _pair(stride), _pair(dilation), tuple(weight.shape[2:])
    if dilation != (1, 1):
        raise CannotCapture(f"dilation {dilation} is not 1")
    if groups != 1:
        raise CannotCapture(f"a convolution in {groups} groups is not one over all channels")
    if mode != "zeros":
        raise CannotCapture(f"padding_mode {mode!r} is not 'zeros'")
    if padding == "same":
        if any(k % 2 == 0 for k in kernel):
            raise CannotCapture(f"padding 'same' of a {kernel[0]}x{kernel[1]} kernel is not the same on all sides")
        padding = tuple(k // 2 for k in kernel)
    padding = _pair(0 if padding == "valid" else padding)
    return w.add(Conv2d(_numbers(weight), (0.0,) * len(weight) if bias is None else _numbers(bias), stride, padding), x)


def _pool(
    op: type[MaxPool2d] | type[AvgPool2d], w: _Writer, x: _Value, size: Any, stride: Any, padding: Any, ceil: bool
) -> _Value:
    kernel = _pair(size)
    if _pair(padding) != (0, 0):
        raise CannotCapture(f"pooling with padding {padding} is not pooling of windows inside the image")
    if ceil:
        raise CannotCapture("pooling with ceil_mode=True takes windows that are not inside the image")
    return w.add(op(kernel, kernel if stride in (None, []) else _pair(stride)), x)


def _max_pool2d(
    w: _Writer, x: _Value, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1,
    ceil_mode: bool = False, return_indices: bool = False,
) -> _Value:  # fmt: skip
    if _pair(dilation) != (1, 1) or return_indices:
        raise CannotCapture("pooling with dilation or return_indices=True is none of the known operations")
    return _pool(MaxPool2d, w, x, kernel_size, stride, padding, ceil_mode)


def _avg_pool2d(
    w: _Writer, x: _Value, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
    count_include_pad: bool = True, divisor_override: int | None = None,
) -> _Value:  # fmt: skip
    if divisor_override is not None:
        raise CannotCapture("pooling with divisor_override is no average")
    return _pool(AvgPool2d, w, x, kernel_size, stride, padding, ceil_mode)


def _adaptive(op: type[MaxPool2d] | type[AvgPool2d]) -> Callable[..., _Value]:
    def write(w: _Writer, x: _Value, output_size: Any) -> _Value:
        if len(x.shape) != 3:
            raise CannotCapture(f"adaptive pooling needs images, given the shape {list(x.shape)}")
        wanted = output_size if isinstance(output_size, list | tuple) else (output_size, output_size)
        out = [n if o is None else o for n, o in zip(x.shape[1:], wanted, strict=True)]
        if any(n % o for n, o in zip(x.shape[1:], out, strict=True)):
            raise CannotCapture(f"{out} does not divide the size {list(x.shape[1:])}, so that windows overlap")
        kernel = tuple(n // o for n, o in zip(x.shape[1:], out, strict=True))
        return w.add(op(_pair(kernel), _pair(kernel)), x)

    return write


def _mean(w: _Writer, x: _Value, dim: Any = None, keepdim: bool = False) -> _Value:
    dims = {d % 4 for d in (dim if isinstance(dim, list | tuple) else [0 if dim is None else dim])}
    if len(x.shape) != 3 or dims != {2, 3}:
        raise CannotCapture(f"a mean over dimensions {dim} is not one over height and width")
    pooled = w.add(AvgPool2d(_pair(x.shape[1:]), _pair(x.shape[1:])), x)
    return pooled if keepdim else w.add(Flatten(), pooled)


def _batch_norm(w: _Writer, m: nn.BatchNorm1d | nn.BatchNorm2d, x: _Value) -> _Value:
    """(x - mean) / sqrt(var + eps) * weight + bias in three steps, whose roundings cover those of torch's two."""
    if m.running_mean is None or m.running_var is None:
        raise CannotCapture("without running statistics it couples the samples of a batch")
    ones = [1.0] * m.num_features
    means, variances = (list(_numbers(v)) for v in (m.running_mean, m.running_var))
    x = w.scaled(x, ones, [-v for v in means])
    x = w.scaled(x, [1.0 / math.sqrt(v + m.eps) for v in variances], [0.0] * m.num_features)
    w.rounded = True
    if m.weight is None:
        return x
    return w.scaled(x, list(_numbers(m.weight)), list(_numbers(m.bias)))


def _reshape(w: _Writer, x: _Value, *sizes: Any) -> _Value:
    wanted = list(sizes[0]) if len(sizes) == 1 and isinstance(sizes[0], list | tuple) else list(sizes)
    rest, count = wanted[1:], math.prod(x.shape)
    shown = ["N" if isinstance(s, _Batch) else s for s in wanted]
    plain = all(isinstance(s, int) for s in rest) and rest.count(-1) <= 1
    if not wanted or not plain or not (isinstance(wanted[0], _Batch) or (wanted[0] == -1 and -1 not in rest)):
        raise CannotCapture(f"the shape {shown} does not keep the batch dimension")
    known = math.prod(s for s in rest if s != -1)
    shape = tuple(count // known if s == -1 else s for s in rest) if known else ()
    if math.prod(shape) != count:
        raise CannotCapture(f"{count} numbers do not have the shape {shown}")
    if shape == x.shape:
        return x
    if len(shape) != 1:
        raise CannotCapture(f"a change of shape from {list(x.shape)} to {list(shape)} is no flattening")
    return w.add(Flatten(), x)


def _flatten(w: _Writer, x: _Value, start_dim: int = 0, end_dim: int = -1) -> _Value:
    if start_dim != 1 or end_dim not in (-1, len(x.shape)):
        raise CannotCapture(f"flatten from {start_dim} to {end_dim} does not flatten each sample: start_dim=1 does")
    return x if len(x.shape) == 1 else w.add(Flatten(), x)


def _cat(w: _Writer, tensors: Iterable[Any], dim: int = 0) -> _Value:
    parts = list(tensors)
    rank = len(parts[0].shape) + 1 if parts and isinstance(parts[0], _Value) else 0
    if dim not in (1, 1 - rank):
        raise CannotCapture(f"a concatenation along dimension {dim} is not one along dimension 1")
    return parts[0] if len(parts) == 1 else w.add(Concat(), *parts)


def _softmax(w: _Writer, x: _Value, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> _Value:
    if dim not in (1, -1) or dtype is not None:
        raise CannotCapture(f"a softmax along dimension {dim} is not one over the scores (dim=1)")
    return w.add(Softmax(), x)


def _softplus(w: _Writer, x: _Value, beta: float = 1.0, threshold: float = 20.0) -> _Value:
    if beta != 1:
        raise CannotCapture(f"beta {beta} is not 1")
    if w.double and threshold < IDENTICAL:
        raise CannotCapture(
            f"softplus is the identity above its threshold {threshold:g}, which in float64 is more than rounding: "
            f"threshold={IDENTICAL:g} is not"
        )
    return w.add(Softplus(), x)


def _gelu(w: _Writer, x: _Value, approximate: str = "none") -> _Value:
    if approximate != "none":
        raise CannotCapture(f"GELU with approximate={approximate!r} is another function than the exact GELU")
    return w.add(Gelu(), x)


def _dropout(w: _Writer, x: _Value, p: float = 0.5, training: bool = True, inplace: bool = False) -> _Value:
    if training:
        raise CannotCapture("dropout with training=True is random")
    return x


def _same(w: _Writer, x: _Value, *rest: Any, **options: Any) -> _Value:
    return x


def _plain(op: Op) -> Callable[..., _Value]:
    return lambda w, x, inplace=False: w.add(op, x)


def _leaky(w: _Writer, x: _Value, negative_slope: float = 0.01, inplace: bool = False) -> _Value:
    return w.add(LeakyRelu(float(negative_slope)), x)


def _sum(w: _Writer, a: Any, b: Any, alpha: float = 1) -> Any:
    if alpha != 1:
        b = _product(w, b, alpha)
    if isinstance(a, _Value) and isinstance(b, _Value):
        return w.add(Add(), a, b)
    x, c = (a, b) if isinstance(a, _Value) else (b, a)
    return w.scaled(x, [1.0] * x.shape[0], _channels(x, c)) if isinstance(x, _Value) else a + b


def _difference(w: _Writer, a: Any, b: Any, alpha: float = 1) -> Any:
    if not isinstance(a, _Value) and not isinstance(b, _Value):
        return a - alpha * b
    return _sum(w, a, _product(w, b, -alpha))


def _product(w: _Writer, a: Any, b: Any) -> Any:
    if isinstance(a, _Value) and isinstance(b, _Value):
        return w.add(Product(), a, b)
    x, c = (a, b) if isinstance(a, _Value) else (b, a)
    return w.scaled(x, _channels(x, c), [0.0] * x.shape[0]) if isinstance(x, _Value) else a * b


def _quotient(w: _Writer, a: Any, b: Any) -> Any:
    if not isinstance(a, _Value):
        if isinstance(b, _Value):
            raise CannotCapture("it divides by a value that depends on the input")
        return a / b
    return w.scaled(a, [w.inverse(v) for v in _channels(a, b)], [0.0] * a.shape[0])


def _power(w: _Writer, x: Any, exponent: Any) -> Any:
    if not isinstance(x, _Value):
        return x**exponent
    if exponent != 2:
        raise CannotCapture(f"the power {exponent!r} is not 2")
    return w.add(Product(), x, x)


def _size(w: _Writer, x: _Value, dim: int | None = None) -> Any:
    sizes = (BATCH, *x.shape)
    return sizes if dim is None else sizes[dim]


def _attribute(w: _Writer, value: Any, name: str) -> Any:
    if isinstance(value, _Value) and name == "shape":
        return (BATCH, *value.shape)
    raise CannotCapture(f"the attribute {name!r} of a value is not known")


def _item(w: _Writer, value: Any, key: Any) -> Any:
    if isinstance(value, _Value) or not isinstance(value, list | tuple):
        raise CannotCapture("it takes a part of a value by its index")
    return value[key]
