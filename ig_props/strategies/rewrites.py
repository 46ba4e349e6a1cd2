"""Which changes of a network change nothing, or something known, about its function?

`preserving` draws rewrites that keep the function (premise of `PATH.implementation_invariance`); the other functions
build the transformed networks that the axioms compare: combinations, permutations, rescaled coordinates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from ig_props.networks.network import Add, Affine, Conv2d, Matrix, Network, Node, Op

HOMOGENEOUS = frozenset({"relu", "leaky_relu", "abs"})


def _identity(size: int, factor: float = 1.0) -> Matrix:
    return tuple(tuple(factor if i == j else 0.0 for j in range(size)) for i in range(size))


def _shifted(nodes: Sequence[Node], by: int, source: int = 0) -> tuple[Node, ...]:
    """Nodes renumbered so that value k > 0 becomes k + by and value 0 becomes `source`."""
    return tuple(Node(n.op, tuple(i + by if i else source for i in n.operands)) for n in nodes)


def append(network: Network, op: Op) -> Network:
    """`op` applied to the scores."""
    return Network(network.input_shape, (*network.nodes, Node(op, (len(network.nodes),))))


def scaled(network: Network, factor: float) -> Network:
    """factor · F."""
    return append(network, Affine(_identity(network.classes, factor), (0.0,) * network.classes))


def first_scaled(network: Network, factor: float) -> Network:
    """The network with weights and biases of its first affine map or convolution times a factor, so that the values
    behind it are small or large."""
    for k, node in enumerate(network.nodes):
        if isinstance(node.op, Affine | Conv2d):
            weight, bias = ((factor * np.asarray(v)).tolist() for v in (node.op.weight, node.op.bias))
            op = replace(node.op, weight=_nested(weight), bias=_nested(bias))
            return Network(network.input_shape, (*network.nodes[:k], Node(op, node.operands), *network.nodes[k + 1 :]))
    return network


def _nested(value: Any) -> Any:
    return tuple(map(_nested, value)) if isinstance(value, list) else value


def combined(f: Network, g: Network, a: float, b: float) -> Network:
    """a F + b G for networks of one input shape and number of classes (`PATH.linearity`)."""
    left, right = scaled(f, a), scaled(g, b)
    k = len(left.nodes)
    nodes = (*left.nodes, *_shifted(right.nodes, k), Node(Add(), (k, k + len(right.nodes))))
    return Network(f.input_shape, nodes)


def precomposed(network: Network, matrix: Matrix, shift: Sequence[float]) -> Network:
    """F(matrix z + shift) for a network on vectors."""
    first = Node(Affine(matrix, tuple(shift)), (0,))
    return Network(network.input_shape, (first, *_shifted(network.nodes, 1, 1)))


def permuted(network: Network, order: Sequence[int]) -> Network:
    """G with G(z_order) = F(z), that is G(w) = F(w at the inverse places): coordinate k of G is coordinate order[k] of F."""
    size = network.size
    matrix = tuple(tuple(1.0 if order[j] == i else 0.0 for j in range(size)) for i in range(size))
    return precomposed(network, matrix, (0.0,) * size)


def symmetrized(network: Network, i: int, j: int) -> Network:
    """F(z) + F(z with coordinates i and j exchanged)."""
    order = list(range(network.size))
    order[i], order[j] = j, i
    return combined(network, permuted(network, order), 1.0, 1.0)


def without(network: Network, i: int) -> Network:
    """F with every first-layer weight of coordinate i set to zero, so that it does not depend on z_i.

    Meant for networks on vectors whose input is read by affine nodes only; others are precomposed with a projection.
    """
    nodes = []
    for node in network.nodes:
        if 0 in node.operands:
            if not isinstance(node.op, Affine):
                size = network.size
                matrix = tuple(tuple(1.0 if k == m != i else 0.0 for m in range(size)) for k in range(size))
                return precomposed(network, matrix, (0.0,) * size)
            rows = tuple(tuple(0.0 if k == i else w for k, w in enumerate(row)) for row in node.op.weight)
            node = Node(replace(node.op, weight=rows), node.operands)
        nodes.append(node)
    return Network(network.input_shape, tuple(nodes))


def monotone(network: Network) -> Network:
    """The network with all weights replaced by their sizes: nondecreasing when its gates are (not abs)."""
    nodes = []
    for node in network.nodes:
        op = node.op
        if isinstance(op, Affine):
            op = replace(op, weight=tuple(tuple(abs(w) for w in row) for row in op.weight))
        nodes.append(Node(op, node.operands))
    return Network(network.input_shape, tuple(nodes))


def _hidden(network: Network) -> list[int]:
    """Nodes k such that affine k, an elementwise gate k + 1 and affine k + 2 form a chain nobody else reads."""
    found = []
    for k in range(len(network.nodes) - 2):
        first, gate, second = network.nodes[k : k + 3]
        chain = gate.operands == (k + 1,) and second.operands == (k + 2,)
        readers = [sum(i in n.operands for n in network.nodes) for i in (k + 1, k + 2)]
        elementwise = gate.op.elementwise and gate.op.arity == 1
        if (
            isinstance(first.op, Affine)
            and isinstance(second.op, Affine)
            and elementwise
            and chain
            and readers == [1, 1]
        ):
            found.append(k)
    return found


def _with_layer(network: Network, k: int, first: Affine, second: Affine) -> Network:
    nodes = list(network.nodes)
    nodes[k] = Node(first, nodes[k].operands)
    nodes[k + 2] = Node(second, nodes[k + 2].operands)
    return Network(network.input_shape, tuple(nodes))


def permute_units(network: Network, k: int, order: Sequence[int]) -> Network:
    """The hidden units between affine nodes k and k + 2 in another order."""
    first, second = network.nodes[k].op, network.nodes[k + 2].op
    assert isinstance(first, Affine)
    assert isinstance(second, Affine)
    return _with_layer(
        network,
        k,
        Affine(tuple(first.weight[i] for i in order), tuple(first.bias[i] for i in order)),
        Affine(tuple(tuple(row[i] for i in order) for row in second.weight), second.bias),
    )


def split_unit(network: Network, k: int, unit: int) -> Network:
    """One hidden unit replaced by two copies that carry half its outgoing weight each."""
    first, second = network.nodes[k].op, network.nodes[k + 2].op
    assert isinstance(first, Affine)
    assert isinstance(second, Affine)
    rows = tuple((*(w / 2 if i == unit else w for i, w in enumerate(row)), row[unit] / 2) for row in second.weight)
    return _with_layer(
        network,
        k,
        Affine((*first.weight, first.weight[unit]), (*first.bias, first.bias[unit])),
        Affine(rows, second.bias),
    )


def rescale_unit(network: Network, k: int, unit: int, factor: float) -> Network:
    """One unit of a positively homogeneous gate with its incoming weights times a power of two, outgoing divided."""
    first, second = network.nodes[k].op, network.nodes[k + 2].op
    assert isinstance(first, Affine)
    assert isinstance(second, Affine)
    incoming = tuple(tuple(factor * w for w in r) if i == unit else r for i, r in enumerate(first.weight))
    bias = tuple(factor * b if i == unit else b for i, b in enumerate(first.bias))
    outgoing = tuple(tuple(w / factor if i == unit else w for i, w in enumerate(r)) for r in second.weight)
    return _with_layer(network, k, Affine(incoming, bias), Affine(outgoing, second.bias))


def insert_affine(network: Network, factor: float) -> Network:
    """The scores multiplied by a power of two and divided again by two extra affine nodes."""
    return scaled(scaled(network, factor), 1.0 / factor)


def fuse_affine(network: Network) -> Network:
    """The last two nodes as one where both are affine and nothing else reads the first; otherwise unchanged."""
    if len(network.nodes) < 2:
        return network
    first, second = network.nodes[-2:]
    k = len(network.nodes) - 1
    if not (isinstance(first.op, Affine) and isinstance(second.op, Affine) and second.operands == (k,)):
        return network
    columns = range(len(first.op.weight[0]))
    weight = tuple(
        tuple(sum(w * first.op.weight[m][c] for m, w in enumerate(row)) for c in columns) for row in second.op.weight
    )
    bias = tuple(
        b + sum(w * first.op.bias[m] for m, w in enumerate(row))
        for row, b in zip(second.op.weight, second.op.bias, strict=True)
    )
    return Network(network.input_shape, (*network.nodes[:-2], Node(Affine(weight, bias), first.operands)))


@st.composite
def preserving(draw: st.DrawFn, network: Network) -> Network:
    """The same function written differently: one to three rewrites, each exact in dyadic arithmetic."""
    for _ in range(draw(st.integers(1, 3))):
        hidden = _hidden(network)
        kinds = ["insert", "fuse"] + (["permute", "split", "rescale"] * 2 if hidden else [])
        kind = draw(st.sampled_from(kinds[::-1]))
        if kind == "insert":
            network = insert_affine(network, draw(st.sampled_from((2.0, 0.5, 4.0, -1.0))))
            continue
        if kind == "fuse":
            network = fuse_affine(network)
            continue
        k = draw(st.sampled_from(hidden))
        first, gate = network.nodes[k].op, network.nodes[k + 1].op
        assert isinstance(first, Affine)
        units = len(first.weight)
        if kind == "permute":
            network = permute_units(network, k, draw(st.permutations(range(units))))
        elif kind == "split":
            network = split_unit(network, k, draw(st.integers(0, units - 1)))
        elif gate.name in HOMOGENEOUS:
            factor = draw(st.sampled_from((2.0, 0.5, 8.0, 0.125)))
            network = rescale_unit(network, k, draw(st.integers(0, units - 1)), factor)
    return network
