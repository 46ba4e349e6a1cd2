"""Do all derivations go through, and is every damaged one rejected? Run as `python -m proofs.replay [GLOB] [--json FILE]`."""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from proofs.derivation import Proved, derivations, run
from proofs.kernel.script import REORDERED, accepted, corruptions, ordered, replay, script
from proofs.kernel.terms import Rejected

REJECTED = 0.95
"""Share of damages of each proof that the kernel must reject."""


@dataclass(frozen=True)
class Damages:
    """How many damages of a claim's proof were rejected, and those that do no harm, with the reason."""

    tried: int
    harmless: tuple[tuple[str, str], ...]

    @property
    def rejected(self) -> int:
        return self.tried - len(self.harmless)

    @property
    def enough(self) -> bool:
        return self.rejected >= REJECTED * self.tried


def damaged(proved: Proved) -> Damages:
    """Every automatic damage of every theorem of a claim."""
    tried, harmless = 0, []
    for _, theorem in proved.parts:
        made = ordered(theorem)
        for corruption in corruptions(script(theorem)):
            why = accepted(corruption, made)
            tried += why != REORDERED
            if why and why != REORDERED:
                harmless.append((corruption.what, why))
    return Damages(tried, tuple(harmless))


def replayed(proved: Proved) -> str:
    """Empty if running the recorded steps again gives the same theorems; else what differs."""
    for words, theorem in proved.parts:
        try:
            again = replay(script(theorem))
        except Rejected as error:
            return f"{words}: {error}"
        if (again.statement, again.premises) != (theorem.statement, theorem.premises):
            return f"{words}: the steps prove something else"
    return ""


def main(glob: str = "*", json_file: Path | None = None) -> int:
    """Prints a line for each claim and the totals; 1 if a derivation fails or too few damages are rejected.

    json_file: where the counts go, by claim, for the pages.
    """
    began, failed = time.perf_counter(), 0
    totals = {"steps": 0, "witnesses": 0, "tried": 0, "rejected": 0}
    report: dict[str, dict[str, object]] = {}
    for id_, derivation in derivations(glob).items():
        proved = run(derivation)
        error = proved.error or replayed(proved)
        if error:
            failed += 1
            print(f"{id_:42} FAILS: {error}")
            continue
        damages = damaged(proved)
        failed += not damages.enough
        counts = {
            "steps": proved.steps, "witnesses": proved.witnesses, "tried": damages.tried, "rejected": damages.rejected,
        }  # fmt: skip
        totals = {key: totals[key] + n for key, n in counts.items()}
        report[id_] = {**counts, "harmless": damages.harmless}
        print(
            f"{id_:42} {proved.steps:3} steps {proved.witnesses:4} witnesses "
            f"{damages.rejected:4} of {damages.tried:4} corruptions rejected" + ("" if damages.enough else "  TOO FEW")
        )
        for what, why in damages.harmless:
            print(f"{'':44}harmless: {what}: {why}")
    print(
        f"{len(derivations(glob))} claims, {totals['steps']} steps, {totals['witnesses']} witnesses, "
        f"{totals['rejected']} of {totals['tried']} corruptions rejected, {time.perf_counter() - began:.1f} s"
    )
    if json_file is not None:
        json_file.parent.mkdir(parents=True, exist_ok=True)
        json_file.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return int(failed > 0)


if __name__ == "__main__":
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("glob", nargs="?", default="*")
    asked.add_argument("--json", type=Path)
    given = asked.parse_args()
    sys.exit(main(given.glob, given.json))
