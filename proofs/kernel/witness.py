"""Is an identity true? Two independent answers: a normal form, and exact values at random points of random models."""

from __future__ import annotations

import random
from fractions import Fraction
from functools import cache
from itertools import product
from typing import Any

import sympy as sp
from mpmath import iv, mp

from proofs.kernel.terms import Expr, Field, Rejected, relu, unwrapped

POINTS = 5
DIGITS = 50
mp.dps = DIGITS
iv.dps = DIGITS

Value = Any
"""A Fraction or, behind transcendental functions, an interval of 50 digits."""


class NoValue(Exception):
    """The expression has no exact value in a polynomial model."""


def _spread(x: Value) -> Value:
    return iv.mpf(x.numerator) / x.denominator if isinstance(x, Fraction) else x


def _same_kind(values: list[Value]) -> list[Value]:
    return values if all(isinstance(v, Fraction) for v in values) else [_spread(v) for v in values]


@cache
def cotes(nodes: int) -> tuple[Fraction, ...]:
    """Weights of the rule on [0, 1] with equally spaced nodes, exact for polynomials of a degree below their number."""
    if nodes == 1:
        return (Fraction(1),)
    places = [Fraction(k, nodes - 1) for k in range(nodes)]
    weights = []
    for k, here in enumerate(places):
        coefficients = [Fraction(1)]
        for j, there in enumerate(places):
            if j != k:
                scaled = [c / (here - there) for c in coefficients]
                coefficients = [
                    (scaled[m - 1] if m else Fraction(0)) - (there * scaled[m] if m < len(scaled) else Fraction(0))
                    for m in range(len(scaled) + 1)
                ]
        weights.append(sum((c / (m + 1) for m, c in enumerate(coefficients)), Fraction(0)))
    return tuple(weights)


