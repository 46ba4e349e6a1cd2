"""What are the exact layer integrals of a piecewise-linear network, and how far may a layer method be from them?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
from flint import fmpq
from numpy.typing import NDArray

from ig_props.networks.exact import ZERO, Piece, State, Vector, gradient, rational, restrict, states_at
from ig_props.networks.lowering import Concat, Elementwise, Linear, Maximum, lower
from ig_props.networks.network import Network, NetworkError, Node
from ig_props.oracles.exact import SLACK, Windows, to_float
from ig_props.oracles.oracle import Floats, NoOracle
from ig_props.quadrature import VARIATION_CONSTANT

Vector64 = NDArray[np.float64]


@dataclass(frozen=True)
class LayerOracle:
    """The layer integral (or layer IG) of every unit, with what bounds another's error.

    mid, radius: the value of unit k lies in [mid_k - radius_k, mid_k + radius_k], in the unit of the score.
    variation: of ∂_k s along the path, values at kinks counted. speed: max |dh_k/dt|. swings: gives max |∂_k s| times the
    variation of dh_k/dt. slope, reach: bounds of |∂_k s| and |h_k|. cut: whether the score depends on the input only through
    the layer. windows: kink windows of the path.
    """

    mid: Floats
    radius: Floats
    variation: Floats
    speed: Floats
    slope: Floats
    reach: Floats
    difference: float
    cut: bool
    operations: int
    ties: bool
    window: tuple[Windows, Floats, Floats]
    swings: Callable[[], Floats]

    def quadrature(self, n_steps: int, constant: float = VARIATION_CONSTANT) -> Vector64:
        """`RS.bounded_variation`: sums with tags in cells no longer than c/n are off by at most V(f) max|α'| c/n."""
        bound: Vector64 = np.array(self.variation) * np.array(self.speed) * constant / n_steps
        return bound

    def moving(self, n_steps: int, constant: float) -> Vector64:
        """`QUAD.variation_bound` for rules that integrate ∂_k s dh_k/dt over t: V(f α') is at most V(f) max|α'| +
        max|f| V(α')."""
        bound: Vector64 = self.quadrature(n_steps, constant) + np.array(self.swings()) * constant / n_steps
        return bound

    def rounding(self, eps: float, n_steps: int) -> Vector64:
        """Rounding of sums of n products of slopes and increments, and of kinks that rounding moves."""
        windows, x, baseline = self.window
        measure, lost = windows.measure(x, baseline, eps)
        slope, reach, speed = (np.array(v) for v in (self.slope, self.reach, self.speed))
        own = eps * (2 * n_steps + 2 * self.operations + 16) * slope * reach
        kinks = 2.0 * slope * speed * (2.0 * measure + lost * VARIATION_CONSTANT / n_steps)
        bound: Vector64 = (own + kinks) * SLACK
        return bound


def is_cut(network: Network, layer: int) -> bool:
    """Whether every route from the input to the scores passes through value `layer`."""
    reaches = {0}
    for k, node in enumerate(network.nodes, start=1):
        if k != layer and reaches.intersection(node.operands):
            reaches.add(k)
    return len(network.nodes) not in reaches


def head(network: Network, layer: int) -> Network:
    """The part of the network after a cut, on the flattened value; raises NetworkError when it still needs the input."""
    if not is_cut(network, layer):
        raise NetworkError(f"value {layer} is not a cut: the score depends on the input around it")
    needed: list[int] = []
    wanted = {len(network.nodes)}
    for k in range(len(network.nodes), layer, -1):
        if k in wanted:
            needed.append(k)
            wanted |= set(network.nodes[k - 1].operands)
    numbers = {layer: 0}
    nodes = []
    for k in sorted(needed):
        node = network.nodes[k - 1]
        nodes.append(Node(node.op, tuple(numbers[i] for i in node.operands)))
        numbers[k] = len(nodes)
    return Network(network.shapes[layer], tuple(nodes))


