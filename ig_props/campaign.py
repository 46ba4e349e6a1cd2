"""Which claims does code under test break? Attacks in worker processes, or in this one for objects of a notebook."""

from __future__ import annotations

import contextlib
import io
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, overload

from ig_props.findings import Finding
from ig_props.running.events import Attacking, CannotRunEvent, Event, Finished, Found, Started
from ig_props.running.examine import claim_seed, examine
from ig_props.running.pool import Pool
from ig_props.running.request import (
    INTERRUPTED,
    MODEL,
    PROFILES,
    TIMEOUT,
    Profile,
    Request,
    UsageError,
    exit_code,
    nothing_expected,
)
from ig_props.running.worker import versions

if TYPE_CHECKING:
    from ig_props.attributors.protocol import Attributor, Call
    from ig_props.claims.claim import Claim
    from ig_props.reports.run import Run

__all__ = [
    "PROFILES", "Findings", "Profile", "Request", "UsageError", "campaign", "check", "claim_seed", "collect", "examine",
    "exit_code",
]  # fmt: skip


def campaign(request: Request, *, expected: Callable[[Finding], bool] = nothing_expected) -> Iterator[Event]:
    """Attack every claim of every attributor of a request in worker processes.

    Yields Started, then for each attributor CannotRunEvent or, for each claim, Attacking, Progress, Shrinking and
    Found, and at the end Finished. Raises UsageError for a claim that does not exist. On Ctrl-C the workers are killed
    and what they found is yielded before Finished. `expected` recognises failures that do not count in the exit code.
    """
    began, pool = time.monotonic(), Pool(request)
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


@dataclass(frozen=True, eq=False, repr=False)
class Findings(Sequence[Finding]):
    """What a campaign found: a sequence of findings that prints as a report, in a terminal and in a notebook."""

    findings: tuple[Finding, ...]
    exit_code: int
    cannot_run: tuple[CannotRunEvent, ...] = ()
    started: Started | None = None
    seconds: float = 0.0
    strict: bool = False
    interrupted: bool = False

    @overload
    def __getitem__(self, index: int) -> Finding: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Finding, ...]: ...
    def __getitem__(self, index: int | slice) -> Finding | tuple[Finding, ...]:
        return self.findings[index]

    def __len__(self) -> int:
        return len(self.findings)

    @property
    def run(self) -> Run:
        """What the reports are made from."""
        from ig_props.reports.run import Run

        started = self.started or Started((), ())
        names = dict.fromkeys([*(f.attributor for f in self.findings), *(c.attributor for c in self.cannot_run)])
        parameters = {n: getattr(started, n) for n in ("profile", "seed", "dtype", "device")}
        return Run(
            attributors=tuple(names),
            parameters=parameters,
            versions=started.versions,
            findings=self.findings,
            unable={c.attributor: c.sentence for c in self.cannot_run},
            seconds=self.seconds,
            strict=self.strict,
            interrupted=self.interrupted,
        )

    def __str__(self) -> str:
        from ig_props.reports import terminal

        return terminal.plain(terminal.report(self.run))

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from ig_props.reports import notebook

        return notebook.html(self.run)


def collect(events: Iterable[Event], *, strict: bool = False) -> Findings:
    """The findings of a stream of events that ended."""
    findings: list[Finding] = []
    cannot_run: list[CannotRunEvent] = []
    started: Started | None = None
    code, seconds, interrupted = 4, 0.0, False
    for event in events:
        if isinstance(event, Found):
            findings.append(event.finding)
        elif isinstance(event, CannotRunEvent):
            cannot_run.append(event)
        elif isinstance(event, Started):
            started = event
        elif isinstance(event, Finished):
            code, seconds, interrupted = event.exit_code, event.seconds, event.interrupted
    return Findings(tuple(findings), code, tuple(cannot_run), started, seconds, strict, interrupted)


class _Quiet:
    """An attributor whose prints are dropped, since they would bury the report."""

    def __init__(self, attributor: Attributor) -> None:
        self._attributor = attributor
        self.traits = attributor.traits

    @property
    def name(self) -> str:
        return self._attributor.name

    def attribute(self, call: Call) -> Any:
        sink = _Sink()
        with contextlib.redirect_stdout(sink), contextlib.redirect_stderr(sink):
            return self._attributor.attribute(call)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._attributor, name)


_quieted: deque[_Quiet] = deque(maxlen=16)


def _quiet(attributor: Attributor) -> _Quiet:
    """One wrapper per attributor, since what is measured on an attributor is kept by object."""
    known = next((q for q in _quieted if q._attributor is attributor), None)
    if known is None:
        known = _Quiet(attributor)
        _quieted.append(known)
    return known


class _Sink(io.TextIOBase):
    """A text file that forgets."""

    def write(self, text: str) -> int:
        return len(text)


