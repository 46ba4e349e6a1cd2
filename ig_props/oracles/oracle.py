"""What does an oracle say about one sample? The attribution's enclosure, and what bounds another's error."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from ig_props.quadrature import VARIATION_CONSTANT

Floats = tuple[float, ...]
Rounding = Callable[[float, int], Floats]


@dataclass(frozen=True)
class PathOracle:
    """IG of one score on the segment from baseline to input, with everything a budget needs.

    mid, radius: the attribution of coordinate i lies in [mid_i - radius_i, mid_i + radius_i]; both have the unit of the
    score. exact: the rational values where the truth is one number. difference: F(x) - F(x') and its radius.
    displacement: x_i - x'_i. variation: an upper bound of V(∂_iF∘g) on [0, 1] that counts the values automatic
    differentiation may return at kinks (`QUAD.variation_bound`). score_variation: the same for d/dt F(g(t)), or None when
    only the sum of the coordinates' bounds is known. rounding: for a machine epsilon and a number of steps, a
    bound of the rounding error of a computation that sums n_steps gradients in that precision. kinks: breakpoints inside
    the segment. ties: whether a kink's argument vanishes on a piece of positive length and the gradient depends on it;
    then the radius covers every value automatic differentiation may return.
    """

    mid: Floats
    radius: Floats
    difference: tuple[float, float]
    displacement: Floats
    variation: Floats
    rounding: Rounding
    how: str
    rigorous: bool = True
    exact: tuple[Fraction, ...] | None = None
    kinks: int = 0
    ties: bool = False
    score_variation: float | None = None

    def quadrature(self, n_steps: int, constant: float = VARIATION_CONSTANT) -> Floats:
        """Error bound |d_i| V_i c / n of any rule with interlacing nodes and weights of at most c / n."""
        return tuple(abs(d) * v * constant / n_steps for d, v in zip(self.displacement, self.variation, strict=True))

    def completeness_budget(self, n_steps: int, constant: float = VARIATION_CONSTANT) -> float:
        """Bound of the completeness residual of such a rule (`IG.discrete_residual`)."""
        if self.score_variation is not None:
            return self.score_variation * constant / n_steps
        return sum(self.quadrature(n_steps, constant))


class NoOracle(Exception):
    """The network is outside what this oracle can evaluate; the message says why."""
