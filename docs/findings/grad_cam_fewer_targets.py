"""pytorch-grad-cam: with fewer targets than samples the rest of the batch gets maps of zeros, without a word.

No claim of ours gives fewer targets than samples. Exits 0 while this is so, 1 when it is not.
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
head.weight.data.fill_(1.0)
model = torch.nn.Sequential(conv, torch.nn.Flatten(), head)
x = torch.tensor([[[[0.0, 1.0], [2.0, 3.0]]]]).expand(3, 1, 2, 2)
with GradCAM(model=model, target_layers=[conv]) as cam:
    received = cam(x, [ClassifierOutputTarget(0)]).max(axis=(1, 2)).round(3).tolist()
print(
    f"largest values of the maps of three equal samples: received {received}, right is one value three times, or an error"
)
sys.exit(received != [1.0, 0.0, 0.0])
