"""Is a model affine, piecewise linear, smooth or a mixture? Found by tracing; what cannot be traced is said."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from ig_props.integration.arguments import BATCH_NORMS
from ig_props.integration.traced.tracer import traced
from ig_props.methods.scores import every_log_odds


class Family(StrEnum):
    AFFINE = "affine"
    PIECEWISE = "piecewise linear"
    SMOOTH = "smooth"
    MIXED = "kinks and smooth nodes"
    UNKNOWN = "unknown"


LINEAR_MODULES = (
    nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.AvgPool1d, nn.AvgPool2d,
    nn.AvgPool3d, nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d, nn.Flatten, nn.Unflatten, nn.Identity,
    nn.ZeroPad2d, nn.ConstantPad2d, nn.ReflectionPad2d, nn.ReplicationPad2d, nn.Upsample, nn.PixelShuffle,
)  # fmt: skip
FROZEN_MODULES = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d)
"""Affine in eval mode alone."""
KINK_MODULES = (nn.ReLU, nn.LeakyReLU, nn.ReLU6, nn.Hardtanh, nn.PReLU, nn.MaxPool2d)
SMOOTH_MODULES = (
    nn.Tanh, nn.Sigmoid, nn.Softplus, nn.GELU, nn.SiLU, nn.ELU, nn.CELU, nn.SELU, nn.Mish, nn.LogSigmoid, nn.Softmax,
    nn.LogSoftmax, nn.LayerNorm, nn.GroupNorm, nn.MultiheadAttention,
)  # fmt: skip
RECTIFIERS = (torch.relu, torch.relu_, F.relu, F.relu_)
KINK_FUNCTIONS = (*RECTIFIERS, F.leaky_relu, F.relu6, F.hardtanh, torch.abs)
SHAPES = (
    torch.flatten, torch.reshape, torch.cat, torch.concat, torch.stack, torch.hstack, torch.vstack, torch.chunk, torch.split,
    torch.squeeze, torch.unsqueeze, torch.transpose, torch.permute,
)  # fmt: skip
LINEAR_FUNCTIONS = (
    *SHAPES, torch.mean, torch.sum, operator.neg, torch.neg, F.linear, F.avg_pool2d, F.adaptive_avg_pool2d, F.pad,
    F.interpolate, operator.getitem, getattr,
)  # fmt: skip
SUMS = (operator.add, operator.iadd, operator.sub, operator.isub, torch.add, torch.sub)
PRODUCTS = (operator.mul, operator.imul, torch.mul)
SMOOTH_FUNCTIONS = (
    torch.tanh, F.tanh, torch.sigmoid, F.sigmoid, F.softplus, F.gelu, F.silu, torch.softmax, F.softmax,
    F.log_softmax, every_log_odds, torch.exp, torch.sin, torch.cos,
    F.layer_norm, F.group_norm, torch.matmul, torch.bmm, torch.square,
)  # fmt: skip
LINEAR_METHODS = {
    "view", "reshape", "flatten", "permute", "transpose", "contiguous", "squeeze", "unsqueeze", "mean", "sum", "size",
    "dim", "expand", "chunk", "split", "t", "to", "clone", "add", "sub", "add_", "sub_",
}  # fmt: skip
SMOOTH_METHODS = {"tanh", "sigmoid", "softmax", "log_softmax", "exp", "matmul", "square", "sin", "cos"}
KINK_METHODS = {"relu", "relu_", "abs"}


@dataclass(frozen=True, eq=False)
class Structure:
    """What a model is made of. graph: its traced form, None where it cannot be followed, for the given reason.

    kinks, curves: names of the piecewise-linear and of the other nonlinear nodes, in order. piecewise_first: whether every
    kink lies before all curves, so that the model is smooth between the kinks of a piecewise-linear one.
    """

    family: Family
    reason: str
    graph: fx.GraphModule | None = None
    kinks: tuple[str, ...] = ()
    curves: tuple[str, ...] = ()
    piecewise_first: bool = False


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _depends(node: fx.Node) -> bool:
    """Whether a node's value may depend on the input rather than on parameters alone."""
    return bool(node.meta.get("varies", False))


