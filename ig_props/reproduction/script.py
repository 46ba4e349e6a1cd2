"""How does a person reproduce a finding without this project? With a few lines of torch and the library at fault."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

from ig_props.claims.case import Case, Point, case_from_json
from ig_props.findings import Finding
from ig_props.networks.source import layer_source, numbers, source
from ig_props.reproduction import calls, endings
from ig_props.reproduction.endings import plan


def _nested(point: Point, shape: tuple[int, ...]) -> Any:
    if len(shape) == 1:
        return list(point)
    size = len(point) // shape[0]
    return [_nested(point[k * size : (k + 1) * size], shape[1:]) for k in range(shape[0])]


def _tensor(points: tuple[Point, ...], case: Case) -> str:
    text = numbers([_nested(p, case.network.input_shape) for p in points])
    device = os.environ.get("IG_PROPS_DEVICE", "cpu")
    place = "" if device == "cpu" else f", device={device!r}"
    return f"torch.tensor({text}, dtype=torch.{case.situation.dtype}{place})"


_LAYOUTS = {
    "transposed": "{0}.transpose(0, -1).contiguous().transpose(0, -1)",
    "strided": "torch.stack([{0}, {0}], dim=-1).flatten(-2)[..., ::2]",
    "channels_last": "{0}.contiguous(memory_format=torch.channels_last)",
    "expanded": "{0}[:1].expand({0}.shape)",
}


def _points(case: Case, names: tuple[str, str] = ("x", "baseline")) -> list[str]:
    """Statements that define the input and the baseline as the situation wants them."""
    s, (x, b) = case.situation, names
    baseline = _tensor(case.baselines, case)
    tensors = [x, b]
    if s.baseline == "none":
        baseline, tensors = "None", [x]
    elif s.baseline == "scalar":
        baseline, tensors = numbers(case.baselines[0][0]), [x]
    elif s.baseline == "row":
        baseline = _tensor(case.baselines[:1], case)
    lines = [f"{x} = {_tensor(case.inputs, case)}", f"{b} = {baseline}"]
    for name in tensors:
        flat = s.layout == "channels_last" and len(case.network.input_shape) != 3
        alike = len(set(case.inputs if name == x else case.baselines)) == 1
        if s.layout in _LAYOUTS and not flat and (s.layout != "expanded" or alike):
            lines.append(f"{name} = {_LAYOUTS[s.layout].format(name)}")
        if s.parts > 1:
            lines.append(f"{name} = torch.tensor_split({name}, {s.parts}, dim=1)")
    if s.leaf_inputs and s.dtype != "int64":
        leaf = (
            "tuple(part.detach().requires_grad_() for part in x)" if s.parts > 1 else f"{x}.detach().requires_grad_()"
        )
        lines.append(f"{x} = {leaf}")
    return lines


def _model(case: Case, name: str, *, module: bool, layers: bool) -> list[str]:
    """Statements that define the model as the situation wants it."""
    s = case.situation
    dtype = "float32" if s.dtype == "int64" else s.dtype
    layers = layers or s.frozen or s.filled_grads or s.shared
    module = module or layers or s.parts > 1 or s.dtype == "int64" or s.coupled or s.modal
    lines = source(
        case.network, name, dtype=dtype, module=module, layer=case.layer, inplace=s.inplace, layers=layers
    ).splitlines()
    if module and not s.training:
        lines.append(f"{name}.eval()")
    if s.shared:
        lines += _sharing(case, name)
    if s.filled_grads:
        lines.append(f"for p in {name}.parameters(): p.grad = torch.full_like(p, 0.5)")
    if s.frozen:
        lines.append(f"{name}.requires_grad_(False)")
    if case.layer is not None and name == "model":
        lines.append(f"layer = {layer_source(case.network, name, case.layer, inplace=s.inplace)}")
    if s.parts > 1 or s.dtype == "int64" or s.coupled or s.modal:
        joined = "torch.cat(parts, dim=1)" if s.parts > 1 else "parts[0]"
        coupled = " - scores.mean(dim=0, keepdim=True)" if s.coupled else ""
        seen = f"{joined}.to(torch.{dtype})"
        score = f"self.dropout(self.inner(self.norm({seen}.contiguous())))" if s.modal else f"self.inner({seen})"
        lines += [
            "class Whole(torch.nn.Module):",
            "    def __init__(self, inner):",
            "        super().__init__()",
            "        self.inner = inner",
            *(["        self.norm, self.dropout = " + _modes(case, dtype)] if s.modal else []),
            "    def forward(self, *parts):",
            f"        scores = {score}",
            f"        return scores{coupled}",
            f"{name} = Whole({name}){'' if s.training else '.eval()'}",
        ]
        if s.modal and s.training:
            lines += [f"{name}.norm.eval()", f"{name}.dropout.eval()"]
    return lines


def _modes(case: Case, dtype: str) -> str:
    """Layers that do nothing in eval mode, as text."""
    shape = case.network.input_shape
    kind = "BatchNorm2d" if len(shape) == 3 else "BatchNorm1d"
    norm = f"torch.nn.{kind}({shape[0]}, eps=0.0, affine=False, dtype=torch.{dtype})"
    return f"{norm if len(case.inputs) > 1 else 'torch.nn.Identity()'}, torch.nn.Dropout(0.5)"


def _sharing(case: Case, name: str) -> list[str]:
    """Equal operations without parameters are one module, where the text has modules for them."""
    first: dict[object, str] = {}
    lines = []
    for k, node in enumerate(case.network.nodes, start=1):
        place = layer_source(case.network, name, k, inplace=case.situation.inplace)
        if node.op.name not in {"affine", "conv2d", "abs", "max", "add", "product", "concat"}:
            if node.op in first:
                lines.append(f"{place} = {first[node.op]}")
            first.setdefault(node.op, place)
    return lines


def _target(case: Case) -> str:
    if case.situation.target == "none" and case.network.classes == 1:
        return "None"
    if case.situation.target == "int" and len(set(case.targets)) == 1:
        return str(case.targets[0])
    return f"torch.tensor({list(case.targets)})"


def _in_mode(case: Case, statements: list[str]) -> list[str]:
    return ["with torch.no_grad():", *(f"    {s}" for s in statements)] if case.situation.no_grad else statements


def script(finding: Finding) -> str:
    """Python text that rebuilds the counterexample, calls the code under test and prints received and exact.

    It needs torch and the library or file at fault alone. Raises ValueError where the finding has no counterexample.
    """
    if finding.case is None:
        raise ValueError(f"{finding.claim} of {finding.attributor} has no counterexample")
    told = plan(finding, case_from_json(finding.case))
    case, s = told.case, told.case.situation
    library, args = calls.library_of(finding.attributor, case.layer is not None)
    words = calls.Words(
        target="target" if told.several else _target(case),
        n_steps=case.n_steps,
        chunk=s.chunk,
        args=args,
        baseline="None" if s.baseline == "none" and not told.several else "baseline",
        row=endings.row_of(finding),
        rows=len(case.inputs),
    )

    def call_of(words: calls.Words) -> str:
        call = library.call(words)
        return f"torch.cat({call}, dim=1)" if s.parts > 1 else call

    lines = ["import torch", *library.imports]
    for name, one in {"model": case, **told.models}.items():
        lines += _model(one, name, module=library.module, layers=told.layers)
    lines += _points(case)
    before = library.before(words)
    if told.several:
        options = f"target={_target(case)}" + (", layer=layer" if case.layer is not None else "")
        body = _in_mode(case, [*before, f"return {call_of(words)}"])
        lines += [f"def answer(model, x, baseline, {options}):", *(f"    {line}" for line in body)]
    else:
        lines += _in_mode(case, [*before, f"a = {call_of(words)}"])
        if told.free:
            free = replace(words, chunk=0)
            lines += _in_mode(case, [*library.before(free), f"b = {call_of(free)}"])
    return "\n".join([*lines, *told.ending])
