"""How is the code under test called on a case, and what did it answer?"""

from __future__ import annotations

import contextlib
import math
import os
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ig_props.attributors.protocol import Attributor, Call
from ig_props.claims.case import Case, Point
from ig_props.findings import Outcome, Verdict
from ig_props.networks.network import Network, NetworkError
from ig_props.networks.torch_ import TorchNetwork

EPSILON = {"float64": 2.0**-52, "float32": 2.0**-23, "float16": 2.0**-10, "bfloat16": 2.0**-7, "int64": 2.0**-23}
"""Spacing of the numbers around 1 in each dtype; integer inputs are promoted to float32."""
FLOAT32 = EPSILON["float32"]
DEVICE = os.environ.get("IG_PROPS_DEVICE", "cpu")


class ForeignError(Exception):
    """The code under test raised; `error` is what it raised."""

    def __init__(self, error: BaseException) -> None:
        self.error = error
        cause = error.__cause__
        if cause is not None and not isinstance(cause, Exception):
            error = cause
        text = (str(error).strip().splitlines() or [""])[0]
        super().__init__(f"{type(error).__name__}: {text[:160]}" if text else type(error).__name__)


class Malformed(Exception):
    """The code under test answered with something that is not attributions; one clear sentence."""


class Wrapper(nn.Module):
    """A network that takes several inputs, casts integers, depends on modes or couples the samples of a batch."""

    def __init__(self, network: TorchNetwork, dtype: torch.dtype, coupled: bool) -> None:
        super().__init__()
        self.norm: nn.Module = nn.Identity()
        self.network, self.dtype, self.coupled = network, dtype, coupled
        self.dropout: nn.Module = nn.Identity()

    def forward(self, *parts: Tensor) -> Tensor:
        x = (parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)).to(self.dtype)
        # torch 2.13's batch norm on the CPU gets the gradient of one sample sliced from a channels-last batch wrong
        scores: Tensor = self.dropout(
            self.network(self.norm(x if isinstance(self.norm, nn.Identity) else x.contiguous()))
        )
        centred: Tensor = scores - scores.mean(dim=0, keepdim=True)
        return centred if self.coupled else scores


def _with_modes(model: Wrapper, case: Case) -> None:
    """Layers that do nothing in eval mode; batch norm needs several samples to do anything but raise in train mode."""
    if len(case.inputs) > 1:
        shape = case.network.input_shape
        norm = nn.BatchNorm2d if len(shape) == 3 else nn.BatchNorm1d
        model.norm = norm(shape[0], eps=0.0, affine=False, dtype=model.dtype, device=DEVICE)
    model.dropout = nn.Dropout(0.5)


@dataclass(frozen=True)
class Prepared:
    """A model and the arguments of one call, built afresh so that no call can disturb another.

    network: the module inside the model whose parameters are the network's.
    """

    model: nn.Module
    network: nn.Module
    call: Call


Maker = Callable[[], tuple[nn.Module, nn.Module | None]]
PROVIDED: dict[Network, Maker] = {}
"""Networks that stand for a person's own module: what makes a fresh copy of it, and the layer of that copy."""


def model_dtype(case: Case) -> torch.dtype:
    name = case.situation.dtype
    dtype: torch.dtype = getattr(torch, "float32" if name == "int64" else name)
    return dtype


def _laid_out(tensor: Tensor, layout: str) -> Tensor:
    if layout == "transposed":
        return tensor.transpose(0, -1).contiguous().transpose(0, -1)
    if layout == "strided":
        wide = torch.zeros((*tensor.shape[:-1], 2 * tensor.shape[-1]), dtype=tensor.dtype, device=tensor.device)
        wide[..., ::2] = tensor
        return wide[..., ::2]
    if layout == "expanded" and bool((tensor == tensor[:1]).all()):
        return tensor[:1].clone().expand(tensor.shape)
    if layout == "channels_last" and tensor.dim() == 4:
        return tensor.contiguous(memory_format=torch.channels_last)
    return tensor


