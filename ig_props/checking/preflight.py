"""Does the code under test answer at all, and which numbers of steps does it take?"""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from ig_props.attributors.protocol import Attributor, CannotRun, Traits, drawn_dtypes
from ig_props.checking.calling import (
    ForeignError,
    Malformed,
    describe,
    expected_shapes,
    invoke,
    parts_of,
    prepare,
    seed_everything,
    sheltered,
)
from ig_props.claims.case import Case, Situation
from ig_props.networks.network import Affine, AvgPool2d, Conv2d, Flatten, Network, Node, Op, Relu, Shape


def plain_case(attributor: Attributor, kinks: bool = True) -> Case:
    """The plainest case an attributor's traits allow, of an affine network when there are to be no kinks."""
    traits = attributor.traits
    n_steps, plain = traits.fitting(8), Situation(dtype=drawn_dtypes(traits)[0])
    between = (Relu(),) if kinks else ()
    if not traits.kind.needs_layer and "vectors" in traits.accepts:
        first = Affine(((1.0, -1.0), (1.0, 2.0)), (0.0, 0.5))
        network = _chain((2,), first, *between, Affine(((1.0, 1.0), (-2.0, 1.0)), (0.0, 0.5)))
        return Case(network, ((1.0, 0.5),), ((0.0, 0.0),), (0,), n_steps, plain)
    kernel = ((((1.0, 0.5), (-0.5, 1.0)),), (((0.5, 1.0), (1.0, -1.0)),))
    head = (AvgPool2d((2, 2), (1, 1)), Flatten(), Affine(((1.0, 0.5, 2.0, -0.5), (0.5,) * 4), (0.0, 0.5)))
    network = _chain((1, 4, 3), Conv2d(kernel, (0.25, 0.5)), *between, *head)
    point = tuple(k / 4 for k in range(12))
    layer = 1 + len(between) if traits.kind.needs_layer else None
    return Case(network, (point,), ((0.0,) * 12,), (0,), n_steps, plain, layer=layer)


def _chain(shape: Shape, *ops: Op) -> Network:
    return Network(shape, tuple(Node(op, (k,)) for k, op in enumerate(ops)))


TRIED_STEPS = (*range(1, 65), 100, 101, 128, 129, 250, 251, 256, 257, 512, 513, 1000, 1001, 1024, 1025)
"""Numbers of steps that code which does not take the plainest one is asked for."""


def preflight(attributor: Attributor) -> Traits:
    """One plain call; the attributor's traits, without the numbers of steps that this shows not to be taken.

    Code that refuses kinks is called on an affine network. Raises CannotRun in one sentence when it answers neither,
    whatever the number of steps.
    """
    case, traits = plain_case(attributor), attributor.traits
    try:
        _answered(attributor, case)
    except CannotRun:
        for other in (case, plain_case(attributor, kinks=False)):
            if _answers(attributor, other):
                return traits
            steps = TRIED_STEPS if traits.has_steps else ()
            found = [n for n in steps if n in traits.steps and _answers(attributor, replace(other, n_steps=n))]
            if found:
                return replace(traits, steps=found)
        raise
    return traits


def _answers(attributor: Attributor, case: Case) -> bool:
    try:
        _answered(attributor, case)
    except CannotRun:
        return False
    return True


def _answered(attributor: Attributor, case: Case) -> None:
    """Raises CannotRun when the code under test does not answer a case, or in another form."""
    prepared = prepare(case)
    shape = ", ".join(map(str, (1, *case.network.input_shape)))
    steps = f", n_steps {case.n_steps}" if attributor.traits.has_steps else ""
    what = f"{attributor.name} on a plain call (inputs [{shape}] in {case.situation.dtype}{steps})"
    try:
        with sheltered():
            seed_everything()
            raw = invoke(attributor, prepared.call)
        shapes = expected_shapes(prepared)
        if attributor.traits.kind.is_map:
            if not isinstance(raw, Tensor) or raw.shape[0] != 1 or raw.dim() not in (3, 4):
                raise Malformed(f"returned {describe(raw)}; a map of shape [1, height, width] is needed")
        elif attributor.traits.kind.needs_layer:
            parts_of(raw, [(1, *case.network.shapes[case.layer or 0])], False)
        else:
            parts_of(raw, shapes, False)
    except ForeignError as error:
        verb = f"called exit({error.error.code!r})" if isinstance(error.error, SystemExit) else f"raised {error}"
        raise CannotRun(f"{what} {verb}") from None
    except Malformed as error:
        raise CannotRun(f"{what} {error}") from None
