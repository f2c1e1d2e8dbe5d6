"""Rematerialisation: a graph inside a node, whose values its derivative computes again.

Reverse mode keeps what it will read when it walks back. Of a ``remat`` that is the operands alone:
nothing inside is shared with what is outside, so the values are computed a second time where they
are needed, and their memory is free in between.

Griewank and Walther, *Evaluating Derivatives*, 2nd edition, SIAM 2008, chapter 12.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tracegraph.ir.bodies import only, with_read_operands
from tracegraph.ir.graph import Graph, Op, Tangent, Value, item_types
from tracegraph.ir.lowering import Control
from tracegraph.ir.ops.control import items, spread_back
from tracegraph.ir.ops.family import type_error
from tracegraph.ir.sizes import Dim
from tracegraph.ir.types import ArrayType, TupleType, is_differentiable


def _type(*operands: ArrayType, graph: Graph) -> TupleType:
    if tuple(param.type for param in graph.params) != operands:
        raise type_error("remat", "a body that takes its operands", *operands)
    return TupleType(tuple(out.array_type for out in graph.outputs))


def _eager(*operands: Any, graph: Graph, run_graph: Callable[..., list[Any]]) -> tuple[Any, ...]:
    return tuple(run_graph(graph, *operands))


def _jvp(
    primals: Sequence[Value],
    tangents: Sequence[Tangent],
    out: Value,
    *,
    graph: Graph,
    jvp_graph: Callable[[Graph, Sequence[bool]], Graph],
) -> Any:
    """Compute the tangents in a body of their own, which computes the values again."""
    wanted = [is_differentiable(type.dtype) for type in item_types(out.node.type)]
    if not any(wanted):
        return [None] * len(wanted)
    whole = jvp_graph(graph, [tangent is not None for tangent in tangents])
    given = [tangent for tangent in tangents if tangent is not None]
    moved = only(whole, [False] * len(wanted) + wanted)
    return spread_back(_again(moved, [*primals, *given]), wanted)


def _transpose(
    ct: Sequence[Tangent],
    operands: Sequence[Value],
    linear: Sequence[bool],
    *,
    graph: Graph,
    transpose_graph: Callable[[Graph, Sequence[bool]], Graph],
) -> list[Tangent]:
    present = [cotangent is not None for cotangent in ct]
    back = transpose_graph(only(graph, present), linear)
    others = [x for x, is_linear in zip(operands, linear, strict=True) if not is_linear]
    given = [cotangent for cotangent in ct if cotangent is not None]
    return spread_back(_again(back, [*others, *given]), linear)


def _again(graph: Graph, operands: Sequence[Value]) -> list[Value]:
    """Return the results of a graph that is computed again from the operands that it reads."""
    less, kept = with_read_operands(graph, operands)
    return items(remat(*kept, graph=less) if kept else remat(*operands, graph=graph))


def _batch(
    operands: Sequence[Value],
    batched: Sequence[bool],
    size: Dim,
    *,
    graph: Graph,
    batch_graph: Callable[[Graph, Sequence[bool], Dim], Graph],
) -> Any:
    return items(remat(*operands, graph=batch_graph(graph, batched, size)))


remat: Op = Op(
    name="remat",
    type_rule=_type,
    eager=_eager,
    lower=Control(),
    jvp=_jvp,
    transpose=_transpose,
    batch=_batch,
)
"""``remat(*operands, graph=)``: the results of a graph, a tuple; its derivative runs it again."""

OPS = (remat,)
