"""Loops and branches as functions: eager, recorded, compiled, and what they refuse."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest

import tracegraph as tg
from tests.frontend.control_flow import (
    Function,
    assert_recorded,
    assert_same,
    compiled,
    operations,
)

X = np.array([0.5, 1.5, 2.5, -1.0])
ROWS = np.arange(12.0).reshape(4, 3) / 7
SCALE = np.array([1.0, -2.0, 0.5])
pytestmark = pytest.mark.filterwarnings("ignore::tracegraph.FallbackWarning")

# -- plain meaning --------------------------------------------------------------------------------


def test_fori_loop_is_a_for_loop() -> None:
    expected: Any = np.ones(4)
    for i in range(2, 7):
        expected = expected * X + i
    assert_same(tg.fori_loop(2, 7, lambda i, c: c * X + i, np.ones(4)), expected)


def test_while_loop_is_a_while_loop() -> None:
    val = (0, 1.0)
    while val[1] < 100:
        val = (val[0] + 1, val[1] * 3)
    assert_same(tg.while_loop(lambda v: v[1] < 100, lambda v: (v[0] + 1, v[1] * 3), (0, 1.0)), val)


def test_scan_goes_forward_and_backward() -> None:
    for reverse in (False, True):
        carry, ys = np.zeros(3), np.zeros((4, 3))
        for k in reversed(range(4)) if reverse else range(4):
            carry = carry * 0.5 + ROWS[k]
            ys[k] = carry * 2
        got = tg.scan(
            lambda c, x: ((new := c * 0.5 + x), new * 2), np.zeros(3), ROWS, reverse=reverse
        )
        assert_same(got, (carry, ys))


def test_scan_of_containers_and_without_arrays() -> None:
    xs = {"a": ROWS, "b": (X, np.arange(4))}
    total, ys = tg.scan(lambda c, x: (c + x["b"][1], [x["a"] * x["b"][0]]), 0, xs)
    assert_same((total, ys), (6, [ROWS * X[:, None]]))
    assert_same(tg.scan(lambda c, x: (c * 2.0, c), 1.0, length=3), (8.0, np.array([1.0, 2.0, 4.0])))


def turned(state: Any) -> Any:
    return {"b": state["b"] + state["a"], "a": state["a"] * 0.5}


KEYED: dict[str, Function] = {
    "while_loop": lambda x: tg.while_loop(
        lambda s: s["a"].sum() > 0.1, turned, {"a": x, "b": x * 3}
    ),
    "fori_loop": lambda x: tg.fori_loop(0, 3, lambda k, s: turned(s), {"a": x, "b": x * 3}),
    "scan": lambda x: tg.scan(lambda s, v: (turned(s), v * s["a"]), {"a": x, "b": x * 3}, x)[0],
}


@pytest.mark.parametrize("what", KEYED)
def test_keys_of_what_is_carried_may_be_in_any_order(what: str) -> None:
    x = np.array([0.5, 1.0, 0.75])
    expected = KEYED[what](x)
    assert [*expected] == ["a", "b"]
    np.testing.assert_allclose(expected["b"] + 2 * expected["a"], x * 5)
    call = tg.compile(KEYED[what], strict=True)
    for _ in range(2):
        found = call(x)
        assert [*found] == ["a", "b"]
        np.testing.assert_allclose([*found.values()], [*expected.values()])
    slopes = tg.grad(lambda x: (KEYED[what](x)["b"] + 2 * KEYED[what](x)["a"]).sum())(x)
    np.testing.assert_allclose(slopes, [5, 5, 5])


@pytest.mark.parametrize("slope", [1, -3])
def test_an_array_is_rolled_by_more_than_its_length(slope: int) -> None:
    def rolled(x: Any) -> Any:
        return tg.fori_loop(0, 11, lambda k, s: s + np.roll(x, slope * k + 2) * (k + 1), x * 0)

    def rows_and_columns(x: Any) -> Any:
        def body(k: Any, s: Any) -> Any:
            return s + np.roll(x.reshape(2, 2), (k, slope * k), (0, 1)).ravel() * (k + 1)

        return tg.fori_loop(0, 11, body, x * 0)

    weights = np.arange(1.0, 5.0)
    for function in (rolled, rows_and_columns):
        unit = np.stack([function(one) for one in np.eye(4)])
        np.testing.assert_array_equal(tg.compile(function, strict=True)(X), X @ unit)
        batch = np.stack([X, 2 * X])
        np.testing.assert_array_equal(tg.vmap(function)(batch), batch @ unit)
        gradient = tg.grad(lambda x: (function(x) * weights).sum())  # noqa: B023
        np.testing.assert_array_equal(gradient(X), unit @ weights)


def test_map_stacks() -> None:
    assert_same(tg.map(lambda r: {"s": r.sum(), "r": r[::-1]}, ROWS),
                {"s": ROWS.sum(1), "r": ROWS[:, ::-1].copy()})  # fmt: skip


def unused(*_: Any) -> Any:
    raise AssertionError("the other branch is taken")


def test_cond_calls_one_function() -> None:
    assert_same(tg.cond(True, lambda a, b: (a, b), unused, X, 2), (X, np.int64(2)))
    assert_same(tg.cond(np.bool_(False), unused, lambda: 1.0), np.float64(1.0))


def test_switch_clamps() -> None:
    branches = [lambda x, k=k: x + k for k in range(4)]
    for index, k in ((-5, 0), (0, 0), (2, 2), (np.uint8(3), 3), (99, 3)):
        assert_same(tg.switch(index, branches, X), X + k)


def test_no_steps() -> None:
    carry, ys = tg.scan(lambda c, x: (c + x.sum(), x.astype(int)), 1.5, np.zeros((0, 3)))
    assert_same((carry, ys), (1.5, np.zeros((0, 3), int)))
    assert_same(tg.fori_loop(3, 3, lambda i, c: c * 2, X), X)
    assert_same(tg.fori_loop(3, -3, lambda i, c: c * 2, X), X)


@pytest.mark.parametrize("run", [lambda f: f, tg.compile], ids=["eager", "compiled"])
def test_what_is_passed_is_never_written_nor_returned(run: Function) -> None:
    def fill(i: Any, c: Any) -> Any:
        c[i] = i
        return c

    start = np.full(4, -1.0)
    result = run(lambda x: tg.fori_loop(0, 4, fill, x))(start)
    assert_same((start, result), (np.full(4, -1.0), np.arange(4.0)))
    for same in (
        run(lambda x: tg.fori_loop(0, 0, fill, x))(start),
        run(lambda x: tg.cond(True, lambda x: x, lambda x: x, x))(start),
        run(lambda x: tg.while_loop(lambda x: False, fill, x))(start),
    ):
        assert not np.may_share_memory(same, start)


def test_tensors_stay_tensors() -> None:
    x = tg.constant([1.0, 2.0])
    result = tg.fori_loop(0, 3, lambda i, c: c * x, x)
    assert isinstance(result, tg.Tensor)
    np.testing.assert_array_equal(result.numpy(), [1.0, 16.0])
    carry, ys = tg.scan(lambda c, x: (c + x, c * x), tg.constant(0.0), x)
    assert isinstance(carry, tg.Tensor)
    assert isinstance(ys, tg.Tensor)
    assert isinstance(tg.cond(True, lambda x: x, lambda x: -x, x), tg.Tensor)


def test_a_tape_follows() -> None:
    w = tg.Variable(3.0)
    with tg.GradientTape() as tape:
        loss = tg.fori_loop(0, 3, lambda i, c: c * w, tg.constant(1.0))
    np.testing.assert_allclose(tape.gradient(loss, w).numpy(), 27.0)


# -- recorded ------------------------------------------------------------------------------------


def two_outputs(x: Any) -> Any:
    def body(i: Any, c: Any) -> Any:
        return {"a": c["a"] * x[i] + i, "b": (c["b"][0] + 1, c["b"][1] & (c["a"].sum() > 0))}

    return tg.fori_loop(0, 4, body, {"a": np.ones(3), "b": (np.int32(2), np.bool_(True))})


def written(x: Any) -> Any:
    def body(i: Any, c: Any) -> Any:
        c[i] += c[i - 1] * x[i]
        return c

    return tg.fori_loop(1, 4, body, x)


def growing(x: Any) -> Any:
    return tg.fori_loop(0, 4, lambda i, c: c + x[:i].sum() * i + x[i:].max(), 0.0)


def triangle(x: Any) -> Any:
    def row(i: Any, c: Any) -> Any:
        return tg.fori_loop(0, i, lambda j, d: d + x[i] * x[j], c)

    return tg.fori_loop(0, 4, row, 0.0)


def computed_places(x: Any) -> Any:
    def body(c: Any) -> Any:
        n, k, total = c
        return n + 1, (k * 5 + 1) % 7, total + x[k % 4] - x[-1 - k % 2]

    return tg.while_loop(lambda c: (c[2] < 6.0) & (c[0] < 9), body, (0, 3, -1.0))


def counted_by_data(x: Any) -> Any:
    return tg.fori_loop((x < 0).sum(), (x > 0).sum(), lambda i, c: c + x[i] * i, 0.0)


def backward(x: Any) -> Any:
    return tg.scan(lambda c, r: (np.tanh(c + r), (c, c.sum())), np.zeros(3), x, reverse=True)


def branches_of_captured(x: Any) -> Any:
    y = x * 2
    return tg.cond(x.sum() > 3, lambda: np.sin(y), lambda: y - x)


def chosen(x: Any) -> Any:
    return [
        tg.switch(k, [np.sin, np.cos, lambda v: v * x[0]], x) for k in (x[0] > 0) + np.arange(3)
    ]


def python_numbers(x: Any) -> Any:
    def body(i: Any, c: Any) -> Any:
        flag, whole, real = c
        return (whole % 2 == 0) ^ flag, (whole * 3 - 1) // 2, (real + whole) / (i + 1) + float(x[i])

    return tg.fori_loop(0, 4, body, (True, 7, 0.5))


def float32(x: Any) -> Any:
    return tg.scan(lambda c, r: (c * 0.5 + r, c), np.float32(0), x.astype(np.float32))


def rows_mapped(x: Any) -> Any:
    return tg.map(lambda r: (r @ r, r[0] > r[1]), x)


def where_by_index(x: Any) -> Any:
    def body(i: Any, c: Any) -> Any:
        return tg.cond(i == 2, lambda c: c * 10, lambda c: c + x[i], c) + np.where(i > 1, 1.0, 0.5)

    return tg.fori_loop(0, 4, body, np.zeros(()))


RECORDED = [
    (two_outputs, X), (written, X), (growing, X), (triangle, X), (computed_places, X),
    (counted_by_data, X), (backward, ROWS), (branches_of_captured, X), (python_numbers, X),
    (float32, X), (rows_mapped, ROWS), (where_by_index, X),
]  # fmt: skip


@pytest.mark.parametrize(("function", "x"), RECORDED, ids=[f.__name__ for f, _ in RECORDED])
def test_recorded_is_eager(function: Function, x: Any) -> None:
    assert_recorded(function, x)
    names = set(operations(function, x))
    assert names & {"loop", "while_loop", "cond"}


def test_switch_is_one_search() -> None:
    for got, wanted in zip(compiled(chosen, X), chosen(X), strict=True):
        assert_same(got, wanted)

    def by(index: Any, x: Any) -> Any:
        return tg.switch(index, [np.sin, np.cos, np.tan, np.exp], x)

    for index in (-2, 0, 1, 2, 3, 4):
        assert_recorded(by, np.int64(index), X)
    assert operations(by, np.int64(1), X).count("cond") == 1


def test_lengths_may_vary() -> None:
    def partial_sums(x: Any) -> Any:
        carry, ys = tg.scan(lambda c, r: (c + r, c * r), 0.0, x)
        return tg.fori_loop(0, len(x), lambda i, c: c + ys[i] * carry, 1.0)

    function = tg.compile(partial_sums)
    for n in (4, 7, 9, 3, 0, 1):
        x = np.linspace(0.5, 1.0, n)
        assert_same(function(x), partial_sums(x))


def test_a_compiled_loop_looks_at_new_values() -> None:
    function = tg.compile(computed_places)
    for x in (X, X[::-1].copy(), X + 5):
        assert_same(function(x), computed_places(x))


class Model:
    def __init__(self) -> None:
        self.w = SCALE.copy()

    def step(self, carry: Any, x: Any) -> Any:
        return carry * self.w + x, carry

    @tg.compile
    def run(self, xs: Any) -> Any:
        return tg.scan(self.step, np.zeros(3), xs)


def test_methods_partials_and_globals() -> None:
    model = Model()
    for _ in range(3):
        assert_same(model.run(ROWS), tg.scan(model.step, np.zeros(3), ROWS))
        model.w = model.w + 1

    def body(scale: Any, i: Any, c: Any, *, shift: Any) -> Any:
        return c * scale + shift + SCALE[i]

    def function(x: Any) -> Any:
        return tg.fori_loop(0, 3, functools.partial(body, x, shift=2.0), x)

    assert_same(compiled(function, X), function(X))


def test_loops_inside_unrolled_loops() -> None:
    def function(x: Any) -> Any:
        for k in range(3):
            x = tg.fori_loop(0, 4, lambda i, c, k=k, x=x: np.sin(c) * x[i] + k, x)
        return x

    assert_recorded(function, X)