def magnitudes(network: Network, x: Sequence[float], baseline: Sequence[float]) -> list[Vector64]:
    """Bounds of the sums of absolute terms behind every value on the segment."""
    values = [np.maximum(np.abs(np.array(x)), np.abs(np.array(baseline)))]
    for step in lower(network):
        operands = [values[i] for i in step.operands]
        joined = np.concatenate(operands)
        if isinstance(step, Linear):
            values.append(np.abs(step.weight) @ joined / step.denominator + np.abs(step.bias))
        elif isinstance(step, Elementwise):
            values.append(joined * max(1.0, abs(step.slope)))
        elif isinstance(step, Maximum):
            values.append(joined[step.groups].max(1))
        elif isinstance(step, Concat):
            values.append(joined)
        else:
            values.append(operands[0] + operands[1])
    return values


def steepest(network: Network, target: int, layer: int) -> Vector64:
    """Bounds of |∂_k s| for every entry of a value over all kink states."""
    steps = lower(network)
    sizes = [network.size, *(s.size for s in steps)]
    adjoints = [np.zeros(n) for n in sizes]
    adjoints[-1][target] = 1.0
    for k in range(len(steps) - 1, layer - 1, -1):
        step, a = steps[k], adjoints[k + 1]
        if isinstance(step, Linear):
            passed = np.abs(step.weight).T @ a / step.denominator
        elif isinstance(step, Elementwise):
            passed = a * max(1.0, abs(step.slope))
        elif isinstance(step, Maximum):
            passed = np.zeros(sum(sizes[i] for i in step.operands))
            for column in step.groups.T:
                np.add.at(passed, column, a)
        elif isinstance(step, Concat):
            passed = a
        else:
            passed = np.concatenate([a, a])
        at = 0
        for i in step.operands:
            adjoints[i] = adjoints[i] + passed[at : at + sizes[i]]
            at += sizes[i]
    return adjoints[layer]


def operations(network: Network) -> int:
    """Roundings along one route through the network."""
    return sum(step.fan_in + 2 if isinstance(step, Linear) else 2 for step in lower(network))


@lru_cache(maxsize=256)
def layer_oracle(
    network: Network,
    target: int,
    x: tuple[float, ...],
    baseline: tuple[float, ...],
    layer: int,
    straight: bool,
    rectified: bool = False,
) -> LayerOracle:
    """Exact layer integral along the layer's own trajectory, or layer IG on its straight line when `straight`.

    With `rectified` the gradient's positive part is integrated (`RSI.grad_cam_definition`). Raises NoOracle for networks
    that are not piecewise linear, and for straight lines at layers that are not a cut.
    """
    try:
        whole = restrict(network, x, baseline)
        inner, pieces, at = network, whole, layer
        if straight:
            inner, at = head(network, layer), 0
            ends = [p.forms[layer].at(t) for p, t in ((whole[0], ZERO), (whole[-1], fmpq(1)))]
            start, end = (tuple(to_float(v) for v in values) for values in ends)
            if any(
                rational(f) != v for fs, vs in ((start, ends[0]), (end, ends[1])) for f, v in zip(fs, vs, strict=True)
            ):
                raise NetworkError("the layer's values are not floats")
            pieces = restrict(inner, end, start)
    except NetworkError as error:
        raise NoOracle(str(error)) from None
    size = lower(network)[layer - 1].size
    low, high, speed = [ZERO] * size, [ZERO] * size, [ZERO] * size
    lows: list[Vector] = []
    highs: list[Vector] = []
    ties = False
    for piece in pieces:
        _record(inner, target, piece, piece.start, at, lows, highs, rectified)
        bottom, top = _gradient(inner, piece.states, target, at, rectified)
        lows.append(bottom)
        highs.append(top)
        ties = ties or bottom != top
        rates = piece.forms[at].slope
        for k, rate in enumerate(rates):
            speed[k] = max(speed[k], abs(rate))
            products = (bottom[k] * rate, top[k] * rate)
            low[k] += min(products) * (piece.end - piece.start)
            high[k] += max(products) * (piece.end - piece.start)
    _record(inner, target, pieces[-1], fmpq(1), at, lows, highs, rectified)
    scores = [p.forms[-1].at(t)[target] for p, t in ((whole[-1], fmpq(1)), (whole[0], ZERO))]
    reach = magnitudes(network, x, baseline)[layer]

    def swings() -> Floats:
        largest = np.array([to_float(max(abs(v[k]) for v in (*lows, *highs))) for k in range(size)])
        turns = np.array([to_float(v) for v in _turns(pieces, at)]) + _odd_nodes(inner, pieces, at) * reach
        return tuple((largest * turns * SLACK).tolist())

    mids = [to_float((a + b) / 2) for a, b in zip(low, high, strict=True)]
    halves = [to_float((b - a) / 2) for a, b in zip(low, high, strict=True)]
    return LayerOracle(
        mid=tuple(mids),
        radius=tuple((h + abs(m) * 2.0**-52) * SLACK for h, m in zip(halves, mids, strict=True)),
        variation=tuple(to_float(max(_total(lows, k), _total(highs, k))) * SLACK for k in range(size)),
        speed=tuple(to_float(v) for v in speed),
        slope=tuple(steepest(network, target, layer).tolist()),
        reach=tuple(reach.tolist()),
        difference=to_float(scores[0] - scores[1]),
        cut=is_cut(network, layer),
        operations=operations(network),
        ties=ties,
        window=(Windows(network, whole), tuple(x), tuple(baseline)),
        swings=swings,
    )


