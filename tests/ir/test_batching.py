"""The driver of batching: which operands have the batch, symbolic sizes, lines, effects."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from tests.ir.exact_checks import same
from tests.ir.graph_checks import check_batches
from tests.ir.random_graphs import arrays_for, total
from tracegraph.ir.autodiff import vjp
from tracegraph.ir.batching import batch
from tracegraph.ir.errors import AbstractValueError
from tracegraph.ir.graph import Builder, Graph, Site, Value, trace
from tracegraph.ir.interpret import interpret
from tracegraph.ir.ops.arithmetic import add, multiply
from tracegraph.ir.ops.broadcast import full_like, sum_
from tracegraph.ir.ops.compare import less
from tracegraph.ir.ops.control import cond, guard, item
from tracegraph.ir.ops.linalg import matmul
from tracegraph.ir.ops.trigonometric import sin
from tracegraph.ir.sizes import symbol
from tracegraph.ir.types import FLOAT64, ArrayType
from tracegraph.ir.verify import verify

VECTOR, SQUARE = ArrayType(FLOAT64, (3,)), ArrayType(FLOAT64, (3, 3))


def test_every_choice_of_batched_parameters() -> None:
    def function(x: Value, w: Value) -> list[Value]:
        y = sum_(multiply(matmul(w, w), w), axes=(1,))
        return [add(sin(x), y), full_like(x, 2), x]

    graph = trace(function, VECTOR, SQUARE)
    rng = np.random.default_rng(0)
    for one in (graph, vjp(graph)):
        arrays = arrays_for(one, rng, {})
        check_batches(one, *arrays, rtol=1e-12)


def test_what_has_no_batch_is_computed_once() -> None:
    graph = trace(lambda x, y: add(x, sin(y)), VECTOR, VECTOR)
    batched = verify(batch(graph, [True, False], 5))
    (node,) = [n for n in batched if n.op is sin]
    assert node.array_type == VECTOR


def test_every_output_has_the_batch() -> None:
    graph = trace(lambda x, y: (y, full_like(y, 1)), VECTOR, VECTOR)
    batched = verify(batch(graph, [True, False], 2))
    assert [o.array_type.shape for o in batched.outputs] == [(2, 3), (2, 3)]
    first, _ = interpret(batched, np.zeros((2, 3)), np.arange(3.0))
    same(first, np.array([[0.0, 1.0, 2.0]] * 2))


def test_symbolic_and_nested_batches() -> None:
    n, m = symbol("n"), symbol("m")
    graph = trace(lambda x, w: sum_(multiply(x, sum_(w, axes=(0,))), axes=(0,)), VECTOR, SQUARE)
    inner = verify(batch(graph, [True, False], n))
    outer = verify(batch(inner, [False, True], m))
    assert outer.outputs[0].array_type.shape == (m, n)
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(4, 3)), rng.normal(size=(2, 3, 3))
    (got,) = interpret(outer, x, w)
    for i, j in itertools.product(range(2), range(4)):
        np.testing.assert_allclose(got[i, j], interpret(graph, x[j], w[i])[0])


def test_a_branch_within_a_batch() -> None:
    then = trace(lambda x: sin(x), VECTOR)
    orelse = trace(lambda x: multiply(x, x), VECTOR)

    def function(x: Value) -> Value:
        test = less(total(x), full_like(total(x), 0))
        out: Value = item(cond(test, x, then=then, orelse=orelse), index=0)
        return out

    graph = verify(trace(function, VECTOR))
    xs = np.array([[1.0, 2, 3], [-1, -2, -3], [0, 0, 0]])
    (got,) = interpret(verify(batch(graph, [True], 3)), xs)
    same(got, np.stack([interpret(graph, x)[0] for x in xs]))


def test_a_guard_within_a_batch_names_the_line_to_change() -> None:
    builder = Builder()
    x = builder.parameter(ArrayType(FLOAT64))
    builder.site = Site("/home/user/model.py", 3)
    guard(less(x, full_like(x, 0)), expect=True, number=0)
    graph: Graph = builder.build([x])
    with pytest.raises(AbstractValueError, match=r"np\.where"):
        batch(graph, [True], 4)
    verify(batch(graph, [False], 4))  # one answer for all: it stays a guard


def test_nodes_keep_the_users_line() -> None:
    builder = Builder()
    x = builder.parameter(VECTOR)
    builder.site = Site("/home/user/model.py", 3)
    graph = builder.build([sin(add(x, x))])
    assert {str(node.site) for node in batch(graph, [True], 4)} == {"/home/user/model.py:3"}
