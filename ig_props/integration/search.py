"""Which sum is close enough? Rules are refined until their error estimate meets what was asked for."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from ig_props.integration import sums
from ig_props.integration.arguments import Tensors
from ig_props.integration.attribution import Attribution
from ig_props.integration.job import OPERATIONS, Job, largest
from ig_props.integration.traced.breakpoints import Pieces, TooManyPieces, pieces
from ig_props.integration.traced.secant import SecantModel
from ig_props.integration.traced.structure import Family, Structure
from ig_props.quadrature import gauss_legendre

RTOL = 1e-3
"""The relative error that is aimed at where nothing is asked for."""
KINKS_PER_UNIT = 0.55
"""A generic segment crosses about half the kinks there are."""
MOST_CELLS = 2**13
MOST_NODES = 256
FEW_NODES = 128
MOST_PIECES = 50_000
"""Pieces of one sample beyond which they are not looked for."""
SECANT_ORDER = 1.5
GAUSS_PER_PIECE = (1, 2, 4, 8, 16, 32)
JUMPS = 1.5
SIGNS = 6
USUAL_SPLIT, USUAL_ORDER, MOST_PARTS = 0.2, 1.75, 8
"""What splitting all cells usually changes, in steps of the gradient from cell to cell; the usual order of that; and in how many
parts cells are split at most. How many cells are tried hangs on these, and no estimate."""
DEVIATIONS = 12.0
HIDDEN = 8.0
FEW_PIECES = 1000
"""So few pieces are all computed: sums over cells that hold few kinks each have estimates that chance may make small."""


Tolerance = Callable[[Tensor], Tensor]
"""The error that is allowed for samples whose largest attributions are given [N]."""


def asked(rtol: float | None, atol: float | None) -> Tolerance:
    relative = RTOL if rtol is None and atol is None else rtol or 0.0
    return lambda size: size * relative + (atol or 0.0)


def _settled(job: Job, means: Tensors, change: Tensor, tolerance: Tolerance) -> tuple[Tensor, bool]:
    """The estimate for a sum that changed so much, and whether it is small enough or rounding all that is left."""
    floor = job.floor(means)
    found = torch.maximum(change, job.missing(means))
    error = found + floor
    return error, bool(((error <= tolerance(job.weighed(means))) | (found <= floor)).all())


class TooFewKinks(Exception):
    """A sample's segment has so few kinks that sums over cells say little of their error, and all pieces cost no more."""


def secant(
    job: Job, tolerance: Tolerance, start: int = 12, most: int = MOST_CELLS, least: int = 0
) -> tuple[Attribution, bool]:
    """Secant sums on finer and finer cells, more of them where kinks are, and whether the last one is close enough.

    What splitting a cell changes is its error, of either sign. The sum of all such changes may be small by chance; the root
    of the sum of their squares is not. It is the mean square of sums in which the cells have random signs, a few of which
    are made along with the sum itself. A cell split in k parts is left with an error k times smaller, or less; DEVIATIONS of
    that are allowed for. Units that bend twice within a cell stay unseen until an edge falls between: HIDDEN times a cell's
    width times the gradient's step to the next cell, in the root of the mean square, is allowed for that. Where cells hold
    fewer than two kinks each, what is left of the error lies in a few of them, and chance rules: raises TooFewKinks there, and
    when fewer kinks than `least` are seen on a sample's segment, if `least` is not 0.
    """
    source = torch.Generator().manual_seed(0)
    edges = sums.uniform(job.segments, start)
    cells, signs = start, _signs(source, edges)
    moved = largest(job.segments.differences) > 0
    before, old, kinks = job.secant(edges, torch.cat([signs, _steps(signs, edges)]))
    guess = DEVIATIONS * USUAL_SPLIT * _spread(job, old[SIGNS:])
    growth = _growth(cells, most, 3, _lacking(job, guess, before, tolerance))
    while True:
        if least and bool((kinks.sum(0) < max(least, 2 * growth * cells))[moved].any()):
            raise TooFewKinks
        edges, owner = sums.refined(edges, kinks, growth * cells)
        inherited = signs.gather(1, owner.expand(len(signs), -1, -1))
        signs = _signs(source, edges)
        means, found, kinks = job.secant(edges, torch.cat([inherited, signs, _steps(signs, edges)]))
        pairs = zip(found[:SIGNS], old[:SIGNS], strict=True)
        split = _spread(job, [tuple(a - b for a, b in zip(fine, coarse, strict=True)) for fine, coarse in pairs])
        hidden = HIDDEN / (growth * cells) ** 0.5 * _spread(job, found[2 * SIGNS :])
        spread = torch.maximum(DEVIATIONS / growth * split, hidden)
        change = torch.maximum(spread, job.change(means, before) / growth)
        cells *= growth
        error, enough = _settled(job, means, change, tolerance)
        if enough or 2 * cells > most:
            return job.finished(means, error, "secant", cells), enough
        lacking = _lacking(job, error, means, tolerance) / growth ** (USUAL_ORDER - 1)
        growth = _growth(cells, most, 2, lacking)
        before, old = means, found[SIGNS:]


