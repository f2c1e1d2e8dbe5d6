"""Sums of cotangents: no ops, but how those are added that are zero outside some elements.

What reads a part of an array has a cotangent that is zero elsewhere. Adding it to another needs to
touch the part alone: in a loop that walks back over the rows of a matrix this is the difference
between one row and the whole matrix in every iteration.
"""

from __future__ import annotations

from tracegraph.ir.graph import Tangent, Value
from tracegraph.ir.ops.arithmetic import add
from tracegraph.ir.ops.boxes import slice_, slice_update
from tracegraph.ir.ops.index import scatter_add
from tracegraph.ir.rewrite import is_constant


def add_cotangents(total: Tangent, new: Tangent) -> Tangent:
    """Return the sum of two cotangents of one array, where None is zero."""
    if total is None or new is None:
        return new if total is None else total
    if _is_part(total) and not _is_part(new):
        total, new = new, total
    if not _is_part(new):
        return add(total, new)  # type: ignore[no-any-return]  # of values it is a value
    value, attrs = new.builder.value, dict(new.node.attrs)
    _, update, *places = map(value, new.node.operands)
    if new.node.op is scatter_add:
        return scatter_add(total, update, *places, **attrs)  # type: ignore[no-any-return]
    before = slice_(total, shape=update.shape, **attrs)
    return slice_update(total, add(before, update), **attrs)  # type: ignore[no-any-return]


def _is_part(cotangent: Value) -> bool:
    """Return whether it is zero by structure outside the elements that an operation names."""
    node = cotangent.node
    is_update = node.op in (slice_update, scatter_add)
    return is_update and is_constant(cotangent.builder.value(node.operands[0]), 0)
