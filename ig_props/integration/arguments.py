"""What was asked for? Inputs, baselines and targets in one form, or one clear sentence."""

from __future__ import annotations

import math
import operator
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import SupportsFloat

import torch
from torch import Tensor, nn

from ig_props.methods.scores import Score, chosen, score_of

Tensors = tuple[Tensor, ...]
BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
DROPOUTS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout, nn.FeatureAlphaDropout)


@dataclass(frozen=True, eq=False)
class Segments:
    """Segments from starts to ends, [N, *shape] each, and the scores whose gradient is integrated.

    forward takes rows of points and gives the model's output; targets are repeated for every point of a sample.
    """

    forward: Callable[..., Tensor]
    starts: Tensors
    ends: Tensors
    target: int | Tensor | None
    score: Score

    @property
    def count(self) -> int:
        return self.ends[0].shape[0]

    @property
    def differences(self) -> Tensors:
        return tuple(b - a for a, b in zip(self.starts, self.ends, strict=True))

    def scores(self, rows: Tensors, samples: Tensor | int) -> Tensor:
        """Scores [R] of rows; samples: the sample of every row, or how many points of each sample there are."""
        return self.scored(self.forward(*rows), samples, rows[0].shape[0])

    def scored(self, output: Tensor, samples: Tensor | int, rows: int) -> Tensor:
        """Scores [R] of what the model answers to rows of points."""
        target = self.target
        if isinstance(target, Tensor):
            target = target.repeat(samples) if isinstance(samples, int) else target[samples]
        scores = self.score(output, target)
        if not isinstance(scores, Tensor):
            raise TypeError(f"score must give a tensor, one number per point, given {type(scores).__name__}")
        if scores.shape != (rows,):
            raise ValueError(f"score gives {list(scores.shape)} for {rows} points; one number per point is needed")
        return scores

    def points(self, t: Tensor) -> Tensors:
        """Points of all samples at parameters [K], as rows [K·N, …], all samples of the first parameter first."""
        found = []
        for a, b in zip(self.starts, self.ends, strict=True):
            share = t.to(a.dtype).view(-1, *[1] * a.dim())
            found.append(torch.lerp(a[None], b[None], share).flatten(0, 1))
        return tuple(found)

    def at(self, samples: Tensor, t: Tensor) -> Tensors:
        """One point [R] of each given sample."""
        found = []
        for a, b in zip(self.starts, self.ends, strict=True):
            share = t.to(a.dtype).view(-1, *[1] * (a.dim() - 1))
            found.append(torch.lerp(a[samples], b[samples], share))
        return tuple(found)


def as_tuple(value: Tensor | Sequence[Tensor], name: str) -> Tensors:
    parts = (value,) if isinstance(value, Tensor) else tuple(value) if isinstance(value, tuple | list) else None
    if not parts or not all(isinstance(p, Tensor) for p in parts):
        raise TypeError(f"{name} must be a tensor or a tuple of tensors, given {type(value).__name__}")
    return parts


def _starts(ends: Tensors, baselines: object) -> Tensors:
    if baselines is None:
        return tuple(torch.zeros_like(x) for x in ends)
    if isinstance(baselines, Real) and not isinstance(baselines, bool):
        return tuple(torch.full_like(x, float(baselines)) for x in ends)
    parts = as_tuple(baselines, "baselines")  # type: ignore[arg-type]
    if len(parts) != len(ends):
        raise ValueError(f"baselines has {len(parts)} tensors; as many as inputs, {len(ends)}, are needed")
    found = []
    for x, b in zip(ends, parts, strict=True):
        if b.shape != x.shape and b.shape != (1, *x.shape[1:]):
            raise ValueError(
                f"baselines has shape {list(b.shape)}; the inputs' {list(x.shape)} or one row of it is needed"
            )
        if b.device != x.device or b.dtype != x.dtype:
            raise ValueError(f"baselines is {b.dtype} on {b.device}; the inputs' {x.dtype} on {x.device} is needed")
        found.append(_usable(b.detach().contiguous()).expand_as(x))
    return tuple(found)


