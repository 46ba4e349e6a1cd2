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


def clenshaw_curtis(n: int) -> Rule:
    """Clenshaw-Curtis with n nodes, both ends included (n odd, at least 3); each is nested in the one with 2n - 1."""
    if n < 3 or n % 2 == 0:
        raise ValueError(f"Clenshaw-Curtis needs an odd number of nodes, at least 3, given {n}")
    m = n - 1
    angles = [math.pi * j / m for j in range(n)]
    weights = []
    for j, angle in enumerate(angles):
        terms = [
            2.0 / (1 - 4 * k * k) * math.cos(2 * k * angle) * (0.5 if 2 * k == m else 1.0) for k in range(1, m // 2 + 1)
        ]
        weights.append((1.0 + math.fsum(terms)) * (0.5 if j in (0, m) else 1.0) / m)
    return Rule("clenshaw-curtis", tuple(0.5 * (1.0 - math.cos(a)) for a in angles), tuple(weights), n)


GAUSS_KRONROD = (
    (0.991455371120812639206854697526329, 0.022935322010529224963732008058970, 0.0),
    (0.949107912342758524526189684047851, 0.063092092629978553290700663189204, 0.129484966168869693270611432679082),
    (0.864864423359769072789712788640926, 0.104790010322250183839876322541518, 0.0),
    (0.741531185599394439863864773280788, 0.140653259715525918745189590510238, 0.279705391489276667901467771423780),
    (0.586087235467691130294144691693013, 0.169004726639267902826583426598550, 0.0),
    (0.405845151377397166906606412076961, 0.190350578064785409913256402421014, 0.381830050505118944950369775488975),
    (0.207784955007898467600689403773245, 0.204432940075298892414161999234649, 0.0),
    (0.0, 0.209482141084727828012999174891714, 0.417959183673469387755102040816327),
)
"""Nodes on [-1, 1] from the right end to the middle, and their weights in Kronrod's rule of 15 and in Gauss' of 7."""
GAUSS_KRONROD_PANEL = (*((-t, k, g) for t, k, g in GAUSS_KRONROD), *reversed(GAUSS_KRONROD[:-1]))
"""The same for all 15 nodes, ascending."""


def gauss_kronrod(n: int) -> Rule:
    """Kronrod's rule of 15 nodes in each of n / 15 equal panels."""
    if n < 15 or n % 15:
        raise ValueError(f"Gauss-Kronrod needs a multiple of 15 nodes, given {n}")
    panels = n // 15
    nodes = tuple((p + (t + 1) / 2) / panels for p in range(panels) for t, _, _ in GAUSS_KRONROD_PANEL)
    return Rule("gauss-kronrod", nodes, tuple(k / (2 * panels) for _, k, _ in GAUSS_KRONROD_PANEL) * panels, 23)


RULES: dict[str, Callable[[int], Rule]] = {
    "left": left,
    "right": right,
    "midpoint": midpoint,
    "trapezoid": trapezoid,
    "simpson": simpson,
    "gauss-legendre": gauss_legendre,
}
