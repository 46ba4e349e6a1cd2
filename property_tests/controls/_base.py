"""How is an implementation registered that must pass every check although it looks unusual?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

Subject = TypeVar("Subject", bound=Callable[..., Any])


@dataclass(frozen=True)
class Control:
    """An honest implementation, in one sentence what is unusual about it, and what it claims to be."""

    name: str
    subject: Callable[..., Any]
    unusual: str
    as_: str = "ig"
    stage: str | None = None


CONTROLS: dict[str, Control] = {}


def control(unusual: str, as_: str = "ig", stage: str | None = None) -> Callable[[Subject], Subject]:
    """Registers a function or a class as a control and makes what is unusual about it its docstring."""

    def register(subject: Subject) -> Subject:
        # A file loaded by its path, as a SPEC, is a module beside the package's own and registers nothing.
        if not subject.__module__.startswith(f"{__package__}."):
            return subject
        name = subject.__name__
        if name in CONTROLS:
            raise ValueError(f"control {name} is defined twice")
        subject.__doc__ = unusual
        CONTROLS[name] = Control(name, subject, unusual, as_, stage)
        return subject

    return register
