"""Graphs inside nodes: what the rules of operations that hold graphs do with them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from tracegraph.ir.counted import counters, mentioned
from tracegraph.ir.graph import Builder, Graph, Node, Value, item_types, rebuild, replay
from tracegraph.ir.lowering import CALLOUT
from tracegraph.ir.size_values import substitute
from tracegraph.ir.sizes import Dim, Size, Symbol
from tracegraph.ir.types import ArrayType

_numbers = itertools.count()


def fresh_name(prefix: str) -> str:
    """Return a name for a symbol that no other symbol of this process has: others have no ``_``.

    So graphs can be copied into each other, one body into another too, and no symbol is taken for
    one that has its name.
    """
    return f"{prefix}_{next(_numbers)}"


def holds_graphs(node: Node) -> bool:
    """Return whether a node is a branch or a loop."""
    return any(isinstance(value, Graph) for _, value in node.attrs)


def has_effect(node: Node) -> bool:
    """Return whether a node, or one in a graph that it holds, has an effect."""
    graphs = (value for _, value in node.attrs if isinstance(value, Graph))
    return node.op.effect or any(has_effect(inner) for graph in graphs for inner in graph)


def calls_out(node: Node) -> bool:
    """Return whether a node, or one in a graph that it holds, is computed by its eager kernel."""
    graphs = (value for _, value in node.attrs if isinstance(value, Graph))
    return node.op.lower == CALLOUT or any(calls_out(inner) for graph in graphs for inner in graph)


def results_of(node: Node) -> tuple[ArrayType, ...]:
    """Return the types of what a branch hands on, and a loop carries."""
    attrs = dict(node.attrs)
    if "body" in attrs:
        return tuple([out.array_type for out in attrs["body"].outputs])
    return item_types(node.type)


def inline(builder: Builder, graph: Graph, args: Sequence[Value]) -> list[Value]:
    """Copy the nodes of a graph into another one, and return its outputs there."""
    return replay(graph, args, lambda node, *xs: rebuild(builder, node, *xs))


def only(graph: Graph, wanted: Iterable[bool]) -> Graph:
    """Return a graph with some of its outputs alone, and the nodes that these need.

    What counts a size that one of them mentions is among them.
    """
    outputs = tuple(out for out, keep in zip(graph.outputs, wanted, strict=True) if keep)
    needed = set(outputs)
    counter_of = counters(graph)
    nodes = []
    for node in reversed(graph.nodes):
        if node in needed or has_effect(node):
            needed.update(read_by(node, counter_of))
            nodes.append(node)
    return Graph(graph.params, tuple(reversed(nodes)), outputs)


def read_by(node: Node, counter_of: Mapping[Symbol, Node]) -> Iterator[Node]:
    """Yield the operands of a node, and what counts the sizes that it mentions."""
    yield from node.operands
    if counter_of:
        yield from (counter_of[s] for s in mentioned(node) if s in counter_of)


def resized(graph: Graph, replacements: Mapping[Symbol, Dim]) -> Graph:
    """Return a graph with symbols replaced in all its types and attributes, inner graphs' too."""
    if not replacements:
        return graph
    builder = Builder()

    def visit(node: Node, *operands: Value) -> Value:
        builder.site = node.site
        attrs = {name: _resized_attr(value, replacements) for name, value in node.attrs}
        return builder.emit(node.op, operands, attrs)

    params = [builder.parameter(resized_type(p.array_type, replacements)) for p in graph.params]
    return builder.build(replay(graph, params, visit))


def resized_type(type: ArrayType, replacements: Mapping[Symbol, Dim]) -> ArrayType:
    """Return an array type with symbols replaced."""
    return type.with_shape(substitute(dim, replacements) for dim in type.shape)


def _resized_attr(value: Any, replacements: Mapping[Symbol, Dim]) -> Any:
    if isinstance(value, Size):
        return substitute(value, replacements)
    if isinstance(value, Graph):
        return resized(value, replacements)
    if type(value) is tuple:
        return tuple([_resized_attr(item, replacements) for item in value])
    return value


def depending(
    graph: Graph, flags: Sequence[bool], hands_on: Callable[[Node], bool] = lambda node: True
) -> set[Node]:
    """Return what depends on the flagged parameters, these included.

    Parameters
    ----------
    graph : Graph
        Where to look.
    flags : sequence of bool
        One for each parameter.
    hands_on : callable, optional
        Whether a node depends on what its operands depend on.
    """
    found = {param for param, flag in zip(graph.params, flags, strict=True) if flag}
    for node in graph:
        if not found.isdisjoint(node.operands) and hands_on(node):
            found.add(node)
    return found


def carried_for(body: Graph, count: int, targets: Iterable[Node]) -> set[int]:
    """Return which of the first ``count`` parameters some nodes need, in some iteration of a loop.

    The first outputs of the body are in the next iteration what these were in this one.
    """
    places = {param: k for k, param in enumerate(body.params[:count])}
    needed: set[int] = set()
    found = set(targets)
    counter_of = counters(body)
    while True:
        for node in reversed(body.nodes):
            if node in found:
                found.update(read_by(node, counter_of))
        new = {places[node] for node in found if node in places} - needed
        if not new:
            return needed
        needed |= new
        found.update(body.outputs[k] for k in new)


def with_read_operands(graph: Graph, operands: Sequence[Value]) -> tuple[Graph, Sequence[Value]]:
    """Return a graph and its operands without those that it does not read."""
    read = {operand for node in graph for operand in node.operands} | set(graph.outputs)
    flags = [param in read for param in graph.params]
    params = tuple(p for p, flag in zip(graph.params, flags, strict=True) if flag)
    kept = [x for x, flag in zip(operands, flags, strict=True) if flag]
    return Graph(params, graph.nodes, graph.outputs), kept


def carried_on(
    body: Graph,
    flags: Sequence[bool],
    hands_on: Callable[[Node], bool] = lambda node: True,
) -> list[bool]:
    """Return which parameters of a loop's body depend on flagged ones, in some iteration.

    The outputs of the body are in the next iteration what its first parameters were in this one.
    """
    found, carried = list(flags), len(body.outputs)
    while True:
        nodes = depending(body, found, hands_on)
        after = [
            old or out in nodes for old, out in zip(found[:carried], body.outputs, strict=True)
        ]
        if after == found[:carried]:
            return found
        found[:carried] = after
