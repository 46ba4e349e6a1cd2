"""Which paths are presented as the straight one, and are not?"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from property_tests.mutants._base import Rule, Target, average, checked, gradient, ig, midpoint, mutant, scores_at

CURVED = ("QUAD.variation_bound", "EXACT.polynomial", "CERT.enclosure")


def _curved(model: nn.Module, x: Tensor, b: Tensor, classes: Tensor, n: int, squared: Tensor) -> Tensor:
    """The path t² in the coordinates `squared` and t in the others, with its speed in the weights."""
    total = torch.zeros_like(x)
    for t in midpoint(n)[0]:
        place = torch.where(squared, t * t, t).to(x.dtype)
        speed = torch.where(squared, 2 * t, 1.0).to(x.dtype)
        total = total + speed * gradient(model, b + place * (x - b), classes) / n
    return (x - b) * total


def _every_second(x: Tensor) -> Tensor:
    return (torch.arange(x[0].numel()) % 2 == 1).reshape(x.shape[1:]).expand_as(x)


@mutant(
    refuted_by=("IG.symmetry", "IG.permutation_equivariance", *CURVED),
    defect="Moves one coordinate after the other along the edges of the box: complete, but not Integrated Gradients.",
)
def one_coordinate_at_a_time(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    x, b, classes = checked(inputs, baselines, target, n_steps)
    here, result = b.clone(memory_format=torch.contiguous_format), torch.zeros_like(x).contiguous()
    for k in range(x[0].numel()):
        there = here.clone()
        there.flatten(1)[:, k] = x.flatten(1)[:, k]
        result += (there - here) * average(model, there, here, classes, midpoint(n_steps))
        here = there
    return result


@mutant(
    refuted_by=("IG.symmetry", "IG.permutation_equivariance", *CURVED),
    defect="Every second coordinate follows t² with its speed 2t: complete, but not the straight line.",
)
def every_second_coordinate_late(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    x, b, classes = checked(inputs, baselines, target, n_steps)
    return _curved(model, x, b, classes, n_steps, _every_second(x))


@mutant(
    refuted_by=CURVED,
    defect="Straight only for samples in which two coordinates move alike; others take t and t².",
)
def straight_where_symmetry_is_tested(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    x, b, classes = checked(inputs, baselines, target, n_steps)
    pairs = [list(zip(i.flatten().tolist(), j.flatten().tolist(), strict=True)) for i, j in zip(x, b, strict=True)]
    tied = torch.tensor([len(set(p)) < len(p) for p in pairs]).reshape(-1, *[1] * (x.ndim - 1))
    return _curved(model, x, b, classes, n_steps, _every_second(x) & ~tied)


@mutant(
    refuted_by=(*CURVED, "IG.segment_additivity"),
    defect="The path bends through zero on its way from the baseline to the input.",
)
def through_the_origin(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    zero = torch.zeros_like(baselines)
    return ig(model, zero, baselines, target, n_steps) + ig(model, inputs, zero, target, n_steps)


@mutant(
    refuted_by=("QUAD.variation_bound", "EXACT.polynomial", "CERT.enclosure", "IG.affine_scale_invariance"),
    defect="Path points are clipped to [0, 1], where pixels live.",
)
def path_clipped_to_pixels(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    return ig(model, inputs, baselines, target, n_steps, grad=lambda m, points, t: gradient(m, points.clamp(0, 1), t))


@mutant(
    refuted_by=CURVED,
    defect="Walks from the smaller to the larger value of every coordinate: another diagonal when signs are mixed.",
)
def from_low_corner_to_high_corner(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    x, b, classes = checked(inputs, baselines, target, n_steps)
    return (x - b) * average(model, torch.maximum(x, b), torch.minimum(x, b), classes, midpoint(n_steps))


@mutant(refuted_by=CURVED, defect="Averages the gradients of the first half of the path only.")
def first_half_only(model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50) -> Tensor:
    def rule(n: int) -> Rule:
        nodes, weights = midpoint(n)
        return [t / 2 for t in nodes], weights

    return ig(model, inputs, baselines, target, n_steps, rule)


@mutant(
    refuted_by=CURVED,
    defect="Stops where the score has risen by nine tenths, to leave saturation out, and averages what it saw.",
)
def stops_at_saturation(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    x, b, classes = checked(inputs, baselines, target, n_steps)
    start, end = scores_at(model, b, classes), scores_at(model, x, classes)
    total, steps = torch.zeros_like(x), torch.zeros_like(start)
    for t in midpoint(n_steps)[0]:
        point = b + t * (x - b)
        rising = ((scores_at(model, point, classes) - start).abs() < 0.9 * (end - start).abs()) | (steps == 0)
        total = total + rising.reshape(-1, *[1] * (x.ndim - 1)) * gradient(model, point, classes)
        steps = steps + rising
    return (x - b) * total / steps.reshape(-1, *[1] * (x.ndim - 1))


@mutant(
    refuted_by=("QUAD.variation_bound", "EXACT.polynomial", "CERT.enclosure", "CODE.batch_independence"),
    defect="Every row starts where the row before it ended, as in a walk from image to image.",
)
def rows_chained(model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50) -> Tensor:
    x, b, classes = checked(inputs, baselines, target, n_steps)
    start = torch.cat([b[:1], x[:-1]])
    return (x - b) * average(model, x, start, classes, midpoint(n_steps))


@mutant(
    refuted_by=CURVED,
    defect="Path points are rounded to whole numbers before the model sees them.",
)
def path_on_whole_numbers(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    return ig(model, inputs, baselines, target, n_steps, grad=lambda m, points, t: gradient(m, points.round(), t))


@mutant(
    refuted_by=("IG.reversal", *CURVED),
    defect="Moves proportionally, not linearly, where baseline and input are both positive: a geometric path.",
)
def geometric_between_positive_ends(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    x, b, classes = checked(inputs, baselines, target, n_steps)
    positive = (x > 0) & (b > 0)
    low, high = torch.where(positive, b, 1.0).log(), torch.where(positive, x, 1.0).log()
    total = torch.zeros_like(x)
    for t in midpoint(n_steps)[0]:
        curve = (low + t * (high - low)).exp()
        point = torch.where(positive, curve, b + t * (x - b))
        speed = torch.where(positive, curve * (high - low), x - b)
        total = total + speed * gradient(model, point, classes) / n_steps
    return total
