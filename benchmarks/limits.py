"""Does memory stay flat in the number of steps, and how long does the exact rational oracle take?"""

from __future__ import annotations

import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import torch
from models import cnn, mlp
from torch import nn

from ig_props import integrated_gradients, layer_integral
from ig_props.networks.network import Affine, Network, Node, Relu
from ig_props.oracles import oracle

SIZES = (64, 256, 256, 10)


def used(n_steps: int) -> int:
    """Most bytes that a process of its own used for sums with so many steps."""
    found = subprocess.run([sys.executable, __file__, str(n_steps)], capture_output=True, text=True, check=True)
    return int(found.stdout)


def memory() -> dict[str, float]:
    """MiB used for 50 and for 5,000 steps: midpoints, secants and layer sums of a CNN 3x32x32, batch 8."""
    few, many = (used(n) / 2**20 for n in (50, 5000))
    print(f"\nmemory: {few:.0f} MiB with 50 steps, {many:.0f} MiB with 5,000")
    return {"MiB, 50 steps": few, "MiB, 5000 steps": many}


def rational() -> dict[str, float]:
    """Seconds of the exact rational attributions of an MLP 64-256-256-10 with weights that are multiples of 1/64."""
    torch.manual_seed(0)
    model = mlp(SIZES, nn.ReLU)
    nodes: list[Node] = []
    for m in model.modules():
        if isinstance(m, nn.Linear):
            weight, bias = ((p * 64).round() / 64 for p in (m.weight, m.bias))
            rows = tuple(tuple(row) for row in weight.tolist())
            nodes.append(Node(Affine(rows, tuple(bias.tolist())), (len(nodes),)))
            nodes.append(Node(Relu(), (len(nodes),)))
    network = Network((SIZES[0],), tuple(nodes[:-1]))
    x = tuple((torch.randn(SIZES[0]) * 64).round().div(64).tolist())
    began = time.perf_counter()
    found = oracle(network, 0, x, (0.0,) * SIZES[0])
    seconds = time.perf_counter() - began
    assert found.exact is not None
    complete = sum(found.exact) == value(network, x) - value(network, (0.0,) * SIZES[0])
    print(f"\nexact rational oracle of MLP 64-256-256-10: {seconds:.1f} s, complete by ==: {complete}")
    return {"seconds": seconds, "complete": float(complete)}


def value(network: Network, x: tuple[float, ...]) -> Fraction:
    """The first score in fractions."""
    values = [Fraction(v) for v in x]
    for node in network.nodes:
        if isinstance(node.op, Affine):
            pairs = zip(node.op.weight, node.op.bias, strict=True)
            values = [sum((Fraction(w) * v for w, v in zip(row, values, strict=True)), Fraction(b)) for row, b in pairs]
        else:
            values = [max(v, Fraction(0)) for v in values]
    return values[0]


def main() -> None:
    n_steps = int(sys.argv[1])
    torch.manual_seed(0)
    torch.set_num_threads(1)
    model, x = cnn(32, nn.ReLU, nn.AvgPool2d), torch.randn(8, 3, 32, 32, dtype=torch.float64)
    for method in ("midpoint", "secant"):
        integrated_gradients(model, x, target=0, method=method, n_steps=n_steps)
    layer_integral(model, model[1], x, target=0, method="trapezoid", n_steps=n_steps)  # type: ignore[index]
    (peak,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    print(int(peak.split()[1]) * 1024)


if __name__ == "__main__":
    main()
