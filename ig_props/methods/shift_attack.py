"""How is any explanation of the logits forged while every probability stays the same (2307.03305)?

Softmax does not see what is added to all logits at once (`SOFTMAX.shift`); gradients of a logit do (`SOFTMAX.attack`).
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from ig_props.methods.grad_cam import layer_output


class Ramp(nn.Module):
    """t(z) = Σ_i slope_i (z_i - origin_i) + offset of rows [N, …] -> [N]."""

    def __init__(self, slope: Tensor, origin: Tensor, offset: float = 0.0) -> None:
        super().__init__()
        self.register_buffer("slope", slope.detach().clone())
        self.register_buffer("origin", origin.detach().clone())
        self.slope: Tensor
        self.origin: Tensor
        self.offset = offset

    def forward(self, z: Tensor) -> Tensor:
        return ((z - self.origin) * self.slope).flatten(1).sum(1) + self.offset


class Corner(nn.Module):
    """t(A) = κ Σ_k A^k_00 of a layer's output [N, C, H, W] -> [N]: it adds κ/(HW) to every Grad-CAM weight."""

    def __init__(self, kappa: float) -> None:
        super().__init__()
        self.kappa = kappa

    def forward(self, values: Tensor) -> Tensor:
        if values.dim() != 4:
            raise ValueError(f"layer must return [N, C, H, W] for a shift at a corner, given {list(values.shape)}")
        return self.kappa * values[:, :, 0, 0].sum(1)


class Shifted(nn.Module):
    """A classifier [N, …] -> [N, C] with one number per sample added to all its logits.

    shift: of the input, or of the output of the layer with the given name. The probabilities are the model's, up to
    rounding of the larger logits (`rounding`). Shares the model's parameters; ValueError when the layer is not called
    exactly once or the model returns no logits [N, C].
    """

    def __init__(self, model: nn.Module, shift: nn.Module, layer: str | None = None) -> None:
        super().__init__()
        self.model, self.shift, self.layer = model, shift, layer
        self.train(model.training)

    def forward(self, *inputs: Tensor) -> Tensor:
        added: list[Tensor] = []

        def tap(module: nn.Module, args: tuple[Any, ...], output: Any) -> None:
            if not isinstance(output, Tensor):
                raise ValueError(f"layer {self.layer} must return one tensor, given {type(output).__name__}")
            added.append(self.shift(output))

        if self.layer is None:
            added.append(self.shift(inputs[0]))
            logits = self.model(*inputs)
        else:
            # hooks run in the order in which they come: this one sees what a method's own hook has put in place
            handle = self.model.get_submodule(self.layer).register_forward_hook(tap)
            try:
                logits = self.model(*inputs)
            finally:
                handle.remove()
        if len(added) != 1:
            raise ValueError(
                f"layer {self.layer} was called {len(added)} times in one forward pass; one call is needed"
            )
        if not isinstance(logits, Tensor) or logits.dim() != 2 or logits.shape[1] < 2:
            raise ValueError("an attack on the logits needs a model that returns [N, C] with at least two classes")
        shifted: Tensor = logits + added[0].to(logits.dtype)[:, None]
        return shifted


def rounding(logits: Tensor, shifts: Tensor) -> Tensor:
    """How far [N] rounding may move a probability of logits [N, C] to which shifts [N] are added in their dtype.

    z_j + t is off by half a unit of |z_j + t|, and |Δp| ≤ 2 max_j |Δz_j| p (1 - p) ≤ max |Δz_j| / 2; the two softmaxes
    themselves are off by C + 4 roundings each, and their exponents z_j - max z by half a unit.
    """
    eps = torch.finfo(logits.dtype).eps
    top = logits.abs().amax(1) + shifts.abs()
    return eps * (top + 2 * (logits.shape[1] + 4 + top))


def ramp_towards(change: Tensor, inputs: Tensor, baselines: Tensor, offset: float = 0.0) -> Ramp:
    """The shift that adds `change` [1, …] to the attributions of one segment of any path method.

    The slopes are change / (x - x'), so that ∫ slope dz = change on every path. ValueError names the first coordinate
    where something is wanted although nothing changes.
    """
    if inputs.shape != change.shape or baselines.shape != change.shape or len(change) != 1:
        raise ValueError(
            f"change, inputs and baselines are one sample [1, …] of one shape, given {list(change.shape)}, "
            f"{list(inputs.shape)} and {list(baselines.shape)}"
        )
    way = inputs - baselines
    stuck = ((way == 0) & (change != 0)).nonzero()
    if len(stuck):
        at = stuck[0, 1:].tolist()
        raise ValueError(f"nothing can be attributed to coordinate {at}, where input and baseline are equal")
    slope = torch.where(way == 0, torch.zeros_like(way), change / torch.where(way == 0, torch.ones_like(way), way))
    return Ramp(slope[0], baselines[0], offset)


def forge_attributions(
    model: nn.Module, inputs: Tensor, baselines: Tensor, now: Tensor, wanted: Tensor, layer: str | None = None
) -> Shifted:
    """A model with the same probabilities whose pre-softmax attributions on one segment are `wanted` instead of `now`.

    inputs, baselines: [1, …]. now, wanted: of their shape, or with `layer` of that layer's output, whose layer integral
    and layer IG are then forged. Exact for every class: IG, and every path method, is linear in the model.
    """
    if layer is None:
        return Shifted(model, ramp_towards(wanted - now, inputs, baselines))
    ends = [layer_output(model, model.get_submodule(layer), p) for p in (inputs, baselines)]
    return Shifted(model, ramp_towards(wanted - now, ends[0], ends[1]), layer)


def forge_map(model: nn.Module, layer: str, kappa: float) -> Shifted:
    """A model with the same probabilities whose Grad-CAM weights at a layer [N, C, H, W] are all larger by κ/(HW)."""
    if not math.isfinite(kappa):
        raise ValueError(f"kappa must be finite, given {kappa}")
    return Shifted(model, Corner(kappa), layer)
