"""How much does the explanation depend on the baseline?"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from ig_props.attributors.protocol import Kind
from ig_props.audit.accuracy import picture
from ig_props.audit.opening import Array
from ig_props.audit.section import Heat, Mark, Section, common, cosine, percent
from ig_props.audit.subject import STARTS, Subject, search, usual_start
from ig_props.audit.truth import heat_map

POINTWISE = (Kind.GRAD_CAM, Kind.GRAD_CAM_POSITIVE, Kind.GRAD_CAM_PLUS_PLUS)


def _explanation(subject: Subject, start: Tensor) -> Array:
    """IG for input and layer methods, the method's map for methods that walk to the input's layer."""
    kind = subject.method.traits.kind
    if kind.is_map:
        return heat_map(replace(subject, start=start), kind)[0].rectified[0].cpu().numpy()
    return subject.sketched(start=start)


def _uniformity(subject: Subject, start: Tensor) -> float | None:
    if subject.classes < 2:
        return None
    with torch.no_grad():
        p = subject.logits(start.double()).softmax(1)
    return float((p - 1.0 / subject.classes).abs().max())


def starts(subject: Subject) -> Section | None:
    """The explanation from every usual baseline and from one with nearly uniform probabilities; None where a method has
    no baseline."""
    if subject.method.traits.kind in POINTWISE:
        return None
    found: dict[str, Tensor] = {"the given one": subject.start}
    facts: list[tuple[str, str]] = []
    for name in STARTS:
        if (name == "blurred" and subject.inputs.dim() != 4) or (name == "uniform" and subject.classes < 2):
            continue
        if name == "uniform":
            begun = search(subject.logits, usual_start("noise", *subject.segment[:1], subject.logits, subject.seed))
            found[name] = begun.baseline.to(subject.inputs.dtype)
            facts.append(("search for uniform", f"{begun}" + ("" if begun.reached else "; uniformity is not reached")))
        else:
            start = usual_start(name, subject.inputs, subject.logits, subject.seed)
            if not any(torch.equal(start, known) for known in found.values()) and not torch.equal(
                start, subject.inputs
            ):
                found[name] = start
    maps = {name: _explanation(subject, start) for name, start in found.items()}
    own = maps["the given one"]
    others = {n: (cosine(own, m), common(own, m)) for n, m in maps.items() if n != "the given one"}
    distances = {n: _uniformity(subject, s) for n, s in found.items()}
    least = min(others, key=lambda n: others[n][0])
    answer = (
        f"The least alike is the explanation from {least}: cosine {others[least][0]:.3f}, "
        f"{percent(others[least][1], 1)} of the largest tenth in common."
    )
    for name in maps:
        away = distances[name]
        told = "" if name == "the given one" else f"cosine {others[name][0]:.3f}"
        far = "" if away is None else f"max |p - 1/C| {away:.3g}"
        facts.append((name, ", ".join(t for t in (told, far) if t)))
    signed = not subject.method.traits.kind.is_map
    return Section(
        "baselines", "How much does the baseline change it?", answer,
        Mark.WARNING if others[least][0] < 0.5 else Mark.GOOD, tuple(facts),
        {"cosine": {n: v[0] for n, v in others.items()}, "from_uniform": distances},
        tuple(Heat(name, picture(m), signed) for name, m in maps.items()),
    )  # fmt: skip
