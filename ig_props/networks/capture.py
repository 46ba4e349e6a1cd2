"""Which network description is a person's module, if it is one?

`capture` traces an `nn.Module` with torch.fx and writes every operation as a node. Weights are floats and so enter
exactly; only the factor 1/sqrt(variance + eps) of a batch norm and divisions by a number are rounded to float64, which
`Captured.rounded` names. What cannot be written raises CannotCapture with one sentence that names the place.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, fx, nn

from ig_props.networks.network import (
    Abs,
    Add,
    Affine,
    AvgPool2d,
    Concat,
    Conv2d,
    Flatten,
    Gelu,
    LeakyRelu,
    Max,
    MaxPool2d,
    Network,
    NetworkError,
    Node,
    Op,
    Product,
    Relu,
    Shape,
    Sigmoid,
    Softmax,
    Softplus,
    Tanh,
)

F = nn.functional
ELEMENTS = 2**22
"""Weights of the largest module that is written as a description."""
