"""What tests of loops and branches share: programs, and how they are compared."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

import tracegraph as tg
from tracegraph import tree
from tracegraph.ir.interpret import interpret

Function = Callable[..., Any]


def assert_same(got: Any, expected: Any, rtol: float = 1e-12) -> None:
    """Check that two trees have one structure, the same types, dtypes and shapes, like values."""
    found, structure = tree.flatten(got)
    wanted, wanted_structure = tree.flatten(expected)
    assert structure == wanted_structure
    for one, other in zip(found, wanted, strict=True):
        assert type(one) is type(other), (one, other)
        one, other = np.asarray(one), np.asarray(other)
        assert (one.dtype, one.shape) == (other.dtype, other.shape)
        np.testing.assert_allclose(one, other, rtol=rtol, atol=1e-14)


def compiled(function: Function, *args: Any) -> Any:
    """Call a compiled function twice, and return what it gives."""
    made = tg.compile(function)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", tg.FallbackWarning)
        first = made(*copies(args))
        second = made(*copies(args))
    assert_same(second, first)
    assert not made.fallbacks, made.fallbacks
    return second


def why_eager(function: Function, *args: Any) -> str:
    """Call a compiled function that cannot be recorded, and return the reason."""
    made = tg.compile(function)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", tg.FallbackWarning)
        assert_same(made(*copies(args)), function(*copies(args)))
    return "; ".join(fallback.reason for fallback in made.fallbacks)


def from_graph(function: Function, *args: Any) -> list[Any]:
    """Record a function, and run its graph with the reference interpreter."""
    graph = tg.compile(function).graph(*copies(args)).graph
    arrays = [x for x in tree.flatten(args)[0] if isinstance(x, (float, np.ndarray, np.generic))]
    return interpret(graph, *arrays[: len(graph.params)])


def assert_recorded(function: Function, *args: Any) -> Any:
    """Check that a function is the same eagerly, compiled, and as its graph; return the result."""
    expected = function(*copies(args))
    assert_same(compiled(function, *args), expected)
    for got, wanted in zip(from_graph(function, *args), tree.flatten(expected)[0], strict=True):
        np.testing.assert_allclose(got, np.asarray(wanted), rtol=1e-12, atol=1e-14)
    return expected


def operations(function: Function, *args: Any) -> list[str]:
    """Return the names of the operations of a function's graph."""
    return [node.op.name for node in tg.compile(function).graph(*copies(args)).graph]


def copies(args: Any) -> Any:
    """Return arguments of which the arrays may be written."""
    return tree.tree_map(lambda x: x.copy() if isinstance(x, np.ndarray) else x, args)


def slope(function: Function, x: Any, direction: Any, eps: float = 1e-6) -> float:
    """Return the derivative in a direction, by central differences."""
    above, below = function(x + eps * direction), function(x - eps * direction)
    return float((above - below) / (2 * eps))


def assert_gradient(function: Function, x: Any, rtol: float = 1e-6) -> None:
    """Check the gradient and jvp of a scalar function against finite differences."""
    rng = np.random.default_rng(1)
    direction = rng.normal(size=np.shape(x))
    direction = direction if np.shape(x) else float(direction)
    expected = slope(function, x, direction)
    grad = tg.grad(function)(x)
    np.testing.assert_allclose(np.sum(grad * direction), expected, rtol=rtol, atol=1e-7)
    _, tangent = tg.jvp(function, (x,), (direction,))
    np.testing.assert_allclose(tangent, expected, rtol=rtol, atol=1e-7)
    np.testing.assert_allclose(compiled(tg.grad(function), x), grad, rtol=1e-10)


# -- programs -------------------------------------------------------------------------------------


def lorenz(state: Any, sigma: float, rho: float, beta: float) -> Any:
    """The Lorenz system."""
    x, y, z = state
    return np.stack([sigma * (y - x), x * (rho - z) - y, x * y - beta * z])


def rk4(state: Any, dt: float, *parameters: float) -> Any:
    """One step of the classical Runge-Kutta method."""
    k1 = lorenz(state, *parameters)
    k2 = lorenz(state + 0.5 * dt * k1, *parameters)
    k3 = lorenz(state + 0.5 * dt * k2, *parameters)
    k4 = lorenz(state + dt * k3, *parameters)
    return state + dt / 6 * (k1 + 2 * k2 + 2 * k3 + k4)


def newton(f: Function, slope_of: Function, start: Any, tolerance: float = 1e-13) -> Any:
    """Return a zero of a function by Newton's iteration."""

    def is_far(state: Any) -> Any:
        x, count = state
        return (abs(f(x)) > tolerance) & (count < 50)

    def step(state: Any) -> Any:
        x, count = state
        return x - f(x) / slope_of(x), count + 1

    return tg.while_loop(is_far, step, (start, 0))[0]
