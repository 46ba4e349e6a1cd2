"""How is a finding said in words and numbers, the same in every report?"""

from __future__ import annotations

import math
import re
import shlex
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from ig_props.findings import Comparison, Finding, Verdict
from ig_props.networks.network import NetworkError
from ig_props.reports.run import MEANING, Run
from ig_props.reproduction.calls import split_name
from ig_props.reproduction.replay import trusted

if TYPE_CHECKING:
    from ig_props.claims.case import Case

SHOWN = 12
"""Coordinates of a point that are printed before it is cut short."""
CLASSES = 3
"""Scores of other classes than those that are explained that are printed."""
MODEL = ("model", "inputs", "baselines", "target", "layer")
"""Parameters of a check on a person's own model."""
SITUATION = re.compile(r" \(with [^()]*\)$")
"""What a reason says of the situation in which it occurred."""
OTHER = "other reasons"
BAD = (Verdict.REFUTED, Verdict.CRASHED)


def case_of(finding: Finding) -> Case | None:
    """The counterexample, or None where there is none or it cannot be read."""
    from ig_props.claims.case import case_from_json

    try:
        return None if finding.case is None else case_from_json(finding.case)
    except (NetworkError, KeyError, TypeError, ValueError):
        return None


def statement(claim: str) -> str:
    """The statement of a claim; empty when the registry does not know it."""
    from ig_props.claims.registry import claims

    known = claims().get(claim)
    return "" if known is None else known.statement


def point(values: Sequence[float]) -> str:
    texts = [f"{v:g}" for v in values]
    if len(texts) > SHOWN:
        texts = [*texts[: SHOWN - 2], f"… {len(texts)} numbers"]
    return "(" + ", ".join(texts) + ")"


def apart(received: float, exact: float) -> tuple[str, str]:
    """Two numbers with the fewest digits that show their difference to two places."""
    for digits in (6, 9, 12, 15):
        # no sign for zeros
        a, b = f"{received + 0.0:.{digits}g}", f"{exact + 0.0:.{digits}g}"
        true = received - exact
        if not math.isfinite(true) or abs(float(a) - float(b) - true) <= 0.01 * abs(true):
            return a, b
    return repr(received), repr(exact)


def example(finding: Finding) -> list[tuple[str, str]]:
    """The counterexample as labelled lines: score, point, baseline, and whatever is unusual about the call."""
    case = case_of(finding)
    if case is None and finding.case is not None and "example" in finding.case:
        return [(str(label), str(text)) for label, text in finding.case["example"]]
    if case is None:
        return [("example", finding.formula)] if finding.formula else []
    from ig_props.networks.formula import formula

    lines: list[tuple[str, str]] = []
    several = len(case.inputs) > 1
    scores: list[str] = []
    for k, (x, baseline, target) in enumerate(zip(case.inputs, case.baselines, case.targets, strict=True)):
        row = f"[{k}]" if several else ""
        text = formula(case.network, target)
        if text not in scores:
            scores.append(text)
            lines.append(("F" + row, text))
        lines += [("x" + row, point(x)), ("baseline" + row, point(baseline))]
    # shrinking leaves no class that does not matter
    others = {k: formula(case.network, k) for k in range(case.network.classes) if k not in case.targets}
    lines += [(f"score {k}", text) for k, text in list(others.items())[:CLASSES] if text not in scores]
    if case.other is not None:
        lines.append(("G", formula(case.other, case.targets[0])))
    lines += [(name, point(values)) for name, values in case.numbers.items()]
    if case.layer is not None:
        node = case.network.nodes[case.layer - 1] if 0 < case.layer <= len(case.network.nodes) else None
        lines.append(("layer", f"{node.op.name} (value {case.layer})" if node else f"value {case.layer}"))
    lines.append(("n_steps", str(case.n_steps)))
    odd = case.situation.odd()
    if odd:
        lines.append(("situation", ", ".join(odd)))
    if case.situation.inplace and case.layer is not None:
        lines.append(
            ("", "a rectifier in place behind the layer overwrites what a hook kept, unless it returns a copy")
        )
    return lines


