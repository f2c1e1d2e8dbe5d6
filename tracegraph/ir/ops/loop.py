"""Loops: ``loop`` runs a graph a known number of times, ``while_loop`` as long as another says.

The graph of one iteration, the *body*, has a parameter for each operand: first what is carried from
one iteration to the next, then what stays the same. Its outputs are the next values of what is
carried, of the same types. In the body of a ``loop`` the number of the iteration is a size, the
symbol named by ``index``: it may stand wherever a size may, so the row ``x[k]`` is a slice like any
other, and ``x[:k]`` has a length that grows.

Rules receive the transformation that is under way as an argument, as those of ``cond`` do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import numpy as np

from tracegraph.ir.bodies import carried_for, carried_on, depending, fresh_name, inline, only
from tracegraph.ir.errors import AbstractValueError
from tracegraph.ir.graph import Builder, Derivative, Graph, Node, Op, Tangent, Value, item_types
from tracegraph.ir.lowering import Control
from tracegraph.ir.ops.boxes import tangents_or_zeros
from tracegraph.ir.ops.broadcast import batched_alike, broadcast_to
from tracegraph.ir.ops.choice import select
from tracegraph.ir.ops.control import items
from tracegraph.ir.ops.family import type_error
from tracegraph.ir.ops.reduce import any_
from tracegraph.ir.ops.reverse_loop import transposed
from tracegraph.ir.sizes import Dim, Symbol, symbol
from tracegraph.ir.types import BOOL, ArrayType, TupleType, is_differentiable, type_symbols

BatchGraph = Callable[[Graph, Sequence[bool], Dim], Graph]
JvpGraph = Callable[[Graph, Sequence[bool]], Graph]


# -- types and eager kernels ----------------------------------------------------------------------


def _check_body(name: str, operands: Sequence[ArrayType], body: Graph) -> TupleType:
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
    return _check_body("loop", operands, body)


def _loop_eager(
    *operands: Any, body: Graph, index: str, trip: int, run_graph: Callable[..., list[Any]]
) -> tuple[Any, ...]:
    count = len(body.outputs)
    state, still = list(operands[:count]), operands[count:]
    for k in range(trip):
        state = run_graph(body, *state, *still, sizes={Symbol(index): k})
    return tuple(state)


def _while_type(*operands: ArrayType, test: Graph, body: Graph) -> TupleType:
    if tuple(param.type for param in test.params) != operands:
        raise type_error("while_loop", "a test that takes its operands", *operands)
    if [out.type for out in test.outputs] != [ArrayType(BOOL)]:
        raise type_error("while_loop", "a test that gives one bool", *operands)
    return _check_body("while_loop", operands, body)


def _while_states(
    operands: Sequence[Any], test: Graph, body: Graph, run_graph: Callable[..., list[Any]]
) -> tuple[int, list[Any]]:
    """Return how many iterations there are, and what is carried out of the last one."""
    count, trips = len(body.outputs), 0
    state, still = list(operands[:count]), operands[count:]
    while run_graph(test, *state, *still)[0]:
        state = run_graph(body, *state, *still)
        trips += 1
    return trips, state


def _while_eager(
    *operands: Any, test: Graph, body: Graph, run_graph: Callable[..., list[Any]]
) -> tuple[Any, ...]:
    return tuple(_while_states(operands, test, body, run_graph)[1])


def _trips_type(*operands: ArrayType, test: Graph, body: Graph, count: Dim) -> ArrayType:
    _while_type(*operands, test=test, body=body)
    return ArrayType(BOOL, (count,))


def _trips_eager(
    *operands: Any, test: Graph, body: Graph, count: Dim, run_graph: Callable[..., list[Any]]
) -> Any:
    trips = _while_states(operands, test, body, run_graph)[0]
    return np.ones(trips, BOOL)


# -- forward mode ---------------------------------------------------------------------------------


def _has_tangent(node: Node) -> bool:
    inexact = any(is_differentiable(type.dtype) for type in item_types(node.type))
    return inexact and node.op.jvp is not Derivative.ZERO


def _widened(
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


def _tangents(whole: Value, moving: Sequence[bool]) -> list[Tangent]:
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
    wide, operands, moving = _widened(body, primals, tangents, jvp_graph)
    if not any(moving):
        return [None] * len(moving)
    count, total = len(moving), len(wide.outputs)
    kept = carried_for(wide, total, wide.outputs[count:])
    dropped = [k < count and k not in kept for k in range(len(operands))]
    less = _without(only(wide, [not flag for flag in dropped[:total]]), dropped)
    given = [x for x, flag in zip(operands, dropped, strict=True) if not flag]
    return _tangents(loop(*given, body=less, index=index, trip=trip), moving)


def _while_jvp(
    primals: Sequence[Value],
    tangents: Sequence[Tangent],
    out: Value,
    *,
    test: Graph,
    body: Graph,
    jvp_graph: JvpGraph,
) -> Any:
    del out
    wide, operands, moving = _widened(body, primals, tangents, jvp_graph)
    return _tangents(while_loop(*operands, test=_tested(test, wide, moving), body=wide), moving)


def _tested(test: Graph, wide: Graph, moving: Sequence[bool]) -> Graph:
    """Return the test of a loop that carries tangents, which do not change its answer."""
    count = len(moving)
    values = [*range(count), *range(count + sum(moving), len(wide.params))]
    builder = Builder()
    params = [builder.parameter(param.type) for param in wide.params]
    given = [params[k] for k in values[: len(test.params)]]
    return builder.build(inline(builder, test, given))


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


def _while_transpose(
    ct: Sequence[Tangent],
    operands: Sequence[Value],
    linear: Sequence[bool],
    *,
    test: Graph,
    body: Graph,
    transpose_graph: Callable[[Graph, Sequence[bool]], Graph],
) -> list[Tangent]:
    """Count the iterations; from then on it is a loop of so many.

    The test of a linear loop looks at nothing that is linear.
    """
    values = carried_on(body, linear)
    kept = [not is_linear for is_linear in values[: len(body.outputs)]]
    given = [x for x, is_linear in zip(operands, values, strict=True) if not is_linear]
    count = symbol(fresh_name("trips"))
    trips(
        *given,
        test=_without(test, values),
        body=_without(only(body, kept), values),
        count=count,
    )
    return transposed(loop, ct, operands, linear, body, fresh_name("k"), count, transpose_graph)


def _without(graph: Graph, flags: Sequence[bool]) -> Graph:
    """Return a graph without the flagged parameters, which its outputs do not depend on."""
    params = tuple(p for p, flag in zip(graph.params, flags, strict=True) if not flag)
    return only(Graph(params, graph.nodes, graph.outputs), [True] * len(graph.outputs))


# -- batches --------------------------------------------------------------------------------------


def _batched_body(body: Graph, moving: Sequence[bool], size: Dim, batch_graph: BatchGraph) -> Graph:
    """Return a body in which the flagged operands have the batch as their first axis.

    Of what is carried only they get one; the rest is computed once for all examples.
    """
    count = len(body.outputs)
    many = batch_graph(only(body, moving[:count]), moving, size)
    one = only(body, [not flag for flag in moving[:count]])
    builder = Builder()
    params = [builder.parameter(param.type) for param in many.params]
    batched = iter(inline(builder, many, params))
    plain = iter(_copied(builder, one, params))
    return builder.build([next(batched if flag else plain) for flag in moving[:count]])


def _copied(builder: Builder, graph: Graph, args: Sequence[Value]) -> list[Value]:
    """Copy a graph to arguments of which those that it does not use have other types."""
    used = {operand for node in graph for operand in node.operands} | set(graph.outputs)
    flags = [param not in used for param in graph.params]
    given = [x for x, unused in zip(args, flags, strict=True) if not unused]
    return inline(builder, _without(graph, flags), given)


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
    given = _stretched(operands, batched, moving, size)
    many = _batched_body(body, moving, size, batch_graph)
    results = items(loop(*given, body=many, index=index, trip=trip))
    return batched_alike(results, moving[:count], size)


def _stretched(
    operands: Sequence[Value], batched: Sequence[bool], moving: Sequence[bool], size: Dim
) -> list[Value]:
    """Return the operands, each with a batch that is to have one."""
    return [
        batched_alike([x], [has_batch], size)[0] if flag else x
        for x, has_batch, flag in zip(operands, batched, moving, strict=True)
    ]


def _while_batch(
    operands: Sequence[Value],
    batched: Sequence[bool],
    size: Dim,
    *,
    test: Graph,
    body: Graph,
    batch_graph: BatchGraph,
) -> Any:
    """Run until the last example is done; those that are stay what they are.

    If the test differs between the examples, so does all that is carried.
    """
    count = len(body.outputs)
    moving = carried_on(body, batched)
    differs = not depending(test, moving).isdisjoint(test.outputs)
    if differs:
        moving = carried_on(body, [True] * count + list(batched[count:]))
    given = _stretched(operands, batched, moving, size)
    many = _batched_body(body, moving, size, batch_graph)
    if not differs:
        results = items(while_loop(*given, test=_retyped(test, many), body=many))
        return batched_alike(results, moving[:count], size)
    tests = batch_graph(test, moving, size)
    return items(while_loop(*given, test=_any(tests), body=_where_active(tests, many)))


def _retyped(graph: Graph, like: Graph) -> Graph:
    """Return a graph whose parameters have the types of another's; those used have them already."""
    builder = Builder()
    params = [builder.parameter(param.type) for param in like.params]
    return builder.build(_copied(builder, graph, params))


