"""Medians, percentiles and quantiles, with NaNs as elements or left out.

The elements are sorted, or partitioned where all places are known, and interpolated as NumPy does:
so that the bits are NumPy's, each step is a ufunc in the dtype that NumPy takes. Only the sign of a
zero can differ, where zeros of both signs are among the elements, which are equal to a sort.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from tracegraph.ir.graph import Value
from tracegraph.ir.ops.arithmetic import subtract
from tracegraph.ir.ops.broadcast import full_like, sum_
from tracegraph.ir.ops.choice import select
from tracegraph.ir.ops.compare import equal, isnan, less_equal, logical_and, logical_not
from tracegraph.ir.ops.compose import move_axis, take_axis
from tracegraph.ir.ops.compose_reduce import mean
from tracegraph.ir.ops.contract import permuted
from tracegraph.ir.ops.index import gather
from tracegraph.ir.ops.reduce import all_, kept_axes
from tracegraph.ir.ops.sort import partition, sort, take_along
from tracegraph.ir.record import record
from tracegraph.ir.sizes import Dim, Size, floordiv, product
from tracegraph.ir.types import BOOL, FLOAT64, INT64, Shape
from tracegraph.numpy.arguments import array, axes_argument, constant, no_out, reshaped
from tracegraph.numpy.emit import Emitter, Sym, Unsupported
from tracegraph.numpy.functions import apply_ufunc, where
from tracegraph.numpy.reductions import kept

Axes = tuple[int, ...]
Do = Callable[..., Any]


def _line(x: Value, axes: Axes) -> Value:
    """Return an array with some axes joined to its last, along which sorting is fast."""
    rest = kept_axes(axes, x.ndim)
    moved = permuted(x, (*rest, *axes))
    length = product(x.shape[axis] for axis in axes)
    return reshaped(moved, (*(x.shape[axis] for axis in rest), length))


def _part(line: Value, start: Dim, count: Dim = 1) -> Value:
    """Return some of the elements of each line."""
    return take_axis(line, line.ndim - 1, start, count)


def _has_nans(x: Value) -> bool:
    return x.dtype.kind in "fc"


def _restored(e: Emitter, result: Value, last: Value) -> Value:
    """Return a result with NaN where the last of the sorted elements is one."""
    end = e.broadcast(reshaped(last, last.shape[:-1]), result.shape)
    out: Value = select(isnan(end), e.cast(end, result.dtype), result)
    return out


# -- medians ------------------------------------------------------------------------------------


def median(
    e: Emitter,
    a: Any,
    axis: Any = None,
    out: Any = None,
    overwrite_input: Any = False,
    keepdims: Any = False,
) -> Sym:
    """The rule of ``np.median``."""
    no_out(out)
    _not_changed(overwrite_input)
    x = array(e, a)
    axes = axes_argument(axis, x.ndim)
    line = _line(x, axes)
    length = line.shape[-1]
    if not x.ndim or not e.holds(1, "<=", length):
        raise Unsupported("the median of one number, or of none")
    half = floordiv(length, 2)
    is_even = e.holds(length, "<=", 2 * half)
    first, count = (half - 1, 2) if is_even else (half, 1)
    kth = (half - 1, half) if is_even else (half,)
    last = line.ndim - 1
    line = partition(line, axis=last, kth=(*kth, -1) if _has_nans(x) else kth)
    middle = _part(line, first, count)
    middle = middle if _has_nans(x) else e.cast(middle, FLOAT64)
    result = mean(middle, (last,))
    if _has_nans(x):
        result = _restored(e, result, _part(line, length - 1))
    return Sym(kept(result, x, axes, keepdims))


def nanmedian(
    e: Emitter,
    a: Any,
    axis: Any = None,
    out: Any = None,
    overwrite_input: Any = False,
    keepdims: Any = False,
) -> Sym:
    """The rule of ``np.nanmedian``."""
    no_out(out)
    _not_changed(overwrite_input)
    x = array(e, a)
    if not _has_nans(x):
        return median(e, Sym(x), axis, keepdims=_flag(keepdims))
    axes = axes_argument(axis, x.ndim)
    line, count = _sorted_without_nans(e, x, axes)
    half, other = (apply_ufunc(e, np.floor_divide, each, 2) for each in (count, _less_one(count)))
    low, high = (_at(e, line, place) for place in (other, half))
    do = partial(apply_ufunc, e)
    total = do(np.add, Sym(low), Sym(high))
    if len(axes) == x.ndim:
        # NumPy takes means here, whose sums begin with 0, so that no negative zero stays.
        low, total = do(np.add, Sym(low), 0.0).value, do(np.add, total, 0.0)
    result = select(equal(other.value, half.value), low, do(np.divide, total, 2.0).value)
    return Sym(kept(_unless_empty(e, result, count), x, axes, _flag(keepdims)))


def _not_changed(overwrite_input: Any) -> None:
    if overwrite_input:
        raise Unsupported("it is told to change an argument; leave that to assignments")


def _flag(keepdims: Any) -> bool:
    return keepdims is not np._NoValue and bool(keepdims)


def _sorted_without_nans(e: Emitter, x: Value, axes: Axes) -> tuple[Value, Sym]:
    """Return lines sorted, NaNs last, and how many elements before them each has."""
    line = _line(x, axes)
    last = line.ndim - 1
    line = sort(line, axis=last, kind="quicksort")
    if not e.holds(1, "<=", line.shape[-1]):
        raise Unsupported("a quantile of no elements")
    count = sum_(e.cast(logical_not(isnan(line)), INT64), axes=(last,))
    return line, Sym(count)


def _at(e: Emitter, line: Value, place: Sym) -> Value:
    """Return for each line its element at a place of its own; a place outside is the next inside.

    Places outside belong to lines without elements, whose results are NaN.
    """
    inside = apply_ufunc(e, np.maximum, place, 0).value
    found = take_along(line, reshaped(inside, (*inside.shape, 1)), line.ndim - 1)
    return reshaped(found, inside.shape)


def _unless_empty(e: Emitter, result: Value, count: Sym) -> Value:
    """Return results with NaN where there was nothing to choose from."""
    is_empty = e.broadcast(apply_ufunc(e, np.equal, count, 0).value, result.shape)
    out: Value = select(is_empty, full_like(result, np.nan), result)
    return out


# -- quantiles ----------------------------------------------------------------------------------

CONTINUOUS: dict[str, tuple[float, float]] = {
    "interpolated_inverted_cdf": (0, 1),
    "hazen": (0.5, 0.5),
    "weibull": (0, 0),
    "median_unbiased": (1 / 3.0, 1 / 3.0),
    "normal_unbiased": (3 / 8.0, 3 / 8.0),
}
"""The parameters of the methods of Hyndman and Fan (1996), "Sample quantiles in statistical
packages", that interpolate."""


