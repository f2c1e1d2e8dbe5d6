"""Conversion between dtypes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tracegraph.ir.graph import Op, Tangent, Value
from tracegraph.ir.ops.complexes import real
from tracegraph.ir.ops.family import ANY, elementwise
from tracegraph.ir.scalar import Scalar, ScalarBuilder
from tracegraph.ir.types import ArrayType, DType, is_differentiable, is_supported


def _cast_type(x: ArrayType, *, dtype: DType) -> ArrayType:
    if not is_supported(dtype):
        raise TypeError(f"cast needs one of the dtypes that graphs hold, got {dtype}")
    return x.with_dtype(dtype)


def _cast_scalar(b: ScalarBuilder, x: Scalar, *, dtype: DType) -> Scalar:
    return b.cast(x, dtype)


def convert(x: Value, dtype: DType) -> Value:
    """Return a value in another dtype; of complex numbers the real part, without a warning."""
    if x.dtype == dtype:
        return x
    drops = x.dtype.kind == "c" and dtype.kind != "c"
    out: Value = cast(real(x) if drops else x, dtype=dtype)
    return out


def _cast_jvp(
    primals: Sequence[Value], tangents: Sequence[Tangent], out: Value, *, dtype: DType
) -> Tangent:
    tangent = tangents[0]
    if tangent is None or not is_differentiable(dtype):
        return None
    return convert(tangent, dtype)


cast: Op = elementwise(
    "cast",
    lambda x, *, dtype: np.asarray(x).astype(dtype),
    ANY,
    scalar=_cast_scalar,
    type_rule=_cast_type,
    jvp=_cast_jvp,
    transpose=lambda ct, operands, is_linear, *, dtype: [convert(ct, operands[0].dtype)],
)
"""``cast(x, dtype=)``: NumPy's ``astype``, with the machine's answers for NaN and out of range."""

OPS = (cast,)
