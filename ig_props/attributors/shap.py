"""How is shap's GradientExplainer called, and what does shap say of it?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ig_props.attributors.plain import Plain, classes, paired
from ig_props.attributors.protocol import PLAIN, Kind, Traits

ACCEPTED = PLAIN | {"random", "chunking", "no-target"}


def _chosen(values: Any, targets: list[int] | None) -> Any:
    """[N, *shape, scores] to [N, *shape] by one score per sample."""
    import torch

    every = torch.from_numpy(values)
    if targets is None and every.shape[-1] != 1:
        raise ValueError(f"target=None needs a model with one score, given {every.shape[-1]}")
    return torch.stack([row[..., k] for row, k in zip(every, targets or [0] * len(every), strict=True)])


def _explained(model: Any, parts: list[Any], data: list[Any], target: Any, options: Mapping[str, Any]) -> Any:
    """Attributions of every explained tensor; samples that share their baseline are explained in one call."""
    import torch
    from shap import GradientExplainer

    count, several = len(parts[0]), len(parts) > 1
    for part, background in zip(parts, data, strict=True):
        paired(part, background)
    targets = None if target is None else classes(target, count)
    shared = all(bool((background == background[:1]).all()) for background in data)
    given = {k: v for k, v in options.items() if v is not None}
    built = {k: given.pop(k) for k in ("batch_size", "local_smoothing") if k in given}
    pieces = []
    for start, stop in [(0, count)] if shared else [(k, k + 1) for k in range(count)]:
        background, x = [t[start : start + 1] for t in data], [t[start:stop] for t in parts]
        explainer = GradientExplainer(model, background if several else background[0], **built)
        values = explainer.shap_values(x if several else x[0], **given)
        rows = None if targets is None else targets[start:stop]
        pieces.append([_chosen(v, rows) for v in (values if isinstance(values, list) else [values])])
    return tuple(torch.cat(tensors).to(parts[0].device) for tensors in zip(*pieces, strict=True))


def _parts(inputs: Any) -> list[Any]:
    return list(inputs) if isinstance(inputs, tuple) else [inputs]


def gradient_explainer(name: str, stage: str, args: Mapping[str, object]) -> Plain:
    """With one background row x' the expectation is over t alone: Monte-Carlo IG with n_steps samples."""

    def attribute(
        model: Any,
        inputs: Any,
        baselines: Any,
        target: Any = None,
        n_steps: int = 200,
        internal_batch_size: int | None = None,
        *,
        local_smoothing: float = 0,
        rseed: int | None = None,
    ) -> Any:
        options = {
            "nsamples": n_steps, "batch_size": internal_batch_size, "local_smoothing": local_smoothing, "rseed": rseed,
        }  # fmt: skip
        values = _explained(model, _parts(inputs), _parts(baselines), target, options)
        return values if isinstance(inputs, tuple) else values[0]

    return Plain(attribute, name, Traits(Kind.IG, accepts=ACCEPTED | {"tuples"}, dtypes=("float32",)), args)


def gradient_explainer_layer(name: str, stage: str, args: Mapping[str, object]) -> Plain:
    """shap explains the *input* of the layer it is given, so it is given an identity behind the layer asked for."""
    from torch import nn

    def attribute(
        model: Any,
        layer: Any,
        inputs: Any,
        baselines: Any,
        target: Any = None,
        n_steps: int = 200,
        internal_batch_size: int | None = None,
        *,
        rseed: int | None = None,
    ) -> Any:
        behind = nn.Identity()
        handle = layer.register_forward_hook(lambda _module, _inputs, output: behind(output))
        options = {"nsamples": n_steps, "batch_size": internal_batch_size, "rseed": rseed}
        try:
            return _explained((model, behind), _parts(inputs), _parts(baselines), target, options)[0]
        finally:
            handle.remove()

    return Plain(attribute, name, Traits(Kind.LAYER_IG, accepts=ACCEPTED, dtypes=("float32",)), args)


ADAPTERS = {"GradientExplainer": gradient_explainer, "GradientExplainer.layer": gradient_explainer_layer}
