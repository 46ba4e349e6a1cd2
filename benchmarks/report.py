"""What do the figures say? A page with the goals beside them, and errors against time and gradients as a picture."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.ticker import LogLocator, NullFormatter

ESTIMATES = Path(__file__).resolve().parent / "results" / "estimates.json"
DOCS = Path(__file__).resolve().parent.parent / "docs"
Rows = dict[str, dict[str, float]]
Line = tuple[str, str, str]


def at_error(rows: Rows, prefix: str, error: float) -> tuple[float, bool]:
    """Seconds of the fastest job with the prefix whose error is small enough; what is needed beyond the best of them at first
    order, and that it is."""
    found = [r for name, r in rows.items() if name.startswith(prefix)]
    enough = [r["seconds"] for r in found if r["error"] <= error]
    if enough:
        return min(enough), False
    best = min(found, key=lambda r: r["error"])
    return best["seconds"] * best["error"] / error, True


def peer_at_error(rows: Rows, error: float) -> tuple[float, bool]:
    """Seconds of captum with as many steps as the error needs: between two numbers of steps that were run, as powers of the
    error go; beyond the largest one at first order, and that it is."""
    found = sorted((r["error"], r["seconds"]) for name, r in rows.items() if name.startswith("captum "))
    below = [pair for pair in found if pair[0] <= error]
    above = [pair for pair in found if pair[0] > error]
    if not below:
        return at_error(rows, "captum ", error)
    (small, slow) = below[-1]
    if not above or small <= 0.0:
        return slow, False
    (large, fast) = above[0]
    return fast * (slow / fast) ** (math.log(large / error) / math.log(large / small)), False


def _ratio(rows: Rows, error: float) -> str:
    mine, peer = at_error(rows, "ours", error), peer_at_error(rows, error)
    if mine[1]:
        return "error not reached"
    times = peer[0] / mine[0]
    return (f"{times:.0f}×" if times >= 100 else f"{times:.3g}×") + (
        " (captum's time extrapolated at order 1)" if peer[1] else ""
    )


def _goals(result: Mapping[str, Any]) -> Iterator[Line]:
    mlp = result["MLP 64-256-256-10 ReLU"]["rows"]
    for error, goal in ((1e-3, 6), (1e-4, 60), (1e-5, 400)):
        yield f"MLP 64-256-256-10 ReLU, batch 32, error {error:g}", f"{goal}× faster than captum", _ratio(mlp, error)
    times = mlp["ours exact"]["seconds"] / mlp["captum 50"]["seconds"]
    yield "the same, exact", "within 4× of captum-50's time", f"{times:.2g}×"
    for pool in ("average", "max"):
        name = f"CNN 3x64x64 ReLU {pool}"
        for error, goal in ((2e-3, "4×"), (5e-4, "8×")):
            yield (
                f"{name}, batch 8, error {error:g}",
                goal if pool == "average" else "none set",
                _ratio(result[name]["rows"], error),
            )
        e = result[name]["exact"]
        found = f"{e['seconds']:.3g} s, {e['pieces']} pieces, residual {e['residual']:.0e}"
        yield f"{name}, exact, one image", "30 s, residual 1e-13" if pool == "average" else "none set", found
    for name in ("MLP 64-256-256-10 tanh", "CNN 3x64x64 tanh average"):
        rows = result[name]["rows"]
        seconds, expected = at_error(rows, "ours", 1e-6)
        faster = "error not reached" if expected else f"{rows['captum 50']['seconds'] / seconds:.2g}×"
        yield f"{name}, error 1e-6", "3× faster than captum-50", faster
    if "ResNet-18 3x224x224 ReLU" in result:
        large = result["ResNet-18 3x224x224 ReLU"]
        reached = max(2e-3, min(r["error"] for name, r in large["rows"].items() if name.startswith("ours")))
        found = f"at error {reached:.1g}: {_ratio(large['rows'], reached)}"
        known = f"the reference's own estimate is {large['reference error']:.1g}"
        yield "ResNet-18 3x224x224, error 2e-3", "3×", f"{found}; {known}"
    layer = result["layer integral"]["rows"]
    below = layer["trapezoid 16"]["error"] / layer["spectral 17"]["error"]
    yield "layer integral, tanh MLP, 17 nodes", "1,000 times below the trapezoid's error", f"{below:.2g} times"
    faster = layer["loop 50"]["seconds"] / layer["trapezoid 50"]["seconds"]
    yield "the same, trapezoid with 50 cells", "3× faster than a loop of backward passes", f"{faster:.2g}×"
    few, many = (result["memory"][f"MiB, {n} steps"] for n in (50, 5000))
    yield "memory, CNN 3x32x32, batch 8", "flat", f"{few:.0f} MiB with 50 steps, {many:.0f} MiB with 5,000"
    exact = result["rational"]
    complete = "complete by ==" if exact["complete"] else "not complete"
    yield "exact rational oracle, MLP 64-256-256-10", "10 s, complete by ==", f"{exact['seconds']:.2g} s, {complete}"
    yield from _on_devices()


def _on_devices() -> Iterator[Line]:
    """What accelerator.py stored of devices that there were."""
    aims = "20× faster than the loop with 300 steps and 80 % of throughput, none with 50"
    found = [json.loads(path.read_text()) for path in sorted(ESTIMATES.parent.glob("*.json"))]
    devices = [study for study in found if "device" in study]
    for study in devices:
        for name, part in study.items():
            if isinstance(part, dict) and "share of throughput" in part:
                share = f"{part['faster than the loop']:.3g}×, {part['share of throughput']:.0%}"
                yield f"{name}, {study['device']}", aims, share
    if not devices:
        yield "layer integrals and IG on a GPU", aims, "not run: there was no GPU"


def _table(lines: Iterator[Line]) -> str:
    head = ("work", "goal", "found")
    return "\n".join(f"| {' | '.join(line)} |" for line in (head, ("---",) * 3, *lines))


COLUMNS = ("job", "ms (median)", "ms (least to most)", "gradients per sample", "relative error")


def _all(result: Mapping[str, Any]) -> str:
    parts = []
    for name, study in result.items():
        if isinstance(study, dict) and "rows" in study:
            lines = [COLUMNS, ("---",) * len(COLUMNS)]
            for job, r in study["rows"].items():
                middle, low, high = (f"{r[k] * 1e3:.1f}" for k in ("seconds", "low", "high"))
                lines.append((job, middle, f"{low} to {high}", f"{r['gradients']:.0f}", f"{r['error']:.1e}"))
            body = "\n".join(f"| {' | '.join(line)} |" for line in lines)
            parts.append(f"### {name}\n\nbatch {study['batch']}, {study['dtype']}{_reference(study)}\n\n{body}")
    return "\n\n".join(parts)


def _reference(study: Mapping[str, Any]) -> str:
    if "reference" not in study:
        return ""
    return f"; reference: {study['reference']}, estimated relative error {study['reference error']:.1e}"


def _picture(result: Mapping[str, Any], path: Path) -> None:
    names = [n for n, s in result.items() if isinstance(s, dict) and "rows" in s and "captum 50" in s["rows"]]
    figure, axes = plt.subplots(len(names), 2, figsize=(9, 2.6 * len(names)), layout="constrained", squeeze=False)
    for row, name in zip(axes, names, strict=True):
        for axis, key, unit in zip(row, ("seconds", "gradients"), ("seconds", "gradients per sample"), strict=True):
            for prefix, mark in (("ours", "o-"), ("captum ", "s-")):
                jobs = result[name]["rows"].items()
                shown = sorted((r[key], max(r["error"], 1e-16)) for k, r in jobs if k.startswith(prefix))
                axis.loglog(*zip(*shown, strict=True), mark, markersize=4, label=prefix.strip())
            axis.set_title(name, fontsize=9)
            axis.set_xlabel(unit, fontsize=8)
            axis.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
            axis.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
            axis.xaxis.set_minor_formatter(NullFormatter())
            axis.tick_params(labelsize=7)
            axis.set_ylabel("relative error", fontsize=8)
            axis.legend(fontsize=7)
            axis.grid(alpha=0.3)
    with plt.rc_context({"svg.hashsalt": "ig-props"}):
        figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def _estimates() -> str:
    """How often a true error was larger than the estimate, as `nox -s bench` found it."""
    if not ESTIMATES.is_file():
        return "not measured"
    found = json.loads(ESTIMATES.read_text())
    head = "| sum | rtol | samples | error above the estimate | median error / estimate |\n|---|---|---|---|---|\n"
    return head + "\n".join(
        f"| {r['sum']} | {r['rtol']:g} | {r['samples']} | {r['exceeded']} | {r['median error / estimate']:.2g} |"
        for r in found["rows"]
    )


def _rounds(result: Mapping[str, Any]) -> int:
    return max(int(r["runs"]) for study in result.values() if "rows" in study for r in study["rows"].values())


def write(result: Mapping[str, Any]) -> None:
    """docs/benchmarks.md and docs/benchmarks.svg."""
    machine = result["machine"]
    gpu = "no GPU" if machine["cuda"] == "none" else machine["cuda"]
    text = f"""# Benchmarks

