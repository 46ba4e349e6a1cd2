"""Which mistakes do people make in attributing to a hidden layer?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad

from property_tests.mutants._base import Target, checked, midpoint, mutant, per_sample, selected

INTEGRAL, LINE = "layer-integral", "layer-ig"
VALUE = ("RS.bounded_variation", "RSI.completeness")


def values_at(model: nn.Module, layer: nn.Module, points: Tensor) -> Tensor:
    """What the layer puts out at the points, [N, …]."""
    seen: list[Tensor] = []
    handle = layer.register_forward_hook(lambda module, args, output: seen.append(output.detach().clone()))
    try:
        with torch.no_grad():
            model(points.clone())
    finally:
        handle.remove()
    return seen[-1]


def slopes_at(
    model: nn.Module, layer: nn.Module, points: Tensor, target: Tensor, values: Tensor | None = None
) -> Tensor:
    """The score's gradient with respect to the layer's output at the points, or where `values` replace that output."""
    seen: list[Tensor] = []

    def swap(module: nn.Module, args: tuple[Any, ...], output: Tensor) -> Tensor:
        seen.append((output if values is None else values).detach().clone().requires_grad_())
        return seen[-1].clone()

    handle = layer.register_forward_hook(swap)
    try:
        with torch.enable_grad():
            total = selected(model(points.clone()), target).sum()
        return torch.autograd.grad(total, seen[-1], materialize_grads=True)[0]
    finally:
        handle.remove()


def velocities(model: nn.Module, layer: nn.Module, x: Tensor, b: Tensor, target: Tensor, n_steps: int) -> Tensor:
    """∂S/∂h dh/dt at the midpoints of n_steps cells, [n_steps, N, …]; the velocity is a dual number's tangent."""
    found = []
    for k in range(n_steps):
        point = b + (k + 0.5) / n_steps * (x - b)
        seen: list[Tensor | None] = []

        def read(module: nn.Module, args: tuple[Any, ...], output: Tensor, seen: list[Tensor | None] = seen) -> None:
            seen.append(forward_ad.unpack_dual(output).tangent)

        handle = layer.register_forward_hook(read)
        try:
            with forward_ad.dual_level():
                model(forward_ad.make_dual(point.clone(), (x - b).clone()))
                velocity = seen[-1].clone() if seen[-1] is not None else 0.0
        finally:
            handle.remove()
        found.append(slopes_at(model, layer, point, target) * velocity)
    return torch.stack(found).detach()


def layer_integral(
    model: nn.Module,
    layer: nn.Module,
    inputs: Tensor,
    baselines: Tensor,
    target: Target,
    n_steps: int,
    values: Callable[[nn.Module, nn.Module, Tensor], Tensor] = values_at,
    change: Callable[[Tensor], Tensor] = lambda slopes: slopes,
    cells: int | None = None,
) -> Tensor:
    """∫ ∂S/∂h dh along the segment by the trapezoidal sum over n_steps cells (theory.md 5)."""
    x, b, classes = checked(inputs, baselines, target, n_steps)
    points = [b + k / n_steps * (x - b) for k in range(n_steps + 1)]
    h = [values(model, layer, p) for p in points]
    g = [change(slopes_at(model, layer, p, classes)) for p in points]
    total = torch.zeros_like(h[0])
    for k in range(n_steps if cells is None else cells):
        total = total + (g[k] + g[k + 1]) / 2 * (h[k + 1] - h[k])
    return total


def layer_line(
    model: nn.Module, layer: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int
) -> Tensor:
    """IG of the score as a function of the layer's output, on the straight line between its two values."""
    x, b, classes = checked(inputs, baselines, target, n_steps)
    end, start = values_at(model, layer, x), values_at(model, layer, b)
    total = torch.zeros_like(end)
    for t in midpoint(n_steps)[0]:
        total = total + slopes_at(model, layer, x, classes, start + t * (end - start)) / n_steps
    return (end - start) * total


