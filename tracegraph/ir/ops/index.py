"""Reading and writing at places that are computed: ``gather``, ``scatter_add`` and ``scatter``.

The index arrays are int64, of one shape B, and inside the array: negative indices are normalised
and bounds are guarded above. They select along ``axes``, sorted, one array for each; the result of
a gather, and the updates of a scatter, have the shape B followed by the other axes in order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tracegraph.ir.graph import Op, Tangent, Value
from tracegraph.ir.lowering import Index, Operand, Pull, Scatter
from tracegraph.ir.ops.boxes import tangents_or_zeros
from tracegraph.ir.ops.broadcast import batched_alike, broadcast_to, check_axes, full_like
from tracegraph.ir.ops.choice import select
from tracegraph.ir.ops.compare import equal
from tracegraph.ir.ops.compose import iota_beside, move_axis
from tracegraph.ir.ops.family import ANY, NUMERIC, type_error
from tracegraph.ir.ops.structural import reshape
from tracegraph.ir.scalar import Scalar, ScalarBuilder
from tracegraph.ir.sizes import Dim, product
from tracegraph.ir.types import INT64, ArrayType, Shape

Axes = tuple[int, ...]


def _others(axes: Axes, ndim: int) -> Axes:
    return tuple(axis for axis in range(ndim) if axis not in axes)


def _selected_shape(name: str, x: ArrayType, indices: Sequence[ArrayType], axes: Axes) -> Shape:
    """Return the shape of what is selected, having checked the indices."""
    check_axes(name, x, axes)
    alike = all(index == indices[0] and index.dtype == INT64 for index in indices)
    if not axes or len(indices) != len(axes) or not alike:
        raise type_error(name, f"int64 indices of one shape for the axes {axes}", x, *indices)
    return (*indices[0].shape, *(x.shape[axis] for axis in _others(axes, x.ndim)))


def _full_index(
    b: ScalarBuilder, index: Index, indices: Sequence[Operand], ndim: int, axes: Axes
) -> Index:
    """Return the place in the indexed array that belongs to ``index`` of what is selected."""
    batch = indices[0].type.ndim
    at = dict(zip(_others(axes, ndim), index[batch:], strict=True))
    for axis, operand in zip(axes, indices, strict=True):
        at[axis] = b.index(operand(index[:batch]))
    return tuple(at[axis] for axis in range(ndim))


def _over(x: Any, axes: Axes) -> Any:
    """Return a view of an array with the indexed axes first."""
    return np.transpose(x, (*axes, *_others(axes, np.ndim(x))))


def _gather_type(x: ArrayType, *indices: ArrayType, axes: Axes) -> ArrayType:
    return x.with_shape(_selected_shape("gather", x, indices, axes))


def _gather_element(
    b: ScalarBuilder, index: Index, x: Operand, *indices: Operand, type: ArrayType, axes: Axes
) -> Scalar:
    del type
    return x(_full_index(b, index, indices, x.type.ndim, axes))


def _gather_transpose(
    ct: Value, operands: Sequence[Value], linear: Sequence[bool], *, axes: Axes
) -> list[Tangent]:
    del linear
    x, *indices = operands
    return [scatter_add(full_like(x, 0), ct, *indices, axes=axes), *(None for _ in indices)]


def _batched_indices(indices: Sequence[Value], batched: Sequence[bool], size: Dim) -> list[Value]:
    """Return indices that select, in each example of a batched array, its own places."""
    alike = batched_alike(indices, batched, size)
    return [iota_beside(alike[0], alike[0].shape, 0), *alike]


def _up(axes: Axes) -> Axes:
    return tuple(axis + 1 for axis in axes)


def _gather_batch(
    operands: Sequence[Value], batched: Sequence[bool], size: Dim, *, axes: Axes
) -> Value:
    x, *indices = operands
    out: Value
    if not batched[0]:
        out = gather(x, *batched_alike(indices, batched[1:], size), axes=axes)
    elif not any(batched[1:]):
        out = move_axis(gather(x, *indices, axes=_up(axes)), indices[0].ndim, 0)
    else:
        out = gather(x, *_batched_indices(indices, batched[1:], size), axes=(0, *_up(axes)))
    return out


gather: Op = Op(
    name="gather",
    type_rule=_gather_type,
    eager=lambda x, *indices, axes: np.asarray(_over(x, axes)[indices]),
    lower=Pull(_gather_element),
    jvp=lambda primals, tangents, out, *, axes: gather(tangents[0], *primals[1:], axes=axes),
    transpose=_gather_transpose,
    batch=_gather_batch,
)
"""``gather(x, *indices, axes=)``: the elements of x, or its parts, at computed places."""


def _place(b: ScalarBuilder, index: Index, *indices: Operand, type: ArrayType, axes: Axes) -> Index:
    return _full_index(b, index, indices, type.ndim, axes)


def scatter_type(name: str, kinds: str) -> Callable[..., ArrayType]:
    """Return the type rule of an operation that combines updates with a base."""

    def rule(base: ArrayType, updates: ArrayType, *indices: ArrayType, axes: Axes) -> ArrayType:
        expected = base.with_shape(_selected_shape(name, base, indices, axes))
        if updates != expected or base.dtype.kind not in kinds:
            raise type_error(
                name, f"updates {expected} of the kinds {kinds!r} for the base", base, updates
            )
        return base

    return rule


def scatter_eager(write: Callable[..., None]) -> Callable[..., Any]:
    """Return the kernel that has ``write(view, indices, updates)`` work on a copy of the base."""

    def eager(base: Any, updates: Any, *indices: Any, axes: Axes) -> Any:
        out = np.array(base)
        # NumPy visits places in the order of memory where all arrays agree on one; with row-major
        # index arrays that is the order of their indices.
        rows = tuple(np.ascontiguousarray(index).reshape(index.shape) for index in indices)
        write(_over(out, axes), rows, updates)
        return out

    return eager


def scatter_batch(
    operands: Sequence[Value],
    batched: Sequence[bool],
    size: Dim,
    op: Callable[..., Value],
    axes: Axes,
) -> Value:
    """Return a batch of bases, each combined with its updates by ``op``."""
    base, updates = batched_alike(operands[:2], batched[:2], size)
    indices = operands[2:]
    out: Value
    if any(batched[2:]):
        each = _batched_indices(indices, batched[2:], size)
        out = op(base, updates, *each, axes=(0, *_up(axes)))
    else:
        out = op(base, move_axis(updates, 0, indices[0].ndim), *indices, axes=_up(axes))
    return out


def _scatter_add_jvp(
    primals: Sequence[Value], tangents: Sequence[Tangent], out: Value, *, axes: Axes
) -> Tangent:
    del out
    if tangents[1] is None:
        return tangents[0]
    base, updates = tangents_or_zeros(primals[:2], tangents[:2])
    total: Value = scatter_add(base, updates, *primals[2:], axes=axes)
    return total


def _scatter_add_transpose(
    ct: Value, operands: Sequence[Value], linear: Sequence[bool], *, axes: Axes
) -> list[Tangent]:
    indices = operands[2:]
    return [
        ct if linear[0] else None,
        gather(ct, *indices, axes=axes) if linear[1] else None,
        *(None for _ in indices),
    ]


scatter_add: Op = Op(
    name="scatter_add",
    type_rule=scatter_type("scatter_add", NUMERIC),
    eager=scatter_eager(np.add.at),
    lower=Scatter("add", _place),
    jvp=_scatter_add_jvp,
    transpose=_scatter_add_transpose,
    batch=lambda operands, batched, size, *, axes: scatter_batch(
        operands, batched, size, scatter_add, axes
    ),
)
"""``scatter_add(base, updates, *indices, axes=)``: base plus every update at its place."""


def _scatter_transpose(
    ct: Value, operands: Sequence[Value], linear: Sequence[bool], *, axes: Axes
) -> list[Tangent]:
    """The base receives nothing where it was overwritten, and of several updates only the last."""
    updates, indices = operands[1], operands[2:]
    base_ct = update_ct = None
    if linear[0]:
        base_ct = scatter(ct, full_like(updates, 0), *indices, axes=axes)
    if linear[1]:
        taken = gather(ct, *indices, axes=axes)
        wins = broadcast_to(
            _is_last(indices, tuple(ct.shape[axis] for axis in axes)),
            shape=taken.shape,
            axes=tuple(range(indices[0].ndim)),
        )
        update_ct = select(wins, taken, full_like(taken, 0))
    return [base_ct, update_ct, *(None for _ in indices)]


def _is_last(indices: Sequence[Value], shape: Shape) -> Value:
    """Return where no later entry of the index arrays names the same place of ``shape``.

    Every entry writes its number at its place; those that find it there again came last.
    """
    many = indices[0].shape
    numbers = reshape(iota_beside(indices[0], (product(many),), 0), shape=many)
    axes = tuple(range(len(shape)))
    written = scatter(iota_beside(indices[0], shape, 0), numbers, *indices, axes=axes)
    last: Value = equal(gather(written, *indices, axes=axes), numbers)
    return last


scatter: Op = Op(
    name="scatter",
    type_rule=scatter_type("scatter", ANY),
    eager=scatter_eager(lambda view, rows, updates: view.__setitem__(rows, updates)),
    lower=Scatter("assign", _place),
    jvp=lambda primals, tangents, out, *, axes: scatter(
        *tangents_or_zeros(primals[:2], tangents[:2]), *primals[2:], axes=axes
    ),
    transpose=_scatter_transpose,
    batch=lambda operands, batched, size, *, axes: scatter_batch(
        operands, batched, size, scatter, axes
    ),
)
"""``scatter(base, updates, *indices, axes=)``: base with updates at their places; the last wins."""

OPS = (gather, scatter_add, scatter)
