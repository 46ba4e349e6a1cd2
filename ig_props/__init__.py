"""Property testing and exact oracles for path attributions; see `ig-props --help` and `ig_props.check`."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ig_props.campaign import check as check
    from ig_props.integration.attribution import Attribution as Attribution
    from ig_props.integration.engine import integrated_gradients as integrated_gradients
    from ig_props.integration.layers import layer_integral as layer_integral
    from ig_props.integration.layers import layer_integrals as layer_integrals
    from ig_props.integration.path import integrate as integrate
    from ig_props.methods.grad_cam import rsi_grad_cam as rsi_grad_cam
    from ig_props.networks.network import Network as Network
    from ig_props.pytest_plugin import parametrize as parametrize

    __version__: str

_HOME = {
    "check": "ig_props.campaign",
    "parametrize": "ig_props.pytest_plugin",
    "integrated_gradients": "ig_props.integration.engine",
    "integrate": "ig_props.integration.path",
    "layer_integral": "ig_props.integration.layers",
    "layer_integrals": "ig_props.integration.layers",
    "rsi_grad_cam": "ig_props.methods.grad_cam",
    "Attribution": "ig_props.integration.attribution",
    "Network": "ig_props.networks.network",
}
__all__ = [
    "Attribution",
    "Network",
    "__version__",
    "check",
    "integrate",
    "integrated_gradients",
    "layer_integral",
    "layer_integrals",
    "parametrize",
    "rsi_grad_cam",
]


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
    # no module of ours has one of these names in this package, so the value may be kept here
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
