"""What do mutants and controls share? Integrated Gradients by any rule, right and in small pieces, and a registry."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

Target = int | Tensor
Rule = tuple[list[float], list[float]]
"""Nodes and weights on [0, 1]."""
Score = Callable[[Tensor, Tensor], Tensor]
Gradient = Callable[[nn.Module, Tensor, Tensor], Tensor]
Subject = TypeVar("Subject", bound=Callable[..., Any])


@dataclass(frozen=True)
class Mutant:
    """A defect on purpose: the claims of which at least one must refute it, and what is wrong in one sentence.

    blunt: not even the plainest case is right, or only in the first call. as_: what it claims to be.
    """

    name: str
    subject: Callable[..., Any]
    refuted_by: tuple[str, ...]
    defect: str
    blunt: bool = False
    as_: str = "ig"
    stage: str | None = None


MUTANTS: dict[str, Mutant] = {}


def mutant(
    *, refuted_by: tuple[str, ...], defect: str, blunt: bool = False, as_: str = "ig", stage: str | None = None
) -> Callable[[Subject], Subject]:
    """Registers a function or a class as a mutant and makes the defect its docstring."""

    def register(subject: Subject) -> Subject:
        # A file loaded by its path, as a SPEC, is a module beside the package's own and registers nothing.
        if not subject.__module__.startswith(f"{__package__}."):
            return subject
        name = subject.__name__
        if name in MUTANTS:
            raise ValueError(f"mutant {name} is defined twice")
        subject.__doc__ = defect
        MUTANTS[name] = Mutant(name, subject, refuted_by, defect, blunt, as_, stage)
        return subject

    return register


def checked(inputs: Tensor, baselines: Tensor, target: Target, n_steps: int) -> tuple[Tensor, Tensor, Tensor]:
    """Detached inputs, detached baselines and the targets as a long tensor [N]; ValueError for what does not fit."""
    if inputs.shape != baselines.shape:
        raise ValueError(f"baselines have shape {list(baselines.shape)}, inputs have shape {list(inputs.shape)}")
    if n_steps < 1:
        raise ValueError(f"n_steps is {n_steps}; at least 1 is needed")
    classes = torch.as_tensor(target, device=inputs.device)
    classes = classes.expand(len(inputs)) if classes.ndim == 0 else classes
    if classes.shape != (len(inputs),):
        raise ValueError(
            f"target has shape {list(classes.shape)}; an int or one class for each of {len(inputs)} inputs"
        )
    return inputs.detach(), baselines.detach(), classes


def selected(scores: Tensor, target: Tensor) -> Tensor:
    """The score [N] of every sample's own class; an error for a class that does not exist, -1 included."""
    return scores.gather(1, target.reshape(-1, 1)).squeeze(1)


def gradient(model: nn.Module, points: Tensor, target: Tensor, score: Score = selected) -> Tensor:
    """The score's gradient at the points, of their shape; it touches no parameter, no caller's tensor and no mode."""
    with torch.enable_grad():
        leaf = points.detach().requires_grad_()
        # The clone lets a model that starts with an in-place rectifier overwrite something that is not a leaf.
        total = score(model(leaf.clone()), target).sum()
        (result,) = torch.autograd.grad(total, leaf, materialize_grads=True)
    return result


def scores_at(model: nn.Module, points: Tensor, target: Tensor) -> Tensor:
    """F at the points, [N], without a graph."""
    with torch.no_grad():
        return selected(model(points.clone()), target)


def per_sample(values: Tensor, like: Tensor) -> Tensor:
    """[N] values as [N, 1, …], to be multiplied with `like`."""
    return values.reshape(-1, *[1] * (like.ndim - 1))


def midpoint(n: int) -> Rule:
    return [(k + 0.5) / n for k in range(n)], [1 / n] * n


def left(n: int) -> Rule:
    return [k / n for k in range(n)], [1 / n] * n


def trapezoid(n: int) -> Rule:
    """n cells, n + 1 nodes."""
    return [k / n for k in range(n + 1)], [0.5 / n, *[1 / n] * (n - 1), 0.5 / n]


def average(model: nn.Module, x: Tensor, b: Tensor, target: Tensor, rule: Rule, grad: Gradient = gradient) -> Tensor:
    """Σ w_l ∇F(x' + t_l (x - x')): the averaged gradient on the segment, of x's shape."""
    total = torch.zeros_like(x, memory_format=torch.contiguous_format)
    for t, w in zip(*rule, strict=True):
        total += w * grad(model, b + t * (x - b), target)
    return total


def ig(
    model: nn.Module,
    inputs: Tensor,
    baselines: Tensor,
    target: Target,
    n_steps: int = 50,
    rule: Callable[[int], Rule] = midpoint,
    grad: Gradient = gradient,
) -> Tensor:
    """Integrated Gradients of the inputs' shape (1703.01365), by any rule."""
    x, b, classes = checked(inputs, baselines, target, n_steps)
    return (x - b) * average(model, x, b, classes, rule(n_steps), grad)
