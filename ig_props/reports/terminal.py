"""What does a person at a terminal need to see after a campaign, and while it runs?"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Column, Table
from rich.text import Text

from ig_props.findings import Finding, Verdict
from ig_props.reports import describe
from ig_props.reports.run import Run

if TYPE_CHECKING:
    from ig_props.running.events import Event

BLOCKS = 5
"""Findings that are shown in full unless everything is asked for."""
CLAIMS = 3
"""Claims that are named next to a reason before the rest is counted."""
REASONS = 4
"""Reasons why examples of claims that hold were not judged that are named unless everything is asked for."""
STYLES = {
    "refuted": "bold red",
    "crashed": "bold magenta",
    "expected": "red",
    "imprecise": "yellow",
    "inconclusive": "cyan",
    "unsupported": "blue",
    "convention": "blue",
    "information": "blue",
    "holds": "green",
    "not applicable": "dim",
}
LOUD = {"refuted", "crashed"}


def word(run: Run, finding: Finding) -> Text:
    """The verdict as it is shown: failures in capitals, so that they stand out without colour."""
    name = run.word(finding)
    shown = {"information": "not claimed", "expected": "refuted (expected)"}.get(name, name)
    return Text(shown.upper() if name in LOUD else shown, style=STYLES[name])


def _labelled(lines: Iterable[tuple[str, str]]) -> Table:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True, style="bold")
    grid.add_column(overflow="fold")
    for label, text in lines:
        grid.add_row(Text(label), Text(text))
    return grid


def _once(label: str, sentences: Iterable[str]) -> list[tuple[str, str]]:
    return [(label if k == 0 else "", sentence) for k, sentence in enumerate(sentences)]


def header(run: Run) -> Text:
    """Every parameter that changes a number."""
    text = Text(", ".join(run.attributors), style="bold")
    for line in (describe.versions(run), describe.parameters(run)):
        if line:
            text.append("\n" + line, style="dim")
    return text


def table(run: Run, findings: Iterable[Finding]) -> Table:
    """Claims, verdicts, examples and times; claims that do not apply are left to the summary."""
    grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    grid.add_column("claim", no_wrap=True, overflow="ellipsis", ratio=None)
    grid.add_column("verdict", no_wrap=True)
    grid.add_column("examples", justify="right", no_wrap=True)
    grid.add_column("time", justify="right", no_wrap=True)
    for f in findings:
        if f.verdict is not Verdict.NOT_APPLICABLE:
            grid.add_row(Text(f.claim), word(run, f), describe.counted(f), describe.duration(f.seconds))
    return grid


def block(finding: Finding, *, known: tuple[str, ...] = (), also: Sequence[str] = (), style: str = "bold red") -> Group:
    """One finding in full; diagnosis sentences in `known` were said before, the example refutes the claims `also`."""
    label = str(finding.verdict).upper() if finding.declared else "refuted, but not claimed"
    parts: list[RenderableType] = [Rule(Text(f"{label}  {finding.claim}", style=style), align="left", style="dim")]
    statement = describe.statement(finding.claim)
    if statement:
        parts.append(Text(statement, style="italic"))
    parts.append(Padding(_labelled(describe.example(finding)), (1, 0, 0, 2)))
    if finding.comparison is not None:
        parts.append(Padding(_labelled(describe.comparison(finding.comparison)), (1, 0, 0, 2)))
    rest = [s for s in finding.diagnosis if s not in known]
    said = [("note", finding.note)] if finding.note else []
    said += [("diagnosis", sentence) for sentence in rest]
    said += [("refutes also", ", ".join(also))] if also else []
    if said:
        parts.append(Padding(_labelled(said), (1, 0, 0, 2)))
    if finding.reproduction:
        # flush left and never wrapped, so that it can be copied into a file as it stands
        code = Text("\n" + finding.reproduction.rstrip("\n"), no_wrap=True, overflow="ignore", style="cyan")
        parts.append(code)
    if finding.replay:
        parts.append(Text("\n" + describe.replay_command(finding), no_wrap=True, overflow="ignore", style="bold"))
    return Group(*parts, Text(""))


def _lines(findings: Iterable[Finding], style: str) -> Table:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True, style=style)
    grid.add_column(overflow="fold")
    for f in findings:
        grid.add_row(Text(f.claim), Text(describe.headline(f)))
    return grid


def _failures(run: Run, findings: list[Finding], verbose: bool) -> Iterator[RenderableType]:
    bad = describe.by_simplicity(f for f in findings if f.declared and f.verdict in describe.BAD)
    fresh = [f for f in bad if not run.judgement.excuses(f)]
    shared = describe.shared_diagnosis(fresh)
    if shared:
        yield Group(_labelled(_once("Diagnosis", shared)), Text(""))
    groups = [[f] for f in fresh] if verbose else describe.alike(fresh)
    shown = groups if verbose else groups[:BLOCKS]
    for f, *others in shown:
        yield block(f, known=shared, also=[o.claim for o in others], style=STYLES[str(f.verdict)])
    rest = [f for group in groups[len(shown) :] for f in group]
    if rest:
        yield Rule(Text("also refuted (--verbose shows all in full)", style="bold red"), align="left", style="dim")
        yield Group(_lines(rest, "red"), Text(""))
    expected = [f for f in bad if run.judgement.excuses(f)]
    if expected:
        yield Rule(Text("refuted as expected", style="red"), align="left", style="dim")
        reasons = [(f.claim, run.judgement.expected[f.attributor, f.claim]) for f in expected]
        yield Group(_labelled(reasons), Text(""))


def _warnings(findings: list[Finding], verbose: bool) -> Iterator[RenderableType]:
    imprecise = [f for f in findings if f.verdict is Verdict.IMPRECISE]
    if imprecise:
        yield Rule(Text("warnings: imprecise", style="yellow"), align="left", style="dim")
        yield Text("Larger than rounding in the working dtype, but explained by float32 inside the computation.")
        shared = describe.shared_diagnosis(imprecise)
        if shared:
            yield _labelled(_once("Diagnosis", shared))
        yield Group(_lines(describe.by_simplicity(imprecise), "yellow"), Text(""))
    information = [f for f in findings if not f.declared and f.verdict in describe.BAD]
    if information:
        yield Rule(Text("information: refuted, but not claimed", style="blue"), align="left", style="dim")
        if verbose:
            yield from (block(f, style="blue") for f in describe.by_simplicity(information))
        else:
            yield Group(_lines(describe.by_simplicity(information), "blue"), Text(""))


def _reasons(findings: list[Finding], verbose: bool) -> Iterator[RenderableType]:
    for verdict in (Verdict.INCONCLUSIVE, Verdict.UNSUPPORTED, Verdict.CONVENTION, Verdict.HOLDS):
        kept = [f for f in findings if f.verdict is verdict]
        title, reasons = f"{verdict}: {describe.plural(len(kept), 'claim')}", describe.grouped_reasons(kept)
        if verdict is Verdict.HOLDS:
            title = "examples of claims that hold and that were not judged"
            reasons = reasons if verbose else reasons[:REASONS]
        if not reasons:
            continue
        yield Rule(Text(title, style=STYLES[str(verdict)]), align="left", style="dim")
        grid = Table.grid(padding=(0, 2))
        grid.add_column(justify="right", no_wrap=True)
        grid.add_column(overflow="fold")
        for reason, count, claims in reasons:
            more = f" and {len(claims) - CLAIMS} more" if len(claims) > CLAIMS else ""
            named = ", ".join(claims[:CLAIMS]) + more
            grid.add_row(Text(f"{count}x" if count else ""), Text.assemble(reason, (f"  {named}", "dim")))
        yield Group(grid, Text(""))


def _attributor(run: Run, name: str, verbose: bool) -> Iterator[RenderableType]:
    findings = run.of(name)
    if len(run.attributors) > 1:
        yield Rule(Text(name, style="bold"), align="left")
        yield Text("")
    if name in run.unable:
        yield Text.assemble(("Cannot run: ", "bold red"), run.unable[name])
        yield Text("")
    if not findings:
        return
    if any(f.verdict is not Verdict.NOT_APPLICABLE for f in findings):
        yield Group(table(run, findings), Text(""))
    for f in findings:
        if f.facts:
            yield Rule(Text("on the given inputs", style="bold"), align="left", style="dim")
            yield Group(_labelled(f.facts), Text(""))
    yield from _failures(run, findings, verbose)
    yield from _warnings(findings, verbose)
    yield from _reasons(findings, verbose)
    if len(run.attributors) > 1:
        yield Text(f"{name}: {describe.summary(run, name)}\n")


def report(run: Run, *, verbose: bool = False) -> Group:
    """The whole report of a run."""
    parts: list[RenderableType] = [header(run), Text("")]
    for name in run.attributors:
        parts.extend(_attributor(run, name, verbose))
    parts += [Text.assemble(("News: ", "bold red"), sentence) for sentence in run.judgement.news]
    parts += [Text.assemble(("Warning: ", "yellow"), sentence) for sentence in run.judgement.warnings]
    if run.findings:
        parts.append(Text(describe.summary(run)))
    code = run.exit_code
    parts.append(
        Text(describe.ending(run), style="bold green" if code == 0 else "bold red" if code == 1 else "bold yellow")
    )
    return Group(*parts)


def plain(renderable: RenderableType, width: int = 100) -> str:
    """A report as text without colour."""
    console = Console(file=io.StringIO(), width=width, no_color=True, highlight=False, legacy_windows=False)
    console.print(renderable, crop=False)
    text: str = console.file.getvalue()  # type: ignore[attr-defined]
    return "\n".join(line.rstrip() for line in text.splitlines()) + "\n"


def show(*renderables: RenderableType) -> None:
    """Print to standard output; where that is no terminal, without the spaces that rich fills lines with."""
    console = Console(highlight=False)
    if console.is_terminal:
        console.print(*renderables, sep="\n", crop=False)
    else:
        sys.stdout.write(plain(Group(*renderables), console.width))
        sys.stdout.flush()


def picture(run: Run, path: Path, *, title: str = "ig-props", width: int = 128) -> None:
    """The report as an SVG picture of a terminal."""
    console = Console(file=io.StringIO(), record=True, width=width, highlight=False, force_terminal=True)
    console.print(report(run))
    path.write_text(console.export_svg(title=title), encoding="utf-8")


class Plainly:
    """One line for each claim that is settled, for output that is no terminal; `stream` None says nothing."""

    def __init__(self, console: Console | None) -> None:
        self.console = console

    def __enter__(self) -> Plainly:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def show(self, event: Event) -> None:
        from ig_props.running.events import Found

        if self.console is not None and isinstance(event, Found):
            f = event.finding
            if f.verdict is not Verdict.NOT_APPLICABLE:
                self.console.print(
                    Text(f"{f.attributor}  {f.claim}  {f.verdict}  {f.examples} examples"), soft_wrap=True
                )


class Live:
    """A moving line: what is being attacked, how many examples, how many claims are done."""

    def __init__(self, console: Console) -> None:
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        self.progress = Progress(
            SpinnerColumn(),
            BarColumn(bar_width=20),
            TextColumn("{task.fields[count]}"),
            TimeElapsedColumn(),
            TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis")),
            console=console,
            transient=True,
        )
        self.task = self.progress.add_task("starting worker processes", total=None, count="")
        self.running: dict[tuple[str, str], tuple[int, bool]] = {}

    def __enter__(self) -> Live:
        self.progress.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.progress.stop()

    def show(self, event: Event) -> None:
        from ig_props.running import events

        if isinstance(event, events.Started):
            self.progress.update(self.task, total=len(event.attributors) * len(event.claims))
        elif isinstance(event, events.Attacking):
            self.running[event.attributor, event.claim] = (0, False)
        elif isinstance(event, events.Progress):
            self.running[event.attributor, event.claim] = (event.examples, False)
        elif isinstance(event, events.Shrinking):
            self.running[event.finding.attributor, event.finding.claim] = (event.finding.examples, True)
        elif isinstance(event, events.Found):
            self.running.pop((event.finding.attributor, event.finding.claim), None)
            self.progress.advance(self.task)
        task = self.progress.tasks[0]
        count = "" if task.total is None else f"{task.completed:.0f}/{task.total:.0f} claims"
        self.progress.update(self.task, description=self.description, count=count)

    @property
    def description(self) -> str:
        """What is going on, in the order in which it began."""
        names = {attributor for attributor, _ in self.running}
        parts = []
        for (attributor, claim), (examples, shrinking) in self.running.items():
            what = claim if len(names) == 1 else f"{attributor} {claim}"
            parts.append(f"{what} shrinking" if shrinking else f"{what} {examples} examples")
        return " · ".join(parts)
