"""shap, GradientExplainer: a float32 model and float32 inputs get float64 attributions.

Claim CODE.dtype. Exits 0 while this is so, 1 when it is not.
"""

import sys

import shap
import torch

model = torch.nn.Linear(1, 1)
x, background = torch.ones(1, 1), torch.zeros(1, 1)
values = shap.GradientExplainer(model, background).shap_values(x, nsamples=8, rseed=0)
print(f"received {values.dtype}, right is {str(x.dtype).removeprefix('torch.')}")
sys.exit(str(values.dtype) != "float64")
