"""What does a reproduction compare, claim by claim?"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from ig_props.claims.case import Case
from ig_props.findings import Comparison, Finding
from ig_props.networks.source import layer_source, number, numbers

HERE = "answer(model, x, baseline)"
ENTRY = re.compile(
    r"(?:(?P<sum>sum of the attributions|sum over the layer)|attribution of x(?P<i>\d+)|entry (?P<entry>\d+)"
    r"|unit (?P<unit>\d+) of the layer|excess of x(?P<more>\d+) over x(?P<less>\d+))(?:, sample (?P<row>\d+))?"
)


@dataclass(frozen=True)
class Plan:
    """How a script ends, and what it needs for that.

    several: the call is a function answer(model, x, baseline, target, layer) that the ending calls; else it is made
    once and its answer is `a`. free: a second answer `b` without internal_batch_size. models: more models by name.
    layers: models have explicit layers. case: the example in the form that the call needs.
    """

    ending: tuple[str, ...]
    case: Case
    several: bool = False
    free: bool = False
    layers: bool = False
    models: dict[str, Case] = field(default_factory=dict)


def row_of(finding: Finding) -> int:
    entry = ENTRY.fullmatch(finding.comparison.what) if finding.comparison is not None else None
    return int(entry["row"] or 0) if entry else 0


def _at(case: Case, finding: Finding, row: int | None = None) -> str:
    """The index of the number that a finding is about in an answer; the first where none is named."""
    entry = ENTRY.fullmatch(finding.comparison.what) if finding.comparison is not None else None
    chosen = row_of(finding) if row is None else row
    named = [entry[name] for name in ("i", "entry", "unit", "more") if entry[name]] if entry else []
    place = f"[{chosen}, {named[0] if named else 0}]"
    flat = len(case.network.input_shape) == 1 and case.layer is None
    return place if flat else f".flatten(1){place}"


def _printed(received: str, exact: str, finding: Finding) -> str:
    c = finding.comparison
    within = f"  # ± {c.radius + c.budget:.2g}" if c is not None and c.radius + c.budget else ""
    return f'print("received", {received}, "exact", {exact}){within}'


def _pair(case: Case, finding: Finding, received: str, exact: str) -> str:
    at = _at(case, finding)
    return _printed(f"{received}{at}.item()", f"{exact}{at}.item()", finding)


def _tensors(case: Case) -> Case:
    return replace(case, situation=replace(case.situation, baseline="tensor"))


def _whole(values: tuple[float, ...]) -> list[int]:
    return [int(v) for v in values]


def _reversal(case: Case, finding: Finding) -> Plan:
    case = _tensors(case)
    return Plan((_pair(case, finding, "answer(model, baseline, x)", f"-{HERE}"),), case, several=True)


def _additivity(case: Case, finding: Finding) -> Plan:
    case = _tensors(case)
    both = "(answer(model, middle, baseline) + answer(model, x, middle))"
    middle = f"middle = baseline + {number(case.numbers['share'][0])} * (x - baseline)"
    return Plan((middle, _pair(case, finding, both, HERE)), case, several=True)


def _invariance(case: Case, finding: Finding) -> Plan:
    assert case.other is not None
    models = {"twin": replace(case, network=case.other, other=None)}
    ending = (_pair(case, finding, "answer(twin, x, baseline)", HERE),)
    return Plan(ending, case, several=True, layers=True, models=models)


def _linearity(case: Case, finding: Finding) -> Plan:
    from ig_props.strategies.rewrites import combined

    assert case.other is not None
    a, b = case.numbers["coefficients"]
    models = {
        "other": replace(case, network=case.other, other=None),
        "both": replace(case, network=combined(case.network, case.other, a, b), other=None),
    }
    exact = f"({number(a)} * {HERE} + {number(b)} * answer(other, x, baseline))"
    ending = (_pair(case, finding, "answer(both, x, baseline)", exact),)
    return Plan(ending, case, several=True, models=models)


def _permutation(case: Case, finding: Finding) -> Plan:
    from ig_props.strategies.rewrites import permuted

    order = _whole(case.numbers["order"])
    case = _tensors(case)
    moved = replace(case, network=permuted(case.network, order))
    received = f"answer(moved, x[:, {order}], baseline[:, {order}])"
    return Plan((_pair(case, finding, received, f"{HERE}[:, {order}]"),), case, several=True, models={"moved": moved})


def _scale(case: Case, finding: Finding) -> Plan:
    from ig_props.strategies.rewrites import precomposed

    case = _tensors(case)
    factors, shifts = case.numbers["factors"], case.numbers["shifts"]
    size = range(case.network.size)
    matrix = tuple(tuple(1.0 / factors[i] if i == j else 0.0 for j in size) for i in size)
    network = precomposed(case.network, matrix, tuple(-s / f for s, f in zip(shifts, factors, strict=True)))
    scales = f"c, d = x.new_tensor({numbers(factors)}), x.new_tensor({numbers(shifts)})"
    received = "answer(moved, c * x + d, c * baseline + d)"
    models = {"moved": replace(case, network=network)}
    return Plan((scales, _pair(case, finding, received, HERE)), case, several=True, models=models)


def _symmetry(case: Case, finding: Finding) -> Plan:
    row = row_of(finding)
    i, j = _whole(case.numbers["pair"])
    return Plan((_printed(f"a[{row}, {i}].item()", f"a[{row}, {j}].item()", finding),), case)


def _determinism(case: Case, finding: Finding) -> Plan:
    return Plan((f"first = {HERE}", _pair(case, finding, HERE, "first")), case, several=True, layers=True)


def _part(case: Case, row: int) -> str:
    """One sample of x and its baseline as arguments."""
    kind = case.situation.baseline
    whole = {"none": "None", "scalar": "baseline", "row": "baseline"}
    return f"x[{row}:{row + 1}], {whole.get(kind, f'baseline[{row}:{row + 1}]')}"


def _batch(case: Case, finding: Finding) -> Plan:
    case = replace(case, situation=replace(case.situation, parts=1))
    row = row_of(finding)
    target = f", {case.targets[row]}" if len(set(case.targets)) == 1 else f", torch.tensor([{case.targets[row]}])"
    alone = f"answer(model, {_part(case, row)}{target}){_at(case, finding, 0)}.item()"
    received = f"{HERE}{_at(case, finding)}.item()"
    return Plan((_printed(received, alone, finding),), case, several=True, layers=True)


def _mixed(case: Case, finding: Finding) -> Plan:
    plan = _batch(replace(case, situation=replace(case.situation, target="tensor")), finding)
    row = row_of(finding)
    alone = f"answer(model, {_part(plan.case, row)}, {case.targets[row]}){_at(case, finding, 0)}.item()"
    return replace(plan, ending=(_printed(f"{HERE}{_at(case, finding)}.item()", alone, finding),))


def _chunking(case: Case, finding: Finding) -> Plan:
    return Plan((_pair(case, finding, "a", "b"),), case, free=True, layers=True)


def _layout(case: Case, finding: Finding) -> Plan:
    def plain(name: str) -> str:
        return f"tuple(part.contiguous() for part in {name})" if case.situation.parts > 1 else f"{name}.contiguous()"

    baseline = plain("baseline") if case.situation.baseline in ("tensor", "row") else "baseline"
    exact = f"answer(model, {plain('x')}, {baseline})"
    return Plan((_pair(case, finding, HERE, exact),), case, several=True, layers=True)


def _no_grad(case: Case, finding: Finding) -> Plan:
    usual = replace(case, situation=replace(case.situation, no_grad=False))
    ending = ("with torch.no_grad():", f"    silent = {HERE}", _pair(case, finding, "silent", HERE))
    return Plan(ending, usual, several=True, layers=True)


def _dtype(case: Case, finding: Finding) -> Plan:
    one = ("x[0]", "a[0]") if case.situation.parts > 1 else ("x", "a")
    return Plan((f'print("inputs", {one[0]}.dtype, "attributions", {one[1]}.dtype)',), case, layers=True)


def _state(case: Case, finding: Finding) -> list[str]:
    """A function `state` of everything that a call must leave as it was, in the order in which it is written."""
    named = [("inputs", "x")]
    if case.situation.baseline in ("tensor", "row"):
        named.append(("baselines", "baseline"))
    parts = range(case.situation.parts)
    texts = [f'"{n}": {t}' for n, t in named] if case.situation.parts == 1 else [
        f'"{n} {k}": {t}[{k}]' for n, t in named for k in parts
    ]  # fmt: skip
    random = [
        '        "torch random": torch.get_rng_state().tolist(), "numpy random": numpy.random.get_state()[1].tolist(),',
        '        "random": random.getstate(),',
    ]
    if "random" not in finding.note:
        random = []
    return [
        *(["import random", "import numpy"] if random else []),
        "def state():",
        f"    tensors = {{{', '.join(texts)}, **dict(model.named_parameters())}}",
        "    found = {",
        '        "grad mode": torch.is_grad_enabled(), "dtype": torch.get_default_dtype(),',
        *random,
        '        "training": [m.training for m in model.modules()],',
        '        "attributes": [sorted(vars(m)) for m in model.modules()],',
        '        "inplace": [getattr(m, "inplace", None) for m in model.modules()],',
        '        "hooks": [[len(v) for k, v in vars(m).items() if k.endswith("hooks")] for m in model.modules()],',
        "    }",
        "    for name, t in tensors.items():",
        "        gradient = t.grad.tolist() if t.is_leaf and t.grad is not None else None",
        "        hooks = len(t._backward_hooks or ())",
        "        found[name] = (t.tolist(), t.requires_grad, gradient, hooks, tuple(t.shape), t.stride())",
        "    return found",
        "before = state()",
    ]


_CHANGED = (
    "after = state()",
    "for name in before:",
    "    if before[name] != after[name]:",
    "        print(name, str(before[name])[:200], '->', str(after[name])[:200])",
)


def _purity(case: Case, finding: Finding) -> Plan:
    ending = (*_state(case, finding), HERE, *_CHANGED)
    return Plan(ending, case, several=True, layers=True)


def _after_failure(case: Case, finding: Finding) -> Plan:
    k = int(case.numbers["fails"][0])
    plant = [
        "calls = []",
        "def planted(*anything):",
        '    raise RuntimeError("planted")',
        "def fail(module, args, scores):",
        "    calls.append(1)",
        "    if scores.requires_grad: scores.register_hook(planted)"
        if k == 0
        else f"    if len(calls) == {k}: planted()",
        "model.register_forward_hook(fail)",
    ]
    attempt = ["try:", f"    print({HERE})", "except RuntimeError as error:", "    print(error)"]
    return Plan((*plant, *_state(case, finding), *attempt, *_CHANGED), case, several=True, layers=True)


def _errors(case: Case, finding: Finding) -> Plan:
    flaw = int(case.numbers["flaw"][0])
    if flaw == 0:
        call = f"answer(model, x, baseline, {case.network.classes})"
        return Plan((f"print({call})  # there is no such score",), case, several=True, layers=True)
    if flaw == 1:
        shape = [len(case.inputs), *case.network.input_shape]
        wide = [*shape[:-1], min(2 * shape[-1], shape[-1] + 2)]
        call = f"answer(model, x, torch.zeros({wide}, dtype=x.dtype))"
        return Plan((f"print({call})  # the baseline has another shape",), case, several=True, layers=True)
    others = {
        3: ("print(answer(model, x, torch.zeros_like(x).transpose(-2, -1)))  # as many numbers in another shape",),
        4: ("print(answer(model, x, torch.zeros_like(x)[:-1]))  # one row too few",),
        5: (f"print({HERE})", "print(answer(model, x, baseline.to(torch.int64)))  # the same numbers as integers"),
    }
    if flaw in others:
        return Plan(others[flaw], case, several=True, layers=True)
    ending = ("x = x.clone()", 'x.view(-1)[0] = float("nan")', f"print({HERE})  # the input is not a number")
    return Plan(ending, case, several=True, layers=True)


def _integers(case: Case, finding: Finding) -> Plan:
    """The same whole baselines as integers and as floats."""
    received = "answer(model, x, baseline.to(torch.int64))"
    return Plan((_pair(case, finding, received, HERE),), _tensors(case), several=True, layers=True)


def _second(case: Case, finding: Finding) -> Plan:
    """Other weights in the same model, other values in the same tensors, or another model where the first one was."""
    network = case.other
    assert network is not None
    case = _tensors(case)
    c, at, several = finding.comparison, _at(case, finding), case.situation.parts > 1

    def of(name: str, x: str = "x", baseline: str = "baseline") -> str:
        layer = ""
        if case.layer is not None:
            layer = f", layer={layer_source(network, name, case.layer, inplace=case.situation.inplace)}"
        return f"answer({name}, {x}, {baseline}{layer})"

    weights = ["with torch.no_grad():", "    for p, q in zip(model.parameters(), other.parameters()): p.copy_(q)"]
    pairs = "zip(x, baseline)" if several else "[(x, baseline)]"
    swap = ["with torch.no_grad():", f"    for a, b in {pairs}: kept = a.clone(); a.copy_(b); b.copy_(kept)"]
    copies = [f"tuple(part.clone() for part in {n})" if several else f"{n}.clone()" for n in ("x", "baseline")]
    ending = [f"first = {HERE}"]
    if c is None:
        ending += ["print(first)", *weights, HERE, *swap, HERE, "print(first)"]
    elif c.how.endswith("new model where another one was"):
        ending = [
            "import copy",
            "for attempt in range(8):",
            f"    before = copy.deepcopy(model); place = id(before); first = {of('before')}; del before",
            "    after = copy.deepcopy(other)",
            "    if id(after) == place: break",
            _printed(f"{of('after')}{at}.item()", f"{of('other')}{at}.item()", finding),
        ]
    elif c.how.endswith("other weights in the same model"):
        ending += [*weights, _pair(case, finding, HERE, of("other"))]
    else:
        ending += [*weights, *swap, _pair(case, finding, HERE, of("other", *copies))]
    other = replace(case, network=network, other=None)
    return Plan(tuple(ending), case, several=True, layers=True, models={"other": other})


_COMPARED: dict[str, Callable[[Case, Finding], Plan]] = {
    "IG.reversal": _reversal,
    "IG.segment_additivity": _additivity,
    "PATH.implementation_invariance": _invariance,
    "PATH.linearity": _linearity,
    "IG.permutation_equivariance": _permutation,
    "IG.affine_scale_invariance": _scale,
    "IG.symmetry": _symmetry,
    "CODE.determinism": _determinism,
    "CODE.batch_independence": _batch,
    "CODE.mixed_targets": _mixed,
    "CODE.chunking": _chunking,
    "CODE.memory_layout": _layout,
    "CODE.no_grad": _no_grad,
    "CODE.errors": _integers,
    "CODE.second_model": _second,
}
"""Claims about numbers that are compared with other answers of the same code."""
_DESCRIBED: dict[str, Callable[[Case, Finding], Plan]] = {
    "CODE.dtype": _dtype,
    "CODE.purity": _purity,
    "CODE.purity_after_failure": _after_failure,
    "CODE.errors": _errors,
    "CODE.second_model": _second,
}
"""Claims whose failure is not a number."""


def plan(finding: Finding, case: Case) -> Plan:
    """What a script does after the model and the points are there."""
    c = finding.comparison
    special = (_COMPARED if c is not None else _DESCRIBED).get(finding.claim)
    malformed = finding.note.startswith("returned ")
    if special is not None and not malformed:
        told = special(case, finding)
        return replace(told, ending=(*told.ending, *_comments(finding)))
    layers = finding.claim.startswith("CODE.")
    if c is None:
        shown = 'print(type(a), getattr(a, "shape", ""), getattr(a, "dtype", ""))' if malformed else "print(a)"
        return Plan((shown, *_comments(finding)), case, layers=layers)
    return Plan((_number(case, finding, c),), case, layers=layers)


def _comments(finding: Finding) -> list[str]:
    return [f"# {line}" for line in finding.note.splitlines()]


def _number(case: Case, finding: Finding, c: Comparison) -> str:
    """One answer against a number that is known."""
    entry = ENTRY.fullmatch(c.what)
    if entry is None:
        return f"print(a)  # {c.what}: received {c.received!r}, exact {c.exact!r}"
    row = row_of(finding)
    if entry["sum"]:
        score = f"(model(x) - model(baseline))[{row}, {case.targets[row]}].item()"
        tensors = case.situation.baseline == "tensor" and case.situation.parts == 1
        return _printed(f"a[{row}].sum().item()", score if tensors else repr(c.exact), finding)
    if entry["more"]:
        return _printed(f"(a[{row}, {entry['more']}] - a[{row}, {entry['less']}]).item()", '"at most 0"', finding)
    return _printed(f"a{_at(case, finding)}.item()", repr(c.exact), finding)
