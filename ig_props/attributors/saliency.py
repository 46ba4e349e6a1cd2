"""How are the path methods of PAIR's saliency called, and what does saliency say of them?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ig_props.attributors.plain import Plain, classes, paired
from ig_props.attributors.protocol import PLAIN, Kind, Traits


def _model_function(model: Any, like: Any) -> Any:
    """saliency's interface to a model: NumPy points in, gradients of the score `call_model_args` out."""
    import torch
    from saliency.core import INPUT_OUTPUT_GRADIENTS

    def gradients(x_value_batch: Any, call_model_args: Any = None, expected_keys: Any = None) -> dict[str, Any]:
        points = torch.tensor(x_value_batch, dtype=like.dtype, device=like.device, requires_grad=True)
        with torch.enable_grad():
            # A copy, since a model may overwrite its input and a leaf must not be overwritten.
            scores = model(points.clone())
            (gradient,) = torch.autograd.grad(scores[:, call_model_args].sum(), points)
        return {INPUT_OUTPUT_GRADIENTS: gradient.cpu().numpy()}

    return gradients


def _masks(method: Any, model: Any, inputs: Any, baselines: Any, target: Any, options: Mapping[str, Any]) -> Any:
    """One mask per sample: GetMask takes an input without a batch dimension."""
    import torch

    function = _model_function(model, inputs)
    targets = classes(target, len(inputs))
    if baselines is not None:
        paired(inputs, baselines)
    given = {k: v for k, v in options.items() if v is not None}
    masks = []
    for k, row in enumerate(inputs.detach().cpu()):
        if baselines is not None:
            given["x_baseline"] = baselines[k].detach().cpu().numpy()
        masks.append(torch.from_numpy(method.GetMask(row.numpy(), function, targets[k], **given)))
    return torch.stack(masks).to(inputs.device)


def integrated_gradients(name: str, stage: str, args: Mapping[str, object]) -> Plain:
    from saliency.core import IntegratedGradients

    def attribute(
        model: Any,
        inputs: Any,
        baselines: Any,
        target: Any,
        n_steps: int | None = None,
        internal_batch_size: int | None = None,
    ) -> Any:
        options = {"x_steps": n_steps, "batch_size": internal_batch_size}
        return _masks(IntegratedGradients(), model, inputs, baselines, target, options)

    return Plain(attribute, name, Traits(Kind.IG, accepts=PLAIN | {"no-baseline"}, adaptive=False), args)


def guided_ig(name: str, stage: str, args: Mapping[str, object]) -> Plain:
    from saliency.core import GuidedIG

    def attribute(
        model: Any,
        inputs: Any,
        baselines: Any,
        target: Any,
        n_steps: int | None = None,
        *,
        fraction: float | None = None,
        max_dist: float | None = None,
    ) -> Any:
        options = {"x_steps": n_steps, "fraction": fraction, "max_dist": max_dist}
        return _masks(GuidedIG(), model, inputs, baselines, target, options)

    documented = {"PATH.linearity": "arXiv 2106.09788: the path is conditioned on the model being explained"}
    return Plain(attribute, name, Traits(Kind.PATH, accepts=PLAIN | {"no-baseline"}, documented=documented), args)


ADAPTERS = {"IntegratedGradients": integrated_gradients, "GuidedIG": guided_ig}
