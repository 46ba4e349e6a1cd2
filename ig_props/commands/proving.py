"""Why is a claim true? The derivations of the source checkout, run again."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from typing import Any

from ig_props.running.request import UsageError

ROOT = Path(__file__).parents[2]


def derivation_module() -> Any:
    """The module `proofs.derivation` of this checkout; UsageError says in one sentence what is missing."""
    if not (ROOT / "proofs" / "kernel").is_dir():
        raise UsageError("the derivations are in the source checkout (folder proofs/), and this installation has none")
    if importlib.util.find_spec("sympy") is None:
        raise UsageError('the derivations need sympy, which is not installed: pip install "ig-props[docs]"')
    if str(ROOT) not in sys.path:
        sys.path.insert(0, str(ROOT))
    return importlib.import_module("proofs.derivation")


def told(claim: str) -> str:
    """One sentence on the derivation of a claim; empty where there is none or it cannot be run here."""
    try:
        module = derivation_module()
    except UsageError:
        return ""
    chosen = module.derivations(claim)
    if claim not in chosen:
        return ""
    proved = module.run(chosen[claim])
    if proved.error:
        return f"the derivation does not go through: {proved.error}"
    return (
        f"{proved.steps} steps with {proved.witnesses} checks (ig-props prove {claim}): "
        + "; ".join(f"{words}: {theorem.statement.text()}" for words, theorem in proved.parts[:2])
        + (f"; and {len(proved.parts) - 2} more" if len(proved.parts) > 2 else "")
    )


def prove(glob: str, quiet: bool) -> int:
    """`ig-props prove`: every derivation that matches, step by step; 1 if one does not go through."""
    module = derivation_module()
    chosen = module.derivations(glob)
    if not chosen:
        raise UsageError(f"no derivation matches {glob!r} (ig-props list claims shows the ids)")
    ordered = importlib.import_module("proofs.kernel.script").ordered
    facts = importlib.import_module("proofs.kernel.script").facts
    failed = 0
    for id_, derivation in chosen.items():
        proved = module.run(derivation)
        if proved.error:
            failed += 1
            print(f"{id_}: does not go through: {proved.error}")
            continue
        print(f"{id_}: {proved.steps} steps, {proved.witnesses} checks")
        for words, theorem in proved.parts if not quiet else ():
            print(f"\n  {words}:\n  {theorem.statement.text()}")
            for premise in module.premises(theorem):
                print(f"    premise: {premise.text()}")
            steps = ordered(theorem)
            number = {id(step): k for k, step in enumerate(steps, 1)}
            for step in steps:
                used = sorted({number[id(t)] for t in facts(step.args)})
                source = f" from {', '.join(map(str, used))}" if used else ""
                print(f"  {number[id(step)]:3}. {step.rule}{source}: {step.statement.text()}")
                print(f"       checked: {'; '.join(step.checks)}")
        if not quiet:
            print()
    return int(failed > 0)
