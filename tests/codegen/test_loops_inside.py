"""Loops as native code: sizes that change, and guards, callouts and loops inside; while loops."""

from __future__ import annotations

import sys
import threading
from typing import Any

import numpy as np
import pytest

from tests.codegen.loop_kit import (
    COUNTER,
    FLAG,
    NUMBER,
    SQUARE,
    VECTOR,
    WHOLE,
    check,
    cholesky,
    double,
    element,
    floats,
    j,
    k,
    n,
    once,
    part,
    t,
    with_element,
)
from tests.codegen.native_kit import MISSED, Counting, graph_executable, native
from tests.ir.samples_loop import NEWTON, literal_of
from tracegraph.codegen.plan import Fresh, Gemm, walk
from tracegraph.codegen.schedule import plan
from tracegraph.ir.errors import GraphError
from tracegraph.ir.graph import Value, trace
from tracegraph.ir.ops.arithmetic import add, divide, multiply
from tracegraph.ir.ops.boxes import slice_update
from tracegraph.ir.ops.broadcast import full_like, spread, sum_
from tracegraph.ir.ops.cast import cast
from tracegraph.ir.ops.compare import greater, less
from tracegraph.ir.ops.control import cond, guard, items
from tracegraph.ir.ops.creation import size_value
from tracegraph.ir.ops.linalg import matmul
from tracegraph.ir.ops.selection import flatnonzero
from tracegraph.ir.ops.sort import sort
from tracegraph.ir.ops.trigonometric import sin
from tracegraph.ir.ops.while_loop import trips, while_loop
from tracegraph.ir.record import replace
from tracegraph.ir.sizes import Size, symbol
from tracegraph.ir.types import FLOAT64

# -- sizes that depend on the iteration -----------------------------------------------------------


