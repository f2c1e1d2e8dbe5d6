"""Which operation it is that native code computes otherwise than NumPy.

First every operation is looked at alone: one native function returns the values of all of them, and
each is compared with what its eager kernel makes of the native operands, so that no difference is
handed on. What is wrong only where operations are fused is found by bisection: the graph is cut
behind a node, compiled as it is, and its value compared with the interpreter's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tracegraph.codegen.once import compile_graph
from tracegraph.ir.graph import PARAMETER, Graph, Node
from tracegraph.ir.interpret import Sizes, bind_sizes
from tracegraph.ir.slicing import ancestors
from tracegraph.ir.tolerance import difference
from tracegraph.ir.types import ArrayType


def native_values(
    graph: Graph, nodes: Sequence[Node], arrays: Sequence[Any], sizes: Sizes, fp: str
) -> list[Any]:
    """Return what native code computes for some nodes of a graph; guards are left out."""
    inner = [node for node in ancestors(graph.nodes, nodes, ()) if not node.op.effect]
    cut = Graph(graph.params, tuple(inner), tuple(nodes))
    bound = bind_sizes([p.array_type for p in graph.params], arrays)
    free = [symbol for symbol in sizes if symbol not in bound]
    return compile_graph(cut, free, fp=fp)(*arrays, *(sizes[symbol] for symbol in free))


def culprit(graph: Graph, arrays: Sequence[Any], sizes: Sizes, fp: str) -> Node | None:
    """Return the first node that native code computes otherwise than NumPy, if there is one.

    Parameters
    ----------
    graph : Graph
        As it was compiled.
    arrays : sequence of ndarray
        One for each parameter.
    sizes : mapping of Symbol to int
        Values of symbols that no parameter's shape tells.
    fp : {"strict", "contract"}
        How it was compiled.
    """
    nodes = [n for n in graph.nodes if isinstance(n.type, ArrayType) and not n.op.effect]
    if not nodes:
        return None
    values = dict(zip(nodes, native_values(graph, nodes, arrays, sizes, fp), strict=True))
    values |= dict(zip(graph.params, arrays, strict=True))
    known = bind_sizes([p.array_type for p in graph.params], arrays, sizes)
    alone = (n for n in nodes if not _is_right_alone(n, values, known, fp))
    return next(alone, None) or _first_fused(graph, nodes, arrays, sizes, fp)


def _is_right_alone(node: Node, values: dict[Node, Any], sizes: Sizes, fp: str) -> bool:
    """Return whether a node's native value is what NumPy makes of its native operands."""
    inner: list[Node] = []
    stack = [node]
    while stack:  # an item stands alone together with the call that gave all of them
        inner.insert(0, stack.pop())
        stack.extend(operand for operand in inner[0].operands if operand not in values)
    given = list(dict.fromkeys(o for one in inner for o in one.operands if o in values))
    params = {operand: Node(PARAMETER, (), (), operand.type) for operand in given}
    copies: dict[Node, Node] = dict(params)
    for one in dict.fromkeys(inner):
        operands = tuple(copies[operand] for operand in one.operands)
        copies[one] = Node(one.op, operands, one.attrs, one.type, one.site)
    made = tuple(copies[one] for one in dict.fromkeys(inner))
    alone = Graph(tuple(params.values()), made, (copies[node],))
    arrays = [values[operand] for operand in given]
    return difference(alone, arrays, [values[node]], sizes=sizes, fp=fp) is None


def _first_fused(
    graph: Graph, nodes: Sequence[Node], arrays: Sequence[Any], sizes: Sizes, fp: str
) -> Node | None:
    """Return the first node whose value is wrong when the graph ends there, by bisection."""

    def is_wrong(count: int) -> bool:
        cut = Graph(graph.params, graph.nodes, (nodes[count],))
        got = native_values(graph, [nodes[count]], arrays, sizes, fp)
        return difference(cut, arrays, got, sizes=sizes, fp=fp) is not None

    wrong = next((i for i in reversed(range(len(nodes))) if is_wrong(i)), None)
    if wrong is None:
        return None
    right = -1
    while wrong - right > 1:
        middle = (right + wrong) // 2
        if is_wrong(middle):
            wrong = middle
        else:
            right = middle
    return nodes[wrong]
