"""torchcam, GradCAM: an in-place rectifier behind the target layer changes the map into that of the rectified layer.

No claim of ours compares a model with its in-place twin for maps. Exits 0 while this is so, 1 when it is not.
"""

import sys

import torch
from torchcam.methods import GradCAM

conv, head = torch.nn.Conv2d(1, 1, 1), torch.nn.Linear(4, 1)
conv.weight.data.fill_(1.0)
conv.bias.data.fill_(0.0)
head.weight.data.fill_(-1.0)
x = torch.tensor([[[[-3.0, -1.0], [1.0, 2.0]]]])
maps = []
for inplace in (False, True):
    model = torch.nn.Sequential(conv, torch.nn.ReLU(inplace=inplace), torch.nn.Flatten(), head)
    with GradCAM(model, conv) as extractor:
        maps.append(extractor(0, model(x), normalized=False)[0].tolist())
    print(f"inplace={inplace}: received {maps[-1]}, right is [[[1.5, 0.5], [0.0, 0.0]]]")
sys.exit(maps != [[[[1.5, 0.5], [0.0, 0.0]]], [[[0.0, 0.0], [0.0, 0.0]]]])
