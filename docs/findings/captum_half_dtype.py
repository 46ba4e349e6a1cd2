"""captum, IntegratedGradients and LayerIntegratedGradients: float16 and bfloat16 models get float32 attributions.

Half precision is not among what captum is asked for. Exits 0 while this is so, 1 when it is not.
"""

import sys

import torch
from captum.attr import IntegratedGradients, LayerConductance, LayerIntegratedGradients

present = True
for dtype in (torch.float16, torch.bfloat16):
    model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 1)).to(dtype)
    x = torch.ones(1, 2, dtype=dtype)
    for method, wanted in (
        (IntegratedGradients(model), torch.float32),
        (LayerIntegratedGradients(model, model[0]), torch.float32),
        (LayerConductance(model, model[0]), dtype),
    ):
        received = method.attribute(x).dtype
        print(f"{type(method).__name__}: received {received}, right is {dtype}")
        present &= received == wanted
sys.exit(not present)
