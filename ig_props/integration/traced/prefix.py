"""Which part of a model is affine in its inputs? It is pulled out of the integral: once through it, not once per point.

With u the values that leave the affine part, F(g(t)) = R(u(t)) and u walks a segment too, so that the mean gradient of F
is the transposed affine part applied to the mean gradient of R.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor, fx

from ig_props.integration.arguments import Segments, Tensors
from ig_props.integration.traced.structure import Family, Structure

CLOSE = 1024.0
"""Roundings of the largest value by which two ways to compute the same may differ in an entry: terms that cancel make many."""


@dataclass(frozen=True, eq=False)
class Pulled:
    """The remainder of a model on the segments of its inputs' affine images.

    back: from mean gradients with respect to those images to mean gradients with respect to the inputs.
    """

    structure: Structure
    segments: Segments
    back: Callable[[Tensors], Tensors]


def unpulled(structure: Structure, segments: Segments) -> Pulled:
    """The whole model on its own inputs."""
    return Pulled(structure, segments, lambda means: means)


def _affine(structure: Structure) -> list[fx.Node]:
    """The nodes of the affine part, in order."""
    assert structure.graph is not None
    nonlinear = {*structure.kinks, *structure.curves}
    found: dict[fx.Node, None] = {}
    for node in structure.graph.graph.nodes:
        varying = [a for a in node.all_input_nodes if a.meta.get("varies", False)]
        if node.op == "placeholder" or (
            varying and node.op != "output" and node.name not in nonlinear and all(a in found for a in varying)
        ):
            found[node] = None
    return list(found)


def _graphs(structure: Structure, affine: list[fx.Node], border: list[fx.Node]) -> tuple[fx.Graph, fx.Graph]:
    """The affine part up to its border, and what lies behind."""
    assert structure.graph is not None
    inside, first, second = set(affine), fx.Graph(), fx.Graph()
    mine: dict[fx.Node, fx.Node] = {}
    others: dict[fx.Node, fx.Node] = {}
    for node in border:
        others[node] = second.placeholder(node.name)
        others[node].meta["varies"] = True
    for node in structure.graph.graph.nodes:
        if node in inside or not node.meta.get("varies", False):
            mine[node] = first.node_copy(node, mine.__getitem__)
        if node not in inside:
            others[node] = second.node_copy(node, others.__getitem__)
    first.output(tuple(mine[node] for node in border))
    return first, second


def _halfway(start: Tensor, end: Tensor, middle: Tensor) -> bool:
    """Whether an affine map's value in the middle of a segment is the mean of those at its ends, up to rounding."""
    if not start.numel():
        return True
    size = torch.maximum(start.abs().max(), end.abs().max())
    return bool(((start + end) / 2 - middle).abs().max() <= CLOSE * torch.finfo(start.dtype).eps * size)


def pulled(structure: Structure, segments: Segments) -> Pulled:
    """The affine part of a traced model taken off; the model as it is where there is none, or none that can be."""
    if structure.graph is None or structure.family in (Family.UNKNOWN, Family.AFFINE):
        return unpulled(structure, segments)
    affine = _affine(structure)
    inside = set(affine)
    border = [node for node in affine if any(user not in inside for user in node.users)]
    if all(node.op == "placeholder" for node in border):
        return unpulled(structure, segments)
    first, second = (fx.GraphModule(structure.graph, g) for g in _graphs(structure, affine, border))
    count = segments.count
    with torch.no_grad():
        middles = tuple((a + b) / 2 for a, b in zip(segments.starts, segments.ends, strict=True))
        # another number of rows, so that no other dimension is as long by chance
        more = tuple(torch.cat([m, m[:1]]) for m in middles)
        *ends, middle = (first(*(r.clone() for r in rows)) for rows in (segments.starts, segments.ends, more))
    counts = zip((*ends, middle), (count, count, count + 1), strict=True)
    if not all(
        isinstance(u, Tensor) and u.shape[:1] == (rows,) and u.is_floating_point()
        for found, rows in counts
        for u in found
    ):
        return unpulled(structure, segments)
    if not all(_halfway(a, b, m[:count]) for a, b, m in zip(*ends, middle, strict=True)):
        return unpulled(structure, segments)
    names = {node.name for node in second.graph.nodes}
    if not {*structure.kinks, *structure.curves} <= names:
        return unpulled(structure, segments)

    def back(means: Tensors) -> Tensors:
        with torch.enable_grad():
            leaves = tuple(x.detach().clone().requires_grad_(True) for x in segments.ends)
            values = first(*(leaf.clone() for leaf in leaves))
            pairs = [(u, m.to(u.dtype)) for u, m in zip(values, means, strict=True) if u.requires_grad]
            return torch.autograd.grad(
                [u for u, _ in pairs], leaves, [m for _, m in pairs], allow_unused=True, materialize_grads=True
            )

    inner = replace(
        segments, forward=lambda *rows: second(*(r.clone() for r in rows)), starts=tuple(ends[0]), ends=tuple(ends[1])
    )
    return Pulled(replace(structure, graph=second), inner, back)
