"""What ought the explanation to be, and how far may this reference itself be off?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ig_props.attributors.protocol import Kind
from ig_props.audit.opening import Array
from ig_props.audit.subject import COARSE, REFERENCE, Subject
from ig_props.integration.attribution import Attribution
from ig_props.integration.engine import integrated_gradients
from ig_props.integration.layers import layer_integral
from ig_props.methods import grad_cam
from ig_props.methods.grad_cam import HeatMap
from ig_props.methods.scores import score_of


@dataclass(frozen=True, eq=False)
class Truth:
    """Values of the explanation's shape, an estimate of their largest error, and how they were found."""

    values: Array
    error: float
    how: str

    @property
    def largest(self) -> float:
        return float(np.abs(self.values).max(initial=0.0))


class NoTruth(Exception):
    """There is nothing to compare with; one sentence."""


class FromLayer(nn.Module):
    """The model behind a layer: values [M, …] of the layer's output -> the model's output, at one input."""

    def __init__(self, model: nn.Module, layer: nn.Module, inputs: Tensor) -> None:
        super().__init__()
        self.model, self.layer, self.inputs = model, layer, inputs

    def forward(self, values: Tensor) -> Any:
        handle = self.layer.register_forward_hook(lambda module, args, output: values.clone())
        try:
            return self.model(self.inputs.expand(len(values), *self.inputs.shape[1:]))
        finally:
            handle.remove()


def _told(found: Attribution) -> str:
    if found.exact:
        count = f", {found.n_steps} pieces" if found.n_steps > 1 else ""
        return f"{found.rule} in float64{count}, exact up to rounding"
    return f"{found.rule} in float64 with {found.n_steps} steps, error about {float(found.error[0]):.1g}"


def _of(found: Attribution) -> Truth:
    assert isinstance(found.values, Tensor)
    return Truth(found.values[0].cpu().numpy(), float(found.error[0]), _told(found))


def _layer(subject: Subject) -> Truth:
    """The layer integral, or IG on the straight line between the layer's two outputs."""
    model = subject.traced()
    layer, (x, b) = subject.module(model), subject.segment
    rtol, score = subject.rtol * REFERENCE, score_of(subject.score)
    if subject.method.traits.kind is Kind.LAYER_INTEGRAL:
        return _of(layer_integral(model, layer, x, b, subject.target, rtol=rtol, score=score))
    end, start = (grad_cam.layer_output(model, layer, p) for p in (x, b))
    behind = FromLayer(model, layer, x)
    return _of(integrated_gradients(behind, end, start, subject.target, rtol=rtol, score=score))


def heat_map(subject: Subject, kind: Kind, score: str | None = None, exactly: bool = False) -> tuple[HeatMap, float]:
    """The map of a kind at the subject's layer in float64, and an estimate of the error of its raw values.

    exactly: whether integrals are as exact as the wanted error asks for, or good enough for comparisons.
    """
    model, use = subject.traced(score), score_of(score or subject.score)
    layer, (x, b) = subject.module(model), subject.segment
    pointwise = {
        Kind.GRAD_CAM: grad_cam.grad_cam,
        Kind.GRAD_CAM_POSITIVE: grad_cam.grad_cam_positive,
        Kind.GRAD_CAM_PLUS_PLUS: grad_cam.grad_cam_plus_plus,
    }
    if kind in pointwise:
        return pointwise[kind](model, layer, x, subject.target, use), 0.0
    found = layer_integral(
        model, layer, x, b, subject.target, rtol=subject.rtol * REFERENCE if exactly else None,
        n_steps=None if exactly else COARSE, score=use, rectified=kind is Kind.RSI_GRAD_CAM,
    )  # fmt: skip
    assert isinstance(found.values, Tensor)
    values = grad_cam.layer_output(model, layer, x)
    drawn = grad_cam.combined(found.values.mean(dim=(2, 3)), values)
    # every weight is off by at most the largest error of its units
    return drawn, float(found.error[0] * values.abs().sum(1).max())


def _map(subject: Subject) -> Truth:
    kind, stage = subject.method.traits.kind, subject.method.traits.stage
    drawn, error = heat_map(subject, kind, exactly=True)
    raw = drawn.rectified[0].cpu().numpy()
    if stage == "raw":
        return Truth(raw, error, f"the formula of {kind} in float64")
    top = float(raw.max())
    return Truth(
        raw / top if top > 0 else raw,
        error / top if top > 0 else 0.0,
        f"the formula of {kind} in float64, over its maximum",
    )


def truth_of(subject: Subject) -> Truth:
    """The reference for what the method explains; NoTruth says why there is none."""
    kind = subject.method.traits.kind
    if kind is Kind.PATH:
        raise NoTruth("the method chooses its own path, whose exact values are not known")
    if kind is Kind.IG:
        return _of(subject.reference())
    return _map(subject) if kind.is_map else _layer(subject)


def difference(subject: Subject) -> float:
    """F(x) - F(x') of the explained score in float64."""
    model = subject.traced()
    with torch.no_grad():
        ends = [score_of(subject.score)(model(p.clone()), subject.target) for p in subject.segment]
    return float(ends[0] - ends[1])
