"""Batching: the graph of a function of one example becomes the graph of many, without a loop."""

from __future__ import annotations

from collections.abc import Sequence

from tracegraph.ir.bodies import holds_graphs
from tracegraph.ir.graph import Builder, Graph, Node, Value, rebuild, replay
from tracegraph.ir.ops.broadcast import batched_alike
from tracegraph.ir.sizes import Dim

Lane = tuple[Value, bool]


def batch(graph: Graph, batched: Sequence[bool], size: Dim) -> Graph:
    """Return the graph over a batch of examples.

    Parameters
    ----------
    graph : Graph
        The function of one example.
    batched : sequence of bool
        Which parameters get the batch as a new first axis.
    size : int or Size
        The number of examples.

    Returns
    -------
    Graph
        Every output has the batch as its first axis.
    """
    builder = Builder()
    args: list[Lane] = []
    for param, has_batch in zip(graph.params, batched, strict=True):
        type = param.array_type
        shape = (size, *type.shape) if has_batch else type.shape
        args.append((builder.parameter(type.with_shape(shape)), has_batch))
    lanes = replay(graph, args, lambda node, *xs: _rule(builder, node, xs, size))
    outputs = batched_alike([v for v, _ in lanes], [flag for _, flag in lanes], size)
    return builder.build(outputs)


def _rule(builder: Builder, node: Node, lanes: Sequence[Lane], size: Dim) -> Lane:
    operands = [value for value, _ in lanes]
    flags = [flag for _, flag in lanes]
    if not any(flags):
        return rebuild(builder, node, *operands), False
    builder.site = node.site
    attrs = dict(node.attrs)
    if holds_graphs(node):
        attrs["batch_graph"] = batch
    return node.op.batch(operands, flags, size, **attrs), True
