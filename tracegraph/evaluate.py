"""Values of what a transformation added to a recording, computed from its inputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tracegraph.ir.graph import Node, Value
from tracegraph.ir.interpret import concrete_attrs
from tracegraph.ir.size_values import attr_symbols
from tracegraph.ir.sizes import Symbol
from tracegraph.ir.slicing import ancestors
from tracegraph.recording import Recording


def evaluate(
    recording: Recording, values: Sequence[Value], given: dict[Node, Any] | None = None
) -> list[Any]:
    """Return arrays for values of a recording's graph, by the eager kernels.

    Values that stand-ins still hold are taken from them; the rest is computed from the inputs.
    """
    env: dict[Node, Any] = {**recording.known_values(), **(given or {})}
    targets = [value.node for value in values]
    with np.errstate(all="ignore"):
        for node in ancestors(recording.builder.nodes, targets, env):
            operands = [env[operand] for operand in node.operands]
            env[node] = node.op.eager(*operands, **concrete_attrs(node, _hints(node)))
    return [env[target] for target in targets]


def _hints(node: Node) -> dict[Symbol, int]:
    found = (s for _, value in node.attrs for s in attr_symbols(value))
    return {s: s.hint for s in found if s.hint is not None}
