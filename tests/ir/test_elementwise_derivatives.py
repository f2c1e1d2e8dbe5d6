"""Derivatives of elementwise operations: conventions at branch points, and what must not leak."""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from tests.ir.test_elementwise import ARITY, OPS_HERE, operand_types, specials, type_of
from tracegraph.ir.autodiff import jvp, vjp
from tracegraph.ir.graph import Graph, Op, Value, trace
from tracegraph.ir.interpret import interpret
from tracegraph.ir.ops import arithmetic as ar
from tracegraph.ir.ops import choice, division, signs
from tracegraph.ir.ops import exponential as ex
from tracegraph.ir.ops import power as po
from tracegraph.ir.ops import trigonometric as tr
from tracegraph.ir.ops.broadcast import full_like
from tracegraph.ir.ops.cast import cast
from tracegraph.ir.sizes import symbol
from tracegraph.ir.types import BOOL, FLOAT64, ArrayType

F64 = FLOAT64
n = symbol("n")


@pytest.fixture(autouse=True)
def _numpy_may_warn() -> Iterator[None]:
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        yield


# ---- derivatives at branch points -------------------------------------------------------------


def gradient(function: Any, *points: float) -> list[float]:
    graph = trace(function, *(ArrayType(F64) for _ in points))
    return [float(g) for g in interpret(vjp(graph), *map(np.float64, points), np.float64(1))[1:]]


@pytest.mark.parametrize(
    ("function", "points", "expected"),
    [
        (signs.absolute, (0.0,), [0.0]),
        (choice.maximum, (2.0, 2.0), [0.5, 0.5]),
        (choice.minimum, (0.0, -0.0), [0.5, 0.5]),
        (choice.maximum, (np.nan, 1.0), [0.0, 0.0]),
        (choice.fmax, (np.nan, 1.0), [0.0, 1.0]),
        (choice.clip, (1.0, 1.0, 2.0), [0.5, 0.5, 0.0]),
        (choice.clip, (5.0, 1.0, 2.0), [0.0, 0.0, 1.0]),
        (po.hypot, (0.0, 0.0), [0.0, 0.0]),
        (po.power, (0.0, 0.0), [0.0, 0.0]),
        (po.power, (0.0, 1.0), [1.0, 0.0]),
        (po.power, (0.0, 2.0), [0.0, 0.0]),
        (po.power, (-2.0, 3.0), [12.0, np.nan]),
        (ex.logaddexp, (-np.inf, -np.inf), [0.0, 0.0]),
        (ex.logaddexp, (-np.inf, 1.0), [0.0, 1.0]),
        (ex.logaddexp, (np.inf, 1.0), [1.0, 0.0]),
        (ex.logaddexp, (3.0, 3.0), [0.5, 0.5]),
        (signs.copysign, (-0.0, 1.0), [-1.0, 0.0]),
        (signs.copysign, (-2.0, 1.0), [-1.0, 0.0]),
        (tr.arctan2, (0.0, 0.0), [np.nan, np.nan]),
        (tr.arctan2, (1e-200, 1e-200), [5e199, -5e199]),
        (po.sqrt, (0.0,), [np.inf]),
        (ex.expm1, (-50.0,), [math.exp(-50)]),
    ],
)
def test_conventions(function: Op, points: tuple[float, ...], expected: list[float]) -> None:
    np.testing.assert_allclose(gradient(function, *points), expected, rtol=1e-12, atol=0)


def second_derivative(function: Any, x: float, order: Any) -> float:
    graph = trace(function, ArrayType(F64))
    first = vjp(graph)
    one = np.float64(1)
    if order is jvp:
        return float(interpret(jvp(first, [True, False]), np.float64(x), one, one)[-1])
    return float(interpret(vjp(first), np.float64(x), one, np.float64(0), one)[-2])


@pytest.mark.parametrize("order", [jvp, vjp])
@pytest.mark.parametrize(
    ("function", "x", "expected"),
    [
        (lambda x: po.power(x, full_like(x, 2)), 0.0, 2.0),
        (lambda x: po.power(x, full_like(x, 3)), 0.0, 0.0),
        (lambda x: po.power(full_like(x, 3), x), 0.0, math.log(3) ** 2),
        (lambda x: ex.logaddexp(x, full_like(x, 1)), 1.0, 0.25),
        (lambda x: po.hypot(x, full_like(x, 2)), 0.0, 0.5),
        (lambda x: ar.multiply(signs.absolute(x), x), 0.0, 0.0),
        (lambda x: po.integer_power(x, exponent=2), 0.0, 2.0),
        (lambda x: ar.divide(x, x), 3.0, 0.0),
        (ar.square, 0.0, 2.0),
    ],
)
def test_second_derivatives_at_branch_points(
    function: Any, x: float, expected: float, order: Any
) -> None:
    np.testing.assert_allclose(second_derivative(function, x, order), expected, atol=1e-12)


