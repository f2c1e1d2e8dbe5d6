"""`checkpoint=` of loops: the same values and derivatives, with little kept for the way back."""

from __future__ import annotations

import math
import tracemalloc
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import tracegraph as tg
from tests.frontend.control_flow import (
    Function,
    assert_gradient,
    assert_recorded,
    compiled,
    operations,
    why_eager,
)
from tracegraph.codegen.plan import Fresh
from tracegraph.codegen.schedule import plan
from tracegraph.ir.graph import Builder, Graph, Node, Value
from tracegraph.ir.interpret import interpret
from tracegraph.ir.passes import run_pipeline
from tracegraph.ir.rewrite import is_constant
from tracegraph.ir.size_values import evaluate, largest
from tracegraph.ir.sizes import Dim, Symbol, product

X = np.array([0.5, 1.5, 0.7, -1.0, 0.3])
W = np.array([[0.5, -0.2, 0.1], [0.3, 0.4, -0.6], [-0.1, 0.2, 0.7]])
pytestmark = [pytest.mark.filterwarnings("ignore::tracegraph.FallbackWarning"), pytest.mark.slow]

# -- programs of an array and a number of iterations, that return one number ----------------------


def product_of_elements(x: Any, n: Any, checkpoint: Any) -> Any:
    return tg.fori_loop(2, n + 2, lambda i, c: c * x[i % 5] + i, 1.0, checkpoint=checkpoint)


def recurrent(x: Any, n: Any, checkpoint: Any) -> Any:
    """A network that reads rows and captures a matrix; all states are results too."""
    xs = np.ones((n, 3)) * x[0] + np.arange(3.0 * n).reshape(n, 3) * 0.1 * x[4]
    carry, ys = tg.scan(
        lambda h, r: ((new := np.tanh(W @ h + r * x[:3]), new.sum())),
        x[:3],
        xs,
        checkpoint=checkpoint,
    )
    return (carry * carry).sum() + (ys * np.cos(np.arange(n))).sum()


def backward(x: Any, n: Any, checkpoint: Any) -> Any:
    carry, ys = tg.scan(
        lambda c, r: (c * np.sin(r) + x[1], {"y": c + r}),
        np.float64(2.0),
        np.linspace(0.5, 1.5, n) * x[0],
        reverse=True,
        checkpoint=checkpoint,
    )
    return carry + (ys["y"] ** 2).sum()


def without_arrays(x: Any, n: Any, checkpoint: Any) -> Any:
    carry, ys = tg.scan(
        lambda c, _: (np.sin(c) + x[2], c * c), x[0], length=n, checkpoint=checkpoint
    )
    return carry * ys.sum()


def written(x: Any, n: Any, checkpoint: Any) -> Any:
    def body(i: Any, c: Any) -> Any:
        c[i % 5] = np.sin(c[i % 4]) * x[i % 3] + c[4]
        return c

    return (tg.fori_loop(0, n, body, x * x, checkpoint=checkpoint) ** 2).sum()


def triangle(x: Any, n: Any, checkpoint: Any) -> Any:
    def row(i: Any, c: Any) -> Any:
        def element(j: Any, d: Any) -> Any:
            return 0.5 * d * x[j % 5] + np.sin(x[i % 5])

        return tg.fori_loop(0, i, element, c, checkpoint=checkpoint) + x.sum()

    return tg.fori_loop(0, n, row, 1.0, checkpoint=checkpoint)


PROGRAMS = [product_of_elements, recurrent, backward, without_arrays, written, triangle]
each_program = pytest.mark.parametrize("program", PROGRAMS, ids=lambda f: f.__name__)
TRIPS = (0, 1, 2, 3, 4, 7, 9, 13)


def of(program: Function, n: int, checkpoint: Any) -> Function:
    """Return a program as a function of its array alone."""
    return lambda x: program(x, n, checkpoint)


# -- values and derivatives -----------------------------------------------------------------------


