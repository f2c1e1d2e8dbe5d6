"""What tests of loops share: sizes and types, small steps, comparison with the interpreter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tests.codegen.harness import Runner
from tests.codegen.native_kit import MISSED, graph_executable, native
from tracegraph.codegen.plan import Fresh
from tracegraph.codegen.schedule import plan
from tracegraph.ir.graph import Graph, Value, trace
from tracegraph.ir.interpret import interpret
from tracegraph.ir.ops.arithmetic import divide, multiply, subtract
from tracegraph.ir.ops.boxes import slice_, slice_update
from tracegraph.ir.ops.broadcast import full_like, sum_
from tracegraph.ir.ops.control import items
from tracegraph.ir.ops.linalg import matmul
from tracegraph.ir.ops.loop import loop
from tracegraph.ir.ops.structural import reshape
from tracegraph.ir.sizes import Dim, symbol
from tracegraph.ir.types import BOOL, FLOAT64, INT64, ArrayType

n, t = symbol("n", lower=2), symbol("t")
k, j = symbol("k"), symbol("j")
NUMBER, WHOLE, FLAG = ArrayType(FLOAT64), ArrayType(INT64), ArrayType(BOOL)
COUNTER = ArrayType(BOOL, (t,))
VECTOR, SQUARE = ArrayType(FLOAT64, (n,)), ArrayType(FLOAT64, (n, n))
RANDOM = np.random.default_rng(5)


def floats(*shape: int) -> Any:
    return RANDOM.normal(size=shape)


def check(graph: Graph, *arrays: Any) -> None:
    """Compare step by step and as an entry with the interpreter; nothing given is written."""
    expected = interpret(graph, *arrays)
    given = [np.array(array) for array in arrays]
    found = plan(graph, [Fresh(tuple(range(o.array_type.ndim))) for o in graph.outputs])
    run = native(graph_executable(graph, found))
    for results in (Runner(graph, found)(*given), run(*given), run(*given)):
        assert results is not MISSED
        for got, want in zip(results, expected, strict=True):
            assert got.dtype == want.dtype
            np.testing.assert_allclose(got, want, rtol=1e-11, atol=1e-12)
    for one, other in zip(given, arrays, strict=True):
        np.testing.assert_array_equal(one, other)


def part(x: Value, start: Sequence[Dim], shape: Sequence[Dim]) -> Value:
    out: Value = slice_(x, start=tuple(start), shape=tuple(shape), step=(1,) * x.ndim)
    return out


def element(x: Value, *at: Dim) -> Value:
    out: Value = reshape(part(x, at, (1,) * x.ndim), shape=())
    return out


def with_element(x: Value, value: Value, *at: Dim) -> Value:
    out: Value = slice_update(x, reshape(value, shape=(1,) * x.ndim), start=at, step=(1,) * x.ndim)
    return out


def once(
    operands: Sequence[Value], step: Callable[..., Any], trip: Dim = t, index: str = "k"
) -> list[Value]:
    """Return the results of a loop of which a Python function is the body."""
    body = trace(step, *(x.type for x in operands))
    out: list[Value] = items(loop(*operands, body=body, index=index, trip=trip))
    return out


def double(x: Value) -> Value:
    out: Value = multiply(x, full_like(x, 2))
    return out


def cholesky(a: Value) -> list[Value]:
    """``for k: for j < k: a[k, j] = (a[k, j] - a[k, :j] @ a[j, :j]) / a[j, j]; ...``."""

    def off_diagonal(a: Value) -> list[Value]:
        dot = matmul(part(a, (k, 0), (1, j)), reshape(part(a, (j, 0), (1, j)), shape=(j, 1)))
        left = subtract(element(a, k, j), reshape(dot, shape=()))
        return [with_element(a, divide(left, element(a, j, j)), k, j)]

    def body(a: Value) -> list[Value]:
        (a,) = once([a], off_diagonal, k, "j")
        line = part(a, (k, 0), (1, k))
        left = subtract(element(a, k, k), sum_(multiply(line, line), axes=(0, 1)))
        return [with_element(a, left, k, k)]

    return once([a], body, a.shape[0])
