"""Are layer integrals complete at cuts, exact where they say so, and the same for several layers in one sweep?"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from torch import Tensor, nn

from ig_props.attributors.protocol import PLAIN, Kind, Traits
from ig_props.campaign import check
from ig_props.claims.case import Case
from ig_props.findings import Verdict
from ig_props.integration.layers import METHODS, layer_integral, layer_integrals
from ig_props.integration.sums import clenshaw_curtis
from ig_props.integration.sweep import differentiation
from ig_props.integration.traced.structure import is_cut, structure_of
from ig_props.networks.torch_ import TorchNetwork
from ig_props.oracles.layers import layer_oracle
from ig_props.running.request import Profile
from ig_props.strategies.cases import Space
from ig_props.strategies.layers import layer_cases

LAYER = Traits(Kind.LAYER_INTEGRAL, accepts=PLAIN)
CASES = layer_cases(LAYER, Space(batches=False, situations=False, precise=True, far=False))


@pytest.mark.parametrize("options", [{}, {"method": "exact"}, {"method": "trapezoid", "n_steps": 9}], ids=str)
@settings(max_examples=50, deadline=None)
@given(case=CASES)
def test_layer_integrals_agree_with_the_oracle(options: dict[str, object], case: Case) -> None:
    assert case.layer is not None
    model = TorchNetwork(case.network)
    x, b = (
        torch.tensor(v, dtype=torch.float64).reshape(1, *case.network.input_shape)
        for v in (case.inputs, case.baselines)
    )
    found = layer_integral(model, model.layers[case.layer - 1], x, b, case.targets[0], **options)  # type: ignore[arg-type]
    known = layer_oracle(case.network, case.targets[0], case.inputs[0], case.baselines[0], case.layer, False)
    assert isinstance(found.values, Tensor)
    error = np.abs(found.values.flatten().numpy() - np.array(known.mid))
    allowed = np.array(known.radius) + known.rounding(2.0**-52, 600)
    if not found.exact:
        allowed = allowed + (known.quadrature(found.n_steps) if options else float(found.error[0]))
    assert (error <= allowed).all()
    assert not model.layers[case.layer - 1]._forward_hooks


def smooth() -> tuple[nn.Sequential, Tensor]:
    torch.manual_seed(3)
    model = nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, 6), nn.GELU(), nn.Linear(6, 2)).double()
    return model, torch.randn(3, 5, dtype=torch.float64)


def test_the_spectral_form_is_a_thousand_times_nearer_than_the_trapezoid() -> None:
    model, x = smooth()
    fine, spectral, plain = (
        layer_integral(model, model[1], x, target=0, method=m, n_steps=n).values
        for m, n in (("spectral", 65), ("spectral", 17), ("trapezoid", 17))
    )
    assert isinstance(fine, Tensor)
    near, far = (float((v - fine).abs().max()) for v in (spectral, plain))  # type: ignore[operator]
    assert near < 1e-3 * far


def test_several_layers_in_one_sweep_are_as_each_alone() -> None:
    model, x = smooth()
    layers = [model[0], model[1], model[3]]
    together = layer_integrals(model, layers, x, target=1, n_steps=12)
    for layer, found in zip(layers, together, strict=True):
        alone = layer_integral(model, layer, x, target=1, n_steps=12)
        torch.testing.assert_close(found.values, alone.values)
        assert float(found.residual.max()) < 1e-2
        assert found.evaluations == alone.evaluations == 39


@pytest.mark.parametrize("rows", [3, 7, 1000])
@pytest.mark.parametrize("method", METHODS)
def test_chunks_change_nothing(method: str, rows: int) -> None:
    model, x = smooth()
    if method == "exact":
        model[1], model[3] = nn.ReLU(inplace=True), nn.ReLU(inplace=True)
    whole, parts = (
        layer_integral(model, model[0], x, target=1, n_steps=11, method=method, internal_batch_size=r).values
        for r in (None, rows)
    )
    torch.testing.assert_close(whole, parts, rtol=1e-12, atol=1e-14)


def test_trapezoidal_sums_are_exact_for_quadratic_heads() -> None:
    class Square(nn.Module):
        def forward(self, h: Tensor) -> Tensor:
            return (h * h).sum(1, keepdim=True)

    model = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), Square()).double()
    x = torch.randn(4, 2, dtype=torch.float64)
    for n in (1, 2, 5):
        assert float(layer_integral(model, model[1], x, method="trapezoid", n_steps=n).residual.max()) < 1e-14


class _Bypassed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Linear(2, 2), nn.Tanh(), nn.Linear(2, 2)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.c(x + self.b(self.a(x)))
        return result


def test_a_layer_is_a_cut_where_nothing_passes_it_by() -> None:
    model = _Bypassed()
    assert [is_cut(structure_of(model, [m]), m) for m in (model.a, model.b, model.c)] == [False, False, True]
    chain = nn.Sequential(nn.Linear(2, 2), nn.Tanh())
    assert all(is_cut(structure_of(chain, [m]), m) for m in chain)


@pytest.mark.parametrize("steepness", [1.0, 50.0, 2000.0])
def test_estimates_at_cuts_are_not_below_what_completeness_proves_missing(steepness: float) -> None:
    torch.manual_seed(int(steepness))
    model = nn.Sequential(nn.Linear(3, 6), nn.Sigmoid(), nn.Linear(6, 2), nn.Sigmoid()).double()
    with torch.no_grad():
        model[0].weight *= steepness
    x = torch.randn(4, 3, dtype=torch.float64)
    found = layer_integral(model, model[1], x, target=1)
    rounding = 64 * torch.finfo(torch.float64).eps * model(x).abs().amax()
    assert bool((found.error >= found.residual - rounding).all())


def test_differentiation_is_exact_on_polynomials() -> None:
    nodes, _ = clenshaw_curtis(16)
    matrix = differentiation(nodes)
    for degree in range(1, 17):
        torch.testing.assert_close(matrix @ nodes**degree, degree * nodes ** (degree - 1), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(
    ("layer", "options", "said"),
    [
        (lambda m: nn.ReLU(), {}, "is not called by the model"),
        (lambda m: m[0], {"method": "simpson"}, "method must be one of trapezoid"),
        (lambda m: m[0], {"method": "spectral", "n_steps": 4}, "must be odd"),
        (lambda m: m[0], {"method": "spectral", "n_steps": 1}, "at least 3"),
        (lambda m: m[0], {"method": "exact"}, "needs a piecewise-linear model"),
        (lambda m: m[0], {"rtol": 1e-3, "n_steps": 4}, "give one or the other"),
    ],
)
def test_what_does_not_fit_is_one_sentence(layer: object, options: dict[str, object], said: str) -> None:
    model, x = smooth()
    with pytest.raises(ValueError, match=said):
        layer_integral(model, layer(model), x, target=0, **options)  # type: ignore[operator,arg-type]
    assert not any(m._forward_hooks for m in model.modules())


def attribute_layer(
    model: nn.Module, layer: nn.Module, inputs: Tensor, baselines: Tensor, target: int | Tensor, n_steps: int = 50
) -> Tensor:
    values = layer_integral(model, layer, inputs, baselines, target, n_steps=n_steps).values
    assert isinstance(values, Tensor)
    return values


def test_every_claim_holds_of_layer_integrals() -> None:
    findings = check(attribute_layer, as_="layer-integral", profile=Profile("engine", 10, 1.0, 0.5))
    wrong = [
        f"{f.claim}: {f.note} {f.comparison}\n{f.formula}"
        for f in findings
        if f.verdict in (Verdict.REFUTED, Verdict.CRASHED)
    ]
    assert not wrong, "\n".join(wrong)
