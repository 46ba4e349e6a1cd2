"""Does a method put divided differences over cells in place of derivatives (`SECANT.completeness`)?

The bounds for nodes inside cells say nothing of such a rule where nonlinear units follow one another: there its multipliers
are products of averages, and not the average of a product. With one nonlinear unit on every way from the straight path to
the score they are averages of the gradient over the cell, and the bounds hold of them too.
"""

from __future__ import annotations

from collections import deque
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ig_props.attributors.protocol import Attributor, Kind, drawn_dtypes
from ig_props.checking.answers import answer
from ig_props.checking.calling import ForeignError, Malformed
from ig_props.claims.case import Case, Situation
from ig_props.diagnosis import SAME
from ig_props.networks.network import Add, Affine, AvgPool2d, Concat, Conv2d, Flatten, Network, Node, Relu

STRAIGHT = (Affine, Conv2d, AvgPool2d, Add, Concat, Flatten)
GRID = 256
FIRST, SECOND = 102 / GRID, 103 / GRID
"""Where along the probe's path its two rectifiers in series turn: within one cell of nearly every grid."""
LEAN, SCALE = 1 / 64, 4.0
SHIFT = SCALE * (SECOND - FIRST) - LEAN * SECOND
PROBES = 3
"""Numbers of steps at which a rule's answers must be those of the cell-secant rule."""


def bends_in_series(network: Network, start: int = 0) -> bool:
    """Whether two nonlinear nodes follow one another behind value `start`."""
    depth = [0] * (len(network.nodes) + 1)
    for k, node in enumerate(network.nodes, start=1):
        depth[k] = max(depth[i] for i in node.operands) + (not isinstance(node.op, STRAIGHT))
        if k == start:
            depth[k] = 0
    return depth[-1] > 1


def _probe() -> Network:
    """relu(relu(4 x0 - 4 FIRST) - x1/64 - SHIFT), whose outer rectifier opens at SECOND on the diagonal from 0 to (1, 1)."""
    return Network(
        (2,),
        (
            Node(Affine(((1.0, 0.0), (0.0, 1.0)), (0.0, 0.0)), (0,)),
            Node(Affine(((SCALE, 0.0), (0.0, 1.0)), (-SCALE * FIRST, 0.0)), (1,)),
            Node(Relu(), (2,)),
            Node(Affine(((1.0, -LEAN),), (-SHIFT,)), (3,)),
            Node(Relu(), (4,)),
            Node(Affine(((1.0,),), (0.0,)), (5,)),
        ),
    )


def _slope(before: float, after: float) -> float:
    """The divided difference of relu over [before, after]."""
    return (max(after, 0.0) - max(before, 0.0)) / (after - before)


def _reference(n: int) -> NDArray[np.float64]:
    """The cell-secant rule's two attributions on the probe, with n equal cells."""
    inner = [SCALE * (k / n - FIRST) for k in range(n + 1)]
    outer = [max(u, 0.0) - LEAN * k / n - SHIFT for k, u in enumerate(inner)]
    found = np.zeros(2)
    for (u, w), (v, z) in zip(pairwise(inner), pairwise(outer), strict=True):
        found += _slope(v, z) * np.array([SCALE * _slope(u, w), -LEAN]) / n
    return found


def _measured(attributor: Attributor) -> bool:
    traits = attributor.traits
    dtype = drawn_dtypes(traits)[0]
    if not traits.has_steps or dtype not in SAME:
        return False
    network = _probe()
    together = [n for n in traits.steps[: 4 * PROBES] if int(n * FIRST) == int(n * SECOND)]
    for n in together[:PROBES]:
        layer = 1 if traits.kind.needs_layer else None
        case = Case(network, ((1.0, 1.0),), ((0.0, 0.0),), (0,), n, Situation(dtype=dtype), layer)
        try:
            values = answer(attributor, case)
        except (ForeignError, Malformed):
            return False
        if values.shape != (1, 2) or not (np.abs(values[0] - _reference(n)) <= SAME[dtype]).all():
            return False
    return True


_known: deque[tuple[Attributor, bool]] = deque(maxlen=16)


def is_secant(attributor: Attributor) -> bool:
    """Whether a method with n_steps is the cell-secant rule on n equal cells, as a probe shows; measured once."""
    for known, value in _known:
        if known is attributor:
            return value
    _known.append((attributor, _measured(attributor)))
    return _known[-1][1]


def beyond_bounds(attributor: Attributor, case: Case) -> bool:
    """Whether the bounds for nodes inside cells say nothing of a method's answer to a case."""
    straight = case.layer if attributor.traits.kind is Kind.LAYER_IG and case.layer is not None else 0
    networks = [n for n in (case.network, case.other) if n is not None]
    return any(bends_in_series(n, straight) for n in networks) and is_secant(attributor)
