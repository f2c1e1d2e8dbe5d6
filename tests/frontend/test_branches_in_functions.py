"""Python's ``if`` and its kin on data, in functions that loops, branches and ``vmap`` are given."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tracegraph as tg
from tests.frontend.control_flow import (
    Function,
    assert_gradient,
    assert_recorded,
    assert_same,
    compiled,
    operations,
    why_eager,
)

X = np.array([0.5, 1.5, 0.7, -1.0])
BATCH = np.stack([X, X * 0.5 + 0.2, X[::-1], np.array([3.0, -2.0, 0.1, 0.9])])
W = np.array([2.0, -1.0, 0.5, 0.25])
pytestmark = pytest.mark.filterwarnings("ignore::tracegraph.FallbackWarning")


# -- functions of an array that give a number -----------------------------------------------------


def chosen(x: Any) -> Any:
    return tg.fori_loop(0, 4, lambda i, c: c + x[i] if x[i] > 0.6 else c * 2.0, 1.0)


def largest(x: Any) -> Any:
    """One of two arrays that are there already."""
    return tg.scan(lambda best, row: (row if row > best else best, None), x[0], x)[0]


def returned_early(x: Any) -> Any:
    def row(r: Any) -> Any:
        if r < 0:
            return 0.0
        if r > 1:
            return r * r
        return np.sin(r)

    return tg.map(row, x).sum()


def connected(x: Any) -> Any:
    """``and``, ``or`` and ``not``, in the condition too."""

    def body(state: Any) -> Any:
        k, y = state
        if y > 3 or (k == 2 and not x[0] > 9):
            return k + 1, y - x[0]
        return k + 1, y * 1.5

    return tg.while_loop(lambda s: s[0] < 5 and not s[1] > 20, body, (0, x[1]))[1]


def within_branches(x: Any) -> Any:
    def first(v: Any) -> Any:
        return v * 2 if v[0] > 0.2 else v

    functions = [first, lambda v: v + 1 if v[1] > 0 else v - v[0], lambda v: v * v]
    chosen = tg.cond(x.sum() > 0, functions[0], functions[1], x)
    return (chosen * tg.switch((x > 0.6).sum(), functions, x)).sum()


def written(x: Any) -> Any:
    """Writes in place, on one way only."""

    def body(i: Any, c: Any) -> Any:
        if c[i] > 0.3:
            c[i] = c[i - 1] * x[i] + c[i]
        elif x[0] > 0:
            c[0] += x[i]
        return c

    return (tg.fori_loop(0, 4, body, x * x) * W).sum()


def asserted(x: Any) -> Any:
    def body(i: Any, c: Any) -> Any:
        assert x[i] < 100, "large"
        return c + np.sqrt(x[i] + 3)

    return tg.fori_loop(0, 4, body, 0.0)


def helped(x: Any) -> Any:
    """A function of a function, with a choice in each."""

    def clipped(v: Any, low: float) -> Any:
        if v < low:
            return low
        return v

    def step(c: Any, r: Any) -> Any:
        new = clipped(c * r, -0.5) + (clipped(r, 0.15) if r < 0.6 else r * r)
        return new, clipped(new, 0.0)

    c, ys = tg.scan(step, 1.0, x)
    return c + (ys * W).sum()


def nested(x: Any) -> Any:
    """Loops within loops, those of the source too, with questions at each level."""

    def row(i: Any, c: Any) -> Any:
        if c > 2:
            c = c - x[i]
        inner = tg.fori_loop(0, i, lambda j, d: d + x[j] if x[j] > x[i] else d * 0.5, c)
        for k in range(12):
            inner = inner * 0.75 if inner > 4 else inner + x[i] * 0.1 * k
        return inner if inner > 0 else -inner

    return tg.fori_loop(0, 4, row, x[1])


def kept(x: Any) -> Any:
    """A captured array on one way, and zeros on the other."""
    ys = tg.map(lambda r: W if r > 0.6 else np.zeros(4), x)
    return (ys * x).sum()


def short(x: Any) -> Any:
    """A sum from 0.0 in a loop that is unrolled."""

    def row(r: Any) -> Any:
        total = 0.0
        for k in range(3):
            if r > x[k]:
                total += r * x[k]
        return total

    return tg.map(row, x).sum()


def checkpointed(x: Any) -> Any:
    def step(c: Any, r: Any) -> Any:
        return (np.sin(c) * r if r > 0.6 else c + r * r), None

    first = tg.scan(tg.checkpoint(step), 1.0, x)[0]
    return first + tg.scan(step, 1.0, x, checkpoint=2)[0]


PROGRAMS = [
    chosen, largest, returned_early, connected, within_branches, written, asserted, helped, nested,
    kept, short, checkpointed,
]  # fmt: skip
each_program = pytest.mark.parametrize("function", PROGRAMS, ids=lambda f: f.__name__)


@each_program
def test_it_is_recorded(function: Function) -> None:
    for x in BATCH:
        assert_same(compiled(function, x), function(x))
    again = tg.compile(function)
    for x in BATCH:
        again(x)
    assert len(again.traces) == 1


@each_program
def test_gradient_is_that_of_finite_differences(function: Function) -> None:
    for x in BATCH:
        assert_gradient(function, x, rtol=1e-5)


@each_program
def test_a_batch_is_a_loop_of_singles(function: Function) -> None:
    expected = np.array([function(x) for x in BATCH])
    np.testing.assert_allclose(tg.vmap(function)(BATCH), expected, rtol=1e-12)
    np.testing.assert_allclose(compiled(tg.vmap(function), BATCH), expected, rtol=1e-12)
    slopes = np.array([tg.grad(function)(x) for x in BATCH])
    np.testing.assert_allclose(tg.vmap(tg.grad(function))(BATCH), slopes, rtol=1e-9, atol=1e-12)


# -- what is refused ------------------------------------------------------------------------------


def test_results_that_differ_between_the_ways() -> None:
    """The reason says what to write; the answer is Python's."""
    programs: list[tuple[Function, str]] = [
        (lambda c: c if c[0] > 0 else c[:2], "other objects on some ways"),
        (lambda c: c if c[0] > 0 else c.astype(np.float32), "other objects on some ways"),
        (lambda c: c if c[0] > 0 else (c, c), "other containers on some ways"),
        (lambda c: c if c[0] > 0 else None, "other containers on some ways"),
    ]
    for branch, words in programs:

        def function(x: Any, branch: Function = branch) -> Any:
            return tg.cond(x[1] > 0, branch, lambda c: c, x)

        with pytest.raises(tg.AbstractValueError, match=words):
            tg.vmap(branch)(BATCH)
        with pytest.raises(tg.AbstractValueError, match=words):
            tg.vmap(function)(BATCH)
        assert words in why_eager(function, X)


