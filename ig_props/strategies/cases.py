"""Which examples are drawn for an attributor? Networks, points on lattices and situations within what it accepts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from hypothesis import strategies as st

from ig_props.attributors.protocol import Traits, drawn_dtypes
from ig_props.claims.case import Case, Point, Situation
from ig_props.networks.network import Affine, Conv2d, Network, Shape
from ig_props.strategies import networks as nets
from ig_props.strategies.networks import choice, vector

Draw = st.DrawFn
LATTICE = (1.0, 0.0, -1.0, 2.0, -2.0, 0.5, -0.5, 3.0, -3.0, 1.5, -1.5, 0.25, -2.5)
STEPS = (8, 16, 5, 2, 3, 4, 1, 7, 10, 20, 25, 32, 33, 50, 64, 100, 130, 257)
FEW_STEPS = (8, 5, 2, 3, 4, 1, 7, 10, 16, 20, 33)
"""Enough for claims that are not about the rule."""
MOST_STEPS = 260
MOST_CALLS = 256
"""Forward passes that chunks may cut a call into; slow code would not answer in time."""
VECTORS = ((2,), (1,), (3,), (5,))
SEQUENCES = ((2, 3), (3, 2))
IMAGES = ((1, 2, 3), (2, 3, 2), (1, 3, 3), (3, 2, 4))
OFF_ON = (False, False, False, False, True)


@dataclass(frozen=True)
class Space:
    """What a claim's examples are drawn from, before an attributor's traits cut it down.

    families: strategies of networks by shape and number of classes. images, batches: whether such inputs are wanted.
    situations: whether odd situations are drawn; often: half the time instead of now and then. precise: only float64.
    steps: admissible numbers of steps, any_steps: half the time any number up to `MOST_STEPS`. far: whether points far
    out are drawn, where smooth units saturate. rows: batch sizes.
    """

    families: tuple[nets.Family, ...] = (nets.piecewise_linear,)
    images: bool = True
    batches: bool = True
    situations: bool = True
    precise: bool = False
    steps: tuple[int, ...] = STEPS
    shapes: tuple[Shape, ...] = VECTORS
    often: bool = False
    far: bool = True
    any_steps: bool = False
    rows: tuple[int, ...] = (1, 1, 2, 3, 5, 9)
    max_classes: int = 4


@lru_cache(maxsize=64)
def point(size: int, far_out: bool = True) -> st.SearchStrategy[Point]:
    """A point on a coarse lattice, where kinks and ties are hit, or now and then on a fine one or far out."""
    coarse = vector(size, LATTICE)
    fine = st.lists(st.integers(-256, 256).map(lambda k: k / 64), min_size=size, max_size=size)
    far = coarse.map(lambda p: [64.0 * v for v in p])
    kinds = (0, 0, 0, 0, 1, 1, 2) if far_out else (0, 0, 1)
    return choice(kinds).flatmap(lambda k: (coarse, fine, far)[k]).map(tuple)


@st.composite
def baselines(draw: Draw, inputs: tuple[Point, ...], zero_only: bool, far: bool) -> tuple[Point, ...]:
    """Zero, one constant, lattice points per sample, or points that share some or all coordinates with the input."""
    kind = draw(choice(("zero", "lattice", "shared", "constant", "row", "input", "cancelling")))
    size = len(inputs[0])
    if zero_only or kind == "zero":
        return tuple((0.0,) * size for _ in inputs)
    if kind == "constant":
        return tuple((value,) * size for value in [draw(choice(LATTICE))] for _ in inputs)
    if kind == "row":
        row = draw(point(size, far))
        return tuple(row for _ in inputs)
    rows = []
    for x in inputs:
        other = draw(point(size, far))
        if kind == "cancelling":
            other = (*other[: size - 1], -sum(other[: size - 1]))
        if kind == "shared":
            keep = draw(st.lists(st.booleans(), min_size=size, max_size=size))
            other = tuple(a if k else b for a, b, k in zip(x, other, keep, strict=True))
        elif kind == "input" and draw(st.booleans()):
            other = x
        rows.append(other)
    return tuple(rows)


def admissible_steps(traits: Traits, steps: Sequence[int] = STEPS) -> list[int]:
    """The numbers of steps that an attributor takes nearest above the given ones."""
    return list(dict.fromkeys(traits.fitting(n) for n in steps))


def _steps(traits: Traits, space: Space) -> st.SearchStrategy[int]:
    usual = choice(tuple(admissible_steps(traits, space.steps)))
    if not space.any_steps:
        return usual
    every = st.integers(1, MOST_STEPS).map(traits.fitting)
    return choice((False, True)).flatmap(lambda other: every if other else usual)


@st.composite
def situations(draw: Draw, traits: Traits, space: Space, shape: Shape, classes: int, rows: int) -> Situation:
    """A situation within what the attributor accepts; most draws are odd in one or two respects only."""
    accepts = traits.accepts
    dtypes = drawn_dtypes(traits)
    target = "tensor" if "mixed-targets" in accepts else "int"
    if not space.situations:
        return Situation(dtype=dtypes[0], target=target)
    dtype = dtypes[0] if space.precise else draw(choice(tuple(dtypes)))
    layouts = ["contiguous"] * 5 + ["transposed", "strided", "expanded"]
    layouts += ["channels_last"] * 2 if len(shape) == 3 else []
    kinds = [target] * 3 + ["int"] * 2
    if classes == 1 and "no-target" in accepts:
        kinds += ["none"]
    forms = ["tensor"] * 5
    for accept, form in (("no-baseline", "none"), ("scalar-baseline", "scalar"), ("broadcast-baseline", "row")):
        forms += [form] * 2 if accept in accepts else []
    parts = choice((1, 1, 1, 2)) if "tuples" in accepts and shape[0] > 1 else st.just(1)
    chunks = choice((0, 0, 1, 2, 3, 5, 7)) if "chunking" in accepts else st.just(0)

    def flag(accept: str | None = None) -> bool:
        return draw(choice((False, True) if space.often else OFF_ON)) if accept is None or accept in accepts else False

    return Situation(
        dtype=dtype,
        layout=draw(choice(tuple(layouts))),
        target=draw(choice(tuple(kinds))),
        baseline=draw(choice(tuple(forms))),
        parts=draw(parts),
        chunk=draw(chunks),
        no_grad=flag(),
        training=flag("train-mode"),
        modal=flag(),
        inplace=flag("inplace"),
        shared="shared-modules" in accepts and draw(choice((False, True))),
        frozen=flag(),
        filled_grads=flag(),
        leaf_inputs=flag(),
    )


@st.composite
def cases(draw: Draw, traits: Traits, space: Space) -> Case:
    """An example for an attributor from a space."""
    accepts = traits.accepts
    shapes: list[Shape] = []
    if "vectors" in accepts:
        shapes += list(space.shapes)
        shapes += list(SEQUENCES) if space.images else []
    if space.images and "images" in accepts:
        shapes += [IMAGES[0]] * 2 + list(IMAGES) if shapes else list(IMAGES)
    shape = draw(choice(tuple(shapes)))
    classes = draw(st.integers(1, space.max_classes))
    network = draw(draw(choice(space.families))(shape, classes))
    return draw(around(network, traits, space))


@st.composite
def around(draw: Draw, network: Network, traits: Traits, space: Space) -> Case:
    """Points, targets, steps and a situation for a given network."""
    accepts, size = traits.accepts, math.prod(network.input_shape)
    rows = draw(choice(space.rows)) if space.batches and "batches" in accepts else 1
    situation = draw(situations(traits, space, network.input_shape, network.classes, rows))
    same = draw(choice((False,) * 5 + (True,)))
    inputs = (
        (draw(point(size, space.far)),) * rows if same else tuple(draw(point(size, space.far)) for _ in range(rows))
    )
    starts = draw(baselines(inputs, "baselines" not in accepts, space.far))
    if situation.dtype == "int64":
        inputs, starts = _whole(inputs), _whole(starts)
    if situation.target == "int":
        targets = (draw(st.integers(0, network.classes - 1)),) * rows
    else:
        targets = tuple(draw(st.integers(0, network.classes - 1)) for _ in range(rows))
    n_steps = draw(_steps(traits, space)) if traits.has_steps else 50
    if situation.chunk and n_steps * rows > MOST_CALLS * situation.chunk:
        situation = replace(situation, chunk=0)
    case = Case(network, inputs, starts, targets, n_steps, situation)
    return replace(case, situation=settled(case))


def settled(case: Case) -> Situation:
    """The situation without the respects that do not show in this case, so that reports name only what matters."""
    s = case.situation
    values = {v for row in case.baselines for v in row}
    forms = {
        "none": values == {0.0},
        "scalar": len(values) == 1 and s.parts == 1,
        "row": len(set(case.baselines)) == 1 and len(case.inputs) > 1,
    }
    ops = case.network.ops
    return replace(
        s,
        baseline=s.baseline if forms.get(s.baseline, True) else "tensor",
        shared=s.shared and _repeats(case.network),
        inplace=s.inplace and bool(ops & {"relu", "leaky_relu"}),
        layout=s.layout if s.layout != "expanded" or len(set(case.inputs)) == 1 < len(case.inputs) else "contiguous",
    )


def _repeats(network: Network) -> bool:
    """Whether an operation without parameters occurs twice, so that one module can serve both."""
    plain = [node.op for node in network.nodes if not isinstance(node.op, Affine | Conv2d)]
    return len(plain) > len(set(plain))


def _whole(points: tuple[Point, ...]) -> tuple[Point, ...]:
    return tuple(tuple(float(math.floor(v)) for v in p) for p in points)
