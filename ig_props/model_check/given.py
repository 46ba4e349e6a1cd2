"""What did a person give to be checked: which model, inputs, baselines and targets?"""

from __future__ import annotations

import copy
import difflib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ig_props.attributors.load import imported
from ig_props.attributors.protocol import CannotRun
from ig_props.checking import calling
from ig_props.model_check.names import Files
from ig_props.running.request import UsageError

ROWS = 64
"""The most inputs that are used; more are left out, and the report says so."""
DTYPES = {getattr(torch, name): name for name in ("float64", "float32", "float16", "bfloat16")}
Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Given:
    """A module in eval mode, its dtype, and float64 arrays [N, *shape] whose numbers that dtype holds exactly.

    differences: F(x) - F(x') as the model computes them. notes: what was decided for the person, as labels and words.
    """

    files: Files
    module: nn.Module
    dtype: torch.dtype
    inputs: Array
    baselines: Array
    targets: tuple[int, ...]
    differences: tuple[float, ...]
    classes: int
    notes: tuple[tuple[str, str], ...]


def said(error: BaseException) -> str:
    """An error of foreign code in one line."""
    text = " ".join(str(error).split())[:160]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def array_of(name: str, option: str) -> Array:
    """The numbers of an .npy file; UsageError in one sentence. Nothing in the file is executed."""
    path = Path(name)
    if not path.is_file():
        raise UsageError(f"{option}: there is no file {name}")
    try:
        values = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise UsageError(f"{option} {name} is no .npy file of numbers: {' '.join(str(error).split())[:120]}") from None
    if not isinstance(values, np.ndarray) or values.dtype.kind not in "fiub":
        kind = f"an array of {values.dtype}" if isinstance(values, np.ndarray) else "an archive of several arrays"
        raise UsageError(f"{option} {name} holds {kind}; one array of real numbers is needed")
    if not np.isfinite(values).all():
        raise UsageError(f"{option} {name} holds values that are not finite")
    return values


def module_of(spec: str) -> nn.Module:
    """The module that FILE:OBJECT names or that it returns when it is called; CannotRun in one sentence."""
    found = imported(spec, "model")
    if not isinstance(found, nn.Module) and callable(found):
        try:
            found = found()
        except (Exception, SystemExit) as error:
            raise CannotRun(f"--model {spec} raised {said(error)} when it was called without arguments") from None
    if not isinstance(found, nn.Module):
        kind = type(found).__name__
        raise CannotRun(
            f"--model {spec} gives an object of type {kind}; a torch.nn.Module is needed, or a function that returns one"
        )
    return found


def _dtype(module: nn.Module, inputs: Array) -> torch.dtype:
    """The dtype of the model's first floating parameter or buffer, of the inputs where it has none."""
    for tensor in (*module.parameters(), *module.buffers()):
        if tensor.dtype in DTYPES:
            return tensor.dtype
    return torch.float64 if inputs.dtype == np.float64 else torch.float32


def _rounded(values: Array, dtype: torch.dtype) -> Array:
    """The numbers as the model sees them."""
    wide = np.ascontiguousarray(values, dtype=np.float64)
    seen: Array = torch.from_numpy(wide).to(dtype).double().numpy()
    return seen


def _scores(module: nn.Module, points: Tensor, spec: str) -> Tensor:
    """[N, classes] scores of a fresh copy; CannotRun in one sentence when it does not answer so."""
    with torch.no_grad(), calling.sheltered():
        try:
            scores = copy.deepcopy(module)(points)
        except (Exception, SystemExit) as error:
            raise CannotRun(f"--model {spec} raised {said(error)} on inputs of shape {list(points.shape)}") from None
    if not isinstance(scores, Tensor) or scores.dim() != 2 or len(scores) != len(points) or not scores.shape[1]:
        told = calling.describe(scores)
        raise CannotRun(f"--model {spec} returns {told} for {len(points)} inputs; scores [N, classes] are needed")
    if not bool(torch.isfinite(scores).all()):
        raise CannotRun(f"--model {spec} returns scores that are not finite")
    return scores


