"""Random graphs over the whole table of operations and all dtypes.

A *tame* graph leaves out what rounding decides, so that native code can be compared with the
interpreter; the others are compared with themselves, bit by bit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tests.ir import samples_elementwise
from tracegraph.ir.graph import Builder, Graph, Value
from tracegraph.ir.lowering import Pull
from tracegraph.ir.ops import OPS
from tracegraph.ir.ops.arithmetic import multiply
from tracegraph.ir.ops.boxes import concatenate, slice_, slice_update
from tracegraph.ir.ops.broadcast import broadcast_to, full_like, sum_
from tracegraph.ir.ops.cast import cast
from tracegraph.ir.ops.choice import select
from tracegraph.ir.ops.compose import iota_beside, take_axis
from tracegraph.ir.ops.division import remainder
from tracegraph.ir.ops.index import gather, scatter_add
from tracegraph.ir.ops.linalg import matmul
from tracegraph.ir.ops.structural import reshape, transpose
from tracegraph.ir.sizes import Dim, nonnegative, product
from tracegraph.ir.types import DTYPES, INT64, ArrayType, DType

SMOOTH = (
    "add", "subtract", "multiply", "negative", "tanh", "sin", "cos", "arctan", "maximum",
    "minimum", "arcsinh", "erf", "absolute", "chain", "clip", "conjugate",
)  # fmt: skip
EXACT = (*SMOOTH[:4], "bitwise_and", "bitwise_or", "bitwise_xor", "invert", "maximum", "minimum",
         "logical_not", "logical_and", "logical_or", "equal", "less", "sign", "clip", "left_shift",
         "floor_divide", "remainder", "absolute", "square")  # fmt: skip
ARITY = {
    sample.op.name: len(sample.arrays)
    for sample in samples_elementwise.SAMPLES
    if isinstance(sample.op.lower, Pull) and not sample.attrs
}
CONSTANTS = (0, 1, -1, 2, 0.5, -0.0)
TAME = ("f64", "f64", "f32", "i64", "i32", "u8", "bool")


class RandomGraph:
    """Grows a graph of operations that fit the values at hand.

    Parameters
    ----------
    rng : np.random.Generator
        Where choices come from.
    dims : sequence of int or Size
        Lengths of axes, at least 2.
    tame : bool
        Whether to leave out what rounding decides.
    """

    def __init__(self, rng: np.random.Generator, dims: Sequence[Dim], *, tame: bool) -> None:
        self.rng, self.dims, self.tame = rng, dims, tame
        self.builder = Builder()
        self.values: list[Value] = []

    def graph(self, steps: int) -> Graph:
        shapes = [tuple(self.dims)]  # tells what every symbol is
        for _ in range(3):
            rank = int(self.rng.integers(0, 4))
            shapes.append(tuple(self.choice(self.dims) for _ in range(rank)))
        for shape in shapes:
            self.values.append(self.builder.parameter(ArrayType(self.dtype(), shape)))
        for _ in range(steps):
            self.step()
        count = min(len(self.values), int(self.rng.integers(1, 5)))
        return self.builder.build([self.values[-1], *(self.value() for _ in range(count - 1))])

    def choice(self, things: Any) -> Any:
        return things[int(self.rng.integers(len(things)))]

    def dtype(self) -> DType:
        return DTYPES[self.choice(TAME if self.tame else tuple(DTYPES))]

    def value(self) -> Value:
        found: Value = self.choice(self.values + self.values[-4:])
        return found

    def step(self) -> None:
        rules: tuple[Callable[[Value], Value], ...] = (
            self.elementwise, self.elementwise, self.elementwise, self.elementwise, self.cast,
            self.select, self.reduced, self.running, self.reshaped, self.turned, self.widened,
            self.part, self.joined, self.updated, self.gathered, self.scattered, self.product,
        )  # fmt: skip
        try:
            found = self.choice(rules)(self.value())
        except TypeError:  # the type rule's answer: it does not fit
            return
        if isinstance(found.node.type, ArrayType):
            self.values.append(found)

    # -- elements -------------------------------------------------------------------------------

    def like(self, x: Value) -> Value:
        """Return a value of the type of another: one there is, or a constant."""
        alike = [v for v in self.values if v.type == x.type]
        number = self.choice(CONSTANTS)
        if x.dtype.kind in "bu":
            number = abs(int(number))
        return self.choice([*alike, *alike, full_like(x, x.dtype.type(number))])  # type: ignore[no-any-return]

    def elementwise(self, x: Value) -> Value:
        names = tuple(ARITY)
        if self.tame:
            names = SMOOTH if x.dtype.kind in "fc" else EXACT
        name = self.choice(names)
        others = [self.like(x) for _ in range(ARITY[name] - 1)]
        if name == "power" and x.dtype.kind == "i":  # NumPy raises for negative exponents
            others = [OPS["bitwise_and"](other, full_like(other, 7)) for other in others]
        out: Value = OPS[name](x, *others)
        return out

    def cast(self, x: Value) -> Value:
        dtype = self.dtype()
        if self.tame and x.dtype.kind in "fc" and dtype.kind not in "fc":
            raise TypeError
        out: Value = cast(x, dtype=dtype)
        return out

    def select(self, x: Value) -> Value:
        flags = [v for v in self.values if v.type == x.type.with_dtype(DTYPES["bool"])]
        if not flags:
            raise TypeError
        out: Value = select(self.choice(flags), x, self.like(x))
        return out

    # -- axes -----------------------------------------------------------------------------------

    def axis(self, x: Value) -> int:
        if not x.ndim:
            raise TypeError
        return int(self.rng.integers(x.ndim))

    def reduced(self, x: Value) -> Value:
        axes = tuple(a for a in range(x.ndim) if self.rng.random() < 0.5) or (self.axis(x),)
        names = ("sum", "sum", "max", "min", "any", "all")
        rounded = self.tame and x.dtype.kind in "fc"
        out: Value = OPS[self.choice(names if rounded else (*names, "prod"))](x, axes=axes)
        return out

    def running(self, x: Value) -> Value:
        names = ("cumsum", "cummax", "cummin") if self.tame else ("cumsum", "cumprod", "cummax")
        out: Value = OPS[self.choice(names)](x, axis=self.axis(x))
        return out

    def reshaped(self, x: Value) -> Value:
        shapes = [(product(x.shape),), (*x.shape, 1), (1, *x.shape)]
        if x.ndim > 1:
            shapes.append((product(x.shape[:2]), *x.shape[2:]))
        shapes += [v.shape for v in self.values if product(v.shape) == product(x.shape)]
        out: Value = reshape(x, shape=self.choice(shapes))
        return out

    def turned(self, x: Value) -> Value:
        out: Value = transpose(x, axes=tuple(int(a) for a in self.rng.permutation(x.ndim)))
        return out

    def widened(self, x: Value) -> Value:
        if x.ndim > 2:
            raise TypeError
        place = int(self.rng.integers(x.ndim + 1))
        shape = (*x.shape[:place], self.choice(self.dims), *x.shape[place:])
        axes = tuple(a for a in range(x.ndim + 1) if a != place)
        out: Value = broadcast_to(x, shape=shape, axes=axes)
        return out

    def part(self, x: Value) -> Value:
        axis = self.axis(x)
        length = x.shape[axis]
        if not nonnegative(length - 2):
            raise TypeError
        half = length // 2
        parts = ((0, length - 1, 1), (1, length - 1, 1), (length - 1, length, -1), (0, half, 2),
                 (length - 1, half, -2), (length - 2, 1, 1))  # fmt: skip
        return take_axis(x, axis, *self.choice(parts))

    def joined(self, x: Value) -> Value:
        out: Value = concatenate(x, self.like(x), self.like(x), axis=self.axis(x))
        return out

    def updated(self, x: Value) -> Value:
        """Write part of a value into another of its type."""
        axis = self.axis(x)
        if not nonnegative(x.shape[axis] - 2):
            raise TypeError
        start = tuple(1 if a == axis else 0 for a in range(x.ndim))
        shape = tuple(n - 1 if a == axis else n for a, n in enumerate(x.shape))
        piece = slice_(self.like(x), start=(0,) * x.ndim, shape=shape, step=(1,) * x.ndim)
        out: Value = slice_update(x, piece, start=start, step=(1,) * x.ndim)
        return out

    def places(self, x: Value, axis: int) -> Value:
        """Return int64 places along an axis: drawn ones, or computed from data."""
        length = x.shape[axis]
        ready = [v for v in self.values if v.dtype == INT64 and v.ndim == 1]
        if isinstance(length, int) and ready:
            found: Value = self.choice(ready)
            out: Value = remainder(found, full_like(found, length))
            return out
        return iota_beside(x, (length,), 0)

    def gathered(self, x: Value) -> Value:
        axis = self.axis(x)
        if x.shape[axis] == 0:
            raise TypeError
        out: Value = gather(x, self.places(x, axis), axes=(axis,))
        return out

    def scattered(self, x: Value) -> Value:
        axis = self.axis(x)
        if x.shape[axis] == 0:
            raise TypeError
        places = self.places(x, axis)
        updates = gather(self.like(x), places, axes=(axis,))
        out: Value = scatter_add(x, updates, places, axes=(axis,))
        return out

    def product(self, x: Value) -> Value:
        fits = [
            v for v in self.values
            if v.ndim == x.ndim == 2 and v.shape[0] == x.shape[1] and v.dtype == x.dtype
        ]  # fmt: skip
        if not fits:
            raise TypeError
        small = multiply(x, full_like(x, 0.1 if x.dtype.kind in "fc" else 1))
        out: Value = matmul(small, self.choice(fits))
        return out


def arrays_for(graph: Graph, rng: np.random.Generator, lengths: dict[str, int]) -> list[Any]:
    """Return an array for each parameter of a graph."""
    found = []
    for param in graph.params:
        dtype = param.array_type.dtype
        shape = [d if isinstance(d, int) else lengths[str(d)] for d in param.array_type.shape]
        if dtype.kind in "biu":
            found.append(rng.integers(0, 9, shape).astype(dtype))
        else:
            found.append(rng.normal(0, 1.5, shape).astype(dtype))
    return found


def total(x: Value) -> Value:
    """Return the sum of all elements."""
    out: Value = sum_(x, axes=tuple(range(x.ndim)))
    return out
