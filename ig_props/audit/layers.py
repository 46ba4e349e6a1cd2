"""What do the heat maps at a layer say, and what adds up layer by layer?"""

from __future__ import annotations

from torch import Tensor

from ig_props.attributors.protocol import Kind
from ig_props.audit.section import Bars, Heat, Mark, Section, percent
from ig_props.audit.subject import Subject
from ig_props.audit.truth import difference, heat_map
from ig_props.integration.layers import layer_integrals
from ig_props.methods.grad_cam import plus_plus_report
from ig_props.methods.scores import score_of

MAPS = tuple(k for k in Kind if k.is_map)
MOST_LAYERS = 24
CELLS = 64
"""Cells of the sweep over all layers."""


def maps(subject: Subject) -> Section | None:
    """Every map of the Grad-CAM family at one layer, and how far Grad-CAM++ is from Grad-CAM with positive gradients."""
    if subject.layer is None:
        return None
    shape = next(k.shape for k in subject.layers if k.name == subject.layer)
    if shape is None or len(shape) != 4:
        return None
    model = subject.traced()
    layer, x = subject.module(model), subject.segment[0]
    found = plus_plus_report(model, layer, x, subject.target, score_of(subject.score))
    eps, bound, observed = (float(v[0]) for v in (found.epsilon, found.bound, found.observed))
    proved = (
        f"so that they are proved to differ by at most {bound:.3g}"
        if bound < float("inf")
        else "and nothing is proved, since "
        + ("activations are negative here" if not bool(found.nonnegative[0]) else "ε is not below 2")
    )
    answer = (
        f"At {subject.layer} Grad-CAM++ and Grad-CAM with positive gradients, each over its maximum, differ by {observed:.3g}; "
        f"ε = max |g ΣA| is {eps:.3g}, {proved}."
    )
    heats = []
    for kind in MAPS:
        drawn, _ = heat_map(subject, kind)
        heats.append(Heat(kind, drawn.normalized[0].cpu().numpy(), False, "over its maximum"))
    return Section(
        "maps", "What do the heat maps say?", answer, Mark.GOOD if observed <= subject.rtol else Mark.WARNING, (),
        {"layer": subject.layer, "epsilon": eps, "bound": bound, "observed": observed,
         "nonnegative": bool(found.nonnegative[0])}, tuple(heats),
    )  # fmt: skip


def per_layer(subject: Subject) -> Section | None:
    """The sum of every layer's integral beside F(x) - F(x'): what is missing flows around the layer."""
    names = [k.name for k in subject.layers if k.usable and k.leaf]
    if len(names) > MOST_LAYERS:
        stride = len(names) / MOST_LAYERS
        names = [names[int(k * stride)] for k in range(MOST_LAYERS)]
    if not names:
        return None
    model = subject.traced()
    x, b = subject.segment
    found = layer_integrals(
        model, [subject.module(model, n) for n in names], x, b, subject.target, n_steps=CELLS, score=score_of(subject.score)
    )  # fmt: skip
    wanted = difference(subject)
    sums = {}
    for name, one in zip(names, found, strict=True):
        assert isinstance(one.values, Tensor)
        sums[name] = float(one.values.sum())
    scale = abs(wanted) or 1.0
    missing = {n: v for n, v in sums.items() if abs(v - wanted) > 10 * subject.rtol * scale}
    answer = f"All {len(sums)} layers add up to F(x) - F(x') = {wanted:.6g} within {percent(10 * subject.rtol, 1)}."
    if missing:
        most = max(missing, key=lambda n: abs(sums[n] - wanted))
        answer = (
            f"{len(missing)} of {len(sums)} layers do not add up to F(x) - F(x') = {wanted:.6g}; {most} is off by "
            f"{percent(abs(sums[most] - wanted), scale)}. Something flows around these layers, or {CELLS} cells are too few."
        )
    return Section(
        "layers", "Does every layer add up?", answer, Mark.WARNING if missing else Mark.GOOD,
        (("how", f"trapezoidal sums over {CELLS} cells in one sweep"),), {"sums": sums, "difference": wanted},
        bars=Bars("sum of the layer integral", "score", sums, wanted),
    )  # fmt: skip
