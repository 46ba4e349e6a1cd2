"""pytorch-grad-cam, GradCAMPlusPlus: a constant of 1e-6 in alpha's denominator outweighs small gradients.

alpha = 1 / (2 + g ΣA) with ΣA = 50 and ever smaller gradients g. The claim is `CAM.definition`. Exits 0 while
this is so, 1 when it is not.
"""

import sys

import numpy as np
import torch

try:
    import torchvision  # noqa: F401
except RuntimeError:  # a CUDA build beside a CPU torch lacks two operators that no attribution method calls
    operators = torch.library.Library("torchvision", "FRAGMENT")
    for name in ("nms", "qnms"):
        operators.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
from pytorch_grad_cam import GradCAMPlusPlus

received = {}
for g in (1e-1, 1e-2, 1e-3, 1e-4):
    activations, gradients = np.full((1, 1, 1, 1), 50.0), np.full((1, 1, 1, 1), g)
    received[g] = GradCAMPlusPlus.get_cam_weights(None, None, None, None, activations, gradients).item() / g
    print(f"g = {g}: alpha received {received[g]:.6f}, right is {1 / (2 + 50 * g):.6f}")
sys.exit(not (received[1e-4] < 0.01 and received[1e-1] > 0.142))
