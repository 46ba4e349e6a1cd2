"""Findings and campaigns that were never run, for tests of whatever shows them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ig_props.claims.case import Case, Situation
from ig_props.findings import Comparison, Finding, Verdict
from ig_props.networks.network import Add, Affine, Network, Node, Relu
from ig_props.reports.run import Run
from ig_props.running.events import Attacking, CannotRunEvent, Event, Finished, Found, Progress, Shrinking, Started

NAME = "captum:IntegratedGradients"
DIAGNOSIS = ("weights sum to 1 - 1/n instead of 1",)
ONE = Network((1,), (Node(Affine(((1.0,),), (0.0,)), (0,)),))
MAXIMUM = Network(
    (2,),
    (
        Node(Affine(((1.0, -1.0),), (0.0,)), (0,)),
        Node(Relu(), (1,)),
        Node(Affine(((0.0, 1.0),), (0.0,)), (0,)),
        Node(Add(), (2, 3)),
    ),
)
SMALL = Case(ONE, ((1.0,),), ((0.0,),), (0,), 8)
LARGER = Case(
    MAXIMUM, ((1.0, 1.0), (2.0, 0.5)), ((0.0, 0.0), (0.0, 1.0)), (0, 0), 16, Situation(dtype="float32", no_grad=True)
)


def finding(claim: str, verdict: Verdict, case: Case | None = None, **changes: Any) -> Finding:
    values: dict[str, Any] = {
        "attributor": NAME,
        "claim": claim,
        "verdict": verdict,
        "case": None if case is None else case.to_json(),
        "formula": "" if case is None else str(case),
        "tally": {str(verdict): 20},
        "seconds": 0.25,
    }
    return Finding(**values | changes)


def refuted(claim: str = "QUAD.weights_sum_one", case: Case = SMALL, **changes: Any) -> Finding:
    comparison = Comparison("attribution of x0", 0.875, 1.0, rounding=1.5e-14, how="weight times displacement")
    values: dict[str, Any] = {
        "comparison": comparison,
        "diagnosis": DIAGNOSIS,
        "reproduction": "import torch\nprint('received', 0.875, 'exact', 1.0)",
        "replay": ".ig-props/findings/x.json",
    }
    return finding(claim, Verdict.REFUTED, case, **values | changes)


def every_verdict() -> list[Finding]:
    """One finding or more of every verdict."""
    float32 = Comparison("attribution of x0", 1.00000001, 1.0, rounding=1e-15, float32=1e-6)
    return [
        refuted("PATH.completeness.piecewise", LARGER, note="the sum is short"),
        refuted(),
        finding("CODE.errors", Verdict.CRASHED, SMALL, note="did not answer within 20 s"),
        finding("QUAD.order", Verdict.IMPRECISE, SMALL, comparison=float32),
        finding("CERT.enclosure", Verdict.INCONCLUSIVE, reasons={"no oracle for softmax": 20}),
        finding("CODE.no_grad", Verdict.UNSUPPORTED, reasons={"raised RuntimeError: no graph": 20}),
        finding("CODE.batch_independence", Verdict.CONVENTION, reasons={"the model couples samples": 20}),
        finding("PATH.dummy", Verdict.HOLDS),
        finding("IG.symmetry", Verdict.HOLDS),
        finding("RSI.completeness", Verdict.NOT_APPLICABLE, tally={}, note="needs a layer"),
        refuted("RS.bounded_variation", declared=False, diagnosis=()),
    ]


PARAMETERS = {
    "profile": "quick",
    "seed": 7,
    "dtype": "float64",
    "device": "cpu",
    "jobs": 2,
    "args": {"method": "riemann_trapezoid"},
    "claims": [],
}
VERSIONS = {"captum": "0.9.0", "torch": "2.13.0", "ig-props": "0.1.0", "python": "3.11.7"}


def run(*findings: Finding, **changes: Any) -> Run:
    values: dict[str, Any] = {
        "attributors": (NAME,),
        "parameters": PARAMETERS,
        "versions": VERSIONS,
        "findings": findings,
        "seconds": 12.3,
    }
    return Run(**values | changes)


def campaign(*findings: Finding, unable: dict[str, str] | None = None) -> Callable[..., Iterator[Event]]:
    """A stand-in for `ig_props.campaign.campaign` that finds what it is told."""

    def events(request: Any, **options: Any) -> Iterator[Event]:
        claims = tuple(f.claim for f in findings)
        yield Started(request.specs, claims, request.profile.name, request.seed, versions={"python": "3.11.7"})
        for attributor, sentence in (unable or {}).items():
            yield CannotRunEvent(attributor, sentence)
        for f in findings:
            yield Attacking(f.attributor, f.claim)
            yield Progress(f.attributor, f.claim, 5)
            if f.verdict is Verdict.REFUTED:
                yield Shrinking(f)
            yield Found(f)
        yield Finished(0, 1.0)

    return events
