"""What a function that ``vmap`` maps may not change: there is one of it for all examples."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tracegraph as tg

pytestmark = pytest.mark.filterwarnings("ignore::tracegraph.FallbackWarning")

BATCH = np.array([0.5, 1.2, -0.7])
OUTSIDE = np.zeros(3)
FORMS: dict[str, Callable[[Any], Any]] = {
    "plain": lambda f: f,
    "compiled": tg.compile,
}


def item(y: Any, v: Any) -> None:
    y[0] = v


def by_view(y: Any, v: Any) -> None:
    tail = y[1:]
    tail += v


def by_out(y: Any, v: Any) -> None:
    np.add(v, 1, out=y)


def constant(y: Any, v: Any) -> None:
    y[0] = 5.0


def sorts(y: Any, v: Any) -> None:
    y.sort()


def on_one_way(y: Any, v: Any) -> None:
    if v > 0:
        y[0] = v


def before_a_question(y: Any, v: Any) -> None:
    y[0] += 1
    if v > 0:
        y[1] = 2


def in_a_loop(y: Any, v: Any) -> None:
    for k in range(3):
        y[k] = v + k


def transposed(y: Any, v: Any) -> None:
    y.T[...] = v


WRITES = (
    item, by_view, by_out, constant, sorts, on_one_way, before_a_question, in_a_loop, transposed,
)  # fmt: skip


def refused(mapped: Any, *args: Any) -> bool:
    try:
        mapped(*args)
    except tg.AbstractValueError:
        return True
    return False


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("write", WRITES)
def test_an_array_of_the_caller_is_not_written(write: Any, form: str) -> None:
    def by_closure(x: Any) -> Any:
        y = x * 1.0

        def function(v: Any) -> Any:
            write(y, v)
            return v

        return refused(tg.vmap(function), x), y

    def by_argument(x: Any) -> Any:
        y = x * 1.0

        def function(v: Any, y: Any) -> Any:
            write(y, v)
            return v

        return refused(tg.vmap(function, (0, None)), x, y), y

    def by_gradient(x: Any) -> Any:
        y = x * 1.0

        def function(v: Any) -> Any:
            write(y, v)
            return v * y[0]

        return refused(tg.vmap(tg.grad(function)), x), y

    for function in (by_closure, by_argument, by_gradient):
        call = FORMS[form](function)
        for _ in range(3):
            was_refused, y = call(BATCH.copy())
            assert was_refused
            np.testing.assert_array_equal(y, BATCH)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("write", WRITES)
def test_an_array_of_a_function_that_runs_eagerly_is_not_written(write: Any, form: str) -> None:
    def function(x: Any) -> Any:
        y = x * 1.0
        time.time()

        def one(v: Any) -> Any:
            write(y, v)
            return v

        return refused(tg.vmap(one), x), y

    call = FORMS[form](function)
    for _ in range(2):
        was_refused, y = call(BATCH.copy())
        assert was_refused
        np.testing.assert_array_equal(y, BATCH)


@pytest.mark.parametrize("form", FORMS)
def test_the_refused_write_is_named_with_its_line(form: str) -> None:
    def function(x: Any) -> Any:
        y = x * 1.0

        def one(v: Any) -> Any:
            item(y, v)
            return v

        return tg.vmap(one)(x)

    with pytest.raises(tg.AbstractValueError, match=r"that tg\.vmap is given") as caught:
        FORMS[form](function)(BATCH)
    assert any(entry.name == "item" for entry in caught.traceback)


@pytest.mark.parametrize("form", FORMS)
def test_an_array_from_outside_is_not_written(form: str) -> None:
    def function(x: Any) -> Any:
        def one(v: Any) -> Any:
            OUTSIDE[1] = v
            return v + OUTSIDE[1]

        return refused(tg.vmap(one), x)

    call = FORMS[form](function)
    for _ in range(3):
        assert call(BATCH)
        assert not OUTSIDE.any()


@pytest.mark.parametrize("form", FORMS)
def test_what_a_mapped_function_makes_may_be_written(form: str) -> None:
    def powers(v: Any) -> Any:
        found = np.ones(3)
        for k in range(1, 3):
            found[k] = found[k - 1] * v
        return found

    call = FORMS[form](tg.vmap(powers))
    for _ in range(3):
        np.testing.assert_allclose(call(BATCH), BATCH[:, None] ** np.arange(3))


class Box:
    """Holds something."""

    def __init__(self) -> None:
        self.held: Any = 0.0


def into_a_list(x: Any) -> Any:
    held = [0.0]

    def one(v: Any) -> Any:
        held[0] = v * 3
        return v * held[0]

    return refused(tg.vmap(one), x), refused(tg.vmap(tg.grad(one)), x), held[0]


def appended(x: Any) -> Any:
    held: list[Any] = []

    def one(v: Any) -> Any:
        held.append([v])
        return v * v

    return refused(tg.vmap(one), x), refused(tg.vmap(tg.grad(one)), x), len(held)


def into_a_dict(x: Any) -> Any:
    held = {"a": 0.0}

    def one(v: Any) -> Any:
        held["a"] = v
        return v * v

    return refused(tg.vmap(one), x), refused(tg.vmap(tg.grad(one)), x), held["a"]


def into_an_object(x: Any) -> Any:
    box = Box()

    def one(v: Any) -> Any:
        box.held = v
        return v * v

    return refused(tg.vmap(one), x), refused(tg.vmap(tg.grad(one)), x), box.held


def into_a_variable(x: Any) -> Any:
    held = 0.0

    def one(v: Any) -> Any:
        nonlocal held
        held = v * 2
        return v * held

    return refused(tg.vmap(one), x), refused(tg.vmap(tg.grad(one)), x), held


def before_an_error(x: Any) -> Any:
    held, y = [0.0], x * 1.0

    def one(v: Any) -> Any:
        held[0] = v
        y[0] = v
        return v * v

    return refused(tg.vmap(one), x), refused(tg.vmap(tg.grad(one)), x), held[0]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "function",
    [into_a_list, appended, into_a_dict, into_an_object, into_a_variable, before_an_error],
)
def test_nothing_outside_comes_to_hold_an_example(function: Any, form: str) -> None:
    call = FORMS[form](function)
    for _ in range(3):
        assert call(BATCH) == (True, True, 0)


# -- transformations in a function that runs eagerly -------------------------------------------


@pytest.mark.parametrize("write", WRITES)
def test_a_derivative_sees_writes_into_arrays_made_before_it(write: Any) -> None:
    """Once a compiled function runs eagerly its arrays are real, and have no known origin."""

    def function(x: Any) -> Any:
        y = np.ones(3)
        time.time()

        def loss(v: Any) -> Any:
            write(y, v[1])
            return (v * y).sum()

        return tg.grad(loss)(x)

    np.testing.assert_array_equal(tg.compile(function)(BATCH), function(BATCH))
    if write is item:
        np.testing.assert_array_equal(function(BATCH), [1.2, 1.5, 1.0])


def test_a_view_of_what_was_written_is_not_taken_for_a_constant() -> None:
    memory = np.zeros(3)
    tail = memory[1:]

    def function(x: Any) -> Any:
        memory[1] = x[0] * 2
        return tail[0] * x[0]

    with pytest.raises(tg.DifferentiationError, match="shares memory with an array"):
        tg.grad(function)(BATCH)
    call = tg.compile(function)
    for scale in (1.0, 2.0, 3.0):
        assert call(BATCH * scale) == 2 * (BATCH[0] * scale) ** 2
