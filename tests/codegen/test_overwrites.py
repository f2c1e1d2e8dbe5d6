"""Updates in place: chains of assignments write boxes, and nothing is lost that is read later."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tracegraph as tg
from tracegraph.codegen.plan import Fresh, Plan
from tracegraph.codegen.schedule import plan
from tracegraph.ir.graph import Graph
from tracegraph.ir.passes import run_pipeline

X = np.random.default_rng(2).normal(size=(9, 9))


def running(x: Any) -> Any:
    y = np.zeros((9, 9))
    for i in range(1, 9):
        y[i] = y[i - 1] * 0.5 + x[i]
    return y


def symmetric(x: Any) -> Any:
    y = np.eye(9)
    for i in range(8):
        y[i + 1 :, i] = y[i, i + 1 :] = x[:, i] @ x[:, i + 1 :]
    return y


def shifted(x: Any) -> Any:
    y = x * 2
    for _ in range(3):
        y[1:] = y[:-1]
        y[:, :-1] = y[:, 1:] + 1
        y[::-1] = y.copy()
    return y


def elementwise(x: Any) -> Any:
    y = x + 1
    for i in range(4):
        y[i : i + 4] *= 2
        y[i] -= y[i].sum()
    return y


def kept(x: Any) -> Any:
    y = x * 2
    before = y.copy()
    y[2:5] = 0
    middle = y.sum(axis=0)
    y[4] = before[4] + middle
    return before, y, middle, y * 2


def two_branches(x: Any) -> Any:
    y = np.sqrt(np.abs(x))
    a, b = y.copy(), y.copy()
    a[0] = b[1]
    b[0] = a[1] + a[0]
    return a, b, a + b, y


def triangular(x: Any) -> Any:
    y = x @ x.T + 9 * np.eye(9)
    for i in range(9):
        for j in range(i):
            y[i, j] -= y[i, :j] @ y[j, :j]
            y[i, j] /= y[j, j]
        y[i, i] -= y[i, :i] @ y[i, :i]
        y[i, i] = np.sqrt(y[i, i])
    return y


def in_a_branch(x: Any) -> Any:
    y = x * 3
    y[0] = 1
    if y.sum() > 0:
        y[1] = y[0] + y[2]
    y[2:4] = y[1:3]
    return y


def an_argument(x: Any) -> Any:
    for i in range(1, 9):
        x[i] += x[i - 1]
    y = x * 1
    y[0] = x[8]
    x[0] = y[1]
    return y


FUNCTIONS = [
    running, symmetric, shifted, elementwise, kept, two_branches, triangular, in_a_branch,
    an_argument,
]  # fmt: skip


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_results_are_those_of_numpy(function: Callable[..., Any]) -> None:
    compiled = tg.compile(function)
    for sign in (1, 1, -1, -1):
        ours, theirs = X * sign, X * sign
        found, expected = compiled(ours), function(theirs)
        pairs = (
            zip(found, expected, strict=True) if isinstance(found, tuple) else [(found, expected)]
        )
        for one, other in pairs:
            np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-13)
        np.testing.assert_allclose(ours, theirs, rtol=1e-13)
    assert compiled.fallbacks == []


@pytest.mark.parametrize("function", [running, symmetric, elementwise], ids=lambda f: f.__name__)
def test_gradients_through_updates(function: Callable[..., Any]) -> None:
    weights = np.random.default_rng(4).normal(size=(9, 9))
    gradient = tg.grad(lambda x: (function(x) * weights).sum())
    direction = np.random.default_rng(5).normal(size=(9, 9)) * 1e-6
    ahead, behind = ((function(X + s * direction) * weights).sum() for s in (1, -1))
    assert (gradient(X) * direction).sum() == pytest.approx((ahead - behind) / 2, rel=1e-6)
    np.testing.assert_allclose(tg.compile(gradient)(X), gradient(X), rtol=1e-12, atol=1e-13)


def scheduled(function: Callable[..., Any]) -> Plan:
    graph: Graph = run_pipeline(tg.compile(function).graph(X.copy()).graph)
    return plan(graph, [Fresh((0, 1))])


def test_a_chain_of_assignments_needs_one_array() -> None:
    found = scheduled(running)
    whole = [b.name for b in found.buffers if b.kind == "temp" and b.size == 81]
    assert len(whole) == 1


def test_what_reads_the_array_elsewhere_is_stored_first() -> None:
    def backwards(x: Any) -> Any:
        y = np.cumsum(x, axis=0)
        y[1:] = y[:-1]
        return y @ x

    found = scheduled(backwards)
    assert sorted(str(b.size) for b in found.buffers if b.kind == "temp") == ["72", "81"]


def test_what_is_computed_again_writes_over_what_it_is_given() -> None:
    """The rows of a loop in chunks go into one array; each chunk is a graph of its own."""

    def chunks(x: Any) -> Any:
        def body(i: Any, y: Any) -> Any:
            y[i] = x[i] * 2 + y[i - 1]
            return y

        return tg.fori_loop(1, 9, body, x * 1.0, checkpoint=3)

    np.testing.assert_allclose(tg.compile(chunks)(X), chunks(X))
    found = scheduled(chunks)
    assert sum(b.kind == "output" and b.size == 81 for b in found.buffers) == 1
    assert not [b for b in found.buffers if b.kind == "temp" and b.size == 81]
