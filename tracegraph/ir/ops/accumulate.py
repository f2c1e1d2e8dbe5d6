"""Loops that add up, begun at a total: no ops, but how loops within loops share one sum.

Walking back through a loop within a loop, the inner one adds up the cotangent of what both read,
from zero, and the outer one adds the whole to its own sum. Begun at the outer sum, the inner loop
touches only what it reads: for the rows of a matrix, a row in place of the matrix::

    %5 = loop(zeros, ...)            %5 = loop(total, ...)
    %6 = add(total, %5)       ->     %6 = %5

A ``remat`` is looked into: it adds up if a loop in it does.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from tracegraph.ir.graph import Builder, Graph, Node, Value, rebuild
from tracegraph.ir.ops.arithmetic import add
from tracegraph.ir.ops.boxes import slice_, slice_update
from tracegraph.ir.ops.control import item
from tracegraph.ir.ops.index import scatter_add
from tracegraph.ir.rewrite import is_constant


def sum_from_zero(graph: Graph, place: int) -> Node | None:
    """Return the result of a loop begun at zero to which an output only adds, or None."""
    for node in reversed(graph.nodes):
        if node.op is item and _begins_at_zero(node) and _only_adds(graph, node, place):
            return node
    return None


def begun(graph: Graph, places: Sequence[int]) -> Graph:
    """Return a graph with some outputs begun at parameters, which it has at its end.

    Parameters
    ----------
    graph : Graph
        To change.
    places : sequence of int
        Outputs that have a ``sum_from_zero``, in the order of the new parameters.
    """
    builder = Builder()
    env = {param: builder.parameter(param.type) for param in graph.params}
    starts: dict[Node, dict[int, Value]] = {}
    for place in places:
        found = sum_from_zero(graph, place)
        assert found is not None
        start = builder.parameter(found.type)
        starts.setdefault(found.operands[0], {})[dict(found.attrs)["index"]] = start
    for node in graph:
        builder.site = node.site
        operands = [env[operand] for operand in node.operands]
        if node in starts:
            env[node] = _begun(builder, node, operands, starts[node])
        else:
            env[node] = rebuild(builder, node, *operands)
    return builder.build([env[out] for out in graph.outputs])


def _begun(
    builder: Builder, node: Node, operands: Sequence[Value], starts: dict[int, Value]
) -> Value:
    """Return a loop, or a graph that holds one, with some of its results begun at values."""
    attrs = dict(node.attrs)
    if "graph" in attrs:
        inner = begun(attrs["graph"], list(starts))
        return builder.emit(node.op, [*operands, *starts.values()], {"graph": inner})
    given = [starts.get(k, operand) for k, operand in enumerate(operands)]
    return builder.emit(node.op, given, attrs)


def _begins_at_zero(result: Node) -> bool:
    """Return whether a result of a loop is a sum that begins at zero."""
    producer, index = result.operands[0], dict(result.attrs)["index"]
    attrs = dict(producer.attrs)
    if "graph" in attrs:
        return sum_from_zero(attrs["graph"], index) is not None
    if "index" not in attrs:
        return False
    body: Graph = attrs["body"]
    is_zero = is_constant(Value(Builder(), producer.operands[index]), 0)
    return is_zero and _only_adds(body, body.params[index], index)


def _only_adds(graph: Graph, start: Node, place: int) -> bool:
    """Return whether an output is a value and something added, and nothing else depends on it."""
    found = _dependents(graph, start)
    node = graph.outputs[place]
    if any(out in found for k, out in enumerate(graph.outputs) if k != place):
        return False
    seen = {node}
    while node is not start:
        way = _way_back(node, found)
        if way is None:
            return False
        seen.update(way)
        node = way[-1]
    return seen == found


def _dependents(graph: Graph, start: Node) -> set[Node]:
    """Return what depends on a value; of the results of a loop that only adds to it, its sum."""
    found = {start}
    sums: dict[Node, int | None] = {}
    for node in graph:
        inside = [k for k, operand in enumerate(node.operands) if operand in found]
        if not inside:
            continue
        if node.op is item:
            only = sums.get(node.operands[0])
            if only is not None and only != dict(node.attrs)["index"]:
                continue
        elif len(inside) == 1:
            sums[node] = _sum_of(node, inside[0])
        found.add(node)
    return found


def _sum_of(node: Node, place: int) -> int | None:
    """Return the one result of a loop or ``remat`` that adds to an operand, or None."""
    attrs = dict(node.attrs)
    if "graph" in attrs:
        inner: Graph = attrs["graph"]
        count = range(len(inner.outputs))
        return next((k for k in count if _only_adds(inner, inner.params[place], k)), None)
    is_carried = "index" in attrs and "body" in attrs and place < len(attrs["body"].outputs)
    if not is_carried or not _only_adds(attrs["body"], attrs["body"].params[place], place):
        return None
    return place


def _way_back(node: Node, found: Collection[Node]) -> list[Node] | None:
    """Return the nodes from a sum to what is added to, the last; or None where it is no sum.

    In ``found`` is what depends on that.
    """
    inside = [operand for operand in node.operands if operand in found]
    if node.op is slice_update:
        return _way_back_of_update(node, found)
    if len(inside) != 1:
        return None
    if node.op is add or (node.op is scatter_add and inside[0] is node.operands[0]):
        return inside
    return _way_back_of_item(node, found) if node.op is item else None


def _way_back_of_update(node: Node, found: Collection[Node]) -> list[Node] | None:
    """``slice_update(x, add(slice_(x), new))``."""
    whole, update = node.operands
    if update.op is not add:
        return None
    inside = [operand for operand in update.operands if operand in found]
    if len(inside) != 1 or inside[0].op is not slice_ or inside[0].operands != (whole,):
        return None
    attrs = {name: value for name, value in inside[0].attrs if name != "shape"}
    return [update, inside[0], whole] if attrs == dict(node.attrs) else None


def _way_back_of_item(node: Node, found: Collection[Node]) -> list[Node] | None:
    """What a loop, or a graph that is computed again, hands on with something added."""
    producer = node.operands[0]
    inside = [k for k, operand in enumerate(producer.operands) if operand in found]
    if len(inside) != 1 or _sum_of(producer, inside[0]) != dict(node.attrs)["index"]:
        return None
    return [producer, producer.operands[inside[0]]]
