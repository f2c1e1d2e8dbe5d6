"""The text form of graphs: a printer, and a parser that proves the round trip.

::

    graph(%0: f64[n,3], %1: f64[3]) where n>=2:
      %2: f64[n,3] = broadcast_to(%1, axes=(1,), shape=(n, 3))  # model.py:12
      %3: f64[n,3] = multiply(%0, %2)  # model.py:12
      return %3

Names are invented by the printer. Attributes are written as Python expressions: numbers of a dtype
as ``f64(2.0)`` or ``c64(1.0, -0.0)``, or ``f64.bits(0x...)`` for a NaN with a sign or payload;
dtypes and sizes by their names; an inner graph as ``@0``, printed below the graph that holds it.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from tracegraph.ir.graph import Graph, Node
from tracegraph.ir.size_values import attr_symbols
from tracegraph.ir.sizes import Symbol
from tracegraph.ir.types import SHORT_NAMES, type_symbols


def print_graph(graph: Graph, *, sites: bool = True) -> str:
    """Return the text of a graph.

    Parameters
    ----------
    graph : Graph
        The graph to print.
    sites : bool
        Whether to add the user's file and line of each node.
    """
    return "\n".join(_Printer(sites).lines(graph, "graph"))


class _Printer:
    """Numbers the inner graphs as it meets them, and prints them after what holds them."""

    def __init__(self, sites: bool) -> None:
        self.sites = sites
        self.inner: list[Graph] = []

    def lines(self, graph: Graph, head: str) -> Iterator[str]:
        first_inner = len(self.inner)
        names = {node: f"%{i}" for i, node in enumerate((*graph.params, *graph.nodes))}
        params = ", ".join(f"{names[p]}: {p.type}" for p in graph.params)
        yield f"{head}({params}){_where(graph)}:"
        for node in graph:
            yield f"  {names[node]}: {node.type} = {self.call(node, names)}{self.site(node)}"
        yield f"  return {', '.join(names[n] for n in graph.outputs)}".rstrip()
        for number in range(first_inner, len(self.inner)):
            yield from self.lines(self.inner[number], f"@{number} = graph")

    def call(self, node: Node, names: Mapping[Node, str]) -> str:
        parts = [names[operand] for operand in node.operands]
        parts += [f"{name}={self.attr(value)}" for name, value in node.attrs]
        return f"{node.op.name}({', '.join(parts)})"

    def site(self, node: Node) -> str:
        if not self.sites or node.site is None:
            return ""
        return f"  # {os.path.basename(node.site.filename)}:{node.site.line}"

    def attr(self, value: Any) -> str:
        if isinstance(value, tuple):
            return f"({', '.join(map(self.attr, value))}{',' if len(value) == 1 else ''})"
        if isinstance(value, np.dtype):
            return SHORT_NAMES[value]
        if isinstance(value, np.generic):
            return _number(value)
        if isinstance(value, Graph):
            self.inner.append(value)
            return f"@{len(self.inner) - 1}"
        return repr(value)


def _number(value: np.generic) -> str:
    name, item = SHORT_NAMES[value.dtype], value.item()
    exact = (item.real, item.imag) if isinstance(item, complex) else (item,)
    parts = tuple(math.nan if part != part else part for part in exact)  # as it will be read
    read = complex(*parts) if isinstance(item, complex) else parts[0]
    if type(value)(read).tobytes() == value.tobytes():
        return f"{name}({', '.join(map(repr, parts))})"
    return f"{name}.bits({int.from_bytes(value.tobytes(), 'little'):#x})"


def _where(graph: Graph) -> str:
    bounds = {s: None for s in graph_symbols(graph) if s.lower}
    return f" where {', '.join(f'{s}>={s.lower}' for s in bounds)}" if bounds else ""


def graph_symbols(graph: Graph) -> list[Symbol]:
    """Return the symbols that the types and attributes of a graph mention, each once."""
    nodes = (*graph.params, *graph.nodes)
    found = dict.fromkeys(type_symbols(node.type for node in nodes))
    for node in graph:
        for _, value in node.attrs:
            found.update(dict.fromkeys(attr_symbols(value)))
    return list(found)
