"""What loops and branches refuse, and how the library goes on where they cannot be drawn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tracegraph as tg
from tests.frontend.control_flow import Function, assert_recorded, why_eager

X = np.array([0.5, 1.5, 2.5, -1.0])
ROWS = np.arange(12.0).reshape(4, 3) / 7
pytestmark = pytest.mark.filterwarnings("ignore::tracegraph.FallbackWarning")

COMPLAINTS: list[tuple[Function, type[Exception], str]] = [
    (lambda: tg.fori_loop(0, 2, lambda i, c: c + 0.5, 0),
     TypeError, r"the carry of tg.fori_loop is a Python int, but .* a Python float"),
    (lambda: tg.fori_loop(0, 2, lambda i, c: {"w": c["w"].astype(np.float32)}, {"w": X}),
     TypeError, r"\['w'\] is float64\[4\], but .* float32\[4\] .*\.astype\(np.float64\)"),
    (lambda: tg.while_loop(lambda c: True, lambda c: c[1:], X),
     TypeError, r"float64\[4\], but .* float64\[3\] .* same shape"),
    (lambda: tg.scan(lambda c, x: ((c, c), x), X, X), TypeError, "structure"),
    (lambda: tg.scan(lambda c, x: (c, x[: c + 1]), 0, ROWS) and tg.scan(
        lambda c, x: (c + 1, x[: c + 1]), 0, ROWS), TypeError, "the y of tg.scan is float64"),
    (lambda: tg.fori_loop(0, 2, lambda i, c: c, "text"), TypeError, "is a str"),
    (lambda: tg.fori_loop(0.0, 2, lambda i, c: c, 0), TypeError, "integers as bounds"),
    (lambda: tg.while_loop(lambda c: c, lambda c: c, 1.0), TypeError, "one bool decides"),
    (lambda: tg.while_loop(lambda c: c > 0, lambda c: c, X), TypeError, "np.any"),
    (lambda: tg.cond(1, lambda: 1, lambda: 2), TypeError, "one bool decides"),
    (lambda: tg.switch(1.0, [lambda: 1]), TypeError, "one integer"),
    (lambda: tg.switch(0, []), tg.OptionError, "at least one"),
    (lambda: tg.scan(lambda c, x: (c, x), 0, (X, ROWS[:2])), ValueError, "one length, got 4, 2"),
    (lambda: tg.scan(lambda c, x: (c, x), 0, X, length=3), ValueError, "one length, got 3, 4"),
    (lambda: tg.scan(lambda c, x: (c, x), 0), ValueError, "or a length"),
    (lambda: tg.scan(lambda c, x: (c, c), 0, length=-1), ValueError, "not negative"),
    (lambda: tg.map(lambda x: x, 3.0), ValueError, "first axis"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("function", "error", "words"), COMPLAINTS, ids=[w for *_, w in COMPLAINTS]
)
def test_complaints(function: Function, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        function()
    with pytest.raises(error, match=words):
        tg.compile(function)()


def test_branches_of_different_types() -> None:
    def function(x: Any) -> Any:
        return tg.cond(x.sum() > 0, lambda x: x, lambda x: x.sum(), x)

    words = r"first returns float64\[[34]\], number 1 float64\[\]"
    assert "same containers, dtypes and shapes" in why_eager(function, X)
    with pytest.raises(tg.DifferentiationError, match=words):
        tg.grad(lambda x: function(x).sum())(X)
    with pytest.raises(TypeError, match=words):
        tg.vmap(function)(ROWS)


def looks(x: Any) -> Any:
    return tg.fori_loop(0, 3, lambda i, c: c * [2.0, 3.0][int(c[0] > 2)], x), 0


def appends(x: Any) -> Any:
    seen: list[Any] = []

    def body(i: Any, c: Any) -> Any:
        seen.append(i)
        return c * 2

    return tg.fori_loop(0, 3, body, x), seen


def counts(x: Any) -> Any:
    calls = 0

    def body(i: Any, c: Any) -> Any:
        nonlocal calls
        calls += 1
        return c * 2

    return tg.fori_loop(0, 3, body, x), calls


def writes(x: Any) -> Any:
    buffer = np.zeros(3)

    def body(i: Any, c: Any) -> Any:
        buffer[i] = i
        return c

    return tg.fori_loop(0, 3, body, x), buffer


def prints(x: Any) -> Any:
    return tg.fori_loop(0, 3, lambda i, c: (print("step"), c)[1], x)


REFUSED = [(looks, "tg.cond"), (appends, "a list"), (counts, "an outer variable"),
           (writes, "an array from outside"), (prints, "world outside")]  # fmt: skip


@pytest.mark.parametrize(("function", "words"), REFUSED, ids=[f.__name__ for f, _ in REFUSED])
def test_what_cannot_be_drawn_runs_eagerly(function: Function, words: str, capsys: Any) -> None:
    assert words in why_eager(function, X)
    printed = capsys.readouterr().out.splitlines()
    assert printed.count("step") in (0, 6)
    with pytest.raises(tg.DifferentiationError, match=words):
        tg.grad(lambda x: np.sum(function(x)[0]))(X)
    with pytest.raises(tg.AbstractValueError, match=words):
        tg.vmap(function)(ROWS)


class Counter:
    def __init__(self) -> None:
        self.n = 0


EFFECTS: dict[str, Function] = {
    "an item of a list": lambda one: one["list"].__setitem__(0, 5.0),
    "a nested dict": lambda one: one["dict"]["inner"].update(a=1),
    "a set": lambda one: one["set"].add(1),
    "an object": lambda one: setattr(one["object"], "n", 1),
    "an iterator": lambda one: next(one["iterator"]),
    "memory": lambda one: one["array"].sort(),
    "a view": lambda one: one["array"][1:].fill(0.0),
    "a shape": lambda one: setattr(one["array"], "shape", (2, 2)),
    "a size": lambda one: one["array"].resize(6),
    "a flag": lambda one: setattr(one["array"].flags, "writeable", False),
    "a random stream": lambda one: one["rng"].normal(),
}


@pytest.mark.parametrize("taken", [True, False])
@pytest.mark.parametrize("effect", EFFECTS.values(), ids=EFFECTS.keys())
def test_effects_of_branches(effect: Function, taken: bool) -> None:
    """Each happens as often as in plain Python, and never in a branch that is not taken."""

    def function(x: Any) -> Any:
        one: dict[str, Any] = {
            "list": [1.0, 2.0],
            "dict": {"inner": {}},
            "set": set(),
            "object": Counter(),
            "iterator": iter([1.0, 2.0]),
            "array": np.array([4.0, 3.0, 2.0, 1.0]),
            "rng": np.random.default_rng(0),
        }

        def first(x: Any) -> Any:
            effect(one)
            return x

        result = tg.cond(x[0] > 0, first, lambda x: x + 1, x)
        array = one["array"]
        rest = list(one["iterator"]), one["list"], one["dict"], sorted(one["set"]), one["object"].n
        return result, *rest, array.flags.writeable, array, one["rng"].normal()

    x = np.array([1.0 if taken else -1.0])
    assert repr(tg.compile(function)(x)) == repr(function(x))


def test_a_place_outside_is_numpys_error() -> None:
    def function(x: Any) -> Any:
        return tg.while_loop(lambda k: k < 9, lambda k: k + x[k], 0)

    steps = np.array([1, 3, 1, 1, 5])
    assert_recorded(function, steps)
    recorded = tg.compile(function)
    assert recorded(steps) == 9
    with pytest.raises(IndexError, match="out of bounds"):
        recorded(np.array([1, 3, 1, 1, 2]))


STEPS: list[Any] = []


def test_a_tape_draws_no_effects() -> None:
    def body(i: Any, c: Any) -> Any:
        STEPS.append(i)
        return c * 2

    x = tg.Variable(np.ones(2))
    with tg.GradientTape() as tape:
        loss = np.sum(tg.fori_loop(0, 3, body, x * 1.0))
    assert STEPS == [0, 1, 2]
    with pytest.raises(tg.DifferentiationError, match="a container from outside"):
        tape.gradient(loss, x)
