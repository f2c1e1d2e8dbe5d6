"""Roots and powers.

What NumPy computes for ``x ** c`` depends on whether ``c`` is one number or an array:
``constant_power`` says which operation stands for a number.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tracegraph.ir.graph import Op, Tangent, Value
from tracegraph.ir.ops.arithmetic import (
    chain,
    divide,
    multiply,
    partials,
    reciprocal,
    square,
    subtract,
    times,
)
from tracegraph.ir.ops.broadcast import full_like
from tracegraph.ir.ops.choice import select
from tracegraph.ir.ops.compare import equal, is_finite, logical_and, truth
from tracegraph.ir.ops.exponential import log
from tracegraph.ir.ops.family import FLOAT, INEXACT, NUMERIC, REAL, elementwise, same_types
from tracegraph.ir.scalar import Scalar, ScalarBuilder
from tracegraph.ir.types import FLOAT32, FLOAT64, ArrayType


def _or_one(x: Value) -> Value:
    """Return x, and 1 where it is 0."""
    zero = equal(x, full_like(x, 0))
    out: Value = select(zero, full_like(x, 1), x)
    return out


def _power_slope(x: Value, y: Value, out: Value) -> Value:
    """``y * x ** (y - 1)``, and 0 where both are 0."""
    del out
    is_corner = logical_and(equal(x, full_like(x, 0)), equal(y, full_like(y, 0)))
    base = select(is_corner, full_like(x, 1), x)
    result: Value = multiply(y, power(base, subtract(y, full_like(y, 1))))
    return result


def _power_scalar(b: ScalarBuilder, x: Scalar, y: Scalar) -> Scalar:
    """Square and multiply for integers: products wrap as NumPy's in whatever order."""
    if x.dtype.kind in "fc":
        return b.apply("power", x, y)
    zero, one = b.const(0, x.dtype), b.const(1, x.dtype)
    result, factor = one, x
    for bit in range(8 * x.dtype.itemsize - (x.dtype.kind == "i")):
        mask = b.const(x.dtype.type(1) << x.dtype.type(bit), x.dtype)
        is_set = b.apply("not_equal", b.apply("bitwise_and", y, mask), zero)
        result = b.select(is_set, b.apply("multiply", result, factor), result)
        factor = b.apply("multiply", factor, factor)
    return result


def _integer_power_type(x: ArrayType, *, exponent: int) -> ArrayType:
    if exponent < 0:
        raise TypeError(f"integer_power needs an exponent that is not negative, got {exponent}")
    return same_types("integer_power", REAL)(x)


def _integer_power_eager(x: Any, *, exponent: int) -> Any:
    return np.power(x, x.dtype.type(exponent))


def _integer_power_scalar(b: ScalarBuilder, x: Scalar, *, exponent: int) -> Scalar:
    if exponent == 0:
        return b.const(1, x.dtype)
    if x.dtype.kind != "f":
        return _wrapping_power(b, x, exponent)
    # The rounding errors of the products are carried along, so that the result is rounded once.
    high, low = x, b.const(0, x.dtype)
    for bit in bin(exponent)[3:]:
        high, low = _product(b, high, high, b.apply("add", low, low))
        if bit == "1":
            high, low = _product(b, high, x, low)
    size = b.apply("absolute", high)
    is_number = b.apply("bitwise_and", is_finite(b, high), truth(b, size))
    return b.select(is_number, b.apply("add", high, low), high)


def _product(b: ScalarBuilder, high: Scalar, factor: Scalar, low: Scalar) -> tuple[Scalar, Scalar]:
    """Return ``(high + low) * factor`` as a rounded product and what rounding took from it."""
    product = b.apply("multiply", high, factor)
    error = b.apply("fma", high, factor, b.apply("negative", product))
    return product, b.apply("fma", low, factor, error)


def _wrapping_power(b: ScalarBuilder, x: Scalar, exponent: int) -> Scalar:
    result = x
    for bit in bin(exponent)[3:]:
        result = b.apply("multiply", result, result)
        if bit == "1":
            result = b.apply("multiply", result, x)
    return result


def _integer_power_jvp(
    primals: Sequence[Value], tangents: Sequence[Tangent], out: Value, *, exponent: int
) -> Tangent:
    if exponent == 0:
        return None
    below = integer_power(primals[0], exponent=exponent - 1)
    result: Value = chain(tangents[0], times(below, exponent))
    return result


