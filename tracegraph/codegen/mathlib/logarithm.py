"""log, log2, log10 and log1p: the exponent is split off, then the series in ``s = f / (2 + f)``.

With ``x = 2**k (1 + f)`` and ``1 + f`` between sqrt(1/2) and sqrt(2), fdlibm's way (e_log.c):
``log(1 + f) = f - (f**2/2 - s (f**2/2 + R(s**2)))``, where R has only even powers of s.
"""

from __future__ import annotations

import math

from tracegraph.codegen.mathlib.value import (
    Format,
    Pair,
    Value,
    fast_two_sum,
    fma,
    polynomial,
    two_sum,
    where,
)
from tracegraph.ir.record import record


@record(slots=True)
class Split:
    """``2**k * (1 + f)``; ``field`` is the integer ``k + bias + 1``."""

    field: Value
    k: Value
    f: Value


def _center_bits(form: Format) -> int:
    """Return the bit pattern of sqrt(1/2), the least ``1 + f``."""
    fraction = math.sqrt(2.0) - 1.0
    return ((form.bias - 1) << form.mantissa) + int(fraction * 2**form.mantissa)


def split_exponent(x: Value) -> Split:
    """Take a positive normal number apart."""
    form = x.format
    center = _center_bits(form)
    shifted = x.bits + (((form.bias + 1) << form.mantissa) - center)
    field = shifted >> form.mantissa
    whole = 2.0**form.mantissa  # its low bits count ones: OR, then subtract, converts to float
    k = (field | (form.mantissa + form.bias << form.mantissa)).as_float - (whole + form.bias + 1)
    mantissa = ((shifted & ((1 << form.mantissa) - 1)) + center).as_float
    return Split(field, k, mantissa - 1.0)


def split_positive(x: Value) -> Split:
    """Take a positive number apart, subnormal or not."""
    form = x.format
    up = form.mantissa + 2
    small = x < form.smallest_normal
    parts = split_exponent(where(small, x * 2.0**up, x))
    return Split(parts.field, parts.k + where(small, x.lift(-up), 0.0), parts.f)


def log_mantissa(f: Value) -> Value:
    """Return ``log(1 + f) - f`` for ``1 + f`` between sqrt(1/2) and sqrt(2)."""
    s = f / (f + 2.0)
    z = s * s
    half_square = f * f * 0.5
    series = fma(z, polynomial(z, f.format.table["log"]), half_square)
    return fma(s, series, -half_square)


def log_of(parts: Split, f_low: Value | None = None) -> Value:
    """Return the logarithm of ``2**k (1 + f + f_low)``."""
    ln2, ln2_low = parts.f.format.table["ln2_short"]
    small = log_mantissa(parts.f)
    if f_low is not None:  # d log(1 + f) = df / (1 + f), roughly
        small = small + fma(-parts.f, f_low, f_low)
    high = fma(parts.k, ln2, parts.f)
    rest = fma(parts.k, ln2, -high) + parts.f
    return high + (rest + fma(parts.k, ln2_low, small))


def log_special(x: Value, result: Value, pole: float = 0.0) -> Value:
    """Put in what a logarithm is at and below its pole, at infinity and for NaN."""
    result = where(x.equals(math.inf), x, result)
    result = where(x.equals(pole), -math.inf, result)
    return where(~(x >= pole), math.nan, result)


def log(x: Value) -> Value:
    """``k log(2) + log(1 + f)``."""
    return log_special(x, log_of(split_positive(x)))


def _log_scaled(x: Value, unit: tuple[float, ...], per_bit: tuple[float, ...]) -> Value:
    """Return ``unit * log(x)``; a factor of two in x adds ``per_bit``. Both are in two parts."""
    parts = split_positive(x)
    high = parts.f
    low = log_mantissa(high)
    mantissa = fast_two_sum(high, low)
    product = mantissa.high * unit[0]
    error = fma(mantissa.high, unit[0], -product)
    error = error + fma(mantissa.high, unit[1], mantissa.low * unit[0])
    total = fast_two_sum(parts.k * per_bit[0], product)
    return log_special(x, total.high + (total.low + fma(parts.k, per_bit[1], error)))


def log2(x: Value) -> Value:
    """``k + log(1 + f) / log(2)``; exact for powers of two, as f is 0 there."""
    return _log_scaled(x, x.format.table["log2_e"], (1.0, 0.0))


def log10(x: Value) -> Value:
    """``k log10(2) + log(1 + f) / log(10)``."""
    return _log_scaled(x, x.format.table["log10_e"], x.format.table["log10_2"])


def log_of_pair(x: Pair, raised: Value | None = None) -> Value:
    """Return ``log(high + low) + raised log(2)`` for a normal ``high``.

    ``low`` enters f, which becomes a pair in turn.
    """
    parts = split_exponent(x.high)
    form = x.high.format
    # 2**(1-k), halved later: 2**-k leaves the range for the largest k, where low does not count.
    down = ((2 * form.bias + 2 - parts.field) << form.mantissa).as_float
    added = x.low * down * 0.5
    f = fast_two_sum(parts.f, added)
    k = parts.k if raised is None else parts.k + raised
    return log_of(Split(parts.field, k, f.high), f.low)


def log1p(x: Value) -> Value:
    """The logarithm of ``1 + x`` as a pair."""
    result = log_of_pair(two_sum(1.0, x))
    return where(x.equals(0.0), x, log_special(x, result, -1.0))


def log1p_of_pair(x: Pair) -> Value:
    """Return ``log(1 + high + low)`` for a positive pair."""
    one_plus = two_sum(1.0, x.high)
    return log_of_pair(Pair(one_plus.high, one_plus.low + x.low))