class Model:
    """Random polynomials of degree 2 for the functions, random rationals for the symbols."""

    def __init__(self, seed: str) -> None:
        self.source = random.Random(seed)
        self.laws: dict[tuple[str, int], dict[tuple[int, ...], Fraction]] = {}
        self.symbols: dict[Expr, Value] = {}

    def number(self) -> Fraction:
        return Fraction(self.source.choice([-1, 1]) * self.source.randint(1, 19), self.source.randint(1, 7))

    def law(self, stem: str, arity: int) -> dict[tuple[int, ...], Fraction]:
        key = (stem, arity)
        if key not in self.laws:
            powers = [p for p in product(range(3), repeat=arity) if sum(p) <= 2]
            self.laws[key] = {p: Fraction(self.source.randint(1, 7) * self.source.choice([-1, 1]), 2) for p in powers}
        return self.laws[key]

    def field(self, e: Field, args: list[Value]) -> Value:
        result: Value = Fraction(0)
        for powers, coefficient in self.law(e.stem, len(args)).items():
            term: Value = coefficient
            for power, order, x in zip(powers, e.orders, args, strict=True):
                for m in range(order):
                    term = term * (power - m)
                rest = power - order
                if rest > 0:
                    term, x = _same_kind([term, x])
                    term = term * x**rest
            result, term = _same_kind([result, term])
            result = result + term
        return result

    def symbol(self, e: Expr) -> Value:
        if e not in self.symbols:
            self.symbols[e] = Fraction(self.source.randint(0, 4)) if e.is_integer else self.number()
        return self.symbols[e]

    def value(self, e: Expr) -> Value:
        """The value of e; NoValue where a denominator vanishes or a function is not known."""
        if e.is_Rational:
            return Fraction(int(e.p), int(e.q))
        if e.is_Symbol:
            return self.symbol(e)
        if e.is_Add or e.is_Mul:
            values = _same_kind([self.value(a) for a in e.args])
            result = values[0]
            for v in values[1:]:
                result = result + v if e.is_Add else result * v
            return result
        if e.is_Pow:
            return self._power(e)
        if isinstance(e, Field):
            return self.field(e, [self.value(a) for a in e.args])
        if isinstance(e, sp.Integral):
            return self._integral(e)
        if isinstance(e, sp.Sum):
            return self._sum(e)
        if isinstance(e, sp.Abs):
            return abs(self.value(e.args[0]))
        if isinstance(e, relu | sp.Max | sp.Min):
            return self._extreme(e)
        if isinstance(e, sp.exp | sp.log | sp.tanh | sp.sin | sp.cos):
            return self._transcendental(e)
        if e is sp.E:
            return iv.e
        if e is sp.pi:
            return iv.pi
        raise NoValue(str(e))

    def _power(self, e: Expr) -> Value:
        base, exponent = self.value(e.base), self.value(e.exp)
        if not isinstance(exponent, Fraction) or exponent.denominator != 1:
            b, x = _spread(base), _spread(exponent)
            if b.a <= 0:
                raise NoValue(str(e))
            return iv.exp(x * iv.log(b))
        if exponent < 0 and (base == 0 if isinstance(base, Fraction) else 0 in base):
            raise NoValue("a denominator vanishes")
        return base ** int(exponent)

    def _transcendental(self, e: Expr) -> Value:
        x = _spread(self.value(e.args[0]))
        if isinstance(e, sp.log) and x.a <= 0:
            raise NoValue(str(e))
        if isinstance(e, sp.tanh):
            return 1 - 2 / (iv.exp(2 * x) + 1)
        return {sp.exp: iv.exp, sp.log: iv.log, sp.sin: iv.sin, sp.cos: iv.cos}[e.func](x)

    def _extreme(self, e: Expr) -> Value:
        values = [self.value(a) for a in e.args] + ([Fraction(0)] if isinstance(e, relu) else [])
        if not all(isinstance(v, Fraction) for v in values):
            raise NoValue(str(e))
        return min(values) if isinstance(e, sp.Min) else max(values)

    def _bound(self, var: Expr, value: Value, inner: Expr) -> Value:
        before = self.symbols.get(var)
        self.symbols[var] = value
        try:
            return self.value(inner)
        finally:
            if before is None:
                del self.symbols[var]
            else:
                self.symbols[var] = before

    def _integral(self, e: Expr) -> Value:
        inside, (var, low, high) = unwrapped(e)
        a, b = self.value(low), self.value(high)
        if not isinstance(a, Fraction) or not isinstance(b, Fraction):
            raise NoValue(str(e))
        weights = cotes(degree(inside, var) + 1)
        result: Value = Fraction(0)
        for k, w in enumerate(weights):
            place = a + (b - a) * Fraction(k, max(1, len(weights) - 1))
            term = self._bound(var, place, inside)
            result, term = _same_kind([result, term])
            result = result + term * (w if isinstance(term, Fraction) else _spread(w))
        return result * ((b - a) if isinstance(result, Fraction) else _spread(b - a))

    def _sum(self, e: Expr) -> Value:
        inside, (var, low, high) = unwrapped(e)
        a, b = self.value(low), self.value(high)
        if not all(isinstance(v, Fraction) and v.denominator == 1 for v in (a, b)) or b - a > 60:
            raise NoValue(str(e))
        result: Value = Fraction(0)
        for k in range(int(a), int(b) + 1):
            result, term = _same_kind([result, self._bound(var, Fraction(k), inside)])
            result = result + term
        return result


def degree(e: Expr, var: Expr) -> int:
    """An upper bound of the degree in var when functions are polynomials of degree 2; NoValue if it is no polynomial."""
    if var not in e.free_symbols:
        return 0
    if e == var:
        return 1
    if e.is_Add:
        return max(degree(a, var) for a in e.args)
    if e.is_Mul:
        return sum(degree(a, var) for a in e.args)
    if e.is_Pow and e.exp.is_Integer and e.exp > 0:
        return degree(e.base, var) * int(e.exp)
    if isinstance(e, Field):
        return 2 * max(degree(a, var) for a in e.args)
    if isinstance(e, sp.Integral):
        inside, (inner, low, high) = unwrapped(e)
        ends = max(degree(low, var), degree(high, var))
        return degree(inside, var) + (degree(inside, inner) + 1) * ends
    if isinstance(e, sp.Sum) and not (e.limits[0][1].free_symbols | e.limits[0][2].free_symbols) & {var}:
        return degree(e.function, var)
    raise NoValue(str(e))


