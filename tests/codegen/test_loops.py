"""Loops as native code: how often they run, what they carry, what they write in place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.codegen.loop_kit import (
    COUNTER,
    NUMBER,
    SQUARE,
    VECTOR,
    check,
    cholesky,
    double,
    element,
    floats,
    k,
    n,
    once,
    part,
    t,
    with_element,
)
from tests.codegen.native_kit import graph_executable, native
from tests.ir.samples_loop import SAMPLES, row, with_row
from tracegraph.codegen.plan import Fresh, Kernel, Loop, Plan, While, walk
from tracegraph.codegen.schedule import plan
from tracegraph.ir.autodiff import jvp, vjp
from tracegraph.ir.graph import Value, trace
from tracegraph.ir.loops import For, statements
from tracegraph.ir.ops.arithmetic import add, divide, multiply
from tracegraph.ir.ops.boxes import slice_, slice_update
from tracegraph.ir.ops.broadcast import full_like, spread, sum_
from tracegraph.ir.ops.compare import less
from tracegraph.ir.ops.control import cond, items
from tracegraph.ir.ops.trigonometric import sin
from tracegraph.ir.size_values import evaluate
from tracegraph.ir.sizes import Dim
from tracegraph.ir.types import FLOAT64, ArrayType

# -- numbers of iterations ------------------------------------------------------------------------


@pytest.mark.parametrize("sample", SAMPLES, ids=str)
def test_derivatives_of_samples(sample: Any) -> None:
    graph = sample.graph()
    check(graph, *sample.arrays)
    inexact = [array.dtype.kind == "f" for array in sample.arrays]
    tangents = [floats(*a.shape) for a, flag in zip(sample.arrays, inexact, strict=True) if flag]
    check(jvp(graph, inexact), *sample.arrays, *tangents)
    pulled = vjp(graph, inexact)
    count = len(graph.params)
    cotangents = [
        floats(*[evaluate(d, {}) for d in p.array_type.shape]) for p in pulled.params[count:]
    ]
    check(pulled, *sample.arrays, *cotangents)


def test_one_executable_for_all_numbers_of_iterations() -> None:
    def body(x: Value, y: Value) -> list[Value]:
        return [add(multiply(x, full_like(x, 0.5)), y)]

    graph = trace(lambda x, y, c: once([x, y], body), VECTOR, VECTOR, COUNTER)
    run = native(graph_executable(graph))
    x, y = floats(7), floats(7)
    for trip in (0, 1, 2, 300, 0):
        (got,) = run(x, y, np.ones(trip, bool))
        want = x
        for _ in range(trip):
            want = want * 0.5 + y
        np.testing.assert_allclose(got, want, rtol=1e-12)


def test_no_iterations_leave_what_was_there_also_where_sizes_are_negative() -> None:
    def body(x: Value, y: Value) -> list[Value]:
        inner = part(y, (0,), (t - 5 + k,))
        return [add(x, sum_(sin(sin(inner)), axes=(0,)))]

    graph = trace(lambda x, y, c: once([x, y], body, 0 * t + t - t), NUMBER, VECTOR, COUNTER)
    check(graph, np.float64(3), floats(9), np.ones(0, bool))
    graph = trace(lambda x, y, c: once([x, y], body), NUMBER, VECTOR, COUNTER)
    check(graph, np.float64(3), floats(20), np.ones(0, bool))
    check(graph, np.float64(3), floats(20), np.ones(8, bool))


# -- what is carried ------------------------------------------------------------------------------


CARRIES: dict[str, Callable[..., list[Value]]] = {
    "swapped": lambda a, b, c, d: [b, a, c, d],
    "rotated": lambda a, b, c, d: [b, c, d, a],
    "fibonacci": lambda a, b, c, d: [b, add(a, b), c, d],
    "swapped pairs": lambda a, b, c, d: [b, a, d, c],
    "same": lambda a, b, c, d: [a, a, a, a],
    "same new": lambda a, b, c, d: [add(a, b)] * 4,
    "unchanged and read": lambda a, b, c, d: [a, add(a, b), add(b, c), add(c, d)],
    "sums": lambda a, b, c, d: [
        spread(sum_(b, axes=(0,)), a.shape), a, spread(sum_(a, axes=(0,)), a.shape), c,
    ],
    "reversed": lambda a, b, c, d: [
        slice_(b, start=(a.shape[0] - 1,), shape=a.shape, step=(-1,)), a, d, c,
    ],
    "shifted": lambda a, b, c, d: [
        slice_update(a, part(a, (0,), (a.shape[0] - 1,)), start=(1,), step=(1,)), b, a, c,
    ],
    "crossed": lambda a, b, c, d: [
        slice_update(a, part(b, (1,), (1,)), start=(0,), step=(1,)),
        slice_update(b, part(a, (1,), (1,)), start=(0,), step=(1,)), d, c,
    ],
    "updated twice": lambda a, b, c, d: [
        with_element(with_element(a, element(b, 0), 0), element(a, 1), 0), b, c, d,
    ],
    "updated and read before": lambda a, b, c, d: [
        with_element(a, element(b, 0), 0), add(a, b), c, d,
    ],
    "updated and read after": lambda a, b, c, d: [
        with_element(a, element(b, 0), 0), add(with_element(a, element(b, 0), 0), b), c, d,
    ],
    "one updated into another": lambda a, b, c, d: [
        b, with_element(a, element(b, 0), 0), with_element(d, element(c, 1), 0), a,
    ],
    "dear": lambda a, b, c, d: [divide(sin(a), b), divide(b, sin(a)), sin(c), sin(c)],
}  # fmt: skip


@pytest.mark.parametrize("name", CARRIES)
@pytest.mark.parametrize("same", [False, True], ids=["", "same start"])
def test_what_is_carried(name: str, same: bool) -> None:
    def function(a: Value, b: Value, c: Value, d: Value, count: Value) -> Any:
        return once([a, a, a, a] if same else [a, b, c, d], CARRIES[name])

    graph = trace(function, *[VECTOR] * 4, COUNTER)
    for trip in (0, 1, 2, 5):
        check(graph, *(floats(6) + 3 for _ in range(4)), np.ones(trip, bool))


def test_many_that_change_places() -> None:
    def function(*xs: Value) -> Any:
        return once(xs[:-1], lambda *a: [*a[1:], a[0]])

    types = [ArrayType(FLOAT64, (2 + i % 2,)) for i in range(0, 40, 2)]
    graph = trace(function, *types, COUNTER)
    check(graph, *(floats(2) for _ in types), np.ones(3, bool))


def test_scalars_and_arrays_that_need_each_other() -> None:
    def body(s: Value, x: Value, r: Value) -> list[Value]:
        total = sum_(multiply(x, x), axes=(0,))
        return [total, divide(x, spread(s, x.shape)), add(r, spread(total, x.shape))]

    def function(s: Value, x: Value, r: Value, c: Value) -> Any:
        return once([s, x, r], body)

    graph = trace(function, NUMBER, VECTOR, VECTOR, COUNTER)
    check(graph, np.float64(2), floats(9), floats(9), np.ones(4, bool))
    found = plan(graph, [Fresh(()), Fresh((0,)), Fresh((0,))])
    # No vector but those that are carried.
    assert [b for b in found.buffers if b.kind == "temp" and b.size == n] == []


# -- writing in place -----------------------------------------------------------------------------


def writes_whole(found: Plan, size: Dim) -> list[str]:
    """Return the kernels inside loops of which the loops run over ``size`` elements."""
    names = []
    for step in walk([s for s in found.steps if isinstance(s, (Loop, While))]):
        if isinstance(step, Kernel):
            loops = [s for s in statements(step.program.body) if isinstance(s, For)]
            extent: Dim = 1
            for one in loops:
                extent = extent * one.extent
            if extent == size:
                names.append(step.name)
    return names


def test_elements_are_written_in_place_by_nested_loops() -> None:
    graph = trace(cholesky, SQUARE)
    found = plan(graph, [Fresh((0, 1))])
    assert writes_whole(found, n * n) == []
    assert [b.size for b in found.buffers if b.kind == "temp" and b.size == n * n] == []
    for size in (2, 3, 17):
        x = floats(size, size)
        check(graph, x @ x.T + size * np.eye(size))


def test_stacks_of_reverse_mode_are_written_row_by_row() -> None:
    def body(x: Value, y: Value) -> list[Value]:
        return [sin(multiply(x, y))]

    graph = trace(lambda x, y, c: once([x, y], body), VECTOR, VECTOR, COUNTER)
    pulled = vjp(graph, [True, True, False])
    found = plan(pulled, [Fresh((0,))] * 3)
    assert writes_whole(found, n * t) == []
    for trip in (0, 1, 6):
        check(pulled, floats(5), floats(5), np.ones(trip, bool), floats(5))


def test_what_is_written_in_one_branch_is_written_in_place() -> None:
    def body(x: Value, y: Value) -> list[Value]:
        chosen = less(element(x, k), element(y, k))
        then = trace(lambda x, y: [with_element(x, element(y, k), k)], VECTOR, VECTOR)
        orelse = trace(lambda x, y: [x], VECTOR, VECTOR)
        return items(cond(chosen, x, y, then=then, orelse=orelse))

    graph = trace(lambda x, y: once([x, y], body, x.shape[0]), VECTOR, VECTOR)
    assert writes_whole(plan(graph, [Fresh((0,))]), n) == []
    check(graph, floats(40), floats(40))


def test_what_is_needed_later_is_not_written_over() -> None:
    def function(x: Value, c: Value) -> Any:
        y = double(x)
        (first,) = once([y], lambda y: [double(y)])
        second = once([y, first], lambda y, z: [add(y, z)])
        return [add(y, first), *second, first]

    check(trace(function, VECTOR, COUNTER), floats(5), np.ones(3, bool))


def test_a_start_that_is_looked_at_inside() -> None:
    def function(x: Value, c: Value) -> Any:
        y = double(x)
        return once([y, y], lambda a, still: [add(a, still)])

    check(trace(function, VECTOR, COUNTER), floats(5), np.ones(3, bool))


def test_big_arrays() -> None:
    def body(x: Value, y: Value) -> list[Value]:
        return [with_row(x, k, sin(row(y, k))), with_row(y, k, row(x, k))]

    graph = trace(lambda x, y, c: once([x, y], body), SQUARE, SQUARE, COUNTER)
    check(graph, floats(700, 700), floats(700, 700), np.ones(700, bool))
