"""∫ ∂S/∂h dh at hidden layers along the straight line of inputs: several layers in one sweep, flat in memory."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ig_props.integration import sums
from ig_props.integration.arguments import Segments, Tensors, positive, segments, whole
from ig_props.integration.attribution import Attribution
from ig_props.integration.breakpoints import TooManyPieces, pieces
from ig_props.integration.engine import KINKS_PER_UNIT, MOST_PIECES, RTOL, budget_of, largest, measured
from ig_props.integration.structure import Family, Structure
from ig_props.methods.scores import Score, chosen

METHODS = ("trapezoid", "midpoint", "exact", "spectral")
MOST_CELLS = 4096
MOST_NODES = 64


@contextmanager
def _outputs(layers: Sequence[nn.Module]) -> Iterator[list[Tensor | None]]:
    """What each layer puts out in the next forward pass, one tensor each; the hooks are gone afterwards."""
    seen: list[Tensor | None] = [None] * len(layers)

    def keep(k: int) -> Callable[..., Tensor]:
        def hook(module: nn.Module, args: tuple[Any, ...], output: Any) -> Tensor:
            if not isinstance(output, Tensor):
                raise ValueError(f"layer {type(module).__name__} must return one tensor, given {type(output).__name__}")
            if seen[k] is not None:
                raise ValueError(f"layer {type(module).__name__} is called more than once in one forward pass")
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
                raise ValueError(f"layer {type(layer).__name__} is not called by the model")
            if value.shape[:1] != rows[0].shape[:1]:
                raise ValueError(
                    f"layer {type(layer).__name__} gives {list(value.shape)} for {rows[0].shape[0]} points"
                )
            found.append(value)
        if not total.requires_grad:
            slopes: tuple[Tensor, ...] = tuple(torch.zeros_like(v) for v in found)
        else:
            slopes = torch.autograd.grad(total, found, materialize_grads=True)
    return [(v.detach(), g) for v, g in zip(found, slopes, strict=True)]


@dataclass(eq=False)
class _Sweep:
    job: Segments
    layers: Sequence[nn.Module]
    budget: sums.Budget
    change: Callable[[Tensor], Tensor]

    def at(self, rows: Tensors, samples: Tensor | int) -> list[tuple[Tensor, Tensor]]:
        self.budget.evaluations += rows[0].shape[0]
        return [(v, self.change(g)) for v, g in _both(self.job, self.layers, rows, samples)]

    def trapezoid(self, cells: int) -> list[Tensor]:
        """Σ ½(g_l + g_{l+1})(h_{l+1} - h_l); a chunk of points hands its last edge on to the next."""
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
            parts = [((g[1:] + g[:-1]) / 2 * (h[1:] - h[:-1])).sum(0, dtype=torch.float64) for h, g in here]
            totals[:] = [a + b for a, b in zip(totals, parts, strict=True)] if totals else parts
            carried = [(h[-1].clone(), g[-1].clone()) for h, g in here]

        sums.Budget(max(1, self.budget.rows // count)).spread(cells + 1, step)
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
            totals[:] = [a + b for a, b in zip(totals, parts, strict=True)] if totals else parts

        sums.Budget(max(1, self.budget.rows // count)).spread(cells, step)
        return totals

    def exact(self, structure: Structure) -> tuple[list[Tensor], int]:
        """Gradients on the pieces of a piecewise-linear model times what the layer changes over them."""
        known = pieces(structure, self.job.starts, self.job.ends, 2 * MOST_PIECES * self.job.count)
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

        sums.Budget(max(1, self.budget.rows // count)).spread(n + 1, step)
        totals = []
        for parts in found:
            h, g = (torch.cat([p[k] for p in parts]).double() for k in (0, 1))
            walked = torch.tensordot(form.to(h.device), h, dims=([1], [0]))
            totals.append((g * walked).sum(0))
        return totals


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


def layer_integrals(
    model: nn.Module,
    layers: Sequence[nn.Module],
    inputs: Tensor | Sequence[Tensor],
    baselines: Tensor | Sequence[Tensor] | float | None = None,
    target: int | Tensor | None = None,
    *,
    rtol: float | None = None,
    n_steps: int | None = None,
    method: str | None = None,
    internal_batch_size: int | None = None,
    score: Score = chosen,
    rectified: bool = False,
) -> list[Attribution]:
    """The layer integrals of several layers at once, in one sweep along the path; arguments as for `layer_integral`."""
    positive(rtol, "rtol")
    whole(n_steps, "n_steps")
    whole(internal_batch_size, "internal_batch_size")
    if method is not None and method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(METHODS)}, given {method!r}")
    if rtol and (n_steps or method):
        raise ValueError("rtol asks for an error, n_steps and method for a rule; give one or the other")
    if method == "spectral" and (n_steps or 17) % 2 == 0:
        raise ValueError(f"n_steps must be odd and at least 3 for spectral, given {n_steps}")
    job = segments(model, inputs, baselines, target, score)
    structure, units, gain = measured(model, job)
    budget = budget_of(job, units, internal_batch_size)
    sweep = _Sweep(job, layers, budget, torch.relu if rectified else lambda g: g)
    unknown = torch.full((), math.nan, dtype=torch.float64)
    rule, steps, exact, error = method or "trapezoid", n_steps or 50, False, [unknown] * len(layers)
    if rule == "exact" and structure.family not in (Family.AFFINE, Family.PIECEWISE):
        raise ValueError(
            f"method 'exact' needs a piecewise-linear model; this one is {structure.family}: {structure.reason}"
        )
    if method is None and n_steps is None:
        values, error, rule, steps, exact = _asked(sweep, structure, units, rtol or RTOL)
    elif rule == "exact":
        values, steps = sweep.exact(structure)
        exact = True
    elif rule == "spectral":
        steps = n_steps or 17
        values = sweep.spectral(steps - 1)
    else:
        values = sweep.midpoint(steps) if rule == "midpoint" else sweep.trapezoid(steps)
    x = job.ends[0]
    found = []
    for layer, value, off in zip(layers, values, error, strict=True):
        if not bool(torch.isfinite(value).all()):
            raise ValueError(f"the score's gradient at layer {type(layer).__name__} is not finite on the path")
        found.append(
            Attribution(
                value.to(x.dtype), off.expand(job.count), (value.flatten(1).sum(1) - gain).abs(), budget.evaluations,
                rule, steps, exact, f"{structure.family}: {structure.reason}", str(x.dtype).removeprefix("torch."),
                str(x.device),
            )
        )  # fmt: skip
    return found


def _asked(
    sweep: _Sweep, structure: Structure, units: int, rtol: float
) -> tuple[list[Tensor], list[Tensor], str, int, bool]:
    """Values, errors, the rule, its steps, and whether they are exact, for a relative error."""
    affordable = KINKS_PER_UNIT * units <= MOST_PIECES
    if structure.family in (Family.AFFINE, Family.PIECEWISE) and affordable and sweep.change(torch.tensor(-1.0)) < 0:
        try:
            values, most = sweep.exact(structure)
            eps = torch.finfo(sweep.job.ends[0].dtype).eps
            return values, [(math.sqrt(most) + 64) * eps * largest((v,)) for v in values], "exact", most, True
        except TooManyPieces:
            pass
    smooth = structure.family is Family.SMOOTH and sweep.change(torch.tensor(-1.0)) < 0
    n, most = (8, MOST_NODES) if smooth else (16, MOST_CELLS)
    rule = sweep.spectral if smooth else sweep.trapezoid
    before = rule(n)
    while True:
        n *= 2
        values = rule(n)
        error = [largest((a - b,)) for a, b in zip(values, before, strict=True)]
        done = all(bool((e <= rtol * largest((v,))).all()) for e, v in zip(error, values, strict=True))
        if done or 2 * n > most:
            return values, error, "spectral" if smooth else "trapezoid", n + 1 if smooth else n, False
        before = values


def layer_integral(
    model: nn.Module,
    layer: nn.Module,
    inputs: Tensor | Sequence[Tensor],
    baselines: Tensor | Sequence[Tensor] | float | None = None,
    target: int | Tensor | None = None,
    *,
    rtol: float | None = None,
    n_steps: int | None = None,
    method: str | None = None,
    internal_batch_size: int | None = None,
    score: Score = chosen,
    rectified: bool = False,
) -> Attribution:
    """∫ ∂S/∂h_k dh_k along the straight line of inputs, for every unit of a layer's output (2205.10900, `RSI.completeness`).

    Arguments as for `integrated_gradients`; method: trapezoid (the paper's, n_steps cells), midpoint (gradients at the
    middles of the cells), exact (piecewise-linear models) or spectral (smooth models, n_steps nodes, odd); rectified:
    whether the gradient's positive part is integrated, which is not complete (`RSI.relu_breaks_completeness`). Values have
    the shape of the layer's output. The residual is about completeness, which holds at a cut alone.
    """
    (found,) = layer_integrals(
        model, [layer], inputs, baselines, target, rtol=rtol, n_steps=n_steps, method=method,
        internal_batch_size=internal_batch_size, score=score, rectified=rectified,
    )  # fmt: skip
    return found
