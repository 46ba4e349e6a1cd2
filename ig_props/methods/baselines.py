"""Where may an explanation begin? Usual baselines, and the search for one whose class probabilities are uniform."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

Optimizer = Callable[[list[Tensor], float], torch.optim.Optimizer]
OPTIMIZERS: dict[str, Optimizer] = {
    "rmsprop": lambda p, lr: torch.optim.RMSprop(p, lr=lr),
    "adam": lambda p, lr: torch.optim.Adam(p, lr=lr),
    "lbfgs": lambda p, lr: torch.optim.LBFGS(p, lr=1.0, max_iter=4, line_search_fn="strong_wolfe"),
}
"""RMSprop is the paper's; L-BFGS takes its own steps and no learning rate."""
DISTANCES: dict[str, Callable[[Tensor], Tensor]] = {
    "max": lambda p: (p - 1.0 / p.shape[1]).abs().amax(1),
    "squared": lambda p: ((p - 1.0 / p.shape[1]) ** 2).sum(1),
    "divergence": lambda p: -(p * p.shape[1]).clamp_min(torch.finfo(p.dtype).tiny).log().mean(1),
}
"""From probabilities [N, C] to [N]: max |p - 1/C| is the paper's, then Σ (p - 1/C)² and the divergence KL(1/C, p)."""


def zeros(inputs: Tensor) -> Tensor:
    """All zero, [N, …]."""
    return torch.zeros_like(inputs)


def constant(inputs: Tensor, value: float) -> Tensor:
    """One number everywhere, [N, …]."""
    return torch.full_like(inputs, value)


def mean(inputs: Tensor, data: Tensor | None = None) -> Tensor:
    """The mean of a data set [M, …] of the inputs' shape, or of every input's channels where none is given, [N, …]."""
    if data is not None:
        if data.shape[1:] != inputs.shape[1:] or not len(data):
            raise ValueError(
                f"data has shape {list(data.shape)}; [M, {', '.join(map(str, inputs.shape[1:]))}] is needed"
            )
        return data.to(inputs.dtype).mean(0, keepdim=True).expand_as(inputs).clone()
    if inputs.dim() < 3:
        return inputs.flatten(1).mean(1).view(-1, *[1] * (inputs.dim() - 1)).expand_as(inputs).clone()
    return inputs.flatten(2).mean(2).view(*inputs.shape[:2], *[1] * (inputs.dim() - 2)).expand_as(inputs).clone()


def blurred(inputs: Tensor, sigma: float) -> Tensor:
    """Images [N, C, H, W] under a Gaussian of standard deviation sigma in pixels, borders repeated."""
    if inputs.dim() != 4:
        raise ValueError(f"blurring needs images [N, C, H, W], given {list(inputs.shape)}")
    if not sigma > 0:
        raise ValueError(f"sigma must be positive, given {sigma}")
    reach = max(1, math.ceil(3 * sigma))
    offsets = torch.arange(-reach, reach + 1, dtype=inputs.dtype, device=inputs.device)
    kernel = torch.exp(-0.5 * (offsets / sigma) ** 2)
    kernel /= kernel.sum()
    channels = inputs.shape[1]
    padded = nn.functional.pad(inputs.detach(), [reach] * 4, mode="replicate")
    rows = nn.functional.conv2d(padded, kernel.view(1, 1, -1, 1).expand(channels, -1, -1, -1), groups=channels)
    return nn.functional.conv2d(rows, kernel.view(1, 1, 1, -1).expand(channels, -1, -1, -1), groups=channels)


def uniform_noise(inputs: Tensor, low: float, high: float, generator: torch.Generator) -> Tensor:
    """Independent numbers between low and high, [N, …]."""
    if not low < high:
        raise ValueError(f"low must be below high, given {low} and {high}")
    drawn = torch.rand(inputs.shape, dtype=inputs.dtype, generator=generator, device=generator.device)
    return low + (high - low) * drawn.to(inputs.device)


@dataclass(frozen=True, eq=False)
class Found:
    """The best point of a search [N, …], what it is worth and how it was reached.

    from_uniform: max_c |p_c - 1/C| at the baseline [N]. objective, start_objective: [N]. history: the objective of every
    step, one row [N] each. reached: whether every sample's distance is within the tolerance. reason: why it ended.
    """

    baseline: Tensor
    from_uniform: Tensor
    objective: Tensor
    start_objective: Tensor
    history: Tensor
    reached: bool
    reason: str

    def __str__(self) -> str:
        worst = float(self.from_uniform.max())
        return f"max |p - 1/C| = {worst:.3g} after {len(self.history) - 1} steps: {self.reason}"


