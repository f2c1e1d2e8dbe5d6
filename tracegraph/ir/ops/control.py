"""Branches: ``guard`` for those that a recording took, ``cond`` for those inside a graph.

``cond`` holds graphs. Its rules receive the transformation that is under way as an argument, so
that this file knows none of them. It yields a tuple; the tangent, the cotangent and the batch of a
tuple are Python lists with one entry for each item.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import numpy as np

from tracegraph.ir.bodies import inline, only
from tracegraph.ir.errors import AbstractValueError
from tracegraph.ir.graph import Derivative, Graph, Op, Tangent, Value, item_types
from tracegraph.ir.lowering import Control
from tracegraph.ir.ops.broadcast import broadcast_to
from tracegraph.ir.ops.choice import select
from tracegraph.ir.ops.compare import logical_not
from tracegraph.ir.ops.compose_where import with_switch
from tracegraph.ir.ops.family import type_error
from tracegraph.ir.sizes import Dim
from tracegraph.ir.types import BOOL, ArrayType, TupleType, is_differentiable


def _guard_type(predicate: ArrayType, *, expect: bool, number: int) -> ArrayType:
    del number
    if predicate != ArrayType(BOOL) or not isinstance(expect, bool):
        raise type_error("guard", "one bool, and which bool to expect", predicate)
    return predicate


def _guard_batch(*_: Any, **__: Any) -> NoReturn:
    raise AbstractValueError(
        "a branch depends on a value that differs between the examples of a batch: "
        "use np.where instead of a Python `if`"
    )


guard: Op = Op(
    name="guard",
    type_rule=_guard_type,
    eager=lambda predicate, *, expect, number: np.asarray(predicate),
    lower=Control(),
    jvp=Derivative.ZERO,
    transpose=None,
    batch=_guard_batch,
    effect=True,
)
"""``guard(predicate, expect=, number=)``: leave by exit ``number`` unless it is as expected."""


def _cond_type(predicate: ArrayType, *operands: ArrayType, then: Graph, orelse: Graph) -> TupleType:
    if predicate != ArrayType(BOOL):
        raise type_error("cond", "one bool to decide", predicate)
    for branch in (then, orelse):
        if tuple(param.type for param in branch.params) != operands:
            raise type_error("cond", "branches that take its operands", *operands)
    results = [tuple(out.array_type for out in branch.outputs) for branch in (then, orelse)]
    if results[0] != results[1]:
        raise type_error("cond", "branches that return the same types", *results[0], *results[1])
    return TupleType(results[0])


def _cond_eager(
    predicate: Any,
    *operands: Any,
    then: Graph,
    orelse: Graph,
    run_graph: Callable[..., list[Any]],
) -> tuple[Any, ...]:
    return tuple(run_graph(then if predicate else orelse, *operands))


def items(whole: Value) -> list[Value]:
    """Return the results of an operation that has several."""
    return [item(whole, index=k) for k in range(len(item_types(whole.node.type)))]


def spread_back(values: Sequence[Value], wanted: Sequence[bool]) -> list[Tangent]:
    """Return ``values`` at the wanted places, and None at the others."""
    rest = iter(values)
    return [next(rest) if keep else None for keep in wanted]


def _cond_jvp(
    primals: Sequence[Value],
    tangents: Sequence[Tangent],
    out: Value,
    *,
    then: Graph,
    orelse: Graph,
    jvp_graph: Callable[[Graph, Sequence[bool]], Graph],
) -> Any:
    """Return a tangent for each result: a second ``cond`` computes them, and nothing else."""
    moving = [tangent is not None for tangent in tangents[1:]]
    wanted = [is_differentiable(type.dtype) for type in item_types(out.node.type)]
    if not any(wanted):
        return [None] * len(wanted)
    both = [
        only(jvp_graph(branch, moving), [False] * len(wanted) + wanted) for branch in (then, orelse)
    ]
    given = [tangent for tangent in tangents if tangent is not None]
    result = cond(*primals, *given, then=both[0], orelse=both[1])
    return spread_back(items(result), wanted)


def _cond_transpose(
    ct: Sequence[Tangent],
    operands: Sequence[Value],
    linear: Sequence[bool],
    *,
    then: Graph,
    orelse: Graph,
    transpose_graph: Callable[[Graph, Sequence[bool]], Graph],
) -> list[Tangent]:
    present = [cotangent is not None for cotangent in ct]
    both = [transpose_graph(only(branch, present), linear[1:]) for branch in (then, orelse)]
    others = [x for x, is_linear in zip(operands, linear, strict=True) if not is_linear]
    given = [cotangent for cotangent in ct if cotangent is not None]
    result = cond(*others, *given, then=both[0], orelse=both[1])
    return spread_back(items(result), linear)


def _cond_batch(
    operands: Sequence[Value],
    batched: Sequence[bool],
    size: Dim,
    *,
    then: Graph,
    orelse: Graph,
    batch_graph: Callable[[Graph, Sequence[bool], Dim], Graph],
) -> Any:
    """Return the batch of each result."""
    predicate, *args = operands
    if not batched[0]:
        both = [batch_graph(branch, batched[1:], size) for branch in (then, orelse)]
        return items(cond(*operands, then=both[0], orelse=both[1]))
    flags = [*batched[1:], True]
    results = [
        inline(predicate.builder, batch_graph(with_switch(branch), flags, size), [*args, runs])
        for branch, runs in ((then, predicate), (orelse, logical_not(predicate)))
    ]
    return [
        select(broadcast_to(predicate, shape=yes.shape, axes=(0,)), yes, no)
        for yes, no in zip(*results, strict=True)
    ]


cond: Op = Op(
    name="cond",
    type_rule=_cond_type,
    eager=_cond_eager,
    lower=Control(),
    jvp=_cond_jvp,
    transpose=_cond_transpose,
    batch=_cond_batch,
)
"""``cond(predicate, *operands, then=, orelse=)``: the results of one of two graphs, as a tuple.

Where the predicate differs between the examples of a batch, both are computed and chosen from.
"""


def _item_type(whole: TupleType, *, index: int) -> ArrayType:
    if not isinstance(whole, TupleType) or not 0 <= index < len(whole.items):
        raise TypeError(f"item needs a tuple that has an item {index}, got {whole}")
    return whole.items[index]


def _item_transpose(
    ct: Value, operands: Sequence[Value], linear: Sequence[bool], *, index: int
) -> Any:
    del linear
    count = len(item_types(operands[0].node.type))
    return [[ct if i == index else None for i in range(count)]]


item: Op = Op(
    name="item",
    type_rule=_item_type,
    eager=lambda whole, *, index: whole[index],
    lower=Control(),
    jvp=lambda primals, tangents, out, *, index: tangents[0][index],
    transpose=_item_transpose,
    batch=lambda operands, batched, size, *, index: operands[0][index],
)
"""``item(whole, index=)``: one of the results of an operation that has several."""

OPS = (guard, cond, item)
