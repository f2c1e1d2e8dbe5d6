"""Values of arguments that NumPy refuses at a later call: its exception is raised, no number."""

from typing import Any

import numpy as np
import pytest

from tests.frontend.support import agree, made

pytestmark = pytest.mark.slow  # no interpreter differs in this

X = np.array([1.0, 4.0, 2.0, 8.0, 5.0, 7.0])
PERCENT = {"np.percentile": 100.0, "np.nanpercentile": 100.0}
QUANTILES = ["np.percentile", "np.quantile", "np.nanpercentile", "np.nanquantile"]


def quantile(name: str) -> Any:
    return getattr(np, name.removeprefix("np."))


@pytest.mark.parametrize("method", ["linear", "lower", "hazen", "inverted_cdf"])
@pytest.mark.parametrize("name", QUANTILES)
def test_a_quantile_outside(name: str, method: str) -> None:
    find, whole = quantile(name), PERCENT.get(name, 1.0)

    def f(x: Any, q: Any) -> Any:
        return find(x, q[0], method=method)

    shares = [0.25, 0.5, 1.5, -0.5, np.nan, 0.0, 1.0]
    compiled = agree(made(f), *((X, np.array([share * whole])) for share in shares))
    assert compiled.is_native(X, np.array([0.75 * whole]))


@pytest.mark.parametrize("count", [2, 12])
@pytest.mark.parametrize("name", QUANTILES)
def test_an_array_of_quantiles_of_which_one_is_outside(name: str, count: int) -> None:
    find, whole = quantile(name), PERCENT.get(name, 1.0)

    def f(x: Any, q: Any) -> Any:
        return find(x, q)

    fine = np.linspace(0, whole, count)
    wrong = [np.where(np.arange(count) == 1, q, fine) for q in (-whole, 2 * whole, np.nan)]
    agree(made(f), *((X, q) for q in (fine, fine, *wrong, fine[::-1])))


def test_a_quantile_outside_in_a_loop() -> None:
    def f(x: Any, q: Any) -> Any:
        total = 0.0
        for i in range(len(q)):
            total += np.percentile(x, q[i])
        return total

    fine = np.linspace(0, 100, 12)
    agree(made(f), *((X, q) for q in (fine, fine, fine + 1, fine - 1, fine[::-1])))


def test_a_quantile_outside_in_a_branch_that_comes_later() -> None:
    def f(x: Any) -> Any:
        return np.percentile(x, 120) if x[0] > 2 else x[0]

    agree(made(f), (X,), (X,), (X + 2,), (X,))


@pytest.mark.parametrize("ddof", [None, 0])
def test_negative_weights_of_a_covariance(ddof: Any) -> None:
    def f(x: Any, w: Any) -> Any:
        return np.cov(x, x**2, aweights=w, ddof=ddof)

    one = np.where(np.arange(6) == 3, -1.0, 1.0)
    nan = np.where(np.arange(6) == 3, np.nan, 1.0)
    agree(made(f), *((X, w) for w in (X, X * 2, -X, X * one, X * nan, X)))


def test_frequencies_of_a_covariance_that_are_not_whole() -> None:
    def f(x: Any, w: Any) -> Any:
        return np.cov(x, fweights=w)

    agree(made(f), *((X, w) for w in (X, X * 2, -X, X / 2, X)))
