"""Path attributions of any score along any path: leg by leg where it is a polygon, by Riemann–Stieltjes sums elsewhere."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor, nn

from ig_props.integration import search, sums
from ig_props.integration.arguments import Segments, Tensors, segments
from ig_props.integration.attribution import Attribution
from ig_props.integration.engine import answer, request
from ig_props.integration.job import Job, job_of, largest
from ig_props.integration.sweep import differentiation
from ig_props.integration.traced.structure import Family
from ig_props.paths import Curve, Path, Polygon

CURVED = ("midpoint", "trapezoid", "spectral")
MOST_NODES = 64
MOST_CELLS = 4096


class _Model(nn.Module):
    """A score as a model with one output; the modules that a function refers to are its own, so that it can be traced."""

    def __init__(self, score: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.score = score
        if not isinstance(score, nn.Module) and inspect.isfunction(score):
            found = inspect.getclosurevars(score)
            for name, value in {**found.globals, **found.nonlocals}.items():
                if isinstance(value, nn.Module):
                    self.add_module(f"own_{name}", value)

    def forward(self, x: Tensor) -> Tensor:
        return torch.unsqueeze(self.score(x), 1)


def _model(score: Callable[[Tensor], Tensor], points: Tensor) -> nn.Module:
    with torch.no_grad():
        found = score(points.clone())
    rows = points.shape[0]
    if isinstance(found, Tensor) and found.shape == (rows,):
        return _Model(score)
    if isinstance(found, Tensor) and found.shape == (rows, 1) and isinstance(score, nn.Module):
        return score
    given = list(found.shape) if isinstance(found, Tensor) else type(found).__name__
    raise ValueError(f"score gives {given} for {rows} points; one number per point is needed")


@torch.inference_mode(False)
def integrate(
    score: Callable[[Tensor], Tensor],
    path: Path,
    *,
    rtol: float | None = None,
    atol: float | None = None,
    n_steps: int | None = None,
    method: str | None = None,
    internal_batch_size: int | None = None,
) -> Attribution:
    """∫ ∂_iF dg_i along a path g, with an estimate of its error (`PATH.completeness`).

    score maps points [R, *shape] to numbers [R]; path: from `ig_props.paths`. rtol, atol, n_steps and method as for
    `integrated_gradients` on the legs of a polygon, n_steps of each; on curves method is midpoint, trapezoid or spectral
    (Riemann–Stieltjes sums, the last for smooth scores and paths, n_steps odd). Values have the shape of the path's
    points [N, *shape]. TypeError and ValueError say in one sentence what does not fit.
    """
    if not callable(score):
        raise TypeError(f"score must be a function of points or a module, given {type(score).__name__}")
    _finite(path)
    if isinstance(path, Polygon):
        request(rtol, atol, n_steps, method, internal_batch_size)
        return _polygon(score, path, rtol, atol, n_steps, method, internal_batch_size)
    if not isinstance(path, Curve):
        raise TypeError(f"path must be a Polygon or a Curve of ig_props.paths, given {type(path).__name__}")
    request(rtol, atol, n_steps, None, internal_batch_size)
    if method is not None and method not in CURVED:
        raise ValueError(f"method must be one of {', '.join(CURVED)} on a curve, given {method!r}")
    if method == "spectral" and n_steps is not None and (n_steps < 3 or n_steps % 2 == 0):
        raise ValueError(f"n_steps must be odd and at least 3 for spectral, given {n_steps}")
    asked = segments(_model(score, path.end), path.end, path.start)
    rule = method or ("midpoint" if n_steps else None)
    job = job_of(_model(score, path.end), asked, internal_batch_size, method=rule)
    if rule is None:
        return _to_tolerance(job, path, search.asked(rtol, atol))
    steps = n_steps or (17 if rule == "spectral" else 50)
    total, _ = _sum(job, path, rule, steps)
    return _finished(job, total, torch.full_like(job.gain, torch.nan), rule, steps)


def _finite(path: object) -> None:
    ends = (path.vertices,) if isinstance(path, Polygon) else (path.start, path.end) if isinstance(path, Curve) else ()
    if not all(bool(torch.isfinite(points).all()) for points in ends):
        raise ValueError("path must be finite; there is a NaN or an infinity in it")


def _polygon(
    score: Callable[[Tensor], Tensor], path: Polygon, rtol: float | None, atol: float | None, n_steps: int | None,
    method: str | None, internal_batch_size: int | None,
) -> Attribution:  # fmt: skip
    legs, count = path.vertices.shape[0] - 1, path.vertices.shape[1]
    model = _model(score, path.end)
    asked = segments(model, path.vertices[1:].flatten(0, 1), path.vertices[:-1].flatten(0, 1))
    job = job_of(model, asked, internal_batch_size, method=method)
    found = answer(job, rtol, None if atol is None else atol / legs, n_steps, method)
    assert isinstance(found.values, Tensor)
    values = found.values.view(legs, count, *found.values.shape[1:]).sum(0)
    residual = (values.double().flatten(1).sum(1) - job.gain.view(legs, count).sum(0)).abs()
    return replace(found, values=values, error=found.error.view(legs, count).sum(0), residual=residual)


def _points(job: Job, path: Curve, t: Tensor) -> Tensor:
    points = path.at(t.to(job.segments.ends[0].dtype))
    if points.shape[1:] != job.segments.ends[0].shape:
        raise ValueError(
            f"the path's points change shape: {list(points.shape[1:])} and {list(job.segments.ends[0].shape)}"
        )
    return points


def _gradients(segments_: Segments, points: Tensor) -> Tensor:
    found: Tensors = sums.gradients(segments_, (points.flatten(0, 1),), points.shape[0])
    return found[0].view(points.shape)


def _sum(job: Job, path: Curve, rule: str, n: int) -> tuple[Tensor, Tensor]:
    """Σ over n cells, or over n Clenshaw-Curtis nodes in the spectral form `RS.spectral`; and for cells the root of
    Σ (Δf Δα)² of every coordinate, what kinks in them may make."""
    device, inner = job.segments.ends[0].device, job.segments
    total = torch.zeros(inner.ends[0].shape, dtype=torch.float64, device=device)
    squares = torch.zeros_like(total)
    last: list[Tensor] = []
    if rule == "spectral":
        nodes, weights = (v.to(device) for v in sums.clenshaw_curtis(n - 1))
        points = _points(job, path, nodes)
        form = weights[:, None] * differentiation(nodes)
        walked = torch.tensordot(form, points.double(), dims=([1], [0]))

        def add(start: int, stop: int) -> None:
            total.add_((_gradients(inner, points[start:stop]).double() * walked[start:stop]).sum(0))

        cells = n
    else:
        edges = torch.linspace(0.0, 1.0, n + 1, dtype=torch.float64, device=device)

        def add(start: int, stop: int) -> None:
            walked = _points(job, path, edges[start : stop + 1]).diff(dim=0)
            if rule == "midpoint":
                slopes = _gradients(inner, _points(job, path, (edges[start:stop] + edges[start + 1 : stop + 1]) / 2))
            else:
                ends = _gradients(inner, _points(job, path, edges[start : stop + 1]))
                slopes = (ends[1:] + ends[:-1]) / 2
            total.add_((slopes * walked).sum(0, dtype=torch.float64))
            before = torch.cat([*last, slopes[:-1]]) if last else slopes[:-1]
            after = slopes if last else slopes[1:]
            squares.add_(((after - before) * walked[-len(after) :]).double().square().sum(0))
            last[:] = [slopes[-1:]]

        cells = n
    sums.Budget(max(1, job.budget.rows // inner.count)).spread(cells, add)
    job.budget.evaluations += (n + (rule == "trapezoid")) * inner.count
    return total, squares.sqrt()


def _finished(job: Job, total: Tensor, error: Tensor, rule: str, n: int) -> Attribution:
    if not bool(torch.isfinite(total).all()):
        raise ValueError("the score's gradient is not finite on the path")
    residual = (total.flatten(1).sum(1) - job.gain).abs()
    return job.attribution(total.to(job.segments.ends[0].dtype), error, residual, rule, n)


def _to_tolerance(job: Job, path: Curve, tolerance: search.Tolerance) -> Attribution:
    """The spectral form where the score is smooth and the path lets it settle, else midpoints; doubled until it is enough."""
    smooth = job.structure.family in (Family.SMOOTH, Family.AFFINE)
    for rule, first, most in (("spectral", 8, MOST_NODES), ("midpoint", 16, MOST_CELLS))[0 if smooth else 1 :]:
        extra, n, last = int(rule == "spectral"), first, torch.full_like(job.gain, torch.inf)
        before, _ = _sum(job, path, rule, n + extra)
        while n < most:
            n *= 2
            total, jumps = _sum(job, path, rule, n + extra)
            missing = ((total.flatten(1).sum(1) - job.gain).abs() - job.noise).clamp(min=0.0)
            change = torch.maximum(largest((total - before,)), search.JUMPS * largest((jumps,)))
            # where a path bends sums settle slowly, and a change may be small by chance
            slow = last / 8 if rule == "spectral" else torch.zeros_like(last)
            error = torch.maximum(torch.maximum(change, slow), missing) + job.rounded(total)
            enough = bool((error <= tolerance(largest((total,)))).all())
            if enough or (rule == "midpoint" and n >= most):
                return _finished(job, total, error, rule, n + extra)
            before, last = total, change
    raise AssertionError("midpoints end above")
