"""Ways through loops that raise when they are drawn, without values, and not in fact."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np
import pytest

import tracegraph as tg
from tests.frontend.support import agree, made

X, ONE = np.linspace(0.3, 0.9, 12), np.ones(1)

# -- nobody catches: as an example an index is 1, and `y` has one element --------------------------


def reads(x: Any, y: Any) -> Any:
    s = x.sum()
    for i in range(len(x)):
        k = int(x[i])
        if k < 1:
            s = s + y[k]
    return s


def writes(x: Any, y: Any) -> Any:
    s = x.sum()
    for i in range(len(x)):
        k = int(x[i])
        if k < 1:
            y[k] = s
            s = s + 1
    return s, y


def counts(x: Any, y: Any) -> Any:
    n = 0
    for i in range(len(x)):
        k = int(x[i])
        if k < 1:
            n += 1
            y[k] += 1
    return n, y


def leaves(x: Any, y: Any) -> Any:
    for i in range(len(x)):
        k = int(x[i])
        if k < 1 and y[k] > 0:
            break
    else:
        return "none", i
    return "found", i


def returns(x: Any, y: Any) -> Any:
    for i in range(len(x)):
        k = int(x[i])
        if k < 1:
            return y[k] + i
    return x


def appends(x: Any, y: Any) -> Any:
    found = []
    for i in range(len(x)):
        k = int(x[i])
        if k < 1:
            found.append(y[k] + i)
    return np.array(found)


# -- the function itself catches ------------------------------------------------------------------


def index_error(x: Any, y: Any) -> Any:
    s = x.sum()
    for i in range(len(x)):
        try:
            z = y[int(x[i])]
        except IndexError:
            z = 7
        s = s + z
    return s


def inner_loop(x: Any, y: Any) -> Any:
    s = x.sum()
    for i in range(len(x)):
        last: Any = None
        for j in range(i):
            last = x[j]
        try:
            s = s + last
        except Exception:
            s = s - y[0]
    return s


def suppressed(x: Any, y: Any) -> Any:
    s = x.sum()
    for i in range(len(x)):
        last: Any = "a"
        for j in range(i):
            last = x[j]
        with contextlib.suppress(TypeError, NameError):
            s = s + last
        s = s - y[0]
    return s


def function_inside(x: Any, y: Any) -> Any:
    s = x.sum()

    def held() -> Any:
        try:
            return z
        except NameError:
            return 100.0

    for i in range(len(x)):
        s = s + held()
        z = x[i] * y
    return s


def own(x: Any, y: Any) -> Any:
    s = x.sum()
    for i in range(len(x)):
        try:
            if x[i] > 0.5:
                raise ValueError("too large")
            s = s + y[0]
        except ValueError:
            s = s * 0.5
    return s


PROGRAMS = [
    reads, writes, counts, leaves, returns, appends, index_error, inner_loop, suppressed,
    function_inside, own,
]  # fmt: skip


@pytest.mark.parametrize("program", PROGRAMS)
def test_values(program: Any) -> None:
    calls = [(X * k, y) for k in (1, 1, 0.5) for y in (ONE, ONE * 2)]
    agree(made(program), *calls, (X, np.ones(3)), (X * 2, np.ones(3)), (X, ONE))


def test_what_a_function_raises_itself_is_a_way_as_any() -> None:
    compiled = tg.compile(own)
    for k in (1.0, 0.5, 2.0):
        compiled(X * k, ONE)
    assert len(compiled.traces) == 1
    assert not compiled.fallbacks


def test_what_is_missing_is_not_caught_in_functions_that_loops_are_given() -> None:
    def body(s: Any, v: Any) -> Any:
        k = 0
        try:
            k = 1 if v > 0.5 else 2
        except Exception:
            k = 5
        return s * 0.5 + k, s

    def program(x: Any) -> Any:
        return tg.scan(body, x[0], x)

    agree(made(program), (X,), (X,), (X * 0.5,))


# -- the last item of a list ----------------------------------------------------------------------


def in_another_list(x: Any, y: Any) -> Any:
    a = x + y
    ys, zs = [a], []
    for i in range(len(x)):
        zs.append(ys[-1])
        ys.append(x * i)
        a *= 0.5
    return ys, zs, np.array(zs)


def until_data_says(x: Any, y: Any) -> Any:
    ys, zs = [x * 2], []
    while True:
        zs.append(ys[-1])
        ys.append(ys[-1] * 0.5)
        if ys[-1][0] < y[0] * 0.01:
            break
    return ys, zs


@pytest.mark.parametrize("program", [in_another_list, until_data_says])
def test_a_last_item_that_is_appended_again(program: Any) -> None:
    agree(made(program), *((X * k, ONE) for k in (1, 2, 0.5)))
