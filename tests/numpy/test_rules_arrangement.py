"""Rules of creation, manipulation, joining and selecting functions against NumPy."""

from typing import Any

import hypothesis.extra.numpy as hnp
import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

import tracegraph as tg
from tests.numpy.rule_checks import Length, Number, check, may_refuse, refuses
from tracegraph.ir.types import DTYPES

X = np.arange(24.0).reshape(4, 3, 2)
M = np.arange(12.0).reshape(3, 4)
V = np.arange(5.0)


def call(function: Any, *args: Any, **options: Any) -> tuple[Any, ...]:
    return (function, *args, options)


CASES: list[tuple[Any, ...]] = [
    (np.reshape, X, (6, 4)),
    (np.reshape, X, (-1, 2)),
    (np.reshape, X, -1),
    (np.reshape, X, (2, -1, 6), "C"),
    call(np.reshape, X, shape=(12, 2)),
    (np.transpose, X),
    (np.transpose, X, (1, 2, 0)),
    call(np.transpose, X, axes=(-1, 0, 1)),
    (np.matrix_transpose, X),
    (np.swapaxes, X, 0, -1),
    (np.moveaxis, X, 0, -1),
    (np.moveaxis, X, (0, 1), (-1, 0)),
    (np.moveaxis, X, [2, 0], [0, 1]),
    (np.rollaxis, X, 2),
    (np.rollaxis, X, 0, 2),
    (np.rollaxis, X, 1, 3),
    (np.ravel, X),
    (np.squeeze, X[:, :1]),
    (np.squeeze, X[:, :1], 1),
    (np.squeeze, X[:1, :, :1], (0, 2)),
    (np.squeeze, X),
    (np.expand_dims, X, 1),
    (np.expand_dims, X, (0, -1)),
    (np.atleast_1d, np.array(3.0)),
    (np.atleast_1d, X),
    (np.atleast_2d, V),
    (np.atleast_2d, V, np.array(1.0)),
    (np.atleast_3d, np.array(1.0)),
    (np.atleast_3d, V),
    (np.atleast_3d, M),
    (np.atleast_3d, X),
    (np.broadcast_to, V, (3, 5)),
    (np.broadcast_to, M[:, :1], (2, 3, 4)),
    (np.broadcast_arrays, M, M[0], M[:, :1]),
    (np.flip, X),
    (np.flip, X, 1),
    (np.flip, X, (0, -1)),
    (np.fliplr, X),
    (np.flipud, X),
    *((np.rot90, X, k) for k in range(-2, 5)),
    (np.rot90, X, 1, (1, 2)),
    (np.rot90, X, 3, (2, 0)),
    (np.concatenate, [M, M + 1]),
    (np.concatenate, (M, M[:, :2]), 1),
    (np.concatenate, (M, M.astype(np.float32), M.astype(int)), -1),
    (np.concatenate, [M, V], None),
    (np.concatenate, [V], 0),
    (np.concatenate, X),
    (np.stack, [V, V + 1]),
    (np.stack, (M, M), -1),
    (np.stack, [Number(1.0), Number(2.0)]),
    (np.vstack, [V, V]),
    (np.vstack, [M, M[:1]]),
    (np.hstack, [V, V[:2]]),
    (np.hstack, [M, M]),
    (np.hstack, [np.array(1.0), np.array(2.0)]),
    (np.dstack, [V, V]),
    (np.dstack, [M, M]),
    (np.column_stack, [V, V, V]),
    (np.column_stack, [M, M[:, 0]]),
    (np.append, V, 3.0),
    (np.append, M, M, 0),
    (np.split, M, 2, 1),
    (np.split, V, [1, 3]),
    (np.split, V, [2, 2, 7]),
    (np.array_split, V, 3),
    (np.array_split, M, 3),
    (np.hsplit, M, 2),
    (np.hsplit, V, [2]),
    (np.vsplit, M, [1]),
    (np.dsplit, X, 2),
    (np.repeat, M, 3),
    (np.repeat, M, 2, 1),
    call(np.repeat, M, [2], axis=0),
    (np.tile, V, 2),
    (np.tile, M, (2, 3)),
    (np.tile, M, (2, 1, 2)),
    (np.tile, M, 1),
    (np.tile, np.array(1.0), (2, 2)),
    (np.roll, V, 2),
    (np.roll, M, -1),
    (np.roll, M, 1, 0),
    (np.roll, M, (1, -1), (0, 1)),
    (np.roll, M, 2, (0, 1)),
    (np.roll, M, 0, 1),
    (np.pad, V, 2),
    (np.pad, M, ((1, 0), (0, 2)), "constant"),
    call(np.pad, M, (1, 2), constant_values=7),
    (np.pad, M, [(1, 2)], "edge"),
    (np.pad, M, 1, "edge"),
    (np.pad, M, ((0, 1), (2, 0)), "edge"),
    (np.pad, V, (1, 3), "reflect"),
    (np.pad, M, 1, "symmetric"),
    call(np.pad, M, 2, mode="wrap"),
    (np.take, V, [0, -1, 2]),
    (np.take, M, np.array([[0, 1], [2, 2]]), 1),
    (np.take, M, 3),
    (np.take, M, -1, 0),
    call(np.take, M, np.array([5, -7, 1]), 1, mode="wrap"),
    call(np.take, M, np.array([5, -7, 1]), 1, mode="clip"),
    call(np.take_along_axis, M, np.argsort(-M, axis=1), 1),
    (np.take_along_axis, M, np.array([[0], [3], [-1]]), 1),
    (np.take_along_axis, M, np.array([[0, 1, 0, 2]]), 0),
    (np.take_along_axis, V, np.array([1, 1]), -1),
    (np.take_along_axis, M, np.array([1, 7]), None),
    *((np.diagonal, M, k) for k in (-3, -1, 0, 1, 3)),
    (np.diagonal, X, 1, 2, 0),
    (np.diagonal, X),
    *((np.diag, V, k) for k in (-2, 0, 1)),
    *((np.diag, M, k) for k in (-2, 0, 1)),
    (np.diag, V[:0], 2),
    (np.trace, M),
    (np.trace, X, 1),
    call(np.trace, M.astype(np.int8), dtype=np.int16),
    *((f, M, k) for f in (np.tril, np.triu) for k in (-1, 0, 2)),
    (np.tril, X),
    (np.triu, V),
    (np.diff, V),
    (np.diff, M, 2, 0),
    (np.diff, M > 3, 1),
    call(np.diff, M, axis=0, prepend=0.0, append=M[:1]),
    (np.diff, M, 0),
    (np.ascontiguousarray, M.T),
    (np.copy, M),
    (np.array, M),
    (np.array, [[1, 2], [3, 5]]),
    (np.array, [1.5, Number(2.0), 3]),
    (np.array, [Number(1), 2]),
    (np.array, [V, V + 1], np.float32),
    call(np.array, V, None, ndmin=3),
    (np.asarray, [[V[0], V[1]], [1, 2]]),
    (np.asarray, M, np.int32),
    (np.zeros, (2, 3)),
    (np.zeros, 4, int),
    call(np.ones, [2, 2], dtype=np.complex64),
    (np.full, (2, 3), 7),
    (np.full, 3, Number(2.5)),
    (np.full, (2, 5), V),
    (np.full, 2, 1, np.float32),
    (np.zeros_like, M),
    (np.ones_like, M, np.int8),
    (np.full_like, M, 3),
    (np.full_like, M.astype(int), 2.7),
    call(np.zeros_like, M, shape=(2,)),
    (np.zeros_like, [1, 2]),
    (np.eye, 3),
    (np.eye, 3, 4, -1),
    call(np.eye, 3, k=1, dtype=bool),
    *(call(np.eye, 3, k=k) for k in (2**63 - 1, -(2**63), 10**19, -(10**19))),
    (np.identity, 3, np.float32),
    (np.tri, 3, 4, 1),
    (np.tri, 3, 4, 2**63 - 1),
    (np.meshgrid, V, V[:2]),
    call(np.meshgrid, V, V[:2], V[:3], indexing="ij"),
    call(np.meshgrid, V, V[:2], sparse=True),
    (np.meshgrid, V),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case[0].__name__)
