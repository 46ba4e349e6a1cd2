"""Which mistakes do people make with precision, thresholds and normalisation?"""

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
    per_sample,
    scores_at,
)

AFFINE = ("QUAD.weights_sum_one",)
CURVED = ("QUAD.variation_bound", "EXACT.polynomial", "CERT.enclosure")


@mutant(refuted_by=AFFINE, defect="Sums the steps in half precision.")
def half_precision_sum(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    x, b, classes = checked(inputs, baselines, target, n_steps)
    total = torch.zeros_like(x, dtype=torch.float16)
    for t in midpoint(n_steps)[0]:
        total = total + (gradient(model, b + t * (x - b), classes) / n_steps).half()
    return (x - b) * total.to(x.dtype)


@mutant(refuted_by=AFFINE, defect="The step sizes are half-precision numbers.")
def half_precision_weights(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    def rule(n: int) -> Rule:
        nodes, weights = midpoint(n)
        return nodes, torch.tensor(weights).half().tolist()

    return ig(model, inputs, baselines, target, n_steps, rule)


@mutant(refuted_by=AFFINE, defect="Rounds double-precision results to bfloat16, as under mixed precision.")
def rounded_to_bfloat16(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    result = ig(model, inputs, baselines, target, n_steps)
    return result.bfloat16().to(result.dtype) if result.dtype == torch.float64 else result


@mutant(refuted_by=("CODE.dtype",), defect="Always answers in float32.")
def always_float32(model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50) -> Tensor:
    return ig(model, inputs, baselines, target, n_steps).float()


@mutant(refuted_by=("CODE.dtype",), defect="Step sizes in float64 turn the answer into float64 for a float32 model.")
def float64_step_sizes(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    x, b, classes = checked(inputs, baselines, target, n_steps)
    steps = torch.full((n_steps, *[1] * x.ndim), 1 / n_steps, dtype=torch.float64)
    gradients = torch.stack([gradient(model, b + t * (x - b), classes) for t in midpoint(n_steps)[0]])
    return (x - b) * (steps * gradients).sum(0)


@mutant(
    refuted_by=("CODE.purity", "QUAD.weights_sum_one"),
    defect="Converts the caller's model to float32 and leaves it so.",
)
def model_left_in_float32(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    return ig(model.float(), inputs.float(), baselines.float(), target, n_steps).to(inputs.dtype)


@mutant(refuted_by=AFFINE, defect="Gradients below a tenth of the sample's largest count as noise and become zero.")
def small_gradients_dropped(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    def grad(model: nn.Module, points: Tensor, classes: Tensor) -> Tensor:
        values = gradient(model, points, classes)
        largest = per_sample(values.flatten(1).abs().amax(1), values)
        return values.masked_fill(values.abs() < 0.1 * largest, 0.0)

    return ig(model, inputs, baselines, target, n_steps, grad=grad)


@mutant(refuted_by=AFFINE, defect="Clips every entry of the gradient to [-1, 1].")
def gradients_clipped(model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50) -> Tensor:
    return ig(model, inputs, baselines, target, n_steps, grad=lambda *args: gradient(*args).clamp(-1, 1))


@mutant(refuted_by=AFFINE, defect="Scales gradients longer than two down to length two, as for training.")
def long_gradients_shortened(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    def grad(model: nn.Module, points: Tensor, classes: Tensor) -> Tensor:
        values = gradient(model, points, classes)
        length = per_sample(values.flatten(1).norm(dim=1), values)
        return values * (2 / length.clamp_min(2))

    return ig(model, inputs, baselines, target, n_steps, grad=grad)


@mutant(refuted_by=AFFINE, blunt=True, defect="Divides by the displacement plus 1/1000 and multiplies by it again.")
def epsilon_in_the_division(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    result = ig(model, inputs, baselines, target, n_steps)
    size = (inputs - baselines).detach().abs()
    return result / (size + 1e-3) * size


@mutant(
    refuted_by=CURVED,
    defect="Rescales the attributions so that they add up exactly: complete, and wrong wherever the shares were right.",
)
def rescaled_to_be_complete(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    x, b, classes = checked(inputs, baselines, target, n_steps)
    result = ig(model, x, b, classes, n_steps)
    wanted = scores_at(model, x, classes) - scores_at(model, b, classes)
    total = result.flatten(1).sum(1)
    factor = torch.where(total.abs() > 1e-3, wanted / total, torch.ones_like(total))
    return result * per_sample(factor, result)


@mutant(
    refuted_by=("QUAD.weights_sum_one", "IG.null_path"), defect="Rescales to completeness and divides zero by zero."
)
def rescaled_with_zero_sum(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    x, b, classes = checked(inputs, baselines, target, n_steps)
    result = ig(model, x, b, classes, n_steps)
    total = result.flatten(1).sum(1)
    return result / per_sample(total, result) * per_sample(total, result)


@mutant(
    refuted_by=("PATH.dummy", "IG.sensitivity", *CURVED),
    defect="Spreads what is missing to completeness evenly over all coordinates, dummies included.",
)
def missing_part_spread(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    x, b, classes = checked(inputs, baselines, target, n_steps)
    result = ig(model, x, b, classes, n_steps)
    missing = scores_at(model, x, classes) - scores_at(model, b, classes) - result.flatten(1).sum(1)
    return result + per_sample(missing, result) / result[0].numel()


@mutant(
    refuted_by=CURVED,
    defect="Gives what is missing to completeness to the coordinate with the largest displacement.",
)
def missing_part_to_the_largest(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    x, b, classes = checked(inputs, baselines, target, n_steps)
    result = ig(model, x, b, classes, n_steps).flatten(1)
    missing = scores_at(model, x, classes) - scores_at(model, b, classes) - result.sum(1)
    largest = (x - b).flatten(1).abs().argmax(1, keepdim=True)
    return result.scatter_add(1, largest, missing[:, None]).reshape(x.shape)


@mutant(refuted_by=AFFINE, defect="Divides by the largest attribution where that exceeds one, for plotting.")
def large_results_normalised(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    result = ig(model, inputs, baselines, target, n_steps)
    return result / per_sample(result.flatten(1).abs().amax(1), result).clamp_min(1.0)


@mutant(refuted_by=AFFINE, blunt=True, defect="Stretches the attributions to [0, 1]; constant ones become zero.")
def stretched_to_unit_interval(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    result = ig(model, inputs, baselines, target, n_steps)
    low, high = (per_sample(f(result.flatten(1), 1), result) for f in (torch.amin, torch.amax))
    return (result - low) / torch.where(high > low, high - low, torch.ones_like(high))


@mutant(refuted_by=AFFINE, defect="Keeps the three largest coordinates only, which shows as soon as there are four.")
def only_the_largest_kept(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    result = ig(model, inputs, baselines, target, n_steps)
    flat = result.flatten(1)
    top = flat.abs().topk(min(3, flat.shape[1]), dim=1).indices
    return torch.zeros_like(flat).scatter(1, top, flat.gather(1, top)).reshape(result.shape)


@mutant(refuted_by=AFFINE, defect="Cuts off negative attributions, as a heat map does.")
def negative_attributions_cut(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    return ig(model, inputs, baselines, target, n_steps).relu()


@mutant(refuted_by=AFFINE, defect="The inputs pass through bytes: values between multiples of 1/255 are rounded.")
def inputs_through_bytes(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    return ig(model, (inputs * 255).round() / 255, (baselines * 255).round() / 255, target, n_steps)


@mutant(refuted_by=("CODE.errors",), defect="Replaces what is not a number by zero and says nothing.")
def nan_becomes_zero(model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50) -> Tensor:
    x, b, classes = checked(inputs.nan_to_num(0, 0, 0), baselines.nan_to_num(0, 0, 0), target, n_steps)
    return (x - b) * average(model, x, b, classes, midpoint(n_steps)).nan_to_num(0, 0, 0)


@mutant(
    refuted_by=("QUAD.weights_sum_one", "PATH.completeness.piecewise"),
    defect="Attributions of a sample are expected to be positive in sum; a negative sum turns all signs.",
)
def sum_turned_positive(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    result = ig(model, inputs, baselines, target, n_steps)
    sign = torch.where(result.flatten(1).sum(1) < 0, -1.0, 1.0).to(result.dtype)
    return result * sign.reshape(-1, *[1] * (result.ndim - 1))


@mutant(refuted_by=("QUAD.weights_sum_one",), defect="float32 models run under bfloat16 autocast.")
def single_precision_under_autocast(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=inputs.dtype == torch.float32):
        return ig(model, inputs, baselines, target, n_steps).to(inputs.dtype)
