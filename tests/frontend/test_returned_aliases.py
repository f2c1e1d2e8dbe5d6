"""What leaves a transformed function is its argument where it is so plainly: returned or kept."""

from typing import Any

import numpy as np
import pytest

import tracegraph as tg
from tests.frontend.aliases import Function, X, agree


def of_vjp(x: Any) -> Any:
    y, pull = tg.vjp(lambda a: a, x)
    y[0] = 9.0
    return x.sum(), pull(y), y


def of_jvp(x: Any) -> Any:
    y, _ = tg.jvp(lambda a: a[1:], (x,), (x * 2,))
    y[0] = 9.0
    x[2] = 4.0
    return x.sum(), y


def of_own_memory(x: Any) -> Any:
    own = x * 1.0
    y, _ = tg.vjp(lambda a: (a, a[1:]), own)
    y[1][0] = 9.0
    own[2] = 4.0
    return own, y[0], y[1]


def exchanged(x: Any) -> Any:
    y, _ = tg.vjp(lambda a, b: (b, a), x, x)
    y[0][0] = 5.0
    return x, y


def written_and_returned(x: Any) -> Any:
    y, pull = tg.vjp(lambda a: np.add(a, 1.0, out=a), x)
    y[0] = 3.0
    return x, y, pull(y)


def kept_in_a_list(x: Any) -> Any:
    kept: list[Any] = []

    def f(a: Any) -> Any:
        kept.append(a)
        kept.append(a[1:])
        return (a * a).sum()

    slope = tg.grad(f)(x)
    kept[0][0] = 9.0
    kept[1][0] = 8.0
    x[2] = 7.0
    return slope, kept, x


def a_diagonal_is_kept(x: Any) -> Any:
    table = np.outer(x, x)
    kept: list[Any] = []

    def f(a: Any) -> Any:
        kept.append(np.diagonal(a))
        return (a * a).sum()

    slope = tg.grad(f)(table)
    table[0, 0] = 9.0
    return slope, kept[0] * 1.0


def asked_whether_it_is(x: Any) -> Any:
    y, _ = tg.vjp(lambda a: a, x)
    return bool(y is x), tg.grad(lambda a: a.sum() if a is x else -a.sum())(x)


ALIASES = [
    of_vjp,
    of_jvp,
    of_own_memory,
    exchanged,
    written_and_returned,
    kept_in_a_list,
    a_diagonal_is_kept,
    asked_whether_it_is,
]


@pytest.mark.parametrize("function", ALIASES, ids=lambda f: f.__name__)
def test_what_leaves_a_function_is_an_alias_of_its_argument(function: Function) -> None:
    agree(function, X)
