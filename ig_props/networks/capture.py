"""Which network description is a person's module, if it is one?

`capture` traces an `nn.Module` with torch.fx and writes every operation as a node. Weights are floats and so enter
exactly; only the factor 1/sqrt(variance + eps) of a batch norm and a division by a number are rounded to float64, and
`Captured.rounded` names where.
"""

from __future__ import annotations

import copy
import operator
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import fx, nn

from ig_props.networks import operations as ops
from ig_props.networks.network import (
    Abs,
    AvgPool2d,
    Max,
    MaxPool2d,
    Network,
    NetworkError,
    Relu,
    Shape,
    Sigmoid,
    Tanh,
)
from ig_props.networks.operations import CannotCapture, Value, Writer, said

__all__ = ["CannotCapture", "Captured", "capture"]

F = nn.functional
WEIGHTS = 2**21
"""Numbers of the largest module that is written as a description."""


@dataclass(frozen=True)
class Captured:
    """A module as a description.

    values: the number of the value that each submodule computes, by its name. repeated: submodules that are called more
    than once. rounded: where a number of the description is not one of the module's.
    """

    network: Network
    values: Mapping[str, int]
    repeated: frozenset[str]
    rounded: tuple[str, ...]


Handler = Callable[..., Any]

FUNCTIONS: dict[Any, Handler] = {
    F.linear: ops.linear,
    F.conv2d: ops.conv2d,
    torch.conv2d: ops.conv2d,
    F.max_pool2d: ops.max_pool2d,
    torch.max_pool2d: ops.max_pool2d,
    F.avg_pool2d: ops.avg_pool2d,
    F.adaptive_avg_pool2d: ops.adaptive(AvgPool2d),
    F.adaptive_max_pool2d: ops.adaptive(MaxPool2d),
    F.relu: ops.plain(Relu()),
    F.relu_: ops.plain(Relu()),
    torch.relu: ops.plain(Relu()),
    torch.relu_: ops.plain(Relu()),
    F.leaky_relu: ops.leaky,
    F.gelu: ops.gelu,
    F.tanh: ops.plain(Tanh()),
    torch.tanh: ops.plain(Tanh()),
    F.sigmoid: ops.plain(Sigmoid()),
    torch.sigmoid: ops.plain(Sigmoid()),
    F.softplus: ops.softplus,
    F.softmax: ops.softmax,
    torch.softmax: ops.softmax,
    F.dropout: ops.dropout,
    F.dropout2d: ops.dropout,
    torch.abs: ops.plain(Abs()),
    abs: ops.plain(Abs()),
    torch.maximum: lambda w, a, b: w.add(Max(), a, b),
    torch.flatten: ops.flatten,
    torch.reshape: ops.reshape,
    torch.cat: ops.cat,
    torch.concat: ops.cat,
    torch.mean: ops.mean,
    torch.add: ops.total,
    operator.add: ops.total,
    operator.iadd: ops.total,
    torch.sub: ops.difference,
    operator.sub: ops.difference,
    operator.isub: ops.difference,
    operator.neg: lambda w, x: ops.product(w, x, -1),
    torch.neg: lambda w, x: ops.product(w, x, -1),
    torch.mul: ops.product,
    operator.mul: ops.product,
    operator.imul: ops.product,
    torch.div: ops.quotient,
    operator.truediv: ops.quotient,
    operator.itruediv: ops.quotient,
    operator.pow: ops.power,
    torch.pow: ops.power,
    torch.square: lambda w, x: ops.power(w, x, 2),
    operator.getitem: ops.item,
    getattr: ops.attribute,
}
METHODS: dict[str, Handler] = {
    "relu": ops.plain(Relu()),
    "relu_": ops.plain(Relu()),
    "tanh": ops.plain(Tanh()),
    "sigmoid": ops.plain(Sigmoid()),
    "abs": ops.plain(Abs()),
    "softmax": ops.softmax,
    "maximum": lambda w, a, b: w.add(Max(), a, b),
    "view": ops.reshape,
    "reshape": ops.reshape,
    "flatten": ops.flatten,
    "mean": ops.mean,
    "size": ops.size,
    "add": ops.total,
    "add_": ops.total,
    "sub": ops.difference,
    "mul": ops.product,
    "mul_": ops.product,
    "div": ops.quotient,
    "neg": lambda w, x: ops.product(w, x, -1),
    "pow": ops.power,
    "square": lambda w, x: ops.power(w, x, 2),
    "contiguous": ops.same,
    "clone": ops.same,
}
MODULES: dict[type[nn.Module], Handler] = {
    nn.Linear: lambda w, m, x: ops.linear(w, x, m.weight, m.bias),
    nn.Conv2d: lambda w, m, x: ops.conv2d(
        w, x, m.weight, m.bias, m.stride, m.padding, m.dilation, m.groups, m.padding_mode
    ),
    nn.MaxPool2d: lambda w, m, x: ops.max_pool2d(
        w, x, m.kernel_size, m.stride, m.padding, m.dilation, m.ceil_mode, m.return_indices
    ),
    nn.AvgPool2d: lambda w, m, x: ops.avg_pool2d(
        w, x, m.kernel_size, m.stride, m.padding, m.ceil_mode, m.count_include_pad, m.divisor_override
    ),
    nn.AdaptiveAvgPool2d: lambda w, m, x: ops.adaptive(AvgPool2d)(w, x, m.output_size),
    nn.AdaptiveMaxPool2d: lambda w, m, x: ops.adaptive(MaxPool2d)(w, x, m.output_size),
    nn.BatchNorm1d: ops.batch_norm,
    nn.BatchNorm2d: ops.batch_norm,
    nn.ReLU: lambda w, m, x: w.add(Relu(), x),
    nn.LeakyReLU: lambda w, m, x: ops.leaky(w, x, m.negative_slope),
    nn.GELU: lambda w, m, x: ops.gelu(w, x, m.approximate),
    nn.Tanh: lambda w, m, x: w.add(Tanh(), x),
    nn.Sigmoid: lambda w, m, x: w.add(Sigmoid(), x),
    nn.Softplus: lambda w, m, x: ops.softplus(w, x, m.beta, m.threshold),
    nn.Softmax: lambda w, m, x: ops.softmax(w, x, m.dim),
    nn.Flatten: lambda w, m, x: ops.flatten(w, x, m.start_dim, m.end_dim),
    nn.Identity: lambda w, m, x: x,
    nn.Dropout: lambda w, m, x: ops.dropout(w, x, m.p, m.training),
    nn.Dropout1d: lambda w, m, x: ops.dropout(w, x, m.p, m.training),
    nn.Dropout2d: lambda w, m, x: ops.dropout(w, x, m.p, m.training),
}


