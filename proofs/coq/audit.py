"""Does Coq's kernel accept the proofs, and do they prove what the table of statements says, from known axioms only?

    python proofs/coq/audit.py            compile from clean, audit, compare with result.json
    python proofs/coq/audit.py --write    the same, and write result.json

The table (statements/<family>.toml) holds each theorem in full. Its statements are elaborated against Spec.v alone, in a
file that no proof has touched; then the theorem is given the elaborated statement as its type. A weakened theorem, a
premise that a section leaked and a notion that a proof file redefined have another type, and fail.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import functools
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PACKAGE = "IgProps"
JOBS = 2
INSTALL = "apt-get install coq libcoq-coquelicot (Debian and Ubuntu)"
PRELUDE = f"""From Coq Require Import Reals Arith List.
From Coquelicot Require Import Coquelicot.
From {PACKAGE} Require Import Spec.
Open Scope R_scope.
"""
AXIOMS = {
    "ClassicalDedekindReals.sig_not_dec": "forall P : Prop, {~ ~ P} + {~ P}",
    "ClassicalDedekindReals.sig_forall_dec": (
        "forall P : nat -> Prop, (forall n : nat, {P n} + {~ P n}) -> {n : nat | ~ P n} + {forall n : nat, P n}"
    ),
    "FunctionalExtensionality.functional_extensionality_dep": (
        "forall (A : Type) (B : A -> Type) (f g : forall x : A, B x), (forall x : A, f x = g x) -> f = g"
    ),
    "Classical_Prop.classic": "forall P : Prop, P \\/ ~ P",
}
"""What a proof may rest on: the standard library's axioms for the reals, with their types."""
ARTEFACTS = re.compile(r"Coq\.ssr\.ssrunder\.Under_rel\.\w+|Coq\.Reals\.Rdefinitions\.(RbaseSymbols|Rinv)Impl\.\w+")
"""Sealed modules of the standard library, whose fields coqchk lists as axioms."""
MARK = "== the next theorem"
RESULT = "result.json"
PAGES = HERE.parents[1] / "docs" / "coq"


class Refused(Exception):
    """The audit found something that it does not accept; the message says what."""


@dataclass(frozen=True)
class Theorem:
    """One row of the table: the claim, the file and name of its theorem, the statement in Coq and in words."""

    claim: str
    file: str
    name: str
    statement: str
    reads: str
    family: str
    """The table that lists it."""
    gap: str = ""
    """What the claim says beyond this theorem and its companions; empty where nothing."""
    written_out: bool = False
    """A statement about functions and paths that are written out: nothing is assumed that could be impossible."""

    @property
    def has_premises(self) -> bool:
        """Whether an implication is left when the types of the binders are taken away."""
        return re.search(r"(?<!<)->", re.sub(r"\([\w' ]+ : [^()]*\)", "", self.statement)) is not None


def without_instance(folder: Path, theorems: list[Theorem]) -> list[Theorem]:
    """The theorems with premises of which no `Example <name>_instance` in a file of instances is proved by them."""
    proofs: dict[str, str] = {}
    for path in folder.glob("*Instances.v"):
        proofs |= dict(re.findall(r"^Example (\w+)_instance\b.*?^Proof\.(.*?)Qed\.", path.read_text(), re.S | re.M))
    return [
        t
        for t in theorems
        if t.has_premises and not t.written_out and not re.search(rf"\b{t.name}\b", proofs.get(t.name, ""))
    ]


def table(folder: Path) -> tuple[list[Theorem], dict[str, str]]:
    """The theorems, and the claims that are not proved here with the reason."""
    theorems: list[Theorem] = []
    unproved: dict[str, str] = {}
    for path in sorted((folder / "statements").glob("*.toml")):
        rows = tomllib.loads(path.read_text())
        for row in rows.get("theorem", []):
            theorems.append(Theorem(**{**row, "statement": row["statement"].strip(), "family": path.stem}))
        for row in rows.get("unproved", []):
            unproved[row["claim"]] = row["reason"]
    proved = {t.claim for t in theorems}
    both = sorted(proved & unproved.keys())
    if both:
        raise Refused(f"{both[0]} is listed as proved and as unproved")
    if not theorems:
        raise Refused(f"no theorem is listed in {folder / 'statements'}")
    return theorems, unproved


