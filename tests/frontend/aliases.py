"""What tests of aliases share: a function run plainly and compiled, with what shares memory."""

from collections.abc import Callable
from typing import Any

import numpy as np

import tracegraph as tg

X = np.array([0.5, 1.2, -0.7])
Function = Callable[..., Any]
Results = list[Any]


def assert_same(found: Any, expected: Any) -> None:
    """Compare nested results, and what shares memory in them."""
    ours, theirs = leaves(found), leaves(expected)
    assert len(ours) == len(theirs)
    for one, other in zip(ours, theirs, strict=True):
        assert type(one) is type(other)
        np.testing.assert_allclose(one, other, rtol=1e-12)
    assert sharing(ours) == sharing(theirs)


def leaves(result: Any) -> Results:
    if isinstance(result, tuple | list):
        return [leaf for part in result for leaf in leaves(part)]
    return [result]


def sharing(results: Results) -> list[bool]:
    arrays = [one for one in results if isinstance(one, np.ndarray)]
    return [np.shares_memory(one, other) for one in arrays for other in arrays]


def agree(function: Function, *args: Any) -> Any:
    """Return what a function gives plainly; compiled it has to give the same three times."""
    plain = [arg.copy() for arg in args]
    expected = (function(*plain), plain)
    compiled = tg.compile(function, strict=True)
    for _ in range(3):
        given = [arg.copy() for arg in args]
        assert_same((compiled(*given), given), expected)
    return expected[0]


def slopes(function: Function, x: Any, eps: float = 1e-6) -> Any:
    """The gradient by central differences; each call has its own memory."""
    steps = eps * np.eye(x.size)
    return np.array([(function(x + h) - function(x - h)) / (2 * eps) for h in steps])
