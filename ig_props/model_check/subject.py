"""Which network stands for a person's model, and is it the same function?"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from ig_props.attributors.protocol import CannotRun
from ig_props.checking import calling
from ig_props.claims.case import Point
from ig_props.model_check.given import DTYPES, Given, said
from ig_props.model_check.names import Files, sample
from ig_props.networks.capture import CannotCapture, Captured, capture
from ig_props.networks.formula import summary
from ig_props.networks.network import Flatten, Network, Node, Shape, Unknown
from ig_props.networks.torch_ import TorchNetwork
from ig_props.oracles.rounding import preactivation_errors

PARTS = 4
"""Description and model are compared at the ends of every segment and at the points between so many equal parts."""
SECOND = -2.0
"""As in CODE.second_model: a second model whose scores are this many times the first one's."""


@dataclass(frozen=True, eq=False)
class Subject:
    """A model and the segments on which attributions of it are checked.

    network: its description, or `Unknown` operations. differences: F(x) - F(x') as the model computes them. second: the
    network of a model with `SECOND` times the scores. layer: the number of the value that `files.layer` names. notes:
    what was decided for the person, as labels and words. rows: which input a point is.
    """

    files: Files
    network: Network
    dtype: str
    inputs: tuple[Point, ...]
    baselines: tuple[Point, ...]
    targets: tuple[int, ...]
    differences: tuple[float, ...]
    second: Network | None = None
    layer: int | None = None
    notes: tuple[tuple[str, str], ...] = ()
    rows: Mapping[Point, int] = field(default_factory=dict)

    @property
    def sample(self) -> str:
        """What one input is called."""
        return sample(self.network.input_shape)


def _difference(given: Given, known: Captured) -> tuple[float, float]:
    """The largest distance between scores of description and model in float64, and the most that rounding explains.

    Raises CannotCapture where it is more than both may be off by.
    """
    double = copy.deepcopy(given.module).to("cpu", torch.float64)
    for part in double.modules():
        if isinstance(part, nn.Softplus):
            part.threshold = 600.0
    described = TorchNetwork(known.network, torch.float64)
    # the errors of the scores are those of what reads them
    nodes = known.network.nodes
    reading = Network(known.network.input_shape, (*nodes, Node(Flatten(), (len(nodes),))))
    worst, allowed = 0.0, 0.0
    weights = torch.arange(PARTS + 1, dtype=torch.float64).reshape(-1, *[1] * (given.inputs.ndim - 1)) / PARTS
    for row, (x, b) in enumerate(zip(given.inputs, given.baselines, strict=True)):
        points = torch.from_numpy(b) + weights * torch.from_numpy(x - b)
        with torch.no_grad():
            try:
                apart = (double(points) - described(points)).abs().amax(0)
            except Exception as error:
                raise CannotCapture(
                    f"in float64, to be compared with its description, it raised {said(error)}"
                ) from None
        errors = preactivation_errors(reading, x.ravel().tolist(), b.ravel().tolist(), 2.0**-52)[-1]
        for k, (gap, own) in enumerate(zip(apart.tolist(), errors, strict=True)):
            if not gap <= 2 * own:
                raise CannotCapture(
                    f"the traced description computes something else: between baseline and input {row} score {k} is "
                    f"off by {gap:.3g}, of which rounding explains {2 * own:.2g}"
                )
            worst, allowed = max(worst, gap), max(allowed, 2 * own)
    return worst, allowed


def _layer_shape(given: Given, layer: str) -> Shape:
    """Per-sample shape of a submodule's output; CannotRun where it has none."""
    shapes: list[Any] = []

    def keep(module: nn.Module, arguments: Any, result: Any) -> None:
        shapes.append(tuple(result.shape) if isinstance(result, Tensor) else None)

    probe, points = copy.deepcopy(given.module), torch.from_numpy(given.inputs).to(calling.DEVICE, given.dtype)
    probe.get_submodule(layer).register_forward_hook(keep)
    with torch.no_grad():
        probe(points)
    if len(shapes) == 1 and shapes[0] is not None and len(shapes[0]) > 1 and shapes[0][0] == len(points):
        return tuple(shapes[0][1:])
    found = "is called several times" if len(shapes) > 1 else "returns no tensor [N, …]" if shapes else "is not called"
    raise CannotRun(f"--layer {layer} {found}")


def _maker(module: nn.Module, layer: str | None) -> calling.Maker:
    def make() -> tuple[nn.Module, nn.Module | None]:
        fresh = copy.deepcopy(module)
        return fresh, None if layer is None else fresh.get_submodule(layer)

    return make


def _second(module: nn.Module, known: Captured, shape: Shape) -> tuple[nn.Module, Network] | None:
    """A model whose scores are `SECOND` times as large, where a linear layer computes them."""
    last = len(known.network.nodes)
    for name, value in known.values.items():
        if value == last and type(module.get_submodule(name)) is nn.Linear:
            fresh = copy.deepcopy(module)
            with torch.no_grad():
                for p in fresh.get_submodule(name).parameters():
                    p.mul_(SECOND)
            return fresh, capture(fresh, shape).network
    return None


def _told(known: Captured, worst: float, allowed: float) -> list[tuple[str, str]]:
    where = f"weights of {', '.join(known.rounded)} rounded to float64" if known.rounded else "every weight exact"
    apart = "equal the model's" if worst == 0.0 else f"differ from the model's by at most {worst:.1g}"
    return [
        ("model", summary(known.network)),
        (
            "",
            f"described with {where}; the description's scores in float64 {apart} (rounding may explain {allowed:.1g})",
        ),
    ]


def subject_of(given: Given) -> Subject:
    """The model with its description where it has one; `calling` then builds its cases with copies of the module."""
    files, shape = given.files, tuple(given.inputs.shape[1:])
    inner = None if files.layer is None else _layer_shape(given, files.layer)
    layer, second = None, None
    try:
        known = capture(given.module, shape)
        told = _told(known, *_difference(given, known))
        network = known.network
        if files.layer is not None:
            layer = known.values.get(files.layer)
            if layer is None or network.shapes[layer] != inner:
                raise CannotCapture(f"{files.layer} is not one value of its description")
        second = _second(given.module, known, shape)
    except CannotCapture as error:
        told = [("model", f"it has no description: {error}")]
        whole = Unknown((given.classes,), f"the model has no description: {error}")
        nodes = [Node(Unknown(inner, whole.why), (0,))] if inner is not None else []
        layer = 1 if inner is not None else None
        network = Network(shape, (*nodes, Node(whole, (len(nodes),))))
    calling.PROVIDED[network] = _maker(given.module, files.layer)
    if second is not None:
        calling.PROVIDED[second[1]] = _maker(second[0], files.layer)
    ends, starts = (
        tuple(map(tuple, values.reshape(len(values), -1).tolist())) for values in (given.inputs, given.baselines)
    )
    return Subject(
        files=files,
        network=network,
        dtype=DTYPES[given.dtype],
        inputs=ends,
        baselines=starts,
        targets=given.targets,
        differences=given.differences,
        second=None if second is None else second[1],
        layer=layer,
        notes=(*told, *given.notes),
        rows={x: k for k, x in reversed(list(enumerate(ends)))},
    )
