"""How close does the engine come to what an accelerator can do? ResNet-50 and a vision transformer, float32.

Layer integrals and Integrated Gradients beside a loop of backward passes, and beside the device's own throughput of forward
and backward passes at its best batch. Prints a table and writes results/<device>.json. `--device cpu --small` runs the same
code on small models where there is no accelerator; nothing is written then.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
from loops import layer_loop
from models import image, resnet50, transformer
from torch import Tensor, nn

from ig_props import integrated_gradients, layer_integral

RESULTS = Path(__file__).resolve().parent / "results"
Figures = dict[str, float]


def timed(job: Callable[[], object], device: torch.device, rounds: int) -> Figures:
    """Median seconds of a job after one that is not counted, and the most MiB it holds on the device."""
    taken = []
    for k in range(rounds + 1):
        if device.type == "cuda":
            torch.cuda.synchronize()
            torch.cuda.reset_peak_memory_stats()
        began = time.perf_counter()
        job()
        if device.type == "cuda":
            torch.cuda.synchronize()
        if k:
            taken.append(time.perf_counter() - began)
    held = torch.cuda.max_memory_allocated() / 2**20 if device.type == "cuda" else float("nan")
    return {"seconds": statistics.median(taken), "low": min(taken), "high": max(taken), "MiB": held}


def throughput(model: nn.Module, x: Tensor, batches: tuple[int, ...], rounds: int) -> Figures:
    """The most images per second that go forward and backward through a model, and in which batches."""
    best = {"images per second": 0.0, "batch": 0.0}
    for size in batches:
        rows = x[:1].expand(size, -1, -1, -1).clone()

        def passes(rows: Tensor = rows) -> Tensor:
            leaf = rows.clone().requires_grad_(True)
            return torch.autograd.grad(model(leaf)[:, 0].sum(), leaf)[0]

        speed = size / timed(passes, x.device, rounds)["seconds"]
        if speed > best["images per second"]:
            best = {"images per second": speed, "batch": float(size)}
    return best


def loop(model: nn.Module, layer: nn.Module, x: Tensor, n_steps: int) -> Tensor:
    """The paper's sum, image by image."""
    return torch.cat([layer_loop(model, layer, row[None], n_steps) for row in x])


def study(
    model: nn.Module, layer: nn.Module, x: Tensor, best: Figures, n_steps: int, rows: int, rounds: int
) -> dict[str, object]:
    options = {"target": 0, "n_steps": n_steps, "internal_batch_size": rows}
    jobs: dict[str, Callable[[], object]] = {
        "layer trapezoid": lambda: layer_integral(model, layer, x, method="trapezoid", **options),  # type: ignore[arg-type]
        "integrated gradients": lambda: integrated_gradients(model, x, method="midpoint", **options),  # type: ignore[arg-type]
        "loop": lambda: loop(model, layer, x, n_steps),
    }
    found: dict[str, object] = {
        name: timed(job, x.device, 1 if name == "loop" else rounds) for name, job in jobs.items()
    }
    mine, theirs, whole = (found[name]["seconds"] for name in ("layer trapezoid", "loop", "integrated gradients"))  # type: ignore[index]
    found["faster than the loop"] = theirs / mine
    found["share of throughput"] = n_steps * len(x) / whole / best["images per second"]
    ours = layer_integral(model, layer, x, method="trapezoid", **options).values  # type: ignore[arg-type]
    slow = loop(model, layer, x, n_steps)
    found["difference to the loop"] = float((ours - slow).abs().max() / slow.abs().max())
    return found


def agreement(model: nn.Module, x: Tensor) -> float:
    """How far CPU and device lie apart in double precision, relative to the largest attribution."""
    here, there = (
        integrated_gradients(model.to(d).double(), x[:1].to(d).double(), target=0, method="midpoint", n_steps=20).values
        for d in (torch.device("cpu"), x.device)
    )
    assert isinstance(here, Tensor)
    assert isinstance(there, Tensor)
    model.to(x.device).float()
    return float((here - there.cpu()).abs().max() / here.abs().max())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda", help="cuda, or cpu to try the code itself")
    parser.add_argument("--small", action="store_true", help="small models and few steps")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    device = torch.device(options.device)
    if device.type == "cuda" and not torch.cuda.is_available():
        print("no CUDA device here: nothing of this part is measured")
        return
    size, batches, steps = (64, (1, 2), (5, 10)) if options.small else (224, (1, 16), (50, 300))
    tried = (1, 4) if options.small else (16, 32, 64, 128, 256)
    torch.manual_seed(0)
    x = image(batches[-1], size, torch.float32, 0).to(device)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
    result: dict[str, object] = {"device": name, "torch": torch.__version__, "dtype": "float32"}
    for kind, build in (("ResNet-50", resnet50), ("vision transformer", transformer)):
        model, layer = build(x.cpu()[:4], small=options.small)
        model = model.to(device)
        best = throughput(model, x, tried, options.rounds)
        apart = agreement(model, x)
        print(
            f"{kind}: {best['images per second']:.0f} images/s in batches of {best['batch']:.0f}, CPU apart {apart:.1e}"
        )
        result[kind] = {"best": best, "CPU and device apart, float64": apart}
        for batch in batches:
            for n in steps:
                found = study(model, layer, x[:batch], best, n, int(best["batch"]), options.rounds)
                result[f"{kind}, batch {batch}, {n} steps"] = found
                print(
                    f"  batch {batch}, {n} steps: {found['faster than the loop']:.1f}x faster than the loop, "
                    f"{found['share of throughput']:.0%} of throughput, apart {found['difference to the loop']:.1e}",
                    flush=True,
                )
    if device.type == "cuda":
        path = RESULTS / f"{re.sub('[^a-z0-9]+', '-', name.lower())}.json"
        path.write_text(json.dumps(result, indent=2) + "\n")
        print(f"written to {path.name}")


if __name__ == "__main__":
    main()
