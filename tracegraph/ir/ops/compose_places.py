"""Places that are computed, kept inside their axes: for what runs before anybody has checked them.

A guard is what makes a place safe. Where it stands behind what reads there, as behind a loop, or
where what it was asked of is computed again by other means, places are moved inside their axes.
Those that were inside stay what they are. Loops and branches need nothing: they are drawn so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tracegraph.ir.graph import Builder, Graph, Node, Op, Value, rebuild, replay
from tracegraph.ir.ops.broadcast import broadcast_to, full_like
from tracegraph.ir.ops.choice import maximum, minimum
from tracegraph.ir.ops.creation import size_value
from tracegraph.ir.ops.index import gather, scatter, scatter_add
from tracegraph.ir.ops.indexed_update import update_at
from tracegraph.ir.ops.remat import remat
from tracegraph.ir.sizes import Dim

INDEXED: Mapping[Op, int] = {gather: 1, scatter: 2, scatter_add: 2, update_at: 2}
"""What reads or writes at computed places: how many operands stand before these."""


def rebuild_inside(builder: Builder, node: Node, *operands: Value) -> Value:
    """Copy a node as ``rebuild`` does, with its places inside their axes, in a ``remat`` too."""
    attrs: dict[str, Any] = dict(node.attrs)
    if node.op is remat:
        builder.site = node.site
        return builder.emit(remat, operands, {"graph": _all_inside(attrs["graph"])})
    count = INDEXED.get(node.op)
    if count is None:
        return rebuild(builder, node, *operands)
    places = [
        _inside(index, operands[0].shape[axis])
        for index, axis in zip(operands[count:], attrs["axes"], strict=True)
    ]
    return rebuild(builder, node, *operands[:count], *places)


def _all_inside(graph: Graph) -> Graph:
    builder = Builder()
    params = [builder.parameter(param.type) for param in graph.params]
    return builder.build(
        replay(graph, params, lambda node, *xs: rebuild_inside(builder, node, *xs))
    )


def _inside(index: Value, length: Dim) -> Value:
    """Return places that are inside an axis, whatever they were."""
    builder = index.builder
    end = builder.emit(size_value, (), {"value": length - 1})
    last = broadcast_to(end, shape=index.shape, axes=()) if index.shape else end
    clipped: Value = maximum(minimum(index, last), full_like(index, 0))
    return clipped
