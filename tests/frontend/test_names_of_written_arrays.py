"""Names that start as another name of an array which a loop writes, and are bound anew in it.

Until it is bound anew such a name shows what is written: in the first iteration, or in any if data
decides when that is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tracegraph as tg
from tests.frontend.support import agree, made

pytestmark = pytest.mark.slow  # no interpreter differs in this

X = np.linspace(0.1, 1.2, 12)
CALLS = ((X,), (X,), (X * 0.5,), (-X,), (X,), (X[::-1].copy(),))


def old(x: Any) -> Any:
    before = x
    for _ in range(20):
        x *= 0.9
        x += before.sum() * 0.01
        before = x.copy()
    return before


def halved(x: Any) -> Any:
    a = x * 2
    b = a
    for i in range(len(x)):
        a[i] = 7
        b = b * 0.5
    return b


def view(x: Any) -> Any:
    a = x * 2
    b = a[2:8]
    for i in range(len(x)):
        a[i] = 7
        b = b * 0.5
    return b


def row(x: Any) -> Any:
    m = np.outer(x, x)
    r = m[0]
    for i in range(len(x)):
        m[:, i] = 7
        r = r * 0.5
    return r


def by_inner_loop(x: Any) -> Any:
    a = x * 2
    b = a
    for _ in range(10):
        for i in range(len(x)):
            a[i] += 1
        b = b * 0.5 + a
    return b


def by_function(x: Any) -> Any:
    a = x * 2

    def put(i: int) -> None:
        a[i] = 7

    b = a
    for i in range(len(x)):
        put(i)
        b = b * 0.5
    return b


def none_at_first(x: Any) -> Any:
    a = x * 2
    b = None
    for i in range(len(x)):
        a[i] = 7
        b = a if b is None else b * 0.5
    return b


def after_some(x: Any) -> Any:
    a = x * 2
    b = a
    for i in range(len(x)):
        a[i] = 7
        if i > 5:
            b = b * 0.5
    return b


def handed_to_another(x: Any) -> Any:
    a = x * 2
    b, c, s = a, x, 0.0
    for i in range(len(x)):
        a[i] = 7
        s = s + c[i]
        c = b if i % 2 else x
        b = b * 1.0
    return s


PEELED = (
    old, halved, view, row, by_inner_loop, by_function, none_at_first, after_some,
    handed_to_another,
)  # fmt: skip


@pytest.mark.parametrize("program", PEELED, ids=lambda one: one.__name__)
def test_one_trace_where_every_iteration_binds_it(program: Callable[..., Any]) -> None:
    assert len(agree(made(program), *CALLS).compiled.traces) == 1


def as_data_decides(x: Any) -> Any:
    a = x * 2
    b = a
    for i in range(len(x)):
        a[i] = 7
        b = b + 1 if x[i] > 0.5 else b
    return a, b, a is b


def as_data_decides_or_leaves(x: Any) -> Any:
    a = x * 2
    b = a
    for i in range(len(x)):
        a[i] = 7
        if x[i] > 0.5:
            b = b * 1
            break
    return a, b


def in_a_while(x: Any) -> Any:
    a = x * 2
    b, i = a, 0
    while x[i % len(x)] < 0.9 and i < 20:
        a[i % len(x)] = 7
        if x[i % len(x)] > 0.3:
            b = b * 1
        i += 1
    return b


def in_a_dict(x: Any) -> Any:
    a = x * 2
    d = {"b": a}
    for i in range(len(x)):
        a[i] = 7
        if x[i] > 0.5:
            d["b"] = d["b"] * 1
    return d["b"]


def last_of_a_list(x: Any) -> Any:
    a = x * 2
    ys, s = [a], 0.0
    for i in range(len(x)):
        a[i] = 7
        s = s + ys[-1].sum()
        if x[i] > 0.5:
            ys.append(x * i)
    return s


def chosen_by_a_function(x: Any) -> Any:
    def pick(b: Any, v: Any) -> Any:
        if v > 0.5:
            b = b * 2
        return b

    a = x * 2
    b = a
    for i in range(len(x)):
        a[i] = 7
        b = pick(b, x[i])
    return b


def returned(x: Any) -> Any:
    a = x * 2
    b = a
    for i in range(len(x)):
        a[i] = 7
        if x[i] > 0.9:
            return b
        b = b if x[i] > 0.5 else x
    return a


DECIDED = (
    as_data_decides, as_data_decides_or_leaves, in_a_while, in_a_dict, last_of_a_list,
    chosen_by_a_function, returned,
)  # fmt: skip


@pytest.mark.parametrize("program", DECIDED, ids=lambda one: one.__name__)
def test_where_data_decides_when_it_is_bound(program: Callable[..., Any]) -> None:
    agree(made(program), *CALLS)


def test_one_array_passed_twice() -> None:
    def twice(x: Any, y: Any) -> Any:
        for i in range(len(x)):
            x[i] += 7
            if x[i] > 7.5:
                y = y * 1
        return y

    agree(made(twice), *[(x, x) for (x,) in CALLS], (X, X * 2))


# -- handed on and not read: one loop -------------------------------------------------------------


def best_so_far(x: Any) -> Any:
    best, least = x, np.inf
    for _ in range(20):
        x -= 0.1 * x**3
        off = abs(x[0] - 0.5)
        if off < least:
            least, best = off, x.copy()
    return best


def best_of_inner_loops(x: Any) -> Any:
    total = x * 0
    for k in range(9):
        at = x * k
        best, least = at, np.inf
        for _ in range(20):
            at -= 0.1 * at**3
            off = abs(at[0] - 0.5)
            if off < least:
                least, best = off, at.copy()
        total = total + best
    return total


def perhaps_none_of_inner_loops(x: Any) -> Any:
    total = x * 0
    for k in range(9):
        at = x * k
        best = at
        for i in range(len(x)):
            at[i] = 7
            if x[i] > 0.7:
                best = at.copy()
        total = total + best
    return total


HANDED_ON = best_so_far, best_of_inner_loops, perhaps_none_of_inner_loops


@pytest.mark.parametrize("program", HANDED_ON, ids=lambda one: one.__name__)
def test_what_no_iteration_reads(program: Callable[..., Any]) -> None:
    counted = agree(made(program), *CALLS)
    if program is best_so_far:  # which array it is behind the loop is what a trace is bound to
        assert len(counted.compiled.traces) <= 3


def test_in_functions_given_to_loops() -> None:
    def loops(x: Any) -> Any:
        def body(_: int, c: Any) -> Any:
            a = x * 2
            b = a
            for j in range(len(x)):
                a[j] = 7
                b = b * 0.5
            return c + b

        return tg.fori_loop(0, 3, body, x)

    agree(made(loops), *CALLS)


def test_written_on_one_way_by_a_function_that_returns_the_other() -> None:
    def loops(x: Any) -> Any:
        def pick(a: Any, b: Any, v: Any) -> Any:
            if v > 0.5:
                a[0] = 7
            else:
                b = b * 2
            return b

        s = x * 0
        for i in range(len(x)):
            a = x * i
            s = s + pick(a, a, x[i])
        return s

    agree(made(loops), *CALLS)


def test_gradients() -> None:
    def loss(x: Any) -> Any:
        a = x * 2
        b = a
        for i in range(len(x)):
            a[i] = x[i] ** 2
            b = b * 0.5 + a
        return b.sum()

    h = 1e-6
    steps = h * np.eye(len(X))
    expected = [(loss(X + step) - loss(X - step)) / (2 * h) for step in steps]
    np.testing.assert_allclose(tg.grad(loss)(X), expected, atol=1e-7)
    np.testing.assert_allclose(tg.compile(tg.grad(loss))(X), expected, atol=1e-7)