def _handler(module: nn.Module) -> Handler | None:
    """By the exact type, since a subclass may compute something else; weight norms and the like are subclasses."""
    kinds = [type(module), *(c for c in type(module).__bases__ if type(module).__name__.startswith("Parametrized"))]
    return next((MODULES[kind] for kind in kinds if kind in MODULES), None)


def _traced(module: nn.Module) -> fx.Graph:
    try:
        return fx.Tracer().trace(module)
    except Exception as error:
        text = " ".join(str(error).split())[:160]
        raise CannotCapture(f"its forward pass cannot be traced: {type(error).__name__}: {text}") from None


class _Walk:
    """One pass over a trace."""

    def __init__(self, module: nn.Module, shape: Shape) -> None:
        tensors = [*module.parameters(), *module.buffers()]
        if sum(t.numel() for t in tensors) > WEIGHTS:
            count = sum(t.numel() for t in tensors)
            raise CannotCapture(f"it has {count:,} weights, and descriptions hold at most {WEIGHTS:,}")
        self.module, self.given = module, False
        self.writer = Writer(shape, not tensors or any(t.dtype == torch.float64 for t in tensors))
        self.values: dict[str, int] = {}
        self.counts: Counter[str] = Counter()
        self.rounded: list[str] = []

    def place(self, node: fx.Node) -> str:
        """What a node is, as its author would name it."""
        if node.op == "placeholder":
            return f"its input {node.target}"
        if node.op == "call_module":
            return f"{node.target} ({type(self.module.get_submodule(str(node.target))).__name__})"
        name = str(getattr(node.target, "__name__", node.target))
        inside = list(node.meta.get("nn_module_stack") or ())
        where = f" in {inside[-1]}" if inside and inside[-1] else ""
        return name if node.op == "get_attr" else f"{name}(){where}"

    def step(self, node: fx.Node, arguments: tuple[Any, ...], options: dict[str, Any]) -> Any:
        if node.op == "placeholder":
            if self.given and not node.args:
                raise CannotCapture("it takes more than one input")
            first, self.given = not self.given, True
            return Value(0, self.writer.shapes[0]) if first else node.args[0]
        if node.op == "get_attr":
            return operator.attrgetter(str(node.target))(self.module)
        if node.op == "call_module":
            module = self.module.get_submodule(str(node.target))
            handler = _handler(module)
            arguments = (module, *arguments)
        else:
            handler = METHODS.get(str(node.target)) if node.op == "call_method" else FUNCTIONS.get(node.target)
            if not any(isinstance(a, Value | ops.Batch) for a in _flat([arguments, options])):
                return self.constant(node, arguments, options)
        if handler is None:
            raise CannotCapture("it is none of the operations that a description knows")
        return handler(self.writer, *arguments, **options)

    def constant(self, node: fx.Node, arguments: tuple[Any, ...], options: dict[str, Any]) -> Any:
        """A call that does not depend on the input."""
        if node.op == "call_method":
            return getattr(arguments[0], str(node.target))(*arguments[1:], **options)
        assert callable(node.target)
        return node.target(*arguments, **options)

    def note(self, node: fx.Node, result: Any) -> None:
        """Which submodules, containers included, end in this value so far."""
        if self.writer.rounded:
            self.rounded.append(self.place(node))
            self.writer.rounded = False
        if isinstance(result, Value):
            names = {str(n) for n in node.meta.get("nn_module_stack") or ()}
            for name in names | ({str(node.target)} if node.op == "call_module" else set()):
                self.values[name] = result.number
        if node.op == "call_module":
            self.counts[str(node.target)] += 1


