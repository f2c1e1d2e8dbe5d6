"""Rules of sorting, quantiles, counting, interpolation and of functions that leave NaNs out."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from tests.numpy.rule_checks import Number, case_name, check, may_refuse, refuses

RNG = np.random.default_rng(7)
X = RNG.normal(size=(5, 3, 4))
M = RNG.normal(size=(6, 7))
V = RNG.normal(size=9)
EVEN = RNG.normal(size=8)
WHOLE = RNG.integers(-9, 9, (6, 7))
HOLES = np.where(M > 0.8, np.nan, M)
EMPTY = HOLES.copy()
EMPTY[2] = np.nan
SINGLE = V.astype(np.float32)
EDGES = np.array([-1.5, -0.5, 0.0, 0.25, 2.0])
COUNTS = RNG.integers(0, 5, 9)
POINTS = np.array([-2.0, -1.0, 0.5, 1.0, 3.0])
VALUES = np.array([1.0, -1.0, -0.0, np.inf, 2.0])
AT = np.array([-3.0, -2.0, -1.5, 0.5, 0.75, 1.0, 3.0, 4.0, np.nan, np.inf])

SORTING: list[tuple[Any, ...]] = [
    (np.sort, V),
    (np.sort, X, 1),
    (np.sort, X, None),
    (np.sort, HOLES, -1, "stable"),
    (np.argsort, X, 0, "stable"),
    (np.argsort, WHOLE, None, "stable"),
    (np.partition, M, (1, 3), 0),
    (np.partition, V, 4),
    (np.argpartition, V, 4),
    (np.searchsorted, EDGES, V),
    (np.searchsorted, EDGES, M, "right"),
    (np.searchsorted, EDGES, 0.3),
    (np.searchsorted, np.sort(WHOLE[0]), V),
    (np.searchsorted, np.sort(WHOLE[0]), WHOLE, "right"),
    *(
        (np.searchsorted, np.append(EDGES, [np.inf, np.nan, np.nan]), x, side)
        for x in (HOLES, np.array([np.nan, np.inf, -np.inf, 0.0]))
        for side in ("left", "right")
    ),
    (np.searchsorted, EDGES * (1 + 1j), V),
    (np.searchsorted, np.array([False, True]), V > 0),
    (np.digitize, V, EDGES),
    (np.digitize, V, EDGES[::-1].copy(), True),
    (np.digitize, M, EDGES, True),
]

QUANTILES: list[tuple[Any, ...]] = [
    *((np.median, x, axis) for x in (M, X, WHOLE, HOLES, SINGLE, EVEN) for axis in (None, 0, -1)),
    (np.median, X, (0, 2)),
    *((np.nanmedian, x, axis) for x in (HOLES, EMPTY, WHOLE, SINGLE) for axis in (None, 0, -1)),
    *((np.percentile, x, 30, axis) for x in (M, WHOLE, HOLES, SINGLE) for axis in (None, -1)),
    *((np.quantile, x, [0.1, 0.5, 0.99], axis) for x in (M, X, SINGLE) for axis in (None, 0, -1)),
    *((np.nanquantile, x, [0.1, 0.9], axis) for x in (HOLES, WHOLE) for axis in (None, 0, -1)),
    (np.nanquantile, EMPTY, 0.5, 1),
    (np.quantile, X, 0.4, (0, 2)),
    (np.nanpercentile, HOLES, 30, 1),
    (np.nanpercentile, HOLES.astype("f4"), 30, 1),
    (np.quantile, V, 0),
    (np.quantile, V, 1),
    (np.quantile, V, 1.0),
    (np.quantile, V, np.float64(0.35)),
    (np.quantile, SINGLE, np.float64(0.35)),
    (np.quantile, V, Number(0.35)),
    (np.quantile, SINGLE, Number(0.35)),
    (np.quantile, V, np.array([0.35, 0.0, 1.0])),
    (np.quantile, M, np.array([[0.35, 0.0], [1.0, 0.5]]), 0),
]

COUNTING: list[tuple[Any, ...]] = [
    (np.bincount, COUNTS),
    (np.bincount, COUNTS, V),
    (np.bincount, COUNTS, None, 12),
    (np.histogram, V),
    (np.histogram, M, 4),
    (np.histogram, WHOLE, 4),
    (np.histogram, SINGLE, 5),
    (np.histogram, V, 5, (-1.0, 1.0)),
    (np.histogram, SINGLE, 5, (-1, 1)),
    (np.histogram, WHOLE, 5, (-4, 4)),
    (np.histogram, HOLES, 5, (-1, 1)),
    (np.histogram, V, 5, None, None, V**2),
    (np.histogram, V, 5, None, None, COUNTS),
    (np.histogram, V, 5, (-1, 1), None, SINGLE),
    (np.histogram, V, EDGES),
    (np.histogram, HOLES, [-1, 0, 1]),
    (np.histogram, V, EDGES, None, None, V),
    (np.histogram, WHOLE, EDGES, None, None, WHOLE.astype(np.int8)),
    (np.interp, AT, POINTS, VALUES),
    (np.interp, 0.7, POINTS, VALUES),
    (np.interp, Number(0.7), POINTS, VALUES),
    (np.interp, M, POINTS, [1, 2, 4, 8, 16]),
    (np.interp, V, POINTS, VALUES, -7, 7.5),
    (np.interp, V, POINTS, V[:5], None, None, 2.5),
    (np.interp, V, [0.0], [2.0]),
    (np.interp, V, [-1, 0, 0, 1], [1.0, 2.0, 5.0, 3.0]),
]

NAN_FUNCTIONS = (
    np.nansum, np.nanprod, np.nancumsum, np.nancumprod, np.nanmax, np.nanmin, np.nanmean,
    np.nanvar, np.nanstd,
)  # fmt: skip

CHOICES: list[tuple[Any, ...]] = [
    (np.select, [M > 1, M > 0], [M, 2 * M]),
    (np.select, [M > 1, M > 0], [M, 5], 7),
    (np.select, [M > 1, M[0] > 0], [SINGLE[:7], Number(2.0)], np.float32(1)),
    (np.select, [V > 0], [WHOLE[0, :1]], 0.5),
    (np.select, [np.True_, np.False_], [V, 2]),
    (np.select, X > 0, X),
    (np.choose, COUNTS, [V, 1, 2.5, V, 4]),
    (np.choose, COUNTS - 3, [V, -V, 3 * V], None, "wrap"),
    (np.choose, COUNTS - 3, [V, -V, 3 * V], None, "clip"),
    (np.choose, np.array([2, 0, 1]), X[:3, 0, :3]),
    (np.block, [[M, M[:, :1]], [M[:2], np.ones((2, 1))]]),
    (np.block, [V, 1, 2.0]),
    (np.block, [[V], [EVEN.astype(int), 1]]),
    (np.block, V),
    (np.block, [[[X], [X]]]),
    (np.isin, WHOLE, [1, 2, 3]),
    (np.isin, V, V[:3]),
    (np.isin, WHOLE, 3, False, True),
    (np.isin, M, WHOLE[0]),
]


@pytest.mark.parametrize("case", [*SORTING, *QUANTILES, *COUNTING, *CHOICES], ids=case_name)
@pytest.mark.parametrize("symbolic", [False, True])
def test_the_bits_are_numpys(case: Any, symbolic: bool) -> None:
    function, *args = case
    with may_refuse(symbolic, "chance|varies|do not fit|compare"):
        check(function, *args, symbolic=symbolic)


CLOSE: list[tuple[Any, ...]] = [
    *((f, x) for f in (np.cov, np.corrcoef) for x in (M, V, WHOLE, M * (1 + 2j))),
    *((f, M, M[:2]) for f in (np.cov, np.corrcoef)),
    (np.cov, V, 2 * V),
    (np.cov, M, None, False),
    (np.cov, M, V[:6], False),
    (np.cov, M, None, True, True),
    (np.cov, M, None, True, False, 3),
    (np.cov, M, None, True, False, 9),
    (np.cov, M, None, True, False, None, None, np.abs(V[:7])),
    (np.cov, M, None, True, True, None, None, np.abs(V[:7])),
    (np.average, M, 1, V[:7], True),
    (np.average, M, None, None, True),
    (np.convolve, V, EVEN),
    (np.convolve, EVEN, V, "same"),
    (np.convolve, V, EVEN[:3], "valid"),
    (np.convolve, V, 2.0),
    (np.convolve, WHOLE[0], V),
    (np.correlate, V, EVEN[:3]),
    (np.correlate, V, EVEN[:4], "same"),
    (np.correlate, V * 1j, EVEN[:4] * (2 - 1j), "full"),
]
"""Sums and products of matrices are taken in another order."""


@pytest.mark.parametrize("case", CLOSE, ids=case_name)
@pytest.mark.parametrize("symbolic", [False, True])
def test_sums_of_products(case: Any, symbolic: bool) -> None:
    function, *args = case
    with may_refuse(symbolic, "chance|varies|do not fit"):
        check(function, *args, symbolic=symbolic, close=True)


def test_covariance_in_another_dtype() -> None:
    check(np.cov, M, dtype=np.float32, close=True)
    check(np.cov, M, aweights=np.abs(V[:7]), dtype=np.float32, close=True)


@pytest.mark.parametrize("function", NAN_FUNCTIONS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("axis", [None, 0, 1])
@pytest.mark.parametrize("symbolic", [False, True])
def test_nans_left_out(function: Any, axis: Any, symbolic: bool) -> None:
    for x in (HOLES, EMPTY, M, WHOLE, HOLES.astype(np.float32)):
        check(function, x, axis, symbolic=symbolic, close=True)
    if function not in (np.nanmax, np.nanmin):
        check(function, HOLES * (1 + 2j), axis, symbolic=symbolic, close=True)
    if "cum" not in function.__name__:
        check(function, HOLES, axis, keepdims=True, symbolic=symbolic, close=True)


def test_options_of_functions_that_leave_nans_out() -> None:
    check(np.nanargmax, HOLES, symbolic=True)
    check(np.nanargmin, HOLES, 1, keepdims=True, symbolic=True)
    check(np.nansum, HOLES, initial=3.0, where=M > 0, symbolic=True, close=True)
    check(np.nanmean, HOLES, 1, where=M > 0, symbolic=True, close=True)
    check(np.nanvar, HOLES, 1, ddof=2, symbolic=True, close=True)
    check(np.nanstd, HOLES, 0, correction=1, keepdims=True, close=True)
    check(np.nanmedian, HOLES, 0, keepdims=True, symbolic=True)
    check(np.nanquantile, HOLES, [0.2, 0.3], 1, keepdims=True)
    check(np.quantile, X, 0.2, (0, 2), keepdims=True, symbolic=True)


METHODS = (
    "linear", "lower", "higher", "nearest", "midpoint", "hazen", "weibull", "median_unbiased",
    "normal_unbiased", "interpolated_inverted_cdf",
)  # fmt: skip


@pytest.mark.parametrize("method", METHODS)
def test_methods_of_quantiles(method: str) -> None:
    shares = np.array([0.0, 0.01, 0.25, 0.37, 0.5, 0.93, 1.0])
    for x in (V, EVEN, SINGLE, WHOLE.ravel()):
        check(np.quantile, x, shares, method=method, symbolic=True)
        check(np.quantile, x, shares.tolist(), method=method)
    check(np.nanquantile, HOLES, shares, 1, method=method)
    check(np.nanquantile, HOLES.astype("f4"), 0.37, 1, method=method)


def test_what_is_left_to_numpy() -> None:
    refuses(np.quantile, V, 0.3, method="inverted_cdf", match="jumps")
    refuses(np.median, V, overwrite_input=True, match="assignments")
    refuses(np.histogram, V, "auto", match="number of bins")
    refuses(np.searchsorted, V, 0.0, sorter=np.argsort(V), match="sorter")
    refuses(np.isin, np.arange(100), np.arange(99), match="many")


numbers = st.lists(st.floats(-3, 3, width=32), min_size=1, max_size=12)


@given(numbers, st.floats(0, 1))
def test_quantiles_of_any_numbers(x: list[float], q: float) -> None:
    array = np.array(x) + 0.0  # which of 0.0 and -0.0 stands in the middle is left open
    check(np.quantile, array, q)
    check(np.quantile, array, Number(q), symbolic=True)
    check(np.nanquantile, array, q)
    if len(x) > 1:
        check(np.median, array)


@given(numbers, numbers)
def test_interpolation_between_any_points(at: list[float], points: list[float]) -> None:
    x = np.unique(np.array(points))
    check(np.interp, np.array(at), x, np.cos(3 * x))


@given(numbers, st.integers(1, 9))
def test_histograms_of_any_numbers(x: list[float], bins: int) -> None:
    array = np.array(x)
    check(np.histogram, array, bins, (-3.0, 3.0))
    check(np.histogram, array, np.linspace(-2, 2, bins + 1))
