"""Values made from nothing but sizes: positions along an axis, and a size itself."""

from __future__ import annotations

from typing import Any

import numpy as np

from tracegraph.ir.graph import Derivative, Op
from tracegraph.ir.lowering import Index, Pull
from tracegraph.ir.ops.broadcast import no_operand_is_batched
from tracegraph.ir.ops.family import NUMERIC
from tracegraph.ir.scalar import Scalar, ScalarBuilder
from tracegraph.ir.sizes import Dim
from tracegraph.ir.types import INT64, ArrayType, DType, Shape


def _iota_type(*, shape: Shape, axis: int, dtype: DType) -> ArrayType:
    if not 0 <= axis < len(shape) or dtype.kind not in NUMERIC:
        raise TypeError(f"iota needs an axis of {shape} and a number's dtype, got {axis}, {dtype}")
    return ArrayType(dtype, shape)


def _iota_eager(*, shape: tuple[int, ...], axis: int, dtype: DType) -> Any:
    others = tuple(i for i in range(len(shape)) if i != axis)
    line = np.expand_dims(np.arange(shape[axis], dtype=dtype), others)
    return np.broadcast_to(line, shape)


def _iota_element(
    b: ScalarBuilder, index: Index, *, type: ArrayType, shape: Shape, axis: int, dtype: DType
) -> Scalar:
    del type, shape
    return b.cast(b.size(index[axis]), dtype)


iota: Op = Op(
    name="iota",
    type_rule=_iota_type,
    eager=_iota_eager,
    lower=Pull(_iota_element),
    jvp=Derivative.ZERO,
    transpose=None,
    batch=lambda operands, batched, size, **attrs: no_operand_is_batched("iota"),
)
"""``iota(shape=, axis=, dtype=)``: at each place its index along ``axis``."""


def _size_element(b: ScalarBuilder, index: Index, *, type: ArrayType, value: Dim) -> Scalar:
    del index, type
    return b.size(value)


size_value: Op = Op(
    name="size",
    type_rule=lambda *, value: ArrayType(INT64),
    eager=lambda *, value: np.asarray(value, INT64),
    lower=Pull(_size_element),
    jvp=Derivative.ZERO,
    transpose=None,
    batch=lambda operands, batched, size, *, value: no_operand_is_batched("size"),
)
"""``size(value=)``: the number that a symbolic integer has, as an int64."""

OPS = (iota, size_value)