def hypot_scalar(b: ScalarBuilder, x: Scalar, y: Scalar) -> Scalar:
    """Return the hypotenuse of two sides."""
    a, c = b.apply("absolute", x), b.apply("absolute", y)
    if x.dtype == FLOAT32:
        wide = [b.cast(side, FLOAT64) for side in (a, c)]
        squares = [b.apply("multiply", side, side) for side in wide]
        finite = b.cast(b.apply("sqrt", b.apply("add", *squares)), FLOAT32)
    else:
        finite = _scaled_hypot(b, b.apply("maximum", a, c), b.apply("minimum", a, c))
    # An infinite side wins, even over NaN.
    infinity = b.const(np.inf, x.dtype)
    is_infinite = (b.apply("equal", side, infinity) for side in (a, c))
    return b.select(b.apply("bitwise_or", *is_infinite), infinity, finite)


def _scaled_hypot(b: ScalarBuilder, long: Scalar, short: Scalar) -> Scalar:
    """Return the hypotenuse of ``long >= short >= 0``, scaled so that no square is out of range."""
    one, up, down = (b.const(value, long.dtype) for value in (1, 2.0**600, 2.0**-600))
    is_big = b.apply("greater", long, b.const(2.0**500, long.dtype))
    is_small = b.apply("less", long, b.const(2.0**-450, long.dtype))
    scale = b.select(is_big, down, b.select(is_small, up, one))
    unscale = b.select(is_big, up, b.select(is_small, down, one))
    x, y = (b.apply("multiply", side, scale) for side in (long, short))
    # Of near sides, 2xy + (x - y)^2 has the smaller rounding error (Borges 2019, as in glibc).
    twice, gap = b.apply("add", y, y), b.apply("subtract", x, y)
    near = b.apply("fma", twice, x, b.apply("multiply", gap, gap))
    far = b.apply("fma", x, x, b.apply("multiply", y, y))
    squared = b.select(b.apply("greater_equal", twice, x), near, far)
    return b.apply("multiply", b.apply("sqrt", squared), unscale)


def _side_slope(side: Value, out: Value) -> Value:
    result: Value = divide(side, _or_one(out))
    return result


def constant_power(x: Value, exponent: complex) -> Value:
    """Return what NumPy computes for ``x ** exponent`` or ``np.power(x, exponent)`` of one number.

    ``x`` has the result's dtype. NumPy has loops of their own for -1, 0, 0.5, 1 and 2, which differ
    from ``power`` in rounding and at infinities and signed zeros. Integers to negative powers are
    NumPy's error, to be raised before.
    """
    if exponent in SPECIAL_POWERS and x.dtype.kind in "fc":
        return SPECIAL_POWERS[exponent](x)
    is_short = x.dtype.kind == "f" and exponent in SHORT_POWERS
    if is_short or x.dtype.kind in "iu":
        exact: Value = integer_power(x, exponent=int(exponent.real))
        return exact
    out: Value = power(x, full_like(x, exponent))
    return out


sqrt: Op = elementwise(
    "sqrt",
    np.sqrt,
    INEXACT,
    jvp=partials(lambda x, out: divide(full_like(out, 0.5), out)),
    heavy=True,
)
cbrt: Op = elementwise(
    "cbrt",
    np.cbrt,
    FLOAT,
    jvp=partials(lambda x, out: reciprocal(times(square(out), 3))),
    heavy=True,
)
power: Op = elementwise(
    "power",
    np.power,
    NUMERIC,
    scalar=_power_scalar,
    # By the exponent, 0 at x = 0 (JAX).
    jvp=partials(_power_slope, lambda x, y, out: multiply(out, log(_or_one(x)))),
    heavy=True,
)
"""``power(x, y)``. Integer exponents must not be negative: NumPy's error is raised before.

Of one number as exponent, use ``constant_power``.
"""
integer_power: Op = elementwise(
    "integer_power",
    _integer_power_eager,
    REAL,
    scalar=_integer_power_scalar,
    type_rule=_integer_power_type,
    jvp=_integer_power_jvp,
    heavy=True,
)
"""``integer_power(x, exponent=)`` of a constant that is not negative; as exact as ``power``."""
hypot: Op = elementwise(
    "hypot",
    np.hypot,
    FLOAT,
    scalar=hypot_scalar,
    jvp=partials(lambda x, y, out: _side_slope(x, out), lambda x, y, out: _side_slope(y, out)),
    commutative=True,
    heavy=True,
)
"""The hypotenuse; its derivative at the origin is 0."""

SPECIAL_POWERS: dict[complex, Callable[[Value], Value]] = {
    -1: reciprocal,
    0: lambda x: full_like(x, 1),
    0.5: sqrt,
    1: lambda x: x,
    2: square,
}
SHORT_POWERS = range(3, 33)
"""Powers of floats for which a chain of products costs less than the general power."""

OPS = (sqrt, cbrt, power, integer_power, hypot)