Written by benchmarks/engine.py, which `nox -s bench` calls: every job of a table in one process, all jobs once per round,
medians of {_rounds(result)} rounds (jobs of more than 20 s and ResNet-18: one). {machine["cores"]} cores,
{gpu}, Python {machine["python"]}, torch {machine["torch"]}. Errors are largest absolute differences to the exact or
converged values, relative to the sample's largest attribution. Times are compared at equal true error: of the fastest of
our jobs that reaches it, and of captum with as many steps as it needs, by the line between two numbers of steps that were run.

## Goals

{_table(_goals(result))}

Where a goal is missed: a sum over cells costs its own gradients and those of the coarser one that shows its error; 12 cells come
first. Smooth models take 17 or 33 gradients, but a small model's trace takes as long as the gradients, and the rule that shows an
error to be small has twice the nodes of the one that has it. ResNet-18 was not run to 2e-3, and its reference is itself a sum of
cells.

Times vary from run to run (least to most, below), so that figures near their goal may lie on either side of it.

![Error against time and against gradients](benchmarks.svg)

## Estimates

Random networks of seed 0, four samples each, torch as above; those of the first rows have more than two thousand units, and so
many kinks that cells are used.

{_estimates()}

## Figures

{_all(result)}
"""
    (DOCS / "benchmarks.md").write_text(text)
    _picture(result, DOCS / "benchmarks.svg")
