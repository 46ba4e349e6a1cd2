"""How are the maps of torchcam called, and what does it say of them?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ig_props.attributors.plain import Plain
from ig_props.attributors.protocol import PLAIN, Kind, Traits


def _adapter(method: str, kind: Kind, name: str, stage: str, args: Mapping[str, object]) -> Plain:
    """torchcam leaves the forward pass to its user and explains what its hooks saw."""
    import torchcam.methods

    def attribute(model: Any, layer: Any, inputs: Any, target: Any) -> Any:
        classes = target if isinstance(target, int) else target.tolist()
        with getattr(torchcam.methods, method)(model, layer) as extractor:
            maps = extractor(classes, model(inputs), normalized=stage == "normalized")
        return maps[0]

    return Plain(attribute, name, Traits(kind, stage, PLAIN, adaptive=False), args)


def grad_cam(name: str, stage: str, args: Mapping[str, object]) -> Plain:
    return _adapter("GradCAM", Kind.GRAD_CAM, name, stage, args)


def grad_cam_plus_plus(name: str, stage: str, args: Mapping[str, object]) -> Plain:
    return _adapter("GradCAMpp", Kind.GRAD_CAM_PLUS_PLUS, name, stage, args)


ADAPTERS = {"GradCAM": grad_cam, "GradCAMpp": grad_cam_plus_plus}
