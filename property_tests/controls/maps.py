"""Which honest ways are there to draw a heat map?"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ig_props.methods import grad_cam as reference
from property_tests.controls._base import control
from property_tests.mutants._base import Target, checked
from property_tests.mutants.layers import slopes_at, values_at


@control("Grad-CAM as the sum over channels of activations times spatially averaged gradients.", as_="grad-cam")
def averaged_gradients(model: nn.Module, layer: nn.Module, inputs: Tensor, target: Target) -> Tensor:
    return reference.grad_cam(model, layer, inputs, target).rectified


@control("Grad-CAM whose channels are added one by one, the last first, as [N, 1, H, W].", as_="grad-cam")
def channel_by_channel(model: nn.Module, layer: nn.Module, inputs: Tensor, target: Target) -> Tensor:
    x, _, classes = checked(inputs, inputs, target, 1)
    a, g = values_at(model, layer, x), slopes_at(model, layer, x, classes)
    total = torch.zeros_like(a[:, :1])
    for k in reversed(range(a.shape[1])):
        total = total + g[:, k : k + 1].flatten(1).sum(1)[:, None, None, None] / g[0, 0].numel() * a[:, k : k + 1]
    return total.clamp_min(0)


@control("Positive gradients averaged.", as_="grad-cam-positive")
def positive_gradients(model: nn.Module, layer: nn.Module, inputs: Tensor, target: Target) -> Tensor:
    return reference.grad_cam_positive(model, layer, inputs, target).rectified


@control("Grad-CAM++ with alpha = 1/(2 + g sum A).", as_="grad-cam++")
def alpha_without_powers(model: nn.Module, layer: nn.Module, inputs: Tensor, target: Target) -> Tensor:
    return reference.grad_cam_plus_plus(model, layer, inputs, target).rectified


@control("RSI-Grad-CAM with rectified gradients, point by point.", as_="rsi-grad-cam")
def rectified_sums(
    model: nn.Module, layer: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    return reference.rsi_grad_cam(model, layer, inputs, baselines, target, n_steps).rectified


@control("RSI-Grad-CAM with signed gradients taken at the middles of the cells.", as_="rsi-grad-cam-signed")
def slopes_in_the_middle(
    model: nn.Module, layer: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    x, b, classes = checked(inputs, baselines, target, n_steps)
    h = [values_at(model, layer, b + k / n_steps * (x - b)) for k in range(n_steps + 1)]
    g = [slopes_at(model, layer, b + (k + 0.5) / n_steps * (x - b), classes) for k in range(n_steps)]
    weights = torch.stack([g[k] * (h[k + 1] - h[k]) for k in range(n_steps)]).sum(0).mean((2, 3), keepdim=True)
    return (weights * h[-1]).sum(1).relu()


@control("Grad-CAM divided by its maximum.", as_="grad-cam", stage="normalized")
def divided_by_the_maximum(model: nn.Module, layer: nn.Module, inputs: Tensor, target: Target) -> Tensor:
    return reference.grad_cam(model, layer, inputs, target).normalized


@control("Grad-CAM from its least to its largest value.", as_="grad-cam", stage="normalized")
def from_least_to_largest(model: nn.Module, layer: nn.Module, inputs: Tensor, target: Target) -> Tensor:
    raw = reference.grad_cam(model, layer, inputs, target).rectified
    low, high = raw.amin((1, 2), keepdim=True), raw.amax((1, 2), keepdim=True)
    return torch.where(high > low, (raw - low) / (high - low), torch.zeros_like(raw))


@control("Grad-CAM by a forward of the layer that is replaced on the instance and put back.", as_="grad-cam")
def forward_replaced(model: nn.Module, layer: nn.Module, inputs: Tensor, target: Target) -> Tensor:
    x, _, classes = checked(inputs, inputs, target, 1)
    seen: list[Tensor] = []
    plain = layer.forward

    def forward(*args: Tensor) -> Tensor:
        seen.append(plain(*args).detach().clone().requires_grad_())
        return seen[-1].clone()

    layer.forward = forward  # type: ignore[method-assign]
    try:
        with torch.enable_grad():
            total = model(x.clone()).gather(1, classes[:, None]).sum()
    finally:
        del layer.forward
    (g,) = torch.autograd.grad(total, seen[0], materialize_grads=True)
    return torch.einsum("nkij,nkab->nab", g / g[0, 0].numel(), seen[0].detach()).relu()


@control("RSI-Grad-CAM with rectified gradients at the end of each cell.", as_="rsi-grad-cam")
def right_sums(
    model: nn.Module, layer: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    x, b, classes = checked(inputs, baselines, target, n_steps)
    points = [b + k / n_steps * (x - b) for k in range(n_steps + 1)]
    h = [values_at(model, layer, p) for p in points]
    g = [slopes_at(model, layer, p, classes).relu() for p in points[1:]]
    weights = torch.stack([g[k] * (h[k + 1] - h[k]) for k in range(n_steps)]).sum(0).mean((2, 3), keepdim=True)
    return (weights * h[-1]).sum(1).relu()


@control("RSI-Grad-CAM summed by parts: what the layer has changed by, times the changes of the gradient.",
         as_="rsi-grad-cam-signed")  # fmt: skip
def summed_by_parts(
    model: nn.Module, layer: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    x, b, classes = checked(inputs, baselines, target, n_steps)
    points = [b + k / n_steps * (x - b) for k in range(n_steps + 1)]
    h = [values_at(model, layer, p) for p in points]
    way = [v - h[0] for v in h]
    g = [slopes_at(model, layer, p, classes) for p in points]
    parts = torch.stack([(way[k] + way[k + 1]) / 2 * (g[k + 1] - g[k]) for k in range(n_steps)]).sum(0)
    return ((g[-1] * way[-1] - parts).mean((2, 3), keepdim=True) * h[-1]).sum(1).relu()
