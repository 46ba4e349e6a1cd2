"""How does a person rebuild a network without this project? As a few lines of torch."""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from ig_props.networks.network import Affine, Conv2d, LeakyRelu, Network, Node, Op, Pool

LIMIT = 200
Terms = dict[str, Fraction]
"""A linear combination: torch expression -> coefficient; the empty expression is the constant."""

_CALLS = {
    "relu": "torch.relu({0})",
    "abs": "torch.abs({0})",
    "tanh": "torch.tanh({0})",
    "sigmoid": "torch.sigmoid({0})",
    "gelu": "torch.nn.functional.gelu({0})",
    "softmax": "torch.softmax({0}, dim=1)",
    "flatten": "torch.flatten({0}, 1)",
    "max": "torch.maximum({0}, {1})",
    "add": "{0} + {1}",
    "product": "{0} * {1}",
}
_MODULES = {
    "relu": "torch.nn.ReLU({inplace})",
    "tanh": "torch.nn.Tanh()",
    "sigmoid": "torch.nn.Sigmoid()",
    "gelu": "torch.nn.GELU()",
    "softmax": "torch.nn.Softmax(dim=1)",
    "flatten": "torch.nn.Flatten()",
}

_THRESHOLDS = {"float64": "600", "float16": "10.5"}
"""As `torch_.SOFTPLUS_THRESHOLDS`; 80 for other dtypes."""


class _Unfit(Exception):
    """The network has no short elementwise formula."""


def number(value: float) -> str:
    """The shortest Python literal of a float, without a trailing `.0`."""
    text = repr(float(value))
    return text[:-2] if text.endswith(".0") else text


def numbers(value: Any) -> str:
    """Nested tuples of floats as a nested list literal."""
    if isinstance(value, tuple | list):
        return "[" + ", ".join(numbers(v) for v in value) + "]"
    return number(value)


def _render(terms: Terms) -> str:
    text = ""
    for atom, coefficient in [(a, c) for a, c in terms.items() if a] + [("", terms.get("", Fraction(0)))]:
        if coefficient == 0:
            continue
        size = abs(coefficient)
        if Fraction(float(size)) != size:
            raise _Unfit  # the product of two weights would be rounded, and the text would mean another network
        body = number(float(size)) if not atom else atom if size == 1 else f"{number(float(size))} * {atom}"
        sign = "-" if coefficient < 0 else "+"
        text += f" {sign} {body}" if text else (f"-{body}" if sign == "-" else body)
        if len(text) > LIMIT:
            raise _Unfit
    return text or "0"


def _combine(parts: list[tuple[Fraction, Terms]], constant: Fraction = Fraction(0)) -> Terms:
    total: Terms = {}
    for factor, terms in parts:
        for atom, coefficient in terms.items():
            total[atom] = total.get(atom, Fraction(0)) + factor * coefficient
    total[""] = total.get("", Fraction(0)) + constant
    return {a: c for a, c in total.items() if c}


def _constant(terms: Terms) -> Fraction | None:
    return terms.get("", Fraction(0)) if set(terms) <= {""} else None


def _tensor(terms: Terms) -> str:
    value = _constant(terms)
    return _render(terms) if value is None else f"torch.full_like(x[:, 0], {number(float(value))})"


def _factor(terms: Terms) -> str:
    text = _render(terms)
    return text if set(terms) == {text} else f"({text})"


def _threshold(dtype: str) -> str:
    return _THRESHOLDS.get(dtype, "80")


def _scalar(op: Op, operands: list[Terms], dtype: str) -> Terms:
    """One coordinate of an elementwise operation; constants are folded where that changes no gradient."""
    values = [_constant(t) for t in operands]
    if op.name == "add":
        return _combine([(Fraction(1), t) for t in operands])
    if op.name == "product":
        for value, other in ((values[0], operands[-1]), (values[-1], operands[0])):
            if value is not None:
                return _combine([(value, other)])
        return {" * ".join(_factor(t) for t in operands): Fraction(1)}
    if op.name == "max":
        if operands[0] == operands[1]:
            return operands[0]
        if values[0] is not None and values[1] is not None:
            return _combine([], max(values[0], values[1]))
        return {f"torch.maximum({_tensor(operands[0])}, {_tensor(operands[1])})": Fraction(1)}
    value = values[0]
    if value is not None:
        if op.name not in {"relu", "abs", "leaky_relu"}:
            raise _Unfit
        slope = Fraction(op.slope) if isinstance(op, LeakyRelu) else Fraction(-1 if op.name == "abs" else 0)
        return _combine([], value if value > 0 else slope * value)
    return {_call(op, [_render(operands[0])], dtype): Fraction(1)}


