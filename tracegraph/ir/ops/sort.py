"""Putting elements in order along an axis: sort, partition, the places they come from, and search.

They are computed by NumPy's own kernels. An element of a sorted array is an element of the array,
so the derivatives gather.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tracegraph.ir.graph import Derivative, Op, Tangent, Value
from tracegraph.ir.lowering import CALLOUT
from tracegraph.ir.ops.broadcast import batched_alike
from tracegraph.ir.ops.compose import iota_beside
from tracegraph.ir.ops.family import type_error
from tracegraph.ir.ops.index import gather
from tracegraph.ir.sizes import Dim
from tracegraph.ir.types import INT64, ArrayType


def _along(name: str, places: bool) -> Callable[..., ArrayType]:
    """Return the type rule of an operation that orders one axis."""

    def rule(x: ArrayType, *, axis: int, **order: Any) -> ArrayType:
        del order
        if not 0 <= axis < x.ndim:
            raise type_error(name, f"an axis inside its operand, not {axis}", x)
        return x.with_dtype(INT64) if places else x

    return rule


def take_along(x: Value, places: Value, axis: int) -> Value:
    """Return ``np.take_along_axis(x, places, axis)``, of places inside the axis."""
    shape = places.shape
    indices = [places if i == axis else iota_beside(x, shape, i) for i in range(x.ndim)]
    out: Value = gather(x, *indices, axes=tuple(range(x.ndim)))
    return out


def _ordering(name: str, eager: Callable[..., Any], jvp: Callable[..., Tangent] | Derivative) -> Op:
    """Return an operation that orders one axis."""

    def batch(
        operands: Sequence[Value], batched: Sequence[bool], size: Dim, *, axis: int, **order: Any
    ) -> Value:
        del batched, size
        out: Value = op(*operands, axis=axis + 1, **order)
        return out

    op = Op(
        name=name,
        type_rule=_along(name, places=jvp is Derivative.ZERO),
        eager=eager,
        lower=CALLOUT,
        jvp=jvp,
        transpose=None,
        batch=batch,
    )
    return op


argsort: Op = _ordering(
    "argsort", lambda x, *, axis, kind: np.argsort(x, axis, kind), Derivative.ZERO
)
"""``argsort(x, axis=, kind=)``: the places of the elements in ascending order."""

sort: Op = _ordering(
    "sort",
    lambda x, *, axis, kind: np.sort(x, axis, kind),
    jvp=lambda primals, tangents, out, *, axis, kind: take_along(
        tangents[0], argsort(primals[0], axis=axis, kind="stable"), axis
    ),
)
"""``sort(x, axis=, kind=)``: the elements in ascending order, NaNs last."""

argpartition: Op = _ordering(
    "argpartition", lambda x, *, axis, kth: np.argpartition(x, kth, axis), Derivative.ZERO
)
"""``argpartition(x, axis=, kth=)``: places of the elements, those at ``kth`` as if sorted."""


def _partition_jvp(
    primals: Sequence[Value], tangents: Sequence[Tangent], out: Value, *, axis: int, kth: Any
) -> Tangent:
    """Follow each element to where it came from: the one with the same rank."""
    del kth
    (tangent,) = tangents
    assert tangent is not None
    order, ranks = (argsort(x, axis=axis, kind="stable") for x in (primals[0], out))
    ranks = argsort(ranks, axis=axis, kind="stable")
    return take_along(tangent, take_along(order, ranks, axis), axis)


partition: Op = _ordering(
    "partition", lambda x, *, axis, kth: np.partition(x, kth, axis), jvp=_partition_jvp
)
"""``partition(x, axis=, kth=)``: the elements, those at ``kth`` as if sorted."""


def _search_type(a: ArrayType, v: ArrayType, *, side: str, batch: int) -> ArrayType:
    fits = a.dtype == v.dtype and a.ndim == batch + 1 and a.shape[:batch] == v.shape[:batch]
    if not fits or side not in ("left", "right"):
        raise type_error("searchsorted", f"[*batch, n] and [*batch, *any] ({batch} axes)", a, v)
    return v.with_dtype(INT64)


def _search_eager(a: Any, v: Any, *, side: Any, batch: int) -> Any:
    if not batch:
        return np.searchsorted(a, v, side)
    out = np.empty(v.shape, np.int64)
    for place in np.ndindex(v.shape[:batch]):
        out[place] = np.searchsorted(a[place], v[place], side)
    return out


def _search_batch(
    operands: Sequence[Value], batched: Sequence[bool], size: Dim, *, side: str, batch: int
) -> Value:
    out: Value
    if not batched[0] and not batch:
        out = searchsorted(*operands, side=side, batch=0)
    else:
        out = searchsorted(*batched_alike(operands, batched, size), side=side, batch=batch + 1)
    return out


searchsorted: Op = Op(
    name="searchsorted",
    type_rule=_search_type,
    eager=_search_eager,
    lower=CALLOUT,
    jvp=Derivative.ZERO,
    transpose=None,
    batch=_search_batch,
)
"""``searchsorted(a, v, side=, batch=)``: where elements of v belong in the sorted last axis of a.

The first ``batch`` axes are common to both.
"""

OPS = (sort, argsort, partition, argpartition, searchsorted)
