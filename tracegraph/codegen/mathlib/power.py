"""power and cbrt.

power of float64 takes a logarithm in double-double arithmetic (Muller and others, Handbook of
Floating-Point Arithmetic); that of float32 plain float64.
"""

from __future__ import annotations

import math

from tracegraph.codegen.mathlib.exponential import add_exponent, reduce_by_ln2, scale
from tracegraph.codegen.mathlib.logarithm import Split, split_exponent, split_positive
from tracegraph.codegen.mathlib.value import (
    FORMATS,
    Pair,
    Value,
    fast_two_sum,
    fma,
    polynomial,
    power_of_two,
    ratio,
    where,
)
from tracegraph.ir.types import FLOAT32, FLOAT64


def power(x: Value, y: Value) -> Value:
    """``exp(y log(|x|))``, then C's special cases."""
    compute = _power_in_double if x.scalar.dtype == FLOAT32 else _power_in_pairs
    return _power_special(x, y, compute(x, y))


def _power_in_double(x: Value, y: Value) -> Value:
    """Return ``|x|**y`` of float32 by plain float64: wider registers, but no pairs."""
    table = FORMATS[FLOAT64].table
    wide, exponent = abs(x).cast(FLOAT64), y.cast(FLOAT64)
    parts = split_exponent(wide)
    s = parts.f / (parts.f + 2.0)
    logarithm = fma(s, polynomial(s * s, table["power32_log2"]), parts.k)
    logarithm = _log_at_ends(wide, logarithm)
    # Bounds beyond what float32 can hold, so that the last cast overflows or flushes.
    bits = (_bounded(exponent, 2.0**60) * logarithm).at_most(200.0).at_least(-200.0)
    shifted = bits + exponent.format.magic
    fraction = bits - (shifted - exponent.format.magic)
    value = polynomial(fraction, table["power32_exp2"])
    return add_exponent(value, shifted).cast(FLOAT32)


def _log_at_ends(a: Value, logarithm: Value, at_infinity: float = math.inf) -> Value:
    """Put in the values for 0, infinity and NaN; ``at_infinity=0`` gives those of an error term."""
    logarithm = where(a.equals(0.0), -at_infinity, logarithm)
    logarithm = where(a.equals(math.inf), at_infinity, logarithm)
    return where(a.differs(a), a, logarithm)


def _bounded(y: Value, bound: float) -> Value:
    """Keep y finite: ``|log(x)|`` is 0 or above ``2**-54``, so a larger y makes no difference."""
    return y.at_most(bound).at_least(-bound)


def _log_pair(parts: Split) -> Pair:
    """Return the logarithm with about 67 good bits, as y log(x) may be 745 and errors add.

    ``log(1 + f) = 2 s + s**3 (2/3 + s**2 Q(s**2))``, s being a quotient in a pair; the first two
    terms are computed in pairs.
    """
    table = parts.f.format.table
    f = parts.f
    s = ratio(Pair(f, f.lift(0.0)), fast_two_sum(2.0, f)).tight()
    z = s.high * s.high
    z_low = fma(s.high, s.high, -z) + 2.0 * s.high * s.low
    third, third_low = table["two_thirds"]
    c = fast_two_sum(third, z * polynomial(z, table["log_tail"]))
    c_low = c.low + third_low
    zc = z * c.high
    zc_low = fma(z, c.high, -zc) + fma(z, c_low, z_low * c.high)
    cubic = s.high * zc
    cubic_low = fma(s.high, zc, -cubic) + fma(s.high, zc_low, s.low * zc)
    first = fast_two_sum(s.high + s.high, cubic)
    mantissa_low = first.low + fma(s.low, 2.0, cubic_low)
    ln2, ln2_low = table["ln2_short"]
    total = fast_two_sum(parts.k * ln2, first.high)
    return Pair(total.high, total.low + fma(parts.k, ln2_low, mantissa_low)).tight()


def _power_in_pairs(x: Value, y: Value) -> Value:
    """Return ``|x|**y``, the error term of ``y log(x)`` entering the reduced argument of exp."""
    a = abs(x)
    logarithm = _log_pair(split_positive(a))
    high = _log_at_ends(a, logarithm.high)
    low = _log_at_ends(a, logarithm.low, 0.0)
    y = _bounded(y, 2.0**64)
    product = y * high
    bounded = product.at_most(710.0).at_least(-746.0)
    error = fma(y, low, fma(y, high, -product))
    error = where(bounded.equals(product), error, 0.0)
    return _exp_of_pair(Pair(bounded, error))


def _exp_of_pair(x: Pair) -> Value:
    reduced = reduce_by_ln2(x.high)
    r = Pair(reduced.high, reduced.low + x.low).tight()
    one_plus = fast_two_sum(1.0, r.high)
    square = r.high * r.high
    small = fma(square, polynomial(r.high, square.format.table["exp"]), fma(r.high, r.low, r.low))
    return scale(one_plus.high + (one_plus.low + small), reduced.k)


def _power_special(x: Value, y: Value, magnitude: Value) -> Value:
    """Give the sign, and NaN where a negative number has no real power; C99 F.9.4.4."""
    half = y * 0.5
    whole = y.rint().equals(y)
    odd = whole & half.rint().differs(half)
    result = where(odd, magnitude.with_sign_of(x), magnitude)
    result = where((x < 0.0) & (x > -math.inf) & ~whole, math.nan, result)
    return where(x.equals(1.0) | y.equals(0.0), 1.0, result)


def cbrt(x: Value) -> Value:
    """``2**q`` times the cube root of ``m`` between sqrt(1/8) and sqrt(8), from ``m**(-1/3)``.

    A polynomial guess, one step of fifth order for the inverse root, and one of Newton's for the
    root itself with the residual in twice the precision; no division.
    """
    a = abs(x)
    parts = split_positive(a)
    q = (parts.k * (1.0 / 3.0)).rint()
    m = (parts.f + 1.0) * power_of_two(parts.k - q * 3.0)
    y = polynomial(m, x.format.table["inverse_cbrt"])
    e = fma(-m * y, y * y, 1.0)
    y = fma(y * e, polynomial(e, (1.0 / 3.0, 2.0 / 9.0, 14.0 / 81.0, 35.0 / 243.0)), y)
    square = y * y
    root = m * square
    root_square = root * root
    lost = fma(root, root, -root_square)
    residual = fma(-root, root_square, m) - root * lost
    root = fma(residual * square, 1.0 / 3.0, root)
    result = where(a > 0.0, root * power_of_two(q), a)
    return where(a.equals(math.inf), a, result).with_sign_of(x)
