"""What is wrong with a black box? Moment probes recover its weights, nodes and habits and say so in sentences.

The model z^(k+1) from 0 to 1 makes any fixed-node rule return (k + 1) Σ w_l t_l^k (`QUAD.moments`), relu(z - s) the
weight beyond s; affine models, targets and batches with distinct values show what was mixed up.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from ig_props.attributors.protocol import Attributor, drawn_dtypes
from ig_props.checking.calling import ForeignError, Malformed, attributions
from ig_props.claims.case import Case, Situation
from ig_props.networks.network import Add, Affine, Network, Node, Product, Relu
from ig_props.quadrature import RULES

GRID = 64
LEAST_STEPS = 10
"""A method that does not take n_steps is held to what a rule with ten nodes achieves."""
DOUBLE, SINGLE = 2.0**-40, 2.0**-18
"""Probes are small sums: what differs by less is the same number in float64, or up to float32 rounding."""
SAME = {"float64": DOUBLE, "float32": 4.0 * SINGLE}
"""The same for probes with divided differences, whose numerators are up to 2.4 and denominators at least 0.1, times 4."""


def _affine(rows: Sequence[Sequence[float]]) -> Network:
    weight = tuple(tuple(map(float, row)) for row in rows)
    return Network((len(weight[0]),), (Node(Affine(weight, (0.0,) * len(weight)), (0,)),))


def _power(degree: int) -> Network:
    nodes = [Node(Affine(((1.0,),), (0.0,)), (0,))]
    for k in range(1, degree):
        nodes.append(Node(Product(), (k, 1)))
    return Network((1,), tuple(nodes))


class Probe:
    """Calls an attributor on tiny cases, with at least n steps; a call that raises or answers nonsense gives None."""

    def __init__(self, attributor: Attributor) -> None:
        self.attributor = attributor

    def __call__(
        self,
        network: Network,
        inputs: Sequence[Sequence[float]],
        baselines: Sequence[Sequence[float]],
        targets: Sequence[int] = (0,),
        n: int = 20,
        dtype: str | None = None,
    ) -> np.ndarray | None:
        points = [tuple(tuple(map(float, row)) for row in rows) for rows in (inputs, baselines)]
        situation = Situation(dtype=dtype or drawn_dtypes(self.attributor.traits)[0])
        steps = self.attributor.traits.fitting(n)
        case = Case(network, points[0], points[1], tuple(targets), steps, situation)
        try:
            return attributions(self.attributor, case)
        except (ForeignError, Malformed):
            return None

    def number(self, network: Network, x: float = 1.0, b: float = 0.0, n: int = 20, dtype: str | None = None) -> float:
        """The one attribution of a one-dimensional network, NaN when there is none."""
        values = self(network, ((x,),), ((b,),), n=n, dtype=dtype)
        return math.nan if values is None else float(values[0, 0])


FORMS: tuple[tuple[str, Callable[[int], float]], ...] = (
    ("1 - 1/n", lambda n: 1 - 1 / n),
    ("1 + 1/n", lambda n: 1 + 1 / n),
    ("1 - 2/n", lambda n: 1 - 2 / n),
    ("1 - 1/(2n)", lambda n: 1 - 1 / (2 * n)),
    ("1 + 1/(2n)", lambda n: 1 + 1 / (2 * n)),
    ("n/(n + 1)", lambda n: n / (n + 1)),
    ("n/(n - 1)", lambda n: n / (n - 1)),
    ("1 - 2/(3n)", lambda n: 1 - 2 / (3 * n)),
    ("n", lambda n: float(n)),
    ("n - 1", lambda n: n - 1.0),
    ("n + 1", lambda n: n + 1.0),
    ("1/n", lambda n: 1 / n),
    ("1/2", lambda n: 0.5),
    ("2", lambda n: 2.0),
    ("0", lambda n: 0.0),
    ("-1", lambda n: -1.0),
)


def _near(a: float, b: float, tolerance: float = DOUBLE) -> bool:
    return abs(a - b) <= tolerance * max(1.0, abs(b))


def _weights(probe: Probe, steps: Sequence[int]) -> list[str]:
    sums = {n: probe.number(_power(1), n=n) for n in steps}
    known = {n: s for n, s in sums.items() if math.isfinite(s)}
    if not known:
        return ["no number comes back even for F = x0 from 0 to 1"]
    if all(_near(s, 1.0) for s in known.values()):
        return []
    single = drawn_dtypes(probe.attributor.traits)[0] != "float64"
    if single and all(_near(s, 1.0, SINGLE) for s in known.values()):
        return []
    # what is most wrong is shown first
    worst_first = sorted(known.items(), key=lambda item: (-abs(item[1] - 1.0), item[0]))
    shown = ", ".join(f"{s:.6g} at n_steps = {n}" for n, s in worst_first[:3])
    if all(_near(s, 1.0, SINGLE) for s in known.values()):
        worst = max(abs(s - 1.0) for s in known.values())
        return [f"weights sum to 1 only up to {worst:.1e}: float32 step sizes or gradients in a float64 model"]
    for text, form in FORMS:
        if all(n > 1 and _near(s, form(n), SINGLE) for n, s in known.items()):
            return [f"weights sum to {text} instead of 1 ({shown})"]
    return [f"weights do not sum to 1 ({shown})"]


def _moments(probe: Probe, n: int, count: int = 7) -> list[float]:
    return [probe.number(_power(k + 1), n=n) / (k + 1) for k in range(count)]


def _rule(probe: Probe, n: int) -> list[str]:
    moments = _moments(probe, n)
    total = moments[0]
    if not all(map(math.isfinite, moments)) or abs(total) < SINGLE:
        return []
    relative = [m / total for m in moments]
    if all(_near(m, 0.0) for m in relative[1:]):
        return ["the gradient is taken at the baseline alone"]
    if all(_near(m, 1.0) for m in relative[1:]):
        return ["the gradient is taken at the input alone"]
    matches = []
    for name, rule in RULES.items():
        for nodes, count in ((n, "n_steps"), (n + 1, "n_steps + 1"), (n - 1, "n_steps - 1")):
            try:
                made = rule(nodes)
            except ValueError:
                continue
            powers = [sum(w * t**k for t, w in zip(made.nodes, made.weights, strict=True)) for k in range(len(moments))]
            distance = max(abs(m - p) for m, p in zip(relative, powers, strict=True))
            matches.append(
                (distance, f"relative to their sum, nodes and weights are the {name} rule's with {count} nodes")
            )
    distance, sentence = min(matches)
    if distance <= SINGLE:
        return [sentence]
    return (
        _path_of_nodes(probe, probe.attributor.traits.fitting(max(n, 50))) if probe.attributor.traits.has_steps else []
    )


def _path_of_nodes(probe: Probe, n: int) -> list[str]:
    """What the moments of many nodes say of a rule that is none of the known ones."""
    moments = _moments(probe, n)
    if not all(map(math.isfinite, moments)) or abs(moments[0]) < SINGLE:
        return []
    relative = [m / moments[0] for m in moments]
    mean = relative[1]
    spread = relative[2] - mean * mean
    if abs(mean - 0.5) > 1 / n:
        return [
            f"the mean node is {mean:.4g} instead of 1/2 (second moment {relative[2]:.4g}, 1/3 is right): nodes and weights "
            "do not follow the straight path at constant speed"
        ]
    if spread < 1 / 12 - 1 / n:
        return [f"the nodes keep to the middle of the path (variance {spread:.4g} instead of 1/12)"]
    if any(abs(m - 1 / (k + 1)) > 2 / n for k, m in enumerate(relative)):
        return ["the moments of the nodes are not those of the straight path"]
    return []


def _displacement(probe: Probe) -> list[str]:
    unit = probe.number(_power(1))
    value = probe.number(_power(1), 3.0, 1.0)
    if not math.isfinite(value) or abs(unit) < SINGLE:
        return []
    value /= unit
    if _near(value, 2.0, SINGLE):
        square = probe.number(_power(2), 3.0, 1.0) / unit
        if _near(square, 6.0, 0.2) and not _near(square, 8.0, 0.2):
            return ["the path starts at 0 instead of the baseline (x² from 1 to 3 gets 6, not 8)"]
        return []
    if _near(value, 3.0, SINGLE):
        return ["gradients are multiplied by the input instead of input - baseline: the baseline is ignored"]
    if _near(value, 1.0, SINGLE):
        return ["gradients are not multiplied by input - baseline"]
    if _near(value, -2.0, SINGLE):
        return ["the sign is that of baseline - input"]
    return [f"F = x0 from 1 to 3 gets {value:.6g} times what it gets from 0 to 1, not 2 times"]


def _signs(probe: Probe) -> list[str]:
    found = []
    plus, minus = probe.number(_power(1)), probe.number(_affine([[-1.0]]))
    if math.isfinite(minus) and abs(plus) > SINGLE and not _near(minus, -plus, SINGLE):
        found.append(f"F = -x0 gets {minus:.6g} where F = x0 gets {plus:.6g}: negative gradients are lost or turned")
    back = probe.number(_power(1), -1.0)
    if math.isfinite(back) and abs(plus) > SINGLE and not _near(back, -plus, SINGLE):
        found.append(
            f"F = x0 from 0 to -1 gets {back:.6g} where it gets {plus:.6g} from 0 to 1: signs or ranges are lost"
        )
    for exponent in (-30, 20):
        scale = 2.0**exponent
        value = probe.number(_affine([[scale]])) / scale
        if math.isfinite(value) and math.isfinite(plus) and not _near(value, plus, SINGLE):
            found.append(f"scaling the model by 2^{exponent} scales the attribution by {value / plus if plus else math.nan:.4g} "
                         "times that: gradients are clipped, normalised or thresholded")  # fmt: skip
            break
    return found


def _targets(probe: Probe) -> list[str]:
    model = _affine([[1.0], [4.0], [16.0]])
    unit = probe.number(_power(1))
    values = [probe(model, ((1.0,),), ((0.0,),), (k,)) for k in range(3)]
    if any(v is None for v in values) or abs(unit) < SINGLE or not math.isfinite(unit):
        return []
    got = [float(v[0, 0]) / unit for v in values if v is not None]
    if all(_near(g, w, SINGLE) for g, w in zip(got, (1.0, 4.0, 16.0), strict=True)):
        mixed = probe(model, ((1.0,),) * 3, ((0.0,),) * 3, (0, 1, 2))
        if mixed is not None and not np.allclose(mixed[:, 0] / unit, (1.0, 4.0, 16.0), rtol=SINGLE):
            return [f"with targets (0, 1, 2) in one batch the samples get scores weighted {np.round(mixed[:, 0], 6).tolist()} "
                    "instead of [1, 4, 16]"]  # fmt: skip
        return []
    if all(_near(g, got[0], SINGLE) for g in got):
        names = {1.0: "score 0", 4.0: "score 1", 16.0: "the largest score", 21.0: "the sum of all scores"}
        return [f"whatever the target, {names.get(round(got[0], 6), 'one fixed combination of scores')} is explained"]
    return [f"targets 0, 1, 2 of a model with weights 1, 4, 16 get {', '.join(f'{g:.6g}' for g in got)}"]


def _batches(probe: Probe) -> list[str]:
    model = _affine([[1.0, 0.0], [0.0, 1.0]])
    inputs = ((1.0, 2.0), (4.0, 8.0), (16.0, 32.0))
    alone = [probe(model, (x,), ((0.0, 0.0),), (0,)) for x in inputs]
    together = probe(model, inputs, ((0.0, 0.0),) * 3, (0, 0, 0))
    if together is None or any(a is None for a in alone):
        return []
    single = np.array([a[0] for a in alone if a is not None])
    if np.allclose(together, single, rtol=SINGLE, atol=0.0):
        return []
    scale = together[:, 0] / np.where(single[:, 0] == 0.0, np.nan, single[:, 0])
    if np.allclose(scale, scale[0]) and np.isfinite(scale[0]):
        return [f"in a batch of 3 every attribution is {scale[0]:.6g} times what the sample gets alone"]
    return ["in a batch of 3 samples get something else than alone: samples are mixed"]


def _paths(probe: Probe) -> list[str]:
    nodes = (
        Node(Affine(((1.0, 0.0),), (0.0,)), (0,)),
        Node(Affine(((0.0, 1.0),), (0.0,)), (0,)),
        Node(Product(), (1, 2)),
    )
    values = probe(Network((2,), nodes), ((1.0, 1.0),), ((0.0, 0.0),), n=64)
    if values is None or not np.isfinite(values).all():
        return []
    a, b = (float(v) for v in values[0])
    if abs(a - b) <= 4 / 64:
        return []
    return [
        f"x0*x1 from (0, 0) to (1, 1) gets ({a:.4g}, {b:.4g}) instead of (1/2, 1/2): the path is not the straight line"
    ]


def _rescaling(probe: Probe) -> list[str]:
    """x1 is the affine part of x0³ + x1: every rule gives it 1, unless the sum is made to fit afterwards."""
    cube = (
        Node(Affine(((1.0, 0.0),), (0.0,)), (0,)),
        Node(Product(), (1, 1)),
        Node(Product(), (2, 1)),
        Node(Affine(((0.0, 1.0),), (0.0,)), (0,)),
        Node(Add(), (3, 4)),
    )
    values = probe(Network((2,), cube), ((1.0, 1.0),), ((0.0, 0.0),), n=3)
    if values is None or not np.isfinite(values).all():
        return []
    a, b = (float(v) for v in values[0])
    if _near(b, 1.0, SINGLE) or not _near(a + b, 2.0, SINGLE) or _near(a, 1.0, SINGLE):
        return []
    return [
        f"attributions are made to add up: x1 in F = x0³ + x1 gets {b:.6g} instead of 1 so that the sum is complete"
    ]


def diagnose(attributor: Attributor) -> tuple[str, ...]:
    """Sentences on what the probes show is wrong with an input method; empty when they show nothing."""
    traits = attributor.traits
    if traits.kind.needs_layer or "vectors" not in traits.accepts:
        return ()
    probe = Probe(attributor)
    steps = [traits.fitting(n) for n in (6, 10, 20, 50)]
    found = _weights(probe, steps)
    if traits.kind == "ig":
        rule = _rule(probe, traits.fitting(5))
        found += [s for s in rule if found or "relative" not in s]
    for part in (_displacement, _signs, _targets, _batches):
        if part is not _displacement or "baselines" in traits.accepts:
            found += part(probe)
    if traits.kind == "ig":
        found += _paths(probe) + _rescaling(probe)
    return tuple(found)


_measured: list[tuple[Attributor, float]] = []


def measured_discrepancy(attributor: Attributor) -> float:
    """`_discrepancy`, measured once per attributor object."""
    for known, value in _measured:
        if known is attributor:
            return value
    _measured.append((attributor, _discrepancy(attributor)))
    del _measured[:-16]
    return _measured[-1][1]


def _discrepancy(attributor: Attributor) -> float:
    """Upper estimate of sup_s |W(s) - s| of the rule of an attributor without n_steps, at most 2 / `LEAST_STEPS`.

    Read from one attribution of Σ_i relu(z_i - i / GRID); between the thresholds W can move by no more than 1 / GRID
    beyond what it shows at them when the weights are positive.
    """
    found = _beyond(attributor, GRID)
    most = 2.0 / LEAST_STEPS
    if found is None:
        return most
    beyond = 1.0 - np.arange(GRID) / GRID
    return min(most, float(np.abs(found - beyond).max()) + 1.0 / GRID)


def thresholds(grid: int) -> Network:
    """Σ_i relu(z_i - i / grid): on the path from 0 to 1 every attribution is a rule's weight beyond one threshold."""
    rows = tuple(tuple(1.0 if i == j else 0.0 for j in range(grid)) for i in range(grid))
    shifts = tuple(-i / grid for i in range(grid))
    return Network(
        (grid,), (Node(Affine(rows, shifts), (0,)), Node(Relu(), (1,)), Node(Affine(((1.0,) * grid,), (0.0,)), (2,)))
    )


