"""``python -m tracegraph doctor``: what tracegraph finds on this machine, and whether it works."""

from __future__ import annotations

import ast
import platform
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tracegraph import __version__
from tracegraph.codegen import blas, cpython, jit, object_cache
from tracegraph.compile import Compiled

REGISTERS = (("avx512f", 64), ("sve", 16), ("avx", 32), ("sse2", 16), ("neon", 16))
"""The bytes of a vector register, by the first of these features that the CPU has."""

FEATURES = ("sse4.2", "avx", "avx2", "fma", "avx512f", "neon", "sve")
"""Features that native code is the better for."""


def main() -> int:
    """Print what was found; return 0 where functions run natively here, else 1."""
    for name, value in findings():
        print(f"{name:<12}{value}")
    problem = cpython.layout_problem() or self_test()
    print(f"{'native code':<12}{'works' if problem is None else problem}")
    return int(problem is not None)


def findings() -> Iterator[tuple[str, str]]:
    """Yield what was found, as names and values."""
    yield "tracegraph", __version__
    yield "Python", f"{platform.python_version()} ({platform.python_implementation()})"
    yield "NumPy", np.__version__
    yield from compiler()
    yield "BLAS", blas_found()
    yield "cache", cache()


def compiler() -> Iterator[tuple[str, str]]:
    """Yield the compiler's versions, and the CPU that it compiles for."""
    try:
        identity, features = jit.identity(), jit.host_features()
    except (ImportError, OSError, RuntimeError) as error:
        yield "llvmlite", f"cannot be loaded: {error}"
        return
    # Only the versions, which are written as a tuple, have blanks in them.
    *versions, triple, cpu, _ = identity.split(" ")
    llvmlite, *llvm = ast.literal_eval(" ".join(versions))
    yield "llvmlite", str(llvmlite)
    yield "LLVM", ".".join(map(str, llvm))
    yield "CPU", f"{cpu}, {triple}"
    yield "features", " ".join(name for name in FEATURES if name in features) or "none of interest"
    size = next((size for name, size in REGISTERS if name in features), 16)
    yield "lanes", f"{size // 8} float64 or {size // 4} float32 in a register"


def blas_found() -> str:
    """Return which library multiplies matrices."""
    found = blas.find()
    if found is None:
        return "none that can be called: np.matmul is used"
    symbols = ", ".join(found.symbols.values())
    return f"{found.path}: {symbols}, {found.int_bits}-bit sizes"


def cache() -> str:
    """Return where object code is kept, and how much of it there is."""
    folder = object_cache.directory()
    if folder is None:
        return f"none: {object_cache.VARIABLE} is empty"
    try:
        sizes = [path.stat().st_size for path in Path(folder).iterdir()]
    except FileNotFoundError:
        return f"{folder}, not there yet"
    except OSError as error:
        return f"{folder}, not readable: {error.strerror}"
    return f"{folder}, {len(sizes)} files, {sum(sizes) / 2**20:.1f} MiB"


def self_test() -> str | None:
    """Compile and run a small function; return what went wrong, or None."""
    x = np.linspace(-1.0, 1.0, 12).reshape(4, 3)
    expected = probe(x)
    compiled = Compiled(probe, strict=True, fp="strict")
    before = time.perf_counter()
    try:
        first, second = compiled(x), compiled(x)
    except Exception as error:  # whatever it is, it is the finding
        return f"{type(error).__name__}: {error}"
    if not _close(first, expected) or not _close(second, expected):
        return "a compiled function gives wrong results; please report it with this output"
    print(f"{'self-test':<12}compiled and run in {time.perf_counter() - before:.2f} s")
    return None


def probe(x: Any) -> Any:
    """Use what can fail on its own: a kernel, a reduction, BLAS or its replacement."""
    y = np.tanh(x @ x.T)
    return y / np.sum(y * y)


def _close(found: Any, expected: Any) -> bool:
    return isinstance(found, np.ndarray) and bool(np.allclose(found, expected, rtol=1e-12))
