"""What can be claimed, who claims it, and what does a claim mean?"""

from __future__ import annotations

import contextlib
import difflib
import inspect
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ig_props.attributors.protocol import Kind
from ig_props.reports import terminal
from ig_props.running.request import UsageError

if TYPE_CHECKING:
    from ig_props.claims.claim import Claim

KERNEL = Path(__file__).parents[2] / "proofs" / "coq" / "result.json"
"""What Coq's kernel accepted, in a source checkout; a wheel has no such file."""

WIDE = 120
"""Columns from which a table with sentences reads well."""


def _table(rows: Sequence[tuple[str, ...]], styles: tuple[str, ...]) -> Table:
    grid = Table.grid(padding=(0, 2))
    for k, style in enumerate(styles):
        grid.add_column(style=style, no_wrap=k < len(styles) - 1, overflow="fold")
    for row in rows:
        grid.add_row(*(Text(cell) for cell in row))
    return grid


def _list(title: str, rows: Sequence[tuple[str, ...]]) -> None:
    """Rows of names, facts and a sentence: one line each in a pipe, the sentence below where the terminal is narrow."""
    console = Console(highlight=False)
    if not console.is_terminal:
        widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]) - 1)]
        for row in rows:
            print("  ".join([*(cell.ljust(w) for cell, w in zip(row, widths, strict=False)), row[-1]]))
        return
    console.print(Text(title, style="bold"))
    if console.width >= WIDE:
        console.print(_table(rows, ("bold", *(["dim"] * (len(rows[0]) - 2)), "")))
        return
    for row in rows:
        console.print(Text.assemble((row[0], "bold"), ("  " + "  ".join(row[1:-1]), "dim")))
        console.print(Padding(Text(row[-1]), (0, 0, 0, 4)))


def show(what: str | None) -> None:
    """Print the attributors, the claims or both."""
    if what in (None, "attributors"):
        from ig_props.attributors.load import available

        rows = [
            (
                a.spec,
                str(a.kind),
                a.version or "not installed",
                a.summary if a.version else f'pip install "ig-props[{a.extra}]"',
            )
            for a in available()
        ]
        _list("attributors (and any package.module:object or path/to/file.py:function)", rows)
    if what in (None, "claims"):
        from ig_props.claims.registry import claims

        if what is None:
            print()
        _list("claims", [(c.id, str(c.kind), c.statement) for c in claims().values()])


def _found(name: str) -> Claim:
    from ig_props.claims.registry import claims

    known = claims()
    if name in known:
        return known[name]
    folded = {i.casefold(): i for i in known}
    if name.casefold() in folded:
        return known[folded[name.casefold()]]
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.3)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise UsageError(f"there is no claim {name!r}{hint} (ig-props list claims shows them all)")


def said(function: Callable[..., Any] | None) -> str:
    """The docstring of a function, or of the function that it guards."""
    seen = 0
    while function is not None and seen < 4:
        doc = inspect.getdoc(function)
        if doc:
            return " ".join(doc.split())
        inner = inspect.getclosurevars(function).nonlocals.values() if inspect.isfunction(function) else ()
        function = next((f for f in inner if inspect.isfunction(f)), None)
        seen += 1
    return ""


def _simplest(claim: Claim) -> str:
    """An example that a plain attributor of the claim is attacked with, mostly the simplest; empty where none is drawn."""
    import hypothesis

    from ig_props.attributors.protocol import ACCEPTS, PLAIN, Traits
    from ig_props.quadrature import midpoint

    assert claim.cases is not None
    for kind in [k for k in Kind if k in claim.kinds]:
        for accepts in (PLAIN, frozenset(ACCEPTS)):
            try:
                strategy = claim.cases(Traits(kind, accepts=accepts, rule=midpoint))
                if strategy is None:
                    continue
                settings = hypothesis.settings(
                    database=None,
                    deadline=None,
                    derandomize=True,
                    max_examples=200,
                    phases=[hypothesis.Phase.generate, hypothesis.Phase.shrink],
                    suppress_health_check=list(hypothesis.HealthCheck),
                )
                # a path of no length says little, unless the claim is about it
                for telling in (lambda case: case.inputs != case.baselines, lambda case: True):
                    with contextlib.suppress(hypothesis.errors.NoSuchExample):
                        return str(hypothesis.find(strategy, telling, settings=settings))
            except Exception:
                continue
    return ""


def _makers(claim: Claim) -> list[str]:
    from ig_props.attributors.load import available

    return [a.spec for a in available() if a.kind in claim.kinds]


def _kernel_checked(claim: str) -> list[tuple[str, str]]:
    """The theorems that Coq's kernel accepted for the claim, or why there is none; empty without a source checkout."""
    if not KERNEL.exists():
        return []
    result = json.loads(KERNEL.read_text())
    if claim in result["unproved"]:
        return [("not in Coq", result["unproved"][claim])]
    rows = []
    for theorem in result["claims"].get(claim, ()):
        axioms = ", ".join(a.rpartition(".")[2] for a in theorem["axioms"]) or "no axioms"
        rows.append(("Coq", f"{theorem['reads']}\n{theorem['theorem']} in {theorem['file']}, from {axioms}:"))
        rows.append(("", theorem["statement"]))
        rows += [("not in Coq", theorem["gap"])] if theorem["gap"] else []
    return rows


def explain(name: str) -> int:
    """Print everything that is known of a claim; 1 where its witness fails."""
    claim = _found(name)
    title = Text.assemble((claim.id, "bold"), (f"  {claim.kind}, family {claim.family}", "dim"))
    kinds = "every kind" if claim.kinds == frozenset(Kind) else ", ".join(k for k in Kind if k in claim.kinds)
    rows = [("statement", claim.statement), *(("premise", p) for p in claim.premises)]
    rows += [("source", claim.source or "this project"), ("claimed by", kinds)]
    makers = _makers(claim)
    if makers and claim.attackable:
        rows.append(("adapters", ", ".join(makers)))
    if claim.attackable:
        rows.append(("attack", "examples are drawn by Hypothesis; one that refutes the claim is shrunk"))
        rows += [("judged by", said(claim.check))] if said(claim.check) else []
        rows += [("drawn", said(claim.cases))] if said(claim.cases) else []
        simplest = _simplest(claim)
        rows += [("for example", simplest)] if simplest else []
    else:
        rows.append(("attack", "none: the statement is verified by its witness, no attributor can break it"))
    failed = False
    if claim.witness is not None:
        try:
            rows.append(("witness", claim.witness()))
        except AssertionError as error:
            failed = True
            rows.append(("witness", f"FAILS: {error}"))
    from ig_props.commands.proving import told

    proof = told(claim.id)
    rows += [("proof", proof)] if proof else []
    rows += _kernel_checked(claim.id)
    command = f"\nig-props check {makers[0]} --claims {claim.id}" if claim.attackable and makers else ""
    terminal.show(title, _table(rows, ("bold", "")), Text(command, style="dim"))
    return int(failed)
