"""Parts of arrays, strided boxes: reading one (``slice``), writing one, and joining arrays.

A box is ``start + step * i`` along each axis. A negative step starts at the last place and walks
down, so reversing an axis is a slice, and padding is writing into a constant.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tracegraph.ir.graph import Op, Tangent, Value
from tracegraph.ir.lowering import Boxes, Index, Operand, Piece, Pull
from tracegraph.ir.ops.broadcast import batched_alike, full_like
from tracegraph.ir.ops.family import type_error
from tracegraph.ir.scalar import Scalar, ScalarBuilder
from tracegraph.ir.sizes import Dim
from tracegraph.ir.types import ArrayType, Shape

Step = tuple[int, ...]


def _check_box(name: str, x: ArrayType, start: Shape, shape: Shape, step: Step) -> None:
    """Raise where a box leaves its array, as far as numbers tell."""
    if not len(start) == len(shape) == len(step) == x.ndim:
        raise type_error(
            name, f"start {start}, shape {shape} and step {step} for each axis of the array", x
        )
    for whole, first, length, stride in zip(x.shape, start, shape, step, strict=True):
        if stride == 0:
            raise type_error(name, f"steps that are not 0, not {step},", x)
        places = (first, first + (length - 1) * stride)
        outside = any(isinstance(p, int) and not _inside(p, whole) for p in places)
        if outside and length != 0:
            raise type_error(name, f"a box inside the array, not {places} on an axis,", x)


def _inside(place: int, length: Dim) -> bool:
    return place >= 0 and not (isinstance(length, int) and place >= length)


def box_slices(start: Sequence[int], shape: Sequence[int], step: Step) -> tuple[slice, ...]:
    """Return NumPy's slices of a box."""
    return tuple(
        [
            slice(first, None if (stop := first + length * stride) < 0 else stop, stride)
            if length
            else slice(0, 0)
            for first, length, stride in zip(start, shape, step, strict=True)
        ]
    )


def _slice_type(x: ArrayType, *, start: Shape, shape: Shape, step: Step) -> ArrayType:
    _check_box("slice", x, start, shape, step)
    return x.with_shape(shape)


def _slice_eager(x: Any, *, start: Sequence[int], shape: Sequence[int], step: Step) -> Any:
    return np.asarray(np.asarray(x)[box_slices(start, shape, step)])


def _slice_element(
    b: ScalarBuilder,
    index: Index,
    x: Operand,
    *,
    type: ArrayType,
    start: Shape,
    shape: Shape,
    step: Step,
) -> Scalar:
    del b, type, shape
    return x(tuple(s + d * i for s, d, i in zip(start, step, index, strict=True)))


def _slice_transpose(
    ct: Value,
    operands: Sequence[Value],
    linear: Sequence[bool],
    *,
    start: Shape,
    shape: Shape,
    step: Step,
) -> list[Tangent]:
    del linear, shape
    return [slice_update(full_like(operands[0], 0), ct, start=start, step=step)]


def _slice_batch(
    operands: Sequence[Value],
    batched: Sequence[bool],
    size: Dim,
    *,
    start: Shape,
    shape: Shape,
    step: Step,
) -> Value:
    del batched
    out: Value = slice_(*operands, start=(0, *start), shape=(size, *shape), step=(1, *step))
    return out


slice_: Op = Op(
    name="slice",
    type_rule=_slice_type,
    eager=_slice_eager,
    lower=Pull(_slice_element),
    jvp=lambda primals, tangents, out, **attrs: slice_(tangents[0], **attrs),
    transpose=_slice_transpose,
    batch=_slice_batch,
)
"""``slice(x, start=, shape=, step=)``: ``x[start + step * i]`` for each index i of ``shape``."""


def _update_type(base: ArrayType, update: ArrayType, *, start: Shape, step: Step) -> ArrayType:
    if base.dtype != update.dtype:
        raise type_error("slice_update", "a base and an update of one dtype", base, update)
    _check_box("slice_update", base, start, update.shape, step)
    return base


def _update_eager(base: Any, update: Any, *, start: Sequence[int], step: Step) -> Any:
    out = np.array(base)
    out[box_slices(start, np.shape(update), step)] = update
    return out


