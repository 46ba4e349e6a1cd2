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

from ig_props.integration.structure import Family, Structure, rectifier


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
        du, dy = u[n:] - u[:-n], y[n:] - y[:-n]
        near = du.abs() <= ctx.close * torch.maximum(u[n:].abs(), u[:-n].abs())
        slope = dy / torch.where(near, torch.ones_like(du), du)
        with torch.enable_grad():
            middle = ((u[n:] + u[:-n]) / 2).detach().requires_grad_(True)
            (derivative,) = torch.autograd.grad(ctx.function(middle).sum(), middle)
        passed = torch.zeros_like(gradients[0])
        passed[:-n] = gradients[0][:-n] * torch.where(near, derivative, slope)
        return passed, None, None, None


class _Largest(torch.autograd.Function):
    """Max-pooling; between two winners the share of the cell that each of them leads."""

    @staticmethod
    def forward(ctx: Any, u: Tensor, pool: nn.MaxPool2d, count: int) -> Tensor:
        y, index = F.max_pool2d(u, pool.kernel_size, pool.stride, pool.padding, return_indices=True)
        ctx.save_for_backward(u, index)
        ctx.count = count
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
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
        return passed.view_as(u), None, None


SMOOTH_SCALARS = (nn.Tanh, nn.Sigmoid, nn.Softplus, nn.GELU, nn.SiLU, nn.ELU, nn.CELU, nn.SELU, nn.Mish, nn.LogSigmoid)


class SecantModel:
    """A traced model whose backward pass gives cells' multipliers. complete: whether every nonlinear node has a secant
    form, so that the sums are complete at every number of cells."""

    def __init__(self, structure: Structure) -> None:
        assert structure.graph is not None
        self.graph, self.kinks = structure.graph, set(structure.kinks)
        self.complete = structure.family is not Family.UNKNOWN and all(map(self._is_scalar, structure.curves))

    def _is_scalar(self, name: str) -> bool:
        (node,) = (n for n in self.graph.graph.nodes if n.name == name)
        return node.op == "call_module" and isinstance(self.graph.get_submodule(str(node.target)), SMOOTH_SCALARS)

    def runner(self, count: int) -> fx.Interpreter:
        return _Runner(self.graph, self.kinks, count)

    def __call__(self, rows: tuple[Tensor, ...], count: int) -> Tensor:
        result: Tensor = self.runner(count).run(*rows)
        return result


class _Runner(fx.Interpreter):
    def __init__(self, module: fx.GraphModule, kinks: set[str], count: int) -> None:
        super().__init__(module)
        self.kinks, self.count = kinks, count

    def run_node(self, n: fx.Node) -> Any:
        if n.name in self.kinks:
            (u,) = (self.env[a] for a in n.all_input_nodes[:1])
            function = rectifier(n, self.module)  # type: ignore[arg-type]
            if function is None:
                return _Largest.apply(u, self.module.get_submodule(str(n.target)), self.count)  # type: ignore[no-untyped-call]
            # kinks have no rounding to fear: both ends on one side give the slope itself
            return _Scalar.apply(u, function, self.count, 0.0)  # type: ignore[no-untyped-call]
        if n.op == "call_module":
            module = self.module.get_submodule(str(n.target))
            if isinstance(module, SMOOTH_SCALARS):
                (u,) = (self.env[a] for a in n.all_input_nodes[:1])
                close = torch.finfo(u.dtype).eps ** 0.5
                return _Scalar.apply(u, _out_of_place(module), self.count, close)  # type: ignore[no-untyped-call]
        if n.op == "call_function" and getattr(n.target, "__name__", "") in ("iadd", "isub", "imul"):
            args, _ = self.fetch_args_kwargs_from_env(n)
            return getattr(torch, n.target.__name__[1:])(*args)  # type: ignore[union-attr]
        return super().run_node(n)


def _out_of_place(module: nn.Module) -> Callable[[Tensor], Tensor]:
    return lambda u: module(u.clone())
