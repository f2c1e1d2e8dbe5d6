"""Lists whose length data decides: filled by loops that end by data, or under conditions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tracegraph as tg
from tests.frontend.support import agree, made

pytestmark = pytest.mark.slow  # no interpreter differs in this; tests/twin has what does

RNG = np.random.default_rng(3)
DATA = [RNG.normal(size=40) for _ in range(5)]


# -- loops that end by data -----------------------------------------------------------------------


def history(x: Any) -> Any:
    errors = []
    error = 1.0
    while error > 1e-3:
        x = x * 0.7
        error = np.max(np.abs(x))
        errors.append(error)
    return x, np.array(errors), len(errors)


def before_the_break(x: Any) -> Any:
    sums = []
    for _ in range(200):
        x = x * 0.8
        sums.append(x @ x)
        if sums[-1] < 1e-2:
            break
    return np.array(sums), x


def behind_the_break(x: Any) -> Any:
    sums = []
    for k in range(200):
        x = x * 0.8
        if x @ x < 1e-2:
            break
        sums.append(k * 2)
    return np.array(sums), len(sums)


def the_array_itself(x: Any) -> Any:
    xs = [x]
    while xs[-1] @ xs[-1] > 1e-2:
        x = x * 0.6
        xs.append(x)
    return np.array(xs), xs[-1], x


def until_it_is_long(x: Any) -> Any:
    xs = [0.0]
    while len(xs) < 20 and np.max(np.abs(x)) > 1e-2:
        x = x * 0.75
        xs.append(x[0])
    return np.array(xs)


def times(x: Any) -> Any:
    ts = [0.0]
    while ts[-1] < 9.0:
        ts.append(ts[-1] + abs(x[len(ts) % 40]))
    return np.array(ts), ts[-1]


def last_by_another_name(x: Any) -> Any:
    xs = [x]
    for _ in range(200):
        x = x * 0.8
        xs.append(x * 2)
        last = xs[-1]
        if last @ last < 1e-2:
            break
    return np.array(xs), last


def with_a_flag(x: Any) -> Any:
    xs: list[Any] = []
    is_over = False
    while not is_over:
        x = x * 0.5
        if np.max(x) < 1e-2:
            is_over = True
        xs.append(x.copy())
    return np.stack(xs)


# -- under a condition ----------------------------------------------------------------------------


def positive(x: Any) -> Any:
    found = []
    for value in x:
        if value > 0:
            found.append(value * value)
    return np.array(found), len(found)


def left_out(x: Any) -> Any:
    found = []
    for k, value in enumerate(x):
        if value < 0.5:
            continue
        found.append(k)
    return np.array(found)


def both_signs(x: Any) -> Any:
    less, more = [], []
    for value in x:
        if value > 0:
            more.append(value)
        else:
            less.append(-value)
    return np.array(less), np.array(more), len(more) - len(less)


def records(x: Any) -> Any:
    found, most = [], -np.inf
    for value in x:
        if value > most:
            most = value
            found.append(most)
    return np.array(found), most, found[-1]


def in_pairs(x: Any) -> Any:
    found = []
    for value in x:
        if value > 0.2:
            found += [value, -value]
    return np.array(found)


def first_three(x: Any) -> Any:
    places, values = [], []
    for k, value in enumerate(x):
        if value > 0.5:
            places.append(k)
            values.append(value * 2)
            if len(places) == 3:
                break
    return np.array(places), np.array(values)


def counted_meanwhile(x: Any) -> Any:
    found, total = [x[0]], 0.0
    for value in x:
        if value > 0:
            found.append(value * len(found))
        total = total + len(found)
    return np.array(found), total


def of_arrays(x: Any) -> Any:
    found = []
    for k in range(40):
        row = x[:4] * x[k]
        if row.sum() > 0:
            found.append(row)
    return np.stack(found)


def accepted(x: Any) -> Any:
    y, best = x, []
    for k in range(40):
        new = y * np.cos(x[k])
        if new.sum() > 0:
            y = new
            best.append(y)
    return np.array(best), y, best[-1]


def adaptive(x: Any) -> Any:
    t, y, h = 0.0, x, 0.1
    ts, ys = [t], [y]
    while t < 2.0:
        slope = -y
        later = -(y + h * slope)
        error = np.max(np.abs(h * (later - slope) / 2))
        if error < 1e-2:
            t = t + h
            y = y + h * (slope + later) / 2
            ts.append(t)
            ys.append(y)
            h = h * 1.5
        else:
            h = h * 0.5
    return np.array(ts), np.array(ys)


BY_DATA = [
    history, before_the_break, behind_the_break, the_array_itself, until_it_is_long, times,
    last_by_another_name, with_a_flag, positive, left_out, both_signs, records, in_pairs,
    first_three, counted_meanwhile, of_arrays, accepted, adaptive,
]  # fmt: skip


@pytest.mark.parametrize("program", BY_DATA)
def test_values_and_types(program: Any) -> None:
    agree(made(program), *((x,) for x in DATA), native=4)


@pytest.mark.parametrize("program", BY_DATA)
def test_one_operation_whatever_the_data(program: Any) -> None:
    compiled = tg.compile(program)
    for x in DATA:
        compiled(x)
    assert len(compiled.traces) == 1
    assert not compiled.fallbacks
    assert " loop(" in str(compiled.graph(DATA[0]))


# -- none, and few --------------------------------------------------------------------------------


@pytest.mark.parametrize("program", [positive, left_out, both_signs, in_pairs, first_three])
def test_a_list_without_items(program: Any) -> None:
    """NumPy makes floats of nothing, and what else there is has a type of its own."""
    some, none = DATA[0], np.full(40, -1.0)
    for calls in ((some, none, some, none), (none, some, none, some)):
        agree(made(program), *((x,) for x in calls), native=2)


def test_nothing_to_stack() -> None:
    none = -np.abs(DATA[0])
    agree(made(of_arrays), (DATA[0],), (none,), (DATA[1],), (none,))
    agree(made(of_arrays), (none,), (DATA[0],), (none,))


@pytest.mark.parametrize("size", [0, 1, 2, 7])
def test_few_iterations(size: int) -> None:
    for program in (positive, left_out, in_pairs):
        agree(made(program), *((x[:size],) for x in DATA))


def test_a_loop_that_may_not_run() -> None:
    def program(x: Any) -> Any:
        xs: list[Any] = []
        y = x
        while y @ y > 1:
            y = y * 0.5
            xs.append(y)
        return np.array(xs), y, len(xs)

    small = np.full(3, 0.1)
    agree(made(program), (DATA[0],), (small,), (DATA[1],), (small,), native=2)
    agree(made(program), (small,), (DATA[0],), (small,), (DATA[1],), native=2)


# -- which array it is ----------------------------------------------------------------------------


def written_behind(x: Any) -> Any:
    y, ys = x, []
    for k in range(40):
        new = y * np.cos(x[k])
        if new.sum() > 0:
            y = new
            ys.append(y)
    y[0] = 7.0
    return np.array(ys), y


def other_name_on_other_ways(x: Any) -> Any:
    y, ys = x + 0, []
    for k in range(40):
        y = y * np.cos(x[k])
        if y.sum() > 0:
            ys.append(y)
    y[0] = 7.0
    return np.array(ys), y


def in_two_lists(x: Any) -> Any:
    some, all_of_them = [], []
    for k in range(40):
        y = x[:3] * x[k]
        all_of_them.append(y)
        if y.sum() > 0:
            some.append(y)
    some[0][0] = 5.0
    return np.array(some), np.array(all_of_them)


def what_was_given(x: Any) -> Any:
    y, ys = x + 0, []
    for k in range(40):
        if x[k] > 0:
            ys.append(y)
        y = y * 0.5
    return np.array(ys), y


def something_else_on_each_way(x: Any) -> Any:
    y, ys = x + 0, []
    for k in range(40):
        y = y * 0.9
        z = y + x[k]
        ys.append(y if x[k] > 0 else z)
    ys[-1][0] = 3.0
    return np.array(ys), y, z


WHOSE = [written_behind, other_name_on_other_ways, in_two_lists, what_was_given]


@pytest.mark.parametrize("program", [*WHOSE, something_else_on_each_way])
def test_which_array_it_is(program: Any) -> None:
    agree(made(program), *((x,) for x in DATA))


# -- derivatives ----------------------------------------------------------------------------------


@pytest.mark.parametrize("program", [history, the_array_itself, positive, of_arrays, adaptive])
def test_gradients(program: Any) -> None:
    def loss(x: Any) -> Any:
        found = program(x)
        return np.sum(np.sin(found if isinstance(found, np.ndarray) else found[1]))

    x = DATA[1] * 0.9
    steps = np.eye(len(x)) * 1e-6
    expected = [(loss(x + step) - loss(x - step)) / 2e-6 for step in steps]
    for gradient in (tg.grad(loss), tg.compile(tg.grad(loss))):
        np.testing.assert_allclose(gradient(x), expected, rtol=2e-6, atol=1e-8)


def test_the_gradient_of_a_mean_of_a_history() -> None:
    def loss(rate: Any) -> Any:
        errors = []
        error = 1.0
        while error > 0.1:
            error = error * rate
            errors.append(error)
        return np.mean(errors)

    rate, powers = 0.83, np.arange(1, 14)
    expected = np.mean(powers * rate ** (powers - 1))  # that of the geometric series
    assert tg.compile(tg.grad(loss))(rate) == pytest.approx(expected, rel=1e-12)


# -- limits ---------------------------------------------------------------------------------------


def nested(x: Any) -> Any:
    found = []
    for i in range(12):
        for k in range(12):
            if x[i] > x[k]:
                found.append(x[i] - x[k])
    return np.array(found)


def nested_while(x: Any) -> Any:
    found = []
    for i in range(12):
        y = x[i]
        while abs(y) > 0.1:
            y = y * 0.5
            found.append(y)
    return np.array(found)


@pytest.mark.parametrize("program", [nested, nested_while])
def test_loops_within_loops_are_not_captured(program: Any) -> None:
    agree(made(program), *((x,) for x in DATA))
    compiled = tg.compile(program)
    compiled(DATA[0])
    shown = "\n".join([str(compiled.explain(DATA[0])), *map(str, compiled.fallbacks)])
    assert "a loop within a loop or under vmap appends to a list" in shown


def test_the_condition_of_a_loop_must_not_append() -> None:
    def program(x: Any) -> Any:
        seen: list[Any] = []

        def goes_on(y: Any) -> Any:
            seen.append(y[0])
            return y @ y > 1e-2

        while goes_on(x):
            x = x * 0.5
        return np.array(seen), x

    agree(made(program), *((x,) for x in DATA))


def test_a_batch_has_no_lists_of_data() -> None:
    with pytest.raises(tg.AbstractValueError, match="under vmap appends to a list"):
        tg.vmap(lambda x: positive(x)[0])(np.ones((2, 40)))
