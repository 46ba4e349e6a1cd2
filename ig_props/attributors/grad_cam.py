"""How are the maps of pytorch-grad-cam called, and what does it say of them?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ig_props.attributors.plain import Plain
from ig_props.attributors.protocol import PLAIN, Kind, Traits


def _adapter(method: str, kind: Kind, name: str, stage: str, args: Mapping[str, object]) -> Plain:
    import pytorch_grad_cam
    import torch
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    def attribute(
        model: Any,
        layer: Any,
        inputs: Any,
        target: Any = None,
        *,
        aug_smooth: bool = False,
        eigen_smooth: bool = False,
    ) -> Any:
        targets = None
        if target is not None:
            rows = [target] * len(inputs) if isinstance(target, int) else target.tolist()
            targets = [ClassifierOutputTarget(k) for k in rows]
        maps = None
        with getattr(pytorch_grad_cam, method)(model=model, target_layers=[layer]) as cam:
            maps = cam(input_tensor=inputs, targets=targets, aug_smooth=aug_smooth, eigen_smooth=eigen_smooth)
        # The library's context manager swallows an IndexError; then there is no map.
        return None if maps is None else torch.from_numpy(maps).to(inputs.device)

    return Plain(attribute, name, Traits(kind, stage, PLAIN, adaptive=False), args)


def grad_cam(name: str, stage: str, args: Mapping[str, object]) -> Plain:
    return _adapter("GradCAM", Kind.GRAD_CAM, name, stage, args)


def grad_cam_plus_plus(name: str, stage: str, args: Mapping[str, object]) -> Plain:
    return _adapter("GradCAMPlusPlus", Kind.GRAD_CAM_PLUS_PLUS, name, stage, args)


ADAPTERS = {"GradCAM": grad_cam, "GradCAMPlusPlus": grad_cam_plus_plus}
