"""Size and sign of numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tracegraph.ir.graph import Op, Tangent, Value
from tracegraph.ir.ops.arithmetic import chain, divide, negative
from tracegraph.ir.ops.broadcast import full_like
from tracegraph.ir.ops.choice import select
from tracegraph.ir.ops.compare import equal, is_nan, signbit
from tracegraph.ir.ops.complexes import complex_, conjugate, imag, real
from tracegraph.ir.ops.family import ANY, FLOAT, NUMERIC, elementwise, same_types
from tracegraph.ir.ops.power import hypot_scalar
from tracegraph.ir.scalar import Scalar, ScalarBuilder
from tracegraph.ir.types import PART, ArrayType


def _absolute_type(x: ArrayType) -> ArrayType:
    checked = same_types("absolute", ANY)(x)
    return checked.with_dtype(PART.get(x.dtype, x.dtype))


def _absolute_jvp(primals: Sequence[Value], tangents: Sequence[Tangent], out: Value) -> Tangent:
    direction = sign(primals[0])
    is_real = direction.dtype.kind == "f"
    along = chain(tangents[0], direction if is_real else conjugate(direction))
    out_tangent: Value = along if is_real else real(along)
    return out_tangent


def _absolute_scalar(b: ScalarBuilder, x: Scalar) -> Scalar:
    if x.dtype.kind == "c":
        return hypot_scalar(b, b.apply("real", x), b.apply("imag", x))
    return b.apply("absolute", x) if x.dtype.kind in "if" else x


def _complex_sign(b: ScalarBuilder, x: Scalar) -> Scalar:
    """``x / abs(x)``; one infinite part wins, two have no direction, and zeros lose their sign.

    Where the absolute value alone is infinite NumPy gives the direction of the imaginary part.
    """
    size = _absolute_scalar(b, x)
    zero, nan, infinity = (b.const(number, size.dtype) for number in (0, np.nan, np.inf))
    re, im = b.apply("real", x), b.apply("imag", x)
    across, along = (b.apply("equal", b.apply("absolute", p), infinity) for p in (re, im))
    is_far, is_zero = b.apply("equal", size, infinity), b.apply("equal", size, zero)
    is_lost = b.apply("bitwise_or", is_nan(b, size), b.apply("bitwise_and", across, along))

    def direction(part: Scalar, far: Scalar) -> Scalar:
        near = b.select(is_zero, zero, b.apply("divide", part, size))
        return b.select(is_lost, nan, b.select(is_far, far, near))

    far_re = b.select(across, _sign_scalar(b, re), zero)
    far_im = b.select(across, zero, _sign_scalar(b, im))
    return b.apply("complex", direction(re, far_re), direction(im, far_im))


def _sign_scalar(b: ScalarBuilder, x: Scalar) -> Scalar:
    if x.dtype.kind == "c":
        return _complex_sign(b, x)
    zero, one = b.const(0, x.dtype), b.const(1, x.dtype)
    if x.dtype.kind == "u":
        return b.select(b.apply("equal", x, zero), zero, one)
    below = b.select(b.apply("less", x, zero), b.apply("negative", one), zero)
    result = b.select(b.apply("greater", x, zero), one, below)
    if x.dtype.kind == "i":
        return result
    return b.select(b.apply("equal", x, x), result, x)


def _sign_jvp(primals: Sequence[Value], tangents: Sequence[Tangent], out: Value) -> Tangent:
    """Real signs are steps. Complex ones turn: ``1j * s * imag(conj(s) * dx) / abs(x)``, 0 at 0."""
    (x,), (dx,) = primals, tangents
    if x.dtype.kind == "f":
        return None
    turn = imag(chain(dx, conjugate(out)))
    size = absolute(x)
    size = select(equal(size, full_like(size, 0)), full_like(size, 1), size)
    zero = full_like(size, 0)
    result: Value = chain(complex_(zero, turn), divide(out, complex_(size, zero)))
    return result


def _copysign_jvp(primals: Sequence[Value], tangents: Sequence[Tangent], out: Value) -> Tangent:
    """``abs(x)`` with a sign: at 0 the sign bits decide."""
    (x, y), (dx, _) = primals, tangents
    if dx is None:
        return None
    result: Value = select(equal(signbit(x), signbit(y)), dx, negative(dx))
    return result


absolute: Op = elementwise(
    "absolute",
    np.absolute,
    ANY,
    scalar=_absolute_scalar,
    type_rule=_absolute_type,
    jvp=_absolute_jvp,
)
"""Its derivative at 0 is 0, as JAX's."""
sign: Op = elementwise("sign", np.sign, NUMERIC, scalar=_sign_scalar, jvp=_sign_jvp)
copysign: Op = elementwise("copysign", np.copysign, FLOAT, jvp=_copysign_jvp)

OPS = (absolute, sign, copysign)
