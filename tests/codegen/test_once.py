"""Branches and loops that run natively for their values alone: long ones, and no others."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.ir.samples import Sample
from tests.ir.samples_loop import LOOPS
from tracegraph.codegen import once
from tracegraph.codegen.once import compile_graph, run_if_long, work_of
from tracegraph.ir.errors import FallbackWarning
from tracegraph.ir.graph import Graph, Node, Value, trace
from tracegraph.ir.interpret import interpret
from tracegraph.ir.ops.arithmetic import add, multiply
from tracegraph.ir.ops.boxes import slice_, slice_update
from tracegraph.ir.ops.broadcast import broadcast_to, full_like, sum_
from tracegraph.ir.ops.cast import cast
from tracegraph.ir.ops.compare import less
from tracegraph.ir.ops.control import cond, guard, items
from tracegraph.ir.ops.exponential import exp
from tracegraph.ir.ops.index import gather
from tracegraph.ir.ops.loop import loop
from tracegraph.ir.ops.remat import remat
from tracegraph.ir.ops.solve import inv
from tracegraph.ir.ops.structural import reshape
from tracegraph.ir.ops.trigonometric import sin, tanh
from tracegraph.ir.ops.while_loop import while_loop
from tracegraph.ir.passes.dead_code import remove_dead_code
from tracegraph.ir.sizes import Dim, Symbol, symbol
from tracegraph.ir.types import BOOL, FLOAT64, INT64, ArrayType

NUMBER, VECTOR, SQUARE = (ArrayType(FLOAT64, shape) for shape in ((), (4,), (2, 2)))
LONG = 50_000
A, X = np.linspace(0.5, 2.0, 4), np.linspace(-1.0, 1.0, 4)
n, k = symbol("n"), symbol("k")


def damped(a: Value, x: Value) -> list[Value]:
    """``a, x = sin(a) + x, x * 0.5`` in which only the first is of interest."""
    return [add(sin(a), x), multiply(x, x)]


def loop_of(
    function: Callable[..., Any], *types: ArrayType, trip: Dim = LONG
) -> tuple[Graph, Node]:
    """Return a graph that gives what a loop carries first, and its loop."""
    body = trace(function, *types)
    whole = trace(lambda *xs: items(loop(*xs, body=body, index="k", trip=trip))[:1], *types)
    graph = remove_dead_code(whole)
    return graph, holder(graph)


def holder(graph: Graph) -> Node:
    return next(node for node in graph if node.op in (loop, while_loop, cond, remat))


def test_a_long_loop_gives_what_the_interpreter_gives() -> None:
    graph, node = loop_of(damped, VECTOR, VECTOR)
    found = run_if_long(graph, node, [A, X], {})
    assert found is not None
    np.testing.assert_allclose(found[0], interpret(graph, A, X)[0], rtol=1e-12)
    assert found[1] is None, "nothing reads it"


@pytest.mark.parametrize("sample", LOOPS, ids=["rows", "written", "growing", "nested"])
def test_what_loops_do(sample: Sample, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(once, "RUNS", 0)
    arrays = [np.asarray(array) for array in sample.arrays]
    types = [ArrayType(array.dtype, array.shape) for array in arrays]
    assert sample.function is not None
    graph = trace(sample.function, *types)
    node = holder(graph)
    values = interpret(Graph(graph.params, graph.nodes, node.operands), *arrays)
    found = run_if_long(graph, node, values, {})
    assert found is not None
    for got, expected in zip(found, node.op.eager(*values, **_attrs(node)), strict=True):
        if got is not None:
            np.testing.assert_allclose(got, expected, rtol=1e-12)


def _attrs(node: Node) -> dict[str, Any]:
    return {**dict(node.attrs), "run_graph": interpret}


@pytest.mark.parametrize("trip", [0, 1, 100])
def test_short_loops_are_interpreted(trip: int) -> None:
    graph, node = loop_of(damped, VECTOR, VECTOR, trip=trip)
    assert run_if_long(graph, node, [A, X], {}) is None


def test_symbols_become_the_numbers_that_they_stand_for() -> None:
    rows = ArrayType(FLOAT64, (n,))

    def grown(a: Value) -> list[Value]:
        return [add(a, broadcast_to(sum_(a, axes=(0,)), shape=(n,), axes=()))]

    graph, node = loop_of(grown, rows, trip=n * 20_000)
    found = run_if_long(graph, node, [np.zeros(3)], {Symbol("n"): 3})
    assert found is not None
    assert found[0].shape == (3,)


def test_the_number_of_the_iteration_is_none_of_them() -> None:
    def sums(a: Value, x: Value) -> list[Value]:
        column = slice_(x, start=(0, k), shape=(4, 1), step=(1, 1))
        return [add(a, reshape(column, shape=(4,)))]

    wide = np.arange(4.0 * LONG).reshape(4, LONG)
    graph, node = loop_of(sums, VECTOR, ArrayType(FLOAT64, wide.shape))
    found = run_if_long(graph, node, [A, wide], {Symbol("k"): 7})
    assert found is not None
    np.testing.assert_allclose(found[0], A + wide.sum(1), rtol=1e-12)


def test_operands_are_values_and_not_how_they_came_about() -> None:
    body = trace(damped, VECTOR, VECTOR)

    def from_zeros(x: Value) -> list[Value]:
        return items(loop(full_like(x, 0), x, body=body, index="k", trip=LONG))[:1]

    graph = trace(from_zeros, VECTOR)
    found = run_if_long(graph, holder(graph), [A, X], {})  # A where the graph has zeros
    assert found is not None
    (expected,) = interpret(loop_of(damped, VECTOR, VECTOR)[0], A, X)
    np.testing.assert_allclose(found[0], expected, rtol=1e-12)


def test_strided_operands_are_read_and_stay() -> None:
    graph, node = loop_of(damped, VECTOR, VECTOR)
    given = np.arange(8.0)[::-2]
    before = given.copy()
    found = run_if_long(graph, node, [given, X], {})
    assert found is not None
    np.testing.assert_allclose(found[0], interpret(graph, before, X)[0], rtol=1e-12)
    np.testing.assert_array_equal(given, before)


def test_a_loop_that_leaves_by_a_guard_is_interpreted() -> None:
    def guarded(a: Value) -> list[Value]:
        guard(less(sum_(a, axes=(0,)), sum_(a, axes=(0,))), expect=False, number=0)
        return [a]

    graph, node = loop_of(guarded, VECTOR)
    assert run_if_long(graph, node, [A], {}) is None


def test_a_loop_of_unknown_length_is_interpreted() -> None:
    body, test = trace(lambda a: [sin(a)], VECTOR), trace(_is_large, VECTOR)
    graph = trace(lambda a: items(while_loop(a, body=body, test=test)), VECTOR)
    assert run_if_long(graph, holder(graph), [A], {}) is None


def _is_large(a: Value) -> Value:
    total = sum_(a, axes=(0,))
    out: Value = less(multiply(total, total), total)
    return out


def test_a_branch_with_a_long_loop_runs_natively() -> None:
    long, _ = loop_of(lambda a: [sin(a)], VECTOR)
    short = trace(lambda a: a, VECTOR)
    graph = trace(lambda p, a: items(cond(p, a, then=long, orelse=short)), ArrayType(BOOL), VECTOR)
    for decision in (True, False):
        found = run_if_long(graph, holder(graph), [np.array(decision), A], {})
        assert found is not None
        np.testing.assert_allclose(found[0], interpret(graph, decision, A)[0], rtol=1e-12)


def test_places_are_kept_inside_where_they_are_computed_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The guard that found them inside asked of NumPy's value, which may be rounded otherwise."""
    monkeypatch.setattr(once, "RUNS", 0)
    body = trace(lambda x, at: gather(x, cast(at, dtype=INT64), axes=(0,)), VECTOR, NUMBER)
    graph = trace(lambda *xs: items(remat(*xs, graph=body)), VECTOR, NUMBER)
    for at, expected in ((2.0, X[2]), (1e12, X[3]), (-1e12, X[0])):
        found = run_if_long(graph, holder(graph), [X, np.array(at)], {})
        assert found is not None
        assert found[0] == expected


