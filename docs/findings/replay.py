"""Do the findings of docs/findings.md still reproduce with the libraries that are installed?

    python docs/findings/replay.py [-v] [NAME …]

Runs every script of this folder, or those whose name begins with a NAME, and prints a table. A script exits 0 while the
library behaves as the page says. Exit code 0: all that could run reproduce; 1: one does not, or none could run.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import io
import json
import runpy
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib import metadata
from itertools import groupby
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
LIBRARIES = {
    "captum": ("captum", "captum"),
    "grad_cam": ("pytorch_grad_cam", "grad-cam"),
    "saliency": ("saliency", "saliency"),
    "shap": ("shap", "shap"),
    "torch": ("torch", "torch"),
    "torchcam": ("torchcam", "torchcam"),
    "zennit": ("zennit", "zennit"),
}
"""What a script's name begins with: the module it imports and the distribution that holds it."""
TIMEOUT = 300.0
"""Seconds the scripts of one library may take together."""


@dataclass(frozen=True)
class Replayed:
    """What became of one script; `code` is its exit status, None where it could not run."""

    script: str
    version: str
    code: int | None
    output: str
    seconds: float

    @property
    def result(self) -> str:
        return "not installed" if self.code is None else "reproduces" if self.code == 0 else "DOES NOT REPRODUCE"


def scripts(names: tuple[str, ...] = ()) -> list[Path]:
    """The scripts of this folder, or those whose name begins with one of `names`."""
    found = sorted(p for p in FOLDER.glob("*.py") if p.name != Path(__file__).name)
    return [p for p in found if not names or p.stem.startswith(tuple(n.removesuffix(".py") for n in names))]


def library(script: Path) -> str:
    """The library a script is about: the key of `LIBRARIES` its name begins with."""
    return next(name for name in LIBRARIES if script.stem.startswith(f"{name}_"))


def replay(paths: list[Path]) -> Iterator[Replayed]:
    """The scripts' results, one process per library, since importing takes longer than all they do."""
    for name, group in groupby(paths, key=library):
        module, distribution = LIBRARIES[name]
        mine = list(group)
        if importlib.util.find_spec(module) is None:
            yield from (Replayed(p.stem, "", None, "", 0.0) for p in mine)
            continue
        command = [sys.executable, str(Path(__file__).resolve()), "--here", *map(str, mine)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=False)
            answers, errors = done.stdout, done.stderr
        except subprocess.TimeoutExpired:
            answers, errors = "", f"no end within {TIMEOUT:g} s"
        lines = [json.loads(line) for line in answers.splitlines() if line.startswith('{"script"')]
        known = {line["script"]: line for line in lines}
        version = metadata.version(distribution)
        for path in mine:
            line = known.get(path.stem, {"script": path.stem, "code": 1, "output": errors, "seconds": 0.0})
            yield Replayed(**{**line, "version": version})


def run_here(path: Path) -> Replayed:
    """Run one script in this process, as `python script.py` would."""
    began, said = time.perf_counter(), io.StringIO()
    with contextlib.redirect_stdout(said):
        try:
            runpy.run_path(str(path), run_name="__main__")
            code = 0
        except SystemExit as error:
            code = error.code if isinstance(error.code, int) else int(error.code is not None)
        except Exception:
            code = 1
            traceback.print_exc(file=said)
    return Replayed(path.stem, "", code, said.getvalue(), time.perf_counter() - began)


def main() -> int:
    parser = argparse.ArgumentParser(description="Do the findings of docs/findings.md still reproduce?")
    parser.add_argument("names", nargs="*", metavar="NAME", help="only scripts whose name begins with it")
    parser.add_argument("-v", "--verbose", action="store_true", help="show what every script prints")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.here:
        for name in given.names:
            print(json.dumps(asdict(run_here(Path(name)))), flush=True)
        return 0
    paths = scripts(tuple(given.names))
    if not paths:
        parser.error(
            f"no script's name begins with {' or '.join(given.names)}; there are {', '.join(p.stem for p in scripts())}"
        )
    width = max(len(p.stem) for p in paths)
    counts = {"reproduces": 0, "DOES NOT REPRODUCE": 0, "not installed": 0}
    for one in replay(paths):
        counts[one.result] += 1
        print(f"{one.script:{width}}  {one.version:9}  {one.result:18}  {one.seconds:5.1f} s", flush=True)
        if given.verbose or one.code:
            print("\n".join(f"    {line}" for line in one.output.splitlines()))
    print(", ".join(f"{count} {result}" for result, count in counts.items() if count))
    return int(counts["DOES NOT REPRODUCE"] > 0 or counts["reproduces"] == 0)


if __name__ == "__main__":
    sys.exit(main())
