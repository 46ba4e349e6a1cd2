"""Which steps need analysis? The chain rule, integrals and sums."""

from __future__ import annotations

import re
from typing import Any

import sympy as sp

from proofs.kernel.equations import ZERO, defined, outside, positive, relation
from proofs.kernel.terms import Expr, Field, Forall, Rejected, Rel, Said, unwrapped
from proofs.kernel.theorem import Made, Premise, Theorem, premises_of, rule
from proofs.kernel.witness import flat, identity, vanishes

POWERS = "⁰¹²³⁴⁵⁶⁷⁸⁹"


def regularity(*expressions: Expr) -> frozenset[Premise]:
    """The premises C^k of the functions in the expressions, k the highest derivative that occurs and at least 1."""
    orders: dict[str, int] = {}
    for e in expressions:
        for node in e.atoms(Field):
            orders[node.stem] = max(orders.get(node.stem, 1), sum(node.orders))
    return frozenset(Premise(Said(f"${shown(stem)}$", f"is C{POWERS[k]}")) for stem, k in orders.items())


def shown(stem: str) -> str:
    """A function's name in formulas."""
    return re.sub(r"_$", "_i", stem)


DIFFERENTIABLE = (Field, sp.exp, sp.log, sp.sin, sp.cos, sp.tanh, sp.Integral, sp.Sum, sp.Tuple)


def differentiable(*expressions: Expr) -> None:
    """Rejects what is made of other than sums, products, whole powers and functions that have derivatives."""
    for e in expressions:
        for node in sp.preorder_traversal(e):
            known = node.is_Atom or node.is_Add or node.is_Mul or isinstance(node, DIFFERENTIABLE)
            whole = node.is_Pow and (node.exp.is_integer or node.base.is_number)
            if not known and not whole:
                raise Rejected(f"nothing shows that {node} has a derivative")


def apart_from(var: Expr, support: tuple[Theorem, ...]) -> frozenset[Premise]:
    """The premises of the support, none of which may be about a variable of integration."""
    found = premises_of(*support)
    for p in found:
        if var in p.statement.free_symbols:
            raise Rejected(f"a premise about {var} does not hold on an interval")
    return found


def continuous(*expressions: Expr) -> frozenset[Premise]:
    """The premises that the functions in the expressions are continuous."""
    return frozenset(
        Premise(Said(f"${shown(n.stem)}$", f"is C{POWERS[sum(n.orders)]}" if sum(n.orders) else "is continuous"))
        for e in expressions for n in e.atoms(Field)
    )  # fmt: skip


@rule("chain rule")
def chain_rule(inside: Expr, var: Expr, derivative: Expr, *support: Theorem) -> Made:
    """⊢ d/dvar inside = derivative, functions being differentiable; support keeps denominators from zero."""
    inside, derivative = sp.sympify(inside), sp.sympify(derivative)
    differentiable(inside)
    defined((inside, derivative), support)
    found = sp.diff(inside, var)
    checks = identity(found - derivative, "SymPy's derivative minus the stated one")
    left = sp.Derivative(inside, var, evaluate=False)
    return Made(Rel("=", left, derivative), premises_of(*support) | regularity(inside, found), checks)


@rule("fundamental theorem")
def fundamental(integrand: Expr, antiderivative: Expr, var: Expr, low: Expr, high: Expr, *support: Theorem) -> Made:
    """⊢ ∫ integrand = antiderivative between the ends; the antiderivative is checked by differentiating."""
    f, a = sp.sympify(integrand), sp.sympify(antiderivative)
    differentiable(a)
    derivative = sp.diff(a, var)
    defined((a, f), support)
    held = apart_from(var, support)
    checks = identity(derivative - f, "the antiderivative's derivative minus the integrand")
    ends = a.subs(var, high) - a.subs(var, low)
    statement = Rel("=", sp.Integral(f, (var, low, high)), ends)
    return Made(statement, held | regularity(a, derivative), checks)


