"""Which honest quadrature rules are there besides the usual ones?"""

from __future__ import annotations

import math
from functools import partial
from itertools import pairwise

import torch
from torch import Tensor, nn

from ig_props.quadrature import gauss_legendre, simpson
from property_tests.controls._base import control
from property_tests.mutants._base import Rule, Target, average, checked, gradient, ig, midpoint, trapezoid


@control("Simpson's rule on the next even number of cells.")
def simpsons_rule(model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50) -> Tensor:
    def rule(n: int) -> Rule:
        known = simpson(n + n % 2 + 1)
        return list(known.nodes), list(known.weights)

    return ig(model, inputs, baselines, target, n_steps, rule)


@control("Gauss-Legendre nodes and weights.")
def gauss(model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50) -> Tensor:
    def rule(n: int) -> Rule:
        known = gauss_legendre(n)
        return list(known.nodes), list(known.weights)

    return ig(model, inputs, baselines, target, n_steps, rule)


@control("Clenshaw-Curtis: cosine-spaced nodes, weights from the integrals of Chebyshev polynomials.")
def clenshaw_curtis(model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50) -> Tensor:
    def rule(n: int) -> Rule:
        m = 2 * n
        nodes = [(1 - math.cos(math.pi * k / m)) / 2 for k in range(m + 1)]
        weights = []
        for k in range(m + 1):
            waves = sum(
                (1 if j == m // 2 else 2) / (4 * j * j - 1) * math.cos(2 * math.pi * j * k / m)
                for j in range(1, m // 2 + 1)
            )
            weights.append((1 if k in (0, m) else 2) * (1 - waves) / (2 * m))
        return nodes, weights

    return ig(model, inputs, baselines, target, n_steps, rule)


@control("Two Gauss nodes in each of n cells: twice the gradients, none of them at an end.")
def two_gauss_nodes_per_cell(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    def rule(n: int) -> Rule:
        nodes = [(k + 0.5 + s / math.sqrt(12)) / n for k in range(n) for s in (-1, 1)]
        return nodes, [0.5 / n] * len(nodes)

    return ig(model, inputs, baselines, target, n_steps, rule)


@control("Boole's rule with weights 7 32 12 32 14 … on the next multiple of four cells.")
def booles_rule(model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50) -> Tensor:
    def rule(n: int) -> Rule:
        m = 4 * math.ceil(n / 4)
        weights = [(14, 32, 12, 32)[k % 4] for k in range(m + 1)]
        weights[0] = weights[-1] = 7
        return trapezoid(m)[0], [w * 2 / (45 * m) for w in weights]

    return ig(model, inputs, baselines, target, n_steps, rule)


@control("Romberg's scheme: trapezoid sums on 1, 2, 4, … cells, extrapolated twice.")
def romberg(model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50) -> Tensor:
    x, b, classes = checked(inputs, baselines, target, n_steps)
    cells = 2 ** math.ceil(math.log2(max(n_steps, 4)))
    mean = partial(average, model, x, b, classes)
    sums = [mean(trapezoid(c)) for c in (cells // 4, cells // 2, cells)]
    once = [(4 * fine - coarse) / 3 for coarse, fine in pairwise(sums)]
    return (x - b) * (16 * once[1] - once[0]) / 15


@control("The substitution t = s² with its Jacobian 2s: nodes crowd near the baseline and weigh less there.")
def squared_nodes_with_jacobian(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    def rule(n: int) -> Rule:
        s = midpoint(n)[0]
        return [v * v for v in s], [2 * v / n for v in s]

    return ig(model, inputs, baselines, target, n_steps, rule)


@control("One random node in each of n cells, from a generator of its own with a fixed seed.")
def stratified_nodes(model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50) -> Tensor:
    def rule(n: int) -> Rule:
        draw = torch.rand(n, generator=torch.Generator().manual_seed(7), dtype=torch.float64).tolist()
        return [(k + u) / n for k, u in enumerate(draw)], [1 / n] * n

    return ig(model, inputs, baselines, target, n_steps, rule)


@control("The mean of a left and a right sum, each computed on its own.")
def left_and_right_averaged(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    def shifted(shift: int, n: int) -> Rule:
        return [(k + shift) / n for k in range(n)], [1 / n] * n

    sides = [ig(model, inputs, baselines, target, n_steps, partial(shifted, shift)) for shift in (0, 1)]
    return (sides[0] + sides[1]) / 2


@control("Both ends among n equally weighted nodes: their spacing is 1/(n - 1), their weight 1/n.")
def mean_of_linspace(model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50) -> Tensor:
    def rule(n: int) -> Rule:
        nodes: list[float] = torch.linspace(0, 1, n, dtype=torch.float64).tolist()
        return nodes, [1 / n] * n

    return ig(model, inputs, baselines, target, n_steps, rule)


@control("Step sizes in float32 also for a float64 model: imprecise, and no worse than that.")
def single_step_sizes(model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50) -> Tensor:
    def rule(n: int) -> Rule:
        nodes, weights = midpoint(n)
        return nodes, torch.tensor(weights).tolist()

    return ig(model, inputs, baselines, target, n_steps, rule)


@control("A fixed uneven grid: each cell is sampled in its middle and weighted by its width.")
def uneven_cells(model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50) -> Tensor:
    def rule(n: int) -> Rule:
        cells = list(pairwise((1 - math.cos(math.pi * k / (2 * n))) / 2 for k in range(2 * n + 1)))
        return [(a + b) / 2 for a, b in cells], [b - a for a, b in cells]

    return ig(model, inputs, baselines, target, n_steps, rule)


@control("More steps than asked for: 2n + 1.")
def more_steps_than_asked(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    return ig(model, inputs, baselines, target, 2 * n_steps + 1)


@control("Never fewer than 64 steps.")
def at_least_sixty_four_steps(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    return ig(model, inputs, baselines, target, max(n_steps, 64))


@control("Bisects cells whose ends have different gradients until what they can hide is small.")
def bisected(model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50) -> Tensor:
    x, b, classes = checked(inputs, baselines, target, n_steps)

    def at(t: float) -> Tensor:
        return gradient(model, b + t * (x - b), classes)

    def cell(start: float, end: float, first: Tensor, last: Tensor, depth: int) -> Tensor:
        hidden = (end - start) * float((last - first).abs().max())
        # Written so that a gradient that is not a number ends the bisection.
        if depth == 0 or not hidden > 1e-3 * scale:
            return (end - start) * (first + last) / 2
        half = (start + end) / 2
        middle = at(half)
        return cell(start, half, first, middle, depth - 1) + cell(half, end, middle, last, depth - 1)

    edges = trapezoid(n_steps)[0]
    values = [at(t) for t in edges]
    scale = max(float(v.abs().max()) for v in values)
    cells = zip(pairwise(edges), pairwise(values), strict=True)
    return (x - b) * sum((cell(*ends, *gradients, 20) for ends, gradients in cells), torch.zeros_like(x))


@control("Halves a cell as long as two Gauss nodes in it disagree with one midpoint, at most four times.")
def adaptive_cells(model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50) -> Tensor:
    x, b, classes = checked(inputs, baselines, target, n_steps)

    def mean(start: float, width: float, *places: float) -> Tensor:
        points = [b + (start + p * width) * (x - b) for p in places]
        return torch.stack([gradient(model, p, classes) for p in points]).mean(0)

    def cell(start: float, width: float, depth: int) -> Tensor:
        side = 0.5 / math.sqrt(3)
        fine = mean(start, width, 0.5 - side, 0.5 + side)
        if depth == 0 or torch.allclose(fine, mean(start, width, 0.5), rtol=1e-3, atol=1e-6):
            return width * fine
        return cell(start, width / 2, depth - 1) + cell(start + width / 2, width / 2, depth - 1)

    depth = 4 if n_steps <= 16 else 1
    return (x - b) * sum((cell(k / n_steps, 1 / n_steps, depth) for k in range(n_steps)), torch.zeros_like(x))


@control("Gauss nodes in panels of 16, which takes multiples of 16 alone.")
def panels_of_sixteen(model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 64) -> Tensor:
    def rule(n: int) -> Rule:
        known, panels = gauss_legendre(16), n // 16
        nodes = [(p + t) / panels for p in range(panels) for t in known.nodes]
        return nodes, [w / panels for w in known.weights] * panels

    if n_steps % 16:
        raise ValueError(f"n_steps must be a multiple of 16, given {n_steps}")
    return ig(model, inputs, baselines, target, n_steps, rule)


@control("Tanh-sinh nodes, sparse in the middle, with weights scaled to sum to 1.")
def tanh_sinh(model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50) -> Tensor:
    def rule(n: int) -> Rule:
        step = 6.4 / n
        places = [math.pi / 2 * math.sinh(-3.2 + step * (k + 0.5)) for k in range(n)]
        weights = [math.cosh(-3.2 + step * (k + 0.5)) / math.cosh(u) ** 2 for k, u in enumerate(places)]
        return [(1 + math.tanh(u)) / 2 for u in places], [w / math.fsum(weights) for w in weights]

    return ig(model, inputs, baselines, target, n_steps, rule)


@control("Cells are halved until two Gauss sums agree to an absolute 1e-9; n_steps is not used.")
def halved_to_an_absolute_tolerance(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    x, b, classes = checked(inputs, baselines, target, n_steps)
    known = gauss_legendre(7)

    def part(start: float, end: float) -> Tensor:
        nodes = [start + (end - start) * t for t in known.nodes]
        return average(model, x, b, classes, (nodes, [(end - start) * w for w in known.weights]))

    def refined(start: float, end: float, whole: Tensor, depth: int) -> Tensor:
        middle = (start + end) / 2
        left, right = part(start, middle), part(middle, end)
        if depth == 0 or float(((left + right - whole) * (x - b)).abs().max()) < 1e-9:
            return left + right
        return refined(start, middle, left, depth - 1) + refined(middle, end, right, depth - 1)

    return (x - b) * refined(0.0, 1.0, part(0.0, 1.0), 5)
