"""saliency, IntegratedGradients: with x_steps=1 and batch_size > 1 the model is never called and zeros are returned.

F = x0 + x1 from (0, 0) to (1, 1). Claims CODE.chunking and QUAD.weights_sum_one. Exits 0 while this is so, 1 when it is
not.
"""

import sys

import numpy as np
from saliency.core import INPUT_OUTPUT_GRADIENTS, IntegratedGradients

calls = 0


def gradients(points, call_model_args=None, expected_keys=None):
    global calls
    calls += 1
    return {INPUT_OUTPUT_GRADIENTS: np.ones_like(points)}


present = True
for batch_size in (1, 2, 50):
    calls = 0
    received = IntegratedGradients().GetMask(np.ones(2), gradients, x_steps=1, batch_size=batch_size).tolist()
    print(f"batch_size={batch_size}: received {received} after {calls} calls of the model, right is [1.0, 1.0]")
    present &= received == ([1.0, 1.0] if batch_size == 1 else [0.0, 0.0])
sys.exit(not present)
