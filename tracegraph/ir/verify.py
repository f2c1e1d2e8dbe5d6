"""The verifier: every rule that a pass must keep, checked by the operations' own type rules."""

from __future__ import annotations

from tracegraph.ir.errors import GraphError
from tracegraph.ir.graph import PARAMETER, Graph, Node
from tracegraph.ir.text import print_graph

CONTEXT_LINES = 6


def verify(graph: Graph) -> Graph:
    """Return the graph if it is well formed.

    Raises
    ------
    GraphError
        A value is used before it is defined, a node is defined twice, or a node's type is not what
        its operation's type rule says. The message shows the program around the node.
    """
    known: set[Node] = set()
    for param in graph.params:
        if param.op is not PARAMETER or param in known:
            raise GraphError(f"{param!r} stands among the parameters of a graph")
        known.add(param)
    for node in graph:
        fault = _fault(node, known)
        if fault:
            raise GraphError(f"{fault}, in\n{_window(graph, node)}")
        known.add(node)
    for output in graph.outputs:
        if output not in known:
            raise GraphError(f"the graph returns {output!r}, which it does not define")
    return graph


def _fault(node: Node, known: set[Node]) -> str | None:
    if node in known:
        return f"{node.op.name} is defined twice"
    if node.op is PARAMETER or not known.issuperset(node.operands):
        return f"{node.op.name} uses a value before it is defined"
    for _, value in node.attrs:
        if isinstance(value, Graph):
            verify(value)
    try:
        expected = node.op.type_rule(*(n.type for n in node.operands), **dict(node.attrs))
    except TypeError as error:
        return f"{node.op.name} breaks its type rule: {error}"
    if expected != node.type:
        return f"{node.op.name} is typed {node.type}, its rule says {expected}"
    return None


def _window(graph: Graph, node: Node) -> str:
    """Return the printed lines around a node, which may itself be unprintable by number."""
    position = graph.nodes.index(node)
    defined = set(graph.params) | set(graph.nodes[: position + 1])
    if not defined.issuperset(node.operands):
        return repr(node)
    upto = Graph(graph.params, graph.nodes[: position + 1], (node,))
    lines = print_graph(upto).splitlines()
    return "\n".join(lines[-CONTEXT_LINES:])
