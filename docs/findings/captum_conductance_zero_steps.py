"""captum, LayerConductance: n_steps=0 is answered with zeros, where IntegratedGradients raises.

No claim of ours covers this. Exits 0 while this is so, 1 when it is not.
"""

import sys

import torch
from captum.attr import IntegratedGradients, LayerConductance

model = torch.nn.Sequential(torch.nn.Linear(1, 1, bias=False), torch.nn.Linear(1, 1, bias=False))
for layer in model:
    layer.weight.data.fill_(1.0)
x = torch.ones(1, 1)
try:
    received = LayerConductance(model, model[0]).attribute(x, n_steps=0).item()
except AssertionError as error:
    received = error
print("LayerConductance, n_steps=0: received", received)
refused = False
try:
    print("IntegratedGradients, n_steps=0: received", IntegratedGradients(model).attribute(x, n_steps=0))
except AssertionError as error:
    refused = True
    print("IntegratedGradients, n_steps=0: received AssertionError:", error)
print("right is an error from both, since n_steps 'must be a positive integer'")
sys.exit(not (received == 0.0 and refused))