@rule("fundamental theorem for absolutely continuous functions")
def fundamental_absolute(function: Any, var: Expr, low: Expr, high: Expr) -> Made:
    """⊢ ∫ φ' = φ(high) - φ(low) for φ absolutely continuous."""
    phi = function(var)
    if not isinstance(phi, Field) or sum(phi.orders):
        raise Rejected("a function by name is needed")
    premise = Premise(Said(f"${shown(phi.stem)}$", "is absolutely continuous"))
    statement = Rel("=", sp.Integral(sp.diff(phi, var), (var, low, high)), function(high) - function(low))
    return Made(statement, frozenset({premise}), ("Lebesgue's theorem, the one place where it is used",))


def _terms(e: Expr, kind: Any) -> Expr:
    """e with every integral (sum) split into terms and constants in front, as an expanded expression."""

    def split(node: Expr) -> Expr:
        inner, (var, low, high) = unwrapped(node)
        out: Expr = ZERO
        for term in sp.Add.make_args(flat(linear(inner))):
            inside, front = [], []
            for factor in sp.Mul.make_args(term):
                (inside if var in factor.free_symbols else front).append(factor)
            if not inside:
                length = high - low if kind is sp.Integral else high - low + 1
                out += sp.Mul(*front) * length
            else:
                out += sp.Mul(*front) * kind(sp.Mul(*inside), (var, low, high))
        return out

    def linear(x: Expr) -> Expr:
        if isinstance(x, kind):
            return split(x)
        if x.is_Add or x.is_Mul or (x.is_Pow and x.exp.is_Integer):
            return x.func(*(linear(a) for a in x.args))
        return x

    return linear(e)


@rule("linearity of the integral")
def linearity(lhs: Expr, rhs: Expr) -> Made:
    """⊢ lhs = rhs where splitting integrals into terms and taking constants out makes both the same."""
    checks = identity(_terms(lhs, sp.Integral) - _terms(rhs, sp.Integral), "the difference after splitting")
    return Made(Rel("=", lhs, rhs), frozenset(), checks)


@rule("linearity of finite sums")
def sum_linearity(lhs: Expr, rhs: Expr) -> Made:
    """⊢ lhs = rhs where splitting sums into terms and taking constants out makes both the same."""
    for node in lhs.atoms(sp.Sum) | rhs.atoms(sp.Sum):
        if any(lim.is_infinite for lim in node.limits[0][1:]):
            raise Rejected("an infinite sum")
    checks = identity(_terms(lhs, sp.Sum) - _terms(rhs, sp.Sum), "the difference after splitting")
    return Made(Rel("=", lhs, rhs), frozenset(), checks)


@rule("last term of a sum")
def last_term(node: Expr) -> Made:
    """⊢ Σ_{k=a}^{n} f(k) = Σ_{k=a}^{n-1} f(k) + f(n), the left sum having a term."""
    var, low, high = node.limits[0]
    if not (high - low).is_nonnegative:
        raise Rejected(f"nothing shows that the sum from {low} to {high} has a term")
    rest = sp.Sum(node.function, (var, low, high - 1)) + node.function.subs(var, high)
    return Made(Rel("=", node, rest), frozenset(), ("the last index is at least the first",))


@rule("empty sum")
def empty_sum(node: Expr) -> Made:
    """⊢ Σ_{k=a}^{a-1} f(k) = 0."""
    var, low, high = node.limits[0]
    if not vanishes(high - low + 1):
        raise Rejected(f"the sum from {low} to {high} is not empty")
    return Made(Rel("=", node, ZERO), frozenset(), ("the last index is one below the first",))


@rule("additivity of the integral")
def additivity(f: Expr, var: Expr, low: Expr, middle: Expr, high: Expr) -> Made:
    """⊢ ∫_low^high f = ∫_low^middle f + ∫_middle^high f."""
    first, second = sp.Integral(f, (var, low, middle)), sp.Integral(f, (var, middle, high))
    return Made(
        Rel("=", sp.Integral(f, (var, low, high)), first + second), frozenset(), ("the inner end is the same in both",)
    )


