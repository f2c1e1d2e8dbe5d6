"""Elements taken at places, and parts of matrices: diagonals and triangles."""

from __future__ import annotations

from typing import Any

import numpy as np

from tracegraph.ir.graph import Value
from tracegraph.ir.ops.arithmetic import add, subtract
from tracegraph.ir.ops.broadcast import broadcast_to, full_like, spread
from tracegraph.ir.ops.choice import maximum, minimum, select
from tracegraph.ir.ops.compare import not_equal
from tracegraph.ir.ops.compose import take_axis
from tracegraph.ir.ops.contract import permuted
from tracegraph.ir.ops.division import remainder
from tracegraph.ir.ops.index import gather
from tracegraph.ir.ops.structural import reshape
from tracegraph.ir.sizes import Dim, Size
from tracegraph.ir.types import BOOL, INT64
from tracegraph.numpy.arguments import (
    array,
    axis_argument,
    integer,
    no_out,
    reshaped,
    same_dtype,
)
from tracegraph.numpy.computed_places import inside
from tracegraph.numpy.creation import on_diagonal, on_or_below, positions
from tracegraph.numpy.emit import Emitter, Sym, Unsupported
from tracegraph.numpy.indexing import getitem, index_items
from tracegraph.numpy.joining import joined, padded
from tracegraph.numpy.reductions import sum_rule


def take(
    e: Emitter, a: Any, indices: Any, axis: Any = None, out: Any = None, mode: Any = "raise"
) -> Sym:
    """The rule of ``np.take``."""
    no_out(out)
    x = array(e, a)
    if axis is None:
        x, axis = reshaped(x, (x.type.size,)), 0
    at = axis_argument(axis, x.ndim)
    (index,) = index_items(e, (array_index(e, indices),))
    index = _placed(e, index, x.shape[at], mode)
    before = (slice(None),) * at
    return Sym(getitem(e, Sym(x), (*before, index)).value, fresh=True)


def array_index(e: Emitter, indices: Any) -> Any:
    """Return places as an array, also where they are one plain number."""
    return indices if isinstance(indices, (Sym, list, tuple)) else Sym(e.value(indices, INT64))


def _placed(e: Emitter, index: Value, length: Dim, mode: str) -> Value:
    """Return places that NumPy's ``mode`` brings inside an axis."""
    if mode == "raise":
        return index
    if not e.holds(1, "<=", length):
        raise Unsupported("taking from an axis without elements")
    end = spread(e.value(length), index.shape)
    if mode == "wrap":
        wrapped: Value = remainder(index, end)
        return wrapped
    last = subtract(end, full_like(end, 1))
    clipped: Value = maximum(minimum(index, last), full_like(index, 0))
    return clipped


def take_along_axis(e: Emitter, arr: Any, indices: Any, axis: Any = -1) -> Sym:
    """The rule of ``np.take_along_axis``."""
    x = array(e, arr)
    index = e.cast(array(e, indices), INT64)
    if axis is None:
        x, axis = reshaped(x, (x.type.size,)), 0
    places = places_along(e, x, index, axis_argument(axis, x.ndim))
    return Sym(gather(x, *places, axes=tuple(range(x.ndim))))


def places_along(e: Emitter, x: Value, index: Value, at: int) -> list[Value]:
    """Return for each axis the places that an index along one of them names."""
    shape = e.broadcast_shape(
        (*x.shape[:at], 1, *x.shape[at + 1 :]), (*index.shape[:at], 1, *index.shape[at + 1 :])
    )
    shape = (*shape[:at], index.shape[at], *shape[at + 1 :])
    places = [
        inside(e, index, x.shape[at]) if i == at else _along(e, index, i, x.shape[i])
        for i in range(x.ndim)
    ]
    return [e.broadcast(place, shape) for place in places]


def _along(e: Emitter, index: Value, axis: int, length: Dim) -> Value:
    shape = tuple(length if i == axis else 1 for i in range(index.ndim))
    return positions(e, shape, axis)


# -- diagonals and triangles --------------------------------------------------------------------


def diagonal(e: Emitter, a: Any, offset: Any = 0, axis1: Any = 0, axis2: Any = 1) -> Sym:
    """The rule of ``np.diagonal``: a view of matrices with numbers as sizes, else gathered."""
    x = array(e, a)
    first, second = axis_argument(axis1, x.ndim), axis_argument(axis2, x.ndim)
    others = tuple(axis for axis in range(x.ndim) if axis not in (first, second))
    x = permuted(x, (*others, first, second))
    return Sym(_diagonal(e, x, integer(offset, "offset")))


