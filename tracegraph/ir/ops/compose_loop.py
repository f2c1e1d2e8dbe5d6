"""Loops made of others: no ops, but how a long loop is run so that its derivative keeps little."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tracegraph.ir.bodies import fresh_name, resized
from tracegraph.ir.graph import Builder, Graph, Value
from tracegraph.ir.ops.control import items
from tracegraph.ir.ops.loop import loop
from tracegraph.ir.ops.remat import remat
from tracegraph.ir.sizes import Dim, Symbol, floordiv, minimum, symbol
from tracegraph.ir.types import ArrayType


def checkpointed_loop(
    operands: Sequence[Value], body: Graph, index: str, trip: Dim, chunk: int
) -> list[Value]:
    """Run a loop in chunks that reverse mode computes again, and return what it carries.

    Walking back keeps what is carried at the beginning of each chunk, and what the iterations of
    one chunk save: of n iterations n / chunk + chunk sets of values, fewest with the root of n.

    Griewank and Walther, *Evaluating Derivatives*, 2nd edition, SIAM 2008, section 12.2.

    Parameters
    ----------
    operands, body, index, trip
        Of the loop.
    chunk : int
        How many iterations belong together. The last chunk has those that are left over.
    """
    outer, inner = fresh_name("k"), fresh_name("k")
    chunks = floordiv(trip + chunk - 1, chunk)
    done = symbol(outer, bound=chunks) * chunk
    length = minimum(chunk, trip - done)
    types = [operand.type for operand in operands]
    step = resized(body, {Symbol(index): done + symbol(inner, bound=length)})
    run = _graph(types, lambda xs: items(loop(*xs, body=step, index=inner, trip=length)))
    again = _graph(types, lambda xs: items(remat(*xs, graph=run)))
    return items(loop(*operands, body=again, index=outer, trip=chunks))


def _graph(types: Sequence[ArrayType], function: Callable[[list[Value]], list[Value]]) -> Graph:
    builder = Builder()
    return builder.build(function([builder.parameter(type) for type in types]))
