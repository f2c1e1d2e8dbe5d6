"""Dead code: nodes that no output, no effect and no size needs are left out."""

from __future__ import annotations

from tracegraph.ir.bodies import has_effect
from tracegraph.ir.counted import counters, mentioned
from tracegraph.ir.graph import Graph, Node


def remove_dead_code(graph: Graph) -> Graph:
    """Return the graph with needed nodes only. Parameters stay."""
    needed: set[Node] = set(graph.outputs)
    counter_of = counters(graph)
    kept: list[Node] = []
    for node in reversed(graph.nodes):
        if node in needed or has_effect(node):
            needed.update(node.operands)
            if counter_of:
                needed.update(counter_of[s] for s in mentioned(node) if s in counter_of)
            kept.append(node)
    if len(kept) == len(graph):
        return graph
    return Graph(graph.params, tuple(reversed(kept)), graph.outputs)
