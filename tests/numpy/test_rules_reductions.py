"""Rules of reductions, running sums and statistics against NumPy."""

from typing import Any

import hypothesis.extra.numpy as hnp
import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from tests.numpy.rule_checks import Number, check, may_refuse, refuses, run_numpy
from tracegraph.ir.types import DTYPES

SUMS = [np.sum, np.prod, np.mean, np.var, np.std]
OTHERS = [np.max, np.min, np.amax, np.amin, np.any, np.all, np.ptp, np.count_nonzero]
ONE_AXIS = [np.argmax, np.argmin, np.cumsum, np.cumprod]


def sample(dtype: Any, shape: tuple[int, ...] = (3, 4, 2)) -> Any:
    numbers = np.random.default_rng(1).integers(-4, 9, size=shape)
    if dtype.kind == "u":
        numbers = abs(numbers)
    return (numbers * (1 + 0.5j) if dtype.kind == "c" else numbers).astype(dtype)


@pytest.mark.parametrize("function", SUMS + OTHERS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("dtype", DTYPES.values(), ids=str)
def test_axes(function: Any, dtype: Any) -> None:
    x = sample(dtype)
    close = function in SUMS
    for axis in (None, 0, -1, (0, 2), (1,), (0, 1, 2), ()):
        for options in ({}, {"keepdims": True}):
            if not supported(function, x, axis=axis, **options):
                continue
            check(function, x, axis=axis, close=close, symbolic=True, **options)
    if supported(function, x):
        check(function, x, close=close)
        check(function, x.tolist(), close=close)


def supported(function: Any, *args: Any, **options: Any) -> bool:
    """Return whether NumPy itself has an answer."""
    try:
        run_numpy(function, args, options)
    except TypeError:
        return False
    return True


@pytest.mark.parametrize("function", ONE_AXIS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("dtype", DTYPES.values(), ids=str)
def test_one_axis(function: Any, dtype: Any) -> None:
    for axis in (None, 0, -1, 1):
        check(function, sample(dtype), axis=axis, symbolic=True, close=True)
    if function in (np.argmax, np.argmin):
        check(function, sample(dtype), axis=1, keepdims=True, symbolic=True)
        check(function, sample(dtype), keepdims=True, symbolic=True)
        check(function, sample(dtype, ()))


def test_dtypes() -> None:
    x = sample(np.dtype("f4"))
    check(np.sum, x, dtype=np.float64)
    check(np.sum, x, 0, "f8")
    check(np.mean, x, dtype=np.float64, close=True)
    check(np.sum, x.astype("i4"), dtype="i4")
    check(np.cumsum, x.astype("i2"), dtype=np.float32)
    check(np.sum, x > 0, dtype=bool)
    refuses(np.mean, x, dtype=int, match="integers")


def test_variance() -> None:
    x = sample(np.dtype(float))
    for options in ({"ddof": 1}, {"ddof": 1.0}, {"correction": 1}, {"ddof": 3}):
        check(np.var, x, 0, close=True, symbolic=True, **options)
        check(np.std, x, axis=(0, 1), keepdims=True, close=True, symbolic=True, **options)
    check(np.var, x, axis=0, mean=x.mean(0, keepdims=True), close=True)


@pytest.mark.parametrize("dtype", ["f4", "f8", "c8"])
def test_variance_takes_any_number_from_the_count(dtype: str) -> None:
    """Also one that is known at each call alone."""
    x = sample(np.dtype(dtype))
    for ddof in (0.3, 1.5, 99.5, Number(0.3), Number(2), Number(99)):
        check(np.var, x, axis=0, ddof=ddof, close=True, symbolic=True)
        check(np.std, x, correction=ddof, keepdims=True, close=True, symbolic=True)
    refuses(np.var, x, ddof=Number(1j), match="real number")


def test_average() -> None:
    x = sample(np.dtype(float))
    check(np.average, x, close=True)
    check(np.average, x, axis=1, close=True, symbolic=True)
    check(np.average, x, axis=1, weights=np.arange(1.0, 5.0), close=True, symbolic=True)
    check(np.average, x.astype(int), weights=x**2 + 1, close=True, symbolic=True)
    check(np.average, x, axis=0, weights=[1, 2, 3], keepdims=True, close=True)
    check(np.average, x, returned=True, close=True, symbolic=True)
    check(np.average, x, 1, np.arange(1.0, 5.0), True, keepdims=True, close=True, symbolic=True)


def test_reductions_of_ufuncs() -> None:
    x = sample(np.dtype(float))
    for reduce in (np.add, np.multiply, np.maximum, np.minimum, np.logical_or, np.logical_and):
        check(reduce.reduce, x, symbolic=True)
        check(reduce.reduce, x, axis=(0, 1), keepdims=True, symbolic=True)
        check(reduce.reduce, x, None)
    check(np.logaddexp.reduce, x, close=True, symbolic=True)
    check(np.logaddexp.reduce, x, axis=1, keepdims=True, close=True)
    check(np.logaddexp.reduce, np.array([-np.inf, -np.inf]), close=True)
    check(np.add.accumulate, x, axis=1, symbolic=True)
    check(np.multiply.accumulate, x, symbolic=True)


def test_methods() -> None:
    x = sample(np.dtype(float))
    for name in ("sum", "prod", "mean", "var", "std", "max", "min", "any", "all"):
        check(name, x, close=True, symbolic=True)
        check(name, x, 1, close=True, symbolic=True)
        check(name, x, axis=(0, -1), keepdims=True, close=True, symbolic=True)
    for name in ("argmax", "argmin", "cumsum", "cumprod"):
        check(name, x, close=True, symbolic=True)
        check(name, x, 1, close=True, symbolic=True)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int32, np.uint8])
def test_where_and_initial(dtype: Any) -> None:
    x = sample(np.dtype(dtype))
    some = x > x.dtype.type(1)
    sums: list[Any] = [np.sum, np.prod]
    choices: list[Any] = [np.max, np.min]
    truths: list[Any] = [np.any, np.all]
    for axis in (None, 0, 1):
        for function in (*sums, np.mean):
            check(function, x, axis=axis, where=some | (x < 1), close=True, symbolic=True)
            check(function, x, axis=axis, where=some[:1] | True, close=True)
        for function in sums + choices:
            check(function, x, axis=axis, initial=3, close=True)
            check(function, x, axis=axis, initial=3, where=some, keepdims=True, close=True)
        for function in truths:
            check(function, x, axis=axis, where=some)
    check(np.max, x[:0], initial=2)
    check(np.sum, np.array([np.nan, -0.0, np.inf]), where=np.array([False, True, False]))


def test_options_that_are_refused() -> None:
    x = sample(np.dtype(float))
    refuses(np.sum, x > 0, initial=True, dtype=bool, match="initial")
    refuses(np.sum, x, 0, None, np.zeros((4, 2)), match="out")


@given(
    hnp.arrays(
        st.sampled_from([np.int8, np.uint16, np.bool_, np.int64]),
        hnp.array_shapes(min_dims=0, max_dims=4, max_side=4, min_side=0),
    ),
    st.data(),
)
def test_any_shape(x: Any, data: Any) -> None:
    axes = data.draw(hnp.valid_tuple_axes(x.ndim, min_size=0))
    keepdims = data.draw(st.booleans())
    for function in (np.sum, np.prod, np.any, np.max):
        try:
            run_numpy(function, (x,), {"axis": axes})
        except ValueError:
            continue
        with may_refuse(function is np.max):
            check(function, x, axis=axes, keepdims=keepdims, symbolic=True)
