"""The project's front door: nox -s check, tests, property_tests, lint, proofs, coq, docs, downstream, bench."""

from __future__ import annotations

import sys

import nox

nox.options.sessions = ["lint", "tests"]
nox.options.reuse_existing_virtualenvs = True
nox.options.default_venv_backend = "venv"

PYTEST = ("pytest", "-q", "-n", "2", "--dist", "worksteal")
ONE_THREAD = {"OMP_NUM_THREADS": "1"}


def install(session: nox.Session, *what: str) -> None:
    session.install("-c", "constraints.txt", *what)


@nox.session
def check(session: nox.Session) -> None:
    """Check a released library, captum unless told otherwise: nox -s check -- zennit:IntegratedGradients."""
    install(session, "-e", ".[all]")
    # exit code 1 says that the library breaks a claim, which is a result here and not a failure of the session
    session.run("ig-props", "check", *(session.posargs or ["captum:IntegratedGradients"]), success_codes=[0, 1])


@nox.session
def tests(session: nox.Session) -> None:
    """Every test; those of the pages need a Chromium and its driver, and say so where there is none."""
    install(session, "-e", ".[all,docs,examples,test]")
    session.run(*PYTEST, *session.posargs, env=ONE_THREAD)


@nox.session
def property_tests(session: nox.Session) -> None:
    """The same tests with Hypothesis' thorough profile."""
    install(session, "-e", ".[all,examples,test]")
    session.run(*PYTEST, "--hypothesis-profile", "ig-props-deep", *session.posargs, env=ONE_THREAD)


@nox.session
def lint(session: nox.Session) -> None:
    """ruff and mypy."""
    install(session, "-e", ".[dev]")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("mypy")


@nox.session(venv_backend="none")
def coq(session: nox.Session) -> None:
    """Compile the Coq proofs from clean and audit them; needs apt-get install coq libcoq-coquelicot."""
    session.run(sys.executable, "proofs/coq/audit.py", *session.posargs, external=True)


@nox.session
def proofs(session: nox.Session) -> None:
    """Run every derivation again, every step checked, and every damaged one, which must be rejected."""
    install(session, "-e", ".[docs]")
    session.run("python", "-m", "proofs.replay", *session.posargs, env=ONE_THREAD)


@nox.session
def docs(session: nox.Session) -> None:
    """The pages with the figures of a replay and of a quick run, warnings being errors: docs/_build/html/index.html."""
    install(session, "-e", ".[docs,captum]")
    session.run("python", "-m", "proofs.replay", "--json", "docs/_build/replay.json", env=ONE_THREAD, silent=True)
    run = ("--profile", "quick", "--json", "docs/_build/run.json")
    session.run(
        "ig-props", "check", "captum:IntegratedGradients", *run, env=ONE_THREAD, success_codes=[0, 1], silent=True
    )
    session.run("python", "-m", "sphinx", "-W", "-q", "-b", "html", "docs", "docs/_build/html", env=ONE_THREAD)


@nox.session
def downstream(session: nox.Session) -> None:
    """Replay what was found in released libraries, one standalone script each."""
    install(session, "-e", ".[all,test]")
    session.run("python", "docs/findings/replay.py", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """How long do commands and verdicts take on this machine, and the engine beside its peers? -- --large for ResNet-18."""
    install(session, "-e", ".[all,audit,test]")
    session.run("python", "benchmarks/estimates.py", env=ONE_THREAD)
    session.run("python", "benchmarks/speed.py", env=ONE_THREAD)
    session.run("python", "benchmarks/accelerator.py")
    session.run("python", "benchmarks/engine.py", *session.posargs)
