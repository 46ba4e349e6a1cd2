"""saliency, IntegratedGradients: the gradients of a float64 model are added up in float32.

F = 0.1 x from 0 to 1. Claim QUAD.weights_sum_one, verdict IMPRECISE. Exits 0 while this is so, 1 when it is not.
"""

import sys

import numpy as np
from saliency.core import INPUT_OUTPUT_GRADIENTS, IntegratedGradients


def gradients(points, call_model_args=None, expected_keys=None):
    return {INPUT_OUTPUT_GRADIENTS: np.full_like(points, 0.1)}


present = True
for n in (1, 10, 1000):
    error = IntegratedGradients().GetMask(np.ones(1), gradients, x_steps=n)[0] - 0.1
    print(f"x_steps={n}: received 0.1 + {error:.1e}, right is 0.1; float64 allows {n * 2.0**-52:.0e}")
    present &= bool(n * 2.0**-52 < abs(error) < n * 2.0**-23)
sys.exit(not present)
