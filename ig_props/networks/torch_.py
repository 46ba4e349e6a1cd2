"""What does a network description mean as a torch module?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from ig_props.networks.network import (
    Affine,
    AvgPool2d,
    Conv2d,
    LeakyRelu,
    MaxPool2d,
    Network,
    NetworkError,
    Op,
)


class Elementwise(nn.Module):
    """A function of one or several tensors as a module, so that hooks and layer methods can name it."""

    def __init__(self, name: str, function: Callable[..., Tensor]) -> None:
        super().__init__()
        self.name, self.function = name, function

    def forward(self, *operands: Tensor) -> Tensor:
        return self.function(*operands)

    def extra_repr(self) -> str:
        return self.name


_FUNCTIONS: dict[str, Callable[..., Tensor]] = {
    "abs": torch.abs,
    "max": torch.maximum,
    "add": torch.add,
    "product": torch.mul,
    "concat": lambda *operands: torch.cat(operands, dim=1),
}
_MODULES: dict[str, Callable[[], nn.Module]] = {
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "gelu": nn.GELU,
    "softmax": lambda: nn.Softmax(dim=1),
    "flatten": nn.Flatten,
}


SOFTPLUS_THRESHOLDS = {torch.float64: 600.0, torch.float16: 10.5}
"""Where softplus becomes the identity: late enough to be within rounding, early enough for exp not to overflow."""


def _exact(values: Any, dtype: torch.dtype, device: torch.device | str) -> Tensor:
    """The numbers in `dtype`; NetworkError if one of them would be rounded, since the meanings would then differ."""
    wanted = torch.tensor(values, dtype=torch.float64)
    given = wanted.to(dtype)
    if not torch.equal(given.to(torch.float64), wanted):
        raise NetworkError(f"a weight is not exactly representable in {dtype}")
    return given.to(device)


class _Linear(nn.Linear):
    """Left as allocated: random numbers are not drawn, and nn.utils.skip_init would import torch's compiler."""

    def reset_parameters(self) -> None:
        pass


class _Conv2d(nn.Conv2d):
    def reset_parameters(self) -> None:
        pass


def _become(layer: nn.Module, cls: type[nn.Module]) -> None:
    """Some code under test compares types rather than asking for instances."""
    layer.__class__ = cls


def _module(op: Op, dtype: torch.dtype, device: torch.device | str, inplace: bool) -> nn.Module:
    if isinstance(op, Affine | Conv2d):
        weight, bias = _exact(op.weight, dtype, device), _exact(op.bias, dtype, device)
        layer: nn.Linear | nn.Conv2d
        if isinstance(op, Affine):
            layer = _Linear(weight.shape[1], weight.shape[0], dtype=dtype, device=device)
        else:
            layer = _Conv2d(
                weight.shape[1], weight.shape[0], op.kernel, stride=op.stride, padding=op.padding,
                dtype=dtype, device=device,
            )  # fmt: skip
        _become(layer, nn.Linear if isinstance(op, Affine) else nn.Conv2d)
        layer.weight = nn.Parameter(weight)
        layer.bias = nn.Parameter(bias)
        return layer
    if isinstance(op, MaxPool2d):
        return nn.MaxPool2d(op.kernel, op.stride)
    if isinstance(op, AvgPool2d):
        return nn.AvgPool2d(op.kernel, op.stride)
    if op.name == "relu":
        return nn.ReLU(inplace=inplace)
    if isinstance(op, LeakyRelu):
        return nn.LeakyReLU(op.slope, inplace=inplace)
    if op.name == "softplus":
        return nn.Softplus(threshold=SOFTPLUS_THRESHOLDS.get(dtype, 80.0))
    return _MODULES[op.name]() if op.name in _MODULES else Elementwise(op.name, _FUNCTIONS[op.name])


class TorchNetwork(nn.Module):
    """A description as a module: `layers[k]` computes value k+1; `forward` maps [N, *input_shape] to [N, classes].

    With `inplace` the rectifiers overwrite their operand where no other node reads it; with `shared` equal parameterless
    operations are one module that is called several times. Raises NetworkError when a weight is not representable in
    `dtype`.
    """

    def __init__(
        self,
        network: Network,
        dtype: torch.dtype = torch.float64,
        device: torch.device | str = "cpu",
        *,
        inplace: bool = False,
        shared: bool = False,
    ) -> None:
        super().__init__()
        self.operands = [node.operands for node in network.nodes]
        readers = [sum(node.operands.count(i) for node in network.nodes) for i in range(len(network.nodes) + 1)]
        reaches_input = [True]
        for node in network.nodes:
            reaches_input.append(node.op.name in ("flatten", "concat") and reaches_input[node.operands[0]])
        cache: dict[Op, nn.Module] = {}
        layers = []
        for node in network.nodes:
            # a rectifier on the input itself would overwrite the caller's tensor, which is the model's doing
            alone = inplace and readers[node.operands[0]] == 1 and not reaches_input[node.operands[0]]
            layer = cache.get(node.op) if shared else None
            if layer is None:
                layer = _module(node.op, dtype, device, alone)
            if shared and not isinstance(node.op, Affine | Conv2d) and not alone:
                cache[node.op] = layer
            layers.append(layer)
        self.layers = nn.ModuleList(layers)

    def forward(self, x: Tensor) -> Tensor:
        values = [x]
        for operands, layer in zip(self.operands, self.layers, strict=True):
            values.append(layer(*(values[i] for i in operands)))
        return values[-1]
