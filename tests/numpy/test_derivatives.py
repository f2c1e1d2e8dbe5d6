"""Derivatives of NumPy's functions against finite differences, compiled and under vmap."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

import tracegraph as tg

Function = Callable[[Any], Any]
RNG = np.random.default_rng(1)
A = RNG.normal(size=(4, 4))
S = A @ A.T + 4 * np.eye(4)
T = RNG.normal(size=(5, 3))
WIDE = T.T.copy()
B = RNG.normal(size=(4, 2))
STACK = RNG.normal(size=(2, 3, 3)) + 3 * np.eye(3)
POINTS = np.array([-3.0, -1.0, 0.3, 2.0])
HOLES = np.where(T > 1, np.nan, 0.0)
WAVE = np.cos(np.arange(1.0, 400.0))


def weights(x: Any) -> Any:
    """Return fixed numbers of the shape of an array, so that no element's part is lost in a sum."""
    return WAVE[: x.size].reshape(x.shape)


def weighted(*results: Any) -> Any:
    """Return one number that depends on every element, of complex numbers on both parts."""
    total = 0.0
    for x in results:
        w = weights(x)
        total = total + (np.real(x) * w).sum() + (np.imag(x) * (1 + w)).sum()
    return total


CASES: dict[str, tuple[Function, Any]] = {
    "sort": (lambda x: weighted(np.sort(x, axis=0)), T),
    "partition": (lambda x: weighted(np.partition(x, 2, axis=0) ** 2), T),
    "median": (lambda x: weighted(np.median(x, axis=0)), T),
    "median of pairs": (lambda x: np.median(x) ** 2, A),
    "percentile": (lambda x: weighted(np.percentile(x, [10, 60, 77], axis=1)), T),
    "nanmedian": (lambda x: weighted(np.nanmedian(x + HOLES, axis=0)), T),
    "nanquantile": (lambda x: weighted(np.nanquantile(x + HOLES, 0.3, axis=0)), T),
    "nanvar": (lambda x: weighted(np.nanvar(x + HOLES, axis=0) ** 2), T),
    "nanprod": (lambda x: weighted(np.nanprod(x + HOLES, axis=1)), T),
    "nanmax": (lambda x: weighted(np.nanmax(x + HOLES, axis=1)), T),
    "cov": (lambda x: weighted(np.cov(x)), A),
    "corrcoef": (lambda x: weighted(np.corrcoef(x)), A),
    "interp": (lambda x: weighted(np.interp(x, POINTS, A[0]) ** 2), T),
    "interp's values": (lambda y: weighted(np.interp(T, POINTS, y) ** 2), A[0]),
    "interp's points": (lambda p: weighted(np.interp(T, p, A[0]) ** 2), POINTS),
    "convolve": (lambda x: weighted(np.convolve(x, A[0], "same") ** 2), T[:, 0]),
    "convolve with": (lambda y: weighted(np.convolve(A[0], y) ** 2), T[0]),
    "correlate": (lambda y: weighted(np.correlate(T[:, 0], y) ** 2), A[0]),
    "histogram": (lambda w: weighted(np.histogram(T, 4, weights=w)[0] ** 2), T**2),
    "bincount": (lambda w: weighted(np.bincount([0, 2, 2, 1], w) ** 2), A[0]),
    "select": (lambda x: weighted(np.select([x > 1, x > 0], [x**2, 3 * x], x)), T),
    "choose": (lambda x: weighted(np.choose([0, 1, 0, 1], [x, x**2])), A),
    "block": (lambda x: weighted(np.block([[x, 2 * x], [x.T, x @ x]])), A),
    "inv": (lambda x: weighted(np.linalg.inv(x)), S),
    "inv of a stack": (lambda x: weighted(np.linalg.inv(x)), STACK),
    "solve": (lambda x: weighted(np.linalg.solve(x, B) ** 2), S),
    "solve for": (lambda b: weighted(np.linalg.solve(S, b) ** 2), B),
    "solve for a vector": (lambda b: weighted(np.linalg.solve(S, b) ** 2), B[:, 0]),
    "det": (lambda x: weighted(np.linalg.det(x)), STACK),
    "slogdet": (lambda x: weighted(np.linalg.slogdet(x).logabsdet), STACK),
    "cholesky": (lambda x: weighted(np.linalg.cholesky(x)), S),
    "eigh": (lambda x: weighted(*np.linalg.eigh(x)), S),
    "eigvalsh": (lambda x: weighted(np.linalg.eigvalsh(x, "U")), S),
    "qr": (lambda x: weighted(*np.linalg.qr(x)), T),
    "qr of a wide matrix": (lambda x: weighted(*np.linalg.qr(x)), WIDE),
    "svd": (lambda x: weighted(*np.linalg.svd(x, full_matrices=False)), T),
    "svd of a wide matrix": (lambda x: weighted(*np.linalg.svd(x, full_matrices=False)), WIDE),
    "singular values": (lambda x: weighted(np.linalg.svd(x, compute_uv=False)), T),
    "pinv": (lambda x: weighted(np.linalg.pinv(x)), T),
    "lstsq": (lambda x: weighted(*np.linalg.lstsq(x, T[:, :2])[:2]), T + 1),
    "lstsq for": (lambda b: weighted(*np.linalg.lstsq(T, b)[:2]), A[:, :2].repeat(2, 0)[:5]),
    "matrix_power": (lambda x: weighted(np.linalg.matrix_power(x, 5)), A / 2),
    "matrix_power of inverses": (lambda x: weighted(np.linalg.matrix_power(x, -2)), S),
    "multi_dot": (lambda x: weighted(np.linalg.multi_dot([x, B, B.T, x])), A),
    "spectral norm": (lambda x: np.linalg.norm(x, 2), A),
    "nuclear norm": (lambda x: np.linalg.norm(x, "nuc"), A),
    "cond": (lambda x: np.linalg.cond(x), A),
    "tensorsolve": (lambda x: weighted(np.linalg.tensorsolve(x.reshape(2, 2, 4), B[:2])), S),
    "tensorinv": (lambda x: weighted(np.linalg.tensorinv(x.reshape(2, 2, 4))), S),
    "fft": (lambda x: weighted(np.fft.fft(x, axis=0)), T),
    "fft of fewer": (lambda x: weighted(np.fft.fft(x, 3, norm="ortho")), A),
    "ifft": (lambda x: weighted(np.fft.ifft(x * (1 + 2j))), T),
    "rfft": (lambda x: weighted(np.fft.rfft(x, 7)), T),
    "irfft": (lambda x: weighted(np.fft.irfft(x * (1 - 2j), 5)), T),
    "irfft of an even length": (lambda x: weighted(np.fft.irfft(x * (1 - 2j))), T),
    "hfft": (lambda x: weighted(np.fft.hfft(x * (1 - 2j), norm="forward")), T),
    "ihfft": (lambda x: weighted(np.fft.ihfft(x)), T),
    "rfft2": (lambda x: weighted(np.fft.rfft2(x)), T),
    "irfftn": (lambda x: weighted(np.fft.irfftn(x * (1 + 1j), axes=(0, 1))), T),
    "fftshift": (lambda x: weighted(np.fft.fftshift(x) ** 2), T),
}


