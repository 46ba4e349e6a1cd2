"""How do the weights of Grad-CAM and Grad-CAM++ relate?"""

from __future__ import annotations

import sympy as sp

from proofs.derivation import Part, proves
from proofs.kernel import Rel, algebra, assume, conclude, reals

g, S = reals("g S")
ZERO = sp.Integer(0)


@proves("CAM.plus_plus_alpha", sources=("1710.11063",))
def alpha() -> list[Part]:
    """Where the gradient g is not 0, the weight of Grad-CAM++ is 1/(2 + g ΣA), S being ΣA over the whole map."""
    slope, pole = assume(Rel("≠", g, ZERO)), assume(Rel("≠", 2 + g * S, ZERO))
    goal = Rel("=", g**2 / (2 * g**2 + S * g**3), 1 / (2 + g * S))
    return [("away from the pole", conclude(goal, algebra(goal.lhs, goal.rhs, slope, pole)))]
