"""How saturated is the softmax, how far do explanations before and after it differ, and can they be forged?"""

from __future__ import annotations

import numpy as np
import torch

from ig_props.attributors.protocol import Kind
from ig_props.audit.accuracy import picture
from ig_props.audit.opening import Array
from ig_props.audit.section import Heat, Mark, Section, common, cosine, percent
from ig_props.audit.subject import Subject
from ig_props.audit.truth import heat_map
from ig_props.methods import shift_attack
from ig_props.methods.grad_cam import layer_output
from ig_props.methods.scores import SCORES, score_of

POINTS = 64
"""Points at which the probabilities of a forged model are compared."""


def _gradient(subject: Subject, score: str) -> float:
    """The Euclidean length of the score's gradient at the input."""
    x = subject.segment[0].clone().requires_grad_(True)
    with torch.enable_grad():
        total = score_of(score)(subject.logits(x.clone()), subject.target).sum()
        (g,) = torch.autograd.grad(total, x)
    return float(g.norm())


def _names(subject: Subject) -> tuple[str, ...]:
    """The scores that the model has: where it returns probabilities there is no logit."""
    return tuple(name for name in SCORES if name != "logit" or not subject.probabilities)


def _maps(subject: Subject) -> dict[str, Array]:
    """One map per score: IG for input methods, the method's own kind of map at the layer for the others."""
    kind, found = subject.method.traits.kind, {}
    for name in _names(subject):
        if kind.is_map:
            found[name] = heat_map(subject, kind, name)[0].rectified[0].cpu().numpy()
            continue
        found[name] = subject.sketched(name)
    return found


def saturation(subject: Subject) -> Section | None:
    """p (1 - p) and gradients before and after the softmax, and maps of every score; None for one score."""
    if subject.classes < 2:
        return None
    with torch.no_grad():
        p = subject.logits(subject.segment[0].clone()).softmax(1)[0].cpu().numpy()
    own = float(p[subject.target])
    rest = float(np.delete(p, subject.target).sum())
    slopes = {name: _gradient(subject, name) for name in _names(subject)}
    maps = _maps(subject)
    before = "log-probability" if subject.probabilities else "logit"
    pre = maps[before]
    alike = {name: (cosine(pre, m), common(pre, m)) for name, m in maps.items() if name != before}
    level = 4 * own * rest
    degree = "saturated" if level < 0.01 else "nearly saturated" if level < 0.1 else "not saturated"
    answer = (
        f"The probability of class {subject.target} is {own:.6g} and the softmax is {degree}: p (1 - p) is "
        f"{percent(level, 1)} of its largest value. The maps of {before} and probability have the cosine "
        f"{alike['probability'][0]:.3f}."
    )
    facts = [("gradient at the input", ", ".join(f"{n} {v:.3g}" for n, v in slopes.items()))]
    facts += [
        (f"{before} and {name}", f"cosine {c:.3f}, {percent(share, 1)} of the largest tenth in common")
        for name, (c, share) in alike.items()
    ]
    mark = Mark.WARNING if level < 0.1 or alike["probability"][0] < 0.9 else Mark.GOOD
    kind = subject.method.traits.kind
    numbers = {
        "probability": own,
        "p(1-p)": own * rest,
        "gradients": slopes,
        "alike": {n: list(v) for n, v in alike.items()},
    }
    heats = tuple(Heat(name, picture(m), not kind.is_map) for name, m in maps.items())
    return Section("softmax", "Before or after the softmax?", answer, mark, tuple(facts), numbers, heats)


def _forged_input(subject: Subject) -> tuple[torch.nn.Module, Array]:
    """A float64 model whose attributions are turned upside down, and by how much they move."""
    x, b = subject.segment
    now = torch.from_numpy(subject.sketched("logit"))[None]
    change = torch.where(x == b, torch.zeros_like(now), -2 * now)
    forged = shift_attack.Shifted(subject.logits, shift_attack.ramp_towards(change, x, b))
    return forged, change[0].cpu().numpy()


