"""New arrays: constants, ranges, and arrays made of lists."""

from __future__ import annotations

from typing import Any

import numpy as np

from tracegraph.ir.graph import Value
from tracegraph.ir.ops.arithmetic import add, divide, multiply, subtract
from tracegraph.ir.ops.broadcast import full_like, spread
from tracegraph.ir.ops.choice import select
from tracegraph.ir.ops.compare import equal, greater_equal
from tracegraph.ir.ops.compose import move_axis
from tracegraph.ir.ops.creation import iota
from tracegraph.ir.ops.reduce import any_
from tracegraph.ir.ops.rounding import floor
from tracegraph.ir.sizes import Dim, Size, floordiv
from tracegraph.ir.types import FLOAT64, INT64, DType, Shape
from tracegraph.numpy.arguments import (
    any_order,
    array,
    axis_argument,
    dim_argument,
    dtype_argument,
    integer,
    no_options,
    only,
    reshaped,
    shape_argument,
    with_axes,
)
from tracegraph.numpy.emit import Emitter, Sym, Unsupported, result_type

Rule = Any


def positions(e: Emitter, shape: Shape, axis: int, dtype: DType = INT64) -> Value:
    """Return at each place of a shape its index along an axis."""
    return e.builder.emit(iota, (), {"shape": shape, "axis": axis, "dtype": dtype})


def _filled(number: int) -> Rule:
    """Return the rule of ``zeros`` or ``ones``."""

    def rule(e: Emitter, shape: Any, dtype: Any = None, order: Any = "C", **options: Any) -> Sym:
        any_order(order)
        _on_cpu(options)
        return Sym(e.full(shape_argument(shape), number, dtype_argument(dtype) or FLOAT64))

    return rule


def uninitialised(e: Emitter, shape: Any, dtype: Any = float, *memory: Any, **options: Any) -> Sym:
    """The rule of ``np.ndarray(shape, dtype)``."""
    if memory or options:
        raise Unsupported("memory that is given to np.ndarray; use np.empty, and slices of arrays")
    return Sym(e.full(shape_argument(shape), 0, dtype_argument(dtype) or FLOAT64))


def _on_cpu(options: dict[str, Any]) -> None:
    only("device", options.pop("device", None), None, "cpu")
    no_options(options)


def full(
    e: Emitter, shape: Any, fill_value: Any, dtype: Any = None, order: Any = "C", **options: Any
) -> Sym:
    """The rule of ``np.full``."""
    any_order(order)
    _on_cpu(options)
    value = array(e, fill_value, dtype_argument(dtype))
    return Sym(e.broadcast(value, shape_argument(shape)), fresh=True)


def _filled_like(number: int) -> Rule:
    """Return the rule of ``zeros_like`` or ``ones_like``."""

    def rule(
        e: Emitter,
        a: Any,
        dtype: Any = None,
        order: Any = "K",
        subok: Any = True,
        shape: Any = None,
        **options: Any,
    ) -> Sym:
        del subok
        return full_like_rule(e, a, number, dtype, order, shape=shape, **options)

    return rule


def full_like_rule(
    e: Emitter,
    a: Any,
    fill_value: Any,
    dtype: Any = None,
    order: Any = "K",
    subok: Any = True,
    shape: Any = None,
    **options: Any,
) -> Sym:
    """The rule of ``np.full_like``."""
    del subok
    any_order(order)
    _on_cpu(options)
    x = array(e, a)
    value = array(e, fill_value, dtype_argument(dtype) or x.dtype)
    return Sym(e.broadcast(value, x.shape if shape is None else shape_argument(shape)), fresh=True)


def eye(
    e: Emitter,
    N: Any,
    M: Any = None,
    k: Any = 0,
    dtype: Any = float,
    order: Any = "C",
    **options: Any,
) -> Sym:
    """The rule of ``np.eye``."""
    any_order(order)
    _on_cpu(options)
    rows = dim_argument(N)
    shape = (rows, rows if M is None else dim_argument(M))
    ones = on_diagonal(e, shape, integer(k, "k"))
    return Sym(e.cast(ones, dtype_argument(dtype) or FLOAT64))


def _within(k: int) -> int:
    """Return the number of a diagonal, or of one as far outside, to which places can be added."""
    return max(-(2**62), min(2**62, k))


def on_diagonal(e: Emitter, shape: Shape, k: int) -> Value:
    """Return which places of a matrix lie on its diagonal number k."""
    row = add(positions(e, shape, 0), e.full(shape, _within(k), INT64))
    out: Value = equal(row, positions(e, shape, 1))
    return out


