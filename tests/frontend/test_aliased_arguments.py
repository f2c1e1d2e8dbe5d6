"""Arguments of transformations that are known by other names too: written, read, returned, kept.

The oracle of values and of what memory holds is the function itself; that of derivatives are
central differences, of the function with its memory for all names.
"""

import contextlib
import io
from typing import Any

import numpy as np
import pytest

import tracegraph as tg
from tests.frontend.aliases import Function, X, agree, assert_same, slopes

BOTH = pytest.mark.parametrize("transform", [lambda f: f, tg.compile], ids=["eager", "compiled"])
pytestmark = pytest.mark.filterwarnings("ignore::tracegraph.FallbackWarning")


# -- written under one name, read under another ---------------------------------------------------


def through_argument(x: Any) -> Any:
    y = x * 1.0

    def f(z: Any) -> Any:
        z[0] = 2 * z[1]
        return (z * y).sum()

    return tg.value_and_grad(f)(y)


def through_closure(x: Any) -> Any:
    y = x * 1.0

    def f(z: Any) -> Any:
        y[0] = 2 * y[1]
        return (z * z).sum()

    return tg.value_and_grad(f)(y)


def given_twice(x: Any) -> Any:
    y = x * 1.0

    def f(a: Any, b: Any) -> Any:
        a[0] = 2 * b[1]
        return (a * b).sum()

    return tg.value_and_grad(f, (0, 1))(y, y)


def given_twice_for_one(x: Any) -> Any:
    y = x * 1.0

    def f(a: Any, b: Any) -> Any:
        a[0] = 2 * b[1]
        return (a * b).sum()

    return tg.jvp(lambda a: f(a, y), (y,), (x,))


def twice_in_a_tree(x: Any) -> Any:
    y = x * 1.0

    def f(t: Any) -> Any:
        t[0][0] = 2 * t[1][1]
        return (t[0] * t[1]).sum()

    return tg.value_and_grad(f)((y, y))


def a_view_of_another(x: Any) -> Any:
    y = x * 1.0

    def f(z: Any, w: Any) -> Any:
        z[0] = 2 * w[1]
        return (z * z).sum() * w[0]

    return tg.vjp(f, y[:2], y)[0]


def within_another(x: Any) -> Any:
    def outer(z: Any) -> Any:
        def inner(w: Any) -> Any:
            w[0] = 2 * w[1]
            return (w * z).sum()

        return tg.value_and_grad(inner)(z)[0]

    return tg.grad(outer)(x * 1.0)


def by_turns_in_a_loop(x: Any) -> Any:
    y = x * 1.0

    def f(z: Any) -> Any:
        s = 0.0
        for _ in range(50):
            s = s + y[1]
            z[1] = z[1] * 1.01
        return s + (z * z).sum()

    return tg.value_and_grad(f)(y)


def shown(x: Any) -> Any:
    y = x * 1.0

    def f(z: Any) -> Any:
        z[0] = 2 * z[1]
        print(y)
        return z.sum()

    return tg.grad(f)(y)


AMBIGUOUS = [
    through_argument,
    through_closure,
    given_twice,
    given_twice_for_one,
    twice_in_a_tree,
    a_view_of_another,
    within_another,
    by_turns_in_a_loop,
    shown,
]


@BOTH
@pytest.mark.parametrize("function", AMBIGUOUS, ids=lambda f: f.__name__)
def test_what_has_no_defined_derivative_is_refused(function: Function, transform: Function) -> None:
    run = transform(function)
    for _ in range(2):
        with (
            contextlib.redirect_stdout(io.StringIO()),
            pytest.raises(tg.DifferentiationError, match=r"an array .*is written"),
        ):
            run(X)


@BOTH
def test_a_view_that_is_met_late_is_refused(transform: Function) -> None:
    x = X.copy()
    view = x[::-1]

    def f(z: Any) -> Any:
        z[0] = 5.0
        return (z * view).sum()

    run = transform(tg.value_and_grad(f))
    for _ in range(2):
        with pytest.raises(tg.DifferentiationError, match="written under one name and read"):
            run(x)


@BOTH
def test_nothing_is_left_of_a_refusal(transform: Function) -> None:
    def function(x: Any) -> Any:
        y = x * 1.0

        def f(z: Any) -> Any:
            z[0] = 2 * z[1]
            return (z * y).sum()

        try:
            tg.grad(f)(y)
        except tg.DifferentiationError:
            return y * 1.0
        return None

    run = transform(function)
    for _ in range(2):
        np.testing.assert_array_equal(run(X), [2.4, 1.2, -0.7])


# -- what is defined ------------------------------------------------------------------------------


@BOTH
def test_another_name_that_is_only_read_is_a_constant(transform: Function) -> None:
    def function(x: Any) -> Any:
        return tg.grad(lambda z: (z * x).sum())(x)

    run = transform(function)
    for _ in range(3):
        np.testing.assert_array_equal(run(X), X)