@mutant(
    as_=INTEGRAL, refuted_by=VALUE, defect="Keeps the layer's output itself, which an in-place rectifier overwrites."
)
def activation_overwritten(
    model: nn.Module, layer: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    def values(model: nn.Module, layer: nn.Module, points: Tensor) -> Tensor:
        seen: list[Tensor] = []
        handle = layer.register_forward_hook(lambda module, args, output: seen.append(output.detach()))
        try:
            with torch.no_grad():
                model(points.clone())
        finally:
            handle.remove()
        return seen[-1]

    return layer_integral(model, layer, inputs, baselines, target, n_steps, values)


@mutant(as_=LINE, refuted_by=VALUE, defect="Walks the segment of the inputs, not the line between the layer's values.")
def layer_path_in_input_space(
    model: nn.Module, layer: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    x, b, classes = checked(inputs, baselines, target, n_steps)
    slopes = [slopes_at(model, layer, b + t * (x - b), classes) for t in midpoint(n_steps)[0]]
    return (values_at(model, layer, x) - values_at(model, layer, b)) * torch.stack(slopes).mean(0)


@mutant(
    as_=INTEGRAL,
    refuted_by=("RS.bounded_variation",),
    defect="Walks the line between the layer's values although the layer's own trajectory was promised: complete.",
)
def layer_line_as_integral(
    model: nn.Module, layer: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    x, b, classes = checked(inputs, baselines, target, n_steps)
    end, start = values_at(model, layer, x), values_at(model, layer, b)
    slopes = [slopes_at(model, layer, x, classes, start + t * (end - start)) for t in midpoint(n_steps)[0]]
    return (end - start) * torch.stack(slopes).mean(0)


@mutant(as_=INTEGRAL, refuted_by=VALUE, defect="Sums over n points what has n cells: the last cell is lost.")
def last_cell_lost(
    model: nn.Module, layer: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    return layer_integral(model, layer, inputs, baselines, target, n_steps, cells=n_steps - 1)


@mutant(as_=INTEGRAL, refuted_by=VALUE, defect="Rectifies the gradients before it integrates, as for a heat map.")
def layer_gradients_rectified(
    model: nn.Module, layer: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    return layer_integral(model, layer, inputs, baselines, target, n_steps, change=torch.relu)


@mutant(as_=INTEGRAL, refuted_by=VALUE, defect="One gradient at the input times what the layer has changed by.")
def layer_change_times_gradient(
    model: nn.Module, layer: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    x, b, classes = checked(inputs, baselines, target, n_steps)
    change = values_at(model, layer, x) - values_at(model, layer, b)
    return change * slopes_at(model, layer, x, classes)


@mutant(
    as_=INTEGRAL, refuted_by=VALUE, defect="A unit that is silent at the input gets nothing, whatever it did before."
)
def silent_units_get_nothing(
    model: nn.Module, layer: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    whole = layer_integral(model, layer, inputs, baselines, target, n_steps)
    return whole.masked_fill(values_at(model, layer, inputs) == 0, 0.0)


@mutant(
    as_=INTEGRAL,
    refuted_by=("CODE.batch_independence", *VALUE),
    defect="Scales every sample's activations by the largest one in the batch and takes the first sample's scale out.",
)
def layer_scaled_by_the_batch(
    model: nn.Module, layer: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    whole = layer_integral(model, layer, inputs, baselines, target, n_steps)
    sizes = values_at(model, layer, inputs).flatten(1).abs().amax(1)
    return whole * per_sample(torch.where(sizes > 0, sizes[0] / sizes, torch.ones_like(sizes)), whole)


@mutant(as_=INTEGRAL, refuted_by=("CODE.purity",), defect="Leaves its forward hook on the layer.")
def layer_hook_left(
    model: nn.Module, layer: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    seen: list[Tensor] = []
    layer.register_forward_hook(lambda module, args, output: seen.append(output.detach()))
    return layer_integral(model, layer, inputs, baselines, target, n_steps)


@mutant(
    as_=LINE,
    refuted_by=("CODE.purity_after_failure",),
    defect="Removes its hook after success only: a model that raises keeps the replaced activation.",
)
def layer_hook_left_on_failure(
    model: nn.Module, layer: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    seen: list[Tensor] = []
    handle = layer.register_forward_hook(lambda module, args, output: seen.append(output.detach()))
    result = layer_line(model, layer, inputs, baselines, target, n_steps)
    handle.remove()
    return result


@mutant(as_=LINE, refuted_by=VALUE, defect="Averages n + 1 gradients with the weight 1/n.")
def one_point_too_many(
    model: nn.Module, layer: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    x, b, classes = checked(inputs, baselines, target, n_steps)
    end, start = values_at(model, layer, x), values_at(model, layer, b)
    points = [start + k / n_steps * (end - start) for k in range(n_steps + 1)]
    return (end - start) * torch.stack([slopes_at(model, layer, x, classes, p) for p in points]).sum(0) / n_steps


@mutant(as_=LINE, refuted_by=VALUE, defect="Multiplies by the layer's value instead of its change.")
def layer_baseline_left_out(
    model: nn.Module, layer: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    x, b, classes = checked(inputs, baselines, target, n_steps)
    end, start = values_at(model, layer, x), values_at(model, layer, b)
    points = [start + t * (end - start) for t in midpoint(n_steps)[0]]
    return end * torch.stack([slopes_at(model, layer, x, classes, p) for p in points]).mean(0)


@mutant(as_=INTEGRAL, refuted_by=VALUE, defect="The first sample's increments serve the whole batch.")
def increments_of_the_first_sample(
    model: nn.Module, layer: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    x, b, classes = checked(inputs, baselines, target, n_steps)
    points = [b + k / n_steps * (x - b) for k in range(n_steps + 1)]
    h = [values_at(model, layer, p) for p in points]
    g = [slopes_at(model, layer, p, classes) for p in points]
    return torch.stack([(g[k] + g[k + 1]) / 2 * (h[k + 1] - h[k])[:1] for k in range(n_steps)]).sum(0)


@mutant(as_=INTEGRAL, refuted_by=VALUE, defect="Gradients times velocities, with the weight 1/(n + 1) for n nodes.")
def velocities_of_one_node_too_few(
    model: nn.Module, layer: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    x, b, classes = checked(inputs, baselines, target, n_steps)
    return velocities(model, layer, x, b, classes, n_steps).sum(0) / (n_steps + 1)


@mutant(as_=INTEGRAL, refuted_by=VALUE, defect="Gradients along the path times the velocity at its middle.")
def velocity_of_the_middle(
    model: nn.Module, layer: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    x, b, classes = checked(inputs, baselines, target, n_steps)
    h = [values_at(model, layer, b + t * (x - b)) for t in (0.5 - 2**-10, 0.5 + 2**-10)]
    points = [b + t * (x - b) for t in midpoint(n_steps)[0]]
    return (h[1] - h[0]) * 2**9 * torch.stack([slopes_at(model, layer, p, classes) for p in points]).mean(0)