def _gradient(
    network: Network, states: Sequence[State], target: int, at: int, rectified: bool
) -> tuple[Vector, Vector]:
    bottom, top = gradient(network, states, target, at)
    return ([max(v, ZERO) for v in bottom], [max(v, ZERO) for v in top]) if rectified else (bottom, top)


def _record(
    network: Network,
    target: int,
    piece: Piece,
    t: fmpq,
    at: int,
    lows: list[Vector],
    highs: list[Vector],
    rectified: bool,
) -> None:
    bottom, top = _gradient(network, states_at(network, piece, t), target, at, rectified)
    lows.append(bottom)
    highs.append(top)


def _turns(pieces: Sequence[Piece], at: int) -> Vector:
    """Variation of the velocity of a value over the pieces, entry by entry."""
    rates = [piece.forms[at].slope for piece in pieces]
    return [sum((abs(b[k] - a[k]) for a, b in pairwise(rates)), ZERO) for k in range(len(rates[0]))]


def _odd_nodes(network: Network, pieces: Sequence[Piece], at: int) -> float:
    """What the velocity of a value may vary besides, in bounds of the value: at a node on a kink, where automatic
    differentiation may take a slope that is not between those on both sides (more than one gate turns, or one turns back).

    A velocity is at most twice its value's bound, whatever the slopes, and turns there twice.
    """
    gates = [piece.states[:at] for piece in pieces]
    edges = [(gates[0], gates[0], ZERO, pieces[0]), (gates[-1], gates[-1], fmpq(1), pieces[-1])]
    edges += [(a, b, piece.start, piece) for a, b, piece in zip(gates[:-1], gates[1:], pieces[1:], strict=True)]
    found = 0
    for left, right, t, piece in edges:
        there = states_at(network, piece, t)[:at]
        open_ = [
            (own, sides)
            for a, own_, b in zip(left, there, right, strict=True)
            if own_ is not None and a is not None and b is not None
            for own, *sides in zip(own_, a, b, strict=True)
            if not own == sides[0] == sides[1]
        ]
        found += len(open_) > 1 or any(sides[0] == sides[1] for _, sides in open_)
    return 8.0 * found


def _total(levels: list[Vector], k: int) -> fmpq:
    return sum((abs(b[k] - a[k]) for a, b in zip(levels[:-1], levels[1:], strict=True)), ZERO)
