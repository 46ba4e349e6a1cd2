"""∫ ∂S/∂h dh at hidden layers along the straight line of inputs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor, nn

from ig_props.integration.arguments import positive, segments, whole
from ig_props.integration.attribution import Attribution
from ig_props.integration.job import OPERATIONS, Job, job_of, largest
from ig_props.integration.search import JUMPS, KINKS_PER_UNIT, MOST_PIECES, RTOL, fine_enough
from ig_props.integration.sweep import Sweep, described
from ig_props.integration.traced.breakpoints import TooManyPieces
from ig_props.integration.traced.secant import SecantModel
from ig_props.integration.traced.structure import Family, Structure, behind, is_cut, structure_of
from ig_props.methods.scores import Score, chosen

METHODS = ("trapezoid", "midpoint", "exact", "secant", "spectral")
MOST_CELLS = 4096
MOST_NODES = 64
SECANT_JUMPS = 1.0
"""Secants miss what happens within a cell: at most a quarter of a jump where two units bend, and four times that is allowed."""


@torch.inference_mode(False)
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
    if method == "spectral" and n_steps is not None and (n_steps < 3 or n_steps % 2 == 0):
        raise ValueError(f"n_steps must be odd and at least 3 for spectral, given {n_steps}")
    if isinstance(layers, nn.Module) or not layers:
        given = type(layers).__name__ if isinstance(layers, nn.Module) else "none"
        raise TypeError(f"layers must be a sequence of modules of the model, given {given}")
    rule = method or ("trapezoid" if n_steps else None)
    asked = segments(model, inputs, baselines, target, score)
    job = job_of(model, asked, internal_batch_size, method=rule)
    sweep = Sweep(asked, layers, job.budget, rectified)
    if rule is None:
        found = to_tolerance(sweep, job, heads_of(model, job, layers), rtol or RTOL)
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


def heads_of(model: nn.Module, job: Job, layers: Sequence[nn.Module]) -> list[Structure]:
    """What lies behind each layer: the model traced with it as a single node, and the nodes that depend on it."""
    if job.structure.graph is None or job.structure.family is Family.UNKNOWN:
        return [job.structure] * len(layers)
    traced = [structure_of(model, [layer], job.last, len(job.segments.ends)) for layer in layers]
    return [s if s.graph is None else behind(s, [layer]) for s, layer in zip(traced, layers, strict=True)]


def _secants(sweep: Sweep, heads: Sequence[Structure], cells: int, steps: list[Tensor]) -> list[Tensor]:
    """Secant sums layer by layer: what lies behind one layer may be another."""
    values = []
    for layer, head in zip(sweep.layers, heads, strict=True):
        found: list[Tensor] = []
        values += replace(sweep, layers=[layer]).secant(cells, found, structure=head)
        steps += found
    return values


def _by_name(sweep: Sweep, job: Job, model: nn.Module, rule: str, n_steps: int | None) -> _Found:
    structure, steps = job.structure, n_steps or (17 if rule == "spectral" else 50)
    if rule == "exact":
        if structure.family not in (Family.AFFINE, Family.PIECEWISE):
            why = f"{structure.family}: {structure.reason}"
            raise ValueError(f"method 'exact' needs a piecewise-linear model; this one is {why}")
        fine_enough(job)
        return _exact(sweep, job)
    if rule == "secant":
        heads = heads_of(model, job, sweep.layers)
        if sweep.rectified or not _have_secants(heads):
            why = "it has no rectified form" if sweep.rectified else "; ".join({head.reason for head in heads})
            raise ValueError(f"method 'secant' needs scalar activations alone behind the layer; {why}")
        values = _secants(sweep, heads, steps, [])
    elif rule == "spectral":
        if structure.family in (Family.PIECEWISE, Family.MIXED):
            why = f"{structure.family}: {structure.reason}"
            raise ValueError(f"method 'spectral' needs a smooth model; this one has {why}")
        values = sweep.spectral(steps - 1)
    else:
        values = sweep.midpoint(steps) if rule == "midpoint" else sweep.trapezoid(steps)
    unknown = torch.full_like(job.gain, torch.nan)
    return _Found(values, [unknown] * len(values), rule, steps)


def _have_secants(heads: Sequence[Structure]) -> bool:
    return all(head.graph is not None and SecantModel(head).complete for head in heads)


def _exact(sweep: Sweep, job: Job) -> _Found:
    values, most = sweep.exact(job.finer.structure, job.finer.segments)
    return _Found(values, [job.rounded(v) for v in values], "exact pieces", most, True)


def to_tolerance(sweep: Sweep, job: Job, heads: Sequence[Structure], rtol: float) -> _Found:
    """One gradient behind which nothing bends, all pieces, secant sums, the spectral form or trapezoids, whatever fits.

    Sums over cells are estimated by what half as many make of them, and by the gradient's steps from edge to edge, whose sum
    the kinks in the cells make with either sign (see `sampled`).
    """
    structure = job.structure
    if all(head.family is Family.AFFINE for head in heads):
        values = sweep.gradient()
        return _Found(values, [job.rounded(v) for v in values], "one gradient", 1, True)
    piecewise = structure.family in (Family.AFFINE, Family.PIECEWISE) and job.bends_are_found
    if piecewise and KINKS_PER_UNIT * job.units <= MOST_PIECES and not sweep.rectified:
        try:
            return _exact(sweep, job)
        except TooManyPieces:
            pass
    n, most, rule, jumps = 16, MOST_CELLS, "trapezoid", JUMPS
    sums_: Callable[[int, list[Tensor]], list[Tensor]] = sweep.trapezoid
    if not sweep.rectified and structure.family is Family.SMOOTH:
        n, most, rule = 8, MOST_NODES, "spectral"
        sums_ = lambda nodes, _: sweep.spectral(nodes)  # noqa: E731
    elif not sweep.rectified and any(head.kinks for head in heads) and _have_secants(heads):
        rule, jumps, sums_ = "secant", SECANT_JUMPS, partial(_secants, sweep, heads)
    cuts = [not sweep.rectified and is_cut(head, layer) for head, layer in zip(heads, sweep.layers, strict=True)]
    before = sums_(n, [])
    while True:
        n *= 2
        steps: list[Tensor] = []
        values = sums_(n, steps)
        errors = []
        for k, value in enumerate(values):
            error = largest((value - before[k],))
            if steps:
                error = torch.maximum(error, jumps * largest((steps[k].sqrt(),)))
            if cuts[k]:
                error = torch.maximum(error, _missing(job, value))
            errors.append(error + job.rounded(value))
        done = all(bool((e <= rtol * largest((v,))).all()) for e, v in zip(errors, values, strict=True))
        if done or 2 * n > most:
            return _Found(values, errors, rule, n + 1 if rule == "spectral" else n)
        before = values


def _missing(job: Job, value: Tensor) -> Tensor:
    """What a cut's values lack of the difference of scores, beyond rounding [N] (`RSI.completeness`)."""
    flat = value.double().flatten(1)
    lacking = (flat.sum(1) - job.gain).abs()
    return (lacking - job.noise - OPERATIONS / 8 * job.eps * flat.abs().sum(1)).clamp(min=0.0)


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
