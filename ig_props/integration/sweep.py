"""Sums of ∂S/∂h dh over path points for hidden layers: several layers in one sweep, flat in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from ig_props.integration import sums
from ig_props.integration.arguments import Segments, Tensors
from ig_props.integration.search import MOST_PIECES
from ig_props.integration.traced.breakpoints import pieces
from ig_props.integration.traced.secant import SecantModel
from ig_props.integration.traced.structure import Structure
from ig_props.methods.scores import chosen


def described(layer: nn.Module) -> str:
    """A layer as its repr shows it, where that is one line."""
    text = repr(layer)
    return type(layer).__name__ if "\n" in text else text


@contextmanager
def _outputs(layers: Sequence[nn.Module]) -> Iterator[list[Tensor | None]]:
    """What each layer puts out in the next forward pass, one tensor each; the hooks are gone afterwards."""
    for layer in layers:
        if not isinstance(layer, nn.Module):
            raise TypeError(f"layer must be a module of the model, given {type(layer).__name__}")
    seen: list[Tensor | None] = [None] * len(layers)

    def keep(k: int) -> Callable[..., Tensor]:
        def hook(module: nn.Module, args: tuple[Any, ...], output: Any) -> Tensor:
            if not isinstance(output, Tensor):
                raise ValueError(f"layer {described(module)} must return one tensor, given {type(output).__name__}")
            if seen[k] is not None:
                raise ValueError(f"layer {described(module)} is called more than once in one forward pass")
            seen[k] = output if output.requires_grad else output.detach().requires_grad_(True)
            # a copy goes on, so that an in-place module behind does not overwrite what is kept
            return seen[k].clone()  # type: ignore[union-attr]

        return hook

    handles = [layer.register_forward_hook(keep(k)) for k, layer in enumerate(layers)]
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()


def _both(
    job: Segments, layers: Sequence[nn.Module], rows: Tensors, samples: Tensor | int
) -> list[tuple[Tensor, Tensor]]:
    """Values and gradients of every layer at rows of points."""
    with torch.enable_grad(), _outputs(layers) as seen:
        leaves = tuple(r.detach().requires_grad_(True) for r in rows)
        total = job.scores(leaves, samples).sum()
        found: list[Tensor] = []
        for layer, value in zip(layers, seen, strict=True):
            if value is None:
                raise ValueError(f"layer {described(layer)} is not called by the model")
            if value.shape[:1] != rows[0].shape[:1]:
                raise ValueError(f"layer {described(layer)} gives {list(value.shape)} for {rows[0].shape[0]} points")
            found.append(value)
        if not total.requires_grad:
            slopes: tuple[Tensor, ...] = tuple(torch.zeros_like(v) for v in found)
        else:
            slopes = torch.autograd.grad(total, found, materialize_grads=True)
    return [(v.detach(), g) for v, g in zip(found, slopes, strict=True)]


@dataclass(eq=False)
class Sweep:
    job: Segments
    layers: Sequence[nn.Module]
    budget: sums.Budget
    rectified: bool = False

    def spread(self, total: int, step: Callable[[int, int], None]) -> None:
        sums.Budget(max(1, self.budget.rows // self.job.count)).spread(total, step)

    def at(self, rows: Tensors, samples: Tensor | int) -> list[tuple[Tensor, Tensor]]:
        self.budget.evaluations += rows[0].shape[0]
        found = _both(self.job, self.layers, rows, samples)
        return [(v, g.relu() if self.rectified else g) for v, g in found]

    def trapezoid(self, cells: int, steps: list[Tensor] | None = None) -> list[Tensor]:
        """Σ ½(g_l + g_{l+1})(h_{l+1} - h_l); a chunk of points hands its last edge on to the next.

        steps: is given Σ (g_{l+1} - g_l)² (h_{l+1} - h_l)² of every layer.
        """
        count, device = self.job.count, self.job.ends[0].device
        edges = torch.linspace(0.0, 1.0, cells + 1, dtype=torch.float64, device=device)
        carried: list[tuple[Tensor, Tensor]] = []
        totals: list[Tensor] = []

        def step(start: int, stop: int) -> None:
            nonlocal carried
            found = self.at(self.job.points(edges[start:stop]), stop - start)
            here = [tuple(v.view(stop - start, count, *v.shape[1:]) for v in pair) for pair in found]
            if carried:
                here = [
                    tuple(torch.cat([c[None], v]) for c, v in zip(old, new, strict=True))
                    for old, new in zip(carried, here, strict=True)
                ]
            _add(totals, [_central(h, g) for h, g in here])
            if steps is not None:
                _add(steps, [_squares(h.diff(dim=0), g.diff(dim=0)) for h, g in here])
            carried = [(h[-1].clone(), g[-1].clone()) for h, g in here]

        self.spread(cells + 1, step)
        return totals

    def midpoint(self, cells: int) -> list[Tensor]:
        """Gradients at the middles of the cells times what the layer changes over them."""
        count, device = self.job.count, self.job.ends[0].device
        edges = torch.linspace(0.0, 1.0, cells + 1, dtype=torch.float64, device=device)
        totals: list[Tensor] = []

        def step(start: int, stop: int) -> None:
            size = stop - start
            middles = self.at(self.job.points((edges[start:stop] + edges[start + 1 : stop + 1]) / 2), size)
            ends = self.at(self.job.points(edges[start : stop + 1]), size + 1)
            parts = []
            for (_, g), (h, _) in zip(middles, ends, strict=True):
                walked = h.view(size + 1, count, *h.shape[1:]).diff(dim=0)
                parts.append((g.view(size, count, *g.shape[1:]) * walked).sum(0, dtype=torch.float64))
            _add(totals, parts)

        self.spread(cells, step)
        return totals

    def secant(self, cells: int, steps: list[Tensor] | None = None, *, structure: Structure) -> list[Tensor]:
        """The multipliers of what lies behind one layer times what it changes over equal cells; steps as in `trapezoid`, of the
        multipliers from cell to cell. structure: of the model with that layer as a node, and what a score does at its end."""
        count, device = self.job.count, self.job.ends[0].device
        edges = torch.linspace(0.0, 1.0, cells + 1, dtype=torch.float64, device=device)
        model = SecantModel(structure)
        job = replace(self.job, forward=lambda *rows: model(rows, count), score=chosen)
        totals: list[Tensor] = []
        last: list[Tensor] = []

        def step(start: int, stop: int) -> None:
            size = stop - start
            found = _both(job, self.layers, job.points(edges[start : stop + 1]), size + 1)
            here = [tuple(v.view(size + 1, count, *v.shape[1:]) for v in pair) for pair in found]
            cells_ = [(h.diff(dim=0), g[:-1]) for h, g in here]
            _add(totals, [(walked * g).sum(0, dtype=torch.float64) for walked, g in cells_])
            if steps is not None:
                before = last or [g[:1] for _, g in cells_]
                _add(
                    steps,
                    [_squares(w, torch.cat([b, g]).diff(dim=0)) for b, (w, g) in zip(before, cells_, strict=True)],
                )
                last[:] = [g[-1:].clone() for _, g in cells_]

        self.spread(cells, step)
        self.budget.evaluations += (cells + 1) * count
        return totals

    def gradient(self) -> list[Tensor]:
        """One gradient times the layer's change: exact where what lies behind the layer is affine."""
        (end, start) = (self.at(rows, 1) for rows in (self.job.ends, self.job.starts))
        return [(g * (b - a)).double() for (b, g), (a, _) in zip(end, start, strict=True)]

    def exact(self, structure: Structure, fine: Segments) -> tuple[list[Tensor], int]:
        """Gradients on the pieces of a piecewise-linear model times what the layer changes over them; structure and fine:
        what pieces are looked for with."""
        known = pieces(structure, fine.starts, fine.ends, 2 * MOST_PIECES * self.job.count)
        totals: list[Tensor] = []

        def step(start: int, stop: int) -> None:
            samples, first, last = (v[start:stop] for v in (known.sample, known.start, known.end))
            slopes = self.at(self.job.at(samples, (first + last) / 2), samples)
            ends = [self.at(self.job.at(samples, t), samples) for t in (first, last)]
            for k, ((_, g), (a, _), (b, _)) in enumerate(zip(slopes, *ends, strict=True)):
                if len(totals) <= k:
                    totals.append(torch.zeros((self.job.count, *g.shape[1:]), dtype=torch.float64, device=g.device))
                totals[k].index_add_(0, samples, (g * (b - a)).double())

        self.budget.spread(len(known.sample), step)
        return totals, known.most

    def spectral(self, n: int) -> list[Tensor]:
        """gᵀ(W D)h on n + 1 Clenshaw-Curtis nodes, D the differentiation matrix of the nodes (`RS.spectral`)."""
        count = self.job.count
        nodes, weights = sums.clenshaw_curtis(n)
        form = weights[:, None] * differentiation(nodes)
        found: list[list[tuple[Tensor, Tensor]]] = [[] for _ in self.layers]

        def step(start: int, stop: int) -> None:
            rows = self.job.points(nodes[start:stop].to(self.job.ends[0].device))
            for known, (h, g) in zip(found, self.at(rows, stop - start), strict=True):
                known.append(tuple(v.view(stop - start, count, *v.shape[1:]) for v in (h, g)))  # type: ignore[arg-type]

        self.spread(n + 1, step)
        totals = []
        for parts in found:
            h, g = (torch.cat([p[k] for p in parts]).double() for k in (0, 1))
            walked = torch.tensordot(form.to(h.device), h, dims=([1], [0]))
            totals.append((g * walked).sum(0))
        return totals


