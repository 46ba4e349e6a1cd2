"""How is each operation of torch written as nodes of a description?

Every function takes a `Writer` and the operation's own arguments, in which a `Value` stands for a tensor [N, *shape] that
depends on the input. CannotCapture says in half a sentence what is outside what a description can say.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ig_props.networks.network import (
    Add,
    Affine,
    AvgPool2d,
    Concat,
    Conv2d,
    Flatten,
    Gelu,
    LeakyRelu,
    MaxPool2d,
    Node,
    Op,
    Product,
    Shape,
    Softmax,
    Softplus,
)

IDENTICAL = 37.0
"""Above this, softplus and the identity agree within float64's rounding."""


class CannotCapture(Exception):
    """The module is outside what a description can say; one sentence that names the place."""


@dataclass(frozen=True)
class Value:
    """A value of the network under construction, in place of a tensor [N, *shape]."""

    number: int
    shape: Shape


class Batch:
    """The size of the batch, in place of a number."""


BATCH = Batch()


def numbers(tensor: Tensor) -> Any:
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


class Writer:
    """Nodes as they are written."""

    def __init__(self, shape: Shape, double: bool) -> None:
        self.nodes: list[Node] = []
        self.shapes: list[Shape] = [shape]
        self.double = double
        self.rounded = False

    def add(self, op: Op, *operands: Any) -> Value:
        for value in operands:
            if not isinstance(value, Value):
                raise CannotCapture(f"an operand is {said(value)}, not a value that depends on the input")
        self.shapes.append(op.shape(tuple(v.shape for v in operands)))
        self.nodes.append(Node(op, tuple(v.number for v in operands)))
        return Value(len(self.nodes), self.shapes[-1])

    def scaled(self, x: Value, factors: list[float], shifts: list[float]) -> Value:
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


def said(value: Any) -> str:
    if isinstance(value, Tensor):
        return f"a tensor of shape {list(value.shape)}"
    if isinstance(value, list | tuple | dict):
        return f"a {type(value).__name__} of {len(value)}"
    return "the batch size" if isinstance(value, Batch) else repr(value)[:60]


def _channels(x: Value, value: Any) -> list[float]:
    """A constant as one number per channel of x, or per entry of a vector."""
    if isinstance(value, bool | int | float):
        return [float(value)] * x.shape[0]
    if isinstance(value, Tensor):
        shape = tuple(value.shape)
        while len(shape) > len(x.shape) and shape[0] == 1:
            shape = shape[1:]
        given = (1,) * (len(x.shape) - len(shape)) + shape
        if len(given) == len(x.shape) and given[0] in (1, x.shape[0]) and all(n == 1 for n in given[1:]):
            flat = numbers(value.reshape(-1))
            return list(flat) * (x.shape[0] if len(flat) == 1 else 1)
    raise CannotCapture(f"{said(value)} is not one number for each of {x.shape[0]} channels")


def linear(w: Writer, x: Value, weight: Tensor, bias: Tensor | None = None) -> Value:
    return w.add(Affine(numbers(weight), (0.0,) * len(weight) if bias is None else numbers(bias)), x)


def conv2d(
    w: Writer, x: Value, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0,
    dilation: Any = 1, groups: int = 1, mode: str = "zeros",
) -> Value:  # fmt: skip
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
    return w.add(Conv2d(numbers(weight), (0.0,) * len(weight) if bias is None else numbers(bias), stride, padding), x)


def _pool(
    op: type[MaxPool2d] | type[AvgPool2d], w: Writer, x: Value, size: Any, stride: Any, padding: Any, ceil: bool
) -> Value:
    kernel = _pair(size)
    if _pair(padding) != (0, 0):
        raise CannotCapture(f"pooling with padding {padding} is not pooling of windows inside the image")
    if ceil:
        raise CannotCapture("pooling with ceil_mode=True takes windows that are not inside the image")
    return w.add(op(kernel, kernel if stride in (None, []) else _pair(stride)), x)


