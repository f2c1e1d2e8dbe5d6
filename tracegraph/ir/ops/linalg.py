"""The matrix product, the one contraction that is an operation: others are composed of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tracegraph.ir.graph import Op, Tangent, Value
from tracegraph.ir.lowering import Contract
from tracegraph.ir.ops.arithmetic import add_tangents
from tracegraph.ir.ops.broadcast import batched_alike
from tracegraph.ir.ops.family import type_error
from tracegraph.ir.ops.structural import reshape, transpose
from tracegraph.ir.sizes import Dim
from tracegraph.ir.types import ArrayType


def _matmul_type(x: ArrayType, y: ArrayType) -> ArrayType:
    fits = (
        x.dtype == y.dtype
        and x.ndim == y.ndim >= 2
        and x.shape[:-2] == y.shape[:-2]
        and x.shape[-1] == y.shape[-2]
    )
    if not fits:
        raise type_error("matmul", "[*batch, m, k] and [*batch, k, n] of one dtype", x, y)
    return x.with_shape((*x.shape[:-1], y.shape[-1]))


def matrix_transpose(x: Value) -> Value:
    """Return ``x`` with its last two axes exchanged."""
    out: Value = transpose(x, axes=(*range(x.ndim - 2), x.ndim - 1, x.ndim - 2))
    return out


def _matmul_jvp(primals: Sequence[Value], tangents: Sequence[Tangent], out: Value) -> Tangent:
    del out
    (x, y), (dx, dy) = primals, tangents
    left = None if dx is None else matmul(dx, y)
    return add_tangents(left, None if dy is None else matmul(x, dy))


def _matmul_transpose(
    ct: Value, operands: Sequence[Value], linear: Sequence[bool]
) -> list[Tangent]:
    x, y = operands
    return [
        matmul(ct, matrix_transpose(y)) if linear[0] else None,
        matmul(matrix_transpose(x), ct) if linear[1] else None,
    ]


def _matmul_batch(operands: Sequence[Value], batched: Sequence[bool], size: Dim) -> Value:
    x, y = operands
    out: Value
    if not batched[1] and y.ndim == 2:
        # One matrix for the whole batch: one tall product instead of many small ones.
        _, m, k = x.shape
        tall = matmul(reshape(x, shape=(size * m, k)), y)
        out = reshape(tall, shape=(size, m, y.shape[1]))
    else:
        out = matmul(*batched_alike(operands, batched, size))
    return out


matmul: Op = Op(
    name="matmul",
    type_rule=_matmul_type,
    eager=np.matmul,
    lower=Contract(),
    jvp=_matmul_jvp,
    transpose=_matmul_transpose,
    batch=_matmul_batch,
)
"""``matmul(x, y)``: ``[*batch, m, k] x [*batch, k, n] -> [*batch, m, n]``, of any dtype.

The products in a derivative are not guarded as ``chain`` is: a zero tangent beside a non-finite
element gives NaN, as in JAX.
"""

OPS = (matmul,)
