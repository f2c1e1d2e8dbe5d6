"""A number stored as an element of integers: where NumPy asks whether it fits, it raises."""

from typing import Any

import numpy as np
import pytest

import tracegraph as tg
from tests.frontend.support import agree, made

pytestmark = pytest.mark.slow  # no interpreter differs in this

SIGNED = ["i1", "i2", "i4", "i8"]
VALUES = [3.0, -1.0, -0.5, 200.0, -129.0, 40000.0, -(2.0**31), 2.0**31, -(2.0**63), 2.0**63]
VALUES += [2.0**64, np.nan, -np.inf, 2.0]

WAYS: dict[str, Any] = {
    "an element": lambda y, s: y.__setitem__(1, s),
    "a slice": lambda y, s: y.__setitem__(slice(0, 2), s),
    "a slice of nothing": lambda y, s: y.__setitem__(slice(0, 0), s),
    "a list": lambda y, s: y.__setitem__(slice(0, 2), [s, 1]),
    "a tuple of one": lambda y, s: y.__setitem__(slice(0, 2), (s,)),
    "a list at places": lambda y, s: y.__setitem__([0, 2], [s, s]),
    "places": lambda y, s: y.__setitem__([0, 2], s),
    "a mask": lambda y, s: y.__setitem__(y == 0, s),
    "an element of flat": lambda y, s: y.flat.__setitem__(1, s),
    "a slice of flat": lambda y, s: y.flat.__setitem__(slice(0, 2), s),
    "all of flat": lambda y, s: setattr(y, "flat", s),
    "fill": lambda y, s: y.fill(s),
    "put": lambda y, s: np.put(y, [0, 2], s),
    "put of a list": lambda y, s: np.put(y, [0, 2], [s, s]),
    "place": lambda y, s: np.place(y, y == 0, [s]),
    "fill_diagonal": lambda y, s: np.fill_diagonal(y.reshape(2, 2), s),
    "put_along_axis": lambda y, s: np.put_along_axis(y, np.array([1]), s, 0),
    "np.array of a list": lambda y, s: np.array([[s, s]], y.dtype),
    "np.array": lambda y, s: np.array(s, y.dtype),
    "np.full": lambda y, s: np.full(3, s, y.dtype),
    "insert": lambda y, s: np.insert(y, 1, s),
    "pad": lambda y, s: np.pad(y, 1, constant_values=s),
    "piecewise": lambda y, s: np.piecewise(y, [y == 0], [s]),
    "the start of a maximum": lambda y, s: np.max(y, initial=s),
    "the start of a sum": lambda y, s: np.sum(y, initial=s),
}


def agreeing(function: Any, calls: list[Any]) -> Any:
    with np.errstate(all="ignore"):
        return agree(made(function), *calls)


@pytest.mark.parametrize(("source", "target"), [("f8", "i1"), ("f8", "i8"), ("f4", "i4")])
@pytest.mark.parametrize("way", WAYS)
def test_a_numpy_float(way: str, source: str, target: str) -> None:
    def f(y: Any, x: Any) -> Any:
        return WAYS[way](y, x[0]), y

    agreeing(f, [(np.zeros(4, target), np.full(3, v, source)) for v in VALUES])


@pytest.mark.parametrize("target", SIGNED)
@pytest.mark.parametrize("source", ["i2", "i8", "u8"])
@pytest.mark.parametrize("way", ["an element", "a list", "places", "fill", "an element of flat"])
def test_a_numpy_int(way: str, source: str, target: str) -> None:
    def f(y: Any, x: Any) -> Any:
        return WAYS[way](y, x[0]), y

    given = np.array([3, 1, -1, 200, -129, 2**31, -(2**63), 2**63 - 1, 2]).astype(source)
    agreeing(f, [(np.zeros(4, target), given[i:].copy()) for i in range(len(given))])


@pytest.mark.parametrize("target", ["i1", "i8", "u1", "u8"])
@pytest.mark.parametrize("way", WAYS)
def test_a_python_float(way: str, target: str) -> None:
    def f(y: Any, x: Any) -> Any:
        return WAYS[way](y, float(x[0])), y

    if way in ("np.full", "pad") and target[0] == "u":
        values = [v for v in VALUES if 0 <= v < 2**7]  # beyond it depends on the machine
    else:
        values = VALUES
    agreeing(f, [(np.zeros(4, target), np.full(3, v)) for v in values])


