"""Which mistakes do people make in cutting the work into chunks?"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from property_tests.mutants._base import Target, checked, gradient, ig, midpoint, mutant, trapezoid

CHUNK = 8
AFFINE = ("QUAD.weights_sum_one",)
CURVED = ("QUAD.variation_bound", "EXACT.polynomial", "CERT.enclosure")


def _gradients(model: nn.Module, x: Tensor, b: Tensor, classes: Tensor, nodes: list[float]) -> Tensor:
    """Gradients [steps, N, …] at several nodes from one call of the model."""
    points = torch.cat([b + t * (x - b) for t in nodes])
    return gradient(model, points, classes.repeat(len(nodes))).reshape(len(nodes), *x.shape)


@mutant(refuted_by=AFFINE, defect="Drops the last, shorter chunk of steps when n_steps is not a multiple of eight.")
def last_chunk_dropped(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    x, b, classes = checked(inputs, baselines, target, n_steps)
    nodes, total = midpoint(n_steps)[0], torch.zeros_like(x)
    for k in range(max(n_steps // CHUNK, 1)):
        total = total + _gradients(model, x, b, classes, nodes[k * CHUNK : (k + 1) * CHUNK]).sum(0)
    return (x - b) * total / n_steps


@mutant(refuted_by=CURVED, defect="Averages the averages of the chunks although the last one is shorter.")
def chunk_means_averaged(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    x, b, classes = checked(inputs, baselines, target, n_steps)
    nodes = midpoint(n_steps)[0]
    chunks = [nodes[k : k + CHUNK] for k in range(0, n_steps, CHUNK)]
    means = [_gradients(model, x, b, classes, chunk).mean(0) for chunk in chunks]
    return (x - b) * torch.stack(means).mean(0)


@mutant(refuted_by=AFFINE, defect="The trapezoid rule within every chunk: the cell between two chunks is lost.")
def cell_between_chunks_lost(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    x, b, classes = checked(inputs, baselines, target, n_steps)
    nodes, total = trapezoid(n_steps)[0], torch.zeros_like(x)
    size = 8 * CHUNK
    for k in range(0, n_steps + 1, size):
        g = _gradients(model, x, b, classes, nodes[k : k + size])
        total = total + (g[1:] + g[:-1]).sum(0) / 2
    return (x - b) * total / n_steps


@mutant(refuted_by=AFFINE, defect="Divides by the steps of whole chunks, not by those that were taken.")
def divided_by_whole_chunks(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    x, b, classes = checked(inputs, baselines, target, n_steps)
    nodes = midpoint(n_steps)[0]
    chunks = [nodes[k : k + CHUNK] for k in range(0, n_steps, CHUNK)]
    total = sum((_gradients(model, x, b, classes, c).sum(0) for c in chunks), torch.zeros_like(x))
    return (x - b) * total / (len(chunks) * CHUNK if len(chunks) > 1 else n_steps)


@mutant(
    refuted_by=("QUAD.weights_sum_one", "CODE.batch_independence"),
    defect="A chunk of one step loses its dimension, so that its sum runs over the samples or coordinates.",
)
def chunk_of_one_squeezed(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    x, b, classes = checked(inputs, baselines, target, n_steps)
    nodes, total = midpoint(n_steps)[0], torch.zeros_like(x)
    for k in range(0, n_steps, CHUNK):
        gradients = _gradients(model, x, b, classes, nodes[k : k + CHUNK])
        total = total + (gradients.squeeze(0) if len(gradients) == 1 else gradients).sum(0)
    return (x - b) * total / n_steps


@mutant(
    refuted_by=("CODE.batch_independence", "CODE.mixed_targets", "QUAD.weights_sum_one"),
    defect="Samples are worked on two by two, but targets are always those of the first two.",
)
def targets_not_chunked(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    x, b, classes = checked(inputs, baselines, target, n_steps)
    pairs = [slice(k, k + 2) for k in range(0, len(x), 2)]
    return torch.cat([ig(model, x[p], b[p], classes[: len(x[p])], n_steps) for p in pairs])


@mutant(
    refuted_by=("CODE.chunking", "QUAD.weights_sum_one"),
    defect="A chunk size below the batch size explains that many samples and leaves the others at zero.",
)
def chunk_smaller_than_batch(
    model: nn.Module,
    inputs: Tensor,
    baselines: Tensor,
    target: Target,
    n_steps: int = 50,
    internal_batch_size: int | None = None,
) -> Tensor:
    result = ig(model, inputs, baselines, target, n_steps)
    if internal_batch_size is not None:
        result[internal_batch_size:] = 0.0
    return result


@mutant(
    refuted_by=("CODE.chunking", "QUAD.weights_sum_one"),
    defect="With a chunk size, steps that do not fill a chunk are left out but still counted.",
)
def chunk_must_divide_steps(
    model: nn.Module,
    inputs: Tensor,
    baselines: Tensor,
    target: Target,
    n_steps: int = 50,
    internal_batch_size: int | None = None,
) -> Tensor:
    x, b, classes = checked(inputs, baselines, target, n_steps)
    size = n_steps if internal_batch_size is None else max(1, min(internal_batch_size // len(x), n_steps))
    nodes, total = midpoint(n_steps)[0], torch.zeros_like(x)
    for k in range(n_steps // size):
        total = total + _gradients(model, x, b, classes, nodes[k * size : (k + 1) * size]).sum(0)
    return (x - b) * total / n_steps


@mutant(
    refuted_by=("CODE.chunking", "QUAD.variation_bound", "EXACT.polynomial"),
    defect="With a chunk size, every chunk walks the whole path anew with its own few steps, and only the last counts.",
)
def only_the_last_chunk_counts(
    model: nn.Module,
    inputs: Tensor,
    baselines: Tensor,
    target: Target,
    n_steps: int = 50,
    internal_batch_size: int | None = None,
) -> Tensor:
    x, b, classes = checked(inputs, baselines, target, n_steps)
    size = n_steps if internal_batch_size is None else max(1, internal_batch_size // len(x))
    last = n_steps - (math.ceil(n_steps / size) - 1) * size
    return ig(model, x, b, classes, last)


@mutant(
    refuted_by=("CODE.chunking", "QUAD.variation_bound", "CODE.mixed_targets"),
    defect="With a chunk size, points are cut sample by sample while the targets still follow step by step.",
)
def chunks_cross_samples(
    model: nn.Module,
    inputs: Tensor,
    baselines: Tensor,
    target: Target,
    n_steps: int = 50,
    internal_batch_size: int | None = None,
) -> Tensor:
    x, b, classes = checked(inputs, baselines, target, n_steps)
    if internal_batch_size is None:
        return ig(model, x, b, classes, n_steps)
    points = torch.cat([b + t * (x - b) for t in midpoint(n_steps)[0]])
    targets = classes.repeat_interleave(n_steps)
    cuts = zip(points.split(internal_batch_size), targets.split(internal_batch_size), strict=True)  # type: ignore[no-untyped-call]
    gradients = torch.cat([gradient(model, p, t) for p, t in cuts])
    return (x - b) * gradients.reshape(n_steps, *x.shape).mean(0)
