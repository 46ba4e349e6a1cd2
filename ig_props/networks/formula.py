"""How does a person read a network? As a formula when it is short, as a chain of layers when it is not."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

from ig_props.networks.network import AvgPool2d, Conv2d, LeakyRelu, MaxPool2d, Network, Node, Shape

LIMIT = 240
Terms = dict[str, Fraction]
"""A linear combination: atom -> coefficient; the empty atom is the constant."""


class TooLong(Exception):
    """The formula outgrew its limit."""


def _number(value: Fraction) -> str:
    if value.denominator == 1:
        return str(value.numerator)
    return str(value) if value.denominator <= 64 and abs(value.numerator) < 1000 else f"{float(value):.6g}"


def _render(terms: Terms) -> str:
    text = ""
    for atom, coefficient in [(a, c) for a, c in terms.items() if a] + [("", terms.get("", Fraction(0)))]:
        if coefficient == 0:
            continue
        size = abs(coefficient)
        body = _number(size) if not atom else atom if size == 1 else f"{_number(size)}*{atom}"
        sign = "-" if coefficient < 0 else "+"
        text += f" {sign} {body}" if text else (f"-{body}" if sign == "-" else body)
        if len(text) > LIMIT:
            raise TooLong
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


def _atom(text: str) -> Terms:
    if len(text) > LIMIT:
        raise TooLong
    return {text: Fraction(1)}


def _scalar(node: Node, terms: Terms) -> Terms:
    op, value = node.op, _constant(terms)
    if value is not None and op.name in {"relu", "abs", "leaky_relu"}:
        slope = Fraction(op.slope) if isinstance(op, LeakyRelu) else Fraction(-1 if op.name == "abs" else 0)
        return _combine([], value if value > 0 else slope * value)
    inner = _render(terms)
    return _atom(f"leaky_relu({inner}, {op.slope:g})" if isinstance(op, LeakyRelu) else f"{op.name}({inner})")


def _index(shape: Shape, *at: int) -> int:
    flat = 0
    for size, k in zip(shape, at, strict=True):
        flat = flat * size + k
    return flat


def _maximum(operands: list[Terms]) -> Terms:
    texts = list(dict.fromkeys(_render(t) for t in operands))
    return operands[0] if len(texts) == 1 else _atom(f"max({', '.join(texts)})")


def _product(a: Terms, b: Terms) -> Terms:
    for one, other in ((a, b), (b, a)):
        value = _constant(one)
        if value is not None:
            return _combine([(value, other)])
    left, right = _render(a), _render(b)
    wrapped = [f"({t})" if " " in t else t for t in (left, right)]
    return _atom(f"{wrapped[0]}**2" if left == right else "*".join(wrapped))


def _apply(node: Node, operands: list[list[Terms]], shapes: list[Shape], out: Shape) -> list[Terms]:
    op = node.op
    first = operands[0]
    if op.name == "affine":
        return [
            _combine([(Fraction(w), t) for w, t in zip(row, first, strict=True) if w], Fraction(b))
            for row, b in zip(op.weight, op.bias, strict=True)  # type: ignore[attr-defined]
        ]
    if isinstance(op, Conv2d):
        return [_conv(op, first, shapes[0], at) for at in product(*map(range, out))]
    if isinstance(op, MaxPool2d | AvgPool2d):
        result = []
        for c, i, j in product(*map(range, out)):
            window = [
                first[_index(shapes[0], c, i * op.stride[0] + a, j * op.stride[1] + b)]
                for a, b in product(range(op.kernel[0]), range(op.kernel[1]))
            ]
            share = Fraction(1, len(window))
            result.append(_maximum(window) if op.name == "max_pool2d" else _combine([(share, t) for t in window]))
        return result
    if op.name == "flatten":
        return first
    if op.name == "concat":
        return [t for operand in operands for t in operand]
    if op.name == "softmax":
        inner = ", ".join(_render(t) for t in first)
        return [_atom(f"softmax({inner})[{k}]") for k in range(len(first))]
    if op.name in {"add", "max", "product"}:
        pairs = zip(first, operands[1], strict=True)
        if op.name == "add":
            return [_combine([(Fraction(1), a), (Fraction(1), b)]) for a, b in pairs]
        return [_maximum([a, b]) if op.name == "max" else _product(a, b) for a, b in pairs]
    return [_scalar(node, t) for t in first]


def _conv(op: Conv2d, values: list[Terms], shape: Shape, at: tuple[int, ...]) -> Terms:
    o, i, j = at
    parts = []
    for c, a, b in product(range(shape[0]), range(op.kernel[0]), range(op.kernel[1])):
        y, x = i * op.stride[0] + a - op.padding[0], j * op.stride[1] + b - op.padding[1]
        weight = op.weight[o][c][a][b]
        if weight and 0 <= y < shape[1] and 0 <= x < shape[2]:
            parts.append((Fraction(weight), values[_index(shape, c, y, x)]))
    return _combine(parts, Fraction(op.bias[o]))


def scores(network: Network) -> list[str]:
    """One formula per score in the flat input coordinates x0, x1, …; raises TooLong above the limit."""
    values: list[list[Terms]] = [[{f"x{i}": Fraction(1)} for i in range(network.size)]]
    for k, node in enumerate(network.nodes):
        shapes = [network.shapes[i] for i in node.operands]
        values.append(_apply(node, [values[i] for i in node.operands], shapes, network.shapes[k + 1]))
    return [_render(t) for t in values[-1]]


def summary(network: Network) -> str:
    """The chain of operations with their shapes."""
    steps = [f"input {list(network.input_shape)}"]
    steps += [f"{node.op.name} {list(shape)}" for node, shape in zip(network.nodes, network.shapes[1:], strict=True)]
    return " -> ".join(steps)


def formula(network: Network, target: int | None = None) -> str:
    """Formula of one score, or of all in brackets; the chain of layers when it would be too long to read."""
    if network.unknown:
        return summary(network)
    try:
        texts = scores(network)
    except TooLong:
        return summary(network)
    if target is not None:
        return texts[target]
    return texts[0] if len(texts) == 1 else "[" + ", ".join(texts) + "]"
