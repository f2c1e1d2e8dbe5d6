"""Interrupts while a function is recorded, compiled, transformed or run leave it usable."""

import os
import signal
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tracegraph as tg
from tests.frontend.support import Counted
from tracegraph.recording import active

X = np.arange(1.0, 4)
Function = Callable[..., Any]
ROOT = Path(__file__).parents[2]


class Stop(BaseException):
    """What nobody catches."""


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit, Stop, MemoryError])
def test_an_interrupt_while_recording_leaves_the_function_usable(error: type) -> None:
    armed = [True]
    log: list[int] = []

    def function(a: Any) -> Any:
        log.append(1)
        b = a * 2
        if armed[0]:
            raise error
        return b + 1

    compiled = Counted(function)
    with pytest.raises(error):
        compiled(X)
    assert active() is None
    assert log == [1]
    armed[0] = False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for n in range(2, 5):
            np.testing.assert_array_equal(compiled(X), X * 2 + 1)
            assert len(log) == n


@pytest.mark.parametrize("name", ["finish", "native"])
def test_an_interrupt_while_compiling_leaves_the_function_usable(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = sys.modules["tracegraph.compile"]
    log: list[Any] = []

    def function(a: Any) -> Any:
        a[0] += 1
        return a * 2

    def interrupted(*args: Any, **kwargs: Any) -> Any:
        log.append(args)
        raise KeyboardInterrupt

    compiled = Counted(function)
    with monkeypatch.context() as patch:
        patch.setattr(module, name, interrupted)
        argument = X.copy()
        with pytest.raises(KeyboardInterrupt):
            compiled(argument)
        assert argument[0] == X[0] + 1
    assert log
    assert active() is None
    np.testing.assert_array_equal(compiled(X.copy())[1:], X[1:] * 2)
    assert compiled.is_native(X.copy())


@pytest.mark.parametrize(
    "transform", [tg.grad, tg.vmap, tg.hessian, tg.jacobian, tg.value_and_grad]
)
def test_an_interrupt_in_a_transformation(transform: Function) -> None:
    armed = [True]

    def function(x: Any) -> Any:
        y = (x * x).sum()
        if armed[0]:
            raise KeyboardInterrupt
        return y

    changed = transform(function)
    argument = np.ones((2, 2))
    with pytest.raises(KeyboardInterrupt):
        changed(argument)
    assert active() is None
    armed[0] = False
    assert changed(argument) is not None


def scalars(x: Any, n: Any) -> Any:
    total = 0.0
    for _ in range(n):
        total = total * 0.5 + x[0]
    x[0] = total
    return x


def nested(x: Any, n: Any) -> Any:
    y = x.copy()
    for _ in range(n):
        for j in range(1, 64):
            y[j] += y[j - 1] * 1e-3
    x[:] = y
    return y


def conditional(x: Any, n: Any) -> Any:
    def is_on(state: Any) -> Any:
        return state[1] < n

    def step(state: Any) -> Any:
        return state[0] * 0.5, state[1] + 1

    x[:] = tg.while_loop(is_on, step, (x * 1.0, 0))[0]
    return x


LOOPS = {"scalars": scalars, "nested": nested, "conditional": conditional}


def rung(name: str, trips: int, handler: Function) -> np.ndarray:
    """Run a compiled loop with an alarm set to ring during it; return its argument."""
    compiled = Counted(LOOPS[name])
    x = np.ones(64)
    for n in (10, 12, 14):
        compiled(x.copy(), n)
    assert compiled.is_native(x.copy(), 16)
    signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    try:
        compiled(x, trips)
    except KeyboardInterrupt:
        print("stopped")
    signal.setitimer(signal.ITIMER_REAL, 0)
    return x


def rings(program: str) -> list[str]:
    """Run a program after this module, in a process of its own: a loop may not end."""
    done = subprocess.run(
        [sys.executable, "-c", f"from {__name__} import *\n{program}"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no interval timers on this system")
@pytest.mark.parametrize("name", LOOPS)
def test_an_interrupt_stops_a_native_loop_with_its_arguments_intact(name: str) -> None:
    program = f"print(set(rung({name!r}, 10**15, signal.default_int_handler)))"
    assert rings(program) == ["stopped", "{np.float64(1.0)}"]


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no interval timers on this system")
def test_a_native_loop_goes_on_after_a_signal() -> None:
    program = """
heard = []
x = rung("scalars", 10**8, lambda *_: heard.append(1))
print(len(heard), x[0])"""
    assert rings(program) == ["1", "2.0"]
