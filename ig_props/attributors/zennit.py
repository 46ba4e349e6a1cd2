"""How is zennit's IntegratedGradients called, and what does zennit say of it?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ig_props.attributors.plain import Plain, classes
from ig_props.attributors.protocol import PLAIN, Kind, Traits


def integrated_gradients(name: str, stage: str, args: Mapping[str, object]) -> Plain:
    """The score is chosen by `attr_output`, a function from the model's output to the vector of the product."""
    import torch
    from zennit.attribution import IntegratedGradients

    def attribute(model: Any, inputs: Any, baselines: Any, target: Any, n_steps: int = 20) -> Any:
        def one_hot(output: Any) -> Any:
            rows = torch.tensor(classes(target, len(output)), device=output.device)
            return torch.zeros_like(output).scatter_(1, rows[:, None], 1)

        baseline_fn = None if baselines is None else lambda _: baselines
        _, attribution = IntegratedGradients(model, baseline_fn=baseline_fn, n_iter=n_steps)(inputs, one_hot)
        return attribution

    return Plain(attribute, name, Traits(Kind.IG, accepts=PLAIN | {"no-baseline"}, adaptive=False), args)


ADAPTERS = {"IntegratedGradients": integrated_gradients}