@each_program
@pytest.mark.parametrize("n", TRIPS)
def test_values_and_gradients_are_those_without_it(program: Function, n: int) -> None:
    plain, chunked = of(program, n, False), of(program, n, True)
    assert chunked(X) == plain(X)
    np.testing.assert_allclose(compiled(chunked, X), plain(X), rtol=1e-13)
    expected = tg.grad(plain)(X)
    np.testing.assert_allclose(tg.grad(chunked)(X), expected, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(compiled(tg.grad(chunked), X), expected, rtol=1e-12, atol=1e-13)


@each_program
@pytest.mark.parametrize("checkpoint", [1, 3, np.int64(5), 100])
def test_chunks_of_a_given_length(program: Function, checkpoint: Any) -> None:
    expected = tg.grad(of(program, 11, False))(X)
    gradient = tg.grad(of(program, 11, checkpoint))
    np.testing.assert_allclose(gradient(X), expected, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(compiled(gradient, X), expected, rtol=1e-12, atol=1e-13)


@each_program
def test_gradient_is_that_of_finite_differences(program: Function) -> None:
    assert_gradient(of(program, 7, True), X)


@each_program
def test_second_derivatives(program: Function) -> None:
    expected = tg.hessian(of(program, 7, False))(X)
    found = compiled(tg.hessian(of(program, 7, True)), X)
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-10)
    direction = np.array([0.3, -0.5, 0.2, 1.0, 0.1])
    gradient = tg.grad(of(program, 7, True))
    _, along = tg.jvp(gradient, (X,), (direction,))
    np.testing.assert_allclose(along, expected @ direction, rtol=1e-10, atol=1e-10)


@each_program
def test_batches(program: Function) -> None:
    batch, function = np.stack([X, X * 0.5 + 0.2, X[::-1]]), of(program, 7, True)
    values = [program(x, 7, False) for x in batch]
    np.testing.assert_allclose(compiled(tg.vmap(function), batch), values, rtol=1e-12)
    slopes = [tg.grad(of(program, 7, False))(x) for x in batch]
    found = compiled(tg.vmap(tg.grad(function)), batch)
    np.testing.assert_allclose(found, slopes, rtol=1e-10, atol=1e-12)
    found = tg.grad(lambda xs: tg.vmap(function)(xs).sum())(batch)
    np.testing.assert_allclose(found, slopes, rtol=1e-10, atol=1e-12)


@each_program
def test_it_is_recorded(program: Function) -> None:
    if program is not recurrent:  # which reads an array from outside
        assert_recorded(of(program, 7, True), X)
    assert "loop" in operations(of(program, 7, True), X)


def test_python_numbers_flags_and_structures() -> None:
    def function(x: Any) -> Any:
        def body(i: Any, c: Any) -> Any:
            n, y = c["n"], c["y"]
            return {"n": n + i, "y": y * x[n % 5], "last": (y, i % 2 == 0)}

        init = {"n": 1, "y": 1.0, "last": (0.0, False)}
        return tg.fori_loop(0, 9, body, init, checkpoint=True)

    assert_recorded(function, X)
    assert function(X)["n"] == 37


def test_a_computed_place_outside_its_axis_runs_in_plain_python() -> None:
    def function(x: Any, k: Any) -> Any:
        return tg.fori_loop(0, 6, lambda i, c: c + x[k], 0.0, checkpoint=True)

    run = tg.compile(function)
    assert run(X, np.array(1)) == 6 * X[1]
    with pytest.raises(IndexError):
        run(X, np.array(7))


def test_gradients_of_captured_rows_in_loops_of_loops() -> None:
    rows = np.random.default_rng(0).normal(size=(6, 4))

    def function(rows: Any, checkpoint: Any) -> Any:
        def row(i: Any, c: Any) -> Any:
            return tg.fori_loop(
                0, 4, lambda j, d: np.sin(d * rows[i, j]) + rows[0, j], c, checkpoint=checkpoint
            )

        return tg.fori_loop(0, 6, row, 0.5, checkpoint=checkpoint)

    expected = tg.grad(lambda r: function(r, False))(rows)
    found = compiled(tg.grad(lambda r: function(r, True)), rows)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


# -- symbolic numbers of iterations ---------------------------------------------------------------


def test_one_trace_serves_many_lengths() -> None:
    """Chunks are powers of two: loops of 9 to 32 iterations have the same, and of 33 to 128."""

    def loss(x: Any, xs: Any) -> Any:
        carry, ys = tg.scan(lambda c, r: (np.sin(c * r), c), x, xs, checkpoint=True)
        return carry + (ys * ys).sum()

    gradient = tg.compile(tg.grad(loss, argnums=(0, 1)))
    counts = []
    for n in (12, 13, 9, 32, 17, 33, 100, 128, 12):
        xs = np.linspace(0.5, 1.5, n)
        expected = tg.grad(plain_loss, argnums=(0, 1))(0.7, xs)
        for one, other in zip(gradient(0.7, xs), expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-14)
        counts.append(len(gradient.traces))
    assert counts == [1, 2, 2, 2, 2, 3, 3, 3, 3]
    assert gradient.fallbacks == []


def plain_loss(x: Any, xs: Any) -> Any:
    carry, ys = tg.scan(lambda c, r: (np.sin(c * r), c), x, xs)
    return carry + (ys * ys).sum()


def test_a_given_length_serves_all_numbers_of_iterations() -> None:
    function = tg.compile(tg.grad(lambda x, n: without_arrays(x, n, 4)))
    for n in (11, 12, 3, 100, 5, 2):
        expected = tg.grad(lambda x, n=n: without_arrays(x, n, False))(X)
        np.testing.assert_allclose(function(X, n), expected, rtol=1e-11, atol=1e-13)
    assert len(function.traces) == 2
    assert function.fallbacks == []


# -- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize("run", [lambda f: f, tg.compile], ids=["eager", "compiled"])
def test_what_is_no_length_is_refused(run: Function) -> None:
    for bad, error in ((0, ValueError), (-2, ValueError), (2.5, TypeError), ("yes", TypeError)):
        with pytest.raises(error, match="checkpoint"):
            run(lambda x, bad=bad: without_arrays(x, 3, bad))(X)
        with pytest.raises(error, match="checkpoint"):
            run(lambda x, bad=bad: product_of_elements(x, 3, bad))(X)


def test_bounds_computed_from_data_have_no_chunks() -> None:
    def function(x: Any) -> Any:
        count = (x > 0).sum()
        return tg.fori_loop(0, count, lambda i, c: c * x[i], 1.0, checkpoint=True)

    assert "not computed from data" in why_eager(function, X)
    with pytest.raises(Exception, match="not computed from data"):
        tg.grad(function)(X)


# -- memory ---------------------------------------------------------------------------------------


def decay(x: Any, n: int, checkpoint: Any) -> Any:
    """It saves one array of the size of ``x`` in each iteration, the cosine, and sums nothing."""
    return tg.fori_loop(0, n, lambda i, c: np.sin(c), x, checkpoint=checkpoint).sum()


def reverse_graph(program: Function, n: int, checkpoint: Any, x: Any) -> Graph:
    recorded = tg.compile(tg.grad(of(program, n, checkpoint))).graph(x).graph
    return run_pipeline(recorded)


def stacks(graph: Graph, bounds: dict[Symbol, Dim]) -> Iterator[int]:
    """Yield the sizes of the arrays that loops fill, at most; all begin as zeros."""
    for node in graph:
        attrs = dict(node.attrs)
        inner = dict(bounds)
        if "body" in attrs:
            body: Graph = attrs["body"]
            for start in node.operands[: len(body.outputs)]:
                if is_zero(graph, start):
                    yield at_most(product(start.array_type.shape), bounds)
            inner[Symbol(attrs["index"])] = attrs["trip"]
        for value in attrs.values():
            if isinstance(value, Graph):
                yield from stacks(value, inner)


def is_zero(graph: Graph, node: Node) -> bool:
    return is_constant(Value(Builder(), node), 0)


def at_most(size: Dim, bounds: dict[Symbol, Dim]) -> int:
    for index, trip in reversed(bounds.items()):
        found = largest(size, index, trip)
        assert found is not None
        size = found
    return evaluate(size, {})


@pytest.mark.parametrize("n", [1, 2, 3, 8, 9, 32, 33, 100, 1000, 2003])
def test_the_stacks_are_as_long_as_the_root_says(n: int) -> None:
    x = np.linspace(0.1, 1.0, 3)
    assert sum(stacks(reverse_graph(decay, n, False, x), {})) == n * 3
    kept = sum(stacks(reverse_graph(decay, n, True, x), {})) / 3
    assert kept <= 2.13 * math.sqrt(n) + 1


def test_given_chunks_keep_as_many_beginnings_and_one_chunk() -> None:
    x = np.linspace(0.1, 1.0, 3)
    for chunk in (1, 7, 100):
        kept = sum(stacks(reverse_graph(decay, 1000, chunk, x), {})) / 3
        assert kept == math.ceil(1000 / chunk) + chunk


def test_results_of_steps_are_kept_once() -> None:
    """The stack of results is not kept for each chunk although the loop carries it."""
    x = np.linspace(0.1, 1.0, 5)
    kept = list(stacks(reverse_graph(recurrent, 1000, True, x), {}))
    assert max(kept) == 3000  # the cotangent of the rows that are read
    assert sum(kept) < 3000 + 4 * 1000 + 2.2 * math.sqrt(1000) * 6


def buffers(graph: Graph) -> int:
    """Return how many bytes a plan has for what lives between steps."""
    found = plan(graph, [Fresh((0,))])
    return sum(evaluate(slot.size, {}) for slot in found.slots)


def test_native_code_has_memory_for_that_alone() -> None:
    x, n = np.linspace(0.1, 1.0, 100), 2000
    whole, chunked = (buffers(reverse_graph(decay, n, flag, x)) for flag in (False, True))
    assert whole >= n * x.nbytes
    assert chunked <= (2.13 * math.sqrt(n) + 8) * x.nbytes


def peak(graph: Graph, x: Any) -> int:
    """Return how many bytes there are at most while a graph is interpreted."""
    tracemalloc.start()
    interpret(graph, x)
    found = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return found


def test_the_interpreter_needs_memory_for_that_alone() -> None:
    x, n = np.linspace(0.1, 1.0, 2000), 200
    whole, chunked = (peak(reverse_graph(decay, n, flag, x), x) for flag in (False, True))
    assert whole > n * x.nbytes
    assert chunked < 3 * (2.13 * math.sqrt(n) + 8) * x.nbytes  # an update of an array is a copy
