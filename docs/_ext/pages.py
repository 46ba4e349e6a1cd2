"""Which pages are written from the derivations? One for each claim, an index by family, and the graph."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from status import Known, known

from proofs.derivation import Part, premises
from proofs.kernel.script import ordered
from proofs.kernel.theorem import Theorem

TITLES = {
    "completeness": "Completeness",
    "axioms": "Axioms of path methods",
    "uniqueness": "Which paths preserve symmetry",
    "stieltjes": "Sums and quadrature",
    "layers": "Layer integrals",
    "cam": "Grad-CAM and Grad-CAM++",
    "softmax": "Softmax",
    "baselines": "Baselines",
    "exact": "Exact values",
    "contracts": "Contracts of attribution code",
}


def _begun(text: str) -> str:
    """A sentence's beginning in capitals, where it is a word and not a symbol."""
    first = text.partition(" ")[0]
    return text[:1].upper() + text[1:] if len(first) > 1 and first.isalpha() else text


def _text(words: str) -> str:
    """Plain words in MyST: signs that mean something there stand for themselves."""
    for sign in "\\*_[]<>${}":
        words = words.replace(sign, "\\" + sign)
    return words


def _formula(latex: str) -> str:
    return f"$$\n{latex}\n$$\n"


def _badges(k: Known) -> str:
    return " ".join(f'<span class="badge {css}">{words}</span>' for css, words in k.statuses)


def _statement(part: Part) -> list[str]:
    words, theorem = part
    lines = [f"*{_text(_begun(words))}.*\n", _formula(theorem.statement.latex())]
    found = premises(theorem)
    if found:
        return [*lines, "Premises:\n", *(f"- ${p.latex()}$" for p in found), ""]
    return [*lines, "No premise.\n"]


def _references(theorem: Theorem, number: dict[int, int]) -> str:
    from proofs.kernel.script import facts

    steps = sorted({number[id(t)] for t in facts(theorem.args)})
    return " from " + ", ".join(f"({k})" for k in steps) if steps else ""


def _proof(part: Part, first: int) -> list[str]:
    _, theorem = part
    theorems = ordered(theorem)
    number = {id(t): first + k for k, t in enumerate(theorems)}
    lines = []
    for t in theorems:
        lines.append(f"**({number[id(t)]}) {t.rule}**{_references(t, number)}.\n")
        lines.append(_formula(t.statement.latex()))
        lines.append(f'<p class="checked">{_checked(t, theorem)}.</p>\n')
    return lines


def _checked(step: Theorem, whole: Theorem) -> str:
    if step.rule != "premise":
        return "Checked: " + "; ".join(step.checks)
    stays = any(p.statement == step.statement for p in whole.premises)
    return "Not proved: a premise of the theorem" if stays else (
        "Not proved: an assumption, which later steps use, discharge or take over an interval"
    )  # fmt: skip


def _title(k: Known) -> str:
    return "Counterexample" if k.counterexample else "Contract" if k.family == "contracts" else "Theorem"


def page(k: Known, everything: dict[str, Known]) -> str:
    """The page of a claim."""
    lines = [f"# {k.id}\n", f"{_title(k)} · {TITLES.get(k.family, k.family)}\n", _badges(k) + "\n"]
    lines.append(f"**{_text(_begun(k.statement.rstrip('.')))}.**\n")
    d = k.proved.derivation if k.proved else None
    if d and d.words and k.claim is not None:
        lines.append(_text(d.words) + "\n")
    if k.claim is not None and k.claim.premises:
        lines.append("## In words, what must hold\n")
        lines += [f"- {_text(p)}" for p in k.claim.premises] + [""]
    if d and d.published:
        lines += ["## Where the published form differs\n", _cited(d.published) + "\n"]
    if d and d.figure:
        lines += ["## Picture\n", f"```{{image}} /_figures/{d.figure}.svg\n:alt: {d.figure}\n:class: figure\n```\n"]
    lines += _proved(k)
    lines += _trust(k)
    lines += _attack(k)
    lines += _neighbours(k, everything)
    return "\n".join(lines)


def _proved(k: Known) -> list[str]:
    if k.proved is None:
        why = "A contract is judged on code; there is nothing to derive." if k.family == "contracts" else (
            "There is no derivation."
        )  # fmt: skip
        return ["## Proof\n", why + "\n"]
    if k.proved.error:
        return ["## Proof\n", f"The derivation does not go through: {_text(k.proved.error)}\n"]
    lines, first = ["## Statement\n"], 1
    for number, part in enumerate(k.proved.parts):
        lines += ["::::{prf:theorem}", f":label: {k.id}-{number}", ":nonumber:", "", *_statement(part), "::::\n"]
    lines.append("## Proof, step by step\n")
    for part in k.proved.parts:
        if len(k.proved.parts) > 1:
            lines.append(f"### {_text(_begun(part[0]))}\n")
        lines += _proof(part, first)
        first += len(ordered(part[1]))
    return lines