def digest(folder: Path) -> str:
    """SHA-256 of the sources and of the table: what a result is about."""
    found = hashlib.sha256()
    for path in sorted([*folder.glob("*.v"), *folder.glob("statements/*.toml")]):
        found.update(f"{path.name}\n".encode() + path.read_bytes())
    return found.hexdigest()


def _run(command: list[str], where: Path) -> str:
    done = subprocess.run(command, cwd=where, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Refused(" ".join((done.stdout + done.stderr).split()) or f"{command[0]} failed without a word")
    return done.stdout


def _coqc(where: Path, name: str) -> tuple[str, float]:
    """Compile one file; what it printed and the seconds it took."""
    begin = time.monotonic()
    said = _run(["coqc", "-q", "-w", "-ambiguous-paths", "-Q", ".", PACKAGE, f"{name}.v"], where)
    return said, time.monotonic() - begin


def _dependencies(where: Path) -> dict[str, set[str]]:
    """Which of our files each of our files needs."""
    files = sorted(p.name for p in where.glob("*.v"))
    found = {}
    for line in _run(["coqdep", "-Q", ".", PACKAGE, *files], where).splitlines():
        targets, _, needs = line.partition(":")
        if ".vo " in targets:
            own = Path(targets.split()[0]).stem
            found[own] = {Path(n).stem for n in needs.split() if n.endswith(".vo") and "/" not in n} - {own}
    return found


def compile_all(where: Path, needs: dict[str, set[str]]) -> dict[str, float]:
    """Compile every file after those that it needs, two at a time; the seconds of each."""
    seconds: dict[str, float] = {}
    running: dict[concurrent.futures.Future[tuple[str, float]], str] = {}
    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        while len(seconds) < len(needs):
            begun = seconds.keys() | running.values()
            for name in sorted(n for n in needs if n not in begun and needs[n] <= seconds.keys()):
                running[pool.submit(_coqc, where, name)] = name
            if not running:
                raise Refused(f"files need each other in a circle: {sorted(needs.keys() - seconds.keys())}")
            done, _ = concurrent.futures.wait(running, return_when=concurrent.futures.FIRST_COMPLETED)
            for future in done:
                name = running.pop(future)
                try:
                    seconds[name] = round(future.result()[1], 1)
                except Refused as error:
                    raise Refused(f"{name}.v does not compile: {error}") from None
    return seconds


def axioms(said: str) -> list[str]:
    """The axioms that one `Print Assumptions` printed; refuses any that is not accepted, and any other remark."""
    lines = said.strip().splitlines()
    if lines == ["Closed under the global context"]:
        return []
    if not lines or lines[0] != "Axioms:":
        raise Refused(f"Print Assumptions says {said.strip()!r}")
    blocks: list[str] = []
    for line in lines[1:]:
        if line.startswith(" "):
            blocks[-1] += " " + line.strip()
        else:
            blocks.append(line.strip())
    found = []
    for block in blocks:
        name, _, type_ = (part.strip() for part in block.partition(" :"))
        if AXIOMS.get(name) != " ".join(type_.split()):
            raise Refused(f"rests on {block!r}, which is not one of {', '.join(AXIOMS)}")
        found.append(name)
    return sorted(found)


def _blamed(where: Path, file: str, name: str, sentences: list[tuple[Theorem, str]], head: str) -> str:
    """Compile a file of one sentence per theorem and return what was printed; a refusal names the theorem of its line."""
    lines = head.count("\n") + 1
    starts = []
    for _, sentence in sentences:
        starts.append(lines)
        lines += sentence.count("\n")
    (where / f"{file}.v").write_text(head + "".join(sentence for _, sentence in sentences))
    try:
        return _coqc(where, file)[0]
    except Refused as error:
        at = re.match(r'File "[^"]*", line (\d+)', str(error))
        guilty = max((k for k, start in enumerate(starts) if at and start <= int(at[1])), default=0)
        t = sentences[guilty][0]
        raise Refused(f"{t.claim}: {t.file}.{t.name} {name}: {error}") from None


def _restate_file(where: Path, file: str, theorems: list[Theorem]) -> dict[Theorem, list[str]]:
    says = [(t, f"Definition says{k} : Prop :=\n{t.statement}.\n") for k, t in enumerate(theorems)]
    _blamed(where, f"Said{file}", "has a statement that means nothing to Spec.v", says, PRELUDE)
    # no Import: the names of a proof file stay out of sight
    head = f"From {PACKAGE} Require Said{file} {file}.\n"
    groups = [
        [k for k, t in enumerate(theorems) if t.claim == claim] for claim in dict.fromkeys(t.claim for t in theorems)
    ]
    checks = [
        (t, f"Definition checked{k} : Said{file}.says{k} := {PACKAGE}.{file}.{t.name}.\n")
        for k, t in enumerate(theorems)
    ]
    for group in groups:
        proof = functools.reduce("conj ({}) {}".format, [f"checked{k}" for k in group])
        question = f'Definition all{group[0]} := {proof}.\nGoal True. idtac "{MARK}". Abort.\nPrint Assumptions all{group[0]}.\n'
        checks.append((theorems[group[0]], question))
    printed = _blamed(where, f"Checked{file}", "is not what the table says", checks, head).split(MARK)[1:]
    if len(printed) != len(groups):
        raise Refused(f"{file}.v: {len(printed)} answers to {len(groups)} questions")
    found: dict[Theorem, list[str]] = {}
    for group, said in zip(groups, printed, strict=True):
        t = theorems[group[0]]
        try:
            rests_on = axioms(said)
        except Refused as error:
            raise Refused(f"{t.claim}: {t.file}.{t.name} {error}") from None
        found |= {theorems[k]: rests_on for k in group}
    return found


def restate(where: Path, theorems: list[Theorem]) -> dict[Theorem, list[str]]:
    """Give every theorem of the table its statement as type; the axioms of each, with those of its claim in its file."""
    files = sorted({t.file for t in theorems})
    missing = [file for file in files if not (where / f"{file}.v").exists()]
    if missing:
        raise Refused(f"the table names {missing[0]}.v, which is not there")
    found: dict[Theorem, list[str]] = {}
    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        for part in pool.map(lambda file: _restate_file(where, file, [t for t in theorems if t.file == file]), files):
            found |= part
    return found


def check_objects(where: Path, names: Iterable[str], everything: bool = False) -> None:
    """Run coqchk, a second checker, on our compiled files, and on everything that they stand on if asked."""
    modules = [word for name in sorted(names) for word in (*([] if everything else ["-norec"]), f"{PACKAGE}.{name}")]
    said = _run(["coqchk", "-silent", "-o", *modules, "-Q", ".", PACKAGE], where)
    section = ""
    for line in filter(None, (line.strip() for line in said.splitlines())):
        if line.startswith("* "):
            section, _, rest = line[2:].partition(":")
            listed = [rest.strip()] if rest.strip() not in ("", "<none>") else []
        else:
            listed = [line]
        for name in listed if section != "Theory" else []:
            known = ARTEFACTS.fullmatch(name) or any(name.endswith(f".{a}") and name.startswith("Coq.") for a in AXIOMS)
            if section and not (section == "Axioms" and known):
                raise Refused(f"coqchk: {section}: {name}")


def audit(folder: Path, everything: bool = False) -> dict[str, Any]:
    """Compile a copy of the folder from clean, restate its theorems, run coqchk; the result, ready for JSON.

    Raises `Refused` at the first thing that is not accepted.
    """
    theorems, unproved = table(folder)
    sources = digest(folder)
    idle = without_instance(folder, theorems)
    if idle:
        raise Refused(f"{idle[0].claim}: can the premises of {idle[0].name} be met? No file of instances uses it")
    with tempfile.TemporaryDirectory() as scratch:
        where = Path(scratch)
        for path in folder.glob("*.v"):
            shutil.copy(path, where)
        needs = _dependencies(where)
        seconds = compile_all(where, needs)
        rests_on = restate(where, theorems)
        check_objects(where, needs, everything)
    claims: dict[str, list[dict[str, Any]]] = {}
    for t in theorems:
        claims.setdefault(t.claim, []).append(
            {
                "theorem": t.name,
                "file": f"proofs/coq/{t.file}.v",
                "reads": t.reads,
                "statement": t.statement,
                "gap": t.gap,
                "axioms": rests_on[t],
                "seconds": seconds[t.file],
            }
        )
    coq = _run(["coqc", "--print-version"], folder).split()[0]
    return {"coq": coq, "sources": sources, "claims": claims, "unproved": unproved}


def stale(folder: Path, result: dict[str, Any] | None = None) -> str:
    """Why the written result is not about these sources, or not this result (seconds aside); empty where it is."""
    written = folder / RESULT
    if not written.exists():
        return f"{written.name} is missing; run audit.py --write"
    found = json.loads(written.read_text())
    if found["sources"] != digest(folder):
        return f"{written.name} is about other sources; run audit.py --write"
    if result is not None and _timeless(found) != _timeless(result):
        return f"{written.name} says something else than this audit; run audit.py --write"
    return ""


def _timeless(result: dict[str, Any]) -> dict[str, Any]:
    claims = {c: [{k: v for k, v in t.items() if k != "seconds"} for t in ts] for c, ts in result["claims"].items()}
    return {"claims": claims, "unproved": result["unproved"]}


def pages(folder: Path) -> dict[str, str]:
    """A page of text for every table: each claim in words beside its exact statement; from the written result."""
    result = json.loads((folder / RESULT).read_text())
    theorems, _ = table(folder)
    rests_on = {(t["file"], t["theorem"]): t["axioms"] for ts in result["claims"].values() for t in ts}
    found: dict[str, str] = {}
    for family in sorted({t.family for t in theorems}):
        lines = [
            f"# {family.replace('_', ' ')}: what Coq's kernel accepted",
            "Generated by `python proofs/coq/audit.py --write`. Every notion is defined in [Spec.v](../../proofs/coq/Spec.v).",
        ]
        claim = ""
        for t in sorted((t for t in theorems if t.family == family), key=lambda t: t.claim):
            if t.claim != claim:
                claim = t.claim
                lines.append(f"## {claim}")
            axioms = ", ".join(a.rpartition(".")[2] for a in rests_on[f"proofs/coq/{t.file}.v", t.name]) or "no axioms"
            lines += [t.reads, f"```coq\nTheorem {t.name} :\n{t.statement}.\n```"]
            lines.append(f"[{t.file}.v](../../proofs/coq/{t.file}.v), from {axioms}.")
            lines += [f"Not covered: {t.gap}"] if t.gap else []
        found[f"{family}.md"] = "\n\n".join(lines) + "\n"
    return found


def unavailable() -> str:
    """Why the audit cannot run here and what to do; empty where it can."""
    missing = [tool for tool in ("coqc", "coqdep", "coqchk") if shutil.which(tool) is None]
    return f"the kernel check was not run: {', '.join(missing)} not found; {INSTALL}" if missing else ""


def main(arguments: list[str] | None = None) -> int:
    """0 accepted, 1 refused, 3 cannot run here."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--write", action="store_true", help="write the result file")
    parser.add_argument(
        "--everything", action="store_true", help="let coqchk check the libraries below too (a minute more)"
    )
    options = parser.parse_args(arguments)
    if unavailable():
        print(unavailable(), file=sys.stderr)
        return 3
    begin = time.monotonic()
    try:
        result = audit(HERE, options.everything)
    except Refused as error:
        print(f"refused: {error}", file=sys.stderr)
        return 1
    for claim, reason in result["unproved"].items():
        print(f"not proved here: {claim}: {reason}")
    for claim, gap in [(c, t["gap"]) for c, ts in result["claims"].items() for t in ts if t["gap"]]:
        print(f"proved in part: {claim}; not covered: {gap}")
    if options.write:
        (HERE / RESULT).write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")
        PAGES.mkdir(parents=True, exist_ok=True)
        for name, text in pages(HERE).items():
            (PAGES / name).write_text(text)
    theorems = sum(map(len, result["claims"].values()))
    print(f"{theorems} theorems for {len(result['claims'])} claims, accepted in {time.monotonic() - begin:.0f} s")
    news = stale(HERE, result)
    if news:
        print(news, file=sys.stderr)
    return int(bool(news))


if __name__ == "__main__":
    raise SystemExit(main())
