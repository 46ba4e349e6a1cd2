"""Which honest ways are there to attribute to a hidden layer?"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from property_tests.controls._base import control
from property_tests.mutants._base import Target, checked
from property_tests.mutants.layers import INTEGRAL, LINE, layer_integral, layer_line, slopes_at, values_at, velocities


@control("The trapezoidal layer sum, cell by cell.", as_=INTEGRAL)
def trapezoidal_layer_sum(
    model: nn.Module, layer: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    return layer_integral(model, layer, inputs, baselines, target, n_steps)


@control("The trapezoidal layer sum in its central form: one contraction with clamped ends.", as_=INTEGRAL)
def central_layer_sum(
    model: nn.Module, layer: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    x, b, classes = checked(inputs, baselines, target, n_steps)
    points = [b + k / n_steps * (x - b) for k in range(n_steps + 1)]
    h = torch.stack([values_at(model, layer, p) for p in points])
    g = torch.stack([slopes_at(model, layer, p, classes) for p in points])
    ahead, behind = torch.cat([h[1:], h[-1:]]), torch.cat([h[:1], h[:-1]])
    return (g * (ahead - behind)).sum(0) / 2


@control("A left layer sum: gradients at the beginning of each cell.", as_=INTEGRAL)
def left_layer_sum(
    model: nn.Module, layer: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    x, b, classes = checked(inputs, baselines, target, n_steps)
    points = [b + k / n_steps * (x - b) for k in range(n_steps + 1)]
    h = [values_at(model, layer, p) for p in points]
    g = [slopes_at(model, layer, p, classes) for p in points[:-1]]
    return torch.stack([g[k] * (h[k + 1] - h[k]) for k in range(n_steps)]).sum(0)


@control(
    "Gradients times the layer's velocity along the path, by forward mode: a quadrature of the product.", as_=INTEGRAL
)
def forward_mode_velocities(
    model: nn.Module, layer: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    x, b, classes = checked(inputs, baselines, target, n_steps)
    return velocities(model, layer, x, b, classes, n_steps).mean(0)


@control("The straight line between the layer's two values.", as_=LINE)
def straight_line_in_the_layer(
    model: nn.Module, layer: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    return layer_line(model, layer, inputs, baselines, target, n_steps)


@control("Twice as many cells as were asked for.", as_=INTEGRAL)
def twice_as_many_cells(
    model: nn.Module, layer: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    return layer_integral(model, layer, inputs, baselines, target, 2 * n_steps)
