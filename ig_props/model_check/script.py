"""How is a finding on a person's own model written down, so that they can reproduce it with their files?"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ig_props.findings import Comparison, Finding
from ig_props.model_check.names import GIVEN, entry, sample
from ig_props.reproduction import calls

WHAT = re.compile(
    r"(?P<kind>attribution of x|entry |unit )(?P<k>\d+)(?: of the layer)?(?:, sample (?P<row>\d+))?"
    r"|(?P<sum>sum of the attributions|sum over the layer)(?:, sample (?P<srow>\d+))?"
)
"""What a comparison is about: a number of an answer or a sum, and the sample of the batch."""


def _place(case: Mapping[str, Any], found: re.Match[str]) -> tuple[int, int | None, list[int]]:
    """Sample, flat number in it (None for a sum) and the shape of one sample's answer."""
    shape = case["unit_shape"] or case["shape"]
    row = int(found["row"] or found["srow"] or 0)
    return row, None if found["sum"] else int(found["k"]), shape


def _what(case: Mapping[str, Any], what: str) -> str:
    """The same in the person's terms: which image, and where in it."""
    found = WHAT.fullmatch(what)
    if found is None:
        return what
    row, k, shape = _place(case, found)
    thing = found["sum"] if k is None else f"attribution at {entry(shape, k)}"
    return f"{thing}, {sample(case['shape'])} {case['rows'][row]}"


def told(finding: Finding) -> Finding:
    """The finding in the person's terms, with a script that uses their files."""
    assert finding.case is not None
    script = _script(finding, finding.case)
    if finding.comparison is None:
        return replace(finding, reproduction=script)
    comparison = replace(finding.comparison, what=_what(finding.case, finding.comparison.what))
    return replace(finding, reproduction=script, comparison=comparison)


def _object(spec: str) -> list[str]:
    """Statements that define `model` as FILE:OBJECT says."""
    if spec == GIVEN:
        return ["# model is the module that was given to ig_props.check"]
    file = re.fullmatch(r"(.+\.py)(?::(.+))?", spec)
    if file:
        lines = [f"model = runpy.run_path({file[1]!r})[{(file[2] or 'model')!r}]"]
        return ["import runpy", *lines, "model = model if isinstance(model, torch.nn.Module) else model()"]
    module, _, name = spec.partition(":")
    return [
        f"from {module} import {name or 'model'} as model",
        "model = model if isinstance(model, torch.nn.Module) else model()",
    ]


_LAYOUTS = {
    "transposed": "{0}.transpose(0, -1).contiguous().transpose(0, -1)",
    "strided": "torch.stack([{0}, {0}], dim=-1).flatten(-2)[..., ::2]",
    "channels_last": "{0}.contiguous(memory_format=torch.channels_last)",
}


def _points(case: Mapping[str, Any]) -> list[str]:
    rows, dtype = case["rows"], f"torch.{case['dtype']}"
    device = os.environ.get("IG_PROPS_DEVICE", "cpu")
    place = f"{dtype}" if device == "cpu" else f"{device!r}, {dtype}"
    lines = [f"x = torch.from_numpy(numpy.load({case['inputs']!r})[{rows}]).to({place})"]
    if case["inputs"] == GIVEN:
        lines = ["# inputs are what was given to ig_props.check", f"x = torch.as_tensor(inputs)[{rows}].to({place})"]
    if case["null"]:
        lines.append("baseline = x.clone()")
    elif case["baselines"] is None:
        lines.append("baseline = torch.zeros_like(x)")
    elif GIVEN in (case["baselines"], case["inputs"]):
        lines.append(f"baseline = torch.as_tensor(baselines).expand(len(inputs), *x.shape[1:])[{rows}].to({place})")
    else:
        load = f"numpy.broadcast_to(numpy.load({case['baselines']!r}), numpy.load({case['inputs']!r}).shape)[{rows}]"
        lines.append(f"baseline = torch.from_numpy({load}.copy()).to({place})")
    layout = _LAYOUTS.get(case["situation"].get("layout", ""))
    return lines + ([f"{name} = {layout.format(name)}" for name in ("x", "baseline")] if layout else [])


