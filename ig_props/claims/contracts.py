"""Does the code keep what every caller takes for granted?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from hypothesis import strategies as st
from torch import Tensor

from ig_props.attributors.protocol import Attributor, Traits
from ig_props.checking.answers import alike, answer, apart, named, only, read
from ig_props.checking.calling import (
    Check,
    ForeignError,
    Prepared,
    invoke,
    prepare,
    seed_everything,
    sheltered,
)
from ig_props.checking.judging import compare, judged
from ig_props.checking.snapshots import in_words, take
from ig_props.claims.case import Case
from ig_props.claims.claim import EVERY, Cases, Claim, ClaimKind
from ig_props.claims.failures import failing_cases, purity_after_failure
from ig_props.claims.flaws import errors, flawed_cases
from ig_props.findings import HOLDS, Outcome, Verdict
from ig_props.networks.network import Affine
from ig_props.strategies import networks as nets
from ig_props.strategies.cases import FEW_STEPS, Space, settled
from ig_props.strategies.layers import any_cases, from_space
from ig_props.strategies.wide import wide_cases

PIECEWISE = Space(families=(nets.affine, nets.piecewise_linear), steps=FEW_STEPS, often=True)


def determinism(attributor: Attributor, case: Case) -> Outcome:
    """The same objects, twice in a row."""
    prepared = prepare(case)
    with sheltered():
        seed_everything()
        first = read(attributor, case, prepared, invoke(attributor, prepared.call, case.situation.no_grad))
        if "random" in attributor.traits.accepts:
            seed_everything()
        second = read(attributor, case, prepared, invoke(attributor, prepared.call, case.situation.no_grad))
    if np.array_equal(first, second, equal_nan=True):
        return HOLDS
    budget = apart(attributor, case)
    return compare(
        named(case), second, first, rounding=2 * budget.rounding, float32=2 * budget.float32,
        how="the same call before",
    )  # fmt: skip


def purity(attributor: Attributor, case: Case) -> Outcome:
    """Everything is as before; under no_grad the caller's mode is part of that."""
    prepared = prepare(case)
    with sheltered(), torch.set_grad_enabled(not case.situation.no_grad):
        seed_everything()
        before = take(prepared)
        failure = None
        try:
            raw = invoke(attributor, prepared.call)
            del raw
        except ForeignError as error:
            failure = error
        changed = before.differences(take(prepared))
    if "random" in attributor.traits.accepts:
        changed = [c for c in changed if "random" not in c]
    if changed:
        return Outcome(Verdict.REFUTED, (f"raised {failure} and left: " if failure else "") + in_words(changed))
    if failure is not None:
        raise failure
    return HOLDS


def batch_independence(attributor: Attributor, case: Case) -> Outcome:
    """Each sample of a batch gets what it gets alone."""
    if case.situation.coupled:
        answer(attributor, case)
        return Outcome(Verdict.CONVENTION, "the model couples the samples of a batch")
    rows = looked_at(len(case.inputs))
    together = answer(attributor, case)[rows]
    alone = [answer(attributor, single(case, row))[0] for row in rows]
    outcome = alike(attributor, case, together, np.array(alone), "the same sample in a batch of its own", rows)
    return unless_random(attributor, case, outcome)


def unless_random(attributor: Attributor, case: Case, outcome: Outcome) -> Outcome:
    """Samples of a batch get random numbers of their own: where those matter, nothing is shown about batches."""
    if outcome.verdict is not Verdict.REFUTED or "random" not in attributor.traits.accepts:
        return outcome
    one = single(case, 0)
    again = alike(attributor, one, answer(attributor, one, seed=1), answer(attributor, one), "another seed")
    if again.verdict is not Verdict.REFUTED:
        return outcome
    return Outcome(Verdict.INCONCLUSIVE, "the answer depends on the seed by more than the rule explains")


def looked_at(rows: int) -> list[int]:
    """The rows of a batch that are looked at: all of a small one, else those where blocks of a large one meet."""
    if rows <= 9:
        return list(range(rows))
    return sorted({k for b in (1, 8, 16, 32, 64, rows) for k in (b - 1, b) if k < rows})


