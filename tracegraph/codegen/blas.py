"""Matrix products through the BLAS that NumPy has loaded.

The library is found by what the process has mapped and what NumPy's wheel carries, and is believed
only after a small product has come out right. Nothing about its threads is changed: the call is the
one that ``np.matmul`` makes, so a product has the bits that it has in NumPy. (OpenBLAS built on
pthreads has only a setting for the whole process behind ``openblas_set_num_threads_local``.)
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import platform
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tracegraph.codegen.cpython import pointer_of
from tracegraph.ir.types import FLOAT32, FLOAT64, DType

_ROW_MAJOR, _PLAIN, _TRANSPOSED = 101, 111, 112
_MAPS = Path("/proc/self/maps")
_LIBRARY = re.compile(r"\S*(?:openblas|blas|mkl_rt|blis)\S*\.so\S*")
_LETTERS = {FLOAT32: "s", FLOAT64: "d"}
_LLVM_TYPES = {FLOAT32: "float", FLOAT64: "double"}

# Where both registers and stack slots are 8 bytes wide, a library with 32-bit integers takes the low
# halves of 64-bit ones, and one with unmarked 64-bit integers is called right as well.
_WIDE_CALLS = platform.machine() in ("x86_64", "AMD64")


@dataclass(frozen=True)
class Blas:
    """The gemm functions of one library.

    Parameters
    ----------
    path : str
        The library.
    symbols, addresses : dict
        The name and address of gemm for each dtype.
    int_bits : int
        The width of the integers that it certainly understands.
    """

    path: str
    symbols: dict[DType, str]
    addresses: dict[DType, int]
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
    for path in dict.fromkeys(_libraries()):
        with contextlib.suppress(OSError):
            found = _examine(path, ctypes.CDLL(path))
            if found is not None and all(_is_right(found, dtype) for dtype in _LETTERS):
                return found
    return None


def _libraries() -> Iterator[str]:
    """NumPy's own library first: other packages may have mapped theirs."""
    package = Path(np.__file__).parent
    for folder in (package.parent / "numpy.libs", package / ".dylibs", package / ".libs"):
        if folder.is_dir():
            yield from sorted(str(p) for p in folder.iterdir() if "blas" in p.name.lower())
    if _MAPS.exists():
        with contextlib.suppress(OSError):
            yield from _LIBRARY.findall(_MAPS.read_text())


def _examine(path: str, library: ctypes.CDLL) -> Blas | None:
    for form, int_bits in (
        ("scipy_cblas_{}gemm64_", 64),
        ("cblas_{}gemm64_", 64),
        ("cblas_{}gemm_64", 64),
        ("scipy_cblas_{}gemm", 32),
        ("cblas_{}gemm", 32),
    ):
        symbols = {dtype: form.format(letter) for dtype, letter in _LETTERS.items()}
        if all(hasattr(library, symbol) for symbol in symbols.values()):
            addresses = {d: pointer_of(getattr(library, s)) for d, s in symbols.items()}
            return Blas(path, symbols, addresses, int_bits)
    return None


def _is_right(blas: Blas, dtype: DType) -> bool:
    """Multiply small matrices of whole numbers, whose product is exact."""
    a = np.arange(6, dtype=dtype).reshape(2, 3)
    b = np.arange(12, dtype=dtype).reshape(3, 4)
    c = np.empty((2, 4), dtype)
    integer = ctypes.c_int64 if blas.passed_bits == 64 else ctypes.c_int32
    real = ctypes.c_float if dtype == FLOAT32 else ctypes.c_double
    types = [ctypes.c_int] * 3 + [integer] * 3 + [real]
    types += [ctypes.c_void_p, integer] * 2 + [real, ctypes.c_void_p, integer]
    gemm = ctypes.CFUNCTYPE(None, *types)(blas.addresses[dtype])
    pointers = [array.ctypes.data for array in (a, b, c)]
    gemm(_ROW_MAJOR, _PLAIN, _PLAIN, 2, 4, 3, 1, pointers[0], 3, pointers[1], 4, 0, pointers[2], 4)
    return bool(np.array_equal(c, a @ b))


