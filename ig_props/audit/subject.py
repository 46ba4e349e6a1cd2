"""What is explained, by which method, and is everything that was given fit for it?"""

from __future__ import annotations

import copy
import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ig_props.attributors.load import parse_args
from ig_props.attributors.protocol import Attributor, Call, CannotRun
from ig_props.audit.layer_choice import Layer, chosen_layer, layers_of
from ig_props.audit.methods import method_of
from ig_props.audit.opening import Array, RowByRow, open_array, open_model
from ig_props.checking.calling import describe, invoke, seed_everything, sheltered
from ig_props.integration.attribution import Attribution
from ig_props.integration.engine import integrated_gradients
from ig_props.methods import baselines
from ig_props.methods.scores import SCORES, Scored, score_of
from ig_props.model_check.given import DTYPES, said
from ig_props.running.request import UsageError

NEAR_ONE = 1e-4
"""How far probabilities in float32 may add up from 1."""
STARTS = ("zeros", "blurred", "mean", "noise", "uniform")
REFERENCE = 0.1
"""The part of the wanted error that the reference may be off by."""
COARSE = 32
"""Steps of the midpoint rule for explanations that are only compared with one another."""


class Column(nn.Module):
    """A model with one score per sample, [N] or [N, 1], as one with one class."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.model(x)
        return scores.reshape(-1, 1)


class Logs(nn.Module):
    """A model that returns probabilities, with their logarithms as logits."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        p: Tensor = self.model(x)
        return p.clamp_min(torch.finfo(p.dtype).tiny).log()


@dataclass(frozen=True, eq=False)
class Subject:
    """A model [N, *shape] -> [N, C] in eval mode, one segment [1, *shape] in its dtype, and the method that explains it.

    probabilities: whether the outputs are probabilities already. layer: the name of the layer that is explained or, for
    input methods, of the one that heat maps are drawn at. rtol: the error that is wanted, relative to the largest value.
    """

    model: nn.Module
    inputs: Tensor
    start: Tensor
    target: int
    classes: int
    probabilities: bool
    method: Attributor
    layer: str | None
    layers: tuple[Layer, ...]
    score: str = "logit"
    n_steps: int = 50
    rtol: float = 0.01
    seed: int = 0
    notes: tuple[tuple[str, str], ...] = ()

    @cached_property
    def double(self) -> nn.Module:
        """A copy in float64, for reference."""
        return copy.deepcopy(self.model).double()

    @cached_property
    def logits(self) -> nn.Module:
        """The float64 copy as a model of logits."""
        return Logs(self.double) if self.probabilities else self.double

    def scored(self, model: nn.Module) -> nn.Module:
        """A model of the score that is explained, for code that explains outputs."""
        return model if self.score == "logit" else Scored(Logs(model) if self.probabilities else model, self.score)

    @property
    def segment(self) -> tuple[Tensor, Tensor]:
        """Input and baseline in float64."""
        return self.inputs.double(), self.start.double()

    def explained(self, model: nn.Module | None = None, n_steps: int | None = None) -> Array:
        """The method's own answer, in float64 [*shape of what it explains]; ForeignError for whatever it raises.

        model: another one that returns logits, called in its own dtype.
        """
        # some libraries ask for parameters that require gradients
        base = copy.deepcopy(self.model if model is None else model).requires_grad_(True)
        dtype = self.inputs.dtype if model is None else _dtype(base)
        layer = self.module(base) if self.method.traits.kind.needs_layer else None
        steps = self.method.traits.fitting(n_steps or self.n_steps)
        scored = self.scored(base) if model is None or self.score == "logit" else Scored(base, self.score)
        call = Call(
            scored, self.inputs.to(dtype, copy=True), self.start.to(dtype, copy=True), self.target, steps, layer
        )
        with sheltered():
            seed_everything(self.seed)
            found = invoke(self.method, call)
        if not isinstance(found, Tensor):
            raise ValueError(f"{self.method.name} returned {describe(found)}; one tensor is needed")
        values: Array = found.detach().double().cpu().numpy()[0]
        return values

    def module(self, model: nn.Module, layer: str | None = None) -> nn.Module:
        """The layer in a model that may have been wrapped."""
        name = layer or self.layer
        names = [n for n, _ in model.named_modules() if n == name or n.endswith(f".{name}")]
        return model.get_submodule(min(names, key=len))

    def traced(self, score: str | None = None) -> nn.Module:
        """The float64 model whose output a score is read from."""
        return self.double if (score or self.score) == "logit" else self.logits

    def reference(self) -> Attribution:
        """Integrated Gradients in float64 by the engine, as exactly as the wanted error asks for."""
        score, rtol = score_of(self.score), self.rtol * REFERENCE
        return integrated_gradients(self.traced(), *self.segment, self.target, rtol=rtol, score=score)

    def sketched(self, score: str | None = None, start: Tensor | None = None) -> Array:
        """Integrated Gradients in float64 with as many steps as comparisons need, [*shape]."""
        x, b = self.segment
        values = integrated_gradients(
            self.traced(score), x, b if start is None else start.double(), self.target, method="midpoint",
            n_steps=COARSE, score=score_of(score or self.score),
        ).values  # fmt: skip
        assert isinstance(values, Tensor)
        found: Array = values[0].cpu().numpy()
        return found