def _target(case: Mapping[str, Any]) -> str:
    targets = case["targets"]
    return str(targets[0]) if case["situation"].get("target") == "int" else f"torch.tensor({targets})"


def _others(case: Mapping[str, Any], row: int) -> dict[str, tuple[str, str]]:
    """For claims that compare two answers of the code under test: expressions of both, for the whole batch."""
    whole = "explain(x, baseline, target)"
    target = case["targets"][row] if row < len(case["targets"]) else 0
    alone = f"explain(x[{row}:{row + 1}], baseline[{row}:{row + 1}], {{}}).expand(len(x), *[-1] * (x.dim() - 1))"
    middle = "(baseline + {} * (x - baseline))".format((case["numbers"].get("share") or [0.5])[0])
    return {
        "IG.reversal": ("explain(baseline, x, target)", f"-{whole}"),
        "IG.segment_additivity": (
            f"explain({middle}, baseline, target) + explain(x, {middle}, target)",
            whole,
        ),
        "CODE.determinism": (whole, whole),
        "CODE.batch_independence": (whole, alone.format(f"torch.tensor([{target}])")),
        "CODE.mixed_targets": (whole, alone.format(target)),
        "CODE.chunking": (whole, "unchunked(x, baseline, target)"),
        "CODE.memory_layout": (whole, "explain(x.contiguous(), baseline.contiguous(), target)"),
        "CODE.no_grad": ("silently(x, baseline, target)", whole),
    }


def _within(c: Comparison) -> str:
    return f"  # ± {c.radius + c.budget:.2g}" if c.radius + c.budget else ""


def _ending(finding: Finding, case: Mapping[str, Any]) -> list[str]:
    """Statements that print what was received and what it should have been."""
    c = finding.comparison
    comments = [f"# {line}" for line in finding.note.splitlines()]
    found = None if c is None else WHAT.fullmatch(c.what)
    whole = "explain(x, baseline, target)"
    if c is None or found is None or case["second"]:
        shown = [] if c is None else [f"# {c.what}: received {c.received!r}, exact {c.exact!r} ({c.how})"]
        return [f"a = {whole}", "print(type(a), getattr(a, 'shape', ''), getattr(a, 'dtype', ''))", *shown, *comments]
    row, k, _ = _place(case, found)
    pick = f"[{row}].sum().item()" if k is None else f"[{row}].flatten()[{k}].item()"
    pair = _others(case, row).get(finding.claim)
    if pair is None:
        return [f'print("received", {whole}{pick}, "exact", {c.exact!r}){_within(c)}', *comments]
    return [f"a, b = {pair[0]}, {pair[1]}", f'print("received", a{pick}, "exact", b{pick}){_within(c)}', *comments]


def _script(finding: Finding, case: Mapping[str, Any]) -> str:
    """Python text that loads the person's model and inputs, calls the method and prints received and exact."""
    library, args = calls.library_of(finding.attributor, case["layer"] is not None)
    chunk = int(case["situation"].get("chunk", 0))
    words = calls.Words("target", case["n_steps"], chunk, args, rows=len(case["rows"]))

    def defined(name: str, w: calls.Words) -> list[str]:
        body = [*library.before(w), f"return {library.call(w)}"]
        return [f"def {name}(x, baseline, target):", *(f"    {line}" for line in body)]

    lines = ["import numpy", "import torch", *library.imports, *_object(case["model"]), "model = model.eval()"]
    if case["layer"] is not None:
        lines.append(f"layer = model.get_submodule({case['layer']!r})")
    lines += [*_points(case), f"target = {_target(case)}", *defined("explain", words)]
    if finding.claim == "CODE.chunking":
        lines += defined("unchunked", replace(words, chunk=0))
    if finding.claim == "CODE.no_grad":
        lines += ["@torch.no_grad()", "def silently(x, baseline, target):", "    return explain(x, baseline, target)"]
    once = [line for k, line in enumerate(lines) if not line.startswith("import ") or line not in lines[:k]]
    return "\n".join([*once, *_ending(finding, case)])
