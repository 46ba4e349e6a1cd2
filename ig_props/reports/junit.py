"""How does a continuous-integration server see a run? As JUnit XML: a suite per attributor, a test case per claim."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from ig_props.findings import Finding, Verdict
from ig_props.reports import describe, terminal
from ig_props.reports.run import Run

FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold, escaped or not."""


def _clean(text: str) -> str:
    return FORBIDDEN.sub("\ufffd", text)


def _reason(finding: Finding) -> str:
    reasons = describe.grouped_reasons([finding])
    return "; ".join(f"{reason} ({count})" if count else reason for reason, count, _ in reasons) or str(finding.verdict)


def _case(run: Run, finding: Finding) -> ET.Element:
    case = ET.Element(
        "testcase", classname=_clean(finding.attributor), name=finding.claim, time=f"{finding.seconds:.3f}"
    )
    verdict = finding.verdict
    excused = run.judgement.expected.get((finding.attributor, finding.claim))
    if run.fails(finding) and excused is None:
        child = ET.SubElement(case, "error" if verdict is Verdict.CRASHED else "failure")
        child.set("type", str(verdict))
        child.set("message", _clean(describe.headline(finding) or str(verdict)))
        child.text = _clean(terminal.plain(terminal.block(finding)))
    elif run.fails(finding):
        ET.SubElement(case, "skipped", message=_clean(f"refuted as expected: {excused}"))
    elif verdict in (Verdict.HOLDS, Verdict.IMPRECISE):
        if verdict is Verdict.IMPRECISE:
            ET.SubElement(case, "system-out").text = _clean(f"imprecise: {describe.headline(finding)}")
    elif verdict in describe.BAD:
        message = f"refuted, but not claimed: {describe.headline(finding)}"
        ET.SubElement(case, "skipped", message=_clean(message))
    else:
        ET.SubElement(case, "skipped", message=_clean(f"{verdict}: {_reason(finding)}"))
    return case


def _suite(run: Run, name: str) -> ET.Element:
    cases = [_case(run, f) for f in run.of(name)]
    if name in run.unable:
        broken = ET.Element("testcase", classname=_clean(name), name="can be run", time="0")
        ET.SubElement(broken, "error", type="cannot run", message=_clean(run.unable[name]))
        cases.append(broken)
    suite = ET.Element("testsuite", name=_clean(name))
    suite.set("tests", str(len(cases)))
    for tag, plural in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
        suite.set(plural, str(sum(case.find(tag) is not None for case in cases)))
    suite.set("time", f"{sum(f.seconds for f in run.of(name)):.3f}")
    properties = ET.SubElement(suite, "properties")
    for key, value in {**run.versions, **run.parameters}.items():
        ET.SubElement(properties, "property", name=_clean(str(key)), value=_clean(str(value)))
    suite.extend(cases)
    return suite


def text(run: Run) -> str:
    """The XML document; news of vanished failures is a suite of its own."""
    root = ET.Element("testsuites", name="ig-props", time=f"{run.seconds:.3f}")
    suites = [_suite(run, name) for name in run.attributors]
    if run.judgement.news:
        news = ET.Element("testsuite", name="expected failures", tests=str(len(run.judgement.news)))
        news.set("failures", str(len(run.judgement.news)))
        for k, sentence in enumerate(run.judgement.news):
            case = ET.SubElement(news, "testcase", classname="expected failures", name=f"news {k}", time="0")
            ET.SubElement(case, "failure", type="news", message=_clean(sentence))
        suites.append(news)
    root.extend(suites)
    for plural in ("tests", "failures", "errors", "skipped"):
        root.set(plural, str(sum(int(suite.get(plural, "0")) for suite in suites)))
    ET.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"
