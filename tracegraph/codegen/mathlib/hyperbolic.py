"""sinh, cosh, tanh and their inverses, on the reductions of exp and log."""

from __future__ import annotations

import math

from tracegraph.codegen.mathlib.exponential import Reduced, expm1_pair, reduce_by_ln2
from tracegraph.codegen.mathlib.logarithm import log1p_of_pair, log_of_pair
from tracegraph.codegen.mathlib.value import (
    Pair,
    Value,
    fast_two_sum,
    fma,
    polynomial,
    power_of_two,
    ratio,
    two_sum,
    where,
)


def tanh(x: Value) -> Value:
    """``-m / (m + 2)`` with ``m = expm1(-2 |x|)``, both in pairs; nothing cancels in either."""
    form = x.format
    a = abs(x)
    # 2**k - 1 is exact up to the first bound; from there to the second the result is the same.
    r = reduce_by_ln2((a * -2.0).at_least(form.choose(-37.08, -16.97)))
    m = expm1_pair(r, power_of_two(r.k)).tight()
    below = fast_two_sum(2.0, m.high)
    result = ratio(m, Pair(below.high, below.low + m.low)).total()
    return where(a > form.choose(19.062, 9.011), 1.0, result).with_sign_of(x)


def _powers(r: Reduced) -> tuple[Value, Value]:
    """Return an eighth of ``2**k`` and of ``2**-k``, for ``k >= 0``: the first may overflow."""
    down = (-3.0 - r.k).at_least(-float(r.k.format.bias))
    return power_of_two(r.k - 3.0), power_of_two(down)


def _combine(r: Reduced, a: Pair, b: Value) -> Value:
    """Return ``4 (a cosh(r) + b sinh(r))``; larger terms are in two parts, the rest is small."""
    table = r.high.format.table
    z = r.high * r.high
    product = b * r.high
    error = fma(b, r.high, -product)
    cosh_rest = a.high * polynomial(z, table["cosh"])
    sinh_rest = product * polynomial(z, table["sinh"])
    small = fma(z, cosh_rest + sinh_rest, fma(b, r.low, error + a.low))
    first = two_sum(a.high, product)
    return (first.high + (first.low + small)) * 4.0


def sinh(x: Value) -> Value:
    """``sinh(k ln(2) + r) = sinh(k ln(2)) cosh(r) + cosh(k ln(2)) sinh(r)``."""
    form = x.format
    a = abs(x)
    r = reduce_by_ln2(a.at_most(form.choose(711.0, 90.0)))
    up, down = _powers(r)
    result = _combine(r, fast_two_sum(up, -down), up + down)
    return where(a < form.choose(2.0**-28, 2.0**-13), x, result.with_sign_of(x))


def cosh(x: Value) -> Value:
    """``cosh(k ln(2) + r) = cosh(k ln(2)) cosh(r) + sinh(k ln(2)) sinh(r)``."""
    r = reduce_by_ln2(abs(x).at_most(x.format.choose(711.0, 90.0)))
    up, down = _powers(r)
    return _combine(r, fast_two_sum(up, down), up - down)


def arcsinh(x: Value) -> Value:
    """``log1p(a + a**2 / (1 + sqrt(1 + a**2)))``; ``log(2 a)`` where a square overflows."""
    a = abs(x)
    big = a > a.format.choose(2.0**60, 2.0**30)
    part = where(big, 0.0, a)
    root = fma(part, part, 1.0).sqrt()
    bend = part * part / (root + 1.0)
    result = _log1p_or_log_twice(a, fast_two_sum(part, bend), big)
    return where(a < a.format.choose(2.0**-28, 2.0**-13), x, result.with_sign_of(x))


def arccosh(x: Value) -> Value:
    """``log1p(d + sqrt(d**2 + 2 d))`` with ``d = x - 1``; ``log(2 x)`` where a square overflows."""
    big = x > x.format.choose(2.0**60, 2.0**30)
    d = fast_two_sum(where(big, 2.0, x), x.lift(-1.0))
    square = fma(d.high, d.high, d.high + d.high)
    lost = fma(d.high, d.high, (d.high + d.high) - square)
    root = square.sqrt()
    rest = (fma(-root, root, square) + lost) / (root + root)
    rest = where(square.equals(0.0), 0.0, rest)
    total = two_sum(d.high, root)
    grown = Pair(total.high, total.low + (rest + d.low))
    result = _log1p_or_log_twice(x, grown, big)
    return where(x >= 1.0, result, math.nan)


def _log1p_or_log_twice(a: Value, grown: Pair, big: Value) -> Value:
    """Return ``log(1 + grown)``, or ``log(2 a)`` where ``a`` is big; an infinite ``a`` stays."""
    one_plus = two_sum(1.0, grown.high)
    high = where(big, a, one_plus.high)
    low = where(big, 0.0, one_plus.low + grown.low)
    result = log_of_pair(Pair(high, low), where(big, a.lift(1.0), 0.0))
    return where(a.equals(math.inf) | a.differs(a), a, result)


def arctanh(x: Value) -> Value:
    """``log1p(2 a / (1 - a)) / 2``; the quotient is a pair."""
    a = abs(x)
    below = fast_two_sum(1.0, -a)
    result = log1p_of_pair(ratio(Pair(a + a, a.lift(0.0)), below)) * 0.5
    result = where(a.equals(1.0), math.inf, where(~(a <= 1.0), math.nan, result))
    return where(a < a.format.choose(2.0**-28, 2.0**-13), x, result.with_sign_of(x))
