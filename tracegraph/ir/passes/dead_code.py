"""Dead code: nodes that no output and no effect needs are left out."""

from __future__ import annotations

from tracegraph.ir.graph import Graph, Node


def remove_dead_code(graph: Graph) -> Graph:
    """Return the graph with needed nodes only. Parameters stay."""
    needed: set[Node] = set(graph.outputs)
    kept: list[Node] = []
    for node in reversed(graph.nodes):
        if node.op.effect or node in needed:
            needed.update(node.operands)
            kept.append(node)
    return Graph(graph.params, tuple(reversed(kept)), graph.outputs)
