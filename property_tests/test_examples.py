"""Do the figures of the paper pages come out of the commands that the pages name, and do the pages name what exists?"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ig_props.claims.registry import FAMILIES, claims

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted((ROOT / "docs" / "papers").glob("*.md"))


@pytest.mark.parametrize("name", ["plus-plus", "attack"])
def test_a_figure_is_drawn_by_its_command(name: str, tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    pytest.importorskip("matplotlib")
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "examples/papers.py", name, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=environment, check=True)
    assert (tmp_path / f"{name}.svg").read_text().startswith("<?xml")
    assert done.stdout.count("\n") >= 3


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.stem)
def test_a_page_names_claims_files_and_figures_that_exist(page: Path) -> None:
    text = page.read_text()
    known = claims()
    for name in re.findall(r"`([A-Z]+\.[a-z_.]+)`", text):
        assert name in known, name
    for figure in re.findall(r"\]\((figures/[\w.-]+)\)", text):
        assert (page.parent / figure).is_file()
    (command,) = re.findall(r"\*\*Reproduce\.\*\* `python (examples/papers\.py) ([\w-]+)`", text)
    assert (ROOT / command[0]).is_file()
    assert f'"{command[1]}"' in (ROOT / command[0]).read_text()


def test_the_families_of_the_six_papers_are_there() -> None:
    assert {"softmax", "baselines", "cam", "layers"} <= set(FAMILIES)
    assert len(PAGES) == 6
