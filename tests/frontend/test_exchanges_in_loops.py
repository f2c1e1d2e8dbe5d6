"""Arrays that change places in a loop, as those of two time steps do, and are written in place."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tracegraph as tg
from tests.frontend.support import agree, made

pytestmark = pytest.mark.slow  # no interpreter differs in this; tests/twin has what does

X = np.random.default_rng(5).normal(size=16)


def heat(u: Any, n: int) -> Any:
    v = u.copy()
    for _ in range(n):
        v[1:-1] = u[1:-1] + 0.1 * (u[2:] - 2 * u[1:-1] + u[:-2])
        u, v = v, u
    return u, v


def by_a_third_name(u: Any, n: int) -> Any:
    v = np.empty_like(u)
    for t in range(n):
        np.multiply(u, 0.5, out=v)
        v += t
        other = u
        u = v
        v = other
    return u, v, t


def wave(u: Any, n: int) -> Any:
    a, b, c = u.copy(), u * 0.9, np.zeros_like(u)
    for t in range(n):
        c[1:-1] = 2 * b[1:-1] - a[1:-1] + 0.1 * (b[2:] - 2 * b[1:-1] + b[:-2]) + t
        a, b, c = b, c, a
    return a, b, c


def read_only(u: Any, n: int) -> Any:
    x, z, total = u * 2, u + 1, np.float64(0)
    for k in range(n):
        x, z = z, x
        total = total + x[k % 5] * k
    return x, z, total


def two_and_four(u: Any, n: int) -> Any:
    a, b, c, d, e, f = u + 1, u + 2, u + 3, u + 4, u + 5, u + 6
    for k in range(n):
        a[1] += e[0] * k
        c[1] += b[2] * 0.1
        a, b = b, a
        c, d, e, f = d, e, f, c
    return a, b, c, d, e, f


def beside_others(u: Any, n: int) -> Any:
    v, y, ys = u.copy(), u * 1, []
    for k in range(n):
        v[:] = u * 0.9 + y[0]
        y = y * 0.5
        ys.append(v.sum() + k)
        u, v = v, u
    return u, v, y, np.array(ys)


def within(u: Any, n: int) -> Any:
    v, total = u.copy(), np.float64(0)
    for k in range(n):
        for _ in range(9):
            v[1:-1] = u[1:-1] * 0.9 + 0.1 * u[2:] + k
            u, v = v, u
        total = total + u.sum()
    return u, v, total


def over_rows(u: Any, n: int) -> Any:
    v = u.copy()
    for row in np.outer(np.arange(n), u):
        v[:] = u * 0.5 + row
        u, v = v, u
    return u, v


def asks_data(u: Any, n: int) -> Any:
    v = u.copy()
    for _ in range(n):
        if u[3] > 0.2:
            v[:] = u * 0.9
        else:
            v[1:] = u[:-1] + 0.3
        u, v = v, u
    return u, v


def in_a_tuple(u: Any, n: int) -> Any:
    pair = (u, u * 2)
    for k in range(n):
        pair[0][k % 3] += pair[1][0]
        pair = (pair[1], pair[0])
    return pair


def as_a_view(u: Any, n: int) -> Any:
    a, b = u, u * 1
    for _ in range(n):
        u[0] += 1
        a, b = b.reshape(-1), a.view()
    return a, b, a is u, b is u


def one_as_a_view(u: Any, n: int) -> Any:
    a = u
    for _ in range(n):
        u[0] += 1
        a = u[:]
    return a is u, a


PROGRAMS = [
    as_a_view, one_as_a_view, heat, by_a_third_name, wave, read_only, two_and_four, beside_others,
    within, over_rows, asks_data, in_a_tuple,
]  # fmt: skip


@pytest.mark.parametrize("program", PROGRAMS)
def test_values_and_which_array_is_whose(program: Any) -> None:
    agree(made(program), *((X, n) for n in (20, 21, 22, 24, 29, 31, 12, 1, 2, 3, 9, 40)))


@pytest.mark.parametrize("program", [p for p in PROGRAMS if p not in (as_a_view, one_as_a_view)])
def test_one_operation(program: Any) -> None:
    few, many = (str(tg.compile(program).graph(X, n)).count("\n  %") for n in (360, 3600))
    assert few == many


@pytest.mark.parametrize("program", [heat, wave])
def test_a_trace_for_each_rest(program: Any) -> None:
    """How many iterations are left over decides which array is whose."""
    compiled = tg.compile(program)
    period = {heat: 2, wave: 3}[program]
    for n in range(36, 36 + 4 * period):
        compiled(X.copy(), n)
    assert len(compiled.traces) == period + 1  # the first call takes n for a constant
    assert not compiled.fallbacks


@pytest.mark.parametrize("program", [heat, wave, beside_others])
@pytest.mark.parametrize("n", [20, 21])
def test_gradients(program: Any, n: int) -> None:
    def loss(x: Any) -> Any:
        return np.sum(np.sin(program(x * 1, n)[0]))  # the program writes into its argument

    steps = np.eye(len(X)) * 1e-6
    expected = [(loss(X + step) - loss(X - step)) / 2e-6 for step in steps]
    for gradient in (tg.grad(loss), tg.compile(tg.grad(loss))):
        np.testing.assert_allclose(gradient(X), expected, rtol=1e-5, atol=2e-6)


def test_many_examples_at_once() -> None:
    batch = np.stack([X, X * 2, X - 1])
    found = tg.vmap(lambda u: heat(u * 1, 21))(batch)
    for k, one in enumerate(found):
        expected = np.stack([heat(u * 1, 21)[k] for u in batch])
        np.testing.assert_allclose(one, expected, rtol=1e-13)


def until_it_is_still(u: Any) -> Any:
    v = u.copy()
    for _ in range(500):
        v[1:-1] = 0.5 * (u[2:] + u[:-2])
        change = np.max(np.abs(u - v))
        u, v = v, u
        if change < 1e-2:
            break
    return u, v


def test_where_data_decides_how_often_the_loop_is_not_captured() -> None:
    agree(made(until_it_is_still), (X,), (X * 2,), (X,))
    with pytest.warns(tg.FallbackWarning, match="is written in place and bound anew in a loop"):
        tg.compile(until_it_is_still)(X.copy())


def bound_late(u: Any, v: Any, x: Any) -> Any:
    w = x
    for _ in range(len(x) - 3):
        u[0] += 1
        if len(u) == 5:
            z = 1.5
            w = w * 0.5
        u, v = v, u
    try:
        return z, w is x
    except NameError:
        return "unbound", w is x


def test_names_that_not_all_iterations_bind() -> None:
    calls = [(np.zeros(7), np.zeros(5), np.zeros(n + 3)) for n in (9, 21, 25, 1, 40, 2)]
    agree(made(bound_late), *calls)


def test_rings_that_are_too_long_run_as_python_does() -> None:
    def program(u: Any, n: int) -> Any:
        a, b, c, d, e = u + 1, u + 2, u + 3, u + 4, u + 5
        for k in range(n):
            a[1] += e[0] * k
            a, b, c, d, e = b, c, d, e, a
        return a, b, c, d, e

    agree(made(program), *((X, n) for n in (20, 21, 22, 24, 3)))
