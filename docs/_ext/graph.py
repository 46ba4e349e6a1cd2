"""How do the claims hang together? An SVG of one band for each family, coloured by what was computed."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from status import Known

WIDTH, MARGIN, HEIGHT, GAP, BAND = 1000, 14, 26, 12, 34
LETTER = 6.7
COLOURS = {
    "kernel-checked": ("#d7f5de", "#1a7f37"),
    "derived": ("#ddf0ff", "#0969da"),
    "attacked": ("#f2e8ff", "#8250df"),
    "refuted": ("#fff0e0", "#bc4c00"),
    "failed": ("#ffe3e0", "#cf222e"),
    "open": ("#eef0f2", "#57606a"),
}


Place = tuple[float, float, float]
"""Left, top and width of a node."""
TIP = (
    '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
    '<path d="M0,0 L8,4 L0,8 z" fill="#8b949e"/></marker></defs>'
)


def _places(
    everything: dict[str, Known], titles: dict[str, str]
) -> tuple[dict[str, Place], list[tuple[str, float]], float]:
    places: dict[str, Place] = {}
    bands: list[tuple[str, float]] = []
    y = 24.0
    for family, title in titles.items():
        members = [k for k in everything.values() if k.family == family]
        if not members:
            continue
        bands.append((title, y))
        y += 14
        x = float(MARGIN)
        for k in members:
            width = len(k.id) * LETTER + 16
            if x + width > WIDTH - MARGIN:
                x, y = float(MARGIN), y + HEIGHT + GAP
            places[k.id] = (x, y, width)
            x += width + GAP
        y += HEIGHT + BAND
    return places, bands, y


def svg(everything: dict[str, Known]) -> str:
    """The graph as inline SVG whose nodes are links to pages beside this one."""
    from pages import TITLES

    places, bands, height = _places(everything, TITLES)
    out = [
        f'<svg viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-label="dependency graph of the claims" '
        'font-family="sans-serif" font-size="11">',
        TIP,
    ]
    for title, y in bands:
        out.append(f'<text x="{MARGIN}" y="{y + 6:.0f}" fill="currentColor" font-weight="bold">{escape(title)}</text>')
    for k in everything.values():
        d = k.proved.derivation if k.proved else None
        for target, dashed in [
            *((u, False) for u in (d.uses if d else ())),
            *((u, True) for u in (d.against if d else ())),
        ]:
            if target in places:
                out.append(_edge(places[k.id], places[target], dashed))
    for k in everything.values():
        x, y, width = places[k.id]
        fill, stroke = COLOURS[k.statuses[0][0]]
        words = ", ".join(w for _, w in k.statuses)
        corner = 3 if k.counterexample else 12
        border = COLOURS["refuted"][1] if k.against else stroke
        out.append(
            f'<a href="claims/{k.family}/{k.id}.html"><title>{escape(k.id)}: {words}</title>'
            f'<rect x="{x:.0f}" y="{y:.0f}" width="{width:.0f}" height="{HEIGHT}" rx="{corner}" fill="{fill}" stroke="{border}"'
            f"{' stroke-dasharray=' + chr(34) + '4 2' + chr(34) if k.counterexample else ''}/>"
            f'<text x="{x + width / 2:.0f}" y="{y + 17:.0f}" text-anchor="middle" fill="#1f2328">{escape(k.id)}</text></a>'
        )
    return "".join([*out, "</svg>"])


def _edge(start: Place, end: Place, dashed: bool) -> str:
    x1, y1 = start[0] + start[2] / 2, start[1]
    x2, y2 = end[0] + end[2] / 2, end[1] + HEIGHT
    if end[1] >= start[1]:
        y1, y2 = start[1] + HEIGHT, end[1]
    if end[1] == start[1]:
        y1 = y2 = start[1]
        bend = y1 - 14
        path = f"M{x1:.0f},{y1:.0f} C{x1:.0f},{bend:.0f} {x2:.0f},{bend:.0f} {x2:.0f},{y2:.0f}"
    else:
        middle = (y1 + y2) / 2
        path = f"M{x1:.0f},{y1:.0f} C{x1:.0f},{middle:.0f} {x2:.0f},{middle:.0f} {x2:.0f},{y2:.0f}"
    colour = "#d4793a" if dashed else "#8b949e"
    dash = ' stroke-dasharray="4 3"' if dashed else ""
    return (
        f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="1" opacity="0.75" marker-end="url(#tip)"{dash}/>'
    )
