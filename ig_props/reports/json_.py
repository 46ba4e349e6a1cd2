"""What does a program need to know about a run? One JSON object of a versioned schema."""

from __future__ import annotations

import json
import math
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ig_props.findings import Finding
from ig_props.reports import describe
from ig_props.reports.run import Run

SCHEMA = "ig-props-report/1"


def strict(value: Any) -> Any:
    """The value with numbers that JSON does not know as the strings "inf", "-inf" and "nan"."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, Mapping):
        return {str(k): strict(v) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [strict(v) for v in (sorted(value) if isinstance(value, set | frozenset) else value)]
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def _finding(run: Run, finding: Finding) -> dict[str, Any]:
    expected = run.judgement.expected.get((finding.attributor, finding.claim))
    return {**finding.to_json(), "examples": finding.examples, "expected": expected}


def document(run: Run) -> dict[str, Any]:
    """The report as JSON-ready data.

    `counts` is by verdict ("information": refuted but not claimed; "expected": refuted as expected); `cannot_run` maps
    an attributor to the sentence that says why.
    """
    data = {
        "schema": SCHEMA,
        "versions": run.versions,
        "parameters": run.parameters,
        "attributors": [
            {
                "name": name,
                "counts": run.counts(name),
                "exit_code": run.exit_code_of(name),
                "cannot_run": run.unable.get(name),
            }
            for name in run.attributors
        ],
        "counts": run.counts(),
        "examples": sum(f.examples for f in run.findings),
        "seconds": run.seconds,
        "exit_code": run.exit_code,
        "summary": describe.summary(run),
        "news": run.judgement.news,
        "warnings": run.judgement.warnings,
        "findings": [_finding(run, f) for f in run.findings],
    }
    plain: dict[str, Any] = strict(data)
    return plain


def text(run: Run) -> str:
    return json.dumps(document(run), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def write_atomically(path: Path, content: str) -> None:
    """Write a file that is either complete or as it was; raises OSError."""
    if path.is_symlink():
        path = path.resolve()
    if path.is_dir():
        raise IsADirectoryError(None, "it is a folder", str(path))
    if path.exists() and not path.is_file():
        # a device or pipe such as /dev/stdout cannot be replaced, only written to
        path.write_text(content, encoding="utf-8")
        return
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:40]}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(content)
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(name, 0o666 & ~mask)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
