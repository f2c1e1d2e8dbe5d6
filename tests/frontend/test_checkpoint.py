"""`checkpoint`: the same results and derivatives, with nothing kept of what is inside."""

from typing import Any

import numpy as np
import pytest

import tracegraph as tg
from tracegraph.ir.text import print_graph

X = np.linspace(-1.0, 2.0, 7)
W = np.linspace(0.5, 1.5, 7)


def wave(x: Any, y: Any = 1.0) -> Any:
    return np.sin(np.exp(x) * y) * x


def several(x: Any) -> Any:
    s = np.tanh(x)
    return {"whole": s, "view": s[1:3], "twice": (s, x)}


def written(x: Any) -> Any:
    x[0] = x[1] * x[2]
    return np.cos(x)


def selected(x: Any) -> Any:
    return np.sum(np.exp(x[x > 0]))


def loss(function: Any) -> Any:
    return lambda x: np.sum(function(x) ** 2)


def same(a: Any, b: Any) -> None:
    # Terms of about 200 cancel, whose last bit is 2.8e-14.
    np.testing.assert_allclose(a, b, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize(
    "transform", [tg.grad, tg.jacobian, tg.hessian], ids=["grad", "jacobian", "hessian"]
)
def test_derivatives_are_the_same(transform: Any) -> None:
    plain, again = loss(wave), loss(tg.checkpoint(wave))
    same(transform(again)(X), transform(plain)(X))
    same(tg.compile(transform(again))(X), transform(plain)(X))


def test_directions_and_batches() -> None:
    again = tg.checkpoint(wave)
    for a, b in zip(tg.jvp(again, (X,), (W,)), tg.jvp(wave, (X,), (W,)), strict=True):
        same(a, b)
    same(tg.vmap(tg.grad(loss(again)))(np.stack([X, W])), [tg.grad(loss(wave))(x) for x in (X, W)])


def test_called_by_itself_it_is_the_function() -> None:
    assert tg.checkpoint(wave)(X) is not None
    same(tg.checkpoint(wave)(X, y=2.0), wave(X, 2.0))
    again: Any = tg.checkpoint(wave)
    assert again.__name__ == "wave"
    same(tg.compile(tg.checkpoint(wave))(X), wave(X))


def test_what_is_inside_is_computed_again() -> None:
    gradient = tg.compile(tg.grad(loss(tg.checkpoint(wave))))
    gradient(X)
    outside, _, inside = print_graph(gradient.traces[0].graph).partition("\n@")
    assert outside.count(" = remat(") == 2
    for name in ("sin", "exp"):
        assert f" = {name}(" not in outside
        assert f" = {name}(" in inside


def test_views_and_containers_stay_what_they_are() -> None:
    for function in (tg.checkpoint(several), tg.compile(tg.checkpoint(several))):
        for _ in range(2):
            found = function(X)
            assert np.shares_memory(found["whole"], found["view"])
            assert found["twice"][0] is found["whole"]
            assert found["twice"][1] is X
            same(found["whole"], np.tanh(X))


def test_what_it_writes_is_written_once() -> None:
    for function in (tg.checkpoint(written), tg.compile(tg.checkpoint(written))):
        for _ in range(2):
            x = X.copy()
            y = X.copy()
            same(function(x), written(y))
            same(x, y)


def test_sizes_that_depend_on_data() -> None:
    again = tg.checkpoint(selected)
    same(tg.grad(again)(X), tg.grad(selected)(X))
    same(tg.compile(tg.grad(again))(X), tg.grad(selected)(X))


def test_nested() -> None:
    twice = tg.checkpoint(lambda x: tg.checkpoint(wave)(x) * x)
    same(tg.grad(loss(twice))(X), tg.grad(loss(lambda x: wave(x) * x))(X))


def test_effects_are_done_once() -> None:
    seen: list[int] = []

    def noting(x: Any) -> Any:
        seen.append(1)
        return np.sin(x)

    same(tg.grad(loss(tg.checkpoint(noting)))(X), tg.grad(loss(np.sin))(X))
    assert seen == [1]


def test_a_place_outside_in_a_loop_is_numpys_error() -> None:
    """Native code comes to the guard behind the loop when it has read at all places."""
    values = np.arange(4.0)

    def scanned(start: Any) -> Any:
        read = tg.checkpoint(lambda c: np.sin(values[(c * 10).astype(np.int64)]))
        return tg.scan(lambda c, _: (c + 0.1, read(c)), start, np.zeros(3))[1]

    recorded = tg.compile(scanned)
    for start in (0.0, 0.05):
        np.testing.assert_allclose(recorded(np.array(start)), scanned(np.array(start)))
    assert not recorded.fallbacks
    for far in (0.3, 1e9, -1e9):
        with pytest.raises(IndexError):
            recorded(np.array(far))
