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
from ig_props.integration.sums import clenshaw_curtis
from ig_props.integration.traced.structure import Family, structure_of
from ig_props.methods.scores import log_probability, probability
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
    """`SECANT.completeness`, up to the rounding of that many gradients on the network."""
    for case in drawn(PIECEWISE, 40):
        truth = known(case)
        if truth is None or {"max_pool2d", "max"} & case.network.ops:
            continue
        _, found = called(case, method="secant", n_steps=n_steps)
        assert (found.residual.numpy() <= truth[1].sum(axis=1)).all()


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
@pytest.mark.parametrize("method", ["midpoint", "trapezoid", "exact", "secant"])
def test_chunks_change_nothing(method: str, rows: int, device: str) -> None:
    """On numbers that are not rounded, so that no order of the sums can matter: equality."""
    model = nn.Sequential(nn.Linear(3, 4, bias=False), nn.ReLU(inplace=True), nn.Linear(4, 2, bias=False)).double()
    with torch.no_grad():
        for k, p in enumerate(model.parameters()):
            p.copy_(torch.arange(p.numel()).view_as(p) % 5 - 2 + k)
    x = torch.tensor([[1.0, -2.0, 4.0], [0.5, 2.0, -1.0]], dtype=torch.float64, device=device)
    steps = {} if method == "exact" else {"n_steps": 9 if method == "trapezoid" else 8}
    whole, parts = (
        integrated_gradients(model.to(device), x, -x, 1, method=method, internal_batch_size=n, **steps)
        for n in (None, rows)
    )
    assert isinstance(whole.values, Tensor)
    assert isinstance(parts.values, Tensor)
    assert torch.equal(whole.values, parts.values)
    assert torch.equal(whole.residual, parts.residual)


def test_smooth_nodes_with_a_kink_are_mixed() -> None:
    """SELU and ELU with another alpha than 1 bend at zero; by name as modules, and as functions without a secant form."""

    class Functional(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.nn.functional.elu(x, 0.5).sum(1, keepdim=True)

    for act in (nn.SELU(), nn.ELU(0.5)):
        assert structure_of(nn.Sequential(nn.Linear(3, 2), act)).family is Family.MIXED
    assert structure_of(nn.Sequential(nn.Linear(3, 2), nn.ELU())).family is Family.SMOOTH
    assert structure_of(Functional()).family is Family.MIXED


@pytest.mark.parametrize(
    ("function", "family"),
    [
        (lambda x: x * x, Family.SMOOTH),
        (lambda x: torch.mul(x, x), Family.SMOOTH),
        (lambda x: 2 * x + x, Family.AFFINE),
        (lambda x: torch.nn.functional.linear(x, x), Family.SMOOTH),
        (lambda x: 1 / x, Family.UNKNOWN),
        (lambda x: torch.div(torch.ones(3), x), Family.UNKNOWN),
        (lambda x: x / 2, Family.AFFINE),
        (lambda x: x**2, Family.SMOOTH),
        (lambda x: x**0.5, Family.UNKNOWN),
        (lambda x: torch.stack([x, x]).relu(), Family.PIECEWISE),
        (lambda x: torch.where(x > 0, x, 0 * x), Family.UNKNOWN),
    ],
)
def test_functions_are_what_they_are(function: Callable[[Tensor], Tensor], family: Family) -> None:
    class Model(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return function(x)

    assert structure_of(Model()).family is family


def test_softmax_behind_kinks_is_integrated_piece_by_piece() -> None:
    torch.manual_seed(4)
    model = nn.Sequential(nn.Linear(4, 12), nn.ReLU(), nn.Linear(12, 3)).double()
    x = torch.randn(3, 4, dtype=torch.float64)
    for score in (probability, log_probability):
        found = integrated_gradients(model, x, target=1, score=score, rtol=1e-8)
        fine = integrated_gradients(model, x, target=1, score=score, method="midpoint", n_steps=20000)
        assert found.rule == "gauss-legendre on pieces"
        assert float(found.residual.max()) < 1e-8
        assert isinstance(found.values, Tensor)
        assert isinstance(fine.values, Tensor)
        apart = (found.values - fine.values).abs().amax(1)
        assert bool((apart <= found.error + fine.error).all())


def test_a_score_of_ones_own_is_never_taken_for_exact() -> None:
    torch.manual_seed(4)
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3)).double()
    x = torch.randn(2, 4, dtype=torch.float64)

    def squared(output: Tensor, target: int | Tensor | None) -> Tensor:
        return output[:, 0].square()

    found = integrated_gradients(model, x, score=squared, rtol=1e-3)
    fine = integrated_gradients(model, x, score=squared, method="midpoint", n_steps=30000)
    assert not found.exact
    assert isinstance(found.values, Tensor)
    assert isinstance(fine.values, Tensor)
    assert bool(((found.values - fine.values).abs().amax(1) <= found.error + fine.error).all())


def test_what_cannot_be_traced_is_sampled_and_said() -> None:
    found = integrated_gradients(Branches(), torch.tensor([[1.0, 2.0]], dtype=torch.float64), target=1)
    torch.testing.assert_close(found.values, torch.tensor([[1.0, 4.0]], dtype=torch.float64))
    assert "cannot be traced" in found.structure
    assert found.rule == "clenshaw-curtis"


@pytest.mark.parametrize("error", [TypeError("a tensor is needed"), RuntimeError("no more")])
def test_a_model_that_refuses_to_be_traced_is_sampled(error: Exception) -> None:
    class Picky(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            if not isinstance(x, Tensor):
                raise error
            return torch.tanh(x)

    found = integrated_gradients(Picky(), torch.ones(1, 1, dtype=torch.float64))
    assert found.rule == "clenshaw-curtis"
    assert str(error) in found.structure


class Steep(nn.Module):
    """All of its change happens in a small part of the path."""

    def __init__(self, slope: float, traced: bool) -> None:
        super().__init__()
        self.slope, self.traced = slope, traced

    def forward(self, x: Tensor) -> Tensor:
        found = torch.tanh(self.slope * (x.sum(1, keepdim=True) - 0.3712))
        return found if self.traced or float(x.sum()) == float(x.sum()) else x


@pytest.mark.parametrize("traced", [True, False])
@pytest.mark.parametrize("slope", [30.0, 100.0, 300.0, 1000.0])
def test_what_completeness_proves_wrong_is_not_estimated_right(slope: float, traced: bool) -> None:
    """The nodes miss the step, so that sums change by nothing; the difference of scores tells."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = integrated_gradients(Steep(slope, traced), torch.ones(1, 6, dtype=torch.float64))
    truth = (math.tanh(slope * (6 - 0.3712)) - math.tanh(-slope * 0.3712)) / 6
    assert isinstance(found.values, Tensor)
    assert float((found.values - truth).abs().max()) <= float(found.error.max())


def test_an_error_that_is_not_reached_is_warned_of() -> None:
    with pytest.warns(UserWarning, match="is not reached: midpoint with n_steps"):
        integrated_gradients(Steep(1e5, False), torch.ones(1, 6, dtype=torch.float64), rtol=1e-6)


def test_a_score_without_a_gradient_is_refused() -> None:
    class Detached(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.detach().sum(1, keepdim=True)

    class Constant(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.ones(x.shape[0], 1, dtype=x.dtype)

    x = torch.ones(1, 3, dtype=torch.float64)
    with pytest.raises(ValueError, match="has no gradient"):
        integrated_gradients(Detached(), x)
    assert torch.equal(integrated_gradients(Constant(), x).values, 0 * x)  # type: ignore[arg-type]


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
