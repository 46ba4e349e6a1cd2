"""Which mistakes do people make in drawing heat maps?"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from property_tests.mutants._base import Target, checked, mutant
from property_tests.mutants.layers import slopes_at, values_at

MAP = ("CAM.definition",)
SUMS = ("RSI.grad_cam_definition",)


def parts(model: nn.Module, layer: nn.Module, inputs: Tensor, target: Target) -> tuple[Tensor, Tensor]:
    """The layer's values and the score's gradient by them, [N, C, H, W]."""
    x, _, classes = checked(inputs, inputs, target, 1)
    return values_at(model, layer, x), slopes_at(model, layer, x, classes)


def drawn(weights: Tensor, values: Tensor) -> Tensor:
    return (weights * values).sum(1).relu()


def plus_plus(g: Tensor, total: Tensor) -> Tensor:
    alpha = torch.where(g != 0, 1 / (2 + g * total), torch.zeros_like(g))
    return (alpha * g.relu()).sum((2, 3), keepdim=True)


@mutant(refuted_by=MAP, as_="grad-cam", defect="Gradients are summed instead of averaged.")
def summed_gradients(model: nn.Module, layer: nn.Module, inputs: Tensor, target: Target) -> Tensor:
    a, g = parts(model, layer, inputs, target)
    return drawn(g.sum((2, 3), keepdim=True), a)


@mutant(refuted_by=MAP, as_="grad-cam", defect="Gradients are rectified before they are averaged.")
def rectified_weights(model: nn.Module, layer: nn.Module, inputs: Tensor, target: Target) -> Tensor:
    a, g = parts(model, layer, inputs, target)
    return drawn(g.relu().mean((2, 3), keepdim=True), a)


@mutant(refuted_by=MAP, as_="grad-cam", defect="The rectifier at the end is missing.")
def unrectified_map(model: nn.Module, layer: nn.Module, inputs: Tensor, target: Target) -> Tensor:
    a, g = parts(model, layer, inputs, target)
    return (g.mean((2, 3), keepdim=True) * a).sum(1)


@mutant(refuted_by=MAP, as_="grad-cam", defect="Gradients times values pixel by pixel, without pooling.")
def without_pooling(model: nn.Module, layer: nn.Module, inputs: Tensor, target: Target) -> Tensor:
    a, g = parts(model, layer, inputs, target)
    return drawn(g, a)


@mutant(refuted_by=MAP, as_="grad-cam", defect="Channels are averaged instead of added.")
def averaged_channels(model: nn.Module, layer: nn.Module, inputs: Tensor, target: Target) -> Tensor:
    a, g = parts(model, layer, inputs, target)
    return (g.mean((2, 3), keepdim=True) * a).mean(1).relu()


@mutant(refuted_by=MAP, as_="grad-cam", defect="The map is turned by a quarter, which squares hide.")
def rows_as_columns(model: nn.Module, layer: nn.Module, inputs: Tensor, target: Target) -> Tensor:
    a, g = parts(model, layer, inputs, target)
    raw = drawn(g.mean((2, 3), keepdim=True), a)
    return raw.transpose(1, 2).reshape(raw.shape)


@mutant(refuted_by=MAP, as_="grad-cam", stage="normalized", defect="1e-4 is added to the divisor.")
def epsilon_in_the_divisor(model: nn.Module, layer: nn.Module, inputs: Tensor, target: Target) -> Tensor:
    a, g = parts(model, layer, inputs, target)
    raw = drawn(g.mean((2, 3), keepdim=True), a)
    return raw / (raw.amax((1, 2), keepdim=True) + 1e-4)


@mutant(refuted_by=MAP, as_="grad-cam", stage="normalized", defect="A map that is zero is divided by zero.")
def zero_over_zero(model: nn.Module, layer: nn.Module, inputs: Tensor, target: Target) -> Tensor:
    a, g = parts(model, layer, inputs, target)
    raw = drawn(g.mean((2, 3), keepdim=True), a)
    return raw / raw.amax((1, 2), keepdim=True)


@mutant(refuted_by=MAP, as_="grad-cam-positive", defect="The pooled weights are rectified, not the gradients.")
def rectified_after_pooling(model: nn.Module, layer: nn.Module, inputs: Tensor, target: Target) -> Tensor:
    a, g = parts(model, layer, inputs, target)
    return drawn(g.mean((2, 3), keepdim=True).relu(), a)


@mutant(refuted_by=MAP, as_="grad-cam++", defect="Alpha holds the sum over all channels.")
def alpha_over_all_channels(model: nn.Module, layer: nn.Module, inputs: Tensor, target: Target) -> Tensor:
    a, g = parts(model, layer, inputs, target)
    return drawn(plus_plus(g, a.sum((1, 2, 3), keepdim=True)), a)


@mutant(refuted_by=MAP, as_="grad-cam++", defect="Alpha multiplies sums over pixels of A g³ instead of ΣA g³.")
def cubes_inside_the_sum(model: nn.Module, layer: nn.Module, inputs: Tensor, target: Target) -> Tensor:
    a, g = parts(model, layer, inputs, target)
    below = 2 * g**2 + (a * g**3).sum((2, 3), keepdim=True)
    alpha = torch.where(below != 0, g**2 / torch.where(below != 0, below, torch.ones_like(below)), torch.zeros_like(g))
    return drawn((alpha * g.relu()).sum((2, 3), keepdim=True), a)


@mutant(refuted_by=MAP, as_="grad-cam++", defect="1e-6 is added to alpha's denominator.")
def epsilon_in_alpha(model: nn.Module, layer: nn.Module, inputs: Tensor, target: Target) -> Tensor:
    a, g = parts(model, layer, inputs, target)
    below = 2 * g**2 + a.sum((2, 3), keepdim=True) * g**3 + 1e-6
    return drawn((g**2 / below * g.relu()).sum((2, 3), keepdim=True), a)


def stieltjes(
    model: nn.Module, layer: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n: int, rectified: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """The layer's values and slopes at n + 1 points, [n + 1, N, C, H, W], and the trapezoidal sums [N, C, H, W]."""
    x, b, classes = checked(inputs, baselines, target, n)
    points = [b + k / n * (x - b) for k in range(n + 1)]
    h = torch.stack([values_at(model, layer, p) for p in points])
    g = torch.stack([slopes_at(model, layer, p, classes) for p in points])
    g = g.relu() if rectified else g
    return h, g, ((g[1:] + g[:-1]) / 2 * (h[1:] - h[:-1])).sum(0)


