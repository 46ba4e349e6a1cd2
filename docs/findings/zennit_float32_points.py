"""zennit, IntegratedGradients: the points of the path through a float64 model are rounded to float32.

No claim of ours shows this. Exits 0 while this is so, 1 when it is not.
"""

import sys

import torch

try:
    import torchvision  # noqa: F401
except RuntimeError:  # a CUDA build beside a CPU torch lacks two operators that no attribution method calls
    operators = torch.library.Library("torchvision", "FRAGMENT")
    for name in ("nms", "qnms"):
        operators.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
from zennit.attribution import IntegratedGradients

seen = []


class Model(torch.nn.Module):
    def forward(self, z):
        seen.append(z.item())
        return z


IntegratedGradients(Model(), n_iter=10)(torch.ones(1, 1, dtype=torch.float64))
errors = [t - (k + 1) / 10 for k, t in enumerate(seen)]
print("the model was called at", seen)
print(f"right is 0.1, 0.2, …, 1.0; the largest error is {max(map(abs, errors)):.1e}, float64 allows 1e-16")
sys.exit(not 2.0**-53 < max(map(abs, errors)) < 2.0**-24)
