"""Products in derivatives, as native code computes them: by BLAS, by ``np.matmul``, by loops."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import pytest

import tracegraph as tg
from tests.codegen.test_vector_products import numbers, routines
from tracegraph.codegen import blas, blas_text, jit
from tracegraph.ir.types import DTYPES, PART

pytestmark = pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")

SHAPES = {
    "loops": ((4, 5), (5, 6)),
    "gemm": ((40, 30), (30, 50)),
    "gemv": ((90, 110), (110, 1)),
    "row": ((1, 90), (90, 110)),
    "outer": ((50, 1), (1, 60)),
    "stack": ((3, 20, 30), (3, 30, 40)),
    "one matrix for a stack": ((3, 20, 30), (30, 40)),
}


@pytest.fixture(params=[True, False], ids=["blas", "matmul"])
def either_way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run a test with NumPy's BLAS and with ``np.matmul``."""
    if not request.param:
        monkeypatch.setattr(blas, "find", lambda: None)


def chosen(x: Any, y: Any, rows: Any, columns: Any) -> Any:
    """Use some rows of one factor, and some columns of the other."""
    used = np.where(rows[:, None] & columns, x @ y, 0)
    return (used * used).real.sum()


@pytest.mark.usefixtures("either_way")
@pytest.mark.parametrize("dtype", ["f4", "f8", "c16"])
@pytest.mark.parametrize("name", SHAPES)
def test_what_is_not_used_does_not_matter(name: str, dtype: str) -> None:
    x, y = (numbers(*shape, dtype=dtype, seed=k) for k, shape in enumerate(SHAPES[name]))
    rows = np.arange(x.shape[-2]) % 3 < 1
    columns = np.arange(y.shape[-1]) % 2 < 1
    gradient = tg.compile(tg.grad(chosen, argnums=(0, 1)), strict=True)
    gradient(x, y, rows, columns)
    expected = gradient(x, y, rows, columns)
    for special in (np.inf, -np.inf, np.nan):
        x[..., ~rows, :] = special
        y[..., :, ~columns] = special
        for function in (gradient, tg.grad(chosen, argnums=(0, 1))):
            for got, want in zip(function(x, y, rows, columns), expected, strict=True):
                np.testing.assert_allclose(got, want, rtol=1e-4 if dtype == "f4" else 1e-11)
    assert np.isfinite(np.concatenate([e.ravel() for e in expected])).all()


def test_a_gradient_has_as_many_products_as_before() -> None:
    x, y = numbers(40, 30), numbers(30, 50, seed=1)
    gradient = tg.compile(tg.grad(lambda x, y: np.sin(x @ y).sum(), argnums=(0, 1)))
    gradient(x, y)
    assert routines(gradient) == ["gemm", "gemm", "gemm"]
    np.testing.assert_allclose(gradient(x, y)[0], np.cos(x @ y) @ y.T, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", ["f32", "f64", "c64", "c128"])
def test_a_nan_is_found_wherever_it_is(name: str) -> None:
    dtype = DTYPES[name]
    text = blas_text.any_nan(dtype).replace("define internal", "define")
    code = jit.compile_text(text, (blas_text.nan_name(dtype),), {})
    address = code.address(blas_text.nan_name(dtype))
    any_nan = ctypes.CFUNCTYPE(ctypes.c_bool, ctypes.c_void_p, ctypes.c_int64)(address)
    for count in (0, 1, 31, 32, 33, 64, 75):
        numbers = np.full(count, np.inf, dtype).view(PART.get(dtype, dtype))
        assert not any_nan(numbers.ctypes.data, numbers.size)
        for place in range(numbers.size):
            numbers[place] = np.nan
            assert any_nan(numbers.ctypes.data, numbers.size)
            numbers[place] = -np.inf