def max_pool2d(
    w: Writer, x: Value, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1,
    ceil_mode: bool = False, return_indices: bool = False,
) -> Value:  # fmt: skip
    if _pair(dilation) != (1, 1) or return_indices:
        raise CannotCapture("pooling with dilation or return_indices=True is none of the known operations")
    return _pool(MaxPool2d, w, x, kernel_size, stride, padding, ceil_mode)


def avg_pool2d(
    w: Writer, x: Value, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
    count_include_pad: bool = True, divisor_override: int | None = None,
) -> Value:  # fmt: skip
    if divisor_override is not None:
        raise CannotCapture("pooling with divisor_override is no average")
    return _pool(AvgPool2d, w, x, kernel_size, stride, padding, ceil_mode)


def adaptive(op: type[MaxPool2d] | type[AvgPool2d]) -> Callable[..., Value]:
    def write(w: Writer, x: Value, output_size: Any) -> Value:
        if len(x.shape) != 3:
            raise CannotCapture(f"adaptive pooling needs images, given the shape {list(x.shape)}")
        wanted = output_size if isinstance(output_size, list | tuple) else (output_size, output_size)
        out = [n if o is None else o for n, o in zip(x.shape[1:], wanted, strict=True)]
        if any(n % o for n, o in zip(x.shape[1:], out, strict=True)):
            raise CannotCapture(f"{out} does not divide the size {list(x.shape[1:])}, so that windows overlap")
        kernel = tuple(n // o for n, o in zip(x.shape[1:], out, strict=True))
        return w.add(op(_pair(kernel), _pair(kernel)), x)

    return write


def mean(w: Writer, x: Value, dim: Any = None, keepdim: bool = False) -> Value:
    dims = {d % 4 for d in (dim if isinstance(dim, list | tuple) else [0 if dim is None else dim])}
    if len(x.shape) != 3 or dims != {2, 3}:
        raise CannotCapture(f"a mean over dimensions {dim} is not one over height and width")
    pooled = w.add(AvgPool2d(_pair(x.shape[1:]), _pair(x.shape[1:])), x)
    return pooled if keepdim else w.add(Flatten(), pooled)


def batch_norm(w: Writer, m: nn.BatchNorm1d | nn.BatchNorm2d, x: Value) -> Value:
    """(x - mean) / sqrt(var + eps) * weight + bias in three steps, whose roundings cover those of torch's two."""
    if m.running_mean is None or m.running_var is None:
        raise CannotCapture("without running statistics it couples the samples of a batch")
    ones = [1.0] * m.num_features
    means, variances = (list(numbers(v)) for v in (m.running_mean, m.running_var))
    x = w.scaled(x, ones, [-v for v in means])
    x = w.scaled(x, [1.0 / math.sqrt(v + m.eps) for v in variances], [0.0] * m.num_features)
    w.rounded = True
    if m.weight is None:
        return x
    return w.scaled(x, list(numbers(m.weight)), list(numbers(m.bias)))


def reshape(w: Writer, x: Value, *sizes: Any) -> Value:
    wanted = list(sizes[0]) if len(sizes) == 1 and isinstance(sizes[0], list | tuple) else list(sizes)
    rest, count = wanted[1:], math.prod(x.shape)
    shown = ["N" if isinstance(s, Batch) else s for s in wanted]
    plain = all(isinstance(s, int) for s in rest) and rest.count(-1) <= 1
    if not wanted or not plain or not (isinstance(wanted[0], Batch) or (wanted[0] == -1 and -1 not in rest)):
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


def flatten(w: Writer, x: Value, start_dim: int = 0, end_dim: int = -1) -> Value:
    if start_dim != 1 or end_dim not in (-1, len(x.shape)):
        raise CannotCapture(f"flatten from {start_dim} to {end_dim} does not flatten each sample: start_dim=1 does")
    return x if len(x.shape) == 1 else w.add(Flatten(), x)


def cat(w: Writer, tensors: Iterable[Any], dim: int = 0) -> Value:
    parts = list(tensors)
    rank = len(parts[0].shape) + 1 if parts and isinstance(parts[0], Value) else 0
    if dim not in (1, 1 - rank):
        raise CannotCapture(f"a concatenation along dimension {dim} is not one along dimension 1")
    return parts[0] if len(parts) == 1 else w.add(Concat(), *parts)


def softmax(w: Writer, x: Value, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Value:
    if dim not in (1, -1) or dtype is not None:
        raise CannotCapture(f"a softmax along dimension {dim} is not one over the scores (dim=1)")
    return w.add(Softmax(), x)


def softplus(w: Writer, x: Value, beta: float = 1.0, threshold: float = 20.0) -> Value:
    if beta != 1:
        raise CannotCapture(f"beta {beta} is not 1")
    if w.double and threshold < IDENTICAL:
        raise CannotCapture(
            f"softplus is the identity above its threshold {threshold:g}, which in float64 is more than rounding: "
            f"threshold={IDENTICAL:g} is not"
        )
    return w.add(Softplus(), x)


def gelu(w: Writer, x: Value, approximate: str = "none") -> Value:
    if approximate != "none":
        raise CannotCapture(f"GELU with approximate={approximate!r} is another function than the exact GELU")
    return w.add(Gelu(), x)


def dropout(w: Writer, x: Value, p: float = 0.5, training: bool = True, inplace: bool = False) -> Value:
    if training:
        raise CannotCapture("dropout with training=True is random")
    return x


def same(w: Writer, x: Value, *rest: Any, **options: Any) -> Value:
    return x


def plain(op: Op) -> Callable[..., Value]:
    return lambda w, x, inplace=False: w.add(op, x)


def leaky(w: Writer, x: Value, negative_slope: float = 0.01, inplace: bool = False) -> Value:
    return w.add(LeakyRelu(float(negative_slope)), x)


def total(w: Writer, a: Any, b: Any, alpha: float = 1) -> Any:
    if alpha != 1:
        b = product(w, b, alpha)
    if isinstance(a, Value) and isinstance(b, Value):
        return w.add(Add(), a, b)
    x, c = (a, b) if isinstance(a, Value) else (b, a)
    return w.scaled(x, [1.0] * x.shape[0], _channels(x, c)) if isinstance(x, Value) else a + b


def difference(w: Writer, a: Any, b: Any, alpha: float = 1) -> Any:
    if not isinstance(a, Value) and not isinstance(b, Value):
        return a - alpha * b
    return total(w, a, product(w, b, -alpha))


def product(w: Writer, a: Any, b: Any) -> Any:
    if isinstance(a, Value) and isinstance(b, Value):
        return w.add(Product(), a, b)
    x, c = (a, b) if isinstance(a, Value) else (b, a)
    return w.scaled(x, _channels(x, c), [0.0] * x.shape[0]) if isinstance(x, Value) else a * b


def quotient(w: Writer, a: Any, b: Any) -> Any:
    if not isinstance(a, Value):
        if isinstance(b, Value):
            raise CannotCapture("it divides by a value that depends on the input")
        return a / b
    return w.scaled(a, [w.inverse(v) for v in _channels(a, b)], [0.0] * a.shape[0])


def power(w: Writer, x: Any, exponent: Any) -> Any:
    if not isinstance(x, Value):
        return x**exponent
    if exponent != 2:
        raise CannotCapture(f"the power {exponent!r} is not 2")
    return w.add(Product(), x, x)


def size(w: Writer, x: Value, dim: int | None = None) -> Any:
    sizes = (BATCH, *x.shape)
    return sizes if dim is None else sizes[dim]


def attribute(w: Writer, value: Any, name: str) -> Any:
    if isinstance(value, Value) and name == "shape":
        return (BATCH, *value.shape)
    raise CannotCapture(f"the attribute {name!r} of a value is not known")


def item(w: Writer, value: Any, key: Any) -> Any:
    if isinstance(value, Value) or not isinstance(value, list | tuple):
        raise CannotCapture("it takes a part of a value by its index")
    return value[key]
