"""Loops that a test ends, run differently often for the examples of a batch, and derivatives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tracegraph as tg
from tests.frontend.control_flow import Function, assert_gradient, assert_same, compiled
from tracegraph import tree

pytestmark = pytest.mark.slow

A = np.array([[2.0, 0.3, 0.0], [0.3, 1.5, -0.2], [0.0, -0.2, 1.0]])


def stacked(function: Function, *batches: Any) -> Any:
    """Return what a Python loop over the examples gives."""
    found = [function(*example) for example in zip(*batches, strict=True)]
    return tree.tree_map(lambda *leaves: np.stack(leaves), *found)


def assert_batched(function: Function, *batches: Any, rtol: float = 1e-12) -> None:
    """Check a batch against single calls, eagerly and compiled."""
    expected = stacked(function, *batches)
    assert_same(tg.vmap(function)(*batches), expected, rtol)
    assert_same(compiled(tg.vmap(function), *batches), expected, rtol)


# -- programs of one example, with another number of iterations for each --------------------------


def root(a: Any) -> Any:
    """Newton's iteration, as the source says it."""
    x = a
    while abs(x * x - a) > 1e-12:
        x = x - (x * x - a) / (2 * x)
    return x


def halved(x: Any) -> Any:
    return tg.while_loop(lambda c: (c * c).sum() > 1.0, lambda c: c * 0.5 + 0.01 * np.sin(x), x)[0]


def taken(x: Any) -> Any:
    """Reads one place after another, up to the last where nothing stops it."""

    def step(state: Any) -> Any:
        k, total = state
        return k + 1, total * x[k] + x[-1 - k]

    def goes_on(state: Any) -> Any:
        return (state[0] < 3) & (state[1] < 4.0)

    return tg.while_loop(goes_on, step, (0, 1.0 + 0.0 * x[0]))[1]


def written(x: Any) -> Any:
    """Writes one place after another."""

    def step(state: Any) -> Any:
        k, y = state
        y[k] = y[k] * y[k - 1]
        return k + 1, y

    return tg.while_loop(lambda s: (s[0] < 3) & (s[1].sum() < 9.0), step, (0, x * 1.0))[1].sum()


def counted(x: Any) -> Any:
    """A number of iterations that is computed."""
    return tg.fori_loop(0, (abs(x[0]) * 3).astype(int), lambda i, c: c * x[1] + np.sin(c + i), x[2])


def solved(b: Any) -> Any:
    """Conjugate gradients: at the solution a step would divide zero by zero."""

    def step(state: Any) -> Any:
        x, r, p = state
        moved = A @ p
        alpha = (r @ r) / (p @ moved)
        left = r - A @ (alpha * p)
        return x + alpha * p, left, left + (left @ left) / (r @ r) * p

    def is_far(state: Any) -> Any:
        return state[1] @ state[1] > 1e-20

    return (tg.while_loop(is_far, step, (b * 0.0, b, b))[0] * np.arange(1.0, 4.0)).sum()


def within(x: Any) -> Any:
    """The inner loop never ends for an example that the outer one is done with."""

    def grown(c: Any) -> Any:
        return tg.while_loop(lambda d: d < 50.0, lambda d: d * c, c)

    def step(state: Any) -> Any:
        c, total = state
        return c - 1.0, total + grown(c)

    start = x[0] * 0.5 + 2.7
    return tg.while_loop(lambda s: s[0] > 1.0, step, (start, 0.0 * x[1]))[1] * x[1]


def in_turn(x: Any) -> Any:
    """A loop of fixed length around another that differs."""

    def row(i: Any, c: Any) -> Any:
        return tg.while_loop(lambda d: d < 4.0, lambda d: d * 1.5 + x[i] ** 2, c) * 0.3

    return tg.fori_loop(0, 3, row, x[0])


def either(x: Any) -> Any:
    """A branch in which a loop would not end for the examples that take the other one."""

    def grown(c: Any) -> Any:
        return tg.while_loop(lambda d: d < 50.0, lambda d: d * c, c)

    return tg.cond(x[0] > 1.0, grown, lambda c: c * c, x[0]) * x[1]


PROGRAMS = [halved, taken, written, counted, solved, within, in_turn, either]
each_program = pytest.mark.parametrize("function", PROGRAMS, ids=lambda f: f.__name__)
BATCH = np.array([[1.4, 0.9, 1.2], [4.1, 1.2, -0.7], [0.4, 0.3, 0.2], [-2.3, 1.1, 5.0]])


@each_program
def test_a_batch_is_a_loop_of_singles(function: Function) -> None:
    assert_batched(function, BATCH)


@each_program
def test_gradients_are_those_of_single_examples(function: Function) -> None:
    for x in BATCH:
        assert_gradient(function, x, rtol=1e-5)
    assert_batched(tg.grad(function), BATCH)
    assert_batched(tg.value_and_grad(function), BATCH)


