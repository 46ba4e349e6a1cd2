"""What do the figures say? A page with the goals beside them, and errors against time as a picture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot as plt

DOCS = Path(__file__).resolve().parent.parent / "docs"
Rows = dict[str, dict[str, float]]
Line = tuple[str, str, str]


def at_error(rows: Rows, prefix: str, error: float) -> tuple[float, bool]:
    """Seconds of the fastest job with the prefix whose error is small enough; for sums of first order that were not run
    with so many steps, what their time is expected to be, and that it is."""
    found = [r for name, r in rows.items() if name.startswith(prefix)]
    enough = [r["seconds"] for r in found if r["error"] <= error]
    if enough:
        return min(enough), False
    best = min(found, key=lambda r: r["error"])
    return best["seconds"] * best["error"] / error, True


def _ratio(rows: Rows, error: float) -> str:
    mine, peer = at_error(rows, "ours", error), at_error(rows, "captum ", error)
    if mine[1]:
        return "error not reached"
    return f"{peer[0] / mine[0]:.3g}×" + (" (captum's time extrapolated at order 1)" if peer[1] else "")


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
    for name, job in (("MLP 64-256-256-10 tanh", "ours rtol=1e-06"), ("CNN 3x64x64 tanh average", "ours rtol=1e-05")):
        row = result[name]["rows"][job]
        faster = result[name]["rows"]["captum 50"]["seconds"] / row["seconds"]
        yield f"{name}, {job}", "3× faster than captum-50, error 1e-6", f"{faster:.2g}×, error {row['error']:.0e}"
    if "ResNet-18 3x224x224 ReLU" in result:
        yield "ResNet-18 3x224x224, error 2e-3", "3×", _ratio(result["ResNet-18 3x224x224 ReLU"]["rows"], 2e-3)
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
    yield (
        "anything on a GPU",
        "20× and 80 % of throughput",
        "not run: no GPU" if result["machine"]["cuda"] == "none" else "-",
    )


def _table(lines: Iterator[Line]) -> str:
    head = ("work", "goal", "found")
    return "\n".join(f"| {' | '.join(line)} |" for line in (head, ("---",) * 3, *lines))


def _all(result: Mapping[str, Any]) -> str:
    parts = []
    for name, study in result.items():
        if isinstance(study, dict) and "rows" in study:
            rows = study["rows"].items()
            body = "\n".join(
                f"| {job} | {r['seconds'] * 1e3:.1f} | {r['low'] * 1e3:.1f} to {r['high'] * 1e3:.1f} | {r['error']:.1e} |"
                for job, r in rows
            )
            head = f"### {name}\n\nbatch {study['batch']}, {study['dtype']}\n\n"
            parts.append(
                f"{head}| job | ms (median) | ms (least to most) | relative error |\n|---|---|---|---|\n{body}"
            )
    return "\n\n".join(parts)


def _picture(result: Mapping[str, Any], path: Path) -> None:
    names = [n for n, s in result.items() if isinstance(s, dict) and "rows" in s and "captum 50" in s["rows"]]
    figure, axes = plt.subplots(
        (len(names) + 1) // 2, 2, figsize=(9, 2.7 * ((len(names) + 1) // 2)), layout="constrained"
    )
    for axis, name in zip(axes.flat, names, strict=False):
        for prefix, mark in (("ours", "o-"), ("captum ", "s-")):
            found = sorted((r["seconds"], r["error"]) for k, r in result[name]["rows"].items() if k.startswith(prefix))
            shown = [(s, max(e, 1e-16)) for s, e in found]
            axis.loglog(*zip(*shown, strict=True), mark, markersize=4, label=prefix.strip())
        axis.set_title(name, fontsize=9)
        axis.set_xlabel("seconds", fontsize=8)
        axis.set_ylabel("relative error", fontsize=8)
        axis.legend(fontsize=7)
        axis.grid(alpha=0.3)
    for axis in axes.flat[len(names) :]:
        axis.set_visible(False)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def write(result: Mapping[str, Any]) -> None:
    """docs/benchmarks.md and docs/benchmarks.svg."""
    machine = result["machine"]
    gpu = "no GPU" if machine["cuda"] == "none" else machine["cuda"]
    text = f"""# Benchmarks

Written by `nox -s bench`, which runs every job of a table in one process, all jobs once per round. {machine["cores"]} cores,
{gpu}, Python {machine["python"]}, torch {machine["torch"]}. Errors are largest absolute differences to the exact or
converged values, relative to the sample's largest attribution. Times are compared at equal true error.

## Goals

{_table(_goals(result))}

![Error against time](benchmarks.svg)

## Figures

{_all(result)}
"""
    (DOCS / "benchmarks.md").write_text(text)
    _picture(result, DOCS / "benchmarks.svg")