def identity(e: Emitter, n: Any, dtype: Any = None, **options: Any) -> Sym:
    """The rule of ``np.identity``."""
    return eye(e, n, dtype=float if dtype is None else dtype, **options)


def arange(
    e: Emitter,
    start: Any,
    stop: Any = None,
    step: Any = None,
    dtype: Any = None,
    **options: Any,
) -> Sym:
    """The rule of ``np.arange``."""
    _on_cpu(options)
    if stop is None:
        start, stop = 0, start
    step = 1 if step is None else step
    given = (start, stop, step)
    if any(isinstance(x, Sym) for x in given):
        raise Unsupported("a range whose bounds depend on data; it must have a constant length")
    wanted = dtype_argument(dtype) or result_type(*given)
    if not any(isinstance(x, Size) for x in given):
        return Sym(_known_range(e, np.arange(start, stop, step, dtype=wanted)))
    return Sym(_range_of_sizes(e, start, stop, step, wanted))


def _known_range(e: Emitter, data: Any) -> Value:
    """Return a range as a function of the position.

    NumPy has the first two elements from the arguments, and the others from their difference.
    """
    if data.dtype.kind not in "iuf" or data.size < 3:
        return array(e, data.tolist(), data.dtype) if data.size else e.full((0,), 0, data.dtype)
    step = (data[1:2] - data[:1])[0]
    places = np.arange(data.size).astype(data.dtype)
    differs = (data[0] + places * step).view(f"u{data.itemsize}") != data.view(f"u{data.itemsize}")
    place = positions(e, data.shape, 0, data.dtype)
    scaled = multiply(place, e.full(data.shape, step, data.dtype))
    value: Value = add(e.full(data.shape, data[0], data.dtype), scaled)
    if differs[2:].any():
        raise Unsupported("a range that NumPy rounds in another way; use np.arange(n) * step")
    for i in np.flatnonzero(differs):
        here = equal(positions(e, data.shape, 0), e.full(data.shape, i, INT64))
        value = select(here, e.full(data.shape, data[i], data.dtype), value)
    return value


def _range_of_sizes(e: Emitter, start: Any, stop: Any, step: Any, dtype: DType) -> Value:
    if not all(isinstance(x, (int, Size)) for x in (start, stop, step)) or dtype.kind not in "iuf":
        raise Unsupported("a range of sizes and floats; use np.arange(n) * step + start")
    step = integer(step, "a step")
    distance = stop - start if step > 0 else start - stop
    if not e.holds(1, "<=", distance):
        return e.full((0,), 0, dtype)
    length = floordiv(distance + abs(step) - 1, abs(step))
    place = positions(e, (length,), 0, dtype)
    if step != 1:
        place = multiply(place, e.full((length,), step, dtype))
    if start == 0:
        return place
    out: Value = add(spread(e.value(start, dtype), (length,)), place)
    return out


def linspace(
    e: Emitter,
    start: Any,
    stop: Any,
    num: Any = 50,
    endpoint: Any = True,
    retstep: Any = False,
    dtype: Any = None,
    axis: Any = 0,
    **options: Any,
) -> Any:
    """The rule of ``np.linspace``."""
    _on_cpu(options)
    if retstep:
        raise Unsupported("retstep=True; compute the step beside it")
    count = dim_argument(num)
    common = result_type(*(array_or_number(e, x) for x in (start, stop)), 1.0)
    first, last = e.align([e.cast(array(e, x), common) for x in (start, stop)])
    line = _line(e, first, last, count, bool(endpoint))
    wanted = dtype_argument(dtype) or common
    if wanted.kind in "iu":
        line = floor(line)
    at = axis_argument(axis, line.ndim)
    return Sym(e.cast(move_axis(line, 0, at), wanted))


def array_or_number(e: Emitter, x: Any) -> Any:
    """Return lists as arrays, all else as it is."""
    return Sym(array(e, x)) if isinstance(x, (list, tuple)) else x


