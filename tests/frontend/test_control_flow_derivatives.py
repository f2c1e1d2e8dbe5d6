"""Derivatives and batches of loops and branches, against closed forms and single calls."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tracegraph as tg
from tests.frontend.control_flow import (
    Function,
    assert_gradient,
    assert_same,
    compiled,
    newton,
    rk4,
    slope,
)
from tracegraph import tree

X = np.array([0.5, 1.5, 0.7, -1.0])
ROWS = np.linspace(-1.0, 1.0, 12).reshape(4, 3)
W = np.array([[0.5, -0.2, 0.1], [0.3, 0.4, -0.6], [-0.1, 0.2, 0.7]])
pytestmark = [pytest.mark.filterwarnings("ignore::tracegraph.FallbackWarning"), pytest.mark.slow]


# -- programs of an array, that return one number -------------------------------------------------


def product(x: Any) -> Any:
    return tg.fori_loop(0, 4, lambda i, c: c * x[i], 1.0)


def recurrent(x: Any) -> Any:
    """A network that reads rows, with a captured matrix."""
    carry, ys = tg.scan(lambda h, r: ((new := np.tanh(W @ h + r * x[:3]), new.sum())), x[:3], ROWS)
    return (carry * carry).sum() + (ys * X).sum()


def backward(x: Any) -> Any:
    carry, ys = tg.scan(
        lambda c, r: (c * np.sin(r), {"y": c + r}), np.float64(2.0), x, reverse=True
    )
    return carry + (ys["y"] ** 2).sum()


def written(x: Any) -> Any:
    def body(i: Any, c: Any) -> Any:
        c[i] = np.sin(c[i - 1]) * x[i] + c[i]
        return c

    return (tg.fori_loop(1, 4, body, x * x) ** 2).sum()


def triangle(x: Any) -> Any:
    def row(i: Any, c: Any) -> Any:
        return tg.fori_loop(0, i, lambda j, d: d * x[j] + np.sin(x[i]), c) + x[:i].sum()

    return tg.fori_loop(0, 4, row, 1.0)


def branches(x: Any) -> Any:
    def body(i: Any, c: Any) -> Any:
        return tg.cond(x[i] > 0.6, lambda c: c * x[i], lambda c: np.sin(c) + x[0], c)

    return tg.fori_loop(0, 4, lambda i, c: body(i, c) * 1.5, np.float64(1.0))


def chosen(x: Any) -> Any:
    functions: list[Function] = [np.sin, lambda v: v * v, lambda v: v * x[1], np.tanh]
    return tg.fori_loop(0, 4, lambda i, c: c + tg.switch(i, functions, x[i]), np.float64(0.0))


def until(x: Any) -> Any:
    def body(c: Any) -> Any:
        return {"n": c["n"] + 1, "y": c["y"] * (1.0 + x[1]) + np.sin(x)}

    return tg.while_loop(lambda c: c["y"].sum() < 50.0, body, {"n": 0, "y": x * x})["y"].sum()


def mapped(x: Any) -> Any:
    return tg.map(lambda r: np.exp(r) * x.sum(), x).sum()


PROGRAMS = [product, recurrent, backward, written, triangle, branches, chosen, until, mapped]
each_program = pytest.mark.parametrize("function", PROGRAMS, ids=lambda f: f.__name__)


@each_program
def test_gradient_is_that_of_finite_differences(function: Function) -> None:
    assert_gradient(function, X)


@each_program
def test_second_derivatives(function: Function) -> None:
    hessian = tg.hessian(function)(X)
    np.testing.assert_allclose(hessian, hessian.T, rtol=1e-9, atol=1e-9)
    direction = np.array([0.3, -0.5, 0.2, 1.0])
    for k in range(4):
        expected = slope(lambda x, k=k: tg.grad(function)(x)[k], X, direction, 1e-5)
        np.testing.assert_allclose(hessian[k] @ direction, expected, rtol=1e-5, atol=1e-6)

    def along(x: Any) -> Any:
        return tg.jvp(tg.grad(function), (x,), (direction,))[1]

    np.testing.assert_allclose(along(X), hessian @ direction, rtol=1e-9, atol=1e-9)


BATCH = np.stack([X, X * 0.5 + 0.2, X[::-1]])


@each_program
def test_a_batch_is_a_loop_of_singles(function: Function) -> None:
    expected = np.array([function(x) for x in BATCH])
    np.testing.assert_allclose(tg.vmap(function)(BATCH), expected, rtol=1e-12)
    np.testing.assert_allclose(compiled(tg.vmap(function), BATCH), expected, rtol=1e-12)


@each_program
def test_gradients_of_a_batch(function: Function) -> None:
    expected = np.array([tg.grad(function)(x) for x in BATCH])
    np.testing.assert_allclose(tg.vmap(tg.grad(function))(BATCH), expected, rtol=1e-9, atol=1e-12)

    def summed(batch: Any) -> Any:
        return tg.vmap(function)(batch).sum()

    np.testing.assert_allclose(tg.grad(summed)(BATCH), expected, rtol=1e-9, atol=1e-12)


def test_loops_that_end_at_different_times_in_a_batch() -> None:
    def halvings(x: Any) -> Any:
        return tg.while_loop(lambda c: c[1] > 1.0, lambda c: (c[0] + 1, c[1] / 2), (0, x))

    xs = np.array([1.0, 9.0, 100.0, 0.1])
    counts, rest = tg.vmap(halvings)(xs)
    expected = [halvings(x) for x in xs]
    np.testing.assert_array_equal(counts, [n for n, _ in expected])
    np.testing.assert_array_equal(rest, [r for _, r in expected])


def test_bounds_that_differ_in_a_batch() -> None:
    def power(n: Any, x: Any) -> Any:
        return tg.fori_loop(0, n, lambda i, c: c * x[i % 4], 1.0)

    counts = np.array([0, 3, 7])
    got = tg.vmap(power, in_axes=(0, None))(counts, X)
    np.testing.assert_allclose(got, [power(n, X) for n in counts])
    slopes = tg.vmap(tg.grad(power, argnums=1), in_axes=(0, None))(counts, X)
    np.testing.assert_array_equal(slopes, [tg.grad(power, argnums=1)(n, X) for n in counts])


def test_a_batched_choice() -> None:
    def pick(k: Any, x: Any) -> Any:
        return tg.switch(k, [np.sin, np.cos, lambda x: x * x], x)

    ks, xs = np.array([2, 0, 5, -1]), np.arange(12.0).reshape(4, 3)
    expected = np.stack([pick(k, x) for k, x in zip(ks, xs, strict=True)])
    np.testing.assert_allclose(tg.vmap(pick)(ks, xs), expected)
    grads = tg.vmap(tg.grad(lambda x, k: pick(k, x).sum()))(xs, ks)
    slopes = [[np.cos, lambda x: -np.sin(x), lambda x: 2 * x][min(max(k, 0), 2)] for k in ks]
    np.testing.assert_allclose(grads, [s(x) for s, x in zip(slopes, xs, strict=True)])


def test_places_that_are_computed_for_each_example() -> None:
    take = tg.compile(tg.vmap(lambda k, x: x[k], in_axes=(0, None)))
    for places in ([0, -1], [1, -2], [3, 2]):
        np.testing.assert_array_equal(take(np.array(places), X), X[places])
    with pytest.raises(tg.AbstractValueError, match="an index inside its axis"):
        take(np.array([0, 7]), X)


def test_loops_inside_loops_inside_batches() -> None:
    def function(x: Any) -> Any:
        inner = tg.vmap(lambda r: tg.fori_loop(0, 3, lambda i, c: np.sin(c + x[i] * r), r))
        return tg.fori_loop(0, 2, lambda k, c: c + inner(x * c).sum(), 0.1)

    assert_gradient(function, X)
    np.testing.assert_allclose(tg.vmap(function)(BATCH), [function(x) for x in BATCH])


def test_a_gradient_inside_a_loop() -> None:
    def loss(w: Any, x: Any) -> Any:
        return tg.fori_loop(0, 3, lambda i, c: c + (np.tanh(w * x[i]) - 0.5) ** 2, 0.0)

    def descended(x: Any) -> Any:
        return tg.fori_loop(0, 5, lambda k, w: w - 0.1 * tg.grad(loss)(w, x), np.float64(0.3))

    w = np.float64(0.3)
    for _ in range(5):
        t = np.tanh(w * X[:3])
        w = w - 0.1 * (2 * (t - 0.5) * (1 - t * t) * X[:3]).sum()
    np.testing.assert_allclose(descended(X), w)
    np.testing.assert_allclose(compiled(descended, X), w)
    assert_gradient(descended, X, rtol=1e-5)


# -- whole programs -------------------------------------------------------------------------------


def test_newtons_iteration() -> None:
    """The gradient of x with x ** 3 + x == a is 1 / (3 x ** 2 + 1)."""

    def root(a: Any) -> Any:
        return newton(lambda x: x**3 + x - a, lambda x: 3 * x**2 + 1, a)

    for a in (2.0, 10.0, -3.0):
        x = root(a)
        assert abs(x**3 + x - a) < 1e-12
        implicit = 1 / (3 * x**2 + 1)
        np.testing.assert_allclose(tg.grad(root)(a), implicit, rtol=1e-6)
        np.testing.assert_allclose(tg.grad(root)(a), slope(root, a, 1.0), rtol=1e-6)
        np.testing.assert_allclose(compiled(tg.grad(root), a), implicit, rtol=1e-6)
        assert_same(compiled(root, a), x)


def test_five_hundred_steps_of_lorenz() -> None:
    def end(parameters: Any) -> Any:
        def step(i: Any, state: Any) -> Any:
            return rk4(state, 0.002, parameters[0], parameters[1], parameters[2])

        return tg.fori_loop(0, 500, step, np.array([1.0, 1.0, 1.0])) @ np.array([1.0, -0.5, 0.25])

    parameters = np.array([10.0, 28.0, 8.0 / 3.0])
    state = np.array([1.0, 1.0, 1.0])
    for _ in range(500):
        state = rk4(state, 0.002, *parameters)
    np.testing.assert_allclose(end(parameters), state @ np.array([1.0, -0.5, 0.25]), rtol=1e-10)
    assert_gradient(end, parameters, rtol=1e-5)
    graph = tg.compile(end).graph(parameters).graph
    assert len(graph) < 40


def test_gradients_flow_to_captured_arrays_and_containers() -> None:
    params = {"w": W, "b": np.array([0.1, -0.2, 0.3]), "scale": 2.0}

    def loss(p: Any, xs: Any) -> Any:
        def layer(state: Any, x: Any) -> Any:
            new = {"h": np.tanh(p["w"] @ state["h"] + p["b"]), "s": state["s"] + x.sum()}
            return new, new["h"] * p["scale"]

        state, ys = tg.scan(layer, {"h": p["b"], "s": 0.0}, xs)
        return (ys * xs).sum() + state["s"]

    def unrolled(p: Any, xs: Any) -> Any:
        h, total = p["b"], 0.0
        for x in xs:
            h = np.tanh(p["w"] @ h + p["b"])
            total = total + (h * p["scale"] * x).sum() + x.sum()
        return total

    got, expected = (tg.grad(f, argnums=(0, 1))(params, ROWS) for f in (loss, unrolled))
    assert_same(got, expected, rtol=1e-9)
    pairs = zip(*(tree.flatten(one)[0] for one in (compiled(tg.grad(loss), params, ROWS), got[0])),
                strict=True)  # fmt: skip
    for one, other in pairs:
        np.testing.assert_allclose(one, other, rtol=1e-9)


def test_vjp_and_jvp_of_a_scan() -> None:
    def running(x: Any) -> Any:
        return tg.scan(lambda c, r: (c + r * r, c), np.float64(0.0), x)

    (total, _), pullback = tg.vjp(running, X)
    np.testing.assert_allclose(total, (X * X).sum())
    (slopes,) = pullback((np.float64(1.0), np.ones(4)))
    np.testing.assert_allclose(slopes, 2 * X * (1 + np.arange(3, -1, -1)))
    _, (tangent, moved) = tg.jvp(running, (X,), (np.ones(4),))
    np.testing.assert_allclose(tangent, 2 * X.sum())
    np.testing.assert_allclose(moved, np.concatenate([[0], np.cumsum(2 * X)[:-1]]))


def test_nothing_leaks_from_a_branch_that_is_not_taken() -> None:
    def safe_root(x: Any) -> Any:
        return tg.cond(x > 0, np.sqrt, lambda x: 0.0 * x, x)

    assert tg.grad(safe_root)(-1.0) == 0.0
    with np.errstate(all="ignore"):
        grads = tg.vmap(tg.grad(safe_root))(np.array([0.0, 4.0]))
    np.testing.assert_array_equal(grads, [0.0, 0.25])


def test_what_a_branch_captures_is_not_computed_outside() -> None:
    def solved(a: Any, x: Any) -> Any:
        return tg.cond(abs(a).sum() > 0, lambda: np.linalg.inv(a) @ x, lambda: x)

    singular = np.zeros((2, 2))
    got = compiled(solved, singular, np.ones(2))
    np.testing.assert_array_equal(got, np.ones(2))
