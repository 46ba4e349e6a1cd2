"""Which pictures show the counterexamples? Small SVGs that can be read on light and on dark paper."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt
from matplotlib.axes import Axes

FIGURES: dict[str, Callable[[Axes], None]] = {}


def figure(draw_: Callable[[Axes], None]) -> Callable[[Axes], None]:
    FIGURES[draw_.__name__] = draw_
    return draw_


def _square(ax: Axes) -> None:
    ax.set_xlim(-0.05, 1.05)
    ax.set_ylim(-0.05, 1.05)
    ax.set_aspect("equal")
    ax.set_xlabel("first coordinate")
    ax.set_ylabel("second coordinate")


@figure
def cantor(ax: Axes) -> None:
    """Approximants of the Cantor function."""

    def points(k: int) -> tuple[list[float], list[float]]:
        xs, ys = [0.0, 1.0], [0.0, 1.0]
        for _ in range(k):
            xs = [x / 3 for x in xs] + [2 / 3 + x / 3 for x in xs]
            ys = [y / 2 for y in ys] + [0.5 + y / 2 for y in ys]
        return xs, ys

    for k in (1, 2, 3, 6):
        ax.plot(*points(k), label=f"approximant {k}", linewidth=1.6 if k == 6 else 1.0)
    ax.set_xlabel("input")
    ax.set_ylabel("score")
    ax.legend(frameon=False)


@figure
def polygon(ax: Axes) -> None:
    """The path with antisymmetric winding."""
    corners = [(0, 0), (0.5, 0.5), (0.5, 0.75), (0.25, 0.75), (0.25, 0.5), (0.5, 0.5), (0.75, 0.5), (0.75, 0.25),
               (0.5, 0.25), (0.5, 0.5), (1, 1)]  # fmt: skip
    for (x, y), (u, v) in zip(corners[:-1], corners[1:], strict=True):
        ax.annotate("", (u, v), (x, y), arrowprops={"arrowstyle": "->", "color": "#0969da", "lw": 1.6})
    ax.fill([0.25, 0.5, 0.5, 0.25], [0.5, 0.5, 0.75, 0.75], alpha=0.25, color="#1a7f37")
    ax.fill([0.5, 0.75, 0.75, 0.5], [0.25, 0.25, 0.5, 0.5], alpha=0.25, color="#bc4c00")
    ax.text(0.375, 0.625, "+1", ha="center", va="center")
    ax.text(0.625, 0.375, "−1", ha="center", va="center")
    _square(ax)


@figure
def parabola(ax: Axes) -> None:
    """The path (t, t²) and the diagonal."""
    ts = [k / 50 for k in range(51)]
    ax.plot(ts, [t * t for t in ts], color="#0969da", label="(t, t²)")
    ax.plot([0, 1], [0, 1], "--", color="#57606a", label="straight path")
    ax.legend(frameon=False)
    _square(ax)


@figure
def ramp(ax: Axes) -> None:
    """A monotone path off the diagonal and the ramp that tells its coordinates apart."""
    ax.plot([0, 0.2, 0.4, 1], [0, 0.6, 0.8, 1], color="#0969da", label="path")
    ax.plot([0, 1], [0, 1], "--", color="#57606a", label="diagonal")
    for place in (0.3, 0.5):
        ax.axhline(place, color="#bc4c00", linewidth=0.8)
        ax.axvline(place, color="#bc4c00", linewidth=0.8)
    ax.text(0.3, 1.0, "a", ha="center")
    ax.text(0.5, 1.0, "b", ha="center")
    ax.legend(frameon=False, loc="lower right")
    _square(ax)


@figure
def kink(ax: Axes) -> None:
    """The path that runs inside the tie of max(x0, x1)."""
    ax.fill([0, 1, 0], [0, 1, 1], alpha=0.15, color="#0969da")
    ax.fill([0, 1, 1], [0, 1, 0], alpha=0.15, color="#bc4c00")
    ax.plot([0, 1], [0, 1], color="#1f2328", linewidth=2)
    ax.text(0.25, 0.75, "gradient (0, 1)", ha="center")
    ax.text(0.72, 0.25, "gradient (1, 0)", ha="center")
    ax.text(0.5, 0.53, "on the tie: any mixture", rotation=45, ha="center", va="bottom")
    _square(ax)


@figure
def pole(ax: Axes) -> None:
    """The weight of Grad-CAM++ against g ΣA."""
    for low, high in ((-4.0, -2.08), (-1.92, 3.0)):
        xs = [low + (high - low) * k / 200 for k in range(201)]
        ax.plot(xs, [1 / (2 + x) for x in xs], color="#0969da")
    ax.axvline(-2, color="#bc4c00", linestyle="--")
    ax.set_ylim(-6, 6)
    ax.set_xlabel("g ΣA")
    ax.set_ylabel("α")


@figure
def loop(ax: Axes) -> None:
    """A detour that attributes something to a coordinate that ends where it began."""
    for (x, y), (u, v) in (((0, 0), (0, 1)), ((0, 1), (1, 1)), ((1, 1), (1, 0))):
        ax.annotate("", (u, v), (x, y), arrowprops={"arrowstyle": "->", "color": "#0969da", "lw": 1.6})
    ax.plot([0, 1], [0, 0], "--", color="#57606a")
    _square(ax)


def draw(folder: Path) -> None:
    """Every figure as an SVG in the folder."""
    folder.mkdir(exist_ok=True)
    style = {
        "svg.fonttype": "path",
        "svg.hashsalt": "ig-props",
        "font.size": 9,
        "axes.spines.top": False,
        "axes.spines.right": False,
    }
    with plt.rc_context(style):
        for name, plot in FIGURES.items():
            chart, ax = plt.subplots(figsize=(4.2, 3.2), layout="constrained")
            plot(ax)
            chart.savefig(folder / f"{name}.svg", metadata={"Date": None})
            plt.close(chart)
