"""What must the checks leave alone? Honest implementations of Integrated Gradients that look unusual."""

from property_tests.controls import bookkeeping, gradients, layers, maps, rules
from property_tests.controls._base import CONTROLS, Control

__all__ = ["CONTROLS", "Control", "bookkeeping", "gradients", "layers", "maps", "rules"]
