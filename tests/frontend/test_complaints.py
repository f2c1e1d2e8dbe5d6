"""What users of array compilers complain of, each as a case that must not happen here.

Control flow, shapes, recompilation, loops, small arrays, dtypes, indices, updates in place, NumPy's
own names; `test_complaints_more` goes on with errors, derivatives, leaks, effects.
"""

import time
import traceback
import warnings
from typing import Any

import numpy as np
import pytest

import tracegraph as tg
from tests.frontend.support import Counted, agree, made

X = np.linspace(-1, 1, 6)


# -- 1: control flow on values --------------------------------------------------------------------


def test_an_if_on_data_compiles_each_side() -> None:
    def f(x: Any) -> Any:
        if x.sum() > 0 and x[0] < 5:
            return np.sqrt(x + 2)
        return -x

    function = agree(made(f), *[(s * np.ones(4),) for s in (1, -1, 1, -1, 6, 6)], native=1)
    assert function.compiled.fallbacks == []


def test_a_while_on_data_compiles_and_counts_its_turns_again_at_each_call() -> None:
    def f(x: Any) -> Any:
        turns = 0
        while np.abs(x).max() > 0.1:
            x, turns = x / 2, turns + 1
        return x, turns

    function = agree(made(f), *[(s * np.ones(3),) for s in (1.0, 4.0, 0.05, 1.0, 4.0)], native=2)
    assert function.compiled.fallbacks == []


def test_min_max_and_boolean_operators_of_python_take_recorded_numbers() -> None:
    def f(x: Any, s: Any) -> Any:
        return min(s, 0.5), max(x[0], x[1]), s if s > 0 and x.any() else 0.0, not s

    agree(made(f), *[(X, v) for v in (0.1, 0.9, -1.0, 0.1)], native=1)


# -- 2: shapes that depend on data ----------------------------------------------------------------


def test_masks_and_nonzero_give_what_numpy_gives_whatever_their_number() -> None:
    def f(x: Any) -> Any:
        return x[x > 0], np.nonzero(x > 0)[0], np.unique(np.round(x))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", tg.FallbackWarning)
        agree(made(f), (X,), (X,), (X + 1,), (-X - 5,), (X[:0],))


# -- 3, 4: recompilation --------------------------------------------------------------------------


def test_a_new_length_is_compiled_at_most_once_more() -> None:
    function = Counted(lambda x: np.tanh(x).sum() / len(x), strict=True)
    for n in (5, 7, 20, 33, 100, 5, 1000):
        function(np.ones(n))
    assert function.slow == 2
    assert len(function.compiled.traces) == 2


def test_a_new_python_number_is_no_new_trace() -> None:
    function = Counted(lambda x, rate: x * rate, strict=True)
    for rate in np.linspace(0, 1, 20):
        function(X, float(rate))
    assert function.slow == 1
    function = Counted(lambda x, n: x * n, strict=True)
    for n in range(2, 30):
        function(X, n)
    assert len(function.compiled.traces) <= 2


def test_why_there_is_a_trace_is_said() -> None:
    function = tg.compile(lambda x: x * 2 if x.sum() > 0 else x)
    for x in (X + 3, X - 3, X.astype("f4") + 3):
        function(x)
    text = str(function.explain())
    assert "f32" in text
    assert "guard" in text
    assert "test_complaints.py" in text


# -- 5: what is not compiled is said --------------------------------------------------------------


def test_what_runs_eagerly_is_reported_once_with_its_line() -> None:
    def f(x: Any) -> Any:
        y = x + 1
        return y * len(open(__file__).readline())  # it is to be reported

    compiled = tg.compile(f)
    with pytest.warns(tg.FallbackWarning) as caught:
        results = [compiled(X) for _ in range(3)]
    lines = [w.lineno for w in caught if w.category is tg.FallbackWarning]
    (why,) = compiled.fallbacks
    assert (why.file, why.line) == (__file__, f.__code__.co_firstlineno + 2)
    assert lines == [why.line]
    np.testing.assert_array_equal(results[2], f(X))
    with pytest.raises(tg.RecordingError, match="open"):
        tg.compile(f, strict=True)(X)


# -- 6, 7: first calls and unrolled loops ---------------------------------------------------------


def test_the_first_calls_of_a_small_function_take_no_seconds() -> None:
    tg.compile(lambda x: x + 1)(X)
    begin = time.perf_counter()
    function = tg.compile(lambda x: np.sin(x) * 2 + x)
    function(X)
    function(X)
    assert time.perf_counter() - begin < 5


def test_the_gradient_of_a_loop_of_hundreds_of_steps_compiles() -> None:
    def f(x: Any) -> Any:
        for _ in range(300):
            x = x - 0.001 * np.sin(x)
        return x.sum()

    gradient = tg.compile(tg.grad(f), strict=True)
    first, second = gradient(X), gradient(X)
    np.testing.assert_allclose(first, second, rtol=1e-12)
    step = (f(X + np.eye(6)[0] * 1e-6) - f(X - np.eye(6)[0] * 1e-6)) / 2e-6
    np.testing.assert_allclose(first[0], step, rtol=1e-6)


