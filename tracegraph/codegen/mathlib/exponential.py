"""exp, exp2 and expm1: ``x = k ln(2) + r``, a polynomial in r, and 2**k through the exponent bits.

The reduction is Cody and Waite's, with fma: ``x - k * high`` is exact where ``high`` is log(2)
rounded (Software Manual for the Elementary Functions, 1980; Muller, Elementary Functions).
"""

from __future__ import annotations

from tracegraph.codegen.mathlib.value import (
    Pair,
    Value,
    fma,
    polynomial,
    power_of_two,
    where,
)
from tracegraph.ir.record import record


@record(slots=True)
class Reduced:
    """``k ln(2) + high + low``: ``shifted`` is ``k + magic``, ``low`` an error term of ``high``."""

    shifted: Value
    k: Value
    high: Value
    low: Value


def reduce_by_ln2(x: Value) -> Reduced:
    """Write ``x`` as ``k ln(2) + r`` with ``|r| <= ln(2)/2``."""
    form = x.format
    ln2, ln2_low = form.table["ln2"]
    shifted = fma(x, form.table["log2_e"][0], form.magic)
    k = shifted - form.magic
    exact = fma(k, -ln2, x)
    high = fma(k, -ln2_low, exact)
    return Reduced(shifted, k, high, fma(k, -ln2_low, exact - high))


def exp_without_one(r: Value) -> Value:
    """Return ``exp(r) - 1`` for a reduced argument."""
    return fma(r * r, polynomial(r, r.format.table["exp"]), r)


def scale(x: Value, k: Value) -> Value:
    """Return ``x * 2**k`` rounded once, also where that overflows or is subnormal.

    ``2**k`` itself may be out of range, so it is applied in two halves; the first is exact.
    """
    form = x.format
    shifted = fma(k, 0.5, form.magic + form.bias)
    half = shifted - (form.magic + form.bias)
    return x * (shifted.bits << form.mantissa).as_float * power_of_two(k - half)


def add_exponent(x: Value, shifted: Value) -> Value:
    """Return ``x * 2**k`` for a normal x and result, from ``k + magic``: one integer addition."""
    return (x.bits + (shifted.bits << x.format.mantissa)).as_float


def exp(x: Value) -> Value:
    """``2**k exp(r)``; the bounds are just beyond the least and largest results."""
    form = x.format
    x = x.at_most(form.choose(709.79, 88.8)).at_least(form.choose(-746.0, -104.5))
    r = reduce_by_ln2(x)
    return scale(exp_without_one(r.high) + 1.0, r.k)


def exp2(x: Value) -> Value:
    """``2**k 2**r``; exact for whole numbers, as r is 0 there."""
    form = x.format
    x = x.at_most(float(form.bias + 1)).at_least(-float(form.bias + form.mantissa + 2))
    k = (x + form.magic) - form.magic
    r = x - k
    ln2, ln2_low = form.table["ln2"]
    rest = fma(r * r, polynomial(r, form.table["exp2"]), r * ln2_low)
    return scale(fma(r, ln2, rest) + 1.0, k)


def expm1_pair(r: Reduced, power: Value, one: float = 1.0) -> Pair:
    """Return ``power * exp(r) - one`` as a pair; ``power`` is ``one * 2**k``.

    ``power - one`` and the product ``power * r`` are exact, so only the small terms carry errors.
    """
    whole = power - one
    high = fma(power, r.high, whole)
    low = fma(power, r.high, whole - high)
    second, *higher = power.format.table["exp"]
    square = r.high * r.high
    small = fma(square, r.high * polynomial(r.high, higher), fma(square, second, r.low))
    return Pair(high, fma(power, small, low))


def expm1(x: Value) -> Value:
    """``2**k exp(r) - 1`` as a pair, added up at the end; tiny arguments are their own result."""
    form = x.format
    bounded = x.at_most(form.choose(709.79, 88.8)).at_least(form.choose(-60.0, -30.0))
    r = reduce_by_ln2(bounded)
    # Half the result, as 2**k alone may overflow.
    half = expm1_pair(r, power_of_two(r.k - 1.0), 0.5)
    result = half.total() * 2.0
    return where(abs(x) < form.choose(2.0**-55, 2.0**-26), x, result)
