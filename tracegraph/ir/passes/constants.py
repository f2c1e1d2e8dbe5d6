"""Constant folding: an operation on scalar constants is computed now, by its eager kernel."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np

from tracegraph.ir.graph import Builder, Graph, Node, Value, rebuild, replay
from tracegraph.ir.lowering import Pull
from tracegraph.ir.ops.broadcast import literal
from tracegraph.ir.types import ArrayType


def fold_constants(graph: Graph) -> Graph:
    """Return the graph with elementwise operations on literals replaced by literals.

    Guards on what has become constant are dropped: recording saw that they hold.
    """
    if not any(_is_foldable(n, n.operands) or _is_settled(n, n.operands) for n in graph):
        return graph
    builder = Builder()

    def visit(node: Node, *operands: Value) -> Value:
        builder.site = node.site
        nodes = [operand.node for operand in operands]
        if _is_foldable(node, nodes):
            return _folded(builder, node, operands)
        if _is_settled(node, nodes):
            return operands[0]
        return rebuild(builder, node, *operands)

    params = [builder.parameter(param.type) for param in graph.params]
    return builder.build(replay(graph, params, visit))


def _is_foldable(node: Node, operands: Sequence[Node]) -> bool:
    return (
        bool(operands)
        and all([operand.op is literal for operand in operands])
        and isinstance(node.op.lower, Pull)
        and isinstance(node.type, ArrayType)
        and not node.type.shape
        and not node.op.effect
    )


def _is_settled(node: Node, operands: Sequence[Node]) -> bool:
    """Return whether a node is a guard on a constant."""
    return node.op.name == "guard" and operands[0].op is literal


def _folded(builder: Builder, node: Node, operands: tuple[Value, ...]) -> Value:
    numbers = [np.asarray(dict(operand.node.attrs)["value"]) for operand in operands]
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        result = np.asarray(node.op.eager(*numbers, **dict(node.attrs)))
    return builder.emit(literal, (), {"value": result.astype(node.array_type.dtype)[()]})
