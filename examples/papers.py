"""What do the claims of six papers look like on trained networks? One figure and its numbers per paper, and a gallery.

    python examples/papers.py proofs|rsi|plus-plus|softmax|attack|baseline|gallery [FOLDER]

writes NAME.svg to the folder (docs/papers/figures unless told otherwise) and prints the numbers that the pages in
docs/papers quote. Needs pip install "ig-props[audit,examples]".
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import digits
import matplotlib
import numpy as np
import scenes
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from ig_props.claims.completeness import cantor
from ig_props.integration.engine import integrated_gradients
from ig_props.integration.layers import layer_integral
from ig_props.methods import baselines, grad_cam, shift_attack
from ig_props.methods.scores import SCORES, probability
from ig_props.networks.capture import capture
from ig_props.networks.torch_ import TorchNetwork
from ig_props.oracles import oracle

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "papers" / "figures"
LAYER = 4
"""The last rectifier of the digits network, [N, 8, 4, 4]."""


def reader() -> tuple[nn.Sequential, Tensor]:
    """The digits network in float64 and the images that it never saw."""
    return digits.model().double(), torch.from_numpy(digits.inputs(297)).double()


def values(found: Any) -> Tensor:
    assert isinstance(found.values, Tensor)
    return found.values


def cosines(a: Tensor, b: Tensor) -> Tensor:
    return nn.functional.cosine_similarity(a.flatten(1), b.flatten(1))


def show(axes: Any, picture: Tensor, title: str, signed: bool = True) -> None:
    """A heat map without ticks, blue below zero and red above it, or dark to bright."""
    top = float(picture.abs().max()) or 1.0
    bottom, colours = (-top, "RdBu_r") if signed else (0.0, "viridis")
    axes.imshow(picture.numpy(), vmin=bottom, vmax=top, cmap=colours)
    axes.set(xticks=[], yticks=[])
    axes.set_title(title, fontsize=8)


def proofs(figure: Figure) -> None:
    """2103.13533: errors of rules against their proved bound, and the Cantor family that a fixed rule misses."""
    left, right = figure.subplots(1, 2)
    model, x = reader()
    network, image = capture(model, (1, 8, 8)).network, x[0].flatten().tolist()
    known = oracle(network, int(model(x[:1]).argmax()), image, [0.0] * 64)
    exact, steps = torch.tensor(known.mid), (4, 8, 16, 32, 64, 128, 256)
    for rule in ("left", "trapezoid", "midpoint", "gauss-legendre"):
        errors = []
        for n in steps:
            received = values(integrated_gradients(model, x[:1], target=9, method=rule, n_steps=n)).flatten()
            errors.append(float((received - exact).abs().max()))
        left.loglog(steps, errors, marker="o", markersize=3, label=rule)
        print(f"{rule}: {', '.join(f'{n}: {e:.2g}' for n, e in zip(steps, errors, strict=True))}")
    left.loglog(steps, [max(known.quadrature(n)) for n in steps], "k--", label="proved bound 2 |d| V / n")
    left.set(xlabel="steps", ylabel="largest error", title=f"one digit, {known.kinks} kinks on the path")
    left.legend(fontsize=6)
    for n in (4, 16, 64):
        sums = []
        for k in range(1, 8):
            stairs, end = TorchNetwork(cantor(k)), torch.tensor([[float(3**k)]], dtype=torch.float64)
            sums.append(float(values(integrated_gradients(stairs, end, target=0, method="left", n_steps=n))))
        right.plot(range(1, 8), sums, marker="o", markersize=3, label=f"left sum, {n} steps")
        print(f"Cantor, {n} steps: {', '.join(f'{s:.3f}' for s in sums)}")
    right.axhline(1.0, color="k", linestyle=":")
    right.set(xlabel="approximant of the Cantor function", ylabel="sum of the attributions", title="F(x) - F(x') = 1")
    right.legend(fontsize=6)


def rsi(figure: Figure) -> None:
    """2205.10900: as the logits are scaled, Grad-CAM's gradient vanishes and the layer integral keeps its sum."""
    model, x = reader()
    left, *rest = figure.subplots(1, 4, width_ratios=(2.6, 1, 1, 1))
    x = x[1:2]
    c, layer = int(model(x).argmax()), model[LAYER]
    scales, slopes, sums, gains = (1, 2, 4, 8, 16, 32, 64), [], [], []
    for beta in scales:

        def scaled(output: Tensor, target: int | Tensor | None, beta: int = beta) -> Tensor:
            return probability(beta * output, target)

        slopes.append(float(grad_cam.layer_and_gradient(model, layer, x, c, scaled)[1].abs().max()))
        sums.append(float(values(layer_integral(model, layer, x, target=c, score=scaled, n_steps=4000)).sum()))
        ends = [(beta * model(p)).softmax(1)[0, c] for p in (x, torch.zeros_like(x))]
        gains.append(float(ends[0] - ends[1]))
        if beta in (1, 16):
            drawn = grad_cam.rsi_grad_cam(model, layer, x, target=c, n_steps=400, variant="signed", score=scaled)
            show(rest[1 if beta == 1 else 2], drawn.normalized[0], f"signed RSI, β = {beta}", False)
    show(rest[0], x[0, 0], "input", False)
    left.loglog(scales, slopes, marker="o", markersize=3, label="largest gradient at the layer")
    left.loglog(scales, np.abs(sums), marker="s", markersize=3, label="|Σ RSI|, signed")
    left.loglog(scales, np.abs(gains), "k:", label="|y(x) - y(x')|")
    left.set(xlabel="β, y = softmax(β z)", ylim=(1e-30, 10))
    left.legend(fontsize=6)
    for row in zip(scales, slopes, sums, gains, strict=True):
        print("β = {}: largest gradient {:.2g}, sum of RSI {:.4f}, y(x) - y(x') {:.4f}".format(*row))