@BOTH
def test_an_array_given_twice_counts_as_two(transform: Function) -> None:
    run = transform(tg.grad(lambda a, b: (a * a * b).sum(), (0, 1)))
    for _ in range(3):
        by_a, by_b = run(X, X)
        np.testing.assert_allclose(by_a, 2 * X * X)
        np.testing.assert_allclose(by_b, X * X)


@BOTH
def test_both_names_are_written_and_one_is_read(transform: Function) -> None:
    kept = X.copy()

    def f(z: Any) -> Any:
        z[0] = 2 * z[1]
        kept[1] = z[0] + 1
        return (z * z).sum()

    def plainly(x: Any) -> Any:
        z = x.copy()
        z[0] = 2 * z[1]
        z[1] = z[0] + 1
        return (z * z).sum()

    run = transform(tg.value_and_grad(f))
    for _ in range(3):
        kept[:] = X
        value, slope = run(kept)
        assert float(value) == plainly(X)
        np.testing.assert_allclose(slope, slopes(plainly, X), atol=1e-8)
        np.testing.assert_array_equal(kept, [2.4, 3.4, -0.7])


def test_views_that_lie_apart_are_written() -> None:
    def function(x: Any) -> Any:
        y = x * 1.0

        def f(p: Any, q: Any) -> Any:
            p[0] = 2 * p[1]
            q[1] = p[0] * q[0]
            return (p * q).sum()

        return tg.value_and_grad(f, (0, 1))(y[:2], y[2:]), tg.grad(f)(y[::2], y[1::2]), y

    x = np.array([0.5, 1.2, -0.7, 0.3])
    (_, (by_p, by_q)), _, _ = agree(function, x)

    def plainly(x: Any) -> Any:
        return 2 * x[1] * x[2] + x[1] * (2 * x[1] * x[2])

    np.testing.assert_allclose([*by_p, *by_q], slopes(plainly, x), atol=1e-8)


def test_views_that_lie_apart_in_arrays_of_several_lengths() -> None:
    def function(x: Any) -> Any:
        y, half = x * 1.0, len(x) // 2

        def f(p: Any, q: Any) -> Any:
            p[0] = 2 * p[1]
            q[1] = p[0] * q[0]
            return (p * q).sum()

        return tg.value_and_grad(f, (0, 1))(y[:half], y[half:]), y

    compiled = tg.compile(function, strict=True)
    for length in (4, 6, 4, 8, 10, 6):
        x = np.random.default_rng(length).normal(size=length)
        assert_same(compiled(x), function(x))


def test_a_constant_is_read_before_a_loop_writes() -> None:
    def function(x: Any) -> Any:
        y = x * 1.0

        def f(z: Any) -> Any:
            s = y.sum()
            for _ in range(50):
                z[1] = z[1] * 1.01
            return s + (z * z).sum()

        return tg.value_and_grad(f)(y), y

    (_, slope), _ = agree(function, X)
    np.testing.assert_allclose(slope, 2 * X * [1, 1.01**100, 1])


def test_a_written_argument_within_loops_and_transformations() -> None:
    def f(z: Any) -> Any:
        z[0] = 2 * z[1]
        return (z**3).sum()

    def in_a_loop(x: Any) -> Any:
        for _ in range(30):
            x -= 0.01 * tg.grad(f)(x)
        return x

    def twice(x: Any) -> Any:
        return tg.grad(lambda z: (tg.grad(f)(z) ** 2).sum())(x)

    def forward(x: Any) -> Any:
        return tg.jvp(tg.grad(f), (x,), (x * 0.5,))

    agree(in_a_loop, X)
    agree(forward, X)
    found = agree(twice, X)

    def once(x: Any) -> Any:
        return ((24 * x[1] ** 2 + 3 * x[1] ** 2) ** 2) + (3 * x[2] ** 2) ** 2

    np.testing.assert_allclose(found, slopes(once, X), rtol=1e-6, atol=1e-6)


def test_what_is_written_before_an_exception_stays() -> None:
    def function(x: Any) -> Any:
        y = x * 1.0

        def f(z: Any) -> Any:
            z[0] = 2 * z[1]
            if len(z) == 3:
                raise ValueError("three")
            return z.sum()

        with contextlib.suppress(ValueError):
            tg.grad(f)(y)
        return y * 2

    agree(function, X)


def test_an_assigned_shape_is_that_of_all_names() -> None:
    def function(x: Any) -> Any:
        y = x.reshape(3, 1)
        own = x * 1.0

        def f(z: Any, w: Any) -> Any:
            z.shape = (3,)
            w.shape = (1, 3)
            w[0, 1] = 7.0
            return (z * w[0]).sum() + y.sum()

        return tg.value_and_grad(f, (0, 1))(y, own), y.shape, own.shape, own

    agree(function, X)


def test_whether_two_arguments_are_one_is_answered_for_each_call() -> None:
    run = tg.compile(tg.grad(lambda a, b: (a * b).sum() if a is b else (a - b).sum()))
    for _ in range(2):
        np.testing.assert_array_equal(run(X, X), X)
        np.testing.assert_array_equal(run(X, X.copy()), np.ones(3))