@each_program
def test_forward_mode(function: Function) -> None:
    assert_batched(lambda x, t: tg.jvp(function, (x,), (t,)), BATCH, np.cos(BATCH))


@each_program
def test_second_derivatives(function: Function) -> None:
    assert_batched(tg.hessian(function), BATCH, rtol=1e-9)
    assert_batched(lambda x, t: tg.jvp(tg.grad(function), (x,), (t,)), BATCH, np.cos(BATCH))


@each_program
def test_batches_of_batches(function: Function) -> None:
    many = np.stack([BATCH, BATCH[::-1] * 0.9])
    expected = np.stack([stacked(tg.grad(function), batch) for batch in many])
    np.testing.assert_allclose(tg.vmap(tg.vmap(tg.grad(function)))(many), expected, rtol=1e-12)

    def summed(batch: Any) -> Any:
        return tg.vmap(function)(batch).sum()

    np.testing.assert_allclose(tg.vmap(tg.grad(summed))(many), expected, rtol=1e-9)


@each_program
def test_gradient_of_a_sum_of_squared_gradients(function: Function) -> None:
    """Reverse mode over a batch over reverse mode: ``2 H g`` for each example."""

    def penalty(batch: Any) -> Any:
        return (tg.vmap(tg.grad(function))(batch) ** 2).sum()

    expected = [2 * tg.hessian(function)(x) @ tg.grad(function)(x) for x in BATCH]
    np.testing.assert_allclose(tg.grad(penalty)(BATCH), expected, rtol=1e-8, atol=1e-10)


def test_newtons_iteration() -> None:
    a = np.array([2.0, 1.21, 3.0, 100.0, 1e4])
    np.testing.assert_allclose(tg.vmap(tg.grad(root))(a), 0.5 / np.sqrt(a), rtol=1e-6)
    for transform in (
        tg.grad(root),
        tg.value_and_grad(root),
        tg.grad(tg.grad(root)),
        tg.grad(tg.grad(tg.grad(root))),
    ):
        assert_batched(transform, np.append(a, 1.0))


def test_examples_that_do_not_iterate_at_all() -> None:
    for batch in (np.full((3, 3), 0.01), np.array([[0.1, 0.1, 0.1], [9.0, 1.0, 0.5]])):
        assert_batched(tg.grad(halved), batch)
    zeros = np.array([[0.0, 0.0, 0.0], [1.0, 2.0, 3.0]])
    assert_batched(solved, zeros)
    assert_batched(tg.grad(solved), zeros)


def test_shared_parameters() -> None:
    """A matrix that all examples share, and one gradient of it for each."""

    def settled(w: Any, x: Any) -> Any:
        def step(state: Any) -> Any:
            h, _ = state
            return np.tanh(w @ h + x), h

        h, _ = tg.while_loop(lambda s: ((s[0] - s[1]) ** 2).sum() > 1e-6, step, (x, x * 0.0))
        return (h * h).sum()

    w = np.array([[0.5, -0.2, 0.1], [0.3, 0.4, -0.6], [-0.1, 0.2, 0.7]])
    slopes = tg.vmap(tg.grad(settled), in_axes=(None, 0))(w, BATCH)
    np.testing.assert_allclose(slopes, [tg.grad(settled)(w, x) for x in BATCH], rtol=1e-12)

    def loss(w: Any) -> Any:
        return tg.vmap(settled, in_axes=(None, 0))(w, BATCH).mean()

    np.testing.assert_allclose(tg.grad(loss)(w), slopes.mean(axis=0), rtol=1e-9)
    assert_gradient(loss, w, rtol=1e-5)


def test_an_empty_batch() -> None:
    assert tg.vmap(tg.grad(halved))(np.ones((0, 3))).shape == (0, 3)


def test_a_number_of_iterations_that_no_example_changes() -> None:
    def power(x: Any, n: Any) -> Any:
        return tg.while_loop(lambda c: c[0] < n, lambda c: (c[0] + 1, c[1] * x[0]), (0, 1.0))[1]

    slopes = tg.vmap(tg.grad(power), in_axes=(0, None))
    for n in (0, 3):
        expected = [tg.grad(power)(x, n) for x in BATCH]
        np.testing.assert_allclose(slopes(BATCH, n), expected, rtol=1e-12)
        np.testing.assert_allclose(compiled(slopes, BATCH, n), expected, rtol=1e-12)


def test_a_batch_inside_a_loop() -> None:
    def descended(x: Any) -> Any:
        def step(i: Any, x: Any) -> Any:
            return x - 0.01 * tg.vmap(tg.grad(halved))(x)

        return tg.fori_loop(0, 3, step, x)

    x = BATCH
    for _ in range(3):
        x = x - 0.01 * stacked(tg.grad(halved), x)
    np.testing.assert_allclose(descended(BATCH), x, rtol=1e-12)
    np.testing.assert_allclose(compiled(descended, BATCH), x, rtol=1e-12)
