"""Who imports whom? The arrows of the house, read from the source."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import ig_props

ROOT = Path(ig_props.__file__).parent
LIBRARIES = {
    "captum": "captum.py",
    "zennit": "zennit.py",
    "shap": "shap.py",
    "saliency": "saliency.py",
    "pytorch_grad_cam": "grad_cam.py",
    "torchcam": "torchcam.py",
}


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def files(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


@pytest.mark.parametrize(
    ("folder", "forbidden"),
    [
        ("methods", ("ig_props.claims", "ig_props.checking", "ig_props.attributors", "ig_props.campaign")),
        ("integration", ("ig_props.claims", "ig_props.checking", "ig_props.attributors", "ig_props.campaign")),
        ("networks", ("ig_props.claims", "ig_props.attributors", "ig_props.campaign", "ig_props.strategies")),
        ("oracles", ("ig_props.claims", "ig_props.attributors", "ig_props.campaign", "ig_props.strategies")),
        ("claims", ("ig_props.campaign", "ig_props.reports", "ig_props.running.attack", "ig_props.cli")),
        ("checking", ("ig_props.campaign", "ig_props.reports", "ig_props.running.attack", "ig_props.cli")),
        ("", ("sympy",)),
    ],
)
def test_arrows_point_one_way(folder: str, forbidden: tuple[str, ...]) -> None:
    for path in files(folder):
        for name in imports(path):
            assert not name.startswith(forbidden), f"{path.relative_to(ROOT)} imports {name}"


def test_each_library_is_imported_by_its_own_adapter_only() -> None:
    for path in files(""):
        for name in imports(path):
            home = LIBRARIES.get(name.split(".")[0])
            assert home is None or (path.parent.name, path.name) == ("attributors", home), f"{path} imports {name}"


def test_campaigns_do_not_know_reports() -> None:
    top = [n for n in ast.parse((ROOT / "campaign.py").read_text()).body if isinstance(n, ast.Import | ast.ImportFrom)]
    assert not any(isinstance(n, ast.ImportFrom) and (n.module or "").startswith("ig_props.reports") for n in top)


def test_help_imports_neither_torch_nor_hypothesis() -> None:
    code = (
        "import sys, ig_props.cli; sys.exit(any(m in sys.modules for m in ('torch', 'hypothesis', 'flint', 'numpy')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
