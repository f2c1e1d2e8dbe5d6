"""Counted sizes: lengths that depend on data, and the nodes that give them their values.

``x[x > 0]`` has as many elements as the mask has true ones. That number is a symbol like any other
size; only it is known later: an operation that *counts* it says so (``Op.counts``), and whatever
mentions the symbol comes after that node, also where it reads nothing of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tracegraph.ir.graph import Graph, Node, item_types
from tracegraph.ir.size_values import attr_symbols, bare_symbol
from tracegraph.ir.sizes import Symbol
from tracegraph.ir.types import type_symbols


def counted(node: Node) -> Iterator[Symbol]:
    """Yield the symbols that a node gives a value."""
    if node.op.counts is not None:
        yield from attr_symbols(dict(node.attrs)[node.op.counts])


def counters(graph: Graph) -> dict[Symbol, Node]:
    """Return for each counted size the first node that gives it its value.

    A size of a parameter is known before, though a mask may be found to have as many places.
    """
    found: dict[Symbol, Node] = {}
    for node in graph:
        for symbol in counted(node):
            found.setdefault(symbol, node)
    known = set(type_symbols(param.type for param in graph.params)) if found else ()
    return {symbol: node for symbol, node in found.items() if symbol not in known}


def counted_inside(graph: Graph) -> Iterator[Symbol]:
    """Yield the symbols that nodes of the graphs inside of nodes give a value."""
    for node in graph:
        for _, value in node.attrs:
            if isinstance(value, Graph):
                yield from (symbol for inner in value for symbol in counted(inner))
                yield from counted_inside(value)


def mentioned(node: Node) -> tuple[Symbol, ...]:
    """Return the symbols of a node's type and attributes, inner graphs included.

    The index of a loop is its own, and so is what an inner graph counts: they mean nothing outside.
    """
    if node.symbols is None:
        object.__setattr__(node, "symbols", tuple(_mentioned(node)))
    return node.symbols or ()


def _mentioned(node: Node) -> Iterator[Symbol]:
    yield from type_symbols((node.type,))
    index = dict(node.attrs).get("index")
    for _, value in node.attrs:
        yield from attr_symbols(value)
        if isinstance(value, Graph):
            own = {symbol for inner in value for symbol in counted(inner)}
            for inner in value:
                yield from (s for s in mentioned(inner) if s.name != index and s not in own)


def counted_sizes(node: Node, result: Any) -> dict[Symbol, int]:
    """Return the values that a node's result gives to the symbols that it counts."""
    own = set(counted(node))
    types = item_types(node.type)
    results = result if isinstance(result, tuple) else (result,)
    return {
        symbol: length
        for type, one in zip(types, results, strict=True)
        for dim, length in zip(type.shape, one.shape, strict=True)
        if (symbol := bare_symbol(dim)) in own
    }
