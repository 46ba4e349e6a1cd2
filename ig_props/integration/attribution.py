"""What is an attribution together with what is known of its error?"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, eq=False)
class Attribution:
    """Values in the structure of what is explained, in the unit of the score, and what they cost.

    error: an estimate [N] of the largest absolute error of a sample's values, and NaN where none can be had: for named
    rules at layers and on curves, and for one secant. It is made to hold where an error was asked for; for a rule that was
    asked for by name it says what the rule's own nodes let expect. Of rounding it expects what a gradient of this size
    usually suffers: terms that cancel inside the model may make more.
    residual: |Σ values - (F(x) - F(x'))| of every sample [N], which is no error estimate: it vanishes by symmetry, and
    by construction for the secant rule. evaluations: gradients computed, a batch of n points counting n. rule, n_steps:
    what was used; n_steps is the largest number of nodes, cells or pieces of a sample. exact: whether only rounding
    separates the values from the integral. structure: what the model was found to be, and why.
    """

    values: Tensor | tuple[Tensor, ...]
    error: Tensor
    residual: Tensor
    evaluations: int
    rule: str
    n_steps: int
    exact: bool
    structure: str
    dtype: str
    device: str

    def __str__(self) -> str:
        worst = float(self.error.max()) if self.error.numel() else 0.0
        how = (
            "exact up to rounding"
            if self.exact
            else f"estimated error {worst:.2g}"
            if worst == worst
            else "error not estimated"
        )
        return (
            f"{self.rule}, n_steps {self.n_steps}, {self.evaluations} gradients, {self.dtype} on {self.device}: {how} "
            f"(residual {float(self.residual.max()):.2g}; {self.structure})"
        )
