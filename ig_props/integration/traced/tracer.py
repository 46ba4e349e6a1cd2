"""How is a model's forward method followed without leaving anything in it, or in what other threads do?"""

from __future__ import annotations

import copy
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, fx, nn

_ONE_AT_A_TIME = threading.RLock()
"""While a trace runs, torch.fx replaces the call of every module."""


class _Called(nn.Module):
    """A model called with so many inputs, so that one that takes any number can be followed; its own hooks are left out."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model


class _One(_Called):
    def forward(self, a: Tensor) -> Any:
        return self.model.forward(a)


class _Two(_Called):
    def forward(self, a: Tensor, b: Tensor) -> Any:
        return self.model.forward(a, b)


class _Three(_Called):
    def forward(self, a: Tensor, b: Tensor, c: Tensor) -> Any:
        return self.model.forward(a, b, c)


CALLED = {1: _One, 2: _Two, 3: _Three}


class _Tracer(fx.Tracer):
    """Follows modules into their forward methods, but not into those that are asked for as wholes; calls from other threads
    go their way."""

    def __init__(self, leaves: Sequence[nn.Module]) -> None:
        super().__init__()
        self.leaves, self.thread = tuple(map(id, leaves)), threading.get_ident()
        self.twins: dict[int, nn.Module] = {}

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return id(m) in self.leaves or super().is_leaf_module(m, module_qualified_name)

    def call_module(
        self, m: nn.Module, forward: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Hooks are left out: they may count calls or raise. What they change shows when the trace is run."""
        if threading.get_ident() != self.thread:
            return forward(*args, **kwargs)
        m = self.twins.get(id(m), m)
        return super().call_module(m, m.forward, args, kwargs)

    def getattr(self, attr: str, attr_val: Any, parameter_proxy_cache: dict[str, Any]) -> Any:
        if threading.get_ident() != self.thread:
            return attr_val
        return super().getattr(attr, attr_val, parameter_proxy_cache)

    def twin(self, module: nn.Module) -> nn.Module:
        """A module that shares parameters and leaves with another one, so that what its forward method keeps in itself is
        not kept by the other one."""
        if self.is_leaf_module(module, "") or isinstance(module, torch.jit.ScriptModule):
            return module
        if id(module) not in self.twins:
            made = self.twins[id(module)] = object.__new__(type(module))
            for name, value in vars(module).items():
                made.__dict__[name] = copy.copy(value) if isinstance(value, dict | list | set | deque) else value
            for name, child in module._modules.items():
                made._modules[name] = None if child is None else self.twin(child)
        return self.twins[id(module)]


def traced(model: nn.Module, leaves: Sequence[nn.Module], inputs: int) -> fx.GraphModule:
    """The graph of a model of so many inputs, in which `leaves` are single nodes; whatever the model raises where it cannot
    be followed."""
    with _ONE_AT_A_TIME:
        tracer = _Tracer(leaves)
        twin = tracer.twin(model)
        root = CALLED[inputs](twin) if inputs in CALLED else twin
        return fx.GraphModule(root, tracer.trace(root))