def _call(op: Op, operands: list[str], dtype: str) -> str:
    if op.name == "softplus":
        return f"torch.nn.functional.softplus({operands[0]}, threshold={_threshold(dtype)})"
    if isinstance(op, LeakyRelu):
        return f"torch.nn.functional.leaky_relu({operands[0]}, {number(op.slope)})"
    if isinstance(op, Pool):
        window = f"{op.kernel}" if op.kernel == op.stride else f"{op.kernel}, stride={op.stride}"
        return f"torch.nn.functional.{op.name}({operands[0]}, {window})"
    if op.name == "concat":
        return f"torch.cat([{', '.join(operands)}], dim=1)"
    return _CALLS[op.name].format(*operands)


def formulas(network: Network, dtype: str = "float64") -> list[str] | None:
    """One torch expression in `x[:, i]` per score, or None where the network is not a short elementwise formula."""
    values: list[list[Terms]] = [[{f"x[:, {i}]": Fraction(1)} for i in range(network.size)]]
    if any(len(shape) != 1 for shape in network.shapes):
        return None
    try:
        for node in network.nodes:
            operands = [values[i] for i in node.operands]
            values.append(_formula_step(node.op, operands, dtype))
        texts = [f"0 * x[:, 0] + {_render(t)}" if _constant(t) is not None else _render(t) for t in values[-1]]
    except _Unfit:
        return None
    return texts if sum(map(len, texts)) <= 2 * LIMIT else None


def _formula_step(op: Op, operands: list[list[Terms]], dtype: str) -> list[Terms]:
    if isinstance(op, Affine):
        return [
            _combine([(Fraction(w), t) for w, t in zip(row, operands[0], strict=True) if w], Fraction(b))
            for row, b in zip(op.weight, op.bias, strict=True)
        ]
    if op.name == "flatten":
        return operands[0]
    if op.name == "concat":
        return [t for operand in operands for t in operand]
    if not op.elementwise:
        raise _Unfit
    return [_scalar(op, list(column), dtype) for column in zip(*operands, strict=True)]


def _expression(texts: list[str]) -> str:
    if len(texts) == 1 and re.fullmatch(r"x\[:, \d+\]", texts[0]):
        return f"{texts[0]}.unsqueeze(1)"
    return f"({texts[0]}).unsqueeze(1)" if len(texts) == 1 else f"torch.stack([{', '.join(texts)}], dim=1)"


def _layer(op: Op, inplace: bool, dtype: str) -> str | None:
    """The operation as a standard module, None where torch has none."""
    if isinstance(op, Affine):
        return f"torch.nn.Linear({len(op.weight[0])}, {len(op.weight)})"
    if isinstance(op, Conv2d):
        options = "".join(
            f", {name}={value}" for name, value, plain in
            (("stride", op.stride, (1, 1)), ("padding", op.padding, (0, 0))) if value != plain
        )  # fmt: skip
        return f"torch.nn.Conv2d({len(op.weight[0])}, {len(op.weight)}, {op.kernel}{options})"
    if isinstance(op, Pool):
        window = f"{op.kernel}" if op.kernel == op.stride else f"{op.kernel}, stride={op.stride}"
        return f"torch.nn.{'Max' if op.name == 'max_pool2d' else 'Avg'}Pool2d({window})"
    if isinstance(op, LeakyRelu):
        return f"torch.nn.LeakyReLU({number(op.slope)}{', inplace=True' if inplace else ''})"
    if op.name == "softplus":
        return f"torch.nn.Softplus(threshold={_threshold(dtype)})"
    text = _MODULES.get(op.name)
    return None if text is None else text.format(inplace="inplace=True" if inplace else "")


def _weights(op: Op, place: str, dtype: str) -> list[str]:
    if not isinstance(op, Affine | Conv2d):
        return []
    return [
        f"{place}.{field}.data = torch.tensor({numbers(getattr(op, field))}, dtype=torch.{dtype})"
        for field in ("weight", "bias")
    ]


def _inplace(network: Network, node: Node, inplace: bool) -> bool:
    """As `TorchNetwork`: a rectifier overwrites its operand only where no other node reads it."""
    return inplace and sum(n.operands.count(node.operands[0]) for n in network.nodes) == 1