def supports(dtype: DType) -> bool:
    """Return whether products of a dtype can be made natively."""
    return dtype in _LETTERS and find() is not None


def import_name(dtype: DType) -> str:
    """Return the name by which LLVM text calls gemm."""
    return f"tg_blas_{_LETTERS[dtype]}gemm"


def imports() -> dict[str, int]:
    """Return the addresses behind ``import_name``."""
    blas = find()
    return {import_name(d): a for d, a in blas.addresses.items()} if blas is not None else {}


def helper_name(dtype: DType, transposed: tuple[bool, bool], batched: tuple[bool, bool]) -> str:
    """Return the name of the function that ``emit_gemm`` writes."""
    layout = "".join("nt"[flag] for flag in transposed)
    shared = "".join("sb"[flag] for flag in batched)
    return f"tg_{_LETTERS[dtype]}gemm_{layout}_{shared}"


def gemm_declaration(dtype: DType, int_bits: int) -> str:
    """Return the declaration that ``emit_gemm`` needs."""
    integer, real = f"i{int_bits}", _LLVM_TYPES[dtype]
    types = ["i32"] * 3 + [integer] * 3 + [real, "ptr", integer, "ptr", integer, real]
    types += ["ptr", integer]
    return f"declare void @{import_name(dtype)}({', '.join(types)})"


def emit_gemm(
    dtype: DType, transposed: tuple[bool, bool], batched: tuple[bool, bool], int_bits: int
) -> str:
    """Return the function ``c[i] = a[i] @ b[i]`` for a batch of C-ordered matrices.

    Its arguments are pointers a, b, c and the integers m, n, k, batch. A product over no elements
    (k = 0) is zero, as gemm makes it.
    """
    real, item = _LLVM_TYPES[dtype], dtype.itemsize
    integer = f"i{int_bits}"
    narrow = "" if int_bits == 64 else _narrowing(("m", "n", "k", "lda", "ldb", "ldc"))
    m, n, k, lda, ldb, ldc = (
        f"{integer} %{name}{'' if int_bits == 64 else '.n'}"
        for name in ("m", "n", "k", "lda", "ldb", "ldc")
    )
    layouts = ", ".join(f"i32 {_TRANSPOSED if flag else _PLAIN}" for flag in transposed)
    return f"""define internal void @{helper_name(dtype, transposed, batched)}(
    ptr %a, ptr %b, ptr %c, i64 %m, i64 %n, i64 %k, i64 %batch) {{
entry:
  %lda = call i64 @llvm.smax.i64(i64 {"%m" if transposed[0] else "%k"}, i64 1)
  %ldb = call i64 @llvm.smax.i64(i64 {"%k" if transposed[1] else "%n"}, i64 1)
  %ldc = call i64 @llvm.smax.i64(i64 %n, i64 1)
  %mk = mul i64 %m, %k
  %kn = mul i64 %k, %n
  %mn = mul i64 %m, %n
  %a.step = mul i64 %mk, {item if batched[0] else 0}
  %b.step = mul i64 %kn, {item if batched[1] else 0}
  %c.step = mul i64 %mn, {item}
{narrow}  br label %test
test:
  %i = phi i64 [0, %entry], [%next, %body]
  %more = icmp slt i64 %i, %batch
  br i1 %more, label %body, label %done
body:
  %a.at = mul i64 %i, %a.step
  %b.at = mul i64 %i, %b.step
  %c.at = mul i64 %i, %c.step
  %a.i = getelementptr i8, ptr %a, i64 %a.at
  %b.i = getelementptr i8, ptr %b, i64 %b.at
  %c.i = getelementptr i8, ptr %c, i64 %c.at
  call void @{import_name(dtype)}(i32 {_ROW_MAJOR}, {layouts}, {m}, {n}, {k}, {real} 1.0,
    ptr %a.i, {lda}, ptr %b.i, {ldb}, {real} 0.0, ptr %c.i, {ldc})
  %next = add i64 %i, 1
  br label %test
done:
  ret void
}}
"""


def _narrowing(names: tuple[str, ...]) -> str:
    return "".join(f"  %{name}.n = trunc i64 %{name} to i32\n" for name in names)
