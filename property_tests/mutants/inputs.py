"""Which mistakes show only for inputs of some shape?"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from property_tests.mutants._base import Target, gradient, ig, mutant

IMAGES = ("QUAD.weights_sum_one", "QUAD.variation_bound")


@mutant(refuted_by=IMAGES, defect="Averages the gradients of an image over its channels.")
def channels_averaged(model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50) -> Tensor:
    def grad(model: nn.Module, points: Tensor, classes: Tensor) -> Tensor:
        values = gradient(model, points, classes)
        return values.mean(1, keepdim=True).expand_as(values) if values.ndim == 4 else values

    return ig(model, inputs, baselines, target, n_steps, grad=grad)


@mutant(refuted_by=IMAGES, defect="Height and width of an image change places on the way back from the model.")
def height_and_width_swapped(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    result = ig(model, inputs, baselines, target, n_steps)
    return result.transpose(2, 3).reshape(result.shape) if result.ndim == 4 else result


@mutant(
    refuted_by=IMAGES, defect="Hands an image over in the order height, width, channels under the shape of the input."
)
def channels_last_order(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    result = ig(model, inputs, baselines, target, n_steps)
    return result.permute(0, 2, 3, 1).reshape(result.shape) if result.ndim == 4 else result


@mutant(refuted_by=IMAGES, defect="Images come back upside down, as some plotting functions want them.")
def image_upside_down(model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50) -> Tensor:
    result = ig(model, inputs, baselines, target, n_steps)
    return result.flip(2) if result.ndim == 4 else result


@mutant(
    refuted_by=IMAGES,
    defect="Images of one channel take the three-channel way and lose two thirds of their attribution.",
)
def grey_images_counted_as_colour(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    result = ig(model, inputs, baselines, target, n_steps)
    return result / 3 if result.ndim == 4 and result.shape[1] == 1 else result


@mutant(
    refuted_by=IMAGES,
    defect="Crops the attributions of an image to a square and pads the rest with zeros.",
)
def image_cropped_to_square(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    result = ig(model, inputs, baselines, target, n_steps)
    if result.ndim == 4:
        side = min(result.shape[2:])
        square = torch.zeros_like(result)
        square[..., :side, :side] = result[..., :side, :side]
        return square
    return result


@mutant(
    refuted_by=("CODE.shape", *IMAGES, "CODE.batch_independence"),
    defect="Returns images flattened to one row per sample.",
)
def images_come_back_flat(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    return ig(model, inputs, baselines, target, n_steps).flatten(1)


@mutant(
    refuted_by=("CODE.shape", *IMAGES, "CODE.batch_independence"),
    defect="A batch of one image comes back as the image without its batch dimension.",
)
def single_image_unbatched(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    result = ig(model, inputs, baselines, target, n_steps)
    return result[0] if result.ndim == 4 and len(result) == 1 else result


@mutant(
    refuted_by=("CODE.purity",),
    defect="Subtracts the baselines from the caller's inputs in place and adds them again, which rounding does not undo.",
)
def inputs_restored_by_arithmetic(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    result = ig(model, inputs, baselines, target, n_steps)
    caller = inputs.detach()
    caller -= baselines
    caller += baselines
    return result
