"""Native code under stress: wrong arguments, threads, forks, interrupts, leaks.

Whatever comes in, a compiled function does what the plain one does, and the process lives on.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
import tracemalloc
import types
import warnings
import weakref
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import pytest

import tracegraph as tg
from tests import stress_programs as programs
from tests.frontend.support import Counted, Outcome, compare
from tests.stress_programs import FUNCTIONS, Make, plain, usual

pytestmark = pytest.mark.filterwarnings("ignore")
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")


def outcome(function: Callable[..., Any], args: tuple[Any, ...]) -> Outcome:
    try:
        return Outcome(function(*args), None, "", args, None)
    except Exception as error:
        return Outcome(None, error, "", args, None)


def check(function: Callable[..., Any], compiled: Any, make: Make, where: str) -> None:
    compare(outcome(function, make()), outcome(compiled, make()), where)


def number_of(function: Callable[..., Any]) -> int:
    return FUNCTIONS.index(function)


each_function = pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)

# -- wrong arguments ------------------------------------------------------------------------------


@each_function
def test_some_arguments_of_every_kind(function: Callable[..., Any]) -> None:
    """A third of the kinds for each function, so that each kind meets ten functions."""
    number = number_of(function)
    try_all(function, list(programs.arguments(number))[number % 3 :: 3])


@pytest.mark.slow
@each_function
def test_all_arguments_of_every_kind(function: Callable[..., Any]) -> None:
    try_all(function, list(programs.arguments(number_of(function) + 1)))


def try_all(function: Callable[..., Any], others: list[tuple[str, Make]]) -> None:
    compiled = Counted(function)
    for _ in range(2):
        check(function, compiled, usual, "as usual")
    assert compiled.slow == 1, compiled.compiled.fallbacks
    for name, make in others:
        for _ in range(2):
            check(function, compiled, make, name)
    before = compiled.slow
    check(function, compiled, usual, "as usual again")
    assert compiled.slow == before


@pytest.mark.slow
@pytest.mark.parametrize("function", [programs.affine, programs.views, programs.in_place])
def test_no_trace_answers_for_another(function: Callable[..., Any]) -> None:
    kinds = [one for turn in range(3) for one in programs.arguments(turn)]
    every = [(name, make) for name, make in kinds if name in programs.LAYOUTS]
    every.append(("as usual", usual))
    for first, make in every:
        compiled = tg.compile(function)
        for _ in range(2):
            outcome(compiled, make())
        for second, then in every:
            check(function, compiled, then, f"{second} after {first}")


def test_dicts_of_every_kind() -> None:
    compiled = Counted(programs.of_a_dict)
    for name, make in [*programs.dicts(), *programs.dicts()]:
        check(programs.of_a_dict, compiled, make, name)


def test_what_is_global_may_change_at_any_time() -> None:
    module = types.ModuleType("changing")
    source = types.FunctionType(programs.globals_of_it.__code__, module.__dict__)
    compiled = tg.compile(source)
    changes: list[dict[str, Any]] = [
        {"SCALE": np.ones(4), "FACTOR": 2.0, "TABLE": {"w": np.ones(4), "b": 1.0}},
        {"SCALE": np.ones(4, "f4")},
        {"SCALE": np.ones((3, 4))},
        {"SCALE": [1.0, 2.0, 3.0, 4.0]},
        {"SCALE": swapped_ones()},
        {"FACTOR": 4},
        {"FACTOR": None},
        {"FACTOR": np.float32(1.5)},
        {"TABLE": {"b": 1.0, "w": np.ones(4)}},
        {"TABLE": {"w": np.ones(4)}},
        {},
    ]
    for change in changes:
        vars(module).update(change or {"SCALE": np.ones(4), "FACTOR": 2.0, "TABLE": programs.TABLE})
        for _ in range(3):
            check(source, compiled, usual, f"after {change}")
    for name in ("SCALE", "FACTOR", "TABLE"):
        del vars(module)[name]
        check(source, compiled, usual, f"without {name}")


def swapped_ones() -> Any:
    return programs.swapped(np.ones(4))


# -- references and memory ------------------------------------------------------------------------


def growth(call: Callable[[], Any], calls: int) -> int:
    """Return by how many bytes Python's memory grows with some calls."""
    for _ in range(50):
        call()
    gc.collect()
    tracemalloc.start()
    try:
        for _ in range(50):
            call()
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(calls):
            call()
        gc.collect()
        return tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()