@pytest.mark.parametrize("symbolic", [False, True])
def test_case(case: Any, symbolic: bool) -> None:
    function, *args = case
    options = args.pop() if isinstance(args[-1], dict) else {}
    with may_refuse(symbolic, "chance|no shape|a multiple|must be a constant"):
        check(function, *args, symbolic=symbolic, **options)


@pytest.mark.parametrize("dtype", [d for d in DTYPES.values() if d.kind in "iuf"], ids=str)
def test_ranges(dtype: Any) -> None:
    for args in ((5,), (1, 8), (1, 10, 3), (10, 1, -2), (0,), (3, 3), (0, 1, 0.1), (0.3, 7.1, 0.7)):
        if dtype.kind == "f" or all(isinstance(a, int) for a in args):
            if dtype.kind == "u" and args[-1] == -2:
                continue
            check(np.arange, *args, dtype=dtype)
    check(np.arange, Length(4), dtype=dtype)


@given(st.floats(-10, 10), st.floats(0.01, 3), st.integers(0, 40))
def test_any_range(start: float, step: float, count: int) -> None:
    check(np.arange, start, start + step * count, step)
    check(np.arange, start, start + step * count, step, np.float32)


@given(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3), st.integers(0, 20), st.booleans())
def test_any_line(start: float, stop: float, count: int, endpoint: bool) -> None:
    check(np.linspace, start, stop, count, endpoint)
    check(np.linspace, Number(start), Number(stop), count, endpoint)
    check(np.linspace, Number(start), Number(start), count, endpoint)