def _here(
    subject: object, request: Request, expected: Callable[[Finding], bool], emit: Callable[[Event], None]
) -> None:
    """A campaign in this process, on an object that cannot be sent to another; its crash or hang is ours."""
    from ig_props.attributors.load import coerce
    from ig_props.attributors.protocol import CannotRun

    registry: Any = import_module(request.registry)
    calling: Any = import_module("ig_props.checking.calling")
    began, findings, cannot_run = time.monotonic(), [], False
    title = str(getattr(subject, "name", None) or getattr(subject, "__qualname__", type(subject).__name__))
    title = subject if isinstance(subject, str) else title
    before, calling.DEVICE = calling.DEVICE, request.device
    try:
        claims: list[Claim] = registry.select(request.claims)
        ids = tuple(claim.id for claim in claims)
        # a person's own model has a dtype of its own
        dtype = request.dtype if request.model is None else ""
        emit(Started((title,), ids, request.profile.name, request.seed, dtype, request.device, versions()))
        numbers = {"seed": request.seed, **request.profile.numbers}
        try:
            attributor = _quiet(
                coerce(subject, as_=request.as_, stage=request.stage, args=request.args, accepts=request.accepts)
            )
            attributor.traits = import_module("ig_props.checking.preflight").preflight(attributor)
            own = None
            if request.model is not None:
                given = {name: getattr(request, name) for name in MODEL}
                own = import_module("ig_props.model_check.check").opened(given, attributor)
                claims = own.claims(claims, attributor)
            for claim in claims:
                emit(Attacking(attributor.name, claim.id))
                finding = examine(claim, attributor, **numbers, emit=emit)
                findings.append(finding if own is None else own.measured(finding, attributor))
                emit(Found(findings[-1]))
        except CannotRun as error:
            cannot_run = True
            emit(CannotRunEvent(title, str(error)))
    except ValueError as error:
        raise UsageError(str(error)) from None
    finally:
        calling.DEVICE = before
        calling.PROVIDED.clear()
    code = exit_code(findings, cannot_run=cannot_run, strict=request.strict, expected=expected)
    emit(Finished(code, time.monotonic() - began))


def check(
    subject: object,
    *,
    as_: str | None = None,
    stage: str | None = None,
    args: Mapping[str, object] | None = None,
    accepts: Iterable[str] = (),
    claims: str | Iterable[str] = (),
    profile: str | Profile = "default",
    seed: int = 0,
    device: str = "cpu",
    jobs: int = 0,
    timeout: float = TIMEOUT,
    strict: bool = False,
    expected: Callable[[Finding], bool] = nothing_expected,
    emit: Callable[[Event], None] = lambda event: None,
    registry: str = "ig_props.claims.registry",
    model: object = None,
    inputs: object = None,
    baselines: object = None,
    target: object = None,
    layer: str | None = None,
) -> Findings:
    """Attack the claims of a SPEC, a function in Captum's vocabulary, a class with `.attribute` or an attributor.

    A SPEC (a string) is attacked in worker processes, where it may hang or crash; `jobs` and `timeout` are for those.
    Any other object is attacked in this process. as_: what a function claims to be (`Kind`, default ig). claims: globs
    of ids, as a sequence or with commas. model, inputs, baselines, target: a person's own model to check on instead of
    drawn networks, as a module and arrays or tensors [N, …] or as the texts of the command line; where one is an object
    a SPEC, too, is attacked in this process. The other arguments are those of `Request`. `emit` receives the events as
    they happen. Raises UsageError for an unknown claim, kind, profile or trait; code that cannot run is in the result, with
    exit code 3.
    """
    if isinstance(profile, str) and profile not in PROFILES:
        raise UsageError(f"profile is one of {', '.join(PROFILES)}, given {profile!r}")
    globs = claims.split(",") if isinstance(claims, str) else list(claims)
    request = Request(
        specs=(subject,) if isinstance(subject, str) else (),
        as_=as_,
        stage=stage,
        args=args or {},
        accepts=tuple(accepts),
        claims=tuple(g.strip() for g in globs if g.strip()),
        profile=PROFILES[profile] if isinstance(profile, str) else profile,
        seed=seed,
        device=device,
        jobs=jobs,
        timeout=timeout,
        strict=strict,
        registry=registry,
        model=model,
        inputs=inputs,
        baselines=baselines,
        target=str(target) if isinstance(target, int) else target,
        layer=layer,
    )
    if (model is None) != (inputs is None):
        raise UsageError("model and inputs belong together: one of them was given without the other")
    events: list[Event] = []

    def both(event: Event) -> None:
        events.append(event)
        emit(event)

    texts = all(given is None or isinstance(given, str) for given in (model, inputs, baselines, request.target))
    if isinstance(subject, str) and texts:
        for event in campaign(request, expected=expected):
            both(event)
    else:
        _here(subject, request, expected, both)
    return collect(events, strict=strict)
