"""What are statements made of? SymPy expressions with functions that are only known by name, and relations of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import sympy as sp
from sympy.core.function import FunctionClass
from sympy.printing.latex import LatexPrinter
from sympy.printing.str import StrPrinter

Expr = Any
"""A SymPy expression; SymPy has no types of its own."""


class Rejected(Exception):
    """A rule was given something that it does not accept."""


class Field(sp.Function):
    """A real function of which nothing is known but its name, its arguments and the premises about it."""

    stem: str = ""
    orders: tuple[int, ...] = ()

    def _eval_is_real(self) -> bool:
        return True

    def _eval_evalf(self, prec: int) -> None:
        """No value: SymPy would take a function called phi for mpmath's."""


@cache
def field(stem: str, arity: int = 1, orders: tuple[int, ...] | None = None) -> Any:
    """The function `stem`, or its partial derivative of the given orders; mixed ones commute, which asks for C²."""
    orders = orders or (0,) * arity

    def fdiff(self: Any, argindex: int = 1) -> Any:
        raised = tuple(o + (k == argindex - 1) for k, o in enumerate(orders))
        return field(stem, arity, raised)(*self.args)

    name = stem + "_" + "".join(map(str, orders)) if any(orders) else stem
    return FunctionClass(name, (Field,), {"stem": stem, "orders": orders, "nargs": arity, "fdiff": fdiff})


def partial(function: Any, *places: int) -> Any:
    """The partial derivative in the given arguments, counted from 1; it asks for as many derivatives."""
    orders = list(function.orders)
    for place in places:
        orders[place - 1] += 1
    return field(function.stem, len(orders), tuple(orders))


class relu(sp.Function):
    """max(0, u), opaque: its values come from the rule for kinks alone, and it has no derivative here."""

    nargs = 1

    def _eval_is_real(self) -> bool:
        return True

    def fdiff(self, argindex: int = 1) -> Any:
        raise Rejected("relu has no derivative in the kernel: split cases at the kink")


def reals(names: str) -> Any:
    return sp.symbols(names, real=True)


def naturals(names: str) -> Any:
    return sp.symbols(names, integer=True, nonnegative=True)


def integral(f: Expr, var: Expr, low: Expr, high: Expr) -> Expr:
    return sp.Integral(f, (var, low, high))


def total(f: Expr, var: Expr, low: Expr, high: Expr) -> Expr:
    return sp.Sum(f, (var, low, high))


def unwrapped(e: Expr) -> tuple[Expr, tuple[Expr, Expr, Expr]]:
    """An integral's or a sum's inside, and the limits of the outermost one; SymPy merges nested ones."""
    *inner, last = e.limits
    if len(last) != 3:
        raise Rejected(f"{e} has no limits")
    return (e.func(e.function, *inner) if inner else e.function), tuple(last)


def bound(e: Expr) -> set[Expr]:
    return {lim[0] for node in e.atoms(sp.Integral, sp.Sum) for lim in node.limits}


def replaced(e: Expr, symbols: Mapping[Expr, Expr], functions: Mapping[Any, Expr] | None = None) -> Expr:
    """e with symbols and functions (by Lambdas) replaced; Rejected where a bound variable would be captured."""
    new = set().union(*(v.free_symbols for v in (*symbols.values(), *(functions or {}).values())), set())
    if new & bound(e):
        raise Rejected(f"{new & bound(e)} would be captured")
    for function, law in (functions or {}).items():
        for node in sorted(e.atoms(Field), key=lambda n: -sum(n.orders)):
            if node.stem == function.stem and len(node.orders) == len(function.orders):
                arguments = law.variables
                slope = law.expr
                for var, order in zip(arguments, node.orders, strict=True):
                    slope = sp.diff(slope, var, order) if order else slope
                e = e.replace(node.func, sp.Lambda(arguments, slope))
    return e.subs(list(symbols.items()), simultaneous=True) if symbols else e


@dataclass(frozen=True)
class Rel:
    """lhs op rhs, for all values of the free symbols; op is one of = ≤ < ≠."""

    op: str
    lhs: Expr
    rhs: Expr

    def replaced(self, symbols: Mapping[Expr, Expr], functions: Mapping[Any, Expr] | None = None) -> Rel:
        return Rel(self.op, *(replaced(e, symbols, functions) for e in (self.lhs, self.rhs)))

    @property
    def free_symbols(self) -> set[Expr]:
        return self.lhs.free_symbols | self.rhs.free_symbols

    def expressions(self) -> tuple[Expr, ...]:
        return (self.lhs, self.rhs)

    def latex(self) -> str:
        op = {"=": "=", "≤": r"\leq", "<": "<", "≠": r"\neq"}[self.op]
        return f"{tex(self.lhs)} {op} {tex(self.rhs)}"

    def text(self) -> str:
        return f"{plain(self.lhs)} {self.op} {plain(self.rhs)}"


@dataclass(frozen=True)
class Said:
    """A property that the kernel passes on but does not compute with: "F is C^1"."""

    about: str
    what: str

    free_symbols: frozenset[Expr] = frozenset()

    def replaced(self, symbols: Mapping[Expr, Expr], functions: Mapping[Any, Expr] | None = None) -> Said:
        return self

    def expressions(self) -> tuple[Expr, ...]:
        return ()

    def latex(self) -> str:
        about = "".join(
            rf"\text{{{p}}}" if k % 2 == 0 and p else letter(p) for k, p in enumerate(self.about.split("$"))
        )
        return rf"{about} \text{{ {self.what}}}"

    def text(self) -> str:
        return f"{self.about.replace('$', '')} {self.what}"


