"""Whether a name holds, behind a loop, the very array that it held before, or a new one.

Python's own run says; the loops are recorded when many iterations run, and called with few, so that
a trace that does not ask gives a copy for the caller's own array, or the other way round.
"""
# ruff: noqa: E501  # programs are easier to read on one line

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tracegraph as tg
from tests.frontend.programs import program

pytestmark = pytest.mark.slow  # no interpreter differs in this; tests/twin has what does

KEPT = {
    "a while": "i = 0\n    while i < n and y[0] < 1e9:\n        y = y * 0.9\n        i += 1\n    return y",
    "the one before, by a while": "p, i = x * 1.0, 0\n    while i < n and y[0] > -1e9:\n        p = y\n        y = y * 0.9\n        i += 1\n    return p, y",
    "the one before, with an exit": "p = x * 1.0\n    for i in range(n):\n        p = y\n        y = y * 0.9\n        if y[0] > 1e9: break\n    return p, y",
    "the one before": "p = x * 1.0\n    for i in range(n):\n        p = y\n        y = y * 0.9\n    return p, y",
    "a triangle": "for i in range(n):\n        for j in range(i): y = y * 0.99 + j\n    return y",
    "a square": "for i in range(n):\n        for j in range(n): y = y * 0.9\n    return y",
    "a function that may give it back": "def g(y, i):\n        if y[0] > 0.5 * i: return y\n        return y * 2.0\n    for i in range(n): y = g(y, i)\n    return y",
    "a condition inside": "for i in range(n):\n        for j in range(12):\n            if y[0] < j: y = y + 1.0\n    return y",
    "a short loop inside": "for i in range(n):\n        for j in range(3):\n            if y[0] < i: y = y + 1.0\n    return y",
    "by a name that is read": "a = x\n    for i in range(n):\n        if y[0] < i: y = y + 1.0\n        a = y\n    return a",
    "in a tuple that is read": "s = (x, 0)\n    for i in range(n):\n        if y[0] < i: y = y + 1.0\n        s = (y, i)\n    return s[0]",
    "two conditions": "for i in range(n):\n        if y[0] < i: y = y + 1.0\n        for j in range(12):\n            if y[1] < j: y = y + 1.0\n    return y",
    "a while inside": "for i in range(n):\n        while y[0] < i: y = y + 1.0\n    return y",
    "three loops": "for i in range(n):\n        for j in range(i):\n            for k in range(j):\n                if y[0] < k: y = y * 1.5\n    return y",
    "another name on some ways": "z = x * 1.0\n    for i in range(n):\n        if y[0] > i: z = y\n        y = y * 1.5\n    return y, z",
    "another name of what may be kept": "z = y\n    for i in range(n):\n        z = y\n        if y[0] < n: y = y * 2.0\n    return y, z",
}  # fmt: skip

REFUSED = ("another", "before", "two conditions", "that is read")
SEEN = [what for what in KEPT if not any(word in what for word in REFUSED)]


@pytest.mark.parametrize("what", KEPT)
def test_which_array_it_is(what: str) -> None:
    function, _ = program(f"def f(x, n):\n    y = x\n    {KEPT[what]}\n")()
    compiled = tg.compile(function)
    for n in (20, 20, 30, 1, 2, 0, 3, 1, 20):
        for scale in (1, 50):
            x = np.arange(1.0, 4.0) * scale
            expected, found = function(x, n), compiled(x, n)
            for one, other in zip(np.atleast_2d(expected), np.atleast_2d(found), strict=True):
                np.testing.assert_allclose(one, other, rtol=1e-13)
            assert which(found, x) == which(expected, x), (n, scale)


def which(results: Any, x: Any) -> list[bool]:
    """Whether the results are the caller's array."""
    return [one is x for one in (results if isinstance(results, tuple) else (results,))]


@pytest.mark.parametrize("what", SEEN)
def test_they_stay_one_operation(what: str) -> None:
    function, _ = program(f"def f(x, n):\n    y = x\n    {KEPT[what]}\n")()
    compiled = tg.compile(function)
    compiled(np.arange(1.0, 4.0), 20)
    assert not compiled.fallbacks
    assert "unrolled" not in str(compiled.explain())


def test_a_name_that_is_bound_in_the_loop_alone() -> None:
    function, _ = program(
        "def f(x, n):\n    y = x\n    for i in range(n):\n        if y[0] < i: y = y + 1.0\n        a = y\n    return a\n"
    )()
    compiled = tg.compile(function)
    for n, scale in ((20, 1), (20, 50), (1, 1), (3, 1), (3, 50)):
        x = np.arange(1.0, 4.0) * scale
        assert which(compiled(x, n), x) == which(function(x, n), x)
    assert not compiled.fallbacks
    assert "unrolled" not in str(compiled.explain())
