"""What users of array compilers complain of, continued: errors, derivatives, leaks, effects."""

import copy
import pickle
import threading
import time
import traceback
import warnings
from typing import Any

import numpy as np
import pytest

import tracegraph as tg
from tests.frontend.support import Counted, agree, call, made

X = np.linspace(-1, 1, 6)


# -- 15, 23: errors -------------------------------------------------------------------------------


def test_errors_are_numpys_own_and_end_at_the_users_line() -> None:
    def f(x: Any, y: Any) -> Any:
        z = x + 1
        return z @ y

    compiled = tg.compile(f)
    for _ in range(2):
        compiled(np.ones((2, 3)), np.ones((3, 2)))
    with pytest.raises(ValueError, match="matmul") as caught:
        compiled(np.ones((2, 3)), np.ones((4, 2)))
    lines = [frame.lineno for frame in traceback.extract_tb(caught.value.__traceback__)]
    assert f.__code__.co_firstlineno + 2 in lines


def test_an_assertion_on_data_holds_in_native_code() -> None:
    def f(x: Any) -> Any:
        assert np.isfinite(x).all(), "not finite"
        return x * 2

    compiled = Counted(f, strict=True)
    for _ in range(3):
        compiled(X)
    assert compiled.slow == 1
    with pytest.raises(AssertionError, match="not finite"):
        compiled(np.array([1.0, np.nan, 0, 0, 0, 0]))
    np.testing.assert_array_equal(compiled(X), X * 2)


def test_errstate_raises_where_numpy_does() -> None:
    compiled = tg.compile(lambda x: 1 / x)
    for _ in range(3):
        compiled(np.ones(3))
    with np.errstate(divide="raise"), pytest.raises(FloatingPointError):
        compiled(np.array([1.0, 0.0, 2.0]))
    with np.errstate(divide="ignore"):
        np.testing.assert_array_equal(compiled(np.array([1.0, 0.0, 2.0])), [1, np.inf, 0.5])


# -- 17, 18, 22: derivatives ----------------------------------------------------------------------


def test_the_branch_that_where_does_not_take_sends_no_nan_into_the_gradient() -> None:
    def f(x: Any) -> Any:
        return np.where(x > 0, np.sqrt(x), 0).sum() + np.where(x == 0, 1.0, np.sin(x) / x).sum()

    x = np.array([0.0, 4.0, 9.0])
    expected = np.where(x > 0, 0.5 / np.sqrt(np.maximum(x, 1)), 0)
    expected[1:] += (np.cos(x) / np.maximum(x, 1) - np.sin(x) / np.maximum(x, 1) ** 2)[1:]
    with np.errstate(all="ignore"):
        for function in (tg.grad(f), tg.compile(tg.grad(f))):
            for _ in range(2):
                np.testing.assert_allclose(function(x), expected, atol=1e-15)


def test_clipping_and_maximum_send_no_nan_into_the_gradient() -> None:
    for f in (
        lambda x: np.log(np.clip(x, 1e-3, None)).sum(),
        lambda x: np.sqrt(np.maximum(x, 1.0)).sum(),
    ):
        gradient = tg.grad(f)(np.array([-1.0, 0.0, 2.0]))
        assert np.isfinite(gradient).all()
        assert (gradient[:2] == 0).all()


def test_reverse_mode_through_a_while_on_data() -> None:
    def f(x: Any) -> Any:
        while x.sum() < 10:
            x = x * x + 1
        return x.sum()

    x = np.array([0.5, 1.0])
    expected = [(f(x + d) - f(x - d)) / 2e-6 for d in np.eye(2) * 1e-6]
    compiled = tg.compile(tg.grad(f), strict=True)
    for function in (tg.grad(f), compiled, compiled):
        np.testing.assert_allclose(function(x), expected, rtol=1e-6)
    np.testing.assert_allclose(compiled(x + 5), [1, 1])


def test_second_derivatives_compile() -> None:
    def f(x: Any) -> Any:
        return (np.sin(x) * x**2).sum()

    second = tg.compile(tg.grad(lambda x: tg.grad(f)(x).sum()), strict=True)
    expected = 4 * X * np.cos(X) + 2 * np.sin(X) - X**2 * np.sin(X)
    for _ in range(2):
        np.testing.assert_allclose(second(X), expected)


# -- 19: leaks ------------------------------------------------------------------------------------


def test_nothing_recorded_is_left_in_lists_attributes_globals_or_closures() -> None:
    kept: list[Any] = []

    class Holder:
        value: Any = None

    holder = Holder()

    def f(x: Any) -> Any:
        y = x * 2
        kept.append(y)
        holder.value = [y, {"sum": y.sum()}]
        return lambda: y + 1

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", tg.FallbackWarning)
        inner = tg.compile(f)(X)
    assert type(kept[0]) is np.ndarray
    assert type(holder.value[0]) is np.ndarray
    assert type(holder.value[1]["sum"]) is np.float64
    assert type(inner()) is np.ndarray
    np.testing.assert_array_equal(kept[0], X * 2)