def test_mixed_derivative_of_power_at_exponent_0() -> None:
    graph = vjp(trace(po.power, ArrayType(F64), ArrayType(F64)))
    point = [np.float64(v) for v in (2, 0, 1)]
    by_exponent = interpret(jvp(graph, [False, True, False]), *point, np.float64(1))
    np.testing.assert_allclose(by_exponent[-2], 0.5)


# ---- a branch that was not taken --------------------------------------------------------------

UNARY_FLOAT = [
    op
    for op in OPS_HERE.values()
    if ARITY[op.name] == 1
    and op not in (cast, po.integer_power)
    and operand_types(op, F64)
    and type_of(op, ArrayType(F64)).dtype == F64
]
"""Functions of one float."""


@pytest.mark.parametrize("outer", [ex.exp, po.sqrt, ar.reciprocal], ids=lambda op: op.name)
@pytest.mark.parametrize("inner", UNARY_FLOAT, ids=lambda op: op.name)
def test_nothing_leaks_from_a_branch_not_taken(inner: Op, outer: Op) -> None:
    """Neither in first nor in second derivatives, forward over reverse or reverse over reverse."""

    def function(condition: Value, x: Value) -> Value:
        out: Value = choice.select(condition, outer(inner(x)), ar.square(x))
        return out

    x = specials(F64)
    x = x[np.isfinite(x) & (np.abs(x) < 1e5)]
    graph = trace(function, ArrayType(BOOL, x.shape), ArrayType(F64, x.shape))
    no, one = np.zeros(x.shape, bool), np.ones(x.shape)
    first = vjp(graph)
    np.testing.assert_array_equal(interpret(first, no, x, one)[1], 2 * x)
    forward = interpret(jvp(first, [False, True, False]), no, x, one, one)
    np.testing.assert_array_equal(forward[3], 2)
    backward = interpret(vjp(first), no, x, one, 0 * one, one)
    np.testing.assert_array_equal(backward[2], 2)


@pytest.mark.parametrize(
    "op",
    [ar.divide, po.power, po.hypot, tr.arctan2, ex.logaddexp, division.remainder, choice.maximum],
    ids=lambda op: op.name,
)
def test_nothing_leaks_from_a_binary_branch_not_taken(op: Op) -> None:
    def function(condition: Value, x: Value, y: Value) -> Value:
        out: Value = choice.select(condition, op(x, y), ar.multiply(x, y))
        return out

    grid = list(itertools.product(specials(F64), repeat=2))
    x, y = (np.array(column) for column in zip(*grid, strict=True))
    finite = np.isfinite(x) & np.isfinite(y) & (np.abs(x) < 1e5) & (np.abs(y) < 1e5)
    x, y = x[finite], y[finite]
    kind = ArrayType(F64, x.shape)
    first = vjp(trace(function, ArrayType(BOOL, x.shape), kind, kind))
    no, one = np.zeros(x.shape, bool), np.ones(x.shape)
    result = interpret(first, no, x, y, one)
    np.testing.assert_array_equal(result[1], y)
    np.testing.assert_array_equal(result[2], x)
    forward = interpret(jvp(first, [False, True, True, False]), no, x, y, one, one, 2 * one)
    np.testing.assert_array_equal(forward[4], 2)
    np.testing.assert_array_equal(forward[5], 1)
    backward = interpret(vjp(first), no, x, y, one, 0 * one, one, 0 * one)
    np.testing.assert_array_equal(backward[4], one)


def test_graphs_of_elementwise_chains_stay_small() -> None:
    graph: Graph = vjp(trace(lambda x: tr.tanh(ex.exp(x)), ArrayType(F64, (n,))))
    assert [node.op.name for node in graph] == [
        "exp", "tanh", "square", "literal", "broadcast_to", "subtract", "chain", "chain",
    ]  # fmt: skip