def plus_plus(figure: Figure) -> None:
    """2205.10838: the observed difference of Grad-CAM++ and Grad-CAM with positive gradients under its proved bound."""
    model, x = reader()
    axes = figure.subplots()
    target = model(x).argmax(1)
    for name in ("logit", "probability"):
        found = grad_cam.plus_plus_report(model, model[LAYER], x, target, SCORES[name])
        axes.loglog(found.epsilon, found.observed.clamp_min(1e-17), ".", markersize=4, label=name, rasterized=True)
        proved = torch.isfinite(found.bound)
        assert bool((found.observed[proved] <= found.bound[proved] + 1e-12).all())
        print(
            f"{name}: ε from {found.epsilon.min():.2g} to {found.epsilon.max():.3g}; observed up to {found.observed.max():.3g}"
        )
        if bool(proved.any()):
            most = f"observed up to {found.observed[proved].max():.3g}, bounds up to {found.bound[proved].max():.3g}"
            print(f"{name}: below 2 for {int(proved.sum())} of {len(x)}; there {most}")
    eps = np.logspace(-8, np.log10(1.99), 200)
    axes.loglog(eps, 2 * eps / (2 - eps), "k--", label="proved: 2ε / (2 - ε)")
    axes.axvline(2.0, color="k", linestyle=":", linewidth=0.8)
    axes.set(xlabel="ε = max |g ΣA|", ylabel="largest difference of the maps", ylim=(1e-9, 10))
    axes.legend(fontsize=7)


def softmax(figure: Figure) -> None:
    """2306.13197: how alike explanations of the logit and of scores behind the softmax are, by probability."""
    model, x = reader()
    left, right = figure.subplots(1, 2)
    target = model(x).argmax(1)
    p = model(x).softmax(1).amax(1)
    rule = {"method": "midpoint", "n_steps": 128}
    maps = {n: values(integrated_gradients(model, x, target=target, score=s, **rule)) for n, s in SCORES.items()}
    for name in ("probability", "log-probability", "log-odds"):
        alike = cosines(maps["logit"], maps[name])
        left.semilogx(1 - p, alike, ".", markersize=3, label=name, rasterized=True)
        print(f"logit and {name}: cosine from {alike.min():.3f} to {alike.max():.3f}, median {alike.median():.3f}")
    left.set(xlabel="1 - p of the explained class", ylabel="cosine with the logit's map", ylim=(-0.1, 1.05))
    left.legend(fontsize=6)
    for name, score in SCORES.items():
        points = x.clone().requires_grad_(True)
        (g,) = torch.autograd.grad(score(model(points), target).sum(), points)
        size = g.flatten(1).norm(dim=1)
        right.loglog(1 - p, size, ".", markersize=3, label=name, rasterized=True)
        print(f"gradient of {name} at the input: {size.min():.2g} to {size.max():.2g}")
    right.set(xlabel="1 - p of the explained class", ylabel="length of the gradient at the input")
    right.legend(fontsize=6)