@each_function
def test_calls_keep_nothing(function: Callable[..., Any]) -> None:
    compiled, args = tg.compile(function), usual()
    count = 500
    growth(lambda: compiled(*args), 10)
    known = (None, True, np.float64, np.dtype(np.float64), *args)
    before = [sys.getrefcount(one) for one in known]
    assert growth(lambda: compiled(*args), count) < 4 * count
    after = [sys.getrefcount(one) for one in known]
    assert all(abs(a - b) < count // 4 for a, b in zip(before, after, strict=True))


@pytest.mark.slow
def test_many_calls_and_misses_keep_nothing() -> None:
    compiled, x = tg.compile(programs.affine), plain()
    others = [(x, x), (x.T, x), (x.astype("f4"), x), (x.astype(">f8"), x), (x, 2.0)]
    assert growth(lambda: [compiled(*args) for args in others], 10_000) < 10_000


def test_a_compiled_function_is_collected() -> None:
    def make() -> list[weakref.ref[Any]]:
        weights = np.ones(100)
        compiled: Any = tg.compile(lambda x: x + weights)
        compiled(np.ones(100))
        compiled(np.ones(100))
        compiled.itself = compiled
        return [weakref.ref(compiled), weakref.ref(weights)]

    refs = make()
    gc.collect()
    assert [ref() for ref in refs] == [None, None]


# -- threads --------------------------------------------------------------------------------------


@pytest.fixture
def quick_switches() -> Iterator[None]:
    old = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(old)


def in_threads(work: Callable[[int], None], meanwhile: Callable[[], None], count: int = 8) -> None:
    """Run work in threads, something else beside them, and raise what they raised."""
    raised: list[BaseException] = []

    def run(seed: int) -> None:
        try:
            work(seed)
        except BaseException as error:
            raised.append(error)

    threads = [threading.Thread(target=run, args=(seed,)) for seed in range(count)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        meanwhile()
        threads[0].join(0.02)
    if raised:
        raise raised[0]


@pytest.mark.usefixtures("quick_switches")
@pytest.mark.parametrize(
    "function",
    [programs.softmax, programs.product, programs.in_place, programs.branch, programs.views],
    ids=lambda f: f.__name__,
)  # fmt: skip
def test_threads_that_call_while_one_clears(function: Callable[..., Any]) -> None:
    compiled = tg.compile(function)

    def work(seed: int) -> None:
        others = list(programs.arguments(seed))
        for turn in range(25):
            name, make = others[(7 * turn + seed) % len(others)] if turn % 4 == 0 else ("", usual)
            check(function, compiled, make, f"{name} in thread {seed}")

    in_threads(work, compiled.clear)


@pytest.mark.usefixtures("quick_switches")
def test_threads_with_states_of_their_own() -> None:
    """One thread calls where division by zero raises, the others where it does not."""
    compiled = tg.compile(programs.divisions)
    x, zero = plain(), np.zeros((4, 4))
    with np.errstate(all="ignore"):
        compiled(x, zero)

    def work(seed: int) -> None:
        for _ in range(300):
            if seed % 2:
                with np.errstate(all="raise"), pytest.raises(FloatingPointError):
                    compiled(x, zero)
            else:
                with np.errstate(all="ignore"):
                    assert np.isinf(compiled(x, zero)[2]).all()

    in_threads(work, lambda: None)


# -- forks and interrupts -------------------------------------------------------------------------


def in_child(work: Callable[[], object]) -> int:
    """Run work in a forked process; return how it ended: 0 for well, 14 for stuck."""
    pid = os.fork()
    if pid == 0:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(20)
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return os.waitpid(pid, 0)[1]


def call_each(functions: Iterable[tuple[Callable[..., Any], Any]]) -> None:
    for function, compiled in functions:
        for name, make in (("usual", usual), ("float32", programs.of_kind(np.float32, 2))):
            check(function, compiled, make, f"{name} in a child")


@needs_fork
def test_a_child_calls_and_compiles() -> None:
    known = [(function, tg.compile(function)) for function in FUNCTIONS[::3]]
    for _, compiled in known:
        for _ in range(2):
            compiled(*usual())
    assert in_child(lambda: call_each(known)) == 0
    fresh = [(function, tg.compile(function)) for function in FUNCTIONS[1::10]]
    assert in_child(lambda: call_each(fresh)) == 0


@needs_fork
def test_a_fork_while_other_threads_compile() -> None:
    """LLVM's lock would stay taken in the child for ever."""
    done = threading.Event()

    def compile_on_and_on() -> None:
        while not done.is_set():
            compiled = tg.compile(programs.affine)
            compiled(*usual())

    threads = [threading.Thread(target=compile_on_and_on) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(5):
            fresh = [(programs.affine, tg.compile(programs.affine))]
            assert in_child(lambda fresh=fresh: call_each(fresh)) == 0  # type: ignore[misc]  # mypy cannot infer it
    finally:
        done.set()
        for thread in threads:
            thread.join()


def test_interrupts_at_any_time() -> None:
    compiled, x = tg.compile(programs.callout), plain((40, 40))
    compiled(x, x)
    before, caught = sys.getrefcount(x), 0

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    old = signal.signal(signal.SIGALRM, interrupt)
    try:
        for turn in range(200):
            try:
                signal.setitimer(signal.ITIMER_REAL, 1e-4 + 1e-6 * turn)
                for _ in range(10_000):
                    compiled(x, x)
            except KeyboardInterrupt:
                caught += 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)
    assert caught == 200
    assert sys.getrefcount(x) == before
    check(programs.callout, compiled, lambda: (x, x), "after all")


# -- floating-point events ------------------------------------------------------------------------


def test_events_that_raise() -> None:
    compiled = Counted(programs.divisions)
    x, zero = plain(), np.zeros((4, 4))
    for _ in range(2):
        with np.errstate(all="ignore"):
            check(programs.divisions, compiled, lambda: (x, zero), "ignored")
        for mode in ("raise", "call"):
            with np.errstate(all=mode, call=lambda *_: None):
                check(programs.divisions, compiled, lambda: (x, zero), mode)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            check(programs.divisions, compiled, lambda: (x, zero), "error")
    before = compiled.slow
    with np.errstate(all="ignore"):
        compiled(x, zero)
    assert compiled.slow == before
