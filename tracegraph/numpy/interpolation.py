"""``np.interp``: straight lines between points."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from tracegraph.ir.graph import Value
from tracegraph.ir.ops.arithmetic import add, divide, multiply, subtract
from tracegraph.ir.ops.broadcast import full_like
from tracegraph.ir.ops.choice import maximum, minimum, select
from tracegraph.ir.ops.compare import (
    equal,
    greater,
    isfinite,
    isnan,
    less,
    logical_and,
    logical_not,
    logical_or,
    signbit,
)
from tracegraph.ir.ops.compose import take_axis
from tracegraph.ir.ops.index import gather
from tracegraph.ir.ops.sort import argsort
from tracegraph.ir.types import FLOAT64
from tracegraph.numpy.arguments import array, join, reshaped
from tracegraph.numpy.emit import Emitter, Sym, Unsupported
from tracegraph.numpy.functions import apply_ufunc
from tracegraph.numpy.sorting import is_rising, search


def interp(
    e: Emitter,
    x: Any,
    xp: Any,
    fp: Any,
    left: Any = None,
    right: Any = None,
    period: Any = None,
) -> Sym:
    """The rule of ``np.interp``."""
    if array(e, fp).dtype.kind == "c":
        raise Unsupported("complex values; interpolate real and imaginary parts")
    at, points, values = (array(e, each, FLOAT64) for each in (x, xp, fp))
    e.must_equal(points.shape, values.shape)
    if period is not None:
        at, points, values = _periodic(e, at, points, values, period)
        left = right = None
    e.guard(is_rising(points), True)  # else what NumPy gives depends on how it searches
    ends = [_element(values, 0), _element(values, values.shape[0] - 1)]
    below, above = (
        end if given is None else e.value(given, FLOAT64)
        for end, given in zip(ends, (left, right), strict=True)
    )
    last = _element(points, points.shape[0] - 1)
    place = subtract(search(e, points, at, "right"), e.full(at.shape, 1, np.dtype(int)))
    result = _between(e, at, points, values, place)
    result = select(less(place, full_like(place, 0)), e.broadcast(below, at.shape), result)
    is_above = greater(at, e.broadcast(last, at.shape))
    result = select(is_above, e.broadcast(above, at.shape), result)
    # NumPy compares with a single point, as no NaN does.
    is_line = e.holds(2, "<=", points.shape[0])
    return Sym(select(isnan(at), at, result) if is_line else result)


def _element(x: Value, place: Any) -> Value:
    return reshaped(take_axis(x, 0, place, 1), ())


def _periodic(
    e: Emitter, at: Value, points: Value, values: Value, period: Any
) -> tuple[Value, Value, Value]:
    """Return points of one period in order, with one more at each end."""
    do = partial(apply_ufunc, e)
    period = do(np.absolute, period)
    at, points = (do(np.remainder, Sym(each), period).value for each in (at, points))
    order = argsort(points, axis=0, kind="quicksort")
    points, values = (gather(each, order, axes=(0,)) for each in (points, values))
    count = points.shape[0]
    first, last = (take_axis(points, 0, place, 1) for place in (0, count - 1))
    before = do(np.subtract, Sym(last), period).value
    after = do(np.add, Sym(first), period).value
    around = [take_axis(values, 0, place, 1) for place in (count - 1, 0)]
    return at, join([before, points, after], 0), join([around[0], values, around[1]], 0)


def _between(e: Emitter, at: Value, points: Value, values: Value, place: Value) -> Value:
    """Return the values on the lines that begin at places, in the order of NumPy's operations.

    At a point, where the product with the slope is zero, it is the value there; so the derivative
    is that of the line. An infinite slope gives that value too, and where a line gives NaN from
    its beginning, NumPy tries from its end.
    """
    last = points.shape[0] - 1
    if not e.holds(1, "<=", last):
        return e.broadcast(_element(values, 0), at.shape)

    def inside(place: Value, end: Any) -> Value:
        top = e.broadcast(e.value(end, place.dtype), place.shape)
        return maximum(minimum(place, top), full_like(place, 0))  # type: ignore[no-any-return]  # ops are untyped calls

    start, line = inside(place, last), inside(place, last - 1)
    end = add(line, full_like(line, 1))
    (x0, y0), (x1, y1), (xs, ys) = (
        [gather(each, where, axes=(0,)) for each in (points, values)]
        for where in (line, end, start)
    )
    slope = divide(subtract(y1, y0), subtract(x1, x0))
    forward = add(multiply(slope, subtract(at, xs)), ys)
    backward = add(multiply(slope, subtract(at, x1)), y1)
    level = select(logical_and(isnan(backward), equal(y0, y1)), y0, backward)
    result = select(isnan(forward), level, forward)
    is_negative_zero = logical_and(equal(ys, full_like(ys, 0)), signbit(ys))
    is_exact = logical_or(logical_not(isfinite(slope)), is_negative_zero)
    out: Value = select(logical_and(equal(at, xs), is_exact), ys, result)
    return out


RULES: dict[Any, Any] = {np.interp: interp}