def test_lengths_that_grow_and_shrink() -> None:
    def body(s: Value, x: Value) -> list[Value]:
        low, high = part(x, (0,), (k,)), part(x, (k,), (n - k,))
        middle = part(x, (0,), (k // 2,))
        parts = [sum_(divide(sin(p), full_like(p, 3)), axes=(0,)) for p in (low, high, middle)]
        return [add(s, add(parts[0], multiply(parts[1], parts[2])))]

    graph = trace(lambda s, x: once([s, x], body, x.shape[0]), NUMBER, VECTOR)
    for size in (2, 3, 50):
        check(graph, np.float64(1), floats(size))


def test_matrix_products_whose_sizes_depend_on_the_iteration() -> None:
    def body(a: Value, b: Value) -> list[Value]:
        left, right = part(a, (0, 0), (k + 1, k + 1)), part(b, (0, 0), (k + 1, n))
        return [slice_update(a, matmul(left, right), start=(0, 0), step=(1, 1)), b]

    graph = trace(lambda a, b: once([a, b], body, a.shape[0]), SQUARE, SQUARE)
    inner = walk(plan(graph, [Fresh((0, 1))] * 2).steps)
    assert any(isinstance(step, Gemm) for step in inner)
    for size in (2, 3, 20):
        check(graph, floats(size, size) / size, floats(size, size) / size)


def test_the_number_of_the_iteration_as_a_value() -> None:
    def body(s: Value) -> list[Value]:
        number = cast(s.builder.emit(size_value, (), {"value": k}), dtype=FLOAT64)
        return [add(double(s), number)]

    graph = trace(lambda s, c: once([s], body), NUMBER, COUNTER)
    check(graph, np.float64(1), np.ones(9, bool))


def test_products_of_indices() -> None:
    def inner(s: Value, x: Value) -> list[Value]:
        return [add(s, sum_(sin(sin(part(x, (0,), (k * j,)))), axes=(0,)))]

    def body(s: Value, x: Value) -> list[Value]:
        return once([s, x], inner, k, "j")

    graph = trace(lambda s, x, c: once([s, x], body), NUMBER, VECTOR, COUNTER)
    check(graph, np.float64(1), floats(60), np.ones(8, bool))


# -- what stands inside ---------------------------------------------------------------------------


def test_guards_inside() -> None:
    def body(s: Value, x: Value) -> list[Value]:
        value = element(x, k)
        guard(less(value, full_like(value, 10)), expect=True, number=0)
        return [add(s, value)]

    def function(s: Value, x: Value) -> Any:
        once([s, x], body, x.shape[0])
        return once([s, x], body, x.shape[0])

    graph = trace(function, NUMBER, VECTOR)
    run = native(graph_executable(graph))
    x = floats(9)
    np.testing.assert_allclose(run(np.array(1.0), x)[0], 1 + x.sum(), rtol=1e-12)
    x[7] = 11
    before = x.copy()
    assert run(np.array(1.0), x) is MISSED
    np.testing.assert_array_equal(x, before)


def test_guards_whose_loop_nobody_reads_are_kept() -> None:
    def body(x: Value) -> list[Value]:
        guard(less(element(x, k), full_like(element(x, k), 10)), expect=True, number=0)
        return [x]

    def function(x: Value) -> Any:
        once([x], body, x.shape[0])
        return [double(x)]

    run = native(graph_executable(trace(function, VECTOR)))
    assert run(np.arange(9.0)) is not MISSED
    assert run(np.arange(12.0)) is MISSED


def sorted_parts(a: Value, x: Value) -> list[Value]:
    low = sort(part(double(x), (0,), (k + 1,)), axis=0, kind=None)
    return [slice_update(a, low, start=(0,), step=(1,)), sort(add(x, a), axis=0, kind=None)]


def test_callouts_inside() -> None:
    graph = trace(lambda a, x: once([a, x], sorted_parts, n), VECTOR, VECTOR)
    for size in (2, 30):
        check(graph, floats(size), floats(size))


def test_callouts_inside_nested_loops() -> None:
    def inner(a: Value, x: Value, y: Value) -> list[Value]:
        both = add(part(x, (0,), (j + 1,)), part(y, (0,), (j + 1,)))
        return [slice_update(a, sort(both, axis=0, kind=None), start=(0,), step=(1,))]

    def body(a: Value, x: Value) -> list[Value]:
        shrinking = sort(part(x, (0,), (k + 1,)), axis=0, kind=None)
        (a,) = once([a, x, shrinking], inner, k + 1, "j")
        return [a, sort(add(x, a), axis=0, kind=None)]

    graph = trace(lambda a, x: once([a, x], body, n), VECTOR, VECTOR)
    for size in (2, 9):
        check(graph, floats(size), floats(size))


def test_callouts_inside_leak_nothing() -> None:
    graph = trace(lambda a, x: once([a, x], sorted_parts, n), VECTOR, VECTOR)
    run = native(graph_executable(graph))
    given = floats(64), floats(64)
    run(*given)
    blocks = []
    for _ in range(3):
        for _ in range(20):
            run(*given)
        blocks.append(sys.getallocatedblocks())
    assert blocks[-1] - blocks[0] < 20


def test_callouts_that_return_their_operand() -> None:
    same = replace(sort, name="same", eager=lambda x, *, axis, kind: x)

    def body(a: Value, b: Value) -> list[Value]:
        kept = same(a, axis=0, kind=None)
        return [with_element(a, element(b, 0), 0), add(b, kept)]

    graph = trace(lambda a, b, c: once([a, b], body), VECTOR, VECTOR, COUNTER)
    check(graph, floats(5), floats(5), np.ones(3, bool))


def test_nested_loops_and_branches() -> None:
    def inner(a: Value, x: Value) -> list[Value]:
        return [add(a, multiply(element(x, j), element(x, k)))]

    def body(a: Value, b: Value, x: Value) -> list[Value]:
        types = NUMBER, VECTOR
        then = trace(lambda a, x: once([a, x], inner, k, "j"), *types)
        orelse = trace(lambda a, x: [double(a)], *types)
        (c,) = items(cond(less(a, b), a, x, then=then, orelse=orelse))
        return [b, c]

    def whole(a: Value, b: Value, x: Value) -> list[Value]:
        then = trace(lambda a, b, x: once([a, b, x], body, n), NUMBER, NUMBER, VECTOR)
        orelse = trace(lambda a, b, x: [b, a], NUMBER, NUMBER, VECTOR)
        return items(cond(greater(a, b), a, b, x, then=then, orelse=orelse))

    graph = trace(whole, NUMBER, NUMBER, VECTOR)
    for a in (0.5, 2.0):
        check(graph, np.float64(a), np.float64(1), floats(12))


def test_sizes_cannot_be_counted_inside() -> None:
    m = symbol("m")

    def body(s: Value, x: Value) -> list[Value]:
        places = flatnonzero(greater(x, full_like(x, 0)), count=m)
        return [add(s, sum_(places, axes=(0,)))]

    graph = trace(lambda s, x, c: once([s, x], body), WHOLE, VECTOR, COUNTER)
    with pytest.raises(GraphError, match="counted inside a branch or a loop"):
        plan(graph, [Fresh(())])


@pytest.mark.parametrize("name", ["i0", "at3", "k"])
def test_names_of_indices_that_are_taken(name: str) -> None:
    def inner(s: Value) -> list[Value]:
        return [double(s)]

    def body(s: Value) -> list[Value]:
        return once([s], inner, t, name)

    graph = trace(lambda s, c: once([s], body), NUMBER, COUNTER)
    with pytest.raises(GraphError, match="numbered"):
        plan(graph, [Fresh(())])


# -- while ----------------------------------------------------------------------------------------


def collatz(x: Value) -> list[Value]:
    """Sum the counters while they are below x, and count how many there are."""
    test = trace(lambda i, s, x: [less(i, x)], WHOLE, WHOLE, WHOLE)
    body = trace(lambda i, s, x: [add(i, full_like(i, 1)), add(s, i)], WHOLE, WHOLE, WHOLE)
    zero = literal_of(x, np.int64(0))
    return items(while_loop(zero, zero, x, test=test, body=body))


def test_while_loops() -> None:
    graph = trace(collatz, WHOLE)
    run = native(graph_executable(graph))
    for number in (-3, 0, 1, 2, 500):
        check(graph, np.int64(number))
        count = max(number, 0)
        assert [int(x) for x in run(np.array(number))] == [count, count * (count - 1) // 2]


def test_a_carried_flag() -> None:
    def body(go: Value, x: Value) -> list[Value]:
        half = multiply(x, full_like(x, 0.5))
        return [greater(half, full_like(x, 1)), half]

    test = trace(lambda go, x: [go], FLAG, NUMBER)
    graph = trace(
        lambda go, x: items(while_loop(go, x, test=test, body=trace(body, FLAG, NUMBER))),
        FLAG, NUMBER,
    )  # fmt: skip
    for go in (True, False):
        check(graph, np.bool_(go), np.float64(1000))


def counted_newton(x: Value, y: Value) -> tuple[Value, Size]:
    m = symbol("m")
    zero = literal_of(x, np.int64(0))
    return trips(y, zero, x, count=m, **NEWTON), m


def test_trips_count_for_what_follows() -> None:
    def function(x: Value, y: Value) -> list[Value]:
        flags, m = counted_newton(x, y)
        return [flags, *once([y], lambda y: [sin(y)], m), spread(x, (m, 2))]

    graph = trace(function, NUMBER, NUMBER)
    for x in (1.0, 2.0, 40.0, 1e6):
        check(graph, np.float64(x), np.float64(1))


def test_trips_that_only_count_have_no_array() -> None:
    def function(x: Value, y: Value) -> list[Value]:
        _, m = counted_newton(x, y)
        return once([y], lambda y: [sin(y)], m)

    graph = trace(function, NUMBER, NUMBER)
    check(graph, np.float64(40), np.float64(1))
    found = plan(graph, [Fresh(())])
    assert [b for b in found.buffers if b.kind == "object"] == []


def test_what_a_loop_mentions_inside_is_counted_before() -> None:
    def function(x: Value, y: Value, z: Value) -> list[Value]:
        _, m = counted_newton(x, y)

        def body(s: Value, z: Value) -> list[Value]:
            return [add(s, sum_(sin(sin(part(z, (0,), (m,)))), axes=(0,)))]

        return once([y, z], body, 3)

    graph = trace(function, NUMBER, NUMBER, VECTOR)
    check(graph, np.float64(40), np.float64(1), floats(40))


# -- threads --------------------------------------------------------------------------------------


def test_two_executables_in_threads() -> None:
    graph = trace(cholesky, SQUARE)
    runs: list[Counting] = [native(graph_executable(graph)) for _ in range(2)]
    matrices = [floats(size, size) for size in (20, 33)]
    given = [x @ x.T + 40 * np.eye(len(x)) for x in matrices]
    expected = [run(x)[0] for run, x in zip(runs, given, strict=True)]
    wrong = []

    def work(number: int) -> None:
        for turn in range(60):
            which = (number + turn) % 2
            if not np.array_equal(runs[turn % 2](given[which])[0], expected[which]):
                wrong.append(turn)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
