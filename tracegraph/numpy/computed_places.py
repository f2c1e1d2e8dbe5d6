"""Places in arrays that are computed: counted from the start, and inside, by a guard if need be."""

from __future__ import annotations

from typing import Any

import numpy as np

from tracegraph.ir.graph import PARAMETER, Graph, Node, Value
from tracegraph.ir.interpret import interpret
from tracegraph.ir.ops.arithmetic import add
from tracegraph.ir.ops.broadcast import full_like, spread
from tracegraph.ir.ops.choice import select
from tracegraph.ir.ops.compare import greater_equal, less, logical_and
from tracegraph.ir.ops.identity import mark
from tracegraph.ir.ops.reduce import all_
from tracegraph.ir.ops.selection import flatnonzero
from tracegraph.ir.sizes import Dim
from tracegraph.numpy.arguments import CONSTANT_LIMIT, constant
from tracegraph.numpy.emit import Emitter

KNOWN_LIMIT = 2 * CONSTANT_LIMIT
"""How many operations may make places that are looked at as constants."""

ARRANGING = ("reshape", "transpose", "broadcast_to", "slice")


def inside(e: Emitter, index: Value, length: Dim) -> Value:
    """Return places counted from the start, with a guard that all are inside an axis."""
    known = known_places(index) if isinstance(length, int) else None
    if known is not None and ((-length <= known) & (known < length)).all():
        if (known >= 0).all():
            return index
        if known.size <= CONSTANT_LIMIT:
            return constant(e, np.where(known < 0, known + length, known))
    limit = upper_bound(index.node)
    if limit is not None and e.holds(limit, "<=", length):
        return index
    end = spread(e.value(length), index.shape)
    shifted: Value = add(index, end)
    fine = logical_and(greater_equal(shifted, full_like(index, 0)), less(index, end))
    e.guard(all_(fine, axes=tuple(range(fine.ndim))), True)
    placed: Value = select(less(index, full_like(index, 0)), shifted, index)
    return placed


def known_places(index: Value) -> Any:
    """Return places as an array where they depend on no input and no size, or None.

    A marked value stands for an input of a transformation.
    """
    found = {index.node}
    pending = [index.node]
    while pending:
        node = pending.pop()
        if node.op in (PARAMETER, mark) or len(found) > KNOWN_LIMIT:
            return None
        pending.extend(new := [operand for operand in node.operands if operand not in found])
        found.update(new)
    try:
        nodes = tuple(node for node in index.builder.nodes if node in found)
        return interpret(Graph((), nodes, (index.node,)))[0]
    except KeyError:
        return None  # a size that is not known here


def upper_bound(node: Node) -> Dim | None:
    """Return what certain positions are below, and not negative: those that ``arange`` counts."""
    while node.op.name in ARRANGING:
        (node,) = node.operands
    attrs = dict(node.attrs)
    if node.op.name == "iota":
        bound: Dim = attrs["shape"][attrs["axis"]]
        return bound
    if node.op.name in ("argmax", "argmin"):
        found: Dim = node.operands[0].array_type.shape[attrs["axes"][0]]
        return found
    if node.op is flatnonzero:
        return node.operands[0].array_type.size
    return None
