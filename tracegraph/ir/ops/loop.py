"""Loops: ``loop`` runs a graph a known number of times.

The graph of one iteration, the *body*, has a parameter for each operand: first what is carried from
one iteration to the next, then what stays the same. Its outputs are the next values of what is
carried, of the same types. In the body of a ``loop`` the number of the iteration is a size, the
symbol named by ``index``: it may stand wherever a size may, so the row ``x[k]`` is a slice like any
other, and ``x[:k]`` has a length that grows.

Rules receive the transformation that is under way as an argument, as those of ``cond`` do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tracegraph.ir.bodies import carried_for, carried_on, inline, only
from tracegraph.ir.graph import Builder, Derivative, Graph, Node, Op, Tangent, Value, item_types
from tracegraph.ir.lowering import Control
from tracegraph.ir.ops.boxes import tangents_or_zeros
from tracegraph.ir.ops.broadcast import batched_alike
from tracegraph.ir.ops.control import items
from tracegraph.ir.ops.family import type_error
from tracegraph.ir.ops.reverse_loop import transposed
from tracegraph.ir.sizes import Dim, Symbol
from tracegraph.ir.types import ArrayType, TupleType, is_differentiable, type_symbols

BatchGraph = Callable[[Graph, Sequence[bool], Dim], Graph]
JvpGraph = Callable[[Graph, Sequence[bool]], Graph]


# -- types and eager kernels ----------------------------------------------------------------------


def check_body(name: str, operands: Sequence[ArrayType], body: Graph) -> TupleType:
    """Return the type of what a loop carries, if its body fits."""
    if tuple(param.type for param in body.params) != tuple(operands):
        raise type_error(name, "a body that takes its operands", *operands)
    carried = tuple(out.array_type for out in body.outputs)
    if carried != tuple(operands[: len(carried)]):
        raise type_error(name, f"a body that keeps types, not one to {_shown(carried)},", *operands)
    return TupleType(carried)


def _shown(types: Sequence[ArrayType]) -> str:
    return ", ".join(map(str, types)) or "nothing"


def _loop_type(*operands: ArrayType, body: Graph, index: str, trip: Dim) -> TupleType:
    del trip
    if Symbol(index) in set(type_symbols(operands)):
        raise type_error("loop", f"operands whose sizes do not depend on {index}", *operands)
    return check_body("loop", operands, body)


def _loop_eager(
    *operands: Any, body: Graph, index: str, trip: int, run_graph: Callable[..., list[Any]]
) -> tuple[Any, ...]:
    count = len(body.outputs)
    state, still = list(operands[:count]), operands[count:]
    for k in range(trip):
        state = run_graph(body, *state, *still, sizes={Symbol(index): k})
    return tuple(state)


# -- forward mode ---------------------------------------------------------------------------------


def _has_tangent(node: Node) -> bool:
    inexact = any(is_differentiable(type.dtype) for type in item_types(node.type))
    return inexact and node.op.jvp is not Derivative.ZERO


def widened(
    body: Graph, primals: Sequence[Value], tangents: Sequence[Tangent], jvp_graph: JvpGraph
) -> tuple[Graph, list[Value], list[bool]]:
    """Return a body that carries tangents too, its operands, and which operands have a tangent.

    What is carried has a tangent if one can ever reach it.
    """
    count, total = len(body.outputs), len(body.params)
    moving = carried_on(body, [tangent is not None for tangent in tangents], _has_tangent)
    whole = jvp_graph(body, moving)
    params, given = iter(whole.params[total:]), tangents_or_zeros(primals, tangents)
    pairs = [(next(params), x) if flag else None for flag, x in zip(moving, given, strict=True)]
    first, rest = ([p for p in part if p is not None] for part in (pairs[:count], pairs[count:]))
    order = [*zip(whole.params[:count], primals[:count], strict=True), *first]
    order += [*zip(whole.params[count:total], primals[count:], strict=True), *rest]
    graph = Graph(tuple(p for p, _ in order), whole.nodes, whole.outputs)
    return only(graph, [True] * count + moving[:count]), [x for _, x in order], moving[:count]


def tangents_of(whole: Value, moving: Sequence[bool]) -> list[Tangent]:
    """Return the tangents among what a widened loop gives, behind the values."""
    found = items(whole)
    rest = iter(found[len(found) - sum(moving) :])
    return [next(rest) if flag else None for flag in moving]


def _loop_jvp(
    primals: Sequence[Value],
    tangents: Sequence[Tangent],
    out: Value,
    *,
    body: Graph,
    index: str,
    trip: Dim,
    jvp_graph: JvpGraph,
) -> Any:
    del out
    wide, operands, moving = widened(body, primals, tangents, jvp_graph)
    if not any(moving):
        return [None] * len(moving)
    count, total = len(moving), len(wide.outputs)
    kept = carried_for(wide, total, wide.outputs[count:])
    dropped = [k < count and k not in kept for k in range(len(operands))]
    less = without(only(wide, [not flag for flag in dropped[:total]]), dropped)
    given = [x for x, flag in zip(operands, dropped, strict=True) if not flag]
    return tangents_of(loop(*given, body=less, index=index, trip=trip), moving)


# -- reverse mode ---------------------------------------------------------------------------------


def _loop_transpose(
    ct: Sequence[Tangent],
    operands: Sequence[Value],
    linear: Sequence[bool],
    *,
    body: Graph,
    index: str,
    trip: Dim,
    transpose_graph: Callable[[Graph, Sequence[bool]], Graph],
) -> list[Tangent]:
    return transposed(loop, ct, operands, linear, body, index, trip, transpose_graph)


def without(graph: Graph, flags: Sequence[bool]) -> Graph:
    """Return a graph without the flagged parameters, which its outputs do not depend on."""
    params = tuple(p for p, flag in zip(graph.params, flags, strict=True) if not flag)
    return only(Graph(params, graph.nodes, graph.outputs), [True] * len(graph.outputs))


# -- batches --------------------------------------------------------------------------------------


def batched_body(body: Graph, moving: Sequence[bool], size: Dim, batch_graph: BatchGraph) -> Graph:
    """Return a body in which the flagged operands have the batch as their first axis.

    Of what is carried only they get one; the rest is computed once for all examples.
    """
    count = len(body.outputs)
    many = batch_graph(only(body, moving[:count]), moving, size)
    one = only(body, [not flag for flag in moving[:count]])
    builder = Builder()
    params = [builder.parameter(param.type) for param in many.params]
    batched = iter(inline(builder, many, params))
    plain = iter(copied(builder, one, params))
    return builder.build([next(batched if flag else plain) for flag in moving[:count]])


def copied(builder: Builder, graph: Graph, args: Sequence[Value]) -> list[Value]:
    """Copy a graph to arguments of which those that it does not use have other types."""
    used = {operand for node in graph for operand in node.operands} | set(graph.outputs)
    flags = [param not in used for param in graph.params]
    given = [x for x, unused in zip(args, flags, strict=True) if not unused]
    return inline(builder, without(graph, flags), given)


def _loop_batch(
    operands: Sequence[Value],
    batched: Sequence[bool],
    size: Dim,
    *,
    body: Graph,
    index: str,
    trip: Dim,
    batch_graph: BatchGraph,
) -> Any:
    count = len(body.outputs)
    moving = carried_on(body, batched)
    given = stretched(operands, batched, moving, size)
    many = batched_body(body, moving, size, batch_graph)
    results = items(loop(*given, body=many, index=index, trip=trip))
    return batched_alike(results, moving[:count], size)


def stretched(
    operands: Sequence[Value], batched: Sequence[bool], moving: Sequence[bool], size: Dim
) -> list[Value]:
    """Return the operands, each with a batch that is to have one."""
    return [
        batched_alike([x], [has_batch], size)[0] if flag else x
        for x, has_batch, flag in zip(operands, batched, moving, strict=True)
    ]


loop: Op = Op(
    name="loop",
    type_rule=_loop_type,
    eager=_loop_eager,
    lower=Control(),
    jvp=_loop_jvp,
    transpose=_loop_transpose,
    batch=_loop_batch,
)
"""``loop(*operands, body=, index=, trip=)``: what is carried after ``trip`` iterations, a tuple."""

OPS = (loop,)
