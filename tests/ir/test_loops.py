"""Loops: what they compute, to which derivatives, and which are refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.ir import samples_loop as samples
from tests.ir.samples import Sample
from tracegraph.ir.autodiff import jvp, vjp
from tracegraph.ir.batching import batch
from tracegraph.ir.errors import MissingRuleError
from tracegraph.ir.graph import Graph, Value, trace
from tracegraph.ir.interpret import interpret
from tracegraph.ir.ops.arithmetic import add, multiply
from tracegraph.ir.ops.boxes import slice_
from tracegraph.ir.ops.broadcast import broadcast_to, sum_
from tracegraph.ir.ops.choice import select
from tracegraph.ir.ops.control import items
from tracegraph.ir.ops.loop import loop
from tracegraph.ir.ops.while_loop import trips, while_loop
from tracegraph.ir.parse import parse_graph
from tracegraph.ir.passes import run_pipeline
from tracegraph.ir.sizes import Symbol, floordiv, symbol
from tracegraph.ir.text import print_graph
from tracegraph.ir.types import FLOAT64, INT64, ArrayType
from tracegraph.ir.verify import verify

NUMBER, VECTOR = ArrayType(FLOAT64), ArrayType(FLOAT64, (4,))
n, k = symbol("n"), symbol("k")


def powers(trip: Any) -> Graph:
    """``for _ in range(trip): a = a * x``."""
    body = trace(lambda a, x: [multiply(a, x)], VECTOR, VECTOR)
    return trace(
        lambda a, x: items(loop(a, x, body=body, index="k", trip=trip)), VECTOR, VECTOR
    )  # fmt: skip


A, X = np.array([1.0, 2.0, 3.0, -4.0]), np.array([0.5, -2.0, 3.0, 0.0])


@pytest.mark.parametrize("trip", [0, 1, 2, 5])
def test_a_loop_and_its_derivatives(trip: int) -> None:
    graph = verify(powers(trip))
    (value,) = interpret(graph, A, X)
    np.testing.assert_allclose(value, A * X**trip)
    _, by_a, by_x = interpret(verify(vjp(graph)), A, X, np.ones(4))
    np.testing.assert_allclose(by_a, X**trip)
    np.testing.assert_allclose(by_x, trip * A * X ** max(trip - 1, 0))


def test_one_graph_for_all_trip_counts() -> None:
    made: tuple[Callable[[Any], Graph], ...] = (
        powers, lambda trip: vjp(powers(trip)), lambda trip: jvp(vjp(powers(trip))),
    )  # fmt: skip
    for make in made:
        graph = verify(make(n))
        arrays = [A, X, *(np.full(4, 0.5) for _ in graph.params[2:])]
        for trip in (0, 1, 4):
            expected = interpret(make(trip), *arrays)
            got = interpret(graph, *arrays, sizes={Symbol("n"): trip})
            for one, other in zip(got, expected, strict=True):
                np.testing.assert_array_equal(one, other)


def plain_rows(a: Any, n: Any, x: Any) -> Any:
    for row in x:
        a, n = a * np.sin(row) + row, n + n
    return a, n


def plain_writes(x: Any, scale: Any) -> Any:
    for i in range(4):
        x[i + 1] += scale * x[i]
    return (x,)


def plain_growing(x: Any) -> Any:
    for i in range(4):
        x[i, :i] *= 0.5
        x[i, i] -= np.sum(x[i, :i] ** 2)
    return (x,)


def plain_nested(a: Any, x: Any) -> Any:
    for j in range(3):
        for row in x:
            a = np.sin(a) * row
        a = a + x[j]
    return (a,)


PLAIN = (plain_rows, plain_writes, plain_growing, plain_nested)


@pytest.mark.parametrize(
    ("sample", "plain"), list(zip(samples.LOOPS, PLAIN, strict=True)), ids=lambda x: x.__name__
    if callable(x) else ""
)  # fmt: skip
def test_loops_are_what_python_computes(sample: Sample, plain: Callable[..., Any]) -> None:
    expected = plain(*(array.copy() for array in sample.arrays))
    for got, value in zip(interpret(sample.graph(), *sample.arrays), expected, strict=True):
        np.testing.assert_allclose(got, value)


def plain_newton(x: float, y: float) -> tuple[float, int]:
    steps = 0
    while (x - y * y) ** 2 > 1e-20:
        y, steps = 0.5 * (y + x / y), steps + 1
    return y, steps


def test_newton_stops_where_it_is_near_enough() -> None:
    graph = samples.WHILES[0].graph()
    root, steps = interpret(graph, np.array(2.0), np.array(1.0))
    np.testing.assert_allclose(root, np.sqrt(2), rtol=1e-10)
    assert (root, steps) == plain_newton(2.0, 1.0)
    _, _, by_x, by_start = interpret(vjp(graph), np.array(2.0), np.array(1.0), np.array(1.0))
    np.testing.assert_allclose(by_x, 0.5 / np.sqrt(2), rtol=1e-6)  # of the implicit function
    np.testing.assert_allclose(by_start, 0, atol=1e-6)


def test_a_batch_runs_until_its_last_example_is_done() -> None:
    graph = verify(batch(samples.WHILES[0].graph(), (True, False), 3))
    x = np.array([2.0, 1.0, 40.0])
    roots, steps = interpret(graph, x, np.array(1.0))
    np.testing.assert_allclose(roots, np.sqrt(x), rtol=1e-10)
    assert list(steps) == [plain_newton(one, 1.0)[1] for one in x]


def test_what_no_batch_changes_is_computed_once() -> None:
    graph = samples.LOOPS[0].graph()
    batched = verify(batch(graph, (True, False, False), 3))
    (whole,) = [node for node in batched if node.op is loop]
    assert str(whole.type) == "(f64[3,4], i64[])"


def test_the_gradient_of_a_while_loop_that_differs_in_a_batch() -> None:
    graph = vjp(samples.WHILES[0].graph())
    batched = verify(batch(graph, (True, False, False), 3))
    x, one = np.array([2.0, 1.0, 40.0]), np.array(1.0)
    found = interpret(batched, x, one, one)
    for k, alone in enumerate(x):
        expected = interpret(graph, alone, one, one)
        for got, wanted in zip(found, expected, strict=True):
            np.testing.assert_array_equal(got[k], wanted)


def test_a_mask_of_one_example_is_gone_before_code_is_made() -> None:
    graph = run_pipeline(vjp(samples.WHILES[0].graph()))
    bodies = [dict(node.attrs)["body"] for node in graph if node.op is loop]
    assert len(bodies) == 2
    assert not any(node.op is select for body in bodies for node in body)


def test_only_what_is_read_backwards_is_saved() -> None:
    """Of ``a * sin(x[k]) + x[k]`` that is ``a``: the rest is computed again from ``x``."""
    whole = vjp(samples.LOOPS[0].graph())
    stacks = [node for node in whole if node.op is loop][-2]
    assert str(stacks.type) == "(f64[4], f64[5,4])"


def test_saved_values_of_growing_length_have_room_for_the_longest() -> None:
    whole = vjp(samples.LOOPS[2].graph())
    stacks = [node for node in whole if node.op is loop][-2]
    assert str(stacks.type) == "(f64[4,4], f64[4,1,4])"


def test_a_cotangent_of_a_row_touches_the_row_alone() -> None:
    whole = vjp(samples.LOOPS[0].graph())
    back: Graph = dict([node for node in whole if node.op is loop][-1].attrs)["body"]
    adds = [node for node in back if node.op is add]
    assert all(node.array_type.shape in ((4,), (1, 4)) for node in adds)


def test_a_length_that_neither_grows_nor_shrinks_cannot_be_saved() -> None:
    def step(a: Value, x: Value) -> list[Value]:
        part = slice_(x, start=(0,), shape=(floordiv(4, k + 1),), step=(1,))
        scaled = multiply(part, broadcast_to(a, shape=part.shape, axes=()))
        return [sum_(multiply(scaled, scaled), axes=(0,))]

    body = trace(step, NUMBER, VECTOR)
    graph = trace(lambda a, x: items(loop(a, x, body=body, index="k", trip=5)), NUMBER, VECTOR)
    with pytest.raises(MissingRuleError, match=r"a length is floordiv\(4, 1\+k\)"):
        vjp(graph)


def test_a_loop_of_no_iterations_hands_cotangents_on() -> None:
    def step(a: Value, x: Value) -> list[Value]:
        part = slice_(x, start=(0,), shape=(k,), step=(1,))
        scaled = multiply(part, broadcast_to(a, shape=part.shape, axes=()))
        return [sum_(multiply(scaled, scaled), axes=(0,))]

    body = trace(step, NUMBER, VECTOR)
    graph = trace(lambda a, x: items(loop(a, x, body=body, index="k", trip=0)), NUMBER, VECTOR)
    _, by_a, by_x = interpret(verify(vjp(graph)), np.array(2.0), X, np.array(3.0))
    assert by_a == 3
    assert not by_x.any()


@pytest.mark.parametrize("sample", [*samples.LOOPS, *samples.WHILES], ids=str)
def test_text_round_trip(sample: Sample) -> None:
    for graph in (sample.graph(), vjp(sample.graph())):
        text = print_graph(verify(graph))
        assert print_graph(verify(parse_graph(text))) == text


def test_bodies_have_to_fit() -> None:
    same = trace(lambda a, x: [a], VECTOR, VECTOR)
    other = trace(lambda a, x: [sum_(a, axes=(0,))], VECTOR, VECTOR)
    attrs: dict[str, Any] = {"index": "k", "trip": 3}
    with pytest.raises(TypeError, match="takes its operands"):
        loop.type_rule(VECTOR, body=same, **attrs)
    with pytest.raises(TypeError, match=r"keeps types, not one to f64\[\]"):
        loop.type_rule(VECTOR, VECTOR, body=other, **attrs)
    growing = ArrayType(FLOAT64, (k,))
    with pytest.raises(TypeError, match="do not depend on k"):
        loop.type_rule(growing, body=trace(lambda a: [a], growing), **attrs)
    with pytest.raises(TypeError, match="gives one bool"):
        while_loop.type_rule(VECTOR, VECTOR, body=same, test=same)
    with pytest.raises(TypeError, match="a test that takes its operands"):
        trips.type_rule(VECTOR, VECTOR, body=same, test=trace(lambda a: [a], VECTOR), count=3)


def test_an_integer_has_no_tangent() -> None:
    body = trace(lambda a, m: [multiply(a, a), add(m, m)], NUMBER, ArrayType(INT64))
    graph = trace(
        lambda a, m: items(loop(a, m, body=body, index="k", trip=3)), NUMBER, ArrayType(INT64)
    )
    whole = [node for node in jvp(graph) if node.op is loop][-1]
    assert str(whole.type) == "(f64[], f64[])"
