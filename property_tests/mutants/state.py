"""Which traces do attributions leave behind, and which state do they depend on?"""

from __future__ import annotations

import random
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from property_tests.mutants._base import Target, average, checked, gradient, ig, midpoint, mutant, scores_at, selected

PURE = ("CODE.purity",)


@mutant(refuted_by=PURE, defect="Calls backward() on the score: every parameter's .grad grows by every step.")
def parameter_gradients_grow(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    def grad(model: nn.Module, points: Tensor, classes: Tensor) -> Tensor:
        with torch.enable_grad():
            leaf = points.detach().requires_grad_()
            selected(model(leaf.clone()), classes).sum().backward()  # type: ignore[no-untyped-call]
        return torch.zeros_like(points) if leaf.grad is None else leaf.grad

    return ig(model, inputs, baselines, target, n_steps, grad=grad)


@mutant(refuted_by=PURE, defect="Calls zero_grad(): gradients that the caller had collected are gone.")
def callers_gradients_wiped(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    model.zero_grad()
    return ig(model, inputs, baselines, target, n_steps)


@mutant(refuted_by=PURE, defect="Freezes the parameters to save time and does not thaw them.")
def parameters_left_frozen(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    model.requires_grad_(False)
    return ig(model, inputs, baselines, target, n_steps)


@mutant(refuted_by=PURE, defect="Freezes the parameters and then thaws all of them, also those the caller had frozen.")
def frozen_parameters_thawed(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    model.requires_grad_(False)
    result = ig(model, inputs, baselines, target, n_steps)
    model.requires_grad_(True)
    return result


@mutant(
    refuted_by=("CODE.purity", "QUAD.weights_sum_one"),
    defect="A model without a trainable parameter has nothing to differentiate: zeros.",
)
def frozen_model_gets_zeros(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    result = ig(model, inputs, baselines, target, n_steps)
    frozen = [not p.requires_grad for p in model.parameters()]
    return torch.zeros_like(result) if frozen and all(frozen) else result


@mutant(refuted_by=PURE, defect="Switches to eval mode and leaves the model there.")
def left_in_eval_mode(model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50) -> Tensor:
    model.eval()
    return ig(model, inputs, baselines, target, n_steps)


@mutant(refuted_by=PURE, defect="Switches to eval mode and back to train mode, whatever the mode was.")
def left_in_train_mode(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    model.eval()
    result = ig(model, inputs, baselines, target, n_steps)
    model.train()
    return result


@mutant(
    refuted_by=("CODE.purity_after_failure",),
    defect="Restores the mode after success only: a call that raises leaves the model in eval mode.",
)
def mode_lost_on_failure(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    mode = model.training
    model.eval()
    result = ig(model, inputs, baselines, target, n_steps)
    model.train(mode)
    return result


@mutant(refuted_by=PURE, defect="Registers a forward hook on every layer and removes none.")
def hooks_left(model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50) -> Tensor:
    seen: list[Any] = []
    for layer in model.modules():
        layer.register_forward_hook(lambda module, args, output: seen.append(module))
    return ig(model, inputs, baselines, target, n_steps)


@mutant(
    refuted_by=("CODE.purity_after_failure",),
    defect="Removes its hook after success only: a call that raises leaves it on the model.",
)
def hook_left_on_failure(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    calls: list[nn.Module] = []
    handle = model.register_forward_pre_hook(lambda module, args: calls.append(module))
    result = ig(model, inputs, baselines, target, n_steps)
    handle.remove()
    return result


@mutant(refuted_by=PURE, defect="Seeds torch's generator for reproducible results, and everybody else's with it.")
def torch_reseeded(model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50) -> Tensor:
    torch.manual_seed(n_steps)
    return ig(model, inputs, baselines, target, n_steps)


@mutant(refuted_by=PURE, defect="Seeds NumPy's and Python's generators although it draws nothing from them.")
def numpy_reseeded(model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50) -> Tensor:
    np.random.seed(n_steps)
    random.seed(n_steps)
    return ig(model, inputs, baselines, target, n_steps)


@mutant(
    refuted_by=("CODE.purity", "CODE.determinism"),
    defect="Puts a random node into every cell and draws it from the caller's generator.",
)
def callers_generator_advanced(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    nodes = [(k + float(torch.rand(()))) / n_steps for k in range(n_steps)]
    return ig(model, inputs, baselines, target, n_steps, lambda n: (nodes, [1 / n] * n))


@mutant(refuted_by=PURE, defect="Makes the inputs' dtype the default dtype of the whole process.")
def default_dtype_changed(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    torch.set_default_dtype(inputs.dtype)
    return ig(model, inputs, baselines, target, n_steps)


@mutant(refuted_by=PURE, defect="Switches gradients on and leaves them on, also for a caller under no_grad.")
def grad_mode_left_on(model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50) -> Tensor:
    torch.set_grad_enabled(True)
    return ig(model, inputs, baselines, target, n_steps)


@mutant(refuted_by=PURE, defect="Switches gradients off after the work and leaves them off.")
def grad_mode_left_off(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    result = ig(model, inputs, baselines, target, n_steps)
    torch.set_grad_enabled(False)
    return result


@mutant(refuted_by=PURE, defect="Walks in place: the caller's baseline has become the last point of the path.")
def baseline_walked_away(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    x, b, classes = checked(inputs, baselines, target, n_steps)
    start, total = b.clone(), torch.zeros_like(x)
    for t in midpoint(n_steps)[0]:
        b.copy_(start + t * (x - start))
        total = total + gradient(model, b, classes)
    return (x - start) * total / n_steps


@mutant(refuted_by=PURE, defect="Asks for gradients on the caller's own tensor and leaves the request there.")
def inputs_left_requiring_gradients(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    inputs.requires_grad_()
    return ig(model, inputs, baselines, target, n_steps)


@mutant(refuted_by=PURE, defect="An input that is a leaf of the caller's graph comes back with a gradient of its own.")
def leaf_input_gets_a_gradient(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    result = ig(model, inputs, baselines, target, n_steps)
    if inputs.requires_grad and inputs.is_leaf:
        inputs.grad = gradient(model, inputs, checked(inputs, baselines, target, n_steps)[2])
    return result


@mutant(
    refuted_by=("CODE.purity_after_failure",),
    defect="Halves the parameters while it works, to keep scores small, and forgets that a call may fail in between.",
)
def parameters_scaled_on_failure(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    weights = [p.detach().clone() for p in model.parameters()]
    with torch.no_grad():
        for p in model.parameters():
            p.mul_(0.5)
    scores_at(model, inputs, checked(inputs, baselines, target, n_steps)[2])
    with torch.no_grad():
        for p, w in zip(model.parameters(), weights, strict=True):
            p.copy_(w)
    return ig(model, inputs, baselines, target, n_steps)


@mutant(
    refuted_by=("CODE.errors", "CODE.purity_after_failure"),
    defect="Answers a call that fails with zeros: the error, and the class that does not exist, go unnoticed.",
)
def failure_becomes_zeros(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    try:
        return ig(model, inputs, baselines, target, n_steps)
    except (RuntimeError, ValueError, IndexError):
        return torch.zeros_like(inputs)


@mutant(
    refuted_by=("CODE.determinism", "QUAD.variation_bound", "EXACT.polynomial", "CERT.enclosure"),
    defect="Averages over noisy copies of the path; the noise comes from a generator with a new seed in every call.",
)
def smoothed_with_fresh_noise(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    generator = torch.Generator()
    generator.seed()

    def grad(model: nn.Module, points: Tensor, classes: Tensor) -> Tensor:
        noise = torch.randn(points.shape, generator=generator, dtype=points.dtype)
        return gradient(model, points + 0.2 * noise, classes)

    return ig(model, inputs, baselines, target, n_steps, grad=grad)


@mutant(
    refuted_by=PURE,
    defect="Restores the mode of the model from its top: submodules the caller had put in another mode follow it.",
)
def submodule_modes_lost(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    mode = model.training
    model.eval()
    try:
        return ig(model, inputs, baselines, target, n_steps)
    finally:
        model.train(mode)


@mutant(refuted_by=PURE, defect="Counts its calls in a buffer that it adds to the model.")
def buffer_added(model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50) -> Tensor:
    seen = getattr(model, "calls", None)
    model.register_buffer("calls", torch.zeros(()) if seen is None else seen + 1)
    x, b, classes = checked(inputs, baselines, target, n_steps)
    return (x - b) * average(model, x, b, classes, midpoint(n_steps), partial(gradient, score=selected))