def _outputs(model: nn.Module, points: Tensor, name: str) -> Any:
    with torch.no_grad(), sheltered():
        try:
            return model(points.clone())
        except (Exception, SystemExit) as error:
            raise CannotRun(f"MODEL {name} raised {said(error)} on an input of shape {list(points.shape)}") from None


def _classifier(model: nn.Module, x: Tensor, name: str) -> nn.Module:
    """The model as [N, …] -> [N, C]; CannotRun in a sentence for answers of another form."""
    first = _outputs(model, x, name)
    if not isinstance(first, Tensor):
        told = f"a dict of {', '.join(map(str, list(first)[:4]))}" if isinstance(first, dict) else describe(first)
        raise CannotRun(
            f"MODEL {name} returns {told}; one tensor of scores [N, C] is needed: give a function that picks it"
        )
    two = torch.cat([x, x])
    try:
        with torch.no_grad(), sheltered():
            both = model(two.clone())
    except Exception:
        model, both = RowByRow(model), torch.cat([first, first]) if first.dim() else first
    if first.dim() == 1 and first.shape == (1,):
        return Column(model)
    if first.dim() != 2 or first.shape[0] != 1 or not isinstance(both, Tensor) or both.shape != (2, *first.shape[1:]):
        raise CannotRun(f"MODEL {name} returns {describe(first)} for one input; scores [N, C] are needed")
    if not bool(torch.isfinite(first).all()):
        raise CannotRun(f"MODEL {name} returns scores that are not finite")
    return Column(model) if first.shape[1] == 1 else model


def _dtype(model: nn.Module) -> torch.dtype:
    for tensor in (*model.parameters(), *model.buffers()):
        if tensor.dtype in DTYPES:
            return tensor.dtype
    return torch.float32


def _finite(model: nn.Module, name: str) -> None:
    for what, tensor in (*model.named_parameters(), *model.named_buffers()):
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            count = int((~torch.isfinite(tensor)).sum())
            raise CannotRun(f"MODEL {name}: {what} holds {count} numbers that are not finite")


def _row(values: Array, model: nn.Module, dtype: torch.dtype, sample: int, notes: list[tuple[str, str]]) -> Tensor:
    """One input [1, …]: a row of a batch, or the whole array where the model takes it so."""
    if values.dtype == np.uint8 and values.max() > 1:
        notes.append(("input", "whole numbers from 0 to 255, which are not divided by 255"))
    tensor = torch.from_numpy(np.ascontiguousarray(values, dtype=np.float64)).to(dtype)
    if not bool(torch.isfinite(tensor).all()):
        raise UsageError(f"INPUT holds numbers that are not finite in the model's {DTYPES[dtype]}")
    if tensor.dim() >= 2 and not 0 <= sample < len(tensor):
        raise UsageError(f"--sample {sample}: INPUT holds the samples 0 to {len(tensor) - 1}")
    tries = [t for t in (tensor[sample : sample + 1] if tensor.dim() >= 2 else None, tensor[None]) if t is not None]
    for k, one in enumerate(tries):
        try:
            with torch.no_grad(), sheltered():
                model(one.clone())
        except Exception:
            continue
        if k + 1 == len(tries) and len(tries) == 2:
            notes.append(("input", "taken as one sample without a batch dimension"))
        elif len(tensor) > 1:
            notes.append(("input", f"sample {sample} of {len(tensor)}"))
        return one
    return tries[0]


def _start(name: str | None, x: Tensor, model: nn.Module, seed: int, probabilities: bool) -> tuple[Tensor, str]:
    """The baseline [1, …] and what it is."""
    if name is None or name == "zeros":
        return baselines.zeros(x), "zeros" + ("" if name else ", since none was given")
    if name in STARTS:
        return usual_start(name, x, Logs(model) if probabilities else model, seed), name
    try:
        return baselines.constant(x, float(name)), f"{float(name):g} everywhere"
    except ValueError:
        pass
    if not any(mark in name.lower() for mark in (".npy", ".safetensors", ".png", ".jpg", ".jpeg")):
        raise UsageError(f"--baseline is {', '.join(STARTS)}, a number or a file as INPUT, given {name!r}")
    values, _ = open_array(name, "--baseline")
    tensor = torch.from_numpy(np.ascontiguousarray(values, dtype=np.float64)).to(x.dtype)
    for shaped in (tensor, tensor[None]):
        if shaped.dim() == x.dim() and shaped.shape[1:] == x.shape[1:] and shaped.shape[0] >= 1:
            return shaped[:1].clone(), name
    raise UsageError(f"--baseline has the shape {list(values.shape)}; the input's {list(x.shape[1:])} is needed")


