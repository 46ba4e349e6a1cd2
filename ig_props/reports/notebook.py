"""How do findings look in a notebook?"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from ig_props.findings import Finding, Verdict
from ig_props.reports import describe
from ig_props.reports.run import Run

COLOURS = {
    "refuted": "#c62828",
    "crashed": "#8e24aa",
    "imprecise": "#b26a00",
    "inconclusive": "#00838f",
    "holds": "#2e7d32",
}


def _row(run: Run, finding: Finding) -> str:
    word = run.word(finding)
    colour = COLOURS.get(word, "inherit")
    cells = [
        f"<td style='text-align:left'><code>{escape(finding.claim)}</code></td>",
        f"<td style='text-align:left;color:{colour}'><b>{escape(word)}</b></td>",
        f"<td>{describe.counted(finding)}</td>",
        f"<td>{escape(describe.duration(finding.seconds))}</td>",
    ]
    return f"<tr>{''.join(cells)}</tr>"


def _definitions(lines: Sequence[tuple[str, str]]) -> str:
    rows = (
        f"<tr><th style='text-align:left'>{escape(label)}</th><td style='text-align:left'>{escape(value)}</td></tr>"
        for label, value in lines
    )
    return f"<table>{''.join(rows)}</table>"


def _details(finding: Finding, opened: bool) -> str:
    title = f"<code>{escape(finding.claim)}</code> {escape(describe.headline(finding))}"
    lines = describe.example(finding)
    if finding.comparison is not None:
        lines += describe.comparison(finding.comparison)
    lines += [("note", finding.note)] if finding.note else []
    lines += [("diagnosis", sentence) for sentence in finding.diagnosis]
    code = f"<pre>{escape(finding.reproduction)}</pre>" if finding.reproduction else ""
    statement = escape(describe.statement(finding.claim))
    flag = " open" if opened else ""
    return f"<details{flag}><summary>{title}</summary><p><i>{statement}</i></p>{_definitions(lines)}{code}</details>"


def html(run: Run) -> str:
    """The run as an HTML fragment without scripts: what ran, a table of claims, and the failures in full."""
    parts = [f"<p><b>{escape(', '.join(run.attributors))}</b> · {escape(describe.parameters(run))}</p>"]
    parts += [f"<p><b>Cannot run:</b> {escape(sentence)}</p>" for sentence in run.unable.values()]
    for name in run.attributors:
        bad = describe.by_simplicity(f for f in run.of(name) if f.verdict in describe.BAD)
        parts += [f"<p><b>Diagnosis:</b> {escape(s)}</p>" for s in describe.shared_diagnosis(bad)]
        parts += [_definitions(f.facts) for f in run.of(name) if f.facts]
        parts += [_details(f, k == 0) for k, f in enumerate(bad)]
    head = "<tr><th>claim</th><th>verdict</th><th>examples</th><th>time</th></tr>"
    rows = [_row(run, f) for f in run.findings if f.verdict is not Verdict.NOT_APPLICABLE]
    if rows:
        parts.append(f"<table>{head}{''.join(rows)}</table>")
    parts.append(f"<p>{escape(describe.summary(run))}</p>")
    return "<div>" + "".join(parts) + "</div>"
