"""Which defects must the checks find? Attribution code that is wrong on purpose in some situation."""

from property_tests.mutants import (
    baseline,
    batch,
    chunking,
    errors,
    gradient,
    hooks,
    inputs,
    layers,
    maps,
    memory,
    numerics,
    path,
    quadrature,
    softmax,
    state,
    target,
)
from property_tests.mutants._base import MUTANTS, Mutant

__all__ = [
    "MUTANTS",
    "Mutant",
    "baseline",
    "batch",
    "chunking",
    "errors",
    "gradient",
    "hooks",
    "inputs",
    "layers",
    "maps",
    "memory",
    "numerics",
    "path",
    "quadrature",
    "softmax",
    "state",
    "target",
]
