"""Rematerialisation: the same derivatives, with nothing kept between forwards and backwards."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from tests.ir import samples_loop
from tests.ir.samples import Sample
from tracegraph.ir.autodiff import jvp, vjp
from tracegraph.ir.batching import batch
from tracegraph.ir.graph import Builder, Graph, Value, trace
from tracegraph.ir.interpret import interpret
from tracegraph.ir.ops.arithmetic import multiply
from tracegraph.ir.ops.boxes import slice_update
from tracegraph.ir.ops.compose_loop import checkpointed_loop
from tracegraph.ir.ops.control import items
from tracegraph.ir.ops.loop import loop
from tracegraph.ir.ops.remat import remat
from tracegraph.ir.ops.trigonometric import sin
from tracegraph.ir.size_values import concrete
from tracegraph.ir.types import FLOAT64, ArrayType
from tracegraph.ir.verify import verify

VECTOR = ArrayType(FLOAT64, (3,))
X, Y = np.array([0.5, -1.0, 2.0]), np.array([1.0, 2.0, -3.0])


def inner(x: Value, y: Value) -> list[Value]:
    s = sin(multiply(x, y))
    return [multiply(s, s), multiply(s, x)]


PLAIN = trace(inner, VECTOR, VECTOR)


def again(x: Value, y: Value) -> list[Value]:
    return items(remat(x, y, graph=PLAIN))


AGAIN = trace(again, VECTOR, VECTOR)


def same(a: Graph, b: Graph, *arrays: Any) -> None:
    for one, other in zip(
        interpret(verify(a), *arrays), interpret(verify(b), *arrays), strict=True
    ):
        np.testing.assert_allclose(one, other, rtol=1e-14)


def test_derivatives_are_those_of_the_body() -> None:
    same(AGAIN, PLAIN, X, Y)
    same(jvp(AGAIN), jvp(PLAIN), X, Y, Y, X)
    same(vjp(AGAIN), vjp(PLAIN), X, Y, Y, X)
    same(vjp(vjp(AGAIN)), vjp(vjp(PLAIN)), *[X, Y, Y, X] * 2)
    same(batch(AGAIN, (True, False), 2), batch(PLAIN, (True, False), 2), np.stack([X, Y]), Y)


def test_nothing_inside_is_kept_for_the_way_back() -> None:
    whole = vjp(AGAIN)
    assert {node.op.name for node in whole} == {"remat", "item"}
    forwards, backwards = [node for node in whole if node.op is remat]
    assert forwards.operands == whole.params[:2]
    assert set(backwards.operands) == set(whole.params)


def test_the_body_takes_the_operands() -> None:
    with pytest.raises(TypeError, match="takes its operands"):
        remat.type_rule(VECTOR, graph=PLAIN)


def in_chunks(sample: Sample, chunk: int) -> Graph:
    """Return the graph of a sample with its loop in chunks."""
    graph = sample.graph()
    (node,) = [node for node in graph if node.op is loop]
    attrs = dict(node.attrs)
    builder = Builder()
    env = {param: builder.parameter(param.type) for param in graph.params}
    operands = [env[operand] for operand in node.operands]
    return builder.build(checkpointed_loop(operands, **attrs, chunk=chunk))


@pytest.mark.parametrize("chunk", [1, 2, 3, 7])
@pytest.mark.parametrize("sample", samples_loop.LOOPS[:3], ids=lambda s: s.function.__name__)
def test_loops_in_chunks_have_the_same_derivatives(sample: Sample, chunk: int) -> None:
    graph, chunked, rng = sample.graph(), in_chunks(sample, chunk), np.random.default_rng(0)
    for derivative in (lambda g: g, jvp, vjp, lambda g: jvp(vjp(g))):
        a, b = derivative(graph), derivative(chunked)
        added = a.params[len(sample.arrays) :]
        arrays = [
            *sample.arrays,
            *(rng.normal(size=concrete(p.array_type.shape, {})) for p in added),
        ]
        same(b, a, *arrays)


def test_a_loop_in_chunks_keeps_the_beginnings_and_one_chunk() -> None:
    """Of 5 iterations in chunks of 2: three beginnings, and the stacks of at most two."""
    whole = vjp(in_chunks(samples_loop.LOOPS[0], 2))
    stacked: set[Any] = set()

    def look(graph: Graph) -> None:
        for node in graph:
            if node.op is slice_update and node.array_type.shape[1:] == (4,):
                stacked.add(re.sub(r"\w+_\d+", "k", str(node.array_type.shape[0])))
            for _, value in node.attrs:
                if isinstance(value, Graph):
                    look(value)

    look(whole)
    assert stacked == {"3", "min(2, 1+2*k)", "5"}  # 5 rows has the cotangent of x
