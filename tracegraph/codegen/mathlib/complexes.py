"""Complex numbers as pairs of floats: arithmetic and order, each step rounded as NumPy's is.

NumPy's sources are ``loops.c.src`` and ``loops_arithm_fp.dispatch.c.src``. Its products of arrays
have one fma in each part; its quotients divide by the larger part first (Smith 1962). Parts that
are infinite or NaN are no special case there, so they are none here.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from tracegraph.codegen.mathlib.value import Value, fma, where
from tracegraph.ir.record import record


@record(slots=True)
class Complex:
    """A complex number as two floats of one format, with Python's operators."""

    re: Value
    im: Value

    @property
    def is_nan(self) -> Value:
        return self.re.differs(self.re) | self.im.differs(self.im)

    def conjugate(self) -> Complex:
        return Complex(self.re, -self.im)

    def __neg__(self) -> Complex:
        return Complex(-self.re, -self.im)

    def __add__(self, other: Complex) -> Complex:
        return Complex(self.re + other.re, self.im + other.im)

    def __sub__(self, other: Complex) -> Complex:
        return Complex(self.re - other.re, self.im - other.im)

    def __mul__(self, other: Complex) -> Complex:
        """Return the product as NumPy's loops over arrays round it."""
        re = fma(self.re, other.re, -(self.im * other.im))
        return Complex(re, fma(self.re, other.im, self.im * other.re))

    def plain_product(self, other: Complex) -> Complex:
        """Return the product as NumPy's reductions and powers round it."""
        re = self.re * other.re - self.im * other.im
        return Complex(re, self.re * other.im + self.im * other.re)

    def __truediv__(self, other: Complex) -> Complex:
        """Return the quotient by Smith's algorithm; by zero, each part divided by 0."""
        is_flat = abs(other.re) >= abs(other.im)
        large, small = where(is_flat, other.re, other.im), where(is_flat, other.im, other.re)
        along, across = where(is_flat, self.re, self.im), where(is_flat, self.im, self.re)
        ratio = small / large
        scale = 1.0 / (large + small * ratio)
        turned = along * ratio
        rest = where(is_flat, across, turned) - where(is_flat, turned, across)
        quotient = Complex((along + across * ratio) * scale, rest * scale)
        is_zero = other.re.equals(0.0) & other.im.equals(0.0)
        return choose(is_zero, Complex(self.re * math.inf, self.im * math.inf), quotient)

    def equals(self, other: Complex) -> Value:
        return self.re.equals(other.re) & self.im.equals(other.im)

    def differs(self, other: Complex) -> Value:
        return self.re.differs(other.re) | self.im.differs(other.im)

    def is_beyond(self, other: Complex, order: Callable[[Value, Value], Value]) -> Value:
        """Compare real parts, then imaginary ones, by a strict order; NumPy's answers for NaN."""
        known = self.im.equals(self.im) & other.im.equals(other.im)
        by_first = order(self.re, other.re) & known
        return by_first | (self.re.equals(other.re) & order(self.im, other.im))

    def __lt__(self, other: Complex) -> Value:
        return self.is_beyond(other, Value.__lt__)

    def __gt__(self, other: Complex) -> Value:
        return self.is_beyond(other, Value.__gt__)

    def __le__(self, other: Complex) -> Value:
        return (self < other) | self.equals(other)

    def __ge__(self, other: Complex) -> Value:
        return (self > other) | self.equals(other)

    def maximum(self, other: Complex) -> Complex:
        return choose(self.is_nan | (self >= other), self, other)

    def minimum(self, other: Complex) -> Complex:
        return choose(self.is_nan | (self <= other), self, other)


def choose(condition: Value, a: Complex, b: Complex) -> Complex:
    """Return ``a`` where the condition holds, else ``b``."""
    return Complex(where(condition, a.re, b.re), where(condition, a.im, b.im))


ARITHMETIC: dict[str, Callable[..., Complex | Value]] = {
    "add": Complex.__add__,
    "subtract": Complex.__sub__,
    "multiply": Complex.__mul__,
    "divide": Complex.__truediv__,
    "negative": Complex.__neg__,
    "conjugate": Complex.conjugate,
    "maximum": Complex.maximum,
    "minimum": Complex.minimum,
    "equal": Complex.equals,
    "not_equal": Complex.differs,
    "less": Complex.__lt__,
    "less_equal": Complex.__le__,
    "greater": Complex.__gt__,
    "greater_equal": Complex.__ge__,
}
"""The program of each operation on complex numbers, by its name in the scalar language."""
