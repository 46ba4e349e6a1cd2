"""Integrated Gradients of any model, as exactly as is asked for, by what the model is found to be."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ig_props.integration import sums
from ig_props.integration.arguments import Segments, Tensors, positive, segments, whole
from ig_props.integration.attribution import Attribution
from ig_props.integration.breakpoints import TooManyPieces, pieces
from ig_props.integration.secant import SecantModel
from ig_props.integration.structure import Family, Structure, structure_of
from ig_props.methods.scores import Score, chosen
from ig_props.quadrature import RULES

RTOL = 1e-3
"""The relative error that is aimed at where nothing is asked for."""
OWN_RULES = ("exact", "secant", "clenshaw-curtis")
KINKS_PER_UNIT = 0.55
"""A generic segment crosses about half the kinks there are."""
MOST_CELLS = 2**13
MOST_NODES = 256
MOST_PIECES = 50_000
"""Pieces of one sample beyond which they are not looked for."""
SECANT_ORDER = 1.5
ELEMENTS = 2**21
"""Numbers that one chunk of points may make in the model, so that they stay in a processor's cache."""


@dataclass(eq=False)
class _Job:
    """One request on its way: the segments, what the model is, and F at both ends."""

    segments: Segments
    structure: Structure
    units: int
    budget: sums.Budget
    gain: Tensor

    def finished(
        self, means: Tensors, error: Tensor, rule: str, n_steps: int, exact: bool = False, many: bool = False
    ) -> Attribution:
        values = tuple((d * m).to(d.dtype) for d, m in zip(self.segments.differences, means, strict=True))
        for n, sample in enumerate(largest(means).tolist()):
            if not math.isfinite(sample):
                raise ValueError(f"the score's gradient is not finite {self._where(n)}")
        residual = (sum(v.double().flatten(1).sum(1) for v in values) - self.gain).abs()
        x = self.segments.ends[0]
        return Attribution(
            values if many else values[0], error.expand(self.segments.count), residual, self.budget.evaluations, rule,
            n_steps, exact, f"{self.structure.family}: {self.structure.reason}", str(x.dtype).removeprefix("torch."),
            str(x.device),
        )  # fmt: skip

    def _where(self, sample: int) -> str:
        t = torch.linspace(0.0, 1.0, 65, dtype=torch.float64, device=self.segments.ends[0].device)
        index = torch.full((1,), sample, device=t.device)
        for point in t:
            found = sums.gradients(self.segments, self.segments.at(index, point[None]), index)
            if not all(bool(torch.isfinite(g).all()) for g in found):
                return f"on the path of sample {sample}, at t = {float(point):g}"
        return f"somewhere on the path of sample {sample}"

    def error(self, means: Tensors, before: Tensors) -> Tensor:
        """Largest difference of two sums, times the displacement, sample by sample [N]."""
        pairs = zip(self.segments.differences, means, before, strict=True)
        return largest(tuple(d.double() * (a - b) for d, a, b in pairs))

    def size(self, means: Tensors) -> Tensor:
        return largest(tuple(d.double() * m for d, m in zip(self.segments.differences, means, strict=True)))


def largest(parts: Tensors) -> Tensor:
    """max |v| of every sample over all inputs."""
    found = torch.stack([p.flatten(1).abs().amax(1) if p[0].numel() else p.new_zeros(len(p)) for p in parts])
    return found.double().amax(0)


def measured(model: nn.Module, job: Segments) -> tuple[Structure, int, Tensor]:
    """The model's structure, its kinks per sample, and F(x) - F(x'); a trace that answers otherwise is not followed."""
    structure = (
        structure_of(model) if job.score is chosen else Structure(Family.UNKNOWN, "a score of one's own is not traced")
    )
    with torch.no_grad():
        rows = tuple(torch.cat(pair) for pair in zip(job.ends, job.starts, strict=True))
        output = job.forward(*rows)
        scores = job.scored(output, 2, 2 * job.count)
        gain = (scores[: job.count] - scores[job.count :]).double()
        units = 0
        if structure.graph is not None and structure.family is not Family.UNKNOWN:
            counter = _Counter(structure)
            try:
                traced = counter.run(*(r.clone() for r in rows))
            except Exception as error:
                return Structure(Family.UNKNOWN, f"its trace does not run ({type(error).__name__})"), 0, gain
            close = 64 * torch.finfo(output.dtype).eps * float(output.abs().max())
            if (
                not isinstance(traced, Tensor)
                or traced.shape != output.shape
                or float((traced - output).abs().max()) > close
            ):
                return Structure(Family.UNKNOWN, "its trace gives another output"), 0, gain
            units = counter.units // (2 * job.count)
    return structure, units, gain