def _beyond(attributor: Attributor, grid: int, n: int = 20) -> np.ndarray | None:
    """The rule's weights beyond each threshold i / grid, read from one attribution; None where there is no answer."""
    values = Probe(attributor)(thresholds(grid), ((1.0,) * grid,), ((0.0,) * grid,), n=n)
    return None if values is None or not np.isfinite(values).all() else values[0]


FINE = 512
"""Thresholds that tell how wide the weights of a rule with many nodes are."""
WIDEST = 8.0
"""Rules with n nodes whose discrepancy is above this many n-ths are not taken for rules with n nodes."""


def _local_weights(beyond: np.ndarray) -> np.ndarray:
    """At every threshold the larger one of the weights next to it, where the sum beyond it changes."""
    levels, place = np.unique(-beyond, return_inverse=True)
    steps = np.diff(levels, prepend=levels[0] - beyond[-1], append=levels[-1] + beyond[-1])
    larger: np.ndarray = np.maximum(steps[:-1], steps[1:])[place]
    return larger


def interlacing(beyond: np.ndarray | None) -> float:
    """Upper estimate of the discrepancy of a rule from its weights beyond each threshold i / N of N; 0 where its nodes do not
    interlace the partial sums of positive weights with sum 1."""
    if beyond is None or not _near(float(beyond[0]), 1.0, SINGLE) or (np.diff(beyond) > DOUBLE).any():
        return 0.0
    grid = len(beyond)
    apart = np.abs(beyond - (1.0 - np.arange(grid) / grid))
    if (apart > _local_weights(beyond) + 1.0 / grid).any():
        return 0.0
    return float(apart.max()) + 1.0 / grid


def widest(attributor: Attributor, n: int) -> float:
    """n times the discrepancy of a rule whose nodes interlace the partial sums of its positive weights, at most `WIDEST`;
    0 for anything else.

    Such a rule is off by at most V times its discrepancy (Koksma), however wide its weights are: tanh-sinh rules are sparse
    in the middle. Nodes and weights that do not fit each other are no such rule.
    """
    width = n * interlacing(_beyond(attributor, FINE, n))
    return width if width <= WIDEST else 0.0