def attack(figure: Figure) -> None:
    """2307.03305: one model, forged to explain its digit by a chosen picture, and its Grad-CAM map by the corner."""
    model, x = reader()
    axes = figure.subplots(2, 4)
    drawn = grad_cam.grad_cam(model, model[LAYER], x, model(x).argmax(1)).rectified.amax((1, 2))
    image = x[int((drawn > 0).nonzero()[0])][None]
    start, c = torch.full_like(image, 0.5), int(model(image).argmax())
    now = values(integrated_gradients(model, image, start, c, method="midpoint", n_steps=256))
    wanted = torch.zeros_like(now)
    wanted[..., [1, 2, 5, 6], :] = torch.tensor([0, 1.0, 0, 0, 0, 0, 1.0, 0], dtype=now.dtype)
    wanted[..., 5, 2:6] = wanted[..., 6, 1:7] = 1.0
    forged = shift_attack.forge_attributions(model, image, start, now, wanted)
    for k, (name, score) in enumerate((("logit", "logit"), ("probability", "probability"))):
        for j, (title, one) in enumerate((("the model", model), ("forged", forged))):
            found = values(
                integrated_gradients(one, image, start, c, score=SCORES[score], method="midpoint", n_steps=256)
            )
            show(axes[k, j], found[0, 0], f"IG of {name},\n{title}")
            if k == j == 1:
                before = values(
                    integrated_gradients(model, image, start, c, score=probability, method="midpoint", n_steps=256)
                )
                print(f"IG of the probability moves by {float((found - before).abs().max()):.1g}")
            if (k, j) == (0, 1):
                print(f"IG of the forged logit misses what was wanted by {float((found - wanted).abs().max()):.1g}")
    shifted = shift_attack.forge_map(model, str(LAYER), 400.0)
    for j, (title, one) in enumerate((("the model", model), ("forged", shifted))):
        for k, name in enumerate(("logit", "probability")):
            drawn = grad_cam.grad_cam(one, model[LAYER], image, c, SCORES[name])
            show(axes[k, 2 + j], drawn.normalized[0], f"Grad-CAM of {name},\n{title}", False)
    for name, one in (("input", forged), ("corner", shifted)):
        plain, other = model(x), one(x)
        gap = (plain.softmax(1) - other.softmax(1)).abs().amax(1)
        allowed = shift_attack.rounding(plain, (plain - other)[:, 0])
        print(f"shift by the {name}: probabilities of 297 images differ by {float(gap.max()):.1g}, "
              f"at most {float((gap / allowed).max()):.2f} of what rounding allows")  # fmt: skip


def baseline(figure: Figure) -> None:
    """2204.06120: the search for a baseline with uniform probabilities, by objective and optimizer, and its maps."""
    model, x = reader()
    left, *rest = figure.subplots(1, 5, width_ratios=(3.2, 1, 1, 1, 1))
    image, c = x[:1], int(model(x[:1]).argmax())
    noise = baselines.uniform_noise(image, 0.0, 1.0, torch.Generator().manual_seed(0))
    kept = noise
    for optimizer, distance in (("rmsprop", "max"), ("adam", "max"), ("adam", "divergence"), ("lbfgs", "divergence")):
        found = baselines.uniform_baseline(
            model, noise, optimizer=optimizer, distance=distance, box=(0.0, 1.0), steps=400
        )
        left.semilogy(found.history[:, 0], label=f"{optimizer}, {distance}", linewidth=1)
        print(f"{optimizer}, {distance}: {found}")
        kept = found.baseline if distance == "divergence" else kept
    left.set(xlabel="step", ylabel="objective")
    left.legend(fontsize=6)
    for axes, (name, start) in zip(
        rest, (("zeros", torch.zeros_like(image)), ("noise", noise), ("uniform", kept)), strict=False
    ):
        ig = values(integrated_gradients(model, image, start, c, score=probability, method="midpoint", n_steps=4096))
        show(axes, ig[0, 0], f"from {name}")
        away = (model(start).softmax(1) - 0.1).abs().max()
        print(f"{name}: max |p - 1/10| {float(away):.3g}, sum {float(ig.sum()):.4f}, y(x) - 1/10 "
              f"{float(model(image).softmax(1)[0, c]) - 0.1:.4f}")  # fmt: skip
    show(rest[3], kept[0, 0], "uniform baseline", False)


