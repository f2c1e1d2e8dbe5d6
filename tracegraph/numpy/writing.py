"""Functions that write into their first argument: each rule returns its complete new content."""

from __future__ import annotations

from typing import Any

import numpy as np

from tracegraph.ir.graph import Value
from tracegraph.ir.ops.choice import select
from tracegraph.ir.ops.index import scatter
from tracegraph.ir.types import BOOL, INT64
from tracegraph.numpy.arguments import array, axis_argument, reshaped
from tracegraph.numpy.emit import Emitter, Sym, Unsupported
from tracegraph.numpy.indexing import setitem
from tracegraph.numpy.selecting import places_along


def put(e: Emitter, a: Sym, ind: Any, v: Any, mode: Any = "raise") -> Sym:
    """The rule of ``np.put``: elements of the flattened array."""
    if mode != "raise":
        raise Unsupported("a mode of np.put; write x.flat places inside of the array")
    index = array(e, ind)
    index = reshaped(index, (index.type.size,))
    values = _as_many(e, v, index, a)
    flat = reshaped(a.value, (a.value.type.size,))
    return Sym(reshaped(setitem(e, Sym(flat), Sym(index), values).value, a.shape))


def _as_many(e: Emitter, v: Any, index: Value, a: Sym) -> Sym:
    """Return one value for all places, or one for each."""
    values = array(e, v, a.dtype)
    if values.ndim == 0 or values.type.size == 1:
        return Sym(reshaped(values, ()))
    if values.type.size != index.type.size:
        raise Unsupported("values that are repeated or left over; give one value for each place")
    return Sym(reshaped(values, index.shape))


def putmask(e: Emitter, a: Sym, mask: Any, values: Any) -> Sym:
    """The rule of ``np.putmask``: values of the same shape, or one value."""
    new = array(e, values, a.dtype)
    if new.type.size == 1:
        new = e.broadcast(reshaped(new, ()), a.shape)
    elif new.type.size != a.value.type.size:
        raise Unsupported("values that are repeated; give one, or as many as the array has")
    holds = reshaped(e.cast(array(e, mask), BOOL), a.shape)
    return Sym(select(holds, reshaped(new, a.shape), a.value))


def place(e: Emitter, arr: Sym, mask: Any, vals: Any) -> Sym:
    """The rule of ``np.place``: one value where a mask holds."""
    new = array(e, vals, arr.dtype)
    if new.type.size != 1:
        raise Unsupported("several values for the places that a mask selects; use np.where")
    return putmask(e, arr, mask, Sym(new))


def fill_diagonal(e: Emitter, a: Sym, val: Any, wrap: Any = False) -> Sym:
    """The rule of ``np.fill_diagonal``."""
    value = array(e, val, a.dtype)
    if value.type.size != 1 or not all(isinstance(dim, int) for dim in a.shape):
        raise Unsupported("a diagonal of several values, or of unknown length; write x[i, i] = v")
    shape = [dim for dim in a.shape if isinstance(dim, int)]
    step = 1 + sum(int(np.prod(shape[k:])) for k in range(1, len(shape)))
    tall = len(shape) == 2 and not wrap
    stop = shape[1] * shape[1] if tall else None
    flat = reshaped(a.value, (a.value.type.size,))
    new = setitem(e, Sym(flat), slice(None, stop, step), Sym(reshaped(value, ())))
    return Sym(reshaped(new.value, a.shape))


def put_along_axis(e: Emitter, arr: Sym, indices: Any, values: Any, axis: Any) -> Sym:
    """The rule of ``np.put_along_axis``."""
    x, index = arr.value, e.cast(array(e, indices), INT64)
    if axis is None:
        x, axis = reshaped(x, (x.type.size,)), 0
    places = places_along(e, x, index, axis_argument(axis, x.ndim))
    new = e.broadcast(array(e, values, x.dtype), places[0].shape)
    return Sym(reshaped(scatter(x, new, *places, axes=tuple(range(x.ndim))), arr.shape))


RULES: dict[Any, Any] = {
    np.put: put,
    np.putmask: putmask,
    np.place: place,
    np.fill_diagonal: fill_diagonal,
    np.put_along_axis: put_along_axis,
}
