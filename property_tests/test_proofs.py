"""Does every derivation go through, and does the kernel refuse what is wrong?"""

from __future__ import annotations

import subprocess
import sys
from functools import cache

import pytest
import sympy as sp

from ig_props.claims.registry import claims
from proofs.common import ONE, ZERO, eq, follows, le, lt, n, t, unlike
from proofs.derivation import Proved, derivations, run
from proofs.kernel import (
    Every,
    Rejected,
    Rel,
    Theorem,
    algebra,
    assume,
    case_split,
    combine,
    conclude,
    discharge,
    evaluate,
    field,
    fundamental,
    increases,
    induction,
    instantiate,
    integral,
    integrate,
    linearity,
    reals,
    rewrite,
    sign,
    substitution,
)
from proofs.replay import damaged, replayed

a, b, x, y = reals("a b x y")
f, g = field("f"), field("g")
ALL = derivations()
QUICK = (
    "PATH.dummy", "PATH.completeness", "IG.symmetry", "UNIQ.t_squared", "RS.by_parts", "RS.trapezoid_central",
    "RSI.grad_cam_definition", "CAM.plus_plus_alpha", "SOFTMAX.attack", "BASE.search", "EXACT.piecewise_linear",
)  # fmt: skip
"""Claims whose damages are tried in the suite; `nox -s proofs` tries all."""


@cache
def proved(id_: str) -> Proved:
    return run(ALL[id_])


@pytest.mark.parametrize("id_", ALL)
def test_every_derivation_goes_through(id_: str) -> None:
    found = proved(id_)
    assert not found.error
    assert found.witnesses >= found.steps >= 1


def statements(statement: object) -> list[object]:
    return [s for part in statement.parts for s in statements(part)] if isinstance(statement, Every) else [statement]


@pytest.mark.parametrize("id_", ALL)
def test_no_theorem_says_that_a_thing_is_itself_or_repeats_a_premise(id_: str) -> None:
    for _, theorem in proved(id_).parts:
        assert theorem.statement not in [p.statement for p in theorem.premises]
        for statement in statements(theorem.statement):
            assert not (isinstance(statement, Rel) and statement.lhs == statement.rhs)


def test_every_theorem_and_counterexample_of_the_first_eight_chapters_is_derived() -> None:
    without = {c.id for c in claims().values() if c.family != "contracts"} - set(ALL)
    assert without == {"CERT.enclosure"}, "ball arithmetic is checked against other enclosures, not derived"


@pytest.mark.parametrize("id_", QUICK)
def test_damaged_proofs_are_rejected(id_: str) -> None:
    assert not replayed(proved(id_))
    found = damaged(proved(id_))
    assert found.tried >= 10
    assert found.enough, found.harmless


def test_a_theorem_is_made_by_rules_alone() -> None:
    with pytest.raises(Rejected):
        Theorem(object(), statement=eq(ONE, ZERO))
    theorem = evaluate(eq(integral(2 * t, t, 0, 1), ONE))
    with pytest.raises(Rejected):
        theorem.statement = eq(ONE, ZERO)


def test_an_assumption_stays_visible() -> None:
    wrong = assume(eq(a, a + 1))
    absurd = combine(eq(ZERO, ONE), (ONE, wrong))
    assert [p.statement for p in absurd.premises] == [eq(a, a + 1)]


