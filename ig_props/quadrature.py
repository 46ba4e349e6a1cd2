"""Which nodes and weights does a rule have, and what error can it make?"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

VARIATION_CONSTANT = 2.0
"""`QUAD.variation_bound`: the weights of the usual positive rules with n nodes are at most 2/n."""


@dataclass(frozen=True)
class Rule:
    """Nodes and weights on [0, 1] in ascending order; `degree`: the largest degree of polynomials it is exact for."""

    name: str
    nodes: tuple[float, ...]
    weights: tuple[float, ...]
    degree: int

    @property
    def discrepancy(self) -> float:
        """sup_s |Σ_{t_l <= s} w_l - s|: with V the variation, |error| <= V · discrepancy when the weights sum to 1."""
        total, largest = 0.0, 0.0
        for t, w in zip(self.nodes, self.weights, strict=True):
            largest = max(largest, abs(total - t))
            total += w
            largest = max(largest, abs(total - t))
        return max(largest, abs(total - 1.0))


def left(n: int) -> Rule:
    return Rule("left", tuple(k / n for k in range(n)), (1 / n,) * n, 0)


def right(n: int) -> Rule:
    return Rule("right", tuple((k + 1) / n for k in range(n)), (1 / n,) * n, 0)


def midpoint(n: int) -> Rule:
    return Rule("midpoint", tuple((k + 0.5) / n for k in range(n)), (1 / n,) * n, 1)


def trapezoid(n: int) -> Rule:
    """The trapezoid rule with n nodes, both ends included (n >= 2)."""
    if n < 2:
        raise ValueError(f"the trapezoid rule needs at least 2 nodes, given {n}")
    cells = n - 1
    weights = [1 / cells] * n
    weights[0] = weights[-1] = 0.5 / cells
    return Rule("trapezoid", tuple(k / cells for k in range(n)), tuple(weights), 1)


def simpson(n: int) -> Rule:
    """Simpson's rule with n nodes (n odd, at least 3)."""
    if n < 3 or n % 2 == 0:
        raise ValueError(f"Simpson's rule needs an odd number of nodes, at least 3, given {n}")
    cells = n - 1
    weights = [(4 if k % 2 else 2) / (3 * cells) for k in range(n)]
    weights[0] = weights[-1] = 1 / (3 * cells)
    return Rule("simpson", tuple(k / cells for k in range(n)), tuple(weights), 3)


def gauss_legendre(n: int) -> Rule:
    """Gauss-Legendre with n nodes by Newton's method on the Legendre recurrence."""
    pairs = []
    for k in range(n):
        z = math.cos(math.pi * (k + 0.75) / (n + 0.5))
        slope = 1.0
        for _ in range(100):
            before, here = 1.0, z
            for m in range(2, n + 1):
                before, here = here, ((2 * m - 1) * z * here - (m - 1) * before) / m
            if n == 1:
                before, here = 1.0, z
            slope = n * (z * here - before) / (z * z - 1)
            step = here / slope
            z -= step
            if abs(step) < 1e-16:
                break
        pairs.append(((1 + z) / 2, 1 / ((1 - z * z) * slope * slope)))
    pairs.sort()
    return Rule("gauss-legendre", tuple(t for t, _ in pairs), tuple(w for _, w in pairs), 2 * n - 1)


RULES: dict[str, Callable[[int], Rule]] = {
    "left": left,
    "right": right,
    "midpoint": midpoint,
    "trapezoid": trapezoid,
    "simpson": simpson,
    "gauss-legendre": gauss_legendre,
}
