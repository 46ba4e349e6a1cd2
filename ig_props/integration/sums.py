"""How are gradients on paths summed? In chunks of bounded size, accumulated in double precision."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cache

import torch
from torch import Tensor

from ig_props import quadrature
from ig_props.integration.arguments import Segments, Tensors
from ig_props.integration.traced.breakpoints import Pieces
from ig_props.integration.traced.secant import SecantModel
from ig_props.integration.traced.structure import Structure


@dataclass(eq=False)
class Budget:
    """How many rows of points may go through the model at a time; halved when memory runs out."""

    rows: int
    evaluations: int = field(default=0)

    def spread(self, total: int, step: Callable[[int, int], None]) -> None:
        """Calls step(start, stop) over range(total) in chunks of at most `rows`; once more with half where memory is
        short. OutOfMemoryError says when one is too many."""
        start = 0
        while start < total:
            stop = min(total, start + self.rows)
            try:
                step(start, stop)
            except torch.OutOfMemoryError as error:
                if self.rows <= 1:
                    text = f"memory is too short for one point at a time: {error}"
                    raise torch.OutOfMemoryError(text) from None
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


def rule_sums(
    segments: Segments, nodes: Tensor, weights: Tensor, budget: Budget, power: float = 0.0
) -> tuple[list[Tensors], Tensors]:
    """Σ_l w_l ∇F for weights [R, K] of R rules at ascending nodes [K] common to all samples, and Σ_l |∇F(t_{l+1}) - ∇F(t_l)|^p
    for a power p above 0."""
    totals, variations, count = [zeros(segments) for _ in weights], zeros(segments), segments.count
    last: list[Tensor] = []

    def step(start: int, stop: int) -> None:
        found = gradients(segments, segments.points(nodes[start:stop]), stop - start)
        for part, (variation, g) in enumerate(zip(variations, found, strict=True)):
            g = g.view(stop - start, count, *g.shape[1:])
            if power:
                steps = (torch.cat([last[part], g]) if last else g).diff(dim=0).abs().to(torch.float64)
                variation += (steps if power == 1.0 else steps**power).sum(0)
            sums = torch.tensordot(weights[:, start:stop], g.to(torch.float64), dims=([1], [0]))
            for total, added in zip(totals, sums, strict=True):
                total[part].add_(added)
        last[:] = [g[-count:].clone().unsqueeze(0) for g in found]

    Budget.spread(_in_nodes(budget, count), len(nodes), step)
    budget.evaluations += len(nodes) * count
    return totals, variations


def _in_nodes(budget: Budget, count: int) -> Budget:
    return Budget(max(1, budget.rows // count))


def uniform(segments: Segments, cells: int) -> Tensor:
    """Edges [cells + 1, N] of equal cells."""
    edges = torch.linspace(0.0, 1.0, cells + 1, dtype=torch.float64, device=segments.ends[0].device)
    return edges[:, None].expand(-1, segments.count)


def refined(edges: Tensor, kinks: Tensor, cells: int) -> tuple[Tensor, Tensor]:
    """Cells split into equal parts, so many in all, more where a cell is wide or more kinks [K, N] lie.

    Edges [cells + 1, N], and of which old cell each new one is a part [cells, N].
    """
    bends = kinks.double() / kinks.double().sum(0).clamp(min=1.0)
    share = (bends + edges.diff(dim=0)).cumsum(0)
    share = share / share[-1]
    parts = 1 + torch.round(share * (cells - len(kinks))).diff(dim=0, prepend=torch.zeros_like(share[:1])).long()
    last = parts.cumsum(0).T.contiguous()
    place = torch.arange(cells, device=edges.device).expand(len(last), -1).contiguous()
    owner = torch.searchsorted(last, place, right=True)
    size = parts.T.gather(1, owner)
    within = place - (last.gather(1, owner) - size)
    left, right = edges[:-1].T.gather(1, owner), edges[1:].T.gather(1, owner)
    new = torch.cat([torch.lerp(left, right, within.double() / size), edges[-1:].T], dim=1)
    return new.T.contiguous(), owner.T.contiguous()


LEAST_EDGES = 16
"""A chunk of the secant rule computes one edge more than it has cells; with so many at a time that costs little."""


def secant_sum(
    segments: Segments, structure: Structure, edges: Tensor, budget: Budget, signs: Tensor | None = None
) -> tuple[Tensors, list[Tensors], Tensor]:
    """The mean of the cells' multipliers over cells with edges [K + 1, N], sums in which cells have signs [S, K, N], and
    how many units bend in each cell [K, N].

    A chunk holds some samples and some of their cells, and begins at the edge where the one before ended.
    """
    totals = zeros(segments)
    others = [zeros(segments) for _ in (() if signs is None else signs)]
    kinks = torch.zeros((len(edges) - 1, segments.count), device=edges.device)
    cells, device = len(edges) - 1, edges.device

    def group(first: int, last: int) -> None:
        count = last - first

        def step(start: int, stop: int) -> None:
            size, found = stop - start, torch.zeros((stop - start, count), device=device)

            def watch(side: Tensor) -> None:
                found.add_((side[count:] != side[:-count]).flatten(1).sum(1).view(-1, count))

            model = SecantModel(structure, watch)
            secant = replace(segments, forward=lambda *rows: model(rows, count))
            here = edges[start : stop + 1, first:last]
            scale = torch.cat([here.diff(dim=0), torch.zeros_like(here[:1])]).flatten()
            samples = torch.arange(first, last, device=device).repeat(size + 1)
            rows = segments.at(samples, here.flatten())
            multipliers = gradients(secant, rows, samples, scale)
            for part, g in enumerate(multipliers):
                g = g[:-count].reshape(size, count, -1)
                shape = totals[part][first:last].shape
                totals[part][first:last] += g.sum(0, dtype=torch.float64).view(shape)
                if signs is not None:
                    with_signs = torch.einsum("skn,knu->snu", signs[:, start:stop, first:last].to(g.dtype), g)
                    for other, added in zip(others, with_signs, strict=True):
                        other[part][first:last] += added.view(shape)
            kinks[start:stop, first:last] = found

        Budget.spread(_in_nodes(budget, count), cells, step)

    Budget(max(1, budget.rows // min(cells + 1, LEAST_EDGES))).spread(segments.count, group)
    budget.evaluations += len(edges) * segments.count
    return totals, others, kinks


def pieces_sum(
    segments: Segments, pieces: Pieces, budget: Budget, nodes: Tensor, weights: Tensor
) -> tuple[Tensors, Tensors]:
    """Σ over the pieces of every sample and a rule's nodes [K] in each of w ∇F, and of |w ∇F|."""
    totals, sizes = zeros(segments), zeros(segments)

    def step(start: int, stop: int) -> None:
        samples = pieces.sample[start:stop]
        first, widths = pieces.start[start:stop], pieces.end[start:stop] - pieces.start[start:stop]
        for node, weight in zip(nodes, weights, strict=True):
            found = gradients(segments, segments.at(samples, first + node * widths), samples, weight * widths)
            for total, size, g in zip(totals, sizes, found, strict=True):
                total.index_add_(0, samples, g.to(torch.float64))
                size.index_add_(0, samples, g.abs_().to(torch.float64))

    budget.spread(len(pieces.sample), step)
    budget.evaluations += len(pieces.sample) * len(nodes)
    return totals, sizes


