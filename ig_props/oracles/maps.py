"""What is the exact heat map of a piecewise-linear network, and how far may a method of the Grad-CAM family be from it?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ig_props.networks.exact import ZERO, Piece, State, gradient, operand, restrict
from ig_props.networks.lowering import Elementwise, Maximum, lower
from ig_props.networks.network import Network, NetworkError
from ig_props.oracles.exact import SLACK, to_float
from ig_props.oracles.layers import layer_oracle, magnitudes, operations, steepest
from ig_props.oracles.oracle import NoOracle

Array = NDArray[np.float64]
PLUS_PLUS, POSITIVE = "grad-cam++", "grad-cam-positive"
RECTIFIED, SIGNED = "rsi-grad-cam", "rsi-grad-cam-signed"
"""Kinds of maps whose weights are not Grad-CAM's."""
OWN = 2.0**-52
"""This module's own arithmetic is double precision and counts as one more rounding of that precision."""


@dataclass(frozen=True, eq=False)
class Weights:
    """Channel weights [C] within [low, high], another `quadrature` apart for rules that sample the path."""

    low: Array
    high: Array
    quadrature: Array


@dataclass(frozen=True, eq=False)
class Map:
    """Raw map [H·W] within [low, high], roundings counted, and what sampling the path may add."""

    low: Array
    high: Array
    quadrature: Array


@dataclass(frozen=True)
class Point:
    """What a map is made of: the layer's values [C, P], bounds of their sizes and of the gradient's, and roundings."""

    values: Array
    sizes: Array
    steepest: Array
    operations: int
    piece: Piece


@lru_cache(maxsize=256)
def _point(network: Network, target: int, x: tuple[float, ...], layer: int) -> Point:
    try:
        (piece,) = restrict(network, x, x)
    except NetworkError as error:
        raise NoOracle(str(error)) from None
    channels = network.shapes[layer][0]
    values = np.array([to_float(v) for v in piece.forms[layer].constant]).reshape(channels, -1)
    return Point(
        values,
        magnitudes(network, x, x)[layer].reshape(channels, -1),
        steepest(network, target, layer).reshape(channels, -1),
        operations(network),
        piece,
    )


def _states(network: Network, x: Sequence[float], piece: Piece, eps: float) -> list[State]:
    """The gates' states at a point; a gate that rounding may turn is open, as one that is tied."""
    sizes, roundings = magnitudes(network, x, x), operations(network) + 4
    states: list[State] = []
    for step, state in zip(lower(network), piece.states, strict=True):
        if state is None:
            states.append(None)
            continue
        values = [to_float(v) for v in operand(step, piece.forms).at(ZERO)]
        limits = (eps * roundings * np.concatenate([sizes[i] for i in step.operands])).tolist()
        if isinstance(step, Elementwise):
            states.append([0 if abs(v) <= r else (1 if v > 0 else -1) for v, r in zip(values, limits, strict=True)])
            continue
        assert isinstance(step, Maximum)
        chosen = []
        for group in step.groups.tolist():
            floor = max(values[i] - limits[i] for i in group)
            chosen.append(tuple(i for i in group if values[i] + limits[i] >= floor))
        states.append(chosen)
    return states


def _hull(network: Network, target: int, x: tuple[float, ...], layer: int, point: Point, eps: float) -> list[Array]:
    """Lowest and highest gradient [C, P] that a computation in a precision may see."""
    ends = gradient(network, _states(network, x, point.piece, eps), target, layer)
    low, high = (np.array([to_float(v) for v in end]).reshape(point.values.shape) for end in ends)
    error = (eps + OWN) * (point.operations + 2) * point.steepest
    return [low - error, high + error]


def _mean(low: Array, high: Array, eps: float) -> Weights:
    pixels = low.shape[1]
    error = (eps + OWN) * (pixels + 4) * np.maximum(np.abs(low), np.abs(high)).mean(1)
    return Weights(low.mean(1) - error, high.mean(1) + error, np.zeros(low.shape[0]))