@dataclass(frozen=True)
class Forall:
    """inner for (almost) every value of var in [low, high]."""

    var: Expr
    low: Expr
    high: Expr
    inner: Any
    almost: bool = False

    @property
    def free_symbols(self) -> set[Expr]:
        return (self.inner.free_symbols - {self.var}) | self.low.free_symbols | self.high.free_symbols

    def replaced(self, symbols: Mapping[Expr, Expr], functions: Mapping[Any, Expr] | None = None) -> Forall:
        symbols = {k: v for k, v in symbols.items() if k != self.var}
        if any(self.var in v.free_symbols for v in symbols.values()):
            raise Rejected(f"{self.var} would be captured")
        ends = (replaced(e, symbols, functions) for e in (self.low, self.high))
        return Forall(self.var, *ends, self.inner.replaced(symbols, functions), self.almost)

    def expressions(self) -> tuple[Expr, ...]:
        return self.inner.expressions()

    def latex(self) -> str:
        quantifier = r"\text{for almost every }" if self.almost else r"\text{for every }"
        if self.low.is_infinite and self.high.is_infinite:
            domain = tex(self.var)
        elif self.low.is_infinite:
            domain = rf"{tex(self.var)} \leq {tex(self.high)}"
        elif self.high.is_infinite:
            domain = rf"{tex(self.var)} \geq {tex(self.low)}"
        else:
            domain = rf"{tex(self.var)} \in [{tex(self.low)}, {tex(self.high)}]"
        return rf"{self.inner.latex()} \quad {quantifier} {domain}"

    def text(self) -> str:
        quantifier = "for almost every" if self.almost else "for every"
        low = "" if self.low.is_infinite else f"{plain(self.low)} ≤ "
        high = "" if self.high.is_infinite else f" ≤ {plain(self.high)}"
        return f"{self.inner.text()} {quantifier} {low}{self.var}{high}"


@dataclass(frozen=True)
class Every:
    """Several statements at once."""

    parts: tuple[Any, ...]

    @property
    def free_symbols(self) -> set[Expr]:
        return set().union(*(p.free_symbols for p in self.parts))

    def replaced(self, symbols: Mapping[Expr, Expr], functions: Mapping[Any, Expr] | None = None) -> Every:
        return Every(tuple(p.replaced(symbols, functions) for p in self.parts))

    def expressions(self) -> tuple[Expr, ...]:
        return tuple(e for p in self.parts for e in p.expressions())

    def latex(self) -> str:
        return r" \;\text{ and }\; ".join(p.latex() for p in self.parts)

    def text(self) -> str:
        return " and ".join(p.text() for p in self.parts)


Statement = Rel | Said | Forall | Every


GREEK = ("psi", "alpha", "rho", "tau", "omega", "sigma")


def letter(name: str) -> str:
    """A name as LaTeX: Greek letters by their names."""
    head, _, index = name.partition("_")
    head = {"phi": r"\varphi"}.get(head, rf"\{head}" if head in GREEK else head)
    return f"{head}_{{{index}}}" if index else head


class _Printer(LatexPrinter):
    def _print_Field(self, e: Any, exp: str | None = None) -> str:
        stem, _, index = e.stem.partition("_")
        stem = letter(stem)
        args = list(e.args)
        orders = list(e.orders)
        if e.stem.endswith("_"):
            first = args.pop(0)
            orders.pop(0)
            index = self._print(first)
        subscript = f"_{{{index}}}" if index else ""
        if len(orders) == 1:
            head = stem + subscript + "'" * orders[0]
        else:
            places = "".join(str(k + 1) * o for k, o in enumerate(orders))
            head = (rf"\partial_{{{places}}}" if places else "") + stem + subscript
        text = rf"{head}({', '.join(self._print(a) for a in args)})" if args else head
        return rf"{text}^{{{exp}}}" if exp else text

    def _print_Function(self, e: Any, exp: str | None = None) -> str:
        if isinstance(e, Field):
            return self._print_Field(e, exp)
        if isinstance(e, relu):
            text = rf"\mathrm{{relu}}({self._print(e.args[0])})"
            return rf"{text}^{{{exp}}}" if exp else text
        return str(super()._print_Function(e, exp))


class _Plain(StrPrinter):
    def _print_Field(self, e: Any) -> str:
        args, orders = [self._print(a) for a in e.args], list(e.orders)
        stem = e.stem
        if stem.endswith("_"):
            stem += args.pop(0)
            orders.pop(0)
        if len(orders) == 1:
            stem += "'" * orders[0]
        else:
            places = "".join(str(k + 1) * o for k, o in enumerate(orders))
            stem = (f"∂{places}" if places else "") + stem
        return f"{stem}({', '.join(args)})"

    def _print_Function(self, e: Any) -> str:
        return self._print_Field(e) if isinstance(e, Field) else str(super()._print_Function(e))

    def _print_Integral(self, e: Any) -> str:
        inside, (var, low, high) = unwrapped(e)
        return f"∫_{self._print(low)}^{self._print(high)} ({self._print(inside)}) d{var}"

    def _print_Sum(self, e: Any) -> str:
        inside, (var, low, high) = unwrapped(e)
        return f"Σ_{{{var}={self._print(low)}}}^{{{self._print(high)}}} ({self._print(inside)})"

    def _print_Derivative(self, e: Any) -> str:
        return f"d/d{e.variables[0]} [{self._print(e.expr)}]"

    def _print_Abs(self, e: Any) -> str:
        return f"|{self._print(e.args[0])}|"


def plain(e: Expr) -> str:
    """The expression for a terminal."""
    return str(_Plain().doprint(e)).replace("**", "^")


def tex(e: Expr) -> str:
    """LaTeX of an expression."""
    text = str(_Printer({"ln_notation": True, "fold_short_frac": False}).doprint(e))
    return text.replace(r"\int\limits", r"\int")
