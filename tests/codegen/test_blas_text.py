"""The functions around BLAS: what they pass on, for both widths of integers and every layout.

Fakes note their arguments, so both widths are tried whatever NumPy's library has.
"""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import pytest

from tracegraph.codegen import blas, blas_text, jit
from tracegraph.codegen.plan import Gemm, Matrix
from tracegraph.ir.record import replace
from tracegraph.ir.sizes import symbol
from tracegraph.ir.types import FLOAT32, FLOAT64

ROW_MAJOR, PLAIN, TRANSPOSED, UPPER = 101, 111, 112, 121
POINTER = ctypes.c_void_p
WIDTHS = pytest.mark.parametrize("int_bits", [32, 64])
DTYPES = pytest.mark.parametrize("dtype", [FLOAT32, FLOAT64])
LAYOUTS = pytest.mark.parametrize("transposed", [(a, b) for a in (0, 1) for b in (0, 1)])
DECLARED = """declare i64 @llvm.smax.i64(i64, i64)
declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)
"""


def product(m: Any, n: Any, transposed: tuple[int, int], dtype: Any = FLOAT64) -> Gemm:
    """A product of two buffers; sizes other than 1 are symbols."""
    m, n = (size if size == 1 else symbol(name) for size, name in ((m, "m"), (n, "n")))
    a, b = (Matrix(name, 0, symbol(f"ld{name}"), 0, bool(flag))
            for name, flag in zip("ab", transposed, strict=True))  # fmt: skip
    return Gemm(dtype, 1, m, n, symbol("k"), a, b, Matrix("c", 0, n, 0, False))


def calls(step: Gemm, int_bits: int, *given: int) -> list[tuple[Any, ...]]:
    """Return what the function of a product passes to BLAS."""
    seen: list[tuple[Any, ...]] = []
    integer = ctypes.c_int64 if int_bits == 64 else ctypes.c_int32
    real = ctypes.c_float if step.dtype == FLOAT32 else ctypes.c_double
    words, integers = {"gemm": (3, 3), "gemv": (2, 2), "syrk": (3, 2)}[step.routine]
    operands = [POINTER, integer] * (1 if step.routine == "syrk" else 2)
    types: list[Any] = [ctypes.c_int] * words + [integer] * integers
    types += [real, *operands, real, POINTER, integer]
    fake = ctypes.CFUNCTYPE(None, *types)(lambda *arguments: seen.append(arguments))
    name = blas_text.helper_name(step)
    text = blas_text.helper(step, int_bits).replace("define internal", "define")
    text = "\n".join([text, blas_text.declaration(step, int_bits), DECLARED])
    address = ctypes.cast(fake, POINTER).value or 0
    code = jit.compile_text(text, (name,), {blas.import_name(step.routine, step.dtype): address})
    function = ctypes.CFUNCTYPE(None, *[POINTER] * 3, *[ctypes.c_int64] * 10)(code.address(name))
    function(*given)
    return seen


@DTYPES
@WIDTHS
@LAYOUTS
def test_matrices(dtype: Any, int_bits: int, transposed: tuple[int, int]) -> None:
    step = product(2, 3, transposed, dtype)
    assert step.routine == "gemm"
    given = (1000, 2000, 3000, 2, 3, 4, 2, 40, 100, 50, 200, 0, 10)
    seen = calls(step, int_bits, *given)
    layouts = tuple(TRANSPOSED if flag else PLAIN for flag in transposed)
    item = dtype.itemsize
    for t, arguments in enumerate(seen):
        assert arguments[:7] == (ROW_MAJOR, *layouts, 2, 3, 4, 1.0)
        pointers = (1000 + t * 100 * item, 40, 2000 + t * 200 * item, 50)
        assert arguments[7:] == (*pointers, 0.0, 3000 + t * 10 * item, 1)
    assert len(seen) == 2


@WIDTHS
@LAYOUTS
def test_a_matrix_by_a_column(int_bits: int, transposed: tuple[int, int]) -> None:
    """The elements of a column are a row apart, of a transposed one next to each other."""
    step = product(6, 1, transposed)
    assert step.routine == "gemv"
    (seen,) = calls(step, int_bits, 1000, 2000, 3000, 6, 1, 4, 1, 40, 0, 50, 0, 1, 0)
    layout = (TRANSPOSED, 4, 6) if transposed[0] else (PLAIN, 6, 4)
    apart = 1 if transposed[1] else 50
    assert seen == (ROW_MAJOR, *layout, 1.0, 1000, 40, 2000, apart, 0.0, 3000, 1)


@WIDTHS
@LAYOUTS
def test_a_row_by_a_matrix(int_bits: int, transposed: tuple[int, int]) -> None:
    step = product(1, 6, transposed)
    assert step.routine == "gemv"
    (seen,) = calls(step, int_bits, 1000, 2000, 3000, 1, 6, 4, 1, 40, 0, 50, 0, 6, 0)
    layout = (PLAIN, 6, 4) if transposed[1] else (TRANSPOSED, 4, 6)
    apart = 40 if transposed[0] else 1
    assert seen == (ROW_MAJOR, *layout, 1.0, 2000, 50, 1000, apart, 0.0, 3000, 1)


def squared(turned: bool, dtype: Any = FLOAT64) -> Gemm:
    """A matrix by its own transpose, or the other way round."""
    a = Matrix("a", 0, symbol("lda"), 0, turned)
    m = symbol("m")
    b = replace(a, transposed=not turned)
    return Gemm(dtype, 1, m, m, symbol("k"), a, b, Matrix("c", 0, m, 0, False))


@WIDTHS
@pytest.mark.parametrize("turned", [False, True])
def test_a_matrix_by_its_transpose(int_bits: int, turned: bool) -> None:
    step = squared(turned)
    assert step.routine == "syrk"
    c = np.arange(16.0).reshape(4, 4)
    address = c.ctypes.data
    (seen,) = calls(step, int_bits, 1000, 1000, address, 4, 4, 5, 1, 40, 0, 40, 0, 4, 0)
    layout = TRANSPOSED if turned else PLAIN
    assert seen == (ROW_MAJOR, UPPER, layout, 4, 5, 1.0, 1000, 40, 0.0, address, 4)
    upper = np.triu(np.arange(16.0).reshape(4, 4))
    np.testing.assert_array_equal(c, upper + np.triu(upper, 1).T)


def test_what_is_not_the_same_matrix_is_no_square() -> None:
    step = squared(False)
    other = replace(step.b, offset=1)
    assert replace(step, b=other).routine == "gemm"
    assert replace(step, b=step.a).routine == "gemm"
    assert replace(step, n=symbol("n")).routine == "gemm"
