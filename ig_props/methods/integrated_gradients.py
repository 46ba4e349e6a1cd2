"""What are Integrated Gradients, written so plainly that the code can be seen to be right?"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ig_props.methods.scores import Score, chosen


def integrated_gradients(
    model: nn.Module,
    inputs: Tensor,
    baselines: Tensor | None = None,
    target: int | Tensor | None = None,
    n_steps: int = 50,
    score: Score = chosen,
) -> Tensor:
    """IG by the midpoint rule (1703.01365 equation 1): (x - x') times the mean gradient at (k + 1/2) / n_steps.

    model maps [N, *shape] to [N, classes]; inputs is [N, *shape] and baselines the same (zeros if None); target is an
    int, a long tensor [N], or None for a model with one score; score: how a number is read from the output. Returns
    attributions of the inputs' shape and dtype, in the unit of the score. Model, inputs and every global state are left
    as they were. Raises ValueError for shapes that differ, targets out of range and n_steps below 1.
    """
    if baselines is None:
        baselines = torch.zeros_like(inputs)
    if baselines.shape != inputs.shape:
        raise ValueError(f"baselines has shape {list(baselines.shape)}; the inputs' {list(inputs.shape)} is needed")
    if n_steps < 1:
        raise ValueError(f"n_steps must be at least 1, given {n_steps}")
    inputs, baselines = inputs.detach(), baselines.detach()
    total = torch.zeros_like(inputs)
    with torch.enable_grad():
        for k in range(n_steps):
            point = baselines + (k + 0.5) / n_steps * (inputs - baselines)
            point.requires_grad_(True)
            (gradient,) = torch.autograd.grad(score(model(point), target).sum(), point)
            total += gradient
    return (inputs - baselines) * (total / n_steps)
