"""Functions that say where a mask holds, and what stands there: as many as the data decides."""

from __future__ import annotations

from typing import Any

import numpy as np

from tracegraph.ir.graph import Value
from tracegraph.ir.ops.boxes import slice_
from tracegraph.ir.ops.contract import permuted
from tracegraph.ir.ops.division import floor_divide, remainder
from tracegraph.ir.ops.index import gather
from tracegraph.ir.sizes import Dim, product
from tracegraph.ir.types import BOOL, Shape
from tracegraph.numpy.arguments import array, axis_argument, no_out, reshaped, stack
from tracegraph.numpy.emit import Emitter, Sym, Unsupported


def mask_of(e: Emitter, x: Any) -> Value:
    """Return where an array is not zero; a number counts as an array of one element."""
    value = e.cast(array(e, x), BOOL)
    return value if value.ndim else reshaped(value, (1,))


def _places(e: Emitter, mask: Value, seen: Any) -> Value:
    return e.selected(mask, seen.shape[0] if isinstance(seen, np.ndarray) else None)


def _by_axis(e: Emitter, places: Value, shape: Shape) -> list[Value]:
    """Return places counted over all axes as one index for each axis."""
    indices = []
    for axis in range(len(shape)):
        step: Dim = product(shape[axis + 1 :])
        at = places if step == 1 else floor_divide(places, e.broadcast(e.value(step), places.shape))
        if axis:
            at = remainder(at, e.broadcast(e.value(shape[axis]), places.shape))
        indices.append(at)
    return indices


def nonzero(e: Emitter, a: Any) -> list[Sym]:
    """The rule of ``np.nonzero``, and of ``np.where`` with one argument."""
    mask = mask_of(e, a)
    places = _places(e, mask, e.seen[0] if isinstance(e.seen, tuple) else None)
    indices = _by_axis(e, places, mask.shape)
    if len(indices) == 1:
        return [Sym(indices[0])]
    # NumPy gives the columns of one array.
    whole = stack(e, indices, 1)
    column = (*places.shape, 1)
    views = [slice_(whole, start=(0, k), shape=column, step=(1, 1)) for k in range(len(indices))]
    return [Sym(reshaped(view, places.shape)) for view in views]


def flatnonzero(e: Emitter, a: Any) -> Sym:
    """The rule of ``np.flatnonzero``."""
    return Sym(_places(e, mask_of(e, a), e.seen))


def argwhere(e: Emitter, a: Any) -> Sym:
    """The rule of ``np.argwhere``."""
    if not array(e, a).ndim:
        raise Unsupported("np.argwhere of a number; use np.any")
    mask = mask_of(e, a)
    return Sym(stack(e, _by_axis(e, _places(e, mask, e.seen), mask.shape), 1))


def extract(e: Emitter, condition: Any, arr: Any) -> Sym:
    """The rule of ``np.extract``."""
    return compress(e, condition, arr)


def compress(e: Emitter, condition: Any, a: Any, axis: Any = None, out: Any = None) -> Sym:
    """The rule of ``np.compress``: a condition may be shorter than the axis."""
    no_out(out)
    x, mask = array(e, a), mask_of(e, condition)
    if axis is None:
        x, axis = reshaped(x, (product(x.shape),)), 0
    at = axis_argument(axis, x.ndim)
    mask = reshaped(mask, (product(mask.shape),))
    if not e.holds(mask.shape[0], "<=", x.shape[at]):
        raise Unsupported("a condition that is longer than what it selects from")
    seen = e.seen if not isinstance(e.seen, np.ndarray) else e.seen.swapaxes(0, at)
    taken = gather(x, _places(e, mask, seen), axes=(at,))
    order = (*range(1, at + 1), 0, *range(at + 1, x.ndim))
    return Sym(permuted(taken, order))


RULES: dict[Any, Any] = {
    np.nonzero: nonzero,
    np.flatnonzero: flatnonzero,
    np.argwhere: argwhere,
    np.extract: extract,
    np.compress: compress,
}