def canonical(e: Expr, depth: int = 0) -> Expr:
    """An opaque term with its parts expanded and its bound variable renamed."""
    if isinstance(e, sp.Integral | sp.Sum):
        inside, (var, low, high) = unwrapped(e)
        name = sp.Symbol(
            f"_{type(e).__name__}{depth}", **({"integer": True} if isinstance(e, sp.Sum) else {"real": True})
        )
        inner = flat(inside.xreplace({var: name}), depth + 1)
        return e.func(inner, (name, flat(low, depth), flat(high, depth)))
    if e.args:
        return e.func(*(flat(a, depth) for a in e.args))
    return e


def flat(e: Expr, depth: int = 0) -> Expr:
    """e as an expanded sum of products of opaque terms, each in its canonical form."""
    symbols: dict[Expr, Expr] = {}
    opened = _opened(e, symbols, depth)
    back = {symbol: term for term, symbol in symbols.items()}
    return sp.expand(opened).xreplace(back)


def _opaque(e: Expr, symbols: dict[Expr, Expr]) -> Expr:
    return symbols.setdefault(e, sp.Symbol(f"_q{len(symbols)}", real=True))


def _opened(e: Expr, symbols: dict[Expr, Expr], depth: int) -> Expr:
    """e with every term that is not a sum, product or whole power of others replaced by a symbol."""
    if e.is_Rational or e.is_Symbol:
        return e
    if e.is_Add or e.is_Mul:
        return e.func(*(_opened(a, symbols, depth) for a in e.args))
    if isinstance(e, sp.exp):
        factors = []
        for term in sp.Add.make_args(flat(e.args[0], depth)):
            number, rest = term.as_coeff_Mul()
            whole = number.is_Integer
            factors.append(_opaque(sp.exp(rest if whole else term), symbols) ** (number if whole else 1))
        return sp.Mul(*factors)
    if e.is_Pow and e.base.is_Rational and e.exp.is_Rational:
        return e
    if e.is_Pow:
        base = _opened(e.base, symbols, depth)
        if e.exp.is_Integer:
            return base**e.exp
        number, rest = sp.expand(e.exp).as_coeff_Add()
        return _opaque(sp.Pow(canonical(e.base, depth), rest, evaluate=False), symbols) * (
            base**number if number else 1
        )
    return _opaque(canonical(e, depth), symbols)


def vanishes(e: Expr) -> bool:
    """The normal form: numerator of the expression over its opaque terms, expanded."""
    opened = _opened(e, {}, 0)
    if sp.expand(opened) == 0:
        return True
    numerator, _ = sp.fraction(sp.together(opened))
    return bool(sp.expand(numerator) == 0)


def _upper(v: Value) -> Any:
    """The largest size that v may have."""
    return mp.mpf(abs(_spread(v)).b)


def _at(e: Expr, seed: str) -> tuple[Value, Value] | None:
    """The value at a random point of a random model, or of random values of the opaque terms, and the size of the largest
    term; None at a pole."""
    for form in (lambda: e, lambda: _opened(e, {}, 0)):
        model = Model(seed)
        try:
            here = form()
            return model.value(here), max(_upper(model.value(a)) for a in sp.Add.make_args(here))
        except NoValue:
            continue
    return None


def _is_zero(found: tuple[Value, Value]) -> bool:
    v, size = found
    return v == 0 if isinstance(v, Fraction) else bool(0 in v and _upper(v) <= mp.mpf(10) ** (10 - DIGITS) * (1 + size))


def identity(e: Expr, what: str = "the difference") -> tuple[str, ...]:
    """Checks e ≡ 0 by both witnesses and says what was checked; Rejected if either disagrees."""
    text = str(e)
    seen = 0
    for k in range(POINTS + 3):
        found = _at(e, f"{k}:{text}") if seen < POINTS else None
        seen += found is not None
        if found is not None and not _is_zero(found):
            raise Rejected(f"{what} is not zero at a random rational point: {text[:200]}")
    if not seen:
        raise Rejected(f"{what} has no value at any of the random points: {text[:200]}")
    if not vanishes(e):
        raise Rejected(f"{what} has a normal form other than zero: {text[:200]}")
    kind = "intervals of 50 digits" if e.has(sp.exp, sp.log, sp.tanh, sp.sin, sp.cos, sp.pi) else "rational arithmetic"
    return (f"normal form of {what} is 0", f"{what} is 0 in {kind} at {seen} random points")