def _tensor(points: tuple[Point, ...], case: Case) -> Tensor:
    dtype = getattr(torch, case.situation.dtype)
    wanted = torch.tensor(points, dtype=torch.float64)
    flat = wanted.to(dtype)
    if not torch.equal(flat.to(torch.float64), wanted):
        raise NetworkError(f"a coordinate is not exactly representable in {case.situation.dtype}")
    return _laid_out(flat.reshape(len(points), *case.network.input_shape).to(DEVICE), case.situation.layout)


def _parts(tensor: Tensor, parts: int) -> Tensor | tuple[Tensor, ...]:
    return tensor if parts == 1 else tuple(torch.tensor_split(tensor, parts, dim=1))


def _baselines(case: Case) -> Tensor | tuple[Tensor, ...] | float | None:
    kind, rows = case.situation.baseline, case.baselines
    if kind == "none" and all(v == 0.0 for row in rows for v in row):
        return None
    if kind == "scalar" and len({v for row in rows for v in row}) == 1:
        return int(rows[0][0]) if case.situation.dtype == "int64" else rows[0][0]
    if kind == "row" and len(set(rows)) == 1:
        return _parts(_tensor(rows[:1], case), case.situation.parts)
    return _parts(_tensor(rows, case), case.situation.parts)


def _target(case: Case) -> int | Tensor | None:
    if case.situation.target == "none" and case.network.classes == 1:
        return None
    if case.situation.target == "int" and len(set(case.targets)) == 1:
        return case.targets[0]
    return torch.tensor(case.targets, dtype=torch.long, device=DEVICE)


def _built(case: Case) -> tuple[nn.Module, nn.Module, nn.Module | None]:
    """The model of a case, the module inside it that is the network, and the layer to be explained."""
    if case.network in PROVIDED:
        model, layer = PROVIDED[case.network]()
        return model, model, layer
    s, dtype = case.situation, model_dtype(case)
    network = TorchNetwork(case.network, dtype, DEVICE, inplace=s.inplace, shared=s.shared)
    built: nn.Module = network
    if s.parts > 1 or s.dtype == "int64" or s.coupled or s.modal:
        built = Wrapper(network, dtype, s.coupled)
        if s.modal:
            _with_modes(built, case)
    built.train(s.training)
    if isinstance(built, Wrapper):
        built.norm.eval()
        built.dropout.eval()
    if s.training:
        network.layers[0].eval()  # as with frozen normalisation layers: modes differ between modules
    for p in built.parameters():
        if s.filled_grads:
            p.grad = torch.full_like(p, 0.5)
        p.requires_grad_(not s.frozen)
    return built, network, None if case.layer is None else network.layers[case.layer - 1]


def prepare(case: Case) -> Prepared:
    """Model and call of a case; raises NetworkError when a weight is not representable in the case's dtype."""
    s = case.situation
    model, network, layer = _built(case)
    inputs = _parts(_tensor(case.inputs, case), s.parts)
    if s.leaf_inputs and s.dtype != "int64":
        inputs = tuple(_leaf(p) for p in inputs) if isinstance(inputs, tuple) else _leaf(inputs)
    call = Call(
        model=model,
        inputs=inputs,
        baselines=_baselines(case),
        target=_target(case),
        n_steps=case.n_steps,
        layer=layer,
        internal_batch_size=s.chunk or None,
    )
    return Prepared(model, network, call)


def _leaf(tensor: Tensor) -> Tensor:
    return tensor.detach().requires_grad_(True)


@contextlib.contextmanager
def sheltered() -> Iterator[None]:
    """Whatever foreign code does to process-wide state ends here."""
    torch_state, numpy_state, python_state = torch.get_rng_state(), np.random.get_state(), random.getstate()
    dtype, threads, folder = torch.get_default_dtype(), torch.get_num_threads(), os.getcwd()
    deterministic, anomaly = torch.are_deterministic_algorithms_enabled(), torch.is_anomaly_enabled()
    try:
        yield
    finally:
        torch.set_grad_enabled(True)
        torch.set_default_dtype(dtype)
        # The setter imports torch's compiler, which takes seconds.
        if torch.are_deterministic_algorithms_enabled() != deterministic:
            torch.use_deterministic_algorithms(deterministic)
        torch.set_anomaly_enabled(anomaly)
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)
        if torch.is_inference_mode_enabled():
            raise ForeignError(RuntimeError("left inference mode switched on"))
        os.chdir(folder)
        torch.set_rng_state(torch_state)
        np.random.set_state(numpy_state)
        random.setstate(python_state)


