"""pytorch-grad-cam: the model is left in eval mode, and the gradients its parameters carried are replaced by the map's own.

Claims CODE.purity and CODE.purity_after_failure. Exits 0 while this is so, 1 when it is not.
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
    model = torch.nn.Sequential(torch.nn.Conv2d(1, 1, 1), torch.nn.Flatten(), torch.nn.Linear(4, 1)).train()
    for parameter in model.parameters():
        parameter.grad = torch.full_like(parameter, 0.5)
    x = torch.ones(1, 1, 2, 2, requires_grad=True)
    with method(model=model, target_layers=[model[0]]) as cam:
        cam(x, [ClassifierOutputTarget(0)])
    print(f"{method.__name__}, training mode: received {model.training}, right is True, as before")
    print(
        f"{method.__name__}, grad of the last bias: received {model[2].bias.grad.tolist()}, right is [0.5], as before"
    )
    print(
        f"{method.__name__}, x.grad: received {x.grad is not None and x.grad.flatten().tolist()}, right is None, as before"
    )
    present &= not model.training and model[2].bias.grad.tolist() == [1.0] and x.grad is not None
sys.exit(not present)
