"""Products in derivatives: zeros of a tangent win over what is not finite in the other factor."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from tracegraph.ir.ops.convolve import convolve
from tracegraph.ir.ops.linalg import matmul
from tracegraph.ir.ops.solve import solve

pytestmark = pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")

SPECIAL = (np.inf, -np.inf, np.nan)
ZEROS = [(True, False), (False, True), (True, True)]


def with_some(rng: np.random.Generator, shape: tuple[int, ...], *values: float) -> Any:
    """Return random numbers, some of which are replaced."""
    x = rng.normal(size=shape)
    places = rng.random(shape) < 0.3
    return np.where(places, rng.choice(values, size=shape), x)


def term(x: float, y: float, zeros: tuple[bool, bool]) -> float:
    """Return a product of two numbers, or the zero that wins."""
    return 0.0 if (zeros[0] and x == 0) or (zeros[1] and y == 0) else x * y


def assert_sums(got: Any, terms: Any) -> None:
    """Compare sums over the first axis: what is not finite may be so in another way."""
    wild = ~np.isfinite(terms).all(axis=0)
    assert set(wild.flat) == {True, False}, "there is nothing to tell apart"
    np.testing.assert_array_equal(~np.isfinite(got), wild)
    np.testing.assert_allclose(got[~wild], terms.sum(axis=0)[~wild], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("zeros", ZEROS)
def test_a_product(zeros: tuple[bool, bool]) -> None:
    rng = np.random.default_rng(1)
    for seed in range(5):
        x = with_some(rng, (7, 4), *(0.0,) * 6, *SPECIAL[seed % 3 : seed % 3 + 1])
        y = with_some(rng, (4, 9), *(0.0,) * 6, *SPECIAL)
        with np.errstate(invalid="ignore"):
            terms = [
                [[term(x[i, k], y[k, j], zeros) for j in range(9)] for i in range(7)]
                for k in range(4)
            ]
        assert_sums(matmul(x, y, zeros=zeros), np.array(terms))


@pytest.mark.parametrize("zeros", ZEROS)
@pytest.mark.parametrize("full", [True, False])
def test_a_convolution(full: bool, zeros: tuple[bool, bool]) -> None:
    rng = np.random.default_rng(2)
    x, y = with_some(rng, (30,), 0.0, 0.0, np.inf), with_some(rng, (3,), 0.0, 0.0)
    x[3], y[1] = np.nan, 0.0
    with np.errstate(invalid="ignore"):
        terms = np.zeros((3, 32))
        for i, k in itertools.product(range(30), range(3)):
            terms[k, i + k] = term(x[i], y[k], zeros)
    assert_sums(convolve(x, y, full=full, zeros=zeros), terms if full else terms[:, 2:30])


def test_what_is_finite_is_the_plain_product() -> None:
    rng = np.random.default_rng(3)
    x, y = with_some(rng, (7, 4), 0.0), with_some(rng, (4, 9), 0.0)
    np.testing.assert_array_equal(matmul(x, y, zeros=(True, True)), x @ y)


def test_equations_of_zeros_are_not_solved() -> None:
    singular, nan = np.zeros((2, 2)), np.full((2, 2), np.nan)
    good = np.array([[2.0, 1.0], [0.0, 4.0]])
    b = np.array([[1.0, 0.0], [3.0, 0.0]])
    for matrix in (singular, nan):
        np.testing.assert_array_equal(solve(matrix, b * 0, zeros=True), b * 0)
        found = solve(np.stack([matrix, good]), np.stack([b * 0, b]), zeros=True)
        np.testing.assert_array_equal(found, [b * 0, np.linalg.solve(good, b)])
    np.testing.assert_array_equal(solve(nan, b, zeros=True), [[np.nan, 0], [np.nan, 0]])
    with pytest.raises(np.linalg.LinAlgError):
        solve(singular, b, zeros=True)
