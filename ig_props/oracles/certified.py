"""Which intervals are proved to hold the attributions of an analytic network? (`CERT.enclosure`)

[0, 1] is cut into panels on whose Bernstein ellipses the gradient is shown to be analytic and bounded by M
(`networks/disc.py`). On each panel the gradient is evaluated in balls at n Chebyshev nodes (`networks/ball.py`). With
Chebyshev coefficients |a_k| <= 2Mρ^-k, and a_k of k >= n aliased to a lower degree by the nodes:

- the sum with Fejér's weights misses the integral over a panel of half-width h by at most 5hM Σ_{k>=n} ρ^-k, since
  |∫T_k| <= 2/(k² - 1) and an alias adds at most 2;
- the interpolant's variation misses the gradient's by at most Σ_{k>=n} 2Mρ^-k 4k, since V(T_k) = 2k;

so one set of nodes proves the integral and bounds the variation.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from flint import arb, arb_mat, ctx

from ig_props.networks import ball
from ig_props.networks.disc import gradient_bounds
from ig_props.networks.lowering import Vector
from ig_props.networks.network import Network, NetworkError
from ig_props.oracles.oracle import Floats, NoOracle, PathOracle
from ig_props.oracles.rounding import smooth_rounding

PRECISION = 106
"""Bits of the balls: twice those of a float64, so that their radii do not matter in one."""
TOLERANCE = 2.0**-55
"""Truncation error that panels aim at, relative to the largest |d_i ∂_iF| that was seen."""
NODES = np.array([6, 8, 10, 12, 16, 20, 24, 28, 32])
RHO = np.array([1.6, 2.2, 3.0, 4.5, 7.0, 12.0, 30.0, 100.0])
PANELS = 512
SAMPLES = 128
"""Points per panel at which the interpolant's variation is measured."""
CUTS = 8
"""Cells per panel on which the rounding of other code is bounded."""
ROUNDING = 4e-15
"""Float64 error per Chebyshev node of a transform by matrices of cosines, relative to the largest entry."""
SLACK = 1.0 + 1e-9

Ball = Any


@dataclass(frozen=True, eq=False)
class Panel:
    """[centre - half, centre + half], its number of nodes, and |∂_iF| <= bound[i] on the ellipse of parameter rho."""

    centre: float
    half: float
    nodes: int
    rho: float
    bound: Vector

    @property
    def tail(self) -> float:
        """Upper bound of Σ_{k>=n} ρ^-k."""
        return self.rho**-self.nodes / (1 - 1 / self.rho) * SLACK

    @property
    def weighted_tail(self) -> float:
        """Upper bound of Σ_{k>=n} k ρ^-k."""
        return (self.nodes + 1 / (self.rho - 1)) * self.tail * SLACK


