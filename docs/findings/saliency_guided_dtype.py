"""saliency, GuidedIG: float32 inputs and gradients get float64 attributions.

Claim CODE.dtype. Exits 0 while this is so, 1 when it is not.
"""

import sys
import warnings

import numpy as np
from saliency.core import INPUT_OUTPUT_GRADIENTS, GuidedIG

warnings.simplefilter("ignore", DeprecationWarning)  # of np.quantile's argument `interpolation`


def gradients(points, call_model_args=None, expected_keys=None):
    return {INPUT_OUTPUT_GRADIENTS: np.ones_like(points, dtype=np.float32)}


received = GuidedIG().GetMask(np.ones(2, dtype=np.float32), gradients, x_steps=8)
print(f"received {received.dtype}, right is float32")
sys.exit(str(received.dtype) != "float64")
