"""shap, GradientExplainer of (model, layer): the gradient is multiplied by the layer's value at the sampled point,
not by its difference between input and background.

F = x through two layers with weight 1; the input of the second layer is explained. Claims RSI.completeness and
RS.bounded_variation. Exits 0 while this is so, 1 when it is not.
"""

import sys

import shap
import torch

model = torch.nn.Sequential(torch.nn.Linear(1, 1, bias=False), torch.nn.Linear(1, 1, bias=False))
for layer in model:
    layer.weight.data.fill_(1.0)


def explained(x: float, background: float, nsamples: int) -> float:
    explainer = shap.GradientExplainer((model, model[1]), torch.tensor([[background]]))
    return explainer.shap_values(torch.tensor([[x]]), nsamples=nsamples, rseed=0).sum()


# The gradient is 1 everywhere, so the right values hold for every draw of the sampled points.
same, up = explained(2.0, 2.0, 8), explained(3.0, 2.0, 1000)
print(f"x = 2, background = 2: received {same}, right is F(x) - F(background) = 0")
print(f"x = 3, background = 2: received {up:.3f}, right is 1; the layer's mean on the way is 2.5")
sys.exit(not (same == 2.0 and 2.4 < up < 2.6))