def test_results_are_plain_arrays_that_can_be_copied_pickled_and_written() -> None:
    function = tg.compile(lambda x: (x * 2, {"sum": x.sum()}))
    for _ in range(3):
        result = function(X)
        again = pickle.loads(pickle.dumps(copy.deepcopy(result)))
        np.testing.assert_array_equal(again[0], X * 2)
        result[0][:] = 7
    np.testing.assert_array_equal(function(X)[0], X * 2)


# -- closures, globals, attributes are not frozen -------------------------------------------------

SCALE = 2.0
WEIGHTS = np.ones(6)


def test_globals_closures_and_attributes_are_read_at_each_call(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Model:
        rate = 1.0

    model, offset = Model(), 0.5

    def f(x: Any) -> Any:
        return x * SCALE + WEIGHTS * model.rate + offset

    compiled = Counted(f, strict=True)
    for _ in range(2):
        np.testing.assert_array_equal(compiled(X), f(X))
    monkeypatch.setattr(f"{__name__}.SCALE", 5.0)
    np.testing.assert_array_equal(compiled(X), X * 5 + 1.5)
    monkeypatch.setattr(f"{__name__}.WEIGHTS", np.full(6, 3.0))
    model.rate = 2.0
    offset = 1.0
    np.testing.assert_array_equal(compiled(X), X * 5 + 7)
    WEIGHTS[0] = 100
    np.testing.assert_array_equal(compiled(X), f(X))
    assert compiled.slow == 1


# -- 20: effects ----------------------------------------------------------------------------------


def test_printing_and_attributes_happen_at_each_call() -> None:
    class Count:
        calls = 0.0

    def make() -> Any:
        count = Count()

        def f(x: Any) -> Any:
            print("called with", x.sum())
            count.calls = count.calls + 1
            return x * 2

        return f, count

    assert agree(make, *[(X * k,) for k in range(4)], native=2).compiled.fallbacks == []


# -- 21: random numbers ---------------------------------------------------------------------------


def test_random_numbers_are_drawn_at_each_call_from_the_callers_stream() -> None:
    def f(x: Any, rng: Any) -> Any:
        return x + rng.normal(size=6)

    compiled = tg.compile(f)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", tg.FallbackWarning)
        one, other = np.random.default_rng(3), np.random.default_rng(3)
        draws = [compiled(X, one) for _ in range(4)]
        for draw in draws:
            np.testing.assert_array_equal(draw, f(X, other))
        assert not np.array_equal(draws[0], draws[1])
        assert one.random() == other.random()


def test_the_time_is_no_constant() -> None:
    compiled = tg.compile(lambda x: x * 0 + time.perf_counter())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", tg.FallbackWarning)
        seen = [compiled(X)[0] for _ in range(3)]
    assert seen[0] < seen[1] < seen[2]


# -- 24: eager and compiled are one ---------------------------------------------------------------


def test_special_values_of_elementary_functions() -> None:
    special = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1e-310, -1e308, 1.0])

    def f(x: Any) -> Any:
        return (
            np.arcsinh(x), np.exp(x), np.log1p(x), np.sqrt(x), np.tanh(x), np.cbrt(x), np.sign(x),
            np.maximum(x, 0.0), np.minimum(x, -0.0), x**2, np.arctan2(x, x), np.floor(x),
        )  # fmt: skip

    with np.errstate(all="ignore"):
        agree(made(f), (special,), (special,), native=1)


def test_sums_and_products_are_not_reassociated_or_fused() -> None:
    x = np.random.default_rng(0).standard_normal(1000)

    def f(x: Any) -> Any:
        return x * 1.1 + x * x - x / 3

    compiled = tg.compile(f)
    for _ in range(2):
        np.testing.assert_array_equal(compiled(x), f(x))


def test_verification_is_an_option() -> None:
    compiled = tg.compile(lambda x: np.log(np.abs(x) + 1).sum(), verify="always", strict=True)
    for k in range(3):
        compiled(X * k)


# -- 25: caches, threads, processes ---------------------------------------------------------------


def test_a_helper_that_changes_is_no_stale_code(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = tg.compile(lambda x: helper(x) * 2)
    for _ in range(2):
        np.testing.assert_array_equal(compiled(X), X * 2 + 2)
    monkeypatch.setattr(f"{__name__}.helper", lambda x: x - 1)
    np.testing.assert_array_equal(compiled(X), X * 2 - 2)
    monkeypatch.undo()
    code = helper.__code__
    try:
        helper.__code__ = (lambda x: x * 10).__code__
        np.testing.assert_array_equal(compiled(X), X * 20)
    finally:
        helper.__code__ = code


def helper(x: Any) -> Any:
    return x + 1


def test_nothing_runs_in_the_background() -> None:
    before = threading.active_count()
    compiled = tg.compile(lambda x: np.sin(x) @ x)
    for _ in range(3):
        compiled(X)
    assert threading.active_count() == before


# -- 1b: arrays go in and out without copies ------------------------------------------------------


def test_arrays_go_in_and_out_as_they_are() -> None:
    def f(x: Any, y: Any) -> Any:
        return x, y[::2], x.T, np.asarray(x), [y, y]

    agree(made(f), *[call(X.reshape(2, 3), np.arange(8.0))] * 3, native=2)
    tensor = tg.Tensor(X)
    assert np.shares_memory(np.asarray(tensor), X) or np.array_equal(np.asarray(tensor), X)
    assert tensor.numpy() is X
