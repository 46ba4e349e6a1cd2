"""What is one example? A network description, points, a target and the situation the code under test is called in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from ig_props.networks.formula import formula
from ig_props.networks.network import Network, NetworkError, network_from_json

Point = tuple[float, ...]
DTYPES = ("float64", "float32", "float16", "bfloat16", "int64")
LAYOUTS = ("contiguous", "transposed", "strided", "expanded", "channels_last")
FORMAT = 1


@dataclass(frozen=True)
class Situation:
    """Everything about a call that must not change its answer; the defaults are the plain situation."""

    dtype: str = "float64"
    layout: str = "contiguous"
    target: str = "tensor"  # "int" when all targets are equal, "tensor", or "none" for one score
    baseline: str = "tensor"  # "none" or "scalar" when it is zero, "row" when all rows are equal
    parts: int = 1  # number of inputs the sample is split into
    chunk: int = 0  # internal_batch_size; 0 means not passed
    no_grad: bool = False
    training: bool = False  # train mode, the first layer alone in eval mode
    modal: bool = False  # batch norm in front of the network and dropout behind it, both in eval mode
    inplace: bool = False
    shared: bool = False
    frozen: bool = False
    filled_grads: bool = False
    leaf_inputs: bool = False  # the caller's tensors require gradients
    coupled: bool = False  # the model subtracts its batch mean

    def odd(self) -> list[str]:
        """The respects in which this situation is not the plain one, as words."""
        plain = Situation()
        return [
            f"{f.name}={getattr(self, f.name)}" for f in fields(self) if getattr(self, f.name) != getattr(plain, f.name)
        ]


@dataclass(frozen=True)
class Case:
    """An example: points are flat per sample, in the order of the network's input; `other` and `numbers` are what a
    claim needs besides (a second network, coefficients, a permutation, …)."""

    network: Network
    inputs: tuple[Point, ...]
    baselines: tuple[Point, ...]
    targets: tuple[int, ...]
    n_steps: int = 16
    situation: Situation = Situation()
    layer: int | None = None  # the value that is attributed, for layer methods
    other: Network | None = None
    numbers: Mapping[str, tuple[float, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        rows = len(self.inputs)
        sizes = {len(p) for p in (*self.inputs, *self.baselines)}
        if rows == 0 or len(self.baselines) != rows or len(self.targets) != rows or sizes != {self.network.size}:
            raise NetworkError(
                f"a case needs as many baselines and targets as inputs and points of {self.network.size} numbers"
            )
        if any(not 0 <= t < self.network.classes for t in self.targets):
            raise NetworkError(f"targets {self.targets} are not below {self.network.classes}")

    def __str__(self) -> str:
        lines = []
        for k, (x, b, t) in enumerate(zip(self.inputs, self.baselines, self.targets, strict=True)):
            row = f"[{k}] " if len(self.inputs) > 1 else ""
            score = formula(self.network, t) if k == 0 or t != self.targets[0] else "the same score"
            lines.append(f"{row}F = {score}, x = {_point(x)}, baseline = {_point(b)}")
        if self.other is not None:
            lines.append(f"G = {formula(self.other, self.targets[0])}")
        lines += [f"{name} = {_point(value)}" for name, value in self.numbers.items()]
        odd = self.situation.odd()
        lines.append(f"n_steps = {self.n_steps}" + (", " + ", ".join(odd) if odd else ""))
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """A JSON-ready form that `case_from_json` reads back."""
        return {
            "format": FORMAT,
            "network": self.network.to_json(),
            "inputs": [list(p) for p in self.inputs],
            "baselines": [list(p) for p in self.baselines],
            "targets": list(self.targets),
            "n_steps": self.n_steps,
            "situation": asdict(self.situation),
            "layer": self.layer,
            "other": None if self.other is None else self.other.to_json(),
            "numbers": {k: list(v) for k, v in self.numbers.items()},
        }


def _point(point: Point) -> str:
    texts = [f"{v:g}" for v in point]
    if len(texts) > 12:
        texts = [*texts[:10], f"… {len(texts)} numbers"]
    return "(" + ", ".join(texts) + ")"


def _points(value: Any, what: str) -> tuple[Point, ...]:
    if not isinstance(value, list) or not all(isinstance(row, list) for row in value):
        raise NetworkError(f"{what} must be a list of lists of numbers")
    return tuple(_vector(row, what) for row in value)


def _vector(value: Any, what: str) -> Point:
    good = isinstance(value, list) and all(isinstance(v, int | float) and not isinstance(v, bool) for v in value)
    if not good:
        raise NetworkError(f"{what} must hold numbers")
    return tuple(float(v) for v in value)


def _whole(value: Any, what: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 10**6:
        raise NetworkError(f"{what} must be a whole number, given {value!r:.40}")
    return value


def _situation(value: Any) -> Situation:
    plain = asdict(Situation())
    if not isinstance(value, Mapping) or set(value) != set(plain):
        raise NetworkError(f"situation needs exactly the fields {sorted(plain)}")
    for name, default in plain.items():
        if type(value[name]) is not type(default):
            raise NetworkError(f"situation.{name} must be of type {type(default).__name__}")
    if value["dtype"] not in DTYPES or value["layout"] not in LAYOUTS:
        raise NetworkError(f"situation: dtype is one of {DTYPES}, layout one of {LAYOUTS}")
    return Situation(**value)


def case_from_json(data: Any) -> Case:
    """The case written by `Case.to_json`; NetworkError says in one sentence what does not fit."""
    names = {"format", "network", "inputs", "baselines", "targets", "n_steps", "situation", "layer", "other", "numbers"}
    if not isinstance(data, Mapping) or set(data) != names:
        raise NetworkError(f"a case has exactly the fields {', '.join(sorted(names))}")
    if data["format"] != FORMAT:
        raise NetworkError(f"case format {data['format']!r:.20} is not the format {FORMAT} this version reads")
    if not isinstance(data["numbers"], Mapping) or not isinstance(data["targets"], list):
        raise NetworkError("numbers must be an object and targets a list")
    return Case(
        network=network_from_json(data["network"]),
        inputs=_points(data["inputs"], "inputs"),
        baselines=_points(data["baselines"], "baselines"),
        targets=tuple(_whole(t, "a target") for t in data["targets"]),
        n_steps=_whole(data["n_steps"], "n_steps"),
        situation=_situation(data["situation"]),
        layer=None if data["layer"] is None else _whole(data["layer"], "layer"),
        other=None if data["other"] is None else network_from_json(data["other"]),
        numbers={str(k): _vector(v, f"numbers.{k}") for k, v in data["numbers"].items()},
    )
