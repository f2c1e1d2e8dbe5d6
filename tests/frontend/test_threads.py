"""Threads and contexts: a recording belongs to its context, calls from anywhere are right."""

import asyncio
import contextvars
import threading
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import tracegraph as tg
from tests.frontend.programs import program
from tracegraph.recording import active

X = np.linspace(-1, 1, 6)
WORKERS = 8
pytestmark = pytest.mark.filterwarnings("ignore::tracegraph.FallbackWarning")


def together(work: Callable[[int], Any]) -> list[Any]:
    """What several threads return that start at the same time."""
    barrier = threading.Barrier(WORKERS)

    def one(number: int) -> Any:
        barrier.wait()
        return work(number)

    with ThreadPoolExecutor(WORKERS) as pool:
        return [future.result() for future in [pool.submit(one, n) for n in range(WORKERS)]]


def test_the_first_calls_of_several_threads() -> None:
    for _ in range(5):
        compiled = tg.compile(lambda a, k: np.tanh(a * k).sum() if k > 2 else a * k)

        def work(number: int, compiled: Any = compiled) -> list[bool]:
            found = []
            for i in range(30):
                k, a = float(i % 5), X + number
                expected = np.tanh(a * k).sum() if k > 2 else a * k
                found.append(np.allclose(compiled(a, k), expected, rtol=1e-13))
            return found

        assert all(map(all, together(work)))
        assert len(compiled.traces) <= 2 * WORKERS


def test_many_signatures_from_many_threads() -> None:
    compiled = tg.compile(lambda a: a * 2 + 1)
    kinds: list[Any] = [
        X, X.astype(np.float32), np.arange(6), np.ones((2, 3)), np.asfortranarray(np.ones((2, 3))),
        2.5, 3,
        np.float64(1), X[::2], np.zeros(0), np.ones((4, 5)), np.ones(9),
    ]  # fmt: skip

    def work(number: int) -> bool:
        order = np.random.default_rng(number).permutation(len(kinds)).tolist() * 3
        return all(np.array_equal(compiled(kinds[i]), kinds[i] * 2 + 1) for i in order)

    assert all(together(work))


def test_effects_of_several_threads() -> None:
    function, module = program(
        "L = []\ndef f(a, d): d['n'] = d.get('n', 0) + 1; L.append(a[0]); return a * d['n']"
    )()
    compiled: Any = tg.compile(function)

    def work(number: int) -> int:
        own: dict[str, int] = {}
        for _ in range(25):
            compiled(np.full(3, float(number)), own)
        return own["n"]

    assert together(work) == [25] * WORKERS
    kept = module.names["L"]
    assert sorted(map(float, kept)) == sorted([float(n) for n in range(WORKERS)] * 25)


def test_native_effects_of_several_threads() -> None:
    function, module = program(
        "class C: pass\nc = C()\ndef f(a, o): o.k = a.sum(); return o.k * 2"
    )()
    compiled: Any = tg.compile(function)

    def work(number: int) -> bool:
        own = module.names["C"]()
        return all(
            compiled(np.full(3, float(number + i)), own) == 6.0 * (number + i) == own.k * 2
            for i in range(25)
        )

    assert all(together(work))


def test_written_arguments_of_several_threads() -> None:
    def step(a: Any) -> Any:
        a[1:] += a[:-1]
        a *= 0.5
        return a.sum()

    compiled = tg.compile(step)

    def work(number: int) -> bool:
        mine, plain = X + number, X + number
        for _ in range(50):
            if not np.isclose(compiled(mine), step(plain), rtol=1e-12):
                return False
        return np.allclose(mine, plain, rtol=1e-12)

    assert all(together(work))


def test_large_results_of_several_threads() -> None:
    """Native code that lets go of the GIL must not share its buffers."""
    compiled = tg.compile(lambda a: np.exp(np.cumsum(a) / a.size) @ np.ones(a.size))
    big = np.linspace(0, 1, 200_000)

    def work(number: int) -> bool:
        a = big + number
        expected = np.exp(np.cumsum(a) / a.size) @ np.ones(a.size)
        return all(np.isclose(compiled(a), expected, rtol=1e-10) for _ in range(10))

    assert all(together(work))