def _forged_layer(subject: Subject) -> tuple[torch.nn.Module, Array]:
    """A float64 model whose Grad-CAM weights, or layer integrals, move, and what the paper proves they move by."""
    assert subject.layer is not None
    model, (x, b), kind = subject.logits, subject.segment, subject.method.traits.kind
    name = next(n for n, m in model.named_modules() if m is subject.module(model))
    values = layer_output(model, subject.module(model), x)
    if not kind.is_map:
        way = values - layer_output(model, subject.module(model), b)
        change = torch.where(way == 0, torch.zeros_like(way), torch.full_like(way, 1.0))
        return shift_attack.Shifted(model, shift_attack.ramp_towards(change, values, values - way), name), change[
            0
        ].cpu().numpy()
    weights = heat_map(subject, Kind.GRAD_CAM, "logit")[0].weights
    pixels = values.shape[2] * values.shape[3]
    kappa = 4.0 * pixels * float(weights.abs().max() or 1.0)
    moved = kappa / pixels * values.sum(1)[0]
    return shift_attack.forge_map(model, name, kappa), moved.cpu().numpy()


def exposure(subject: Subject) -> Section | None:
    """The method's answers on the model and on one with the same probabilities whose logits are shifted."""
    if subject.classes < 2 or (subject.layer is None and subject.method.traits.kind.needs_layer):
        return None
    question = "Can the explanation be forged?"
    if subject.probabilities and subject.score == "logit":
        text = "No: the model returns probabilities, so that there are no logits that could be shifted."
        return Section("attack", question, text, Mark.GOOD)
    forged, change = (_forged_layer if subject.method.traits.kind.needs_layer else _forged_input)(subject)
    before, after = subject.explained(subject.logits), subject.explained(forged)
    kind = subject.method.traits.kind
    if kind.is_map:
        before, after = (v / (np.abs(v).max() or 1.0) for v in (before, after))
        moved = float(np.abs(after - before).max())
    else:
        moved = float(np.linalg.norm(after - before) / (np.linalg.norm(change) or 1.0))
    gap, allowed = _probabilities(subject, forged)
    exposed = moved > subject.rtol
    same = f"Both models' probabilities differ by at most {gap:.1g} at {POINTS + 2} points (rounding allows {allowed:.1g})."
    how = f"{percent(moved, 1)} of " + ("the map's range" if kind.is_map else "what was forged")
    verb = "Yes: it moves by" if exposed else "No: it moves by"
    answer = f"{verb} {how} on a model with the same probabilities. {same}"
    facts = (
        ("the other model", "the same number is added to all logits, another one at every input (2307.03305)"),
        ("what helps", "explain a score behind the softmax: --score probability, log-probability or log-odds"),
    )
    heats = tuple(Heat(t, picture(v), not kind.is_map) for t, v in (("the model", before), ("forged", after)))
    numbers = {"moved": moved, "exposed": exposed, "probability_gap": gap, "rounding": allowed}
    return Section(
        "attack", question, answer, Mark.WARNING if exposed else Mark.GOOD, facts[: 1 + exposed], numbers, heats
    )


def _probabilities(subject: Subject, forged: torch.nn.Module) -> tuple[float, float]:
    """Largest difference of probabilities on and around the segment, and the most that rounding explains."""
    x, b = subject.segment
    generator = torch.Generator().manual_seed(subject.seed)
    t = torch.rand((POINTS, *[1] * (x.dim() - 1)), dtype=torch.float64, generator=generator)
    noise = torch.randn((POINTS, *x.shape[1:]), dtype=torch.float64, generator=generator)
    points = torch.cat([x, b, torch.lerp(b, x, t) + 0.1 * float((x - b).abs().max()) * noise])
    with torch.no_grad():
        plain, other = subject.logits(points.clone()), forged(points.clone())
    gap = (plain.softmax(1) - other.softmax(1)).abs().amax(1)
    allowed = shift_attack.rounding(plain, (other - plain)[:, 0])
    worst = int((gap / allowed).argmax())
    return float(gap[worst]), float(allowed[worst])
