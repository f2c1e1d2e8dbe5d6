"""Rules of products and norms along chosen axes against NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.numpy.rule_checks import Number, check, refuses

X = np.random.default_rng(3).normal(size=(4, 3, 2))
M = X[:3, :, 0]
ODD = np.array([0.0, -0.0, 1.5, -2.5, 1e30, np.inf, -np.inf, np.nan])


@pytest.mark.parametrize("function", [np.vecdot, np.linalg.vecdot])
@pytest.mark.parametrize("axis", [0, 1, -1, -2])
def test_vecdot_along_another_axis(function: Any, axis: int) -> None:
    check(function, X, X[::-1] * 1j, axis=axis, symbolic=True, close=True)
    check(function, M, M[:1] if axis in (1, -1) else M[:, :1], axis=axis, close=True)


@pytest.mark.parametrize("order", [0, 1, 2, 3.5, -2, np.inf, -np.inf])
def test_vector_norms_over_several_axes(order: float) -> None:
    for axis in (None, -1, (0, -1), (1,), ()):
        check(np.linalg.vector_norm, X, axis=axis, ord=order, close=True, symbolic=True)
    check(np.linalg.vector_norm, X.astype(int), axis=(2, 0), ord=order, keepdims=True, close=True)


def test_norms_of_order_zero_count() -> None:
    check(np.linalg.norm, ODD, 0)
    check(np.linalg.norm, ODD[:5] * (1 + 2j), 0)
    check(np.linalg.norm, ODD.astype("f4"), 0, 0, True)


def test_the_order_of_a_norm_is_a_constant() -> None:
    for function in (np.linalg.norm, np.linalg.vector_norm):
        refuses(function, ODD, ord=Number(3.0), match="the order of a norm depends on data")