def test_lines() -> None:
    check(np.linspace, 0, 1, 5, dtype=int)
    check(np.linspace, V, 2 * V, 4)
    check(np.linspace, V, V + 1, 4, axis=1)
    check(np.linspace, V, V, 4, axis=-1, dtype=np.float32)
    check(np.linspace, np.float32(0), np.float32(1), 7)


def test_sizes_make_arrays() -> None:
    """Lengths that are sizes of an argument: the same graph serves every size."""
    check(np.add, V, np.zeros(5), symbolic=True)
    noted: list[tuple[Any, ...]] = [
        (np.zeros_like, V),
        (np.full_like, V, 2.0),
        (np.broadcast_to, V, (3, Length(5))),
        (np.reshape, X, (Length(4), -1)),
        (np.reshape, X, (Length(3), Length(4), Length(2))),
        (np.tile, V, Length(5)),
        (np.repeat, M, Length(3), 1),
    ]
    for function, *args in noted:
        check(function, *args, symbolic=True)


@given(hnp.array_shapes(min_dims=1, max_dims=4, max_side=4), st.data())
def test_any_arrangement(shape: Any, data: Any) -> None:
    x = np.arange(np.prod(shape)).reshape(shape)
    axes = data.draw(st.permutations(range(len(shape))))
    check(np.transpose, x, axes, symbolic=True)
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    check(np.flip, x, axis, symbolic=True)
    check(np.repeat, x, 2, axis, symbolic=True)
    check(np.expand_dims, x, axis, symbolic=True)
    check(np.roll, x, data.draw(st.integers(-9, 9)), axis)
    check(np.take, x, data.draw(st.integers(0, x.shape[axis] - 1)), axis)


def test_refusals() -> None:
    refuses(np.reshape, M, (4, 3), "F", match="order")
    refuses(np.ravel, M, "F", match="order")
    refuses(np.repeat, V[:2], [1, 2], match="count")
    refuses(np.pad, V, 9, "reflect", match="padding")
    refuses(np.pad, V, 1, "linear_ramp", match="mode")
    refuses(np.arange, Number(3.0), match="depend on data")
    refuses(np.array, [*np.arange(300.0).tolist()[::-1], 7.5], match="outside")
    refuses(np.linspace, 0, 1, 3, retstep=True, match="retstep")
    refuses(np.zeros, 3, np.float16, match="float16")


def test_elements_that_a_condition_selects() -> None:
    x = np.arange(12.0).reshape(3, 4)
    check(np.compress, [True, False, True], x, 0)
    check(np.compress, x[0] > 1, x, 1, symbolic=True)
    check(np.compress, x.ravel() > 4, x)
    check(np.compress, np.array([0, 1]), x, -1)
    check(np.compress, np.zeros(4, bool), x, 1)
    check(np.extract, x > 4, x, symbolic=True)
    check(np.extract, x[0], x[1])
    gradient = tg.grad(lambda x: (np.extract(x > 4, x) ** 2).sum())
    for function in (gradient, tg.compile(gradient)):
        for scale in (1, 1, 2, 1):
            expected = np.where(scale * x > 4, 2 * scale * x, 0)
            np.testing.assert_array_equal(function(scale * x), expected)