def _diagonal(e: Emitter, x: Value, offset: int) -> Value:
    """Return the diagonal of the last two axes."""
    *batch, rows, columns = x.shape
    down, right = max(-offset, 0), max(offset, 0)
    length = e.smaller(rows - down, columns - right)
    if not e.holds(0, "<=", length):
        length = 0
    if isinstance(rows, Size) or isinstance(columns, Size):
        place = positions(e, (length,), 0)
        indices = [add(place, full_like(place, shift)) for shift in (down, right)]
        gathered = gather(x, *indices, axes=(x.ndim - 2, x.ndim - 1))
        return permuted(gathered, (*range(1, gathered.ndim), 0))
    line = reshape(x, shape=(*batch, rows * columns))
    start = down * columns + right if length else 0
    return take_axis(line, len(batch), start, length, columns + 1)


def diag(e: Emitter, v: Any, k: Any = 0) -> Sym:
    """The rule of ``np.diag``: the diagonal of a matrix, or a matrix of its diagonal."""
    x = array(e, v)
    at = integer(k, "k")
    if x.ndim == 2:
        return diagonal(e, Sym(x), at)
    ends = (max(-at, 0), max(at, 0))
    rows = padded(e, x, [ends], e.literal(0, x.dtype))
    shape = (rows.shape[0],) * 2
    spread_rows = broadcast_to(rows, shape=shape, axes=(0,))
    return Sym(select(on_diagonal(e, shape, at), spread_rows, full_like(spread_rows, 0)))


def trace(
    e: Emitter,
    a: Any,
    offset: Any = 0,
    axis1: Any = 0,
    axis2: Any = 1,
    dtype: Any = None,
    out: Any = None,
) -> Sym:
    """The rule of ``np.trace``."""
    no_out(out)
    return sum_rule(e, diagonal(e, a, offset, axis1, axis2), -1, dtype)


def tril(e: Emitter, m: Any, k: Any = 0) -> Sym:
    """The rule of ``np.tril``."""
    return _triangle(e, m, integer(k, "k"), lower=True)


def triu(e: Emitter, m: Any, k: Any = 0) -> Sym:
    """The rule of ``np.triu``."""
    return _triangle(e, m, integer(k, "k") - 1, lower=False)


def _triangle(e: Emitter, m: Any, k: int, *, lower: bool) -> Sym:
    x = array(e, m)
    if x.ndim < 2:
        x = e.broadcast(x, (*x.shape, *x.shape))
    below, zero = on_or_below(e, x.shape, k), full_like(x, 0)
    return Sym(select(below, x, zero) if lower else select(below, zero, x))


# -- differences --------------------------------------------------------------------------------


def diff(e: Emitter, a: Any, n: Any = 1, axis: Any = -1, *ends: Any, **named: Any) -> Sym:
    """The rule of ``np.diff``."""
    prepend, append = _ends(*ends, **named)
    order = integer(n, "n")
    x = array(e, a)
    if order == 0:
        return Sym(x)
    at = axis_argument(axis, x.ndim)
    edge = (*x.shape[:at], 1, *x.shape[at + 1 :])
    parts = [part for part in (prepend, Sym(x), append) if part is not np._NoValue]
    values = same_dtype(e, parts)
    x = joined(e, [v if v.ndim else e.broadcast(v, edge) for v in values], at)
    op = not_equal if x.dtype == BOOL else subtract
    for _ in range(order):
        if not e.holds(1, "<=", x.shape[at]):
            raise Unsupported("a difference of an axis without elements")
        rest = x.shape[at] - 1
        x = op(take_axis(x, at, 1, rest), take_axis(x, at, 0, rest))
    return Sym(x)


def _ends(prepend: Any = np._NoValue, append: Any = np._NoValue) -> tuple[Any, Any]:
    return prepend, append


RULES: dict[Any, Any] = {
    np.take: take,
    np.take_along_axis: take_along_axis,
    np.diagonal: diagonal,
    np.diag: diag,
    np.trace: trace,
    np.tril: tril,
    np.triu: triu,
    np.diff: diff,
}
