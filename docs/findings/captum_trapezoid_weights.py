"""captum, method="riemann_trapezoid": the weights of n steps sum to 1 - 1/n, so F = x from 0 to 1 gets 1 - 1/n.

Claim QUAD.weights_sum_one. Exits 0 while this is so, 1 when it is not.
"""

import sys

import torch
from captum.attr import IntegratedGradients

model = torch.nn.Linear(1, 1, bias=False).double()
model.weight.data.fill_(1.0)
x = torch.ones(1, 1, dtype=torch.float64)

present = True
for n in (2, 8, 64):  # 1 - 1/n is a float32 number for each of them
    received = IntegratedGradients(model).attribute(x, n_steps=n, method="riemann_trapezoid").item()
    print(f"n_steps={n}: received {received}, right is 1.0; 1 - 1/n = {1 - 1 / n}")
    present &= received == 1 - 1 / n
sys.exit(not present)
