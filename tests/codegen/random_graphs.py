"""Random graphs for the whole of code generation: every form of lowering, in odd company."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tracegraph.ir.graph import Builder, Graph, Value
from tracegraph.ir.ops.arithmetic import add, multiply, negative, subtract
from tracegraph.ir.ops.boxes import concatenate, slice_update
from tracegraph.ir.ops.broadcast import broadcast_to, full_like, sum_
from tracegraph.ir.ops.choice import select
from tracegraph.ir.ops.compare import less
from tracegraph.ir.ops.compose import flip, take_axis
from tracegraph.ir.ops.linalg import matmul
from tracegraph.ir.ops.reduce import kept_axes, max_
from tracegraph.ir.ops.scan import cumsum
from tracegraph.ir.ops.structural import reshape, transpose
from tracegraph.ir.sizes import Dim, nonnegative
from tracegraph.ir.types import FLOAT64, ArrayType


class RandomGraph:
    """Grows a graph by drawing operations that fit the values at hand.

    Parameters
    ----------
    rng : np.random.Generator
        Where choices come from.
    elementary : sequence of Op
        Functions of one element to draw from.
    dims : sequence of int or Size
        Lengths of the parameters' axes.
    """

    def __init__(self, rng: np.random.Generator, elementary: Any, dims: Any) -> None:
        self.rng, self.elementary, self.dims = rng, elementary, dims
        self.builder = Builder()
        self.values: list[Value] = []

    def graph(self, steps: int) -> Graph:
        for _ in range(3):
            shape = tuple(self.choice(self.dims) for _ in range(self.rng.integers(1, 3)))
            self.values.append(self.builder.parameter(ArrayType(FLOAT64, shape)))
        while len(self.values) < steps + 3:
            self.step()
        count = int(self.rng.integers(1, 4))
        return self.builder.build([self.values[-1], *self.some(count - 1)])

    def choice(self, things: Any) -> Any:
        return things[int(self.rng.integers(len(things)))]

    def some(self, count: int) -> list[Value]:
        return [self.choice(self.values) for _ in range(count)]

    def step(self) -> None:
        rules: list[Callable[[Value], Value | None]] = [
            self.unary, self.binary, self.binary, self.binary, self.spread, self.total,
            self.turned, self.part, self.joined, self.running, self.product, self.updated,
        ]  # fmt: skip
        x = self.choice(self.values[-6:])
        found = self.choice(rules)(x)
        if found is not None:
            self.values.append(found)

    def unary(self, x: Value) -> Value:
        out: Value = self.choice(self.elementary)(x)
        return out

    def like(self, shape: tuple[Dim, ...]) -> Value | None:
        alike = [v for v in self.values if v.shape == shape]
        return self.choice(alike) if alike else None

    def binary(self, x: Value) -> Value | None:
        y = self.like(x.shape)
        if y is None:
            return None
        half = multiply(y, full_like(y, 0.5))
        chosen = select(less(x, y), negative(x), half)
        found: Value = self.choice([add, subtract, lambda a, _: add(a, chosen)])(x, half)
        return found

    def spread(self, x: Value) -> Value | None:
        if x.ndim != 1:
            return None
        wide = [v for v in self.values if v.ndim == 2 and x.shape[0] in v.shape]
        if not wide:
            return None
        y = self.choice(wide)
        axis = y.shape.index(x.shape[0])
        out: Value = add(y, broadcast_to(x, shape=y.shape, axes=(axis,)))
        return out

    def total(self, x: Value) -> Value:
        axes = tuple(a for a in range(x.ndim) if self.rng.random() < 0.6) or (x.ndim - 1,)
        fold = self.choice([sum_, max_])
        out: Value = fold(x, axes=axes) if x.ndim else x
        kept = kept_axes(axes, x.ndim)
        if self.rng.random() < 0.6 and x.ndim:
            out = subtract(x, broadcast_to(out, shape=x.shape, axes=kept))
        return out

    def turned(self, x: Value) -> Value:
        if x.ndim != 2:
            return x if x.ndim == 0 else flip(x, 0)
        flat: Value = reshape(x, shape=(x.shape[0] * x.shape[1],))
        out: Value = self.choice([transpose(x, axes=(1, 0)), flip(x, 1), flat])
        return out

    def part(self, x: Value) -> Value | None:
        if x.ndim == 0:
            return None
        axis = int(self.rng.integers(x.ndim))
        if not nonnegative(x.shape[axis] - 3):
            return None
        return take_axis(x, axis, 1, x.shape[axis] - 2)

    def joined(self, x: Value) -> Value | None:
        y = self.like(x.shape)
        if x.ndim == 0 or y is None:
            return None
        out: Value = concatenate(x, y, axis=int(self.rng.integers(x.ndim)))
        return out

    def running(self, x: Value) -> Value | None:
        return None if x.ndim == 0 else cumsum(x, axis=int(self.rng.integers(x.ndim)))

    def product(self, x: Value) -> Value | None:
        if x.ndim != 2:
            return None
        fit = [v for v in self.values if v.ndim == 2 and v.shape[0] == x.shape[1]]
        small = full_like(x, 0.1)
        return matmul(multiply(x, small), self.choice(fit)) if fit else None

    def updated(self, x: Value) -> Value | None:
        y = self.like(tuple(n - 2 for n in x.shape))
        if x.ndim == 0 or y is None:
            return None
        out: Value = slice_update(x, y, start=(1,) * x.ndim, step=(1,) * x.ndim)
        return out
