"""Finding NumPy's BLAS and calling it from text."""

from __future__ import annotations

import ctypes
from pathlib import Path

import numpy as np
import pytest

from tracegraph.codegen import blas
from tracegraph.ir.types import FLOAT32, FLOAT64


def test_finds_the_library_of_numpys_wheel() -> None:
    found = blas.find()
    if not (Path(np.__file__).parent.parent / "numpy.libs").is_dir():
        pytest.skip("this NumPy does not carry its BLAS")
    assert found is not None
    assert "blas" in found.path
    assert found.int_bits in (32, 64)
    assert found.largest == 2 ** (found.int_bits - 1) - 1
    assert {blas.import_name("gemv", dtype) for dtype in (FLOAT32, FLOAT64)} <= {*blas.imports()}


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
