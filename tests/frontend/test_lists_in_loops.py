"""Loops that append to lists: one operation, whose rows the items are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tracegraph as tg
from tests.frontend.support import agree, made

pytestmark = pytest.mark.slow  # no interpreter differs in this; tests/twin has what does

X = np.array([0.5, 1.5, 0.7, -1.0])
COUNTS = (0, 1, 2, 9, 7, 40, 41, 43)


def nodes_of(function: Any, *args: Any) -> int:
    """Return how many nodes a function's graph has, those of loops inside included."""
    return str(tg.compile(function).graph(*args)).count("\n  %")


def is_one_loop(function: Any, *args: Any) -> bool:
    return " loop(" in str(tg.compile(function).graph(*args))


# -- what is appended, and what becomes of the list -----------------------------------------------


def copies(x: Any, n: int) -> Any:
    ys = []
    for _ in range(n):
        x = np.sin(x) + 0.1
        ys.append(x.copy())
    return np.array(ys)


def arrays(x: Any, n: int) -> Any:
    ys = []
    for _ in range(n):
        x = np.sin(x) + 0.1
        ys.append(x)
    return np.array(ys)


def before(x: Any, n: int) -> Any:
    ys = []
    for _ in range(n):
        ys.append(x)
        x = np.sin(x) + 0.1
    return np.array(ys), x


def beginning(x: Any, n: int) -> Any:
    ys = [x]
    for i in range(n):
        x = np.sin(x) + i
        ys.append(x)
    return np.stack(ys)


def sums(x: Any, n: int) -> Any:
    ys = []
    for i in range(n):
        x = np.cos(x) * i
        ys.append(x.sum())
    return np.array(ys)


def floats(x: Any, n: int) -> Any:
    ys, t = [], 0.5
    for _ in range(n):
        t = t * 0.9 + 0.1
        ys.append(t)
    return np.array(ys) * x[0]


def of_data(x: Any, n: int) -> Any:
    ys = []
    for i in range(n):
        ys.append(float(x[i % 4]) + 0.5)
    return np.array(ys)


def numbers(x: Any, n: int) -> Any:
    ys = []
    for i in range(n):
        ys.append(i * 2)
    return np.array(ys) + int(x[0])


def bools(x: Any, n: int) -> Any:
    ys = []
    for i in range(n):
        ys.append(x[i % 4] > 0.6)
    return np.array(ys)


def several(x: Any, n: int) -> Any:
    xs, ts = [], []
    ss: list[Any] = []
    for i in range(n):
        x = np.sin(x) + 0.1
        xs.append(x)
        ts.append(0.1 * i)
        ss.append(x.sum())
    return np.array(xs), np.array(ts), np.array(ss), x


def twice(x: Any, n: int) -> Any:
    ys = []
    for i in range(n):
        x = np.sin(x) + 0.1
        ys.append(x * i)
        ys.append(x + i)
    return np.array(ys)


def extended(x: Any, n: int) -> Any:
    ys = []
    for i in range(n):
        x = np.sin(x) + 0.1
        ys.extend([x * i, x + i])
    return np.array(ys)


def augmented(x: Any, n: int) -> Any:
    ys = []
    for i in range(n):
        x = np.sin(x) + 0.1
        ys += [x * i]
    return np.array(ys)


def by_function(x: Any, n: int) -> Any:
    ys = []

    def note(y: Any) -> None:
        ys.append(y * 2)

    for _ in range(n):
        x = np.sin(x) + 0.1
        note(x)
    return np.array(ys)


def by_method(x: Any, n: int) -> Any:
    ys: list[Any] = []
    append = ys.append
    for _ in range(n):
        x = np.sin(x) + 0.1
        append(x * 2)
    return np.array(ys)


def on_each_way(x: Any, n: int) -> Any:
    ys = []
    for _ in range(n):
        x = np.sin(x) + 0.3
        if x.sum() > 1.5:
            ys.append(x * 2)
        else:
            ys.append(x - 1)
    return np.array(ys)


def accepted(x: Any, n: int) -> Any:
    """The array stays what it is in some iterations, and is copied."""
    ys = []
    for i in range(n):
        if x.sum() < 1.5:
            x = x + np.abs(np.sin(i))
        ys.append(x.copy())
    return np.array(ys), x


def nested(x: Any, n: int) -> Any:
    rows = []
    for i in range(n):
        row = []
        for j in range(12):
            row.append(x * i + j)
        rows.append(np.stack(row))
    return np.array(rows)


def flat_nested(x: Any, n: int) -> Any:
    ys = []
    for _ in range(n):
        for j in range(12):
            x = np.sin(x) + j
            ys.append(x * 1.5)
    return np.array(ys), x


