"""Slices: what leads from some nodes of a growing graph to others, as a graph of its own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tracegraph.ir.counted import counted, mentioned
from tracegraph.ir.graph import Graph, Node
from tracegraph.ir.sizes import Symbol


def between(
    nodes: Iterable[Node], sources: Sequence[Node], targets: Sequence[Node]
) -> tuple[Graph, tuple[Node, ...]]:
    """Return what computes ``targets`` from ``sources``, and what else it needs.

    Parameters
    ----------
    nodes : iterable of Node
        All nodes, in topological order.
    sources : sequence of Node
        Where the slice begins.
    targets : sequence of Node
        Its outputs. A target that does not depend on a source is passed in and handed on.

    Returns
    -------
    graph : Graph
        Its parameters are the sources, then the frontier.
    frontier : tuple of Node
        The values from outside that the slice reads.
    """
    known = set(sources)
    counts: set[Symbol] = set()
    inner = []
    for node in nodes:
        depends = not known.isdisjoint(node.operands) or not counts.isdisjoint(mentioned(node))
        if depends and node not in known and not node.op.effect:
            known.add(node)
            counts.update(counted(node))
            inner.append(node)
    needed = set(targets)
    kept = []
    for node in reversed(inner):
        if node in needed:
            needed.update(node.operands)
            kept.append(node)
    kept.reverse()
    inside = {*sources, *kept}
    read = (operand for node in kept for operand in node.operands)
    frontier = tuple(dict.fromkeys(n for n in (*read, *targets) if n not in inside))
    return Graph((*sources, *frontier), tuple(kept), tuple(targets)), frontier


def ancestors(nodes: Sequence[Node], targets: Iterable[Node], known: Iterable[Node]) -> list[Node]:
    """Return the nodes that compute ``targets``, stopping at ``known`` ones, in order."""
    needed = set(targets)
    stop = set(known)
    found = []
    for node in reversed(nodes):
        if node in needed and node not in stop:
            needed.update(node.operands)
            found.append(node)
    return found[::-1]
