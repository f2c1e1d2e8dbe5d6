"""Branches: both ways, their derivatives to second order, and batches that divide between them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from tests.ir.exact_checks import (
    same,
)
from tracegraph.ir.autodiff import jvp, vjp
from tracegraph.ir.batching import batch
from tracegraph.ir.errors import AbstractValueError
from tracegraph.ir.graph import Graph, Value, trace
from tracegraph.ir.interpret import interpret
from tracegraph.ir.ops.arithmetic import multiply
from tracegraph.ir.ops.boxes import concatenate
from tracegraph.ir.ops.broadcast import full_like, sum_
from tracegraph.ir.ops.compose import flip, take_axis
from tracegraph.ir.ops.control import cond, guard, item
from tracegraph.ir.ops.index import gather, scatter
from tracegraph.ir.ops.structural import reshape
from tracegraph.ir.parse import parse_graph
from tracegraph.ir.sizes import symbol
from tracegraph.ir.text import print_graph
from tracegraph.ir.types import BOOL, FLOAT64, INT64, ArrayType
from tracegraph.ir.verify import verify

n, m = symbol("n"), symbol("m")


def branches(*types: ArrayType) -> tuple[Graph, Graph]:
    def then(x: Value, y: Value, k: Value) -> tuple[Value, ...]:
        return multiply(x, y), multiply(x, x), k

    def orelse(x: Value, y: Value, k: Value) -> tuple[Value, ...]:
        return multiply(y, multiply(y, y)), full_like(x, 3), multiply(k, k)

    return trace(then, *types), trace(orelse, *types)


def choice() -> Graph:
    types = ArrayType(FLOAT64, (2,)), ArrayType(FLOAT64, (2,)), ArrayType(INT64)
    then, orelse = branches(*types)

    def function(p: Value, x: Value, y: Value, k: Value) -> list[Value]:
        both = cond(p, x, y, k, then=then, orelse=orelse)
        return [item(both, index=i) for i in range(3)]

    return verify(trace(function, ArrayType(BOOL), *types))


X, Y, K = np.array([2.0, 3.0]), np.array([5.0, 7.0]), np.asarray(4)


def test_cond_computes_one_branch() -> None:
    for p, expected in ((True, (X * Y, X * X, K)), (False, (Y**3, X * 0 + 3, K * K))):
        for got, value in zip(interpret(choice(), p, X, Y, K), expected, strict=True):
            same(got, value)


def test_derivatives_of_cond() -> None:
    graph, dx, dy = choice(), np.array([1.0, 10.0]), np.array([-1.0, 2.0])
    forward = verify(jvp(graph))
    same(interpret(forward, True, X, Y, K, dx, dy)[3], dx * Y + X * dy)
    same(interpret(forward, True, X, Y, K, dx, dy)[4], 2 * X * dx)
    same(interpret(forward, False, X, Y, K, dx, dy)[3], 3 * Y * Y * dy)
    same(interpret(forward, False, X, Y, K, dx, dy)[4], np.zeros(2))
    reverse = verify(vjp(graph))
    a, b = np.array([1.0, 2.0]), np.array([3.0, 5.0])
    same(interpret(reverse, True, X, Y, K, a, b)[3], a * Y + 2 * X * b)
    same(interpret(reverse, True, X, Y, K, a, b)[4], a * X)
    same(interpret(reverse, False, X, Y, K, a, b)[3], np.zeros(2))
    same(interpret(reverse, False, X, Y, K, a, b)[4], 3 * Y * Y * a)


def test_a_branch_between_integers_has_no_tangent() -> None:
    types = ArrayType(FLOAT64), ArrayType(INT64)
    then, orelse = trace(lambda x, k: k, *types), trace(lambda x, k: multiply(k, k), *types)

    def function(p: Value, x: Value, k: Value) -> Any:
        return item(cond(p, x, k, then=then, orelse=orelse), index=0)

    forward = verify(jvp(trace(function, ArrayType(BOOL), *types)))
    assert sum(node.op is cond for node in forward) == 1
    same(interpret(forward, False, 2.0, K, 1.0)[0], K * K)


def test_a_cotangent_for_one_item_alone() -> None:
    graph = choice()
    only = Graph(graph.params, graph.nodes, graph.outputs[1:2])
    same(interpret(verify(vjp(only)), True, X, Y, K, X)[1], 2 * X * X)


def test_second_derivative_of_cond() -> None:
    reverse = vjp(choice())
    moving = [False, False, True, False, False, False]
    hessian = verify(jvp(reverse, moving))
    a, b, dy = np.ones(2), np.zeros(2), np.ones(2)
    outputs = interpret(hessian, False, X, Y, K, a, b, dy)
    same(outputs[-1], 6 * Y)
    outputs = interpret(hessian, True, X, Y, K, a, b, dy)
    same(outputs[-2], np.ones(2))
    verify(vjp(vjp(reverse)))


@pytest.mark.parametrize("flags", list(itertools.product([False, True], repeat=4)), ids=str)
def test_batched_cond(flags: tuple[bool, ...]) -> None:
    for graph, extra in ((choice(), []), (vjp(choice()), [X, Y])):
        examples: list[Any] = [
            np.array([True, False, True]), *(np.stack([v, v * 2, v + 1]) for v in (X, Y, K)),
        ]  # fmt: skip
        given_ = [e if flag else e[0] for e, flag in zip(examples, flags, strict=True)]
        batched = verify(batch(graph, (*flags, *(False for _ in extra)), 3))
        outputs = interpret(batched, *given_, *extra)
        for k in range(3):
            single = [e[k] if flag else e[0] for e, flag in zip(examples, flags, strict=True)]
            for got, expected in zip(outputs, interpret(graph, *single, *extra), strict=True):
                same(got[k], expected)


def test_guard_gives_its_predicate_and_refuses_a_batch() -> None:
    graph = verify(trace(lambda p: guard(p, expect=True, number=0), ArrayType(BOOL)))
    same(interpret(graph, False)[0], np.asarray(False))
    with pytest.raises(AbstractValueError, match=r"np\.where"):
        batch(graph, (True,), 3)


def test_equal_guards_are_both_kept() -> None:
    def guards(p: Any) -> list[Any]:
        return [guard(p, expect=True, number=0) for _ in range(2)]

    graph = trace(guards, ArrayType(BOOL))
    assert len(graph) == 2


def symbolic_graphs() -> Iterator[Graph]:
    x, index = ArrayType(FLOAT64, (n, m)), ArrayType(INT64, (m,))
    yield choice()
    yield vjp(choice())
    yield vjp(trace(lambda v, i: gather(v, i, axes=(0,)), x, index))
    yield vjp(
        trace(lambda v, u, i: scatter(v, u, i, axes=(1,)), x, ArrayType(FLOAT64, (m, n)), index)
    )
    yield vjp(trace(lambda v: flip(reshape(v, shape=(n * m,)), 0), x))
    yield vjp(trace(lambda v: concatenate(v, take_axis(v, 0, 0, n // 2, 2), axis=0), x))


@pytest.mark.parametrize("graph", list(symbolic_graphs()))
def test_text_round_trip(graph: Graph) -> None:
    text = print_graph(verify(graph))
    assert print_graph(verify(parse_graph(text))) == text


def test_cond_needs_fitting_branches() -> None:
    one, vector, matrix = ArrayType(BOOL), ArrayType(FLOAT64, (3,)), ArrayType(FLOAT64, (2, 3))
    whole, short = trace(lambda x: x, vector), trace(lambda x: sum_(x, axes=(0,)), vector)
    with pytest.raises(TypeError, match="one bool"):
        cond.type_rule(vector, vector, then=whole, orelse=whole)
    with pytest.raises(TypeError, match="take its operands"):
        cond.type_rule(one, matrix, then=whole, orelse=whole)
    with pytest.raises(TypeError, match="return the same types"):
        cond.type_rule(one, vector, then=whole, orelse=short)