@rule("substitution")
def substitution(node: Expr, place: Expr, var: Expr, low: Expr, high: Expr) -> Made:
    """⊢ ∫_a^b f(t) dt = ∫_low^high f(place) place' dvar with place(low) = a and place(high) = b."""
    t, a, b = node.limits[0]
    place = sp.sympify(place)
    if var in node.free_symbols or (t in place.free_symbols and t != var):
        raise Rejected(f"{var} already occurs")
    checks = (
        *identity(place.subs(var, low) - a, "the lower end minus its image"),
        *identity(place.subs(var, high) - b, "the upper end minus its image"),
    )
    differentiable(place)
    slope = sp.diff(place, var)
    # an affine change of the variable asks nothing of the function
    bent = continuous(node.function) if var in slope.free_symbols else frozenset()
    new = sp.Integral(node.function.subs(t, place) * slope, (var, low, high))
    return Made(Rel("=", node, new), regularity(place, slope) | bent, checks)


@rule("integration by parts")
def by_parts(u: Expr, v: Expr, var: Expr, low: Expr, high: Expr) -> Made:
    """⊢ ∫ u v' = uv between the ends - ∫ u' v."""
    differentiable(u, v)
    defined((u, v), ())
    du, dv = sp.diff(u, var), sp.diff(v, var)
    checks = identity(sp.diff(u * v, var) - u * dv - du * v, "(uv)' - uv' - u'v")
    ends = (u * v).subs(var, high) - (u * v).subs(var, low)
    statement = Rel("=", sp.Integral(u * dv, (var, low, high)), ends - sp.Integral(du * v, (var, low, high)))
    return Made(statement, regularity(u, v, du, dv), checks)


@rule("monotonicity of the integral")
def integrate(theorem: Theorem, var: Expr, low: Expr, high: Expr, *order: Theorem) -> Made:
    """From f ≤ g (f = g) on [low, high]: ∫f ≤ ∫g (∫f = ∫g); premises about var hold for almost every value.

    order: a theorem low ≤ high where the ends do not show it.
    """
    low, high = sp.sympify(low), sp.sympify(high)
    stated = theorem.statement
    over = isinstance(stated, Forall) and (stated.var, stated.low, stated.high) == (var, low, high)
    r = stated.inner if over else relation(theorem, "=≤")
    if not isinstance(r, Rel) or r.op not in "=≤":
        raise Rejected("a relation a = b or a ≤ b is needed")
    shown_order = positive(high - low, False) or any(
        vanishes(s.rhs - s.lhs - (high - low)) for s in (relation(o, "≤<") for o in order)
    )
    kept, about = outside(theorem, var, low, high)
    if (r.op == "≤" or over or about or len(kept) < len(theorem.premises)) and not shown_order:
        raise Rejected(f"nothing shows that {low} ≤ {high}")
    every = set(premises_of(*order))
    for p in kept:
        if var not in p.statement.free_symbols:
            every.add(p)
        elif isinstance(p.statement, Rel):
            every.add(Premise(Forall(var, low, high, p.statement, True)))
        else:
            raise Rejected(f"a premise about {var} cannot be taken over the interval")
    statement = Rel(r.op, sp.Integral(r.lhs, (var, low, high)), sp.Integral(r.rhs, (var, low, high)))
    return Made(statement, frozenset(every), ("the relation holds at almost every point of the interval",))


