"""What a transformation adds to a recording, and the values of that, computed from its inputs."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from tracegraph.codegen.once import run_if_long
from tracegraph.ir.counted import counted_sizes, mentioned
from tracegraph.ir.graph import Graph, Node, Value, rebuild, replay
from tracegraph.ir.interpret import Interpreter
from tracegraph.ir.passes.carries import merge_loops
from tracegraph.ir.sizes import Symbol
from tracegraph.ir.slicing import ancestors
from tracegraph.recording import Recording

tokens = itertools.count()
"""Numbers that keep marks apart."""


def evaluate(
    recording: Recording, values: Sequence[Value], given: dict[Node, Any] | None = None
) -> list[Any]:
    """Return arrays for values of a recording's graph, by the eager kernels or, if long, natively.

    Values that stand-ins still hold are taken from them; the rest is computed from the inputs, and
    a loop of values together with that of their derivatives.
    """
    found: dict[Node, Any] = {**recording.known_values(), **(given or {})}
    targets = tuple(value.node for value in values)
    nodes = tuple(ancestors(recording.builder.nodes, targets, found))
    read = dict.fromkeys((*(operand for node in nodes for operand in node.operands), *targets))
    computed = frozenset(nodes)
    known = tuple(node for node in read if node in found and node not in computed)
    graph = merge_loops(Graph(known, nodes, targets))
    env = dict(zip(graph.params, (found[node] for node in known), strict=True))
    sizes: dict[Symbol, int] = {}
    interpreter = Interpreter()
    with np.errstate(all="ignore"):
        for node in graph:
            sizes.update((s, s.hint) for s in mentioned(node) if s.hint is not None)
            operands = [env[operand] for operand in node.operands]
            env[node] = run_if_long(graph, node, operands, sizes)
            if env[node] is None:
                env[node] = node.op.eager(*operands, **interpreter.attrs(node, sizes))
            if node.op.counts is not None:
                sizes.update(counted_sizes(node, env[node]))
    return [env[target] for target in graph.outputs]


def add_graph(recording: Recording, graph: Graph, args: Sequence[Value]) -> list[Value]:
    """Copy a graph into a recording, sharing what is there already."""
    builder = recording.builder
    return replay(graph, args, lambda node, *xs: rebuild(builder, node, *xs))
