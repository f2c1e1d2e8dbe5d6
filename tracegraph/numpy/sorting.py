"""Sorting, partitioning, and searching in what is sorted."""

from __future__ import annotations

from typing import Any

import numpy as np

from tracegraph.ir.graph import Op, Value
from tracegraph.ir.ops.arithmetic import subtract
from tracegraph.ir.ops.choice import select
from tracegraph.ir.ops.compare import greater, less_equal
from tracegraph.ir.ops.compose import flip, take_axis
from tracegraph.ir.ops.reduce import all_
from tracegraph.ir.ops.sort import argpartition, argsort, partition, searchsorted, sort
from tracegraph.numpy.arguments import array, axis_argument, integer, reshaped, same_dtype
from tracegraph.numpy.emit import Emitter, Sym, Unsupported


def _line(e: Emitter, a: Any, axis: Any) -> tuple[Value, int]:
    """Return an array and the axis to sort; without one, all elements in one axis."""
    x = array(e, a)
    if axis is None:
        return reshaped(x, (x.type.size,)), 0
    return x, axis_argument(axis, x.ndim)


def _kind(kind: Any, stable: Any, order: Any) -> str:
    if order is not None:
        raise Unsupported("an order of fields")
    return "stable" if stable else (kind or "quicksort")


def sort_rule(
    e: Emitter, a: Any, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = None
) -> Sym:
    """The rule of ``np.sort``; as that of the method, the new content of the array."""
    x, at = _line(e, a, axis)
    return Sym(sort(x, axis=at, kind=_kind(kind, stable, order)))


def argsort_rule(
    e: Emitter, a: Any, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = None
) -> Sym:
    """The rule of ``np.argsort``."""
    x, at = _line(e, a, axis)
    return Sym(argsort(x, axis=at, kind=_kind(kind, stable, order)))


def _partitioning(op: Op) -> Any:
    """Return the rule of ``np.partition`` or ``np.argpartition``."""

    def rule(
        e: Emitter, a: Any, kth: Any, axis: Any = -1, kind: Any = "introselect", order: Any = None
    ) -> Sym:
        if kind != "introselect" or order is not None:
            raise Unsupported("another kind or an order of fields")
        x, at = _line(e, a, axis)
        places = kth if isinstance(kth, (tuple, list)) else (kth,)
        return Sym(op(x, axis=at, kth=tuple([integer(place, "kth") for place in places])))

    return rule


def searchsorted_rule(e: Emitter, a: Any, v: Any, side: Any = "left", sorter: Any = None) -> Sym:
    """The rule of ``np.searchsorted``."""
    if sorter is not None:
        raise Unsupported("a sorter; take the sorted elements first")
    wanted = {"l": "left", "r": "right"}.get(str(side)[:1].lower(), side)
    return Sym(searchsorted(*same_dtype(e, (a, v)), side=wanted, batch=0))


def digitize(e: Emitter, x: Any, bins: Any, right: Any = False) -> Sym:
    """The rule of ``np.digitize``: falling bins are searched from behind."""
    values, edges = same_dtype(e, (x, bins))
    side, count = "left" if right else "right", edges.shape[0]
    if not e.holds(1, "<=", count):
        return Sym(searchsorted(edges, values, side=side, batch=0))
    ends = [reshaped(take_axis(edges, 0, at, 1), ()) for at in (0, count - 1)]
    is_falling = greater(*ends)
    rising = select(e.broadcast(is_falling, edges.shape), flip(edges, 0), edges)
    e.guard(is_rising(rising), True)  # else NumPy raises
    found = searchsorted(rising, values, side=side, batch=0)
    behind = subtract(e.broadcast(e.value(count), found.shape), found)
    return Sym(select(e.broadcast(is_falling, found.shape), behind, found))


def is_rising(x: Value) -> Value:
    """Return whether no element of a vector is less than the one before."""
    rest = x.shape[0] - 1
    pairs = less_equal(take_axis(x, 0, 0, rest), take_axis(x, 0, 1, rest))
    out: Value = all_(pairs, axes=(0,))
    return out


RULES: dict[Any, Any] = {
    np.sort: sort_rule,
    np.argsort: argsort_rule,
    np.partition: _partitioning(partition),
    np.argpartition: _partitioning(argpartition),
    np.searchsorted: searchsorted_rule,
    np.digitize: digitize,
}
