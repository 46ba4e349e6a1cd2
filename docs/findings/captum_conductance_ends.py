"""captum, LayerConductance: the path before the first node and after the last one is left out.

F = x through two layers with weight 1, from 0 to 1: the conductance of the first layer is 1 at any number of steps.
Claims RSI.completeness and RS.bounded_variation. Exits 0 while this is so, 1 when it is not.
"""

import sys

import torch
from captum.attr import LayerConductance

model = torch.nn.Sequential(torch.nn.Linear(1, 1, bias=False), torch.nn.Linear(1, 1, bias=False)).double()
for layer in model:
    layer.weight.data.fill_(1.0)
x = torch.ones(1, 1, dtype=torch.float64)

present = True
for method in ("gausslegendre", "riemann_left", "riemann_right", "riemann_middle", "riemann_trapezoid"):
    received = [LayerConductance(model, model[0]).attribute(x, n_steps=n, method=method).item() for n in (1, 8, 50)]
    print(f"{method}: received {[round(v, 6) for v in received]} for n_steps = 1, 8, 50, right is 1")
    if method == "riemann_trapezoid":  # its nodes include both ends
        present &= all(abs(v - 1) < 2.0**-20 for v in received)
    else:
        present &= received[0] < 0.6 and received[1] < 0.97 and received[2] < 0.999
sys.exit(not present)
