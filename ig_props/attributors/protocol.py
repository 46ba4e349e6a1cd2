"""What is an attribution method to this toolkit? Something that answers a `Call` and says what it claims to be."""

from __future__ import annotations

import os
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from torch import Tensor, nn

    from ig_props.quadrature import Rule


class Kind(StrEnum):
    """What an attributor computes (theory.md sections 0, 5 and 6)."""

    IG = "ig"
    PATH = "path"
    LAYER_INTEGRAL = "layer-integral"
    LAYER_IG = "layer-ig"
    GRAD_CAM = "grad-cam"
    GRAD_CAM_POSITIVE = "grad-cam-positive"
    GRAD_CAM_PLUS_PLUS = "grad-cam++"
    RSI_GRAD_CAM = "rsi-grad-cam"
    RSI_GRAD_CAM_SIGNED = "rsi-grad-cam-signed"

    @property
    def needs_layer(self) -> bool:
        return self not in (Kind.IG, Kind.PATH)

    @property
    def is_map(self) -> bool:
        """Whether the result is a heat map [N, H, W] rather than one number per unit."""
        return self.value.startswith(("grad-cam", "rsi"))


ACCEPTS = {
    "half": "float16 and bfloat16 inputs",
    "integers": "integer inputs",
    "tuples": "several inputs as a tuple",
    "no-baseline": "baselines=None for zeros",
    "scalar-baseline": "a number as baseline",
    "broadcast-baseline": "one baseline row for the whole batch",
    "no-target": "target=None for models with one score",
    "chunking": "internal_batch_size",
    "images": "image-shaped inputs [N, C, H, W]",
    "vectors": "flat inputs [N, F]",
    "mixed-targets": "a different target for every sample (a tensor of whole numbers)",
    "batches": "more than one sample",
    "baselines": "baselines other than zero",
    "batch-layers": "layers whose output has another batch dimension",
    "random": "random results: a fixed seed gives equal ones",
    "inplace": "models with in-place rectifiers",
    "shared-modules": "models that call a module several times",
    "train-mode": "models in train mode",
}
"""What an attributor may say it accepts; situations outside are never drawn for it."""

PLAIN = frozenset(
    {"images", "vectors", "mixed-targets", "batches", "baselines", "inplace", "shared-modules", "train-mode"}
)
"""What a plain function with the common signature is asked for: float32 and float64 tensors [N, …], one input."""


ANY_STEPS = range(1, 2**31)


@dataclass(frozen=True)
class Traits:
    """What an attributor claims and accepts.

    kind: what it computes. stage: "raw" or "normalized" for maps. accepts: keys of `ACCEPTS`. has_steps: whether
    `n_steps` reaches it; steps: the numbers it takes, ascending. rule: the named quadrature rule behind `n_steps` when
    known. adaptive: whether its nodes depend on the model or input. documented: claim id -> where the library documents
    that it does not hold. dtypes: floating dtypes it works in, the preferred one first.
    """

    kind: Kind = Kind.IG
    stage: str = "raw"
    accepts: frozenset[str] = PLAIN
    has_steps: bool = True
    steps: Sequence[int] = ANY_STEPS
    rule: Callable[[int], Rule] | None = None
    adaptive: bool = True
    documented: dict[str, str] = field(default_factory=dict)
    dtypes: tuple[str, ...] = ("float64", "float32")

    def fitting(self, n: int) -> int:
        """The least number of steps it takes that is not below n, or the largest one."""
        return self.steps[min(bisect_left(self.steps, n), len(self.steps) - 1)]


def drawn_dtypes(traits: Traits) -> list[str]:
    """The dtypes that examples are drawn in, the usual one first and twice; IG_PROPS_DTYPE other than float64 is the only
    one drawn."""
    wanted = os.environ.get("IG_PROPS_DTYPE", "float64")
    if wanted != "float64":
        return [wanted]
    dtypes = [traits.dtypes[0], *traits.dtypes]
    dtypes += ["float16", "bfloat16"] if "half" in traits.accepts else []
    return dtypes + (["int64"] if "integers" in traits.accepts else [])


@dataclass(frozen=True)
class Call:
    """Arguments of one attribution, in Captum's vocabulary.

    inputs: [N, *shape] or a tuple of such. baselines: the same shapes, or None or a number where accepted. target: an
    int for all samples, a long tensor [N], or None. n_steps: None leaves the attributor's default. layer: the module
    whose output is attributed, for layer methods. internal_batch_size: None means unlimited.
    """

    model: nn.Module
    inputs: Tensor | tuple[Tensor, ...]
    baselines: Tensor | tuple[Tensor, ...] | float | None
    target: int | Tensor | None
    n_steps: int | None = None
    layer: nn.Module | None = None
    internal_batch_size: int | None = None


class Attributor(Protocol):
    """Anything with a name, traits and an answer to calls.

    `attribute` returns attributions of the inputs' structure and shapes (input methods), of the layer's output (layer
    methods; summed over nothing) or maps [N, H, W] (map methods), and raises whatever the code under test raises.
    """

    @property
    def name(self) -> str: ...

    @property
    def traits(self) -> Traits: ...

    def attribute(self, call: Call) -> Tensor | tuple[Tensor, ...]: ...


class CannotRun(Exception):
    """The code under test cannot be loaded or does not answer as its kind must; one clear sentence (exit code 3)."""
