"""captum, LayerIntegratedGradients: a layer that is called twice gets the attributions of neither call.

F = tanh(x) + 3 tanh(2x), the module tanh being the layer, from 0 to 1. No claim of ours covers this. Exits 0 while this
is so, 1 when it is not.
"""

import math
import sys

import torch
from captum.attr import LayerIntegratedGradients


class Twice(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.act = torch.nn.Tanh()

    def forward(self, x):
        return (self.act(x) + 3 * self.act(2 * x)).sum(1)


model, x = Twice().double(), torch.ones(1, 1, dtype=torch.float64)
received = LayerIntegratedGradients(model, model.act).attribute(x).sum().item()
last, both = 3 * math.tanh(2), math.tanh(1) + 3 * math.tanh(2)
print(f"received {received:.6f}; the last call carries {last:.6f}, both together {both:.6f}")
print(f"4 tanh 2 = {4 * math.tanh(2):.6f}: both calls are replaced by the path of the last one")
sys.exit(not abs(received - 4 * math.tanh(2)) < 2.0**-20)
