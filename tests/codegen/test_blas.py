"""Finding NumPy's BLAS and calling it from text."""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tracegraph.codegen import blas, jit
from tracegraph.ir.types import FLOAT32, FLOAT64, INT64


def test_finds_the_library_of_numpys_wheel() -> None:
    found = blas.find()
    if not (Path(np.__file__).parent.parent / "numpy.libs").is_dir():
        pytest.skip("this NumPy does not carry its BLAS")
    assert found is not None
    assert "blas" in found.path
    assert found.int_bits in (32, 64)
    assert found.largest == 2 ** (found.int_bits - 1) - 1
    assert blas.supports(FLOAT32)
    assert blas.supports(FLOAT64)
    assert not blas.supports(INT64)


def test_finding_nothing_is_no_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken = tmp_path / "libblas.so"
    broken.write_bytes(b"no library")
    libc = ctypes.CDLL(None)
    monkeypatch.setattr(blas, "_libraries", lambda: iter([str(broken), str(tmp_path / "gone")]))
    assert blas.find.__wrapped__() is None
    assert blas._examine("libc", libc) is None


def test_a_library_that_computes_wrongly_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blas, "_is_right", lambda *_: False)
    assert blas.find.__wrapped__() is None
    monkeypatch.setattr(blas, "find", lambda: None)
    assert blas.imports() == {}
    assert not blas.supports(FLOAT64)


@pytest.mark.parametrize("dtype", [FLOAT32, FLOAT64])
@pytest.mark.parametrize("int_bits", [32, 64])
@pytest.mark.parametrize("transposed", [(a, b) for a in (False, True) for b in (False, True)])
def test_the_helper_calls_gemm_as_declared(
    dtype: Any, int_bits: int, transposed: tuple[bool, bool]
) -> None:
    """A fake gemm notes its arguments, so both widths of integers are tried whatever NumPy has."""
    seen: list[tuple[Any, ...]] = []
    integer = ctypes.c_int64 if int_bits == 64 else ctypes.c_int32
    real = ctypes.c_float if dtype == FLOAT32 else ctypes.c_double
    pointer = ctypes.c_void_p
    types: list[Any] = [ctypes.c_int] * 3 + [integer] * 3 + [real]
    types += [pointer, integer] * 2 + [real, pointer, integer]
    fake = ctypes.CFUNCTYPE(None, *types)(lambda *given: seen.append(given))
    name = blas.helper_name(dtype, transposed)
    text = "\n".join(
        [
            blas.emit_gemm(dtype, transposed, int_bits).replace("define internal", "define"),
            blas.gemm_declaration(dtype, int_bits),
            "declare i64 @llvm.smax.i64(i64, i64)",
        ]
    )
    address = ctypes.cast(fake, pointer).value or 0
    code = jit.compile_text(text, (name,), {blas.import_name(dtype): address})
    function = ctypes.CFUNCTYPE(None, *[pointer] * 3, *[ctypes.c_int64] * 10)(code.address(name))
    function(1000, 2000, 3000, 2, 3, 4, 2, 40, 100, 50, 200, 0, 10)
    layouts = tuple(112 if flag else 111 for flag in transposed)
    item = dtype.itemsize
    for t, given in enumerate(seen):
        assert given[:7] == (101, *layouts, 2, 3, 4, 1.0)
        pointers = (1000 + t * 100 * item, 40, 2000 + t * 200 * item, 50)
        assert given[7:] == (*pointers, 0.0, 3000 + t * 10 * item, 1)
    assert len(seen) == 2