def single(case: Case, row: int) -> Case:
    changed = only(case, [row])
    return replace(changed, situation=settled(changed))


def mixed_targets(attributor: Attributor, case: Case) -> Outcome:
    """A tensor of targets gives each sample what its own target gives as one number."""
    if case.situation.coupled:
        answer(attributor, case)
        return Outcome(Verdict.CONVENTION, "the model couples the samples of a batch")
    rows, alone = looked_at(len(case.inputs)), []
    mixed = answer(attributor, replace(case, situation=replace(case.situation, target="tensor")))[rows]
    for row in rows:
        one = single(case, row)
        alone.append(answer(attributor, replace(one, situation=replace(one.situation, target="int")))[0])
    how = "the same sample alone with its target as an int"
    return unless_random(attributor, case, alike(attributor, case, mixed, np.array(alone), how, rows))


def _several(accept: str) -> Callable[[Traits], st.SearchStrategy[Case] | None]:
    def drawn(traits: Traits) -> st.SearchStrategy[Case] | None:
        if not {"batches", accept} <= traits.accepts:
            return None
        usual = _filtered(coupled_now_and_then(traits), lambda case: len(case.inputs) > 1)
        if usual is None or traits.kind.needs_layer or "vectors" not in traits.accepts:
            return usual
        large = wide_cases(traits, replace(PIECEWISE, steps=(8, 5, 2)), False, ("rows",))
        return nets.choice((False,) * 7 + (True,)).flatmap(lambda wide: large if wide else usual)

    return drawn


def _filtered(drawn: st.SearchStrategy[Case] | None, keep: Callable[[Case], bool]) -> st.SearchStrategy[Case] | None:
    return None if drawn is None else drawn.filter(keep)


def chunking(attributor: Attributor, case: Case) -> Outcome:
    free = replace(case, situation=replace(case.situation, chunk=0))
    chunked = answer(attributor, case)
    return alike(attributor, case, chunked, answer(attributor, free), "the same call without internal_batch_size")


def chunked_cases(traits: Traits) -> st.SearchStrategy[Case] | None:
    if "chunking" not in traits.accepts:
        return None
    drawn = any_cases(traits, PIECEWISE)
    return None if drawn is None else drawn.flatmap(
        lambda case: st.sampled_from((1, 2, 3, 5, 7, 64)).map(
            lambda size: replace(case, situation=replace(case.situation, chunk=size))
        )
    )  # fmt: skip


def memory_layout(attributor: Attributor, case: Case) -> Outcome:
    plain = replace(case, situation=replace(case.situation, layout="contiguous"))
    return alike(attributor, case, answer(attributor, case), answer(attributor, plain), "contiguous tensors")


def layout_cases(traits: Traits) -> st.SearchStrategy[Case] | None:
    drawn = any_cases(traits, PIECEWISE)

    def laid_out(case: Case) -> st.SearchStrategy[Case]:
        kinds = ["transposed", "strided"]
        kinds += ["channels_last"] if len(case.network.input_shape) == 3 else []
        kinds += ["expanded"] if len(case.inputs) > 1 else []
        return st.sampled_from(kinds).map(lambda kind: _with_layout(case, kind))

    return None if drawn is None else drawn.flatmap(laid_out)


def _with_layout(case: Case, layout: str) -> Case:
    rows = (case.inputs[0],) * len(case.inputs) if layout == "expanded" else case.inputs
    return replace(case, inputs=rows, situation=replace(case.situation, layout=layout))


def no_grad(attributor: Attributor, case: Case) -> Outcome:
    silent = replace(case, situation=replace(case.situation, no_grad=True))
    usual = replace(case, situation=replace(case.situation, no_grad=False))
    return alike(attributor, case, answer(attributor, silent), answer(attributor, usual), "with gradients enabled")


