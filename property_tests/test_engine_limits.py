"""What does the engine do where memory is short, somebody interrupts it, or a gradient is not finite?"""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from ig_props.integration.engine import integrated_gradients
from ig_props.integration.job import OPERATIONS
from ig_props.integration.layers import layer_integral


class Greedy(nn.Sequential):
    """A model that has no memory for more than a few points."""

    def __init__(self, most: int) -> None:
        torch.manual_seed(0)
        super().__init__(nn.Linear(3, 4), nn.Softplus(), nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2))
        self.double()
        self.most, self.rows = most, 0
        self[2].register_forward_pre_hook(self.look)

    def look(self, module: nn.Module, args: tuple[Tensor]) -> None:
        if args[0].shape[0] > self.most:
            raise torch.OutOfMemoryError("no memory")
        self.rows = max(self.rows, args[0].shape[0])


@pytest.mark.parametrize("method", ["midpoint", "clenshaw-curtis", "secant"])
def test_chunks_are_halved_where_memory_is_short(method: str) -> None:
    model, plenty, x = Greedy(5), Greedy(10**6), torch.randn(2, 3, dtype=torch.float64)
    steps = 41 if method == "clenshaw-curtis" else 40
    short, whole = (integrated_gradients(m, x, target=0, method=method, n_steps=steps) for m in (model, plenty))
    assert model.rows <= 5 < plenty.rows
    # a sum of so many terms may round at every one of them, and every gradient at every operation
    rounding = (steps + OPERATIONS) * torch.finfo(x.dtype).eps * whole.values.abs().max()
    assert bool(((short.values - whole.values).abs() <= rounding).all())


def test_too_little_memory_for_one_point_says_so() -> None:
    with pytest.raises(torch.OutOfMemoryError, match="one point at a time"):
        integrated_gradients(Greedy(0), torch.randn(1, 3, dtype=torch.float64), target=0, method="midpoint", n_steps=3)


def test_an_interrupt_leaves_nothing_behind() -> None:
    class Slow(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner, self.calls = nn.Linear(3, 2).double(), 0

        def forward(self, x: Tensor) -> Tensor:
            self.calls += 1
            if self.calls == 4:
                raise KeyboardInterrupt
            return torch.tanh(self.inner(x)) if float(x.sum()) == float(x.sum()) else x

    x = torch.randn(2, 3, dtype=torch.float64, requires_grad=True)
    for run in (
        lambda m: integrated_gradients(m, x, target=0, internal_batch_size=4),
        lambda m: layer_integral(m, m.inner, x, target=0, internal_batch_size=4),
    ):
        model = Slow()
        model.inner.bias.requires_grad_(False)
        with pytest.raises(KeyboardInterrupt):
            run(model)
        assert not any(m._forward_hooks or m._forward_pre_hooks or m._backward_hooks for m in model.modules())
        assert [p.requires_grad for p in model.parameters()] == [True, False]
        assert all(p.grad is None for p in (*model.parameters(), x))
        assert model.training
        assert torch.is_grad_enabled()


def test_a_gradient_that_is_not_finite_is_placed() -> None:
    class Root(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.abs().sqrt().sum(1, keepdim=True)

    with pytest.raises(ValueError, match=r"not finite on the path of sample 0, at t = 0"):
        integrated_gradients(Root(), torch.ones(1, 2), method="left", n_steps=4)
