"""Complex numbers in kernels: NumPy's bits for arithmetic, sums, programs, no callouts."""

from __future__ import annotations

import ctypes
import itertools
import mmap
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import tracegraph as tg
from tests.codegen.complex_kit import (
    C128,
    DTYPE_NAMES,
    Array,
    assert_bits,
    is_native,
    native_result,
    numbers,
)
from tests.codegen.harness import compiled, load_kernel
from tracegraph.codegen.loops.parts import parts
from tracegraph.codegen.native import PIPELINES, compile_kernel
from tracegraph.codegen.plan import Fresh, Gemm, Kernel
from tracegraph.codegen.schedule import plan
from tracegraph.ir.graph import trace
from tracegraph.ir.loop_interpret import interpret_loops
from tracegraph.ir.loop_verify import verify_loops
from tracegraph.ir.loops import scalars
from tracegraph.ir.ops.arithmetic import add, multiply
from tracegraph.ir.ops.broadcast import sum_
from tracegraph.ir.ops.reduce import max_, prod
from tracegraph.ir.ops.scan import cumsum
from tracegraph.ir.ops.structural import transpose
from tracegraph.ir.sizes import symbol
from tracegraph.ir.types import ArrayType


@pytest.fixture(autouse=True)
def _numpy_may_warn() -> Iterator[None]:
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        yield


# -- what runs natively ---------------------------------------------------------------------------

EXACT: dict[str, Callable[..., Any]] = {
    "arithmetic": lambda x, y: (x + y) * x - y / x + (-x) * y.conj(),
    "square": lambda x, y: np.square(x) + x**2 - np.reciprocal(y),
    "power": lambda x, y: x**3 + y**-2 + x**7,
    "parts": lambda x, y: x.real * y.imag + 1j * x.imag,
    "where": lambda x, y: np.multiply(np.where(x.real > 0, x, y), 2j),
    "compare": lambda x, y: (x < y) | (x == y) | (x >= np.abs(y)) | np.isnan(x) | np.isfinite(y),
    "order": lambda x, y: np.maximum(x, y) - np.minimum(x, y) + np.fmax(x, y),
    "logic": lambda x, y: np.logical_and(x, y) ^ np.logical_not(x),
    "cast": lambda x, y: x.astype(np.complex64) * y.real.astype(np.complex64),
    "real to complex": lambda x, y: x.real.astype(complex) * 1j + y * np.float32(2),
    "transpose": lambda x, y: x.T * y.T + x.T[::-1],
    "reshape": lambda x, y: x.reshape(-1)[::2] * y.ravel()[::2],
    "concatenate": lambda x, y: np.concatenate([x[:2], y, x[2:] * 1j], axis=1 - 1),
    "stack": lambda x, y: np.stack([x, y], axis=1) * 2,
    "roll": lambda x, y: np.roll(x, 2, axis=1) - np.pad(y, 1)[1:-1, 1:-1],
    "gather": lambda x, y: x[[2, 0, 1]] + y[np.array([1, 1, 3])],
    "broadcast": lambda x, y: x + y[0] * np.arange(5) - y[:, :1],
    "sum": lambda x, y: (x * y).sum() + x.sum(0)[0] + y.sum(1)[0],
    "cumsum": lambda x, y: np.cumsum(x, axis=1) + np.cumsum(y, axis=0),
    "largest": lambda x, y: x.max() + y.min(axis=0),
    "any": lambda x, y: (x != 0).all() & (y != y).any(),
    "matmul": lambda x, y: x @ y.T,
}


@pytest.mark.parametrize("name", EXACT)
def test_operations_have_numpys_bits_and_no_callouts(name: str) -> None:
    x, y = numbers(4, 5), numbers(4, 5, seed=1)
    got, want = native_result(EXACT[name], x, y), EXACT[name](x, y)
    if name in ("sum", "matmul"):
        np.testing.assert_allclose(got, want, rtol=1e-14)
    else:
        assert_bits(got, want)


def test_single_numbers_have_the_products_of_numpys_scalars() -> None:
    """Loops over arrays round once less; both are NumPy's bits."""
    found = tg.compile(lambda x: (x[0] * x[1], x[2] ** 2, x[0] / x[1], x[1:] * x[0]), strict=True)
    for seed in range(20):
        x = numbers(3, seed=seed)
        found(x)
        for got, want in zip(found(x), found.eager(x), strict=True):
            assert_bits(got, want)


