"""Functions that write into their first argument, ``out=`` with ``where=``, and NumPy's grids."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tracegraph as tg

RNG = np.random.default_rng(5)
A = RNG.normal(size=(4, 3))
B = RNG.normal(size=(4, 3))
SQUARE = RNG.normal(size=(4, 4))
CUBE = RNG.normal(size=(3, 3, 3))
PLACES = np.array([[2], [0], [1], [1]])

WRITES: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "put": (lambda x: np.put(x, [0, 5, -1], [1.0, 2.0, 3.0]), (A,)),
    "put one value": (lambda x: np.put(x, [[1, 2], [3, 1]], 7), (A,)),
    "put in a view": (lambda x: np.put(x.T, [0, 1], [1.0, 2.0]), (A,)),
    "putmask": (lambda x, y: np.putmask(x, x > 0, y), (A, B)),
    "putmask one value": (lambda x: np.putmask(x, x < 0, 0.0), (A,)),
    "place": (lambda x: np.place(x, x > 0, [3.0]), (A,)),
    "fill_diagonal": (lambda x: np.fill_diagonal(x, 5), (SQUARE,)),
    "fill_diagonal of a tall matrix": (lambda x: np.fill_diagonal(x, 5.0), (A,)),
    "fill_diagonal that wraps": (lambda x: np.fill_diagonal(x, 5.0, wrap=True), (A,)),
    "fill_diagonal of a wide matrix": (lambda x: np.fill_diagonal(x.T, 5.0), (A,)),
    "fill_diagonal of a cube": (lambda x: np.fill_diagonal(x, x.sum()), (CUBE,)),
    "put_along_axis": (lambda x, at: np.put_along_axis(x, at, 9.0, 1), (A, PLACES)),
    "put_along_axis of the largest": (
        lambda x: np.put_along_axis(x, np.argmax(x, 0)[None], x.sum(0)[None], 0),
        (A,),
    ),
    "put_along_axis, flat": (lambda x: np.put_along_axis(x, np.arange(3), 1.0, None), (A,)),
    "add where": (lambda x, y: np.add(x, y, out=x, where=x > 0), (A, B)),
    "sqrt where": (lambda x: np.sqrt(x, out=x, where=x > 0), (A,)),
    "divide where": (lambda x, y: np.divide(x, y, out=y, where=y[:, :1] != 0), (A, B)),
    "maximum where a column": (lambda x: np.maximum(x, 0, out=x, where=x[0] > 0), (A,)),
}


@pytest.mark.parametrize("name", WRITES)
def test_what_is_written(name: str) -> None:
    function, data = WRITES[name]
    compiled = tg.compile(function)
    for sign in (1, 1, -1, -1):
        ours = [x * sign if x.dtype.kind == "f" else x.copy() for x in data]
        theirs = [x.copy() for x in ours]
        with np.errstate(invalid="ignore", divide="ignore"):
            function(*theirs)
            compiled(*ours)
        for one, other in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-14)
    assert compiled.fallbacks == []


def test_gradients_of_what_is_written() -> None:
    def loss(x: Any) -> Any:
        y = x * 2
        np.put(y, [0, 3], 0.0)
        np.fill_diagonal(y, 1.0)
        np.square(y, out=y, where=y > 0)
        return y.sum()

    gradient = tg.grad(loss)
    found = gradient(A)
    step = 1e-6
    for place in np.ndindex(A.shape):
        shift = np.zeros_like(A)
        shift[place] = step
        slope = (loss(A + shift) - loss(A - shift)) / (2 * step)
        assert found[place] == pytest.approx(slope, abs=1e-6)
    np.testing.assert_array_equal(tg.compile(gradient)(A), found)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: np.put(x, [0, 1, 2], [1.0, 2.0]),
        lambda x: np.put(x, [99], 1.0, mode="clip"),
        lambda x: np.place(x, x > 0, [1.0, 2.0]),
        lambda x: np.fill_diagonal(x, [1.0, 2.0, 3.0]),
    ],
)
def test_what_is_refused_runs_eagerly(function: Callable[..., Any]) -> None:
    ours, theirs = A.copy(), A.copy()
    compiled = tg.compile(function)
    with pytest.warns(tg.FallbackWarning):
        compiled(ours)
    function(theirs)
    np.testing.assert_array_equal(ours, theirs)


GRIDS: dict[str, Callable[..., Any]] = {
    "mgrid": lambda x: np.mgrid[0:4, 0:3][0] * x,
    "mgrid unpacked": lambda x: sum(np.mgrid[0:4, 0:3]) + x,
    "ogrid": lambda x: np.ogrid[0:4, 0:3][1] * x,
    "r_": lambda x: np.r_[x[0], 1.0, x[1]],
    "c_": lambda x: np.c_[x[:, 0], x[:, 1] * 2],
    "s_": lambda x: x[np.s_[1:, ::2]] + x[np.index_exp[1:, :2]],
    "ndarray": lambda x: np.multiply(x, 2, out=np.ndarray((4, 3))),
    "indices": lambda x: np.indices((4, 3))[1] * x,
    "ix_": lambda x: x[np.ix_([0, 2], [1, 2])],
    "fromfunction": lambda x: np.fromfunction(lambda i, j: i + 2 * j, (4, 3)) * x,
    "gradient": lambda x: np.gradient(x, axis=0),
    "trapezoid": lambda x: np.trapezoid(x, dx=0.5),
    "polyval": lambda x: np.polyval(x[0], x),
    "astype": lambda x: np.astype(x, np.float32),
    "unstack": lambda x: np.unstack(x)[1] * 2,
    "apply_over_axes": lambda x: np.apply_over_axes(np.sum, x, [0]),
    "questions": lambda x: x * np.iscomplexobj(x) + np.isrealobj(x) * np.isscalar(x[0, 0]),
    "dtypes": lambda x: x.astype(np.result_type(x, np.float32)) * np.can_cast(x.dtype, "f8"),
    "shapes": lambda x: np.broadcast_to(x, np.broadcast_shapes(x.shape, (2, 1, 1))),
}


@pytest.mark.parametrize("name", GRIDS)
def test_what_numpys_own_code_does_compiles(name: str) -> None:
    function = GRIDS[name]
    compiled = tg.compile(function)
    for x in (A, B, -A):
        found, expected = compiled(x), function(x)
        assert type(found) is type(expected)
        assert found.dtype == expected.dtype
        np.testing.assert_allclose(found, expected, rtol=1e-14, atol=1e-300)
    assert compiled.fallbacks == []


def test_gradients_and_vmap_of_what_is_followed() -> None:
    def energy(x: Any) -> Any:
        return np.sum(np.gradient(x) ** 2) + np.trapezoid(x**2)

    x = A[:, 0]
    shift = np.eye(4) * 1e-6
    slopes = [(energy(x + s) - energy(x - s)) / 2e-6 for s in shift]
    np.testing.assert_allclose(tg.grad(energy)(x), slopes, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(tg.vmap(energy)(A), [energy(row) for row in A], rtol=1e-14)


def test_an_array_without_axes_cannot_be_iterated() -> None:
    compiled = tg.compile(np.iterable)
    for x, expected in ((np.array(5.0), False), (A, True), (np.float64(2.0), False)):
        assert [compiled(x) for _ in range(3)] == [expected] * 3
    listed = tg.compile(lambda x: list(x))
    with pytest.raises(TypeError, match="iteration over a 0-d array"):
        listed(np.array(5.0))


OUTPUTS: dict[str, Any] = {
    "median": lambda x, y: np.median(x, axis=0, out=y),
    "nanmean": lambda x, y: np.nanmean(x, axis=0, out=y),
    "percentile": lambda x, y: np.percentile(x, 30, axis=0, out=y),
    "choose": lambda x, y: np.choose([0, 1, 0, 1, 1], [x[0], x[1]], out=y),
    "partition": lambda x, y: x.partition(2, axis=1),
    "multi_dot": lambda x, y: np.linalg.multi_dot([x, x.T, x], out=x),
}


@pytest.mark.parametrize("name", OUTPUTS)
def test_results_written_into_arrays(name: str) -> None:
    compiled = tg.compile(OUTPUTS[name])
    for k in range(3):
        ours, theirs = [
            (np.cos(np.arange(20.0) * (1 + k)).reshape(4, 5), np.zeros(5)) for _ in range(2)
        ]
        compiled(*ours), OUTPUTS[name](*theirs)
        for one, other in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-14)
    assert compiled.fallbacks == []
