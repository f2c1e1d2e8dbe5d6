"""Graphs that run for some examples of a batch alone: no ops, but how their loops know it.

A batch computes both branches for all examples, and an iteration for those that are done too; the
results are not looked at. But a loop that a test ends need not come to an end for an example that
never gets there. So such loops are told which examples count, and do not begin for the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tracegraph.ir.bodies import inline
from tracegraph.ir.graph import Builder, Graph, Node, Value, rebuild, replay
from tracegraph.ir.ops.compare import logical_and
from tracegraph.ir.types import BOOL, ArrayType


def with_switch(graph: Graph) -> Graph:
    """Return a graph with one parameter more, a bool: loops with a test do not run if it is false.

    Within such a loop nothing is changed: what does not begin has no iteration.
    """
    builder = Builder()
    params = [builder.parameter(param.type) for param in graph.params]
    runs = builder.parameter(ArrayType(BOOL))

    def visit(node: Node, *operands: Value) -> Value:
        builder.site = node.site
        attrs = _switched(node)
        if attrs is None:
            return rebuild(builder, node, *operands)
        return builder.emit(node.op, [*operands, runs], attrs)

    return builder.build(replay(graph, params, visit))


def inline_where(
    builder: Builder, runs: Value | None, graph: Graph, args: Sequence[Value]
) -> list[Value]:
    """Copy a graph into another one, its loops with a test run only where ``runs`` is true."""
    if runs is None:
        return inline(builder, graph, args)
    return inline(builder, with_switch(graph), [*args, runs])


def _switched(node: Node) -> dict[str, Any] | None:
    """Return the attributes of a node that gets the switch as its last operand; None: it does not.

    Only what may not come to an end gets it.
    """
    attrs = dict(node.attrs)
    inner = [name for name, value in attrs.items() if isinstance(value, Graph)]
    if not inner or not _may_not_end(node):
        return None
    if "test" not in attrs:
        return attrs | {name: with_switch(attrs[name]) for name in inner}
    return attrs | {"test": _tested(attrs["test"]), "body": _widened(attrs["body"])}


def _may_not_end(node: Node) -> bool:
    """Return whether a node is, or holds, a loop that a test ends."""
    graphs = {name: value for name, value in node.attrs if isinstance(value, Graph)}
    return "test" in graphs or any(_may_not_end(n) for g in graphs.values() for n in g)


def _tested(test: Graph) -> Graph:
    """Return a test that gives false where the last parameter, a new one, is false."""
    builder = Builder()
    *params, runs = _parameters(builder, test)
    (answer,) = inline(builder, test, params)
    return builder.build([logical_and(runs, answer)])


def _widened(body: Graph) -> Graph:
    """Return a body with a parameter that it does not look at."""
    builder = Builder()
    *params, _ = _parameters(builder, body)
    return builder.build(inline(builder, body, params))


def _parameters(builder: Builder, graph: Graph) -> list[Value]:
    types = [*(param.type for param in graph.params), ArrayType(BOOL)]
    return [builder.parameter(type) for type in types]
