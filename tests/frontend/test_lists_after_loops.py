"""What lists hold behind loops that append to them: their items, and which arrays are one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tracegraph as tg
from tests.frontend.support import agree, made

pytestmark = pytest.mark.slow  # no interpreter differs in this; tests/twin has what does

X = np.array([0.5, 1.5, 0.7, -1.0])
COUNTS = (0, 1, 2, 9, 5, 20, 21, 13, 30)


def returned(x: Any, n: int) -> Any:
    ys = []
    for _ in range(n):
        x = np.sin(x) + 0.1
        ys.append(x.copy())
    return ys


def returned_with_last(x: Any, n: int) -> Any:
    ys = []
    for _ in range(n):
        x = np.sin(x) + 0.1
        ys.append(x)
    return ys, x, ys[-1] if n else None, len(ys)


def returned_with_first(x: Any, n: int) -> Any:
    ys = []
    for _ in range(n):
        ys.append(x)
        x = np.sin(x) + 0.1
    return ys, x


def returned_with_previous(x: Any, n: int) -> Any:
    ys = []
    old = older = x * 1
    for _ in range(n):
        older, old = old, x
        x = np.sin(x) + 0.1
        ys.append(x)
    return ys, x, old, older


def previous(x: Any, n: int) -> Any:
    ys = []
    old = older = x * 1
    for _ in range(n):
        older, old = old, x
        x = np.sin(x) + 0.1
        ys.append(older)
    return ys, x, old, older


def written_after(x: Any, n: int) -> Any:
    ys = []
    for _ in range(n):
        x = np.sin(x) + 0.1
        ys.append(x)
    x += 1
    z = np.array(ys)
    if n:
        ys[0][1] = 7.0
    return z, np.array(ys), ys


def first_written_after(x: Any, n: int) -> Any:
    ys = []
    y = x
    for _ in range(n):
        ys.append(x)
        x = np.sin(x) + 0.1
    y[0] = 8.0
    return np.array(ys), x, ys


def in_place_copy(x: Any, n: int) -> Any:
    ys = []
    for _ in range(n):
        x += 0.25
        ys.append(x.copy())
    return np.array(ys)


def in_place_of_new(x: Any, n: int) -> Any:
    ys = []
    for _ in range(n):
        x = x * 0.5
        ys.append(x)
        x += 0.25
    return np.array(ys), ys


def aliased_after(x: Any, n: int) -> Any:
    ys = []
    for _ in range(n):
        x = np.sin(x) + 0.1
        ys.append(x)
    zs = ys
    zs.append(x * 2)
    return np.array(zs), len(zs), zs is ys, ys


def from_helper(x: Any, n: int) -> Any:
    def simulate(x: Any, n: int) -> Any:
        ys = []
        for _ in range(n):
            x = np.sin(x) + 0.1
            ys.append(x)
        return ys

    return np.array(simulate(x, n)), np.array(simulate(x * 2, n))


def partly(x: Any, n: int) -> Any:
    ys = []
    for _ in range(n):
        x = np.sin(x) + 0.1
        ys.append(x)
    a, b = ys[1:], ys[::2]
    return np.array(a), np.array(b), np.array(ys + ys), np.array(list(reversed(ys)))


def unpacked(x: Any, n: int) -> Any:
    ys = []
    for _ in range(n):
        x = np.sin(x) + 0.1
        ys.append(x)
    if not ys:
        return 0
    first, *rest = ys
    return first, len(rest), len([*ys]), len(ys * 2), bool(ys), ys == [], len(tuple(ys))


def looped_over(x: Any, n: int) -> Any:
    ys = []
    for _ in range(n):
        x = np.sin(x) + 0.1
        ys.append(x)
    total = 0.0
    for y in ys:
        total = total + y.sum()
    return total, sum(y.sum() for y in ys), [y * 2 for y in ys]


def summed(x: Any, n: int) -> Any:
    ys, zs = [], []
    for _ in range(n):
        x = np.sin(x) + 0.1
        ys.append(x)
        zs.append(x.sum())
    return sum(ys), sum(zs), (max(zs), min(zs)) if zs else None


def mutated_after(x: Any, n: int) -> Any:
    ys = []
    for i in range(n):
        ys.append(x * i)
    ys.reverse()
    if ys:
        ys.pop()
    ys.insert(0, x)
    del ys[1:3]
    return np.array(ys), len(ys)


def mutated_floats(x: Any, n: int) -> Any:
    ys = []
    for i in range(n):
        ys.append(float(x[i % 4]) * i)
    ys.sort()
    return np.array(ys), ys


def of_floats(x: Any, n: int) -> Any:
    ys, t = [], 0.5
    for _ in range(n):
        t = t * 0.9 + 0.1
        ys.append(t)
    return ys, ys[-1:], t


def of_ints(x: Any, n: int) -> Any:
    ys = []
    for i in range(n):
        ys.append(i * 2)
    return ys, [x[y % 4] for y in ys[:2]]


def of_scalars(x: Any, n: int) -> Any:
    ys = []
    for i in range(n):
        ys.append(x.sum() * i)
    return ys


def of_bools(x: Any, n: int) -> Any:
    ys = []
    for i in range(n):
        ys.append(x[i % 4] > 0.6)
    return ys


def same_in_two(x: Any, n: int) -> Any:
    ys, zs = [], []
    for _ in range(n):
        x = np.sin(x) + 0.1
        ys.append(x)
        zs.append(x)
    if n:
        ys[0][0] = 5.0
    return np.array(zs), ys, zs


def same_twice(x: Any, n: int) -> Any:
    ys = []
    for _ in range(n):
        x = np.sin(x) + 0.1
        ys.append(x)
        ys.append(x)
    if n:
        ys[0][0] = 5.0
    return np.array(ys), ys


def around(x: Any, n: int) -> Any:
    ys = []
    for _ in range(n):
        ys.append(x)
        x = np.sin(x) + 0.1
        ys.append(x)
    if n > 2:
        ys[2][0] = 5.0
    return np.array(ys), ys


def peeled(x: Any, n: int) -> Any:
    ys, t = [], 0.5
    for _ in range(n):
        t = np.sin(t)
        ys.append(t)
    return ys, np.array(ys)


def nested_returned(x: Any, n: int) -> Any:
    ys = []
    for _ in range(n):
        for _ in range(10):
            x = np.sin(x) + 0.1
            ys.append(x)
    return ys, x


def closure(x: Any, n: int) -> Any:
    ys = []
    for i in range(n):
        ys.append(x * i)

    def later() -> Any:
        return len(ys)

    return later()


def printed(x: Any, n: int) -> Any:
    ys = []
    for i in range(n):
        ys.append(x.sum() * i)
    print(ys, len(ys), f"{ys}")
    return isinstance(ys, list), type(ys), str(ys)


def identity(x: Any, n: int) -> Any:
    ys = []
    for _ in range(n):
        x = x * 0.5
        ys.append(x)
    return (ys[-1] is x, ys[0] is x, ys[0] is ys[0]) if n else None


def rebound(x: Any, n: int) -> Any:
    ys = []
    for i in range(n):
        ys.append(x * i)
    zs = np.array(ys)
    ys = []
    for i in range(n):
        ys.append(x - i)
    return zs, np.array(ys)


def deleted(x: Any, n: int) -> Any:
    ys = []
    for i in range(n):
        ys.append(x * i)
    zs = np.array(ys)
    del ys
    return zs


def nested_function_list(x: Any, n: int) -> Any:
    def run(y: Any) -> Any:
        rows = []
        for _ in range(12):
            y = np.cos(y)
            rows.append(y)
        return np.stack(rows).sum(axis=0)

    ys = []
    for _ in range(n):
        x = run(x)
        ys.append(x)
    return np.array(ys)


PROGRAMS = [
    returned, returned_with_last, returned_with_first, returned_with_previous, previous,
    written_after, first_written_after, in_place_copy, in_place_of_new, aliased_after,
    from_helper, partly, unpacked, looped_over, summed, mutated_after, mutated_floats,
    of_floats, of_ints, of_scalars, of_bools, same_in_two, same_twice, around, peeled,
    nested_returned, closure, printed, identity, rebound, deleted,
    nested_function_list,
]  # fmt: skip


@pytest.mark.parametrize("program", PROGRAMS)
def test_what_python_leaves(program: Any) -> None:
    agree(made(program), *((X.copy(), n) for n in COUNTS))


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_loop_is_one_operation(program: Any) -> None:
    assert " loop(" in str(tg.compile(program).graph(X.copy(), 30))


def test_long_lists_beside_one_that_is_returned_twice() -> None:
    """What stands for a whole list is soon gone while results are taken apart."""

    def program(x: Any, n: int) -> Any:
        ts = [x[0]]
        for i in range(20):
            ts.append(x[1] * i)
        ys = [x * 2]
        for _ in range(n):
            ys.append(x + 1)
        zs = [x[2]]
        for i in range(30):
            zs.append(x[2] * i)
        return ys, ys, ts, zs

    x = np.arange(1.0, 5)
    agree(made(program), (x, 20), (x, 20), (x, 21), (x, 30), (x, 30))