def explanations(model: nn.Module, layer: nn.Module, x: Tensor, target: Tensor) -> dict[str, Tensor]:
    """Maps [N, H, W] by every method, at the picture's size."""
    height, width = x.shape[2:]
    found = {
        "IG, 50 midpoints": values(integrated_gradients(model, x, target=target, method="midpoint", n_steps=50)).sum(1),
        "Grad-CAM": grad_cam.grad_cam(model, layer, x, target).resized(height, width),
        "positive": grad_cam.grad_cam_positive(model, layer, x, target).resized(height, width),
        "Grad-CAM++": grad_cam.grad_cam_plus_plus(model, layer, x, target).resized(height, width),
    }
    for variant in ("rectified", "signed"):
        drawn = grad_cam.rsi_grad_cam(model, layer, x, target=target, n_steps=50, variant=variant)
        found[f"RSI, {variant}"] = drawn.resized(height, width)
    return found


def gallery(figure: Figure) -> None:
    """Every method on both networks, and how often the brightest pixel lies inside the digit of a scene."""
    net, test = scenes.model(), scenes.scenes(100, True, 3)
    pictures, layer = torch.from_numpy(test.pictures), net.get_submodule(scenes.LAYER)
    target = net(pictures).argmax(1)
    right = target.numpy() == test.digits
    maps = explanations(net, layer, pictures, target)
    model, x = reader()
    small = explanations(model, model[LAYER], x[:2], model(x[:2]).argmax(1))
    axes = figure.subplots(4, 1 + len(maps))
    for row, (image, found, k) in enumerate(
        ((x[0, 0], small, 0), (x[1, 0], small, 1), (pictures[0, 0], maps, 0), (pictures[1, 0], maps, 1))
    ):
        show(axes[row, 0], image, "input" if row == 0 else "", False)
        for axis, (name, values_) in zip(axes[row, 1:], found.items(), strict=True):
            show(axis, values_[k], name if row == 0 else "", name.startswith("IG"))
    print(f"scenes: {right.mean():.0%} of 100 pictures are read correctly")
    for name, values_ in maps.items():
        at = values_.flatten(1).argmax(1).numpy()
        inside = [
            top <= k // scenes.SIZE < top + scenes.DIGIT and left <= k % scenes.SIZE < left + scenes.DIGIT
            for k, (top, left) in zip(at, test.corners, strict=True)
        ]
        print(f"{name}: the brightest pixel lies in the digit in {np.mean(inside):.0%} of 100 pictures")
    for name, one, place, points in (("digits", model, model[LAYER], x[:100]), ("scenes", net, layer, pictures)):
        chosen = one(points).argmax(1)
        found_ = grad_cam.plus_plus_report(one, place, points, chosen)
        apart = f"differ by {found_.observed.median():.2g} in the median, {found_.observed.max():.2g} at most"
        print(
            f"{name}: ε from {found_.epsilon.min():.2g} to {found_.epsilon.max():.2g}; Grad-CAM++ and positive gradients {apart}"
        )
        double = one.double()
        exact = integrated_gradients(double, points[:10].double(), target=chosen[:10], rtol=1e-4)
        rough = values(
            integrated_gradients(double, points[:10].double(), target=chosen[:10], method="midpoint", n_steps=50)
        )
        off = (rough - values(exact)).flatten(1).abs().amax(1) / values(exact).flatten(1).abs().amax(1)
        print(f"{name}: IG with 50 midpoints is off by {float(off.median()):.2%} of the largest attribution in the median of "
              f"ten, {float(off.max()):.2%} at most ({exact.rule}, {exact.n_steps} steps, as reference)")  # fmt: skip


FIGURES: dict[str, tuple[Callable[[Figure], None], tuple[float, float]]] = {
    "proofs": (proofs, (7.0, 3.0)),
    "rsi": (rsi, (7.5, 2.4)),
    "plus-plus": (plus_plus, (4.5, 3.2)),
    "softmax": (softmax, (7.0, 3.0)),
    "attack": (attack, (7.5, 4.0)),
    "baseline": (baseline, (8.0, 2.4)),
    "gallery": (gallery, (8.5, 5.2)),
}


def main() -> None:
    names = sys.argv[1:2]
    if not names or names[0] not in FIGURES:
        sys.exit(f"usage: python examples/papers.py {'|'.join(FIGURES)} [FOLDER]")
    folder = Path(sys.argv[2]) if len(sys.argv) > 2 else FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    draw, size = FIGURES[names[0]]
    style: Any = {
        "svg.fonttype": "none",
        "svg.hashsalt": "ig-props",
        "savefig.dpi": 150,
        "font.size": 8,
        "axes.titlesize": 8,
    }
    with matplotlib.rc_context(style):
        figure = Figure(figsize=size, layout="constrained")
        draw(figure)
        figure.savefig(folder / f"{names[0]}.svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))


if __name__ == "__main__":
    main()
