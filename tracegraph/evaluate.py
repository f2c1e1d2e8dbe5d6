"""What a transformation adds to a recording, and the values of that, computed from its inputs."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from tracegraph.ir.counted import counted_sizes, mentioned
from tracegraph.ir.graph import Graph, Node, Value, rebuild, replay
from tracegraph.ir.interpret import concrete_attrs, interpret
from tracegraph.ir.sizes import Symbol
from tracegraph.ir.slicing import ancestors
from tracegraph.recording import Recording

tokens = itertools.count()
"""Numbers that keep marks apart."""


def evaluate(
    recording: Recording, values: Sequence[Value], given: dict[Node, Any] | None = None
) -> list[Any]:
    """Return arrays for values of a recording's graph, by the eager kernels.

    Values that stand-ins still hold are taken from them; the rest is computed from the inputs.
    """
    env: dict[Node, Any] = {**recording.known_values(), **(given or {})}
    targets = [value.node for value in values]
    sizes: dict[Symbol, int] = {}
    with np.errstate(all="ignore"):
        for node in ancestors(recording.builder.nodes, targets, env):
            sizes.update((s, s.hint) for s in mentioned(node) if s.hint is not None)
            attrs = concrete_attrs(node, sizes)
            if any(isinstance(value, Graph) for value in attrs.values()):
                attrs["run_graph"] = _runner(sizes)
            env[node] = node.op.eager(*(env[operand] for operand in node.operands), **attrs)
            if node.op.counts is not None:
                sizes.update(counted_sizes(node, env[node]))
    return [env[target] for target in targets]


def _runner(known: Mapping[Symbol, int]) -> Callable[..., list[Any]]:
    """Return what runs the graphs that a node holds."""

    def run_graph(
        graph: Graph, *arrays: Any, sizes: Mapping[Symbol, int] = MappingProxyType({})
    ) -> list[Any]:
        return interpret(graph, *arrays, sizes={**known, **sizes})

    return run_graph


def add_graph(recording: Recording, graph: Graph, args: Sequence[Value]) -> list[Value]:
    """Copy a graph into a recording, sharing what is there already."""
    builder = recording.builder
    return replay(graph, args, lambda node, *xs: rebuild(builder, node, *xs))
