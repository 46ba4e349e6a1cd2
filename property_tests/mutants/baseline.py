"""Which mistakes do people make with the baseline?"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from property_tests.mutants._base import Target, average, checked, ig, midpoint, mutant

CURVED = ("QUAD.variation_bound", "EXACT.polynomial", "CERT.enclosure")


@mutant(
    refuted_by=("QUAD.weights_sum_one", "IG.null_path"),
    defect="Multiplies by the input where the difference to the baseline belongs: right for a zero baseline only.",
)
def times_input(model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50) -> Tensor:
    x, b, classes = checked(inputs, baselines, target, n_steps)
    return x * average(model, x, b, classes, midpoint(n_steps))


@mutant(refuted_by=CURVED, defect="Walks from zero to the input whatever the baseline is, then multiplies by x - x'.")
def path_from_zero(model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50) -> Tensor:
    x, b, classes = checked(inputs, baselines, target, n_steps)
    return (x - b) * average(model, x, torch.zeros_like(b), classes, midpoint(n_steps))


@mutant(
    refuted_by=("QUAD.weights_sum_one",),
    blunt=True,
    defect="The displacement is taken to the last point of the path, where a gradient was, and not to the input.",
)
def displacement_of_the_last_point(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    x, b, classes = checked(inputs, baselines, target, n_steps)
    nodes, weights = midpoint(n_steps)
    last = b + nodes[-1] * (x - b)
    return (last - b) * average(model, x, b, classes, (nodes, weights))


@mutant(
    refuted_by=("CODE.batch_independence", *CURVED),
    defect="The first row's baseline starts the path of every row.",
)
def first_baseline_for_all(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    x, b, classes = checked(inputs, baselines, target, n_steps)
    return (x - b) * average(model, x, b[:1].expand_as(b), classes, midpoint(n_steps))


@mutant(
    refuted_by=("CODE.batch_independence", "QUAD.weights_sum_one"),
    defect="The batch's mean baseline stands for each row's own.",
)
def mean_baseline(model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50) -> Tensor:
    return ig(model, inputs, baselines.mean(0, keepdim=True).expand_as(baselines), target, n_steps)


@mutant(
    refuted_by=("QUAD.weights_sum_one", "IG.null_path", "QUAD.variation_bound"),
    defect="A baseline whose entries cancel to a zero sum is taken for no baseline at all.",
)
def cancelling_baseline_is_none(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    cancelling = (baselines.flatten(1).sum(1) == 0).reshape(-1, *[1] * (baselines.ndim - 1))
    baselines = baselines.masked_fill(cancelling, 0.0)
    return ig(model, inputs, baselines, target, n_steps)


@mutant(
    refuted_by=("QUAD.weights_sum_one", "IG.null_path"),
    defect="One colour for the whole image: the first entry of the baseline stands for all entries.",
)
def one_colour_baseline(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    first = baselines.flatten(1)[:, 0].reshape(-1, *[1] * (baselines.ndim - 1))
    return ig(model, inputs, first.expand_as(baselines), target, n_steps)


@mutant(
    refuted_by=("QUAD.weights_sum_one", "IG.reversal"),
    defect="The displacement loses its sign where the input is below the baseline.",
)
def displacement_without_sign(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    x, b, classes = checked(inputs, baselines, target, n_steps)
    return (x - b).abs() * average(model, x, b, classes, midpoint(n_steps))


@mutant(
    refuted_by=("QUAD.weights_sum_one", "CODE.batch_independence"),
    defect="The displacement is taken to the baseline of the neighbouring sample.",
)
def neighbours_displacement(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    x, b, classes = checked(inputs, baselines, target, n_steps)
    return (x - b.roll(1, 0)) * average(model, x, b, classes, midpoint(n_steps))


@mutant(
    refuted_by=("IG.null_path", "IG.sensitivity", "QUAD.weights_sum_one"),
    defect="Where input and baseline agree the displacement is 1/1000 instead of zero, to be safe from divisions.",
)
def displacement_never_zero(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    x, b, classes = checked(inputs, baselines, target, n_steps)
    displacement = torch.where(x == b, torch.full_like(x, 1e-3), x - b)
    return displacement * average(model, x, b, classes, midpoint(n_steps))


@mutant(
    refuted_by=("QUAD.weights_sum_one",),
    defect="A sample with any coordinate equal to its baseline counts as its own baseline and gets zeros.",
)
def any_equal_means_all_equal(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    result = ig(model, inputs, baselines, target, n_steps)
    same = (inputs == baselines).flatten(1).any(1)
    return result.masked_fill(same.reshape(-1, *[1] * (result.ndim - 1)), 0.0)


@mutant(
    refuted_by=CURVED,
    defect="Coordinates equal to their baseline are left out of the path: they lie at zero instead of at their value.",
)
def equal_coordinates_left_out(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    x, b, classes = checked(inputs, baselines, target, n_steps)
    moving = (x != b).to(x.dtype)
    return (x - b) * average(model, x * moving, b * moving, classes, midpoint(n_steps))


@mutant(
    refuted_by=("QUAD.weights_sum_one", "IG.null_path"),
    defect="Every input of zero is padding and gets no attribution, also where its baseline is not zero.",
)
def zero_is_padding(model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50) -> Tensor:
    return ig(model, inputs, baselines, target, n_steps).masked_fill(inputs == 0, 0.0)
