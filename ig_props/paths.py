"""Which way from a baseline to an input? Paths of N samples at once, of tensors [N, *shape]."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Polygon:
    """Straight legs through vertices [V, N, *shape], V at least 2."""

    vertices: Tensor

    def __post_init__(self) -> None:
        if not isinstance(self.vertices, Tensor):
            raise TypeError(f"vertices must be a tensor [V, N, …], given {type(self.vertices).__name__}")
        if self.vertices.dim() < 2 or self.vertices.shape[0] < 2:
            raise ValueError(f"vertices must be [V, N, …] with V at least 2, given {list(self.vertices.shape)}")

    @property
    def start(self) -> Tensor:
        return self.vertices[0]

    @property
    def end(self) -> Tensor:
        return self.vertices[-1]


@dataclass(frozen=True, eq=False)
class Curve:
    """function takes parameters [K] in [0, 1] and gives points [K, N, *shape]; it is continuous and of bounded variation."""

    function: Callable[[Tensor], Tensor]
    dtype: torch.dtype = torch.float64
    device: str | torch.device = "cpu"

    def __post_init__(self) -> None:
        if not callable(self.function):
            raise TypeError(f"function must take parameters [K] and give points, given {type(self.function).__name__}")

    def at(self, t: Tensor) -> Tensor:
        """Points [K, N, *shape] at parameters [K]; ValueError for a function that gives another form."""
        found = self.function(t)
        if not isinstance(found, Tensor) or found.dim() < 2 or found.shape[0] != len(t):
            given = list(found.shape) if isinstance(found, Tensor) else type(found).__name__
            raise ValueError(f"the path's function must give [{len(t)}, N, …] for {len(t)} parameters, given {given}")
        return found

    @property
    def start(self) -> Tensor:
        return self.at(torch.zeros(1, dtype=self.dtype, device=self.device))[0]

    @property
    def end(self) -> Tensor:
        return self.at(torch.ones(1, dtype=self.dtype, device=self.device))[0]


Path = Polygon | Curve


def _same(start: Tensor, end: Tensor) -> None:
    for name, value in (("start", start), ("end", end)):
        if not isinstance(value, Tensor) or value.dim() < 1:
            given = "a single number" if isinstance(value, Tensor) else type(value).__name__
            raise TypeError(f"{name} must be a tensor [N, …], given {given}")
    if start.shape != end.shape or start.dtype != end.dtype or start.device != end.device:
        raise ValueError(
            f"start is {start.dtype} {list(start.shape)} on {start.device}, end {end.dtype} {list(end.shape)} on "
            f"{end.device}; equal shapes, dtypes and devices are needed"
        )


def straight(start: Tensor, end: Tensor) -> Polygon:
    """The segment from start to end [N, *shape]: Integrated Gradients (1703.01365)."""
    _same(start, end)
    return Polygon(torch.stack([start, end]))


def polygon(vertices: Sequence[Tensor] | Tensor) -> Polygon:
    """Straight legs through vertices, a sequence of [N, *shape] or one tensor [V, N, *shape]."""
    if isinstance(vertices, Tensor):
        return Polygon(vertices)
    points = tuple(vertices)
    if not points or not all(isinstance(p, Tensor) and p.shape == points[0].shape for p in points):
        given = [list(p.shape) if isinstance(p, Tensor) else type(p).__name__ for p in points]
        raise ValueError(f"vertices must be tensors [N, …] of one shape, at least two, given {given}")
    return Polygon(torch.stack(points))


def coordinatewise(start: Tensor, end: Tensor, order: Sequence[int] | None = None) -> Polygon:
    """One coordinate after another, in an order of the flattened sample's coordinates, 0, 1, … unless told otherwise."""
    _same(start, end)
    size = start[0].numel()
    if order is not None and not isinstance(order, Iterable):
        raise TypeError(f"order must be a permutation of 0 to {size - 1}, given {order!r:.80}")
    steps = list(range(size) if order is None else order)
    if sorted(steps) != list(range(size)):
        raise ValueError(f"order must be a permutation of 0 to {size - 1}, given {steps}")
    now, goal = start.flatten(1).clone(), end.flatten(1)
    vertices = [now.clone()]
    for i in steps:
        now[:, i] = goal[:, i]
        vertices.append(now.clone())
    return Polygon(torch.stack(vertices).view(size + 1, *start.shape))


def polynomial(start: Tensor, end: Tensor, powers: Tensor) -> Curve:
    """x'_i + (x_i - x'_i) t^{p_i} with powers p [*shape], each at least 1: canonical and monotone; p = 1 is the segment."""
    _same(start, end)
    if not isinstance(powers, Tensor) or powers.shape != start.shape[1:]:
        given = list(powers.shape) if isinstance(powers, Tensor) else type(powers).__name__
        raise ValueError(f"powers must be a tensor {list(start.shape[1:])}, given {given}")
    if not bool((powers >= 1).all()):
        raise ValueError(f"powers must be at least 1, given {float(powers.min())}")
    exponent = powers.to(start.dtype)

    def points(t: Tensor) -> Tensor:
        share = t.to(start.dtype).view(-1, 1, *[1] * (start.dim() - 1)) ** exponent
        return start + (end - start) * share

    return Curve(points, start.dtype, start.device)