@lru_cache(maxsize=64)
def _rule(n: int) -> tuple[list[Ball], list[Ball]]:
    """Chebyshev nodes on [-1, 1] and Fejér's weights as balls."""
    with ctx.workprec(PRECISION):
        angles = [arb(2 * k + 1) / (2 * n) for k in range(n)]
        nodes = [angle.cos_pi() for angle in angles]
        weights = []
        for angle in angles:
            series = (2 * (2 * j * angle).cos_pi() / (4 * j * j - 1) for j in range(1, n // 2 + 1))
            weights.append((1 - sum(series, arb(0))) * 2 / n)
        return nodes, weights


@lru_cache(maxsize=64)
def _transforms(n: int) -> tuple[Vector, Vector, Vector, Vector]:
    """Float matrices: node values -> Chebyshev coefficients; coefficients -> samples and angular slopes between them;
    and k², as a row."""
    k = np.arange(n)
    nodes = np.pi * (2 * k + 1) / (2 * n)
    coefficients = 2 / n * np.cos(np.outer(k, nodes))
    coefficients[0] /= 2
    angles = np.linspace(0.0, np.pi, SAMPLES + 1)
    middles = (angles[1:] + angles[:-1]) / 2
    return coefficients, np.cos(np.outer(angles, k)), -np.sin(np.outer(middles, k)) * k, (k * k)[None, :].astype(float)


def _plan(network: Network, target: int, x: Floats, baseline: Floats, scale: Vector) -> list[Panel]:
    """Panels that cover [0, 1], each within `TOLERANCE` of the scale per unit of length."""
    panels: list[Panel] = []
    centre, half = np.array([0.5]), np.array([0.5])
    while centre.size:
        radii = half[:, None] * (RHO + 1 / RHO) / 2 * SLACK
        discs = np.repeat(centre, RHO.size)
        bounds = gradient_bounds(network, target, x, baseline, discs, radii.ravel())
        bounds = bounds.reshape(centre.size, RHO.size, network.size)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            excess = np.where(bounds > 0, 5 * bounds / (2 * TOLERANCE * scale), 0.0).max(2) / (1 - 1 / RHO)
            needed = np.log(np.maximum(excess, 1.0)) / np.log(RHO)
        needed = np.where(np.isfinite(needed), needed, math.inf)
        best = needed.argmin(1)
        fewest = needed[np.arange(centre.size), best]
        done = fewest <= NODES[-1]
        for k in np.flatnonzero(done).tolist():
            nodes = int(NODES[np.searchsorted(NODES, fewest[k])])
            bound = bounds[k, best[k]]
            panels.append(Panel(float(centre[k]), float(half[k]), nodes, float(RHO[best[k]]), bound))
        centre, half = centre[~done], half[~done] / 2
        if len(panels) + 2 * centre.size > PANELS:
            raise NoOracle(f"the network is too steep on the segment for {PANELS} panels")
        centre, half = np.concatenate([centre - half, centre + half]), np.concatenate([half, half])
    return panels


def _upper(value: Ball) -> float:
    """A float above the absolute value of a ball."""
    return math.nextafter(float(value.abs_upper()), math.inf) if not value.is_zero() else 0.0


def _enclosure(value: Ball) -> tuple[float, float]:
    """A float near the ball's midpoint and a radius around it that covers the ball."""
    mid = float(value.mid())
    radius = _upper(value - arb(mid))
    if not (math.isfinite(mid) and math.isfinite(radius)):
        raise NoOracle("the attributions are beyond the range of floats")
    return mid, radius


def _variation(panel: Panel, values: Vector, size: Vector, bound: Vector) -> Vector:
    """Upper bounds of the variation on a panel, from the values [nodes, coordinates] at its Chebyshev nodes.

    In the angle, the interpolant q has |q''| <= Σ k²|c_k|: between two samples it is monotone unless its slope in the
    middle is small, and then it varies by no more than half that bound times the squared distance. The values are exact
    to a few ulp of `size`; `bound` is M for each of them.
    """
    nodes = panel.nodes
    transform, sample, slope, squares = _transforms(nodes)
    coefficients = transform @ values
    steps = np.abs(np.diff(sample @ coefficients, axis=0))
    bend = (squares @ np.abs(coefficients)) * SLACK
    width = np.pi / SAMPLES
    noise = ROUNDING * nodes * np.abs(coefficients).sum(0)
    turning = np.abs(slope @ coefficients) <= bend * width / 2 * SLACK + nodes * noise
    measured = np.where(turning, np.maximum(steps, bend * width**2 / 2), steps).sum(0) + 2 * SAMPLES * noise
    total: Vector = measured + 2 * ROUNDING * nodes**3 * size + 8 * bound * panel.weighted_tail
    return total * SLACK


def _points(baseline: Floats, displacement: list[Ball], times: list[Ball]) -> Ball:
    """x' + t d as a matrix with one column per time."""
    count, size = len(times), len(baseline)
    ones = arb_mat(1, count, [1] * count)
    return arb_mat(size, 1, list(baseline)) * ones + arb_mat(size, 1, displacement) * arb_mat(1, count, times)


def _scale(gradient: Vector, distance: Vector, bounds: Vector) -> Vector:
    """What ∂_iF is large against: the largest term of its attribution, and no less than 1/1000 of all attributions.

    A gradient that cancels to (nearly) nothing is measured against a millionth of what it cancels from.
    """
    terms = np.maximum(np.abs(gradient).max(1), bounds * 2.0**-20) * distance
    floor = terms.max() / 1000
    return np.where(distance > 0, np.maximum(terms, floor) / np.where(distance > 0, distance, 1.0), math.inf)


def path_oracle(network: Network, target: int, x: Sequence[float], baseline: Sequence[float]) -> PathOracle:
    """Proved enclosures of the IG of score `target` on the segment from `baseline` to `x`.

    x, baseline: flat points of `network.size` numbers. Raises NoOracle for networks with kinks and for those that are
    too steep for `PANELS` panels.
    """
    if not network.analytic:
        raise NoOracle(f"certified balls need an analytic network, given one with {', '.join(sorted(network.ops))}")
    if len(x) != network.size or len(baseline) != network.size:
        raise NoOracle(f"points need {network.size} numbers, given {len(x)} (x) and {len(baseline)} (baseline)")
    end, start = tuple(float(v) for v in x), tuple(float(v) for v in baseline)
    try:
        with ctx.workprec(PRECISION):
            return _certify(network, target, end, start)
    except NetworkError as error:
        raise NoOracle(str(error)) from None


def _cells(panels: list[Panel]) -> tuple[Vector, Vector]:
    """Centres and half-widths of the panels, each cut into `CUTS`."""
    centres, halves = (np.array([getattr(panel, name) for panel in panels]) for name in ("centre", "half"))
    offsets = (2 * np.arange(CUTS) + 1) / CUTS - 1
    return (centres[:, None] + halves[:, None] * offsets).ravel(), np.repeat(halves / CUTS, CUTS) * SLACK


def _certify(network: Network, target: int, x: Floats, baseline: Floats) -> PathOracle:
    displacement = [arb(a) - arb(b) for a, b in zip(x, baseline, strict=True)]
    distance = np.array([_upper(d) for d in displacement])
    found = ball.evaluate(network, _points(baseline, displacement, [arb(k) / 4 for k in range(5)]))
    scores = found.values[-1]
    probe = np.array([float(g) for g in ball.gradient(network, target, found).entries()]).reshape(network.size, -1)
    whole = gradient_bounds(network, target, x, baseline, np.array([0.5]), np.array([0.0]))[0]
    difference = _enclosure(scores[target, 4] - scores[target, 0])
    panels = _plan(network, target, x, baseline, _scale(probe, distance, whole))

    times: list[Ball] = []
    weights: list[Ball] = []
    for panel in panels:
        nodes, shares = _rule(panel.nodes)
        times += [panel.centre + panel.half * node for node in nodes]
        weights += [panel.half * share for share in shares]
    gradient = ball.gradient(network, target, ball.evaluate(network, _points(baseline, displacement, times)))
    sums = (gradient * arb_mat(len(weights), 1, weights)).entries()
    lost: Vector = np.sum([5 * panel.half * panel.tail * panel.bound for panel in panels], axis=0) * SLACK
    enclosures = [_enclosure(d * (s + arb(0, e))) for d, s, e in zip(displacement, sums, lost.tolist(), strict=True)]

    levels = np.array([float(g) for g in gradient.entries()]).reshape(network.size, -1).T
    sizes = np.column_stack([np.abs(levels), np.abs(levels) @ distance])
    levels = np.column_stack([levels, levels @ np.array([float(d) for d in displacement])])
    variation, at = np.zeros(network.size + 1), 0
    for panel in panels:
        rows = slice(at, at + panel.nodes)
        bound = np.append(panel.bound, panel.bound @ distance)
        variation += _variation(panel, levels[rows], sizes[rows].max(0), bound)
        at += panel.nodes

    cells = _cells(panels)

    def rounding(eps: float, n_steps: int) -> Floats:
        return smooth_rounding(network, target, x, baseline, eps, n_steps, cells)

    return PathOracle(
        mid=tuple(mid for mid, _ in enclosures),
        radius=tuple(radius for _, radius in enclosures),
        difference=difference,
        displacement=tuple(float(d) for d in displacement),
        variation=tuple(variation[:-1].tolist()),
        rounding=rounding,
        how=f"certified enclosure, {len(panels)} panels of balls",
        score_variation=float(variation[-1]),
    )
