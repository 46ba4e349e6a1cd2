"""Do the rounding bounds hold for real runs in low precision, and do lowered networks mean what torch computes?"""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from flint import arb, ctx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ig_props.networks.lowering import Add, Concat, Elementwise, Linear, Maximum, Product, lower
from ig_props.networks.network import Affine, AvgPool2d, Conv2d, Flatten, Network, NetworkError, Node, Softplus
from ig_props.networks.torch_ import TorchNetwork
from ig_props.oracles import certified, polynomial
from ig_props.oracles.rounding import WEIGHTS, format_of, preactivation_errors, slope_bounds, smooth_rounding
from ig_props.strategies import networks as strategies
from property_tests.smooth_networks import BYPASS, POINTS, SMOOTH, Example, Point, chain, examples, gradients, weights

quick = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
FORMATS = (torch.float32, torch.float16, torch.bfloat16)


def midpoint(network: Network, target: int, x: Point, baseline: Point, n: int, dtype: torch.dtype) -> np.ndarray:
    """The midpoint rule as code under test computes it, in one dtype throughout."""
    start, end = (torch.tensor(p, dtype=dtype) for p in (baseline, x))
    times = (torch.arange(n, dtype=dtype) + 0.5) / n
    points = (start + times[:, None] * (end - start)).reshape(-1, *network.input_shape).requires_grad_()
    (gradient,) = torch.autograd.grad(TorchNetwork(network, dtype)(points)[:, target].sum(), points)
    return ((gradient.reshape(n, -1) / n).sum(0) * (end - start)).double().numpy()


@quick
@given(st.one_of(examples(strategies.smooth), examples(strategies.polynomial)), st.sampled_from((4, 16, 64)))
def test_rounding_bound_holds_for_real_runs_in_low_precision(example: Example, n: int) -> None:
    """The same rule in float32, float16 and bfloat16 stays within the bound of the one in float64."""
    network = example[0]
    oracle = (polynomial if network.polynomial else certified).path_oracle(*example)
    fine = midpoint(*example, n, torch.float64)
    spare = np.array(oracle.rounding(2.0**-52, n))
    for dtype in FORMATS:
        coarse, eps = midpoint(*example, n, dtype), torch.finfo(dtype).eps
        for bound in (np.array(oracle.rounding(eps, n)), np.array(smooth_rounding(*example, eps, n))):
            assert (np.abs(coarse - fine) <= bound + spare)[np.isfinite(bound)].all()


def test_rounding_bound_is_of_the_order_of_the_precision() -> None:
    """A bound that is huge would let every verdict hold; cells make it smaller, most of all behind a softmax."""
    for name in ("tanh", "gelu", "softmax"):
        network = SMOOTH[name]
        sharp = certified.path_oracle(network, 1, *POINTS[3]).rounding(2.0**-23, 16)
        blunt = smooth_rounding(network, 1, *POINTS[3], 2.0**-23, 16)
        assert max(sharp) <= 2.0**-23 * 1000
        assert all(a <= b for a, b in zip(sharp, blunt, strict=True))
        assert name != "softmax" or max(sharp) < max(blunt) / 3


@quick
@given(examples(strategies.piecewise_linear))
def test_slope_and_preactivation_bounds_hold_for_piecewise_linear_networks(example: Example) -> None:
    """Gradients at sampled points stay below slope_bounds, float32 values within preactivation_errors."""
    network, target, x, baseline = example
    times = np.linspace(0, 1, 17)
    assert (np.abs(gradients(network, target, x, baseline, times)) <= np.array(slope_bounds(network, target))).all()
    recorded: dict[torch.dtype, list[torch.Tensor]] = {}
    for dtype in (torch.float32, torch.float64):
        module, start, end = TorchNetwork(network, dtype), *(torch.tensor(p, dtype=dtype) for p in (baseline, x))
        values = [(start + torch.tensor(times, dtype=dtype)[:, None] * (end - start)).reshape(-1, *network.input_shape)]
        for operands, layer in zip(module.operands, module.layers, strict=True):
            values.append(layer(*(values[i] for i in operands)))
        recorded[dtype] = [v.double().reshape(len(times), -1) for v in values]
    for node, errors in zip(network.nodes, preactivation_errors(network, x, baseline, 2.0**-23), strict=True):
        seen = torch.cat([recorded[torch.float32][i] - recorded[torch.float64][i] for i in node.operands], dim=1)
        assert (seen.abs().max(0).values <= torch.tensor(errors) * (1 + 1e-6)).all()


