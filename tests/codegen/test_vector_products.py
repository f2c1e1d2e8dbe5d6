"""A matrix by a vector, and by its own transpose: which way they go, and with which bits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tracegraph as tg
from tracegraph.codegen.plan import Gemm, walk

DTYPES = ("f4", "f8", "c8", "c16")


def numbers(*shape: int, dtype: str = "f8", seed: int = 0) -> Any:
    rng = np.random.default_rng(seed)
    parts = rng.normal(size=(2, *shape))
    return (parts[0] + 1j * parts[1] if dtype[0] == "c" else parts[0]).astype(dtype)


def routines(compiled: Any, trace: int = -1) -> list[str]:
    """Return the functions of BLAS that a trace calls."""
    steps = walk(compiled._paths[trace].executable.plan.steps)
    return [step.routine for step in steps if isinstance(step, Gemm)]


def assert_same(function: Any, *args: Any) -> list[str]:
    """Compile a function; compare the bits of a native call with NumPy's."""
    compiled = tg.compile(function, strict=True)
    compiled(*args)
    np.testing.assert_array_equal(compiled(*args), function(*args))
    return routines(compiled)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_large_matrix_by_a_vector_has_numpys_bits(dtype: str) -> None:
    a, x = numbers(90, 110, dtype=dtype), numbers(110, dtype=dtype, seed=1)
    y = numbers(90, dtype=dtype, seed=2)
    for function, v in (
        (lambda a, v: a @ v, x),
        (lambda a, v: v @ a, y),
        (lambda a, v: a.T @ v, y),
        (lambda a, v: v @ a.T, x),
        (lambda a, v: np.dot(a, v), x),
        (lambda a, v: a @ v[:, None], x),
        (lambda a, v: v[None] @ a, y),
    ):
        assert assert_same(function, a, v) == ["gemv"]


@pytest.mark.parametrize("dtype", DTYPES)
def test_vectors_with_strides_are_not_copied(dtype: str) -> None:
    a, b = numbers(90, 110, dtype=dtype), numbers(110, 90, dtype=dtype, seed=1)
    assert assert_same(lambda a, b: a @ b[:, 7], a, b) == ["gemv"]
    assert assert_same(lambda a, b: b[:, 7] @ b, a, b) == ["gemv"]
    assert assert_same(lambda a, b: a[3:80, 5:] @ b[5:, 7], a, b) == ["gemv"]


def test_vectors_that_blas_cannot_read_are_copied() -> None:
    a, x = numbers(90, 110), numbers(110)
    compiled = tg.compile(lambda a, x: (a @ x[::-1], a @ np.tanh(x)), strict=True)
    compiled(a, x)
    assert routines(compiled) == ["gemv", "gemv"]
    for found, expected in zip(compiled(a, x), (a @ x[::-1], a @ np.tanh(x)), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    "function",
    [
        lambda a, x: (2 * a) @ x,
        lambda a, x: np.exp(a) @ x,
        lambda a, x: a[::-1] @ x,
        lambda a, x: (a + x) @ x,
    ],
)
def test_a_matrix_that_blas_cannot_read_is_not_made_for_it(function: Any) -> None:
    a, x = numbers(90, 110), numbers(110)
    compiled = tg.compile(function, strict=True)
    compiled(a, x)
    assert routines(compiled) == []
    (kernel,) = [s for s in compiled._paths[-1].executable.plan.kernels() if "k0" in s.name]
    assert {b.name for b in kernel.program.buffers} >= {"in0", "in1"}
    np.testing.assert_allclose(compiled(a, x), function(a, x), rtol=1e-11, atol=1e-11)


def test_a_matrix_with_strides_of_the_caller_is_read_by_loops() -> None:
    """Gaps between elements of a row; rows that lie apart are known only when it is called."""
    base = numbers(200, 240)
    compiled = tg.compile(lambda a, x: a @ x, strict=True)
    for a in (base[:90, :220:2], base[90:180, 10:230:2], base[::-1][:90, :110]):
        np.testing.assert_allclose(compiled(a, base[0, :110]), a @ base[0, :110], rtol=1e-11)
    assert routines(compiled) == []


