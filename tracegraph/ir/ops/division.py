"""Division with a remainder: for floats NumPy's ``npy_divmod``, signed zeros and infinities too."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from tracegraph.ir.graph import Derivative, Op, Tangent, Value
from tracegraph.ir.ops.arithmetic import add_tangents, chain, divide, negative, subtract
from tracegraph.ir.ops.family import REAL, elementwise
from tracegraph.ir.ops.rounding import rint
from tracegraph.ir.scalar import Scalar, ScalarBuilder


def _needs_adjustment(b: ScalarBuilder, y: Scalar, remainder: Scalar) -> Scalar:
    """Return whether a remainder of the dividend's sign must become one of the divisor's."""
    zero = b.const(0, y.dtype)
    differ = b.apply("not_equal", b.apply("less", y, zero), b.apply("less", remainder, zero))
    return b.apply("bitwise_and", differ, b.apply("not_equal", remainder, zero))


def _floor_divide_scalar(b: ScalarBuilder, x: Scalar, y: Scalar) -> Scalar:
    if x.dtype.kind != "f":
        return b.apply("floor_divide", x, y)
    zero, one, half = (b.const(value, x.dtype) for value in (0, 1, 0.5))
    remainder = b.apply("fmod", x, y)
    quotient = b.apply("divide", b.apply("subtract", x, remainder), y)
    lowered = b.apply("subtract", quotient, one)
    quotient = b.select(_needs_adjustment(b, y, remainder), lowered, quotient)
    # The quotient is whole but for rounding: snap it to the nearest whole number.
    whole = b.apply("floor", quotient)
    is_above = b.apply("greater", b.apply("subtract", quotient, whole), half)
    snapped = b.select(is_above, b.apply("add", whole, one), whole)
    ratio = b.apply("divide", x, y)
    signed_zero = b.apply("copysign", zero, ratio)
    result = b.select(b.apply("equal", quotient, zero), signed_zero, snapped)
    return b.select(b.apply("equal", y, zero), ratio, result)


def _remainder_scalar(b: ScalarBuilder, x: Scalar, y: Scalar) -> Scalar:
    if x.dtype.kind != "f":
        return b.apply("remainder", x, y)
    zero = b.const(0, x.dtype)
    remainder = b.apply("fmod", x, y)
    raised = b.apply("add", remainder, y)
    adjusted = b.select(_needs_adjustment(b, y, remainder), raised, remainder)
    signed_zero = b.apply("copysign", zero, y)
    return b.select(b.apply("equal", remainder, zero), signed_zero, adjusted)


def _fmod_scalar(b: ScalarBuilder, x: Scalar, y: Scalar) -> Scalar:
    if x.dtype.kind == "f":
        return b.apply("fmod", x, y)
    remainder = b.apply("remainder", x, y)
    if x.dtype.kind == "u":
        return remainder
    # A remainder of the divisor's sign becomes one of the dividend's.
    adjusts = _needs_adjustment(b, x, remainder)
    return b.select(adjusts, b.apply("subtract", remainder, y), remainder)


def _less_multiples(quotient: Callable[[Value, Value, Value], Value]) -> Callable[..., Tangent]:
    """Return the jvp of ``x - quotient * y``, whose quotient is constant between its jumps."""

    def jvp(primals: Sequence[Value], tangents: Sequence[Tangent], out: Value) -> Tangent:
        (x, y), (dx, dy) = primals, tangents
        if dy is None:
            return dx
        return add_tangents(dx, chain(dy, negative(quotient(x, y, out))))

    return jvp


floor_divide: Op = elementwise(
    "floor_divide",
    np.floor_divide,
    REAL,
    scalar=_floor_divide_scalar,
    jvp=Derivative.ZERO,
    heavy=True,
)
remainder: Op = elementwise(
    "remainder",
    np.remainder,
    REAL,
    scalar=_remainder_scalar,
    jvp=_less_multiples(lambda x, y, out: floor_divide(x, y)),
    heavy=True,
)
"""The remainder of the divisor's sign. Where it jumps, its derivative is that of the pieces."""
fmod: Op = elementwise(
    "fmod",
    np.fmod,
    REAL,
    scalar=_fmod_scalar,
    jvp=_less_multiples(lambda x, y, out: rint(divide(subtract(x, out), y))),
    heavy=True,
)
"""The remainder of the dividend's sign."""

OPS = (floor_divide, remainder, fmod)
