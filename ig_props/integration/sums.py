"""How are gradients on paths summed? In chunks of bounded size, accumulated in double precision."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from ig_props.integration.arguments import Segments, Tensors
from ig_props.integration.breakpoints import Pieces
from ig_props.integration.secant import SecantModel


@dataclass(eq=False)
class Budget:
    """How many rows of points may go through the model at a time; halved when memory runs out."""

    rows: int
    evaluations: int = field(default=0)

    def spread(self, total: int, step: Callable[[int, int], None]) -> None:
        """Calls step(start, stop) over range(total) in chunks of at most `rows`; once more with half where memory is
        short."""
        start = 0
        while start < total:
            stop = min(total, start + self.rows)
            try:
                step(start, stop)
            except torch.OutOfMemoryError:
                if self.rows <= 1:
                    raise
                self.rows = max(1, self.rows // 2)
                continue
            start = stop


def zeros(segments: Segments) -> Tensors:
    """Accumulators [N, …] in double precision."""
    return tuple(torch.zeros(x.shape, dtype=torch.float64, device=x.device) for x in segments.ends)


def _leaves(rows: Tensors) -> Tensors:
    return tuple(r.detach().requires_grad_(True) for r in rows)


def gradients(segments: Segments, rows: Tensors, samples: Tensor | int, weights: Tensor | None = None) -> Tensors:
    """The score's gradient at rows of points, times a weight [R] of each; zeros where the score does not depend."""
    with torch.enable_grad():
        leaves = _leaves(rows)
        scores = segments.scores(leaves, samples)
        total = scores.sum() if weights is None else (scores * weights.to(scores.dtype)).sum()
        if not total.requires_grad:
            return tuple(torch.zeros_like(r) for r in rows)
        return torch.autograd.grad(total, leaves, materialize_grads=True)


def rule_sum(segments: Segments, nodes: Tensor, weights: Tensor, budget: Budget) -> Tensors:
    """Σ_l w_l ∇F at nodes [K] common to all samples."""
    totals, count = zeros(segments), segments.count

    def step(start: int, stop: int) -> None:
        rows = segments.points(nodes[start:stop])
        scale = weights[start:stop].repeat_interleave(count)
        for total, g in zip(totals, gradients(segments, rows, stop - start, scale), strict=True):
            total += g.view(stop - start, count, *g.shape[1:]).sum(0, dtype=torch.float64)

    Budget.spread(_in_nodes(budget, count), len(nodes), step)
    budget.evaluations += len(nodes) * count
    return totals


def _in_nodes(budget: Budget, count: int) -> Budget:
    return Budget(max(1, budget.rows // count))


def node_gradients(segments: Segments, nodes: Tensor, budget: Budget) -> list[Tensor]:
    """∇F at every node, [K, N, …] per input."""
    count = segments.count
    found: list[list[Tensor]] = [[] for _ in segments.ends]

    def step(start: int, stop: int) -> None:
        for known, g in zip(found, gradients(segments, segments.points(nodes[start:stop]), stop - start), strict=True):
            known.append(g.view(stop - start, count, *g.shape[1:]))

    Budget.spread(_in_nodes(budget, count), len(nodes), step)
    budget.evaluations += len(nodes) * count
    return [torch.cat(parts) for parts in found]


def secant_sum(segments: Segments, model: SecantModel, cells: int, budget: Budget) -> Tensors:
    """The mean of the cells' multipliers over equal cells; a chunk begins at the edge where the one before ended."""
    totals, count = zeros(segments), segments.count
    edges = torch.linspace(0.0, 1.0, cells + 1, dtype=torch.float64, device=segments.ends[0].device)

    def step(start: int, stop: int) -> None:
        secant = replace(segments, forward=lambda *rows: model(rows, count))
        found = gradients(secant, segments.points(edges[start : stop + 1]), stop - start + 1)
        for total, g in zip(totals, found, strict=True):
            total += g[:-count].view(stop - start, count, *g.shape[1:]).sum(0, dtype=torch.float64)

    Budget.spread(_in_nodes(budget, count), cells, step)
    budget.evaluations += (cells + 1) * count
    return tuple(total / cells for total in totals)


def pieces_sum(segments: Segments, pieces: Pieces, budget: Budget) -> Tensors:
    """Σ_k (t_{k+1} - t_k) ∇F(mid_k) over the pieces of every sample."""
    totals = zeros(segments)

    def step(start: int, stop: int) -> None:
        samples = pieces.sample[start:stop]
        first, last = pieces.start[start:stop], pieces.end[start:stop]
        rows = segments.at(samples, (first + last) / 2)
        for total, g in zip(totals, gradients(segments, rows, samples, last - first), strict=True):
            total.index_add_(0, samples, g.to(torch.float64))

    budget.spread(len(pieces.sample), step)
    budget.evaluations += len(pieces.sample)
    return totals


def clenshaw_curtis(n: int) -> tuple[Tensor, Tensor]:
    """n + 1 nodes and weights on [0, 1] in ascending order, n even; exact to degree n + 1, nested in 2n."""
    angles = [math.pi * j / n for j in range(n + 1)]
    weights = []
    for j, angle in enumerate(angles):
        terms = [
            2.0 / (1 - 4 * k * k) * math.cos(2 * k * angle) * (0.5 if 2 * k == n else 1.0) for k in range(1, n // 2 + 1)
        ]
        weights.append((1.0 + math.fsum(terms)) * (0.5 if j in (0, n) else 1.0) / n)
    nodes = [0.5 * (1.0 - math.cos(angle)) for angle in angles]
    return torch.tensor(nodes, dtype=torch.float64), torch.tensor(weights, dtype=torch.float64)


def nested(segments: Segments, budget: Budget, largest: int, first: int = 8) -> Iterator[tuple[int, Tensors]]:
    """Clenshaw-Curtis sums with 9, 17, 33, … nodes; every gradient is computed once."""
    device = segments.ends[0].device
    known: list[Tensor] = []
    n = first
    while n <= largest:
        nodes, weights = (v.to(device) for v in clenshaw_curtis(n))
        if not known:
            known = node_gradients(segments, nodes, budget)
        else:
            fresh = node_gradients(segments, nodes[1::2], budget)
            known = [_merged(old, new) for old, new in zip(known, fresh, strict=True)]
        yield n + 1, tuple(torch.tensordot(weights, g.to(torch.float64), dims=([0], [0])) for g in known)
        n *= 2


def _merged(old: Tensor, new: Tensor) -> Tensor:
    both = torch.empty((old.shape[0] + new.shape[0], *old.shape[1:]), dtype=old.dtype, device=old.device)
    both[0::2], both[1::2] = old, new
    return both