def test_effects_on_one_way() -> None:
    seen: list[Any] = []

    def appends(x: Any) -> Any:
        if x[0] > 0.6:
            seen.append(1)
        return x * 2

    def made_inside(x: Any) -> Any:
        found: list[Any] = []

        def body(i: Any, c: Any) -> Any:
            if c > 1:
                found.append(i)
            return c * 1.5

        return tg.fori_loop(0, 4, body, x[0]), found

    with pytest.raises(tg.AbstractValueError):
        tg.vmap(appends)(BATCH)
    assert not seen
    assert "a list" in why_eager(made_inside, X)


def test_effects_before_a_question_happen_once_or_not_at_all(capsys: Any) -> None:
    def prints(x: Any) -> Any:
        print("once")
        return x if x[0] > 0.6 else x * 2

    with pytest.raises(tg.AbstractValueError, match="vmap"):
        tg.vmap(prints)(BATCH)
    assert capsys.readouterr().out.count("once") <= 1


def test_a_function_that_asks_nothing_is_called_once() -> None:
    calls = []

    def function(x: Any) -> Any:
        calls.append(0)
        return x * 2

    tg.vmap(function)(BATCH)
    assert len(calls) == 1


def test_memory_from_around_that_was_written_ahead_of_a_question() -> None:
    def function(x: Any) -> Any:
        y = x * 1

        def row(r: Any) -> Any:
            y[0] = 7.0
            return r if r > 0.6 else -r

        return tg.vmap(row)(x) + y[0]

    with pytest.raises(tg.AbstractValueError, match="writing into an array from outside"):
        tg.compile(function)(X)


def test_too_many_ways() -> None:
    """In a list, which no part of the function can bind anew."""

    def function(x: Any) -> Any:
        return sum([x[k % 4] if x[k % 4] > 0.1 * k else -x[0] for k in range(7)])

    with pytest.raises(tg.AbstractValueError, match="more than 64 ways"):
        tg.vmap(function)(BATCH)


def test_a_gradient_on_one_way_of_what_never_ends_on_the_other() -> None:
    def grown(c: Any) -> Any:
        return tg.while_loop(lambda d: d < 50.0, lambda d: d * c, c)

    def function(x: Any) -> Any:
        def row(r: Any) -> Any:
            return tg.grad(grown)(r) if r > 1.2 else r

        total = x[0] * 0
        for k in range(12):
            total = total + (tg.grad(grown)(x[k % 4]) if x[k % 4] > 1.2 else k)
        return tg.map(row, x).sum() + total

    for x in (X, BATCH[3]):
        assert_recorded(function, x)


def test_one_loop_whatever_the_ways() -> None:
    assert operations(largest, X).count("loop") == 1
    assert operations(connected, X).count("while_loop") == 1