def comparison(c: Comparison) -> list[tuple[str, str]]:
    """Received against exact, the error and the proved budget it exceeds."""
    received, exact = apart(c.received, c.exact)
    width = max(len(received), len(exact))
    lines = [("received", f"{received:<{width}}  {c.what}".rstrip())]
    radius = f" ± {c.radius:.2g}" if c.radius else ""
    how = f"  {c.how}" if c.how else ""
    lines.append(("exact", f"{exact + radius:<{width}}{how}".rstrip()))
    lines.append(("error", f"{c.error:.3g}"))
    lines.append(("budget", f"{c.budget:.3g} = {c.quadrature:.3g} quadrature + {c.rounding:.3g} rounding"))
    lines.append(("ratio", ratio(c)))
    return lines


def ratio(c: Comparison) -> str:
    if not math.isfinite(c.received):
        return "the received number is not finite"
    if math.isinf(c.ratio):
        return "no error at all is allowed here"
    return f"the error is {c.ratio:.3g} times the budget"


def headline(finding: Finding) -> str:
    """What went wrong in one line."""
    c = finding.comparison
    if c is None:
        return finding.note
    received, exact = apart(c.received, c.exact)
    what = f"{c.what}: " if c.what else ""
    return f"{what}received {received}, exact {exact}, {ratio(c)}"


def simplicity(finding: Finding) -> tuple[float, ...]:
    """A key that sorts findings by how easily their counterexample is checked by hand, clear violations first."""
    case: Any = finding.case or {}
    network = case.get("network") or {}
    situation = _odd(case.get("situation") or {})
    numbers = sum(len(p) for p in case.get("inputs") or ())
    clear = finding.comparison.ratio if finding.comparison is not None else math.inf
    size = len(network.get("nodes") or ()) if finding.case else 10**6
    return (0.0 if finding.declared else 1.0, size + situation, numbers, -clear)


def _odd(situation: dict[str, Any]) -> int:
    from dataclasses import asdict

    from ig_props.claims.case import Situation

    plain = asdict(Situation())
    return sum(situation.get(name) != value for name, value in plain.items()) if situation else 0


def by_simplicity(findings: Iterable[Finding]) -> list[Finding]:
    return sorted(findings, key=simplicity)


def alike(findings: Iterable[Finding]) -> list[list[Finding]]:
    """Findings grouped by counterexample and diagnosis: one example often refutes several claims for one reason."""
    groups: dict[str, list[Finding]] = {}
    for f in findings:
        case = {} if f.case is None else {k: v for k, v in f.case.items() if k not in ("numbers", "other")}
        received = None if f.comparison is None else (f.comparison.what, f.comparison.received)
        key = repr((case, f.diagnosis, received)) if case and received and f.diagnosis else f"{f.attributor} {f.claim}"
        groups.setdefault(key, []).append(f)
    return list(groups.values())


def shared_diagnosis(findings: Sequence[Finding]) -> tuple[str, ...]:
    """Sentences that explain more than one failure, or the only one: said once, the most frequent first."""
    votes = Counter(sentence for f in findings for sentence in dict.fromkeys(f.diagnosis))
    return tuple(s for s, n in votes.most_common() if n > 1 or len(findings) == 1)


def plural(count: int, singular: str, several: str = "") -> str:
    return f"{count} {singular if count == 1 else several or singular + 's'}"


def duration(seconds: float) -> str:
    if seconds < 0.95:
        return f"{1000 * seconds:.0f} ms"
    return f"{seconds:.1f} s" if seconds < 59.5 else f"{int(seconds + 0.5) // 60} min {int(seconds + 0.5) % 60:02d} s"


