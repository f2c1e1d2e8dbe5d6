"""Other arrangements of the same elements: shapes and axes.

Results that NumPy returns as views are chains of reshape, transpose, slice and broadcast_to here.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tracegraph.ir.graph import Value
from tracegraph.ir.ops.compose import flip as flip_axis
from tracegraph.ir.ops.compose import move_axis
from tracegraph.ir.ops.contract import permuted
from tracegraph.ir.sizes import nonnegative
from tracegraph.ir.types import Shape
from tracegraph.numpy.arguments import (
    array,
    axes_argument,
    axis_argument,
    c_order,
    filled_shape,
    integer,
    reshaped,
    same_dtype,
    shape_argument,
    with_axes,
)
from tracegraph.numpy.emit import Emitter, Sym, Unsupported


def reshape(e: Emitter, a: Any, /, shape: Any = None, order: Any = "C", *, copy: Any = None) -> Sym:
    """The rule of ``np.reshape``."""
    c_order(order)
    x = array(e, a)
    wanted = filled_shape(e, shape_argument(shape), x.type.size)
    return Sym(reshaped(x, wanted), fresh=copy is True)


def transpose(e: Emitter, a: Any, axes: Any = None) -> Sym:
    """The rule of ``np.transpose``."""
    x = array(e, a)
    order = range(x.ndim)[::-1] if axes is None else axes
    return Sym(permuted(x, tuple(axis_argument(axis, x.ndim) for axis in order)))


def matrix_transpose(e: Emitter, x: Any, /) -> Sym:
    """The rule of ``np.matrix_transpose``."""
    return swapaxes(e, x, -1, -2)


def swapaxes(e: Emitter, a: Any, axis1: Any, axis2: Any) -> Sym:
    """The rule of ``np.swapaxes``."""
    x = array(e, a)
    axes = list(range(x.ndim))
    first, second = axis_argument(axis1, x.ndim), axis_argument(axis2, x.ndim)
    axes[first], axes[second] = second, first
    return Sym(permuted(x, tuple(axes)))


def moveaxis(e: Emitter, a: Any, source: Any, destination: Any) -> Sym:
    """The rule of ``np.moveaxis``."""
    x = array(e, a)
    sources, destinations = (
        [axis_argument(axis, x.ndim) for axis in (given if _is_sequence(given) else (given,))]
        for given in (source, destination)
    )
    order = [axis for axis in range(x.ndim) if axis not in sources]
    for to, axis in sorted(zip(destinations, sources, strict=True)):
        order.insert(to, axis)
    return Sym(permuted(x, tuple(order)))


def _is_sequence(x: Any) -> bool:
    return isinstance(x, (tuple, list))


def rollaxis(e: Emitter, a: Any, axis: Any, start: Any = 0) -> Sym:
    """The rule of ``np.rollaxis``."""
    x = array(e, a)
    source, to = axis_argument(axis, x.ndim), integer(start, "start")
    to = to + x.ndim if to < 0 else to
    return Sym(move_axis(x, source, to - 1 if source < to else to))


def ravel(e: Emitter, a: Any, order: Any = "C") -> Sym:
    """The rule of ``np.ravel``."""
    if order not in ("C", None):
        raise Unsupported(f"order={order!r} cannot be recorded; leave it out")
    x = array(e, a)
    return Sym(reshaped(x, (x.type.size,)))


def flatten(e: Emitter, a: Any, order: Any = "C") -> Sym:
    """The rule of ``x.flatten``: a copy."""
    return Sym(ravel(e, a, order).value, fresh=True)


def squeeze(e: Emitter, a: Any, axis: Any = None) -> Sym:
    """The rule of ``np.squeeze``."""
    x = array(e, a)
    if axis is not None:
        gone = axes_argument(axis, x.ndim)
        e.must_equal(tuple(x.shape[at] for at in gone), (1,) * len(gone))
    else:
        gone = tuple(at for at, dim in enumerate(x.shape) if is_one(e, dim))
    return Sym(reshaped(x, tuple(dim for at, dim in enumerate(x.shape) if at not in gone)))


def is_one(e: Emitter, dim: Any) -> bool:
    """Return whether a length is 1, by structure or by asking."""
    return not nonnegative(dim - 2) and e.same_dim(dim, 1)


def expand_dims(e: Emitter, a: Any, axis: Any) -> Sym:
    """The rule of ``np.expand_dims``."""
    x = array(e, a)
    count = len(axis) if _is_sequence(axis) else 1
    return Sym(with_axes(x, axes_argument(axis, x.ndim + count)))


def _at_least(e: Emitter, arrays: Any, shape: Any) -> Any:
    found = [Sym(reshaped(x, shape(x))) for x in (array(e, a) for a in arrays)]
    return found[0] if len(found) == 1 else tuple(found)


def atleast_1d(e: Emitter, *arrays: Any) -> Any:
    """The rule of ``np.atleast_1d``."""
    return _at_least(e, arrays, lambda x: x.shape or (1,))


def atleast_2d(e: Emitter, *arrays: Any) -> Any:
    """The rule of ``np.atleast_2d``."""
    return _at_least(e, arrays, lambda x: (*(1,) * (2 - x.ndim), *x.shape))


def atleast_3d(e: Emitter, *arrays: Any) -> Any:
    """The rule of ``np.atleast_3d``."""
    return _at_least(e, arrays, as_volume)


def as_volume(x: Value) -> tuple[Any, ...]:
    """Return the shape that ``atleast_3d`` gives an array."""
    return volume(x.shape)


def volume(shape: Shape) -> Shape:
    """Return a shape with three axes, if it has fewer."""
    if len(shape) >= 3:
        return shape
    return (shape or (1, 1), (1, *shape), shape)[len(shape)] + (1,)


def broadcast_to(e: Emitter, array: Any, shape: Any, subok: Any = False) -> Sym:
    """The rule of ``np.broadcast_to``."""
    del subok
    (x,) = same_dtype(e, [array])
    return Sym(e.broadcast(x, shape_argument(shape)))


def broadcast_arrays(e: Emitter, *args: Any, subok: Any = False) -> tuple[Sym, ...]:
    """The rule of ``np.broadcast_arrays``."""
    del subok
    return tuple(map(Sym, e.align([array(e, a) for a in args])))


def flip(e: Emitter, m: Any, axis: Any = None) -> Sym:
    """The rule of ``np.flip``."""
    x = array(e, m)
    for at in axes_argument(axis, x.ndim):
        x = flip_axis(x, at)
    return Sym(x)


def fliplr(e: Emitter, m: Any) -> Sym:
    """The rule of ``np.fliplr``."""
    return flip(e, m, 1)


def flipud(e: Emitter, m: Any) -> Sym:
    """The rule of ``np.flipud``."""
    return flip(e, m, 0)


def rot90(e: Emitter, m: Any, k: Any = 1, axes: Any = (0, 1)) -> Sym:
    """The rule of ``np.rot90``."""
    x = array(e, m)
    turns = integer(k, "k") % 4
    first, second = (axis_argument(axis, x.ndim) for axis in axes)
    if turns == 2:
        return Sym(flip_axis(flip_axis(x, first), second))
    if turns == 1:
        x = flip_axis(x, second)
    turned = swapaxes(e, Sym(x), first, second) if turns else Sym(x)
    return Sym(flip_axis(turned.value, second)) if turns == 3 else turned


RULES: dict[Any, Any] = {
    np.reshape: reshape,
    np.transpose: transpose,
    np.permute_dims: transpose,
    np.matrix_transpose: matrix_transpose,
    np.swapaxes: swapaxes,
    np.moveaxis: moveaxis,
    np.rollaxis: rollaxis,
    np.ravel: ravel,
    np.squeeze: squeeze,
    np.expand_dims: expand_dims,
    np.atleast_1d: atleast_1d,
    np.atleast_2d: atleast_2d,
    np.atleast_3d: atleast_3d,
    np.broadcast_to: broadcast_to,
    np.broadcast_arrays: broadcast_arrays,
    np.flip: flip,
    np.fliplr: fliplr,
    np.flipud: flipud,
    np.rot90: rot90,
}
