"""Does the code keep what every caller takes for granted?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from hypothesis import strategies as st
from torch import Tensor, nn

from ig_props.attributors.protocol import Attributor, Traits
from ig_props.claims.answers import answer, apart, read
from ig_props.claims.calling import (
    Check,
    ForeignError,
    Malformed,
    Prepared,
    describe,
    invoke,
    prepare,
    seed_everything,
    sheltered,
)
from ig_props.claims.case import Case
from ig_props.claims.claim import EVERY, Cases, Claim, ClaimKind
from ig_props.claims.judging import allowance, compare, coordinate, judged
from ig_props.claims.snapshots import take
from ig_props.findings import HOLDS, Outcome, Verdict
from ig_props.networks.network import Affine, Network
from ig_props.strategies import networks as nets
from ig_props.strategies.cases import Space, settled
from ig_props.strategies.layers import any_cases

PIECEWISE = Space(families=(nets.affine, nets.piecewise_linear))
IMAGES = Space(families=(nets.piecewise_linear,))


def _named(case: Case) -> Callable[[int, int], str]:
    if case.layer is None:
        return coordinate(case)
    return lambda row, k: f"entry {k}" + (f", sample {row}" if len(case.inputs) > 1 else "")


def _alike(attributor: Attributor, case: Case, received: np.ndarray, other: np.ndarray, how: str) -> Outcome:
    """Two answers to one question: each may be off by its own budget."""
    if received.shape != other.shape:
        return Outcome(Verdict.REFUTED, f"answers of shapes {list(received.shape)} and {list(other.shape)}: {how}")
    budget = apart(attributor, case)
    return compare(
        _named(case), received, other, quadrature=2 * budget.quadrature, rounding=2 * budget.rounding,
        float32=2 * budget.float32, how=how,
    )  # fmt: skip


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
        _named(case), second, first, rounding=2 * budget.rounding, float32=2 * budget.float32,
        how="the same call before",
    )  # fmt: skip


def purity(attributor: Attributor, case: Case) -> Outcome:
    prepared = prepare(case)
    with sheltered():
        seed_everything()
        before = take(prepared)
        try:
            raw = invoke(attributor, prepared.call, case.situation.no_grad)
        except ForeignError as error:
            changed = before.differences(take(prepared))
            if changed:
                return Outcome(Verdict.REFUTED, f"raised {error} and left: {_list(changed)}")
            raise
        del raw
        changed = before.differences(take(prepared))
    if "random" in attributor.traits.accepts:
        changed = [c for c in changed if "random" not in c]
    return Outcome(Verdict.REFUTED, _list(changed)) if changed else HOLDS


def _list(changed: list[str]) -> str:
    return "; ".join(changed[:4]) + (f"; and {len(changed) - 4} more" if len(changed) > 4 else "")


class Raising(torch.autograd.Function):
    """Identity whose backward raises."""

    @staticmethod
    def forward(ctx: object, x: Tensor) -> Tensor:
        return x.view_as(x)

    @staticmethod
    def backward(ctx: object, *gradients: Tensor) -> Tensor:
        raise RuntimeError("failure planted in the model's backward pass")


class Failing(nn.Module):
    """A model that fails in its k-th forward call, or in every backward pass when k is 0."""

    def __init__(self, inner: nn.Module, k: int) -> None:
        super().__init__()
        self.inner, self.k, self.calls, self.failed = inner, k, [0], [False]

    def forward(self, *parts: Tensor) -> Tensor:
        self.calls[0] += 1
        scores: Tensor = self.inner(*parts)
        if self.calls[0] == self.k:
            self.failed[0] = True
            raise RuntimeError(f"failure planted in forward call {self.k}")
        if self.k == 0:
            self.failed[0] = True
            scores = Raising.apply(scores)  # type: ignore[no-untyped-call]
        return scores


def purity_after_failure(attributor: Attributor, case: Case) -> Outcome:
    whole = prepare(case)
    failing = Failing(whole.model, int(case.numbers["fails"][0])).train(case.situation.training)
    prepared = Prepared(failing, whole.network, replace(whole.call, model=failing))
    with sheltered():
        seed_everything()
        before = take(prepared)
        try:
            invoke(attributor, prepared.call, case.situation.no_grad)
        except ForeignError as error:
            if isinstance(error.error, SystemExit):
                raise
            changed = [c for c in before.differences(take(prepared)) if "random" not in c]
            note = f"after a model that fails ({error}): {_list(changed)}"
            return Outcome(Verdict.REFUTED, note) if changed else HOLDS
    if failing.failed[0] and int(case.numbers["fails"][0]) > 0:
        return Outcome(Verdict.REFUTED, "an error raised by the model was swallowed and numbers were returned")
    return Outcome(Verdict.NOT_APPLICABLE, "the planted failure was not reached")


def failing_cases(traits: Traits) -> st.SearchStrategy[Case] | None:
    drawn = any_cases(traits, PIECEWISE)
    if drawn is None:
        return None

    @st.composite
    def build(draw: st.DrawFn) -> Case:
        return replace(draw(drawn), numbers={"fails": (float(draw(st.sampled_from((1, 0, 2, 3)))),)})

    return build()


def batch_independence(attributor: Attributor, case: Case) -> Outcome:
    """Each sample of a batch gets what it gets alone."""
    together = answer(attributor, case)
    alone = [answer(attributor, single(case, row))[0] for row in range(len(case.inputs))]
    return _alike(attributor, case, together, np.array(alone), "the same sample in a batch of its own")


def single(case: Case, row: int) -> Case:
    changed = replace(case, inputs=(case.inputs[row],), baselines=(case.baselines[row],), targets=(case.targets[row],))
    return replace(changed, situation=settled(changed))


def mixed_targets(attributor: Attributor, case: Case) -> Outcome:
    """A tensor of targets gives each sample what its own target gives as one number."""
    mixed = answer(attributor, replace(case, situation=replace(case.situation, target="tensor")))
    alone = []
    for row in range(len(case.inputs)):
        one = single(case, row)
        alone.append(answer(attributor, replace(one, situation=replace(one.situation, target="int")))[0])
    return _alike(attributor, case, mixed, np.array(alone), "the same sample alone with its target as an int")


def _several(accept: str) -> Callable[[Traits], st.SearchStrategy[Case] | None]:
    return lambda traits: (
        _filtered(any_cases(traits, PIECEWISE), lambda case: len(case.inputs) > 1)
        if {"batches", accept} <= traits.accepts
        else None
    )


def _filtered(drawn: st.SearchStrategy[Case] | None, keep: Callable[[Case], bool]) -> st.SearchStrategy[Case] | None:
    return None if drawn is None else drawn.filter(keep)


def chunking(attributor: Attributor, case: Case) -> Outcome:
    free = replace(case, situation=replace(case.situation, chunk=0))
    chunked = answer(attributor, case)
    return _alike(attributor, case, chunked, answer(attributor, free), "the same call without internal_batch_size")


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
    return _alike(attributor, case, answer(attributor, case), answer(attributor, plain), "contiguous tensors")


def layout_cases(traits: Traits) -> st.SearchStrategy[Case] | None:
    drawn = any_cases(traits, PIECEWISE)

    def laid_out(case: Case) -> st.SearchStrategy[Case]:
        kinds = ["transposed", "strided"] + (["channels_last"] if len(case.network.input_shape) == 3 else [])
        return st.sampled_from(kinds).map(lambda k: replace(case, situation=replace(case.situation, layout=k)))

    return None if drawn is None else drawn.flatmap(laid_out)


def no_grad(attributor: Attributor, case: Case) -> Outcome:
    silent = replace(case, situation=replace(case.situation, no_grad=True))
    usual = replace(case, situation=replace(case.situation, no_grad=False))
    return _alike(attributor, case, answer(attributor, silent), answer(attributor, usual), "with gradients enabled")


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


def errors(attributor: Attributor, case: Case) -> Outcome:
    """Arguments without a sound answer must raise, and a NaN must not come back as a number."""
    flaw = FLAWS[int(case.numbers["flaw"][0])]
    prepared = prepare(case)
    call, inputs = prepared.call, prepared.call.inputs
    assert isinstance(inputs, Tensor)
    if flaw == "target":
        call = replace(call, target=case.network.classes)
    elif flaw == "baselines":
        wide = torch.zeros_like(inputs)
        call = replace(call, baselines=torch.cat([wide, wide], dim=-1)[..., : wide.shape[-1] + 2])
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
            return HOLDS
        if flaw == "nan":
            try:
                values = read(attributor, case, prepared, raw)
            except Malformed:
                return HOLDS
            if np.isfinite(values[0]).all():
                return Outcome(Verdict.REFUTED, "an input of NaN was answered with finite attributions")
            return HOLDS
    if flaw == "target":
        return Outcome(
            Verdict.REFUTED,
            f"target {case.network.classes} of a model with {case.network.classes} scores was answered with {describe(raw)}",
        )
    return Outcome(Verdict.REFUTED, f"baselines of another shape than the inputs were answered with {describe(raw)}")


FLAWS = ("target", "baselines", "nan")


def flawed_cases(traits: Traits) -> st.SearchStrategy[Case] | None:
    """Small affine models: with a NaN the attribution of the coordinate itself cannot be finite."""
    flaws = [0.0]
    if "baselines" in traits.accepts and not traits.kind.needs_layer:
        flaws.append(1.0)
    if not traits.kind.needs_layer and "vectors" in traits.accepts:
        flaws.append(2.0)
    drawn = any_cases(traits, Space(families=(nets.affine,), situations=False, images=traits.kind.needs_layer))
    if drawn is None:
        return None

    @st.composite
    def build(draw: st.DrawFn) -> Case:
        case = draw(drawn)
        flaw = draw(st.sampled_from(flaws))
        if FLAWS[int(flaw)] == "baselines" and case.network.size == 1:
            flaw = 0.0  # one feature broadcasts against three
        if FLAWS[int(flaw)] == "nan" and not _every_weight_counts(case.network):
            flaw = 0.0
        return replace(case, numbers={"flaw": (flaw,)})

    return build()


def _every_weight_counts(network: Network) -> bool:
    return len(network.nodes) == 1 and all(w for row in network.nodes[0].op.weight for w in row)  # type: ignore[attr-defined]


def second_model(attributor: Attributor, case: Case) -> Outcome:
    """Nothing may be remembered: new weights in the same model, new values in the same tensors, a new model in its place."""
    assert case.other is not None
    prepared = prepare(case)
    call = prepared.call
    later = replace(case, network=case.other, inputs=case.baselines, baselines=case.inputs)
    if "baselines" not in attributor.traits.accepts:
        later = replace(case, network=case.other)
    with sheltered():
        seed_everything()
        invoke(attributor, call, case.situation.no_grad)
        source = prepare(later)
        with torch.no_grad():
            for p, q in zip(prepared.network.parameters(), source.network.parameters(), strict=True):
                p.copy_(q)
            for mine, theirs in ((call.inputs, source.call.inputs), (call.baselines, source.call.baselines)):
                if isinstance(mine, Tensor) and isinstance(theirs, Tensor):
                    mine.copy_(theirs)
        seed_everything()
        again = read(attributor, later, prepared, invoke(attributor, call, case.situation.no_grad))
        fresh = answer(attributor, later)
        outcome = _alike(attributor, later, again, fresh, "a model and tensors that the code has not seen before")
        if outcome.verdict is Verdict.REFUTED or attributor.traits.kind.needs_layer:
            return outcome
    del prepared, call, source  # so that the next model may be built where this one was
    replacement = answer(attributor, later)
    allowed = allowance(attributor, later)
    return compare(
        coordinate(later), replacement, allowed.mid, radius=allowed.radius, quadrature=allowed.quadrature,
        rounding=allowed.rounding, float32=allowed.float32, how="a new model where another one was",
    )  # fmt: skip


def second_cases(traits: Traits) -> st.SearchStrategy[Case] | None:
    """The second model has the same architecture, its last affine node negated and doubled."""
    space = replace(PIECEWISE, precise=True)
    drawn = any_cases(traits, space)
    if drawn is None:
        return None

    def paired(case: Case) -> Case:
        nodes = list(case.network.nodes)
        for k in reversed(range(len(nodes))):
            op = nodes[k].op
            if isinstance(op, Affine):
                weight = tuple(tuple(-2.0 * w for w in row) for row in op.weight)
                nodes[k] = replace(nodes[k], op=Affine(weight, tuple(-2.0 * b for b in op.bias)))
                break
        other = replace(case.network, nodes=tuple(nodes))
        still = replace(case.situation, layout="contiguous", baseline="tensor", leaf_inputs=False, frozen=False)
        return replace(case, other=other, situation=still)

    return drawn.map(paired)


def _any(space: Space) -> Callable[[Traits], st.SearchStrategy[Case] | None]:
    return lambda traits: any_cases(traits, space)


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
        judged(check),
    )


CLAIMS = (
    _contract("CODE.shape", "attributions have the shape of what they explain", _any(PIECEWISE), shape),
    _contract("CODE.dtype", "attributions have the dtype of the inputs", _any(PIECEWISE), dtype),
    _contract("CODE.determinism", "equal calls get equal answers", _any(PIECEWISE), determinism),
    _contract("CODE.purity", "model, tensors and process are left as they were", _any(PIECEWISE), purity),
    _contract("CODE.purity_after_failure", "also when the model raises half-way", failing_cases, purity_after_failure),
    _contract("CODE.batch_independence", "a sample's attributions do not depend on its batch",
              _several("batches"), batch_independence, "the model does not couple samples"),
    _contract("CODE.mixed_targets", "every sample is explained for its own target",
              _several("mixed-targets"), mixed_targets),
    _contract("CODE.chunking", "internal_batch_size does not change the answer", chunked_cases, chunking),
    _contract("CODE.memory_layout", "strides of the tensors do not change the answer", layout_cases, memory_layout),
    _contract("CODE.no_grad", "calls under torch.no_grad() get the same answer", _any(PIECEWISE), no_grad),
    _contract("CODE.errors", "arguments without a sound answer raise an error", flawed_cases, errors),
    _contract("CODE.second_model", "nothing is remembered from earlier calls", second_cases, second_model),
)  # fmt: skip
