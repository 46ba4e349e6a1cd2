"""Which mistakes do people make with nodes and weights?"""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor, nn

from ig_props.quadrature import gauss_legendre
from property_tests.mutants._base import (
    Rule,
    Target,
    average,
    checked,
    gradient,
    ig,
    left,
    midpoint,
    mutant,
    scores_at,
    trapezoid,
)

CURVED = ("QUAD.variation_bound", "EXACT.polynomial", "CERT.enclosure")


@mutant(refuted_by=("QUAD.weights_sum_one",), blunt=True, defect="Trapezoid nodes whose two ends count in full.")
def trapezoid_full_ends(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    def rule(n: int) -> Rule:
        return trapezoid(n)[0], [1 / n] * (n + 1)

    return ig(model, inputs, baselines, target, n_steps, rule)


@mutant(
    refuted_by=("QUAD.weights_sum_one",),
    blunt=True,
    defect="Trapezoid weights 1/n and 1/(2n) on n nodes, which have n - 1 cells: they sum to 1 - 1/n.",
)
def trapezoid_cells_miscounted(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    def rule(n: int) -> Rule:
        weights = [1 / n] * n
        weights[0] = weights[-1] = 0.5 / n
        return [k / max(n - 1, 1) for k in range(n)], weights

    return ig(model, inputs, baselines, target, n_steps, rule)


@mutant(
    refuted_by=("QUAD.weights_sum_one",),
    blunt=True,
    defect="Trapezoid sums of 16 nodes each, for multiples of 16 alone: the interval between two of them is lost.",
)
def trapezoid_in_blocks_of_sixteen(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 64
) -> Tensor:
    def rule(n: int) -> Rule:
        block = [0.5, *[1.0] * 14, 0.5]
        return [k / (n - 1) for k in range(n)], [w / (n - 1) for w in block * (n // 16)]

    if n_steps % 16:
        raise ValueError(f"n_steps must be a multiple of 16, given {n_steps}")
    return ig(model, inputs, baselines, target, n_steps, rule)


@mutant(
    refuted_by=("QUAD.weights_sum_one",),
    blunt=True,
    defect="Half weights on step 0 and step n - 1 of a grid of n + 1 points: the end point is never visited.",
)
def trapezoid_end_point_dropped(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    x, b, classes = checked(inputs, baselines, target, n_steps)
    total = torch.zeros_like(x)
    for step in range(n_steps):
        factor = 0.5 if step in (0, n_steps - 1) else 1.0
        total = total + factor * gradient(model, b + step / n_steps * (x - b), classes)
    return (x - b) * total / n_steps


@mutant(refuted_by=("QUAD.weights_sum_one",), blunt=True, defect="Simpson's weights 4 and 2 are swapped.")
def simpson_swapped(model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50) -> Tensor:
    def rule(n: int) -> Rule:
        m = n + n % 2
        inner = [(2 if k % 2 else 4) / (3 * m) for k in range(1, m)]
        return trapezoid(m)[0], [1 / (3 * m), *inner, 1 / (3 * m)]

    return ig(model, inputs, baselines, target, n_steps, rule)


@mutant(
    refuted_by=("QUAD.weights_sum_one",),
    defect="Simpson's weights 1 4 2 … 4 1 also where the number of cells is odd and the pattern does not close.",
)
def simpson_on_odd_cells(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    def rule(n: int) -> Rule:
        inner = [(4 if k % 2 else 2) / (3 * n) for k in range(1, n)]
        return trapezoid(n)[0], [1 / (3 * n), *inner, 1 / (3 * n)]

    return ig(model, inputs, baselines, target, n_steps, rule)


def _gauss(n: int) -> Rule:
    """Gauss-Legendre on [-1, 1] from the eigenvalues of the Jacobi matrix."""
    side = torch.tensor([k / math.sqrt(4 * k * k - 1) for k in range(1, n)], dtype=torch.float64)
    nodes, vectors = torch.linalg.eigh(torch.diag(side, 1) + torch.diag(side, -1))
    weights: list[float] = (2 * vectors[0] ** 2).tolist()
    return nodes.tolist(), weights


@mutant(refuted_by=CURVED, defect="Gauss-Legendre nodes stay on [-1, 1] while the weights are halved.")
def gauss_nodes_unmapped(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    nodes, weights = _gauss(n_steps)
    return ig(model, inputs, baselines, target, n_steps, lambda n: (nodes, [w / 2 for w in weights]))


@mutant(
    refuted_by=("QUAD.weights_sum_one",),
    defect="Gauss-Legendre as mirrored pairs of nodes: with an odd number of nodes the one in the middle counts twice.",
)
def gauss_middle_twice(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    def rule(n: int) -> Rule:
        nodes, weights = _gauss(n)
        upper = range(n // 2, n)
        pairs = [(0.5 + s * nodes[k] / 2, weights[k] / 2) for k in upper for s in (-1, 1)]
        return [t for t, _ in pairs], [w for _, w in pairs]

    return ig(model, inputs, baselines, target, n_steps, rule)


@mutant(
    refuted_by=("QUAD.weights_sum_one",),
    defect="Nodes 0, h, 2h, … below 1 with h = 1/n rounded to float32: for some n one node too many.",
)
def left_sum_of_rounded_steps(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    step = torch.tensor(1 / n_steps).item()
    nodes = torch.arange(0, 1, step, dtype=torch.float64).tolist()
    return ig(model, inputs, baselines, target, n_steps, lambda n: (nodes, [1 / n] * len(nodes)))


@mutant(
    refuted_by=CURVED,
    defect="Nodes t² crowd near the baseline but keep equal weights: the factor 2t of dt is forgotten.",
)
def squared_nodes_without_jacobian(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    def rule(n: int) -> Rule:
        nodes, weights = midpoint(n)
        return [t * t for t in nodes], weights

    return ig(model, inputs, baselines, target, n_steps, rule)


@mutant(
    refuted_by=("QUAD.weights_sum_one",),
    defect="Two Gauss nodes in each of n // 2 cells, weighted 1/n each: an odd n leaves a step without nodes.",
)
def paired_nodes_need_even_n(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    def rule(n: int) -> Rule:
        cells = max(n // 2, 1)
        nodes = [(k + 0.5 + s / math.sqrt(12)) / cells for k in range(cells) for s in (-1, 1)]
        return nodes, [1 / max(n, 2)] * len(nodes)

    return ig(model, inputs, baselines, target, n_steps, rule)


@mutant(refuted_by=CURVED, defect="Whatever n_steps asks for, no more than eight steps are taken.")
def steps_capped(model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50) -> Tensor:
    return ig(model, inputs, baselines, target, min(n_steps, 8), left)


@mutant(
    refuted_by=CURVED,
    defect="Adaptive rule that takes a partial derivative for constant when it is much the same at both ends.",
)
def adaptive_trusts_equal_ends(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    x, b, classes = checked(inputs, baselines, target, n_steps)
    first, last = gradient(model, b, classes), gradient(model, x, classes)
    refined = average(model, x, b, classes, midpoint(n_steps))
    return (x - b) * torch.where(first.isclose(last, rtol=0.2), first, refined)


@mutant(
    refuted_by=CURVED,
    defect="Doubles the number of steps only until the attributions add up, which two nodes may do with wrong shares.",
)
def adaptive_trusts_completeness(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    x, b, classes = checked(inputs, baselines, target, n_steps)
    wanted = scores_at(model, x, classes) - scores_at(model, b, classes)
    n = min(2, n_steps)
    while True:
        result = (x - b) * average(model, x, b, classes, midpoint(n))
        missing = (result.flatten(1).sum(1) - wanted).abs()
        if n >= n_steps or bool((missing <= 0.05 * wanted.abs()).all()):
            return result
        n = min(2 * n, n_steps)


@mutant(
    refuted_by=("QUAD.weights_sum_one",),
    defect="Cells between sorted random nodes (fixed seed); the two ends have no weight.",
    blunt=True,
)
def random_nodes_leave_the_ends(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    draw = torch.rand(n_steps + 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    nodes = draw.sort().values.tolist()
    cells = [b - a for a, b in pairwise(nodes)]
    return ig(model, inputs, baselines, target, n_steps, lambda n: (nodes[:-1], cells))


@mutant(refuted_by=("QUAD.variation_bound",), defect="Takes at most 32 Gauss nodes, however many steps are asked for.")
def steps_are_capped(model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50) -> Tensor:
    def rule(n: int) -> Rule:
        known = gauss_legendre(min(n, 32))
        return list(known.nodes), list(known.weights)

    return ig(model, inputs, baselines, target, n_steps, rule)