def _targets(given: str | int | Array | None, scores: Tensor) -> tuple[tuple[int, ...], str]:
    """The target of every row and how it was chosen."""
    count, classes = scores.shape
    if given is None:
        return tuple(scores.argmax(1).tolist()), "the one with the highest score"
    if isinstance(given, str) and not given.lstrip("-").isdigit():
        given = array_of(given, "--target")
    values = np.asarray(int(given) if isinstance(given, str) else given)
    flat = values.reshape(-1)
    if values.dtype.kind not in "iu" or values.ndim > 1 or (flat.size != 1 and flat.size < count):
        shown = f"{values.dtype} {list(values.shape)}"
        raise UsageError(f"--target is one class or one for each of {count} inputs, given {shown}")
    targets = tuple(int(v) for v in np.broadcast_to(flat[:count], (count,)))
    for target in targets:
        if not 0 <= target < classes:
            raise UsageError(f"--target holds the class {target}; the model has the classes 0 to {classes - 1}")
    return targets, "the one that --target gives"


def _baselines(given: Array | None, inputs: Array) -> Array:
    if given is None:
        return np.zeros(inputs.shape)
    for shape in (given.shape, (1, *given.shape)):
        if shape[1:] == inputs.shape[1:] and shape[0] in (1, len(inputs)):
            return np.broadcast_to(given.reshape(shape), inputs.shape)
    raise UsageError(
        f"--baselines has the shape {list(given.shape)}; {list(inputs.shape)}, one row of it or [1, …] is needed"
    )


def check_layer(module: nn.Module, layer: str | None) -> None:
    """UsageError with the nearest name where there is no such layer."""
    names = [name for name, _ in module.named_modules() if name]
    if layer is not None and layer not in names:
        near = difflib.get_close_matches(layer, names, n=1, cutoff=0.0)
        hint = f"; did you mean {near[0]}?" if near else "; it has none"
        raise UsageError(f"--layer: the model has no layer {layer!r}{hint} ({', '.join(names[:12])})")


def given_of(
    module: nn.Module, inputs: Array, baselines: Array | None, target: str | int | Array | None, files: Files
) -> Given:
    """A module and its inputs [N, *shape] made ready; CannotRun and UsageError in one sentence."""
    if inputs.ndim < 2 or not inputs.size:
        raise UsageError(f"--inputs has the shape {list(inputs.shape)}; inputs [N, …] with N > 0 are needed")
    check_layer(module, files.layer)
    starts, ends = _baselines(baselines, inputs)[:ROWS], inputs[:ROWS]
    notes = []
    if len(inputs) > ROWS:
        notes.append(("inputs", f"the first {ROWS} of {len(inputs)}"))
    if module.training:
        notes.append(("mode", "it came in train mode and is checked in eval mode"))
    try:
        module = copy.deepcopy(module).eval().to(calling.DEVICE)
    except Exception as error:
        raise CannotRun(f"--model {files.model} cannot be copied: {said(error)}") from None
    dtype = _dtype(module, inputs)
    seen, from_ = _rounded(ends, dtype), _rounded(starts, dtype)
    for values, exact, what in ((ends, seen, "inputs"), (starts, from_, "baselines")):
        if not np.array_equal(exact, values.astype(np.float64)):
            notes.append((what, f"{values.dtype} numbers are rounded to the model's {DTYPES[dtype]}"))
    scores = _scores(module, torch.from_numpy(seen).to(calling.DEVICE, dtype), files.model)
    targets, chosen = _targets(target, scores)
    others = _scores(module, torch.from_numpy(from_).to(calling.DEVICE, dtype), files.model)
    differences = tuple((scores.double() - others.double())[range(len(targets)), targets].tolist())
    notes.append(("class", chosen))
    notes.append(("baseline", "zero, since none was given" if baselines is None else f"{files.baselines}"))
    return Given(files, module, dtype, seen, from_, targets, differences, scores.shape[1], tuple(notes))