def _add(totals: list[Tensor], parts: list[Tensor]) -> None:
    totals[:] = [a + b for a, b in zip(totals, parts, strict=True)] if totals else parts


def _squares(walked: Tensor, change: Tensor) -> Tensor:
    return (walked * change).square().sum(0, dtype=torch.float64)


def _central(h: Tensor, g: Tensor) -> Tensor:
    """The trapezoidal sum over points [K, …] as one contraction, `RS.trapezoid_central`."""
    if len(h) < 2:
        return torch.zeros(h.shape[1:], dtype=torch.float64, device=h.device)
    inner = (g[1:-1] * (h[2:] - h[:-2])).sum(0, dtype=torch.float64)
    return (inner + g[0] * (h[1] - h[0]) + g[-1] * (h[-1] - h[-2])) / 2


def differentiation(nodes: Tensor) -> Tensor:
    """The matrix that maps values at nodes to the derivatives there of the polynomial through them."""
    apart = nodes[:, None] - nodes[None, :]
    apart.fill_diagonal_(1.0)
    logs, signs = apart.abs().log().sum(1), apart.sign().prod(1)
    ratio = signs[:, None] * signs[None, :] * torch.exp(logs[:, None] - logs[None, :])
    matrix = ratio / apart
    matrix.fill_diagonal_(0.0)
    matrix.diagonal().copy_(-matrix.sum(1))
    return matrix
