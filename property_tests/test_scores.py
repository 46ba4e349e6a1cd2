"""Is every score what its name says, and does every method explain the one it is given?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from ig_props.integration.engine import integrated_gradients as engine
from ig_props.integration.layers import layer_integral
from ig_props.methods import grad_cam, scores
from ig_props.methods.integrated_gradients import integrated_gradients

EPS = 2.0**-52
LOGITS = st.integers(2, 5).flatmap(
    lambda c: st.lists(
        st.lists(st.integers(-40, 40).map(lambda k: k / 4), min_size=c, max_size=c), min_size=1, max_size=3
    )
)


def classifier() -> tuple[nn.Sequential, Tensor]:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 2, 2), nn.Tanh(), nn.Flatten(), nn.Linear(8, 3)).double()
    return model, torch.randn(2, 1, 3, 3, dtype=torch.float64)


@settings(max_examples=60, deadline=None)
@given(rows=LOGITS, target=st.integers(0, 1))
def test_the_scores_are_functions_of_one_another(rows: list[list[float]], target: int) -> None:
    z = torch.tensor(rows, dtype=torch.float64)
    p, log_p, odds = (scores.SCORES[name](z, target) for name in ("probability", "log-probability", "log-odds"))
    # a softmax of C terms with exponents up to 20 apart: C + 20 + 4 roundings
    close = 32 * EPS
    assert bool(((log_p.exp() - p).abs() <= close * (1 + 20) * p).all())
    assert bool(((odds.sigmoid() - p).abs() <= close * (1 + 20)).all())


@settings(max_examples=60, deadline=None)
@given(
    rows=LOGITS, shift=st.integers(-2048, 2048), name=st.sampled_from(("probability", "log-probability", "log-odds"))
)
def test_a_common_shift_of_the_logits_moves_the_logit_alone(rows: list[list[float]], shift: int, name: str) -> None:
    z = torch.tensor(rows, dtype=torch.float64)
    # multiples of 1/4 below 2^12 are added without rounding, so that the differences are the same numbers
    before, after = scores.SCORES[name](z, 1), scores.SCORES[name](z + shift, 1)
    assert bool(((after - before).abs() <= 8 * EPS * (2060 + before.abs())).all())
    assert torch.equal(scores.chosen(z + shift, 1), scores.chosen(z, 1) + shift)


def test_gradients_follow_the_softmax_identities() -> None:
    z = torch.randn(4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1)).requires_grad_(True)
    y = z.softmax(1).detach()
    c = 2
    identity = torch.eye(5, dtype=torch.float64)
    expected = {
        "probability": y[:, [c]] * (identity[c] - y),
        "log-probability": identity[c] - y,
        "log-odds": (identity[c] - y) / (1 - y[:, [c]]),
        "logit": identity[c].expand(4, 5),
    }
    for name, wanted in expected.items():
        (received,) = torch.autograd.grad(scores.SCORES[name](z, c).sum(), z)
        torch.testing.assert_close(received, wanted)


@pytest.mark.parametrize("name", scores.SCORES)
def test_every_method_explains_the_score_of_a_wrapped_model(name: str) -> None:
    model, x = classifier()
    start = torch.full_like(x, 0.5)
    score, whole = scores.score_of(name), scores.Scored(model, name)
    target = torch.tensor([1, 2])
    assert torch.equal(
        integrated_gradients(model, x, start, target, 9, score), integrated_gradients(whole, x, start, target, 9)
    )
    values = [
        engine(m, x, start, target, method="midpoint", n_steps=9, score=s).values
        for m, s in ((model, score), (whole, scores.chosen))
    ]
    torch.testing.assert_close(*values)
    layers = [
        layer_integral(m, model[0], x, start, target, n_steps=9, score=s).values
        for m, s in ((model, score), (whole, scores.chosen))
    ]
    torch.testing.assert_close(*layers)
    for method in (grad_cam.grad_cam, grad_cam.grad_cam_positive, grad_cam.grad_cam_plus_plus):
        torch.testing.assert_close(
            method(model, model[0], x, target, score).combined, method(whole, model[0], x, target).combined
        )


def test_a_score_of_ones_own_is_taken() -> None:
    model, x = classifier()

    def margin(output: Tensor, target: int | Tensor | None) -> Tensor:
        return output[:, 0] - output[:, 1]

    assert scores.score_of(margin) is margin
    found = engine(model, x, score=margin)
    difference = margin(model(x), None) - margin(model(torch.zeros_like(x)), None)
    assert isinstance(found.values, Tensor)
    sums = found.values.flatten(1).sum(1)
    assert bool(((sums - difference).abs() <= x[0].numel() * found.error).all())


def test_names_and_outputs_that_do_not_fit_are_one_sentence() -> None:
    with pytest.raises(ValueError, match="did you mean 'probability'"):
        scores.score_of("probabilty")
    with pytest.raises(ValueError, match="at least two classes"):
        scores.probability(torch.zeros(3, 1), 0)
    with pytest.raises(ValueError, match="out of range"):
        scores.log_odds(torch.zeros(3, 2), 2)
    with pytest.raises(ValueError, match="name one"):
        scores.log_odds(torch.zeros(3, 2), None)


class Wrapped(nn.Module):
    def __init__(self, wrap: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.wrap, self.linear = wrap, nn.Linear(3, 2)

    def forward(self, x: Tensor) -> Any:
        return self.wrap(self.linear(x))


@pytest.mark.parametrize("name", ["logit", "probability"])
@pytest.mark.parametrize(
    ("wrap", "error", "said"),
    [
        (lambda z: {"logits": z}, TypeError, "given a dict; .* give a score"),
        (lambda z: (z, z), TypeError, "given a tuple; .* give a score"),
        (lambda z: z.sum(), ValueError, "without a batch dimension"),
    ],
)
def test_outputs_that_are_no_scores_are_one_sentence(
    name: str, wrap: Callable[[Tensor], Any], error: type[Exception], said: str
) -> None:
    model = Wrapped(wrap)
    with pytest.raises(error, match=said):
        engine(model, torch.ones(1, 3), target=0, score=name)
    with pytest.raises(error, match=said):
        layer_integral(model, model.linear, torch.ones(1, 3), target=0, score=name)