def test_a_numpy_int_wraps_in_unsigned_integers() -> None:
    def f(y: Any, x: Any) -> Any:
        for i in range(len(y)):
            y[i] = x[i]
        return y

    calls = [(np.zeros(12, np.uint8), np.arange(12) * k) for k in (1, 3, -3, 250, 2**40)]
    agree(made(f), *calls, native=4)


@pytest.mark.parametrize("target", SIGNED)
def test_elements_in_a_loop(target: str) -> None:
    def f(y: Any, x: Any) -> Any:
        for i in range(len(y)):
            y[i] = x[i]
        return y

    ramp = np.linspace(-2.7, 2.7, 12)
    calls = [(np.ones(12, target), ramp * k) for k in (1, 2, 100, 1e5, 1e10, 1e20, np.nan, 1)]
    compiled = agreeing(f, calls)
    assert compiled.is_native(np.ones(12, target), ramp)


@pytest.mark.parametrize("target", ["i1", "i8", "u1", "u8"])
def test_python_floats_in_a_loop(target: str) -> None:
    def f(y: Any, x: Any) -> Any:
        total = 0.0
        for i in range(len(y)):
            total += float(x[i])
            y[i] = total
        return y, total

    ramp = np.linspace(0.2, 2.7, 12)
    calls = [(np.ones(12, target), ramp * k) for k in (1, 2, 100, -1, 1e20, np.nan, 1)]
    compiled = agreeing(f, calls)
    assert compiled.is_native(np.ones(12, target), ramp)


@pytest.mark.parametrize("target", ["i1", "i8"])
def test_slices_and_maxima_in_a_loop(target: str) -> None:
    def f(y: Any, x: Any) -> Any:
        most = x[0]
        for i in range(len(y)):
            most = x[i] if x[i] > most else most
            y[i : i + 2] = most
            y[-1:] += 1
        return y, most

    ramp = np.sin(np.arange(12.0))
    agreeing(f, [(np.ones(12, target), ramp * k) for k in (1, 2, 200, 1e20, np.nan, 1)])


def test_a_branch_that_the_first_call_does_not_take() -> None:
    def f(y: Any, x: Any) -> Any:
        for i in range(len(y)):
            if x[i] > 2:
                y[i] = 1e20
            elif x[i] < -2:
                y[:2] = [300, np.float64(np.nan)]
            else:
                y[i] = x[i]
        return y

    ones = np.ones(12)
    last = np.where(np.arange(12) == 11, 1.0, 0.0)
    calls = [(np.zeros(12, "i1"), x) for x in (ones, ones, ones + 2 * last, ones - 4 * last, ones)]
    agree(made(f), *calls)


def test_what_a_list_holds_is_stored_by_itself() -> None:
    def f(y: Any, n: Any, x: Any) -> Any:
        y[:2] = [n[0], x[0]]
        return y

    numbers = [np.array([n]) for n in (3, 4, 2**53 + 1, 2**62 + 3)]
    agree(made(f), *((np.zeros(3, int), n, np.full(1, 2.5)) for n in numbers), native=3)


def test_arrays_without_axes_are_cast() -> None:
    def f(y: Any, x: Any) -> Any:
        y[1] = x
        y[2:] = [x, x]
        return y

    calls = [(np.zeros(4, "i1"), np.array(v)) for v in (1.0, 2.0, 300.0, -200.0)]
    agree(made(f), *calls, native=3)


@pytest.mark.parametrize("source", ["i1", "i8"])
def test_a_scalar_of_a_narrower_dtype_asks_nothing(source: str) -> None:
    @tg.compile
    def f(y: Any, x: Any) -> Any:
        y[0] = x[0]
        y[1:] = [x[1], x[2]]
        return y

    text = str(f.graph(np.zeros(3, np.int32), np.arange(3, dtype=source)))
    assert ("guard(" in text) == (source == "i8")