CLOSE: dict[str, Callable[..., Any]] = {
    "absolute": lambda x: np.abs(x),
    "angle": lambda x: np.angle(x),
    "sign": lambda x: np.sign(x),
    "elementary": lambda x: np.exp(x) + np.log(x) + np.sqrt(x) + np.sin(x) * np.tanh(x),
    "general power": lambda x: x ** (0.3 + 1j),
    "mean": lambda x: x.mean(),
    "var": lambda x: x.var(axis=0),
    "prod": lambda x: x.prod(axis=1),
    "cumprod": lambda x: np.cumprod(x, axis=0),
    "vdot": lambda x: np.vdot(x, x),
    "einsum": lambda x: np.einsum("ij,kj->ik", x, x.conj()),
    "norm": lambda x: np.linalg.norm(x),
}


@pytest.mark.parametrize("dtype", DTYPE_NAMES)
@pytest.mark.parametrize("name", CLOSE)
def test_rounded_operations_are_close_and_native(name: str, dtype: str) -> None:
    x = numbers(6, 5, dtype=dtype)
    got, want = np.asarray(native_result(CLOSE[name], x)), np.asarray(CLOSE[name](x))
    assert got.dtype == want.dtype
    np.testing.assert_allclose(got, want, rtol=40 * float(np.finfo(dtype).eps))


def test_updates_and_scatters_in_place_are_native() -> None:
    def update(x: Array, y: Array) -> None:
        x[1:3] += 2j * y[:2]
        x[[0, 2]] = y[[1, 1]]
        np.add.at(x, [3, 3], y[:2])
        x *= y.real

    x, y = numbers(4, 5), numbers(4, 5, seed=1)
    compiled_ = tg.compile(update, strict=True)
    compiled_(x.copy(), y)
    got, want = x.copy(), x.copy()
    compiled_(got, y)
    update(want, y)
    assert_bits(got, want)
    assert is_native(compiled_)


def test_what_no_part_rule_has_is_called() -> None:
    x = numbers(4, 5)
    found = tg.compile(lambda x: np.arcsin(x) * x.argmax(), strict=True)
    found(x)
    assert not is_native(found)
    np.testing.assert_allclose(found(x), np.arcsin(x) * x.argmax(), rtol=1e-15)


def test_a_large_product_is_a_call_of_blas() -> None:
    for dtype in DTYPE_NAMES:
        x, y = numbers(2, 40, 30, dtype=dtype), numbers(2, 30, 20, dtype=dtype)
        found = tg.compile(lambda x, y: x @ y, strict=True)
        found(x, y)
        (step,) = found._paths[0].executable.plan.steps
        assert isinstance(step, Gemm)
        assert_bits(found(x, y), x @ y)


def test_strides_and_sizes_of_the_caller() -> None:
    whole = numbers(9, 14)
    found = tg.compile(lambda x: (x * 2j).sum(axis=0) + x[0], strict=True)
    for x in (whole, whole.T, whole[::2, ::-1], whole[3:, 5:6], whole[:0], whole[::3, ::2].T):
        if len(x):
            found(x)
            np.testing.assert_allclose(found(x), (x * 2j).sum(axis=0) + x[0], rtol=1e-14)