# -- 10: small arrays -----------------------------------------------------------------------------


def test_a_call_on_few_numbers_costs_no_more_than_numpy() -> None:
    def f(x: Any) -> Any:
        return np.exp(-(x * x)) * 2 + np.sin(x) / (1 + x * x)

    compiled = tg.compile(f)
    times = []
    for function in (f, compiled):
        best = np.inf
        for _ in range(5):
            begin = time.perf_counter()
            for _ in range(2000):
                function(X)
            best = min(best, time.perf_counter() - begin)
        times.append(best)
    assert times[1] < times[0]


# -- 11: dtypes -----------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["f4", "f8", "i1", "i4", "i8", "u1", "u8", "?"])
def test_dtypes_are_those_of_numpy(dtype: str) -> None:
    def f(x: Any, s: Any) -> Any:
        return x + 1, x * 2.0, x / 3, x.sum(), x.mean(), s * x, np.float32(1) * x, x > 0

    function = agree(made(f), *[(np.arange(5).astype(dtype), 2.5)] * 2, native=1)
    assert function.compiled(np.ones(3), 1.0)[0].dtype == np.float64


# -- 12: indices ----------------------------------------------------------------------------------


@pytest.mark.parametrize("index", [6, -7, 10**9])
def test_an_index_out_of_bounds_raises_numpys_error_at_the_users_line(index: int) -> None:
    def f(x: Any, i: Any) -> Any:
        y = x * 2
        return y[i]

    def g(x: Any, i: Any) -> Any:
        x = x * 2
        x[i] = 1
        return x

    for function in (f, g):
        for position in (index, np.array([0, index]), np.int64(index)):
            compiled = tg.compile(function)
            for good in (1, 2, -1):
                compiled(X, np.full(np.shape(position), good)[()])
            with pytest.raises(IndexError, match="out of bounds") as caught:
                compiled(X, position)
            with pytest.raises(IndexError) as plain:
                function(X, position)
            assert str(caught.value) == str(plain.value)
            lines = [frame.lineno for frame in traceback.extract_tb(caught.value.__traceback__)]
            assert function.__code__.co_firstlineno + 2 in lines


def test_a_neighbour_of_the_array_is_never_read_or_written() -> None:
    memory = np.arange(12.0)

    def f(x: Any, i: Any) -> Any:
        x[i] = -1
        return x

    compiled = tg.compile(f)
    for i in (0, 1, 2):
        compiled(memory[3:6].copy(), i)
    with pytest.raises(IndexError):
        compiled(memory[3:6], 3)
    np.testing.assert_array_equal(memory, np.arange(12.0))


# -- 13: updates in place -------------------------------------------------------------------------


def test_updates_in_place_reach_the_callers_array_and_every_view() -> None:
    def f(x: Any, y: Any) -> Any:
        view = x[1:]
        view += 1
        x[0] = view.sum()
        np.multiply(x, 2, out=y)
        y[y > 4] = 0
        return view

    agree(made(f), *[(X.copy(), X.copy())] * 3, native=1)


def test_gradients_go_through_updates_in_place() -> None:
    def loss(x: Any) -> Any:
        y = np.zeros(6)
        y[1:] = x[:-1] * 2
        y[0] += np.sin(x[0])
        y *= x
        return y.sum()

    expected = np.array([loss(X + d) - loss(X - d) for d in np.eye(6) * 1e-6]) / 2e-6
    for function in (tg.grad(loss), tg.compile(tg.grad(loss), strict=True)):
        for _ in range(2):
            np.testing.assert_allclose(function(X), expected, atol=1e-7)


# -- 14: NumPy's own names ------------------------------------------------------------------------


def test_numpys_functions_methods_and_operators_take_what_is_recorded() -> None:
    def f(x: Any) -> Any:
        import numpy as other

        return other.sin(x) + np.asarray(x).T + np.add.reduce(x) + x.dot(x), np.stack([x, x])

    assert agree(made(f), (X,), (X,), native=1).compiled.fallbacks == []


def test_a_function_without_native_form_is_called_in_the_middle() -> None:
    def f(x: Any) -> Any:
        return np.linalg.solve(np.diag(x + 3), np.sort(x)) + np.fft.rfft(x).real.sum()

    assert agree(made(f), (X,), (X + 1,), (X * 2,), native=1).compiled.fallbacks == []


def test_options_of_reductions() -> None:
    def f(x: Any) -> Any:
        return (
            x.max(axis=0), x.min(1, keepdims=True), np.median(x, axis=1), x.mean((0, 1)),
            np.linalg.norm(x, axis=0), np.flip(x, 1), np.average(x, axis=0, weights=[1, 2]),
            np.einsum("ij,kj->ik", x, x), np.tensordot(x, x, (1, 1)), np.pad(x, 1),
        )  # fmt: skip

    assert agree(made(f), *[(X.reshape(2, 3),)] * 2, native=1).compiled.fallbacks == []
