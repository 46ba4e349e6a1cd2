"""What does a call leave behind when the model raises half-way?"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from hypothesis import strategies as st
from torch import Tensor, nn

from ig_props.attributors.protocol import Attributor, Traits
from ig_props.checking.answers import alike, answer
from ig_props.checking.calling import ForeignError, Malformed, Prepared, invoke, prepare, seed_everything, sheltered
from ig_props.checking.snapshots import in_words, take
from ig_props.claims.case import Case
from ig_props.findings import Outcome, Verdict
from ig_props.strategies.cases import Space
from ig_props.strategies.layers import any_cases


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
    """The failure comes through, everything is as before, and a call on other points answers as it did before."""
    next_case = replace(case, inputs=tuple(tuple(-2.0 * v for v in row) for row in case.inputs))
    first = answer(attributor, next_case)
    whole = prepare(case)
    failing = Failing(whole.model, int(case.numbers["fails"][0]))
    failing.training = case.situation.training
    prepared = Prepared(failing, whole.network, replace(whole.call, model=failing))
    with sheltered(), torch.set_grad_enabled(not case.situation.no_grad):
        seed_everything()
        before = take(prepared)
        try:
            invoke(attributor, prepared.call)
        except ForeignError as error:
            if isinstance(error.error, SystemExit):
                raise
            changed = [c for c in before.differences(take(prepared)) if "random" not in c]
            if changed:
                return Outcome(Verdict.REFUTED, f"after a model that fails ({error}): {in_words(changed)}")
            return as_before(attributor, next_case, first)
    if failing.failed[0] and int(case.numbers["fails"][0]) > 0:
        return Outcome(Verdict.REFUTED, "an error raised by the model was swallowed and numbers were returned")
    return Outcome(Verdict.NOT_APPLICABLE, "the planted failure was not reached")


def as_before(attributor: Attributor, case: Case, first: np.ndarray) -> Outcome:
    """Whether a call is answered after a failed one as it was before it."""
    try:
        again = answer(attributor, case)
    except (ForeignError, Malformed) as error:
        return Outcome(Verdict.REFUTED, f"after a failed call, a call that was answered before: {error}")
    return alike(attributor, case, again, first, "the same call before another one failed")


def failing_cases(traits: Traits, space: Space) -> st.SearchStrategy[Case] | None:
    """Cases with the forward call that fails, or 0 for the backward pass."""
    drawn = any_cases(traits, space)
    if drawn is None:
        return None

    @st.composite
    def build(draw: st.DrawFn) -> Case:
        return replace(draw(drawn), numbers={"fails": (float(draw(st.sampled_from((1, 0, 2, 3)))),)})

    return build()
