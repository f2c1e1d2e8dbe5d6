"""Slices: what leads from some nodes of a growing graph to others, as a graph of its own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tracegraph.ir.counted import counted, mentioned
from tracegraph.ir.graph import Graph, Node
from tracegraph.ir.sizes import Symbol


def between(
    nodes: Iterable[Node],
    sources: Sequence[Node],
    targets: Sequence[Node],
    symbols: Iterable[Symbol] = (),
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
    symbols : iterable of Symbol, optional
        Sizes that are known only within: what mentions them belongs to the slice.

    Returns
    -------
    graph : Graph
        Its parameters are the sources, then the frontier.
    frontier : tuple of Node
        The values from outside that the slice reads.
    """
    return cut(dependents(nodes, sources, symbols), sources, targets)


def dependents(
    nodes: Iterable[Node], sources: Iterable[Node], symbols: Iterable[Symbol] = ()
) -> list[Node]:
    """Return what depends on some nodes, or on the values of symbols, in order."""
    known = set(sources)
    counts: set[Symbol] = set(symbols)
    inner = []
    for node in nodes:
        depends = not known.isdisjoint(node.operands)
        depends = depends or (bool(counts) and not counts.isdisjoint(mentioned(node)))
        if depends and node not in known and not node.op.effect:
            known.add(node)
            counts.update(counted(node))
            inner.append(node)
    return inner


def cut(
    inner: Sequence[Node], sources: Sequence[Node], targets: Sequence[Node]
) -> tuple[Graph, tuple[Node, ...]]:
    """Return what computes ``targets`` among some nodes, and what else that needs.

    Parameters
    ----------
    inner : sequence of Node
        The nodes that may be part of it, in topological order.
    sources, targets : sequence of Node
        Where it begins; its outputs.

    Returns
    -------
    graph, frontier : Graph, tuple of Node
        As of ``between``.
    """
    needed = set(targets)
    counter_of = {symbol: node for node in inner for symbol in counted(node)}
    kept = []
    for node in reversed(inner):
        if node in needed:
            needed.update(node.operands)
            if counter_of:
                needed.update(counter_of[s] for s in mentioned(node) if s in counter_of)
            kept.append(node)
    kept.reverse()
    inside = {*sources, *kept}
    read = (operand for node in kept for operand in node.operands)
    frontier = tuple(dict.fromkeys(n for n in (*read, *targets) if n not in inside))
    return Graph((*sources, *frontier), tuple(kept), tuple(targets)), frontier


def ancestors(nodes: Sequence[Node], targets: Iterable[Node], known: Iterable[Node]) -> list[Node]:
    """Return the nodes that compute ``targets``, stopping at ``known`` ones, in order.

    What counts a size that one of them mentions is among them.
    """
    needed = set(targets)
    stop = set(known)
    counts: set[Symbol] = set()
    found = []
    for node in reversed(nodes):
        is_counter = not counts.isdisjoint(counted(node))
        if (node in needed and node not in stop) or is_counter:
            needed.update(node.operands)
            counts.update(s for s in mentioned(node) if s.hint is None)
            found.append(node)
    return found[::-1]
