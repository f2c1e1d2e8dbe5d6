"""Rewriting: rules that replace a node by a simpler value, and the walk that applies them.

A rule is a function of the operands' values that returns the simpler value, or None where it does
not apply. Rules are listed by operation name; the first that applies wins, and what it returns is
not visited again in the same walk.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from tracegraph.ir.graph import Builder, Graph, Node, Value, rebuild, replay

Rule = Callable[..., Value | None]
Rules = Mapping[str, Sequence[Rule]]


def rewrite(graph: Graph, rules: Rules) -> Graph:
    """Return the graph with rules applied, operands before users; the same one if none applies."""
    builder = Builder()
    applied = 0

    def visit(node: Node, *operands: Value) -> Value:
        nonlocal applied
        builder.site = node.site
        for rule in rules.get(node.op.name, ()):
            found = rule(*operands, **dict(node.attrs))
            if found is not None:
                applied += 1
                return found
        return rebuild(builder, node, *operands)

    params = [builder.parameter(param.type) for param in graph.params]
    outputs = replay(graph, params, visit)
    # Copied node by node: equal ones would have become one.
    is_same = not applied and len(builder.nodes) == len(graph)
    return graph if is_same else builder.build(outputs)


def constant_of(value: Value) -> np.generic | None:
    """Return the number that a value consists of, also when it is spread over a shape."""
    node = value.node
    while node.op.name in ("broadcast_to", "reshape"):
        (node,) = node.operands
    if node.op.name != "literal":
        return None
    number: np.generic = dict(node.attrs)["value"]
    return number


def is_constant(value: Value, number: Any) -> bool:
    """Return whether a value is ``number`` everywhere, bit by bit: 0.0 is not -0.0."""
    found = constant_of(value)
    return found is not None and found.tobytes() == found.dtype.type(number).tobytes()
