"""Views and copies in bodies that are drawn: what shares memory is what NumPy says.

Each body makes an array from another one, writes into one of the two and reads the other. Python's
own run of the same text is the oracle. A body that is recorded anew for each iteration would not
find a fault: these loops are long, and one of them is left by its data.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tracegraph as tg

pytestmark = pytest.mark.slow

Make = Callable[[Any, Any], Any]
Program = Callable[[Any, int], Any]

BY_DATA: dict[str, Make] = {
    "a row": lambda a, k: a[k],
    "part of a row": lambda a, k: a[k, 1:3],
    "part of a column": lambda a, k: a[1:3, k],
    "behind an ellipsis": lambda a, k: a[..., k],
    "with a new axis": lambda a, k: a[None, k],
    "counted from the end": lambda a, k: a[-k],
    "of a view": lambda a, k: a[::-1][k],
    "reversed": lambda a, k: a[k][::-1],
    "reshaped": lambda a, k: a[k].reshape(2, 2),
    "a column, reshaped": lambda a, k: a.T[k].reshape(2, 2),
    "by a list": lambda a, k: a[[k]],
    "by an array without axes": lambda a, k: a[np.array(k)],
    "taken": lambda a, k: np.take(a, k, axis=0),
}
BY_LAYOUT: dict[str, Make] = {
    "ravel": lambda a, k: a.ravel(),
    "ravel of a transpose": lambda a, k: a.T.ravel(),
    "flatten": lambda a, k: a.flatten(),
    "reshape": lambda a, k: a.reshape(-1),
    "reshape of a transpose": lambda a, k: a.T.reshape(-1),
    "reshape of some rows": lambda a, k: a[:2].reshape(-1),
    "reshape of every other row": lambda a, k: a[::2].reshape(-1),
    "reshape of a product in another order": lambda a, k: (a.T * 1).reshape(-1),
    "contiguous": lambda a, k: np.ascontiguousarray(a),
    "contiguous transpose": lambda a, k: np.ascontiguousarray(a.T),
    "Fortran": lambda a, k: np.asfortranarray(a),
    "transpose": lambda a, k: a.T,
    "same array": lambda a, k: np.asarray(a),
    "real part": lambda a, k: a.real,
    "not copied": lambda a, k: a.astype(float, copy=False),
    "copied": lambda a, k: a.astype(float),
    "diagonal": lambda a, k: np.diagonal(a),
    "repeated": lambda a, k: np.broadcast_to(a, (2, 4, 4)),
    "imaginary part": lambda a, k: a.imag,
}
MAKERS = BY_DATA | BY_LAYOUT


def base_written(make: Make) -> Program:
    def program(a: Any, n: int) -> Any:
        out = np.zeros(3)
        for i in range(n):
            k = i % 3
            v = make(a, k)
            a[k, 1] += 10 + i
            a[1, k] -= 3
            out[0] += v.sum()
            out[1] += v.ravel()[0]
            out[2] = out[2] * 0.5 + v.max()
        return out, a

    return program


def result_written(make: Make) -> Program:
    def program(a: Any, n: int) -> Any:
        out = np.zeros(3)
        for i in range(n):
            k = i % 3
            v = make(a, k)
            v += 1
            v[0] = v[0] * 0.5
            out[0] += a.sum()
            out[1] += a[k, 1]
        return out, a

    return program


def base_written_by_data(make: Make) -> Program:
    def program(a: Any, n: int) -> Any:
        out, i = np.zeros(2), 0
        while i < n and out[1] < 1e9:
            k = i % 3
            v = make(a, k)
            a[k, 1] += 10 + i
            a[1, k] -= 3
            out[0] += v.sum()
            out[1] = out[1] * 0.5 + v.max()
            i += 1
        return out, a

    return program


def result_written_by_data(make: Make) -> Program:
    def program(a: Any, n: int) -> Any:
        out, i = np.zeros(2), 0
        while i < n and out[1] < 1e9:
            k = i % 3
            v = make(a, k)
            v += 1
            v[0] = v[0] * 0.5
            out[0] += a.sum()
            out[1] = out[1] * 0.5 + a[k, 1]
            i += 1
        return out, a

    return program


def written_in_a_function(make: Make) -> Program:
    def program(a: Any, n: int) -> Any:
        def body(i: Any, carried: Any) -> Any:
            a, total = carried
            v = make(a, i % 3)
            v += 1
            return a, total + a.sum()

        a, total = tg.fori_loop(0, n, body, (a, 0.0))
        return np.array([total]), a

    return program


PROGRAMS = (
    base_written, result_written, base_written_by_data, result_written_by_data,
    written_in_a_function,
)  # fmt: skip


def outcome(program: Program, order: Any) -> Any:
    """What a program returns and has made of its array; or the exception it raises."""
    a = np.array(np.random.default_rng(0).normal(size=(4, 4)), order=order)
    try:
        found, result = program(a, 12)
    except ValueError as error:
        return str(error)
    return [*found, *result.ravel(), *a.ravel()]


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("kind", PROGRAMS, ids=lambda kind: str(kind.__name__))
@pytest.mark.parametrize("name", MAKERS)
def test_what_shares_memory(name: str, kind: Callable[[Make], Program], order: Any) -> None:
    program = kind(MAKERS[name])
    expected = outcome(program, order)
    compiled = tg.compile(program)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", tg.FallbackWarning)
        for _ in range(2):
            found = outcome(compiled, order)
            assert type(found) is type(expected)
            if isinstance(expected, str):
                assert found == expected
            else:
                np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", [*BY_DATA][:8])
@pytest.mark.parametrize("kind", PROGRAMS[:4], ids=lambda kind: str(kind.__name__))
def test_views_at_places_that_data_decides_are_followed(
    name: str, kind: Callable[[Make], Program]
) -> None:
    compiled = tg.compile(kind(MAKERS[name]))
    for _ in range(2):
        outcome(compiled, "C")
    assert not compiled.fallbacks
    assert "unrolled" not in str(compiled.explain())


def test_rows_at_places_of_an_array() -> None:
    @tg.compile
    def drained(a: Any, order: Any) -> Any:
        total = np.zeros(4)
        for k in order:
            row = a[k]
            a[k] = 0
            total += row
        return total

    a = np.arange(80.0).reshape(20, 4)
    for _ in range(2):
        assert drained(a.copy(), np.arange(12)).tolist() == [0, 0, 0, 0]
    assert not drained.fallbacks


def test_a_view_at_a_place_that_data_decides_is_not_returned() -> None:
    def largest(a: Any) -> Any:
        return a[np.argmax(a[:, 0])]

    a = np.arange(8.0).reshape(4, 2)
    with pytest.warns(tg.FallbackWarning, match="return a copy"):
        assert np.shares_memory(tg.compile(largest)(a), a)
