"""Are the engine's values as exact as it says, on every kind of model, and its sentences clear?"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, seed, settings
from torch import Tensor, nn

from ig_props.attributors.protocol import ACCEPTS, Traits
from ig_props.campaign import check
from ig_props.claims.case import Case
from ig_props.findings import Verdict
from ig_props.integration.engine import integrated_gradients
from ig_props.integration.structure import Family, structure_of
from ig_props.integration.sums import clenshaw_curtis
from ig_props.networks.torch_ import TorchNetwork
from ig_props.oracles import NoOracle, oracle
from ig_props.running.request import Profile
from ig_props.strategies import networks as nets
from ig_props.strategies.cases import Space, cases

EVERYTHING = Traits(accepts=frozenset(ACCEPTS))
PIECEWISE = Space(families=(nets.piecewise_linear,), situations=False, precise=True)
SMOOTH = Space(families=(nets.smooth,), situations=False, precise=True, images=False, far=False, rows=(1, 2))


def drawn(space: Space, count: int) -> list[Case]:
    found: list[Case] = []

    @seed(3)
    @settings(max_examples=count, database=None, deadline=None, suppress_health_check=list(HealthCheck))
    @given(cases(EVERYTHING, space))
    def run(case: Case) -> None:
        found.append(case)

    run()
    return found


def called(case: Case, **options: Any) -> tuple[Tensor, Any]:
    model = TorchNetwork(case.network)
    shape = (len(case.inputs), *case.network.input_shape)
    x, b = (torch.tensor(v, dtype=torch.float64).reshape(shape) for v in (case.inputs, case.baselines))
    found = integrated_gradients(model, x, b, torch.tensor(case.targets), **options)
    assert isinstance(found.values, Tensor)
    return found.values.flatten(1), found


def known(case: Case) -> tuple[np.ndarray, np.ndarray] | None:
    """The oracle's values and radii, with the rounding of a few hundred gradients."""
    try:
        found = [
            oracle(case.network, t, x, b) for x, b, t in zip(case.inputs, case.baselines, case.targets, strict=True)
        ]
    except NoOracle:
        return None
    radius = [np.array(o.radius) + np.array(o.rounding(2.0**-52, 512)) for o in found]
    return np.array([o.mid for o in found]), np.array(radius)


def outside(case: Case, **options: Any) -> tuple[float, int]:
    """How many samples' errors exceed their estimates, and of how many."""
    truth = known(case)
    if truth is None:
        return 0, 0
    values, found = called(case, **options)
    mid, radius = truth
    error = np.maximum(np.abs(values.numpy() - mid) - radius, 0.0).max(axis=1)
    return int((error > found.error.numpy()).sum()), len(mid)


@pytest.mark.parametrize(
    ("space", "options"),
    [
        (PIECEWISE, {}),
        (PIECEWISE, {"method": "exact"}),
        (PIECEWISE, {"rtol": 1e-8}),
        (SMOOTH, {}),
        (SMOOTH, {"rtol": 1e-7}),
    ],
    ids=["piecewise", "exact", "piecewise 1e-8", "smooth", "smooth 1e-7"],
)
def test_true_errors_lie_below_the_estimate(space: Space, options: dict[str, Any]) -> None:
    pairs = [outside(case, **options) for case in drawn(space, 150)]
    wrong, total = (sum(column) for column in zip(*pairs, strict=True))
    assert total > 100
    assert wrong <= 0.001 * total + 1e-9, f"{wrong} of {total}"


@pytest.mark.parametrize("n_steps", [1, 2, 7])
def test_secant_sums_are_complete_at_every_number_of_cells(n_steps: int) -> None:
    for case in drawn(PIECEWISE, 40):
        _, found = called(case, method="secant", n_steps=n_steps)
        size = max(1.0, float(found.residual.max()))
        scale = sum(abs(v) for row in (*case.inputs, *case.baselines) for v in row)
        assert float(found.residual.max()) <= 1e-9 * size * (1.0 + scale) * 2.0**22


