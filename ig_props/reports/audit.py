"""What does a person read in the terminal after an audit?"""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ig_props.audit.section import Mark, Report, Section

SIGNS = {Mark.GOOD: ("✓", "green"), Mark.WARNING: ("!", "yellow"), Mark.BAD: ("✗", "red"), Mark.UNKNOWN: ("?", "dim")}
SAID = {
    0: "the explanation keeps the wanted error",
    1: "the explanation misses the wanted error or does not add up",
    4: "nothing conclusive: there was nothing to compare with",
}


def _pairs(rows: tuple[tuple[str, str], ...], style: str = "dim") -> Table:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(style=style, overflow="fold")
    for label, text in rows:
        grid.add_row(Text(label), Text(text))
    return grid


def _section(section: Section) -> Group:
    sign, style = SIGNS[section.mark]
    parts: list[RenderableType] = [
        Text.assemble((f"{sign} ", f"bold {style}"), (section.question, "bold")),
        Padding(Text(section.answer), (0, 0, 0, 2)),
    ]
    if section.facts:
        parts.append(Padding(_pairs(section.facts), (0, 0, 0, 2)))
    return Group(*parts)


def summary(report: Report) -> Group:
    """Title, settings, one block per question, and what the exit code says."""
    title = Text(report.title, style="bold")
    blocks: list[RenderableType] = [Group(title, _pairs(report.settings))]
    blocks += [_section(section) for section in report.sections]
    end = f"{SAID[report.exit_code]} ({report.seconds:.1f} s)"
    if report.unfinished:
        end = f"Unfinished: {report.unfinished}. {end}"
    blocks.append(Text(f"Exit code {report.exit_code}: {end}", style="bold"))
    spaced: list[RenderableType] = []
    for block in blocks:
        spaced += [block, Text("")]
    return Group(*spaced[:-1])
