"""Scalars, spreading an array over new axes, and its dual: summing axes away.

These stand below every other family, because derivative and batching rules everywhere use them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tracegraph.ir.graph import Derivative, Op, Tangent, Value
from tracegraph.ir.lowering import Fold, Index, Operand, Pull
from tracegraph.ir.scalar import Scalar, ScalarBuilder
from tracegraph.ir.sizes import Dim
from tracegraph.ir.types import ArrayType, Shape


def _literal_element(
    b: ScalarBuilder, index: Index, *, type: ArrayType, value: np.generic
) -> Scalar:
    del index
    return b.const(value, type.dtype)


literal: Op = Op(
    name="literal",
    type_rule=lambda *, value: ArrayType(value.dtype),
    eager=lambda *, value: np.asarray(value),
    lower=Pull(_literal_element),
    jvp=Derivative.ZERO,
    transpose=None,
    batch=lambda operands, batched, size, *, value: no_operand_is_batched("literal"),
)
"""``literal(value=np.float64(2))``: one number, kept by its bits."""


def no_operand_is_batched(name: str) -> Value:
    """Raise: the batching rule of an operation without operands is never called."""
    raise AssertionError(f"{name} has no operands, so none has a batch")


def _broadcast_type(x: ArrayType, *, shape: Shape, axes: tuple[int, ...]) -> ArrayType:
    if tuple(shape[axis] for axis in axes) != x.shape or list(axes) != sorted(set(axes)):
        raise TypeError(
            f"broadcast_to puts the axes of {x} at {axes} of {shape}: "
            "they must agree there and stay in order"
        )
    return x.with_shape(shape)


def _other_axes(axes: tuple[int, ...], ndim: int) -> tuple[int, ...]:
    return tuple(axis for axis in range(ndim) if axis not in axes)


def _broadcast_eager(x: Any, *, shape: tuple[int, ...], axes: tuple[int, ...]) -> Any:
    return np.broadcast_to(np.expand_dims(x, _other_axes(axes, len(shape))), shape)


def _broadcast_element(
    b: ScalarBuilder,
    index: Index,
    x: Operand,
    *,
    type: ArrayType,
    shape: Shape,
    axes: tuple[int, ...],
) -> Scalar:
    del b, type, shape
    return x(tuple(index[axis] for axis in axes))


def _broadcast_batch(
    operands: Sequence[Value],
    batched: Sequence[bool],
    size: Dim,
    *,
    shape: Shape,
    axes: tuple[int, ...],
) -> Value:
    del batched
    out: Value = broadcast_to(
        *operands, shape=(size, *shape), axes=(0, *(axis + 1 for axis in axes))
    )
    return out


broadcast_to: Op = Op(
    name="broadcast_to",
    type_rule=_broadcast_type,
    eager=_broadcast_eager,
    lower=Pull(_broadcast_element),
    jvp=lambda primals, tangents, out, **attrs: broadcast_to(tangents[0], **attrs),
    transpose=lambda ct, operands, linear, *, shape, axes: [
        sum_(ct, axes=_other_axes(axes, len(shape)))
    ],
    batch=_broadcast_batch,
)
"""``broadcast_to(x, shape=, axes=)``: the axes of x become ``axes`` of the result, others are new.

An axis of length 1 is not stretched: reshape it away first.
"""


def check_axes(name: str, x: ArrayType, axes: tuple[int, ...]) -> None:
    """Raise where axes are not distinct, sorted and inside the array."""
    if list(axes) != sorted(set(axes)) or any(not 0 <= axis < x.ndim for axis in axes):
        raise TypeError(f"{name} needs sorted axes inside {x}, got {axes}")


def _sum_type(x: ArrayType, *, axes: tuple[int, ...]) -> ArrayType:
    if x.dtype.kind == "b":
        raise TypeError(f"sum needs numbers, got {x}: cast it, or use any")
    check_axes("sum", x, axes)
    return x.with_shape(x.shape[axis] for axis in _other_axes(axes, x.ndim))


def _sum_eager(x: Any, *, axes: tuple[int, ...]) -> Any:
    return np.sum(x, axis=axes, dtype=x.dtype)


def _sum_transpose(
    ct: Value, operands: Sequence[Value], linear: Sequence[bool], *, axes: tuple[int, ...]
) -> list[Tangent]:
    del linear
    (x,) = operands
    return [broadcast_to(ct, shape=x.shape, axes=_other_axes(axes, x.ndim))]


def batch_axes(
    operands: Sequence[Value], batched: Sequence[bool], size: Dim, op: Op, axes: tuple[int, ...]
) -> Value:
    """Batch an operation over ``axes``: they all move up by one."""
    del batched, size
    out: Value = op(*operands, axes=tuple(axis + 1 for axis in axes))
    return out


sum_: Op = Op(
    name="sum",
    type_rule=_sum_type,
    eager=_sum_eager,
    lower=Fold("add"),
    jvp=lambda primals, tangents, out, **attrs: sum_(tangents[0], **attrs),
    transpose=_sum_transpose,
    batch=lambda operands, batched, size, *, axes: batch_axes(operands, batched, size, sum_, axes),
)
"""``sum(x, axes=)``: the sum over some axes, in the dtype of x."""


def scalar_like(x: Value, value: Any) -> Value:
    """Return a literal of the dtype of ``x``, in the graph of ``x``."""
    number = x.dtype.type(value)
    return x.builder.emit(literal, (), {"value": number})


def full_like(x: Value, value: Any) -> Value:
    """Return ``value`` in the shape and dtype of ``x``."""
    return spread(scalar_like(x, value), x.shape)


def spread(scalar: Value, shape: Shape) -> Value:
    """Return a rank-0 value repeated over a shape."""
    if not shape:
        return scalar
    out: Value = broadcast_to(scalar, shape=tuple(shape), axes=())
    return out


def batched_alike(operands: Sequence[Value], batched: Sequence[bool], size: Dim) -> list[Value]:
    """Return the operands, each with the batch as its first axis."""
    return [
        operand
        if has_batch
        else broadcast_to(
            operand, shape=(size, *operand.shape), axes=tuple(range(1, operand.ndim + 1))
        )
        for operand, has_batch in zip(operands, batched, strict=True)
    ]


OPS = (literal, broadcast_to, sum_)
