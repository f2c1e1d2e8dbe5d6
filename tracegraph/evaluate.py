"""What a transformation adds to a recording, and the values of that, computed from its inputs.

Where a recording has ``Waiting``, values are computed when they are asked for. Gradients that the
function only returns are never: its machine code gives them, and is compiled anyhow.
"""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from tracegraph.codegen.once import run_if_long
from tracegraph.ir.bodies import calls_out
from tracegraph.ir.counted import counted_sizes, mentioned
from tracegraph.ir.errors import DifferentiationError
from tracegraph.ir.graph import Graph, Node, Value, rebuild, replay
from tracegraph.ir.interpret import Interpreter
from tracegraph.ir.passes.carries import merge_loops
from tracegraph.ir.size_values import hint
from tracegraph.ir.sizes import Symbol
from tracegraph.ir.slicing import ancestors
from tracegraph.pending import Pending
from tracegraph.recording import Recording

tokens = itertools.count()
"""Numbers that keep marks apart."""

ASSUMED = (
    "something is assumed of values that is not so here, such as an index inside its axis or a "
    "whole number in the range of int64"
)


def evaluate(
    recording: Recording, values: Sequence[Value], given: dict[Node, Any] | None = None
) -> list[Any]:
    """Return arrays for values of a recording's graph, by the eager kernels or, if long, natively.

    Values that stand-ins still hold are taken from them; the rest is computed from the inputs, and
    a loop of values together with that of their derivatives.

    Raises
    ------
    DifferentiationError
        A loop assumes of values what is not so: Python has computed something else than the graph.
    """
    arrays = _computed(recording, [*values, *recording.unverified], given or {})
    if not all(map(bool, arrays[len(values) :])):
        raise DifferentiationError(ASSUMED)
    recording.unverified.clear()
    return arrays[: len(values)]


def holds(recording: Recording, value: Value) -> bool:
    """Return whether a bool of a recording's graph is true with what is known of its inputs."""
    return bool(_computed(recording, [value], {})[0])


def _computed(
    recording: Recording, values: Sequence[Value], given: Mapping[Node, Any]
) -> list[Any]:
    found: dict[Node, Any] = {**recording.known_values(), **given}
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


Make = Callable[[Any], Any]
"""Makes a real value of an array."""


def real_values(recording: Recording, values: Sequence[Value], makes: Sequence[Make]) -> list[Any]:
    """Return real values for stand-ins, or what computes them when they are asked for."""
    if recording.waiting is None or not may_wait(recording, values):
        arrays = evaluate(recording, values)
        return [make(array) for make, array in zip(makes, arrays, strict=True)]
    pairs = zip(values, makes, strict=True)
    return [recording.waiting.add(value, make) for value, make in pairs]


def may_wait(recording: Recording, values: Sequence[Value]) -> bool:
    """Return whether computing values later is the same: all sizes are known, and nothing raises.

    Native code raises nothing; what a call of NumPy raises belongs to the line that is running.
    Where the pen is going to drop nobody will keep what the inputs hold.
    """
    if recording.unreplayable is not None:
        return False
    nodes = ancestors(
        recording.builder.nodes, [value.node for value in values], recording.known_values()
    )
    sizes = [dim for value in values for dim in value.shape]
    return None not in map(hint, sizes) and not any(map(calls_out, nodes))


class Waiting:
    """Real values of a recording that are computed together when one of them is asked for."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._pending: weakref.WeakSet[Pending] = weakref.WeakSet()

    def __len__(self) -> int:
        return len(self._pending)

    def add(self, value: Value, make: Make) -> Pending:
        """Return what computes a value once it is asked for."""
        shape = tuple(map(hint, value.shape))
        like = make(np.empty(shape, value.dtype) if shape else np.ones(shape, value.dtype))
        pending = Pending(value, like, make, self.compute)
        self._pending.add(pending)
        return pending

    def compute(self) -> None:
        """Compute what somebody still holds."""
        pending = list(self._pending)
        if not pending:
            return
        arrays = evaluate(self._recording, [one.value for one in pending])
        for one, array in zip(pending, arrays, strict=True):
            one.settle(array)
        self._pending.clear()


def add_graph(recording: Recording, graph: Graph, args: Sequence[Value]) -> list[Value]:
    """Copy a graph into a recording, sharing what is there already."""
    builder = recording.builder
    return replay(graph, args, lambda node, *xs: rebuild(builder, node, *xs))
