"""How does a command become a campaign, reports, files and an exit code?"""

from __future__ import annotations

import contextlib
import difflib
import importlib
import os
import re
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from importlib import metadata
from pathlib import Path
from typing import Any

from ig_props.attributors.load import LIBRARIES, parse_args
from ig_props.attributors.protocol import ACCEPTS, CannotRun, Kind
from ig_props.commands.output import unwritable
from ig_props.findings import Finding, Verdict
from ig_props.reports.run import Run
from ig_props.reproduction import expected as expectations
from ig_props.reproduction import replay as replays
from ig_props.reproduction.calls import split_name
from ig_props.running.events import CannotRunEvent, Event, Finished, Found, Shrinking, Started
from ig_props.running.request import MODEL, PROFILES, TIMEOUT, Request, UsageError


def _near(word: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(word, [str(k) for k in known], n=1, cutoff=0.4)
    return f"; did you mean {near[0]!r}?" if near else ""


def _writable(options: Mapping[str, Any]) -> None:
    """Said before a campaign, not after it."""
    for name in ("json_file", "junit_file"):
        path = options.get(name)
        if path and path != "-" and (trouble := unwritable(Path(path))):
            raise UsageError(f"--{name.removesuffix('_file')} {path} cannot be written: {trouble}")


def request_of(options: Mapping[str, Any]) -> Request:
    """The campaign that a command line asks for; UsageError names what does not exist."""
    _writable(options)
    if options["timeout"] is not None and options["timeout"] != options["timeout"]:
        raise UsageError("--timeout is a number of seconds, given nan")
    if not options["specs"]:
        raise UsageError("nothing to check: give a SPEC such as captum:IntegratedGradients (ig-props list shows more)")
    as_ = options["as_"]
    if as_ is not None and as_ not in set(Kind):
        raise UsageError(f"--as is one of {', '.join(Kind)}, given {as_!r}{_near(as_, Kind)}")
    for word in options["accepts"]:
        if word not in ACCEPTS:
            raise UsageError(f"--accepts takes {', '.join(ACCEPTS)}, given {word!r}{_near(word, ACCEPTS)}")
    try:
        args = parse_args(options["args"])
    except ValueError as error:
        raise UsageError(str(error)) from None
    return Request(
        specs=tuple(dict.fromkeys(options["specs"])),
        as_=as_,
        stage=options["stage"],
        args=args,
        accepts=tuple(options["accepts"]),
        claims=tuple(options["claims"]),
        profile=PROFILES[options["profile"]],
        seed=options["seed"],
        dtype=options["dtype"],
        device=options["device"],
        jobs=options["jobs"],
        timeout=options["timeout"] or TIMEOUT,
        strict=options["strict"],
        **_model(options),
    )


def _model(options: Mapping[str, Any]) -> dict[str, Any]:
    given = {name: options[name] for name in MODEL if options.get(name) is not None}
    if not given:
        return {}
    if "model" not in given:
        raise UsageError(f"--{next(iter(given))} needs --model FILE:OBJECT")
    if "inputs" not in given:
        raise UsageError("--model needs --inputs FILE.npy, an array of inputs [N, ...]")
    for name in ("inputs", "baselines"):
        if name in given and not Path(given[name]).is_file():
            raise UsageError(f"--{name}: there is no file {given[name]}")
    file = re.match(r".+\.py(?=:|$)", given["model"])
    if file and not Path(file[0]).is_file():
        raise UsageError(f"--model: there is no file {file[0]}")
    return given


def parameters_of(request: Request) -> dict[str, Any]:
    """Everything in a request that changes a number, for reports."""
    known: dict[str, Any] = {
        "profile": request.profile.name,
        "seed": request.seed,
        "dtype": request.dtype if request.model is None else None,
        "device": request.device,
        "jobs": request.jobs or max(1, min(4, os.cpu_count() or 1)),
        "as": request.as_,
        "stage": request.stage,
        "args": dict(request.args),
        "claims": list(request.claims),
        "accepts": sorted(request.accepts),
        "timeout": request.timeout,
        "strict": request.strict,
    }
    return known | {name: getattr(request, name) for name in MODEL if getattr(request, name, None) is not None}


def versions_of(specs: Iterable[str], known: Mapping[str, str]) -> dict[str, str]:
    """Versions of the libraries under test first, then of what decides an example."""
    from ig_props import __version__

    found: dict[str, str] = {}
    for spec in specs:
        name = spec.partition(":")[0]
        top = LIBRARIES[name].distribution if name in LIBRARIES else name.partition(".")[0]
        if name.isidentifier() or name in LIBRARIES or "." in name:
            try:
                found[top] = metadata.version(top)
            except (metadata.PackageNotFoundError, ValueError):
                continue
    order = ("torch", "ig-props", "python")
    rest = {"ig-props": __version__, **known}
    return found | {name: rest[name] for name in order if name in rest} | rest


@dataclass
class Gathered:
    """What the events of a campaign have told so far."""

    findings: list[Finding] = field(default_factory=list)
    unable: dict[str, str] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    claims: tuple[str, ...] = ()
    interrupted: bool = False

    def take(self, event: Event) -> None:
        if isinstance(event, Started):
            self.versions, self.claims = dict(event.versions), event.claims
        elif isinstance(event, Found):
            self.findings.append(event.finding)
        elif isinstance(event, CannotRunEvent):
            self.unable[event.attributor] = event.sentence
        elif isinstance(event, Finished):
            self.interrupted = event.interrupted

    def in_order(self) -> list[Finding]:
        """Findings by attributor and claim, whatever was settled first."""
        order = {claim: k for k, claim in enumerate(self.claims)}
        return sorted(self.findings, key=lambda f: (f.attributor, order.get(f.claim, len(order)), f.claim))

    def attributors(self, specs: Iterable[str]) -> tuple[str, ...]:
        """Names in the order of the SPECs they come from, whatever finished first."""
        order = list(specs)
        names = dict.fromkeys([*(f.attributor for f in self.findings), *self.unable])

        def place(name: str) -> int:
            spec = split_name(name)[0]
            return order.index(spec) if spec in order else order.index(name) if name in order else len(order)

        return tuple(sorted(names, key=place))


def _prepare() -> None:
    with contextlib.suppress(Exception):
        importlib.import_module("ig_props.claims.registry").claims()


def _attack(request: Request, gathered: Gathered, excuses: Callable[[Finding], bool]) -> None:
    """Run the campaign with progress on a terminal; an interrupted one leaves what was found."""
    from rich.console import Console

    from ig_props.campaign import campaign
    from ig_props.reports import terminal

    live = sys.stdout.isatty() and sys.stderr.isatty() and os.environ.get("TERM", "") not in ("dumb", "unknown")
    errors = Console(stderr=True, highlight=False)
    progress = terminal.Live(errors) if live else terminal.Plainly(errors if sys.stdout.isatty() else None)
    events, prepared = campaign(request, expected=excuses), False
    try:
        with progress:
            for event in events:
                gathered.take(event)
                progress.show(event)
                if isinstance(event, Shrinking) and not prepared:
                    # the report will quote statements, whose modules take seconds to import
                    prepared = True
                    threading.Thread(target=_prepare, daemon=True).start()
    except KeyboardInterrupt:
        gathered.interrupted = True
    finally:
        if hasattr(events, "close"):
            events.close()


def _with_replays(
    findings: list[Finding], request: Request, versions: Mapping[str, str], warn: list[str]
) -> list[Finding]:
    """The findings, with replay files of those that refute; a folder that cannot be written is one warning."""
    done = []
    for finding in findings:
        # a case on a person's own model is a reference to their files: its script is what repeats it
        drawn = finding.case if finding.case is not None and "model" not in finding.case else None
        if finding.verdict in (Verdict.REFUTED, Verdict.CRASHED) and drawn is not None and not warn:
            spec = next((s for s in request.specs if finding.attributor in (s, split_name(s)[0])), None)
            witness = replays.Replay(
                spec=spec or split_name(finding.attributor)[0],
                claim=finding.claim,
                case=drawn,
                as_=request.as_,
                stage=request.stage,
                args=dict(request.args),
                accepts=request.accepts,
                seed=request.seed,
                device=request.device,
                versions=versions,
            )
            path = replays.path_of(finding)
            try:
                replays.write(witness, path)
                finding = replace(finding, replay=str(path))
            except OSError as error:
                warn.append(f"no replay files are written: {path.parent}: {error.strerror or error}")
        done.append(finding)
    return done


def _witness(request: Request) -> Callable[[str], bool | None]:
    """Whether a witness of an expected failure still refutes; None where it cannot be run or is of other code."""

    def still_refutes(witness: str) -> bool | None:
        try:
            known = replays.read(Path(witness))
            if known.spec not in request.specs and not replays.trusted(known.spec):
                return None
            verdict = replays.rerun(known, request.timeout).verdict
        except (replays.ReplayError, CannotRun):
            return None
        if verdict in (Verdict.REFUTED, Verdict.CRASHED):
            return True
        return None if verdict is Verdict.INCONCLUSIVE else False

    return still_refutes


def _write(options: Mapping[str, Any], run: Run, stdout: list[str]) -> list[str]:
    """Write the files that were asked for; sentences about those that cannot be written."""
    from ig_props.reports import json_, junit

    failed = []
    for option, module in (("json_file", json_), ("junit_file", junit)):
        name = options[option]
        if name == "-":
            stdout.append(module.text(run))
        elif name:
            try:
                json_.write_atomically(Path(name), module.text(run))
            except OSError as error:
                failed.append(f"--{option.partition('_')[0]} {name} cannot be written: {error.strerror or error}")
    return failed


def check(options: Mapping[str, Any]) -> int:
    """`ig-props check`: the exit code, after reports on standard output and in files."""
    request = request_of(options)
    if options["json_file"] == options["junit_file"] == "-":
        raise UsageError("--json - and --junit - cannot both write to standard output")
    try:
        expected = expectations.read(Path(options["expected_file"])) if options["expected_file"] else ()
    except expectations.ExpectedError as error:
        raise UsageError(str(error)) from None
    entries = {(e.attributor, e.claim) for e in expected}
    gathered, began = Gathered(), time.monotonic()
    _attack(request, gathered, lambda f: (f.attributor, f.claim) in entries)
    seconds = time.monotonic() - began
    versions = versions_of(request.specs, gathered.versions)
    warnings: list[str] = []
    findings = _with_replays(gathered.in_order(), request, versions, warnings)
    judgement = expectations.judge(findings, expected, _witness(request), strict=request.strict)
    run = Run(
        attributors=gathered.attributors(request.specs),
        parameters=parameters_of(request),
        versions=versions,
        findings=tuple(findings),
        unable=gathered.unable,
        seconds=seconds,
        strict=request.strict,
        judgement=replace(judgement, warnings=(*judgement.warnings, *warnings)),
        interrupted=gathered.interrupted,
    )
    return _report(options, run)


def _report(options: Mapping[str, Any], run: Run) -> int:
    from ig_props.reports import terminal

    instead: list[str] = []
    failed = _write(options, run, instead)
    if instead:
        sys.stdout.write("".join(instead))
        sys.stdout.flush()
    else:
        terminal.show(terminal.report(run, verbose=options["verbose"]))
    for sentence in failed:
        print(f"Error: {sentence}", file=sys.stderr)
    return 2 if failed else run.exit_code


def replay(file: Path, attributor: str | None, trust: bool, timeout: float | None) -> int:
    """`ig-props replay`: 1 if the counterexample still refutes, 0 if it holds, 3 cannot run, 4 if it says nothing."""
    from rich.text import Text

    from ig_props.reports import terminal

    try:
        known = replays.read(file)
    except replays.ReplayError as error:
        raise UsageError(str(error)) from None
    if attributor is not None:
        known = replace(known, spec=attributor)
    elif not trust and not replays.trusted(known.spec):
        given = "".join(f" with {name}={value!r}" for name, value in known.args.items())
        raise UsageError(
            f"{file} asks to run {known.spec!r}{given}, which is code that ig-props does not know: "
            f"look at it, then give --attributor {known.spec} or --trust"
        )
    try:
        finding = replays.rerun(known, timeout or TIMEOUT)
    except replays.ReplayError as error:
        raise UsageError(str(error)) from None
    except CannotRun as error:
        terminal.show(Text.assemble(("Cannot run: ", "bold red"), str(error)))
        return 3
    versions = versions_of([known.spec], {})
    changed = [f"{n} {known.versions[n]} -> {v}" for n, v in versions.items() if known.versions.get(n, v) != v]
    if changed:
        terminal.show(Text(f"Versions changed since it was written: {', '.join(changed)}.", style="dim"))
    if finding.verdict is not Verdict.HOLDS:
        terminal.show(terminal.block(finding))
    terminal.show(Text(replays.told(finding), style="bold"))
    if finding.verdict in (Verdict.REFUTED, Verdict.CRASHED):
        return 1
    return 0 if finding.verdict in (Verdict.HOLDS, Verdict.IMPRECISE) else 4
