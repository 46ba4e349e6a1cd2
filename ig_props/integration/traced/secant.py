"""The cell-secant rule: activations' divided differences between a cell's ends in place of their derivatives.

Rows of a batch are points of N paths, (K + 1)·N in the order of the paths' parameter; the multipliers of cell k come out
as the gradient of row block k (`SECANT.completeness`). The last block gets none.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from ig_props.integration.traced.structure import Family, Structure, rectifier, thresholds

Watch = Callable[[Tensor], None]


class _Scalar(torch.autograd.Function):
    """An elementwise function; where both ends are (nearly) equal its derivative at the middle stands in."""

    @staticmethod
    def forward(ctx: Any, u: Tensor, function: Callable[[Tensor], Tensor], count: int, close: float) -> Tensor:
        y = function(u)
        ctx.save_for_backward(u, y)
        ctx.function, ctx.count, ctx.close = function, count, close
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        u, y = ctx.saved_tensors
        n = ctx.count
        a, b = u[:-n], u[n:]
        passed = torch.empty_like(gradients[0])
        passed[-n:].zero_()
        if ctx.function is torch.relu:
            torch.mul(gradients[0][:-n], _rectified(a, b), out=passed[:-n])
            return passed, None, None, None
        du = b - a
        near = du.abs() <= ctx.close * torch.maximum(a.abs(), b.abs()) if ctx.close else du == 0
        slope = (y[n:] - y[:-n]).div_(du)
        # on an accelerator, looking whether any ends are near would wait for it
        if u.is_cuda or bool(near.any()):
            slope = torch.where(near, _derivative(ctx.function, a, b), slope)
        torch.mul(gradients[0][:-n], slope, out=passed[:-n])
        return passed, None, None, None


def _rectified(a: Tensor, b: Tensor) -> Tensor:
    """The share of a cell in which what runs from a to b is positive: exactly 0 or 1 where it has one sign."""
    apart = (b - a).abs_().clamp_(min=torch.finfo(a.dtype).tiny)
    return torch.maximum(a, b).div_(apart).clamp_(0.0, 1.0)


def _derivative(function: Callable[[Tensor], Tensor], a: Tensor, b: Tensor) -> Tensor:
    with torch.enable_grad():
        middle = ((a + b) / 2).detach().requires_grad_(True)
        return torch.autograd.grad(function(middle).sum(), middle)[0]


class _Largest(torch.autograd.Function):
    """Max-pooling; between two winners the share of the cell that each of them leads."""

    @staticmethod
    def forward(ctx: Any, u: Tensor, pool: nn.MaxPool2d, count: int, watch: Watch | None) -> Tensor:
        y, index = F.max_pool2d(u, pool.kernel_size, pool.stride, pool.padding, return_indices=True)
        ctx.save_for_backward(u, index)
        ctx.count = count
        if watch is not None:
            watch(index)
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        u, index = ctx.saved_tensors
        n = ctx.count
        flat, index = u.flatten(2), index.flatten(2)
        first, second = index[:-n], index[n:]
        lead = flat[:-n].gather(2, first) - flat[:-n].gather(2, second)
        lost = flat[n:].gather(2, first) - flat[n:].gather(2, second)
        fall = lead - lost
        share = torch.where(
            (first == second) | (fall <= 0), torch.ones_like(fall), lead / torch.where(fall > 0, fall, 1.0)
        )
        g = gradients[0].flatten(2)[:-n]
        passed = torch.zeros_like(flat)
        passed[:-n].scatter_add_(2, first, g * share).scatter_add_(2, second, g * (1 - share))
        return passed.view_as(u), None, None, None


SCALAR_FUNCTIONS = (
    torch.tanh, F.tanh, torch.sigmoid, F.sigmoid, F.softplus, F.gelu, F.silu, F.elu, torch.exp, torch.sin, torch.cos,
    torch.square,
)  # fmt: skip
SCALAR_METHODS = {"tanh", "sigmoid", "exp", "square", "sin", "cos"}
SMOOTH_SCALARS = (nn.Tanh, nn.Sigmoid, nn.Softplus, nn.GELU, nn.SiLU, nn.ELU, nn.CELU, nn.SELU, nn.Mish, nn.LogSigmoid)


class SecantModel:
    """A traced model whose backward pass gives cells' multipliers.

    complete: whether every nonlinear node has a secant form, so that the sums are complete at every number of cells.
    watch: called with what decides which side of a kink every unit is on, kink by kink.
    """

    def __init__(self, structure: Structure, watch: Watch | None = None) -> None:
        assert structure.graph is not None
        self.watch = watch
        self.graph, self.kinks, self.curves = structure.graph, set(structure.kinks), set(structure.curves)
        self.complete = structure.family is not Family.UNKNOWN and all(map(self._is_scalar, structure.curves))

    def _is_scalar(self, name: str) -> bool:
        (node,) = (n for n in self.graph.graph.nodes if n.name == name)
        return _scalar(node, self.graph) is not None

    def runner(self, count: int) -> fx.Interpreter:
        return _Runner(self, count)

    def __call__(self, rows: tuple[Tensor, ...], count: int) -> Tensor:
        result: Tensor = self.runner(count).run(*rows)
        return result


class _Runner(fx.Interpreter):
    def __init__(self, model: SecantModel, count: int) -> None:
        super().__init__(model.graph)
        self.kinks, self.curves, self.watch, self.count = model.kinks, model.curves, model.watch, count

    def run_node(self, n: fx.Node) -> Any:
        if n.name in self.kinks:
            (u,) = (self.env[a] for a in n.all_input_nodes[:1])
            function = rectifier(n, self.module)  # type: ignore[arg-type]
            if function is None:
                return _Largest.apply(u, self.module.get_submodule(str(n.target)), self.count, self.watch)  # type: ignore[no-untyped-call]
            if self.watch is not None:
                for c in thresholds(n, self.module):  # type: ignore[arg-type]
                    self.watch(u.detach() > c)
            # kinks have no rounding to fear: both ends on one side give the slope itself
            return _Scalar.apply(u, function, self.count, 0.0)  # type: ignore[no-untyped-call]
        function = _scalar(n, self.module) if n.name in self.curves else None  # type: ignore[arg-type]
        if function is not None:
            (u,) = (self.env[a] for a in n.all_input_nodes[:1])
            close = torch.finfo(u.dtype).eps ** 0.5
            return _Scalar.apply(u, function, self.count, close)  # type: ignore[no-untyped-call]
        if n.op == "call_function" and getattr(n.target, "__name__", "") in ("iadd", "isub", "imul"):
            args, _ = self.fetch_args_kwargs_from_env(n)
            return getattr(torch, n.target.__name__[1:])(*args)  # type: ignore[union-attr]
        return super().run_node(n)


def _scalar(node: fx.Node, graph: fx.GraphModule) -> Callable[[Tensor], Tensor] | None:
    """A smooth node's function of one tensor, out of place; None where it is no such node."""
    target: Any = node.target
    if node.op == "call_module":
        module = graph.get_submodule(str(target))
        return (lambda u: module(u.clone())) if isinstance(module, SMOOTH_SCALARS) else None
    if len(node.all_input_nodes) != 1:
        return None
    if node.op == "call_function" and target in SCALAR_FUNCTIONS and node.args:
        options = {k: v for k, v in node.kwargs.items() if k != "inplace"}
        return lambda u: target(u, *node.args[1:], **options)
    if node.op == "call_method" and target in SCALAR_METHODS:
        return lambda u: getattr(u, target)()
    return None