def _flat(value: Any) -> list[Any]:
    if isinstance(value, Mapping):
        return _flat(list(value.values()))
    if isinstance(value, list | tuple):
        return [v for item in value for v in _flat(item)]
    return [value]


def capture(module: nn.Module, shape: Shape) -> Captured:
    """The description of a module in eval mode that maps [N, *shape] to scores [N, classes].

    Raises CannotCapture in one sentence that names the place. Nothing is said of forward hooks, nor of modules whose
    trace is not what they compute: compare the description's values with the module's.
    """
    module = copy.deepcopy(module).eval()
    walk = _Walk(module, tuple(shape))
    known: dict[fx.Node, Any] = {}
    result: Any = None
    for node in _traced(module).nodes:
        arguments, options = (fx.node.map_arg(a, known.__getitem__) for a in (node.args, node.kwargs))
        if node.op == "output":
            result = arguments[0]
            continue
        try:
            known[node] = walk.step(node, tuple(arguments), dict(options))
        except (CannotCapture, NetworkError) as error:
            raise CannotCapture(f"{walk.place(node)}: {error}") from None
        except (AttributeError, IndexError, RuntimeError, TypeError, ValueError) as error:
            text = " ".join(str(error).split())[:160]
            raise CannotCapture(f"{walk.place(node)} has arguments that are not known here: {text}") from None
        walk.note(node, known[node])
    if not isinstance(result, Value):
        raise CannotCapture(f"it returns {said(result)}; one tensor of scores [N, classes] is needed")
    try:
        network = Network(tuple(shape), tuple(walk.writer.nodes[: result.number]))
    except NetworkError as error:
        raise CannotCapture(f"it computes no scores [N, classes]: {error}") from None
    repeated = frozenset(name for name, count in walk.counts.items() if count > 1)
    return Captured(network, walk.values, repeated, tuple(dict.fromkeys(walk.rounded)))