def usual_start(name: str, x: Tensor, logits: nn.Module, seed: int) -> Tensor:
    """One of `STARTS`; noise has the input's range, the search for uniform probabilities begins in noise."""
    low, high = float(x.min()), float(x.max())
    if name == "zeros":
        return baselines.zeros(x)
    if name == "mean":
        return baselines.mean(x)
    if name == "blurred":
        if x.dim() != 4:
            raise UsageError("--baseline blurred needs an image [C, H, W]")
        return baselines.blurred(x, max(1.0, min(x.shape[2:]) / 8))
    noise = baselines.uniform_noise(x, low, high if high > low else low + 1.0, torch.Generator().manual_seed(seed))
    if name == "noise":
        return noise
    return search(logits, noise).baseline


def search(logits: nn.Module, start: Tensor) -> baselines.Found:
    """The search from a start, in the box of its numbers; the divergence is smooth where the paper's maximum is not."""
    box = (float(start.min()), float(start.max()))
    return baselines.uniform_baseline(
        logits,
        start,
        optimizer="adam",
        distance="divergence",
        box=box if box[0] < box[1] else None,
        steps=300,
        patience=60,
    )


def _are_probabilities(outputs: Tensor) -> bool:
    sums = outputs.double().sum(1)
    return outputs.shape[1] > 1 and bool(((outputs >= 0).all(1) & ((sums - 1).abs() <= NEAR_ONE)).all())


def _target(asked: int | None, outputs: Tensor) -> tuple[int, str]:
    classes = outputs.shape[1]
    if asked is None:
        return int(outputs[0].argmax()), "the class with the highest score" if classes > 1 else "the one score there is"
    if not 0 <= asked < classes:
        raise UsageError(f"--target {asked}: the model has the classes 0 to {classes - 1}")
    return asked, "the class that was asked for"


def subject_of(options: Mapping[str, Any]) -> Subject:
    """What an audit is about; CannotRun and UsageError in one sentence."""
    if options["score"] not in SCORES:
        near = difflib.get_close_matches(options["score"], SCORES, n=1)
        raise UsageError(
            f"--score is one of {', '.join(SCORES)}, given {options['score']!r}"
            + (f"; did you mean {near[0]}?" if near else "")
        )
    try:
        args = parse_args(options["args"])
    except ValueError as error:
        raise UsageError(str(error)) from None
    method = method_of(options["method"], options["as_"], args)
    values, told = open_array(options["inputs"], "INPUT")
    notes = [("input", told)] if told else []
    model = open_model(options["model"], options["weights"])
    if any(m.training for m in model.modules()) and not options["model"].endswith(".pt2"):
        notes.append(("mode", "it came in train mode and is explained in eval mode"))
        model = copy.deepcopy(model).eval()
    return prepared(options, model, values, method, notes)


def prepared(
    options: Mapping[str, Any], model: nn.Module, values: Array, method: Attributor, notes: list[tuple[str, str]]
) -> Subject:
    """The subject from what was opened."""
    name = options["model"]
    _finite(model, name)
    model.requires_grad_(False)
    dtype = _dtype(model)
    x = _row(values, model, dtype, options["sample"], notes)
    inner, model = model, _classifier(model, x, name)
    first = _outputs(model, x, name)
    ends = torch.cat([first, _outputs(model, torch.zeros_like(x), name), _outputs(model, x / 2, name)])
    probabilities = _are_probabilities(ends)
    if probabilities:
        notes.append(
            (
                "warning",
                "the model returns probabilities: a softmax on top would be a second one, so their logarithms serve as logits",
            )
        )
    target, how = _target(options["target"], first)
    start, kind = _start(options["baseline"], x, model, options["seed"], probabilities)
    if torch.equal(start, x):
        raise UsageError("--baseline equals the input: every attribution is zero, and there is nothing to audit")
    notes += [("class", f"{target}, {how}"), ("baseline", kind)]
    if options["score"] != "logit" and first.shape[1] == 1:
        raise UsageError(f"--score {options['score']} needs a model with at least two classes; this one has one score")
    layers = layers_of(inner, x)
    layer = chosen_layer(options["layer"], inner, layers, method.traits.kind)
    if layer is not None and options["layer"] is None and method.traits.kind.needs_layer:
        notes.append(("layer", f"{layer}, the last one with a map, since none was named"))
    return Subject(
        model, x, start, target, first.shape[1], probabilities, method, layer, layers, options["score"],
        options["n_steps"], options["rtol"], options["seed"], tuple(notes),
    )  # fmt: skip
