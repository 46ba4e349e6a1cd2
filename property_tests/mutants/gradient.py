"""Which mistakes do people make in taking the gradient?"""

from __future__ import annotations

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
