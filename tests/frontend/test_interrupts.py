"""Interrupts while a function is recorded, compiled or transformed leave it usable."""

import sys
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tracegraph as tg
from tests.frontend.support import Counted
from tracegraph.recording import active

X = np.arange(1.0, 4)
Function = Callable[..., Any]


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