def _module(module: nn.Module) -> str:
    if isinstance(module, FROZEN_MODULES):
        if module.training and not (isinstance(module, nn.Dropout) and module.p == 0.0):
            return f"{type(module).__name__} in train mode"
        if isinstance(module, BATCH_NORMS) and module.running_mean is None:
            return f"{type(module).__name__} without running statistics"
        return "linear"
    if isinstance(module, LINEAR_MODULES):
        return "linear"
    if isinstance(module, nn.SELU) or (isinstance(module, nn.ELU) and module.alpha != 1.0):
        return "bent"
    if isinstance(module, KINK_MODULES):
        if isinstance(module, nn.MaxPool2d) and (
            module.return_indices or module.ceil_mode or module.dilation not in (1, (1, 1))
        ):
            return "MaxPool2d with indices, dilation or ceil_mode"
        return "kink"
    return "smooth" if isinstance(module, SMOOTH_MODULES) else f"{type(module).__name__}"


def _varying(node: fx.Node) -> list[fx.Node]:
    """The arguments that depend on the input, as often as they are given."""
    found: list[fx.Node] = []
    fx.node.map_arg((node.args, node.kwargs), lambda n: found.append(n) if _depends(n) else None)
    return found


def _function(node: fx.Node) -> str:
    target: Any = node.target
    varying = _varying(node)
    if target in KINK_FUNCTIONS:
        return "kink"
    if target in SUMS:
        return "linear"
    if target in PRODUCTS:
        return "linear" if len(varying) < 2 else "smooth"
    if target in (operator.truediv, torch.div):
        return "linear" if len(varying) < 2 and node.args and varying[0] is node.args[0] else "a quotient"
    if target in (operator.pow, torch.pow):
        exponent = node.args[1] if len(node.args) > 1 else None
        return "smooth" if isinstance(exponent, int) and exponent >= 1 else "a power"
    if target is F.linear:
        return "linear" if len(varying) < 2 else "smooth"
    if target in LINEAR_FUNCTIONS:
        return "linear"
    if target is F.elu:
        return "bent"
    return "smooth" if target in SMOOTH_FUNCTIONS else getattr(target, "__name__", str(target))


def _kind(node: fx.Node, graph: fx.GraphModule) -> str:
    """ "linear", "kink", "smooth", "bent" for curves with a kink, or the name of what is not known."""
    if node.op in ("placeholder", "get_attr", "output"):
        return "linear"
    if not _depends(node):
        return "linear"
    if node.op == "call_module":
        return _module(graph.get_submodule(str(node.target)))
    if node.op == "call_method":
        name = str(node.target)
        if name in LINEAR_METHODS:
            return "linear"
        return "kink" if name in KINK_METHODS else "smooth" if name in SMOOTH_METHODS else f".{name}()"
    return _function(node)


def _rewrite_extremes(graph: fx.GraphModule) -> None:
    """max(a, b) as b + relu(a - b) and min(a, b) as a - relu(a - b), whose kinks are those of a rectifier."""
    for node in list(graph.graph.nodes):
        two = len(node.args) == 2 and all(isinstance(a, fx.Node) for a in node.args)
        largest = node.target is torch.maximum or (node.target is torch.max and two)
        least = node.target is torch.minimum or (node.target is torch.min and two)
        if node.op != "call_function" or not (largest or least) or not two:
            continue
        a, b = node.args
        with graph.graph.inserting_before(node):
            above = graph.graph.call_function(torch.relu, (graph.graph.call_function(torch.sub, (a, b)),))
            new = graph.graph.call_function(torch.add if largest else torch.sub, (b if largest else a, above))
        node.replace_all_uses_with(new)
        graph.graph.erase_node(node)


def _append(graph: fx.GraphModule, last: Callable[[Tensor, int], Tensor]) -> None:
    (end,) = (node for node in graph.graph.nodes if node.op == "output")
    with graph.graph.inserting_before(end):
        end.args = (graph.graph.call_function(last, (end.args[0], 1)),)
    graph.recompile()


def _is_one_of(node: fx.Node, graph: fx.GraphModule, modules: Sequence[nn.Module]) -> bool:
    return node.op == "call_module" and any(graph.get_submodule(str(node.target)) is m for m in modules)