WRONG = {
    "an identity that fails": lambda: algebra((a + b) ** 2, a**2 + b**2),
    "an identity that fails at few points": lambda: algebra(sp.prod([a - k for k in range(-3, 4)]), ZERO),
    "a quotient without its premise": lambda: algebra(a / a**2, 1 / a),
    "a wrong antiderivative": lambda: fundamental(t**2, t**3 / 2, t, ZERO, ONE),
    "an antiderivative with a jump": lambda: fundamental(-1 / t**2, 1 / t, t, -ONE, ONE),
    "a logarithm across its pole": lambda: fundamental(1 / t, sp.log(t), t, -ONE, ONE),
    "a negative factor": lambda: combine(le(b, a), (-ONE, assume(le(a, b)))),
    "an unproved sign": lambda: combine(le(a * x, a * y), (a, assume(le(x, y)))),
    "strict from weak": lambda: follows(lt(a, b), assume(le(a, b))),
    "a constant that depends on the variable": lambda: linearity(
        integral(t * f(t), t, 0, 1), t * integral(f(t), t, 0, 1)
    ),
    "a substitution with a wrong end": lambda: substitution(integral(f(t), t, ZERO, ONE), 2 * x, x, ZERO, ONE),
    "an inequality integrated backwards": lambda: integrate(assume(le(f(t), g(t))), t, ONE, ZERO),
    "an inequality integrated over unknown ends": lambda: integrate(assume(le(f(t), g(t))), t, a, b),
    "a captured variable": lambda: instantiate(assume(eq(integral(a * f(t), t, 0, 1), b)), {a: t}, {}),
    "a rewriting under a bound premise": lambda: rewrite(
        linearity(integral(2 * f(t), t, 0, 1), 2 * integral(f(t), t, 0, 1)), assume(eq(f(t), g(t)))
    ),
    "a natural number that is none": lambda: instantiate(assume(eq(f(n), ZERO)), {n: -1}, {}),
    "cases that do not meet": lambda: case_split(a, assume(le(ONE, a)), assume(le(a, ZERO))),
    "an induction without its hypothesis": lambda: induction(n, assume(eq(f(0), ZERO)), assume(eq(f(n + 1), ZERO))),
    "an induction from another base": lambda: induction(
        n, assume(eq(f(1), ZERO)), follows(eq(f(n + 1), ZERO), assume(eq(f(n), ZERO)), assume(eq(f(n + 1), f(n))))
    ),
    "a goal that was not proved": lambda: conclude(eq(a, b), assume(eq(b, a))),
    "a premise that is not there": lambda: discharge(assume(eq(a, b)), assume(eq(a, a + 1))),
    "a false evaluation": lambda: evaluate(eq(integral(t, t, 0, 1), sp.Rational(1, 3))),
    "a denominator that cancels": lambda: combine(eq(ZERO, x), (1 / y, assume(eq(ZERO, x * y)))),
    "a pole that a premise about the bound variable hides": lambda: fundamental(
        -1 / t**2, 1 / t, t, -ONE, ONE, assume(unlike(t, ZERO))
    ),
    "a premise on an empty interval": lambda: integrate(assume(eq(f(t), ZERO)), t, ONE, ZERO),
    "a jump taken for a function with a derivative": lambda: fundamental(
        2 * sp.DiracDelta(t), sp.sign(t), t, -ONE, ONE
    ),
    "a root without a derivative at 0": lambda: fundamental(1 / (2 * sp.sqrt(t)), sp.sqrt(t), t, ZERO, ONE),
    "the sign of a quotient by what may be 0": lambda: sign(1 / sp.Abs(x), False),
    "a number that is not real": lambda: instantiate(assume(le(ZERO, x**2)), {x: sp.I}, {}),
    "a thing that is itself": lambda: algebra(a + b, b + a),
    "the same number unlike itself": lambda: evaluate(unlike(sp.Rational(1, 2), sp.Rational(2, 4))),
}
RIGHT = {
    "an identity of quotients": lambda: algebra(1 / (1 + x**2) + x**2 / (1 + x**2), ONE),
    "exponentials": lambda: algebra(sp.exp(a + b), sp.exp(a) * sp.exp(b)),
    "a premise on the range": lambda: integrate(assume(le(t, ONE)), t, ZERO, ONE),
    "an antiderivative without a pole": lambda: fundamental(2 * t / (1 + t**2), sp.log(1 + t**2), t, -ONE, ONE),
    "a square root": lambda: algebra((a + sp.sqrt(3)) ** 2, a**2 + 2 * sp.sqrt(3) * a + 3),
}


@pytest.mark.parametrize("name", WRONG)
def test_the_kernel_rejects(name: str) -> None:
    with pytest.raises(Rejected):
        WRONG[name]()


@pytest.mark.parametrize("name", RIGHT)
def test_the_kernel_accepts(name: str) -> None:
    assert isinstance(RIGHT[name](), Theorem)


def test_a_premise_on_a_function_stays_when_the_function_is_replaced() -> None:
    rising = increases(f, assume(le(x, y)))
    falling = instantiate(rising, {}, {f: sp.Lambda(t, -t)})
    assert "f is nondecreasing" in [p.statement.text() for p in falling.premises]


def test_a_rule_does_not_believe_sympys_integral_of_an_absolute_value() -> None:
    with pytest.raises(Rejected):
        fundamental(sp.Abs(t), t**2 / 2, t, -ONE, ONE)


def command(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "ig_props.cli", *args], capture_output=True, text=True, check=False)


def test_prove_prints_the_steps() -> None:
    done = command("prove", "PATH.dummy")
    assert done.returncode == 0
    assert "monotonicity of the integral" in done.stdout
    assert "premise: f(t) = 0 for almost every 0 ≤ t ≤ 1" in done.stdout


def test_prove_says_what_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    from ig_props.commands import proving
    from ig_props.running.request import UsageError

    assert command("prove", "NO.such*").returncode == 2
    monkeypatch.setattr(proving, "ROOT", tmp_path)
    with pytest.raises(UsageError, match="source checkout"):
        proving.derivation_module()
    assert proving.told("PATH.dummy") == ""


def test_prove_without_sympy_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.util

    from ig_props.commands import proving
    from ig_props.running.request import UsageError

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match="sympy"):
        proving.derivation_module()
