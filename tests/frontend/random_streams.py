"""What tests of random draws share: a program run plainly and compiled, with all its generators."""

import copy
import textwrap
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from tests.frontend.programs import program
from tests.frontend.support import Counted

X = np.linspace(-1, 1, 6)

Owner = (np.random.Generator, np.random.RandomState)


def state_of(owner: Any) -> Any:
    if isinstance(owner, np.random.RandomState):
        return owner.get_state(legacy=False)
    return owner.bit_generator.state


def states(names: dict[str, Any]) -> list[Any]:
    """The states of the generators that a program has, and of the global one."""
    found = [state_of(one) for one in names.values() if isinstance(one, Owner)]
    return [*found, np.random.get_state(legacy=False)]  # noqa: NPY002


HEAD = "r = np.random.default_rng(3); s = np.random.default_rng(4); R = np.random.RandomState(5)\n"
"""Generators that programs start with."""


def outcomes(source: str, transform: Callable[[Any], Any], calls: int) -> tuple[Any, list[Any]]:
    """What some calls of a program's `f` on its `ARGS` or on `X` come to, and the states after."""
    np.random.seed(5)  # noqa: NPY002  # the global state is part of what is tested
    function, module = program(source, X=X.copy(), copy=copy)()
    args = module.names.get("ARGS", (module.names["X"],) * function.__code__.co_argcount)
    function = transform(function)
    found = []
    for _ in range(calls):
        before = getattr(function, "slow", 0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                value = function(*args)
            except (ValueError, TypeError, ArithmeticError) as error:
                value = repr(error)
        slow = getattr(function, "slow", 0) - before
        found.append((copy.deepcopy(value), copy.deepcopy(states(module.names)), slow))
    return function, found


def check(source: str, calls: int = 5, native: int = 2) -> Counted:
    """Check that a program and its compiled form agree, and that its last calls are native."""
    source = HEAD + textwrap.dedent(source)
    _, expected = outcomes(source, lambda f: f, calls)
    compiled, got = outcomes(source, Counted, calls)
    for number, (one, other) in enumerate(zip(expected, got, strict=True)):
        same(one[0], other[0], f"call {number}")
        np.testing.assert_equal(other[1], one[1], f"states after call {number}")
    reasons = compiled.compiled.fallbacks
    assert [slow for *_, slow in got[calls - native :]] == [0] * native, reasons
    assert not native or not reasons
    found: Counted = compiled
    return found


def same(a: Any, b: Any, where: str) -> None:
    """Check that results are the same bit by bit, of the same types."""
    assert type(a) is type(b), where
    if isinstance(a, (tuple, list)):
        assert len(a) == len(b), where
        for x, y in zip(a, b, strict=True):
            same(x, y, where)
    elif isinstance(a, dict):
        same(list(a.items()), list(b.items()), where)
    elif isinstance(a, np.ndarray):
        assert (a.dtype, a.shape, a.strides, a.tobytes()) == (
            b.dtype, b.shape, b.strides, b.tobytes()
        ), where  # fmt: skip
    elif isinstance(a, Owner):
        np.testing.assert_equal(state_of(b), state_of(a), where)
    else:
        assert repr(a) == repr(b), where
