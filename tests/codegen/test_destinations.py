"""Outputs that go into parameters, into other axis orders, and parameters with strides."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

import tracegraph as tg
from tests.codegen.harness import Runner
from tracegraph.codegen.plan import CalloutStep, Destination, Fresh, Gemm, Into, Kernel
from tracegraph.codegen.schedule import plan
from tracegraph.ir.graph import trace
from tracegraph.ir.ops.arithmetic import add, multiply, subtract
from tracegraph.ir.ops.boxes import slice_, slice_update
from tracegraph.ir.ops.broadcast import full_like, sum_
from tracegraph.ir.ops.compose import flip
from tracegraph.ir.ops.control import item
from tracegraph.ir.ops.linalg import matmul
from tracegraph.ir.ops.numpy_call import numpy_call
from tracegraph.ir.ops.scan import cumsum
from tracegraph.ir.ops.structural import transpose
from tracegraph.ir.sizes import symbol
from tracegraph.ir.types import FLOAT64, ArrayType

VECTOR, SQUARE = ArrayType(FLOAT64, (37,)), ArrayType(FLOAT64, (12, 12))


def twice(x: Any) -> Any:
    return multiply(x, full_like(x, 2.0))


def part(x: Any, shift: int) -> Any:
    """Return x with elements 1 to 35 replaced by twice those beside them."""
    inner = slice_(x, start=(1 + shift,), shape=(35,), step=(1,))
    return slice_update(x, twice(inner), start=(1,), step=(1,))


def part_numpy(x: Any, shift: int) -> Any:
    out = x.copy()
    out[1:36] = 2 * x[1 + shift : 36 + shift]
    return out


VALUE = Fresh((0,))
Case = tuple[Callable[..., Any], Callable[..., Any], Sequence[Destination], int]
CASES: dict[str, Case] = {
    "in place": (lambda x, y: (twice(x),), lambda x, y: (x * 2,), [Into(0)], 1),
    "both in place": (
        lambda x, y: (add(x, y), subtract(x, y)), lambda x, y: (x + y, x - y),
        [Into(0), Into(1)], 1,
    ),
    "swapped": (lambda x, y: (y, x), lambda x, y: (y, x), [Into(0), Into(1)], 1),
    "reversed": (lambda x, y: (flip(x, 0),), lambda x, y: (x[::-1],), [Into(0)], 2),
    "crossed": (
        lambda x, y: (add(y, y), flip(x, 0)), lambda x, y: (y + y, x[::-1]), [Into(0), Into(1)], 2,
    ),
    "scanned": (lambda x, y: (cumsum(x, axis=0),), lambda x, y: (x.cumsum(),), [Into(0)], 2),
    "the old value kept": (
        lambda x, y: (twice(x), x), lambda x, y: (x * 2, x), [Into(0), VALUE], 2,
    ),
    "moved and changed": (
        lambda x, y: (twice(x), x), lambda x, y: (x * 2, x), [Into(0), Into(1)], 1,
    ),
    "part in place": (lambda x, y: (part(x, 0),), lambda x, y: (part_numpy(x, 0),), [Into(0)], 1),
    "part from beside": (
        lambda x, y: (part(x, 1),), lambda x, y: (part_numpy(x, 1),), [Into(0)], 2,
    ),
    "part from another": (
        lambda x, y: (slice_update(x, twice(y), start=(0,), step=(1,)),), lambda x, y: (y * 2,),
        [Into(0)], 1,
    ),
    "each overwritten with the other": (
        lambda x, y: (
            slice_update(x, y, start=(0,), step=(1,)), slice_update(y, x, start=(0,), step=(1,)),
        ),
        lambda x, y: (y, x), [Into(0), Into(1)], 3,
    ),
    "summed and changed": (
        lambda x, y: (sum_(x, axes=(0,)), twice(x)), lambda x, y: (x.sum(), x * 2),
        [Fresh(()), Into(0)], 2,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_into_parameters(name: str) -> None:
    function, reference, destinations, kernels = CASES[name]
    graph = trace(function, VECTOR, VECTOR)
    arrays = [np.random.default_rng(k).normal(size=37) for k in range(2)]
    expected = reference(*(a.copy() for a in arrays))
    runner = Runner(graph, plan(graph, destinations))
    for got, want in zip(runner(*arrays), expected, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-14)
    assert len(runner.plan.steps) == kernels


def test_a_transposed_square_in_place() -> None:
    graph = trace(lambda x: transpose(x, axes=(1, 0)), SQUARE)
    x = np.random.default_rng(0).normal(size=(12, 12))
    expected = x.T.copy()
    Runner(graph, plan(graph, [Into(0)]))(x)
    np.testing.assert_array_equal(x, expected)


@pytest.mark.parametrize("steps", [(1, 1), (2, 2), (-1, 2), (1, -3), (-2, -1)])
def test_strides_that_are_bound_when_called(steps: tuple[int, int]) -> None:
    base = np.random.default_rng(0).normal(size=(40, 99))
    x = base[:: steps[0], :: steps[1]][:20, :30]
    layout = (symbol("s0", lower=-(2**62)), symbol("s1", lower=-(2**62)))
    graph = trace(lambda x: (twice(x), sum_(x, axes=(0,))), ArrayType(FLOAT64, (20, 30)))
    runner = Runner(graph, plan(graph, [Fresh((1, 0)), Fresh((0,))], [layout]))
    values = {f"s{k}": s // 8 for k, s in enumerate(x.strides)}
    doubled, total = runner(x, **values)
    np.testing.assert_array_equal(doubled.reshape(30, 20).T, x * 2)
    np.testing.assert_allclose(total, x.sum(0), rtol=1e-12)


def test_a_transposed_factor_is_not_copied() -> None:
    shape = ArrayType(FLOAT64, (60, 60))
    graph = trace(lambda x, y: matmul(transpose(x, axes=(1, 0)), y), shape, shape)
    found = plan(graph, [Fresh((0, 1))])
    (step,) = found.steps
    assert isinstance(step, Gemm)
    assert (step.a.buffer, step.a.transposed) == ("in0", True)
    x, y = np.random.default_rng(0).normal(size=(2, 60, 60))
    np.testing.assert_allclose(Runner(graph, found)(x, y)[0], x.T @ y, rtol=1e-12)


def test_a_matrix_product_in_another_order_is_copied_there() -> None:
    shape = ArrayType(FLOAT64, (60, 60))
    graph = trace(lambda x, y: matmul(x, y), shape, shape)
    found = plan(graph, [Fresh((1, 0))])
    assert [type(s) for s in found.steps] == [Gemm, Kernel]
    x, y = np.random.default_rng(0).normal(size=(2, 60, 60))
    np.testing.assert_allclose(Runner(graph, found)(x, y)[0].T, x @ y, rtol=1e-11)


@pytest.mark.parametrize("strides", [(-60, 1), (60, -1), (120, 2), (-1, -60)])
def test_a_factor_that_blas_cannot_read_is_copied(strides: tuple[int, int]) -> None:
    shape = ArrayType(FLOAT64, (60, 30))
    layout = (symbol("s0", lower=-(2**62)), symbol("s1", lower=-(2**62)))
    graph = trace(lambda x: matmul(transpose(x, axes=(1, 0)), x), shape)
    found = plan(graph, [Fresh((0, 1))], [layout])
    assert isinstance(found.steps[-1], Gemm)
    base = np.random.default_rng(0).normal(size=120 * 120)
    middle = base[base.size // 2 :]
    x = np.lib.stride_tricks.as_strided(middle, (60, 30), (8 * strides[0], 8 * strides[1]))
    values = {"s0": strides[0], "s1": strides[1]}
    np.testing.assert_allclose(Runner(graph, found)(x, **values)[0], x.T @ x, rtol=1e-11)


def test_what_a_callout_makes_is_the_output() -> None:
    """Nothing is copied unless the output is to lie otherwise, or is a second one."""
    attrs = {"arguments": (("array", 0),), "options": (), "function": "sort"}

    def ordered(x: Any) -> Any:
        return item(numpy_call(x, dtypes=(x.dtype,), shapes=(x.shape,), **attrs), index=1)

    graph = trace(lambda x: (ordered(x), ordered(x)), SQUARE)
    x = np.random.default_rng(0).normal(size=(12, 12))
    for order in ((0, 1), (1, 0)):
        found = plan(graph, [Fresh(order), Fresh(order)])
        assert [type(s) for s in found.steps] == [CalloutStep, Kernel]
    first = plan(trace(ordered, SQUARE), [Fresh((0, 1))])
    assert [type(s) for s in first.steps] == [CalloutStep]
    compiled = tg.compile(lambda x: (np.sort(x), np.sort(x).T, np.sort(x) + 1.0))
    compiled(x)
    results = [compiled(x) for _ in range(2)]
    for one in results:
        for got, expected in zip(one, (np.sort(x), np.sort(x).T, np.sort(x) + 1.0), strict=True):
            np.testing.assert_array_equal(got, expected)
    assert results[0][0].flags.owndata
    assert results[0][0].flags.writeable
    assert not np.shares_memory(results[0][0], results[1][0])
