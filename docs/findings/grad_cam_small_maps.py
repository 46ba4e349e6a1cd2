"""pytorch-grad-cam, GradCAM: 1e-7 is added to the maximum that a map is divided by, so maps of small scores are too small.

F is the mean of x0 … x3 times a factor; the map is that of x itself, and normalised its largest entry is 1 whatever the
factor. Maps are divided twice, before and after the layers' maps are averaged, so that only very small ones show it.
Exits 0 while it is not, 1 when it is.
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

received = {}
for factor in (1.0, 1e-12, 1e-14):
    model = torch.nn.Sequential(torch.nn.Conv2d(1, 1, 1), torch.nn.Flatten(), torch.nn.Linear(4, 1))
    for parameter, value in zip(model.parameters(), (1.0, 0.0, factor / 4, 0.0), strict=True):
        parameter.data.fill_(value)
    x = torch.tensor([[[[1.0, 0.5], [0.25, 0.0]]]])
    with GradCAM(model=model, target_layers=[model[0]]) as cam:
        received[factor] = float(cam(input_tensor=x, targets=[ClassifierOutputTarget(0)]).max())
    print(f"factor {factor:g}: largest entry received {received[factor]:.6f}, right is 1")
sys.exit(not (received[1e-14] < 0.25 and received[1.0] > 0.99999))
