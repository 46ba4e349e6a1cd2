"""Which examples are large? Many features, many classes or many rows, tiled from a few drawn numbers."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from ig_props.attributors.protocol import Traits, drawn_dtypes
from ig_props.claims.case import Case, Situation
from ig_props.networks.network import Affine, Network, Node, Relu
from ig_props.strategies import networks as nets
from ig_props.strategies.cases import LATTICE, MOST_CALLS, Space, admissible_steps, situations

FEATURES = (40, 300, 1500)
CLASSES = (12, 130, 300)
ROWS = (17, 33, 70)
KINDS = ("features", "classes", "rows")


def _tiled(values: list[float], size: int) -> tuple[float, ...]:
    return tuple(values[k % len(values)] for k in range(size))


PLACES = 64
MANY_STEPS = (512, 1000, 257, 100)


@st.composite
def wide_cases(draw: st.DrawFn, traits: Traits, space: Space, curved: bool, kinds: tuple[str, ...] = KINDS) -> Case:
    """One of features, classes and rows is large; `curved` puts one rectified unit between input and scores."""
    large = draw(nets.choice(kinds))
    size = draw(nets.choice(FEATURES)) if large == "features" else 2
    classes = draw(nets.choice(CLASSES)) if large == "classes" else 2
    rows = draw(nets.choice(ROWS)) if large == "rows" and "batches" in traits.accepts else 1
    row = _tiled(draw(nets.vector(3, nets.WEIGHTS)), size)
    factors = [float(k % 7 - 3) for k in range(classes)]
    nodes: tuple[Node, ...]
    if curved:
        middle = draw(nets.choice((0.0, -1.0, 0.5, 2.0)))
        nodes = (
            Node(Affine((row,), (middle,)), (0,)),
            Node(Relu(), (1,)),
            Node(Affine(tuple((f,) for f in factors), (0.0,) * classes), (2,)),
        )
    else:
        nodes = (Node(Affine(tuple(tuple(f * w for w in row) for f in factors), (0.0,) * classes), (0,)),)
    network = Network((size,), nodes)
    x, b = (draw(nets.vector(5, LATTICE)) for _ in range(2))
    inputs = tuple(_tiled(x[k % 5 :] + x[: k % 5], size) for k in range(rows))
    starts = tuple(_tiled(b, size) if "baselines" in traits.accepts else (0.0,) * size for _ in range(rows))
    situation = draw(situations(traits, space, network.input_shape, classes, rows))
    first = draw(st.integers(0, classes - 1))
    step = 0 if situation.target == "int" or "mixed-targets" not in traits.accepts else 1
    # counted in ones of k, so that no split into equal parts repeats the targets
    targets = tuple((first + step * k.bit_count()) % classes for k in range(rows))
    steps = [n for n in admissible_steps(traits, space.steps) if n * rows * size <= 400_000]
    n_steps = draw(nets.choice((*sorted(steps)[-3:], *steps))) if traits.has_steps and steps else traits.fitting(50)
    if situation.chunk and n_steps * rows > MOST_CALLS * situation.chunk:
        situation = replace(situation, chunk=0)
    return Case(network, inputs, starts, targets, n_steps, situation)


@st.composite
def sweep_cases(draw: st.DrawFn, traits: Traits) -> Case:
    """Σ_i relu(z_i - s_i) from 0 to 1 with thresholds all along the path and many steps: the attributions are the rule's
    weights beyond each threshold, and show whether it has as many nodes as were asked for."""
    offset = draw(nets.choice((0.25, 0.5, 0.875, 0.0)))
    places = draw(st.lists(st.integers(0, PLACES - 1), min_size=1, max_size=PLACES, unique=True))
    size = len(places)
    one = tuple(tuple(float(i == j) for j in range(size)) for i in range(size))
    nodes = (
        Node(Affine(one, (0.0,) * size), (0,)),
        Node(Affine(one, tuple(-(k + offset) / PLACES for k in places)), (1,)),
        Node(Relu(), (2,)),
        Node(Affine(((1.0,) * size,), (0.0,)), (3,)),
    )
    n_steps = draw(nets.choice(tuple(admissible_steps(traits, MANY_STEPS)))) if traits.has_steps else 50
    return Case(
        Network((size,), nodes), ((1.0,) * size,), ((0.0,) * size,), (0,),
        n_steps, Situation(dtype=drawn_dtypes(traits)[0]), 1 if traits.kind.needs_layer else None,
    )  # fmt: skip
