"""Passes over loops: one for two that carry something alike, and only what is needed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.ir import samples_loop as samples
from tests.ir.samples import Sample
from tracegraph.ir.autodiff import jvp, vjp
from tracegraph.ir.graph import Graph, Op, Value, trace
from tracegraph.ir.interpret import interpret
from tracegraph.ir.ops.arithmetic import add, multiply
from tracegraph.ir.ops.broadcast import full_like, literal, scalar_like, spread
from tracegraph.ir.ops.compare import less
from tracegraph.ir.ops.control import guard, items
from tracegraph.ir.ops.loop import loop
from tracegraph.ir.ops.trigonometric import cos, sin
from tracegraph.ir.ops.while_loop import trips, while_loop
from tracegraph.ir.passes import run_pipeline
from tracegraph.ir.passes.carries import merge_loops, tidy_loops
from tracegraph.ir.passes.dead_code import remove_dead_code
from tracegraph.ir.size_values import concrete
from tracegraph.ir.sizes import symbol
from tracegraph.ir.types import BOOL, FLOAT64, INT64, ArrayType
from tracegraph.ir.verify import verify

VECTOR, WHOLE = ArrayType(FLOAT64, (3,)), ArrayType(INT64)
A, X = np.array([1.0, 2.0, 3.0]), np.array([0.5, -1.5, 0.25])


def run(trip: Any, step: Callable[..., Any], *operands: Value, index: str = "k") -> list[Value]:
    body = trace(step, *(operand.type for operand in operands))
    return items(loop(*operands, body=body, index=index, trip=trip))


def graph_of(function: Callable[..., Any], *types: Any) -> Graph:
    return verify(trace(function, *(types or (VECTOR, VECTOR))))


def count(graph: Graph, op: Op = loop) -> int:
    return sum(node.op is op for node in graph)


def whole_type(graph: Graph) -> str:
    (found,) = [node for node in graph if node.op is loop]
    return str(found.type)


def same(before: Graph, after: Graph, *arrays: Any) -> None:
    for a, b in zip(interpret(before, *arrays), interpret(verify(after), *arrays), strict=True):
        np.testing.assert_array_equal(a, b)


def _verified(one: Callable[[Graph], Graph], graph: Graph) -> None:
    verify(graph)


DERIVATIVES: dict[str, Callable[[Graph], Graph]] = {
    "itself": lambda graph: graph,
    "jvp": jvp,
    "vjp": vjp,
    "jvp of vjp": lambda graph: jvp(vjp(graph)),
    "vjp of vjp": lambda graph: vjp(vjp(graph)),
}


@pytest.mark.parametrize("derivative", DERIVATIVES)
@pytest.mark.parametrize("sample", samples.SAMPLES, ids=lambda s: s.function.__name__)
def test_passes_change_no_result(sample: Sample, derivative: str) -> None:
    graph = DERIVATIVES[derivative](sample.graph())
    rng = np.random.default_rng(0)
    added = graph.params[len(sample.arrays) :]
    arrays = [*sample.arrays, *(rng.normal(size=concrete(p.array_type.shape, {})) for p in added)]
    after = run_pipeline(graph, _verified)
    for a, b in zip(interpret(graph, *arrays), interpret(after, *arrays), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)


@pytest.mark.parametrize("sample", samples.LOOPS, ids=lambda s: s.function.__name__)
def test_values_are_computed_once_beside_their_derivative(sample: Sample) -> None:
    assert count(run_pipeline(jvp(sample.graph()))) == 1
    assert count(run_pipeline(vjp(sample.graph()))) == 2


def test_a_while_loop_and_its_tangents_are_one() -> None:
    assert count(run_pipeline(jvp(samples.WHILES[0].graph())), while_loop) == 1


def test_loops_of_one_value_merge() -> None:
    def function(a: Value, x: Value) -> list[Value]:
        (first,) = run(4, lambda a, x: [multiply(a, x)], a, x)
        second = run(4, lambda a, b, x: [multiply(a, x), add(b, a)], a, x, x, index="j")
        return [first, *second]

    graph = graph_of(function)
    merged = merge_loops(graph)
    assert whole_type(merged) == "(f64[3], f64[3])"
    same(graph, merged, A, X)


def test_loops_that_begin_alike_and_differ_do_not_merge() -> None:
    def function(a: Value, x: Value) -> list[Value]:
        (first,) = run(4, lambda a, x: [sin(a)], a, x)
        (second,) = run(4, lambda a, x: [cos(a)], a, x)
        return [first, second]

    graph = graph_of(function)
    assert count(merge_loops(graph)) == 2


def test_a_loop_that_needs_the_other_stays_behind_it() -> None:
    def function(a: Value, x: Value) -> list[Value]:
        (first,) = run(4, lambda a, x: [multiply(a, x)], a, x)
        (second, _) = run(4, lambda a, b, x: [multiply(a, x), add(b, a)], a, first, x)
        return [first, second]

    graph = graph_of(function)
    same(graph, merge_loops(graph), A, X)
    assert count(merge_loops(graph)) == 2


def test_what_has_a_size_that_is_counted_late_stays_behind_its_counter() -> None:
    """``ones`` reads nothing of the counter, which depends on the first loop."""
    more = trace(lambda n, a: add(n, full_like(n, 1)), WHOLE, VECTOR)
    below = trace(lambda n, a: less(n, full_like(n, 3)), WHOLE, VECTOR)

    def function(a: Value, x: Value) -> list[Value]:
        (first,) = run(4, lambda a, x: [multiply(a, x)], a, x)
        zero = a.builder.emit(literal, (), {"value": np.int64(0)})
        trips(zero, first, test=below, body=more, count=symbol("n"))
        ones = spread(scalar_like(a, 1), (symbol("n"),))
        second = run(4, lambda a, b, x: [multiply(a, x), add(b, b)], a, ones, x)
        return [first, *second]

    graph = graph_of(function)
    same(graph, merge_loops(graph), A, X)


def test_what_stands_between_merged_loops_comes_where_it_can() -> None:
    def function(a: Value, x: Value) -> list[Value]:
        (first,) = run(4, lambda a, x: [multiply(a, x)], a, x)
        early, late = sin(x), cos(first)
        second = run(4, lambda a, b, x: [multiply(a, x), add(b, a)], a, early, x)
        return [late, *second]

    graph = graph_of(function)
    merged = merge_loops(graph)
    assert count(merged) == 1
    same(graph, merged, A, X)


def test_other_trip_counts_do_not_merge() -> None:
    n = symbol("n")

    def function(a: Value, x: Value) -> list[Value]:
        (first,) = run(n, lambda a, x: [multiply(a, x)], a, x)
        (second,) = run(n + 1, lambda a, x: [multiply(a, x)], a, x)
        return [first, second]

    assert count(merge_loops(graph_of(function))) == 2


def test_what_nobody_needs_is_not_carried() -> None:
    def step(a: Value, b: Value, c: Value, x: Value) -> list[Value]:
        return [multiply(a, x), add(b, a), sin(c)]

    def function(a: Value, x: Value) -> list[Value]:
        return run(3, step, a, x, sin(x), x)[:1]

    graph = graph_of(function)
    tidy = tidy_loops(remove_dead_code(graph))
    assert whole_type(tidy) == "(f64[3])"
    same(graph, tidy, A, X)


def test_what_stays_the_same_is_not_carried() -> None:
    def function(a: Value, x: Value) -> list[Value]:
        return run(3, lambda a, w, x: [multiply(a, w), w], a, sin(x), x)

    graph = graph_of(function)
    tidy = tidy_loops(graph)
    assert whole_type(tidy) == "(f64[3])"
    same(graph, tidy, A, X)


def test_equal_values_are_carried_once() -> None:
    def function(a: Value, x: Value) -> list[Value]:
        step = lambda a, b, x: [multiply(b, x), multiply(a, x)]  # noqa: E731
        return run(3, step, a, a, x)

    graph = graph_of(function)
    tidy = tidy_loops(graph)
    assert whole_type(tidy) == "(f64[3])"
    same(graph, tidy, A, X)


def test_values_that_change_places_are_kept_apart() -> None:
    def function(a: Value, x: Value) -> list[Value]:
        return run(3, lambda a, b: [b, add(a, b)], a, x)

    graph = graph_of(function)
    same(graph, tidy_loops(graph), A, X)
    assert whole_type(tidy_loops(graph)) == "(f64[3], f64[3])"


def test_a_loop_without_a_result_is_gone_unless_it_may_leave() -> None:
    def plain(a: Value, x: Value, p: Value) -> list[Value]:
        run(3, lambda a, x: [multiply(a, x)], a, x)
        return [x]

    def guarded(a: Value, x: Value, p: Value) -> list[Value]:
        def step(a: Value, p: Value) -> list[Value]:
            guard(p, expect=True, number=0)
            return [multiply(a, a)]

        run(3, step, a, p)
        return [x]

    types = (VECTOR, VECTOR, ArrayType(BOOL))
    assert count(run_pipeline(graph_of(plain, *types))) == 0
    kept = run_pipeline(graph_of(guarded, *types))
    assert count(kept) == 1
    assert whole_type(kept) == "()"


def test_merged_loops_have_the_merged_body_even_if_it_takes_as_many_operands() -> None:
    """One carries ``a`` and reads two, the other carries two and reads one."""

    def function(a: Value, x: Value, y: Value) -> list[Value]:
        first = run(4, lambda a, b, x: [multiply(a, x), add(b, x)], a, y, x)
        (second,) = run(4, lambda a, x, y: [multiply(a, x)], a, x, y)
        return [*first, second]

    graph = graph_of(function, VECTOR, VECTOR, VECTOR)
    merged = merge_loops(graph)
    assert count(merged) == 1
    same(graph, merged, A, X, np.array([7.0, 8.0, 9.0]))
