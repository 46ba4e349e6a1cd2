"""Which worker process attacks which claim, and what became of the ones that died or hang?"""

from __future__ import annotations

import contextlib
import os
import queue
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from ig_props.findings import Finding, Verdict
from ig_props.running.events import Attacking, CannotRunEvent, Event, Found, Shrinking, Started, event_from_json
from ig_props.running.examine import reproduced
from ig_props.running.request import BROKEN, Request, UsageError
from ig_props.running.worker import Phase, Worker, versions

STREAK = 3
"""After so many attacks in a row that ended the process, the rest of the claims are not attacked."""
POLL = 0.1
"""Seconds between two looks at what the workers are doing."""
STARTUP = 120.0
"""Seconds a worker may take to import torch and the claims."""


@dataclass(eq=False)
class _Task:
    """One attributor of a campaign; `waiting` are the claims nobody attacks yet, None until a worker has named them, and
    `idle` those that do not apply."""

    spec: str
    name: str
    waiting: deque[str] | None = None
    idle: frozenset[str] = frozenset()
    begun: bool = False
    over: bool = False
    streak: int = 0


@dataclass(eq=False)
class _Seat:
    """One worker of a task and what it attacks; `best` is the finding if it breaks off now."""

    task: _Task
    worker: Worker
    claim: str | None = None
    ready: bool = False
    best: Finding | None = None
    ended: float | None = None


