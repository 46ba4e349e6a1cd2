"""How does a campaign look at a person's own model instead of drawn networks?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import nn

from ig_props.attributors.protocol import CannotRun
from ig_props.findings import Finding
from ig_props.model_check.accuracy import facts
from ig_props.model_check.cases import claims_on, fits
from ig_props.model_check.given import Array, array_of, given_of, module_of
from ig_props.model_check.names import GIVEN, Files
from ig_props.model_check.subject import Subject, subject_of
from ig_props.running.request import MODEL, UsageError

if TYPE_CHECKING:
    from ig_props.attributors.protocol import Attributor
    from ig_props.claims.claim import Claim

MEASURED = ("QUAD.variation_bound", "RS.bounded_variation", "CODE.shape")
"""The first of these claims that is attacked carries what was measured on the given inputs."""


@dataclass
class ModelCheck:
    """The subject of a campaign; `carrier` is the claim whose finding tells what was measured."""

    subject: Subject
    carrier: str = ""

    def claims(self, claims: Iterable[Claim], attributor: Attributor) -> list[Claim]:
        """What can be asked of the attributor on this model; UsageError when it is nothing."""
        chosen = claims_on(self.subject, claims)
        asked = {c.id for c in chosen if c.cases is not None and c.cases(attributor.traits) is not None}
        self.carrier = next((name for name in MEASURED if name in asked), "")
        return chosen

    def measured(self, finding: Finding, attributor: Attributor) -> Finding:
        """The finding, with what was measured on the given inputs if it is the one to tell."""
        if finding.claim != self.carrier:
            return finding
        try:
            return replace(finding, facts=tuple(facts(self.subject, attributor)))
        except Exception as error:
            from ig_props.running.attack import internal_error

            return replace(finding, facts=(*self.subject.notes, ("not measured", internal_error(error))))


def _array(given: Any, option: str) -> Array | None:
    """An array, a tensor or the name of an .npy file as an array."""
    if given is None:
        return None
    if isinstance(given, str | PathLike):
        return array_of(str(given), f"--{option}")
    try:
        array: Array = np.asarray(given.detach().cpu() if hasattr(given, "detach") else given)
    except (TypeError, ValueError, RuntimeError):
        array = np.empty(0, dtype=object)
    if array.dtype.kind not in "fiub" or not np.isfinite(array).all():
        shown = " ".join(repr(given).split())[:60]
        raise UsageError(f"{option} is an array of finite numbers or the name of an .npy file, given {shown}")
    return array


def opened(asked: Mapping[str, Any], attributor: Attributor) -> ModelCheck:
    """The model check that a request asks for; CannotRun and UsageError in one sentence."""
    model, layer, target = asked["model"], asked.get("layer"), asked.get("target")
    kind = attributor.traits.kind
    if kind.needs_layer and layer is None:
        raise CannotRun(f"{attributor.name} explains a layer of the model: name it with --layer")
    if not kind.needs_layer and layer is not None:
        raise UsageError(
            f"--layer {layer}: {attributor.name} explains the input; layers are for --as layer-integral and others"
        )
    texts = {name: str(asked[name]) if isinstance(asked.get(name), str | PathLike) else None for name in MODEL}
    files = Files(
        model=texts["model"] or GIVEN,
        inputs=texts["inputs"] or GIVEN,
        baselines=texts["baselines"] or (None if asked.get("baselines") is None else GIVEN),
        target=None if target is None else str(target)[:40],
        layer=layer if kind.needs_layer else None,
    )
    inputs = _array(asked["inputs"], "inputs")
    assert inputs is not None
    baselines = _array(asked.get("baselines"), "baselines")
    module = model if isinstance(model, nn.Module) else module_of(str(model))
    wanted = target if target is None or isinstance(target, str | int) else _array(target, "target")
    check = ModelCheck(subject_of(given_of(module, inputs, baselines, wanted, files)))
    why = fits(check.subject, attributor.traits)
    if why:
        raise CannotRun(f"{attributor.name} cannot be checked on {files.model}: {why}")
    return check
