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
import os
import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from tracegraph.codegen.cpython import pointer_of
from tracegraph.ir.record import record
from tracegraph.ir.types import FLOAT32, FLOAT64, PART, WHOLE, DType

_ROW_MAJOR, _PLAIN, _TRANSPOSED = 101, 111, 112
_MAPS = "/proc/self/maps"
_LIBRARY = re.compile(r"/[^/]*(?:blas|mkl_rt|blis)[^/]*\.so[^/]*$")
_LETTERS = {FLOAT32: "s", FLOAT64: "d", WHOLE[FLOAT32]: "c", WHOLE[FLOAT64]: "z"}
_LLVM_TYPES = {FLOAT32: "float", FLOAT64: "double"}


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
    factors: list[Any] = [1, 0]
    by_value = {FLOAT32: ctypes.c_float, FLOAT64: ctypes.c_double}
    factor = by_value.get(dtype, ctypes.c_void_p)
    if dtype not in by_value:
        numbers = np.array(factors, dtype)
        factors = [numbers.ctypes.data, numbers.ctypes.data + dtype.itemsize]
    types: list[Any] = [ctypes.c_int] * 3 + [integer] * 3 + [factor]
    types += [ctypes.c_void_p, integer] * 2 + [factor, ctypes.c_void_p, integer]
    gemm = ctypes.CFUNCTYPE(None, *types)(blas.addresses[dtype])
    left, right, out = (array.ctypes.data for array in (a, b, c))
    plain = _ROW_MAJOR, _PLAIN, _PLAIN
    gemm(*plain, 2, 4, 3, factors[0], left, 3, right, 4, factors[1], out, 4)
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


def helper_name(dtype: DType, transposed: tuple[bool, bool]) -> str:
    """Return the name of the function that ``emit_gemm`` writes."""
    return f"tg_{_LETTERS[dtype]}gemm_{''.join('nt'[flag] for flag in transposed)}"


def gemm_declaration(dtype: DType, int_bits: int) -> str:
    """Return the declaration that ``emit_gemm`` needs."""
    integer, factor = f"i{int_bits}", _LLVM_TYPES.get(dtype, "ptr")
    types = ["i32"] * 3 + [integer] * 3 + [factor, "ptr", integer, "ptr", integer, factor]
    types += ["ptr", integer]
    return f"declare void @{import_name(dtype)}({', '.join(types)})"


def emit_gemm(dtype: DType, transposed: tuple[bool, bool], int_bits: int) -> str:
    """Return the function ``c[t] = a[t] @ b[t]`` for stacks of row-major matrices.

    Its arguments are pointers a, b, c and the integers m, n, k, count, then for each matrix the
    distance of its rows and that of the matrices, in elements. Where k is 0 the result is zero, as
    gemm makes it.
    """
    item = dtype.itemsize
    factors, one, zero = _factors(dtype)
    layouts = ", ".join(f"i32 {_TRANSPOSED if flag else _PLAIN}" for flag in transposed)
    integers = ("m", "n", "k", "lda.1", "ldb.1", "ldc.1")
    narrow = "" if int_bits == 64 else _narrowing(integers)
    suffix = "" if int_bits == 64 else ".n"
    m, n, k, lda, ldb, ldc = (f"i{int_bits} %{name}{suffix}" for name in integers)
    return f"""define internal void @{helper_name(dtype, transposed)}(
    ptr %a, ptr %b, ptr %c, i64 %m, i64 %n, i64 %k, i64 %count,
    i64 %lda, i64 %a.step, i64 %ldb, i64 %b.step, i64 %ldc, i64 %c.step) {{
entry:
{factors}  %lda.1 = call i64 @llvm.smax.i64(i64 %lda, i64 1)
  %ldb.1 = call i64 @llvm.smax.i64(i64 %ldb, i64 1)
  %ldc.1 = call i64 @llvm.smax.i64(i64 %ldc, i64 1)
{narrow}  br label %test
test:
  %t = phi i64 [0, %entry], [%next, %body]
  %more = icmp slt i64 %t, %count
  br i1 %more, label %body, label %done
body:
{_element("a", item)}{_element("b", item)}{_element("c", item)}\
  call void @{import_name(dtype)}(i32 {_ROW_MAJOR}, {layouts}, {m}, {n}, {k}, {one},
    ptr %a.t, {lda}, ptr %b.t, {ldb}, {zero}, ptr %c.t, {ldc})
  %next = add i64 %t, 1
  br label %test
done:
  ret void
}}
"""


def _factors(dtype: DType) -> tuple[str, str, str]:
    """Return what makes the factors of the product and of the old values, and both as arguments.

    Complex ones are passed by their addresses.
    """
    if dtype in _LLVM_TYPES:
        real = _LLVM_TYPES[dtype]
        return "", f"{real} 1.0", f"{real} 0.0"
    pair = f"[2 x {_LLVM_TYPES[PART[dtype]]}]"
    lines = [
        f"  %one = alloca {pair}, align 16",
        f"  %zero = alloca {pair}, align 16",
        f"  store {pair} zeroinitializer, ptr %one",
        f"  store {pair} zeroinitializer, ptr %zero",
        f"  store {pair[5:-1]} 1.0, ptr %one",
    ]
    return "".join(f"{line}\n" for line in lines), "ptr %one", "ptr %zero"


def _element(name: str, item: int) -> str:
    return f"""  %{name}.elements = mul i64 %t, %{name}.step
  %{name}.bytes = mul i64 %{name}.elements, {item}
  %{name}.t = getelementptr i8, ptr %{name}, i64 %{name}.bytes
"""


def _narrowing(names: tuple[str, ...]) -> str:
    return "".join(f"  %{name}.n = trunc i64 %{name} to i32\n" for name in names)
