"""What are the heat maps of the Grad-CAM family, by their published formulas, stage by stage?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ig_props.integration.layers import layer_integrals
from ig_props.methods.scores import Score, chosen, score_of
from ig_props.methods.user_path import path_integrals


@dataclass(frozen=True, eq=False)
class HeatMap:
    """The stages of a map: weights [N, C], combined Σ_k w_k A^k [N, H, W] and what follows from it."""

    weights: Tensor
    combined: Tensor

    @property
    def rectified(self) -> Tensor:
        """relu(Σ_k w_k A^k), the raw map [N, H, W] in the unit of the score."""
        return self.combined.relu()

    @property
    def normalized(self) -> Tensor:
        """The raw map divided by its maximum, sample by sample; a map that is zero stays zero."""
        top = self.rectified.amax(dim=(1, 2), keepdim=True)
        return self.rectified / torch.where(top > 0, top, torch.ones_like(top))

    def resized(self, height: int, width: int) -> Tensor:
        """The normalised map, bilinearly at another size [N, height, width]."""
        size = (height, width)
        return nn.functional.interpolate(self.normalized[:, None], size, mode="bilinear", align_corners=False)[:, 0]


@torch.inference_mode(False)
def layer_and_gradient(
    model: nn.Module, layer: nn.Module, inputs: Tensor, target: int | Tensor | None, score: Score = chosen
) -> tuple[Tensor, Tensor]:
    """The layer's output A [N, C, H, W] and the score's gradient by it; nothing is left changed, whatever happens.

    Raises ValueError when the layer is not called exactly once or its output is no such tensor.
    """
    score = score_of(score)
    seen: list[Tensor] = []

    def cut(module: nn.Module, args: tuple[Any, ...], output: Any) -> Tensor:
        if not isinstance(output, Tensor) or output.dim() != 4:
            raise ValueError("layer must return one tensor [N, C, H, W]")
        seen.append(output.detach().clone().requires_grad_(True))
        # a copy goes on, so that an in-place layer behind does not overwrite what is kept
        return seen[-1].clone()

    handle = layer.register_forward_hook(cut)
    try:
        with torch.enable_grad():
            total = score(model(inputs.detach().clone()), target).sum()
    finally:
        handle.remove()
    if len(seen) != 1:
        raise ValueError(f"layer was called {len(seen)} times in one forward pass; exactly one call is needed")
    (gradient,) = torch.autograd.grad(total, seen[0], materialize_grads=True)
    return seen[0].detach(), gradient


def layer_output(model: nn.Module, layer: nn.Module, inputs: Tensor) -> Tensor:
    """What a layer puts out at inputs, [N, …]; ValueError when it is not called exactly once or returns no tensor."""
    seen: list[Tensor] = []

    def keep(module: nn.Module, args: tuple[Any, ...], output: Any) -> None:
        if not isinstance(output, Tensor):
            raise ValueError(f"layer must return one tensor, given {type(output).__name__}")
        seen.append(output.detach().clone())

    handle = layer.register_forward_hook(keep)
    try:
        with torch.no_grad():
            model(inputs.clone())
    finally:
        handle.remove()
    if len(seen) != 1:
        raise ValueError(f"layer was called {len(seen)} times in one forward pass; exactly one call is needed")
    return seen[0]


def combined(weights: Tensor, values: Tensor) -> HeatMap:
    """The map of weights [N, C] on a layer's values [N, C, H, W]."""
    return HeatMap(weights, torch.einsum("nk,nkij->nij", weights, values))


def grad_cam(
    model: nn.Module, layer: nn.Module, inputs: Tensor, target: int | Tensor | None = None, score: Score = chosen
) -> HeatMap:
    """w_k = mean_ij ∂S/∂A^k_ij (1610.02391 equation 1)."""
    values, gradient = layer_and_gradient(model, layer, inputs, target, score)
    return combined(gradient.mean(dim=(2, 3)), values)


def grad_cam_positive(
    model: nn.Module, layer: nn.Module, inputs: Tensor, target: int | Tensor | None = None, score: Score = chosen
) -> HeatMap:
    """w_k = mean_ij relu(∂S/∂A^k_ij) (2205.10838)."""
    values, gradient = layer_and_gradient(model, layer, inputs, target, score)
    return combined(gradient.relu().mean(dim=(2, 3)), values)


def grad_cam_plus_plus(
    model: nn.Module, layer: nn.Module, inputs: Tensor, target: int | Tensor | None = None, score: Score = chosen
) -> HeatMap:
    """w_k = Σ_ij α relu(g) with α = 1/(2 + g ΣA^k) where g ≠ 0 (1710.11063 equation 19, `CAM.plus_plus_alpha`)."""
    values, gradient = layer_and_gradient(model, layer, inputs, target, score)
    alpha = 1.0 / (2.0 + gradient * values.sum(dim=(2, 3), keepdim=True))
    positive = torch.where(gradient > 0, alpha * gradient, torch.zeros_like(gradient))
    return combined(positive.sum(dim=(2, 3)), values)


@dataclass(frozen=True, eq=False)
class PlusPlus:
    """How far Grad-CAM++ is from Grad-CAM with positive gradients at one layer, sample by sample [N].

    epsilon: max |g ΣA|. bound: 2ε/(2 - ε), which the normalised maps cannot differ by more than where A ≥ 0 and ε < 2,
    infinite elsewhere. observed: the largest difference of the normalised maps. nonnegative: whether A ≥ 0.
    """

    epsilon: Tensor
    bound: Tensor
    observed: Tensor
    nonnegative: Tensor