ROUNDED: dict[str, np.ufunc] = {"lower": np.floor, "higher": np.ceil, "nearest": np.rint}
"""Methods that take one of the elements."""

METHODS = ("linear", "midpoint", *CONTINUOUS, *ROUNDED)
"""Methods that have a native form; the others are calls of NumPy."""


def _place(do: Do, method: str, count: Any, q: Any) -> Any:
    """Return the place of a quantile between those of the elements."""
    if method in CONTINUOUS:
        alpha, beta = CONTINUOUS[method]
        shift = do(np.add, alpha, do(np.multiply, q, 1 - alpha - beta))
        return do(np.subtract, do(np.add, do(np.multiply, count, q), shift), 1)
    between = do(np.multiply, _less_one(count), q)
    if method == "midpoint":
        return do(np.multiply, 0.5, do(np.add, do(np.floor, between), do(np.ceil, between)))
    return do(ROUNDED[method], between) if method in ROUNDED else between


def _less_one(count: Any) -> Any:
    """Return how many elements there are but one, which like Python's numbers has no dtype."""
    if not isinstance(count, Sym):
        return count - 1
    return Sym(subtract(count.value, full_like(count.value, 1)), count.weak)


def _inside(do: Do, place: Any, count: Any) -> Any:
    """Return a place, or the first or last where it is before or behind the elements."""
    return do(np.maximum, do(np.minimum, place, _less_one(count)), 0)


