"""Loops that cannot be captured: short ones are unrolled, long ones run eagerly."""
# ruff: noqa: E501  # programs are easier to read on one line

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tracegraph as tg
from tests.frontend.programs import agrees, warned

WAYS = "\n".join(f"        if x[1] > {k}.5: t = len('a' * t) + {k}" for k in range(8))
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


LIMITS = {
    "lists": (
        "kept = []\n    for i in range(n):\n        x = x * 0.5\n        kept.insert(0, i)\n    return x, kept",
        "a loop does more with a list than to append",
    ),
    "attributes": (
        "for i in range(n):\n        x = x * 0.5 + 1\n        f.last = i\n    return x",
        "assigning the attribute 'last'",
    ),
    "text": (
        "s = ''\n    for i in range(n):\n        x = x * 0.5\n        s = s + 'a'\n    return x, s",
        "s is a str, which a loop cannot carry",
    ),
    "slices by data": (
        "k = (x[0] * 2).astype(int)\n    for i in range(n): x[:k] += 1\n    return x",
        "a slice whose bounds depend on data",
    ),
    "another name": (
        "best = x\n    for i in range(n):\n        x = x * 0.99\n        if x[0] > 0.4: best = x\n    return x, best",
        "becomes another name of an array on some ways",
    ),
    "exchanges": (
        "y = x * 2\n    for i in range(n):\n        x, y = y, x\n        if x[1] > 90: break\n    return x, y",
        "only changes places with other names",
    ),
    "shapes": (
        "for i in range(n): x = np.concatenate((x, x[:1]))\n    return x",
        "keep its dtype and shape",
    ),
    "types": (
        "t = x[0]\n    for i in range(n): t = (t, i)\n    return len(t)",
        "t[0][0] is a float64 and then a tuple of 2 in a loop",
    ),
    "in place and anew": (
        "for i in range(n):\n        x[0] += 1\n        x = x * 0.5\n    return x",
        "x is written in place and bound anew",
    ),
    "masks": (
        "t = 0.0\n    for i in range(n):\n        y = x[x > i * 0.01]\n        t = t + np.sort(y)[0]\n    return t",
        "a size that depends on data needs a value",
    ),
    "ways": (
        f"for i in range(n):\n        t = 0\n{WAYS}\n        x[0] += t * 0.01\n    return x",
        "more than 64 ways",
    ),
    "unknown calls": (
        "import os\n    for i in range(n): x = x * (os.getpid() > 0)\n    return x",
        "posix.getpid cannot be recorded",
    ),
    "numbers as text": (
        "for i in range(n): x = x * len(repr(i))\n    return x * 0",
        "the number of an iteration is looked at",
    ),
}
"""Bodies of `f(x, n)`, and what the warning says of each."""


@pytest.mark.parametrize("what", LIMITS)
def test_the_limits_are_said(what: str) -> None:
    body, reason = LIMITS[what]
    source = f"def f(x, n):\n    {body}\n"
    counted = agrees(source, (X, 150), (X, 150), (X[::-1].copy(), 12))
    (why,) = counted.compiled.fallbacks
    assert reason in why.reason
    assert why.line is not None
