"""Matrix products in native entries."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.codegen.native_kit import (
    F4,
    F8,
    array,
    executable,
    m,
    native,
    signature,
    size,
)
from tracegraph.codegen import blas
from tracegraph.codegen.executable import Executable
from tracegraph.codegen.plan import Gemm, Matrix
from tracegraph.codegen.signature import ArrayOutput


def matrix(buffer: str, rows: Any, columns: Any, transposed: bool = False) -> Matrix:
    """A contiguous stack of matrices, possibly stored the other way round."""
    return Matrix(buffer, 0, rows if transposed else columns, rows * columns, transposed)


def product(
    dtype: Any, transposed: tuple[bool, bool], count: Any = 1, shared: bool = False
) -> Executable:
    _, k = size("k", 0)
    _, r = size("r", 0)
    _, c = size("c", 0)
    a = matrix("a", r, k, transposed[0])
    b = matrix("b", k, c, transposed[1])
    if shared:
        b = Matrix("b", 0, b.leading, 0, b.transposed)
    gemm = Gemm(np.dtype(dtype), count, r, c, k, a, b, matrix("c", r, c))
    shapes = [(count, k, r) if transposed[0] else (count, r, k)]
    shapes += [(1 if shared else count, *((c, k) if transposed[1] else (k, c)))]
    inputs = [array(0, shapes[0], "a", dtype), array(1, shapes[1], "b", dtype)]
    return executable(
        signature(inputs, [ArrayOutput("c", (count, r, c))], 2),
        {name: (dtype, r * c) for name in "abc"},
        [gemm],
    )


@pytest.fixture(params=[True, False], ids=["blas", "matmul"])
def either_way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run a test with NumPy's BLAS and with ``np.matmul``."""
    if not request.param:
        monkeypatch.setattr(blas, "find", lambda: None)


@pytest.mark.usefixtures("either_way")
@pytest.mark.parametrize("dtype", [F4, F8])
@pytest.mark.parametrize("left", [False, True])
@pytest.mark.parametrize("right", [False, True])
@pytest.mark.parametrize("count", [1, m, 3])
def test_products(dtype: Any, left: bool, right: bool, count: Any) -> None:
    f = native(product(dtype, (left, right), count))
    stack = 2 if count is m else count
    rng = np.random.default_rng(1)
    for rows, inner, columns in ((3, 4, 5), (17, 33, 9), (64, 64, 64), (1, 7, 2), (5, 1, 1)):
        a = rng.normal(size=(stack, rows, inner)).astype(dtype)
        b = rng.normal(size=(stack, inner, columns)).astype(dtype)
        given = [
            np.ascontiguousarray(x.swapaxes(1, 2) if t else x) for x, t in ((a, left), (b, right))
        ]
        np.testing.assert_allclose(f(*given), a @ b, rtol=1e-4 if dtype == F4 else 1e-12)


@pytest.mark.usefixtures("either_way")
def test_empty_products() -> None:
    f = native(product(F8, (False, False)))
    np.testing.assert_array_equal(f(np.ones((1, 3, 0)), np.ones((1, 0, 4))), np.zeros((1, 3, 4)))
    assert f(np.ones((1, 0, 2)), np.ones((1, 2, 4))).shape == (1, 0, 4)
    assert f(np.ones((1, 3, 2)), np.ones((1, 2, 0))).shape == (1, 3, 0)


@pytest.mark.usefixtures("either_way")
def test_a_matrix_shared_by_a_stack() -> None:
    f = native(product(F8, (False, False), 4, shared=True))
    a, b = np.arange(24.0).reshape(4, 2, 3), np.arange(6.0).reshape(1, 3, 2)
    np.testing.assert_array_equal(f(a, b), a @ b)


def test_products_have_numpys_bits() -> None:
    f = native(product(F8, (False, False)))
    rng = np.random.default_rng(2)
    a, b = rng.normal(size=(1, 60, 70)), rng.normal(size=(1, 70, 50))
    np.testing.assert_array_equal(f(a, b)[0], a[0] @ b[0])
