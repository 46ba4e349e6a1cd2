"""Where on its segments does a piecewise-linear model bend? All breakpoints, node by node through its traced graph.

Between two breakpoints every value computed so far is affine in t, so that the next node's kinks are found by linear
interpolation (`EXACT.piecewise_linear`; 1908.06214).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from ig_props.integration.traced.structure import Structure, rectifier, thresholds

Env = dict[fx.Node, Any]
NOISE = 64.0
"""Values below so many roundings of the largest one of their sample are taken for zero: a unit so near its kink is as good
as tied."""


class TooManyPieces(Exception):
    """The segments have more pieces than were allowed."""


@dataclass(eq=False)
class _Task:
    """Rows [M] of points, ordered along their segments, with every value that is still needed, before a node."""

    node: fx.Node
    sample: Tensor
    t: Tensor
    env: Env


@dataclass(frozen=True, eq=False)
class Pieces:
    """Pieces of all segments: the sample of each, and where it begins and ends, [K]."""

    sample: Tensor
    start: Tensor
    end: Tensor

    @property
    def most(self) -> int:
        """The largest number of pieces of a sample."""
        return int(torch.bincount(self.sample).max())


def _last_uses(graph: fx.Graph) -> dict[fx.Node, int]:
    """The place of the last node that needs each value; what a size was read from is kept as long as the size."""
    place = {node: k for k, node in enumerate(graph.nodes)}
    last = dict(place)
    for node in graph.nodes:
        for used in node.all_input_nodes:
            last[used] = max(last[used], place[node])
    for node in reversed(list(graph.nodes)):
        if _may_be_size(node):
            for used in node.all_input_nodes:
                last[used] = max(last[used], last[node])
    return last


def _may_be_size(node: fx.Node) -> bool:
    return (node.op == "call_method" and node.target in ("size", "dim")) or (
        node.op == "call_function"
        and (node.target in (getattr,) or getattr(node.target, "__module__", "") == "_operator")
    )


class _Walk:
    def __init__(self, structure: Structure, limit: int, elements: int) -> None:
        assert structure.graph is not None
        self.module, self.kinks = structure.graph, set(structure.kinks)
        self.nodes: list[fx.Node] = list(self.module.graph.nodes)
        self.place = {node: k for k, node in enumerate(self.nodes)}
        self.last = _last_uses(self.module.graph)
        self.end = max((self.place[node] for node in self.nodes if node.name in self.kinks), default=-1)
        self.limit, self.elements = limit, elements
        self.interpreter = fx.Interpreter(self.module)

    def run(self, starts: tuple[Tensor, ...], ends: tuple[Tensor, ...]) -> Pieces:
        count = starts[0].shape[0]
        sample = torch.arange(count, device=starts[0].device).repeat_interleave(2)
        t = torch.tensor([0.0, 1.0], dtype=torch.float64, device=sample.device).repeat(count)
        env: Env = {}
        holders = [node for node in self.nodes if node.op == "placeholder"]
        for node, a, b in zip(holders, starts, ends, strict=False):
            env[node] = torch.stack([a, b], dim=1).flatten(0, 1)
        for node in holders[len(starts) :]:
            env[node] = node.args[0] if node.args else None
        stack = [_Task(self.nodes[0], sample, t, env)]
        done: list[tuple[Tensor, Tensor, Tensor]] = []
        total = 0
        while stack:
            task = stack.pop()
            parts = self._advance(task, stack)
            if parts is not None:
                total += parts[0].numel()
                done.append(parts)
            if total + sum(s.t.numel() for s in stack) > self.limit + 2 * count:
                raise TooManyPieces(f"more than {self.limit} pieces")
        sample, start, end = (torch.cat(list(v)) for v in zip(*done, strict=True))
        return Pieces(sample, start, end)

    def _advance(self, task: _Task, stack: list[_Task]) -> tuple[Tensor, Tensor, Tensor] | None:
        for node in self.nodes[self.place[task.node] :]:
            if node.op == "placeholder":
                continue
            if self.place[node] > self.end:
                break
            if node.name in self.kinks and not self._split(task, node):
                stack += self._halved(task, node)
                return None
            task.env[node] = self._value(task, node)
            here = self.place[node]
            for known in [k for k in task.env if self.last[k] <= here]:
                del task.env[known]
        inside = (task.sample[1:] == task.sample[:-1]) & (task.t[1:] > task.t[:-1])
        return task.sample[:-1][inside], task.t[:-1][inside], task.t[1:][inside]

    def _split(self, task: _Task, node: fx.Node) -> bool:
        """Adds rows where a node bends; False when the rows are to be halved first."""
        levels = self._levels(node)
        while levels:
            found = self._bends(task, node, levels[0])
            rows, new = task.t.numel(), found[0].numel()
            full = self._width(task) * (rows + new) > self.elements
            if full and rows > 2:
                return False
            if full and new > 1:
                # one kink in the middle, so that the rows can be halved there
                found = (found[0][new // 2, None], found[1][new // 2, None])
            if new:
                self._insert(task, node, *found)
            if task.t.numel() > self.limit + 2:
                raise TooManyPieces(f"more than {self.limit} pieces")
            # a threshold is crossed once between two rows, while behind one winner of a pool another may be found
            if not new or (levels[0] is not None and not (full and new > 1)):
                levels = levels[1:]
        return True

    def _levels(self, node: fx.Node) -> tuple[float | None, ...]:
        """The thresholds of a rectifier; None stands for a pool's change of winners."""
        return (None,) if rectifier(node, self.module) is None else thresholds(node, self.module)

    def _width(self, task: _Task) -> int:
        """How many numbers are kept for a row."""
        return sum(v.numel() for v in task.env.values() if isinstance(v, Tensor)) // task.t.numel()

    def _halved(self, task: _Task, node: fx.Node) -> list[_Task]:
        """The rows in two halves with one row in common."""
        rows = task.t.numel()
        parts = []
        for part in (slice(rows // 2, None), slice(0, rows // 2 + 1)):
            env = {
                k: v[part].clone() if isinstance(v, Tensor) and v.dim() and v.shape[0] == rows else v
                for k, v in task.env.items()
            }
            half = _Task(node, task.sample[part], task.t[part], env)
            self._refresh(half, node)
            parts.append(half)
        return parts

    def _value(self, task: _Task, node: fx.Node) -> Any:
        if node.name in self.kinks:
            function = rectifier(node, self.module)
            if function is not None:
                return function(task.env[node.all_input_nodes[0]])
        args, kwargs = fx.node.map_arg((node.args, node.kwargs), lambda n: task.env[n])
        if node.op == "call_function" and getattr(node.target, "__name__", "") in ("iadd", "isub", "imul"):
            return getattr(torch, node.target.__name__[1:])(*args)  # type: ignore[union-attr]
        return getattr(self.interpreter, node.op)(node.target, args, kwargs)

    def _refresh(self, task: _Task, node: fx.Node) -> None:
        """Sizes depend on the number of rows."""
        for known in sorted(task.env, key=self.place.__getitem__):
            if known.op != "placeholder" and _may_be_size(known) and not isinstance(task.env[known], Tensor):
                task.env[known] = self._value(task, known)

    def _bends(self, task: _Task, node: fx.Node, level: float | None) -> tuple[Tensor, Tensor]:
        """Rows after which a kink lies, and at which fraction of the way to the next row."""
        values = task.env[node.all_input_nodes[0]]
        joined = task.sample[1:] == task.sample[:-1]
        noise = _noise(values, task.sample)
        if level is None:
            module = self.module.get_submodule(str(node.target))
            assert isinstance(module, nn.MaxPool2d)
            return _overtaking(values, module, joined, noise)
        flat = values.flatten(1)
        return _crossings(flat - level if level else flat, joined, noise)

    def _insert(self, task: _Task, node: fx.Node, rows: Tensor, share: Tensor) -> None:
        count = task.t.numel()
        before = torch.arange(count, device=task.t.device)
        place, part = torch.cat([before, rows]), torch.cat([torch.zeros_like(task.t), share.to(torch.float64)])
        order = torch.argsort(part, stable=True)
        order = order[torch.argsort(place[order], stable=True)]

        source, added = place[order], (order >= count).nonzero().flatten()
        new = order[added] - count

        def spread(v: Tensor) -> Tensor:
            weight = share[new].to(v.dtype).view(-1, *[1] * (v.dim() - 1))
            left = rows[new]
            between = torch.lerp(v.index_select(0, left), v.index_select(0, left + 1), weight)
            return v.index_select(0, source).index_copy_(0, added, between)

        for known, v in task.env.items():
            if known.meta.get("varies", False) and isinstance(v, Tensor) and v.dim() and v.shape[0] == count:
                task.env[known] = spread(v)
        task.t = spread(task.t)
        task.sample = task.sample[source]
        self._refresh(task, node)


def _noise(values: Tensor, sample: Tensor) -> Tensor:
    """What rounding may make of values [M, …] in every row, by its sample's largest one [M]."""
    if not values.numel():
        return torch.zeros(values.shape[0], dtype=values.dtype, device=values.device)
    rows = values.flatten(1)
    sizes = torch.maximum(rows.amax(1), -rows.amin(1))
    found = torch.zeros(int(sample.max()) + 1, dtype=values.dtype, device=values.device)
    found.scatter_reduce_(0, sample, sizes, "amax")
    return NOISE * torch.finfo(values.dtype).eps * found[sample]


def _crossings(values: Tensor, joined: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
    """Where values [M, U] change sign between two rows that are joined. Where rounding may have made a sign, as at points
    where a kink was found before, there is none."""
    rows, units = ((values[:-1].sign() * values[1:].sign() < 0) & joined[:, None]).nonzero(as_tuple=True)
    before, after = values[rows, units], values[rows + 1, units]
    real = torch.minimum(before.abs(), after.abs()) > noise[rows]
    return _fractions(rows[real], before[real], after[real])


def _fractions(rows: Tensor, before: Tensor, after: Tensor) -> tuple[Tensor, Tensor]:
    """Unique places of sign changes."""
    share = before.double() / (before.double() - after.double())
    inside = (share > 0.0) & (share < 1.0)
    rows, share = rows[inside].long(), share[inside]
    key = torch.argsort(share, stable=True)
    key = key[torch.argsort(rows[key], stable=True)]
    rows, share = rows[key], share[key]
    new = torch.ones_like(rows, dtype=torch.bool)
    new[1:] = (rows[1:] != rows[:-1]) | (share[1:] != share[:-1])
    return rows[new], share[new]


def _overtaking(values: Tensor, pool: nn.MaxPool2d, joined: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
    """Where the largest entry of a window changes between two rows: the next winner draws level with it there."""
    _, index = F.max_pool2d(values, pool.kernel_size, pool.stride, pool.padding, return_indices=True)
    flat, index = values.flatten(2), index.flatten(2)
    first, second = index[:-1], index[1:]
    lead = flat[:-1].gather(2, first) - flat[:-1].gather(2, second)
    lost = flat[1:].gather(2, first) - flat[1:].gather(2, second)
    far = torch.minimum(lead, -lost) > noise[:-1, None, None]
    changed = (first != second) & joined[:, None, None] & far
    rows, _, _ = changed.nonzero(as_tuple=True)
    return _fractions(rows, lead[changed], lost[changed])


def pieces(
    structure: Structure, starts: tuple[Tensor, ...], ends: tuple[Tensor, ...], limit: int, elements: int = 2**22
) -> Pieces:
    """All pieces of the segments from starts to ends, [N, …] each; TooManyPieces when there are more than `limit`.

    elements: how many numbers are kept at a time before the rows are split.
    """
    with torch.no_grad():
        return _Walk(structure, limit, elements).run(starts, ends)
