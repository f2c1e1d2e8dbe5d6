"""The same elements in another arrangement: ``reshape`` and ``transpose``.

Both are index arithmetic only. Lengths and indices are symbolic integers in normal form, so that a
chain of arrangements that ends where it began reads each element where it is.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tracegraph.ir.graph import Op, Tangent, Value
from tracegraph.ir.lowering import Index, Operand, Pull
from tracegraph.ir.ops.family import type_error
from tracegraph.ir.scalar import Scalar, ScalarBuilder
from tracegraph.ir.sizes import Dim, product
from tracegraph.ir.types import ArrayType, Shape


def _reshape_type(x: ArrayType, *, shape: Shape) -> ArrayType:
    if product(shape) != x.size:
        raise type_error("reshape", f"as many elements as the shape {shape} has", x)
    return x.with_shape(shape)


def regroup(index: Index, shape: Shape, old: Shape) -> Index:
    """Return where the element at ``index`` of ``shape`` stands in the equally large shape ``old``.

    Axes are regrouped piecewise between the places where both shapes have the same leading product,
    so that axes which stay as they are cost nothing and no quotient reaches across them.

    >>> from tracegraph.ir.sizes import symbol
    >>> i, j, n = symbol("i"), symbol("j"), symbol("n")
    >>> regroup((i, j), (n, 6), (n, 2, 3))
    (i, floordiv(j, 3), -3*floordiv(j, 3)+j)
    """
    if product(shape) == 0:
        return (0,) * len(old)
    found: list[Dim] = []
    ends, old_ends = _ends(shape), _ends(old)
    begin = old_begin = 0
    for total in ends:
        if total not in old_ends:
            continue
        end, old_end = ends[total], old_ends[total]
        place: Dim = 0
        for i, length in zip(index[begin:end], shape[begin:end], strict=True):
            place = place * length + (0 if length == 1 else i)
        found.extend(_split(place, old[old_begin:old_end]))
        begin, old_begin = end, old_end
    return tuple(found)


def _ends(shape: Shape) -> dict[Dim, int]:
    """Map each product of leading lengths to the last axis count that has it."""
    return {product(shape[:count]): count for count in range(len(shape) + 1)}


def _split(place: Dim, shape: Shape) -> list[Dim]:
    """Return the index that has the position ``place`` in a shape."""
    index: list[Dim] = []
    for axis in range(len(shape) - 1, -1, -1):
        length = shape[axis]
        first = all(before == 1 for before in shape[:axis])
        if length == 1:
            index.append(0)
        elif first:
            index.append(place)
        else:
            index.append(place % length)
            place = place // length
    return index[::-1]


def _reshape_element(
    b: ScalarBuilder, index: Index, x: Operand, *, type: ArrayType, shape: Shape
) -> Scalar:
    del b, type
    return x(regroup(index, shape, x.type.shape))


reshape: Op = Op(
    name="reshape",
    type_rule=_reshape_type,
    eager=lambda x, *, shape: np.asarray(x).reshape(shape),
    lower=Pull(_reshape_element),
    jvp=lambda primals, tangents, out, *, shape: reshape(tangents[0], shape=shape),
    transpose=lambda ct, operands, linear, *, shape: [reshape(ct, shape=operands[0].shape)],
    batch=lambda operands, batched, size, *, shape: reshape(*operands, shape=(size, *shape)),
)
"""``reshape(x, shape=)``: the elements in row-major order, in a shape that has as many of them."""


def _transpose_type(x: ArrayType, *, axes: tuple[int, ...]) -> ArrayType:
    if sorted(axes) != list(range(x.ndim)):
        raise type_error("transpose", f"each axis once, which {axes} does not name", x)
    return x.with_shape(x.shape[axis] for axis in axes)


def inverse(axes: Sequence[int]) -> tuple[int, ...]:
    """Return the permutation that undoes ``axes``."""
    return tuple(sorted(range(len(axes)), key=axes.__getitem__))


def _transpose_element(
    b: ScalarBuilder, index: Index, x: Operand, *, type: ArrayType, axes: tuple[int, ...]
) -> Scalar:
    del b, type
    return x(tuple(index[at] for at in inverse(axes)))


def _transpose_transpose(
    ct: Value, operands: Sequence[Value], linear: Sequence[bool], *, axes: tuple[int, ...]
) -> list[Tangent]:
    del operands, linear
    return [transpose(ct, axes=inverse(axes))]


def _transpose_batch(
    operands: Sequence[Value], batched: Sequence[bool], size: Dim, *, axes: tuple[int, ...]
) -> Value:
    del batched, size
    out: Value = transpose(*operands, axes=(0, *(axis + 1 for axis in axes)))
    return out


transpose: Op = Op(
    name="transpose",
    type_rule=_transpose_type,
    eager=lambda x, *, axes: np.transpose(x, axes),
    lower=Pull(_transpose_element),
    jvp=lambda primals, tangents, out, *, axes: transpose(tangents[0], axes=axes),
    transpose=_transpose_transpose,
    batch=_transpose_batch,
)
"""``transpose(x, axes=)``: axis i of the result is axis ``axes[i]`` of x."""

OPS = (reshape, transpose)