def flat_nested_names(x: Any, n: int) -> Any:
    ys = []
    for _ in range(n):
        for j in range(12):
            x = np.sin(x) + j
            ys.append(x)
    return np.array(ys), x


def nested_of_size(x: Any, n: int) -> Any:
    """The inner loop runs as often as the outer one."""
    ys = []
    for i in range(n):
        rows = []
        for j in range(n):
            rows.append(x * i + j)
        ys.append(np.sum(rows) + len(rows))
    return np.array(ys)


def typed(x: Any, n: int) -> Any:
    ys = []
    for i in range(n):
        ys.append(x.astype(np.float32) * np.float32(i))
    return np.array(ys)


def complexes(x: Any, n: int) -> Any:
    ys = []
    z = x + 1j
    for _ in range(n):
        z = z * (0.5 + 0.1j)
        ys.append(z)
    return np.array(ys)


def tables(x: Any, n: int) -> Any:
    """Arrays of two axes, by all that joins them."""
    ys = []
    y = np.outer(x, x)
    for i in range(n):
        y = np.cos(y) * i
        ys.append(y.copy())
    if n == 0:
        return len(ys)
    return (
        np.stack(ys, axis=1), np.stack(ys, axis=-1), np.concatenate(ys), np.concatenate(ys, axis=1),
        np.vstack(ys), np.hstack(ys), np.dstack(ys), np.column_stack(ys), np.concatenate(ys, None),
        np.asarray(ys), np.mean(ys, axis=0), np.sum(ys), np.max(ys), np.std(ys, axis=(1, 2)),
        len(ys),
    )  # fmt: skip


def lines(x: Any, n: int) -> Any:
    ys = []
    for i in range(n):
        ys.append(x * i)
    if n == 0:
        return None
    return np.vstack(ys), np.hstack(ys), np.dstack(ys), np.column_stack(ys), np.concatenate(ys)


def points(x: Any, n: int) -> Any:
    ys = []
    for i in range(n):
        ys.append(x[0] * i)
    if n == 0:
        return None
    return np.vstack(ys), np.hstack(ys), np.dstack(ys), np.column_stack(ys), np.stack(ys)


def in_fortran_order(x: Any, n: int) -> Any:
    ys = []
    y = np.asfortranarray(np.outer(x, x[:3]))
    for _ in range(n):
        y = np.sin(y)
        ys.append(y)
    return (np.stack(ys), np.array(ys), np.concatenate(ys), np.concatenate(ys, axis=1)) if n else 0


def empty_in_between(x: Any, n: int) -> Any:
    """Some of it is appended ahead of the loop and behind it."""
    ys = [x * 2, x * 3]
    for i in range(n):
        ys.append(x * i)
    ys.append(x)
    for i in range(n):
        ys.append(x - i)
    return np.array(ys), len(ys)


def from_the_last(x: Any, n: int) -> Any:
    ys, ts = [x], [0.5]
    for i in range(n):
        ys.append(ys[-1] + 0.1 * np.sin(ys[-1]) * ts[-1])
        ts.append(ts[-1] * 0.9 + 0.01 * i)
    return np.array(ys), np.array(ts)


def from_the_last_of_both(x: Any, n: int) -> Any:
    """Through two loops, and twice in an iteration."""
    ys = [x]
    for _ in range(n):
        for j in range(12):
            ys.append(ys[-1] * 0.9 + j)
            ys.append(np.sin(ys[-1]))
    return np.array(ys)


ONE_LOOP = [
    copies, arrays, before, beginning, sums, floats, of_data, numbers, bools, several, twice,
    extended, augmented, by_function, by_method, on_each_way, accepted, nested, flat_nested,
    flat_nested_names, nested_of_size, typed, complexes, tables, lines, points, in_fortran_order,
    empty_in_between, from_the_last, from_the_last_of_both,
]  # fmt: skip


@pytest.mark.parametrize("program", ONE_LOOP)
def test_values_and_types(program: Any) -> None:
    agree(made(program), *((X, n) for n in COUNTS), native=1)


@pytest.mark.parametrize("program", ONE_LOOP)
def test_one_operation(program: Any) -> None:
    few, many = (nodes_of(program, X, n) for n in (40, 400))
    assert few == many < 150
    assert is_one_loop(program, X, 40)


@pytest.mark.parametrize("program", ONE_LOOP)
def test_another_number_of_iterations_needs_no_trace(program: Any) -> None:
    compiled = tg.compile(program)
    for n in (20, 30, 31, 40, 200):
        compiled(X, n)
    assert len(compiled.traces) == 2
    assert not compiled.fallbacks
