"""What do polynomials attribute along polynomial paths, exactly? Rational arithmetic for witnesses of claims."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

from flint import fmpq, fmpq_poly

Polynomial = Any
"""A flint fmpq_poly in the path's parameter."""
Gradient = Sequence[Callable[..., Polynomial]]
"""Partial derivatives as functions of the coordinates, which may be numbers or polynomials."""
Corner = tuple[Fraction, ...]


def ratio(value: Fraction | int) -> Any:
    value = Fraction(value)
    return fmpq(value.numerator, value.denominator)


def fraction(value: Any) -> Fraction:
    return Fraction(int(value.p), int(value.q))


def curve(*coefficients: Fraction | int) -> Polynomial:
    """The polynomial with these coefficients, constant first."""
    return fmpq_poly([ratio(c) for c in coefficients])


def integral(density: Polynomial, low: Fraction | int = 0, high: Fraction | int = 1) -> Fraction:
    whole = density.integral()
    return fraction(whole(ratio(high)) - whole(ratio(low)))


def attributions(gradient: Gradient, path: Sequence[Polynomial]) -> list[Fraction]:
    """∫ ∂_iF(g) g_i' over [0, 1] for every coordinate."""
    return [integral(curve(0) + part(*path) * place.derivative()) for part, place in zip(gradient, path, strict=True)]


def along_polygon(gradient: Gradient, corners: Sequence[Corner]) -> list[Fraction]:
    """The attributions along a polygon, leg by leg."""
    totals = [Fraction(0)] * len(corners[0])
    for start, end in zip(corners[:-1], corners[1:], strict=True):
        leg = [curve(a, b - a) for a, b in zip(start, end, strict=True)]
        totals = [a + b for a, b in zip(totals, attributions(gradient, leg), strict=True)]
    return totals