def _any(tests: Graph) -> Graph:
    builder = Builder()
    params = [builder.parameter(param.type) for param in tests.params]
    (active,) = inline(builder, tests, params)
    return builder.build([any_(active, axes=(0,))])


def _where_active(tests: Graph, body: Graph) -> Graph:
    """Return the body that changes the examples whose test holds, and no other."""
    builder = Builder()
    params = [builder.parameter(param.type) for param in body.params]
    (active,) = inline(builder, tests, params)
    outputs = [
        select(broadcast_to(active, shape=old.shape, axes=(0,)), new, old)
        for new, old in zip(inline(builder, body, params), params, strict=False)
    ]
    return builder.build(outputs)


def _trips_batch(*_: Any, **__: Any) -> NoReturn:
    raise AbstractValueError(
        "the gradient of a while loop of which the number of iterations differs between the "
        "examples of a batch: take vmap inside the gradient, or use a loop of fixed length"
    )


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

while_loop: Op = Op(
    name="while_loop",
    type_rule=_while_type,
    eager=_while_eager,
    lower=Control(),
    jvp=_while_jvp,
    transpose=_while_transpose,
    batch=_while_batch,
)
"""``while_loop(*operands, test=, body=)``: what is carried when ``test`` gives false, a tuple."""

trips: Op = Op(
    name="trips",
    type_rule=_trips_type,
    eager=_trips_eager,
    lower=Control(),
    jvp=Derivative.ZERO,
    transpose=None,
    batch=_trips_batch,
    counts="count",
)
"""``trips(*operands, test=, body=, count=)``: a true value for each iteration of a while loop.

What it is for is their number, the size ``count``.
"""

OPS = (loop, while_loop, trips)
