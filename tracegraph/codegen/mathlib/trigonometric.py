"""sin, cos and tan: ``x = k pi/2 + r``, a polynomial for each of sin(r) and cos(r), and a choice.

Cody and Waite's reduction with pi/2 in three parts, r being kept in two. Lanes with arguments too
large for it go to the C library on a path of their own, which does what Payne and Hanek's reduction
would do here. sin, cos and tan of one argument share everything but the last choice.
"""

from __future__ import annotations

from tracegraph.codegen.mathlib.value import (
    Pair,
    Value,
    fma,
    polynomial,
    ratio,
    shortcut,
    where,
)
from tracegraph.ir.record import record

REDUCED = 0.78
"""Below this, a little less than pi/4, an argument is its own remainder: where each step of a loop
needs the one before, it saves waiting for the reduction. Signs of zeros are set at the end."""


@record(slots=True)
class Quadrant:
    """Sine and cosine of ``r``; ``turns`` counts quarter turns in its low bits."""

    turns: Value
    sine: Pair
    cosine: Pair

    @property
    def is_odd(self) -> Value:
        return (self.turns & 1).differs(0)


def reduce_by_half_pi(x: Value) -> tuple[Value, Pair]:
    """Return ``k + magic`` and ``x - k pi/2`` as a pair.

    ``x - k * first`` is exact: a multiple of the last bit of ``first`` that is small enough. The
    low part is as small as ``k`` times the last bit of ``second`` where the high part is smaller
    than that. What follows begins with the high part, so nothing waits for the low one.
    """
    form = x.format
    first, second, third = form.table["half_pi"]
    shifted = fma(x, form.table["two_over_pi"][0], form.magic)
    k = shifted - form.magic
    exact = fma(k, -first, x)
    product = k * second
    high = exact - product
    rest = fma(k, -third, -fma(k, second, -product))
    low = ((exact - high) - product) + rest
    reduced = abs(x) < REDUCED
    return shifted, Pair(shortcut(reduced, x, high), shortcut(reduced, 0.0, low))


def quadrant(x: Value) -> Quadrant:
    """Reduce ``x`` and evaluate both functions, as in fdlibm's k_sin.c and k_cos.c."""
    shifted, r = reduce_by_half_pi(x)
    table = x.format.table
    z = r.high * r.high
    half = z * 0.5
    sine_low = fma(r.high * z, polynomial(z, table["sin"]), fma(-r.low, half, r.low))
    whole = 1.0 - half
    lost = (1.0 - whole) - half
    cosine_low = fma(z * z, polynomial(z, table["cos"]), fma(-r.high, r.low, lost))
    return Quadrant(shifted.bits, Pair(r.high, sine_low), Pair(whole, cosine_low))


def _with_c_library(name: str, x: Value, fast: Value) -> Value:
    """Return ``fast`` but where ``x`` is beyond the range of the reduction."""
    bound = x.format.choose(2.0**40, 2.0**17)
    b = x.b
    return Value(b, b.slow_path(name, (abs(x) > bound).scalar, fast.scalar, x.scalar))


def _negated(value: Value, turns: Value) -> Value:
    """Change the sign where bit 1 of ``turns`` is set."""
    return (value.bits ^ ((turns >> 1) << value.format.sign_shift)).as_float


def sin(x: Value) -> Value:
    """``sin(r)`` or ``cos(r)`` by the quadrant; -0 stays."""
    q = quadrant(x)
    result = _negated(where(q.is_odd, q.cosine.total(), q.sine.total()), q.turns)
    return _with_c_library("sin", x, where(x.equals(0.0), x, result))


def cos(x: Value) -> Value:
    """``cos(r)`` or ``sin(r)`` by the quadrant."""
    q = quadrant(x)
    result = _negated(where(q.is_odd, q.sine.total(), q.cosine.total()), q.turns + 1)
    return _with_c_library("cos", x, result)


def tan(x: Value) -> Value:
    """``sin(r) / cos(r)`` or ``-cos(r) / sin(r)``, of pairs; -0 stays."""
    q = quadrant(x)
    odd = q.is_odd
    sign = q.turns << x.format.sign_shift
    numerator, denominator = _choose(odd, q.cosine, q.sine), _choose(odd, q.sine, q.cosine)
    result = ratio(numerator.tight(), denominator.tight()).total()
    result = (result.bits ^ sign).as_float
    return _with_c_library("tan", x, where(x.equals(0.0), x, result))


def _choose(condition: Value, a: Pair, b: Pair) -> Pair:
    return Pair(where(condition, a.high, b.high), where(condition, a.low, b.low))
