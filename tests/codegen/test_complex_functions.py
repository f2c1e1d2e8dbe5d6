"""Complex arithmetic and functions: NumPy's special values, and how exact they are."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterator

import mpmath
import numpy as np
import pytest

from tests.codegen.complex_kit import (
    DTYPE_NAMES,
    Array,
    assert_bits,
    native_result,
    numbers,
    parts_of,
    same,
)


@pytest.fixture(autouse=True)
def _numpy_may_warn() -> Iterator[None]:
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        yield


SPECIAL: dict[str, tuple[float, ...]] = {
    "complex128": (0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 710.0, -800.0, 1e-310, -1e-200, 1e300, -1.5e308,
                   np.inf, -np.inf, np.nan),
    "complex64": (0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 88.9, -120.0, 1e-40, -1e-30, 1e30, -3e38,
                  np.inf, -np.inf, np.nan),
}  # fmt: skip


def special(dtype: str) -> Array:
    """Return every pair of special parts; arithmetic of complex numbers would spoil some."""
    pairs = list(itertools.product(SPECIAL[dtype], repeat=2))
    out = np.empty(len(pairs), dtype)
    out.real, out.imag = np.array(pairs, out.real.dtype).T
    return out


BINARY = (
    "add subtract multiply divide equal not_equal less less_equal greater greater_equal maximum "
    "minimum fmax fmin logical_and logical_or logical_xor"
).split()


@pytest.mark.parametrize("dtype", DTYPE_NAMES)
@pytest.mark.parametrize("name", BINARY)
def test_binary_operations_on_special_values(name: str, dtype: str) -> None:
    one, ufunc = special(dtype), getattr(np, name)
    x, y = np.repeat(one, len(one)), np.tile(one, len(one))
    assert_bits(native_result(lambda x, y: ufunc(x, y), x, y), ufunc(x, y))


@pytest.mark.parametrize("dtype", DTYPE_NAMES)
@pytest.mark.parametrize("exponent", [-3, -2, -1, 0, 1, 2, 3, 4, 7, 99])
def test_whole_powers_of_special_values(exponent: int, dtype: str) -> None:
    x = special(dtype)
    y = np.full_like(x, exponent)
    assert_bits(native_result(lambda x, y: np.power(x, y), x, y), np.power(x, y))
    assert_bits(native_result(lambda x: np.power(x, exponent + 0j), x), np.power(x, exponent + 0j))


UNARY = (
    "exp expm1 log log2 log10 sqrt sin cos tan sinh cosh tanh absolute sign reciprocal square "
    "negative conjugate isnan isinf isfinite"
).split()


@pytest.mark.parametrize("dtype", DTYPE_NAMES)
@pytest.mark.parametrize("name", UNARY)
def test_functions_of_special_values(name: str, dtype: str) -> None:
    x, ufunc = special(dtype), getattr(np, name)
    got, want = native_result(lambda x: ufunc(x), x), ufunc(x)
    size = np.abs(want) if want.dtype.kind != "b" else np.zeros(want.shape)
    for mine, theirs in zip(parts_of(got), parts_of(want), strict=True):
        # Where the absolute value is infinite, a finite part counts by itself.
        scale = np.where(np.isfinite(size), size, np.abs(theirs))
        near = np.abs(mine - theirs) <= 4 * np.finfo(dtype).eps * scale
        tiny = np.abs(mine - theirs) <= np.finfo(dtype).smallest_subnormal
        wrong = ~(same(mine, theirs) | near | tiny)
        assert not np.any(wrong), list(zip(x[wrong], got[wrong], want[wrong], strict=True))


# -- accuracy -------------------------------------------------------------------------------------

FUNCTIONS = {
    name: getattr(mpmath, {"log2": "log", "log10": "log"}.get(name, name))
    for name in "exp expm1 log log2 log10 log1p sqrt sin cos tan sinh cosh tanh".split()
}


@pytest.mark.parametrize("dtype", DTYPE_NAMES)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_are_within_a_few_ulp(name: str, dtype: str) -> None:
    """Of their absolute value: also near 1, where a logarithm is small."""
    rng = np.random.default_rng(3)
    angle = rng.uniform(-np.pi, np.pi, 100)
    near_one = np.exp(1j * angle) * (1 + rng.normal(size=100) * 1e-6)
    scale = 10.0 ** rng.uniform(-8, 1, 200)
    x = np.concatenate([near_one, numbers(200) * scale, near_one - 1, 1 + numbers(50) * 1e-7])
    x = x.astype(dtype)
    got = native_result(lambda x: getattr(np, name)(x), x)
    base = {"log2": 2, "log10": 10}.get(name)
    with mpmath.workprec(200):
        for number, mine in zip(x, got, strict=True):
            given = [mpmath.mpc(float(number.real), float(number.imag))]
            if name == "log1p":
                exact = mpmath.log(1 + given[0])
            else:
                exact = FUNCTIONS[name](*given, *([base] if base else []))
            error = abs(mpmath.mpc(float(mine.real), float(mine.imag)) - exact)
            assert error <= 4 * np.finfo(dtype).eps * abs(exact), (number, mine, exact)
