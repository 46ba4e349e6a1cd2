"""One request on its way: its segments, what the model is found to be, and what sums over the path give."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from ig_props.integration import sums
from ig_props.integration.arguments import Segments, Tensors
from ig_props.integration.attribution import Attribution
from ig_props.integration.traced.prefix import CLOSE, Pulled, pulled
from ig_props.integration.traced.secant import SecantModel
from ig_props.integration.traced.structure import Family, Structure, rectifier, structure_of
from ig_props.methods.scores import Score, chosen, every_log_odds, log_odds, log_probability, probability
from ig_props.quadrature import RULES

ELEMENTS, ROWS = 2**21, 2048
"""Numbers that one chunk of points may make in the model, and its most points: more no longer pays, less is slower."""


OPERATIONS = 64.0
"""Roundings that one gradient is taken to suffer, one after the other."""


COARSE = 2.0**-12
"""Where numbers are rounded more coarsely than this, kinks cannot be found by their signs."""


def precision(model: nn.Module, x: Tensor) -> float:
    """The unit in the last place of 1 in the coarsest arithmetic that a model is run in: its inputs', its own or autocast's."""
    kinds = [x.dtype, *(v.dtype for v in (*model.parameters(), *model.buffers()) if v.is_floating_point())]
    if torch.is_autocast_enabled(x.device.type):
        kinds.append(torch.get_autocast_dtype(x.device.type))
    return max(torch.finfo(kind).eps for kind in kinds)


def largest(parts: Tensors) -> Tensor:
    """max |v| of every sample over all inputs."""
    found = torch.stack([p.flatten(1).abs().amax(1) if p[0].numel() else p.new_zeros(len(p)) for p in parts])
    return found.double().amax(0)


LASTS: dict[Score, Callable[[Tensor, int], Tensor]] = {
    probability: torch.softmax,
    log_probability: F.log_softmax,
    log_odds: every_log_odds,
}


def _traced(model: nn.Module, asked: Segments) -> tuple[Structure, Segments]:
    """What the model is, its score included, and the same segments in those terms."""
    if asked.score is chosen:
        return structure_of(model, inputs=len(asked.ends)), asked
    if asked.score not in LASTS:
        return Structure(Family.UNKNOWN, "a score of one's own is not traced"), asked
    structure = structure_of(model, last=LASTS[asked.score], inputs=len(asked.ends))
    if structure.graph is None or structure.family is Family.UNKNOWN:
        return structure, asked
    graph = structure.graph
    return structure, replace(asked, forward=lambda *rows: graph(*(r.clone() for r in rows)), score=chosen)


PLAIN = (*RULES, "gauss-kronrod")
"""Rules that are the same for every model."""


def job_of(
    model: nn.Module,
    asked: Segments,
    internal_batch_size: int | None = None,
    many: bool = False,
    method: str | None = None,
) -> Job:
    """A request with what the model is found to be, unless the method does not need it; a trace that answers otherwise
    than the model is not followed."""
    eps = precision(model, asked.ends[0])
    try:
        gain, size, coarse = _gain(asked, internal_batch_size)
    except RuntimeError as error:
        points, own = ({v.dtype for v in vs if v.is_floating_point()} for vs in (asked.ends, model.parameters()))
        if own and not own & points:
            names = [", ".join(sorted(map(str, kinds))) for kinds in (points, own)]
            raise TypeError(
                f"the points are {names[0]} and the model's parameters {names[1]}; convert one of them"
            ) from error
        raise
    eps = max(eps, coarse)
    noise = OPERATIONS * eps * size
    if method in PLAIN:
        structure = Structure(Family.UNKNOWN, f"not traced, for {method} needs no trace")
        return Job(asked, structure, 0, gain, noise, eps, _budget(model, asked, 0, internal_batch_size), many)
    with torch.no_grad():
        structure, inner = _traced(model, asked)
        few = slice(0, 2)
        units, wrong = _run(
            structure, inner, tuple(torch.cat([b[few], a[few]]) for a, b in zip(asked.starts, asked.ends, strict=True))
        )
    wrong = wrong or _differs(structure, asked, inner)
    if wrong:
        structure, inner = Structure(Family.UNKNOWN, wrong), asked
    budget = _budget(model, asked, units, internal_batch_size)
    return Job(inner, structure, units, gain, noise, eps, budget, many, LASTS.get(asked.score))


def _gain(asked: Segments, internal_batch_size: int | None) -> tuple[Tensor, Tensor, float]:
    """F(x) - F(x') of every sample, the larger one's size, and the rounding of the scores' dtype; ValueError for a score that
    is not finite.

    Gradients are on, for models that take some themselves.
    """
    gain = torch.zeros(asked.count, dtype=torch.float64, device=asked.ends[0].device)
    size = torch.zeros_like(gain)
    kinds: set[torch.dtype] = set()

    def at(points: Tensors, start: int, stop: int, where: str) -> Tensor:
        with torch.enable_grad():
            rows = tuple(p[start:stop].detach().requires_grad_(True) for p in points)
            found = asked.scores(rows, torch.arange(start, stop, device=gain.device)).detach()
        if not bool(torch.isfinite(found).all()):
            k = int((~torch.isfinite(found)).nonzero()[0])
            raise ValueError(f"the score is {float(found[k])} at {where} of sample {start + k}; no integral exists")
        kinds.add(found.dtype)
        return found.double()

    def step(start: int, stop: int) -> None:
        ends, starts = at(asked.ends, start, stop, "the input"), at(asked.starts, start, stop, "the baseline")
        gain[start:stop] = ends - starts
        size[start:stop] = torch.maximum(ends.abs(), starts.abs())

    sums.Budget(internal_batch_size or asked.count).spread(asked.count, step)
    return gain, size, max((torch.finfo(kind).eps for kind in kinds if kind.is_floating_point), default=0.0)


PLACES = (0.38, 0.81)
"""Where on two samples' paths a trace's gradient must be the model's own; any place off the ends does."""


def _differs(structure: Structure, asked: Segments, inner: Segments) -> str:
    """What is wrong with the gradients of a trace: nothing detaches in it."""
    graph = structure.graph
    if graph is None or structure.family is Family.UNKNOWN:
        return ""
    samples = torch.arange(asked.count, device=asked.ends[0].device)[:2].repeat(len(PLACES))
    t = torch.tensor(PLACES, dtype=torch.float64, device=samples.device).repeat_interleave(len(samples) // len(PLACES))
    rows = asked.at(samples, t)
    own = sums.gradients(asked, rows, samples)
    followed = sums.gradients(replace(inner, forward=lambda *rows: graph(*(r.clone() for r in rows))), rows, samples)
    for g, h in zip(own, followed, strict=True):
        close = CLOSE * torch.finfo(g.dtype).eps * g.abs().amax().double() if g.numel() else 0.0
        if not bool(((g - h).abs() <= close).all() | ~torch.isfinite(g).all()):
            return "its trace gives another gradient: something in the model is detached"
    return ""


def _run(structure: Structure, inner: Segments, rows: Tensors) -> tuple[int, str]:
    """The units with kinks of one sample, and what is wrong with the trace."""
    if structure.graph is None or structure.family is Family.UNKNOWN:
        return 0, ""
    counter = _Counter(structure)
    run = counter.run if structure.kinks else structure.graph
    try:
        traced = run(*(r.clone() for r in rows))
    except Exception as error:
        return 0, f"its trace does not run ({type(error).__name__})"
    known = inner.forward(*rows)
    close = OPERATIONS * torch.finfo(known.dtype).eps * float(known.abs().max())
    same = isinstance(traced, Tensor) and traced.shape == known.shape
    if not same or not float((traced - known).abs().max()) <= close:
        return 0, "its trace gives another output"
    if counter.kinks and any(_target(n) in MOVES for n in structure.graph.graph.nodes):
        # another number of rows, so that no other dimension is as long by chance
        counter.run(*(r[1:].clone() for r in rows))
    if counter.mixed:
        return 0, "samples do not come first where it bends"
    return counter.units // rows[0].shape[0], ""


def _target(node: fx.Node) -> str:
    return node.target if isinstance(node.target, str) else getattr(node.target, "__name__", "")


def _budget(model: nn.Module, asked: Segments, units: int, internal_batch_size: int | None) -> sums.Budget:
    """As many rows at a time as were asked for, or as keep the numbers that are made at a time below ELEMENTS."""
    if internal_batch_size:
        return sums.Budget(internal_batch_size)
    elements = max(1, units or _kept(model, asked), *(4 * x[0].numel() for x in asked.ends))
    return sums.Budget(max(8, min(ROWS, ELEMENTS // elements)))


def _kept(model: nn.Module, asked: Segments) -> int:
    """How many numbers the model keeps of a sample for its backward pass, half of which are taken to be those of units."""
    own = {p.data_ptr() for p in (*model.parameters(), *model.buffers())}
    sizes: dict[int, int] = {}

    def keep(kept: Tensor) -> Tensor:
        if kept.data_ptr() not in own:
            sizes[kept.data_ptr()] = kept.numel()
        return kept

    rows = tuple(x[:2].clone().requires_grad_(True) for x in asked.ends)
    count = rows[0].shape[0]
    with torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(keep, lambda kept: kept):
        asked.scores(rows, torch.arange(count, device=rows[0].device))
    return sum(sizes.values()) // (2 * count)


MOVES = {
    "permute", "transpose", "t", "T", "movedim", "moveaxis", "swapaxes", "swapdims", "reshape", "view", "flatten",
    "unflatten", "squeeze", "unsqueeze",
}  # fmt: skip
"""Functions and methods that may leave the samples elsewhere than in the first dimension."""


class _Counter(SecantModel):
    """Runs a trace out of place, counts the units with kinks, and looks whether samples come first there."""

    def __init__(self, structure: Structure) -> None:
        super().__init__(structure)
        self.units, self.mixed = 0, False

    def run(self, *rows: Tensor) -> Tensor:
        runner = self.runner(1)
        nodes = {node.name: node for node in self.graph.graph.nodes}
        seen: list[int] = []
        plain = runner.run_node

        def counted(n: fx.Node) -> object:
            value = plain(n)
            if n.name in self.kinks and isinstance(value, Tensor):
                source = runner.env[nodes[n.name].all_input_nodes[0]]
                seen.append(source.numel())
                least = 4 if value.dim() > 2 and rectifier(n, self.graph) is None else 2
                self.mixed |= source.dim() < least or source.shape[0] != rows[0].shape[0]
            return value

        runner.run_node = counted  # type: ignore[method-assign]
        result: Tensor = runner.run(*rows)
        self.units = self.units or sum(seen)
        return result


@dataclass(eq=False)
class Job:
    """gain: F(x) - F(x') of every sample [N]; noise: what rounding may make of that; eps: the rounding of the coarsest
    arithmetic; units: the model's units with kinks; many: whether inputs is a tuple; last: what a score does to the output,
    class by class, before the target's is taken."""

    segments: Segments
    structure: Structure
    units: int
    gain: Tensor
    noise: Tensor
    eps: float
    budget: sums.Budget
    many: bool
    last: Callable[[Tensor, int], Tensor] | None = None

    @cached_property
    def inner(self) -> Pulled:
        """What is integrated, the model's affine beginning taken off."""
        return pulled(self.structure, self.segments)

    @property
    def bends_are_found(self) -> bool:
        """Whether all pieces of a piecewise-linear model can be looked for."""
        return self.structure.family is Family.AFFINE or self.eps <= COARSE

    @cached_property
    def finer(self) -> Job:
        """The same in double precision, where the model is traced and runs in it, so that no piece is lost to rounding."""
        x, graph = self.segments.ends[0], self.structure.graph
        if x.dtype != torch.float32 or graph is None or x.device.type == "mps":
            return self
        try:
            fine = copy.deepcopy(graph).double()
        except Exception:
            return self  # some modules cannot be copied
        ends, starts = (tuple(p.double() for p in parts) for parts in (self.segments.ends, self.segments.starts))
        job = replace(
            self, structure=replace(self.structure, graph=fine), eps=torch.finfo(torch.float64).eps,
            segments=replace(self.segments, ends=ends, starts=starts, forward=lambda *rows: fine(*(r.clone() for r in rows))),
        )  # fmt: skip
        try:
            with torch.no_grad():
                found, known = (s.forward(*(r[:2] for r in s.ends)) for s in (job.segments, self.segments))
        except RuntimeError:
            return self
        close = CLOSE * self.eps * known.abs().max()
        return job if found.dtype == torch.float64 and bool(((found - known).abs() <= close).all()) else self

    def secant(self, edges: Tensor, signs: Tensor | None = None) -> tuple[Tensors, list[Tensors], Tensor]:
        """The secant sum over cells with edges [K + 1, N], sums in which the cells have signs [S, K, N], and the kinks in
        each cell [K, N]."""
        inner = self.inner
        means, others, kinks = sums.secant_sum(inner.segments, inner.structure, edges, self.budget, signs)
        return inner.back(means), others, kinks

    def by_rules(self, nodes: Tensor, weights: Tensor) -> list[Tensors]:
        """Σ_l w_l ∇F for weights [R, K] of several rules."""
        found, _ = sums.rule_sums(self.inner.segments, nodes, weights, self.budget)
        return [self.inner.back(means) for means in found]

    def weighed(self, parts: Tensors) -> Tensor:
        """max_i |d_i p_i| of every sample [N]: an attribution's size from a mean gradient's."""
        return largest(tuple(d.double() * p for d, p in zip(self.segments.differences, parts, strict=True)))

    def change(self, means: Tensors, before: Tensors) -> Tensor:
        """How far two sums lie apart in any attribution, sample by sample [N]."""
        return self.weighed(tuple(a - b for a, b in zip(means, before, strict=True)))

    def floor(self, means: Tensors) -> Tensor:
        """An error that rounding may make in any case [N]."""
        return OPERATIONS * self.eps * self.weighed(means)

    def missing(self, means: Tensors) -> Tensor:
        """What the attributions lack of the difference of scores, beyond rounding [N]: some of them are wrong by a share of
        it, whatever else is known."""
        parts = [(d.double() * m).flatten(1) for d, m in zip(self.segments.differences, means, strict=True)]
        total, sizes = sum(p.sum(1) for p in parts), sum(p.abs().sum(1) for p in parts)
        return ((total - self.gain).abs() - self.noise - OPERATIONS / 8 * self.eps * sizes).clamp(min=0.0)

    def rounding(self, sizes: Tensors) -> Tensor:
        """What rounding makes of sums whose terms' absolute values add up to `sizes`, before the affine part [N]."""
        source = torch.Generator().manual_seed(0)
        # rounding of either sign and any size, as a sample of which the affine part's largest answer is taken
        drawn = [tuple(s * torch.randn(s.shape, generator=source).to(s) for s in sizes) for _ in range(2)]
        found = torch.stack([self.weighed(self.inner.back(parts)) for parts in drawn])
        return OPERATIONS * self.eps * found.amax(0)

    def rounded(self, values: Tensor) -> Tensor:
        """What rounding may make of sums of one sign [N]."""
        return OPERATIONS * self.eps * largest((values,))

    def finished(self, means: Tensors, error: Tensor, rule: str, n_steps: int, exact: bool = False) -> Attribution:
        """The result; ValueError names a point of the path where the gradient is not finite."""
        self._look_for_gradients(means)
        error = torch.maximum(error, self.missing(means))
        values = tuple((d * m).to(d.dtype) for d, m in zip(self.segments.differences, means, strict=True))
        for n, sample in enumerate(largest(means).tolist()):
            if not math.isfinite(sample):
                raise ValueError(f"the score's gradient is not finite {self._where(n)}")
        residual = (sum(v.double().flatten(1).sum(1) for v in values) - self.gain).abs()
        return self.attribution(values if self.many else values[0], error, residual, rule, n_steps, exact)

    def attribution(
        self, values: Tensor | Tensors, error: Tensor, residual: Tensor, rule: str, n_steps: int, exact: bool = False
    ) -> Attribution:
        """Values with what is known of them and of the model."""
        x = self.segments.ends[0]
        return Attribution(
            values, error, residual, self.budget.evaluations, rule, n_steps, exact,
            f"{self.structure.family}: {self.structure.reason}", str(x.dtype).removeprefix("torch."), str(x.device),
        )  # fmt: skip

    def _look_for_gradients(self, means: Tensors) -> None:
        """ValueError where a score that changes has no gradient at all."""
        if bool((largest(means) > 0).any()) or not bool((self.gain.abs() > self.noise).any()):
            return
        with torch.enable_grad():
            rows = tuple(x[:1].detach().clone().requires_grad_(True) for x in self.segments.ends)
            score = self.segments.scores(rows, torch.zeros(1, dtype=torch.long, device=self.gain.device))
        if not score.requires_grad:
            raise ValueError(
                "the score changes from baselines to inputs, but has no gradient: something between is detached or is "
                "not computed by torch"
            )

    def _where(self, sample: int) -> str:
        t = torch.linspace(0.0, 1.0, 65, dtype=torch.float64, device=self.segments.ends[0].device)
        index = torch.full((1,), sample, device=t.device)
        for point in t:
            found = sums.gradients(self.segments, self.segments.at(index, point[None]), index)
            if not all(bool(torch.isfinite(g).all()) for g in found):
                return f"on the path of sample {sample}, at t = {float(point):g}"
        return f"somewhere on the path of sample {sample}"
