"""Loops that a test ends: ``while_loop``, and ``trips``, which counts their iterations.

In a batch such a loop runs until the last example is done; the others stay what they are then. Its
derivative is a loop over as many iterations as were counted, with a mask of those that an example
takes part in.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tracegraph.ir.bodies import carried_on, depending, fresh_name, inline, only
from tracegraph.ir.graph import Builder, Derivative, Graph, Op, Tangent, Value
from tracegraph.ir.lowering import Control
from tracegraph.ir.ops.arithmetic import add
from tracegraph.ir.ops.broadcast import batched_alike, broadcast_to, literal, scalar_like, spread
from tracegraph.ir.ops.choice import select
from tracegraph.ir.ops.compare import less
from tracegraph.ir.ops.compose_where import with_switch
from tracegraph.ir.ops.control import items
from tracegraph.ir.ops.creation import iota
from tracegraph.ir.ops.family import type_error
from tracegraph.ir.ops.loop import (
    BatchGraph,
    JvpGraph,
    batched_body,
    check_body,
    copied,
    loop,
    stretched,
    tangents_of,
    widened,
    without,
)
from tracegraph.ir.ops.reduce import any_
from tracegraph.ir.ops.reverse_loop import transposed
from tracegraph.ir.record import record
from tracegraph.ir.sizes import Dim, symbol
from tracegraph.ir.types import BOOL, INT64, ArrayType, Shape, TupleType

# -- types and eager kernels -----------------------------------------------------------------------


def _while_type(*operands: ArrayType, test: Graph, body: Graph) -> TupleType:
    if tuple(param.type for param in test.params) != operands:
        raise type_error("while_loop", "a test that takes its operands", *operands)
    if [out.type for out in test.outputs] != [ArrayType(BOOL)]:
        raise type_error("while_loop", "a test that gives one bool", *operands)
    return check_body("while_loop", operands, body)


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


# -- derivatives -----------------------------------------------------------------------------------


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
    wide, operands, moving = widened(body, primals, tangents, jvp_graph)
    return tangents_of(while_loop(*operands, test=_tested(test, wide, moving), body=wide), moving)


def _tested(test: Graph, wide: Graph, moving: Sequence[bool]) -> Graph:
    """Return the test of a loop that carries tangents, which do not change its answer."""
    count = len(moving)
    values = [*range(count), *range(count + sum(moving), len(wide.params))]
    builder = Builder()
    params = [builder.parameter(param.type) for param in wide.params]
    given = [params[k] for k in values[: len(test.params)]]
    return builder.build(inline(builder, test, given))


def _while_transpose(
    ct: Sequence[Tangent],
    operands: Sequence[Value],
    linear: Sequence[bool],
    *,
    test: Graph,
    body: Graph,
    transpose_graph: Callable[[Graph, Sequence[bool]], Graph],
) -> list[Tangent]:
    """Count the iterations; from then on it is a loop of so many, some of which take place.

    The test of a linear loop looks at nothing that is linear.
    """
    values = carried_on(body, linear)
    kept = [not is_linear for is_linear in values[: len(body.outputs)]]
    given = [x for x, is_linear in zip(operands, values, strict=True) if not is_linear]
    count = symbol(fresh_name("trips"))
    active = trips(
        *given,
        test=without(test, values),
        body=without(only(body, kept), values),
        count=count,
    )
    index = fresh_name("k")
    return transposed(loop, ct, operands, linear, body, index, count, transpose_graph, active)


# -- batches ---------------------------------------------------------------------------------------


@record
class _Batched:
    """A while loop over a batch: its operands, graphs, and which operands have the batch.

    If the test differs between the examples, so does all that is carried.
    """

    operands: list[Value]
    test: Graph
    body: Graph
    moving: list[bool]
    differs: bool


def _batched(
    operands: Sequence[Value],
    batched: Sequence[bool],
    size: Dim,
    test: Graph,
    body: Graph,
    batch_graph: BatchGraph,
) -> _Batched:
    """Return a loop that runs until the last example is done; those that are stay what they are."""
    count = len(body.outputs)
    moving = carried_on(body, batched)
    differs = not depending(test, moving).isdisjoint(test.outputs)
    if differs:
        moving = carried_on(body, [True] * count + list(batched[count:]))
    given = stretched(operands, batched, moving, size)
    if not differs:
        many = batched_body(body, moving, size, batch_graph)
        return _Batched(given, _retyped(test, many), many, moving, differs)
    tests = batch_graph(test, moving, size)
    many = batched_body(with_switch(body), [*moving, True], size, batch_graph)
    return _Batched(given, _any(tests), _where_active(tests, many), moving, differs)


def _while_batch(
    operands: Sequence[Value],
    batched: Sequence[bool],
    size: Dim,
    *,
    test: Graph,
    body: Graph,
    batch_graph: BatchGraph,
) -> Any:
    found = _batched(operands, batched, size, test, body, batch_graph)
    results = items(while_loop(*found.operands, test=found.test, body=found.body))
    return batched_alike(results, found.moving[: len(results)], size)


def _retyped(graph: Graph, like: Graph) -> Graph:
    """Return a graph whose parameters have the types of another's; those used have them already."""
    builder = Builder()
    params = [builder.parameter(param.type) for param in like.params]
    return builder.build(copied(builder, graph, params))