def finite_difference(function: Function, x: Any, step: float = 1e-6) -> Any:
    """Return the gradient by central differences."""
    out = np.zeros_like(x)
    for at in np.ndindex(x.shape):
        shift = np.zeros_like(x)
        shift[at] = step
        out[at] = (function(x + shift) - function(x - shift)) / (2 * step)
    return out


def close(found: Any, expected: Any, tolerance: float) -> None:
    scale = 1 + np.max(np.abs(expected))
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * scale)


@pytest.mark.parametrize("name", CASES)
def test_the_gradient_is_the_finite_difference(name: str) -> None:
    function, x = CASES[name]
    gradient = tg.grad(function)(x)
    close(gradient, finite_difference(function, x), 1e-6)
    _, forward = tg.jvp(function, (x,), (weights(x),))
    close(forward, (gradient * weights(x)).sum(), 1e-9)


@pytest.mark.parametrize("name", CASES)
def test_the_second_derivative_is_the_finite_difference(name: str) -> None:
    function, x = CASES[name]
    gradient, direction = tg.grad(function), weights(x)
    step = 1e-5 * direction
    expected = (gradient(x + step) - gradient(x - step)) / 2e-5
    close(tg.grad(lambda x: (gradient(x) * direction).sum())(x), expected, 1e-5)