def _plus_plus(low: Array, high: Array, point: Point, eps: float) -> Weights:
    """Σ g/(2 + g ΣA) over positive g; without bounds where the denominator may vanish (`CAM.plus_plus_pole`)."""
    pixels = low.shape[1]
    total = point.values.sum(1, keepdims=True)
    loose = (eps + OWN) * (point.operations + pixels + 4) * point.sizes.sum(1, keepdims=True)
    g = np.maximum(low, 0.0), np.maximum(high, 0.0)
    s = total - loose, total + loose
    corners = np.stack([2.0 + a * b for a in g for b in s])
    unbounded = (corners.min(0) <= 0.0) & (corners.max(0) >= 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        bottom, top = g[0] / (2.0 + g[0] * s[1]), g[1] / (2.0 + g[1] * s[0])
        reach = 2.0 + g[1] * np.maximum(np.abs(s[0]), np.abs(s[1]))
        # eight roundings from powers of g to the quotient, amplified where the denominator's terms cancel
        error = 8 * (eps + OWN) * reach / np.abs(corners).min(0) * np.maximum(np.abs(bottom), np.abs(top))
    bottom = np.where(unbounded, -np.inf, bottom - error)
    top = np.where(unbounded, np.inf, top + error)
    sums = (eps + OWN) * (pixels + 2) * np.maximum(np.abs(bottom), np.abs(top)).sum(1)
    return Weights(bottom.sum(1) - sums, top.sum(1) + sums, np.zeros(low.shape[0]))


def _along(
    network: Network, target: int, x: tuple[float, ...], start: tuple[float, ...], layer: int, kind: str, n: int,
    constant: float, eps: float,
) -> Weights:  # fmt: skip
    """mean_ij ∫ (∂y/∂A)[₊] dA along the path (`RSI.grad_cam_definition`), by `RS.bounded_variation` for any tags."""
    known = layer_oracle(network, target, x, start, layer, False, kind == RECTIFIED)
    channels = network.shapes[layer][0]
    mid, radius, off, error = (
        np.array(v).reshape(channels, -1)
        for v in (known.mid, known.radius, known.quadrature(n, constant), known.rounding(eps, n))
    )
    pixels = mid.shape[1]
    error = error.mean(1) + (eps + OWN) * (pixels + 4) * (np.array(known.slope) * known.reach).reshape(
        channels, -1
    ).mean(1)
    return Weights((mid - radius).mean(1) - error, (mid + radius).mean(1) + error, off.mean(1))


def raw_map(
    network: Network,
    target: int,
    x: tuple[float, ...],
    baseline: tuple[float, ...],
    layer: int,
    kind: str,
    n_steps: int,
    constant: float,
    eps: float,
) -> Map:
    """relu(Σ_k w_k A^k) with the weights of the kind, as any computation in a precision may give it.

    Raises NoOracle for networks that are not piecewise linear and where a weight of Grad-CAM++ has no bound.
    """
    point = _point(network, target, x, layer)
    if kind in (RECTIFIED, SIGNED):
        weights = _along(network, target, x, baseline, layer, kind, n_steps, constant, eps)
    else:
        low, high = _hull(network, target, x, layer, point, eps)
        if kind == PLUS_PLUS:
            weights = _plus_plus(low, high, point, eps)
        elif kind == POSITIVE:
            weights = _mean(np.maximum(low, 0.0), np.maximum(high, 0.0), eps)
        else:
            weights = _mean(low, high, eps)
    if not (np.isfinite(weights.low).all() and np.isfinite(weights.high).all()):
        raise NoOracle("a weight of Grad-CAM++ is at its pole")
    values = point.values
    ends = [weights.low[:, None] * values, weights.high[:, None] * values]
    size = np.maximum(np.abs(weights.low), np.abs(weights.high)) + weights.quadrature
    channels = len(size)
    error = (eps + OWN) * (point.operations + channels + 4) * (size[:, None] * point.sizes).sum(0) * SLACK
    low, high = np.minimum(*ends).sum(0) - error, np.maximum(*ends).sum(0) + error
    return Map(
        np.maximum(low, 0.0), np.maximum(high, 0.0), (weights.quadrature[:, None] * np.abs(values)).sum(0) * SLACK
    )


def positive_sums(network: Network, target: int, x: tuple[float, ...], layer: int) -> tuple[Array, float] | None:
    """relu(Σ_k (Σ_ij g₊) A^k) [P] and ε = max |g ΣA| (`CAM.plus_plus_bound`); None where an activation is negative or
    a gate is tied."""
    point = _point(network, target, x, layer)
    low, high = _hull(network, target, x, layer, point, 0.0)
    slack = OWN * (point.operations + 2) * point.steepest
    if (point.values < 0.0).any() or (high - low > 2.0 * slack).any():
        return None
    g = (low + high) / 2
    plus: Array = (np.maximum(g, 0.0).sum(1)[:, None] * point.values).sum(0)
    return np.maximum(plus, 0.0), float(np.abs(high * point.values.sum(1, keepdims=True)).max() * SLACK)