def _share(e: Emitter, method: str, place: Any, before: Any, count: Any) -> Any:
    """Return how much of the difference between two elements a quantile has."""
    do = partial(apply_ufunc, e)
    if method == "midpoint":
        share = do(np.multiply, 0.5, do(np.not_equal, do(np.remainder, place, 1), 0))
        dtype = _dtype(place)
        return Sym(e.cast(share.value, dtype)) if isinstance(share, Sym) else share.astype(dtype)
    # From the last element on there is no difference; that NumPy counts from -1 shows in zeros.
    beyond = do(np.greater_equal, place, _less_one(count))
    if isinstance(beyond, Sym):
        return do(np.subtract, place, where(e, beyond, -1.0, before))
    return do(np.subtract, place, np.where(beyond, _dtype(before).type(-1), before)[()])


@record
class _Wanted:
    """What is asked for: numbers or values ``q`` from 0 to 1, by a method, NaNs left out or not."""

    q: Any
    is_weak: bool
    method: str
    skips_nans: bool


def _quantile(e: Emitter, x: Value, axes: Axes, wanted: _Wanted) -> Value:
    """Return quantiles over some axes, those of ``q`` first."""
    do = partial(apply_ufunc, e)
    skips = wanted.skips_nans and _has_nans(x)
    q, shape = wanted.q, np.shape(wanted.q) if not isinstance(wanted.q, Sym) else wanted.q.shape
    rest = tuple(dim for axis, dim in enumerate(x.shape) if axis not in axes)
    line, count = _sorted_without_nans(e, x, axes) if skips else (_line(x, axes), None)
    if count is None and not e.holds(1, "<=", line.shape[-1]):
        raise Unsupported("a quantile of no elements")
    if count is None:
        count = line.shape[-1]
    else:
        q, count = _reshaped(e, q, (*shape, *(1,) * len(rest))), Sym(count.value, int)
    place = _place(do, wanted.method, count, q)
    is_whole = _dtype(place).kind in "iu"
    if is_whole and wanted.method not in ("linear", *ROUNDED):
        raise Unsupported("a whole quantile by another method than the linear one")
    if is_whole or wanted.method in ROUNDED:
        places = [_inside(do, place, count)]
        line, (taken,) = _taken(e, line, places, skips, shape)
        result = taken
    else:
        before = do(np.floor, place)
        places = [_inside(do, at, count) for at in (before, do(np.add, before, 1))]
        line, (low, high) = _taken(e, line, places, skips, shape)
        share = _share(e, wanted.method, place, places[0], count)
        if not skips:
            share = _reshaped(e, share, (*shape, *(1,) * len(rest)))
        result = _between(e, low, high, share, wanted.is_weak)
    if skips:
        return _unless_empty(e, result, count)
    if _has_nans(x):
        return _restored(e, result, _part(line, line.shape[-1] - 1))
    return result


def _taken(
    e: Emitter, line: Value, places: list[Any], is_sorted: bool, shape: Shape
) -> tuple[Value, list[Value]]:
    """Return lines in order, at least at the places that are asked for, and their elements there.

    Places are those of all lines; where the lines are sorted, those of each.
    """
    last = line.ndim - 1
    if is_sorted:
        rest = line.shape[:-1]
        found = []
        for place in places:
            index = e.broadcast(e.cast(place.value, INT64), (*shape, *rest))
            each = move_axis(reshaped(index, (product(shape), *rest)), 0, last)
            taken = move_axis(take_along(line, each, last), last, 0)
            found.append(reshaped(taken, (*shape, *rest)))
        return line, found
    if all(not isinstance(place, Sym) for place in places):
        known = [np.asarray(place).astype(np.int64) for place in places]
        ends = [0, -1] if len(places) > 1 else [-1] if _has_nans(line) else []
        kth = np.concatenate([ends, *(place.ravel() for place in known)]).astype(np.int64)
        line = partition(line, axis=last, kth=tuple(np.unique(kth).tolist()))
        indices = [constant(e, place) for place in known]
    else:
        line = sort(line, axis=last, kind="quicksort")
        indices = [e.cast(place.value, INT64) for place in places]
    return line, [gather(line, index, axes=(last,)) for index in indices]


