"""Which mistakes do people make in taking the gradient?"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from property_tests.mutants._base import (
    Rule,
    Target,
    average,
    checked,
    gradient,
    ig,
    midpoint,
    mutant,
    scores_at,
    selected,
)

AFFINE = ("QUAD.weights_sum_one",)
CURVED = ("QUAD.variation_bound", "EXACT.polynomial", "CERT.enclosure")


def _at(*nodes: float) -> Rule:
    return list(nodes), [1 / len(nodes)] * len(nodes)


@mutant(refuted_by=CURVED, defect="Asks for the gradient n times at the input itself.")
def gradient_at_the_input(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    return ig(model, inputs, baselines, target, n_steps, lambda n: _at(*[1.0] * n))


@mutant(refuted_by=CURVED, defect="Asks for the gradient at the baseline only.")
def gradient_at_the_baseline(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    return ig(model, inputs, baselines, target, n_steps, lambda n: _at(0.0))


@mutant(refuted_by=CURVED, defect="Averages the gradients at the two ends: a single trapezoid whatever n_steps is.")
def gradients_at_the_ends(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    return ig(model, inputs, baselines, target, n_steps, lambda n: _at(0.0, 1.0))


@mutant(
    refuted_by=CURVED,
    defect="Differentiates with respect to the input through the path, which brings a factor t, and doubles it.",
)
def gradient_with_respect_to_the_input(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    x, b, classes = checked(inputs, baselines, target, n_steps)
    with torch.enable_grad():
        leaf = x.detach().requires_grad_()
        scores = [selected(model(b + t * (leaf - b)), classes).sum() for t in midpoint(n_steps)[0]]
        (total,) = torch.autograd.grad(torch.stack(scores).mean(), leaf)
    return (x - b) * 2 * total


@mutant(refuted_by=AFFINE, defect="Negative gradients are dropped at every point.")
def negative_gradients_dropped(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    return ig(model, inputs, baselines, target, n_steps, grad=lambda *args: gradient(*args).relu())


@mutant(refuted_by=AFFINE, defect="Takes the size of the averaged gradient.")
def size_of_the_gradient(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    x, b, classes = checked(inputs, baselines, target, n_steps)
    return (x - b) * average(model, x, b, classes, midpoint(n_steps)).abs()


@mutant(refuted_by=AFFINE, defect="For negative inputs the sign is turned: magnitudes are compared, not values.")
def magnitudes_compared(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    x, b, classes = checked(inputs, baselines, target, n_steps)
    return (x.abs() - b.abs()) * average(model, x, b, classes, midpoint(n_steps))


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
    defect="Remembers each rectifier's state by module: one that is called twice goes back through its last state.",
)
def rectifier_state_by_module(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    masks: dict[Any, Tensor] = {}

    def note(module: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> None:
        masks[module, output.shape] = (output > 0).to(output.dtype)

    def apply(module: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> Tensor:
        return args[0] * masks[module, output.shape]

    def grad(model: nn.Module, points: Tensor, classes: Tensor) -> Tensor:
        layers = [m for m in model.modules() if isinstance(m, nn.ReLU)]
        for work, hook in ((scores_at, note), (gradient, apply)):
            handles = [m.register_forward_hook(hook) for m in layers]
            try:
                result: Tensor = work(model, points, classes)
            finally:
                for handle in handles:
                    handle.remove()
        return result

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
    refuted_by=CURVED, defect="Works on a copy of the model without biases, as if they could not matter to a gradient."
)
def biases_ignored(model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50) -> Tensor:
    named = dict(model.named_parameters())
    zeros = {k: torch.zeros_like(p) for k, p in named.items() if k.endswith("bias")}

    def grad(model: nn.Module, points: Tensor, classes: Tensor) -> Tensor:
        with torch.enable_grad():
            leaf = points.detach().requires_grad_()
            total = selected(torch.func.functional_call(model, zeros, (leaf.clone(),)), classes).sum()
        return torch.autograd.grad(total, leaf)[0]

    return ig(model, inputs, baselines, target, n_steps, grad=grad)


@mutant(
    refuted_by=AFFINE,
    defect="Differences over a step of 1e-6 instead of gradients: right in double precision, noise in single.",
)
def differences_in_single_precision(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    def grad(model: nn.Module, points: Tensor, classes: Tensor) -> Tensor:
        result = torch.zeros_like(points, memory_format=torch.contiguous_format)
        for k in range(points[0].numel()):
            step = torch.zeros_like(result)
            step.flatten(1)[:, k] = 1e-6
            rise = scores_at(model, points + step, classes) - scores_at(model, points - step, classes)
            result.flatten(1)[:, k] = rise / 2e-6
        return result

    return ig(model, inputs, baselines, target, n_steps, grad=grad)


@mutant(
    refuted_by=CURVED,
    defect="Does not clear the leaf's gradient between steps and divides by 1 + 2 + … + n: early steps weigh most.",
)
def gradients_of_earlier_steps_kept(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    def rule(n: int) -> Rule:
        times = [n - k for k in range(n)]
        return midpoint(n)[0], [k / sum(times) for k in times]

    return ig(model, inputs, baselines, target, n_steps, rule)


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
