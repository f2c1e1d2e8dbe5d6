"""The reference interpreter: runs a graph with the eager kernels, one node after the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np

from tracegraph.ir.counted import counted_sizes
from tracegraph.ir.errors import GraphError
from tracegraph.ir.graph import Graph, Node
from tracegraph.ir.record import record
from tracegraph.ir.size_values import attr_symbols, bare_symbol, concrete, evaluate
from tracegraph.ir.sizes import Symbol
from tracegraph.ir.types import ArrayType

Sizes = Mapping[Symbol, int]
After = Callable[[Node, Sequence[Any], Any], Any]
Attrs = tuple[tuple[str, Any], ...]


def interpret(
    graph: Graph, *arrays: Any, sizes: Sizes | None = None, after: After | None = None
) -> list[Any]:
    """Run a graph on arrays.

    Parameters
    ----------
    graph : Graph
        The graph to run.
    *arrays : array_like
        One for each parameter, of its dtype and shape.
    sizes : mapping of Symbol to int, optional
        Values of symbols that no parameter's shape tells.
    after : callable, optional
        ``after(node, operands, result)`` gives what to go on with in the place of a result.

    Returns
    -------
    list of ndarray
        One for each output.

    Raises
    ------
    GraphError
        An array does not have the type of its parameter.
    """
    return Interpreter(after).run(graph, arrays, sizes)


@record
class _Step:
    """A node, and where its operands are: parameters are numbered first, then nodes.

    ``attrs`` is None where the attributes depend on the iteration.
    """

    node: Node
    eager: Callable[..., Any]
    places: tuple[int, ...]
    attrs: dict[str, Any] | None


class Interpreter:
    """Runs a graph, and those inside of it many times: it looks at each node once.

    Parameters
    ----------
    after : callable, optional
        See `interpret`.
    """

    def __init__(self, after: After | None = None) -> None:
        self._after = after
        self._split: dict[Node, tuple[dict[str, Any], Attrs, bool]] = {}
        self._prepared: dict[Graph, tuple[list[_Step], list[int]]] = {}

    def run(self, graph: Graph, arrays: Sequence[Any], sizes: Sizes | None) -> list[Any]:
        """Return the outputs of a graph; see `interpret`."""
        values = [np.asarray(array) for array in arrays]
        known = bind_sizes([param.array_type for param in graph.params], values, sizes)
        found = self._prepared.get(graph)
        if found is None:
            found = self._prepared[graph] = self._prepare(graph)
        steps, outputs = found
        value_at, after = values.__getitem__, self._after
        for step in steps:
            node, attrs = step.node, step.attrs
            operands = [*map(value_at, step.places)]
            result = step.eager(*operands, **(self.attrs(node, known) if attrs is None else attrs))
            if after is not None:
                result = after(node, operands, result)
            if node.op.counts is not None:
                known.update(counted_sizes(node, result))
            values.append(result)
        return [*map(value_at, outputs)]

    def _prepare(self, graph: Graph) -> tuple[list[_Step], list[int]]:
        """Return the steps of a graph, and the places of its outputs."""
        places = {node: k for k, node in enumerate((*graph.params, *graph.nodes))}
        steps = []
        for node in graph:
            fixed, sized, holds_graph = self._parts(node)
            attrs = None if sized or holds_graph else fixed
            operands = tuple([places[operand] for operand in node.operands])
            steps.append(_Step(node, node.op.eager, operands, attrs))
        return steps, [places[output] for output in graph.outputs]

    def attrs(self, node: Node, known: Sizes) -> dict[str, Any]:
        """Return what the eager kernel of a node takes beside arrays, sizes being numbers.

        Sizes that the node itself counts stay what they are.
        """
        fixed, sized, holds_graph = self._parts(node)
        if not sized and not holds_graph:
            return fixed
        attrs = {**fixed, **{name: concrete(value, known) for name, value in sized}}
        if holds_graph:
            attrs["run_graph"] = partial(self._run_inner, known)
        return attrs

    def _run_inner(
        self, known: Sizes, graph: Graph, *arrays: Any, sizes: Sizes = MappingProxyType({})
    ) -> list[Any]:
        return self.run(graph, arrays, {**known, **sizes})

    def _parts(self, node: Node) -> tuple[dict[str, Any], Attrs, bool]:
        found = self._split.get(node)
        if found is None:
            found = self._split[node] = _split(node)
        return found


def _split(node: Node) -> tuple[dict[str, Any], Attrs, bool]:
    """Return the attributes without sizes, those with sizes, and whether there is a graph."""
    is_sized = {
        name: name != node.op.counts and any(True for _ in attr_symbols(value))
        for name, value in node.attrs
    }
    fixed = {name: value for name, value in node.attrs if not is_sized[name]}
    sized = tuple((name, value) for name, value in node.attrs if is_sized[name])
    return fixed, sized, any(isinstance(value, Graph) for value in fixed.values())


def bind_sizes(
    types: Sequence[ArrayType], arrays: Sequence[Any], sizes: Sizes | None = None
) -> dict[Symbol, int]:
    """Return the values of the symbols in ``types``, read off the shapes of ``arrays``."""
    known = dict(sizes or {})
    pending = []
    for type, array in zip(types, arrays, strict=True):
        if array.dtype is type.dtype and array.shape == type.shape:
            continue  # the usual case, quickly: it binds nothing
        if array.dtype != type.dtype or array.ndim != type.ndim:
            raise GraphError(f"a parameter is {type}, got {array.dtype}{list(array.shape)}")
        for dim, length in zip(type.shape, array.shape, strict=True):
            symbol = bare_symbol(dim)
            if symbol is None or known.setdefault(symbol, length) != length:
                pending.append((type, dim, length))
    for type, dim, length in pending:
        if evaluate(dim, known) != length:
            raise GraphError(f"a parameter is {type}, got length {length} where {dim} is expected")
    return known
