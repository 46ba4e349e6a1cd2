"""Which defaults does the project in the working directory ask for, under `[tool.ig-props]` of its pyproject.toml?"""

from __future__ import annotations

import difflib
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TABLE = "tool.ig-props"
PROFILES = ("quick", "default", "deep")
STAGES = ("raw", "normalized")
DTYPES = ("float64", "float32", "float16", "bfloat16")


class ConfigError(ValueError):
    """The table cannot be used; one sentence that names the file, the key and what is accepted."""


@dataclass(frozen=True)
class Key:
    """What one key holds: `kind` is the TOML type; a list key also takes one string."""

    kind: type
    choices: tuple[str, ...] = ()

    def accepted(self) -> str:
        if self.choices:
            return "one of " + ", ".join(self.choices)
        return {bool: "true or false", int: "a whole number", float: "a number", str: "a string"}.get(
            self.kind, "a list of strings"
        )

    def fits(self, value: Any) -> bool:
        if self.kind is list:
            return isinstance(value, str) or (isinstance(value, list) and all(isinstance(v, str) for v in value))
        if self.kind is float:
            return isinstance(value, int | float) and not isinstance(value, bool)
        return type(value) is self.kind and (not self.choices or value in self.choices)


KEYS: dict[str, Key] = {
    "specs": Key(list),
    "as": Key(str),
    "stage": Key(str, STAGES),
    "arg": Key(list),
    "claims": Key(list),
    "accepts": Key(list),
    "strict": Key(bool),
    "profile": Key(str, PROFILES),
    "seed": Key(int),
    "dtype": Key(str, DTYPES),
    "device": Key(str),
    "jobs": Key(int),
    "timeout": Key(float),
    "json": Key(str),
    "junit": Key(str),
    "expected": Key(str),
    "verbose": Key(bool),
    "model": Key(str),
    "inputs": Key(str),
    "baselines": Key(str),
    "target": Key(str),
    "layer": Key(str),
}


def read(folder: Path) -> dict[str, Any]:
    """The table as a mapping from `check`'s option names to values; empty where there is none.

    Raises ConfigError for a file that cannot be read, an unknown key (with the nearest known one) or a wrong type.
    """
    path = folder / "pyproject.toml"
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise ConfigError(f"pyproject.toml cannot be read: {error.strerror or error}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"pyproject.toml is not TOML: {error}") from None
    tool = data.get("tool", {})
    table = tool.get("ig-props", {}) if isinstance(tool, dict) else {}
    if not isinstance(table, dict):
        raise ConfigError(f"pyproject.toml [{TABLE}] must be a table, given {table!r:.40}")
    return {_known(key): _fitting(key, value) for key, value in table.items()}


def _known(key: str) -> str:
    if key not in KEYS:
        near = difflib.get_close_matches(key, KEYS, n=1, cutoff=0.0)[0]
        raise ConfigError(f"pyproject.toml [{TABLE}] has no key {key!r}; the nearest is {near!r}")
    return key


def _fitting(key: str, value: Any) -> Any:
    known = KEYS[key]
    if not known.fits(value):
        raise ConfigError(f"pyproject.toml [{TABLE}] {key}: {value!r:.60} given, {known.accepted()} is needed")
    return [value] if known.kind is list and isinstance(value, str) else value
