"""Counting: histograms and ``bincount``."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from tracegraph.ir.graph import Value
from tracegraph.ir.ops.arithmetic import add, subtract
from tracegraph.ir.ops.broadcast import full_like
from tracegraph.ir.ops.choice import select
from tracegraph.ir.ops.compare import equal, greater_equal, less, less_equal, logical_and, not_equal
from tracegraph.ir.ops.compose import take_axis
from tracegraph.ir.ops.index import gather, scatter_add
from tracegraph.ir.ops.reduce import all_, max_, min_
from tracegraph.ir.ops.scan import cumsum
from tracegraph.ir.ops.sort import argsort, sort
from tracegraph.ir.types import FLOAT64, INT64, DType
from tracegraph.numpy.arguments import array, join, only, reshaped, same_dtype
from tracegraph.numpy.creation import linspace
from tracegraph.numpy.emit import Emitter, Sym, Unsupported, result_type
from tracegraph.numpy.functions import apply_ufunc
from tracegraph.numpy.reductions import accumulator, sum_rule
from tracegraph.numpy.selecting import diff
from tracegraph.numpy.sorting import is_rising, search

BLOCK = 65536
"""NumPy adds weights in blocks of so many; the order of longer sums is left to it."""


def bincount(e: Emitter, x: Any, /, weights: Any = None, minlength: Any = 0) -> Sym:
    """The rule of ``np.bincount``. How long the result is depends on data, and is guarded."""
    places = array(e, x)
    if places.dtype.kind not in "iu" or places.ndim != 1:
        raise Unsupported("it counts vectors of integers")
    if not e.holds(1, "<=", places.shape[0]):
        raise Unsupported("counting nothing")
    places, length, least = e.cast(places, INT64), len(e.given), _least(minlength)
    zero, top = e.literal(0, INT64), max_(places, axes=(0,))
    e.guard(less(min_(places, axes=(0,)), zero), False)  # else NumPy raises
    last = e.literal(length - 1, INT64)
    is_same = (less_equal if length <= least else equal)(top, last)
    e.guard(is_same, True, str(length).encode())
    return Sym(_counts(e, places, length, None if weights is None else array(e, weights, FLOAT64)))


def _least(minlength: Any) -> int:
    if isinstance(minlength, Sym):
        raise Unsupported("minlength depends on data")
    return int(minlength)


def _counts(e: Emitter, places: Value, length: int, weights: Value | None) -> Value:
    """Return how often, or with which weights, each place is named."""
    added = full_like(places, 1) if weights is None else weights
    out: Value = scatter_add(e.full((length,), 0, added.dtype), added, places, axes=(0,))
    return out


def histogram(
    e: Emitter,
    a: Any,
    bins: Any = 10,
    range: Any = None,
    density: Any = None,
    weights: Any = None,
) -> tuple[Sym, Sym]:
    """The rule of ``np.histogram``."""
    x = array(e, a)
    only("density", density, None, False, True)
    if x.dtype.kind in "bc" or isinstance(bins, str):
        raise Unsupported("no real numbers, or a number of bins that depends on data")
    x, w = reshaped(x, (x.type.size,)), None
    if weights is not None:
        w = array(e, weights)
        w = reshaped(w, (w.type.size,))
        if w.dtype.kind == "c" or not e.holds(w.shape[0], "<=", BLOCK):
            raise Unsupported("complex weights, or many")
    if type(bins) is int:
        edges, counts = _equal_bins(e, x, bins, range, w)
    else:
        edges, counts = _given_bins(e, x, bins, w)
    if not density:
        return Sym(counts), Sym(edges)
    do = partial(apply_ufunc, e)
    widths = Sym(e.cast(diff(e, Sym(edges)).value, FLOAT64))
    return do(np.divide, do(np.divide, Sym(counts), widths), sum_rule(e, Sym(counts))), Sym(edges)


def _given_bins(e: Emitter, x: Value, bins: Any, weights: Value | None) -> tuple[Value, Value]:
    """Return edges and counts, from where the edges are among the sorted elements."""
    edges = array(e, bins)
    if not e.holds(1, "<=", edges.shape[0]):
        raise Unsupported("no edges")
    e.guard(is_rising(edges), True)  # else NumPy raises
    if weights is None:
        return edges, diff(e, Sym(_ranks(e, sort(x, axis=0, kind="quicksort"), edges))).value
    order = argsort(x, axis=0, kind="quicksort")
    ranks = _ranks(e, gather(x, order, axes=(0,)), edges)
    sums = cumsum(e.cast(gather(weights, order, axes=(0,)), accumulator(weights.dtype)), axis=0)
    sums = join([e.full((1,), 0, sums.dtype), sums], 0)
    return edges, diff(e, Sym(e.cast(gather(sums, ranks, axes=(0,)), weights.dtype))).value


def _ranks(e: Emitter, line: Value, edges: Value) -> Value:
    """Return how many sorted elements are before each edge; the last edge counts its own."""
    line, places = same_dtype(e, (Sym(line), Sym(edges)))
    last = places.shape[0] - 1
    inner = search(e, line, take_axis(places, 0, 0, last), "left")
    outer = search(e, line, take_axis(places, 0, last, 1), "right")
    return join([inner, outer], 0)


def _equal_bins(
    e: Emitter, x: Value, bins: int, limits: Any, weights: Value | None
) -> tuple[Value, Value]:
    """Return edges and counts of bins of one width, computed as NumPy does."""
    do = partial(apply_ufunc, e)
    first, last = _limits(e, x, limits)
    common: DType = result_type(first, last, Sym(x))
    common = np.result_type(common, float) if common.kind in "iu" else common
    edges = linspace(e, first, last, bins + 1, dtype=common).value
    steps = less(take_axis(edges, 0, 0, bins), take_axis(edges, 0, 1, bins))
    e.guard(all_(steps, axes=(0,)), True)  # else NumPy raises
    is_inside = logical_and(
        do(np.greater_equal, Sym(x), first).value, do(np.less_equal, Sym(x), last).value
    )
    value = e.cast(x, common)
    distance = do(np.divide, do(np.subtract, Sym(value), first), _width(e, first, last))
    scaled = do(np.multiply, distance, bins).value
    zero = e.full(x.shape, 0, INT64)
    place = select(is_inside, e.cast(select(is_inside, scaled, full_like(scaled, 0)), INT64), zero)
    top = full_like(place, bins - 1)
    place = select(less(top, place), top, place)
    place = select(is_inside, _corrected(value, edges, place, top), zero)
    if weights is None:
        return edges, _counts(e, place, bins, e.cast(is_inside, INT64))
    nothing = e.full(x.shape, 0, FLOAT64)
    counts = _counts(e, place, bins, select(is_inside, e.cast(weights, FLOAT64), nothing))
    return edges, e.cast(counts, weights.dtype)


def _corrected(value: Value, edges: Value, place: Value, top: Value) -> Value:
    """Return the bins of values, where rounding put a value into the bin beside its own."""
    one = full_like(place, 1)
    is_below = less(value, gather(edges, place, axes=(0,)))
    place = select(is_below, subtract(place, one), place)
    next_place = add(place, one)
    is_above = greater_equal(value, gather(edges, next_place, axes=(0,)))
    out: Value = select(logical_and(is_above, not_equal(place, top)), next_place, place)
    return out


def _limits(e: Emitter, x: Value, limits: Any) -> tuple[Any, Any]:
    """Return the outer edges. Around a single number NumPy makes room, of integers as floats."""
    if limits is not None:
        first, last = limits
    elif e.holds(1, "<=", x.shape[0]):
        first, last = (Sym(op(x, axes=(0,))) for op in (min_, max_))
    else:
        raise Unsupported("no elements and no range")
    do = partial(apply_ufunc, e)
    differ = do(np.not_equal, first, last)
    if isinstance(differ, Sym) and limits is None and x.dtype.kind == "f":
        first, last = (
            Sym(select(differ.value, end.value, do(op, end, 0.5).value))
            for end, op in ((first, np.subtract), (last, np.add))
        )
    elif isinstance(differ, Sym):
        e.guard(differ.value, True)
    elif not differ:
        raise Unsupported("a range without width")
    return first, last


def _width(e: Emitter, first: Any, last: Any) -> Any:
    """Return the difference of the outer edges, of integers as an unsigned number."""
    width = apply_ufunc(e, np.subtract, last, first)
    if isinstance(width, Sym) and width.dtype.kind == "i":
        return Sym(e.cast(width.value, np.dtype(f"u{width.dtype.itemsize}")))
    return width if isinstance(width, Sym) else np.float64(width)


def histogram_bin_edges(
    e: Emitter, a: Any, bins: Any = 10, range: Any = None, weights: Any = None
) -> Sym:
    """The rule of ``np.histogram_bin_edges``."""
    del weights  # they count for bins whose number depends on data
    return histogram(e, a, bins, range)[1]


RULES: dict[Any, Any] = {
    np.histogram_bin_edges: histogram_bin_edges,
    np.bincount: bincount,
    np.histogram: histogram,
}
