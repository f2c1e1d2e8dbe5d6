"""Methods of ufuncs: natively where there is a rule, else as calls of themselves."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tracegraph as tg
from tests.numpy.rule_checks import check, refuses
from tracegraph.numpy.callouts import UFUNC_METHODS
from tracegraph.numpy.ufunc_methods import BINARY, WRITING

RNG = np.random.default_rng(5)
M = RNG.normal(size=(5, 4))
V = RNG.normal(size=6)
WHOLE = RNG.integers(1, 9, (5, 4))
PLACES = [0, 3, 1, 4]


def operands(ufunc: np.ufunc) -> Any:
    """Return arrays that a ufunc takes."""
    if ufunc in (np.ldexp, np.left_shift, np.right_shift):
        return (WHOLE if ufunc is not np.ldexp else M), np.arange(3)
    takes_floats = any(t.startswith("dd") for t in ufunc.types)
    return (np.abs(M) + 1, np.abs(V)) if takes_floats else (WHOLE, np.arange(1, 4))


@pytest.mark.parametrize("ufunc", BINARY, ids=lambda ufunc: ufunc.__name__)
def test_outer(ufunc: np.ufunc) -> None:
    check(ufunc.outer, *operands(ufunc), close=True, symbolic=True)


@pytest.mark.parametrize("ufunc", [np.add, np.multiply, np.maximum, np.minimum])
def test_reductions_of_parts(ufunc: np.ufunc) -> None:
    for axis in (0, 1):
        check(ufunc.reduceat, M, [0, 2, 1, 1, 3], axis, close=True)
        check(ufunc.reduceat, WHOLE, [2, 3], axis)
    refuses(ufunc.reduceat, M, np.array([0, 2]), match="data")


@pytest.mark.parametrize("ufunc", [np.add, np.multiply, np.maximum, np.minimum])
def test_running_reductions(ufunc: np.ufunc) -> None:
    check(ufunc.accumulate, M, symbolic=True, close=True)
    check(ufunc.accumulate, WHOLE, 1, symbolic=True)


WRITERS = [method for method in WRITING if method.__self__ is not np.divide]


@pytest.mark.parametrize("method", WRITERS, ids=lambda method: method.__self__.__name__)
def test_updates_at_places(method: Any) -> None:
    x = M if any(t.startswith("dd") for t in method.__self__.types) else WHOLE
    for target in (x, x.T.copy(), WHOLE):
        check(method, target, PLACES[:2], target[0] + 1, symbolic=True)
        check(method, target, ([0, 0, 2], [1, 1, -1]), 2)
    check(np.divide.at, M, PLACES, 3.0)


@pytest.mark.parametrize("name", UFUNC_METHODS)
def test_every_method_compiles(name: str) -> None:
    ufunc_name, method_name = name.split(".")
    ufunc: np.ufunc = getattr(np, ufunc_name)
    method = getattr(ufunc, method_name)
    x, y = operands(ufunc)
    args = (x, y) if method_name == "outer" else (x, [0, 2]) if method_name == "reduceat" else (x,)

    def call(*given: Any) -> Any:
        return method(*given)

    with np.errstate(all="ignore"):
        try:
            expected = method(*args)
        except (TypeError, ValueError):  # it has no identity, or gives another dtype
            pytest.skip("NumPy has no such method of these dtypes")
        compiled = tg.compile(call)
        for _ in range(2):
            np.testing.assert_allclose(compiled(*args), expected, rtol=1e-12)
    assert compiled.fallbacks == []


def test_new_ufuncs() -> None:
    odd = np.array([0.0, -0.0, 1.0, -1.0, 5e-324, 1e308, np.inf, -np.inf, np.nan, 3.7, -2.5e-310])
    for dtype in (np.float64, np.float32):
        with np.errstate(all="ignore"):
            x = odd.astype(dtype)
        check(np.spacing, x, symbolic=True)
        check(np.ldexp, x, np.arange(-5, 6), symbolic=True)
        check(np.frexp, x, symbolic=True)
    for name in ("int8", "uint8", "int16", "int32", "uint32", "int64", "uint64"):
        info = np.iinfo(name)
        numbers = np.array([0, 1, info.min, info.max, 77, info.max - 3], dtype=name)
        check(np.bitwise_count, numbers, symbolic=True)
        check(np.gcd, numbers[2:], numbers[::-1][:4] // 3, symbolic=True)
        check(np.lcm, numbers % 9, numbers % 7 + 1, symbolic=True)


def test_derivatives_of_significands() -> None:
    gradient = tg.grad(lambda x: (np.frexp(x)[0] ** 2 + np.ldexp(x, 3)).sum())
    x = np.array([0.7, 3.0, -5.0, 1e-5])
    _, exponents = np.frexp(x)
    expected = 2 * np.frexp(x)[0] * 0.5**exponents + 8
    np.testing.assert_allclose(gradient(x), expected, rtol=1e-14)
    np.testing.assert_allclose(tg.compile(gradient)(x), expected, rtol=1e-14)


def test_updates_of_a_compiled_function() -> None:
    def step(x: Any, places: Any, y: Any) -> Any:
        np.maximum.at(x, places, y)
        np.subtract.at(x, places, y)
        return x.sum()

    compiled = tg.compile(step)
    for k in range(3):
        ours, theirs = V + k, V + k
        np.testing.assert_allclose(
            compiled(ours, np.array(PLACES), M[:, 0][:4]), step(theirs, PLACES, M[:, 0][:4])
        )
        np.testing.assert_array_equal(ours, theirs)
    assert compiled.fallbacks == []
