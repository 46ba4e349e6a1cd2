"""What does a layer integral give along a path that somebody else chose, point by point?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ig_props.integration.arguments import Segments, Tensors, segments
from ig_props.integration.attribution import Attribution
from ig_props.integration.sums import Budget
from ig_props.integration.sweep import Sweep
from ig_props.methods.scores import Score, chosen

ROWS = 64
"""Points that go through the model at a time unless told otherwise."""


@dataclass(frozen=True, eq=False)
class Polygon(Segments):
    """Segments whose points are the corners [P, …] of one path instead of those of a straight line."""

    corners: Tensor

    def points(self, t: Tensor) -> Tensors:
        """Corners at the parameters k / (P - 1)."""
        return (self.corners[(t * (len(self.corners) - 1)).round().long()],)


def path_integrals(
    model: nn.Module,
    layers: Sequence[nn.Module],
    path: Tensor,
    target: int | Tensor | None = None,
    *,
    internal_batch_size: int | None = None,
    score: Score = chosen,
    rectified: bool = False,
) -> list[Attribution]:
    """Σ ½(g_l + g_{l+1})(h_{l+1} - h_l) at each layer over the points of one path (2205.10900, `RSI.completeness`).

    path: the points as a batch of inputs [P, …] with P of at least 2, baseline first and input last, such as the decoded
    points of a latent path; between two points the layer is sampled at both ends alone, and only the points count, so
    that they should lie close. Values are [1, …] of each layer's output. ValueError and TypeError in one sentence.
    """
    if not isinstance(path, Tensor) or path.dim() < 2 or len(path) < 2:
        given = list(path.shape) if isinstance(path, Tensor) else type(path).__name__
        raise ValueError(f"path must be a batch of at least two inputs [P, …], given {given}")
    corners = path.detach()
    straight = segments(model, corners[-1:], corners[:1], target, score)
    if not bool(torch.isfinite(corners).all()):
        raise ValueError("path must be finite; there is a NaN or an infinity in it")
    job = Polygon(straight.forward, straight.starts, straight.ends, straight.target, score, corners)
    budget = Budget(internal_batch_size or ROWS)
    values = Sweep(job, layers, budget, rectified).trapezoid(len(corners) - 1)
    with torch.no_grad():
        ends = job.scores((corners[[-1, 0]],), 2).double()
    gain = ends[:1] - ends[1:]
    unknown = torch.full_like(gain, math.nan)
    return [
        Attribution(
            v.to(corners.dtype), unknown, (v.flatten(1).sum(1) - gain).abs(), budget.evaluations,
            "trapezoid along a given path", len(corners) - 1, False, "not looked at",
            str(corners.dtype).removeprefix("torch."), str(corners.device),
        )
        for v in values
    ]  # fmt: skip
