"""Which methods can be audited by name?"""

from __future__ import annotations

import difflib
from collections.abc import Mapping

from ig_props.attributors.load import load
from ig_props.attributors.protocol import Attributor
from ig_props.running.request import UsageError

OWN: dict[str, tuple[str, Mapping[str, object]]] = {
    "integrated-gradients": ("ig_props:integrated_gradients", {"method": "midpoint"}),
    "layer-integral": ("ig_props:layer_integral", {"method": "trapezoid"}),
    "grad-cam": ("ig_props:grad_cam", {}),
    "grad-cam-positive": ("ig_props:grad_cam_positive", {}),
    "grad-cam++": ("ig_props:grad_cam_plus_plus", {}),
    "rsi-grad-cam": ("ig_props:rsi_grad_cam", {}),
    "rsi-grad-cam-signed": ("ig_props:rsi_grad_cam_signed", {}),
}
"""Short names of this project's methods, the SPECs that they stand for and the rule that is meant."""


def method_of(name: str, as_: str | None, args: Mapping[str, object]) -> Attributor:
    """The method that --method names; CannotRun and UsageError in one sentence."""
    if name in OWN:
        spec, usual = OWN[name]
        return load(spec, args={**usual, **args})
    if ":" not in name and ".py" not in name:
        near = difflib.get_close_matches(name, OWN, n=1, cutoff=0.4)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise UsageError(f"--method is one of {', '.join(OWN)} or a SPEC as for check, given {name!r}{hint}")
    try:
        return load(name, as_=as_, args=args)
    except ValueError as error:
        raise UsageError(f"--method {name}: {error}") from None