def structure_of(
    model: nn.Module,
    leaves: Sequence[nn.Module] = (),
    last: Callable[[Tensor, int], Tensor] | None = None,
    inputs: int = 1,
) -> Structure:
    """What a model of so many inputs is, without running or changing it.

    leaves: modules that are kept as one node; last: a function of the output and of its dimension of classes that follows.
    """
    try:
        graph = traced(model, leaves, inputs)
    except Exception as error:
        said = (str(error).splitlines() or [""])[0].partition(". ")[0][:100]
        return Structure(Family.UNKNOWN, f"it cannot be traced ({type(error).__name__}{said and f': {said}'})")
    _rewrite_extremes(graph)
    if last is not None:
        _append(graph, last)
    kinks: list[str] = []
    curves: list[str] = []
    bent, late = False, False
    for node in graph.graph.nodes:
        node.meta["varies"] = node.op == "placeholder" or any(_depends(a) for a in node.all_input_nodes)
        node.meta["curved"] = any(a.meta["curved"] for a in node.all_input_nodes)
        kind = "linear" if _is_one_of(node, graph, leaves) else _kind(node, graph)
        if kind == "kink":
            kinks.append(node.name)
            late = late or node.meta["curved"]
        elif kind in ("smooth", "bent"):
            curves.append(node.name)
            node.meta["curved"] = True
            bent = bent or kind == "bent"
        elif kind != "linear":
            return Structure(Family.UNKNOWN, f"it contains {kind}")
    curved = Family.MIXED if kinks or bent else Family.SMOOTH
    plain = Family.PIECEWISE if kinks else Family.AFFINE
    family = curved if curves else plain
    return Structure(
        family,
        f"traced, {len(kinks)} {'node' if len(kinks) == 1 else 'nodes'} with kinks",
        graph,
        tuple(kinks),
        tuple(curves),
        not (bent or late),
    )


def rectifier(node: fx.Node, graph: fx.GraphModule) -> Callable[[Tensor], Tensor] | None:
    """A kink node's function of one tensor, out of place; None for pooling."""
    if node.op == "call_method":
        return torch.abs if node.target == "abs" else torch.relu
    if node.op == "call_function":
        if node.target in RECTIFIERS:
            return torch.relu
        if node.target is torch.abs:
            return torch.abs
        function: Any = node.target
        options = {k: v for k, v in node.kwargs.items() if k not in ("inplace", "input")}
        rest = node.args[1:]
        return lambda u: function(u, *rest, **options)
    module = graph.get_submodule(str(node.target))
    if isinstance(module, nn.MaxPool2d):
        return None
    if isinstance(module, nn.ReLU):
        return torch.relu
    if isinstance(module, nn.LeakyReLU):
        slope = module.negative_slope
        return lambda u: F.leaky_relu(u, slope)
    if isinstance(module, nn.Hardtanh):  # ReLU6 included
        low, high = module.min_val, module.max_val
        return lambda u: F.hardtanh(u, low, high)
    assert isinstance(module, nn.PReLU)
    weight = module.weight.detach()
    return lambda u: F.prelu(u, weight)


def thresholds(node: fx.Node, graph: fx.GraphModule) -> tuple[float, ...]:
    """Where a rectifier has its kinks."""
    if node.op == "call_module":
        module = graph.get_submodule(str(node.target))
        return (float(module.min_val), float(module.max_val)) if isinstance(module, nn.Hardtanh) else (0.0,)
    if node.target is F.relu6:
        return (0.0, 6.0)
    if node.target is F.hardtanh:
        low = node.args[1] if len(node.args) > 1 else node.kwargs.get("min_val", -1.0)
        high = node.args[2] if len(node.args) > 2 else node.kwargs.get("max_val", 1.0)
        return (float(low), float(high)) if _is_number(low) and _is_number(high) else (0.0,)  # type: ignore[arg-type]
    return (0.0,)


def is_cut(structure: Structure, layer: nn.Module) -> bool:
    """Whether everything that reaches the output passes the layer, a node of its own in the traced model."""
    if structure.graph is None:
        return False
    free: set[fx.Node] = set()
    for node in structure.graph.graph.nodes:
        varies = node.op == "placeholder" or any(a in free for a in node.all_input_nodes)
        if varies and not _is_one_of(node, structure.graph, [layer]):
            free.add(node)
    return not any(node.op == "output" for node in free)


def behind(structure: Structure, layers: Sequence[nn.Module]) -> Structure:
    """What of a traced model depends on the layers, which are nodes of their own in it; unknown where one is not."""
    assert structure.graph is not None
    graph, chosen = structure.graph, set(map(id, layers))
    found: set[fx.Node] = set()
    reached: set[int] = set()
    for node in graph.graph.nodes:
        if _is_one_of(node, graph, layers):
            reached.add(id(graph.get_submodule(str(node.target))))
            found.add(node)
        elif any(a in found for a in node.all_input_nodes):
            found.add(node)
    if reached != chosen:
        return Structure(Family.UNKNOWN, "a layer is not a module that the trace calls")
    after = {node.name for node in found if any(a in found for a in node.all_input_nodes)}
    kinks, curves = (tuple(n for n in names if n in after) for names in (structure.kinks, structure.curves))
    curved = Family.MIXED if kinks else Family.SMOOTH
    plain = Family.PIECEWISE if kinks else Family.AFFINE
    return Structure(curved if curves else plain, structure.reason, graph, kinks, curves)
