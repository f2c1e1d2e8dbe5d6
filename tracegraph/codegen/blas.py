"""Matrix products through the BLAS that NumPy has loaded.

The library is found by what the process has mapped and what NumPy's wheel carries, and is believed
only after a small product has come out right. Nothing about its threads is changed: the calls are
those that ``np.matmul`` makes, so a product has the bits that it has in NumPy. (OpenBLAS built on
pthreads has only a setting for the whole process behind ``openblas_set_num_threads_local``.)
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from tracegraph.codegen.cpython import pointer_of
from tracegraph.ir.record import record
from tracegraph.ir.types import FLOAT32, FLOAT64, WHOLE, DType

ROW_MAJOR, PLAIN, TRANSPOSED, UPPER = 101, 111, 112, 121
_MAPS = "/proc/self/maps"
_LIBRARY = re.compile(r"/[^/]*(?:blas|mkl_rt|blis)[^/]*\.so[^/]*$")
_LETTERS = {FLOAT32: "s", FLOAT64: "d", WHOLE[FLOAT32]: "c", WHOLE[FLOAT64]: "z"}
ROUTINES = ("gemm", "gemv", "syrk")


def _machine() -> str:
    """Return the processor's name; ``platform`` is slow to import."""
    if hasattr(os, "uname"):
        return os.uname().machine
    return os.environ.get("PROCESSOR_ARCHITECTURE", "")


# Where both registers and stack slots are 8 bytes wide, a library with 32-bit integers takes the
# low halves of 64-bit ones, and one with unmarked 64-bit integers is called right as well.
_WIDE_CALLS = _machine() in ("x86_64", "AMD64")


@record(eq=True)
class Blas:
    """The functions of one library.

    Parameters
    ----------
    path : str
        The library.
    symbols, addresses : dict
        What the library calls each function, and where it is, by names as `name_of` gives them.
    int_bits : int
        The width of the integers that it certainly understands.
    """

    path: str
    symbols: dict[str, str]
    addresses: dict[str, int]
    int_bits: int

    @property
    def passed_bits(self) -> int:
        """The width of the integers in a call."""
        return 64 if _WIDE_CALLS else self.int_bits

    @property
    def largest(self) -> int:
        """The largest dimension that may be passed."""
        return int(2 ** (self.int_bits - 1)) - 1


@functools.cache
def find() -> Blas | None:
    """Return NumPy's BLAS, or None where there is none that can be called."""
    for path in _libraries():
        with contextlib.suppress(OSError):
            found = _examine(path, ctypes.CDLL(path))
            if found is not None and all(_is_right(found, dtype) for dtype in _LETTERS):
                return found
    return None


def _libraries() -> Iterator[str]:
    """NumPy's own library first: other packages may have mapped theirs."""
    package = os.path.dirname(np.__file__)
    beside = os.path.join(os.path.dirname(package), "numpy.libs")
    for folder in (beside, os.path.join(package, ".dylibs"), os.path.join(package, ".libs")):
        if os.path.isdir(folder):
            names = sorted(name for name in os.listdir(folder) if "blas" in name.lower())
            yield from (os.path.join(folder, name) for name in names)
    with contextlib.suppress(OSError), open(_MAPS, encoding="utf-8") as maps:
        mapped = [line.rstrip("\n").split(maxsplit=5)[-1] for line in maps]
        yield from dict.fromkeys(path for path in mapped if _LIBRARY.search(path))


def _examine(path: str, library: ctypes.CDLL) -> Blas | None:
    for form, int_bits in (
        ("scipy_cblas_{}64_", 64),
        ("cblas_{}64_", 64),
        ("cblas_{}_64", 64),
        ("scipy_cblas_{}", 32),
        ("cblas_{}", 32),
    ):
        names = [name_of(routine, dtype) for dtype in _LETTERS for routine in ROUTINES]
        symbols = {name: form.format(name) for name in names}
        if all(hasattr(library, symbol) for symbol in symbols.values()):
            addresses = {n: pointer_of(getattr(library, s)) for n, s in symbols.items()}
            return Blas(path, symbols, addresses, int_bits)
    return None


def _is_right(blas: Blas, dtype: DType) -> bool:
    """Multiply small matrices of whole numbers, whose product is exact."""
    a = np.arange(6, dtype=dtype).reshape(2, 3)
    b = np.arange(12, dtype=dtype).reshape(3, 4)
    c = np.empty((2, 4), dtype)
    integer = ctypes.c_int64 if blas.passed_bits == 64 else ctypes.c_int32
    factors: list[Any] = [1, 0]
    by_value = {FLOAT32: ctypes.c_float, FLOAT64: ctypes.c_double}
    factor = by_value.get(dtype, ctypes.c_void_p)
    if dtype not in by_value:
        numbers = np.array(factors, dtype)
        factors = [numbers.ctypes.data, numbers.ctypes.data + dtype.itemsize]
    types: list[Any] = [ctypes.c_int] * 3 + [integer] * 3 + [factor]
    types += [ctypes.c_void_p, integer] * 2 + [factor, ctypes.c_void_p, integer]
    gemm = ctypes.CFUNCTYPE(None, *types)(blas.addresses[name_of("gemm", dtype)])
    left, right, out = (array.ctypes.data for array in (a, b, c))
    plain = ROW_MAJOR, PLAIN, PLAIN
    gemm(*plain, 2, 4, 3, factors[0], left, 3, right, 4, factors[1], out, 4)
    return bool(np.array_equal(c, a @ b))


def name_of(routine: str, dtype: DType) -> str:
    """Return BLAS's own name of a function: ``dgemm``."""
    return _LETTERS[dtype] + routine


def import_name(routine: str, dtype: DType) -> str:
    """Return the name by which LLVM text calls a function."""
    return f"tg_blas_{name_of(routine, dtype)}"


def imports() -> dict[str, int]:
    """Return the addresses behind ``import_name``."""
    blas = find()
    return {f"tg_blas_{n}": a for n, a in blas.addresses.items()} if blas is not None else {}
