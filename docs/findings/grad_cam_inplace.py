"""pytorch-grad-cam, on a CPU: an in-place rectifier behind the target layer changes the map.

No claim of ours compares a model with its in-place twin for maps. Exits 0 while this is so, 1 when it is not.
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

conv, head = torch.nn.Conv2d(1, 1, 1), torch.nn.Linear(4, 1)
conv.weight.data.fill_(1.0)
conv.bias.data.fill_(0.0)
head.weight.data.fill_(-1.0)
x = torch.tensor([[[[-3.0, -1.0], [1.0, 2.0]]]])
maps = []
for inplace in (False, True):
    model = torch.nn.Sequential(conv, torch.nn.ReLU(inplace=inplace), torch.nn.Flatten(), head)
    with GradCAM(model=model, target_layers=[conv]) as cam:
        maps.append(cam(x, [ClassifierOutputTarget(0)]).round(3).tolist())
    print(f"inplace={inplace}: received {maps[-1]}, right is [[[1, 1/3], [0, 0]]]")
sys.exit(not (maps[0][0][0][0] == 1.0 and maps[1] == [[[0.0, 0.0], [0.0, 0.0]]]))
