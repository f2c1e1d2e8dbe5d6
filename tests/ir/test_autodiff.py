"""The drivers of derivatives: which parameters, symbolic zeros, branches, missing rules."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.ir.exact_checks import same
from tests.ir.graph_checks import check_derivatives
from tests.ir.random_graphs import total
from tracegraph.ir.autodiff import jvp, transpose, vjp
from tracegraph.ir.errors import MissingRuleError
from tracegraph.ir.graph import Builder, Derivative, Graph, Op, Site, Value, trace
from tracegraph.ir.interpret import interpret
from tracegraph.ir.ops import OPS
from tracegraph.ir.ops.arithmetic import add, divide, multiply, negative
from tracegraph.ir.ops.broadcast import broadcast_to, full_like, sum_
from tracegraph.ir.ops.cast import cast
from tracegraph.ir.ops.choice import select
from tracegraph.ir.ops.compare import less
from tracegraph.ir.ops.exponential import log
from tracegraph.ir.ops.identity import stop_gradient
from tracegraph.ir.ops.power import sqrt
from tracegraph.ir.ops.structural import reshape
from tracegraph.ir.ops.trigonometric import sin
from tracegraph.ir.passes import run_pipeline
from tracegraph.ir.passes.dead_code import remove_dead_code
from tracegraph.ir.record import replace
from tracegraph.ir.sizes import symbol
from tracegraph.ir.types import BOOL, FLOAT32, FLOAT64, INT64, ArrayType
from tracegraph.ir.verify import verify

VECTOR = ArrayType(FLOAT64, (3,))
X, Y = np.array([1.0, 2.0, 3.0]), np.array([4.0, 5.0, 6.0])


def names(graph: Graph) -> list[str]:
    return [node.op.name for node in graph]


def test_jvp_takes_tangents_of_the_chosen_parameters_alone() -> None:
    graph = trace(lambda x, y: (multiply(x, y), negative(y)), VECTOR, VECTOR)
    both = verify(jvp(graph))
    assert len(both.params) == 4
    assert len(both.outputs) == 4
    one = verify(jvp(graph, [False, True]))
    assert len(one.params) == 3
    product, minus, by_product, by_minus = interpret(one, X, Y, np.ones(3))
    for got, expected in ((product, X * Y), (minus, -Y), (by_product, X), (by_minus, -np.ones(3))):
        same(got, expected)
    none = verify(jvp(graph, [False, False]))
    same(interpret(none, X, Y)[2], np.zeros(3))


def test_integers_have_no_tangents_of_their_own() -> None:
    graph = trace(
        lambda x, k: (multiply(x, cast(k, dtype=FLOAT64)), k), VECTOR, ArrayType(INT64, (3,))
    )
    forward = verify(jvp(graph))
    assert len(forward.params) == 3
    outs = interpret(forward, X, np.array([1, 2, 3]), np.ones(3))
    same(outs[3], np.zeros(3, int))
    reverse = verify(vjp(graph))
    assert len(reverse.params) == 3  # x, k and a cotangent for the float output
    assert len(reverse.outputs) == 3


def test_zeros_are_symbolic() -> None:
    """What does not depend on a parameter that moves is not differentiated."""

    def function(x: Value, y: Value) -> Value:
        dead = sin(multiply(y, y))
        out: Value = add(multiply(x, dead), stop_gradient(sin(x)))
        return out

    forward = remove_dead_code(jvp(trace(function, VECTOR, VECTOR), [True, False]))
    assert "cos" not in names(forward)
    assert names(forward).count("multiply") + names(forward).count("chain") == 3
    reverse = vjp(trace(lambda x, y: (x, sin(y)), VECTOR, VECTOR), [True, False])
    assert "cos" not in names(reverse)
    none = verify(vjp(trace(lambda x, y: y, VECTOR, VECTOR), [True, False]))
    same(interpret(none, X, Y, np.ones(3))[1], np.zeros(3))


def test_an_output_that_does_not_depend_and_one_returned_twice() -> None:
    def function(x: Value) -> list[Value]:
        y = multiply(x, x)
        return [y, full_like(x, 2.0), y, x]

    reverse = verify(vjp(trace(function, VECTOR)))
    cotangents = [np.full(3, k) for k in (1.0, 10.0, 100.0, 1000.0)]
    same(interpret(reverse, X, *cotangents)[-1], 101 * 2 * X + 1000)


def test_no_nan_leaks_from_a_branch_that_was_not_selected() -> None:
    def function(x: Value) -> Value:
        zero = full_like(x, 0)
        safe = select(less(zero, x), sqrt(x), zero)
        other = select(less(zero, x), log(x), divide(x, zero))
        out: Value = total(add(safe, select(less(x, zero), zero, other)))
        return out

    graph = trace(function, VECTOR)
    with np.errstate(all="ignore"):
        gradient = interpret(run_pipeline(vjp(graph)), np.array([4.0, 1.0, -1.0]), 1.0)[1]
        same(gradient, np.array([0.5, 1.5, 0.0]))
        direction = interpret(jvp(graph), np.array([4.0, 1.0, -1.0]), np.array([1.0, 0, 1]))[1]
        same(np.asarray(direction), np.asarray(0.5))


def test_any_order_and_symbolic_sizes() -> None:
    n = symbol("n", lower=1)
    column, table = ArrayType(FLOAT64, (n,)), ArrayType(FLOAT64, (n, 3))

    def function(x: Value, w: Value) -> Value:
        wide = multiply(broadcast_to(x, shape=w.shape, axes=(0,)), w)
        return total(sin(multiply(wide, reshape(reshape(w, shape=(n * 3,)), shape=(n, 3)))))

    graph = verify(trace(function, column, table))
    rng = np.random.default_rng(0)
    for rows in (1, 4):
        check_derivatives(graph, rng.normal(size=rows), rng.normal(size=(rows, 3)))
    third = verify(jvp(verify(vjp(verify(jvp(graph))))))
    assert len(third.outputs) > 0


def test_transpose_of_a_linear_graph() -> None:
    def function(a: Value, x: Value, y: Value) -> list[Value]:
        return [add(multiply(a, x), y), sum_(x, axes=(0,))]

    graph = trace(function, VECTOR, VECTOR, VECTOR)
    turned = verify(transpose(graph, [False, True, True]))
    assert len(turned.params) == 3
    by_x, by_y = interpret(turned, Y, X, 10.0)
    same(by_x, Y * X + 10)
    same(by_y, X)
    again = verify(transpose(turned, [False, True, True]))
    outs, expected = interpret(again, Y, X, X), interpret(graph, Y, X, X)
    for got, value in zip(outs, expected, strict=True):
        np.testing.assert_allclose(got, value)


def test_dtypes_of_tangents_follow_their_primals() -> None:
    graph = trace(
        lambda x: cast(sin(cast(x, dtype=FLOAT64)), dtype=FLOAT32), ArrayType(FLOAT32, (3,))
    )
    reverse = verify(vjp(graph))
    assert reverse.outputs[1].array_type == ArrayType(FLOAT32, (3,))
    assert verify(jvp(graph)).outputs[1].array_type == ArrayType(FLOAT32, (3,))


def at_line(op: Op, line: int) -> Graph:
    """Return the graph of one operation that stands at a line of a user's file."""
    builder = Builder()
    x = builder.parameter(VECTOR)
    builder.site = Site("/home/user/model.py", line)
    return builder.build([builder.emit(op, (x,), {})])


