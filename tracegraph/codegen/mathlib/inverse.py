"""arctan, arctan2, arcsin and arccos: odd polynomials on [-1/2, 1/2] and identities beyond it.

The identities are fdlibm's (s_atan.c, e_asin.c); constants, quotients and sums are in two parts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from tracegraph.codegen.mathlib.value import (
    Pair,
    Value,
    fast_two_sum,
    fma,
    polynomial,
    ratio,
    where,
)


def _odd_tail(t: Value, coefficients: Sequence[float]) -> Value:
    """Return ``t**3 P(t**2)``."""
    z = t * t
    return t * z * polynomial(z, coefficients)


def _arctan_of_quotient(y: Value, x: Value) -> Pair:
    """Return ``arctan(y / x)`` for positive numbers, neither infinite, as a pair.

    A quotient above 2 is turned by pi/2, one between 1/2 and 2 by pi/4, where ``y - x`` is exact
    (Sterbenz), so that a single polynomial on [-1/2, 1/2] and one division serve all.
    """
    form = x.format
    half_pi, half_pi_low, _ = form.table["half_pi"]
    steep = y > x + x
    middle = ~steep & (y + y > x)
    added = fast_two_sum(where(y > x, y, x), where(y > x, x, y))
    numerator = where(steep, -x, where(middle, y - x, y))
    denominator = where(middle, added.high, where(steep, y, x))
    lost = where(middle, added.low, 0.0)
    t = ratio(Pair(numerator, x.lift(0.0)), Pair(denominator, lost))
    angle = where(steep, x.lift(half_pi), where(middle, x.lift(half_pi / 2), 0.0))
    angle_low = where(steep, x.lift(half_pi_low), where(middle, x.lift(half_pi_low / 2), 0.0))
    small = _odd_tail(t.high, form.table["arctan"]) + (t.low + angle_low)
    first = fast_two_sum(angle, t.high)
    return Pair(first.high, first.low + small)


def arctan(x: Value) -> Value:
    """A quotient over 1; beyond 2**60 (2**30) the result does not change any more."""
    a = abs(x).at_most(x.format.choose(2.0**60, 2.0**30))
    return _arctan_of_quotient(a, x.lift(1.0)).total().with_sign_of(x)


def arctan2(y: Value, x: Value) -> Value:
    """The angle of the quotient, turned by x's sign, with y's sign; C99 F.9.1.4."""
    rise, run = _scaled(abs(y), abs(x))
    result = _turn(_arctan_of_quotient(rise, run), x).with_sign_of(y)
    return where(y.differs(y) | x.differs(x), math.nan, result)


def _scaled(y: Value, x: Value) -> tuple[Value, Value]:
    """Return numbers of the same quotient for which sums, reciprocals and remainders are in range.

    Of two zeros the second becomes 1. An infinite number becomes 1, a finite one beside it 0.
    """
    form = y.format
    larger = where(y > x, y, x)
    room = 2.0 ** (form.mantissa + 8)
    factor = where(larger < form.choose(2.0**900, 2.0**60), y.lift(room), 1.0 / room)
    infinite = larger.equals(math.inf)
    rise = where(infinite, where(y.equals(math.inf), y.lift(1.0), 0.0), y * factor)
    run = where(infinite, where(x.equals(math.inf), x.lift(1.0), 0.0), x * factor)
    return rise, where(larger.equals(0.0), 1.0, run)


def _turn(angle: Pair, x: Value) -> Value:
    """Return ``pi - angle`` where ``x`` has a minus sign, else the angle."""
    half_pi, half_pi_low, _ = x.format.table["half_pi"]
    turned = fast_two_sum(2 * half_pi, -angle.high)
    back = turned.high + (turned.low + (2 * half_pi_low - angle.low))
    negative = x.lift(1.0).with_sign_of(x) < 0.0
    return where(negative, back, angle.total())


def _half_angle(x: Value) -> tuple[Value, Value, Value]:
    """Return whether ``|x| > 1/2``, and t and ``arcsin(t) - t``.

    t is ``|x|``, or beyond 1/2 the sine of half the angle left to pi/2: ``sqrt((1 - |x|) / 2)``.
    """
    a = abs(x)
    large = a > 0.5
    t = where(large, fma(a, -0.5, 0.5).sqrt(), a)
    return large, t, _odd_tail(t, x.format.table["arcsin"])


def arcsin(x: Value) -> Value:
    """``t + (arcsin(t) - t)``, beyond 1/2 ``pi/2`` minus twice that."""
    half_pi, half_pi_low, _ = x.format.table["half_pi"]
    large, t, rest = _half_angle(x)
    turned = fast_two_sum(half_pi, t * -2.0)
    far = turned.high + (turned.low + fma(rest, -2.0, half_pi_low))
    return where(large, far, t + rest).with_sign_of(x)


def arccos(x: Value) -> Value:
    """``pi/2 - arcsin(x)``; beyond 1/2 twice ``arcsin(t)``, below -1/2 ``pi`` minus that."""
    half_pi, half_pi_low, _ = x.format.table["half_pi"]
    large, t, rest = _half_angle(x)
    negative = x < 0.0
    near_one = (t + rest) * 2.0
    signed, signed_rest = t.with_sign_of(x), rest.with_sign_of(x)
    start = where(large, x.lift(2 * half_pi), half_pi)
    start_low = where(large, x.lift(2 * half_pi_low), half_pi_low)
    taken = where(large, t + t, signed)
    taken_rest = where(large, rest + rest, signed_rest)
    turned = fast_two_sum(start, -taken)
    far = turned.high + (turned.low + (start_low - taken_rest))
    return where(large & ~negative, near_one, far)