def _trust(k: Known) -> list[str]:
    lines = ["## What was checked, and by what\n"]
    if k.derived:
        assert k.proved is not None
        lines.append(
            f"- The kernel in `proofs/kernel` accepted {k.proved.steps} steps with {k.proved.witnesses} checks "
            "([what a check is](/trust.md))."
        )
        if k.damages:
            lines.append(
                f"- {k.damages['rejected']} of {k.damages['tried']} damaged versions of this proof were rejected."
                + "".join(f"\n  - harmless: {_text(what)}: {_text(why)}" for what, why in k.damages["harmless"])
            )
        general = k.proved.derivation.general
        lines.append(f"- {_text(general)}" if general else "- Nothing is left to a special dimension or length.")
    if not k.coq:
        lines.append("- No Coq theorem is recorded for this claim.")
    lines.append("")
    for c in k.coq:
        axioms = ", ".join(f"`{a.rpartition('.')[2]}`" for a in c.axioms) or "none"
        lines.append(f"Coq accepts `{c.theorem}` in `{c.file}`. {_text(c.reads)} Axioms: {axioms}.\n")
        lines += ["```coq", c.statement, "```\n"]
    return lines


def _attack(k: Known) -> list[str]:
    lines = ["## How it is attacked\n"]
    if k.claim is None or not k.claim.attackable:
        witness = k.claim is not None and k.claim.witness is not None
        return [*lines, "Its witness is evaluated exactly by the test suite.\n" if witness else "It is not attacked.\n"]
    from ig_props.commands.catalogue import said

    for words in dict.fromkeys((said(k.claim.check), said(k.claim.cases))):
        if words:
            lines.append(_text(words) + "\n")
    lines.append(f"```console\n$ ig-props check mine.py:attribute --claims {k.id}\n```\n")
    if k.survived:
        lines += ["| attributor | verdict | examples |", "|---|---|---|"]
        lines += [f"| `{a}` | {v} | {n} |" for a, v, n in k.survived]
        lines.append("")
    else:
        lines.append("No run was at hand when this page was built.\n")
    if k.mutants:
        lines.append("Defects made on purpose that it must refute:\n")
        lines += [f"- `{name}`: {_text(defect)}" for name, defect in k.mutants]
        lines.append("")
    return lines


def _link(i: str) -> str:
    return f"[{i}](/claims/{known()[i].family}/{i}.md)"


def _neighbours(k: Known, everything: dict[str, Known]) -> list[str]:
    d = k.proved.derivation if k.proved else None
    lines = ["## Where it stands\n"]
    rows = (
        ("Rests on", d.uses if d else ()),
        ("Shows that a premise is needed in", d.against if d else ()),
        ("Refuted without a premise by", k.against),
        ("Used by", tuple(i for i, o in everything.items() if o.proved and k.id in o.proved.derivation.uses)),
    )
    for words, ids in rows:
        links = [_link(i) for i in ids if i in everything]
        if links:
            lines.append(f"- {words}: {', '.join(links)}")
    sources = " ".join(dict.fromkeys((*(d.sources if d else ()), *((k.claim.source,) if k.claim else ()))))
    lines.append(f"- Sources: {_cited(sources)}" if sources else "- Source: this project")
    lines.append(f"- [Graph of all claims](/graph.md#{k.family})\n")
    return lines


def _cited(words: str) -> str:
    import re

    text = _text(words.replace("theory.md", "this project, section"))
    return re.sub(r"\b(\d{4}\.\d{5})\b", r"[arXiv:\1](https://arxiv.org/abs/\1)", text)


def write(folder: Path) -> None:
    """All generated sources, as MyST below the folder."""
    from figures import draw
    from graph import svg

    everything = known()
    shutil.rmtree(folder / "claims", ignore_errors=True)
    families: dict[str, list[str]] = {}
    for k in everything.values():
        families.setdefault(k.family, []).append(k.id)
        path = folder / "claims" / k.family / f"{k.id}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page(k, everything), encoding="utf-8")
    lines = ["# Claims\n", _summary(everything)]
    present = [f for f in TITLES if f in families]
    for family in present:
        ids = families[family]
        rows = [f"- {_link(i)}: {_text(everything[i].statement)}<br>{_badges(everything[i])}" for i in ids]
        inner = [f"# {TITLES[family]}\n", *rows, "", "```{toctree}", ":hidden:", *ids, "```\n"]
        (folder / "claims" / family / "index.md").write_text("\n".join(inner), encoding="utf-8")
        lines += [f"## [{TITLES[family]}](/claims/{family}/index.md)\n", *rows, ""]
    lines += ["```{toctree}", ":hidden:", *(f"{family}/index" for family in present), "```\n"]
    (folder / "claims" / "index.md").write_text("\n".join(lines), encoding="utf-8")
    graph = ["# Graph of claims\n", _summary(everything), '<div class="graph">', svg(everything), "</div>\n"]
    graph += ["The arrows of a claim point to what it rests on; a dashed line joins a counterexample to the claim whose "
              "premise it shows to be needed. A click opens the claim's page.\n"]  # fmt: skip
    for family in [f for f in TITLES if f in families]:
        graph += [f"({family})=", f"## {TITLES[family]}\n", ", ".join(_link(i) for i in families[family]) + "\n"]
    (folder / "graph.md").write_text("\n".join(graph), encoding="utf-8")
    draw(folder / "_figures")


def _summary(everything: dict[str, Known]) -> str:
    counts: dict[tuple[str, str], int] = {}
    for k in everything.values():
        for status in k.statuses:
            counts[status] = counts.get(status, 0) + 1
    badges = " ".join(f'<span class="badge {css}">{words}: {n}</span>' for (css, words), n in counts.items())
    return f"{len(everything)} claims. {badges}\n"


def setup(app: Sphinx) -> dict[str, Any]:
    write(Path(app.srcdir))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