def grouped_reasons(findings: Iterable[Finding]) -> list[tuple[str, int, list[str]]]:
    """Why examples did not count: (reason, examples, claims), the most frequent first, whatever the situation was."""
    examples: Counter[str] = Counter()
    claims: dict[str, list[str]] = {}
    for f in findings:
        reasons = f.reasons or ({f.note: f.examples} if f.note else {})
        for said, count in reasons.items():
            reason = SITUATION.sub("", said)
            examples[reason] += count
            claims.setdefault(reason, [])
            if f.claim not in claims[reason]:
                claims[reason].append(f.claim)
    ordered = sorted(examples.items(), key=lambda item: (item[0] == OTHER, -item[1]))
    return [(reason, count, claims[reason]) for reason, count in ordered]


def counted(finding: Finding) -> str:
    """How many examples there were, and how many of them were judged where that is not all."""
    if finding.verdict is Verdict.HOLDS and finding.judged < finding.examples:
        return f"{finding.judged} of {finding.examples}"
    return str(finding.examples)


def replay_command(finding: Finding) -> str:
    """The command that runs the counterexample again; code that is no adapter of ours must be named."""
    spec = split_name(finding.attributor)[0]
    named = "" if trusted(spec) else f" --attributor {shlex.quote(spec)}"
    return f"ig-props replay {shlex.quote(finding.replay)}{named}"


def parameters(run: Run) -> str:
    """The parameters that change a number, as words."""
    p = run.parameters
    words = [str(p[name]) for name in ("dtype", "device") if p.get(name)]
    words += [
        f"{name} {p[name]:g}" if isinstance(p[name], float) else f"{name} {p[name]}"
        for name in ("profile", "seed", "jobs", "timeout", "as", "stage", *MODEL)
        if p.get(name) is not None
    ]
    words += [f"{name}={value}" for name, value in (p.get("args") or {}).items()]
    words += [f"{name} {','.join(p[name])}" for name in ("claims", "accepts") if p.get(name)]
    return " · ".join([*words, "strict"] if run.strict else words)


def versions(run: Run) -> str:
    return " · ".join(f"{name} {version}" for name, version in run.versions.items())


def summary(run: Run, attributor: str | None = None) -> str:
    """What ran, held, was refuted, imprecise, inconclusive and not applicable, in one sentence."""
    findings = run.findings if attributor is None else run.of(attributor)
    counts = run.counts(attributor)
    ran = [f for f in findings if f.verdict is not Verdict.NOT_APPLICABLE]
    words = {
        "holds": "held", "refuted": "refuted", "crashed": "crashed", "expected": "refuted as expected",
        "imprecise": "imprecise", "inconclusive": "inconclusive", "unsupported": "unsupported",
        "convention": "a matter of convention", "information": "refuted but not claimed",
        "not applicable": "not applicable",
    }  # fmt: skip
    always = {"holds", "refuted", "imprecise", "inconclusive", "not applicable"}
    parts = [f"{counts.get(k, 0)} {word}" for k, word in words.items() if k in always or counts.get(k)]
    examples = f"{sum(f.examples for f in ran):,}".replace(",", " ")
    return (
        f"{plural(len(ran), 'claim')} attacked with {examples} examples in {duration(run.seconds)}: {', '.join(parts)}."
    )


def ending(run: Run) -> str:
    """The exit code and what it means here."""
    code = run.exit_code
    failed = len(run.failures)
    if code == 1 and failed:
        text = f"{plural(failed, 'claimed property is', 'claimed properties are')} refuted"
        if any(f.verdict is Verdict.CRASHED for f in run.failures):
            text += " or crashed"
        if any(f.verdict is Verdict.IMPRECISE for f in run.failures):
            text += " or (--strict) imprecise"
    elif code == 1:
        text = "an expected failure is gone"
    else:
        text = MEANING[code]
    if code == 0 and run.judgement.expected:
        text += ", or is refuted as expected"
    return f"Exit code {code}: {text}."