@quick
@given(examples(strategies.piecewise_linear), examples(strategies.polynomial))
def test_lowered_networks_compute_what_torch_computes(one: Example, other: Example) -> None:
    """Dyadic weights make float64 exact on both sides, so values agree to the last bit or a few."""
    for network, _, x, _ in (one, other):
        values = [np.array(x)]
        for step in lower(network):
            operands = [values[i] for i in step.operands]
            z = np.concatenate(operands)
            if isinstance(step, Linear):
                values.append(step.weight @ z / step.denominator + step.bias)
            elif isinstance(step, Elementwise):
                slopes = {"relu": 0.0, "abs": -1.0, "leaky_relu": step.slope}
                values.append(np.where(z > 0, z, slopes[step.name] * z))
            elif isinstance(step, Maximum):
                values.append(z[step.groups].max(1))
            else:
                join = {Concat: lambda *parts: np.concatenate(parts), Add: np.add, Product: np.multiply}
                values.append(join[type(step)](*operands))
            assert values[-1].shape == (step.size,)
        given_point = torch.tensor([x], dtype=torch.float64).reshape(1, *network.input_shape)
        np.testing.assert_allclose(values[-1], TorchNetwork(network)(given_point)[0].detach().numpy(), rtol=1e-12)


@pytest.mark.parametrize("size", [(1, 4, 5), (2, 5, 4)])
def test_lowered_convolutions_and_pools_compute_what_torch_computes(size: tuple[int, int, int]) -> None:
    """Strides, padding and several channels become rows of one matrix."""
    entry = iter(range(1, 1000))
    kernel = tuple(
        tuple(tuple(tuple((next(entry) % 7 - 3) / 2 for _ in range(2)) for _ in range(3)) for _ in range(size[0]))
        for _ in range(2)
    )
    convolution = Conv2d(kernel, (0.5, -1.0), (2, 1), (1, 2))
    network = Network(size, (Node(convolution, (0,)), Node(AvgPool2d((2, 3), (1, 2)), (1,)), Node(Flatten(), (2,))))
    point = torch.arange(math.prod(size), dtype=torch.float64).cos().reshape(1, *size)
    z = point.flatten().numpy()
    for step in lower(network):
        z = step.weight @ z / step.denominator + step.bias if isinstance(step, Linear) else z
    np.testing.assert_allclose(z, TorchNetwork(network)(point)[0].detach().numpy(), rtol=1e-13, atol=1e-13)


def test_library_gauss_weights_are_within_the_assumed_error() -> None:
    """rounding.WEIGHTS is an assumption on libraries: NumPy's weights against certified ones."""
    for n in (2, 5, 16, 50, 128, 300):
        with ctx.workprec(120):
            exact = [arb.legendre_p_root(n, n - 1 - k, weight=True)[1] for k in range(n)]
            _, found = np.polynomial.legendre.leggauss(n)
            error = sum(float(abs(arb(float(w)) - e)) for w, e in zip(found, exact, strict=True)) / 2
        assert error <= n * WEIGHTS


def test_rounding_is_unknown_where_the_format_may_overflow() -> None:
    """float16 holds no value of 10^6: no bound is claimed, while float32 has one."""
    network = chain(1, Affine(((1000.0,),), (0.0,)), Softplus(), Affine(((1000.0,),), (0.0,)))
    assert smooth_rounding(network, 0, (2.0,), (0.0,), 2.0**-10, 8) == (math.inf,)
    assert smooth_rounding(chain(1, weights(1, 1)), 0, (2.0,), (0.0,), 2.0**-23, 8)[0] < 1e-4
    assert format_of(2.0**-7).largest > 1e38


def test_slope_bounds_of_products_need_a_segment() -> None:
    """Derivatives of products are unbounded on the whole space."""
    with pytest.raises(NetworkError, match="needs x and baseline"):
        slope_bounds(BYPASS, 0)
    assert all(math.isfinite(b) for b in slope_bounds(BYPASS, 0, *POINTS[3]))
