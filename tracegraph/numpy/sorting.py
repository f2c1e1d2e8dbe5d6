"""Sorting, partitioning, and searching in what is sorted."""

from __future__ import annotations

from typing import Any

import numpy as np

from tracegraph.ir.graph import Op, Value
from tracegraph.ir.ops.arithmetic import add, subtract
from tracegraph.ir.ops.broadcast import full_like
from tracegraph.ir.ops.choice import select
from tracegraph.ir.ops.compare import (
    greater,
    isnan,
    less,
    less_equal,
    logical_and,
    logical_not,
    logical_or,
)
from tracegraph.ir.ops.compose import flip, take_axis
from tracegraph.ir.ops.index import gather
from tracegraph.ir.ops.reduce import all_, any_
from tracegraph.ir.ops.sort import argpartition, argsort, partition, searchsorted, sort
from tracegraph.ir.types import INT64
from tracegraph.numpy.arguments import (
    array,
    axis_argument,
    integer,
    no_options,
    reshaped,
    same_dtype,
)
from tracegraph.numpy.emit import Emitter, Sym, Unsupported


def _line(e: Emitter, a: Any, axis: Any) -> tuple[Value, int]:
    """Return an array and the axis to sort; without one, all elements in one axis."""
    x = array(e, a)
    if axis is None:
        return reshaped(x, (x.type.size,)), 0
    return x, axis_argument(axis, x.ndim)


def _kind(kind: Any, order: Any, *, stable: Any = None, **options: Any) -> str:
    no_options(options)
    if order is not None:
        raise Unsupported("an order of fields")
    return "stable" if stable else (kind or "quicksort")


def sort_rule(
    e: Emitter, a: Any, axis: Any = -1, kind: Any = None, order: Any = None, **options: Any
) -> Sym:
    """The rule of ``np.sort``; as that of the method, the new content of the array."""
    x, at = _line(e, a, axis)
    return Sym(sort(x, axis=at, kind=_kind(kind, order, **options)))


def argsort_rule(
    e: Emitter, a: Any, axis: Any = -1, kind: Any = None, order: Any = None, **options: Any
) -> Sym:
    """The rule of ``np.argsort``."""
    x, at = _line(e, a, axis)
    return Sym(argsort(x, axis=at, kind=_kind(kind, order, **options)))


def _partitioning(op: Op) -> Any:
    """Return the rule of ``np.partition`` or ``np.argpartition``."""

    def rule(
        e: Emitter, a: Any, kth: Any, axis: Any = -1, kind: Any = "introselect", order: Any = None
    ) -> Sym:
        if kind != "introselect" or order is not None:
            raise Unsupported("another kind or an order of fields")
        x, at = _line(e, a, axis)
        places = kth if isinstance(kth, (tuple, list)) else (kth,)
        known = tuple([integer(place, "kth") for place in places])
        if not all(e.holds(abs(place + (place < 0)), "<", x.shape[at]) for place in known):
            raise Unsupported("places outside the array")
        return Sym(op(x, axis=at, kth=known))

    return rule


def searchsorted_rule(e: Emitter, a: Any, v: Any, side: Any = "left", sorter: Any = None) -> Sym:
    """The rule of ``np.searchsorted``."""
    if sorter is not None:
        raise Unsupported("a sorter; take the sorted elements first")
    wanted = {"l": "left", "r": "right"}.get(str(side)[:1].lower(), side)
    line, values = same_dtype(e, (a, v))
    if is_short(line):
        e.guard(is_sorted(line), True)  # else what NumPy gives depends on how it searches
    return Sym(search(e, line, values, wanted))


def digitize(e: Emitter, x: Any, bins: Any, right: Any = False) -> Sym:
    """The rule of ``np.digitize``: falling bins are searched from behind."""
    values, edges = same_dtype(e, (x, bins))
    side, count = "left" if right else "right", edges.shape[0]
    if not e.holds(1, "<=", count):
        return Sym(search(e, edges, values, side))
    ends = [reshaped(take_axis(edges, 0, at, 1), ()) for at in (0, count - 1)]
    is_falling = greater(*ends)
    rising = select(e.broadcast(is_falling, edges.shape), flip(edges, 0), edges)
    e.guard(is_rising(rising), True)  # else NumPy raises
    found = search(e, rising, values, side)
    behind = subtract(e.broadcast(e.value(count), found.shape), found)
    return Sym(select(e.broadcast(is_falling, found.shape), behind, found))


def _before(x: Value, y: Value) -> Value:
    """Return whether x is sorted before y: NaNs come last."""
    out: Value = less(x, y)
    if x.dtype.kind == "f":
        out = logical_or(out, logical_and(isnan(y), logical_not(isnan(x))))
    return out


def is_sorted(x: Value) -> Value:
    """Return whether each element of a vector is sorted where it is, NaNs last."""
    rest = x.shape[0] - 1
    falls = _before(take_axis(x, 0, 1, rest), take_axis(x, 0, 0, rest))
    out: Value = logical_not(any_(falls, axes=(0,)))
    return out


def is_rising(x: Value) -> Value:
    """Return whether no element of a vector is less than the one before, nor NaN."""
    rest = x.shape[0] - 1
    pairs = less_equal(take_axis(x, 0, 0, rest), take_axis(x, 0, 1, rest))
    out: Value = all_(pairs, axes=(0,))
    return out


SHORT = 1 << 16
"""How many elements are searched by steps of known number."""


def is_short(line: Value) -> bool:
    """Return whether a vector is searched natively."""
    length = line.shape[0]
    return isinstance(length, int) and 1 <= length <= SHORT and line.dtype.kind != "c"


def search(e: Emitter, line: Value, values: Value, side: str) -> Value:
    """Return how many elements of a sorted vector come before each value.

    A short vector is searched in as many steps as its length has bits, which fuse with what is
    around them and take a tenth of the time of NumPy's search; others are left to NumPy.
    """
    if not is_short(line):
        return searchsorted(line, values, side=side, batch=0)  # type: ignore[no-any-return]  # ops are untyped calls
    length: int = line.shape[0]
    place = e.full(values.shape, 0, INT64)
    for bit in reversed(range(length.bit_length())):
        further = add(place, full_like(place, 1 << bit))
        inside = less_equal(further, full_like(further, length))
        last = subtract(select(inside, further, full_like(further, 1)), full_like(further, 1))
        element = gather(line, last, axes=(0,))
        comes = (
            _before(element, values) if side == "left" else logical_not(_before(values, element))
        )
        place = select(logical_and(inside, comes), further, place)
    return place


RULES: dict[Any, Any] = {
    np.sort: sort_rule,
    np.argsort: argsort_rule,
    np.partition: _partitioning(partition),
    np.argpartition: _partitioning(argpartition),
    np.searchsorted: searchsorted_rule,
    np.digitize: digitize,
}
