"""How does a project keep attribution code to its claims in its own pytest suite?

@ig_props.parametrize(["captum:IntegratedGradients", my_attribute], claims="PATH.*,CODE.*")
def test_attributions(check):
    check()
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ig_props.running.request import PROFILES

if TYPE_CHECKING:
    import pytest

    from ig_props.findings import Finding
    from ig_props.reproduction.expected import Expected

ARGUMENTS = ("check", "ig_check")
PREFIX = "ig-props-"
Test = TypeVar("Test", bound=Callable[..., Any])


class ImpreciseWarning(UserWarning):
    """A claim holds in single precision only."""


class Profiles:
    """Which profile the attacks of this session use."""

    chosen = "default"


def register_profiles() -> None:
    """Hypothesis profiles `ig-props-quick`, `-default` and `-deep` with the numbers of examples of our own."""
    from hypothesis import HealthCheck, settings

    for profile in PROFILES.values():
        settings.register_profile(
            PREFIX + profile.name,
            max_examples=profile.examples,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        )


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("ig-props")
    group.addoption(
        "--ig-props-profile",
        choices=list(PROFILES),
        default=None,
        help="how hard ig-props attacks claims (default: that of --hypothesis-profile=ig-props-…, else default)",
    )
    register_profiles()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "ig_props(attributor, claim): a claim of attribution code is attacked")
    wanted = config.getoption("--ig-props-profile", default=None)
    hypothesis = str(config.getoption("--hypothesis-profile", default=None) or "")
    if wanted is None and hypothesis.removeprefix(PREFIX) in PROFILES:
        wanted = hypothesis.removeprefix(PREFIX)
    Profiles.chosen = wanted or "default"


def pytest_report_header(config: pytest.Config) -> str:
    from ig_props import __version__

    return f"ig-props: {__version__}, profile {Profiles.chosen}"


@dataclass(frozen=True)
class Check:
    """One claim of one attributor: a call attacks it and raises AssertionError with a report where it is refuted.

    A call returns the finding. It skips the test where the claim does not apply or nothing could be concluded, warns
    where it is imprecise (fails with `strict`), and turns an expected failure into xfail, a vanished one into a failure.
    """

    subject: Any
    name: str
    claim: str
    options: Mapping[str, Any] = field(default_factory=dict)
    expected: str | None = None
    strict: bool = False

    def __call__(self) -> Finding:
        import pytest

        from ig_props.findings import Verdict
        from ig_props.reports import describe, terminal

        __tracebackhide__ = True
        finding = self.finding()
        failing = {Verdict.REFUTED, Verdict.CRASHED} | ({Verdict.IMPRECISE} if self.strict else set())
        if finding.verdict in failing:
            if self.expected is not None:
                pytest.xfail(self.expected)
            raise AssertionError("\n" + terminal.plain(terminal.block(finding)))
        if self.expected is not None and finding.verdict in (Verdict.HOLDS, Verdict.IMPRECISE):
            raise AssertionError(f"news: {self.claim} of {self.name} was expected to be refuted: {self.expected}")
        if finding.verdict is Verdict.IMPRECISE:
            warnings.warn(f"{self.name}: {self.claim}: {describe.headline(finding)}", ImpreciseWarning, stacklevel=2)
        elif finding.verdict is not Verdict.HOLDS:
            reasons = describe.grouped_reasons([finding])
            pytest.skip(f"{finding.verdict}: {reasons[0][0] if reasons else finding.note}")
        return finding

    def finding(self) -> Finding:
        """Attack the claim in this process."""
        import pytest

        from ig_props.attributors.protocol import CannotRun
        from ig_props.campaign import check

        options = {"profile": Profiles.chosen, **self.options}
        try:
            found = check(_loaded(self), claims=(self.claim,), **options)
        except CannotRun as error:
            pytest.fail(str(error), pytrace=False)
        if found.cannot_run:
            pytest.fail(found.cannot_run[0].sentence, pytrace=False)
        return found[0]


_attributors: dict[tuple[Any, ...], Any] = {}


def _loaded(check: Check) -> Any:
    """What is handed to `ig_props.check`: SPECs are loaded once, so that a suite needs no process for each test."""
    if not isinstance(check.subject, str):
        return check.subject
    from ig_props.attributors.load import load

    names = ("as_", "stage", "args", "accepts")
    options = {name: check.options[name] for name in names if name in check.options}
    key = (check.subject, repr(sorted(options.items())))
    if key not in _attributors:
        _attributors[key] = load(check.subject, **options)
    return _attributors[key]


def _named(attributors: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(attributors, Mapping):
        yield from attributors.items()
        return
    several = isinstance(attributors, Sequence) and not isinstance(attributors, str)
    for subject in attributors if several else [attributors]:
        if isinstance(subject, str):
            yield subject, subject
        else:
            name = getattr(subject, "name", None) or getattr(subject, "__qualname__", None) or type(subject).__name__
            yield str(name), subject


def _kind(subject: Any, as_: str | None) -> str:
    """What an attributor claims to be, as far as this is known without loading it."""
    if as_ is not None:
        return as_
    traits = getattr(subject, "traits", None)
    if traits is not None:
        return str(traits.kind)
    if isinstance(subject, str):
        from ig_props.attributors.load import available

        kinds = {a.spec: str(a.kind) for a in available()}
        if subject in kinds:
            return kinds[subject]
        return "layer-integral" if subject.endswith(":attribute_layer") else "ig"
    return "layer-integral" if getattr(subject, "__name__", "") == "attribute_layer" else "ig"


@lru_cache(maxsize=8)
def _entries(path: str) -> tuple[Expected, ...]:
    from ig_props.reproduction.expected import read

    return read(Path(path))


def checks(
    attributors: Any,
    *,
    claims: str | Iterable[str] = (),
    expected: str | Path | Iterable[Any] = (),
    strict: bool = False,
    **options: Any,
) -> list[Check]:
    """One check for every attributor and every claim that it makes and that matches.

    Raises ValueError for a claim that does not exist or an expectation that matches no check.
    """
    from ig_props.claims.registry import select
    from ig_props.reproduction.expected import ExpectedError, entries

    globs = claims.split(",") if isinstance(claims, str) else list(claims)
    chosen = [c for c in select(tuple(g.strip() for g in globs if g.strip())) if c.attackable]
    known = _entries(str(expected)) if isinstance(expected, str | Path) else entries(expected)
    reasons = {(e.attributor, e.claim): e.reason for e in known}
    made = []
    for name, subject in _named(attributors):
        kind = _kind(subject, options.get("as_"))
        for claim in chosen:
            if kind in claim.kinds:
                reason = reasons.pop((name, claim.id), None)
                made.append(Check(subject, name, claim.id, options, reason, strict))
    if reasons and not isinstance(expected, str | Path):
        attributor, claim_id = next(iter(reasons))
        raise ExpectedError(f"the expectation {claim_id} of {attributor} matches no check")
    return made


def parametrize(
    attributors: Any,
    *,
    claims: str | Iterable[str] = (),
    expected: str | Path | Iterable[Any] = (),
    strict: bool = False,
    **options: Any,
) -> Callable[[Test], Test]:
    """Parametrize a test with its argument `check` (or `ig_check`): a callable that attacks one claim of one attributor.

    attributors: a SPEC, a function, an attributor, several of them, or a mapping from names to them. claims: globs, as a
    sequence or with commas. expected: known failures as in `--expected`, a file or a list. options: as_, stage, args,
    accepts, profile and seed as in `ig_props.check`. Ids are `ATTRIBUTOR-CLAIM` and stay the same from run to run.
    """

    def decorate(test: Test) -> Test:
        import pytest

        names = [name for name in ARGUMENTS if name in inspect.signature(test).parameters]
        if len(names) != 1:
            raise TypeError(f"{test.__name__} needs one argument named {' or '.join(ARGUMENTS)}, which is called")
        made = checks(attributors, claims=claims, expected=expected, strict=strict, **options)
        cases = [
            pytest.param(check, id=f"{check.name}-{check.claim}", marks=pytest.mark.ig_props(check.name, check.claim))
            for check in made
        ]
        decorated: Test = pytest.mark.parametrize(names[0], cases)(test)
        return decorated

    return decorate
