"""Rounding to whole numbers, and to the neighbour."""

from __future__ import annotations

import numpy as np

from tracegraph.ir.graph import Derivative, Op
from tracegraph.ir.ops.compare import is_nan
from tracegraph.ir.ops.family import FLOAT, INEXACT, elementwise
from tracegraph.ir.scalar import Scalar, ScalarBuilder
from tracegraph.ir.types import DTYPES


def _nextafter_scalar(b: ScalarBuilder, x: Scalar, y: Scalar) -> Scalar:
    """Step the bits as an integer: away from zero is up, whatever the sign."""
    integer = DTYPES[f"i{8 * x.dtype.itemsize}"]
    zero, one = b.const(0, x.dtype), b.const(1, integer)
    away = b.apply("equal", b.apply("less", x, y), b.apply("greater", x, zero))
    bits = b.bitcast(x, integer)
    step = b.select(away, b.apply("add", bits, one), b.apply("subtract", bits, one))
    least = b.apply("copysign", b.bitcast(one, x.dtype), y)
    moved = b.select(b.apply("equal", x, zero), least, b.bitcast(step, x.dtype))
    either_nan = b.apply("bitwise_or", is_nan(b, x), is_nan(b, y))
    result = b.select(either_nan, b.apply("add", x, y), moved)
    return b.select(b.apply("equal", x, y), y, result)


floor: Op = elementwise("floor", np.floor, FLOAT, jvp=Derivative.ZERO)
ceil: Op = elementwise("ceil", np.ceil, FLOAT, jvp=Derivative.ZERO)
trunc: Op = elementwise("trunc", np.trunc, FLOAT, jvp=Derivative.ZERO)
rint: Op = elementwise("rint", np.rint, INEXACT, jvp=Derivative.ZERO)
nextafter: Op = elementwise(
    "nextafter",
    np.nextafter,
    FLOAT,
    scalar=_nextafter_scalar,
    jvp=lambda primals, tangents, out: tangents[0],
)
"""``nextafter(x, y)``: differentiated as x itself, from which it differs by rounding only."""

OPS = (floor, ceil, trunc, rint, nextafter)