@pytest.mark.parametrize("name", CASES)
def test_a_compiled_gradient_is_the_gradient(name: str) -> None:
    function, x = CASES[name]
    gradient = tg.grad(function)
    compiled = tg.compile(gradient)
    for scale in (1.0, 1.0, 1.25):
        close(compiled(scale * x), gradient(scale * x), 1e-12)
    assert compiled.fallbacks == []


ALONE = {"histogram", "cond"}
"""Functions of which the examples of a batch need not agree in what is guarded."""


@pytest.mark.parametrize("name", [name for name in CASES if name not in ALONE])
def test_a_batch_is_a_loop_of_examples(name: str) -> None:
    function, x = CASES[name]
    batch = np.stack([x, 1.25 * x, 0.5 * x + 0.125 * x.mean()])
    expected = np.stack([function(one) for one in batch])
    close(tg.vmap(function)(batch), expected, 1e-12)
    gradient = tg.vmap(tg.grad(function))(batch)
    close(gradient, np.stack([tg.grad(function)(one) for one in batch]), 1e-9)
    close(tg.grad(lambda x: tg.vmap(function)(x).sum())(batch), gradient, 1e-9)


sizes = st.integers(1, 4)


@settings(max_examples=20, deadline=None)
@given(sizes, sizes, st.integers(0, 2), st.integers(0, 99))
def test_matrices_of_any_shape(m: int, n: int, batch: int, seed: int) -> None:
    shape = (*(2,) * batch, m, n)
    x = np.random.default_rng(seed).normal(size=shape) + 2 * np.eye(m, n)
    functions: list[Function] = [
        lambda x: weighted(np.linalg.pinv(x)),
        lambda x: weighted(*np.linalg.qr(x)),
        lambda x: weighted(np.linalg.svd(x, compute_uv=False)),
        lambda x: weighted(np.linalg.inv(x @ x.swapaxes(-1, -2) + np.eye(m))),
        lambda x: weighted(np.linalg.cholesky(x @ x.swapaxes(-1, -2) + np.eye(m))),
    ]
    for function in functions:
        _, forward = tg.jvp(function, (x,), (weights(x),))
        step = 1e-6 * weights(x)
        expected = (function(x + step) - function(x - step)) / 2e-6
        close(forward, expected, 1e-4)
        close((tg.grad(function)(x) * weights(x)).sum(), forward, 1e-8)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 6), st.integers(1, 7), st.sampled_from(["backward", "ortho", "forward"]))
def test_transforms_of_any_length(length: int, wanted: int, norm: Any) -> None:
    x = np.cos(np.arange(1.0, 1 + 3 * length)).reshape(3, length)
    for transform in (np.fft.fft, np.fft.ifft, np.fft.rfft, np.fft.irfft, np.fft.hfft):
        factor = 1 if transform is np.fft.rfft else 1 + 2j

        def function(x: Any, transform: Any = transform, factor: Any = factor) -> Any:
            return weighted(transform(x * factor, wanted, 1))

        # The functions are linear: a step of any size gives the derivative.
        value, forward = tg.jvp(function, (x,), (weights(x),))
        close(forward, function(x + weights(x)) - value, 1e-12)
        close((tg.grad(function)(x) * weights(x)).sum(), forward, 1e-12)


def test_what_has_no_derivative_says_so() -> None:
    with pytest.raises(tg.DifferentiationError, match="full_matrices=False"):
        tg.grad(lambda x: weighted(*np.linalg.svd(x)))(T)
    with pytest.raises(np.linalg.LinAlgError, match="Singular"):
        tg.grad(lambda x: np.linalg.det(x))(np.ones((2, 2)))
