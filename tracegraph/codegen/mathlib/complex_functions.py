"""Elementary functions of complex numbers, made of those of floats.

Special cases are those of C99 Annex G; where it leaves signs open, glibc's, which NumPy calls. Each
result is within a few units in the last place of its absolute value: a part that is much smaller
than the other one may have lost digits where sine or cosine of a rounded angle makes it small.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from tracegraph.codegen.mathlib.complexes import Complex, choose
from tracegraph.codegen.mathlib.logarithm import log_of_pair
from tracegraph.codegen.mathlib.value import Pair, Value, fast_two_sum, fma, where
from tracegraph.ir.record import record
from tracegraph.ir.types import FLOAT32, FLOAT64


def _is_finite(x: Value) -> Value:
    return abs(x) < math.inf


def _is_infinite(x: Value) -> Value:
    return abs(x).equals(math.inf)


def _is_zero(x: Value) -> Value:
    return x.equals(0.0)


@record(slots=True)
class Growth:
    """``exp(x)`` as a product of which only the whole may leave the range."""

    factors: tuple[Value, ...]

    def times(self, x: Value) -> Value:
        for factor in self.factors:
            x = x * factor
        return x

    @property
    def half(self) -> Growth:
        first, *others = self.factors
        return Growth((first * 0.5, *others))


def _growth(x: Value) -> Growth:
    """Take the exponential apart, so that a small sine beside it counts."""
    far = x.format.choose(709.0, 88.0)
    scales = []
    for _ in range(2):
        is_far = x > far
        x = where(is_far, x - far, x)
        scales.append(where(is_far, x.lift(math.exp(far)), 1.0))
    return Growth((*scales, x.apply("exp")))


def exp(z: Complex) -> Complex:
    """``exp(x) (cos(y) + i sin(y))``."""
    x, y = z.re, z.im
    size, unknown = _growth(x), ~_is_finite(y)
    re, im = size.times(y.apply("cos")), size.times(y.apply("sin"))
    vanishes = x.equals(-math.inf) & unknown
    re = where(vanishes, 0.0, where(x.equals(math.inf) & unknown, x, re))
    im = where(vanishes, y.lift(0.0).with_sign_of(y), where(_is_zero(y), y, im))
    return Complex(re, im)


def expm1(z: Complex) -> Complex:
    """``expm1(x) cos(y) - 2 sin(y/2)**2`` and ``exp(x) sin(y)``, as NumPy has it."""
    x, y = z.re, z.im
    half = (y * 0.5).apply("sin")
    re = x.apply("expm1") * y.apply("cos") - 2.0 * half * half
    return Complex(re, x.apply("exp") * y.apply("sin"))


def _sides(x: Value, y: Value) -> tuple[Value, Value]:
    """Return the larger and the smaller absolute value."""
    x, y = abs(x), abs(y)
    return where(x > y, x, y), where(x > y, y, x)


def _square(x: Value) -> Pair:
    high = x * x
    return Pair(high, fma(x, x, -high))


def _log_size(x: Value, y: Value) -> Value:
    """Return ``log(abs(x + i y))`` of finite parts that are not both 0.

    Half the logarithm of a sum of squares in pairs: near 1 nothing is lost. Sides that are too
    large or too small for that are scaled by powers of two.
    """
    if x.scalar.dtype == FLOAT32:
        wide = [side.cast(FLOAT64) for side in (x, y)]
        squares = fma(wide[0], wide[0], wide[1] * wide[1])
        return (squares.apply("log") * 0.5).cast(FLOAT32)
    long, short = _sides(x, y)
    is_big, is_small = long > 2.0**500, long < 2.0**-400
    scale = where(is_big, long.lift(2.0**-600), where(is_small, long.lift(2.0**600), 1.0))
    raised = where(is_big, long.lift(1200.0), where(is_small, long.lift(-1200.0), 0.0))
    a, b = _square(long * scale), _square(short * scale)
    total = fast_two_sum(a.high, b.high)
    return log_of_pair(Pair(total.high, total.low + (a.low + b.low)), raised) * 0.5


def log(z: Complex) -> Complex:
    """The logarithm of the absolute value, and the angle."""
    x, y = z.re, z.im
    size = where(_is_zero(x) & _is_zero(y), -math.inf, _log_size(x, y))
    size = where(z.is_nan, math.nan, size)
    size = where(_is_infinite(x) | _is_infinite(y), math.inf, size)
    return Complex(size, y.apply("arctan2", x))


def _scaled(z: Complex, factor: float) -> Complex:
    return Complex(z.re * factor, z.im * factor)


def log2(z: Complex) -> Complex:
    """The logarithm, each part scaled, as NumPy has it."""
    return _scaled(log(z), 1 / math.log(2))


def log10(z: Complex) -> Complex:
    """The logarithm, each part scaled, as NumPy has it."""
    return _scaled(log(z), 1 / math.log(10))


def sqrt(z: Complex) -> Complex:
    """The larger part is ``sqrt((abs(z) + abs(x)) / 2)``; their product is ``y / 2``."""
    x, y = z.re, z.im
    long, _ = _sides(x, y)
    form = x.format
    big, small = form.choose(2.0**500, 2.0**60), form.choose(2.0**-450, 2.0**-60)
    room = form.choose(2.0**700, 2.0**96)
    is_big, is_small = long > big, long < small
    scale = where(is_big, x.lift(1 / room), where(is_small, x.lift(room), 1.0))
    unscale = where(is_big, x.lift(math.sqrt(room)), 1.0)
    unscale = where(is_small, x.lift(1 / math.sqrt(room)), unscale)
    a, b = abs(x) * scale, abs(y) * scale
    size = fma(a, a, b * b).sqrt()
    large = (0.5 * (size + a)).sqrt()
    other = where(_is_zero(large), b, 0.5 * b / large)
    large, other = large * unscale, other * unscale
    is_left = x < 0.0
    found = Complex(where(is_left, other, large), where(is_left, large, other).with_sign_of(y))
    far = Complex(where(is_left, 0.0, x), where(is_left, abs(x), 0.0).with_sign_of(y))
    unknown = y.differs(y)
    far = Complex(where(unknown & is_left, y, far.re), where(unknown & ~is_left, y, far.im))
    found = choose(_is_infinite(x), far, found)
    return choose(_is_infinite(y), Complex(abs(y), y), found)


def _hyperbolic(z: Complex) -> tuple[Value, Value, Value, Value]:
    """Return ``sinh(x) cos(y)``, ``cosh(x) sin(y)``, ``cosh(x) cos(y)`` and ``sinh(x) sin(y)``."""
    x, y = z.re, z.im
    far = abs(x) > x.format.choose(709.0, 88.0)
    half = _growth(abs(x)).half
    sine, cosine = y.apply("sin"), y.apply("cos")

    def product(name: str, factor: Value, grown: Value) -> Value:
        return where(far, half.times(grown), x.apply(name) * factor)

    sign = x.lift(1.0).with_sign_of(x)
    return (
        product("sinh", cosine, cosine * sign),
        product("cosh", sine, sine),
        product("cosh", cosine, cosine),
        product("sinh", sine, sine * sign),
    )


def sinh(z: Complex) -> Complex:
    """``sinh(x) cos(y)`` and ``cosh(x) sin(y)``."""
    x, y = z.re, z.im
    re, im, _, _ = _hyperbolic(z)
    unknown = ~_is_finite(y)
    re = where(unknown & _is_zero(x), x, where(unknown & _is_infinite(x), math.inf, re))
    return Complex(re, where(_is_zero(y), y, im))


def cosh(z: Complex) -> Complex:
    """``cosh(x) cos(y)`` and ``sinh(x) sin(y)``."""
    x, y = z.re, z.im
    _, _, re, im = _hyperbolic(z)
    re = where(~_is_finite(y) & _is_infinite(x), math.inf, re)
    flat = where(x.differs(x), y, y * x.lift(1.0).with_sign_of(x))
    im = where(_is_zero(y), flat, where(~_is_finite(y) & _is_zero(x), 0.0, im))
    return Complex(re, im)


def tanh(z: Complex) -> Complex:
    """``sinh(x) cosh(x)`` and ``sin(y) cos(y)`` over ``sinh(x)**2 + cos(y)**2``."""
    x, y = z.re, z.im
    a = abs(x)
    is_far = a > x.format.choose(354.0, 44.0)
    near = where(is_far, 0.0, x)
    up, across = near.apply("sinh"), near.apply("cosh")
    sine, cosine = y.apply("sin"), y.apply("cos")
    both = fma(up, up, cosine * cosine)
    turn = sine * cosine
    fade = (-a).apply("exp")
    re = where(is_far, x.lift(1.0).with_sign_of(x), up * across / both)
    im = where(is_far, turn * 4.0 * fade * fade, turn / both)
    unknown = ~_is_finite(y)
    im = where(_is_infinite(x) & unknown, y.lift(0.0).with_sign_of(y), im)
    re = where(unknown & (a < math.inf), where(_is_zero(x), x, math.nan), re)
    return Complex(re, where(_is_zero(y), y, im))


def _turned(z: Complex) -> Complex:
    """Return ``i z``."""
    return Complex(-z.im, z.re)


def _turned_back(z: Complex) -> Complex:
    """Return ``-i z``."""
    return Complex(z.im, -z.re)


def sin(z: Complex) -> Complex:
    """``-i sinh(i z)``; an infinity without direction is positive."""
    found = _turned_back(sinh(_turned(z)))
    lost = _is_infinite(z.im) & ~_is_finite(z.re)
    return Complex(found.re, where(lost, math.inf, found.im))


def cos(z: Complex) -> Complex:
    """``cosh(i z)``."""
    return cosh(_turned(z))


def tan(z: Complex) -> Complex:
    """``-i tanh(i z)``."""
    return _turned_back(tanh(_turned(z)))


FUNCTIONS: dict[str, Callable[..., Complex]] = {
    f.__name__: f for f in (exp, expm1, log, log2, log10, sqrt, sin, cos, tan, sinh, cosh, tanh)
}
"""The program of each elementary function, by its name in the scalar language."""
