"""saliency, GuidedIG: a NaN in the input is neither refused nor passed on; the inner loop never ends.

Claim CODE.errors. Exits 0 while this is so, 1 when it is not.
"""

import sys
import warnings

import numpy as np
from saliency.core import INPUT_OUTPUT_GRADIENTS, GuidedIG

warnings.simplefilter("ignore", DeprecationWarning)  # of np.quantile's argument `interpolation`
ENOUGH = 10_000  # every pass moves one of two features at least, so a step can need two passes
quantile, passes = np.quantile, 0


class Endless(Exception):
    pass


def counted(*args, **kwargs):
    global passes
    passes += 1
    if passes > ENOUGH:
        raise Endless
    return quantile(*args, **kwargs)


def gradients(points, call_model_args=None, expected_keys=None):
    return {INPUT_OUTPUT_GRADIENTS: np.ones_like(points)}


np.quantile, endless = counted, False
try:
    print("received", GuidedIG().GetMask(np.array([1.0, np.nan]), gradients, x_steps=2))
except Endless:
    endless = True
    print(f"received nothing: the loop of the first step was stopped after {ENOUGH} passes")
except ValueError as error:
    print("received ValueError:", error)
finally:
    np.quantile = quantile
print("right is an error, or a NaN in the attributions")
sys.exit(not endless)
