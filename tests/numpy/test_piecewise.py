"""``np.piecewise``: functions of the elements that conditions select."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tracegraph as tg
from tests.numpy.rule_checks import check

X = np.linspace(-2, 2, 9)
LOG: list[str] = []


def noisy(v: Any) -> Any:
    LOG.append("called")
    return 1 - 3 * v


def halving(v: Any) -> Any:
    v /= 2
    return v


def turned(v: Any, a: float, b: float = 1) -> Any:
    return b - v * a


def doubled(v: Any) -> Any:
    return 2 * v


PROGRAMS: dict[str, Callable[[Any], Any]] = {
    "numbers": lambda x: np.piecewise(x, [x < 0, x > 1], [-1, 1]),
    "functions": lambda x: np.piecewise(x, [x < 0, x >= 0], [lambda v: -v, lambda v: v * 2]),
    "a default": lambda x: np.piecewise(x, [x < -1, x > 1], [lambda v: -v, 2, lambda v: v**2]),
    "one condition": lambda x: np.piecewise(x, x < 0, [lambda v: -v, lambda v: v**2]),
    "arguments": lambda x: np.piecewise(x, [x < 0], [turned, 0], 3.0, b=2),
    "a choice": lambda x: np.piecewise(x, [x < 0], [lambda v: np.where(v < -1, v, 0.5), np.sqrt]),
    "none selected": lambda x: np.piecewise(x, [x > 5], [np.negative, np.square]),
    "effects": lambda x: np.piecewise(x, [x < 0], [noisy, 5]),
    "a number given": lambda x: np.piecewise(x, [x < 0], [lambda v: 7.5, lambda v: v]),
    "overlapping": lambda x: np.piecewise(x, [x < 1, x > 0], [lambda v: -v, lambda v: v * 2]),
    "two axes": lambda x: np.piecewise(
        x.reshape(3, 3), [x.reshape(3, 3) < 0], [doubled, np.negative]
    ),
    "integers": lambda x: np.piecewise((x * 2).astype(int), [x < 0], [lambda v: v * 1.5, 3.7]),
}

FALLING_BACK: dict[str, Callable[[Any], Any]] = {
    "a mean": lambda x: np.piecewise(x, [x < 0], [lambda v: v - v.mean(), 5]),
    "a sum": lambda x: np.piecewise(x, [x < 0], [lambda v: v.sum(), 5]),
    "the size": lambda x: np.piecewise(x, [x < 0], [lambda v: v * v.size, 5]),
    "a branch": lambda x: np.piecewise(x, [x < 0], [lambda v: v * (1 + (v.shape[0] > 3)), 5]),
    "a decision": lambda x: np.piecewise(x, [x < 0], [lambda v: -v if v[0] < -1 else v, 5]),
    "a decision by all": lambda x: np.piecewise(x, [x < 0], [lambda v: -v if v.any() else v, 5]),
    "printing": lambda x: np.piecewise(x, [x < 0], [lambda v: print(v) or v, 5]),
    "running": lambda x: np.piecewise(x, [x < 0], [np.cumsum, 5]),
    "writing": lambda x: np.piecewise(x, [x < 0], [halving, 5]),
}


def agrees(function: Callable[[Any], Any], compiled: Any) -> None:
    for scale in (1, 1, 2, -1, 4, 4, -1, 0.125):
        LOG.clear()
        expected = function(X * scale)
        calls, found = len(LOG), compiled(X * scale)
        np.testing.assert_array_equal(found, expected, strict=True)
        assert len(LOG) == 2 * calls


@pytest.mark.parametrize("name", PROGRAMS)
def test_it_compiles(name: str) -> None:
    compiled = tg.compile(PROGRAMS[name])
    agrees(PROGRAMS[name], compiled)
    assert compiled.fallbacks == []


@pytest.mark.filterwarnings("ignore::tracegraph.FallbackWarning")
@pytest.mark.parametrize("name", FALLING_BACK)
def test_what_looks_at_several_elements_runs_eagerly(name: str) -> None:
    compiled = tg.compile(FALLING_BACK[name])
    agrees(FALLING_BACK[name], compiled)
    assert len(compiled.fallbacks) == 1


def test_a_condition_that_begins_or_ceases_to_select() -> None:
    compiled = tg.compile(PROGRAMS["none selected"])
    for x in (X, X + 9, X + 9, X, X - 9, X + 4, X + 4, X, X + 9):
        np.testing.assert_array_equal(compiled(x), PROGRAMS["none selected"](x))
    assert compiled.fallbacks == []


def test_the_derivative_is_that_of_the_chosen_function() -> None:
    gradient = tg.grad(lambda x: PROGRAMS["a default"](x).sum())
    expected = np.where(X < -1, -1, np.where(X > 1, 0, 2 * X))
    np.testing.assert_array_equal(gradient(X), expected)
    np.testing.assert_array_equal(tg.compile(gradient)(X), expected)


def test_an_exception_of_a_function_is_raised() -> None:
    def fail(v: Any) -> Any:
        raise KeyError("no")

    compiled = tg.compile(lambda x: np.piecewise(x, [x > 1], [fail, 0]))
    for _ in range(2):
        with pytest.raises(KeyError):
            compiled(X)


def test_the_rule_of_numbers() -> None:
    check(np.piecewise, X, [X < 0, X > 1], [-1, 1.5], symbolic=True)
    check(np.piecewise, X, X < 0, [-1, 1.5], symbolic=True)
    check(np.piecewise, X.reshape(3, 3), [X.reshape(3, 3) < 0], [2, 3], symbolic=True)
    check(np.piecewise, X, np.stack([X < 0, X > 1]), [2, 3, 4])
