"""How are Captum's gradient methods called, and what does Captum say of them?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from ig_props import quadrature
from ig_props.attributors.plain import Plain
from ig_props.attributors.protocol import ANY_STEPS, PLAIN, CannotRun, Kind, Traits
from ig_props.quadrature import Rule

METHODS: dict[str, Callable[[int], Rule]] = {
    "gausslegendre": quadrature.gauss_legendre,
    "riemann_left": quadrature.left,
    "riemann_right": quadrature.right,
    "riemann_middle": quadrature.midpoint,
    "riemann_trapezoid": quadrature.trapezoid,
}
DEFAULT_METHOD = "gausslegendre"
INPUTS = PLAIN | {"tuples", "no-baseline", "scalar-baseline", "broadcast-baseline", "no-target", "chunking"}
"""From the docstrings of `attribute`; of token indices the FAQ says that there are no gradients with respect to them."""
REUSED = frozenset({"shared-modules"})
"""What layer methods do not accept: the FAQ says that a layer used several times "generally" means its last use."""


def _method(name: str, args: Mapping[str, object]) -> str:
    method = args.get("method", DEFAULT_METHOD)
    if method not in METHODS:
        raise CannotRun(f"{name}: method is one of {', '.join(METHODS)}, given {method!r}")
    return str(method)


def _integrated(kind: Kind, name: str, args: Mapping[str, object]) -> Traits:
    """Captum asserts more than one step for its Riemann sums ("has to be larger than one")."""
    method = _method(name, args)
    steps = ANY_STEPS if method == DEFAULT_METHOD else ANY_STEPS[1:]
    return Traits(kind, accepts=INPUTS, steps=steps, rule=METHODS[method], adaptive=False)


def integrated_gradients(name: str, stage: str, args: Mapping[str, object]) -> Plain:
    from captum.attr import IntegratedGradients

    return Plain(IntegratedGradients, name, _integrated(Kind.IG, name, args), args)


def layer_integrated_gradients(name: str, stage: str, args: Mapping[str, object]) -> Plain:
    from captum.attr import LayerIntegratedGradients

    traits = _integrated(Kind.LAYER_IG, name, args)
    return Plain(LayerIntegratedGradients, name, replace(traits, accepts=traits.accepts - REUSED), args)


def layer_conductance(name: str, stage: str, args: Mapping[str, object]) -> Plain:
    """Here `method` chooses the points at which the layer is evaluated; its weights are not used."""
    from captum.attr import LayerConductance

    _method(name, args)
    return Plain(LayerConductance, name, Traits(Kind.LAYER_INTEGRAL, accepts=INPUTS - REUSED, adaptive=False), args)


def noise_tunnel(name: str, stage: str, args: Mapping[str, object]) -> Plain:
    from captum.attr import IntegratedGradients, NoiseTunnel

    def attribute(
        model: Any,
        inputs: Any,
        baselines: Any = None,
        target: Any = None,
        n_steps: int = 50,
        internal_batch_size: int | None = None,
        *,
        method: str = DEFAULT_METHOD,
        nt_samples: int = 5,
        nt_samples_batch_size: int | None = None,
    ) -> Any:
        return NoiseTunnel(IntegratedGradients(model)).attribute(
            inputs,
            nt_samples=nt_samples,
            nt_samples_batch_size=nt_samples_batch_size,
            stdevs=0.0,
            baselines=baselines,
            target=target,
            n_steps=n_steps,
            internal_batch_size=internal_batch_size,
            method=method,
        )

    traits = _integrated(Kind.IG, name, args)
    # "Adds gaussian noise to each input": it draws from the global generator even where the deviation is zero.
    return Plain(attribute, name, replace(traits, accepts=traits.accepts | {"random"}), args)


def layer_grad_cam(name: str, stage: str, args: Mapping[str, object]) -> Plain:
    """Captum leaves the last rectifier to `relu_attributions`, which "matches the original GradCAM algorithm"."""
    from captum.attr import LayerGradCam

    def attribute(model: Any, layer: Any, inputs: Any, target: Any = None, *, relu_attributions: bool = True) -> Any:
        maps = LayerGradCam(model, layer).attribute(inputs, target, relu_attributions=relu_attributions)
        return maps.squeeze(1) if getattr(maps, "ndim", 0) == 4 else maps

    return Plain(attribute, name, Traits(Kind.GRAD_CAM, stage, (PLAIN | {"tuples"}) - REUSED, adaptive=False), args)


ADAPTERS = {
    "IntegratedGradients": integrated_gradients,
    "LayerIntegratedGradients": layer_integrated_gradients,
    "LayerConductance": layer_conductance,
    "NoiseTunnel": noise_tunnel,
    "LayerGradCam": layer_grad_cam,
}
