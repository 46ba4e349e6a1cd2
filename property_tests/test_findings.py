"""Does docs/findings.md say what the installed libraries do, and nothing that has no script?"""

from __future__ import annotations

import ast
import importlib.util
import json
import re
import subprocess
import sys
from importlib import metadata
from itertools import groupby
from pathlib import Path
from types import ModuleType

import pytest

from ig_props.claims.registry import claims

PAGE = Path(__file__).parent.parent / "docs" / "findings.md"
TEXT = PAGE.read_text(encoding="utf-8")
LINK = re.compile(r"\(findings/(\w+)\.py\)")
ROW = re.compile(r"^\| ([\w-]+) \| (\d[\w.]*) \|.*\(findings/(\w+)\.py\)", re.MULTILINE)
"""A row of a table: distribution, version and script."""


def _replay() -> ModuleType:
    spec = importlib.util.spec_from_file_location("findings_replay", PAGE.parent / "findings" / "replay.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # dataclasses look their module up by name
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


replay = _replay()
SCRIPTS: list[Path] = replay.scripts()


def test_every_linked_script_exists_and_every_script_is_linked() -> None:
    linked = set(LINK.findall(TEXT)) - {"replay"}
    assert linked == {path.stem for path in SCRIPTS}


def test_every_script_stands_in_one_table_with_its_library() -> None:
    rows = [(library, script) for library, _, script in ROW.findall(TEXT)]
    distributions = {path.stem: replay.LIBRARIES[replay.library(path)][1] for path in SCRIPTS}
    assert sorted(script for _, script in rows) == sorted(distributions)
    assert {script: library for library, script in rows} == distributions


def test_a_library_has_one_version_throughout_the_page() -> None:
    versions = {(library, version) for library, version, _ in ROW.findall(TEXT)}
    assert len(versions) == len({library for library, _ in versions})


def test_every_link_within_the_page_has_its_heading() -> None:
    headings = [line.lstrip("#").strip().lower() for line in TEXT.splitlines() if line.startswith("#")]
    anchors = {re.sub(r"[^\w -]", "", heading).replace(" ", "-") for heading in headings}
    assert set(re.findall(r"\(#([^)]+)\)", TEXT)) <= anchors


def test_claims_named_on_the_page_are_claims() -> None:
    named = set(re.findall(r"`((?:PATH|IG|QUAD|RSI?|CODE|EXACT|CERT)\.[\w.]+\w)`", TEXT))
    assert named
    assert named <= set(claims())


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_needs_only_torch_numpy_and_its_library(path: Path) -> None:
    library = replay.LIBRARIES[replay.library(path)][0]
    modules = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            modules |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            modules.add((node.module or "").partition(".")[0])
    assert modules - set(sys.stdlib_module_names) <= {"torch", "torchvision", "numpy", library}


@pytest.mark.parametrize(
    "paths",
    [pytest.param(list(paths), id=name) for name, paths in groupby(SCRIPTS, key=replay.library)],
)
def test_findings_reproduce(paths: list[Path]) -> None:
    """An upstream release in which one does not is good news: take it off the page, or say up to which version it holds."""
    for one in replay.replay(paths):
        if one.code is None:
            pytest.skip(f"{replay.LIBRARIES[replay.library(paths[0])][1]} is not installed")
        assert one.code == 0, f"{one.script} with version {one.version} printed:\n{one.output}"


@pytest.mark.parametrize(
    ("body", "code", "result"),
    [
        ("print('as described')", 0, "reproduces"),
        ("import sys; sys.exit(not True)", 0, "reproduces"),
        ("import sys; sys.exit(not False)", 1, "DOES NOT REPRODUCE"),
        ("import sys; sys.exit('why')", 1, "DOES NOT REPRODUCE"),
        ("raise AttributeError('gone upstream')", 1, "DOES NOT REPRODUCE"),
    ],
)
def test_a_script_says_by_its_exit_code_whether_it_reproduces(
    tmp_path: Path, body: str, code: int, result: str
) -> None:
    script = tmp_path / "captum_example.py"
    script.write_text(body, encoding="utf-8")
    one = replay.run_here(script)
    assert (one.code, one.result) == (code, result)


def test_a_script_that_ends_its_process_does_not_reproduce(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(replay.LIBRARIES, "pytest", ("pytest", "pytest"))
    good, bad = tmp_path / "pytest_a.py", tmp_path / "pytest_b.py"
    good.write_text("print('fine')", encoding="utf-8")
    bad.write_text("import os; os._exit(0)", encoding="utf-8")
    found = {one.script: one for one in replay.replay([good, bad])}
    assert (found["pytest_a"].code, found["pytest_b"].code) == (0, 1)
    assert found["pytest_a"].version == metadata.version("pytest")


def test_a_library_that_is_not_installed_is_said_to_be_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(replay.LIBRARIES, "missing", ("no_such_module_here", "no-such-distribution"))
    (one,) = replay.replay([tmp_path / "missing_example.py"])
    assert (one.code, one.result) == (None, "not installed")


def test_replay_runs_as_a_command_and_refuses_names_of_no_script() -> None:
    command = [sys.executable, str(PAGE.parent / "findings" / "replay.py"), "nosuch"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "no script's name begins with nosuch" in done.stderr
    here = subprocess.run(
        [*command[:2], "--here", str(SCRIPTS[0])], capture_output=True, text=True, timeout=60, check=False
    )
    if importlib.util.find_spec("captum") is not None:
        assert json.loads(here.stdout.splitlines()[-1])["code"] == 0
