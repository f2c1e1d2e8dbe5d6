"""Kernels that compute the same of other buffers share one function, and no others do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tracegraph as tg
from tracegraph.codegen.alike import program_key

X = np.linspace(-1.0, 2.0, 37)


def compiled(function: Callable[..., Any], *args: Any) -> Any:
    """Return the executable of a function, after looking at what it gives."""
    made = tg.compile(function)
    for _ in range(3):
        np.testing.assert_allclose(made(*args), function(*args), rtol=1e-11)
    assert not made.fallbacks
    return made._paths[0].executable


def functions_of(executable: Any) -> int:
    """Return how many functions the kernels of an executable are."""
    return str(executable._module.kernels).count("define hidden")


def layers(x: Any, ws: Any) -> Any:
    for k in range(4):
        x = np.tanh(ws[k] @ x) / np.abs(x).sum()
    return x


def test_equal_layers_share_their_functions() -> None:
    executable = compiled(layers, X, np.random.default_rng(0).normal(size=(4, 37, 37)))
    assert functions_of(executable) < len(list(executable.plan.kernels()))


def test_kernels_in_loops_and_beside_them() -> None:
    def function(x: Any) -> Any:
        t = x[0] * 0.5
        t = np.sin(t) + 1.5
        while t > 0.5:
            t = np.sin(t) * 0.9
        y = x / x.sum()
        y = y / y.sum()
        for _ in range(20):
            y = y / y.sum()
        return y * t

    compiled(function, X + 3)


DIFFERENT: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "constants": (lambda x: x * 2.0, lambda x: x * 3.0),
    "zeros": (lambda x: np.copysign(x, 0.0), lambda x: np.copysign(x, -0.0)),
    "dtypes": (lambda x: x.astype(np.float32) < 0, lambda x: x < 0),
    "places": (lambda x: x[1:21] * 2, lambda x: x[2:22] * 2),
    "lengths": (lambda x: x[:20] * 2, lambda x: x[:21] * 2),
    "operations": (np.sin, np.cos),
    "operands": (lambda x: x - x[::-1], lambda x: x[::-1] - x),
    "folds": (lambda x: x.max(), lambda x: x.min()),
    "scans": (lambda x: np.cumsum(x), lambda x: np.cumprod(x)),
}


@pytest.mark.parametrize("what", DIFFERENT)
def test_what_differs_has_other_keys(what: str) -> None:
    one, other = DIFFERENT[what]
    keys = []
    for function in (one, other, one):
        executable = compiled(lambda x, f=function: f(x), X)
        (kernel,) = executable.plan.kernels()
        keys.append(program_key(kernel.program))
    first, second, again = keys
    assert first == again
    assert hash(first) == hash(again)
    assert first != second
