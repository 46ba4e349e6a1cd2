"""captum: a float64 model is integrated with float32 step sizes, by IntegratedGradients and LayerIntegratedGradients.

Claim QUAD.weights_sum_one, verdict IMPRECISE. Exits 0 while this is so, 1 when it is not.
"""

import sys

import torch
from captum.attr import IntegratedGradients, LayerIntegratedGradients

model = torch.nn.Sequential(torch.nn.Linear(1, 1, bias=False), torch.nn.Linear(1, 1, bias=False)).double()
for layer in model:
    layer.weight.data.fill_(1.0)
x = torch.ones(1, 1, dtype=torch.float64)

present = True
for method, n in (("gausslegendre", 8), ("riemann_left", 5), ("riemann_right", 5), ("riemann_middle", 5)):
    for name, explainer in (
        ("IG", IntegratedGradients(model)),
        ("layer IG", LayerIntegratedGradients(model, model[0])),
    ):
        error = explainer.attribute(x, n_steps=n, method=method).item() - 1.0
        print(f"{name}, {method}, n_steps={n}: received 1 + {error:.3e}, right is 1; float64 allows {n * 2.0**-52:.1e}")
        present &= n * 2.0**-52 < abs(error) < n * 2.0**-23
sys.exit(not present)
