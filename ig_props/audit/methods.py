"""Which methods can be audited by name, and how are they called as anybody's code is?"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from ig_props.attributors.load import coerce, load
from ig_props.attributors.protocol import Attributor, Kind
from ig_props.methods import grad_cam
from ig_props.methods import integrated_gradients as plain
from ig_props.running.request import UsageError


def _midpoint(model: Any, inputs: Any, baselines: Any, target: Any, n_steps: int = 50) -> Tensor:
    return plain.integrated_gradients(model, inputs, baselines, target, n_steps)


def _integral(model: Any, layer: Any, inputs: Any, baselines: Any, target: Any, n_steps: int = 50) -> Tensor:
    from ig_props.integration.layers import layer_integral

    values = layer_integral(model, layer, inputs, baselines, target, n_steps=n_steps).values
    assert isinstance(values, Tensor)
    return values


def _path_map(variant: str) -> Any:
    def attribute_layer(model: Any, layer: Any, inputs: Any, baselines: Any, target: Any, n_steps: int = 50) -> Tensor:
        return grad_cam.rsi_grad_cam(model, layer, inputs, baselines, target, n_steps, variant=variant).rectified

    return attribute_layer


def _point_map(function: Any) -> Any:
    def attribute_layer(model: Any, layer: Any, inputs: Any, target: Any) -> Tensor:
        found: Tensor = function(model, layer, inputs, target).rectified
        return found

    return attribute_layer


OWN: dict[str, tuple[Kind, Any]] = {
    "integrated-gradients": (Kind.IG, _midpoint),
    "layer-integral": (Kind.LAYER_INTEGRAL, _integral),
    "grad-cam": (Kind.GRAD_CAM, _point_map(grad_cam.grad_cam)),
    "grad-cam-positive": (Kind.GRAD_CAM_POSITIVE, _point_map(grad_cam.grad_cam_positive)),
    "grad-cam++": (Kind.GRAD_CAM_PLUS_PLUS, _point_map(grad_cam.grad_cam_plus_plus)),
    "rsi-grad-cam": (Kind.RSI_GRAD_CAM, _path_map("rectified")),
    "rsi-grad-cam-signed": (Kind.RSI_GRAD_CAM_SIGNED, _path_map("signed")),
}
"""This project's methods by name, called as anybody's code is."""


def method_of(name: str, as_: str | None, args: Mapping[str, object]) -> Attributor:
    """The method that --method names; CannotRun and UsageError in one sentence."""
    if name in OWN:
        if args:
            raise UsageError(f"--method {name} takes no --arg, given {', '.join(args)}")
        kind, function = OWN[name]
        return coerce(function, as_=kind, name=name)
    if ":" not in name and ".py" not in name:
        near = difflib.get_close_matches(name, OWN, n=1, cutoff=0.4)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise UsageError(f"--method is one of {', '.join(OWN)} or a SPEC as for check, given {name!r}{hint}")
    try:
        return load(name, as_=as_, args=args)
    except ValueError as error:
        raise UsageError(f"--method {name}: {error}") from None
