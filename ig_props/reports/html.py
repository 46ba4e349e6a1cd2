"""What does an audit look like as one self-contained page?"""

from __future__ import annotations

import base64
import io
import math
from typing import Any

import numpy as np

from ig_props.attributors.protocol import CannotRun
from ig_props.audit.section import Bars, Curves, Heat, Report, Section

INK = "#123456"
"""Drawn in this colour, and shown in the colour of the text, whatever that is."""
SMALLEST = 96
"""Pictures with fewer pixels along an edge are enlarged by whole factors, without smoothing."""


def ready() -> Any:
    """jinja2, with everything else that a page needs at hand; CannotRun in a sentence where a library is missing."""
    try:
        import jinja2
        import matplotlib
        import PIL
    except ModuleNotFoundError as error:
        raise CannotRun(f'--html needs {error.name}, which is not installed: pip install "ig-props[audit]"') from None
    assert matplotlib
    assert PIL
    return jinja2


def picture(heat: Heat) -> str:
    """A heat map as a PNG in a data URL: blue below zero, red above, or dark to bright for maps that have no sign."""
    import matplotlib
    from PIL import Image

    values = np.nan_to_num(heat.values)
    top = float(np.abs(values).max(initial=0.0)) or 1.0
    colours = matplotlib.colormaps["RdBu_r" if heat.signed else "viridis"]
    shares = 0.5 + 0.5 * values / top if heat.signed else values / top
    pixels = (colours(shares)[..., :3] * 255).astype(np.uint8)
    factor = max(1, math.ceil(SMALLEST / max(values.shape)))
    image = Image.fromarray(pixels).resize(
        (values.shape[1] * factor, values.shape[0] * factor), Image.Resampling.NEAREST
    )
    store = io.BytesIO()
    image.save(store, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(store.getvalue()).decode()


def _drawn(figure: Any) -> str:
    """A matplotlib figure as SVG whose ink has the colour of the page's text and whose width is the page's."""
    store = io.StringIO()
    figure.savefig(
        store,
        format="svg",
        transparent=True,
        bbox_inches="tight",
        metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")),
    )
    text = store.getvalue()
    svg = text[text.index("<svg") :].replace(INK, "currentColor")
    head, _, rest = svg.partition(">")
    words = [w for w in head.split() if not w.startswith(("width=", "height="))]
    return " ".join(words) + ' role="img">' + rest


def _style() -> Any:
    return {
        "svg.fonttype": "none", "svg.hashsalt": "ig-props", "font.family": "sans-serif", "font.size": 9, "text.color": INK,
        "axes.edgecolor": INK, "axes.labelcolor": INK, "xtick.color": INK, "ytick.color": INK, "legend.frameon": False,
        "axes.spines.top": False, "axes.spines.right": False,
    }  # fmt: skip


def curves(drawn: Curves) -> str:
    """Lines on logarithmic axes as inline SVG; zeros are left out."""
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(_style()):
        figure = Figure(figsize=(4.6, 3.0))
        axes = figure.subplots()
        for name, (x, y) in drawn.lines.items():
            kept = [(a, b) for a, b in zip(x, y, strict=True) if b > 0 and math.isfinite(b)]
            if kept:
                axes.loglog(*zip(*kept, strict=True), marker="o", markersize=3, linewidth=1.2, label=name)
        if drawn.level is not None:
            axes.axhline(drawn.level, color=INK, linewidth=0.8, linestyle=":")
        axes.set_xlabel(drawn.x)
        axes.set_ylabel(drawn.y)
        axes.legend(fontsize=8)
        return _drawn(figure)


def bars(drawn: Bars) -> str:
    """Horizontal bars with a line at the level that is right, as inline SVG."""
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(_style()):
        figure = Figure(figsize=(4.6, 0.5 + 0.24 * len(drawn.values)))
        axes = figure.subplots()
        names = list(drawn.values)
        axes.barh(names, [drawn.values[n] for n in names], color="#3b7dd8", height=0.6)
        axes.invert_yaxis()
        if drawn.level is not None:
            axes.axvline(drawn.level, color=INK, linewidth=1, linestyle=":")
        axes.set_xlabel(drawn.unit)
        return _drawn(figure)


def _shown(section: Section) -> dict[str, Any]:
    return {
        "section": section,
        "heats": [(h, picture(h), f"{float(np.abs(h.values).max(initial=0.0)):.3g}") for h in section.heats],
        "curves": None if section.curves is None else curves(section.curves),
        "bars": None if section.bars is None else bars(section.bars),
    }


def page(report: Report) -> str:
    """The whole page; nothing in it is fetched. CannotRun in a sentence where a library is missing."""
    jinja2 = ready()
    templates = jinja2.Environment(
        loader=jinja2.PackageLoader("ig_props.reports", "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    text: str = templates.get_template("audit.html").render(
        report=report, sections=[_shown(s) for s in report.sections]
    )
    return text