def _check(model_output: Tensor, start: Tensor) -> None:
    if model_output.dim() != 2 or model_output.shape[1] < 2 or len(model_output) != len(start):
        raise ValueError(f"a search for uniform probabilities needs logits [N, C], given {list(model_output.shape)}")


def uniform_baseline(
    model: nn.Module,
    start: Tensor,
    *,
    weight: float = 0.01,
    optimizer: str | Optimizer = "rmsprop",
    lr: float = 0.01,
    distance: str | Callable[[Tensor], Tensor] = "max",
    box: tuple[float, float] | None = None,
    steps: int = 500,
    tolerance: float = 1e-3,
    patience: int = 100,
) -> Found:
    """An input near `start` [N, …] at which softmax of the model's logits [N, C] is nearly uniform (2204.06120, `BASE.search`).

    Minimises (1 - weight) · distance(p) + weight · mean squared distance from the start; the paper's values are the
    defaults. optimizer: a key of `OPTIMIZERS` or a function of parameters and learning rate; distance: a key of
    `DISTANCES` or a function of probabilities. box: smallest and largest admissible value, which `start` must keep. It
    ends when every sample has max |p - 1/C| ≤ tolerance, when nothing has improved for `patience` steps, or after
    `steps`. The best point seen is returned, the start among them, so the objective is never worse than the start's.
    ValueError says what does not fit.
    """
    if not 0.0 <= weight <= 1.0:
        raise ValueError(f"weight must be between 0 and 1, given {weight}")
    if steps < 1 or patience < 1:
        raise ValueError(f"steps and patience must be at least 1, given {steps} and {patience}")
    if isinstance(optimizer, str) and optimizer not in OPTIMIZERS:
        raise ValueError(f"optimizer is one of {', '.join(OPTIMIZERS)} or a function, given {optimizer!r}")
    if isinstance(distance, str) and distance not in DISTANCES:
        raise ValueError(f"distance is one of {', '.join(DISTANCES)} or a function, given {distance!r}")
    if not start.is_floating_point() or not bool(torch.isfinite(start).all()):
        raise ValueError("start must hold finite floating-point numbers")
    if box is not None and not (box[0] < box[1] and box[0] <= float(start.min()) and float(start.max()) <= box[1]):
        raise ValueError(f"box must be two ascending numbers around the start, given {box}")
    measure = DISTANCES[distance] if isinstance(distance, str) else distance
    return _searched(model, start.detach(), weight, OPTIMIZERS[optimizer] if isinstance(optimizer, str) else optimizer,
                     lr, measure, box, steps, tolerance, patience)  # fmt: skip


def _searched(
    model: nn.Module, start: Tensor, weight: float, make: Optimizer, lr: float, measure: Callable[[Tensor], Tensor],
    box: tuple[float, float] | None, steps: int, tolerance: float, patience: int,
) -> Found:  # fmt: skip
    point = start.clone().requires_grad_(True)
    engine = make([point], lr)

    def objective() -> tuple[Tensor, Tensor]:
        scores = model(point.clone())
        _check(scores, start)
        p = scores.softmax(1)
        near = ((point - start) ** 2).flatten(1).mean(1)
        return (1 - weight) * measure(p) + weight * near, DISTANCES["max"](p).detach()

    def closure() -> float:
        engine.zero_grad()
        with torch.enable_grad():
            total = objective()[0].sum()
            (point.grad,) = torch.autograd.grad(total, [point])
        return float(total.detach())

    with torch.no_grad():
        value, far = objective()
    best, first, chosen, distances = value.clone(), value.clone(), start.clone(), far.clone()
    history, since, reason = [value.clone()], 0, f"{steps} steps were made"
    if bool((distances <= tolerance).all()):
        return Found(chosen, distances, best, first, torch.stack(history), True, "the start is uniform")
    for _ in range(steps):
        engine.step(closure)
        with torch.no_grad():
            if box is not None:
                point.clamp_(*box)
            value, far = objective()
        history.append(value)
        better = value < best
        chosen = torch.where(better.view(-1, *[1] * (start.dim() - 1)), point.detach(), chosen)
        best, distances = torch.where(better, value, best), torch.where(better, far, distances)
        since = 0 if bool(better.any()) else since + 1
        if bool((distances <= tolerance).all()):
            reason = f"the tolerance {tolerance:g} is reached"
            break
        if not bool(torch.isfinite(value).all()):
            reason = "the objective is no longer finite"
            break
        if since >= patience:
            reason = f"nothing improved for {patience} steps"
            break
    return Found(chosen, distances, best, first, torch.stack(history), bool((distances <= tolerance).all()), reason)