def dtype(attributor: Attributor, case: Case) -> Outcome:
    """The answer has the inputs' dtype, or a floating one for integer inputs."""
    prepared = prepare(case)
    with sheltered():
        seed_everything()
        raw = invoke(attributor, prepared.call, case.situation.no_grad)
        read(attributor, case, prepared, raw)
    given = prepared.call.inputs if isinstance(prepared.call.inputs, tuple) else (prepared.call.inputs,)
    for part, source in zip(raw if isinstance(raw, tuple | list) else (raw,), given, strict=False):
        good = part.dtype == source.dtype if source.is_floating_point() else part.is_floating_point()
        if not good:
            names = [str(t.dtype).removeprefix("torch.") for t in (source, part)]
            return Outcome(Verdict.REFUTED, f"inputs of dtype {names[0]} got attributions of dtype {names[1]}")
    return HOLDS


def shape(attributor: Attributor, case: Case) -> Outcome:
    """The answer has the form of its kind (a malformed one is refuted by whichever claim meets it)."""
    answer(attributor, case)
    return HOLDS


def second_model(attributor: Attributor, case: Case) -> Outcome:
    """Nothing may be remembered: other weights in the same model, other values in the same tensors, another model in the
    place of the first; and an answer once given stays as it is."""
    assert case.other is not None
    later = replace(case, network=case.other, other=None)
    moved = replace(later, inputs=case.baselines, baselines=case.inputs)
    if "baselines" not in attributor.traits.accepts:
        moved = later
    prepared = prepare(case)
    call = prepared.call
    with sheltered():
        seed_everything()
        first = invoke(attributor, call, case.situation.no_grad)
        kept = read(attributor, case, prepared, first)
        for step, how in (
            (later, f"other weights in the same model, {SCALED}"),
            (moved, "other values in the same tensors"),
        ):
            _overwrite(prepared, prepare(step))
            seed_everything()
            again = read(attributor, step, prepared, invoke(attributor, call, case.situation.no_grad))
            wanted = _scaled_or_fresh(attributor, step, kept) if step is later else answer(attributor, step)
            outcome = alike(attributor, step, again, wanted, f"the right answer to a second call with {how}")
            if outcome.verdict is Verdict.REFUTED:
                return outcome
        if not np.array_equal(kept, read(attributor, case, prepared, first), equal_nan=True):
            return Outcome(Verdict.REFUTED, "the answer of an earlier call was overwritten by a later one")
    del prepared, call
    replacement = _in_the_same_place(attributor, case, later)
    wanted = _scaled_or_fresh(attributor, later, kept)
    return alike(
        attributor, later, replacement, wanted, f"the right answer for a new model where another one was, {SCALED}"
    )


SECOND = -2.0
SCALED = "whose scores are -2 times the first one's"
"""The second model's scores are this many times the first one's, and so are its attributions; maps are rectified."""


def _scaled_or_fresh(attributor: Attributor, later: Case, first: np.ndarray) -> np.ndarray:
    return answer(attributor, later) if attributor.traits.kind.is_map else SECOND * first


def _overwrite(prepared: Prepared, source: Prepared) -> None:
    with torch.no_grad():
        for p, q in zip(prepared.network.parameters(), source.network.parameters(), strict=True):
            p.copy_(q)
        for name in ("inputs", "baselines", "target"):
            mine, theirs = getattr(prepared.call, name), getattr(source.call, name)
            for a, b in zip(_tensors(mine), _tensors(theirs), strict=True):
                a.copy_(b)


def _tensors(value: object) -> list[Tensor]:
    return [v for v in (value if isinstance(value, tuple) else (value,)) if isinstance(v, Tensor)]


def _in_the_same_place(attributor: Attributor, case: Case, later: Case) -> np.ndarray:
    """The answer for the later model, built where the first one was if the allocator allows it."""
    for _ in range(8):
        before = prepare(case)
        address = id(before.model)
        answer(attributor, case, before)
        del before
        after = prepare(later)
        if id(after.model) == address:
            break
    return answer(attributor, later, after)


