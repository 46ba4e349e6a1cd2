"""What is a named rule's own sum of gradients on a network, and how far off may a computation of it be?

Against the rule's own sum there is no quadrature error, only rounding: of the code under test, of the sum here, which is
made in float64, and of gates whose argument at a node is within rounding of zero, which either may take on either side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ig_props.networks.lowering import Elementwise, Maximum, Vector, lower
from ig_props.networks.network import Network
from ig_props.networks.torch_ import TorchNetwork
from ig_props.oracles.kinks import SLACK, Gates, moved
from ig_props.oracles.oracle import NoOracle
from ig_props.oracles.rounding import preactivation_errors, smooth_rounding
from ig_props.quadrature import Rule

DOUBLE = 2.0**-52
KINKED = ("relu", "leaky_relu", "abs")


@dataclass(frozen=True, eq=False)
class RuleSum:
    """Σ_l w_l ∂_iF(x' + t_l (x - x')) (x_i - x'_i) for every coordinate, and the bound of what rounding may change."""

    mid: Vector
    rounding: Vector


@lru_cache(maxsize=8)
def _module(network: Network) -> TorchNetwork:
    return TorchNetwork(network, torch.float64)


def _evaluated(network: Network, points: Tensor, target: int) -> tuple[list[Vector], Vector]:
    """Every value at every point, flat, and the gradients there."""
    module = _module(network)
    points = points.requires_grad_(True)
    values = [points]
    with torch.enable_grad():
        for operands, layer in zip(module.operands, module.layers, strict=True):
            values.append(layer(*(values[i] for i in operands)))
        (gradient,) = torch.autograd.grad(values[-1][:, target].sum(), points)
    count = len(points)
    return [v.detach().reshape(count, -1).numpy() for v in values], gradient.reshape(count, -1).numpy()


Gate = tuple[int, int, int, int]
Mask = NDArray[np.bool_]


def _rectified(step: Elementwise, k: int, operand: Vector, errors: Vector) -> list[tuple[Gate, int]]:
    """Gates whose side rounding decides, and the nodes at which it does."""
    if step.name not in KINKED:
        return []
    return [((k, e, e, -1), int(n)) for n, e in np.argwhere(np.abs(operand) <= errors).tolist()]


def _maximal(step: Maximum, k: int, operand: Vector, errors: Vector, closed: Mask) -> list[tuple[Gate, int]]:
    """As `_rectified`, each gate being two operands of a maximum; which of two closed rectifiers it is does not matter."""
    window, error = operand[:, step.groups], errors[step.groups]
    top = window.argmax(-1)[..., None]

    def at_top(values: NDArray[Any]) -> NDArray[Any]:
        return np.take_along_axis(np.broadcast_to(values, window.shape), top, -1)

    dead = closed[:, step.groups]
    close = (at_top(window) - window <= error + at_top(error)) & ~(dead & at_top(dead))
    np.put_along_axis(close, top, False, -1)
    found = []
    for n, group, place in np.argwhere(close).tolist():
        first = int(step.groups[group, top[n, group, 0]])
        found.append(((k, group, first, int(step.groups[group, place])), n))
    return found


def _near(network: Network, values: Sequence[Vector], errors: Sequence[Vector]) -> list[tuple[Gate, int]]:
    steps = lower(network)
    found = []
    for k, step in enumerate(steps):
        operand = np.concatenate([values[i] for i in step.operands], axis=1)
        if isinstance(step, Elementwise):
            found += _rectified(step, k, operand, errors[k])
        elif isinstance(step, Maximum):
            closed = []
            for i in step.operands:
                source = steps[i - 1] if i else None
                if isinstance(source, Elementwise) and source.name == "relu":
                    closed.append(values[source.operands[0]] < -errors[i - 1])
                else:
                    closed.append(np.zeros(values[i].shape, dtype=bool))
            found += _maximal(step, k, operand, errors[k], np.concatenate(closed, axis=1))
    return found


def rule_sum(
    network: Network, target: int, x: Sequence[float], baseline: Sequence[float], rule: Rule, eps: float
) -> RuleSum:
    """A rule's sum on the segment from `baseline` to `x` and the rounding of a computation with machine epsilon `eps`.

    Raises NoOracle for models without a description.
    """
    if network.unknown:
        raise NoOracle(network.unknown)
    start, distance = np.array(baseline), np.array(x) - np.array(baseline)
    nodes, weights = np.array(rule.nodes), np.array(rule.weights)
    points = start + nodes[:, None] * distance
    values, gradients = _evaluated(network, torch.from_numpy(points).reshape(-1, *network.input_shape), target)
    both = zip(*(preactivation_errors(network, x, baseline, e) for e in (eps, DOUBLE)), strict=True)
    near: dict[Gate, float] = {}
    for gate, n in _near(network, values, [np.add(*errors) for errors in both]):
        near[gate] = near.get(gate, 0.0) + abs(float(weights[n]))
    turned = moved(network, target, Gates.of(list(near)), np.array(list(near.values())))
    smooth = [np.array(smooth_rounding(network, target, x, baseline, e, len(nodes))) for e in (eps, DOUBLE)]
    return RuleSum(weights @ gradients * distance, (smooth[0] + smooth[1] + np.abs(distance) * turned) * SLACK)
