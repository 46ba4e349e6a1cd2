"""Can a file be written where it was asked for?"""

from __future__ import annotations

import tempfile
from pathlib import Path


def unwritable(path: Path) -> str:
    """Why not, in a few words; empty where it can. Nothing is left behind."""
    folder = path.absolute().parent
    if path.is_dir():
        return "it is a folder"
    if not folder.is_dir():
        return "there is no such folder"
    try:
        with tempfile.TemporaryFile(dir=folder):
            return ""
    except OSError as error:
        return error.strerror or str(error)
