"""Loops that are one function, merged with the small kernels of their bodies."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import tracegraph as tg
from tests.codegen.loop_kit import (
    COUNTER,
    NUMBER,
    SQUARE,
    VECTOR,
    check,
    double,
    element,
    floats,
    k,
    n,
    once,
    with_element,
)
from tests.codegen.native_kit import graph_executable
from tracegraph.codegen import jit, merged
from tracegraph.ir.graph import Graph, Value, trace
from tracegraph.ir.ops.arithmetic import add, divide, multiply, subtract
from tracegraph.ir.ops.broadcast import full_like, spread, sum_
from tracegraph.ir.ops.compare import less
from tracegraph.ir.ops.control import cond, items
from tracegraph.ir.ops.sort import sort
from tracegraph.ir.ops.trigonometric import sin
from tracegraph.ir.ops.while_loop import trips, while_loop
from tracegraph.ir.sizes import symbol
from tracegraph.ir.types import FLOAT64, ArrayType

TRIPLE = ArrayType(FLOAT64, (3,))


def loops_of(graph: Graph) -> str:
    """Return the text of the functions of loops."""
    return graph_executable(graph)._module.loops


def innermost(graph: Graph) -> str:
    """Return the one innermost loop of a graph as it is after optimisation."""
    text = jit.optimised_text(loops_of(graph), loops=True)
    blocks = re.findall(r"^([\w.]+):[^\n]*\n((?:  .*\n)+)", text, re.MULTILINE)
    (found,) = [body for name, body in blocks if re.search(rf"br i1 .*label %{name}\b", body)]
    return str(found)


def halved(x: Value, y: Value) -> list[Value]:
    """Return x / 2 + y, and y."""
    return [add(multiply(x, full_like(x, 0.5)), y), y]


def test_what_a_loop_carries_is_in_registers() -> None:
    graph = trace(lambda x, y, c: once([x, y], halved), NUMBER, NUMBER, COUNTER)
    inside = innermost(graph)
    assert "phi double" in inside
    assert not re.search(r"\b(load|store|call)\b", inside)


def test_arrays_of_a_few_elements_are_in_registers() -> None:
    def body(x: Value, y: Value) -> list[Value]:
        turned = with_element(x, subtract(element(x, 1), element(x, 2)), 0)
        return halved(turned, y)

    graph = trace(lambda x, y, c: once([x, y], body), TRIPLE, TRIPLE, COUNTER)
    assert not re.search(r"\b(load|store|call)\b", innermost(graph))
    for count in (0, 1, 300):
        check(graph, floats(3), floats(3), np.ones(count, bool))


def test_an_element_that_was_just_written_is_not_read_again() -> None:
    def body(x: Value) -> list[Value]:
        return [with_element(x, multiply(element(x, k), element(x, k + 1)), k + 1)]

    graph = trace(lambda x: once([x], body, n - 1), VECTOR)
    assert innermost(graph).count("load double") == 1
    for length in (2, 3, 50, 1000):
        check(graph, floats(length))


def test_what_is_the_same_in_all_iterations_is_computed_once() -> None:
    def body(x: Value, y: Value) -> list[Value]:
        return [add(x, divide(y, full_like(y, 3))), y]

    graph = trace(lambda x, y, c: once([x, y], body)[0], NUMBER, NUMBER, COUNTER)
    assert re.findall(r"= (f\w+) double", innermost(graph)) == ["fadd"]


def test_only_kernels_without_long_loops_are_merged() -> None:
    def body(s: Value, x: Value) -> list[Value]:
        total = sum_(multiply(x, spread(s, (n,))), axes=(0,))
        return [sin(total), x]

    graph = trace(lambda s, x, c: once([s, x], body), NUMBER, VECTOR, COUNTER)
    text = loops_of(graph)
    assert re.search(r"declare hidden void @\w+\(ptr, ptr, .*i64\)", text)
    assert re.search(r"define internal void .* alwaysinline", text)
    for count in (0, 1, 5):
        check(graph, floats(), floats(9), np.ones(count, bool))


def test_a_loop_without_small_kernels_is_no_function() -> None:
    graph = trace(lambda x, y, c: once([x, y], halved), VECTOR, VECTOR, COUNTER)
    assert loops_of(graph) == ""


def test_a_loop_inside_one_that_calls_python() -> None:
    def body(x: Value, y: Value) -> list[Value]:
        inner = [y, element(x, 1)]
        (y, _) = once(inner, lambda y, z: [add(y, z), double(z)], 3, index="j")
        return [with_element(sort(x, axis=0, kind=None), y, 0), y]

    graph = trace(lambda x, y, c: once([x, y], body), VECTOR, NUMBER, COUNTER)
    assert loops_of(graph).count("define hidden i32") == 1
    for count in (0, 1, 4):
        check(graph, floats(5), floats(), np.ones(count, bool))


def test_loops_after_one_another() -> None:
    def body(x: Value) -> list[Value]:
        return [with_element(x, multiply(element(x, k, 0), element(x, k, 1)), k, 0)]

    graph = trace(lambda x: once(once([x], body, n), body, n // 2), SQUARE)
    assert loops_of(graph).count("define hidden i32") == 2
    for length in (2, 5, 300):
        check(graph, floats(length, length))


def test_branches_inside() -> None:
    def body(x: Value, y: Value) -> list[Value]:
        then = trace(lambda x, y: [add(x, y)], NUMBER, NUMBER)
        orelse = trace(lambda x, y: [y], NUMBER, NUMBER)
        (z,) = items(cond(less(x, y), x, y, then=then, orelse=orelse))
        return [z, multiply(y, full_like(y, 0.9))]

    graph = trace(lambda x, y, c: once([x, y], body), NUMBER, NUMBER, COUNTER)
    assert "@PyErr_CheckSignals" in loops_of(graph)
    for count in (0, 1, 2, 7, 300):
        check(graph, np.array(0.25), np.array(1.5), np.ones(count, bool))


def test_a_while_loop_counts_its_iterations() -> None:
    below = trace(lambda x: less(x, full_like(x, 300)), NUMBER)
    more = trace(lambda x: add(x, full_like(x, 1)), NUMBER)

    def function(x: Value) -> list[Value]:
        (y,) = items(while_loop(x, test=below, body=more))
        return [y, trips(x, test=below, body=more, count=symbol("m"))]

    graph = trace(function, NUMBER)
    assert "ptr noalias %trips" in loops_of(graph)
    for start in (300.0, 299.0, -400.0):
        check(graph, np.array(start))


def test_more_small_arrays_than_a_frame_has_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def body(x: Value, y: Value, z: Value) -> list[Value]:
        return [add(x, y), add(y, z), z]

    graph = trace(lambda x, y, z: once([x, y, z], body, 5), TRIPLE, TRIPLE, TRIPLE)
    before = loops_of(graph).count("alloca [24 x i8]")
    monkeypatch.setattr(merged, "FRAME_BYTES", 50)
    assert loops_of(graph).count("alloca [24 x i8]") == 2 < before
    check(graph, floats(3), floats(3), floats(3))


def test_llvm_computes_no_functions_of_the_library() -> None:
    def body(x: Value) -> list[Value]:
        return [add(x, sin(full_like(x, 1e300)))]

    graph = trace(lambda x, c: once([x], body), NUMBER, COUNTER)
    assert "call double @sin(" in jit.optimised_text(loops_of(graph), loops=True)
    check(graph, floats(), np.ones(3, bool))


def test_sines_of_lone_scalars_in_a_loop_that_is_unrolled() -> None:
    """Both the loop and the shortcut of a sine bring metadata of their own."""

    def last(a: Any, b: Any) -> Any:
        np.tanh(b, out=b)
        total = 0.0
        for row in a:
            total = total + row
        return total

    a, b = np.arange(15.0).reshape(5, 3), np.ones(3) + 1j
    compiled = tg.compile(last, strict=True)
    compiled(a, b.copy())
    found, expected = b.copy(), b.copy()
    np.testing.assert_array_equal(compiled(a, found), last(a, expected))
    np.testing.assert_allclose(found, expected, rtol=1e-15)
