"""What is one answer of an audit, in a form that a terminal, a JSON file and a page can show?"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
FORMAT = 1
MOST_NUMBERS = 4096
"""A heat map with more numbers goes into JSON as its shape and its range."""


class Mark(StrEnum):
    """What an answer means for the person who asked."""

    GOOD = "good"
    WARNING = "warning"
    BAD = "bad"
    UNKNOWN = "unknown"


@dataclass(frozen=True, eq=False)
class Heat:
    """A picture [H, W] and what it shows; signed ones are coloured around zero."""

    title: str
    values: Array
    signed: bool = True
    caption: str = ""

    def to_json(self) -> dict[str, Any]:
        told: dict[str, Any] = {"title": self.title, "caption": self.caption, "shape": list(self.values.shape)}
        if self.values.size <= MOST_NUMBERS:
            return told | {"values": plain(self.values.tolist())}
        return told | {"range": plain([float(self.values.min()), float(self.values.max())])}


@dataclass(frozen=True)
class Curves:
    """Lines (x, y) by name on logarithmic axes, with an optional level that is wanted."""

    title: str
    x: str
    y: str
    lines: dict[str, tuple[tuple[float, ...], tuple[float, ...]]]
    level: float | None = None


@dataclass(frozen=True)
class Bars:
    """Named numbers, and the one that all of them should be."""

    title: str
    unit: str
    values: dict[str, float]
    level: float | None = None


@dataclass(frozen=True, eq=False)
class Section:
    """One question of an audit: the answer in a sentence, what it rests on, and numbers under names for machines."""

    name: str
    question: str
    answer: str
    mark: Mark
    facts: tuple[tuple[str, str], ...] = ()
    numbers: dict[str, Any] = field(default_factory=dict)
    heats: tuple[Heat, ...] = ()
    curves: Curves | None = None
    bars: Bars | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "question": self.question,
            "answer": self.answer,
            "mark": str(self.mark),
            "facts": [list(pair) for pair in self.facts],
            "numbers": plain(self.numbers),
            "maps": [h.to_json() for h in self.heats],
            "curves": None if self.curves is None else plain(self.curves.lines),
            "bars": None if self.bars is None else plain(self.bars.values),
        }


@dataclass(frozen=True, eq=False)
class Report:
    """Everything that was found about one explanation; unfinished: what stopped it, if anything did."""

    title: str
    settings: tuple[tuple[str, str], ...]
    versions: dict[str, str]
    sections: tuple[Section, ...]
    seconds: float
    unfinished: str = ""

    @property
    def exit_code(self) -> int:
        """1 if the explanation misses the wanted error or completeness, 0 if it is known to keep them, else 4."""
        judged = [s.mark for s in self.sections if s.name in ("accuracy", "completeness")]
        if Mark.BAD in judged:
            return 1
        return 0 if Mark.GOOD in judged else 4

    def to_json(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "title": self.title,
            "settings": dict(self.settings),
            "versions": self.versions,
            "sections": [s.to_json() for s in self.sections],
            "seconds": round(self.seconds, 2),
            "unfinished": self.unfinished,
            "exit_code": self.exit_code,
        }


def plain(value: Any) -> Any:
    """Numbers and containers that JSON can hold; what is not finite becomes null."""
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else None
    return value.item() if isinstance(value, np.generic) else value


def percent(part: float, whole: float) -> str:
    """A share in words, with two digits."""
    if whole == 0.0:
        return "0 %" if part == 0.0 else "more than anything (of zero)"
    share = 100.0 * part / whole
    return f"{share:.0f} %" if 99.5 <= share < 1e6 else f"{share:.2g} %"


def cosine(a: Array, b: Array) -> float:
    """Cosine of two arrays of one shape; two that are zero are alike, and nothing is like zero."""
    sizes = float(np.linalg.norm(a)) * float(np.linalg.norm(b))
    if sizes == 0.0:
        return float(not a.any() and not b.any())
    return float((a * b).sum()) / sizes


def common(a: Array, b: Array, share: float = 0.1) -> float:
    """Which part of the largest entries (a tenth of all, at least one) two arrays have in common."""
    count = max(1, round(share * a.size))
    tops = [set(np.argsort(-np.abs(v).ravel(), kind="stable")[:count].tolist()) for v in (a, b)]
    return len(tops[0] & tops[1]) / count
