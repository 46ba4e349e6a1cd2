"""What happens during a campaign? Events, one line of JSON each on a worker's pipe.

The lines are Python's JSON: numbers may be NaN or infinite, as received numbers may be.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar

from ig_props.findings import Finding, finding_from_json


@dataclass(frozen=True)
class Event:
    """The base of all events; `kind` names them in JSON."""

    kind: ClassVar[str] = ""

    def to_json(self) -> dict[str, Any]:
        data = {f.name: _plain(getattr(self, f.name)) for f in fields(self)}
        return {"event": self.kind, **data}


@dataclass(frozen=True)
class Started(Event):
    """A campaign on these attributors (as they were named) and claims (ids) begins; `versions` by distribution."""

    attributors: tuple[str, ...]
    claims: tuple[str, ...]
    profile: str = "default"
    seed: int = 0
    dtype: str = "float64"
    device: str = "cpu"
    versions: dict[str, str] = field(default_factory=dict)
    kind: ClassVar[str] = "started"


@dataclass(frozen=True)
class Attacking(Event):
    """An attack begins."""

    attributor: str
    claim: str
    kind: ClassVar[str] = "attacking"


@dataclass(frozen=True)
class Progress(Event):
    """So many examples of an attack have been tried."""

    attributor: str
    claim: str
    examples: int
    kind: ClassVar[str] = "progress"


@dataclass(frozen=True)
class Shrinking(Event):
    """A violation was found and is being made smaller; `finding` is what would be reported if that broke off now."""

    finding: Finding
    kind: ClassVar[str] = "shrinking"


@dataclass(frozen=True)
class Found(Event):
    """An attack is over."""

    finding: Finding
    kind: ClassVar[str] = "found"


@dataclass(frozen=True)
class CannotRunEvent(Event):
    """The code under test cannot be loaded or does not answer a plain call: one sentence (exit code 3)."""

    attributor: str
    sentence: str
    kind: ClassVar[str] = "cannot run"


@dataclass(frozen=True)
class Finished(Event):
    """The campaign is over."""

    exit_code: int
    seconds: float
    interrupted: bool = False
    kind: ClassVar[str] = "finished"


EVENTS: dict[str, type[Event]] = {
    event.kind: event for event in (Started, Attacking, Progress, Shrinking, Found, CannotRunEvent, Finished)
}


def _plain(value: Any) -> Any:
    if isinstance(value, Finding):
        return value.to_json()
    return list(value) if isinstance(value, tuple) else value


def event_from_json(data: dict[str, Any]) -> Event:
    """Inverse of `Event.to_json`; ValueError for what is not an event."""
    if not isinstance(data, dict) or data.get("event") not in EVENTS:
        raise ValueError(f"an event is one of {', '.join(EVENTS)}, given {data!r:.80}")
    arguments = {name: value for name, value in data.items() if name != "event"}
    if "finding" in arguments:
        arguments["finding"] = finding_from_json(arguments["finding"])
    try:
        return EVENTS[data["event"]](**{k: tuple(v) if isinstance(v, list) else v for k, v in arguments.items()})
    except TypeError as error:
        raise ValueError(f"the event {data['event']!r} does not have the fields given: {error}") from None


def to_line(event: Event) -> str:
    """One line of JSON, without the line end."""
    return json.dumps(event.to_json())


def from_line(line: str) -> Event:
    """Inverse of `to_line`; ValueError for what is not an event."""
    return event_from_json(json.loads(line))
