"""Values that a recording needs of long loops: computed natively, and the same as interpreted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tracegraph as tg
from tests.frontend.control_flow import assert_same, compiled
from tracegraph.codegen import once
from tracegraph.ir.interpret import Interpreter

pytestmark = pytest.mark.slow  # no interpreter differs in this; tests/twin has what does

X = np.array([0.5, 1.5, 0.7, -1.0])
STEPS = 1500


def swinging(x: Any) -> Any:
    """A statement of the source, with rows that are written and read."""
    path = np.zeros((STEPS, 4))
    for i in range(STEPS):
        x = x + 0.01 * np.sin(x[::-1])
        path[i] = x
    return (path[::50] ** 2).sum()


def scanned(x: Any) -> Any:
    carry, ys = tg.scan(lambda c, r: (np.tanh(c + r * x), c.sum()), x, np.linspace(0, 1, STEPS))
    return (carry**2).sum() + ys.mean()


def nested(x: Any) -> Any:
    def row(i: Any, c: Any) -> Any:
        return tg.fori_loop(0, i, lambda j, d: d + 0.01 * np.sin(x[j % 4] * d), c)

    return tg.fori_loop(0, 60, row, 0.5)


def branching(x: Any) -> Any:
    def step(i: Any, c: Any) -> Any:
        return tg.cond(c[0] < 1, lambda c: c + 0.01 * x, lambda c: c * 0.5, c)

    return (tg.fori_loop(0, STEPS, step, x) ** 2).sum()


def of_places(x: Any) -> Any:
    """Elements at places that are computed."""

    def step(i: Any, c: Any) -> Any:
        return c + 0.01 * np.sin(x[np.argmax(c)] + c)

    return tg.fori_loop(0, STEPS, step, x).sum()


PROGRAMS = (swinging, scanned, nested, branching, of_places)


@pytest.fixture
def interpreted(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    def call(function: Callable[..., Any], *args: Any) -> Any:
        with monkeypatch.context() as patch:
            patch.setattr(once, "RUNS", 1 << 60)
            return function(*args)

    return call


@pytest.mark.parametrize("program", PROGRAMS)
def test_gradients_are_those_of_the_interpreter(
    program: Any, monkeypatch: pytest.MonkeyPatch, interpreted: Callable[..., Any]
) -> None:
    expected = interpreted(tg.grad(program), X)
    monkeypatch.setattr(once, "RUNS", 1)
    assert_same(tg.grad(program)(X), expected, rtol=1e-9)
    assert_same(compiled(tg.grad(program), X), expected, rtol=1e-9)


@pytest.mark.parametrize("program", [swinging, scanned])
def test_no_iteration_of_a_long_loop_is_interpreted(
    program: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = tg.grad(program)(X)

    monkeypatch.setattr(once, "RUNS", 10)

    def refused(*_: Any) -> Any:
        raise AssertionError("the body of a loop is interpreted")

    monkeypatch.setattr(Interpreter, "run", refused)
    assert_same(compiled(tg.grad(program), X), expected, rtol=1e-9)


def test_lengths_that_vary(
    monkeypatch: pytest.MonkeyPatch, interpreted: Callable[..., Any]
) -> None:
    """The second length is a symbol, in the loop and in what it reads."""

    def recurrence(x: Any) -> Any:
        total = x[0]
        for i in range(1, len(x)):
            total = np.sin(total) * 0.9 + x[i]
        return total

    monkeypatch.setattr(once, "RUNS", 1)
    gradient = tg.compile(tg.grad(recurrence))
    for length in (700, 800, 900):
        x = np.linspace(-1, 1, length)
        assert_same(gradient(x), interpreted(tg.grad(recurrence), x), rtol=1e-9)


def test_places_outside_are_refused_as_numpy_refuses_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(once, "RUNS", 1)

    def outside(x: Any) -> Any:
        return tg.fori_loop(0, STEPS, lambda i, c: c + x[i], 0.0)

    with pytest.raises(IndexError):
        tg.compile(outside)(X)