def second_cases(traits: Traits) -> st.SearchStrategy[Case] | None:
    """The second model has the same architecture, its last affine nodes negated and doubled."""
    space = replace(PIECEWISE, precise=True)
    drawn = any_cases(traits, space)
    if drawn is None:
        return None

    def paired(case: Case) -> Case:
        nodes = list(case.network.nodes)
        last = nodes[-1]
        for k in [len(nodes) - 1] if isinstance(last.op, Affine) else [i - 1 for i in last.operands]:
            op = nodes[k].op
            assert isinstance(op, Affine)
            weight = tuple(tuple(SECOND * w for w in row) for row in op.weight)
            nodes[k] = replace(nodes[k], op=Affine(weight, tuple(SECOND * b for b in op.bias)))
        other = replace(case.network, nodes=tuple(nodes))
        still = replace(case.situation, layout="contiguous", baseline="tensor", leaf_inputs=False, frozen=False)
        return replace(case, other=other, situation=still)

    return drawn.map(paired)


def coupled_now_and_then(traits: Traits) -> st.SearchStrategy[Case] | None:
    """Examples for claims that do not look at numbers; one in ten has a model that couples the samples of its batch."""
    usual = any_cases(traits, PIECEWISE)
    if usual is None or "batches" not in traits.accepts:
        return usual
    return st.tuples(usual, nets.choice((False,) * 9 + (True,))).map(lambda pair: _coupled(*pair))


def _in_tenths(drawn: st.SearchStrategy[Case] | None) -> st.SearchStrategy[Case] | None:
    """Now and then points in tenths: what is subtracted from such numbers and added again does not give them back."""

    def divided(pair: tuple[Case, bool]) -> Case:
        case, wanted = pair
        if not wanted or case.situation.dtype not in ("float64", "float32"):
            return case
        inputs, baselines = (
            tuple(tuple(v / 10 for v in row) for row in rows) for rows in (case.inputs, case.baselines)
        )
        return replace(case, inputs=inputs, baselines=baselines)

    return None if drawn is None else st.tuples(drawn, nets.choice((False, False, True))).map(divided)


def _coupled(case: Case, wanted: bool) -> Case:
    if not wanted or len(case.inputs) == 1:
        return case
    return replace(case, situation=replace(case.situation, coupled=True))


def _contract(id_: str, statement: str, strategy: Cases, check: Check, *premises: str) -> Claim:
    return Claim(
        id_,
        "contracts",
        ClaimKind.CONTRACT,
        statement,
        premises,
        "theory.md 11",
        EVERY,
        strategy,
        judged(check, by_nodes=False),
    )


CLAIMS = (
    _contract("CODE.shape", "attributions have the shape of what they explain", coupled_now_and_then, shape),
    _contract("CODE.dtype", "attributions have the dtype of the inputs", coupled_now_and_then, dtype),
    _contract("CODE.determinism", "equal calls get equal answers", from_space(PIECEWISE), determinism),
    _contract("CODE.purity", "model, tensors and process are left as they were",
              lambda traits: _in_tenths(coupled_now_and_then(traits)), purity),
    _contract("CODE.purity_after_failure", "also when the model raises half-way", 
              lambda traits: _in_tenths(failing_cases(traits, PIECEWISE)), purity_after_failure),
    _contract("CODE.batch_independence", "a sample's attributions do not depend on its batch",
              _several("batches"), batch_independence, "the model does not couple samples"),
    _contract("CODE.mixed_targets", "every sample is explained for its own target",
              _several("mixed-targets"), mixed_targets),
    _contract("CODE.chunking", "internal_batch_size does not change the answer", chunked_cases, chunking),
    _contract("CODE.memory_layout", "strides of the tensors do not change the answer", layout_cases, memory_layout),
    _contract("CODE.no_grad", "calls under torch.no_grad() get the same answer", from_space(PIECEWISE), no_grad),
    _contract("CODE.errors", "arguments without a sound answer raise an error; integer baselines do, or count as floats",
              flawed_cases, errors),
    _contract("CODE.second_model", "nothing is remembered from earlier calls", second_cases, second_model),
)  # fmt: skip
