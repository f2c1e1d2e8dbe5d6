"""Values that are dear and would be computed in two kernels or passes."""

from __future__ import annotations

from collections.abc import Sequence

from tracegraph.codegen.demand import Demands
from tracegraph.codegen.groups import Group
from tracegraph.ir.graph import Graph, Node


def repeats(graph: Graph, demands: Demands, groups: Sequence[Group]) -> set[Node]:
    """Return the nodes to store so that nothing dear is computed twice."""
    places: dict[Node, set[tuple[int, int, bool]]] = {}
    for group in groups:
        for member in group.members:
            for _, node, _ in member.root.cone:
                where = group.number, member.turn, member.row
                places.setdefault(node, set()).add(where)
    repeated = {n for n, found in places.items() if len(found) > 1 and demands.weights[n][1]}
    return _topmost(graph, repeated, demands) if repeated else repeated


def _topmost(graph: Graph, nodes: set[Node], demands: Demands) -> set[Node]:
    """Leave out nodes that only others of them use: storing those is enough."""
    rooted = {root.node for root in demands.roots if root.kind != "copy"}
    copied = {root.node for root in demands.roots if root.kind == "copy"}
    used: dict[Node, set[Node]] = {}
    for node in graph:
        for operand in node.operands:
            used.setdefault(operand, set()).add(node)
    covered: set[Node] = set()
    top: set[Node] = set()
    for node in reversed(graph.nodes):
        users = {u for u in used.get(node, ()) if u in demands.weights or u in rooted}
        hidden = bool(users) and node not in copied and all(u in covered for u in users)
        if node in nodes and not hidden:
            top.add(node)
        if hidden or node in nodes:
            covered.add(node)
    return top
