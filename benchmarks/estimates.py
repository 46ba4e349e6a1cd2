"""How often does a true error exceed the estimate? Thousands of networks, every kind of sum that refines itself.

Prints shares and writes results/estimates.json. References are exact pieces (kinks), or Clenshaw-Curtis sums with 257 nodes.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from ig_props.integration import search
from ig_props.integration.arguments import segments
from ig_props.integration.attribution import Attribution
from ig_props.integration.engine import by_name
from ig_props.integration.job import Job, job_of
from ig_props.integration.layers import heads_of, layer_integral, to_tolerance
from ig_props.integration.sweep import Sweep
from ig_props.integration.traced.structure import Family, Structure

RESULTS = Path(__file__).resolve().parent / "results" / "estimates.json"
SAMPLES = 4
NOISE = 1e-12
"""What rounding may make of a reference, relative to its largest value: differentiation on 129 nodes loses four digits."""
KINKED = (nn.ReLU, nn.LeakyReLU, nn.ReLU6)
CURVED = (nn.Tanh, nn.Sigmoid, nn.GELU, nn.SiLU, nn.Softplus)


def network(
    kinds: tuple[type[nn.Module], ...], pools: tuple[type[nn.Module], ...], large: bool
) -> tuple[nn.Module, Tensor]:
    """A network with random layers and weights, and inputs; half of the networks are convolutional. Large ones have more
    than two thousand units, as those whose pieces are not all computed."""
    layers: list[nn.Module] = []
    if random.random() < 0.5:
        width, size = random.choice((1, 3)), random.choice((16, 20) if large else (6, 8))
        shape: tuple[int, ...] = (width, size, size)
        for channels in random.choice(((8, 8), (10, 4), (8, 16))) if large else random.choice(((2,), (4, 2), (2, 6))):
            layers += [nn.Conv2d(width, channels, 3, padding=1), random.choice(kinds)(), random.choice(pools)(2)]
            width, size = channels, size // 2
        layers += [nn.Flatten(), nn.Linear(width * size * size, 3)]
    else:
        width = random.choice((2, 5, 16))
        shape = (width,)
        for hidden in (1200, 1000) if large else random.choice(((16,), (4, 16), (48, 16, 4))):
            layers += [nn.Linear(width, hidden), random.choice(kinds)()]
            width = hidden
        layers.append(nn.Linear(width, 3))
    model = nn.Sequential(*layers).double()
    for p in model.parameters():
        nn.init.normal_(p, std=random.choice((0.5, 1.0, 2.0)) / max(1.0, p[0].numel()) ** 0.5)
    return model.eval().requires_grad_(False), torch.randn(SAMPLES, *shape, dtype=torch.float64)


Sum = Callable[[Job, float], Attribution]
SETTINGS: dict[str, tuple[tuple[type[nn.Module], ...], bool, Sum]] = {
    "secant": (
        KINKED,
        True,
        lambda job, rtol: search.secant(job, search.asked(rtol, None), least=search.FEW_PIECES)[0],
    ),
    "midpoint": (KINKED, False, lambda job, rtol: search.sampled(job, search.asked(rtol, None))),
    "midpoint, smooth": (CURVED, False, lambda job, rtol: search.sampled(job, search.asked(rtol, None))),
    "clenshaw-curtis": (CURVED, False, lambda job, rtol: search.smooth(job, search.asked(rtol, None))[0]),
}


def share(name: str, count: int, rtol: float) -> tuple[int, int, float]:
    """Samples whose error exceeds the estimate, all samples, and the median of error / estimate. Networks with so few kinks
    that the engine takes all pieces are left out."""
    kinds, large, rule = SETTINGS[name]
    wrong, ratios = 0, []
    for _ in range(count):
        model, x = network(kinds, (nn.AvgPool2d, nn.MaxPool2d) if kinds is KINKED else (nn.AvgPool2d,), large)
        asked = segments(model, x, None, torch.arange(SAMPLES) % 3)
        reference = job_of(model, asked)
        try:
            found = rule(job_of(model, asked), rtol)
        except search.TooFewKinks:
            continue
        exact = search.exact(reference) if kinds is KINKED else by_name(reference, "clenshaw-curtis", 257)
        assert isinstance(found.values, Tensor)
        assert isinstance(exact.values, Tensor)
        error = ((found.values - exact.values).abs().flatten(1).amax(1) - exact.error).clamp(min=0)
        wrong += int((error > found.error).sum())
        ratios += (error / found.error).nan_to_num(0.0).tolist()
    return wrong, len(ratios), float(torch.tensor(ratios).median())


LAYERS = {"layer trapezoid": Family.UNKNOWN, "layer secant": Family.MIXED, "layer spectral": Family.SMOOTH}


def layer_share(name: str, count: int, rtol: float) -> tuple[int, int, float]:
    """The same for layer integrals, of a layer chosen at random, by the sums that are taken for models of such families."""
    kinds = CURVED if name == "layer spectral" else KINKED
    wrong, ratios = 0, []
    for _ in range(count):
        model, x = network(kinds, (nn.AvgPool2d, nn.MaxPool2d) if kinds is KINKED else (nn.AvgPool2d,), False)
        asked = segments(model, x, None, torch.arange(SAMPLES) % 3)
        layer = random.choice(list(model.children())[:-2])
        job = job_of(model, asked)
        sweep, (head,) = Sweep(job.segments, [layer], job.budget), heads_of(model, job, [layer])
        if head.family is Family.AFFINE:
            continue
        job.structure = replace(job.structure, family=LAYERS[name])
        unknown = Structure(Family.UNKNOWN, "")
        found = to_tolerance(sweep, job, [unknown if name == "layer trapezoid" else head], rtol)
        known = {"method": "exact"} if kinds is KINKED else {"method": "spectral", "n_steps": 129}
        true = layer_integral(model, layer, x, target=torch.arange(SAMPLES) % 3, **known)  # type: ignore[arg-type]
        assert isinstance(true.values, Tensor)
        apart = (found.values[0] - true.values).abs().flatten(1).amax(1)
        error = (apart - NOISE * true.values.abs().flatten(1).amax(1)).clamp(min=0)
        wrong += int((error > found.errors[0]).sum())
        ratios += (error / found.errors[0]).nan_to_num(0.0).tolist()
    return wrong, len(ratios), float(torch.tensor(ratios).median())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--networks", type=int, default=200, help="networks per row")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    random.seed(options.seed)
    torch.manual_seed(options.seed)
    rows = []
    for name in (*SETTINGS, *LAYERS):
        for rtol in (1e-1, 1e-2, 1e-3):
            measure = share if name in SETTINGS else layer_share
            wrong, total, middle = measure(name, options.networks, rtol)
            rows.append(
                {"sum": name, "rtol": rtol, "samples": total, "exceeded": wrong, "median error / estimate": middle}
            )
            print(
                f"{name:16s} rtol {rtol:g}: {wrong} of {total} exceed the estimate, median error / estimate {middle:.2g}"
            )
            sys.stdout.flush()
    RESULTS.write_text(json.dumps({"seed": options.seed, "torch": torch.__version__, "rows": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()
