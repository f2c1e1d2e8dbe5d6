"""Numbers taken apart into significand and exponent, and common divisors: NumPy's loops."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tracegraph.ir.graph import Derivative, Op, Tangent, Value
from tracegraph.ir.lowering import CALLOUT
from tracegraph.ir.ops.arithmetic import add, negative
from tracegraph.ir.ops.bitwise import bitwise_and, right_shift
from tracegraph.ir.ops.broadcast import full_like
from tracegraph.ir.ops.cast import convert
from tracegraph.ir.ops.compose_linalg import results_of
from tracegraph.ir.ops.family import FLOAT, INTEGER, elementwise, type_error
from tracegraph.ir.ops.signs import absolute
from tracegraph.ir.sizes import Dim
from tracegraph.ir.types import DTYPES, ArrayType, TupleType

EXPONENT = DTYPES["i32"]


def _ldexp_type(x: ArrayType, exponent: ArrayType) -> ArrayType:
    if x.dtype.kind != "f" or exponent.dtype.kind != "i" or x.shape != exponent.shape:
        raise type_error("ldexp", "floats and signed integers of one shape", x, exponent)
    return x


ldexp: Op = elementwise(
    "ldexp",
    np.ldexp,
    FLOAT,
    lower=CALLOUT,
    type_rule=_ldexp_type,
    jvp=lambda primals, tangents, out: ldexp(tangents[0], primals[1]),
    transpose=lambda ct, operands, is_linear: [ldexp(ct, operands[1]), None],
)
"""``ldexp(x, n)``: ``x * 2**n``, rounded once."""


def _frexp_type(x: ArrayType) -> TupleType:
    if x.dtype.kind != "f":
        raise type_error("frexp", "floats", x)
    return TupleType((x, x.with_dtype(EXPONENT)))


def _frexp_jvp(primals: Sequence[Value], tangents: Sequence[Tangent], out: Value) -> Any:
    del primals
    (tangent,) = tangents
    return [ldexp(tangent, negative(results_of(out)[1])), None]


def _frexp_batch(operands: Sequence[Value], batched: Sequence[bool], size: Dim) -> Any:
    del batched, size
    return results_of(frexp(*operands))


frexp: Op = Op(
    name="frexp",
    type_rule=_frexp_type,
    eager=lambda x: tuple(map(np.asarray, np.frexp(x))),
    lower=CALLOUT,
    jvp=_frexp_jvp,
    transpose=None,
    batch=_frexp_batch,
)
"""``frexp(x)``: a significand from 1/2 to 1, and the power of two that it is multiplied by."""

gcd: Op = elementwise("gcd", np.gcd, INTEGER, lower=CALLOUT, jvp=Derivative.ZERO, commutative=True)
lcm: Op = elementwise("lcm", np.lcm, INTEGER, lower=CALLOUT, jvp=Derivative.ZERO, commutative=True)


def bit_count(x: Value) -> Value:
    """Return how many bits of the absolute value are set, by sums of ever longer fields."""
    unsigned = DTYPES[f"u{8 * x.dtype.itemsize}"]
    size = convert(absolute(x) if x.dtype.kind == "i" else x, unsigned)
    width = 8 * x.dtype.itemsize
    field = 1
    while field < width:
        ones = sum(((1 << field) - 1) << at for at in range(0, width, 2 * field))
        mask, shift = full_like(size, ones), full_like(size, field)
        halves = bitwise_and(size, mask), bitwise_and(right_shift(size, shift), mask)
        size = add(*halves)
        field *= 2
    return convert(size, DTYPES["u8"])


OPS = (ldexp, frexp, gcd, lcm)
