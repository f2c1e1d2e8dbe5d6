"""The loop language: what programs mean, what is refused, and how they are printed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tracegraph.ir.errors import GraphError
from tracegraph.ir.loop_interpret import interpret_loops
from tracegraph.ir.loop_text import loop_text, scalar_text
from tracegraph.ir.loop_verify import verify_loops
from tracegraph.ir.loops import (
    Buffer,
    Carry,
    Fold,
    For,
    Program,
    Statement,
    Store,
    carry_leaves,
    fold_leaf,
    parameters,
)
from tracegraph.ir.scalar import Scalar, ScalarBuilder
from tracegraph.ir.sizes import Symbol, symbol
from tracegraph.ir.types import FLOAT64, INT64

ROW, COLUMN, LENGTH = Symbol("i"), Symbol("j"), Symbol("n")
i, j, n = symbol("i"), symbol("j"), symbol("n")
BUFFERS = (Buffer("x", FLOAT64), Buffer("y", FLOAT64))


def kernel(b: ScalarBuilder, *body: Statement, buffers: tuple[Buffer, ...] = BUFFERS) -> Program:
    return Program("k", buffers, body, b.indices)


def run(program: Program, sizes: dict[str, int], **arrays: Any) -> None:
    verify_loops(program)
    interpret_loops(program, arrays, {Symbol(k): v for k, v in sizes.items()})


def test_a_run_of_stores_is_one_assignment() -> None:
    b = ScalarBuilder()
    x, y = b.load("x", i, FLOAT64), b.load("y", i, FLOAT64)
    program = kernel(b, For(ROW, n, (Store("x", i, y), Store("y", i, x))))
    left, right = np.arange(3.0), np.arange(3.0) + 10
    run(program, {"n": 3}, x=left, y=right)
    assert (left.tolist(), right.tolist()) == ([10, 11, 12], [0, 1, 2])


@pytest.mark.parametrize(
    ("combine", "values", "expected"),
    [
        ("add", [1e16, 1, -1e16], 1),
        ("add", [], 0),
        ("multiply", [2, 3, 4], 24),
        ("maximum", [1, np.nan, 2], np.nan),
        ("minimum", [3, -1, 2], -1),
    ],
)
def test_folds(combine: str, values: list[float], expected: float) -> None:
    b = ScalarBuilder()
    total = fold_leaf(b, "total", combine, FLOAT64)
    loop = For(ROW, n, (), (Fold(combine, b.load("x", i, FLOAT64), total),))
    out = np.zeros(1)
    run(kernel(b, loop, Store("y", 0, total)), {"n": len(values)}, x=np.array(values), y=out)
    np.testing.assert_array_equal(out[0], expected)


def places() -> tuple[ScalarBuilder, Program]:
    b = ScalarBuilder()
    found = fold_leaf(b, "found", "argmax", FLOAT64)
    fold = Fold("argmax", b.load("x", i, FLOAT64), found, b.size(i))
    buffers = (BUFFERS[0], Buffer("y", INT64))
    return b, kernel(b, For(ROW, n, (), (fold,)), Store("y", 0, found), buffers=buffers)


@pytest.mark.parametrize(
    ("values", "expected"), [([1, 3, 3, 2], 1), ([1, np.nan, 9, np.nan], 1), ([-np.inf] * 3, 0)]
)
def test_argmax_gives_the_first_place(values: list[float], expected: int) -> None:
    out = np.full(1, -1)
    run(places()[1], {"n": len(values)}, x=np.array(values, float), y=out)
    assert out[0] == expected


def running() -> Program:
    b = ScalarBuilder()
    state, last = carry_leaves(b, "s", FLOAT64)
    total = b.apply("add", state, b.load("x", i, FLOAT64))
    carry = Carry(state, b.const(0, FLOAT64), total, last)
    return kernel(b, For(ROW, n, (Store("y", i, total),), (), (carry,)), Store("y", n, last))


def test_carries_are_handed_on() -> None:
    out = np.zeros(5)
    run(running(), {"n": 4}, x=np.arange(4.0), y=out)
    assert out.tolist() == [0, 1, 3, 6, 6]


def test_places_that_are_computed() -> None:
    b = ScalarBuilder()
    at = b.index(b.cast(b.load("y", i, FLOAT64), INT64))
    program = kernel(b, For(ROW, n, (Store("y", i, b.load("x", at, FLOAT64)),)))
    out = np.array([2.0, 0.0, 1.0])
    run(program, {"n": 3}, x=np.array([5.0, 6.0, 7.0]), y=out)
    assert out.tolist() == [7, 5, 6]
    assert parameters(program) == (LENGTH,)


def test_places_outside_a_buffer_are_noticed() -> None:
    b = ScalarBuilder()
    program = kernel(b, For(ROW, n, (Store("y", i, b.load("x", i - 1, FLOAT64)),)))
    with pytest.raises(IndexError):
        run(program, {"n": 3}, x=np.zeros(3), y=np.zeros(3))


def wrong_programs() -> dict[str, Program]:
    b = ScalarBuilder()
    x = b.load("x", i, FLOAT64)
    total = fold_leaf(b, "total", "add", FLOAT64)
    inner = For(COLUMN, n, (), (Fold("add", b.load("x", j, FLOAT64), total),), lanes=8)
    state, last = carry_leaves(b, "s", FLOAT64)
    carry = Carry(state, x, state, last)
    return {
        "does not hold": kernel(b, For(ROW, n, (Store("z", i, x),))),
        "outside its loop": kernel(b, For(ROW, n), Store("y", 0, x)),
        "not known": kernel(b, For(ROW, n, (Store("y", i, total), inner))),
        "cannot run as vectors": kernel(b, For(ROW, n, (inner, Store("y", i, total)), lanes=8)),
        "over i cannot run": kernel(b, For(COLUMN, n, (For(ROW, n, (), (), (carry,), lanes=2),))),
        "inside another": kernel(b, For(ROW, n, (For(ROW, n, (Store("y", i, x),)),))),
        "no fold": kernel(b, For(ROW, n, (), (Fold("argmax", x, total),))),
        "one name": kernel(b, buffers=(BUFFERS[0], BUFFERS[0])),
    }


@pytest.mark.parametrize("message", wrong_programs())
def test_faults_are_refused(message: str) -> None:
    with pytest.raises(GraphError, match=message):
        verify_loops(wrong_programs()[message])


def test_text_of_loops() -> None:
    assert loop_text(places()[1]) == "\n".join(
        [
            "kernel k(x: f64, y: i64)",
            "for i < n:",
            "  %0: f64 = load x[i]",
            "  $found <- argmax(%0, i)",
            "y[0] = $found",
        ]
    )
    assert loop_text(running()) == "\n".join(
        [
            "kernel k(x: f64, y: f64)",
            "$s = 0.0",
            "for i < n:",
            "  %0: f64 = load x[i]",
            "  %1: f64 = add($s, %0)",
            "  y[i] = %1",
            "  $s <- %1",
            "y[n] = $s",
        ]
    )


def test_text_of_scalars() -> None:
    b = ScalarBuilder()
    x: Scalar = b.load("x", i, FLOAT64)
    root = b.apply("add", b.apply("multiply", x, x), b.const(1, FLOAT64))
    assert scalar_text(root) == "\n".join(
        [
            "%0: f64 = load x[i]",
            "%1: f64 = multiply(%0, %0)",
            "%2: f64 = add(%1, 1.0)",
            "return %2",
        ]
    )
