"""What do the papers' notebooks do? Backward passes in a loop, one for every path point."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def inputs_loop(model: nn.Module, x: Tensor, target: Tensor, n_steps: int) -> Tensor:
    """Midpoint sums of Integrated Gradients for a batch."""
    total = torch.zeros_like(x)
    for k in range(n_steps):
        point = ((k + 0.5) / n_steps * x).requires_grad_(True)
        total += torch.autograd.grad(model(point).gather(1, target[:, None]).sum(), point)[0]
    return total / n_steps * x


def layer_loop(model: nn.Module, layer: nn.Module, x: Tensor, n_steps: int) -> Tensor:
    """Trapezoidal sums of a layer for a batch, of the first score."""
    before: tuple[Tensor, Tensor] | None = None
    total = torch.zeros((), device=x.device)
    for k in range(n_steps + 1):
        seen: list[Tensor] = []
        handle = layer.register_forward_hook(lambda m, a, out, seen=seen: seen.append(out))
        score = model((k / n_steps * x).requires_grad_(True))[:, 0].sum()
        handle.remove()
        (g,) = torch.autograd.grad(score, seen[0])
        h = seen[0].detach()
        if before is not None:
            total = total + (before[0] + g) / 2 * (h - before[1])
        before = (g, h)
    return total
