"""Does the engine integrate what the model really does, and is the model afterwards what it was before?"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import ig_props
from ig_props import integrate, integrated_gradients, layer_integral, paths
from ig_props.integration import search
from ig_props.integration.arguments import segments
from ig_props.integration.job import job_of


class Gated(nn.Module):
    """x times a gate through which no gradient flows."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.how, self.gate = how, nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 3))

    def forward(self, x: Tensor) -> Tensor:
        if self.how == "detach":
            return (self.gate(x).detach() * x).sum(1)
        with torch.no_grad():
            gate = self.gate(x)
        return (gate * x).sum(1)


@pytest.mark.parametrize("how", ["no_grad", "detach"])
def test_gradients_are_the_models_own_where_something_is_detached(how: str) -> None:
    torch.manual_seed(0)
    model, x = Gated(how), torch.randn(2, 3)
    found = integrated_gradients(model, x)
    own = integrated_gradients(model, x, method="midpoint", n_steps=2000)
    assert isinstance(found.values, Tensor)
    assert isinstance(own.values, Tensor)
    assert bool(((found.values - own.values).abs().amax(1) <= found.error + own.error).all())
    # such attributions do not add up, which no sum can mend
    assert float(found.error.min()) >= 0.9 * float(found.residual.min())


def in_double(model: nn.Module, x: Tensor, baselines: Tensor | None = None) -> Tensor:
    start = None if baselines is None else baselines.double()
    found = integrated_gradients(copy.deepcopy(model).double(), x.double(), start, 0).values
    assert isinstance(found, Tensor)
    return found


def exceeds(model: nn.Module, x: Tensor, baselines: Tensor | None = None) -> float:
    """The largest error of a sample, as a share of what is estimated; for exact sums of a float32 model."""
    found = integrated_gradients(model, x, baselines, 0)
    assert found.exact
    assert isinstance(found.values, Tensor)
    error = (found.values.double() - in_double(model, x, baselines)).abs().flatten(1).amax(1)
    return float((error / found.error).nan_to_num(0.0).max())


@pytest.mark.parametrize("seed", range(3))
def test_pieces_of_float32_networks_are_exact_up_to_the_rounding_of_the_result(seed: int) -> None:
    torch.manual_seed(seed)
    model = nn.Sequential(
        nn.Conv2d(1, 8, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 16, 3), nn.ReLU(), nn.Flatten(), nn.Linear(256, 10)
    )
    assert exceeds(model.eval(), torch.rand(4, 1, 14, 14)) <= 1.0


@pytest.mark.parametrize("size", [1e3, 1e5, 1e6])
def test_small_units_beside_large_ones_keep_their_kinks(size: float) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 1))
    with torch.no_grad():
        model[0].weight[16:, 0] = 0
        model[2].weight[:, :16] *= 1e-6
    x, baselines = torch.randn(16, 4), torch.randn(16, 4)
    x[:, 0] = baselines[:, 0] = size
    assert exceeds(model, x, baselines) <= 1.0


@pytest.mark.parametrize(("size", "dtype"), [(1e-23, torch.float32), (1e-170, torch.float64)])
def test_kinks_of_tiny_values_do_not_vanish(size: float, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 16, bias=False), nn.ReLU(), nn.Linear(16, 1, bias=False)).to(dtype)
    x, baselines = (size * torch.randn(8, 6, dtype=dtype) for _ in range(2))
    assert integrated_gradients(model, x, baselines, 0).n_steps > 1


@pytest.mark.parametrize("act", [nn.ReLU, nn.Tanh])
def test_estimates_heed_a_body_in_coarser_arithmetic_than_the_inputs(act: type[nn.Module]) -> None:
    class Coarse(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = nn.Sequential(nn.Linear(6, 32), act(), nn.Linear(32, 1)).bfloat16()

        def forward(self, x: Tensor) -> Tensor:
            scores: Tensor = self.body(x.to(torch.bfloat16)).float()
            return scores

    torch.manual_seed(0)
    model, x = Coarse(), torch.randn(16, 6)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = integrated_gradients(model, x)
    assert isinstance(found.values, Tensor)
    error = (found.values.double() - in_double(model.body, x)).abs().amax(1)
    assert bool((error <= found.error).all())


def test_an_estimate_that_is_no_number_is_never_taken_for_none() -> None:
    """Cells around a kink become so narrow that they have no width."""
    torch.manual_seed(3)
    model = nn.Sequential(
        nn.Linear(6, 16), nn.Tanh(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 16), nn.Softplus(), nn.Linear(16, 1)
    )
    x, baselines = torch.randn(16, 6), torch.randn(16, 6)
    found = integrated_gradients(model, x, baselines)
    assert bool((found.error > 0).all())


@pytest.mark.parametrize("seed", range(7, 12))
def test_estimates_hold_on_curves_that_bend(seed: int) -> None:
    torch.manual_seed(seed)
    score = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1)).double()
    a, b, c = (torch.randn(1, 3, dtype=torch.float64) for _ in range(3))
    turn = float(torch.rand(1)) * 0.9 + 0.05

    def points(t: Tensor) -> Tensor:
        share = t.view(-1, 1, 1)
        return torch.where(share < turn, a + (b - a) * share / turn, b + (c - b) * (share - turn) / (1 - turn))

    found = integrate(lambda z: score(z)[:, 0], paths.Curve(points), rtol=0.1)
    known = integrate(lambda z: score(z)[:, 0], paths.polygon([a, b, c]), rtol=1e-8)
    assert float((found.values - known.values).abs().max()) <= float(found.error + known.error)  # type: ignore[operator]


