"""Rules of sequences, windows, series of numbers, and polynomials."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tracegraph as tg
from tests.numpy.rule_checks import Number, case_name, check, may_refuse, refuses

RNG = np.random.default_rng(9)
V = RNG.normal(size=7)
W = RNG.normal(size=4)
M = RNG.normal(size=(3, 5)) * 4
Z = V * (1 + 2j)
WHOLE = RNG.integers(0, 12, 6)

EXACT: list[tuple[Any, ...]] = [
    (np.ediff1d, V),
    (np.ediff1d, M, 7, [1, 2]),
    (np.ediff1d, WHOLE, None, 3),
    (np.unwrap, M),
    (np.unwrap, M, None, 0),
    (np.unwrap, 3 * V, 2.5),
    (np.unwrap, V.astype("f4")),
    (np.vander, V),
    (np.vander, V, 3),
    (np.vander, WHOLE, 4, True),
    (np.vander, V, 1),
    (np.diagflat, M),
    (np.diagflat, W, -2),
    (np.array_equiv, M, M),
    (np.array_equiv, M, M[0]),
    (np.array_equiv, M, 3),
    (np.iscomplex, Z),
    (np.isreal, Z),
    (np.iscomplex, V),
    (np.isreal, WHOLE),
    (np.delete, V, 3),
    (np.delete, V, -1),
    (np.delete, M, 1, 0),
    (np.delete, M, [0, 3, -1], 1),
    (np.delete, M, slice(1, None, 2), 1),
    (np.delete, M, slice(None)),
    (np.delete, M, 4),
    (np.insert, V, 2, 7),
    (np.insert, V, -1, [1.5, 2.5]),
    (np.insert, M, 1, W[:3], 1),
    (np.insert, M, 3, 5, 0),
    (np.insert, WHOLE, 0, 2.9),
    (np.unravel_index, WHOLE, (3, 4)),
    (np.unravel_index, 7, (3, 4)),
    (np.unravel_index, Number(np.int64(7)), (2, 2, 3)),
    (np.fft.fftfreq, 8, 0.1),
    (np.fft.fftfreq, 7),
    (np.fft.rfftfreq, 8, 0.1),
    (np.fft.rfftfreq, 7, Number(0.3)),
    (np.polyadd, V, W),
    (np.polyadd, W, WHOLE),
    (np.polysub, W, V),
    (np.polysub, 2.0, W),
    (np.polymul, V, W),
    (np.polymul, W, 2.0),
    (np.polyint, V),
    (np.polyint, WHOLE, 2),
    (np.polyint, W, 2, 3),
    (np.polyint, W, 2, [1.0, 2.0]),
    (np.polyint, V.astype("f4"), 1, 2),
    (np.poly, W),
    (np.poly, WHOLE[:3]),
    (np.poly, V.astype("f4")),
    (np.histogram_bin_edges, V, 4),
    (np.histogram_bin_edges, V, 3, (-1, 1)),
]

CLOSE: list[tuple[Any, ...]] = [
    *((window, n) for window in (np.hanning, np.hamming, np.blackman) for n in (2, 5, 8)),
    *((np.bartlett, n) for n in (2, 5, 8)),
    (np.i0, np.array([0.0, -0.5, 3.0, 8.0, 8.5, -20.0, np.nan, 700.0])),
    (np.i0, np.arange(12)),
    (np.i0, np.linspace(0, 20, 9).astype("f4")),
    (np.kaiser, 5, 2.0),
    (np.kaiser, 8, Number(14.0)),
    (np.logspace, 0, 2, 5),
    (np.logspace, Number(0.5), 2, 4, False, 2.0),
    (np.logspace, W, W + 1, 3),
    (np.logspace, 0, 3, 4, True, 10, np.float32),
]
if hasattr(np, "cumulative_sum"):
    CLOSE += [(np.cumulative_sum, V), (np.cumulative_prod, V), (np.cumulative_sum, WHOLE)]


@pytest.mark.parametrize("case", EXACT, ids=case_name)
@pytest.mark.parametrize("symbolic", [False, True])
def test_the_bits_are_numpys(case: Any, symbolic: bool) -> None:
    function, *args = case
    with may_refuse(symbolic, "varies|chance|fit|many"):
        check(function, *args, symbolic=symbolic)


@pytest.mark.parametrize("case", CLOSE, ids=case_name)
@pytest.mark.parametrize("symbolic", [False, True])
def test_values(case: Any, symbolic: bool) -> None:
    function, *args = case
    with may_refuse(symbolic, "chance"):
        check(function, *args, symbolic=symbolic, close=True)


LENGTHS: list[Any] = [
    np.hanning, np.hamming, np.blackman, np.bartlett, np.fft.fftfreq, np.fft.rfftfreq,
]  # fmt: skip


@pytest.mark.parametrize("function", LENGTHS)
def test_lengths_that_vary(function: Any) -> None:
    compiled = tg.compile(lambda x: function(x.shape[0]) + 0 * x.sum())
    for n in (4, 5, 8, 13):
        np.testing.assert_allclose(compiled(np.ones(n)), function(n), rtol=1e-14, atol=1e-16)
    assert compiled.fallbacks == []
    assert len(compiled.traces) <= 2


def test_options() -> None:
    check(np.unwrap, M, period=4.0, axis=1, symbolic=True)
    check(np.logspace, W, W + 1, 3, axis=1, close=True)
    if hasattr(np, "cumulative_sum"):
        check(np.cumulative_sum, M, axis=1, include_initial=True, symbolic=True, close=True)
        check(np.cumulative_prod, M, axis=0, include_initial=True, dtype=np.float32, close=True)


def test_what_is_left_to_numpy() -> None:
    refuses(np.polymul, np.array([0.0, 1.0]), W, match="zero")
    refuses(np.delete, V, np.array([1, 2]), match="data")
    refuses(np.insert, V, [1, 2], 0.0, match="several")
    refuses(np.unwrap, WHOLE, period=4, match="whole")
    refuses(np.poly, np.diag(W), match="axes")


def test_leading_zeros_of_polynomials_are_seen() -> None:
    compiled = tg.compile(lambda a, b: np.polymul(a, b))
    for first in (1.0, 0.0, 2.0, 0.0, 0.0):
        a = np.array([first, 1.0, 2.0])
        np.testing.assert_array_equal(compiled(a, W), np.polymul(a, W))
    assert compiled.fallbacks == []


def test_derivatives() -> None:
    functions: list[Any] = [
        lambda x: (np.unwrap(x) ** 2).sum(),
        lambda x: (np.vander(x, 4) ** 2).sum(),
        lambda x: (np.poly(x) ** 2).sum(),
        lambda x: np.sum(np.polymul(x, x[:3]) ** 2),
        lambda x: np.sum(np.polyint(x, 2) ** 2),
        lambda x: np.log(np.i0(9 * x)).sum(),
        lambda x: (np.kaiser(6, x[0]) ** 2).sum(),
        lambda x: (np.ediff1d(x, 2.0) ** 2).sum(),
        lambda x: (np.insert(np.delete(x, 1), 2, x[0]) ** 2).sum(),
    ]
    for function in functions:
        step = 1e-6 * np.eye(4)
        expected = [(function(W + s) - function(W - s)) / 2e-6 for s in step]
        np.testing.assert_allclose(tg.grad(function)(W), expected, rtol=1e-6, atol=1e-7)
