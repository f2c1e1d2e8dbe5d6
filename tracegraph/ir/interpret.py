"""The reference interpreter: runs a graph with the eager kernels, one node after the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from tracegraph.ir.counted import counted_sizes
from tracegraph.ir.errors import GraphError
from tracegraph.ir.graph import Graph, Node, replay
from tracegraph.ir.size_values import bare_symbol, concrete, evaluate
from tracegraph.ir.sizes import Symbol
from tracegraph.ir.types import ArrayType

Sizes = Mapping[Symbol, int]
After = Callable[[Node, Sequence[Any], Any], Any]


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
    args = [np.asarray(array) for array in arrays]
    known = bind_sizes([param.array_type for param in graph.params], args, sizes)

    def run_graph(inner: Graph, *xs: Any, sizes: Sizes = MappingProxyType({})) -> list[Any]:
        return interpret(inner, *xs, sizes={**known, **sizes}, after=after)

    def rule(node: Node, *operands: Any) -> Any:
        attrs = concrete_attrs(node, known)
        if any(isinstance(value, Graph) for value in attrs.values()):
            attrs["run_graph"] = run_graph
        result = node.op.eager(*operands, **attrs)
        if after is not None:
            result = after(node, operands, result)
        if node.op.counts is not None:
            known.update(counted_sizes(node, result))
        return result

    return replay(graph, args, rule)


def bind_sizes(
    types: Sequence[ArrayType], arrays: Sequence[Any], sizes: Sizes | None = None
) -> dict[Symbol, int]:
    """Return the values of the symbols in ``types``, read off the shapes of ``arrays``."""
    known = dict(sizes or {})
    pending = []
    for type, array in zip(types, arrays, strict=True):
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


def concrete_attrs(node: Node, sizes: Sizes) -> dict[str, Any]:
    """Return a node's attributes with every size replaced by its number.

    Sizes that the node itself counts stay what they are.
    """
    return {
        name: value if name == node.op.counts else concrete(value, sizes)
        for name, value in node.attrs
    }
