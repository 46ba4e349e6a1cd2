"""shap, GradientExplainer of (model, layer): its hook stays on the layer from construction to the first success.

No claim of ours shows this. Exits 0 while this is so, 1 when it is not.
"""

import sys

import shap
import torch

model = torch.nn.Sequential(torch.nn.Linear(1, 1), torch.nn.Linear(1, 1))
explainer = shap.GradientExplainer((model, model[1]), torch.zeros(1, 1))
hooks = [len(model[1]._forward_hooks)]
print(f"hooks after construction: received {hooks[0]}, attribute target_input: {hasattr(model[1], 'target_input')}")
try:
    explainer.shap_values(torch.zeros(1, 7))
except RuntimeError:
    hooks.append(len(model[1]._forward_hooks))
    print(f"hooks after a call that failed: received {hooks[1]}, right is 0")
explainer.shap_values(torch.zeros(1, 1), nsamples=2)
hooks.append(len(model[1]._forward_hooks))
print(f"hooks after a call that succeeded: received {hooks[2]}, right is 0")
sys.exit(hooks != [1, 1, 0])