def _update_pieces(types: Sequence[ArrayType], *, start: Shape, step: Step) -> list[Piece]:
    ndim = types[0].ndim
    return [Piece(0, (0,) * ndim, (1,) * ndim), Piece(1, start, step)]


def tangents_or_zeros(primals: Sequence[Value], tangents: Sequence[Tangent]) -> list[Value]:
    """Return the tangents, with zeros made of those that are None."""
    return [
        full_like(primal, 0) if tangent is None else tangent
        for primal, tangent in zip(primals, tangents, strict=True)
    ]


def _update_transpose(
    ct: Value, operands: Sequence[Value], linear: Sequence[bool], *, start: Shape, step: Step
) -> list[Tangent]:
    update = operands[1]
    return [
        slice_update(ct, full_like(update, 0), start=start, step=step) if linear[0] else None,
        slice_(ct, start=start, shape=update.shape, step=step) if linear[1] else None,
    ]


def _update_batch(
    operands: Sequence[Value], batched: Sequence[bool], size: Dim, *, start: Shape, step: Step
) -> Value:
    both = batched_alike(operands, batched, size)
    out: Value = slice_update(*both, start=(0, *start), step=(1, *step))
    return out


slice_update: Op = Op(
    name="slice_update",
    type_rule=_update_type,
    eager=_update_eager,
    lower=Boxes(_update_pieces),
    jvp=lambda primals, tangents, out, **attrs: slice_update(
        *tangents_or_zeros(primals, tangents), **attrs
    ),
    transpose=_update_transpose,
    batch=_update_batch,
)
"""``slice_update(base, update, start=, step=)``: base with ``update`` at ``start + step * i``."""


def _concatenate_type(*xs: ArrayType, axis: int) -> ArrayType:
    first = xs[0]
    if not 0 <= axis < first.ndim:
        raise type_error("concatenate", f"an axis inside the arrays, not {axis},", first)
    joined: Dim = 0
    for x in xs:
        if x.with_shape(_without(x.shape, axis)) != first.with_shape(_without(first.shape, axis)):
            raise type_error(
                "concatenate", f"arrays that differ in the length of axis {axis} alone", *xs
            )
        joined = joined + x.shape[axis]
    return first.with_shape((*first.shape[:axis], joined, *first.shape[axis + 1 :]))


def _without(shape: Shape, axis: int) -> Shape:
    return (*shape[:axis], -1, *shape[axis + 1 :])


def _starts(types: Sequence[ArrayType], axis: int) -> list[tuple[Dim, ...]]:
    """Return where each part of a concatenation begins."""
    starts = []
    offset: Dim = 0
    for x in types:
        starts.append(tuple(offset if i == axis else 0 for i in range(x.ndim)))
        offset = offset + x.shape[axis]
    return starts


def _concatenate_pieces(types: Sequence[ArrayType], *, axis: int) -> list[Piece]:
    steps = (1,) * types[0].ndim
    return [Piece(i, start, steps) for i, start in enumerate(_starts(types, axis))]


def _concatenate_transpose(
    ct: Value, operands: Sequence[Value], linear: Sequence[bool], *, axis: int
) -> list[Tangent]:
    starts = _starts([x.type for x in operands], axis)
    return [
        slice_(ct, start=start, shape=x.shape, step=(1,) * x.ndim) if wanted else None
        for x, start, wanted in zip(operands, starts, linear, strict=True)
    ]


def _concatenate_batch(
    operands: Sequence[Value], batched: Sequence[bool], size: Dim, *, axis: int
) -> Value:
    out: Value = concatenate(*batched_alike(operands, batched, size), axis=axis + 1)
    return out


concatenate: Op = Op(
    name="concatenate",
    type_rule=_concatenate_type,
    eager=lambda *xs, axis: np.concatenate(xs, axis),
    lower=Boxes(_concatenate_pieces),
    jvp=lambda primals, tangents, out, *, axis: concatenate(
        *tangents_or_zeros(primals, tangents), axis=axis
    ),
    transpose=_concatenate_transpose,
    batch=_concatenate_batch,
)
"""``concatenate(*xs, axis=)``: arrays one after the other along an axis."""

OPS = (slice_, slice_update, concatenate)
