"""Random loops: whatever is carried, moved and written in place, it is what is meant."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from tests.codegen.loop_kit import NUMBER, SQUARE, VECTOR, check, double, n, part
from tests.ir.samples_loop import row, with_row
from tracegraph.ir.graph import Graph, Value, trace
from tracegraph.ir.ops.arithmetic import add, divide, multiply, subtract
from tracegraph.ir.ops.boxes import slice_, slice_update
from tracegraph.ir.ops.broadcast import full_like, spread, sum_
from tracegraph.ir.ops.compare import less
from tracegraph.ir.ops.control import cond, items
from tracegraph.ir.ops.linalg import matmul
from tracegraph.ir.ops.loop import loop
from tracegraph.ir.ops.sort import sort
from tracegraph.ir.ops.structural import reshape, transpose
from tracegraph.ir.ops.trigonometric import sin
from tracegraph.ir.ops.while_loop import while_loop
from tracegraph.ir.sizes import Dim, symbol
from tracegraph.ir.types import ArrayType

TYPES = (NUMBER, VECTOR, SQUARE)


@dataclass(eq=False)
class RandomLoop:
    """Draws loops of numbers, vectors and matrices, which stay small and smooth."""

    rng: np.random.Generator
    indices: list[str] = field(default_factory=list)

    def program(self) -> Graph:
        """Return a graph with two loops, one after the other."""
        types = [VECTOR, *(TYPES[int(k)] for k in self.rng.integers(0, 3, 4))]

        def function(*xs: Value) -> list[Value]:
            values = [*xs, *self.some(list(xs), 2)]
            for depth in (2, 1):
                values += self.control(values, depth)
            return [values[int(k)] for k in self.rng.integers(0, len(values), 4)]

        return trace(function, *types)

    def pick(self, values: list[Value], type: ArrayType) -> Value:
        """Return one of the values of a type, or make one."""
        found = [x for x in values if x.type == type]
        if found:
            return found[int(self.rng.integers(len(found)))]
        x = values[int(self.rng.integers(len(values)))]
        if x.ndim:
            x = sum_(x, axes=tuple(range(x.ndim)))
        out: Value = sin(x) if type == NUMBER else spread(sin(x), type.shape)
        return out

    def some(self, values: list[Value], count: int) -> list[Value]:
        """Return new values made of those that there are."""
        made: list[Value] = []
        for _ in range(count):
            made.append(self.operation([*values, *made]))
        return made

    def operation(self, values: list[Value]) -> Value:
        kinds: list[Callable[[list[Value]], Value]] = [
            self.elementwise, self.elementwise, self.updated, self.updated, self.moved,
            self.reduced, self.product, self.called,
        ]  # fmt: skip
        return kinds[int(self.rng.integers(len(kinds)))](values)

    def type(self, least: int = 0) -> ArrayType:
        return TYPES[int(self.rng.integers(least, 3))]

    def elementwise(self, values: list[Value]) -> Value:
        type = self.type()
        x, y = self.pick(values, type), self.pick(values, type)
        kinds = [
            lambda: sin(add(x, y)), lambda: multiply(sin(x), sin(y)), lambda: sin(subtract(x, y)),
            lambda: divide(sin(x), add(full_like(y, 3), sin(y))), lambda: sin(double(x)),
        ]  # fmt: skip
        out: Value = kinds[int(self.rng.integers(len(kinds)))]()
        return out

    def places(self) -> tuple[Dim, Dim]:
        """Return where a part begins, and how long it is."""
        index = symbol(self.indices[-1]) if self.indices else 0
        parts: list[tuple[Dim, Dim]] = [(0, 1), (1, n - 1), (0, n - 1), (index, 1), (0, index)]
        return parts[int(self.rng.integers(len(parts)))]

    def updated(self, values: list[Value]) -> Value:
        if self.rng.integers(2):
            x, y = self.pick(values, SQUARE), self.pick(values, VECTOR)
            return with_row(x, self.places()[0], y if self.rng.integers(2) else row(x, 0))
        x, y = self.pick(values, VECTOR), self.pick(values, VECTOR)
        start, length = self.places()
        piece = part(y, (self.places()[0] if length == 1 else 0,), (length,))
        if self.rng.integers(2):
            piece = sin(add(piece, part(x, (start,), (length,))))
        out: Value = slice_update(x, piece, start=(start,), step=(1,))
        return out

    def moved(self, values: list[Value]) -> Value:
        x = self.pick(values, self.type(1))
        out: Value
        if x.ndim == 2:
            out = transpose(x, axes=(1, 0))
        else:
            out = slice_(x, start=(n - 1,), shape=(n,), step=(-1,))
        return out

    def reduced(self, values: list[Value]) -> Value:
        x = self.pick(values, self.type(1))
        out: Value = sin(sum_(x, axes=(x.ndim - 1,)))
        return out

    def product(self, values: list[Value]) -> Value:
        x, y = self.pick(values, SQUARE), self.pick(values, self.type(1))
        if y.ndim == 2:
            out: Value = sin(matmul(x, y))
        else:
            out = sin(reshape(matmul(x, reshape(y, shape=(n, 1))), shape=(n,)))
        return out

    def called(self, values: list[Value]) -> Value:
        start, length = self.places()
        x = self.pick(values, VECTOR)
        piece = sort(part(x, (start,), (length,)), axis=0, kind=None)
        out: Value = slice_update(x, piece, start=(0,), step=(1,))
        return out

    def control(self, values: list[Value], depth: int) -> list[Value]:
        kinds = [self.counted, self.counted, self.chosen, self.repeated]
        return kinds[int(self.rng.integers(len(kinds)))](values, depth)

    def operands(self, values: list[Value]) -> list[Value]:
        return [values[int(k)] for k in self.rng.integers(0, len(values), 5)]

    def inner(self, given: list[Value], types: list[ArrayType], depth: int) -> list[Value]:
        """Return values of some types, made inside a loop or a branch."""
        values = [*given, *self.some(given, int(self.rng.integers(1, 4)))]
        if depth > 1:
            values += self.control(values, depth - 1)
        return [self.pick(values, type) for type in types]

    def carried(self, given: list[Value]) -> list[ArrayType]:
        return [x.type for x in given[: int(self.rng.integers(1, 5))]]

    def counted(self, values: list[Value], depth: int) -> list[Value]:
        given = self.operands(values)
        types = self.carried(given)
        trip = [0, 1, 2, n][int(self.rng.integers(4))]
        self.indices.append(f"k{len(self.indices)}")
        body = trace(lambda *xs: self.inner(list(xs), types, depth), *(x.type for x in given))
        index = self.indices.pop()
        return items(loop(*given, body=body, index=index, trip=trip))

    def chosen(self, values: list[Value], depth: int) -> list[Value]:
        given = self.operands(values)
        types = self.carried(given)
        number = self.pick(values, NUMBER)
        flag = less(number, full_like(number, 0.2))
        arms = [
            trace(lambda *xs: self.inner(list(xs), types, depth), *(x.type for x in given))
            for _ in range(2)
        ]
        if self.rng.integers(2):
            arms[1] = trace(lambda *xs: list(xs[: len(types)]), *(x.type for x in given))
        return items(cond(flag, *given, then=arms[0], orelse=arms[1]))

    def repeated(self, values: list[Value], depth: int) -> list[Value]:
        number = self.pick(values, NUMBER)
        given = [full_like(number, 0), *self.operands(values)]
        types = self.carried(given[1:])

        def body(count: Value, *xs: Value) -> list[Value]:
            return [add(count, full_like(count, 1)), *self.inner(list(xs), types, depth)]

        test = trace(lambda count, *xs: less(count, full_like(count, 3)), *(x.type for x in given))
        loop_body = trace(body, *(x.type for x in given))
        return items(while_loop(*given, test=test, body=loop_body))


@pytest.mark.parametrize("seed", range(80))
def test_random_loops(seed: int) -> None:
    rng = np.random.default_rng(seed)
    graph = RandomLoop(rng).program()
    size = int(rng.integers(2, 7))
    shapes = [(size,) * param.array_type.ndim for param in graph.params]
    arrays: list[Any] = [rng.normal(size=shape) for shape in shapes]
    check(graph, *arrays)
