"""Property testing and exact oracles for path attributions; see `ig-props --help` and `ig_props.check`."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ig_props.campaign import check as check
    from ig_props.networks.network import Network as Network
    from ig_props.pytest_plugin import parametrize as parametrize

    __version__: str

_HOME = {
    "check": "ig_props.campaign",
    "parametrize": "ig_props.pytest_plugin",
    "integrated_gradients": "ig_props.methods.integrated_gradients",
    "Network": "ig_props.networks.network",
}
__all__ = ["Network", "__version__", "check", "integrated_gradients", "parametrize"]


def _version() -> str:
    from importlib import metadata

    try:
        return metadata.version("ig-props")
    except metadata.PackageNotFoundError:
        return "0.1.0"


def __getattr__(name: str) -> Any:
    """Attributes are imported on first use, so that importing the package costs nothing."""
    if name == "__version__":
        return globals().setdefault(name, _version())
    if name not in _HOME:
        raise AttributeError(f"module 'ig_props' has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    # importing ig_props.methods.integrated_gradients binds no attribute of ours, so the function may be kept here
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