def test_a_missing_derivative_names_the_users_line() -> None:
    none = replace(sin, name="opaque", jvp=Derivative.NONE)
    with pytest.raises(MissingRuleError, match=r"opaque has no derivative \(.*model\.py:7\)"):
        jvp(at_line(none, 7))
    with pytest.raises(MissingRuleError, match=r"opaque has no derivative"):
        vjp(at_line(none, 7))
    jvp(at_line(none, 7), [False])  # nothing moves: nothing is asked
    curved = replace(sin, name="curved", jvp=lambda primals, tangents, out: sin(tangents[0]))
    with pytest.raises(MissingRuleError, match=r"sin has no transpose.*model\.py:9"):
        vjp(at_line(curved, 9))


def test_zero_derivatives_are_no_nodes() -> None:
    flat = [op for op in OPS.values() if op.jvp is Derivative.ZERO]
    assert {"floor", "less", "argmax", "stop_gradient", "literal"} <= {o.name for o in flat}
    forward = jvp(at_line(OPS["floor"], 1))
    assert names(forward) == ["floor", "literal", "broadcast_to"]


def test_nodes_of_a_derivative_keep_the_users_line() -> None:
    for graph in (jvp(at_line(sin, 5)), vjp(at_line(sin, 5))):
        assert {node.site and node.site.line for node in graph} == {5}


def test_predicates_do_not_move() -> None:
    graph = trace(lambda c, x: select(c, x, negative(x)), ArrayType(BOOL, (3,)), VECTOR)
    forward = verify(jvp(graph))
    assert len(forward.params) == 3
    flags: Any = np.array([True, False, True])
    same(interpret(forward, flags, X, np.ones(3))[1], np.array([1.0, -1.0, 1.0]))
