"""∫ ∂S/∂h dh at hidden layers along the straight line of inputs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from ig_props.integration.arguments import positive, segments, whole
from ig_props.integration.attribution import Attribution
from ig_props.integration.breakpoints import TooManyPieces
from ig_props.integration.job import Job, job_of, largest
from ig_props.integration.search import KINKS_PER_UNIT, MOST_PIECES, RTOL, fine_enough
from ig_props.integration.secant import SecantModel
from ig_props.integration.structure import Family, Structure, behind, is_cut, structure_of
from ig_props.integration.sweep import Sweep, described
from ig_props.methods.scores import Score, chosen

METHODS = ("trapezoid", "midpoint", "exact", "secant", "spectral")
MOST_CELLS = 4096
MOST_NODES = 64


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
    rule = method or ("trapezoid" if n_steps else None)
    job = job_of(model, segments(model, inputs, baselines, target, score), internal_batch_size, method=rule)
    sweep = Sweep(job.segments, layers, job.budget, rectified)
    if rule is None:
        found = _to_tolerance(sweep, job, _head(model, job, layers), rtol or RTOL)
    else:
        found = _by_name(sweep, job, model, rule, n_steps)
    return [_finished(job, layer, *parts) for layer, parts in zip(layers, found.each(), strict=True)]


@dataclass(eq=False)
class _Found:
    """Values and errors [N] of every layer, and what made them."""

    values: list[Tensor]
    errors: list[Tensor]
    rule: str
    steps: int
    exact: bool = False

    def each(self) -> Iterator[tuple[Tensor, Tensor, str, int, bool]]:
        for value, error in zip(self.values, self.errors, strict=True):
            yield value, error, self.rule, self.steps, self.exact


def _finished(
    job: Job, layer: nn.Module, value: Tensor, error: Tensor, rule: str, steps: int, exact: bool
) -> Attribution:
    if not bool(torch.isfinite(value).all()):
        raise ValueError(f"the score's gradient at layer {described(layer)} is not finite on the path")
    residual = (value.flatten(1).sum(1) - job.gain).abs()
    return job.attribution(value.to(job.segments.ends[0].dtype), error, residual, rule, steps, exact)


def _head(model: nn.Module, job: Job, layers: Sequence[nn.Module]) -> Structure:
    """What lies behind the layers: the model traced with them as single nodes, and the nodes that depend on them."""
    if job.structure.graph is None or job.structure.family is Family.UNKNOWN:
        return job.structure
    structure = structure_of(model, layers, job.last, len(job.segments.ends))
    return behind(structure, layers) if structure.graph is not None else structure


def _by_name(sweep: Sweep, job: Job, model: nn.Module, rule: str, n_steps: int | None) -> _Found:
    structure, steps = job.structure, n_steps or (17 if rule == "spectral" else 50)
    if rule == "exact":
        if structure.family not in (Family.AFFINE, Family.PIECEWISE):
            why = f"{structure.family}: {structure.reason}"
            raise ValueError(f"method 'exact' needs a piecewise-linear model; this one is {why}")
        fine_enough(job)
        return _exact(sweep, job)
    if rule == "secant":
        head = _head(model, job, sweep.layers)
        if sweep.rectified or head.graph is None or not SecantModel(head).complete:
            why = "it has no rectified form" if sweep.rectified else head.reason
            raise ValueError(f"method 'secant' needs scalar activations alone behind the layer; {why}")
        values = sweep.secant(steps, head)
    elif rule == "spectral":
        values = sweep.spectral(steps - 1)
    else:
        values = sweep.midpoint(steps) if rule == "midpoint" else sweep.trapezoid(steps)
    unknown = torch.full_like(job.gain, torch.nan)
    return _Found(values, [unknown] * len(values), rule, steps)


def _exact(sweep: Sweep, job: Job) -> _Found:
    values, most = sweep.exact(job.structure)
    return _Found(values, [job.rounded(v) for v in values], "exact pieces", most, True)


def _to_tolerance(sweep: Sweep, job: Job, head: Structure, rtol: float) -> _Found:
    """One gradient behind which nothing bends, all pieces, secant sums, the spectral form or trapezoids, whatever fits."""
    structure = job.structure
    if head.family is Family.AFFINE:
        values = sweep.gradient()
        return _Found(values, [job.rounded(v) for v in values], "one gradient", 1, True)
    piecewise = structure.family in (Family.AFFINE, Family.PIECEWISE) and job.bends_are_found
    if piecewise and KINKS_PER_UNIT * job.units <= MOST_PIECES and not sweep.rectified:
        try:
            return _exact(sweep, job)
        except TooManyPieces:
            pass
    n, most, rule = 16, MOST_CELLS, "trapezoid"
    sums_: Callable[[int], list[Tensor]] = sweep.trapezoid
    if not sweep.rectified and structure.family is Family.SMOOTH:
        n, most, rule, sums_ = 8, MOST_NODES, "spectral", sweep.spectral
    elif not sweep.rectified and head.graph is not None and head.kinks and SecantModel(head).complete:
        rule, sums_ = "secant", partial(sweep.secant, structure=head)
    cuts = [not sweep.rectified and is_cut(head, layer) for layer in sweep.layers]
    before = sums_(n)
    while True:
        n *= 2
        values = sums_(n)
        changes = [largest((a - b,)) for a, b in zip(values, before, strict=True)]
        errors = [
            (torch.maximum(change, _missing(job, v)) if cut else change) + job.rounded(v) / 8
            for v, change, cut in zip(values, changes, cuts, strict=True)
        ]
        done = all(bool((e <= rtol * largest((v,))).all()) for e, v in zip(errors, values, strict=True))
        if done or 2 * n > most:
            return _Found(values, errors, rule, n + 1 if rule == "spectral" else n)
        before = values


def _missing(job: Job, value: Tensor) -> Tensor:
    """What a cut's values lack of the difference of scores, beyond rounding [N] (`RSI.completeness`)."""
    lacking = (value.double().flatten(1).sum(1) - job.gain).abs()
    return (lacking - job.noise - job.rounded(value)).clamp(min=0.0)


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
    middles of the cells), exact (piecewise-linear models), secant (scalar activations behind the layer) or spectral
    (smooth models, n_steps nodes, odd); rectified: whether the gradient's positive part is integrated, which is not
    complete (`RSI.relu_breaks_completeness`). Values have the shape of the layer's output. The residual is about
    completeness, which holds at a cut alone.
    """
    (found,) = layer_integrals(
        model, [layer], inputs, baselines, target, rtol=rtol, n_steps=n_steps, method=method,
        internal_batch_size=internal_batch_size, score=score, rectified=rectified,
    )  # fmt: skip
    return found