@rule("sum of inequalities")
def summed(theorem: Theorem, var: Expr, low: Expr, high: Expr) -> Made:
    """From f(k) ≤ g(k) (=) for low ≤ k ≤ high: Σf ≤ Σg (=)."""
    r = relation(theorem, "=≤")
    low, high = sp.sympify(low), sp.sympify(high)
    if not (high - low + 1).is_nonnegative:
        raise Rejected(f"nothing shows that {high} is not below {low} - 1")
    kept, _ = outside(theorem, var, low, high)
    every = set()
    for p in kept:
        if var not in p.statement.free_symbols:
            every.add(p)
        elif isinstance(p.statement, Rel):
            every.add(Premise(Forall(var, low, high, p.statement)))
        else:
            raise Rejected(f"a premise about {var} cannot be summed")
    statement = Rel(r.op, sp.Sum(r.lhs, (var, low, high)), sp.Sum(r.rhs, (var, low, high)))
    return Made(statement, frozenset(every), ("the relation holds for every index",))


@rule("monotone function")
def increases(function: Any, order: Theorem) -> Made:
    """From s ≤ t: c(s) ≤ c(t), c being nondecreasing."""
    r = relation(order, "≤")
    c = function(r.lhs)
    if not isinstance(c, Field) or sum(c.orders):
        raise Rejected("a function by name is needed")
    premise = Premise(Said(f"${shown(c.stem)}$", "is nondecreasing"))
    return Made(Rel("≤", c, function(r.rhs)), premises_of(order) | {premise}, ("the premise that it is nondecreasing",))


@rule("slope of a monotone function")
def rises(slope: Expr) -> Made:
    """⊢ 0 ≤ c'(t) for c nondecreasing and C^1."""
    if not isinstance(slope, Field) or sum(slope.orders) != 1:
        raise Rejected("the first derivative of a function by name is needed")
    premise = Premise(Said(f"${shown(slope.stem)}$", "is nondecreasing"))
    return Made(
        Rel("≤", ZERO, slope), frozenset({premise}) | regularity(slope), ("a limit of quotients that are not negative",)
    )


@rule("derivative of an identity")
def derive(theorem: Theorem, var: Expr) -> Made:
    """From f = g for all values of var: f' = g'."""
    r = relation(theorem, "=")
    if any(var in p.statement.free_symbols for p in theorem.premises):
        raise Rejected(f"a premise is about {var}")
    differentiable(r.lhs, r.rhs)
    lhs, rhs = sp.diff(r.lhs, var), sp.diff(r.rhs, var)
    return Made(Rel("=", lhs, rhs), theorem.premises | regularity(lhs, rhs), ("both sides are equal for every value",))


@rule("ends exchanged")
def orientation(node: Expr) -> Made:
    """⊢ ∫_a^b f = -∫_b^a f."""
    var, low, high = node.limits[0]
    return Made(
        Rel("=", node, -sp.Integral(node.function, (var, high, low))), frozenset(), ("the definition of the integral",)
    )


@rule("interval of no length")
def no_length(node: Expr) -> Made:
    """⊢ ∫_a^a f = 0."""
    _, low, high = node.limits[0]
    if not vanishes(high - low):
        raise Rejected(f"{low} and {high} differ")
    return Made(Rel("=", node, ZERO), frozenset(), ("both ends are the same",))


@rule("order of integration")
def fubini(f: Expr, x: Expr, a: Expr, b: Expr, y: Expr, c: Expr, d: Expr) -> Made:
    """⊢ ∫_a^b ∫_c^d f dy dx = ∫_c^d ∫_a^b f dx dy for bounded measurable f and ends free of x and y."""
    if {x, y} & set().union(*(sp.sympify(e).free_symbols for e in (a, b, c, d))) or x == y:
        raise Rejected("the ends must be free of both variables")
    first = sp.Integral(sp.Integral(f, (y, c, d)), (x, a, b))
    second = sp.Integral(sp.Integral(f, (x, a, b)), (y, c, d))
    differentiable(f)
    defined((f,), ())
    bounded = frozenset(
        Premise(Said(f"${shown(n.stem)}$", "is bounded and measurable")) for n in f.atoms(Field) if not sum(n.orders)
    )
    of_class = regularity(*(n for n in f.atoms(Field) if sum(n.orders)))
    return Made(Rel("=", first, second), bounded | of_class, ("Fubini's theorem on a rectangle",))