def _between(e: Emitter, low: Value, high: Value, share: Any, is_weak: bool) -> Value:
    """Return elements interpolated from the nearer end, as NumPy does."""
    do = partial(apply_ufunc, e)
    nearer = do(np.greater_equal, share, 0.5)
    shares = [share, do(np.subtract, 1, share)]
    if is_weak:
        shares = [_weak(each) for each in shares]
    a, b = Sym(low), Sym(high)
    steps = [do(np.multiply, do(np.subtract, b, a), each) for each in shares]
    upward, downward = do(np.add, a, steps[0]).value, do(np.subtract, b, steps[1]).value
    holds = nearer.value if isinstance(nearer, Sym) else constant(e, np.asarray(nearer))
    out: Value = select(*e.align((holds, e.cast(downward, upward.dtype), upward)))
    return out


def _weak(share: Any) -> Any:
    """Return a number as Python's, whose dtype gives way."""
    return Sym(share.value, float) if isinstance(share, Sym) else float(share)


def _dtype(x: Any) -> Any:
    return x.dtype if isinstance(x, Sym) else np.asarray(x).dtype


def _reshaped(e: Emitter, x: Any, shape: Shape) -> Any:
    if isinstance(x, Sym):
        return Sym(reshaped(x.value, shape), x.weak)
    return np.asarray(x).reshape(shape) if np.ndim(x) else x


def _quantiles(*, percent: bool, skips_nans: bool) -> Any:
    """Return the rule of ``np.quantile`` or one of its kin."""

    def rule(
        e: Emitter,
        a: Any,
        q: Any,
        axis: Any = None,
        out: Any = None,
        overwrite_input: Any = False,
        method: Any = "linear",
        keepdims: Any = False,
        *,
        weights: Any = None,
    ) -> Sym:
        no_out(out)
        _not_changed(overwrite_input)
        if weights is not None or method not in METHODS:
            raise Unsupported("weights, or a method that jumps")
        x = array(e, a)
        is_weak = (q.weak if isinstance(q, Sym) else type(q)) in (int, float)
        given = q if isinstance(q, Sym) else _constant_q(q)
        if percent:
            given = apply_ufunc(e, np.true_divide, given, 100)
        _must_be_shares(e, given)
        axes = axes_argument(axis, x.ndim)
        found = _quantile(e, x, axes, _Wanted(given, is_weak, method, skips_nans))
        if _flag(keepdims):
            whole = tuple(1 if i in axes else dim for i, dim in enumerate(x.shape))
            new = found.ndim - (x.ndim - len(axes))
            found = reshaped(found, (*found.shape[:new], *whole))
        return Sym(found)

    return rule


def _must_be_shares(e: Emitter, q: Any) -> None:
    """Have it checked that quantiles are from 0 to 1, else NumPy raises."""
    if not isinstance(q, Sym):
        if not np.all((q >= 0) & (q <= 1)):
            raise Unsupported("a quantile that is not from 0 to 1")
    elif q.dtype != BOOL:
        low, high = (full_like(q.value, number) for number in (0, 1))
        holds = logical_and(less_equal(low, q.value), less_equal(q.value, high))
        e.guard(all_(holds, axes=tuple(range(holds.ndim))), True)


def _constant_q(q: Any) -> Any:
    if any(isinstance(each, (Sym, Size)) for each in (q if isinstance(q, (list, tuple)) else [q])):
        raise Unsupported("a list of quantiles that depend on data; make it an array")
    return np.asarray(q)[()]


RULES: dict[Any, Any] = {
    np.median: median,
    np.nanmedian: nanmedian,
    np.quantile: _quantiles(percent=False, skips_nans=False),
    np.percentile: _quantiles(percent=True, skips_nans=False),
    np.nanquantile: _quantiles(percent=False, skips_nans=True),
    np.nanpercentile: _quantiles(percent=True, skips_nans=True),
}
