"""Are the usual baselines what they are called, and does the search for a uniform one keep its promises?"""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from ig_props.methods import baselines


def images(count: int = 2) -> Tensor:
    return torch.rand(count, 3, 6, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(3))


def classifier(classes: int = 4) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(90, 8), nn.Tanh(), nn.Linear(8, classes)).double()


def test_the_usual_baselines() -> None:
    x = images()
    assert torch.equal(baselines.zeros(x), torch.zeros_like(x))
    assert torch.equal(baselines.constant(x, 0.25), torch.full_like(x, 0.25))
    means = baselines.mean(x)
    torch.testing.assert_close(means[1, 2], x[1, 2].mean().expand(6, 5))
    torch.testing.assert_close(baselines.mean(x, images(7))[1], images(7).mean(0))
    noise = baselines.uniform_noise(x, 0.5, 0.75, torch.Generator().manual_seed(0))
    assert 0.5 <= float(noise.min()) < 0.55 < 0.7 < float(noise.max()) <= 0.75
    assert torch.equal(noise, baselines.uniform_noise(x, 0.5, 0.75, torch.Generator().manual_seed(0)))


def test_blurring_keeps_constants_and_approaches_a_gaussian() -> None:
    x = torch.zeros(1, 1, 41, 41, dtype=torch.float64)
    x[0, 0, 20, 20] = 1.0
    soft = baselines.blurred(x, 3.0)[0, 0]
    torch.testing.assert_close(soft.sum(), torch.tensor(1.0, dtype=torch.float64))
    places = torch.arange(41, dtype=torch.float64) - 20
    variance = float((soft.sum(1) * places**2).sum())
    # the kernel ends at three standard deviations, which costs at most 3 % of the variance
    assert 0.97 * 9 <= variance <= 9.0 + 1e-9
    flat = torch.full((1, 2, 5, 6), 0.75, dtype=torch.float64)
    torch.testing.assert_close(baselines.blurred(flat, 2.0), flat)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 1000),
    optimizer=st.sampled_from(sorted(baselines.OPTIMIZERS)),
    distance=st.sampled_from(sorted(baselines.DISTANCES)),
    weight=st.sampled_from((0.0, 0.01, 0.5, 1.0)),
)
def test_a_search_is_never_worse_than_its_start(seed: int, optimizer: str, distance: str, weight: float) -> None:
    model, generator = classifier(), torch.Generator().manual_seed(seed)
    start = torch.rand(2, 3, 6, 5, dtype=torch.float64, generator=generator)
    state = {k: v.clone() for k, v in model.state_dict().items()}
    found = baselines.uniform_baseline(
        model, start, weight=weight, optimizer=optimizer, distance=distance, steps=15, box=(0.0, 1.0), lr=0.05
    )
    assert bool((found.objective <= found.start_objective).all())
    assert torch.equal(found.objective, found.history.amin(0))
    assert torch.equal(found.history[0], found.start_objective)
    assert float(found.baseline.min()) >= 0.0
    assert float(found.baseline.max()) <= 1.0
    p = model(found.baseline.clone()).softmax(1)
    torch.testing.assert_close(found.from_uniform, (p - 0.25).abs().amax(1))
    near = ((found.baseline - start) ** 2).flatten(1).mean(1)
    torch.testing.assert_close(found.objective, (1 - weight) * baselines.DISTANCES[distance](p) + weight * near)
    assert all(torch.equal(v, state[k]) for k, v in model.state_dict().items())
    assert all(q.grad is None for q in model.parameters())


def test_a_search_reaches_uniform_probabilities_and_says_so() -> None:
    found = baselines.uniform_baseline(classifier(), images(), optimizer="lbfgs", distance="squared", weight=0.0)
    assert found.reached
    assert float(found.from_uniform.max()) <= 1e-3
    assert "the tolerance 0.001 is reached" in str(found)
    again = baselines.uniform_baseline(classifier(), found.baseline)
    assert again.reached
    assert len(again.history) == 1
    assert again.reason == "the start is uniform"


def test_a_search_that_cannot_reach_uniformity_says_so_and_keeps_its_best() -> None:
    model = classifier()
    with torch.no_grad():
        model[3].weight.zero_()  # type: ignore[index,union-attr,operator]
        model[3].bias.copy_(torch.tensor([5.0, 0.0, 0.0, 0.0]))  # type: ignore[index,union-attr,operator]
    found = baselines.uniform_baseline(model, images(), patience=7)
    assert not found.reached
    assert found.reason == "nothing improved for 7 steps"
    assert torch.equal(found.baseline, images())
    one = baselines.uniform_baseline(classifier(), images(), steps=1)
    assert one.reason == "1 steps were made"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"weight": 2.0}, "weight must be between 0 and 1, given 2"),
        ({"steps": 0}, "steps and patience must be at least 1"),
        ({"optimizer": "sgd"}, "optimizer is one of rmsprop, adam, lbfgs or a function"),
        ({"distance": "mean"}, "distance is one of max, squared, divergence"),
        ({"box": (0.5, 1.0)}, "box must be two ascending numbers around the start"),
        ({"box": (1.0, 0.0)}, "box must be two ascending numbers around the start"),
    ],
)
def test_what_does_not_fit_a_search_is_one_sentence(options: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        baselines.uniform_baseline(classifier(), images(), **options)  # type: ignore[arg-type]


def test_other_bad_input_is_one_sentence() -> None:
    x = images()
    with pytest.raises(ValueError, match=r"logits \[N, C\], given \[2, 1\]"):
        baselines.uniform_baseline(classifier(1), x)
    with pytest.raises(ValueError, match="finite floating-point"):
        baselines.uniform_baseline(classifier(), x * torch.nan)
    with pytest.raises(ValueError, match="needs images"):
        baselines.blurred(x[0], 1.0)
    with pytest.raises(ValueError, match="sigma must be positive"):
        baselines.blurred(x, 0.0)
    with pytest.raises(ValueError, match=r"data has shape \[2, 3\]"):
        baselines.mean(x, torch.zeros(2, 3))
    with pytest.raises(ValueError, match="low must be below high"):
        baselines.uniform_noise(x, 1.0, 1.0, torch.Generator())
