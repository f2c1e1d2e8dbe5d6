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
from tracegraph.codegen.mathlib.value import Pair, Value, fast_two_sum, fma, two_sum, where
from tracegraph.ir.record import record
from tracegraph.ir.scalar import constant_value
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


def _log_of_size(x: Pair, y: Value) -> Value:
    """Return ``log(abs(x + i y))``.

    Half the logarithm of a sum of squares in pairs: near 1 nothing is lost. Sides that are too
    large or too small for that are scaled by powers of two. The low part of x counts near 1 only.
    """
    if y.scalar.dtype == FLOAT32:
        wide = x.high.cast(FLOAT64) + x.low.cast(FLOAT64)
        squares = fma(wide, wide, y.cast(FLOAT64) * y.cast(FLOAT64))
        size = (squares.apply("log") * 0.5).cast(FLOAT32)
    else:
        size = _log_of_double(x, y)
    size = where(_is_zero(x.high) & _is_zero(y), -math.inf, size)
    size = where(x.high.differs(x.high) | y.differs(y), math.nan, size)
    return where(_is_infinite(x.high) | _is_infinite(y), math.inf, size)


def _log_of_double(x: Pair, y: Value) -> Value:
    long, short = _sides(x.high, y)
    is_big, is_small = long > 2.0**500, long < 2.0**-400
    scale = where(is_big, long.lift(2.0**-600), where(is_small, long.lift(2.0**600), 1.0))
    raised = where(is_big, long.lift(1200.0), where(is_small, long.lift(-1200.0), 0.0))
    a, b = _square(long * scale), _square(short * scale)
    total = fast_two_sum(a.high, b.high)
    low = total.low + (a.low + b.low) + 2.0 * (x.high * scale) * (x.low * scale)
    return log_of_pair(Pair(total.high, low), raised) * 0.5


def log(z: Complex) -> Complex:
    """The logarithm of the absolute value, and the angle."""
    size = _log_of_size(Pair(z.re, z.re.lift(0.0)), z.im)
    return Complex(size, z.im.apply("arctan2", z.re))


def log1p(z: Complex) -> Complex:
    """The logarithm of ``1 + z``, whose real part is a pair."""
    shifted = two_sum(1.0, z.re)
    low = where(_is_finite(shifted.low), shifted.low, 0.0)
    return Complex(_log_of_size(Pair(shifted.high, low), z.im), z.im.apply("arctan2", shifted.high))


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


MOST = 100
"""Whole exponents below this are products in NumPy."""


def power(z: Complex, w: Complex) -> Complex:
    """NumPy's ``npy_cpow``: products for small whole exponents, else ``exp(w log(z))``."""
    one = Complex(z.re.lift(1.0), z.re.lift(0.0))
    known = _number(w)
    if known is None:
        found = _any_power(one, z, w)
    elif known.imag == 0 and abs(known.real) in range(MOST):
        found = _known_power(one, z, int(known.real))
    else:
        found = _general_power(z, w)
    nothing = where(w.re > 0.0, z.re.lift(0.0), math.nan)
    found = choose(_is_zero(z.re) & _is_zero(z.im), Complex(nothing, nothing), found)
    return choose(_is_zero(w.re) & _is_zero(w.im), one, found)


def _number(z: Complex) -> complex | None:
    """Return a constant's value."""
    if not z.re.scalar.op == z.im.scalar.op == "const":
        return None
    return complex(constant_value(z.re.scalar), constant_value(z.im.scalar))


def _first_powers(z: Complex) -> dict[int, Complex]:
    """Return the powers that NumPy writes out: elsewhere there is a factor 1."""
    square = z.plain_product(z)
    return {1: z, 2: square, 3: z.plain_product(square)}


def _known_power(one: Complex, z: Complex, exponent: int) -> Complex:
    """Square and multiply, in NumPy's order."""
    total, factor, left = one, z, abs(exponent)
    while left:
        if left % 2:
            total = total.plain_product(factor)
        factor, left = factor.plain_product(factor), left // 2
    return one / total if exponent < 0 else _first_powers(z).get(exponent, total)


def _any_power(one: Complex, z: Complex, w: Complex) -> Complex:
    count = abs(w.re)
    is_whole = _is_zero(w.im) & (count < MOST) & count.equals(count.apply("floor"))
    total, factor, left = one, z, where(is_whole, count, 0.0)
    for _ in range(MOST.bit_length()):
        half = (left * 0.5).apply("floor")
        total = choose(left.differs(half + half), total.plain_product(factor), total)
        factor, left = factor.plain_product(factor), half
    total = choose(w.re < 0.0, one / total, total)
    for number, power_ in _first_powers(z).items():
        total = choose(w.re.equals(float(number)), power_, total)
    return choose(is_whole, total, _general_power(z, w))


def _general_power(z: Complex, w: Complex) -> Complex:
    return exp(_product_of_infinities(w, log(z)))


def _product_of_infinities(a: Complex, b: Complex) -> Complex:
    """Return a product as C has it (C99 G.5.1): an infinite factor is infinite, NaN beside it."""
    product = a.plain_product(b)
    a_far, b_far = _has_infinity(a), _has_infinity(b)
    a, b = _direction(a, a_far), _direction(b, b_far)
    far = a.plain_product(b)
    is_far = product.re.differs(product.re) & product.im.differs(product.im) & (a_far | b_far)
    return choose(is_far, Complex(far.re * math.inf, far.im * math.inf), product)


def _has_infinity(z: Complex) -> Value:
    return _is_infinite(z.re) | _is_infinite(z.im)


def _direction(z: Complex, is_far: Value) -> Complex:
    """Return z with infinite parts 1 and others 0, if there are infinite ones, and 0 for NaN."""

    def part(x: Value) -> Value:
        size = where(is_far, where(_is_infinite(x), x.lift(1.0), 0.0), abs(x))
        return where(x.differs(x), 0.0, size).with_sign_of(x)

    return Complex(part(z.re), part(z.im))


FUNCTIONS: dict[str, Callable[..., Complex]] = {
    f.__name__: f
    for f in (
        exp, expm1, log, log1p, log2, log10, sqrt, power, sin, cos, tan, sinh, cosh, tanh,
    )
}  # fmt: skip
"""The program of each elementary function, by its name in the scalar language."""
