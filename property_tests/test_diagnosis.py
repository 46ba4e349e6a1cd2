"""Do the moment probes name what is wrong, and stay silent where nothing is?"""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from ig_props.attributors.plain import Plain
from ig_props.diagnosis import WIDEST, diagnose, widest
from property_tests.controls import CONTROLS
from property_tests.mutants import MUTANTS
from property_tests.mutants._base import Rule, Target, average, checked, ig, midpoint, per_sample, scores_at

Function = Callable[..., Tensor]


def by(rule: Callable[[int], Rule]) -> Function:
    def attribute(model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50) -> Tensor:
        return ig(model, inputs, baselines, target, n_steps, rule)

    return attribute


def rescaled(model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50) -> Tensor:
    """Sums are made to fit after the fact."""
    x, b, classes = checked(inputs, baselines, target, n_steps)
    raw = (x - b) * average(model, x, b, classes, midpoint(n_steps))
    gain = scores_at(model, x, classes) - scores_at(model, b, classes)
    total = raw.flatten(1).sum(1)
    share = torch.where(
        total != 0, gain / torch.where(total != 0, total, torch.ones_like(total)), torch.ones_like(total)
    )
    return raw * per_sample(share, raw)


def short_trapezoid(n: int) -> Rule:
    return [k / max(n - 1, 1) for k in range(n)], [0.5 / n, *[1 / n] * (n - 2), 0.5 / n][:n]


def squared(n: int) -> Rule:
    return [((k + 0.5) / n) ** 2 for k in range(n)], [1 / n] * n


def only_many(n: int) -> Rule:
    """Right up to 32 steps, three of them lost beyond."""
    return midpoint(n)[0][: n if n <= 32 else n - 3], [1 / n] * (n if n <= 32 else n - 3)


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (by(short_trapezoid), "weights sum to 1 - 1/n instead of 1"),
        (by(squared), "the mean node is 0.3333 instead of 1/2"),
        (by(only_many), "weights do not sum to 1 (0.94 at n_steps = 50"),
        (rescaled, "attributions are made to add up: x1 in F = x0³ + x1 gets"),
        (by(lambda n: ([0.0], [1.0])), "the gradient is taken at the baseline alone"),
    ],
)
def test_what_is_wrong_is_named(function: Function, said: str) -> None:
    assert any(said in sentence for sentence in diagnose(Plain(function, "wrong")))


@pytest.mark.parametrize("name", ["tanh_sinh", "gauss", "clenshaw_curtis", "romberg"])
def test_nothing_is_said_of_honest_rules(name: str) -> None:
    assert diagnose(Plain(CONTROLS[name].subject, name)) == ()


@pytest.mark.parametrize("n", [10, 64, 257])
def test_only_interlacing_rules_count_as_wide(n: int) -> None:
    wide = widest(Plain(CONTROLS["tanh_sinh"].subject, "tanh-sinh"), n)
    assert 2.0 < wide <= WIDEST
    assert widest(Plain(MUTANTS["chunk_means_averaged"].subject, "chunks"), n) < 2.0
    assert widest(Plain(by(squared), "squared"), n) == 0.0