def budget_of(job: Segments, units: int, internal_batch_size: int | None) -> sums.Budget:
    """As many rows at a time as were asked for, or as fit a processor's cache."""
    elements = max(1, units, *(4 * x[0].numel() for x in job.ends))
    return sums.Budget(internal_batch_size or max(8, ELEMENTS // elements))


class _Counter(SecantModel):
    """Runs a trace out of place and counts the units with kinks."""

    def __init__(self, structure: Structure) -> None:
        super().__init__(structure)
        self.units = 0

    def run(self, *rows: Tensor) -> object:
        runner = self.runner(1)
        nodes = {node.name: node for node in self.graph.graph.nodes}
        seen: list[int] = []
        plain = runner.run_node

        def counted(n: torch.fx.Node) -> object:
            value = plain(n)
            if n.name in self.kinks and isinstance(value, Tensor):
                source = runner.env[nodes[n.name].all_input_nodes[0]]
                seen.append(source.numel())
            return value

        runner.run_node = counted  # type: ignore[method-assign]
        result = runner.run(*rows)
        self.units = sum(seen)
        return result


def _asked(rtol: float | None, atol: float | None) -> Callable[[Tensor], Tensor]:
    relative = RTOL if rtol is None and atol is None else rtol or 0.0
    return lambda size: size * relative + (atol or 0.0)


def _secant(
    job: _Job, tolerance: Callable[[Tensor], Tensor], start: int, most: int
) -> tuple[Tensors, Tensor, int, bool]:
    """Secant sums on 2, 4, 8, … times `start` cells; the estimate is the last change, or its predecessor's halved."""
    model = SecantModel(job.structure)
    before = sums.secant_sum(job.segments, model, start, job.budget)
    cells, earlier = start, None
    while True:
        cells *= 2
        means = sums.secant_sum(job.segments, model, cells, job.budget)
        change = job.error(means, before)
        error = change if earlier is None else torch.maximum(change, earlier / 2**SECANT_ORDER / 2)
        if bool((error <= tolerance(job.size(means))).all()):
            return means, error, cells, True
        if 2 * cells > most:
            return means, error, cells, False
        before, earlier = means, change


def _piecewise(job: _Job, tolerance: Callable[[Tensor], Tensor], rtol: float, many: bool) -> Attribution:
    expected = KINKS_PER_UNIT * job.units + 1
    needed = (0.5 / max(rtol, 1e-16)) ** (1 / SECANT_ORDER)
    affordable = expected <= MOST_PIECES
    if not affordable or 8.0 * needed < expected:
        most = MOST_CELLS if not affordable else int(min(MOST_CELLS, max(32, expected)))
        means, error, cells, reached = _secant(job, tolerance, 16, most)
        if reached or not affordable:
            return job.finished(means, error, "secant", cells, many=many)
    try:
        return _exact(job, many)
    except TooManyPieces:
        means, error, cells, _ = _secant(job, tolerance, 16, MOST_CELLS)
        return job.finished(means, error, "secant", cells, many=many)


def _exact(job: _Job, many: bool) -> Attribution:
    found = pieces(job.structure, job.segments.starts, job.segments.ends, 2 * MOST_PIECES * job.segments.count)
    means = sums.pieces_sum(job.segments, found, job.budget)
    roundings = math.sqrt(found.most) + 64
    error = roundings * torch.finfo(job.segments.ends[0].dtype).eps * job.size(means)
    return job.finished(means, error, "exact pieces", found.most, True, many)


def _smooth(job: _Job, tolerance: Callable[[Tensor], Tensor], many: bool) -> Attribution:
    before: Tensors | None = None
    for nodes, means in sums.nested(job.segments, job.budget, MOST_NODES):
        if before is not None:
            error = job.error(means, before)
            if bool((error <= tolerance(job.size(means))).all()) or 2 * nodes > MOST_NODES + 2:
                return job.finished(means, error, "clenshaw-curtis", nodes, many=many)
        before = means
    raise AssertionError("nested rules end above")


def _sampled(job: _Job, tolerance: Callable[[Tensor], Tensor], many: bool) -> Attribution:
    """Midpoints of 3, 9, 27, … times as many cells: nested, and right at first order where kinks are."""
    n, device = 9, job.segments.ends[0].device

    def middles(k: int) -> Tensor:
        return (torch.arange(k, dtype=torch.float64, device=device) + 0.5) / k

    means = sums.rule_sum(
        job.segments, middles(n), torch.full((n,), 1.0 / n, dtype=torch.float64, device=device), job.budget
    )
    while True:
        n *= 3
        new = middles(n)[torch.arange(n, device=device) % 3 != 1]
        weights = torch.full((len(new),), 1.0 / n, dtype=torch.float64, device=device)
        added = sums.rule_sum(job.segments, new, weights, job.budget)
        before, means = means, tuple(m / 3 + a for m, a in zip(means, added, strict=True))
        error = job.error(means, before)
        if bool((error <= tolerance(job.size(means))).all()) or 3 * n > MOST_CELLS:
            return job.finished(means, error, "midpoint", n, many=many)


def _by_name(job: _Job, method: str, n_steps: int, many: bool) -> Attribution:
    unknown = torch.full((), math.nan, dtype=torch.float64)
    device = job.segments.ends[0].device
    if method == "exact":
        if job.structure.family not in (Family.AFFINE, Family.PIECEWISE):
            raise ValueError(
                f"method 'exact' needs a piecewise-linear model; this one is {job.structure.family}: {job.structure.reason}"
            )
        return _exact(job, many)
    if method == "secant":
        if job.structure.graph is None or not SecantModel(job.structure).complete:
            why = job.structure.reason
            raise ValueError(
                f"method 'secant' needs a model of affine maps and scalar activations that can be traced; {why}"
            )
        return job.finished(
            sums.secant_sum(job.segments, SecantModel(job.structure), n_steps, job.budget),
            unknown,
            method,
            n_steps,
            many=many,
        )
    if method == "clenshaw-curtis":
        if n_steps < 3 or n_steps % 2 == 0:
            raise ValueError(f"n_steps must be odd and at least 3 for clenshaw-curtis, given {n_steps}")
        nodes, weights = (v.to(device) for v in sums.clenshaw_curtis(n_steps - 1))
    else:
        try:
            rule = RULES[method](n_steps)
        except ValueError as error:
            raise ValueError(f"n_steps does not fit the rule: {error}") from None
        nodes, weights = (torch.tensor(v, dtype=torch.float64, device=device) for v in (rule.nodes, rule.weights))
    return job.finished(sums.rule_sum(job.segments, nodes, weights, job.budget), unknown, method, n_steps, many=many)


def _has_secant(structure: Structure) -> bool:
    """Whether the model has kinks, for which the secant rule is, and a secant form of every nonlinear node."""
    return structure.family in (Family.PIECEWISE, Family.MIXED) and SecantModel(structure).complete


def integrated_gradients(
    model: nn.Module,
    inputs: Tensor | Sequence[Tensor],
    baselines: Tensor | Sequence[Tensor] | float | None = None,
    target: int | Tensor | None = None,
    *,
    rtol: float | None = None,
    atol: float | None = None,
    n_steps: int | None = None,
    method: str | None = None,
    internal_batch_size: int | None = None,
    score: Score = chosen,
) -> Attribution:
    """IG (1703.01365 equation 1) with an estimate of its error.

    model maps [N, *shape], or several inputs as a tuple, to [N, classes]; baselines: zeros if None, a number, the inputs'
    shapes or one row of them; target: an int, a long tensor [N], or None for a model with one score; score: how a number
    per sample is read from the output. rtol, atol ask for an error (relative to a sample's largest attribution, and
    absolute; 1e-3 and 0 unless told otherwise), n_steps and method for a rule: one of left, right, midpoint, trapezoid,
    simpson, gauss-legendre, clenshaw-curtis, secant or exact. internal_batch_size: how many points go through the model
    at a time. Nothing is left changed. TypeError and ValueError say in one sentence what does not fit
    (`EXACT.piecewise_linear`, `SECANT.completeness`).
    """
    for value, name in ((rtol, "rtol"), (atol, "atol")):
        positive(value, name)
    whole(n_steps, "n_steps")
    whole(internal_batch_size, "internal_batch_size")
    known = (*RULES, *OWN_RULES)
    if method is not None and method not in known:
        raise ValueError(f"method must be one of {', '.join(known)}, given {method!r}")
    if (rtol or atol) and (n_steps or method):
        raise ValueError("rtol and atol ask for an error, n_steps and method for a rule; give one or the other")
    job_segments = segments(model, inputs, baselines, target, score)
    many = not isinstance(inputs, Tensor)
    structure, units, gain = measured(model, job_segments)
    job = _Job(job_segments, structure, units, budget_of(job_segments, units, internal_batch_size), gain)
    if method is not None or n_steps is not None:
        return _by_name(job, method or ("secant" if _has_secant(structure) else "gauss-legendre"), n_steps or 50, many)
    tolerance = _asked(rtol, atol)
    if structure.family is Family.AFFINE:
        return _exact(job, many)
    if structure.family is Family.PIECEWISE:
        return _piecewise(job, tolerance, rtol or (RTOL if atol is None else 1e-4), many)
    if structure.family is Family.SMOOTH:
        return _smooth(job, tolerance, many)
    if _has_secant(structure):
        means, error, cells, _ = _secant(job, tolerance, 16, MOST_CELLS)
        return job.finished(means, error, "secant", cells, many=many)
    return _sampled(job, tolerance, many)
