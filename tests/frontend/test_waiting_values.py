"""Values that wait: what a function only returns is computed by its machine code, and once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tracegraph as tg
from tracegraph import evaluate
from tracegraph.ir.errors import FallbackWarning

X = np.array([0.5, -1.0, 2.0])


@pytest.fixture
def evaluated(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list that grows each time values are computed while a function is recorded."""
    counts: list[int] = []
    real = evaluate.evaluate

    def counting(recording: Any, values: Any, given: Any = None) -> Any:
        counts.append(len(values))
        return real(recording, values, given)

    monkeypatch.setattr(evaluate, "evaluate", counting)
    return counts


def cubes(x: Any) -> Any:
    return np.sum(x**3)


def slope_of_cubes(x: Any) -> Any:
    return 3 * x**2


def test_a_gradient_that_is_returned_is_computed_by_machine_code(evaluated: list[int]) -> None:
    f = tg.compile(tg.grad(cubes))
    np.testing.assert_allclose(f(X), slope_of_cubes(X), rtol=1e-15)
    np.testing.assert_allclose(f(X), slope_of_cubes(X), rtol=1e-15)
    assert evaluated == []
    assert len(f.traces) == 1
    assert not f.fallbacks


@pytest.mark.parametrize("x", [2.0, np.float32(2), np.float64(2), np.array(2.0)])
def test_a_number_keeps_its_kind(x: Any, evaluated: list[int]) -> None:
    f = tg.compile(tg.value_and_grad(lambda x: x * x * x))
    eager = tg.value_and_grad(lambda x: x * x * x)(x)
    for _ in range(2):
        found = f(x)
        assert list(map(type, found)) == list(map(type, eager))
        assert found == pytest.approx((8.0, 12.0))
    assert evaluated == [1]  # that of the eager function


def test_second_derivatives_wait_as_well(evaluated: list[int]) -> None:
    f = tg.compile(tg.hessian(cubes))
    np.testing.assert_allclose(f(X), np.diag(6 * X))
    assert evaluated == []


def test_what_is_used_is_computed_once(evaluated: list[int]) -> None:
    def step(x: Any) -> Any:
        slope = tg.grad(cubes)(x)
        return x - 0.1 * slope, slope.max()

    f = tg.compile(step)
    for _ in range(2):
        moved, steepest = f(X)
        np.testing.assert_allclose(moved, X - 0.3 * X**2)
        assert steepest == pytest.approx(12.0)
    assert evaluated == [1]


def test_an_effect_happens_once(evaluated: list[int]) -> None:
    seen: list[Any] = []

    def loss(x: Any) -> Any:
        seen.append(x.shape)
        return cubes(x)

    f = tg.compile(tg.grad(loss))
    np.testing.assert_allclose(f(X), slope_of_cubes(X))
    assert seen == [(3,)]
    assert evaluated == [1]
    f(X)
    assert seen == [(3,), (3,)]


def test_an_argument_that_is_written_afterwards_was_read_before() -> None:
    def f(x: Any) -> Any:
        slope = tg.grad(cubes)(x)
        x[:] = 0.0
        return slope

    compiled = tg.compile(f)
    for _ in range(2):
        x = X.copy()
        np.testing.assert_allclose(compiled(x), slope_of_cubes(X))
        assert not x.any()


def test_where_the_recording_gives_up_values_are_those_of_that_moment() -> None:
    class Zero:
        def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
            args[0][:] = 0.0

    def f(x: Any) -> Any:
        slope = tg.grad(cubes)(x)
        np.copyto(x, Zero())  # type: ignore[call-overload,arg-type,unused-ignore]  # it writes instead
        return slope

    x = X.copy()
    with pytest.warns(FallbackWarning):
        found = tg.compile(f)(x)
    np.testing.assert_allclose(found, slope_of_cubes(X))
    assert not x.any()


def test_results_share_memory_as_they_do_eagerly(evaluated: list[int]) -> None:
    def f(x: Any) -> Any:
        slope = tg.grad(cubes)(x)
        return {"twice": [slope, slope], "argument": x}

    found = tg.compile(f)(X)
    first, second = found["twice"]
    assert first is second
    assert found["argument"] is X
    assert evaluated == []
    np.testing.assert_allclose(first, slope_of_cubes(X))


def test_what_numpy_raises_in_a_derivative_is_caught_where_it_is_computed() -> None:
    def f(a: Any) -> Any:
        try:
            return tg.grad(lambda a: np.linalg.slogdet(a)[1])(a)
        except np.linalg.LinAlgError:
            return np.zeros(2)

    singular = np.ones((2, 2))
    np.testing.assert_array_equal(tg.compile(f)(singular), f(singular))


def test_an_exception_carries_the_value() -> None:
    def f(x: Any) -> Any:
        raise ValueError(tg.grad(cubes)(x))

    with pytest.raises(ValueError, match="12") as caught:
        tg.compile(f)(X)
    np.testing.assert_allclose(caught.value.args[0], slope_of_cubes(X))


def test_a_loop_that_is_returned_is_computed_by_machine_code(evaluated: list[int]) -> None:
    f = tg.compile(lambda x: tg.fori_loop(0, 100, lambda i, c: c + x * i, np.zeros(3)))
    np.testing.assert_allclose(f(X), X * 4950.0)
    assert evaluated == []


def test_asking_for_the_graph_computes_nothing_later(evaluated: list[int]) -> None:
    tg.compile(tg.grad(cubes)).graph(X)
    assert evaluated == []


def test_verified_calls_compute_their_values(evaluated: list[int]) -> None:
    f = tg.compile(tg.grad(cubes), verify="first")
    np.testing.assert_allclose(f(X), slope_of_cubes(X))
    assert evaluated[0] == 1
