"""Loops that use lists in ways that one operation cannot: they are as Python leaves them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.frontend.support import agree, made

pytestmark = pytest.mark.slow  # no interpreter differs in this; tests/twin has what does

X = np.array([0.5, 1.5, 0.7, -1.0])
COUNTS = (0, 2, 9, 20, 21)


def in_place(x: Any, n: int) -> Any:
    ys = []
    for _ in range(n):
        x += 0.25
        ys.append(x)
    return np.array(ys), ys


def in_place_next(x: Any, n: int) -> Any:
    ys = []
    y = x + 0
    for _ in range(n):
        y *= 0.9
        y = y + 1
        ys.append(y)
    return np.array(ys), ys


def views(x: Any, n: int) -> Any:
    ys = []
    for _ in range(n):
        x = np.sin(x) + 0.1
        ys.append(x[1:])
    return np.array(ys), ys, x


def whole_views(x: Any, n: int) -> Any:
    ys = [x]
    for _ in range(n):
        ys.append(x[:])
        x = x * 0.5
    return np.array(ys), ys


def views_of_outside(x: Any, n: int) -> Any:
    ys = []
    for i in range(n):
        ys.append(x[i % 3 : i % 3 + 2])
    x[1] = 9
    return np.array(ys), ys


def conditional(x: Any, n: int) -> Any:
    ys = []
    for i in range(n):
        x = np.sin(x) + 0.1
        if i % 3 == 0:
            ys.append(x)
    return np.array(ys)


def conditional_by_data(x: Any, n: int) -> Any:
    ys = []
    for _ in range(n):
        x = np.sin(x * 3)
        if x[0] > 0.3:
            ys.append(x)
    return np.array(ys)


def broken(x: Any, n: int) -> Any:
    ys = []
    for _ in range(n):
        x = np.sin(x) + 0.1
        ys.append(x)
        if x.sum() < 0:
            break
    return np.array(ys)


def whiled(x: Any, n: int) -> Any:
    ys = []
    i = 0
    while i < n:
        x = np.sin(x) + 0.1
        ys.append(x)
        i += 1
    return np.array(ys)


def while_data(x: Any, n: int) -> Any:
    ys: list[Any] = []
    while x.sum() > 0.5 and len(ys) < n:
        x = np.sin(x) * 0.9
        ys.append(x)
    return np.array(ys)


def reads_length(x: Any, n: int) -> Any:
    ys: list[Any] = []
    for _ in range(n):
        ys.append(x * len(ys))
    return np.array(ys)


def reads_all(x: Any, n: int) -> Any:
    ys = [x]
    for _ in range(n):
        ys.append(np.sum(ys, axis=0) * 0.5)
    return np.array(ys)


def aliased(x: Any, n: int) -> Any:
    ys: list[Any] = []
    zs = ys
    for _ in range(n):
        x = np.sin(x) + 0.1
        ys.append(x)
    return np.array(zs), len(zs), zs is ys


def aliased_inside(x: Any, n: int) -> Any:
    ys = []
    total = 0
    for _ in range(n):
        x = np.sin(x) + 0.1
        ys.append(x)
        zs = ys
        total += len(zs)
    return np.array(ys), total


def in_dict(x: Any, n: int) -> Any:
    d: dict[str, list[Any]] = {"a": [], "b": []}
    for i in range(n):
        x = np.sin(x) + 0.1
        d["a"].append(x)
        d["b"].append(i)
    return d


def passed_on(x: Any, n: int) -> Any:
    def add(buffer: Any, y: Any) -> Any:
        buffer.append(y)

    ys: list[Any] = []
    for _ in range(n):
        x = np.sin(x) + 0.1
        add(ys, x)
    return np.array(ys)


def mixed_types(x: Any, n: int) -> Any:
    ys = []
    for i in range(n):
        ys.append(x * i)
        ys.append(float(i))
    return ys


def tuples(x: Any, n: int) -> Any:
    ys = []
    for i in range(n):
        ys.append((x * i, i))
    return ys


def lists_in_list(x: Any, n: int) -> Any:
    ys = []
    for i in range(n):
        ys.append([x * i, x])
    return ys


def sized(x: Any, n: int) -> Any:
    ys = []
    for i in range(n):
        ys.append(np.zeros(i) + x[0])
    return ys


def same_array(x: Any, n: int) -> Any:
    ys = []
    y = x * 2
    for _ in range(n):
        ys.append(y)
    y += 1
    return np.array(ys), ys


def kept_sometimes(x: Any, n: int) -> Any:
    ys = []
    for i in range(n):
        if x.sum() < 1.5:
            x = x + np.abs(np.sin(i))
        ys.append(x)
    return np.array(ys), x


def best_so_far(x: Any, n: int) -> Any:
    ys = []
    best = x
    for i in range(n):
        y = np.sin(x * i)
        if y.sum() > best.sum():
            best = y
        ys.append(y)
    return np.array(ys), best


def nested_written(x: Any, n: int) -> Any:
    ys = []
    for _ in range(n):
        for _ in range(10):
            x = np.sin(x) + 0.1
            ys.append(x)
        x += 1
    return np.array(ys), x


def nested_symbolic(x: Any, n: int) -> Any:
    ys = []
    for _ in range(n):
        for _ in range(n):
            x = np.sin(x) + 0.1
            ys.append(x)
    return np.array(ys), x


def triangle(x: Any, n: int) -> Any:
    ys = []
    for i in range(n):
        for _ in range(i):
            x = np.sin(x) + 0.1
            ys.append(x.copy())
    return np.array(ys), x


def raised(x: Any, n: int) -> Any:
    ys = []
    try:
        for i in range(n):
            ys.append(x * i)
            if i == 12:
                raise ValueError
    except ValueError:
        pass
    return np.array(ys)


def reset_inside(x: Any, n: int) -> Any:
    ys: list[Any] = []
    for i in range(n):
        if i == 5:
            ys = []
        ys.append(x * i)
    return np.array(ys)


def new_inside(x: Any, n: int) -> Any:
    ys: list[Any] = []
    for i in range(n):
        ys = []
        ys.append(x * i)
    return np.array(ys), ys


def swapped(x: Any, n: int) -> Any:
    xs: list[Any] = []
    ys: list[Any] = []
    for i in range(n):
        xs.append(x * i)
        xs, ys = ys, xs
    return np.array(xs), np.array(ys)


def list_to_function(x: Any, n: int) -> Any:
    def total(rows: Any) -> Any:
        return np.stack(rows).sum()

    ys = []
    for i in range(n):
        rows = []
        for j in range(12):
            rows.append(x * i + j)
        ys.append(total(rows))
    return np.array(ys)


def list_left(x: Any, n: int) -> Any:
    for i in range(n):
        row = []
        for j in range(10):
            row.append(x * i + j)
        x = np.mean(row, axis=0)
    return x, (len(row), row[3]) if n else 0


def looked_at_on_another_way(x: Any, n: int) -> Any:
    ys, total = [], 0.0
    for k in range(n):
        if x[k % 4] > 0:
            ys.append(x[k % 4] + k)
        elif len(ys) > 0:
            total += ys[0]
    return np.array(ys), total


def changed_on_another_way(x: Any, n: int) -> Any:
    ys = []
    for k in range(n):
        if x[k % 4] > 0:
            ys.append(x[k % 4] + k)
        elif ys:
            ys.pop()
    return np.array(ys)


def looked_at_by_the_condition(x: Any, n: int) -> Any:
    ys, k = [0.0], 0
    while k < n or (ys[0] < 4 and k < 20):
        ys.append(abs(x[k % 4]))
        k += 1
    return np.array(ys), k


def of_two_shapes(x: Any, n: int) -> Any:
    ys = [x[:2] * 0]
    for k in range(n):
        if x[k % 4] > 0:
            ys.append(x[:3] * k)
    return np.concatenate(ys)


def lines_and_tables(x: Any, n: int) -> Any:
    ys = []
    for k in range(n):
        ys.append(x * k)
    for k in range(n):
        ys.append(x[None] * k)
    return np.vstack(ys)


def beside_a_tuple(x: Any, n: int) -> Any:
    ys = []
    for k in range(n):
        ys.append(x[:2] * k)
    return np.sum([(1.0, 2.0), *ys], axis=0)


def ints_then_floats(x: Any, n: int) -> Any:
    ys = [1]
    for k in range(n):
        if x[k % 4] > 1 - n % 5:
            ys.append(x[k % 4])
    return np.array(ys), np.max(ys)


def rows_of_rows(x: Any, n: int) -> Any:
    ys = [x[0]]
    for k in range(n):
        if x[k % 4] > 0:
            for j in range(10):
                ys.append(ys[-1] * 0.5 + x[j % 4])
    return np.array(ys)


PROGRAMS = [
    looked_at_on_another_way, changed_on_another_way, looked_at_by_the_condition, of_two_shapes,
    lines_and_tables, beside_a_tuple, ints_then_floats, rows_of_rows,
    whole_views, list_left,
    in_place, in_place_next, views, views_of_outside, conditional, conditional_by_data, broken,
    whiled, while_data, reads_length, reads_all, aliased, aliased_inside, in_dict,
    passed_on, mixed_types, tuples, lists_in_list, sized, same_array, kept_sometimes,
    best_so_far, nested_written, nested_symbolic, triangle, raised, reset_inside, new_inside,
    swapped, list_to_function,
]  # fmt: skip


@pytest.mark.parametrize("program", PROGRAMS)
def test_what_python_leaves(program: Any) -> None:
    agree(made(program), *((X.copy(), n) for n in COUNTS))