def _chain(network: Network, name: str, dtype: str, inplace: bool) -> str | None:
    layers = [_layer(node.op, _inplace(network, node, inplace), dtype) for node in network.nodes]
    if any(text is None for text in layers) or any(node.operands != (k,) for k, node in enumerate(network.nodes)):
        return None
    lines = [f"{name} = torch.nn.Sequential({', '.join(t for t in layers if t)})"]
    for k, node in enumerate(network.nodes):
        lines += _weights(node.op, f"{name}[{k}]", dtype)
    return "\n".join(lines)


def _function(network: Network, name: str, dtype: str) -> str:
    def step(op: Op, operands: list[str]) -> str:
        if isinstance(op, Affine):
            weight, bias = (f"x.new_tensor({numbers(v)})" for v in (op.weight, op.bias))
            return f"torch.nn.functional.linear({operands[0]}, {weight}, {bias})"
        if isinstance(op, Conv2d):
            weight, bias = (f"x.new_tensor({numbers(v)})" for v in (op.weight, op.bias))
            extra = f"stride={op.stride}, padding={op.padding}"
            return f"torch.nn.functional.conv2d({operands[0]}, {weight}, {bias}, {extra})"
        return _call(op, operands, dtype)

    return f"def {name}(x):\n" + "\n".join(f"    {line}" for line in _body(network, step))


def _body(network: Network, step: Callable[[Op, list[str]], str]) -> list[str]:
    lines = []
    for k, node in enumerate(network.nodes):
        operands = [f"v{i}" if i else "x" for i in node.operands]
        text = step(node.op, operands)
        lines.append(f"return {text}" if k + 1 == len(network.nodes) else f"v{k + 1} = {text}")
    return lines


def _class(network: Network, name: str, dtype: str, inplace: bool, layer: int | None) -> str:
    made, weights, body = [], [], []
    for k, node in enumerate(network.nodes, start=1):
        operands = ", ".join(f"v{i}" if i else "x" for i in node.operands)
        text = _layer(node.op, _inplace(network, node, inplace), dtype)
        if text is not None:
            made.append(f"self.v{k} = {text}")
            step = f"self.v{k}({operands})"
            weights += _weights(node.op, f"{name}.v{k}", dtype)
        else:
            step = _call(node.op, operands.split(", "), dtype)
            if k == layer:
                made.append(f"self.v{k} = torch.nn.Identity()")
                step = f"self.v{k}({step})"
        body.append(f"v{k} = {step}")
    body.append(f"return v{len(network.nodes)}")
    lines = ["class Model(torch.nn.Module):"]
    if made:
        lines += ["    def __init__(self):", "        super().__init__()", *(f"        {line}" for line in made)]
    lines += ["    def forward(self, x):", *(f"        {line}" for line in body), f"{name} = Model()", *weights]
    return "\n".join(lines)


def source(
    network: Network,
    name: str,
    *,
    dtype: str = "float64",
    module: bool = False,
    layer: int | None = None,
    inplace: bool = False,
    layers: bool = False,
) -> str:
    """Python statements that need only `import torch` and define `name` as the network: [N, *shape] -> [N, classes].

    The shortest faithful form is chosen: an elementwise formula, a `torch.nn.Sequential` with explicit weights, or a
    function (a class where `module`) that evaluates node by node. With `layer` (the number of a value) that value is
    the output of the module `layer_source` names; `layers` asks for explicit layers instead of a formula, which may
    merge terms. Weights are in `dtype`, or follow the input without modules.
    """
    structured = layers or layer is not None or inplace
    texts = None if structured else formulas(network, dtype)
    if texts is not None:
        text = _expression(texts)
        if module:
            return f"class Model(torch.nn.Module):\n    def forward(self, x): return {text}\n{name} = Model()"
        return f"def {name}(x): return {text}"
    chain = _chain(network, name, dtype, inplace)
    if chain is not None:
        return chain
    if module or structured:
        return _class(network, name, dtype, inplace, layer)
    return _function(network, name, dtype)


def layer_source(network: Network, name: str, layer: int, *, inplace: bool = False) -> str:
    """The expression of the module whose output is value `layer` in `source(network, name, layer=layer)`."""
    return f"{name}[{layer - 1}]" if _chain(network, name, "float64", inplace) is not None else f"{name}.v{layer}"
