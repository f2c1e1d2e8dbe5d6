"""Masks that leave nothing out, which are those of loops over one example.

::

    %1 = trips(...)                                   every value of %1 is true, so that
    %2 = loop(%0, %1, body=@0)                        a select by it is its first operand
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tracegraph.ir.bodies import inline
from tracegraph.ir.graph import Builder, Graph, Node, Value, rebuild, replay
from tracegraph.ir.ops.broadcast import literal, spread
from tracegraph.ir.ops.while_loop import trips
from tracegraph.ir.passes.simplify import simplify
from tracegraph.ir.rewrite import is_constant
from tracegraph.ir.types import BOOL, ArrayType


def open_masks(graph: Graph) -> Graph:
    """Return the graph with operands that are all true as constants of the graphs in its nodes."""
    if not any(any(_known(node)) for node in graph):
        return graph
    builder = Builder()

    def visit(node: Node, *operands: Value) -> Value:
        builder.site = node.site
        known = _known(node)
        if not any(known):
            return rebuild(builder, node, *operands)
        given = [x for x, flag in zip(operands, known, strict=True) if not flag]
        attrs = {
            name: _opened(value, known) if isinstance(value, Graph) else value
            for name, value in node.attrs
        }
        return builder.emit(node.op, given, attrs)

    params = [builder.parameter(param.type) for param in graph.params]
    return builder.build(replay(graph, params, visit))


def _known(node: Node) -> list[bool]:
    """Return which operands are all true, and no more than handed on to the graphs of a node."""
    graphs = {name: value for name, value in node.attrs if isinstance(value, Graph)}
    if not graphs:
        return [False] * len(node.operands)
    first = len(node.operands) - max(len(graph.params) for graph in graphs.values())
    if "body" in graphs:
        first += len(graphs["body"].outputs)
    return [k >= first and _is_true(operand) for k, operand in enumerate(node.operands)]


def _is_true(node: Node) -> bool:
    is_mask = isinstance(node.type, ArrayType) and node.type.dtype == BOOL
    return is_mask and (node.op is trips or is_constant(Value(Builder(), node), True))


def _opened(graph: Graph, known: Sequence[bool]) -> Graph:
    """Return a graph without some parameters, all of whose elements are true."""
    builder = Builder()
    true = builder.emit(literal, (), {"value": np.bool_(True)})
    params = [
        spread(true, param.array_type.shape) if flag else builder.parameter(param.type)
        for param, flag in zip(graph.params, known[len(known) - len(graph.params) :], strict=True)
    ]
    return simplify(builder.build(inline(builder, graph, params)))
