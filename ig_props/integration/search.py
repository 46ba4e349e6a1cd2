"""Which sum is close enough? Rules are refined until their error estimate meets what was asked for."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ig_props.integration import sums
from ig_props.integration.arguments import Tensors
from ig_props.integration.attribution import Attribution
from ig_props.integration.breakpoints import Pieces, TooManyPieces, pieces
from ig_props.integration.job import Job
from ig_props.integration.secant import SecantModel
from ig_props.integration.structure import Family, Structure
from ig_props.quadrature import gauss_legendre

RTOL = 1e-3
"""The relative error that is aimed at where nothing is asked for."""
KINKS_PER_UNIT = 0.55
"""A generic segment crosses about half the kinks there are."""
MOST_CELLS = 2**13
MOST_NODES = 256
MOST_PIECES = 50_000
"""Pieces of one sample beyond which they are not looked for."""
SECANT_ORDER = 1.5
GAUSS_PER_PIECE = (1, 2, 4, 8)


Tolerance = Callable[[Tensor], Tensor]
"""The error that is allowed for samples whose largest attributions are given [N]."""


def asked(rtol: float | None, atol: float | None) -> Tolerance:
    relative = RTOL if rtol is None and atol is None else rtol or 0.0
    return lambda size: size * relative + (atol or 0.0)


def _settled(job: Job, means: Tensors, change: Tensor, tolerance: Tolerance) -> tuple[Tensor, bool]:
    """The estimate for a sum that changed so much, and whether it is small enough or rounding all that is left."""
    floor = job.floor(means)
    error = change + floor
    return error, bool(((error <= tolerance(job.weighed(means))) | (change <= floor)).all())


def secant(job: Job, tolerance: Tolerance, start: int = 16, most: int = MOST_CELLS) -> tuple[Attribution, bool]:
    """Secant sums on 2, 4, 8, … times `start` cells, closer where kinks are, and whether the last one is close enough.

    The estimate is the last change, or what its predecessor leaves to expect.
    """
    edges = sums.uniform(job.segments, start)
    before, kinks = job.secant(edges)
    cells, earlier = start, None
    while True:
        cells *= 2
        edges = sums.refined(edges, kinks, cells)
        means, kinks = job.secant(edges)
        change = job.change(means, before)
        expected = change if earlier is None else torch.maximum(change, earlier / 2 ** (SECANT_ORDER + 1))
        error, enough = _settled(job, means, expected, tolerance)
        if enough or 2 * cells > most:
            return job.finished(means, error, "secant", cells), enough
        before, earlier = means, change


def piecewise(job: Job, tolerance: Tolerance, rtol: float) -> Attribution:
    """Cells while they are cheaper than all pieces, then the pieces; cells alone where there are too many."""
    expected = KINKS_PER_UNIT * job.units + 1
    needed = (0.5 / max(rtol, 1e-16)) ** (1 / SECANT_ORDER)
    affordable = expected <= MOST_PIECES
    if not affordable or 8.0 * needed < expected:
        most = MOST_CELLS if not affordable else int(min(MOST_CELLS, max(32, expected)))
        found, enough = secant(job, tolerance, most=most)
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


def exact(job: Job) -> Attribution:
    """Every piece of a piecewise-linear model, `EXACT.piecewise_linear`."""
    found, middle = _pieces(job), torch.tensor([0.5], dtype=torch.float64)
    means, sizes = sums.pieces_sum(job.inner.segments, found, job.budget, middle, 2 * middle)
    return job.finished(job.inner.back(means), job.rounding(sizes), "exact pieces", found.most, True)


def bent(job: Job, tolerance: Tolerance) -> Attribution:
    """Smooth nodes behind kinks: Gauss rules with 1, 2, 4, … nodes on every piece."""
    found, before = _pieces(job), None
    for n in GAUSS_PER_PIECE:
        rule = gauss_legendre(n)
        nodes, weights = (torch.tensor(v, dtype=torch.float64) for v in (rule.nodes, rule.weights))
        sum_, sizes = sums.pieces_sum(job.inner.segments, found, job.budget, nodes, weights)
        means = job.inner.back(sum_)
        if before is not None:
            error = job.change(means, before) + job.rounding(sizes)
            if n == GAUSS_PER_PIECE[-1] or bool((error <= tolerance(job.weighed(means))).all()):
                return job.finished(means, error, "gauss-legendre on pieces", found.most * n)
        before = means
    raise AssertionError("the last rule ends above")


def smooth(job: Job, tolerance: Tolerance) -> Attribution:
    """Nested Clenshaw-Curtis rules."""
    before: Tensors | None = None
    for nodes, inner in sums.nested(job.inner.segments, job.budget, MOST_NODES):
        means = job.inner.back(inner)
        if before is not None:
            error, enough = _settled(job, means, job.change(means, before), tolerance)
            if enough or 2 * nodes > MOST_NODES + 2:
                return job.finished(means, error, "clenshaw-curtis", nodes)
        before = means
    raise AssertionError("nested rules end above")


def sampled(job: Job, tolerance: Tolerance) -> Attribution:
    """Midpoints of 3, 9, 27, … times as many cells: nested, and right at first order where kinks are."""
    n, device = 9, job.segments.ends[0].device

    def middles(k: int) -> Tensor:
        return (torch.arange(k, dtype=torch.float64, device=device) + 0.5) / k

    def mean(nodes: Tensor, weight: float) -> Tensors:
        return job.by_rules(nodes, torch.full_like(nodes, weight)[None])[0]

    means = mean(middles(n), 1.0 / n)
    while True:
        n *= 3
        added = mean(middles(n)[torch.arange(n, device=device) % 3 != 1], 1.0 / n)
        before, means = means, tuple(m / 3 + a for m, a in zip(means, added, strict=True))
        error, enough = _settled(job, means, job.change(means, before), tolerance)
        if enough or 3 * n > MOST_CELLS:
            return job.finished(means, error, "midpoint", n)


def to_tolerance(job: Job, rtol: float | None, atol: float | None) -> Attribution:
    """The cheapest kind of sum for what the model is, refined until its estimate is small enough."""
    tolerance, structure = asked(rtol, atol), job.structure
    if structure.family is Family.AFFINE:
        return exact(job)
    if structure.family is Family.PIECEWISE:
        return piecewise(job, tolerance, rtol or (RTOL if atol is None else 1e-4))
    if structure.family is Family.SMOOTH:
        return smooth(job, tolerance)
    if structure.piecewise_first and KINKS_PER_UNIT * job.units <= MOST_PIECES:
        try:
            return bent(job, tolerance)
        except TooManyPieces:
            pass
    if has_secant(structure):
        return secant(job, tolerance)[0]
    return sampled(job, tolerance)


def has_secant(structure: Structure) -> bool:
    """Whether the model has kinks, for which the secant rule is, and a secant form of every nonlinear node."""
    return structure.family in (Family.PIECEWISE, Family.MIXED) and SecantModel(structure).complete
