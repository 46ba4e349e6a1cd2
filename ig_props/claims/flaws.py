"""Are arguments without a sound answer refused?"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import torch
from hypothesis import strategies as st
from torch import Tensor

from ig_props.attributors.protocol import Attributor, Traits
from ig_props.checking.answers import alike, answer, read
from ig_props.checking.calling import (
    DEVICE,
    ForeignError,
    Malformed,
    describe,
    invoke,
    prepare,
    seed_everything,
    sheltered,
)
from ig_props.claims.case import Case
from ig_props.claims.failures import as_before
from ig_props.findings import HOLDS, Outcome, Verdict
from ig_props.networks.network import Network
from ig_props.strategies import networks as nets
from ig_props.strategies.cases import Space
from ig_props.strategies.layers import any_cases


def errors(attributor: Attributor, case: Case) -> Outcome:
    """Arguments without a sound answer must raise and leave nothing behind, a NaN must not come back as a number, and
    integer baselines must raise or count as the floats that they are."""
    first = answer(attributor, case)
    flaw = FLAWS[int(case.numbers["flaw"][0])]
    prepared = prepare(case)
    call, inputs = prepared.call, prepared.call.inputs
    assert isinstance(inputs, Tensor)
    if flaw == "target":
        call = replace(call, target=_too_large(case))
    elif flaw == "baselines":
        wide = torch.zeros_like(inputs)
        call = replace(call, baselines=torch.cat([wide, wide], dim=-1)[..., : wide.shape[-1] + 2])
    elif flaw == "layout":
        call = replace(call, baselines=_turned(inputs))
    elif flaw == "rows":
        call = replace(call, baselines=torch.zeros_like(inputs)[:-1])
    elif flaw == "integers":
        assert isinstance(call.baselines, Tensor)
        call = replace(call, baselines=call.baselines.to(torch.int64))
    else:
        spoiled = inputs.detach().clone()
        spoiled.view(-1)[0] = float("nan")
        call = replace(call, inputs=spoiled)
    with sheltered():
        seed_everything()
        try:
            raw = invoke(attributor, call, case.situation.no_grad)
        except ForeignError as error:
            if isinstance(error.error, SystemExit):
                raise
            return as_before(attributor, case, first)
        if flaw == "nan":
            try:
                values = read(attributor, case, prepared, raw)
            except Malformed:
                return HOLDS
            if np.isfinite(values[0]).all():
                return Outcome(Verdict.REFUTED, "an input of NaN was answered with finite attributions")
            return HOLDS
        if flaw == "integers":
            values = read(attributor, case, prepared, raw)
            return alike(attributor, case, values, first, "the same whole baselines as floats")
    if flaw == "target":
        return Outcome(
            Verdict.REFUTED,
            f"target {case.network.classes} for a model with {case.network.classes} scores was answered with {describe(raw)}",
        )
    return Outcome(Verdict.REFUTED, f"baselines of another shape than the inputs were answered with {describe(raw)}")


FLAWS = ("target", "baselines", "nan", "layout", "rows", "integers")


def _too_large(case: Case) -> int | Tensor:
    """A class that does not exist: for one sample of several, or as a number."""
    if len(case.inputs) == 1 or case.situation.target == "int":
        return case.network.classes
    return torch.tensor((*case.targets[:-1], case.network.classes), device=DEVICE)


def _turned(inputs: Tensor) -> Tensor:
    """Zeros with as many elements as the inputs in a shape that cannot be broadcast against theirs."""
    return torch.zeros_like(inputs).transpose(-2, -1)


def _turnable(shape: tuple[int, ...]) -> bool:
    return shape[-2] != shape[-1] and 1 not in shape[-2:]


def flawed_cases(traits: Traits) -> st.SearchStrategy[Case] | None:
    """Small affine models: with a NaN the attribution of the coordinate itself cannot be finite. Curved ones for integer
    baselines, whose path must not keep to whole numbers."""
    flaws = [0.0]
    if "baselines" in traits.accepts and not traits.kind.needs_layer:
        flaws += [1.0, 3.0, 4.0]
    if not traits.kind.needs_layer and "vectors" in traits.accepts:
        flaws.append(2.0)
    drawn = any_cases(traits, Space(families=(nets.affine,), situations=False, images=True))
    if drawn is None:
        return None
    curved = any_cases(traits, Space(situations=False)) if "baselines" in traits.accepts else None

    @st.composite
    def build(draw: st.DrawFn) -> Case:
        if curved is not None and draw(nets.choice((False, False, False, True))):
            case = draw(curved)
            whole = tuple(tuple(float(math.floor(v)) for v in row) for row in case.baselines)
            return replace(case, baselines=whole, numbers={"flaw": (float(FLAWS.index("integers")),)})
        case = draw(drawn)
        flaw = draw(st.sampled_from(flaws))
        if FLAWS[int(flaw)] == "baselines" and case.network.size == 1:
            flaw = 0.0  # one feature broadcasts against three
        if FLAWS[int(flaw)] == "layout" and not _turnable((len(case.inputs), *case.network.input_shape)):
            flaw = 0.0
        if FLAWS[int(flaw)] == "rows" and len(case.inputs) < 3:
            flaw = 0.0  # one row broadcasts
        if FLAWS[int(flaw)] == "nan" and not _every_weight_counts(case.network):
            flaw = 0.0
        return replace(case, numbers={"flaw": (flaw,)})

    return build()


def _every_weight_counts(network: Network) -> bool:
    return len(network.nodes) == 1 and all(w for row in network.nodes[0].op.weight for w in row)  # type: ignore[attr-defined]