@pytest.mark.parametrize("shape", [(60, 60), (2000, 4), (4, 2000)])
def test_small_and_thin_matrices_are_read_by_loops(shape: tuple[int, int]) -> None:
    a, x, y = numbers(*shape), numbers(shape[1]), numbers(shape[0])
    compiled = tg.compile(lambda a, x, y: (a @ x, y @ a), strict=True)
    compiled(a, x, y)
    assert routines(compiled) == []
    for found, expected in zip(compiled(a, x, y), (a @ x, y @ a), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-11)


def test_sizes_that_vary() -> None:
    compiled = tg.compile(lambda a, x: a @ x, strict=True)
    for rows, columns in ((90, 110), (95, 120), (70, 90), (0, 3), (5, 0), (12, 2)):
        a, x = numbers(rows, columns), numbers(columns)
        np.testing.assert_array_equal(compiled(a, x), a @ x)
    assert routines(compiled, 1) == ["gemv"]


def test_products_of_parts_in_a_loop() -> None:
    def triangle(a: Any) -> Any:
        out = np.zeros(a.shape)
        for i in range(a.shape[0]):
            out[i, i:] = a[:, i] @ a[:, i:]
        return out

    a = numbers(100, 100)
    compiled = tg.compile(triangle, strict=True)
    compiled(a)
    np.testing.assert_allclose(compiled(a), triangle(a), rtol=1e-12, atol=1e-12)
    assert routines(compiled) == ["gemv"]


def test_small_parts_in_a_loop_are_read_by_loops() -> None:
    def triangle(a: Any) -> Any:
        out = np.zeros(a.shape)
        for i in range(a.shape[0]):
            out[i, i:] = a[:, i] @ a[:, i:]
        return out

    a = numbers(20, 20)
    compiled = tg.compile(triangle, strict=True)
    compiled(a)
    np.testing.assert_allclose(compiled(a), triangle(a), rtol=1e-12, atol=1e-12)
    assert routines(compiled) == []


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_matrix_by_its_transpose_has_numpys_bits(dtype: str) -> None:
    a = numbers(70, 90, dtype=dtype)
    assert assert_same(lambda a: a @ a.T, a) == ["syrk"]
    assert assert_same(lambda a: a.T @ a, a) == ["syrk"]
    assert assert_same(lambda a: np.dot(a[3:], a[3:].T), a) == ["syrk"]
    assert assert_same(lambda a: a[:50] @ a[10:60].T, a) == ["gemm"]
    stack = numbers(3, 20, 30, dtype=dtype)
    assert assert_same(lambda a: a @ a.transpose(0, 2, 1), stack) == ["syrk"]


def test_covariances_use_it() -> None:
    x = numbers(40, 60)
    compiled = tg.compile(lambda x: np.cov(x), strict=True)
    compiled(x)
    assert routines(compiled) == ["syrk"]
    np.testing.assert_allclose(compiled(x), np.cov(x), rtol=1e-12)
    np.testing.assert_array_equal(compiled(x), compiled(x).T)


def test_gradients_through_both() -> None:
    a, x = numbers(70, 90), numbers(90, seed=1)

    def loss(a: Any, x: Any) -> Any:
        return np.sum(np.tanh(a @ x)) + np.sum(np.sin(a @ a.T / 90))

    value, (da, dx) = tg.compile(tg.value_and_grad(loss, argnums=(0, 1)))(a, x)
    assert value == pytest.approx(loss(a, x))
    s = 1 / np.cosh(a @ x) ** 2
    c = np.cos(a @ a.T / 90) / 90
    np.testing.assert_allclose(da, np.outer(s, x) + (c + c.T) @ a, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(dx, s @ a, rtol=1e-10, atol=1e-12)
