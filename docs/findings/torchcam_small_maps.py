"""torchcam, GradCAM: 1e-8 is added to the maximum that a map is divided by, so maps of small scores are too small.

F is the mean of x0 … x3 times a factor; the map is that of x itself, and normalised its largest entry is 1 whatever the
factor. Exits 0 while it is not, 1 when it is.
"""

import sys

import torch
from torchcam.methods import GradCAM

received = {}
for factor in (1.0, 1e-6, 1e-8):
    model = torch.nn.Sequential(torch.nn.Conv2d(1, 1, 1), torch.nn.Flatten(), torch.nn.Linear(4, 1)).double()
    for parameter, value in zip(model.parameters(), (1.0, 0.0, factor / 4, 0.0), strict=True):
        parameter.data.fill_(value)
    x = torch.tensor([[[[1.0, 0.5], [0.25, 0.0]]]], dtype=torch.float64)
    with GradCAM(model, model[0]) as extractor:
        received[factor] = extractor(0, model(x))[0].max().item()
    print(f"factor {factor:g}: largest entry received {received[factor]:.6f}, right is 1")
sys.exit(not (received[1e-8] < 0.25 and received[1.0] > 0.9999999))
