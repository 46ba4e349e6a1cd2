"""How does the picture of a terminal report in the README come about? `python docs/make_picture.py [FILE.svg]`."""

from __future__ import annotations

import sys
from pathlib import Path

import ig_props
from ig_props.reports import terminal


def main() -> None:
    target = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).with_name("report.svg"))
    found = ig_props.check(
        "captum:IntegratedGradients",
        args={"method": "riemann_trapezoid"},
        claims="PATH.completeness.piecewise,IG.*,QUAD.weights_sum_one",
        profile="quick",
    )
    terminal.picture(
        found.run, target, title="ig-props check captum:IntegratedGradients --arg method=riemann_trapezoid"
    )


if __name__ == "__main__":
    main()
