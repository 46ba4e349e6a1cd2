"""How fast is the engine beside its peers, at equal true error, in one process, all jobs once per round?

Prints a table, writes results/engine.json and, through report.py, the page and the picture that the documentation shows.
References are exact pieces (kinks) or Clenshaw-Curtis sums with 129 nodes (smooth models).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from captum.attr import IntegratedGradients, LayerConductance
from limits import memory, rational
from loops import inputs_loop, layer_loop
from models import cnn, image, mlp, resnet18
from report import write
from saliency.core import INPUT_OUTPUT_GRADIENTS
from saliency.core import IntegratedGradients as Pair
from torch import Tensor, nn

from ig_props import integrated_gradients, layer_integral
from ig_props.attributors.load import load
from ig_props.integration import search
from ig_props.integration.arguments import segments
from ig_props.integration.attribution import Attribution
from ig_props.integration.job import job_of

RESULTS = Path(__file__).resolve().parent / "results"
Job = Callable[[], Tensor | Attribution]
Rows = dict[str, dict[str, float]]


def ours(model: nn.Module, x: Tensor, target: Tensor, **options: object) -> Job:
    return lambda: integrated_gradients(model, x, target=target, **options)  # type: ignore[arg-type]


def captum(model: nn.Module, x: Tensor, target: Tensor, n_steps: int, rows: int | None) -> Job:
    method = IntegratedGradients(model)
    return lambda: method.attribute(x, target=target, n_steps=n_steps, internal_batch_size=rows)  # type: ignore[return-value]


def pair(model: nn.Module, x: Tensor, target: Tensor, n_steps: int) -> Job:
    def gradients(points: object, call_model_args: object = None, expected_keys: object = None) -> dict[str, object]:
        rows = torch.as_tensor(points, dtype=x.dtype).requires_grad_(True)
        (g,) = torch.autograd.grad(model(rows)[:, call_model_args].sum(), rows)  # type: ignore[call-overload]
        return {INPUT_OUTPUT_GRADIENTS: g.numpy()}

    def run() -> Tensor:
        rows = [
            Pair().GetMask(row.numpy(), gradients, int(t), x_steps=n_steps, batch_size=min(n_steps, 64))
            for row, t in zip(x, target, strict=True)
        ]
        return torch.stack([torch.as_tensor(row) for row in rows])

    return run


def zennit(model: nn.Module, x: Tensor, target: Tensor, n_steps: int) -> Job:
    load("zennit:IntegratedGradients")
    from zennit.attribution import IntegratedGradients as Zennit

    def pick(output: Tensor) -> Tensor:
        return nn.functional.one_hot(target, output.shape[1]).to(output)

    return lambda: Zennit(model, n_iter=n_steps)(x.clone(), pick)[1]  # type: ignore[no-any-return]


def values_of(found: Tensor | Attribution) -> Tensor:
    values = found.values if isinstance(found, Attribution) else found
    assert isinstance(values, Tensor)
    return values


def alternating(jobs: dict[str, Job], reference: Tensor, rounds: int) -> Rows:
    """Seconds (median, least, most), the largest relative error and the gradients per sample of every job, all jobs once per
    round. The numbers of steps of our peers are the last word of their names."""
    gradients: dict[str, float] = {}
    times: dict[str, list[float]] = {name: [] for name in jobs}
    errors = {}
    count = len(reference)
    scale = reference.abs().flatten(1).amax(1).double()
    for turn in range(rounds):
        for name, job in jobs.items():
            if turn and times[name][0] > 20.0:
                continue
            began = time.perf_counter()
            found = job()
            times[name].append(time.perf_counter() - began)
            values = values_of(found).detach()
            own = isinstance(found, Attribution)
            gradients[name] = found.evaluations / len(values) if own else float(name.split()[-1])  # type: ignore[union-attr]
            errors[name] = float(((values[:count].double() - reference).abs().flatten(1).amax(1) / scale).max())
    return {
        name: {
            "seconds": statistics.median(t),
            "low": min(t),
            "high": max(t),
            "error": errors[name],
            "runs": len(t),
            "gradients": gradients[name],
        }
        for name, t in times.items()
    }


def study(
    name: str, model: nn.Module, x: Tensor, tolerances: Sequence[float], steps: Sequence[int], rounds: int, *,
    reference: Tensor | None = None, peers: bool = False, exact: bool = False, chunks: int = 512,
) -> dict[str, object]:  # fmt: skip
    target = torch.arange(len(x)) % 10
    smooth = any(isinstance(m, nn.Tanh) for m in model.modules())
    if reference is None:
        known = {"method": "clenshaw-curtis", "n_steps": 129} if smooth else {"method": "exact"}
        reference = values_of(ours(model, x, target, **known)())
    jobs = {f"ours rtol={t:g}": ours(model, x, target, rtol=t) for t in tolerances}
    if exact:
        jobs["ours exact"] = ours(model, x, target, method="exact")
    jobs |= {f"captum {n}": captum(model, x, target, n, chunks) for n in steps}
    if peers:
        jobs["captum-default 50"] = captum(model, x, target, 50, None)
        jobs["pair 50"] = pair(model, x, target, 50)
        jobs["zennit 50"] = zennit(model, x, target, 50)
        jobs["loop 50"] = lambda: inputs_loop(model, x, target, 50)
    rows = alternating(jobs, reference.double(), rounds)
    show(name, rows)
    return {"rows": rows, "dtype": str(x.dtype).removeprefix("torch."), "batch": len(x)}


def show(name: str, rows: Rows) -> None:
    print(f"\n{name}")
    for job, row in rows.items():
        middle, low, high = (row[k] * 1e3 for k in ("seconds", "low", "high"))
        print(
            f"  {job:20s} {middle:10.1f} ms  ({low:.1f} to {high:.1f})  {row['gradients']:7.0f} gradients"
            f"  error {row['error']:.1e}"
        )
    sys.stdout.flush()


def layers(rounds: int) -> dict[str, object]:
    """Layer integrals of a smooth network, and trapezoidal sums beside a loop of backward passes."""
    torch.manual_seed(5)
    model, x = mlp((64, 256, 256, 10), nn.Tanh), torch.randn(8, 64, dtype=torch.float64)
    layer = model[1]  # type: ignore[index]
    target = torch.zeros(8, dtype=torch.long)

    def mine(method: str, n: int) -> Job:
        return lambda: layer_integral(model, layer, x, target=target, method=method, n_steps=n)

    fine = values_of(mine("spectral", 65)())
    rows = alternating(
        {
            "spectral 17": mine("spectral", 17),
            "trapezoid 16": mine("trapezoid", 16),
            "trapezoid 50": mine("trapezoid", 50),
            "loop 50": lambda: layer_loop(model, layer, x, 50),
            "conductance 17": lambda: LayerConductance(model, layer).attribute(x, target=0, n_steps=17),  # type: ignore[dict-item,return-value]
        },
        fine,
        rounds,
    )
    show("layer integral, MLP 64-256-256-10 tanh, batch 8", rows)
    return {"rows": rows, "dtype": "float64", "batch": 8}


def resnet() -> dict[str, object]:
    """ResNet-18 at 3x224x224 in float32, one image, once; the reference are at most 768 cells, more of them where kinks
    are, whose own estimate is told."""
    model, x = resnet18(image(4, 224, torch.float32, 1)), image(1, 224, torch.float32, 5)
    target = torch.zeros(1, dtype=torch.long)
    job = job_of(model, segments(model, x, None, target))
    found, _ = search.secant(job, search.asked(1e-5, None), 32, 768)
    assert isinstance(found.values, Tensor)
    jobs = {f"ours secant {n}": ours(model, x, target, method="secant", n_steps=n) for n in (48, 192)}
    jobs |= {f"captum {n}": captum(model, x, target, n, 8) for n in (50, 300)}
    rows = alternating(jobs, found.values.double(), 1)
    show("ResNet-18 3x224x224 ReLU, batch 1", rows)
    return {
        "rows": rows, "dtype": "float32", "batch": 1, "reference": f"secant, {found.n_steps} cells",
        "reference error": float(found.error.max()) / float(found.values.abs().max()),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--large", action="store_true", help="also ResNet-18 at 224 pixels")
    options = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(os.cpu_count() or 1)
    double, single = torch.float64, torch.float32
    points = torch.randn(32, 64, dtype=double)
    small = image(2, 32, double, 2)
    middle = image(8, 64, single, 3)
    r = options.rounds
    result: dict[str, object] = {
        "machine": {
            "cores": os.cpu_count(),
            "python": platform.python_version(),
            "torch": torch.__version__,
            "cuda": torch.cuda.get_device_name() if torch.cuda.is_available() else "none",
        }
    }
    sizes = (64, 256, 256, 10)
    result["MLP 64-256-256-10 ReLU"] = study(
        "MLP 64-256-256-10 ReLU, batch 32", mlp(sizes, nn.ReLU), points, (1e-3,), (50, 300, 3000), r,
        peers=True, exact=True,
    )  # fmt: skip
    result["MLP 64-256-256-10 tanh"] = study(
        "MLP 64-256-256-10 tanh, batch 32", mlp(sizes, nn.Tanh), points, (1e-3, 1e-6), (50,), r
    )
    wide = (784, 1024, 1024, 1024, 10)
    flat = torch.rand(4, 784, dtype=single)
    result["MLP 784-1024x3-10 ReLU"] = study(
        "MLP 784-1024x3-10 ReLU, batch 4",
        mlp(wide, nn.ReLU, single),
        flat,
        (1e-2, 1e-3),
        (50, 300, 3000),
        r,
        exact=True,
    )
    result["CNN 3x32x32 ReLU average"] = study(
        "CNN 3x32x32 ReLU average, batch 2", cnn(32, nn.ReLU, nn.AvgPool2d), small, (3e-2, 1e-2, 2e-3), (50, 300, 1000), r,
        peers=True, exact=True,
    )  # fmt: skip
    smooth = cnn(64, nn.Tanh, nn.AvgPool2d, single)
    result["CNN 3x64x64 tanh average"] = study(
        "CNN 3x64x64 tanh average, batch 8", smooth, middle, (1e-3, 1e-5), (50,), r, chunks=64
    )
    for pool in (nn.AvgPool2d, nn.MaxPool2d):
        name = f"CNN 3x64x64 ReLU {'average' if pool is nn.AvgPool2d else 'max'}"
        model = cnn(64, nn.ReLU, pool, single)
        began = time.perf_counter()
        first = integrated_gradients(model.double(), middle[:1].double(), target=0, method="exact")
        seconds = time.perf_counter() - began
        assert isinstance(first.values, Tensor)
        print(f"\n{name}: exact in {seconds:.1f} s, {first.n_steps} pieces, residual {float(first.residual):.1e}")
        found = study(f"{name}, batch 8", model.float(), middle, (2e-1, 1e-1, 6e-2, 4e-2, 2e-2, 1.5e-2, 1e-2), (50, 300, 1000), r,
                      reference=first.values, chunks=64)  # fmt: skip
        result[name] = found | {
            "exact": {"seconds": seconds, "pieces": first.n_steps, "residual": float(first.residual)}
        }
    result["layer integral"] = layers(r)
    result["memory"] = memory()
    result["rational"] = rational()
    keep(result)
    if options.large:
        result["ResNet-18 3x224x224 ReLU"] = resnet()
        keep(result)


def keep(result: dict[str, object]) -> None:
    """Writes results/engine.json and the page; large models that were not run keep their earlier figures."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / "engine.json"
    if path.is_file():
        earlier = json.loads(path.read_text())
        result |= {k: v for k, v in earlier.items() if k.startswith("ResNet") and k not in result}
    path.write_text(json.dumps(result, indent=2) + "\n")
    write(result)
    print(f"\nwritten to {path.name}", flush=True)


if __name__ == "__main__":
    main()
