"""What rules do with the arguments of NumPy's functions: options, axes, dtypes, shapes, lists."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from tracegraph.ir.graph import Value
from tracegraph.ir.ops.arithmetic import add, multiply
from tracegraph.ir.ops.boxes import concatenate
from tracegraph.ir.ops.creation import iota
from tracegraph.ir.ops.structural import reshape
from tracegraph.ir.sizes import Dim, Size, floordiv, product
from tracegraph.ir.types import DType, Shape, is_supported
from tracegraph.numpy.emit import Emitter, Sym, Unsupported

CONSTANT_LIMIT = 256
"""How many numbers of a list may become literals of the graph."""


def no_options(options: dict[str, Any]) -> None:
    """Give up where options are given that a rule does not know."""
    for name in options:
        raise Unsupported(f"the option {name!r} cannot be recorded; leave it out")


def only(name: str, given: Any, *allowed: Any) -> None:
    """Give up unless an option has a value that is recorded."""
    if not any(type(given) is type(value) and given == value for value in allowed):
        raise Unsupported(f"{name}={given!r} cannot be recorded; leave it out")


def no_out(out: Any) -> None:
    """Give up where a result is to be written into an array that the recorder did not see."""
    if out is not None:
        raise Unsupported("`out` was passed by position; pass it by name")


def c_order(order: Any) -> None:
    """Give up unless elements are taken in row-major order."""
    only("order", order, "C", "K", "A", None)


def any_order(order: Any) -> None:
    """Take any order of elements in memory: it is that of what NumPy returned."""
    only("order", order, "C", "F", "K", "A", None)


def is_array_like(x: Any) -> bool:
    """Return whether an operand is more than one number, or a list."""
    return isinstance(x, (list, tuple)) or (isinstance(x, Sym) and x.ndim > 0)


def integer(x: Any, what: str) -> int:
    """Return an argument that must be a plain integer."""
    if isinstance(x, (Sym, Size)):
        raise Unsupported(f"{what} depends on data; it must be a constant")
    return operator.index(x)


def dtype_argument(dtype: Any) -> DType | None:
    """Return the dtype that a ``dtype=`` argument names."""
    if dtype is None:
        return None
    found: DType = np.dtype(dtype)
    if not is_supported(found):
        raise Unsupported(f"the dtype {found} is not supported; use float32 or float64")
    return found


def axis_argument(axis: Any, ndim: int) -> int:
    """Return one axis counted from the start."""
    at = integer(axis, "an axis")
    if not -ndim <= at < ndim:
        raise Unsupported(f"the axis {at} is outside an array of {ndim} axes")
    return at % ndim


def axes_argument(axis: Any, ndim: int) -> tuple[int, ...]:
    """Return the axes that None, an int or a tuple names, counted from the start and in order.

    Reductions take 0 and -1 as the axis of an array that has none.
    """
    if axis is None:
        return tuple(range(ndim))
    if ndim == 0 and not isinstance(axis, (tuple, list)):
        axis_argument(axis, 1)
        return ()
    named = axis if isinstance(axis, (tuple, list)) else (axis,)
    return tuple(sorted(axis_argument(a, ndim) for a in named))


def dim_argument(x: Any) -> Dim:
    """Return a length that is given as an argument."""
    return x if isinstance(x, Size) else integer(x, "a length")


def shape_argument(shape: Any) -> Shape:
    """Return the shape that an int or a sequence of ints names."""
    if isinstance(shape, (tuple, list)):
        return tuple(map(dim_argument, shape))
    if isinstance(shape, Sym) and shape.ndim:
        raise Unsupported("a shape depends on data; it must be a constant")
    return (dim_argument(shape),)


def filled_shape(e: Emitter, shape: Shape, size: Dim) -> Shape:
    """Return a shape whose one length of -1 is replaced, so that it has ``size`` elements."""
    known = product(dim for dim in shape if dim != -1)
    if -1 in shape and known != 0:
        shape = tuple(floordiv(size, known) if dim == -1 else dim for dim in shape)
    if -1 in shape or product(shape) != size:
        if isinstance(size, Size) or isinstance(product(shape), Size):
            e.same_dim(product(shape), size)
        raise Unsupported(f"an array of {size} elements has no shape {shape} whatever the sizes")
    return shape


def reshaped(x: Value, shape: Shape) -> Value:
    """Return a value in another shape, which may be the same."""
    out: Value = x if x.shape == shape else reshape(x, shape=shape)
    return out


def with_axes(x: Value, axes: Sequence[int]) -> Value:
    """Return a value with axes of length 1 put in, at places of the result."""
    dims = iter(x.shape)
    ndim = x.ndim + len(axes)
    return reshaped(x, tuple(1 if axis in axes else next(dims) for axis in range(ndim)))


def leaves(x: Any) -> Iterator[Any]:
    """Yield the numbers and arrays of nested lists."""
    stack = [x]
    while stack:
        item = stack.pop()
        if isinstance(item, (list, tuple)):
            stack.extend(reversed(item))
        else:
            yield item


def array(e: Emitter, x: Any, dtype: DType | None = None) -> Value:
    """Return an array, a number or nested lists of them, as ``np.asarray(x, dtype)`` does."""
    if not isinstance(x, (list, tuple)):
        return e.value(x, dtype)
    items = list(leaves(x))
    if not any(isinstance(item, (Sym, Size)) for item in items):
        return constant(e, np.asarray(x, dtype))
    if dtype is None:
        # In an array Python's numbers count with their full dtypes.
        dtype = np.result_type(*(e.value(item).dtype for item in items))
    return stack(e, [_item(e, item, dtype) for item in x], 0)


def _item(e: Emitter, x: Any, dtype: DType) -> Value:
    return array(e, x, dtype) if isinstance(x, (list, tuple)) else e.stored(x, dtype)


def constant(e: Emitter, data: Any) -> Value:
    """Return an array that is known now, built of literals."""
    flat = data.ravel()
    if not is_supported(data.dtype):
        raise Unsupported(f"the dtype {data.dtype} is not supported; use float64")
    if flat.size == 0 or (flat.tobytes() == flat[:1].tobytes() * flat.size):
        return e.full(data.shape, flat[0] if flat.size else 0, data.dtype)
    run = _progression(e, flat)
    if run is None:
        if flat.size > CONSTANT_LIMIT:
            raise Unsupported(
                f"an array of {flat.size} numbers is made inside the function; make it outside"
            )
        run = concatenate(*(reshaped(e.literal(n, n.dtype), (1,)) for n in flat), axis=0)
    return reshaped(run, data.shape)


def _progression(e: Emitter, flat: Any) -> Value | None:
    """Return evenly spaced integers as a function of the position, or None."""
    if flat.dtype.kind not in "iu":
        return None
    first, step = flat[0], (flat[1:2] - flat[:1])[0]
    places = np.arange(flat.size).astype(flat.dtype)
    if not np.array_equal(flat, first + places * step):
        return None
    place = e.builder.emit(iota, (), {"shape": flat.shape, "axis": 0, "dtype": flat.dtype})
    scaled = multiply(place, e.full(flat.shape, step, flat.dtype))
    out: Value = add(scaled, e.full(flat.shape, first, flat.dtype))
    return out


def stack(e: Emitter, values: Sequence[Value], axis: int) -> Value:
    """Return values of one shape and dtype joined along a new axis."""
    for value in values[1:]:
        e.must_equal(value.shape, values[0].shape)
    return join([with_axes(value, (axis,)) for value in values], axis)


def join(values: Sequence[Value], axis: int) -> Value:
    """Return values of one dtype one after the other along an axis."""
    if len(values) == 1:
        return values[0]
    out: Value = concatenate(*values, axis=axis)
    return out


def same_dtype(e: Emitter, arrays: Sequence[Any], dtype: DType | None = None) -> list[Value]:
    """Return arrays as values of their common dtype."""
    values = [array(e, x) for x in arrays]
    common = np.result_type(*(v.dtype for v in values)) if dtype is None else dtype
    return [e.cast(v, common) for v in values]
