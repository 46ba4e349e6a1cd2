"""How does mathematics show without JavaScript or a network? As MathML in the page."""

from __future__ import annotations

from typing import Any

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx
from sphinx.writers.html5 import HTML5Translator


def rendered(latex: str, display: str = "inline") -> str:
    """MathML of a formula; raises ValueError naming one that cannot be rendered."""
    try:
        text = convert(latex.strip(), display=display)
    except Exception as error:
        raise ValueError(f"formula cannot be rendered: {latex}: {error}") from error
    if "<merror" in text or "\\" in text:
        raise ValueError(f"formula is not rendered in full: {latex}")
    return str(text)


def inline(self: HTML5Translator, node: nodes.math) -> None:
    self.body.append(rendered(node.astext()))
    raise nodes.SkipNode


def block(self: HTML5Translator, node: nodes.math_block) -> None:
    formula = rendered(node.astext(), "block")
    self.body.append(f'<div class="formula" tabindex="0" role="group" aria-label="formula">{formula}</div>\n')
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_html_math_renderer("mathml", (inline, None), (block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