def seed_everything(seed: int = 0) -> None:
    # torch.manual_seed formats the stack for devices that are not there, which takes longer than most calls.
    torch.default_generator.manual_seed(seed)
    if DEVICE.startswith("cuda"):
        torch.cuda.manual_seed_all(seed)
    np.random.seed(seed)
    random.seed(seed)
    # away from the state that seeding gives, to which careless code "restores" the generators
    torch.rand(3)
    np.random.rand(3)
    random.random()


def invoke(attributor: Attributor, call: Call, no_grad: bool = False) -> Any:
    """The raw answer; ForeignError for whatever the code under test raises (SystemExit included)."""
    try:
        with torch.no_grad() if no_grad else contextlib.nullcontext():
            return attributor.attribute(call)
    except (Exception, SystemExit, GeneratorExit) as error:
        raise ForeignError(error) from None


def expected_shapes(prepared: Prepared) -> list[tuple[int, ...]]:
    inputs = prepared.call.inputs
    return [tuple(p.shape) for p in (inputs if isinstance(inputs, tuple) else (inputs,))]


def parts_of(raw: Any, shapes: list[tuple[int, ...]], several: bool) -> list[Tensor]:
    """The tensors of an answer; Malformed in one sentence when they are not attributions of these shapes."""
    wanted = " and ".join(str(list(s)) for s in shapes)
    if several:
        if not isinstance(raw, tuple | list) or len(raw) != len(shapes):
            raise Malformed(f"returned {describe(raw)}; a tuple of tensors of shapes {wanted} is needed")
        items = list(raw)
    else:
        items = [raw]
    for item, shape in zip(items, shapes, strict=True):
        if not isinstance(item, Tensor) or tuple(item.shape) != shape or item.is_complex() or item.is_sparse:
            raise Malformed(f"returned {describe(raw)}; a tensor of shape {list(shape)} is needed")
    return items


def describe(value: Any) -> str:
    if isinstance(value, Tensor):
        return f"a {str(value.dtype).removeprefix('torch.')} tensor of shape {list(value.shape)}"
    if isinstance(value, tuple | list) and value:
        return f"a {type(value).__name__} of {len(value)} ({describe(value[0])}, …)"
    if isinstance(value, np.ndarray):
        return f"a numpy array of shape {list(value.shape)}"
    return "None" if value is None else f"a {type(value).__name__}"


def numbers(parts: list[Tensor]) -> np.ndarray:
    """[N, total] float64 values of an answer in the order of the network's input."""
    rows = [p.detach().to("cpu", torch.float64).reshape(p.shape[0], -1) for p in parts]
    return torch.cat(rows, dim=1).numpy().copy()


def attributions(attributor: Attributor, case: Case) -> np.ndarray:
    """[N, size] attributions of an input method on a case, in float64.

    Raises ForeignError when the code under test raises, Malformed when its answer has another form.
    """
    prepared = prepare(case)
    with sheltered():
        seed_everything()
        raw = invoke(attributor, prepared.call, case.situation.no_grad)
        return numbers(parts_of(raw, expected_shapes(prepared), case.situation.parts > 1))


Check = Callable[[Attributor, Case], Outcome]


def answered(check: Check) -> Check:
    """A check in which an error of the code under test is UNSUPPORTED, exit a crash and a malformed answer refuted."""

    def guarded(attributor: Attributor, case: Case) -> Outcome:
        try:
            return check(attributor, case)
        except ForeignError as error:
            if isinstance(error.error, SystemExit):
                return Outcome(Verdict.CRASHED, f"called exit({error.error.code!r})")
            odd = case.situation.odd()
            where = f" (with {', '.join(odd)})" if odd else ""
            return Outcome(Verdict.UNSUPPORTED, f"raised {error}{where}")
        except Malformed as error:
            return Outcome(Verdict.REFUTED, str(error))

    return guarded


def finite(values: np.ndarray) -> bool:
    return bool(np.isfinite(values).all())


def magnitude(values: np.ndarray) -> float:
    return float(np.abs(values).max()) if values.size and finite(values) else math.inf
