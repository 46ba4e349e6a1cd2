"""How are the things that a person gave called in reports and scripts?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

GIVEN = "(the object given)"
"""Stands for the name of a file where an object was given."""


@dataclass(frozen=True)
class Files:
    """The options as they were given; `GIVEN` where it was an object."""

    model: str
    inputs: str
    baselines: str | None = None
    target: str | None = None
    layer: str | None = None


def sample(shape: Sequence[int]) -> str:
    """What one input of this shape is called."""
    return "image" if len(shape) == 3 else "input"


def entry(shape: Sequence[int], k: int) -> str:
    """Coordinate k of a flat point as a place in the person's array, without the batch."""
    places = []
    for size in reversed(shape):
        k, place = divmod(k, size)
        places.append(str(place))
    return "[" + ", ".join(reversed(places)) + "]"
