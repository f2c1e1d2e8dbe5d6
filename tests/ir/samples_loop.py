"""Samples of loops: what is carried, what grows with the iteration, and loops inside loops."""

from __future__ import annotations

import numpy as np

from tests.ir.samples import Sample
from tests.ir.samples_structural import numbers
from tracegraph.ir.graph import Value, trace
from tracegraph.ir.ops.arithmetic import add, divide, multiply, subtract
from tracegraph.ir.ops.boxes import slice_, slice_update
from tracegraph.ir.ops.broadcast import full_like, literal, sum_
from tracegraph.ir.ops.compare import less, logical_and
from tracegraph.ir.ops.control import items
from tracegraph.ir.ops.loop import loop
from tracegraph.ir.ops.remat import remat
from tracegraph.ir.ops.structural import reshape
from tracegraph.ir.ops.trigonometric import sin
from tracegraph.ir.ops.while_loop import trips, while_loop
from tracegraph.ir.sizes import Dim, symbol
from tracegraph.ir.types import FLOAT64, INT64, ArrayType

NUMBER, WHOLE = ArrayType(FLOAT64), ArrayType(INT64)
ROW, ROWS, SQUARE = (ArrayType(FLOAT64, shape) for shape in ((4,), (5, 4), (4, 4)))
k, j = symbol("k", bound=5), symbol("j", bound=4)


def row(x: Value, at: Dim) -> Value:
    """Return a row of a matrix."""
    length = x.shape[1]
    out: Value = reshape(slice_(x, start=(at, 0), shape=(1, length), step=(1, 1)), shape=(length,))
    return out


def with_row(x: Value, at: Dim, update: Value) -> Value:
    """Return a matrix with another row."""
    line = reshape(update, shape=(1, update.shape[0]))
    out: Value = slice_update(x, line, start=(at, 0), step=(1, 1))
    return out


def rows_in_turn(a: Value, n: Value, x: Value) -> list[Value]:
    """``for k in range(5): a, n = a * sin(x[k]) + x[k], n + n``."""
    body = trace(
        lambda a, n, x: [add(multiply(a, sin(row(x, k))), row(x, k)), add(n, n)],
        ROW, WHOLE, ROWS,
    )  # fmt: skip
    return items(loop(a, n, x, body=body, index="k", trip=5))


def rows_written(x: Value, scale: Value) -> list[Value]:
    """``for k in range(4): x[k + 1] += scale * x[k]``."""

    def step(x: Value, scale: Value) -> list[Value]:
        below = add(row(x, k + 1), multiply(row(x, k), scale))
        return [with_row(x, k + 1, below)]

    return items(loop(x, scale, body=trace(step, ROWS, ROW), index="k", trip=4))


def growing(x: Value) -> list[Value]:
    """``for j in range(4): x[j, :j] *= 0.5; x[j, j] -= sum(x[j, :j] ** 2)``."""

    def step(x: Value) -> list[Value]:
        part = slice_(x, start=(j, 0), shape=(1, j), step=(1, 1))
        part = multiply(part, full_like(part, 0.5))
        x = slice_update(x, part, start=(j, 0), step=(1, 1))
        corner = slice_(x, start=(j, j), shape=(1, 1), step=(1, 1))
        total = reshape(sum_(multiply(part, part), axes=(0, 1)), shape=(1, 1))
        return [slice_update(x, subtract(corner, total), start=(j, j), step=(1, 1))]

    return items(loop(x, body=trace(step, SQUARE), index="j", trip=4))


def nested(a: Value, x: Value) -> list[Value]:
    """``for j in range(3): for k in range(5): a = sin(a) * x[k]; a = a + x[j]``."""
    inner = trace(lambda a, x: [multiply(sin(a), row(x, k))], ROW, ROWS)

    def step(a: Value, x: Value) -> list[Value]:
        (a,) = items(loop(a, x, body=inner, index="k", trip=5))
        return [add(a, row(x, j))]

    return items(loop(a, x, body=trace(step, ROW, ROWS), index="j", trip=3))


def _miss(x: Value, y: Value) -> Value:
    out: Value = subtract(x, multiply(y, y))
    return out


def _better(y: Value, n: Value, x: Value) -> list[Value]:
    return [multiply(full_like(y, 0.5), add(y, divide(x, y))), add(n, full_like(n, 1))]


def _is_far(y: Value, n: Value, x: Value) -> Value:
    far = less(full_like(y, 1e-20), multiply(_miss(x, y), _miss(x, y)))
    out: Value = logical_and(far, less(n, full_like(n, 30)))
    return out


NEWTON = {
    "test": trace(_is_far, NUMBER, WHOLE, NUMBER),
    "body": trace(_better, NUMBER, WHOLE, NUMBER),
}


def newton(x: Value, y: Value) -> list[Value]:
    """The square root of x, by Newton's iteration from y on, and how many steps it takes."""
    return items(while_loop(y, literal_of(x, np.int64(0)), x, **NEWTON))


def literal_of(x: Value, value: np.generic) -> Value:
    """Return a number in the graph of x."""
    return x.builder.emit(literal, (), {"value": value})


def counted(x: Value) -> list[Value]:
    """Three trips, which no batch of x changes."""
    below = trace(lambda n: less(n, full_like(n, 3)), WHOLE)
    more = trace(lambda n: add(n, full_like(n, 1)), WHOLE)
    flags = trips(literal_of(x, np.int64(0)), test=below, body=more, count=3)
    return [flags, multiply(x, x)]


def recomputed(a: Value, n: Value, x: Value) -> list[Value]:
    """``sin(a * x[2])`` and more, as a graph of its own."""
    body = trace(
        lambda a, n, x: [multiply(sin(multiply(a, row(x, 2))), a), add(n, n)], ROW, WHOLE, ROWS
    )
    return items(remat(a, n, x, graph=body))


A, N, X = numbers("float64", 4) / 3, np.array(2), numbers("float64", 5, 4) / 7
LOOPS = [
    Sample(op=loop, arrays=(A, N, X), function=rows_in_turn),
    Sample(op=loop, arrays=(X, A), function=rows_written),
    Sample(op=loop, arrays=(X[:4] / 2,), function=growing),
    Sample(op=loop, arrays=(A, X), function=nested),
]
AGAIN = [Sample(op=remat, arrays=(A, N, X), function=recomputed)]
WHILES = [
    Sample(op=while_loop, arrays=(np.array(x), np.array(1.0)), function=newton) for x in (2.0, 40.0)
]
SAMPLES = (*LOOPS, *WHILES, *AGAIN, Sample(op=trips, arrays=(A,), function=counted))