# -- sums -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPE_NAMES)
@pytest.mark.parametrize("shape", [(3, 3), (2, 9), (70, 70), (5000, 2), (1, 1)])
def test_an_infinite_part_of_a_sum_leaves_the_other_alone(
    shape: tuple[int, int], dtype: str
) -> None:
    function = tg.compile(lambda x: (x.sum(), x.sum(0), x.sum(1), np.cumsum(x, 1)), strict=True)
    for re, im in itertools.product((np.inf, -np.inf, np.nan, 1.0), repeat=2):
        x = np.full(shape, 1 + 0.5j, dtype)
        x.real[shape[0] // 2, shape[1] // 2] = re
        x.imag[shape[0] // 2, shape[1] // 2] = im
        function(x)
        for got, want in zip(function(x), function.eager(x), strict=True):
            assert_bits(got, want)


def test_sums_start_from_zero_and_products_from_one_as_numpys() -> None:
    for n in (0, 1, 2, 9, 100):
        x = np.full((n, 2), complex(-0.0, -0.0))
        assert_bits(native_result(lambda x: x.sum(0), x), x.sum(0))
        y = np.full((n, 2), complex(np.inf, 0.0))
        assert_bits(native_result(lambda y: y.prod(0), y), y.prod(0))
        assert_bits(native_result(lambda y: np.cumprod(y, 0), y), np.cumprod(y, 0))


def test_long_sums_are_as_exact_as_those_of_the_parts() -> None:
    x = numbers(100_001, dtype="complex64")
    total = native_result(lambda x: x.sum(), x)
    exact = x.astype(C128).sum()
    assert abs(total - exact) <= 2 * np.finfo(np.float32).eps * np.abs(x).sum() ** 0.5


# -- programs -------------------------------------------------------------------------------------

PROGRAMS: dict[str, Callable[..., Any]] = {
    "elementwise": lambda x: multiply(x, add(x, x)),
    "rows": lambda x: sum_(x, axes=(1,)),
    "columns": lambda x: sum_(x, axes=(0,)),
    "all": lambda x: sum_(multiply(x, x), axes=(0, 1)),
    "turned": lambda x: add(transpose(x, axes=(1, 0)), transpose(x, axes=(1, 0))),
    "product": lambda x: prod(x, axes=(1,)),
    "largest": lambda x: max_(x, axes=(0, 1)),
    "running": lambda x: cumsum(x, axis=0),
}


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize("fp", PIPELINES)
def test_transformations_keep_the_meaning(name: str, fp: str) -> None:
    """The program of complex numbers, interpreted, is that of their parts, step by step."""
    x = numbers(66, 65) / 4 if name == "columns" else numbers(18, 17) / 4
    graph = trace(PROGRAMS[name], ArrayType(C128, x.shape))
    found = plan(graph, [Fresh(tuple(range(o.array_type.ndim))) for o in graph.outputs])
    (step,) = found.steps
    assert isinstance(step, Kernel)
    program, results = step.program, []
    for transformation in (lambda p: p, *PIPELINES[fp]):
        program = transformation(program)
        verify_loops(program)
        memory = {b.name: np.zeros(int(b.size), b.dtype) for b in found.buffers}  # type: ignore[arg-type]
        memory["in0"] = x.ravel()
        views = {b.name: memory[b.name].view(b.dtype) for b in program.buffers if not b.local}
        interpret_loops(program, views)
        results.append(memory["out0"])
    assert all(s.dtype.kind != "c" for s in scalars(program))
    for result in results[1:]:
        np.testing.assert_allclose(result, results[0], rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("n", [0, 1, 7, 8, 9, 40])
def test_symbolic_sizes(n: int) -> None:
    type = ArrayType(C128, (symbol("n"), 3))
    runner = compiled(lambda x: (sum_(x, axes=(0,)), multiply(x, x)), type)
    x = numbers(n, 3)
    total, square = runner(x)
    np.testing.assert_allclose(total, x.sum(0), rtol=1e-14)
    assert_bits(square, x * x)


def test_pairs_are_read_inside_their_buffer() -> None:
    """Vectors of pairs end where the memory does: the page behind it may not be touched."""
    size = mmap.PAGESIZE
    pages = mmap.mmap(-1, 2 * size)
    start = ctypes.addressof(ctypes.c_char.from_buffer(pages))
    protect = ctypes.CDLL(None, use_errno=True).mprotect
    assert protect(ctypes.c_void_p(start + size), ctypes.c_size_t(size), 0) == 0
    try:
        whole = np.frombuffer(pages, C128, size // 16)
        whole[:] = numbers(len(whole))
        for n in (1, 8, 9, 40):
            x = whole[len(whole) - n :]
            graph = trace(lambda x: multiply(x, x), ArrayType(C128, (n,)))
            (step,) = plan(graph, [Fresh((0,))]).steps
            assert isinstance(step, Kernel)
            out = np.empty(n, C128)
            load_kernel(compile_kernel(step.program))({"in0": x, "out0": out})
            assert_bits(out, x * x)
            del x
        del whole
    finally:
        protect(ctypes.c_void_p(start + size), ctypes.c_size_t(size), 3)


def test_parts_that_are_not_used_are_not_computed() -> None:
    found = tg.compile(lambda x: (x * x).real * 1.0)
    found(numbers(50))
    (kernel,) = found._paths[0].executable.plan.kernels()
    operations = [s.op for s in scalars(parts(kernel.program))]
    assert operations.count("fma") == 1  # the one of the real part
