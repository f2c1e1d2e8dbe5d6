"""What NumPy rules compute with: values of the graph with NumPy's idea of their type.

A *rule* of a NumPy function notes in the graph what the function does. NumPy itself has already run
on the real values, so a rule checks no errors; where it cannot express a call it says
``Unsupported``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tracegraph.ir.graph import Builder, Value
from tracegraph.ir.ops.broadcast import broadcast_to, full_like, literal, spread
from tracegraph.ir.ops.cast import convert
from tracegraph.ir.ops.compare import greater, greater_equal, less, logical_and, not_equal
from tracegraph.ir.ops.creation import size_value
from tracegraph.ir.ops.rounding import trunc
from tracegraph.ir.ops.selection import flatnonzero
from tracegraph.ir.ops.structural import reshape
from tracegraph.ir.record import record
from tracegraph.ir.sizes import Dim, Size, Symbol, nonnegative, symbol, symbols
from tracegraph.ir.types import BOOL, DType, Shape, canonical, is_supported


class Unsupported(Exception):
    """A call that cannot be recorded; the text says why, and what to write instead."""


@record(slots=True)
class Sym:
    """An array or a number in the graph.

    Parameters
    ----------
    value : Value
        Its value.
    weak : type, optional
        The Python type where it stands for a Python number, whose dtype gives way (NEP 50).
    scalar : bool
        Whether it stands for a NumPy scalar. Its powers are not those of an array without axes.
    fresh : bool
        Whether a result owns its memory although its value is that of an operand, as a copy's is.
    """

    value: Value
    weak: type | None = None
    scalar: bool = False
    fresh: bool = False

    @property
    def dtype(self) -> DType:
        return self.value.dtype

    @property
    def shape(self) -> Shape:
        return self.value.shape

    @property
    def ndim(self) -> int:
        return self.value.ndim


RELATIONS: dict[str, Callable[[Dim, Dim], Dim]] = {
    "<": lambda a, b: b - a - 1,
    "<=": lambda a, b: b - a,
}
"""What is not negative where a relation holds."""


@dataclass(eq=False)
class Emitter:
    """Adds nodes to a graph for rules.

    Parameters
    ----------
    builder : Builder
        The graph that grows.
    ask : callable
        ``ask(a, relation, b)`` answers a question about sizes and has the answer guarded.
    guard : callable
        ``guard(predicate, expect, seen=b"")`` makes the trace hold only where a bool value is
        ``expect``; ``seen`` tells apart guards that ask for different things.
    given : object
        What NumPy gave for the call that a rule notes: it tells lengths that depend on data, which
        the rule has checked.
    is_example : bool
        Whether that is what NumPy gives for examples, as inside vmap.
    indices : mapping of Symbol to int or Size
        How often the loops run whose iterations symbols count.
    """

    builder: Builder
    ask: Callable[[Dim, str, Dim], bool]
    guard: Callable[..., None]
    given: Any = None
    is_example: bool = False
    counts: dict[Any, Size] = field(default_factory=dict)
    indices: Mapping[Symbol, Dim] = field(default_factory=dict)

    def varies(self, dim: Dim) -> bool:
        """Return whether a size differs between the iterations of a loop."""
        return not self.indices.keys().isdisjoint(symbols(dim))

    def literal(self, number: Any, dtype: DType) -> Value:
        """Return a scalar constant."""
        with np.errstate(all="ignore"):  # NumPy has warned already
            value = np.asarray(number).astype(dtype)[()]
        return self.builder.emit(literal, (), {"value": value})

    def full(self, shape: Shape, number: Any, dtype: DType) -> Value:
        """Return a constant repeated over a shape."""
        return spread(self.literal(number, dtype), shape)

    def value(self, x: Any, dtype: DType | None = None) -> Value:
        """Return an operand of a rule as a value of the graph, cast to ``dtype`` if given.

        A Python number that does not fit is NumPy's error: its value is checked at each call.
        """
        if isinstance(x, (bool, int, float, complex, np.generic)):
            return self._number(x, np.asarray(x).dtype if dtype is None else dtype)
        if isinstance(x, Sym):
            value = x.value
        elif isinstance(x, Size):
            value = self.builder.emit(size_value, (), {"value": x})
        else:
            raise Unsupported(f"an operand of type {type(x).__name__} is not supported")
        if dtype is None:
            return value
        kind = dtype_of(x)  # a dtype may be equal to a Python type
        if (kind is int or kind is float) and dtype.kind in "iu":
            self._check_fits(value, dtype)
        return self.cast(value, dtype)

    def stored(self, x: Any, dtype: DType) -> Value:
        """Return an operand as the element of a list, or of an array that is written, becomes it.

        There a NumPy scalar, too, has to fit into a dtype of signed integers. Elsewhere, as in an
        assignment to places that an array or a mask names, NumPy casts it.
        """
        if dtype.kind == "i":
            if isinstance(x, Sym) and x.scalar and x.dtype.kind in "iuf":
                self._check_fits(x.value, dtype)
            elif isinstance(x, (np.integer, np.floating)):
                _must_fit(x, dtype)
        return self.value(x, dtype)

    def _number(self, x: Any, dtype: DType) -> Value:
        if not is_supported(dtype):
            raise Unsupported(f"the dtype {dtype} is not supported; use a float64 array")
        if type(x) in (int, float) and dtype.kind in "iu":
            _must_fit(x, dtype)
        return self.literal(x, dtype)

    def _check_fits(self, value: Value, dtype: DType) -> None:
        """Guard that a number, cut off towards zero, is in the range of a dtype of integers."""
        info = np.iinfo(dtype)
        if value.dtype.kind == "f":
            whole = trunc(value)
            is_enough = greater_equal(whole, full_like(value, info.min))
            beyond = full_like(value, float(int(info.max) + 1))
            self.guard(logical_and(is_enough, less(whole, beyond)), True)
            return
        given = np.iinfo(value.dtype)
        if info.min > given.min:
            self.guard(less(value, full_like(value, info.min)), False)
        if info.max < given.max:
            self.guard(greater(value, full_like(value, info.max)), False)

    def cast(self, value: Value, dtype: DType) -> Value:
        """Return a value in another dtype; of complex numbers the real part."""
        dtype = canonical(dtype)
        if not is_supported(dtype):
            raise Unsupported(f"the dtype {dtype} is not supported; use float32 or float64")
        if dtype == BOOL and value.dtype.kind == "c":
            truth: Value = not_equal(value, full_like(value, 0))
            return truth
        return convert(value, dtype)

    def holds(self, a: Dim, relation: str, b: Dim) -> bool:
        """Answer ``a < b`` or ``a <= b`` by structure, else by asking."""
        if nonnegative(RELATIONS[relation](a, b)):
            return True
        opposite = {"<": "<=", "<=": "<"}[relation]
        if nonnegative(RELATIONS[opposite](b, a)):
            return False
        return self.ask(a, relation, b)

    def smaller(self, a: Dim, b: Dim) -> Dim:
        """Return the smaller of two sizes."""
        return a if self.holds(a, "<=", b) else b

    def selected(self, mask: Value, seen: int | None) -> Value:
        """Return the places where a mask holds, counted in row-major order of all its axes.

        How many there are is a symbol, one for each mask; ``seen`` is its value while recording.
        Inside vmap there is none.
        """
        flat: Value = mask if mask.ndim == 1 else reshape(mask, shape=(mask.type.size,))
        out: Value = flatnonzero(flat, count=self.counted(flat.node, seen))
        return out

    def counted(self, what: Any, seen: int | None) -> Size:
        """Return the symbol of how many there are of something that is counted."""
        count = self.counts.get(what)
        if count is None:
            known = None if self.is_example else seen
            count = self.counts[what] = symbol(f"c{len(self.counts)}", hint=known)
        return count

    def is_counted(self, dim: Dim) -> bool:
        """Return whether a size depends on data, so that an entry cannot know it."""
        counted = set(self.counts.values())
        return bool(counted) and any(Size((((s,), 1),)) in counted for s in symbols(dim))

    def same_dim(self, a: Dim, b: Dim) -> bool:
        """Return whether two dimensions are equal, by structure or by asking."""
        if a == b:
            return True
        if isinstance(a, int) and isinstance(b, int):
            return False
        if self.ask(a, "==", b):
            raise Unsupported(f"the sizes {a} and {b} are equal only by chance")
        return False

    def must_equal(self, shape: Shape, other: Shape) -> None:
        """Give up unless two shapes, which NumPy found to be equal, are so by structure."""
        if len(shape) != len(other) or not all(map(self.same_dim, shape, other)):
            raise Unsupported(f"the shapes {shape} and {other} do not fit")

    def broadcast_shape(self, *shapes: Shape) -> Shape:
        """Return the shape that shapes broadcast to."""
        ndim = max(map(len, shapes), default=0)
        out: list[Dim] = [1] * ndim
        for shape in shapes:
            for axis, dim in enumerate(shape, ndim - len(shape)):
                if out[axis] == 1:
                    out[axis] = dim
                elif dim != 1 and not self.same_dim(dim, out[axis]):
                    raise Unsupported(f"the sizes {dim} and {out[axis]} do not broadcast")
        return tuple(out)

    def broadcast(self, value: Value, shape: Shape) -> Value:
        """Return a value spread over a shape by NumPy's rules."""
        if value.shape == shape:
            return value
        if self.broadcast_shape(value.shape, shape) != shape:
            raise Unsupported(f"the shape {value.shape} does not broadcast to {shape}")
        if not value.shape:
            return spread(value, shape)
        offset = len(shape) - value.ndim
        kept = [a for a, dim in enumerate(value.shape) if dim != 1 or shape[offset + a] == 1]
        if len(kept) < value.ndim:
            value = reshape(value, shape=tuple(value.shape[a] for a in kept))
        out: Value = broadcast_to(value, shape=shape, axes=tuple(offset + a for a in kept))
        return out

    def align(self, values: Sequence[Value]) -> list[Value]:
        """Return values broadcast to one shape."""
        shape = self.broadcast_shape(*(v.shape for v in values))
        return [self.broadcast(v, shape) for v in values]


def in_range(number: int, dtype: DType) -> bool:
    """Return whether a number fits into a dtype of integers."""
    info = np.iinfo(dtype)
    return int(info.min) <= number <= int(info.max)


def _must_fit(number: Any, dtype: DType) -> None:
    """Give up unless a real number, cut off towards zero, fits into a dtype of integers."""
    is_finite = isinstance(number, int) or np.isfinite(number)
    if not is_finite or not in_range(int(number), dtype):
        raise Unsupported(f"the number {number} does not fit into {dtype}")


def dtype_of(x: Any) -> Any:
    """Return what NumPy promotes for an operand: a dtype, or a Python type if it is weak."""
    if isinstance(x, Sym):
        kind: Any = x.dtype if x.weak is None else x.weak
    elif isinstance(x, Size):
        kind = int
    else:
        kind = x.dtype if isinstance(x, np.generic) else type(x)
    # A Python bool is no weaker than NumPy's.
    return np.dtype(bool) if kind is bool else kind


def result_type(*operands: Any) -> DType:
    """Return the common dtype of operands by NumPy's promotion (NEP 50)."""
    examples = [x(0) if isinstance(x, type) else x for x in map(dtype_of, operands)]
    return np.result_type(*examples)