@mutant(refuted_by=SUMS, as_="rsi-grad-cam", defect="Gradients are not rectified before integrating.")
def signed_instead(
    model: nn.Module, layer: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    h, _, sums = stieltjes(model, layer, inputs, baselines, target, n_steps, False)
    return drawn(sums.mean((2, 3), keepdim=True), h[-1])


@mutant(refuted_by=SUMS, as_="rsi-grad-cam-signed", defect="The mean gradient times A(x) - A(x').")
def mean_gradient_times_difference(
    model: nn.Module, layer: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    h, g, _ = stieltjes(model, layer, inputs, baselines, target, n_steps, False)
    return drawn(((g.mean(0)) * (h[-1] - h[0])).mean((2, 3), keepdim=True), h[-1])


@mutant(refuted_by=SUMS, as_="rsi-grad-cam-signed", defect="The baseline is ignored: the path starts at zero.")
def layer_path_from_zero(
    model: nn.Module, layer: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    h, _, sums = stieltjes(model, layer, inputs, torch.zeros_like(inputs), target, n_steps, False)
    return drawn(sums.mean((2, 3), keepdim=True), h[-1])


@mutant(refuted_by=SUMS, as_="rsi-grad-cam-signed", defect="The last cell is lost.")
def without_the_last_cell(
    model: nn.Module, layer: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    h, g, _ = stieltjes(model, layer, inputs, baselines, target, n_steps, False)
    sums = ((g[1:-1] + g[:-2]) / 2 * (h[1:-1] - h[:-2])).sum(0)
    return drawn(sums.mean((2, 3), keepdim=True), h[-1])


@mutant(refuted_by=SUMS, as_="rsi-grad-cam", defect="The weights multiply A(x) - A(x') instead of A(x).")
def weights_on_the_difference(
    model: nn.Module, layer: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    h, _, sums = stieltjes(model, layer, inputs, baselines, target, n_steps, True)
    return drawn(sums.mean((2, 3), keepdim=True), h[-1] - h[0])


@mutant(refuted_by=MAP, as_="grad-cam", defect="Weights lose their sign.")
def absolute_weights(model: nn.Module, layer: nn.Module, inputs: Tensor, target: Target) -> Tensor:
    a, g = parts(model, layer, inputs, target)
    return drawn(g.mean((2, 3), keepdim=True).abs(), a)


@mutant(refuted_by=MAP, as_="grad-cam++", defect="Alpha holds the mean of A instead of its sum.")
def alpha_with_the_mean(model: nn.Module, layer: nn.Module, inputs: Tensor, target: Target) -> Tensor:
    a, g = parts(model, layer, inputs, target)
    return drawn(plus_plus(g, a.mean((2, 3), keepdim=True)), a)


@mutant(refuted_by=MAP, as_="grad-cam++", defect="Alphas are scaled to add up to 1, channel by channel.")
def alphas_that_add_up(model: nn.Module, layer: nn.Module, inputs: Tensor, target: Target) -> Tensor:
    a, g = parts(model, layer, inputs, target)
    alpha = torch.where(g > 0, 1 / (2 + g * a.sum((2, 3), keepdim=True)), torch.zeros_like(g))
    total = alpha.sum((2, 3), keepdim=True)
    alpha = alpha / torch.where(total != 0, total, torch.ones_like(total))
    return drawn((alpha * g.relu()).sum((2, 3), keepdim=True), a)


@mutant(refuted_by=MAP, as_="grad-cam", stage="normalized", defect="The map is divided by its sum.")
def divided_by_the_sum(model: nn.Module, layer: nn.Module, inputs: Tensor, target: Target) -> Tensor:
    a, g = parts(model, layer, inputs, target)
    raw = drawn(g.mean((2, 3), keepdim=True), a)
    total = raw.sum((1, 2), keepdim=True)
    return raw / torch.where(total > 0, total, torch.ones_like(total))


@mutant(refuted_by=SUMS, as_="rsi-grad-cam", defect="Products of gradients and increments are rectified, cell by cell.")
def rectified_products(
    model: nn.Module, layer: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    h, g, _ = stieltjes(model, layer, inputs, baselines, target, n_steps, False)
    sums = ((g[1:] + g[:-1]) / 2 * (h[1:] - h[:-1])).relu().sum(0)
    return drawn(sums.mean((2, 3), keepdim=True), h[-1])


@mutant(refuted_by=SUMS, as_="rsi-grad-cam", defect="Increments lose their sign.")
def absolute_increments(
    model: nn.Module, layer: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    h, g, _ = stieltjes(model, layer, inputs, baselines, target, n_steps, True)
    sums = ((g[1:] + g[:-1]) / 2 * (h[1:] - h[:-1]).abs()).sum(0)
    return drawn(sums.mean((2, 3), keepdim=True), h[-1])


@mutant(refuted_by=SUMS, as_="rsi-grad-cam-signed", defect="Central differences without the two clamped ends.")
def ends_left_out(
    model: nn.Module, layer: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    h, g, sums = stieltjes(model, layer, inputs, baselines, target, n_steps, False)
    inner = (g[1:-1] * (h[2:] - h[:-2])).sum(0) / 2 if n_steps > 1 else torch.zeros_like(sums)
    return drawn(inner.mean((2, 3), keepdim=True), h[-1])


@mutant(refuted_by=SUMS, as_="rsi-grad-cam-signed", defect="The weights multiply the mean of A along the path.")
def weights_on_the_mean(
    model: nn.Module, layer: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    h, _, sums = stieltjes(model, layer, inputs, baselines, target, n_steps, False)
    return drawn(sums.mean((2, 3), keepdim=True), h.mean(0))