def _any(tests: Graph) -> Graph:
    builder = Builder()
    params = [builder.parameter(param.type) for param in tests.params]
    (active,) = inline(builder, tests, params)
    return builder.build([any_(active, axes=(0,))])


def _where_active(tests: Graph, body: Graph) -> Graph:
    """Return the body that changes the examples whose test holds, and no other.

    The given body has one parameter more: which these are.
    """
    builder = Builder()
    params = [builder.parameter(param.type) for param in tests.params]
    (active,) = inline(builder, tests, params)
    outputs = [
        select(broadcast_to(active, shape=old.shape, axes=(0,)), new, old)
        for new, old in zip(inline(builder, body, [*params, active]), params, strict=False)
    ]
    return builder.build(outputs)


def _trips_batch(
    operands: Sequence[Value],
    batched: Sequence[bool],
    size: Dim,
    *,
    test: Graph,
    body: Graph,
    count: Dim,
    batch_graph: BatchGraph,
) -> Value:
    """Count the iterations of each example, then those of the longest."""
    zero = operands[0].builder.emit(literal, (), {"value": np.int64(0)})
    test, body = _counting(test, body)
    given, flags = [zero, *operands], [False, *batched]
    found = _batched(given, flags, size, test, body, batch_graph)
    if not found.differs:
        flag = trips(*found.operands, test=found.test, body=found.body, count=count)
        return batched_alike([flag], [False], size)[0]
    ends = items(while_loop(*found.operands, test=found.test, body=found.body))[0]
    below, more = _one_by_one(ends.shape)
    trips(zero, ends, test=below, body=more, count=count)
    shape = (size, count)
    number = zero.builder.emit(iota, (), {"shape": shape, "axis": 1, "dtype": INT64})
    out: Value = less(number, broadcast_to(ends, shape=shape, axes=(0,)))
    return out


def _counting(test: Graph, body: Graph) -> tuple[Graph, Graph]:
    """Return a loop that carries the number of its iterations too, before all else."""
    builder = Builder()
    number, *params = _parameters(builder, body)
    more = builder.build([add(number, scalar_like(number, 1)), *inline(builder, body, params)])
    builder = Builder()
    _, *params = _parameters(builder, test)
    return builder.build(inline(builder, test, params)), more


def _parameters(builder: Builder, graph: Graph) -> list[Value]:
    types = [ArrayType(INT64), *(param.type for param in graph.params)]
    return [builder.parameter(type) for type in types]


def _one_by_one(shape: Shape) -> tuple[Graph, Graph]:
    """Return the test and the body of a loop that counts to the largest of some numbers."""
    builder = Builder()
    number, ends = builder.parameter(ArrayType(INT64)), builder.parameter(ArrayType(INT64, shape))
    below = builder.build([any_(less(spread(number, shape), ends), axes=(0,))])
    builder = Builder()
    number, _ = builder.parameter(ArrayType(INT64)), builder.parameter(ArrayType(INT64, shape))
    return below, builder.build([add(number, scalar_like(number, 1))])


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

What it is for is their number, the size ``count``. In a batch that is the number of the longest,
and the values of an example are true for as many iterations as it has.
"""

OPS = (while_loop, trips)
