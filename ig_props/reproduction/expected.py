"""Which refutations are known already, and is what happened what was expected?"""

from __future__ import annotations

import difflib
import json
import tomllib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ig_props.findings import Finding, Verdict

LARGEST = 4 * 2**20
"""Bytes of the largest file of expectations that is read."""
FIELDS = {"claim", "attributor", "reason", "witness"}
FAILING = frozenset({Verdict.REFUTED, Verdict.CRASHED})


class ExpectedError(ValueError):
    """The file of expectations cannot be used; one sentence."""


@dataclass(frozen=True)
class Expected:
    """`attributor` is known to fail `claim`; `witness`: a replay file that shows it, relative to the working directory."""

    claim: str
    attributor: str
    reason: str
    witness: str | None = None

    def __str__(self) -> str:
        return f"{self.claim} of {self.attributor}"


@dataclass(frozen=True)
class Judgement:
    """Expected failures that happened, with their reasons; news: those that vanished; warnings: about odd entries."""

    expected: dict[tuple[str, str], str]
    news: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def excuses(self, finding: Finding) -> bool:
        return (finding.attributor, finding.claim) in self.expected


NOTHING = Judgement({})


def read(path: Path) -> tuple[Expected, ...]:
    """The entries of a TOML (`[[expected]]` tables) or JSON (a list) file; ExpectedError names what does not fit."""
    try:
        if path.stat().st_size > LARGEST:
            raise ExpectedError(f"--expected {path} is larger than {LARGEST} bytes")
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ExpectedError(f"--expected {path} cannot be read: {reason}") from None
    try:
        data: Any = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
    except (tomllib.TOMLDecodeError, json.JSONDecodeError, RecursionError) as error:
        kind = "TOML" if path.suffix == ".toml" else "JSON"
        raise ExpectedError(f"--expected {path} is not {kind}: {error}") from None
    if isinstance(data, dict) and set(data) == {"expected"}:
        data = data["expected"]
    if not isinstance(data, list):
        raise ExpectedError(f"--expected {path} must hold a list 'expected' of claim, attributor, reason and witness")
    return tuple(_entry(item, k, path) for k, item in enumerate(data))


def entries(items: Iterable[Any]) -> tuple[Expected, ...]:
    """Entries given from Python, as `Expected` or mappings with its fields; ExpectedError names what does not fit."""
    return tuple(item if isinstance(item, Expected) else _entry(item, k, None) for k, item in enumerate(items))


def _entry(item: Any, k: int, path: Path | None) -> Expected:
    where = f"expected entry {k}" if path is None else f"--expected {path}, entry {k}"
    if not isinstance(item, dict) or not all(isinstance(v, str) for v in item.values()):
        raise ExpectedError(f"{where}: a table of strings is needed, given {item!r:.60}")
    unknown = sorted(set(item) - FIELDS)
    if unknown:
        near = difflib.get_close_matches(unknown[0], FIELDS, n=1, cutoff=0.0)[0]
        raise ExpectedError(f"{where} has no field {unknown[0]!r}; the nearest is {near!r}")
    missing = [name for name in ("claim", "attributor", "reason") if not item.get(name)]
    if missing:
        raise ExpectedError(f"{where} lacks {missing[0]!r}")
    return Expected(item["claim"], item["attributor"], item["reason"], item.get("witness"))


def judge(
    findings: Sequence[Finding],
    expected: Sequence[Expected],
    still_refutes: Callable[[str], bool | None] = lambda witness: None,
    *,
    strict: bool = False,
) -> Judgement:
    """Compare what happened with what was expected.

    `still_refutes` re-runs a witness and says whether it still refutes, or None where it could not be run. A witness
    decides alone: an attack that is too short to find a known failure again is no news, a witness that passes is.
    """
    failing = FAILING | {Verdict.IMPRECISE} if strict else FAILING
    by_key = {(f.attributor, f.claim): f for f in findings}
    known: dict[tuple[str, str], str] = {}
    news: list[str] = []
    warnings: list[str] = []
    for entry in expected:
        finding = by_key.get((entry.attributor, entry.claim))
        if finding is None or finding.verdict is Verdict.NOT_APPLICABLE:
            warnings.append(f"the expectation {entry} matches nothing that ran" + _nearest(entry, by_key))
            continue
        shown = still_refutes(entry.witness) if entry.witness is not None else None
        if entry.witness is not None and shown is None:
            warnings.append(f"the witness {entry.witness} of {entry} could not be run")
        if shown is False:
            news.append(f"the witness of {entry} passes ({entry.witness}): {entry.reason}")
        elif finding.verdict in failing or shown:
            known[entry.attributor, entry.claim] = entry.reason
        elif finding.verdict is Verdict.INCONCLUSIVE:
            warnings.append(f"{entry} was expected to be refuted, but the attack was inconclusive")
        else:
            now = "holds" if finding.verdict is Verdict.HOLDS else f"is {finding.verdict}"
            news.append(f"{entry} was expected to be refuted and now {now}: {entry.reason}")
    return Judgement(known, tuple(news), tuple(warnings))


def _nearest(entry: Expected, keys: Iterable[tuple[str, str]]) -> str:
    near = difflib.get_close_matches(str(entry), [f"{c} of {a}" for a, c in keys], n=1)
    return f"; the nearest is {near[0]}" if near else ""
