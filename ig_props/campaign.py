"""Which claims does code under test break? Attacks in worker processes, or in this one for objects of a notebook."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import queue
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from importlib import import_module
from typing import TYPE_CHECKING, Any, overload

from ig_props.events import (
    Attacking,
    CannotRunEvent,
    Event,
    Finished,
    Found,
    Progress,
    Shrinking,
    Started,
    event_from_json,
)
from ig_props.findings import Finding, Verdict
from ig_props.worker import Phase, Worker, versions

if TYPE_CHECKING:
    from ig_props.attributors.protocol import Attributor, Call, Traits
    from ig_props.claims.claim import Claim

BROKEN = frozenset({Verdict.REFUTED, Verdict.CRASHED})
CONCLUSIVE = BROKEN | {Verdict.IMPRECISE, Verdict.HOLDS}
TIMEOUT = 20.0
"""Seconds one call of the code under test may take."""
STREAK = 3
"""After so many claims in a row whose attack ended the process, the rest are not attacked."""
POLL = 0.1
INTERRUPTED = 130


@dataclass(frozen=True)
class Profile:
    """How hard every claim is attacked: examples and seconds to look for a violation, seconds to make it smaller."""

    name: str
    examples: int
    seconds: float
    shrink_seconds: float


PROFILES = {
    p.name: p
    for p in (Profile("quick", 20, 1.5, 2.0), Profile("default", 80, 6.0, 5.0), Profile("deep", 600, 120.0, 30.0))
}


class UsageError(ValueError):
    """What was asked for does not exist; one sentence (exit code 2)."""


@dataclass(frozen=True)
class Request:
    """A campaign: attributors by specification, what they claim to be and accept, and how they are attacked.

    claims: globs of ids, all when empty. jobs: worker processes at a time, 0 for as many as there are processors, at most
    four. timeout: seconds for one call of the code under test; an import may take three times as long. registry: the
    module whose `select` finds the claims.
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
    strict: bool = False
    registry: str = "ig_props.claims.registry"

    def for_worker(self, spec: str) -> dict[str, Any]:
        numbers = {key: value for key, value in asdict(self.profile).items() if key != "name"}
        names = ("as_", "stage", "accepts", "claims", "seed", "registry")
        return {"spec": spec, "args": dict(self.args), **{n: getattr(self, n) for n in names}, **numbers}

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

    A crash or hang counts as refuted, and so does IMPRECISE under `strict`. A property that an attributor does not claim
    is information, and a failure that `expected` recognises is no news.
    """
    findings = list(findings)
    failing = BROKEN | {Verdict.IMPRECISE} if strict else BROKEN
    if any(f.verdict in failing and f.declared and not expected(f) for f in findings):
        return 1
    if cannot_run:
        return 3
    return 0 if any(f.verdict in CONCLUSIVE for f in findings) else 4


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
        from ig_props.attack import internal_error

        sentences = (f"no diagnosis: {internal_error(error)}",)
    _diagnosed.append((attributor, sentences))
    return sentences


def reproduced(finding: Finding) -> Finding:
    """The finding with a script that reproduces it."""
    try:
        return replace(finding, reproduction=import_module("ig_props.replay").script(finding))
    except Exception as error:
        from ig_props.attack import internal_error

        return replace(finding, reproduction=f"# no script: {internal_error(error)}")


def finding_of(
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
    from ig_props.attack import VIOLATIONS, attack, internal_error

    try:
        finding = attack(
            claim, attributor, examples=examples, seed=claim_seed(seed, claim.id), seconds=seconds,
            shrink_seconds=shrink_seconds, emit=emit, watch=watch,
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


@dataclass(eq=False)
class _Task:
    """One attributor of a campaign; `waiting` are the claims nobody attacks yet, None until a worker has named them."""

    spec: str
    name: str
    waiting: deque[str] | None = None
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


class _Pool:
    """The worker processes of a campaign. One process sees one attributor only, so that none can disturb another."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.tasks = [_Task(spec, spec) for spec in request.specs]
        self.seats: dict[Worker, _Seat] = {}
        self.inbox: queue.Queue[tuple[Worker, dict[str, Any] | None]] = queue.Queue()
        self.started = False
        self.jobs = request.jobs or max(1, min(4, os.cpu_count() or 1))

    def run(self) -> Iterator[Event]:
        while True:
            self._fill()
            if not self.seats:
                return
            with contextlib.suppress(queue.Empty):
                worker, message = self.inbox.get(timeout=POLL)
                if worker in self.seats:
                    yield from self._hear(self.seats[worker], message)
            for seat in list(self.seats.values()):
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
            seat.task.name = message["name"]
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

    def _assign(self, seat: _Seat) -> Iterator[Event]:
        """The next claim for a worker that is free, or its end."""
        seat.claim = seat.best = None
        if seat.task.waiting:
            seat.claim = seat.task.waiting.popleft()
            yield Attacking(seat.task.name, seat.claim)
            seat.worker.send(seat.claim)
        else:
            self._dismiss(seat)

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
            Phase.STARTING: (120.0, "internal error: the worker process did not start within {} s"),
            Phase.LOADING: (3 * timeout, f"{spec} was not imported within {{}} s"),
            Phase.CALLING: (timeout, "did not answer within {} s" if seat.ready else f"{spec} did not answer within {{}} s"),
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
            yield from self._start((), versions())
            line = seat.worker.printed() if said else ""
            sentence = f"{how} ({line})" if line else how
            yield CannotRunEvent(task.spec, sentence if task.spec in sentence else f"{task.spec}: {sentence}")
            return
        task.streak += 1
        if seat.claim is not None:
            yield Found(_crash(seat, how, case))
        if task.streak >= STREAK:
            note = f"not attacked: the last {STREAK} attacks ended the process"
            while task.waiting:
                yield Found(Finding(task.name, task.waiting.popleft(), Verdict.INCONCLUSIVE, note))


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


def campaign(
    request: Request, *, expected: Callable[[Finding], bool] = nothing_expected
) -> Iterator[Event]:
    """Attack every claim of every attributor of a request in worker processes.

    Yields Started, then for each attributor CannotRunEvent or, for each claim, Attacking, Progress, Shrinking and Found,
    and at the end Finished. Raises UsageError for a claim that does not exist. On Ctrl-C the workers are killed and what
    they found is yielded before Finished. `expected` recognises failures that do not count in the exit code.
    """
    began, pool = time.monotonic(), _Pool(request)
    findings: list[Finding] = []
    cannot_run = interrupted = False
    try:
        for event in pool.run():
            cannot_run = cannot_run or isinstance(event, CannotRunEvent)
            if isinstance(event, Found):
                findings.append(event.finding)
            yield event
    except KeyboardInterrupt:
        interrupted = True
    finally:
        rest = pool.interrupted()
        pool.close()
    if interrupted:
        findings += rest
        yield from map(Found, rest)
    code = exit_code(findings, cannot_run=cannot_run, strict=request.strict, expected=expected)
    yield Finished(INTERRUPTED if interrupted and code != 1 else code, time.monotonic() - began, interrupted)
