"""How are this toolkit's own methods called? They are attacked like anybody's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ig_props.attributors.plain import Plain
from ig_props.attributors.protocol import ANY_STEPS, PLAIN, CannotRun, Kind, Traits
from ig_props.quadrature import RULES, clenshaw_curtis, gauss_kronrod

TUPLES = PLAIN | {"tuples", "no-baseline", "scalar-baseline", "broadcast-baseline", "no-target", "chunking"}
ONE_LAYER = frozenset({"shared-modules", "tuples"})
"""What layer methods do not accept: a layer that is called several times has no one integral."""
NAMED = {**RULES, "clenshaw-curtis": clenshaw_curtis, "gauss-kronrod": gauss_kronrod}
STEPS = {
    "trapezoid": ANY_STEPS[1:],
    "simpson": ANY_STEPS[2::2],
    "clenshaw-curtis": ANY_STEPS[2::2],
    "gauss-kronrod": ANY_STEPS[14::15],
}
"""Numbers of steps of methods that do not take every one."""


def _refused(name: str, args: Mapping[str, object], *known: str) -> None:
    for key in args:
        if key not in known:
            raise CannotRun(f"{name}: --arg is one of {', '.join(known)}, given {key!r}")


def integrated_gradients(name: str, stage: str, args: Mapping[str, object]) -> Plain:
    """Without a method, to a relative error; with one, by that rule with `n_steps`."""
    from ig_props.integration.engine import integrated_gradients as run

    _refused(name, args, "method", "rtol")
    method = args.get("method")
    if method is None:

        def attribute(
            model: Any, inputs: Any, baselines: Any = None, target: Any = None, internal_batch_size: int | None = None, *,
            rtol: float = 1e-6,
        ) -> Any:  # fmt: skip
            return run(model, inputs, baselines, target, rtol=rtol, internal_batch_size=internal_batch_size).values

        return Plain(attribute, name, Traits(Kind.IG, accepts=TUPLES), args)

    def by_rule(
        model: Any, inputs: Any, baselines: Any = None, target: Any = None, n_steps: int = 50,
        internal_batch_size: int | None = None, *, method: str,
    ) -> Any:  # fmt: skip
        return run(
            model, inputs, baselines, target, n_steps=n_steps, method=method, internal_batch_size=internal_batch_size
        ).values

    rule, steps = NAMED.get(str(method)), STEPS.get(str(method), ANY_STEPS)
    return Plain(by_rule, name, Traits(Kind.IG, accepts=TUPLES, steps=steps, rule=rule, adaptive=rule is None), args)


def layer_integral(name: str, stage: str, args: Mapping[str, object]) -> Plain:
    """Without a method, to a relative error; with one, by that rule with `n_steps`."""
    from ig_props.integration.layers import layer_integral as run

    _refused(name, args, "method", "rtol")
    method = args.get("method")
    accepts = TUPLES - ONE_LAYER
    if method is None:

        def attribute(
            model: Any, layer: Any, inputs: Any, baselines: Any = None, target: Any = None,
            internal_batch_size: int | None = None, *, rtol: float = 1e-6,
        ) -> Any:  # fmt: skip
            return run(
                model, layer, inputs, baselines, target, rtol=rtol, internal_batch_size=internal_batch_size
            ).values

        return Plain(attribute, name, Traits(Kind.LAYER_INTEGRAL, accepts=accepts), args)

    def by_rule(
        model: Any, layer: Any, inputs: Any, baselines: Any = None, target: Any = None, n_steps: int = 50,
        internal_batch_size: int | None = None, *, method: str,
    ) -> Any:  # fmt: skip
        return run(
            model, layer, inputs, baselines, target, n_steps=n_steps, method=method,
            internal_batch_size=internal_batch_size,
        ).values  # fmt: skip

    steps = ANY_STEPS[2::2] if method == "spectral" else ANY_STEPS
    return Plain(by_rule, name, Traits(Kind.LAYER_INTEGRAL, accepts=accepts, steps=steps), args)


def _map(kind: Kind, method: str) -> Callable[[str, str, Mapping[str, object]], Plain]:
    def adapter(name: str, stage: str, args: Mapping[str, object]) -> Plain:
        from ig_props.methods import grad_cam

        run = getattr(grad_cam, method)
        _refused(name, args)

        def attribute(model: Any, layer: Any, inputs: Any, target: Any = None) -> Any:
            found = run(model, layer, inputs, target)
            return found.normalized if stage == "normalized" else found.rectified

        def along(
            model: Any, layer: Any, inputs: Any, baselines: Any = None, target: Any = None, n_steps: int = 50
        ) -> Any:
            variant = "signed" if kind is Kind.RSI_GRAD_CAM_SIGNED else "rectified"
            found = run(model, layer, inputs, baselines, target, n_steps, variant=variant)
            return found.normalized if stage == "normalized" else found.rectified

        accepts = PLAIN - ONE_LAYER
        if kind.value.startswith("rsi"):
            return Plain(along, name, Traits(kind, stage, accepts | {"no-baseline"}), args)
        return Plain(attribute, name, Traits(kind, stage, accepts, adaptive=False), args)

    return adapter


ADAPTERS = {
    "integrated_gradients": integrated_gradients,
    "layer_integral": layer_integral,
    "grad_cam": _map(Kind.GRAD_CAM, "grad_cam"),
    "grad_cam_positive": _map(Kind.GRAD_CAM_POSITIVE, "grad_cam_positive"),
    "grad_cam_plus_plus": _map(Kind.GRAD_CAM_PLUS_PLUS, "grad_cam_plus_plus"),
    "rsi_grad_cam": _map(Kind.RSI_GRAD_CAM, "rsi_grad_cam"),
    "rsi_grad_cam_signed": _map(Kind.RSI_GRAD_CAM_SIGNED, "rsi_grad_cam"),
}
