"""The graphs that nodes hold: a pass goes through a graph before it goes through those inside."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tracegraph.ir.bodies import holds_graphs
from tracegraph.ir.graph import Builder, Graph, Node, Value, rebuild, replay

Pass = Callable[[Graph], Graph]


def everywhere(one: Pass, graph: Graph) -> Graph:
    """Return what a pass makes of a graph and of all graphs inside it, outermost first.

    A graph that several nodes hold stays one graph, so that equal nodes stay equal.
    """
    known: dict[Graph, Graph] = {}

    def changed(inner: Graph) -> Graph:
        if inner not in known:
            known[inner] = _with_inner(one(inner), changed)
        return known[inner]

    return _with_inner(one(graph), changed)


def _with_inner(graph: Graph, changed: Pass) -> Graph:
    inner = [value for node in graph for _, value in node.attrs if isinstance(value, Graph)]
    if all([changed(value) is value for value in inner]):
        return graph
    builder = Builder()

    def visit(node: Node, *operands: Value) -> Value:
        if not holds_graphs(node):
            return rebuild(builder, node, *operands)
        builder.site = node.site
        attrs: dict[str, Any] = {
            name: changed(value) if isinstance(value, Graph) else value
            for name, value in node.attrs
        }
        return builder.emit(node.op, operands, attrs)

    params = [builder.parameter(param.type) for param in graph.params]
    return builder.build(replay(graph, params, visit))
