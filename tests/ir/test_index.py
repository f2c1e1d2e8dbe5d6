"""Gather and scatter: against NumPy element by element, duplicates included."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.ir.exact_checks import (
    KINDS,
    check,
    places,
    same,
    selections,
    whole,
)
from tracegraph.ir.autodiff import jvp, vjp
from tracegraph.ir.batching import batch
from tracegraph.ir.graph import Value, trace
from tracegraph.ir.interpret import interpret
from tracegraph.ir.ops.arithmetic import multiply
from tracegraph.ir.ops.broadcast import sum_
from tracegraph.ir.ops.index import gather, scatter, scatter_add
from tracegraph.ir.sizes import symbol
from tracegraph.ir.types import BOOL, FLOAT64, INT64, ArrayType, array_type
from tracegraph.ir.verify import verify

n, m = symbol("n"), symbol("m")
Selection = tuple[tuple[int, ...], list[Any], tuple[int, ...]]


def selected(shape: Sequence[int], indices: Sequence[Any], axes: Sequence[int]) -> tuple[int, ...]:
    return (*indices[0].shape, *(d for axis, d in enumerate(shape) if axis not in axes))


@given(selections(), KINDS)
def test_gather(selection: Selection, dtype: Any) -> None:
    shape, indices, axes = selection
    x = whole(shape, dtype)
    expected = np.empty(selected(shape, indices, axes), dtype)
    for at, chosen in places(indices, axes, x.ndim):
        expected[at] = x[chosen]
    check(gather, expected, x, *indices, axes=axes)


@given(selections(), KINDS.filter(lambda dtype: dtype != BOOL))
def test_scatter_add(selection: Selection, dtype: Any) -> None:
    shape, indices, axes = selection
    base = whole(shape, dtype)
    updates = whole(selected(shape, indices, axes), dtype, seed=1)
    expected = base.copy()
    for at, chosen in places(indices, axes, base.ndim):
        expected[chosen] += updates[at]
    check(scatter_add, expected, base, updates, *indices, linear=(0, 1), axes=axes)


@given(selections(), KINDS, st.booleans())
def test_scatter_keeps_the_last(selection: Selection, dtype: Any, fortran: bool) -> None:
    shape, indices, axes = selection
    base = whole(shape, dtype)
    updates = whole(selected(shape, indices, axes), dtype, seed=1)
    if fortran:
        updates = np.asarray(updates, order="F")
    expected = base.copy()
    for at, chosen in places(indices, axes, base.ndim):
        expected[chosen] = updates[at]
    check(scatter, expected, base, updates, *indices, linear=(0, 1), axes=axes)


def test_scatter_is_what_numpy_assigns() -> None:
    base, updates = whole((4, 2)), whole((2, 3, 2), seed=1)
    index = np.array([[1, 1, 3], [3, 0, 1]])
    expected = base.copy()
    expected[index] = updates
    same(scatter(base, updates, index, axes=(0,)), expected)


def test_the_last_update_is_the_last_by_index_not_in_memory() -> None:
    index = np.asfortranarray([[0, 1, 0], [1, 0, 1]])
    updates = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    check(scatter, [4.0, 5.0], np.zeros(2), updates, index, linear=(0, 1), axes=(0,))


def test_only_the_last_update_receives_a_cotangent() -> None:
    base, updates, index = whole((3,)), whole((4,), seed=1), np.array([2, 0, 2, 2])
    graph = trace(
        lambda b, u, i: scatter(b, u, i, axes=(0,)), *map(array_type, (base, updates, index))
    )
    ct = np.array([5.0, np.inf, 7.0])
    _, base_ct, updates_ct = interpret(vjp(graph), base, updates, index, ct)
    same(base_ct, np.array([0.0, np.inf, 0.0]))
    same(updates_ct, np.array([0.0, 5.0, 0.0, 7.0]))


def test_second_derivative_through_gather_and_scatter() -> None:
    index = np.array([2, 0, 2])

    def cubes(x: Value, i: Value) -> Any:
        taken = gather(x, i, axes=(0,))
        placed = scatter(x, multiply(taken, taken), i, axes=(0,))
        return sum_(multiply(placed, x), axes=(0,))

    x = np.array([2.0, 3.0, 5.0])
    graph = trace(cubes, array_type(x), array_type(index))
    gradient = vjp(graph)
    same(interpret(gradient, x, index, np.float64(1))[1], np.array([12.0, 6.0, 75.0]))
    hessian = jvp(gradient, [True, False, False])
    outputs = interpret(hessian, x, index, np.float64(1), np.ones(3))
    same(outputs[3], np.array([12.0, 2.0, 30.0]))


def test_symbolic_gather() -> None:
    types = ArrayType(FLOAT64, (n, m)), ArrayType(INT64, (n,))
    graph = verify(trace(lambda x, i: gather(x, i, axes=(1,)), *types))
    assert graph.outputs[0].array_type == ArrayType(FLOAT64, (n, n))
    x, index = whole((3, 2)), np.array([1, 0, 1])
    same(interpret(graph, x, index)[0], x[:, index].T)
    verify(vjp(graph))
    verify(batch(vjp(graph), (True, True, True), symbol("k")))