def relu_net(**options: Any) -> nn.Sequential:
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(**options), nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 3)).double()


class Skip(nn.Module):
    """Two convolutions with a bypass, batch norm and an addition in place, as in residual networks."""

    def __init__(self, pool: nn.Module) -> None:
        super().__init__()
        self.a, self.b = nn.Conv2d(2, 2, 3, padding=1), nn.Conv2d(2, 2, 3, padding=1)
        self.norm, self.relu, self.pool = nn.BatchNorm2d(2), nn.ReLU(inplace=True), pool
        self.head = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        out = self.relu(self.norm(self.a(x)))
        out = self.b(out)
        out += x
        return self.head(torch.flatten(self.pool(self.relu(out)), 1))  # type: ignore[no-any-return]


class Branches(nn.Module):
    """Control flow on values cannot be traced."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack([x.sum(1), (x * x).sum(1)], 1) if float(x.detach().abs().sum()) >= 0 else x


def small_images(pool: nn.Module) -> tuple[nn.Module, Tensor]:
    torch.manual_seed(2)
    return Skip(pool).double().eval(), torch.randn(2, 2, 4, 4, dtype=torch.float64)


@pytest.mark.parametrize("pool", [nn.AvgPool2d(2), nn.MaxPool2d(2)])
def test_pieces_of_residual_networks_agree_with_fine_sums(pool: nn.Module) -> None:
    model, x = small_images(pool)
    assert structure_of(model).family is Family.PIECEWISE
    exact = integrated_gradients(model, x, target=torch.tensor([0, 2]), method="exact")
    fine = integrated_gradients(model, x, target=torch.tensor([0, 2]), method="midpoint", n_steps=4000)
    assert isinstance(exact.values, Tensor)
    assert isinstance(fine.values, Tensor)
    assert float(exact.residual.max()) < 1e-12
    assert float((exact.values - fine.values).abs().max()) < 2e-3 * float(exact.values.abs().max())


@pytest.mark.parametrize("rows", [1, 3, 1000])
def test_chunks_change_nothing(rows: int) -> None:
    model, x = small_images(nn.MaxPool2d(2))
    for options in ({"method": "secant", "n_steps": 9}, {"method": "simpson", "n_steps": 9}, {"method": "exact"}):
        whole = integrated_gradients(model, x, target=1, **options)  # type: ignore[arg-type]
        parts = integrated_gradients(model, x, target=1, internal_batch_size=rows, **options)  # type: ignore[arg-type]
        torch.testing.assert_close(whole.values, parts.values, rtol=1e-12, atol=1e-14)


def test_what_cannot_be_traced_is_sampled_and_said() -> None:
    found = integrated_gradients(Branches(), torch.tensor([[1.0, 2.0]], dtype=torch.float64), target=1)
    torch.testing.assert_close(found.values, torch.tensor([[1.0, 4.0]], dtype=torch.float64))
    assert "cannot be traced" in found.structure
    assert found.rule == "midpoint"


def test_several_inputs_and_float32() -> None:
    class Two(nn.Module):
        def forward(self, a: Tensor, b: Tensor) -> Tensor:
            return torch.tanh(a).sum(1, keepdim=True) * b.sum(1, keepdim=True)

    a, b = torch.tensor([[0.5, 1.0]]), torch.tensor([[2.0]])
    found = integrated_gradients(Two(), (a, b), rtol=1e-5)
    assert isinstance(found.values, tuple)
    assert [v.shape for v in found.values] == [a.shape, b.shape]
    assert found.values[0].dtype == torch.float32
    assert float(found.residual.max()) < 1e-5


@pytest.mark.parametrize("n", [2, 8, 16])
def test_clenshaw_curtis_is_exact_to_its_degree(n: int) -> None:
    nodes, weights = clenshaw_curtis(n)
    for degree in range(n + 2):
        assert math.isclose(float((weights * nodes**degree).sum()), 1.0 / (degree + 1), rel_tol=1e-13)


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"inputs": torch.ones(2, 4, dtype=torch.int64)}, TypeError, "floating dtype"),
        ({"inputs": [1.0]}, TypeError, "inputs must be a tensor"),
        ({"inputs": torch.full((2, 4), math.nan, dtype=torch.float64)}, ValueError, "inputs must be finite"),
        ({"baselines": torch.zeros(3, 4, dtype=torch.float64)}, ValueError, r"baselines has shape \[3, 4\]"),
        ({"baselines": torch.zeros(2, 4)}, ValueError, "baselines is torch.float32"),
        ({"target": 3}, ValueError, "target 3 is out of range"),
        ({"target": torch.tensor([0, 1, 2])}, ValueError, r"target must be whole numbers \[2\]"),
        ({"target": 0.5}, TypeError, "target must be an int"),
        ({"method": "simpsons"}, ValueError, "method must be one of left, right"),
        ({"method": "trapezoid", "n_steps": 1}, ValueError, "n_steps does not fit"),
        ({"method": "clenshaw-curtis", "n_steps": 4}, ValueError, "n_steps must be odd"),
        ({"method": "exact"}, ValueError, "needs a piecewise-linear model"),
        ({"n_steps": 0}, ValueError, "n_steps must be a whole number"),
        ({"rtol": -1.0}, ValueError, "rtol must be positive"),
        ({"rtol": 1e-3, "n_steps": 4}, ValueError, "give one or the other"),
        ({"internal_batch_size": 0}, ValueError, "internal_batch_size"),
        ({"score": lambda out, target: out}, ValueError, "one number per point"),
    ],
)
def test_what_does_not_fit_is_one_sentence(change: dict[str, Any], error: type[Exception], said: str) -> None:
    options: dict[str, Any] = {"inputs": torch.ones(2, 4, dtype=torch.float64), "target": 0} | change
    with pytest.raises(error, match=said):
        integrated_gradients(relu_net(), options.pop("inputs"), **options)


def test_a_gradient_that_is_not_finite_is_placed() -> None:
    class Root(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.abs().sqrt().sum(1, keepdim=True)

    with pytest.raises(ValueError, match=r"not finite on the path of sample 0, at t = 0"):
        integrated_gradients(Root(), torch.ones(1, 2), method="left", n_steps=4)


def test_batch_norm_in_train_mode_is_warned_of() -> None:
    model, x = small_images(nn.AvgPool2d(2))
    with pytest.warns(UserWarning, match="call model.eval"):
        integrated_gradients(model.train(), x, target=0, method="midpoint", n_steps=2)


def as_function(**options: Any) -> Callable[..., Tensor]:
    def attribute(
        model: nn.Module, inputs: Tensor, baselines: Tensor, target: int | Tensor, n_steps: int = 50
    ) -> Tensor:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            steps = {"n_steps": n_steps} if options.get("method", "") not in ("", "exact") else {}
            chosen = (
                {}
                if "method" in options and not structure_of(model).kinks and options["method"] == "exact"
                else options
            )
            values = integrated_gradients(model, inputs, baselines, target, **chosen, **steps).values
        assert isinstance(values, Tensor)
        return values

    return attribute


@pytest.mark.parametrize("options", [{"rtol": 1e-4}, {"method": "midpoint"}, {"method": "secant"}], ids=str)
def test_every_claim_holds_of_the_engine(options: dict[str, Any]) -> None:
    findings = check(as_function(**options), claims=("CODE.*", "PATH.*", "IG.*", "QUAD.weights_sum_one", "QUAD.variation_bound"),
                     profile=Profile("engine", 8, 0.8, 0.5))  # fmt: skip
    wrong = [
        f"{f.claim}: {f.note} {f.comparison}\n{f.formula}"
        for f in findings
        if f.verdict in (Verdict.REFUTED, Verdict.CRASHED)
    ]
    assert not wrong, "\n".join(wrong)
