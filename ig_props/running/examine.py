"""What is reported of one claim of one attributor? What the attack found, with a diagnosis and a reproduction."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING

from ig_props.findings import Finding, Verdict
from ig_props.running.events import Event, Shrinking

if TYPE_CHECKING:
    from ig_props.attributors.protocol import Attributor
    from ig_props.claims.claim import Claim


def claim_seed(seed: int, claim: str) -> int:
    """The seed of one claim's attack, whatever else is attacked before."""
    return int.from_bytes(hashlib.sha256(f"{seed} {claim}".encode()).digest()[:8])


_diagnosed: deque[tuple[Attributor, tuple[str, ...]]] = deque(maxlen=8)


def _diagnosis(attributor: Attributor) -> tuple[str, ...]:
    for known, sentences in _diagnosed:
        if known is attributor:
            return sentences
    try:
        sentences = tuple(import_module("ig_props.diagnosis").diagnose(attributor))
    except (Exception, SystemExit) as error:
        from ig_props.running.attack import internal_error

        sentences = (f"no diagnosis: {internal_error(error)}",)
    _diagnosed.append((attributor, sentences))
    return sentences


def reproduced(finding: Finding) -> Finding:
    """The finding with a script that reproduces it; one on a person's own model is put in their terms."""
    try:
        if finding.case is not None and "model" in finding.case:
            own: Finding = import_module("ig_props.model_check.script").told(finding)
            return own
        return replace(finding, reproduction=import_module("ig_props.reproduction.replay").script(finding))
    except Exception as error:
        from ig_props.running.attack import internal_error

        return replace(finding, reproduction=f"# no script: {internal_error(error)}")


def examine(
    claim: Claim,
    attributor: Attributor,
    *,
    examples: int,
    seconds: float,
    shrink_seconds: float,
    seed: int,
    emit: Callable[[Event], None] = lambda event: None,
    watch: Callable[[str], None] = lambda text: None,
) -> Finding:
    """Attack one claim, and add diagnosis and reproduction to what refutes it."""
    from ig_props.running.attack import LEAST, VIOLATIONS, attack, internal_error

    try:
        finding = attack(
            claim, attributor, examples=max(LEAST, round(examples * claim.effort)),
            seed=claim_seed(seed, claim.id), seconds=seconds, shrink_seconds=shrink_seconds, emit=emit, watch=watch,
        )  # fmt: skip
    except Exception as error:
        return Finding(attributor.name, claim.id, Verdict.INCONCLUSIVE, internal_error(error))
    if finding.verdict not in VIOLATIONS or finding.case is None:
        return finding
    finding = reproduced(finding)
    if finding.comparison is None:
        return finding
    emit(Shrinking(finding))
    return replace(finding, diagnosis=_diagnosis(attributor))
