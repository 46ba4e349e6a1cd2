"""Which wrong calls get an answer where an error belongs?"""

from __future__ import annotations

from functools import partial

from torch import Tensor, nn

from property_tests.mutants._base import Target, average, checked, gradient, ig, midpoint, mutant

ERRORS = ("CODE.errors",)


@mutant(refuted_by=ERRORS, defect="A target beyond the last class means the last class.")
def large_target_clamped(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    def score(scores: Tensor, classes: Tensor) -> Tensor:
        return scores.gather(1, classes.clamp(max=scores.shape[1] - 1)[:, None]).squeeze(1)

    return ig(model, inputs, baselines, target, n_steps, grad=partial(gradient, score=score))


@mutant(
    refuted_by=ERRORS, defect="A single baseline row for a batch, or a baseline of another shape, is stretched to fit."
)
def baseline_stretched_to_fit(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    x, b, classes = checked(inputs, baselines.flatten()[0].expand_as(inputs), target, n_steps)
    b = baselines.detach() if baselines.shape == inputs.shape else b
    return (x - b) * average(model, x, b, classes, midpoint(n_steps))


@mutant(
    refuted_by=ERRORS,
    defect="Points of the path have the dtype of the baselines: whole numbers where these are integers.",
)
def path_in_the_dtype_of_the_baselines(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    x, b, classes = checked(inputs, baselines.to(inputs.dtype), target, n_steps)

    def grad(model: nn.Module, points: Tensor, classes: Tensor) -> Tensor:
        return gradient(model, points.to(baselines.dtype).to(x.dtype), classes)

    return ig(model, x, b, classes, n_steps, grad=grad)
