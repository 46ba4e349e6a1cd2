"""Which mistakes do people make in reaching into the model with hooks?"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from property_tests.mutants._base import Target, checked, gradient, ig, mutant, scores_at, selected

CURVED = ("QUAD.variation_bound", "EXACT.polynomial", "CERT.enclosure")


class _Guided(torch.autograd.Function):
    """ReLU whose backward pass lets only positive gradients through."""

    @staticmethod
    def forward(ctx: Any, z: Tensor) -> Tensor:
        ctx.save_for_backward(z)
        return z.clamp_min(0)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        (z,) = ctx.saved_tensors
        values: Tensor = grads[0].clamp_min(0) * (z > 0)
        return values


@mutant(refuted_by=("QUAD.variation_bound",), defect="Rectifiers pass positive gradients only: guided backpropagation.")
def guided_gradients(model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50) -> Tensor:
    def hook(module: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> Any:
        return _Guided.apply(args[0])  # type: ignore[no-untyped-call]

    handles = [m.register_forward_hook(hook) for m in model.modules() if isinstance(m, nn.ReLU)]
    try:
        return ig(model, inputs, baselines, target, n_steps)
    finally:
        for handle in handles:
            handle.remove()


@mutant(
    refuted_by=("QUAD.variation_bound",),
    defect="Takes a rectifier for open where its output equals its input: in place that is everywhere.",
)
def open_where_unchanged(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    layers = [m for m in model.modules() if isinstance(m, nn.ReLU)]

    def grad(model: nn.Module, points: Tensor, classes: Tensor) -> Tensor:
        states: list[Tensor] = []
        arguments: list[Tensor] = []

        def note(module: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> None:
            states.append((args[0] == output).to(output.dtype))

        def keep(module: nn.Module, args: tuple[Tensor, ...]) -> None:
            arguments.append(args[0].clone())

        def apply(module: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> Tensor:
            return arguments[-1] * states[len(arguments) - 1]

        handles = [m.register_forward_hook(note) for m in layers]
        try:
            scores_at(model, points, classes)
            for handle in handles:
                handle.remove()
            handles += [m.register_forward_pre_hook(keep) for m in layers]
            handles += [m.register_forward_hook(apply) for m in layers]
            return gradient(model, points, classes)
        finally:
            for handle in handles:
                handle.remove()

    return ig(model, inputs, baselines, target, n_steps, grad=grad)


@mutant(
    refuted_by=("QUAD.variation_bound", "CERT.enclosure"),
    defect="Visits every module once: what a second call of the same activation contributes is cut off.",
)
def modules_visited_once(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    leaves = [m for m in model.modules() if not list(m.children()) and not list(m.parameters())]

    def grad(model: nn.Module, points: Tensor, classes: Tensor) -> Tensor:
        seen: set[nn.Module] = set()

        def once(module: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> Tensor:
            known = module in seen
            seen.add(module)
            return output.detach() if known else output

        handles = [m.register_forward_hook(once) for m in leaves]
        try:
            return gradient(model, points, classes)
        finally:
            for handle in handles:
                handle.remove()

    return ig(model, inputs, baselines, target, n_steps, grad=grad)


@mutant(
    refuted_by=("QUAD.variation_bound", "EXACT.polynomial", "PATH.completeness.piecewise", "CERT.enclosure"),
    defect="Reads the gradient at the first layer's input: what reaches later layers past the first is not seen.",
)
def gradient_of_the_first_layer(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    first = next(m for m in model.modules() if not list(m.children()))

    def grad(model: nn.Module, points: Tensor, classes: Tensor) -> Tensor:
        seen: list[Tensor] = []

        def swap(module: nn.Module, args: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
            seen.append(args[0].detach().requires_grad_())
            return (seen[-1].clone(), *args[1:])

        handle = first.register_forward_pre_hook(swap)
        try:
            with torch.enable_grad():
                total = selected(model(points.clone()), classes).sum()
            return torch.autograd.grad(total, seen[-1], materialize_grads=True)[0]
        finally:
            handle.remove()

    return ig(model, inputs, baselines, target, n_steps, grad=grad)


@mutant(
    refuted_by=CURVED,
    defect="Divided differences of the rectifiers between the two ends, DeepLIFT's rule: complete, exact for one kink.",
)
def secants_between_the_ends(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    x, b, classes = checked(inputs, baselines, target, n_steps)
    seen: dict[nn.Module, list[Tensor]] = {}
    ends = [m for m in model.modules() if isinstance(m, nn.ReLU) and not m.inplace]

    def note(module: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> None:
        seen.setdefault(module, []).extend((args[0].detach(), output.detach()))

    def apply(module: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> Tensor:
        z, y, start, first = seen[module]
        return args[0] * torch.where(z == start, (z > 0).to(z.dtype), (y - first) / (z - start))

    for points, hook in ((x, note), (b, note), (x, apply)):
        handles = [m.register_forward_hook(hook) for m in ends]
        try:
            slopes = gradient(model, points, classes)
        finally:
            for handle in handles:
                handle.remove()
    return (x - b) * slopes
