"""Simplification by exact identities: each holds bit by bit, NaNs and signed zeros included.

``x + 0.0`` is not ``x`` (for x = -0.0), ``x - x`` not 0 (for infinities), ``x * 0`` not 0: such
lines do not belong here. One rule is one line, read ``before -> after``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tracegraph.ir.graph import Graph, Value
from tracegraph.ir.ops.arithmetic import add, multiply, negative
from tracegraph.ir.ops.boxes import Step, concatenate, slice_, slice_update
from tracegraph.ir.ops.broadcast import broadcast_to, full_like, scalar_like, spread
from tracegraph.ir.ops.index import scatter
from tracegraph.ir.ops.structural import reshape, transpose
from tracegraph.ir.rewrite import Rules, constant_of, is_constant, rewrite
from tracegraph.ir.sizes import Dim, nonnegative
from tracegraph.ir.types import BOOL, Shape


def simplify(graph: Graph) -> Graph:
    """Return the graph after one walk of the identities."""
    return rewrite(graph, RULES)


def _when(condition: bool, value: Any) -> Value | None:
    return value if condition else None


def _is_float(x: Value) -> bool:
    return x.dtype.kind == "f"


def _zero_operand(x: Value, y: Value) -> Value | None:
    """``x + -0.0 -> x``, and ``x + 0 -> x`` for integers."""
    if x.dtype.kind == "c":
        return None
    zero = -0.0 if _is_float(x) else 0
    return x if is_constant(y, zero) else _when(is_constant(x, zero), y)


def _known_tangent(tangent: Value, factor: Value) -> Value | None:
    """``chain(t, x) -> t * x`` for a constant t that is not zero."""
    number = constant_of(tangent)
    if number is None or number == 0:
        return None
    if number.dtype.kind in "iuf" and number == 1:
        return factor
    out: Value = multiply(tangent, factor)
    return out


def _finite_factor(tangent: Value, factor: Value) -> Value | None:
    """``chain(t, c) -> t * c`` for a finite constant without a sign: 0 * c is then that very 0."""
    number = constant_of(factor)
    if number is None or number.dtype.kind != "f" or not np.isfinite(number) or np.signbit(number):
        return None
    if number == 1:
        return tangent
    out: Value = multiply(tangent, factor)
    return out


def _sum_of_nothing(x: Value, *, axes: tuple[int, ...]) -> Value | None:
    """``sum(x, axes=()) -> x``, which for a float is ``0.0 + x``: not -0.0."""
    return _when(not axes, add(x, full_like(x, 0)) if x.dtype.kind in "fc" else x)


def _merged_reshape(x: Value, *, shape: Any) -> Value | None:
    if x.shape == shape:
        return x
    if x.node.op is reshape:
        source = x.builder.value(x.node.operands[0])
        return _merged_reshape(source, shape=shape) or reshape(source, shape=shape)
    return None


def _merged_transpose(x: Value, *, axes: tuple[int, ...]) -> Value | None:
    if axes == tuple(range(x.ndim)):
        return x
    if x.node.op is transpose:
        inner = dict(x.node.attrs)["axes"]
        whole = tuple(inner[axis] for axis in axes)
        source = x.builder.value(x.node.operands[0])
        return _merged_transpose(source, axes=whole) or transpose(source, axes=whole)
    return None


def _merged_broadcast(x: Value, *, shape: Any, axes: tuple[int, ...]) -> Value | None:
    if x.shape == shape:
        return x
    if x.node.op is broadcast_to:
        inner = dict(x.node.attrs)["axes"]
        out: Value = broadcast_to(
            x.builder.value(x.node.operands[0]),
            shape=shape,
            axes=tuple(axes[axis] for axis in inner),
        )
        return out
    return None


def _slice_of_a_part(x: Value, *, start: Shape, shape: Shape, step: Step) -> Value | None:
    """``slice(concatenate(.., y, ..)) -> slice(y)`` for what lies inside of y."""
    if x.node.op is not concatenate:
        return None
    axis = dict(x.node.attrs)["axis"]
    if step[axis] != 1:
        return None
    begin: Dim = 0
    for part in map(x.builder.value, x.node.operands):
        at, end = start[axis] - begin, begin + part.shape[axis]
        if nonnegative(at) and nonnegative(end - start[axis] - shape[axis]):
            places = (*start[:axis], at, *start[axis + 1 :])
            whole = shape == part.shape and all(s == 1 for s in step)
            out: Value = part if whole else slice_(part, start=places, shape=shape, step=step)
            return out
        begin = end
    return None


def _slice_of_one_number(x: Value, *, start: Shape, shape: Shape, step: Step) -> Value | None:
    """``slice(spread(c)) -> spread(c)``."""
    del start, step
    number = constant_of(x)
    return None if number is None else spread(scalar_like(x, number), shape)


def _slice_of_an_update(x: Value, *, start: Shape, shape: Shape, step: Step) -> Value | None:
    """``slice(slice_update(x, y, box), box) -> y``."""
    if x.node.op is not slice_update:
        return None
    update = x.builder.value(x.node.operands[1])
    box = {"start": start, "step": step}
    return _when(dict(x.node.attrs) == box and update.shape == shape, update)


def _slice_beside_an_update(x: Value, *, start: Shape, shape: Shape, step: Step) -> Value | None:
    """``slice(slice_update(x, _, box), other) -> slice(x, other)`` where no place is in both."""
    if x.node.op is not slice_update:
        return None
    base, update = map(x.builder.value, x.node.operands)
    box = dict(x.node.attrs)
    written = zip(box["start"], update.shape, box["step"], strict=True)
    read = zip(start, shape, step, strict=True)
    if not any(_are_apart(a, b) for a, b in zip(written, read, strict=True)):
        return None
    out: Value = slice_(base, start=start, shape=shape, step=step)
    return out


def _are_apart(a: tuple[Dim, Dim, int], b: tuple[Dim, Dim, int]) -> bool:
    """Return whether parts of an axis, (start, length, step), surely have no place in common."""
    (first, last), (other_first, other_last) = map(_ends, (a, b))
    return nonnegative(other_first - last - 1) or nonnegative(first - other_last - 1)


def _ends(part: tuple[Dim, Dim, int]) -> tuple[Dim, Dim]:
    start, length, step = part
    end = start + (length - 1) * step
    return (start, end) if step > 0 else (end, start)


def _update_of_an_update(x: Value, y: Value, *, start: Shape, step: Step) -> Value | None:
    """``slice_update(slice_update(x, _, box), y, box) -> slice_update(x, y, box)``."""
    if x.node.op is not slice_update or dict(x.node.attrs) != {"start": start, "step": step}:
        return None
    base, covered = map(x.builder.value, x.node.operands)
    if covered.shape != y.shape:
        return None
    out: Value = slice_update(base, y, start=start, step=step)
    return out


def _gather_of_a_scatter(x: Value, *places: Value, axes: tuple[int, ...]) -> Value | None:
    """``gather(scatter(x, y, place), place) -> y`` for one place."""
    return x.builder.value(x.node.operands[1]) if _is_scatter_at(x, places, axes) else None


def _scatter_of_a_scatter(
    x: Value, y: Value, *places: Value, axes: tuple[int, ...]
) -> Value | None:
    """``scatter(scatter(x, _, place), y, place) -> scatter(x, y, place)`` for one place."""
    if not _is_scatter_at(x, places, axes):
        return None
    out: Value = scatter(x.builder.value(x.node.operands[0]), y, *places, axes=axes)
    return out


def _is_scatter_at(x: Value, places: Sequence[Value], axes: tuple[int, ...]) -> bool:
    """Return whether a value was written at one place, this one."""
    is_at = x.node.op is scatter and x.node.operands[2:] == tuple(p.node for p in places)
    return is_at and dict(x.node.attrs) == {"axes": axes} and not places[0].shape


def _double_negative(x: Value) -> Value | None:
    return x.builder.value(x.node.operands[0]) if x.node.op is negative else None


RULES: Rules = {
    "add": (_zero_operand,),
    "subtract": (lambda x, y: _when(x.dtype.kind in "iuf" and is_constant(y, 0), x),),
    "multiply": (
        lambda x, y: _when(x.dtype.kind in "iuf" and is_constant(y, 1), x),
        lambda x, y: _when(x.dtype.kind in "iuf" and is_constant(x, 1), y),
    ),
    "divide": (lambda x, y: _when(_is_float(x) and is_constant(y, 1), x),),
    "chain": (_finite_factor, _known_tangent),
    "negative": (_double_negative,),
    "reshape": (_merged_reshape,),
    "transpose": (_merged_transpose,),
    "broadcast_to": (_merged_broadcast,),
    "slice": (_slice_of_one_number, _slice_of_a_part, _slice_of_an_update, _slice_beside_an_update),
    "slice_update": (_update_of_an_update,),
    "gather": (_gather_of_a_scatter,),
    "scatter": (_scatter_of_a_scatter,),
    "cast": (lambda x, *, dtype: _when(x.dtype == dtype, x),),
    "sum": (_sum_of_nothing,),
    "select": (
        lambda c, x, y: _when(is_constant(c, True), x),
        lambda c, x, y: _when(is_constant(c, False), y),
        lambda c, x, y: _when(x.node is y.node, x),
    ),
    "logical_and": (
        lambda x, y: _when(y.dtype == BOOL and is_constant(x, True), y),
        lambda x, y: _when(x.dtype == BOOL and is_constant(y, True), x),
    ),
    "mark": (lambda x, *, token: x,),
}
"""Rules by operation: ``before -> after``."""
