"""NumPy's own functions that call others, given compiled ones."""

from typing import Any

import numpy as np
import pytest

import tracegraph as tg
from tests.frontend.support import Counted

X = np.arange(12.0).reshape(3, 4)


def test_vectorize() -> None:
    step = Counted(lambda a, b: a + 1 if a > b else b)
    found = np.vectorize(step)(X, 5.0)
    np.testing.assert_array_equal(found, np.where(X > 5, X + 1, 5))
    assert step.compiled.fallbacks == []
    assert step.slow <= 3  # one call of each path, and a first one to learn the type
    mean = np.vectorize(tg.compile(lambda v: v.mean()), signature="(n)->()")
    np.testing.assert_allclose(mean(X), X.mean(1))


def test_apply_along_and_over_axes() -> None:
    norm = Counted(lambda v: np.sqrt((v * v).sum()), strict=True)
    for axis in (0, 1):
        found = np.apply_along_axis(norm, axis, X)
        np.testing.assert_allclose(found, np.sqrt((X * X).sum(axis)))
    total = tg.compile(lambda a, axis: np.sum(a, axis=axis))
    np.testing.assert_allclose(np.apply_over_axes(total, X, [0, 1]), [[X.sum()]])


def test_other_callbacks() -> None:
    square = tg.compile(lambda v: v * v)
    np.testing.assert_array_equal(np.fromfunction(lambda i, j: square(i + j), (2, 3)),
        [[0, 1, 4], [1, 4, 9]])  # fmt: skip
    found = np.piecewise(X, [X < 3, X >= 3], [square, tg.compile(lambda v: -v)])
    np.testing.assert_array_equal(found, np.where(X < 3, X * X, -X))
    ufunc = np.frompyfunc(tg.compile(lambda a, b: a * 2 + b), 2, 1)
    np.testing.assert_array_equal(ufunc(X, 1.0).astype(float), X * 2 + 1)
    np.testing.assert_array_equal(list(map(square, X)), X * X)
    np.testing.assert_array_equal(np.fromiter(map(square, [1.0, 2.0]), float), [1, 4])
    np.testing.assert_array_equal(sorted([3.0, -1.0], key=square), [-1, 3])


@pytest.mark.parametrize("kind", ["array", "matrix", "masked", "memmap", "record", "object"])
def test_kinds_of_arrays(kind: str, tmp_path: Any) -> None:
    """What is no plain array runs eagerly, by rule, and gives what it gives plainly."""
    x: Any = X.copy()
    if kind == "matrix":
        x = np.matrix(X)
    elif kind == "masked":
        x = np.ma.masked_less(X, 3)
    elif kind == "memmap":
        x = np.memmap(tmp_path / "x", float, "w+", shape=X.shape)
        x[:] = X
    elif kind == "record":
        x = np.array([(1.0, 2.0), (3.0, 4.0)], dtype=[("a", float), ("b", float)])["a"]
    elif kind == "object":
        x = X.astype(object)
    function = tg.compile(lambda v: v * 2 + v.sum())
    for _ in range(3):
        expected, got = function.eager(x), function(x)
        assert type(got) is type(expected)
        np.testing.assert_array_equal(got, expected)
        if kind == "masked":
            np.testing.assert_array_equal(got.mask, expected.mask)
    assert bool(function.fallbacks) == (kind not in ("array", "record"))