def test_batch_norm_without_statistics_is_not_taken_for_affine() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4, track_running_stats=False), nn.Linear(4, 1)).eval()
    with pytest.warns(UserWarning, match="without running statistics"):
        found = integrated_gradients(model, torch.randn(5, 3), n_steps=10, method="midpoint")
    assert not found.exact
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert "without running statistics" in integrated_gradients(model, torch.randn(5, 3)).structure


def test_dropout_in_train_mode_is_warned_of() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.5), nn.Linear(4, 1)).train()
    with pytest.warns(UserWarning, match="dropout in train mode"):
        integrated_gradients(model, torch.randn(5, 3), n_steps=10, method="midpoint")


class Keeping(nn.Module):
    """Keeps what it sees, in attributes and in a list."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.seen = nn.Linear(3, 4), nn.Linear(4, 3), []  # type: ignore[var-annotated]

    def forward(self, x: Tensor) -> Tensor:
        self.features, self.shape = torch.relu(self.first(x)), x.shape
        self.seen.append(self.features)
        found: Tensor = self.second(self.features)
        return found


@pytest.mark.parametrize("score", ["logit", "probability", "log-odds"])
def test_a_trace_leaves_nothing_in_the_model(score: str) -> None:
    model = Keeping()
    integrated_gradients(model, torch.randn(2, 3), target=0, score=score)  # type: ignore[arg-type]
    layer_integral(model, model.first, torch.randn(2, 3), target=0)
    assert isinstance(model.features, Tensor)
    assert isinstance(model.shape, torch.Size)
    assert all(isinstance(seen, Tensor) for seen in model.seen)


def test_threads_do_not_disturb_one_another() -> None:
    models = [nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 2)) for _ in range(4)]
    x = torch.randn(2, 3)
    alone = [integrated_gradients(m, x, target=0).values for m in models]
    plain = [m(x) for m in models]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda k: integrated_gradients(models[k % 4], x, target=0).values, range(40)))
        calls = [
            (pool.submit(integrated_gradients, models[k % 4], x, target=0), pool.submit(models[k % 4], x))
            for k in range(40)
        ]
        for k, (mine, theirs) in enumerate(calls):
            assert torch.equal(mine.result().values, alone[k % 4])  # type: ignore[arg-type]
            assert torch.equal(theirs.result(), plain[k % 4])
    assert all(torch.equal(v, alone[k % 4]) for k, v in enumerate(found))  # type: ignore[arg-type]


@pytest.mark.parametrize(("rows", "length"), [(5, 5), (1, 1), (4, 5)])
def test_sequences_that_come_first_are_not_taken_for_samples(rows: int, length: int) -> None:
    class Attention(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.attention, self.last = nn.Linear(6, 8), nn.MultiheadAttention(8, 2), nn.Linear(8, 2)

        def forward(self, x: Tensor) -> Tensor:
            h = self.first(x).transpose(0, 1)
            found: Tensor = self.last(self.attention(h, h, h)[0].mean(0))
            return found

    model = Attention().double().eval()
    found = integrated_gradients(model, torch.randn(rows, length, 6, dtype=torch.float64), target=0, rtol=1e-6)
    assert bool((found.residual <= found.error).all())


def test_models_that_take_gradients_themselves() -> None:
    class Force(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            if not x.requires_grad:
                x = x.requires_grad_(True)
            energy = (x**3).sum()
            (force,) = torch.autograd.grad(energy, x, create_graph=True)
            return force.sum(1)

    x = torch.ones(1, 2, dtype=torch.float64)
    found = integrated_gradients(Force(), x)
    torch.testing.assert_close(found.values, 3 * x)


def test_callers_in_inference_mode_are_answered() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    plain = torch.randn(2, 3)
    with torch.inference_mode():
        x = plain.clone()
        inside = [integrated_gradients(model, x, target=0), layer_integral(model, model[1], x, target=0)]
        assert torch.is_inference_mode_enabled()
    outside = [integrated_gradients(model, x, target=0), layer_integral(model, model[1], x, target=0)]
    expected = [integrated_gradients(model, plain, target=0), layer_integral(model, model[1], plain, target=0)]
    for found, again, known in zip(inside, outside, expected, strict=True):
        torch.testing.assert_close(found.values, known.values)
        torch.testing.assert_close(again.values, known.values)


class Log(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.log().sum(1)


LINEAR, ONE = nn.Linear(3, 2), torch.ones(1, 3)
CALLS: dict[str, tuple[Callable[[], Any], str]] = {
    "a function": (
        lambda: integrated_gradients(lambda x: x.sum(1), ONE),
        "model must be a torch.nn.Module, given a function",
    ),
    "no module": (
        lambda: integrated_gradients(3, ONE),
        "model must be a torch.nn.Module, given int",
    ),
    "one score and a target": (
        lambda: integrated_gradients(Log(), ONE, target=0),
        "one score per sample; give None",
    ),
    "images of scores": (
        lambda: integrated_gradients(nn.Unflatten(1, (3, 1)), ONE, target=0),
        "must return .N. or .N, classes.",
    ),
    "a target of truth values": (
        lambda: integrated_gradients(LINEAR, ONE, target=torch.tensor([True])),
        "target must be whole numbers",
    ),
    "a tolerance in words": (
        lambda: integrated_gradients(LINEAR, ONE, target=0, rtol="1e-3"),
        "rtol must be a number, given '1e-3'",
    ),
    "an infinite tolerance": (
        lambda: integrated_gradients(LINEAR, ONE, target=0, atol=float("inf")),
        "atol must be positive and finite",
    ),
    "a score that is a number": (
        lambda: integrated_gradients(LINEAR, ONE, target=0, score=3),
        "score is one of",
    ),
    "a score that gives a number": (
        lambda: integrated_gradients(LINEAR, ONE, score=lambda y, t: 1.0),
        "score must give a tensor",
    ),
    "sparse inputs": (
        lambda: integrated_gradients(LINEAR, ONE.to_sparse(), target=0),
        "inputs must be dense",
    ),
    "inputs without numbers": (
        lambda: integrated_gradients(LINEAR, ONE.to("meta"), target=0),
        "inputs must be dense",
    ),
    "no score at the baseline": (
        lambda: integrated_gradients(Log(), ONE),
        "the score is -inf at the baseline of sample 0",
    ),
    "points of another dtype": (
        lambda: integrated_gradients(LINEAR, ONE.double(), target=0),
        "the points are torch.float64 and the model's parameters torch.float32",
    ),
    "no layers": (
        lambda: ig_props.layer_integrals(LINEAR, [], ONE, target=0),
        "layers must be a sequence",
    ),
    "one layer for layers": (
        lambda: ig_props.layer_integrals(LINEAR, LINEAR, ONE, target=0),
        "layers must be a sequence",
    ),
    "several inputs of a map": (
        lambda: ig_props.rsi_grad_cam(LINEAR, LINEAR, (ONE, ONE), target=0),
        "inputs must be one tensor",
    ),
    "a path that is no tensor": (
        lambda: ig_props.rsi_grad_cam(LINEAR, LINEAR, ONE, target=0, path=[1]),
        "path must be a tensor",
    ),
    "a start that is a number": (
        lambda: paths.straight(0.0, ONE),
        "start must be a tensor",
    ),
    "no vertices": (
        lambda: paths.polygon([]),
        "vertices must be tensors",
    ),
    "a polygon of a list": (
        lambda: paths.Polygon([ONE, ONE]),
        "vertices must be a tensor",
    ),
    "powers that are a number": (
        lambda: paths.polynomial(ONE, ONE, 2),
        "powers must be a tensor",
    ),
    "powers below one": (
        lambda: paths.polynomial(ONE, ONE, torch.tensor([1.0, 0.5, 1.0])),
        "powers must be at least 1, given 0.5",
    ),
    "an order that is a number": (
        lambda: paths.coordinatewise(ONE, ONE, 5),
        "order must be a permutation",
    ),
    "a curve that is a number": (
        lambda: paths.Curve(3),
        "function must take parameters",
    ),
    "no score to integrate": (
        lambda: integrate("logit", paths.straight(ONE, ONE)),
        "score must be a function",
    ),
    "a path that is not finite": (
        lambda: integrate(lambda z: z.sum(1), paths.straight(ONE, ONE * torch.nan)),
        "path must be finite",
    ),
}


@pytest.mark.parametrize("name", CALLS)
def test_what_cannot_be_meant_is_said_in_one_sentence(name: str) -> None:
    call, said = CALLS[name]
    with pytest.raises((TypeError, ValueError), match=said) as raised:
        call()
    assert "\n" not in str(raised.value)


def test_numbers_of_numpy_are_numbers() -> None:
    import numpy as np

    found = integrated_gradients(LINEAR, ONE, np.float32(0.5), np.int64(1), n_steps=np.int64(20), method="midpoint")  # type: ignore[arg-type]
    torch.testing.assert_close(found.values, integrated_gradients(LINEAR, ONE, 0.5, 1).values)


def test_sums_over_cells_give_way_to_all_pieces_where_cells_would_hold_few_kinks() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 600), nn.ReLU(), nn.Linear(600, 3)).double()
    x, target = torch.randn(2, 4, dtype=torch.float64), torch.tensor([0, 1])
    job = job_of(model, segments(model, x, None, target))
    pieces = search.exact(job).n_steps
    found, enough = search.secant(job, search.asked(0.5, None), least=1)
    assert enough
    assert 2 * found.n_steps <= pieces
    with pytest.raises(search.TooFewKinks):
        search.secant(job, search.asked(1e-9, None), least=1)
