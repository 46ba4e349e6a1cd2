"""torchcam, GradCAM: activations that are NaN count as zero, and the map looks sound.

No claim of ours covers NaN in maps. Exits 0 while this is so, 1 when it is not.
"""

import math
import sys

import torch
from torchcam.methods import GradCAM

model = torch.nn.Sequential(torch.nn.Conv2d(1, 1, 1), torch.nn.Flatten(), torch.nn.Linear(4, 1))
for parameter in model.parameters():
    parameter.data.fill_(1.0)
x = torch.tensor([[[[float("nan"), 1.0], [1.0, 1.0]]]])
with GradCAM(model, model[0]) as extractor:
    scores = model(x)
    received = extractor(0, scores, normalized=False)[0]
print(f"score {scores.item()}; map: received {received.tolist()}, right is a NaN in its corner, or an error")
sys.exit(not (math.isnan(scores.item()) and torch.isfinite(received).all()))
