"""Loops that add up are begun at a total: which do, and that nothing else is taken for one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from tests.ir import samples_loop
from tests.ir.samples_loop import row, with_row
from tracegraph.ir.autodiff import vjp
from tracegraph.ir.graph import Graph, Value, trace
from tracegraph.ir.interpret import interpret
from tracegraph.ir.ops.accumulate import begun, sum_from_zero
from tracegraph.ir.ops.arithmetic import add, multiply
from tracegraph.ir.ops.boxes import slice_, slice_update
from tracegraph.ir.ops.broadcast import full_like
from tracegraph.ir.ops.control import items
from tracegraph.ir.ops.index import scatter_add
from tracegraph.ir.ops.loop import loop
from tracegraph.ir.ops.remat import remat
from tracegraph.ir.sizes import symbol
from tracegraph.ir.types import FLOAT64, INT64, ArrayType
from tracegraph.ir.verify import verify

ROWS, ROW, PLACES = ArrayType(FLOAT64, (5, 4)), ArrayType(FLOAT64, (4,)), ArrayType(INT64, (2,))
k = symbol("k", bound=5)


def adds_up(graph: Graph, place: int) -> bool:
    return sum_from_zero(graph, place) is not None


Step = Callable[[Value, Value, Value, Value], list[Value]]


def summing(step: Step, start: float = 0.0, wrap: Any = None) -> Graph:
    """``for k in range(5): total, other = step(total, other, x, places)``; the outputs."""
    body = trace(step, ROWS, ROW, ROWS, PLACES)

    def whole(x: Value, places: Value) -> list[Value]:
        first = full_like(x, start)
        found = items(loop(first, row(x, 0), x, places, body=body, index="k", trip=5))
        return wrap(found) if wrap else found

    return verify(trace(whole, ROWS, PLACES))


def all_of_it(total: Value, other: Value, x: Value, places: Value) -> list[Value]:
    return [add(multiply(x, x), total), other]


def a_row(total: Value, other: Value, x: Value, places: Value) -> list[Value]:
    other = add(other, row(x, k))
    return [with_row(total, k, add(row(total, k), other)), other]


def a_slice(total: Value, other: Value, x: Value, places: Value) -> list[Value]:
    box = {"start": (k, 0), "step": (1, 1)}
    old = slice_(total, shape=(1, 4), **box)
    new = add(old, slice_(x, start=(4 - k, 0), shape=(1, 4), step=(1, 1)))
    return [slice_update(total, new, **box), other]


def computed_rows(total: Value, other: Value, x: Value, places: Value) -> list[Value]:
    two = slice_(x, start=(0, 0), shape=(2, 4), step=(1, 1))
    return [scatter_add(total, two, places, axes=(0,)), other]


def within(total: Value, other: Value, x: Value, places: Value) -> list[Value]:
    """A loop in the loop, that is computed again."""
    inner = trace(a_slice, ROWS, ROW, ROWS, PLACES)
    held = trace(
        lambda *xs: items(loop(*xs, body=inner, index="k", trip=5)), ROWS, ROW, ROWS, PLACES
    )
    found, _ = items(remat(total, other, x, places, graph=held))
    return [add(found, x), other]


SUMS = [all_of_it, a_slice, computed_rows, within]


@pytest.mark.parametrize("step", SUMS, ids=lambda f: f.__name__)
def test_a_loop_that_adds_up_may_begin_at_a_total(step: Step) -> None:
    graph = summing(step)
    assert adds_up(graph, 0)
    assert not adds_up(graph, 1)
    held = trace(lambda x, places: items(remat(x, places, graph=graph)), ROWS, PLACES)
    assert adds_up(held, 0)
    rng = np.random.default_rng(0)
    x, total, places = rng.normal(size=(5, 4)), rng.normal(size=(5, 4)), np.array([3, 3])
    for one in (graph, held):
        found, other = interpret(verify(begun(one, [0])), x, places, total)
        expected, same = interpret(one, x, places)
        np.testing.assert_allclose(found, expected + total, rtol=1e-13)
        np.testing.assert_array_equal(other, same)


def doubled(total: Value, other: Value, x: Value, places: Value) -> list[Value]:
    return [add(total, total), other]


def scaled(total: Value, other: Value, x: Value, places: Value) -> list[Value]:
    return [add(multiply(total, x), x), other]


def read_by_another(total: Value, other: Value, x: Value, places: Value) -> list[Value]:
    return [add(total, x), row(total, 0)]


def added_to_itself(total: Value, other: Value, x: Value, places: Value) -> list[Value]:
    return [add(total, with_row(x, 0, row(total, 1))), other]


def another_row(total: Value, other: Value, x: Value, places: Value) -> list[Value]:
    return [with_row(total, k, add(row(total, 0), other)), other]


def replaced(total: Value, other: Value, x: Value, places: Value) -> list[Value]:
    return [with_row(total, k, other), other]


def forgotten(total: Value, other: Value, x: Value, places: Value) -> list[Value]:
    return [multiply(x, x), other]


@pytest.mark.parametrize(
    "step",
    [doubled, scaled, read_by_another, added_to_itself, another_row, replaced, forgotten],
    ids=lambda f: f.__name__,
)
def test_what_is_more_than_a_sum_is_none(step: Step) -> None:
    assert not adds_up(summing(step), 0)


def test_a_sum_that_begins_elsewhere_or_is_read_is_none() -> None:
    def read(found: Sequence[Value]) -> list[Value]:
        return [found[0], add(found[0], found[0])]

    assert not adds_up(summing(all_of_it, start=1.0), 0)
    assert not adds_up(summing(all_of_it, start=-0.0), 0)
    assert not adds_up(summing(all_of_it, wrap=read), 0)
    assert not adds_up(summing(all_of_it, wrap=lambda found: [found[0], found[0]]), 0)


def test_loops_in_loops_share_one_sum() -> None:
    """Walking back through ``nested`` the inner loop begins at the sum of the outer one."""
    whole = vjp(samples_loop.LOOPS[3].graph())
    assert samples_loop.LOOPS[3].function is samples_loop.nested
    outer = [node for node in whole if node.op is loop][-1]
    body: Graph = dict(outer.attrs)["body"]
    inner = [node for node in body if node.op is loop][-1]
    assert inner.operands[1] is body.params[1]
    assert not any(node.op is add and str(node.type) == "f64[5,4]" for node in body)
