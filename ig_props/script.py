"""How does a person reproduce a finding without this project? With a few lines of torch and the library at fault."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field, replace
from typing import Any

from ig_props import calls
from ig_props.claims.case import Case, Point, case_from_json
from ig_props.findings import Comparison, Finding
from ig_props.networks.source import layer_source, number, numbers, source

ENTRY = re.compile(r"(?:(?P<sum>sum of the attributions)|attribution of x(?P<i>\d+))(?:, sample (?P<row>\d+))?")


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
    module = module or layers
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
    joined = "torch.cat(parts, dim=1)" if s.parts > 1 else "parts[0]"
    if s.parts > 1 or s.dtype == "int64" or s.coupled:
        lines += [f"single_{name} = {name}", f"def {name}(*parts):"]
        lines.append(f"    scores = single_{name}({joined}.to(torch.{dtype}))")
        lines.append("    return scores - scores.mean(dim=0, keepdim=True)" if s.coupled else "    return scores")
    return lines


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


@dataclass(frozen=True)
class Plan:
    """What a script needs besides one call: more models, a function `attribute`, what is compared, explicit layers."""

    received: str
    exact: str
    models: dict[str, Case] = field(default_factory=dict)
    before: tuple[str, ...] = ()
    several: bool = False
    layers: bool = False


def _whole(values: tuple[float, ...]) -> list[int]:
    return [int(v) for v in values]


def _relation(finding: Finding, case: Case) -> Plan | None:
    """How the claims that compare several answers are written; None for a comparison of one answer with a number."""
    here = "attribute(model, x, baseline)"
    given = case.numbers
    if finding.claim == "IG.reversal":
        return Plan("attribute(model, baseline, x)", f"-{here}", several=True)
    if finding.claim == "IG.segment_additivity":
        before = (f"middle = baseline + {number(given['share'][0])} * (x - baseline)",)
        both = "(attribute(model, middle, baseline) + attribute(model, x, middle))"
        return Plan(both, here, before=before, several=True)
    if finding.claim == "PATH.implementation_invariance" and case.other is not None:
        twin = replace(case, network=case.other, other=None)
        return Plan("attribute(other, x, baseline)", here, {"other": twin}, several=True, layers=True)
    if finding.claim == "PATH.linearity" and case.other is not None:
        from ig_props.strategies.rewrites import combined

        a, b = given["coefficients"]
        models = {
            "other": replace(case, network=case.other, other=None),
            "both": replace(case, network=combined(case.network, case.other, a, b), other=None),
        }
        exact = f"({number(a)} * {here} + {number(b)} * attribute(other, x, baseline))"
        return Plan("attribute(both, x, baseline)", exact, models, several=True)
    if finding.claim == "IG.permutation_equivariance":
        from ig_props.strategies.rewrites import permuted

        order = _whole(given["order"])
        moved = replace(case, network=permuted(case.network, order))
        received = f"attribute(moved, x[:, {order}], baseline[:, {order}])"
        return Plan(received, f"{here}[:, {order}]", {"moved": moved}, several=True)
    if finding.claim == "IG.affine_scale_invariance":
        return _scaled(case, here)
    return None


def _scaled(case: Case, here: str) -> Plan:
    from ig_props.strategies.rewrites import precomposed

    factors, shifts = case.numbers["factors"], case.numbers["shifts"]
    size = range(case.network.size)
    matrix = tuple(tuple(1.0 / factors[i] if i == j else 0.0 for j in size) for i in size)
    network = precomposed(case.network, matrix, tuple(-s / f for s, f in zip(shifts, factors, strict=True)))
    before = (f"c, b = x.new_tensor({numbers(factors)}), x.new_tensor({numbers(shifts)})",)
    moved = {"moved": replace(case, network=network)}
    return Plan("attribute(moved, c * x + b, c * baseline + b)", here, moved, before, several=True)


def _ending(finding: Finding, case: Case, plan: Plan | None) -> list[str]:
    """The statements that print received and exact."""
    c = finding.comparison
    if c is None:
        return ["print(a)", *(f"# {line}" for line in finding.note.splitlines())]
    entry = ENTRY.fullmatch(c.what)
    if entry is None:
        return ["print(a)", f"# {c.what}: received {c.received!r}, exact {c.exact!r}"]
    row = int(entry["row"] or 0)
    if entry["sum"]:
        tensors = case.situation.baseline == "tensor" and case.situation.parts == 1
        score = f"(model(x) - model(baseline))[{row}, {case.targets[row]}].item()"
        return [f'print("received", a[{row}].sum().item(), "exact", {score if tensors else repr(c.exact)})']
    at = f"[{row}, {entry['i']}]" if len(case.network.input_shape) == 1 else f".flatten(1)[{row}, {entry['i']}]"
    if plan is not None:
        return [f'print("received", {plan.received}{at}.item(), "exact", {plan.exact}{at}.item())']
    exact = repr(c.exact)
    if finding.claim == "IG.symmetry":
        exact = f"a[{row}, {max(_whole(case.numbers['pair']))}].item()"
    return [f'print("received", a{at}.item(), "exact", {exact}){_within(c)}']


def _within(c: Comparison) -> str:
    return f"  # ± {c.radius + c.budget:.2g}" if c.radius + c.budget else ""


def _in_mode(case: Case, statement: str) -> list[str]:
    return ["with torch.no_grad():", f"    {statement}"] if case.situation.no_grad else [statement]


def script(finding: Finding) -> str:
    """Python text that rebuilds the counterexample, calls the code under test and prints received and exact.

    It needs torch and the library or file at fault alone. Raises ValueError where the finding has no counterexample.
    """
    if finding.case is None:
        raise ValueError(f"{finding.claim} of {finding.attributor} has no counterexample")
    case = case_from_json(finding.case)
    plan = _relation(finding, case) if finding.comparison is not None else None
    if plan is not None:
        case = replace(case, situation=replace(case.situation, baseline="tensor"))
    library, args = calls.library(finding.attributor, case.layer is not None)
    entry = ENTRY.fullmatch(finding.comparison.what) if finding.comparison is not None else None
    words = calls.Words(
        target=_target(case),
        n_steps=case.n_steps,
        chunk=case.situation.chunk,
        args=args,
        baseline="None" if case.situation.baseline == "none" else "baseline",
        row=int(entry["row"] or 0) if entry else 0,
    )
    lines = ["import torch", *library.imports]
    contract = finding.claim.startswith("CODE.")
    for name, one in {"model": case, **(plan.models if plan else {})}.items():
        layers = contract or (plan is not None and plan.layers)
        lines += _model(one, name, module=library.module, layers=layers)
    lines += _points(case)
    if case.layer is not None:
        lines.append(f"layer = {layer_source(case.network, 'model', case.layer, inplace=case.situation.inplace)}")
    call = library.call(words)
    if case.situation.parts > 1:
        call = f"torch.cat({call}, dim=1)"
    if plan is not None:
        body = [*library.before(words), *_in_mode(case, f"return {call}")]
        lines += ["def attribute(model, x, baseline):", *(f"    {line}" for line in body), *plan.before]
    else:
        lines += [*library.before(words), *_in_mode(case, f"a = {call}")]
    return "\n".join([*lines, *_ending(finding, case, plan)])