def _usable(x: Tensor) -> Tensor:
    """Tensors that were made in inference mode take part in no gradient."""
    return x.clone() if x.is_inference() else x


def segments(
    model: nn.Module,
    inputs: Tensor | Sequence[Tensor],
    baselines: object = None,
    target: int | Tensor | None = None,
    score: Score = chosen,
) -> Segments:
    """Checked arguments; TypeError or ValueError in one sentence that names what does not fit."""
    if not isinstance(model, nn.Module):
        kind = "a function; ig_props.integrate takes functions" if callable(model) else type(model).__name__
        raise TypeError(f"model must be a torch.nn.Module, given {kind}")
    score = score_of(score)
    for x in as_tuple(inputs, "inputs"):
        if x.layout is not torch.strided or x.is_nested or x.device.type == "meta":
            kind = "nested" if x.is_nested else "without numbers (meta)" if x.device.type == "meta" else str(x.layout)
            raise TypeError(f"inputs must be dense tensors, given one that is {kind}")
    # dense, since torch 2.13's batch norm on the CPU gets the gradient of one sample sliced from a channels-last batch wrong
    ends = tuple(_usable(x.detach().contiguous()) for x in as_tuple(inputs, "inputs"))
    for x in ends:
        if not x.is_floating_point():
            raise TypeError(f"inputs must be of a floating dtype, given {x.dtype}; convert them with .float()")
        if x.dim() == 0 or x.shape[0] != ends[0].shape[0] or x.shape[0] == 0:
            raise ValueError(f"inputs must be [N, …] with one N of at least 1, given {[list(p.shape) for p in ends]}")
        if x.dim() < 2:
            raise ValueError(
                f"inputs must be [N, …], given {list(x.shape)}; one sample is x[None], N numbers are x[:, None]"
            )
    starts = _starts(ends, baselines)
    for name, parts in (("inputs", ends), ("baselines", starts)):
        if not all(bool(torch.isfinite(p).all()) for p in parts):
            raise ValueError(f"{name} must be finite; there is a NaN or an infinity in it")
    if isinstance(target, Tensor):
        numbers = not (target.is_floating_point() or target.is_complex() or target.dtype == torch.bool)
        if not numbers or target.shape not in ((), (1,), (ends[0].shape[0],)):
            raise ValueError(
                f"target must be whole numbers [{ends[0].shape[0]}], given {target.dtype} of shape {list(target.shape)}"
            )
        target = target.detach().to(ends[0].device, torch.long).reshape(-1).expand(ends[0].shape[0])
    elif target is not None:
        if isinstance(target, bool) or not isinstance(target, Integral):
            raise TypeError(f"target must be an int, a tensor of whole numbers or None, given {type(target).__name__}")
        target = int(target)
    _warn_of_modes(model)
    # a copy, so that a model that begins in place does not overwrite the points
    return Segments(lambda *rows: model(*(r.clone() for r in rows)), starts, ends, target, score)


def _warn_of_modes(model: nn.Module) -> None:
    norms = [m for m in model.modules() if isinstance(m, BATCH_NORMS)]
    if any(m.training for m in norms):
        warnings.warn(
            "the model has batch norm in train mode: samples and points on their paths influence one another, and "
            "running statistics change; call model.eval() first",
            stacklevel=5,
        )
    elif any(m.running_mean is None for m in norms):
        warnings.warn(
            "the model has batch norm without running statistics: samples and points on their paths influence one another",
            stacklevel=5,
        )
    if any(isinstance(m, DROPOUTS) and m.training and m.p > 0 for m in model.modules()):
        warnings.warn(
            "the model has dropout in train mode: its gradients are random; call model.eval() first", stacklevel=5
        )


def positive(value: float | None, name: str) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, SupportsFloat):
        raise TypeError(f"{name} must be a number, given {value!r:.80}")
    if not 0 < float(value) < math.inf:
        raise ValueError(f"{name} must be positive and finite, given {value}")


def whole(value: int | None, name: str) -> None:
    if value is None:
        return
    try:
        number = 0 if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = 0
    if number < 1:
        raise ValueError(f"{name} must be a whole number of at least 1, given {value!r:.80}")
