"""Loops that cannot be captured: short ones are unrolled, long ones run eagerly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import tracegraph as tg
from tests.frontend.programs import warned

X = np.array([0.5, -1.0, 2.0])


def test_long_loops_that_cannot_be_captured_run_eagerly() -> None:
    seen: list[int] = []

    def noisy(a: Any, n: int) -> Any:
        for i in range(n):
            a = a * 0.5 + 1.0
            seen.append(i)  # an effect
        return a

    function = tg.compile(noisy)
    (warning,) = warned(function, X, 1000)
    assert "a loop of more than 100 iterations cannot be captured" in str(warning.message)
    assert warning.lineno == noisy.__code__.co_firstlineno + 3
    assert seen == [*range(1000)]
    np.testing.assert_array_equal(function(X, 1000), noisy(X, 1000))
    assert seen == [*range(1000)] * 3


def test_short_loops_that_cannot_be_captured_are_unrolled_and_explained() -> None:
    seen: list[int] = []

    def noisy(a: Any) -> Any:
        for i in range(12):
            a = a * 0.5 + 1.0
            seen.append(i)
        return a

    function = tg.compile(noisy)
    for calls in range(1, 4):
        np.testing.assert_array_equal(function(X), X * 0.5**12 + 2 * (1 - 0.5**12))
        assert seen == [*range(12)] * calls
    assert not function.fallbacks
    line = noisy.__code__.co_firstlineno + 3
    assert f"unrolled: {Path(__file__).name}:{line}: changing a container" in str(
        function.explain()
    )


def test_a_while_that_cannot_be_captured_runs_eagerly() -> None:
    seen: list[float] = []

    def noisy(a: Any) -> Any:
        while a > 1e-3:
            a = a * 0.99
            seen.append(1.0)
        return a

    function = tg.compile(noisy)
    (warning,) = warned(function, np.float64(1.0))
    assert "cannot be captured" in str(warning.message)
    count = len(seen)
    assert function(np.float64(1.0)) == noisy(np.float64(1.0))
    assert len(seen) == 3 * count > 300


def test_gradients_follow_long_loops_that_cannot_be_captured() -> None:
    seen: list[int] = []

    def noisy(a: Any) -> Any:
        for i in range(300):
            a = a * 0.99
            seen.append(i)
        return np.sum(a)

    np.testing.assert_allclose(tg.grad(noisy)(X), np.full(X.shape, 0.99**300))
    function = tg.compile(tg.grad(noisy))
    warned(function, X)
    np.testing.assert_allclose(function(X), np.full(X.shape, 0.99**300))
    assert seen == [*range(300)] * 3