@pytest.mark.parametrize(
    "transform", [tg.grad, tg.value_and_grad, tg.vmap, tg.hessian, tg.jacobian]
)
def test_transformations_in_several_threads(transform: Any) -> None:
    function = transform(lambda v: (v**3).sum())
    compiled = tg.compile(function)
    argument = np.ones((2, 3)) if transform is tg.vmap else np.ones(3)

    def work(number: int) -> bool:
        a = argument + number
        expected = function(a)
        for _ in range(5):
            for one, other in zip(np.atleast_1d(*compiled(a)), np.atleast_1d(*expected),
                strict=True) \
                if isinstance(expected, tuple) else [(compiled(a), expected)]:  # fmt: skip
                np.testing.assert_allclose(one, other, rtol=1e-12)
        return True

    assert all(together(work))


def test_tapes_in_several_threads() -> None:
    def work(number: int) -> float:
        w = tg.Variable(float(number))
        with tg.GradientTape() as tape:
            loss = w * w * 3.0
        return float(tape.gradient(loss, w))

    assert together(work) == [6.0 * n for n in range(WORKERS)]


def test_a_thread_started_by_a_recorded_function_is_not_recorded() -> None:
    source = """
        import threading
        def g(a, out): out.append(a * 2)
        def f(a):
            out = []
            thread = threading.Thread(target=g, args=(a, out))
            thread.start(); thread.join()
            return out[0] + 1
        """
    compiled = tg.compile(program(source)()[0])
    for shift in range(4):
        np.testing.assert_array_equal(compiled(X + shift), (X + shift) * 2 + 1)


def test_another_thread_is_not_recorded() -> None:
    """What another thread computes while this one records is no part of the recording."""
    recording, done = threading.Event(), threading.Event()
    seen: list[Any] = []

    def other() -> None:
        recording.wait(10)
        seen.append((active(), np.sin(X), tg.grad(lambda v: (v * v).sum())(X), tg.Tensor(X) * 2))
        done.set()

    def function(a: Any) -> Any:
        b = a * 2
        recording.set()
        done.wait(10)
        return b + 1

    thread = threading.Thread(target=other)
    thread.start()
    np.testing.assert_array_equal(tg.compile(function)(X), X * 2 + 1)
    thread.join()
    assert seen[0][0] is None
    np.testing.assert_array_equal(seen[0][2], X * 2)


def test_another_context_is_not_recorded() -> None:
    empty = contextvars.copy_context()
    seen: list[Any] = []

    def peek() -> None:
        seen.append(active())

    def function(a: Any) -> Any:
        empty.run(peek)
        peek()
        return a * 2

    compiled = tg.compile(function)
    compiled(X)
    assert seen[0] is None
    assert active() is None
    np.testing.assert_array_equal(compiled(X), X * 2)


def test_tasks_that_take_turns() -> None:
    compiled = tg.compile(lambda a, k: a * k if k > 1 else a + k)

    async def work(number: int) -> bool:
        for i in range(10):
            k = float(i % 3)
            expected = (X + number) * k if k > 1 else X + number + k
            if not np.array_equal(compiled(X + number, k), expected):
                return False
            await asyncio.sleep(0)
        return True

    async def all_of_them() -> list[bool]:
        return await asyncio.gather(*map(work, range(WORKERS)))

    assert all(asyncio.run(all_of_them()))


def test_a_tape_in_a_task_does_not_reach_other_tasks() -> None:
    async def with_tape() -> float:
        w = tg.Variable(3.0)
        with tg.GradientTape() as tape:
            loss = w * w
            await asyncio.sleep(0.01)
            loss = loss * 2.0
        return float(tape.gradient(loss, w))

    async def without() -> Any:
        await asyncio.sleep(0.005)
        return active()

    async def both() -> list[Any]:
        return list(await asyncio.gather(with_tape(), without(), with_tape()))

    assert asyncio.run(both()) == [12.0, None, 12.0]


def test_clear_while_other_threads_call() -> None:
    compiled = tg.compile(lambda a: a * 2 if a[0] > 0 else a * 3)

    def work(number: int) -> bool:
        for i in range(40):
            if number == 0 and i % 4 == 0:
                compiled.clear()
            a = X + (2 if i % 2 else -2)
            if not np.array_equal(compiled(a), a * (2 if i % 2 else 3)):
                return False
        return True

    assert all(together(work))


def test_recursion_through_the_compiled_function() -> None:
    @tg.compile
    def power(a: Any, n: Any) -> Any:
        return a * power(a, n - 1) if n > 0 else a

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for n in (0, 1, 2, 3, 2, 5, 1):
            np.testing.assert_allclose(power(X, n), X ** (n + 1), rtol=1e-12)