def _lacking(job: Job, error: Tensor, means: Tensors, tolerance: Tolerance) -> float:
    """How many times too large errors are."""
    return float((error / tolerance(job.weighed(means)).clamp(min=1e-300)).nan_to_num(1.0).amax())


def _growth(cells: int, most: int, least: int, lacking: float) -> int:
    """In how many parts cells are split whose errors are so many times too large for one part each.

    Where one step does not do, the next one is to split the new cells in about three: that costs least in all.
    """
    wanted = lacking if lacking <= MOST_PARTS else (lacking / 3) ** (1 / USUAL_ORDER)
    parts = math.ceil(min(wanted, float(MOST_PARTS)))
    return max(2, min(most // cells, MOST_PARTS, max(least, parts)))


def _signs(source: torch.Generator, edges: Tensor) -> Tensor:
    """Signs [S, K, N] for cells with edges [K + 1, N]."""
    drawn = torch.randint(0, 2, (SIGNS, len(edges) - 1, edges.shape[1]), generator=source)
    return (2 * drawn - 1).to(edges.device, torch.float32)


def _steps(signs: Tensor, edges: Tensor) -> Tensor:
    """Factors of the cells [S, K, N] whose sum adds up the multipliers' steps from cell to cell, times widths and signs."""
    widths = edges.diff(dim=0)
    steps = signs[:, 1:] * torch.minimum(widths[1:], widths[:-1]).float()
    none = torch.zeros_like(signs[:, :1])
    # cells that kinks closed upon may be of no width, and have no multiplier then
    return (torch.cat([none, steps], dim=1) - torch.cat([steps, none], dim=1)) / widths.float().clamp(min=1e-30)


def _spread(job: Job, sums_: Sequence[Tensors]) -> Tensor:
    """The root of the mean square of sums with random signs, as the largest attribution [N]."""
    parts = [job.inner.back(part) for part in sums_]
    return job.weighed(tuple(torch.stack(same).square().mean(0).sqrt() for same in zip(*parts, strict=True)))


def piecewise(job: Job, tolerance: Tolerance, rtol: float) -> Attribution:
    """Cells while they are cheaper than all pieces, which are taken where they are few; cells alone where they are too
    many."""
    expected = KINKS_PER_UNIT * job.units + 1
    needed = (0.5 / max(rtol, 1e-16)) ** (1 / SECANT_ORDER)
    affordable = expected <= MOST_PIECES
    if not affordable or max(FEW_PIECES, 8.0 * needed) < expected:
        most = MOST_CELLS if not affordable else int(min(MOST_CELLS, max(32, expected)))
        try:
            found, enough = secant(job, tolerance, most=most, least=FEW_PIECES)
        except TooFewKinks:
            pass
        else:
            if enough or not affordable:
                return found
    try:
        return exact(job)
    except TooManyPieces:
        return secant(job, tolerance)[0]


def _pieces(job: Job) -> Pieces:
    inner = job.inner
    limit = 2 * MOST_PIECES * job.segments.count
    return pieces(inner.structure, inner.segments.starts, inner.segments.ends, limit)


def _rounding(job: Job, means: Tensors, sizes: Tensors) -> Tensor:
    """What rounding makes of sums that were made in double precision where that is possible, and of their results [N]."""
    return job.finer.rounding(sizes) + (0.0 if job.finer is job else job.eps * job.weighed(means))


def fine_enough(job: Job) -> None:
    """ValueError where numbers are too coarse for method 'exact'."""
    if not job.bends_are_found:
        dtype = str(job.segments.ends[0].dtype).removeprefix("torch.")
        raise ValueError(
            f"method 'exact' needs float32 or float64 without autocast, given {dtype} with a relative rounding of {job.eps:.1g}"
        )


def exact(job: Job) -> Attribution:
    """Every piece of a piecewise-linear model, `EXACT.piecewise_linear`."""
    fine, middle = job.finer, torch.tensor([0.5], dtype=torch.float64)
    found = _pieces(fine)
    sum_, sizes = sums.pieces_sum(fine.inner.segments, found, job.budget, middle, 2 * middle)
    means = fine.inner.back(sum_)
    return job.finished(means, _rounding(job, means, sizes), "exact pieces", found.most, True)


def bent(job: Job, tolerance: Tolerance) -> Attribution:
    """Smooth nodes behind kinks: Gauss rules with 1, 2, 4, … nodes on every piece."""
    fine, before = job.finer, None
    found = _pieces(fine)
    for n in GAUSS_PER_PIECE:
        rule = gauss_legendre(n)
        nodes, weights = (torch.tensor(v, dtype=torch.float64) for v in (rule.nodes, rule.weights))
        sum_, sizes = sums.pieces_sum(fine.inner.segments, found, job.budget, nodes, weights)
        means = fine.inner.back(sum_)
        if before is not None:
            rounding = _rounding(job, means, sizes)
            change = torch.maximum(job.change(means, before), job.missing(means))
            error, allowed = change + rounding, tolerance(job.weighed(means))
            if n == GAUSS_PER_PIECE[-1] or bool(((error <= allowed) | (change <= rounding)).all()):
                return job.finished(means, error, "gauss-legendre on pieces", found.most * n)
        before = means
    raise AssertionError("the last rule ends above")


def smooth(job: Job, tolerance: Tolerance) -> tuple[Attribution, bool]:
    """Nested Clenshaw-Curtis rules, and whether the last one is close enough. A change is the error of the rule before."""
    before: Tensors | None = None
    for nodes, inner in sums.nested(job.inner.segments, job.budget, MOST_NODES):
        means = job.inner.back(inner)
        if before is not None:
            change = job.change(means, before)
            error, enough = _settled(job, means, change, tolerance)
            if enough or 2 * nodes > MOST_NODES + 2:
                # what rounding makes of the scores it makes of attributions, too: other sums would do no better
                noise = torch.maximum(job.floor(means), job.noise)
                enough = bool(((error <= tolerance(job.weighed(means))) | (change <= noise)).all())
                return job.finished(means, error, "clenshaw-curtis", nodes), enough
        before = means
    raise AssertionError("nested rules end above")


def settling(job: Job, tolerance: Tolerance) -> Attribution | None:
    """Clenshaw-Curtis sums of a model of which nothing is known, where they settle as those of smooth models do: every
    doubling changes them by an eighth or less of what the one before did. The estimate is that eighth. None elsewhere."""
    known: list[Tensors] = []
    changes: list[Tensor] = []
    for nodes, inner in sums.nested(job.inner.segments, job.budget, FEW_NODES):
        known.append(job.inner.back(inner))
        if len(known) > 1:
            changes.append(torch.maximum(job.change(known[-1], known[-2]), job.missing(known[-1])))
        if len(changes) > 2:
            floor = job.floor(known[-1])
            shrinks = all(
                bool(((b <= a / 8) | (b <= floor)).all()) for a, b in zip(changes[-3:-1], changes[-2:], strict=True)
            )
            error, enough = _settled(job, known[-1], torch.maximum(changes[-1], changes[-2] / 8), tolerance)
            if shrinks and enough:
                return job.finished(known[-1], error, "clenshaw-curtis", nodes)
    return None


def sampled(job: Job, tolerance: Tolerance) -> Attribution:
    """Midpoints, as many as the estimate asks for.

    In a cell of width h the gradient jumps by some J where a kink lies, which misses the integral by at most h J / 2, evenly
    spread over that range; so that the sum of all is beyond 3/2 h (Σ J²)^½ never for up to nine kinks, and for more as
    seldom as a normal variable is beyond five deviations. A smooth gradient is off by less.
    """
    n, device, before = 16, job.segments.ends[0].device, None
    while True:
        nodes = (torch.arange(n, dtype=torch.float64, device=device) + 0.5) / n
        weights = torch.full((1, n), 1.0 / n, dtype=torch.float64, device=device)
        (means,), squares = sums.rule_sums(job.segments, nodes, weights, job.budget, 2.0)
        spread = JUMPS / n * job.weighed(tuple(s.sqrt() for s in squares))
        change = spread if before is None else torch.maximum(spread, job.change(means, before))
        error, enough = _settled(job, means, change, tolerance)
        if (before is not None and enough) or n >= MOST_CELLS:
            return job.finished(means, error, "midpoint", n)
        lacking = min(_lacking(job, error, means, tolerance), float(MOST_CELLS))
        n, before = min(MOST_CELLS, n * min(16, max(2, math.ceil(lacking ** (1 / SECANT_ORDER))))), means


def to_tolerance(job: Job, rtol: float | None, atol: float | None) -> Attribution:
    """The cheapest kind of sum for what the model is, refined until its estimate is small enough; a warning says where
    that was not reached."""
    tolerance = asked(rtol, atol)
    found = _refined(job, tolerance, rtol, atol)
    parts = found.values if isinstance(found.values, tuple) else (found.values,)
    size = largest(parts)
    lacking = ~((found.error - tolerance(size)).clamp(min=0) <= OPERATIONS * job.eps * size)
    if not found.exact and bool(lacking.any()):
        worst = float((found.error / size).max())
        share = f", {worst:.2g} of a sample's largest attribution" if math.isfinite(worst) else ""
        warnings.warn(
            f"the error that was asked for is not reached: {found.rule} with n_steps {found.n_steps} leaves an estimated "
            f"error of {float(found.error.max()):.2g}{share}",
            stacklevel=5,
        )
    return found


def _refined(job: Job, tolerance: Tolerance, rtol: float | None, atol: float | None) -> Attribution:
    structure = job.structure
    if structure.family is Family.AFFINE:
        return exact(job)
    if structure.family is Family.PIECEWISE and job.bends_are_found:
        return piecewise(job, tolerance, rtol or (RTOL if atol is None else 1e-4))
    if structure.family is Family.SMOOTH:
        found, enough = smooth(job, tolerance)
        if enough:
            return found
        other = sampled(job, tolerance)
        return found if float(found.error.max()) <= float(other.error.max()) else other
    if structure.piecewise_first and job.bends_are_found and KINKS_PER_UNIT * job.units <= MOST_PIECES:
        try:
            return bent(job, tolerance)
        except TooManyPieces:
            pass
    if has_secant(structure):
        return secant(job, tolerance)[0]
    return settling(job, tolerance) or sampled(job, tolerance)


def has_secant(structure: Structure) -> bool:
    """Whether the model has kinks, for which the secant rule is, and a secant form of every nonlinear node."""
    return structure.family in (Family.PIECEWISE, Family.MIXED) and SecantModel(structure).complete