def plus_plus_report(
    model: nn.Module, layer: nn.Module, inputs: Tensor, target: int | Tensor | None = None, score: Score = chosen
) -> PlusPlus:
    """What "Grad-CAM++ is Grad-CAM with positive gradients" amounts to here (2205.10838, `CAM.plus_plus_bound`)."""
    values, gradient = layer_and_gradient(model, layer, inputs, target, score)
    epsilon = (gradient * values.sum(dim=(2, 3), keepdim=True)).abs().amax(dim=(1, 2, 3))
    nonnegative = values.amin(dim=(1, 2, 3)) >= 0
    proved = nonnegative & (epsilon < 2)
    bound = torch.where(proved, 2 * epsilon / (2 - epsilon), torch.full_like(epsilon, torch.inf))
    maps = [f(model, layer, inputs, target, score).normalized for f in (grad_cam_positive, grad_cam_plus_plus)]
    return PlusPlus(epsilon, bound, (maps[0] - maps[1]).abs().amax(dim=(1, 2)), nonnegative)


@dataclass(frozen=True, eq=False)
class PathMap(HeatMap):
    """A map whose weights are means of layer integrals [N, C, H, W], the raw stage, before anything is pooled.

    residual: |Σ integrals - (S(x) - S(x'))| [N], which vanishes with the number of steps for signed maps at a cut, and is
    what a bypass carries, or what rectifying adds, elsewhere (`RSI.skip_deficit`, `RSI.relu_breaks_completeness`).
    """

    integrals: Tensor
    residual: Tensor


VARIANTS = ("rectified", "signed", "masked")
"""Gradients rectified before integrating (the published PyTorch notebooks), left as they are, which is the one with
completeness, or the integrals rectified afterwards (the Keras notebook)."""


@torch.inference_mode(False)
def rsi_grad_cams(
    model: nn.Module,
    layers: Sequence[nn.Module],
    inputs: Tensor,
    baselines: Tensor | float | None = None,
    target: int | Tensor | None = None,
    n_steps: int = 50,
    *,
    variant: str = "rectified",
    path: Tensor | None = None,
    internal_batch_size: int | None = None,
    score: Score = chosen,
) -> list[PathMap]:
    """RSI-Grad-CAM at several layers in one sweep along the path; arguments as for `rsi_grad_cam`."""
    if not isinstance(inputs, Tensor):
        raise TypeError(f"inputs must be one tensor, given {type(inputs).__name__}")
    if path is not None and not isinstance(path, Tensor):
        raise TypeError(f"path must be a tensor of inputs [P, …], given {type(path).__name__}")
    if variant not in VARIANTS:
        raise ValueError(f"variant is one of {', '.join(VARIANTS)}, given {variant!r}")
    rectified = variant == "rectified"
    if path is None:
        found = layer_integrals(
            model, layers, inputs, baselines, target, n_steps=n_steps, method="trapezoid", score=score,
            rectified=rectified, internal_batch_size=internal_batch_size,
        )  # fmt: skip
    else:
        if baselines is not None or len(inputs) != 1 or not torch.equal(path[-1:], inputs):
            raise ValueError("path must end in the one input [1, …] that is explained, and begins in its own baseline")
        found = path_integrals(
            model, layers, path, target, score=score, rectified=rectified, internal_batch_size=internal_batch_size
        )
    drawn = []
    for layer, one in zip(layers, found, strict=True):
        values, integrals = layer_output(model, layer, inputs), one.values
        assert isinstance(integrals, Tensor)
        if values.dim() != 4:
            raise ValueError(f"layer must return one tensor [N, C, H, W], given {list(values.shape)}")
        weights = (integrals.relu() if variant == "masked" else integrals).mean(dim=(2, 3))
        whole = combined(weights, values)
        drawn.append(PathMap(weights, whole.combined, integrals, one.residual))
    return drawn


def rsi_grad_cam(
    model: nn.Module,
    layer: nn.Module,
    inputs: Tensor,
    baselines: Tensor | float | None = None,
    target: int | Tensor | None = None,
    n_steps: int = 50,
    *,
    variant: str = "rectified",
    path: Tensor | None = None,
    internal_batch_size: int | None = None,
    score: Score = chosen,
) -> PathMap:
    """w_k = mean_ij ∫ relu(∂S/∂A^k_ij) dA^k_ij by the trapezoidal sum over n_steps + 1 points (2205.10900).

    variant: "rectified", the paper's; "signed", which leaves the gradients as they are and is complete at a cut; "masked",
    which rectifies the integrals instead (`RSI.grad_cam_definition`). The path is the straight line from the baselines
    (zeros if None, a number, one row or the inputs' shape), or `path`, a batch of inputs [P, …] that ends in the one
    input and is not subdivided. Raises ValueError for n_steps below 1 and whatever else does not fit, in one sentence.
    """
    (drawn,) = rsi_grad_cams(
        model, [layer], inputs, baselines, target, n_steps, variant=variant, path=path,
        internal_batch_size=internal_batch_size, score=score,
    )  # fmt: skip
    return drawn
