"""How does `ig-props audit` become a summary, files and an exit code?"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from ig_props.attributors.protocol import CannotRun
from ig_props.commands.output import unwritable
from ig_props.running.request import INTERRUPTED, UsageError

FILES = ("json_file", "html_file")


def _writable(options: Mapping[str, Any]) -> None:
    """Said before the work, not after it."""
    for name in FILES:
        path = options[name]
        if path and path != "-" and (trouble := unwritable(Path(path))):
            raise UsageError(f"--{name.removesuffix('_file')} {path} cannot be written: {trouble}")
    if options["html_file"]:
        from ig_props.reports import html

        html.ready()


@contextlib.contextmanager
def _progress() -> Iterator[Any]:
    """A line on the error stream that says what is being measured; nothing where it is no terminal."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda text: None
        return
    with console.status("opening") as status:
        yield lambda text: status.update(text)


def audit(options: Mapping[str, Any]) -> int:
    """0 keeps the wanted error, 1 misses it, 3 cannot run, 4 nothing to compare with; what was found is written in any
    case."""
    from ig_props.reports import terminal

    try:
        _writable(options)
        report, interrupted = _answered(options)
    except CannotRun as error:
        terminal.show(Text.assemble(("Cannot run: ", "bold red"), str(error)))
        return 3
    if report is not None:
        _write(options, report)
    return INTERRUPTED if interrupted or report is None else report.exit_code


def _answered(options: Mapping[str, Any]) -> tuple[Any, bool]:
    """The last report, and whether the person stopped it."""
    from ig_props.audit.run import Progress
    from ig_props.audit.run import audit as events

    report = None
    with _progress() as say:
        try:
            for event in events(options):
                if isinstance(event, Progress):
                    say(f"{event.name} ({event.number} of {event.count})")
                else:
                    report = event
        except KeyboardInterrupt:
            return report, True
    return report, False


def _write(options: Mapping[str, Any], report: Any) -> None:
    from ig_props.reports import audit as summary
    from ig_props.reports import html, terminal

    texts = {
        "json_file": lambda: json.dumps(report.to_json(), indent=1, ensure_ascii=False) + "\n",
        "html_file": lambda: html.page(report),
    }
    quiet = False
    for name in FILES:
        path = options[name]
        if path == "-":
            sys.stdout.write(texts[name]())
            quiet = True
        elif path:
            Path(path).write_text(texts[name](), encoding="utf-8")
    if not quiet:
        terminal.show(summary.summary(report))
