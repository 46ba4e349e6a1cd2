"""How are the pages built? MyST in, HTML with MathML out; the claims' pages are written from the derivations."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE / "_ext")]

# sphinx-proof 0.4 says this of itself with every page
warnings.filterwarnings("ignore", message="Sphinx 10 will drop support", module="sphinx_proof")

project = "ig-props"
author = "the ig-props authors"
copyright = "the ig-props authors, MIT licence"
extensions = ["myst_parser", "sphinx_proof", "mathml", "pages"]
myst_enable_extensions = ["dollarmath", "colon_fence", "deflist", "attrs_inline"]
myst_heading_anchors = 3
exclude_patterns = ["_build", "_ext", "findings"]
html_theme = "furo"
html_title = "ig-props"
html_static_path = ["_static"]
html_css_files = ["ig-props.css"]
html_math_renderer = "mathml"
html_show_sphinx = False
# summaries of search results are fetched page by page, which browsers refuse without a server
html_show_search_summary = False
html_copy_source = False
html_show_sourcelink = False
pygments_dark_style = "github-dark"
suppress_warnings = ["config.cache"]
nitpicky = True
