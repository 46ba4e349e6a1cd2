"""Which honest ways are there to take the gradients of a path?"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.utils.checkpoint import checkpoint

from property_tests.controls._base import control
from property_tests.mutants._base import (
    Target,
    average,
    checked,
    gradient,
    ig,
    midpoint,
    per_sample,
    scores_at,
    selected,
)


@control("vmap over samples of the functional gradient of one sample.")
def functional_gradients(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    def score(point: Tensor, label: Tensor) -> Tensor:
        score: Tensor = model(point.clone()[None])[0].gather(0, label[None])[0]
        return score

    def grad(model: nn.Module, points: Tensor, classes: Tensor) -> Tensor:
        result: Tensor = torch.func.vmap(torch.func.grad(score))(points, classes)
        return result

    return ig(model, inputs, baselines, target, n_steps, grad=grad)


@control("The whole Jacobian of all scores, from which the target's row is taken.")
def row_of_the_jacobian(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    def grad(model: nn.Module, points: Tensor, classes: Tensor) -> Tensor:
        rows = []
        for point, label in zip(points, classes, strict=True):
            jacobian = torch.func.jacrev(lambda z: model(z.clone()[None])[0])(point)
            rows.append(jacobian[checked_class(label, jacobian)])
        return torch.stack(rows).detach()

    def checked_class(label: Tensor, jacobian: Tensor) -> int:
        if not 0 <= int(label) < len(jacobian):
            raise IndexError(f"target {int(label)} is not one of {len(jacobian)} classes")
        return int(label)

    return ig(model, inputs, baselines, target, n_steps, grad=grad)


@control("Forward mode: one directional derivative for each coordinate and none of the reverse sweep.")
def forward_mode(model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50) -> Tensor:
    def grad(model: nn.Module, points: Tensor, classes: Tensor) -> Tensor:
        size = points[0].numel()
        units = torch.eye(size, dtype=points.dtype).reshape(size, 1, *points.shape[1:])
        tangents = units.expand(size, *points.shape).flatten(0, 1).contiguous()
        with forward_ad.dual_level():
            dual = forward_ad.make_dual(points.repeat(size, *[1] * (points.ndim - 1)), tangents)  # type: ignore[no-untyped-call]
            pushed = forward_ad.unpack_dual(selected(model(dual.clone()), classes.repeat(size))).tangent  # type: ignore[no-untyped-call]
        return torch.zeros_like(points) if pushed is None else pushed.detach().reshape(size, -1).T.reshape(points.shape)

    return ig(model, inputs, baselines, target, n_steps, grad=grad)


@control("Central differences in float64 over a step of 2^-20, on a copy of the model in double precision.")
def central_differences(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    def grad(model: nn.Module, points: Tensor, classes: Tensor) -> Tensor:
        size = points[0].numel()
        steps = (torch.eye(size, dtype=points.dtype) * 2.0**-20).reshape(size, 1, *points.shape[1:])
        sides = [(points + sign * steps).flatten(0, 1) for sign in (1, -1)]
        up, down = (scores_at(model, side, classes.repeat(size)) for side in sides)
        return ((up - down) * 2.0**19).reshape(size, -1).T.reshape(points.shape)

    twin = copy.deepcopy(model).double()
    return ig(twin, inputs.double(), baselines.double(), target, n_steps, grad=grad).to(inputs.dtype)


@control("Gradients without a target: a vector-Jacobian product with one-hot rows.")
def one_hot_rows(model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50) -> Tensor:
    def grad(model: nn.Module, points: Tensor, classes: Tensor) -> Tensor:
        with torch.enable_grad():
            leaf = points.detach().requires_grad_()
            scores = model(leaf.clone())
            rows = torch.zeros_like(scores).scatter(1, classes[:, None], 1.0)
            return torch.autograd.grad(scores, leaf, grad_outputs=rows)[0]

    return ig(model, inputs, baselines, target, n_steps, grad=grad)


@control("backward() on a deep copy of the model, which alone collects gradients.")
def backward_on_a_copy(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    def grad(model: nn.Module, points: Tensor, classes: Tensor) -> Tensor:
        with torch.enable_grad():
            leaf = points.detach().requires_grad_()
            selected(model(leaf.clone()), classes).sum().backward()  # type: ignore[no-untyped-call]
        return torch.zeros_like(points) if leaf.grad is None else leaf.grad

    return ig(copy.deepcopy(model), inputs, baselines, target, n_steps, grad=grad)


@control("backward() on the caller's model, whose parameters' gradients are put back afterwards whatever happens.")
def backward_with_gradients_put_back(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    def grad(model: nn.Module, points: Tensor, classes: Tensor) -> Tensor:
        with torch.enable_grad():
            leaf = points.detach().requires_grad_()
            selected(model(leaf.clone()), classes).sum().backward()  # type: ignore[no-untyped-call]
        return torch.zeros_like(points) if leaf.grad is None else leaf.grad

    kept = [(p, None if p.grad is None else p.grad.clone()) for p in model.parameters()]
    try:
        return ig(model, inputs, baselines, target, n_steps, grad=grad)
    finally:
        for p, before in kept:
            p.grad = before


@control("Gradient checkpointing: activations are computed a second time on the way back.")
def checkpointed(model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50) -> Tensor:
    def grad(model: nn.Module, points: Tensor, classes: Tensor) -> Tensor:
        with torch.enable_grad():
            leaf = points.detach().requires_grad_()
            scores = checkpoint(lambda z: model(z.clone()), leaf, use_reentrant=False)
            return torch.autograd.grad(selected(scores, classes).sum(), leaf)[0]

    return ig(model, inputs, baselines, target, n_steps, grad=grad)


@control("Reads the gradient from a hook on the model's input and removes both hooks, also after a failure.")
def read_from_hooks(model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50) -> Tensor:
    def grad(model: nn.Module, points: Tensor, classes: Tensor) -> Tensor:
        seen: list[Tensor] = []

        def watch(module: nn.Module, args: tuple[Tensor, ...]) -> None:
            args[0].register_hook(seen.append)  # type: ignore[no-untyped-call]

        handle = model.register_forward_pre_hook(watch)
        try:
            gradient(model, points, classes)
        finally:
            handle.remove()
        return seen[-1]

    return ig(model, inputs, baselines, target, n_steps, grad=grad)


@control("Differentiates the averaged score at path points b + t z with respect to z, each divided by its own t.")
def differentiated_through_the_path(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    x, b, classes = checked(inputs, baselines, target, n_steps)
    with torch.enable_grad():
        z = (x - b).detach().requires_grad_()
        scores = [selected(model(b + t * z), classes).sum() / t for t in midpoint(n_steps)[0]]
        (total,) = torch.autograd.grad(torch.stack(scores).mean(), z)
    return (x - b) * total


@control("The result stays attached to the graph, for those who want to differentiate it.")
def attached_to_the_graph(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    x, b, classes = checked(inputs, baselines, target, n_steps)
    with torch.enable_grad():
        leaf = x.clone().requires_grad_()
        total = torch.zeros_like(leaf)
        for t in midpoint(n_steps)[0]:
            point = b + t * (leaf - b)
            (g,) = torch.autograd.grad(
                selected(model(point.clone()), classes).sum(), point, create_graph=True, materialize_grads=True
            )
            total = total + g / n_steps
        return (leaf - b) * total


@control("Computes in float64 on a copy of the model and rounds once at the end.")
def in_double_precision(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    twin = copy.deepcopy(model).double()
    return ig(twin, inputs.double(), baselines.double(), target, n_steps).to(inputs.dtype)


@control("Weights every sample's score by a power of two and takes it out of the gradient again.")
def scores_scaled_for_the_way_back(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    x, b, classes = checked(inputs, baselines, target, n_steps)
    scale = torch.full((len(x),), 1024.0, dtype=x.dtype)

    def grad(model: nn.Module, points: Tensor, labels: Tensor) -> Tensor:
        return gradient(model, points, labels, lambda s, t: scale * selected(s, t))

    return (x - b) * average(model, x, b, classes, midpoint(n_steps), grad) / per_sample(scale, x)
