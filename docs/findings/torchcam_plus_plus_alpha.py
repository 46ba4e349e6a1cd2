"""torchcam, GradCAMpp: the division that makes alpha is lost, so the weights are the sums of g^2 relu(g).

One convolution (A = 1 and A = 2 on 2 x 2 pixels) and a linear head with gradients 3 and 1. The claim is
`CAM.definition`. Exits 0 while this is so, 1 when it is not.
"""

import sys

import torch
from torchcam.methods import GradCAMpp

model = torch.nn.Sequential(
    torch.nn.Conv2d(1, 2, 1, bias=False), torch.nn.Flatten(), torch.nn.Linear(8, 1, bias=False)
).double()
model[0].weight.data = torch.tensor([1.0, 2.0], dtype=torch.float64).view(2, 1, 1, 1)
model[2].weight.data = torch.tensor([[3.0] * 4 + [1.0] * 4], dtype=torch.float64)
x = torch.ones(1, 1, 2, 2, dtype=torch.float64)
with GradCAMpp(model, model[0]) as extractor:
    scores = model(x)
    received = extractor._get_weights(0, scores)[0].flatten().tolist()
print("weights: received", received)
print("right, by alpha = 1 / (2 + g ΣA):", [4 * 3 / (2 + 3 * 4), 4 * 1 / (2 + 1 * 8)])
print("Σ g^2 relu(g):", [4 * 3.0**3, 4 * 1.0**3])
sys.exit(received != [108.0, 4.0])
