"""Which honest ways are there to organise the work and to leave everything as it was?"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from property_tests.controls._base import control
from property_tests.mutants._base import Target, checked, gradient, ig, midpoint


def _in_one_batch(model: nn.Module, x: Tensor, b: Tensor, classes: Tensor, nodes: list[float]) -> Tensor:
    points = torch.cat([b + t * (x - b) for t in nodes])
    return gradient(model, points, classes.repeat(len(nodes))).reshape(len(nodes), *x.shape)


@control("All path points of all samples in one call of the model.")
def one_big_batch(model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50) -> Tensor:
    x, b, classes = checked(inputs, baselines, target, n_steps)
    return (x - b) * _in_one_batch(model, x, b, classes, midpoint(n_steps)[0]).mean(0)


@control("Chunks of three samples times chunks of seven steps.")
def chunked_twice(model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50) -> Tensor:
    x, b, classes = checked(inputs, baselines, target, n_steps)
    nodes, results = midpoint(n_steps)[0], []
    for rows in (slice(k, k + 3) for k in range(0, len(x), 3)):
        chunks = [nodes[k : k + 7] for k in range(0, n_steps, 7)]
        sums = [_in_one_batch(model, x[rows], b[rows], classes[rows], chunk).sum(0) for chunk in chunks]
        results.append((x - b)[rows] * torch.stack(sums).sum(0) / n_steps)
    return torch.cat(results)


@control("As many path points per call as internal_batch_size allows, at least one, across samples and steps.")
def chunks_across_samples(
    model: nn.Module,
    inputs: Tensor,
    baselines: Tensor,
    target: Target,
    n_steps: int = 50,
    internal_batch_size: int | None = None,
) -> Tensor:
    x, b, classes = checked(inputs, baselines, target, n_steps)
    points = torch.cat([b + t * (x - b) for t in midpoint(n_steps)[0]])
    size = max(internal_batch_size or len(points), 1)
    cuts = zip(points.split(size), classes.repeat(n_steps).split(size), strict=True)  # type: ignore[no-untyped-call]
    gradients = torch.cat([gradient(model, p, t) for p, t in cuts])
    return (x - b) * gradients.reshape(n_steps, *x.shape).mean(0)


@control("One sample after the other.")
def sample_by_sample(model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50) -> Tensor:
    x, b, classes = checked(inputs, baselines, target, n_steps)
    rows = [slice(k, k + 1) for k in range(len(x))]
    return torch.cat([ig(model, x[r], b[r], classes[r], n_steps) for r in rows])


@control("Walks from the input to the baseline and turns the sign.")
def backwards(model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50) -> Tensor:
    return -ig(model, baselines, inputs, target, n_steps)


@control("The segment in two halves, attributed one after the other and added.")
def two_halves(model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50) -> Tensor:
    x, b, classes = checked(inputs, baselines, target, n_steps)
    middle = b + (x - b) / 2
    return ig(model, middle, b, classes, n_steps) + ig(model, x, middle, classes, n_steps)


@control("Freezes the parameters while it works and gives each its own flag back, also after a failure.")
def frozen_and_restored(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    flags = [(p, p.requires_grad) for p in model.parameters()]
    model.requires_grad_(False)
    try:
        return ig(model, inputs, baselines, target, n_steps)
    finally:
        for p, flag in flags:
            p.requires_grad_(flag)


@control("Works in eval mode and gives every submodule its own mode back, also after a failure.")
def evaluated_and_restored(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    modes = [(m, m.training) for m in model.modules()]
    model.eval()
    try:
        return ig(model, inputs, baselines, target, n_steps)
    finally:
        for m, mode in modes:
            m.training = mode


@control("Seeds torch's generator for its random nodes inside a fork, after which the caller's state is back.")
def generator_forked(model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50) -> Tensor:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        nodes = [(k + float(torch.rand(()))) / n_steps for k in range(n_steps)]
    return ig(model, inputs, baselines, target, n_steps, lambda n: (nodes, [1 / n] * n))


@control("Refuses inputs that are not finite before it starts.")
def finite_inputs(model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50) -> Tensor:
    if not bool(inputs.isfinite().all()) or not bool(baselines.isfinite().all()):
        raise ValueError("inputs and baselines must be finite")
    return ig(model, inputs, baselines, target, n_steps)


@control("Stops early where the whole batch is its own baseline, without calling the model more than once.")
def null_path_is_cut_short(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    x, b, classes = checked(inputs, baselines, target, n_steps)
    if torch.equal(x, b):
        return 0 * gradient(model, x, classes)
    return ig(model, x, b, classes, n_steps)


@control("A result that is not contiguous: its memory runs along the samples.")
def transposed_result(model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50) -> Tensor:
    result = ig(model, inputs, baselines, target, n_steps)
    return result.transpose(0, -1).contiguous().transpose(0, -1)


@control("A result that is every second number of a larger buffer.")
def strided_result(model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50) -> Tensor:
    result = ig(model, inputs, baselines, target, n_steps)
    return torch.stack([result, torch.full_like(result, torch.nan)], dim=-1)[..., 0]


@control("A result without memory of its own per row where all rows are equal: an expanded view.")
def expanded_result(model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50) -> Tensor:
    result = ig(model, inputs, baselines, target, n_steps)
    return result[:1].expand_as(result) if bool((result == result[:1]).all()) else result


@control("A class in the manner of Captum: built with the model, it keeps its nodes from call to call.")
class Remembering:
    def __init__(self, model: nn.Module) -> None:
        self.model = model
        self.nodes: dict[int, list[float]] = {}

    def attribute(self, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50) -> Tensor:
        nodes = self.nodes.setdefault(n_steps, midpoint(n_steps)[0])
        return ig(self.model, inputs, baselines, target, n_steps, lambda n: (nodes, [1 / n] * n))


@control("A class whose call removes the hook that its constructor put on the model, whatever happens.")
class HookedForOneCall:
    def __init__(self, model: nn.Module) -> None:
        self.model, self.outputs = model, list[Tensor]()

    def attribute(self, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50) -> Tensor:
        handle = self.model.register_forward_hook(lambda module, args, output: self.outputs.append(output))
        try:
            return ig(self.model, inputs, baselines, target, n_steps)
        finally:
            handle.remove()
