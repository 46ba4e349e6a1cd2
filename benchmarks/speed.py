"""How long do the commands take, and how fast is a defect refuted? Prints a table and writes results/speed.json."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
GOALS = {"ig-props --help": 0.3, "check captum, quick": 10.0, "check captum, default": 60.0, "median mutant": 3.0}


def command(*arguments: str, runs: int = 1) -> float:
    """Median wall-clock seconds of an ig-props command."""
    times = []
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(runs):
            began = time.perf_counter()
            subprocess.run(["ig-props", *arguments], cwd=folder, stdout=subprocess.DEVNULL, check=False)
            times.append(time.perf_counter() - began)
    return statistics.median(times)


def mutants() -> list[float]:
    """Seconds until each mutant of the test suite is refuted by a claim it names, or the whole time if it is not."""
    sys.path.insert(0, str(ROOT))
    from ig_props.campaign import check
    from property_tests.mutants import MUTANTS

    times = []
    for mutant in MUTANTS.values():
        began = time.perf_counter()
        check(mutant.subject, as_=mutant.as_, stage=mutant.stage, claims=mutant.refuted_by[:1], profile="default")
        times.append(time.perf_counter() - began)
    return times


def main() -> None:
    import torch

    torch.set_num_threads(1)
    seconds = {
        "ig-props --help": command("--help", runs=7),
        "check captum, quick": command("check", "captum:IntegratedGradients", "--profile", "quick"),
        "check captum, default": command("check", "captum:IntegratedGradients"),
    }
    each = mutants()
    seconds["median mutant"] = statistics.median(each)
    for name, value in seconds.items():
        print(f"{name:24s} {value:8.2f} s   goal {GOALS[name]:g} s")
    print(f"mutants: {len(each)}, slowest {max(each):.1f} s")
    result = {
        "seconds": seconds,
        "goals": GOALS,
        "mutants": {"count": len(each), "slowest": max(each)},
        "machine": {"cores": os.cpu_count(), "python": platform.python_version(), "torch": torch.__version__},
    }
    target = ROOT / "benchmarks" / "results" / "speed.json"
    target.write_text(json.dumps(result, indent=2) + "\n")
    print(f"written to {target.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
