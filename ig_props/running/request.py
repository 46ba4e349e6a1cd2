"""What is to be attacked, how hard, and what is the result worth to the caller of a process?"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from ig_props.findings import Finding, Verdict

BROKEN = frozenset({Verdict.REFUTED, Verdict.CRASHED})
CONCLUSIVE = BROKEN | {Verdict.IMPRECISE, Verdict.HOLDS}
TIMEOUT = 20.0
"""Seconds one call of the code under test may take."""
IMPORT_TIMEOUT = 60.0
INTERRUPTED = 130


MODEL = ("model", "inputs", "baselines", "target", "layer")
"""What describes a person's own model in a request."""


@dataclass(frozen=True)
class Profile:
    """How hard every claim is attacked: examples and seconds to look for a violation, seconds to make it smaller."""

    name: str
    examples: int
    seconds: float
    shrink_seconds: float

    @property
    def numbers(self) -> dict[str, Any]:
        """All but the name."""
        return {key: value for key, value in asdict(self).items() if key != "name"}


PROFILES = {
    p.name: p
    for p in (Profile("quick", 10, 1.5, 1.5), Profile("default", 70, 8.0, 4.0), Profile("deep", 600, 120.0, 30.0))
}


class UsageError(ValueError):
    """What was asked for does not exist; one sentence (exit code 2)."""


@dataclass(frozen=True)
class Request:
    """A campaign: attributors by specification, what they claim to be and accept, and how they are attacked.

    claims: globs of ids, all when empty. jobs: worker processes at a time, 0 for as many as there are processors, at
    most four. timeout: seconds for one call of the code under test, import_timeout: for its import. registry: the
    module whose `select` finds the claims. model, inputs, baselines, target, layer: a person's own model to check on
    instead of drawn networks, as on the command line or, in this process, as objects.
    """

    specs: tuple[str, ...]
    as_: str | None = None
    stage: str | None = None
    args: Mapping[str, object] = field(default_factory=dict)
    accepts: tuple[str, ...] = ()
    claims: tuple[str, ...] = ()
    profile: Profile = PROFILES["default"]
    seed: int = 0
    dtype: str = "float64"
    device: str = "cpu"
    jobs: int = 0
    timeout: float = TIMEOUT
    import_timeout: float = IMPORT_TIMEOUT
    strict: bool = False
    registry: str = "ig_props.claims.registry"
    model: Any = None
    inputs: Any = None
    baselines: Any = None
    target: Any = None
    layer: str | None = None

    def for_worker(self, spec: str) -> dict[str, Any]:
        names = ("as_", "stage", "accepts", "claims", "seed", "registry", *MODEL)
        return {
            "spec": spec, "args": dict(self.args), **{n: getattr(self, n) for n in names}, **self.profile.numbers
        }  # fmt: skip

    def environment(self) -> dict[str, str]:
        return {"IG_PROPS_DEVICE": self.device, "IG_PROPS_DTYPE": self.dtype}


def nothing_expected(finding: Finding) -> bool:
    return False


def exit_code(
    findings: Iterable[Finding],
    *,
    cannot_run: bool = False,
    strict: bool = False,
    expected: Callable[[Finding], bool] = nothing_expected,
) -> int:
    """0 holds, 1 refuted, 3 the code under test cannot run, 4 nothing conclusive ran (2 is wrong usage).

    A crash or hang counts as refuted, and so does IMPRECISE under `strict`. A property that an attributor does not
    claim is information, and a failure that `expected` recognises is no news. Of several attributors the worst counts.
    """
    failing = BROKEN | {Verdict.IMPRECISE} if strict else BROKEN
    codes = {3} if cannot_run else set()
    by_attributor: dict[str, list[Finding]] = {}
    for finding in findings:
        by_attributor.setdefault(finding.attributor, []).append(finding)
    for group in by_attributor.values():
        if any(f.verdict in failing and f.declared and not expected(f) for f in group):
            codes.add(1)
        else:
            codes.add(0 if any(f.verdict in CONCLUSIVE for f in group) else 4)
    return min(codes or {4}, key=(1, 3, 4, 0).index)
