"""pytorch-grad-cam: with a class out of range the context manager prints and swallows the IndexError; there is no map.

Claim CODE.errors. Exits 0 while this is so, 1 when it is not.
"""

import sys

import torch

try:
    import torchvision  # noqa: F401
except RuntimeError:  # a CUDA build beside a CPU torch lacks two operators that no attribution method calls
    operators = torch.library.Library("torchvision", "FRAGMENT")
    for name in ("nms", "qnms"):
        operators.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
from pytorch_grad_cam import GradCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

model = torch.nn.Sequential(torch.nn.Conv2d(1, 1, 1), torch.nn.Flatten(), torch.nn.Linear(4, 2))
maps, raised = "never assigned", False
try:
    with GradCAM(model=model, target_layers=[model[0]]) as cam:
        maps = cam(torch.ones(1, 1, 2, 2), [ClassifierOutputTarget(2)])
except IndexError:
    raised = True
print(
    f"class 2 of a model with classes 0 and 1: received {'an' if raised else 'no'} IndexError, right is an IndexError"
)
print(f"the variable that should hold the map: {maps}")
sys.exit(raised)
