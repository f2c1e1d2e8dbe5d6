"""Arrays whose elements lie apart, or all in one place, in what is drawn without values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tracegraph as tg

X = np.arange(1.0, 5.0)
KEY = tg.random.key(3)


def written(z: Any) -> Any:
    flat = z.reshape(-1)
    flat[0] = 5.0
    return flat


def first_of_broadcast(c: Any) -> Any:
    return np.broadcast_to(c[0:1], (4,)) * c


def sum_of_broadcast(c: Any) -> Any:
    return np.broadcast_to(c, (3, 4)).sum(0)


def view_of_broadcast(c: Any) -> Any:
    return np.broadcast_to(c[0:1], (4,)).reshape(2, 2).reshape(-1)


def copy_of_broadcast(c: Any) -> Any:
    return written(np.broadcast_to(c[:, None], (4, 4)))[4:8] + c


def broadcast_of_transposed(c: Any) -> Any:
    spread = np.broadcast_to(c.reshape(2, 2).T, (2, 2, 2))
    return np.exp(-spread).transpose(0, 2, 1).reshape(-1)[:4]


def part_of_broadcast(c: Any) -> Any:
    return np.broadcast_to(c, (3, 4))[:, 1:3].T.reshape(-1)[:4]


def both_broadcast(c: Any) -> Any:
    one, other = np.broadcast_arrays(c, np.ones((3, 4)))
    return one[0] + other[1]


def drawn_normal(c: Any) -> Any:
    return c * tg.random.normal(KEY, (4,))


def drawn_uniform(c: Any) -> Any:
    return c * tg.random.uniform(KEY, (3, 4)).sum(0)


BODIES = (
    first_of_broadcast, sum_of_broadcast, view_of_broadcast, copy_of_broadcast,
    broadcast_of_transposed, part_of_broadcast, both_broadcast, drawn_normal, drawn_uniform,
)  # fmt: skip


@pytest.mark.parametrize("body", BODIES)
def test_a_loop_and_its_gradient(body: Callable[[Any], Any]) -> None:
    def function(x: Any) -> Any:
        return tg.fori_loop(0, 3, lambda k, c: c + body(c) * 0.1, x)

    expected = X
    for _ in range(3):
        expected = expected + body(expected) * 0.1
    call = tg.compile(function, strict=True)
    for _ in range(2):
        np.testing.assert_allclose(call(X), expected, rtol=1e-12)
    steps = np.eye(4) * 1e-6
    slopes = [(function(X + d).sum() - function(X - d).sum()) / 2e-6 for d in steps]
    found = tg.grad(lambda x: function(x).sum())(X)
    np.testing.assert_allclose(found, slopes, rtol=1e-6)


@pytest.mark.parametrize("body", BODIES)
def test_a_mapped_function(body: Callable[[Any], Any]) -> None:
    batch = np.stack([X, X * 2, -X])
    expected = np.stack([body(row) for row in batch])
    np.testing.assert_allclose(tg.vmap(body)(batch), expected, rtol=1e-12)
    np.testing.assert_allclose(tg.compile(tg.vmap(body))(batch), expected, rtol=1e-12)


@pytest.mark.parametrize("transform", [lambda f: f, tg.compile, tg.jacobian])
def test_broadcast_arrays_are_read_only_without_values_too(transform: Any) -> None:
    def body(k: Any, c: Any) -> Any:
        spread = np.broadcast_to(c[0:1], (4,)).reshape(2, 2)
        spread[0, 0] = 1.0
        return c

    with pytest.raises(ValueError, match="read-only"):
        transform(lambda x: tg.fori_loop(0, 3, body, x))(X)