@cache
def clenshaw_curtis(n: int) -> tuple[Tensor, Tensor]:
    """n + 1 nodes and weights on [0, 1] in ascending order, n even; exact to degree n + 1, nested in 2n."""
    rule = quadrature.clenshaw_curtis(n + 1)
    return torch.tensor(rule.nodes, dtype=torch.float64), torch.tensor(rule.weights, dtype=torch.float64)


def nested(segments: Segments, budget: Budget, largest: int, first: int = 8) -> Iterator[tuple[int, Tensors]]:
    """Clenshaw-Curtis sums with 9, 17, 33, … nodes, or as many from first + 1 on, first even; every gradient is computed
    once, and none is kept. Those of the first two sums are computed together.

    A node belongs to its rule and to all finer ones, whose sums are made at the same time.
    """
    device = segments.ends[0].device
    levels = [first * 2**k for k in range(int(math.log2(largest / first)) + 1)]
    rules = {n: tuple(v.to(device) for v in clenshaw_curtis(n)) for n in levels}
    totals = {n: zeros(segments) for n in levels}
    for k, n in enumerate(levels):
        if k == 0 and len(levels) > 1:
            continue
        fresh = slice(1, None, 2) if k > 1 else slice(None)
        finer = [rules[m][1][:: m // n][fresh] for m in levels[k:]]
        if k == 1:
            coarse = torch.zeros_like(rules[n][1])
            coarse[::2] = rules[first][1]
            finer.insert(0, coarse)
        added, _ = rule_sums(segments, rules[n][0][fresh], torch.stack(finer), budget)
        for m, parts in zip(levels[len(levels) - len(finer) :], added, strict=True):
            for total, part in zip(totals[m], parts, strict=True):
                total += part
        if k == 1:
            yield first + 1, totals.pop(first)
        yield n + 1, totals.pop(n)


def gauss_kronrod(panels: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """15 nodes in each of so many equal panels of [0, 1], ascending, and the weights [2, K] of both rules."""
    panel = torch.tensor(quadrature.GAUSS_KRONROD_PANEL, dtype=torch.float64, device=device)
    starts = torch.arange(panels, dtype=torch.float64, device=device)[:, None]
    nodes = (starts + (panel[:, 0] + 1) / 2) / panels
    return nodes.flatten(), (panel[:, 1:].T / (2 * panels)).repeat(1, panels)
