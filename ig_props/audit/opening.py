"""Which model and which numbers did a person name? Files are read, never unpickled."""

from __future__ import annotations

import importlib
import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ig_props.attributors.protocol import CannotRun
from ig_props.model_check.given import array_of, module_of, said
from ig_props.running.request import UsageError

Array = NDArray[Any]
IMAGES = (".png", ".jpg", ".jpeg")
ZOOS = {"torchvision": ("torchvision.models", "get_model"), "timm": ("timm", "create_model")}
OBJECTS = ("custom_obj_", "opaque_obj_")
"""Entries of a .pt2 archive that are Python objects rather than numbers."""


class RowByRow(nn.Module):
    """A model that takes one sample at a time, for batches."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Any:
        return torch.cat([self.model(x[k : k + 1]) for k in range(len(x))])


def open_model(name: str, weights: str | None) -> nn.Module:
    """The module that FILE.py:OBJECT, FILE.pt2 or torchvision:NAME and timm:NAME with a file of weights stand for.

    CannotRun and UsageError in one sentence.
    """
    zoo, _, model = name.partition(":")
    if zoo in ZOOS and model:
        return _from_zoo(name, zoo, model, weights)
    if weights is not None:
        return _filled(module_of(name), name, weights)
    if name.endswith(".pt2"):
        return _exported(name)
    if Path(name).suffix in (".pt", ".pth", ".bin", ".ckpt", ".pkl"):
        raise UsageError(
            f"MODEL {name} may hold a pickle, which can run code when it is opened: give FILE.py:FUNCTION or "
            "torchvision:NAME and the file as --weights, from which numbers alone are read"
        )
    if ".py" not in name and ":" not in name:
        raise UsageError(f"MODEL is FILE.py:OBJECT, FILE.pt2, torchvision:NAME or timm:NAME, given {name!r}")
    return module_of(name)


@contextmanager
def _numbers_only() -> Iterator[None]:
    """Whatever torch loads meanwhile is read with weights_only."""
    key = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"
    before = os.environ.get(key)
    os.environ[key] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[key]
        else:
            os.environ[key] = before


def _exported(name: str) -> nn.Module:
    path = Path(name)
    if not path.is_file():
        raise UsageError(f"MODEL: there is no file {name}")
    try:
        with zipfile.ZipFile(path) as archive:
            objects = [n for n in archive.namelist() if Path(n).name.startswith(OBJECTS)]
        if objects:
            raise CannotRun(f"MODEL {name} holds Python objects ({Path(objects[0]).name}), which are not opened")
        with _numbers_only():
            return torch.export.load(path).module()
    except CannotRun:
        raise
    except Exception as error:
        raise CannotRun(f"MODEL {name} is no torch.export file that can be read: {said(error)}") from None


def _from_zoo(name: str, zoo: str, model: str, weights: str | None) -> nn.Module:
    package, maker = ZOOS[zoo]
    if weights is None:
        raise UsageError(
            f"MODEL {name} needs --weights FILE, a state dict: nothing is downloaded, and random weights say nothing"
        )
    try:
        if zoo == "torchvision":
            from ig_props.attributors.load import ready_torchvision

            ready_torchvision()
        made = getattr(importlib.import_module(package), maker)(model)
    except ModuleNotFoundError as error:
        raise CannotRun(f"MODEL {name} needs {error.name}, which is not installed: pip install {zoo}") from None
    except Exception as error:
        raise CannotRun(f"MODEL {name} cannot be built: {said(error)}") from None
    return _filled(made, name, weights)


def _filled(module: nn.Module, name: str, weights: str) -> nn.Module:
    """The module with the numbers of a state dict."""
    path = Path(weights)
    if not path.is_file():
        raise UsageError(f"--weights: there is no file {weights}")
    try:
        if path.suffix == ".safetensors":
            state: Any = _safetensors(weights, "--weights")
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
    except (UsageError, CannotRun):
        raise
    except Exception as error:
        raise CannotRun(f"--weights {weights} holds no plain state dict: {said(error)}") from None
    if isinstance(state, dict) and isinstance(state.get("state_dict"), dict):
        state = state["state_dict"]
    if not isinstance(state, dict) or not all(isinstance(v, Tensor) for v in state.values()):
        raise CannotRun(f"--weights {weights} holds no state dict of tensors")
    try:
        module.load_state_dict(state)
    except RuntimeError as error:
        raise CannotRun(f"--weights {weights} does not fit {name}: {said(error)}") from None
    return module


def _safetensors(name: str, option: str) -> dict[str, Tensor]:
    try:
        from safetensors.torch import load_file
    except ModuleNotFoundError:
        raise CannotRun(
            f'{option} {name} needs safetensors, which is not installed: pip install "ig-props[audit]"'
        ) from None
    try:
        found: dict[str, Tensor] = load_file(name)
    except Exception as error:
        raise UsageError(f"{option} {name} is no .safetensors file: {said(error)}") from None
    return found


def open_array(name: str, option: str) -> tuple[Array, str]:
    """The numbers in an .npy, .safetensors or image file, and what was decided in reading them; UsageError in a sentence.

    FILE.safetensors:KEY names one of several tensors. Images come as [channels, height, width] from 0 to 1.
    """
    file, _, key = name.rpartition(":") if ".safetensors:" in name else (name, "", "")
    if not Path(file).is_file():
        raise UsageError(f"{option}: there is no file {file}")
    suffix = Path(file).suffix.lower()
    if suffix == ".npy":
        return array_of(file, option), ""
    if suffix == ".safetensors":
        return _one_of(_safetensors(file, option), file, key, option), ""
    if suffix in IMAGES:
        return _image(file, option)
    raise UsageError(f"{option} is an .npy, .safetensors, .png or .jpg file, given {name}")


def _one_of(found: dict[str, Tensor], file: str, key: str, option: str) -> Array:
    names = ", ".join(list(found)[:6])
    if (key and key not in found) or (not key and len(found) != 1):
        raise UsageError(f"{option} {file} holds {names}; name one as {Path(file).name}:KEY")
    values: Array = (found[key] if key else next(iter(found.values()))).double().numpy()
    if not np.isfinite(values).all():
        raise UsageError(f"{option} {file} holds values that are not finite")
    return values


def _image(file: str, option: str) -> tuple[Array, str]:
    try:
        from PIL import Image
    except ModuleNotFoundError:
        raise CannotRun(
            f'{option} {file} needs pillow, which is not installed: pip install "ig-props[audit]"'
        ) from None
    try:
        with Image.open(file) as picture:
            grey = picture.mode in ("1", "L", "I", "I;16", "F")
            values = np.asarray(picture.convert("L" if grey else "RGB"), dtype=np.float64) / 255
    except Exception as error:
        raise UsageError(f"{option} {file} is no picture that can be read: {said(error)}") from None
    shaped: Array = values[None] if values.ndim == 2 else values.transpose(2, 0, 1)
    return np.ascontiguousarray(shaped), f"a picture of {shaped.shape[2]} by {shaped.shape[1]} pixels, from 0 to 1"
