"""Which layers does a model have, and which of them is explained?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ig_props.attributors.protocol import Kind
from ig_props.checking.calling import sheltered
from ig_props.model_check.given import check_layer
from ig_props.running.request import UsageError


@dataclass(frozen=True)
class Layer:
    """A module that was seen in a forward pass of one sample: how often, and the shape of its output, if it is a tensor."""

    name: str
    calls: int
    shape: tuple[int, ...] | None
    leaf: bool

    @property
    def usable(self) -> bool:
        return self.calls == 1 and self.shape is not None and len(self.shape) > 1 and self.shape[0] == 1


def layers_of(model: nn.Module, x: Tensor) -> tuple[Layer, ...]:
    """Every module in the order in which it answers a forward pass; those that do not are left out."""
    seen: dict[str, list[Any]] = {}

    def keep(name: str) -> Any:
        return lambda module, args, output: seen.setdefault(name, []).append(
            tuple(output.shape) if isinstance(output, Tensor) else None
        )

    modules = {n: m for n, m in model.named_modules() if n}
    handles = [m.register_forward_hook(keep(n)) for n, m in modules.items()]
    try:
        with torch.no_grad(), sheltered():
            model(x.clone())
    finally:
        for handle in handles:
            handle.remove()
    return tuple(
        Layer(n, len(shapes), shapes[0], not any(True for _ in modules[n].children())) for n, shapes in seen.items()
    )


def chosen_layer(asked: str | None, model: nn.Module, layers: tuple[Layer, ...], kind: Kind) -> str | None:
    """The layer that was asked for, or the last one with a map of more than one pixel; UsageError in a sentence."""
    maps = [
        k.name for k in layers if k.usable and k.leaf and k.shape and len(k.shape) == 4 and k.shape[2] * k.shape[3] > 1
    ]
    if asked is None:
        if kind.needs_layer and not maps:
            raise UsageError("--layer is needed: no layer of the model returns a map [N, C, H, W]")
        return maps[-1] if maps else None
    check_layer(model, asked)
    found = {k.name: k for k in layers}.get(asked)
    if found is None:
        raise UsageError(
            f"--layer {asked} is not called in a forward pass; called are {', '.join(k.name for k in layers[:12])}"
        )
    if found.calls > 1:
        raise UsageError(
            f"--layer {asked} is called {found.calls} times in one forward pass; a layer that is called once is needed"
        )
    if found.shape is None:
        raise UsageError(f"--layer {asked} returns no single tensor; a layer that returns one is needed")
    if kind.is_map and len(found.shape) != 4:
        raise UsageError(
            f"--layer {asked} returns {list(found.shape)}; {kind} needs [N, C, H, W], as {', '.join(maps[-4:])} return"
        )
    return asked
