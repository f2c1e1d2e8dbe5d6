"""Complex numbers and their parts. Transposes do not conjugate (JAX's convention).

``<ct, t>`` is the real part of ``sum(ct * t)``: so the transpose of ``imag`` is ``-1j`` times.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tracegraph.ir.graph import Op
from tracegraph.ir.ops.arithmetic import add_tangents, negative
from tracegraph.ir.ops.broadcast import full_like
from tracegraph.ir.ops.family import FLOAT, NUMERIC, elementwise, same_types
from tracegraph.ir.types import PART, WHOLE, ArrayType


def _part_type(name: str) -> Any:
    check = same_types(name, "c")

    def rule(x: ArrayType) -> ArrayType:
        return x.with_dtype(PART[check(x).dtype])

    return rule


def _complex_type(x: ArrayType, y: ArrayType) -> ArrayType:
    return x.with_dtype(WHOLE[same_types("complex", FLOAT)(x, y).dtype])


def _complex_eager(x: Any, y: Any) -> Any:
    # x + 1j * y would turn an infinite y into a NaN beside it.
    out = np.empty(np.shape(x), WHOLE[x.dtype])
    out.real, out.imag = x, y
    return out


conjugate: Op = elementwise(
    "conjugate",
    np.conjugate,
    NUMERIC,
    scalar=lambda b, x: b.apply("conjugate", x) if x.dtype.kind == "c" else x,
    jvp=lambda primals, tangents, out: conjugate(tangents[0]),
    transpose=lambda ct, operands, is_linear: [conjugate(ct)],
)
real: Op = elementwise(
    "real",
    np.real,
    "c",
    type_rule=_part_type("real"),
    jvp=lambda primals, tangents, out: real(tangents[0]),
    transpose=lambda ct, operands, is_linear: [complex_(ct, full_like(ct, 0))],
)
imag: Op = elementwise(
    "imag",
    np.imag,
    "c",
    type_rule=_part_type("imag"),
    jvp=lambda primals, tangents, out: imag(tangents[0]),
    transpose=lambda ct, operands, is_linear: [complex_(full_like(ct, 0), negative(ct))],
)
complex_: Op = elementwise(
    "complex",
    _complex_eager,
    FLOAT,
    type_rule=_complex_type,
    jvp=lambda primals, tangents, out: add_tangents(
        None if tangents[0] is None else complex_(tangents[0], full_like(tangents[0], 0)),
        None if tangents[1] is None else complex_(full_like(tangents[1], 0), tangents[1]),
    ),
    transpose=lambda ct, operands, is_linear: [
        real(ct) if is_linear[0] else None,
        negative(imag(ct)) if is_linear[1] else None,
    ],
)
"""``complex(x, y)``: ``x + 1j * y`` of two floats, whatever they are."""

OPS = (conjugate, real, imag, complex_)
