"""How does Hypothesis draw the examples of one attack, without a database, a report or a memory of its own?"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from ig_props.claims.case import Case


class Stop(BaseException):
    """Ends Hypothesis at once; no Exception, so that it is not taken for a failure of the example."""


class Interesting(Exception):
    """Tells Hypothesis that an example is worth shrinking."""


@contextlib.contextmanager
def _reproducible() -> Iterator[None]:
    """Keeps Hypothesis from drawing constants found in whatever modules are loaded, and from storing them in a folder.

    Its internals are touched only where they are as known; otherwise examples depend on the modules loaded.
    """
    from hypothesis.internal.conjecture import providers

    names = {"_get_local_constants", "_local_constants", "CONSTANTS_CACHE"}
    if not names <= set(vars(providers)):
        yield
        return
    before = {name: getattr(providers, name) for name in names}
    try:
        empty = type(before["_local_constants"])()
        changed = {"_get_local_constants": lambda: empty, "CONSTANTS_CACHE": type(before["CONSTANTS_CACHE"])(1024)}
    except TypeError:
        yield
        return
    try:
        vars(providers).update(changed)
        yield
    finally:
        vars(providers).update(before)


@contextlib.contextmanager
def _undoubled() -> Iterator[None]:
    """Spends the examples on new draws: by default every draw is followed by variations that repeat parts of it.

    Equal coordinates and weights, which those would look for, are common on the lattices that cases are drawn from.
    """
    from hypothesis.internal.conjecture.engine import ConjectureRunner

    before = getattr(ConjectureRunner, "generate_mutations_from", None)
    if before is None:
        yield
        return
    try:
        ConjectureRunner.generate_mutations_from = lambda self, data: None  # type: ignore[method-assign]
        yield
    finally:
        ConjectureRunner.generate_mutations_from = before  # type: ignore[method-assign]


def drive(cases: SearchStrategy[Case], body: Callable[[Case], None], examples: int, seed: int) -> Exception | None:
    """Run Hypothesis silently until it or `body` ends the run; the exception returned is one of Hypothesis itself."""
    import hypothesis

    settings = hypothesis.settings(
        max_examples=examples,
        database=None,
        deadline=None,
        derandomize=False,
        phases=(hypothesis.Phase.generate, hypothesis.Phase.shrink),
        print_blob=False,
        report_multiple_bugs=False,
        suppress_health_check=list(hypothesis.HealthCheck),
        verbosity=hypothesis.Verbosity.quiet,
    )

    @hypothesis.seed(seed)
    @settings
    @hypothesis.given(cases)
    def test(case: Case) -> None:
        body(case)

    with _reproducible(), _undoubled(), warnings.catch_warnings():
        warnings.simplefilter("ignore", hypothesis.errors.HypothesisWarning)
        try:
            test()
        except (Stop, Interesting, hypothesis.errors.Unsatisfiable):
            return None
        except Exception as error:
            return error
    return None