def _line(e: Emitter, first: Value, last: Value, count: Dim, endpoint: bool) -> Value:
    """Return evenly spaced numbers along a new first axis, rounded as NumPy's."""
    shape = (count, *first.shape)
    start, stop = (e.broadcast(x, shape) for x in (first, last))
    gap = subtract(stop, start)
    place = positions(e, shape, 0, first.dtype)
    intervals = count - 1 if endpoint else count
    if not e.holds(1, "<=", intervals):
        return add(multiply(place, gap), start)  # type: ignore[no-any-return]  # ops are untyped calls
    parts = spread(e.value(intervals, first.dtype), shape)
    step = divide(gap, parts)
    is_zero = _anywhere(equal(step, full_like(step, 0)), first.ndim)
    value = select(is_zero, multiply(divide(place, parts), gap), multiply(place, step))
    value = add(value, start)
    if endpoint and e.holds(2, "<=", count):
        value = select(
            equal(positions(e, shape, 0), spread(e.value(count - 1), shape)), stop, value
        )
    out: Value = value
    return out


def _anywhere(holds: Value, ndim: int) -> Value:
    """Return whether something holds for any of the lines, at every place."""
    if ndim == 0:
        return holds
    return spread(any_(holds, axes=tuple(range(holds.ndim))), holds.shape)


def array_rule(
    e: Emitter,
    object: Any,  # NumPy's name of its parameter
    dtype: Any = None,
    *,
    copy: Any = True,
    order: Any = "K",
    subok: Any = False,
    ndmin: Any = 0,
    **options: Any,
) -> Sym:
    """The rule of ``np.array``."""
    del subok
    any_order(order)
    no_options(options)
    value = array(e, object, dtype_argument(dtype))
    value = with_axes(value, tuple(range(ndmin - value.ndim)))
    return Sym(value, fresh=copy is True)


def asarray(
    e: Emitter, a: Any, dtype: Any = None, order: Any = None, *, copy: Any = None, **options: Any
) -> Sym:
    """The rule of ``np.asarray``."""
    _on_cpu(options)
    return array_rule(e, a, dtype, copy=copy, order=order)


def ascontiguousarray(e: Emitter, a: Any, dtype: Any = None, **options: Any) -> Sym:
    """The rule of ``np.ascontiguousarray`` and ``np.asfortranarray``."""
    no_options(options)
    value = array(e, a, dtype_argument(dtype))
    return Sym(value if value.ndim else reshaped(value, (1,)))


def copy(e: Emitter, a: Any, order: Any = "K", subok: Any = False) -> Sym:
    """The rule of ``np.copy``."""
    del subok
    any_order(order)
    return Sym(array(e, a), fresh=True)


def meshgrid(
    e: Emitter, *xi: Any, copy: Any = True, sparse: Any = False, indexing: Any = "xy"
) -> tuple[Sym, ...]:
    """The rule of ``np.meshgrid``."""
    lines = [reshaped(x, (x.type.size,)) for x in (array(e, x) for x in xi)]
    order = list(range(len(lines)))
    if indexing == "xy" and len(lines) > 1:
        order[:2] = 1, 0
    thin = [
        with_axes(line, tuple(at for at in order if at != axis))
        for line, axis in zip(lines, order, strict=True)
    ]
    grids = thin if sparse else e.align(thin)
    return tuple(Sym(grid, fresh=bool(copy)) for grid in grids)


def tri(
    e: Emitter,
    N: Any,
    M: Any = None,
    k: Any = 0,
    dtype: Any = float,
    **options: Any,
) -> Sym:
    """The rule of ``np.tri``."""
    no_options(options)
    rows = dim_argument(N)
    shape = (rows, rows if M is None else dim_argument(M))
    below = on_or_below(e, shape, integer(k, "k"))
    return Sym(e.cast(below, dtype_argument(dtype) or FLOAT64))


def on_or_below(e: Emitter, shape: Shape, k: int) -> Value:
    """Return which places of matrices lie on or below their diagonal number k."""
    row = add(positions(e, shape, len(shape) - 2), e.full(shape, _within(k), INT64))
    out: Value = greater_equal(row, positions(e, shape, len(shape) - 1))
    return out


RULES: dict[Any, Rule] = {
    np.zeros: _filled(0),
    np.ones: _filled(1),
    np.empty: _filled(0),
    np.full: full,
    np.zeros_like: _filled_like(0),
    np.ones_like: _filled_like(1),
    np.empty_like: _filled_like(0),
    np.full_like: full_like_rule,
    np.eye: eye,
    np.identity: identity,
    np.tri: tri,
    np.arange: arange,
    np.linspace: linspace,
    np.array: array_rule,
    np.asarray: asarray,
    np.asanyarray: asarray,
    np.ascontiguousarray: ascontiguousarray,
    np.asfortranarray: ascontiguousarray,
    np.copy: copy,
    np.meshgrid: meshgrid,
    np.ndarray: uninitialised,
}
