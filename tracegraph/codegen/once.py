"""Graphs that are run natively for their values alone, the long loops of a first call above all.

The reference interpreter takes some microseconds for each node of each iteration, compiling takes a
part of a millisecond for each node that there is. So a branch or loop in which nodes are run often
enough is compiled, as quickly as may be where it computes little besides.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from tracegraph.codegen import quiet, schedule
from tracegraph.codegen.executable import Executable
from tracegraph.codegen.native import compile_kernels
from tracegraph.codegen.native_type import NativeCallable
from tracegraph.codegen.plan import Fresh
from tracegraph.codegen.signature import (
    ArrayInput,
    ArrayOutput,
    Input,
    Signature,
    SizeInput,
    argument,
)
from tracegraph.ir.bodies import has_effect, holds_graphs, resized
from tracegraph.ir.errors import FallbackWarning, GraphError
from tracegraph.ir.graph import Builder, Graph, Node, item_types, replay
from tracegraph.ir.ops.boxes import slice_update
from tracegraph.ir.ops.compose_places import rebuild_inside
from tracegraph.ir.ops.control import item
from tracegraph.ir.passes import run_pipeline
from tracegraph.ir.record import record
from tracegraph.ir.size_values import hint, substitute
from tracegraph.ir.sizes import Dim, Symbol

Sizes = Mapping[Symbol, int]

RUNS = 200
"""How many nodes are interpreted in the time that it takes to compile one."""

START = 100
"""How many nodes could be compiled in the time that every compilation takes."""

COPIED = 1000
"""How many elements are copied in the time that it takes to interpret a node."""

LITTLE = 5_000_000
"""How many elements are computed by code that is not optimised before that takes too long."""


class _Runner(NativeCallable):
    def _slow(self, *args: Any, **kwargs: Any) -> Any:
        raise GraphError("the arrays are not those that the graph was compiled for")


def compile_graph(
    graph: Graph, free: Sequence[Symbol] = (), *, fp: str = "strict", optimised: bool = True
) -> Callable[..., list[Any]]:
    """Return a native function of arrays that gives a list of fresh ones.

    Parameters
    ----------
    graph : Graph
        What is computed.
    free : sequence of Symbol, optional
        Sizes that no parameter's shape tells: numbers that the function takes behind the arrays.
    fp : {"strict", "contract"}
        See ``compile_kernel``.
    optimised : bool
        See ``Executable``.
    """
    whole = [tuple(range(node.array_type.ndim)) for node in graph.outputs]
    plan = schedule.plan(graph, tuple(map(Fresh, whole)), (None,) * len(graph.params))
    count = len(graph.params)
    inputs: list[Input] = [
        ArrayInput(source=argument(i), type=param.array_type, buffer=buffer)
        for i, (param, buffer) in enumerate(zip(graph.params, plan.params, strict=True))
    ]
    inputs += [
        SizeInput(source=argument(count + i), symbol=symbol) for i, symbol in enumerate(free)
    ]
    signature = Signature(
        arguments=len(inputs),
        inputs=tuple(inputs),
        outputs=tuple(
            ArrayOutput(buffer, node.array_type.shape)
            for node, buffer in zip(graph.outputs, plan.outputs, strict=True)
        ),
        container=tuple,
    )
    kernels = compile_kernels(plan, fp)
    runner = _Runner()
    runner.run(Executable(signature, plan, kernels, optimised=optimised))

    def run(*given: Any) -> list[Any]:
        owned = [np.array(array, order="C") for array in given[:count]]
        return list(runner(*owned, *given[count:]))

    return run


def run_if_long(
    graph: Graph, node: Node, operands: Sequence[Any], sizes: Sizes
) -> tuple[Any, ...] | None:
    """Return what a node gives if it runs many others, and native code can do that sooner.

    Parameters
    ----------
    graph : Graph
        What the node stands in.
    node : Node
        A node of it.
    operands : sequence of ndarray
        Its operands.
    sizes : mapping of Symbol to int
        Values of the symbols that it mentions.

    Returns
    -------
    tuple of ndarray, or None
        None where the interpreter is to run it. An item that nothing reads is None.
    """
    if not holds_graphs(node) or has_effect(node) or node.op.counts is not None:
        return None
    work = work_of(node, sizes)
    if work.run < RUNS * (work.held + START) or quiet.why_loud() is not None:
        return None
    used = [one for one in graph if one.op is item and one.operands == (node,)]
    given = dict(zip(node.operands, operands, strict=True))
    function = _compiled(_alone(node, tuple(given), used, sizes), work.elements > LITTLE)
    if function is None:
        return None
    try:
        arrays = function(*given.values())
    except Exception:
        # A call of NumPy has raised it, and will again when the interpreter comes there.
        return None
    found = {dict(one.attrs)["index"]: value for one, value in zip(used, arrays, strict=True)}
    return tuple(found.get(k) for k in range(len(item_types(node.type))))


def _compiled(graph: Graph, optimised: bool) -> Callable[..., list[Any]] | None:
    try:
        return compile_graph(run_pipeline(graph), optimised=optimised)
    except Exception as fault:
        # Values are right without it, only slow; that is said, not hidden.
        warnings.warn(
            f"a loop is interpreted, because compiling it failed: {fault!r:.200}; this is a fault "
            "of tracegraph, please report it",
            FallbackWarning,
            stacklevel=3,
        )
        return None


def _alone(node: Node, given: tuple[Node, ...], used: Sequence[Node], sizes: Sizes) -> Graph:
    """Return a graph of a node and its items, with its operands as parameters."""
    builder = Builder()
    # What a guard found inside an axis may be computed again in here, and rounded otherwise.
    values = replay(
        Graph(given, (node, *used), tuple(used)),
        [builder.parameter(operand.type) for operand in given],
        lambda one, *xs: rebuild_inside(builder, one, *xs),
    )
    counters = set(indices(node))  # those have a number only while it runs
    known = {symbol: number for symbol, number in sizes.items() if symbol not in counters}
    return resized(builder.build(values), known)


def indices(node: Node) -> Iterator[Symbol]:
    """Yield the symbols that number the iterations of a loop, and of those inside of it."""
    for name, value in node.attrs:
        if name == "index" and isinstance(value, str):  # that of an item is a number
            yield Symbol(value)
        for inner in value if isinstance(value, Graph) else ():
            yield from indices(inner)


@record
class Work:
    """What running a node takes.

    Parameters
    ----------
    held : int
        How many nodes there are, those inside of it included.
    run : int
        How many are run; one that copies much counts as several. Of branches all are counted.
    elements : int
        How many elements are computed.
    """

    held: int
    run: int
    elements: int


def work_of(node: Node, sizes: Sizes) -> Work:
    """Return an estimate of what running a node takes; an iteration for a loop of unknown length.

    In a loop whose iterations differ the middle one stands for all.
    """
    attrs = dict(node.attrs)
    graphs = [value for value in attrs.values() if isinstance(value, Graph)]
    trips = _number(attrs.get("trip", 1), sizes)
    inner = {**sizes, Symbol(attrs["index"]): trips // 2} if "trip" in attrs else sizes
    parts = [work_of(one, inner) for graph in graphs for one in graph]
    elements = sum(math.prod(_number(n, sizes) for n in t.shape) for t in item_types(node.type))
    # The interpreter copies what native code changes where it is.
    copied = elements // COPIED if node.op is slice_update else 0
    return Work(
        1 + sum(part.held for part in parts),
        1 + copied + trips * sum(part.run for part in parts),
        elements + trips * sum(part.elements for part in parts),
    )


def _number(dim: Dim, sizes: Sizes) -> int:
    known = hint(substitute(dim, sizes))
    return 1 if known is None else known