class Pool:
    """The worker processes of a campaign. One process sees one attributor only, so that none can disturb another."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.tasks = [_Task(spec, spec) for spec in request.specs]
        self.seats: dict[Worker, _Seat] = {}
        self.inbox: queue.Queue[tuple[Worker, dict[str, Any] | None]] = queue.Queue()
        self.started = False
        self.held: list[Event] = []
        self.jobs = request.jobs or max(1, min(4, os.cpu_count() or 1))

    def run(self) -> Iterator[Event]:
        while True:
            self._fill()
            if not self.seats:
                yield from self._start((), versions())
                return
            with contextlib.suppress(queue.Empty):
                worker, message = self.inbox.get(timeout=POLL)
                if worker in self.seats:
                    yield from self._hear(self.seats[worker], message)
            for seat in list(self.seats.values()):
                if seat.worker in self.seats:
                    yield from self._look(seat)

    def close(self) -> None:
        for worker in list(self.seats):
            self.seats.pop(worker)
            worker.close()

    def interrupted(self) -> list[Finding]:
        """What the attacks that are under way have found."""
        best = [seat.best for seat in self.seats.values() if seat.best is not None]
        return [replace(f, note="; ".join(filter(None, [f.note, "interrupted before it was smallest"]))) for f in best]

    def _fill(self) -> None:
        """Start workers: first where an attributor has none, then where claims wait."""
        while len(self.seats) < self.jobs:
            seats = {t: [s for s in self.seats.values() if s.task is t] for t in self.tasks}
            wanting = [
                t for t in self.tasks if not t.over
                and (t.waiting is None or len(t.waiting) > sum(not s.ready for s in seats[t]))
            ]  # fmt: skip
            if not wanting:
                return
            task = next((t for t in wanting if not seats[t]), wanting[0])
            worker = Worker(self.request.for_worker(task.spec), self.inbox, self.request.environment())
            self.seats[worker] = _Seat(task, worker)

    def _hear(self, seat: _Seat, message: dict[str, Any] | None) -> Iterator[Event]:
        """One message of a worker; None when its pipe was closed."""
        if message is None:
            phase, _ = seat.worker.board.state()
            yield from self._lost(seat, f"the process {seat.worker.fate()} {_while(phase)}", said=True)
            return
        control = message.get("control")
        if control == "usage":
            raise UsageError(message["message"])
        if control == "broken":
            yield from self._lost(seat, message["message"])
        elif control == "hello":
            yield from self._start(tuple(message["claims"]), message["versions"])
            if seat.task.waiting is None:
                seat.task.waiting = deque(message["claims"])
        elif control == "ready":
            seat.ready = seat.task.begun = True
            seat.task.name, seat.task.idle = message["name"], frozenset(message["idle"])
            yield from self._assign(seat)
        else:
            yield from self._event(seat, event_from_json(message))

    def _event(self, seat: _Seat, event: Event) -> Iterator[Event]:
        if isinstance(event, CannotRunEvent):
            yield from self._lost(seat, event.sentence)
            return
        yield event
        if isinstance(event, Shrinking):
            seat.best = event.finding
        elif isinstance(event, Found):
            seat.task.streak = 0
            yield from self._assign(seat)

    def _start(self, claims: tuple[str, ...], known: dict[str, str]) -> Iterator[Event]:
        if not self.started:
            self.started = True
            r = self.request
            yield Started(r.specs, claims, r.profile.name, r.seed, r.dtype, r.device, known | _libraries(r.specs))
            yield from self._release()

    def _release(self) -> Iterator[Event]:
        """What was kept back until a worker had named the claims."""
        while self.held:
            yield self.held.pop(0)

    def _assign(self, seat: _Seat) -> Iterator[Event]:
        """The next claim for a worker that is free, or its end."""
        seat.claim = seat.best = None
        if seat.task.waiting:
            seat.claim = seat.task.waiting.popleft()
            yield Attacking(seat.task.name, seat.claim)
            seat.worker.send(seat.claim)
        else:
            self._dismiss(seat)
            for spare in [s for s in self.seats.values() if s.task is seat.task and not s.ready]:
                self._dismiss(spare)

    def _dismiss(self, seat: _Seat) -> None:
        del self.seats[seat.worker]
        seat.worker.close()

    def _look(self, seat: _Seat) -> Iterator[Event]:
        """Notice a process that ended without closing its pipe (a child holds it) or that takes too long."""
        if seat.worker.ended():
            seat.ended = seat.ended or time.monotonic()
            seat.worker.kill()
            if time.monotonic() - seat.ended > 10 * POLL:
                yield from self._hear(seat, None)
            return
        timeout, spec = self.request.timeout, seat.task.spec
        limits = {
            Phase.STARTING: (STARTUP, "internal error: the worker process did not start within {} s"),
            Phase.LOADING: (
                self.request.import_timeout,
                f"{spec}{'' if self.request.model is None else ' or --model'} was not imported within {{}} s",
            ),
            Phase.CALLING: (
                timeout,
                "did not answer within {} s" if seat.ready else f"{spec} did not answer within {{}} s",
            ),
            Phase.CHECKING: (10 * timeout, "internal error: the check did not end within {} s"),
        }
        state = seat.worker.board.state()
        limit, text = limits.get(state[0], (float("inf"), ""))
        if time.monotonic() - state[1] > limit and seat.worker.board.state() == state:
            yield from self._lost(seat, text.format(f"{limit:g}"))

    def _lost(self, seat: _Seat, how: str, said: bool = False) -> Iterator[Event]:
        """A worker ended or is ended because of `how`: a finding, or the attributor cannot run."""
        task, case = seat.task, seat.worker.board.case()
        self._dismiss(seat)
        if task.over:
            return
        if not task.begun:
            task.over = True
            for other in [s for s in self.seats.values() if s.task is task]:
                self._dismiss(other)
            line = seat.worker.printed() if said else ""
            sentence = f"{how} ({line})" if line else how
            self.held.append(
                CannotRunEvent(task.spec, sentence if task.spec in sentence else f"{task.spec}: {sentence}")
            )
            if self.started:
                yield from self._release()
            return
        task.streak += 1
        if seat.claim is not None:
            yield Found(_crash(seat, how, case))
        if task.streak >= STREAK:
            note = f"not attacked: the last {STREAK} attacks ended the process"
            while task.waiting:
                claim = task.waiting.popleft()
                verdict = Verdict.NOT_APPLICABLE if claim in task.idle else Verdict.INCONCLUSIVE
                yield Found(Finding(task.name, claim, verdict, note))


def _while(phase: Phase) -> str:
    return {
        Phase.STARTING: "before it began",
        Phase.LOADING: "on import",
        Phase.CALLING: "when it was called",
    }.get(phase, "between two calls")


def _libraries(specs: tuple[str, ...]) -> dict[str, str]:
    """Versions of the libraries that specifications name."""
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    for name in {spec.split(":")[0] for spec in specs}:
        with contextlib.suppress(PackageNotFoundError, ValueError):
            found[name] = version(name)
    return found


def _crash(seat: _Seat, how: str, case: dict[str, Any] | None) -> Finding:
    """The finding of an attack that ended its process."""
    assert seat.claim is not None
    if seat.best is not None and seat.best.verdict in BROKEN:
        note = f"while this was made smaller: {how}"
        return replace(seat.best, note=f"{seat.best.note}; {note}" if seat.best.note else note)
    if how.startswith("internal error"):
        return Finding(seat.task.name, seat.claim, Verdict.INCONCLUSIVE, how, case=case)
    finding = Finding(seat.task.name, seat.claim, Verdict.CRASHED, how, case=case, tally={str(Verdict.CRASHED): 1})
    if case is None:
        return finding
    from ig_props.claims.case import case_from_json

    with contextlib.suppress(ValueError):
        finding = replace(finding, formula=str(case_from_json(case)))
    return reproduced(finding)
