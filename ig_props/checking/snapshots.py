"""What must a call leave as it found it?"""

from __future__ import annotations

import os
import random
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ig_props.checking.calling import Prepared

HOOKS = (
    "_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks", "_forward_hooks_with_kwargs",
    "_state_dict_hooks", "_load_state_dict_pre_hooks",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Snapshot:
    """Values by name; `differences` compares two of them in words."""

    values: dict[str, Any]

    def differences(self, later: Snapshot) -> list[str]:
        changed = []
        for name in dict.fromkeys((*self.values, *later.values)):
            before, after = self.values.get(name), later.values.get(name)
            if not _same(before, after):
                changed.append(_sentence(name, before, after))
        return changed


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        return a.shape == b.shape and a.dtype == b.dtype and torch.equal(torch.nan_to_num(a), torch.nan_to_num(b))
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return bool(np.array_equal(a, b))
    return type(a) is type(b) and bool(a == b)


def _sentence(name: str, before: Any, after: Any) -> str:
    plain = (bool, int, str, type(None), torch.dtype)
    if isinstance(before, plain) and isinstance(after, plain):
        return f"{name} was {before}, is {after}"
    return f"{name} changed" if before is not None else f"{name} was set"


def _tensor(values: dict[str, Any], name: str, tensor: Tensor, whole: bool = True) -> None:
    values[f"values of {name}"] = tensor.detach().clone()
    values[f"requires_grad of {name}"] = tensor.requires_grad
    values[f".grad of {name}"] = None if not tensor.is_leaf or tensor.grad is None else tensor.grad.detach().clone()
    hooks = getattr(tensor, "_backward_hooks", None)
    values[f"tensor hooks of {name}"] = len(hooks) if hooks else 0
    if whole:
        values[f"strides of {name}"] = str((tuple(tensor.shape), tensor.stride()))


def take(prepared: Prepared) -> Snapshot:
    """The state of a model, of the caller's tensors and of the process."""
    values: dict[str, Any] = {}
    model, call = prepared.model, prepared.call
    for name, module in model.named_modules():
        label = name or "the model"
        values[f"training mode of {label}"] = module.training
        for kind in HOOKS:
            values[f"number of {kind.strip('_').replace('_', ' ')} on {label}"] = len(getattr(module, kind, ()))
        values[f"attributes of {label}"] = str(sorted(k for k in vars(module) if k not in HOOKS))
        values[f"forward of {label}"] = str(vars(module).get("forward"))
        if isinstance(module, nn.ReLU | nn.LeakyReLU):
            values[f"inplace of {label}"] = module.inplace
    for name, parameter in model.named_parameters():
        _tensor(values, f"parameter {name}", parameter)
    for name, buffer in model.named_buffers():
        _tensor(values, f"buffer {name}", buffer)
    for what, given in (("inputs", call.inputs), ("baselines", call.baselines), ("target", call.target)):
        tensors = given if isinstance(given, tuple) else (given,)
        for k, item in enumerate(tensors):
            if isinstance(item, Tensor):
                _tensor(values, what if len(tensors) == 1 else f"{what}[{k}]", item)
    values.update(process())
    return Snapshot(values)


def process() -> dict[str, Any]:
    """Process-wide state that attribution code has no business changing."""
    name, keys, position, *rest = np.random.get_state()
    globals_ = torch.nn.modules.module
    return {
        "grad mode": torch.is_grad_enabled(),
        "inference mode": torch.is_inference_mode_enabled(),
        "working directory": os.getcwd(),
        "default dtype": torch.get_default_dtype(),
        "number of threads": torch.get_num_threads(),
        "deterministic algorithms": torch.are_deterministic_algorithms_enabled(),
        "anomaly detection": torch.is_anomaly_enabled(),
        "autocast": torch.is_autocast_enabled(),
        "torch's random state": torch.get_rng_state(),
        "numpy's random state": np.asarray(keys),
        "numpy's random position": int(position),
        "Python's random state": str(random.getstate()),
        "global module hooks": sum(
            len(getattr(globals_, n, ()))
            for n in ("_global_forward_hooks", "_global_forward_pre_hooks", "_global_backward_hooks")
        ),
    }


def in_words(changed: list[str]) -> str:
    """The first few differences as one sentence."""
    return "; ".join(changed[:4]) + (f"; and {len(changed) - 4} more" if len(changed) > 4 else "")
