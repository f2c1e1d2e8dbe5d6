"""The matrix product, the one contraction that is an operation: others are composed of it.

In a derivative one factor is a tangent or a cotangent, and its zeros win over what is not finite in
the other factor, as in ``chain``: `settled` sees to that where a product has a NaN.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from tracegraph.ir.graph import Op, Tangent, Value
from tracegraph.ir.lowering import Contract
from tracegraph.ir.ops.arithmetic import add_tangents
from tracegraph.ir.ops.broadcast import batched_alike
from tracegraph.ir.ops.family import type_error
from tracegraph.ir.ops.structural import reshape, transpose
from tracegraph.ir.sizes import Dim
from tracegraph.ir.types import ArrayType

Zeros: TypeAlias = tuple[bool, bool]
PLAIN: Zeros = (False, False)


def settled(found: Any, x: Any, y: Any, zeros: Zeros, product: Callable[[Any, Any], Any]) -> Any:
    """Return sums of products ``found``, without the NaNs that come of a zero that wins.

    Only where there is a NaN anything is computed again, and it stays where a term that no zero
    wins is not finite. ``product`` is what gave ``found`` for ``x`` and ``y``.
    """
    is_nan = np.isnan(found)
    if not is_nan.any():
        return found
    finite = [np.isfinite(factor) for factor in (x, y)]
    counts = [
        (factor != 0) if wins else np.ones(np.shape(factor), bool)
        for factor, wins in zip((x, y), zeros, strict=True)
    ]
    # How many terms are not finite; there are no more numbers than those of one factor.
    x_bad, y_bad, x_counts, y_counts = (
        flags.astype(found.dtype) for flags in (~finite[0], ~finite[1], *counts)
    )
    wild = product(x_bad, y_counts) + product(x_counts, y_bad)
    safe = product(np.where(finite[0], x, 0), np.where(finite[1], y, 0))
    return np.where(is_nan & (wild == 0), safe, found)


def _matmul_eager(x: Any, y: Any, *, zeros: Zeros = PLAIN) -> Any:
    if not any(zeros):
        return np.matmul(x, y)
    with np.errstate(invalid="ignore", over="ignore", under="ignore"):
        return settled(np.matmul(x, y), x, y, zeros, np.matmul)


def _matmul_type(x: ArrayType, y: ArrayType, *, zeros: Zeros = PLAIN) -> ArrayType:
    del zeros
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


def _matmul_jvp(
    primals: Sequence[Value], tangents: Sequence[Tangent], out: Value, *, zeros: Zeros = PLAIN
) -> Tangent:
    del out
    (x, y), (dx, dy) = primals, tangents
    left = None if dx is None else matmul(dx, y, zeros=(True, zeros[1]))
    return add_tangents(left, None if dy is None else matmul(x, dy, zeros=(zeros[0], True)))


def _matmul_transpose(
    ct: Value, operands: Sequence[Value], linear: Sequence[bool], *, zeros: Zeros = PLAIN
) -> list[Tangent]:
    x, y = operands
    return [
        matmul(ct, matrix_transpose(y), zeros=(True, zeros[1])) if linear[0] else None,
        matmul(matrix_transpose(x), ct, zeros=(zeros[0], True)) if linear[1] else None,
    ]


def _matmul_batch(
    operands: Sequence[Value], batched: Sequence[bool], size: Dim, **attrs: Any
) -> Value:
    x, y = operands
    out: Value
    if not batched[1] and y.ndim == 2:
        # One matrix for the whole batch: one tall product instead of many small ones.
        _, m, k = x.shape
        tall = matmul(reshape(x, shape=(size * m, k)), y, **attrs)
        out = reshape(tall, shape=(size, m, y.shape[1]))
    else:
        out = matmul(*batched_alike(operands, batched, size), **attrs)
    return out


matmul: Op = Op(
    name="matmul",
    type_rule=_matmul_type,
    eager=_matmul_eager,
    lower=Contract(),
    jvp=_matmul_jvp,
    transpose=_matmul_transpose,
    batch=_matmul_batch,
)
"""``matmul(x, y)``: ``[*batch, m, k] x [*batch, k, n] -> [*batch, m, n]``, of any dtype.

``matmul(x, y, zeros=(of_x, of_y))`` is the product in a derivative: it says of which factors the
zeros win over what is not finite in the other one.
"""

OPS = (matmul,)
