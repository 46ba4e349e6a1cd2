"""shap, GradientExplainer: the model is left in eval mode, and the gradients its parameters carried are gone.

Claims CODE.purity and CODE.purity_after_failure. Exits 0 while this is so, 1 when it is not.
"""

import sys

import shap
import torch

model = torch.nn.Linear(2, 1).train()
model.weight.grad = torch.full_like(model.weight, 0.5)
x, background = torch.ones(1, 2), torch.zeros(1, 2)
shap.GradientExplainer(model, background).shap_values(x, nsamples=8, rseed=0)
print(f"training mode: received {model.training}, right is True, as before")
print(f"weight.grad: received {model.weight.grad}, right is [[0.5, 0.5]], as before")


class Failing(torch.nn.Module):
    def forward(self, x):
        raise RuntimeError("planted")


failing = Failing().train()
try:
    shap.GradientExplainer(failing, background)
except RuntimeError:
    print(f"training mode after the model raised: received {failing.training}, right is True, as before")
sys.exit(model.training or model.weight.grad is not None or failing.training)
