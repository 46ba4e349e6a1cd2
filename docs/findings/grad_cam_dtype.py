"""pytorch-grad-cam: a float64 model and float64 inputs get float32 maps.

Claim CODE.dtype. Exits 0 while this is so, 1 when it is not.
"""

import sys

import torch

try:
    import torchvision  # noqa: F401
except RuntimeError:  # a CUDA build beside a CPU torch lacks two operators that no attribution method calls
    operators = torch.library.Library("torchvision", "FRAGMENT")
    for name in ("nms", "qnms"):
        operators.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
from pytorch_grad_cam import GradCAM, GradCAMPlusPlus
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

present = True
for method in (GradCAM, GradCAMPlusPlus):
    model = torch.nn.Sequential(torch.nn.Conv2d(1, 1, 1), torch.nn.Flatten(), torch.nn.Linear(4, 1)).double()
    with method(model=model, target_layers=[model[0]]) as cam:
        maps = cam(torch.ones(1, 1, 2, 2, dtype=torch.float64), [ClassifierOutputTarget(0)])
    print(f"{method.__name__}: received {maps.dtype}, right is float64")
    present &= str(maps.dtype) == "float32"
sys.exit(not present)
