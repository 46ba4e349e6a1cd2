"""Which mistakes show only when there is more than one sample, or exactly one?"""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn

from property_tests.mutants._base import Target, average, checked, gradient, ig, midpoint, mutant, selected

BATCH = ("CODE.batch_independence", "QUAD.weights_sum_one")


@mutant(refuted_by=BATCH, defect="Averages the scores over the batch where their sum is needed: too small by N.")
def scores_averaged(model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50) -> Tensor:
    grad = partial(gradient, score=lambda s, t: selected(s, t).mean())
    return ig(model, inputs, baselines, target, n_steps, grad=grad)


@mutant(refuted_by=(*BATCH, "QUAD.variation_bound"), defect="One averaged gradient serves the whole batch.")
def gradients_averaged(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    x, b, classes = checked(inputs, baselines, target, n_steps)
    return (x - b) * average(model, x, b, classes, midpoint(n_steps)).mean(0, keepdim=True)


@mutant(refuted_by=BATCH, defect="The first sample's displacement multiplies every sample's gradient.")
def first_displacement_for_all(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    x, b, classes = checked(inputs, baselines, target, n_steps)
    return (x - b)[:1] * average(model, x, b, classes, midpoint(n_steps))


@mutant(refuted_by=BATCH, defect="Samples are worked on in pairs, and the odd one at the end is never reached.")
def odd_sample_forgotten(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    x, b, classes = checked(inputs, baselines, target, n_steps)
    result = torch.zeros_like(x, memory_format=torch.contiguous_format)
    for k in range(0, max(len(x) - 1, 1), 2):
        rows = slice(k, k + 2)
        result[rows] = ig(model, x[rows], b[rows], classes[rows], n_steps)
    return result


@mutant(
    refuted_by=("CODE.batch_independence", "QUAD.variation_bound", "EXACT.polynomial"),
    defect="Gradients of steps times samples are folded back as samples times steps: rows mix when both exceed one.",
)
def steps_and_samples_swapped(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    x, b, classes = checked(inputs, baselines, target, n_steps)
    points = torch.cat([b + t * (x - b) for t in midpoint(n_steps)[0]])
    gradients = gradient(model, points, classes.repeat(n_steps))
    return (x - b) * gradients.reshape(len(x), n_steps, *x.shape[1:]).mean(1)


@mutant(
    refuted_by=("CODE.mixed_targets", "CODE.batch_independence", "QUAD.weights_sum_one"),
    defect="Points lie step after step, targets sample after sample: only equal targets come out right.",
)
def targets_repeated_in_another_order(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    x, b, classes = checked(inputs, baselines, target, n_steps)
    points = torch.cat([b + t * (x - b) for t in midpoint(n_steps)[0]])
    gradients = gradient(model, points, classes.repeat_interleave(n_steps))
    return (x - b) * gradients.reshape(n_steps, len(x), *x.shape[1:]).mean(0)


@mutant(
    refuted_by=(*BATCH, "CODE.mixed_targets", "QUAD.variation_bound"),
    defect="Equal inputs are explained once and share the answer, though their targets or baselines differ.",
)
def equal_inputs_share_an_answer(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    result = ig(model, inputs, baselines, target, n_steps)
    seen: dict[tuple[float, ...], int] = {}
    rows = [seen.setdefault(tuple(row.tolist()), k) for k, row in enumerate(inputs.detach().flatten(1))]
    return result[rows]


@mutant(
    refuted_by=("CODE.shape", "QUAD.weights_sum_one", "CODE.batch_independence"),
    defect="Squeezes away every dimension of size one: single channels, single features.",
)
def singletons_squeezed(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    result = ig(model, inputs, baselines, target, n_steps)
    return result.reshape(len(result), *[s for s in result.shape[1:] if s > 1])


@mutant(
    refuted_by=("CODE.batch_independence", "QUAD.weights_sum_one"),
    defect="A sample equal to its baseline ends the whole batch with zeros.",
)
def one_null_path_ends_the_batch(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    x, b, classes = checked(inputs, baselines, target, n_steps)
    if bool((x == b).flatten(1).all(1).any()):
        return torch.zeros_like(x)
    return ig(model, x, b, classes, n_steps)