def test_what_cannot_be_compiled_is_interpreted(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: Any, **__: Any) -> Any:
        raise RuntimeError("no code for this")

    graph, node = loop_of(damped, VECTOR, VECTOR)
    monkeypatch.setattr(once, "compile_graph", refused)
    with pytest.warns(FallbackWarning, match="no code for this"):
        assert run_if_long(graph, node, [A, X], {}) is None


def test_what_a_kernel_raises_is_left_to_the_interpreter() -> None:
    graph, node = loop_of(lambda a: [inv(a)], SQUARE)
    assert run_if_long(graph, node, [np.eye(2) * 2], {}) is not None
    assert run_if_long(graph, node, [np.zeros((2, 2))], {}) is None
    with pytest.raises(np.linalg.LinAlgError):
        interpret(graph, np.zeros((2, 2)))


def test_warnings_that_are_errors_are_the_interpreters() -> None:
    graph, node = loop_of(damped, VECTOR, VECTOR)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert run_if_long(graph, node, [A, X], {}) is None


# -- how much work there is -----------------------------------------------------------------------


def test_work_of_nested_loops() -> None:
    inner = trace(lambda a: [sin(a)], VECTOR)
    outer = trace(lambda a: items(loop(a, body=inner, index="j", trip=k)), VECTOR)
    graph = trace(lambda a: items(loop(a, body=outer, index="k", trip=n)), VECTOR)
    work = work_of(holder(graph), {Symbol("n"): 100})
    assert work.held == 4, "two loops, an item and a sine"
    assert work.run == 1 + 100 * (1 + 50 + 1)
    assert work.elements == 4 + 100 * (4 + 50 * 4 + 4)


def test_copies_of_the_interpreter_count_as_work() -> None:
    stack, row = ArrayType(FLOAT64, (50, 100_000)), ArrayType(FLOAT64, (1, 100_000))

    def pushed(s: Value, r: Value) -> list[Value]:
        return [slice_update(s, r, start=(k, 0), step=(1, 1))]

    _, node = loop_of(pushed, stack, row, trip=50)
    assert work_of(node, {}).run > 50 * 5000


@pytest.mark.parametrize("function", [exp, sin, tanh, lambda x: sum_(x, axes=(0,))])
def test_code_that_is_not_optimised_gives_the_same_bits(function: Any) -> None:
    x = np.linspace(-3.0, 3.0, 1001)
    graph = trace(function, ArrayType(FLOAT64, x.shape))
    quick, optimised = (compile_graph(graph, optimised=flag)(x)[0] for flag in (False, True))
    np.testing.assert_array_equal(quick, optimised)
