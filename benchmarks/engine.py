"""How fast is the engine against captum and a loop of backward passes, at equal true error, in one process?

Prints a table and writes results/engine.json. References are exact pieces (ReLU) or Clenshaw-Curtis with 129 nodes (tanh).
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
from captum.attr import IntegratedGradients, LayerConductance
from torch import Tensor, nn

from ig_props import integrated_gradients, layer_integral

ROOT = Path(__file__).resolve().parent.parent
RUNS = 3
Job = Callable[[], Tensor]


def mlp(act: type[nn.Module]) -> nn.Sequential:
    return nn.Sequential(nn.Linear(64, 256), act(), nn.Linear(256, 256), act(), nn.Linear(256, 10)).double()


def cnn(act: type[nn.Module], pool: type[nn.Module]) -> nn.Sequential:
    layers: list[nn.Module] = []
    width = 3
    for channels in (8, 16, 32):
        layers += [nn.Conv2d(width, channels, 3, padding=1), act(), pool(2)]  # type: ignore[call-arg]
        width = channels
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(32 * 16, 10)).double()


def ours(model: nn.Module, x: Tensor, target: Tensor, **options: object) -> Job:
    return lambda: integrated_gradients(model, x, target=target, **options).values  # type: ignore[arg-type,return-value]


def captum(model: nn.Module, x: Tensor, target: Tensor, n_steps: int, rows: int) -> Job:
    method = IntegratedGradients(model)
    return lambda: method.attribute(x, target=target, n_steps=n_steps, internal_batch_size=rows)  # type: ignore[return-value]


def loop(model: nn.Module, x: Tensor, target: Tensor, n_steps: int) -> Job:
    """One backward pass for every path point, as in the papers' notebooks."""

    def run() -> Tensor:
        total = torch.zeros_like(x)
        for k in range(n_steps):
            point = ((k + 0.5) / n_steps * x).requires_grad_(True)
            total += torch.autograd.grad(model(point).gather(1, target[:, None]).sum(), point)[0]
        return total / n_steps * x

    return run


def alternating(jobs: dict[str, Job], reference: Tensor) -> dict[str, dict[str, float]]:
    """Median seconds and largest relative error of every job, all jobs once per round."""
    times: dict[str, list[float]] = {name: [] for name in jobs}
    errors = {}
    scale = reference.abs().flatten(1).amax(1)
    for _ in range(RUNS):
        for name, job in jobs.items():
            began = time.perf_counter()
            values = job().detach()
            times[name].append(time.perf_counter() - began)
            errors[name] = float(((values - reference).abs().flatten(1).amax(1) / scale).max())
    return {
        name: {"seconds": statistics.median(t), "low": min(t), "high": max(t), "error": errors[name]}
        for name, t in times.items()
    }


def study(
    name: str, model: nn.Module, x: Tensor, tolerances: tuple[float, ...], steps: tuple[int, ...]
) -> dict[str, object]:
    model.eval()
    target = torch.arange(len(x)) % 10
    smooth = any(isinstance(m, nn.Tanh) for m in model.modules())
    exact = {"method": "clenshaw-curtis", "n_steps": 129} if smooth else {"method": "exact"}
    reference = ours(model, x, target, **exact)()
    jobs = {f"ours rtol={t:g}": ours(model, x, target, rtol=t) for t in tolerances}
    if not smooth:
        jobs["ours exact"] = ours(model, x, target, method="exact")
        jobs["ours secant 50"] = ours(model, x, target, method="secant", n_steps=50)
    jobs |= {f"captum {n}": captum(model, x, target, n, 512) for n in steps}
    jobs["loop 50"] = loop(model, x, target, 50)
    rows = alternating(jobs, reference)
    print(f"\n{name}")
    for job, row in rows.items():
        middle, low, high = (row[k] * 1e3 for k in ("seconds", "low", "high"))
        print(f"  {job:18s} {middle:9.1f} ms  ({low:.1f} to {high:.1f})  error {row['error']:.1e}")
    return {"rows": rows}


def layers() -> dict[str, object]:
    """Layer integrals of a smooth network, 17 nodes, against trapezoidal sums and captum's conductance."""
    torch.manual_seed(5)
    model, x = mlp(nn.Tanh).eval(), torch.randn(8, 64, dtype=torch.float64)
    fine = layer_integral(model, model[1], x, target=0, method="spectral", n_steps=65).values
    assert isinstance(fine, Tensor)
    jobs: dict[str, Job] = {
        "spectral 17": lambda: layer_integral(model, model[1], x, target=0, method="spectral", n_steps=17).values,  # type: ignore[return-value]
        "trapezoid 16": lambda: layer_integral(model, model[1], x, target=0, method="trapezoid", n_steps=16).values,  # type: ignore[return-value]
        "conductance 17": lambda: LayerConductance(model, model[1]).attribute(x, target=0, n_steps=17),  # type: ignore[return-value]
    }
    rows = alternating(jobs, fine)
    print("\nlayer integral, tanh MLP")
    for job, row in rows.items():
        print(f"  {job:18s} {row['seconds'] * 1e3:9.1f} ms  error {row['error']:.1e}")
    return {"rows": rows}


def main() -> None:
    torch.manual_seed(0)
    torch.set_num_threads(os.cpu_count() or 1)
    points, images = torch.randn(32, 64, dtype=torch.float64), torch.randn(2, 3, 32, 32, dtype=torch.float64)
    result: dict[str, object] = {
        "machine": {
            "cores": os.cpu_count(),
            "python": platform.python_version(),
            "torch": torch.__version__,
            "dtype": "float64",
        },
        "MLP 64-256-256-10 ReLU, batch 32": study(
            "MLP ReLU, batch 32", mlp(nn.ReLU), points, (1e-3, 1e-5), (50, 300, 3000)
        ),
        "MLP 64-256-256-10 tanh, batch 32": study("MLP tanh, batch 32", mlp(nn.Tanh), points, (1e-3, 1e-6), (50,)),
        "CNN 3x32x32 ReLU average, batch 2": study(
            "CNN 3x32x32 ReLU average, batch 2", cnn(nn.ReLU, nn.AvgPool2d), images, (1e-2, 2e-3), (50, 300)
        ),
        "layer integral, MLP tanh": layers(),
    }
    target = ROOT / "benchmarks" / "results" / "engine.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(result, indent=2) + "\n")
    print(f"\nwritten to {target.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
