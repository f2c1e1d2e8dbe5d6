"""Arrays put together, taken apart, repeated, shifted and padded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tracegraph.ir.graph import Value
from tracegraph.ir.ops.arithmetic import subtract
from tracegraph.ir.ops.boxes import slice_update
from tracegraph.ir.ops.broadcast import broadcast_to, spread
from tracegraph.ir.ops.compose import flip, move_axis, take_axis
from tracegraph.ir.ops.creation import iota
from tracegraph.ir.ops.division import remainder
from tracegraph.ir.sizes import Dim, Size, product
from tracegraph.ir.types import INT64, Shape
from tracegraph.numpy.arguments import (
    array,
    axis_argument,
    dtype_argument,
    integer,
    join,
    no_options,
    no_out,
    only,
    reshaped,
    same_dtype,
    stack,
)
from tracegraph.numpy.emit import Emitter, Sym, Unsupported
from tracegraph.numpy.indexing import getitem
from tracegraph.numpy.manipulation import volume
from tracegraph.numpy.slices import slice_range


@dataclass
class Parts:
    """Arrays that are to be joined, in one dtype: ``values``, or the rows of their only one."""

    e: Emitter
    values: list[Value]
    are_rows: bool

    @staticmethod
    def of(
        e: Emitter, arrays: Any, dtype: Any = None, casting: Any = "same_kind", out: Any = None
    ) -> Parts:
        """Return the arrays that a function is given."""
        no_out(out)
        only("casting", casting, "same_kind")
        given = [arrays] if isinstance(arrays, Sym) else arrays
        return Parts(e, same_dtype(e, given, dtype_argument(dtype)), isinstance(arrays, Sym))

    @property
    def shape(self) -> Shape:
        """The shape of the first one."""
        shape = self.values[0].shape
        return shape[1:] if self.are_rows else shape

    def reshaped(self, shape_of: Callable[[Shape], Shape]) -> Parts:
        """Return all of them in other shapes."""
        skip = int(self.are_rows)
        values = [reshaped(x, (*x.shape[:skip], *shape_of(x.shape[skip:]))) for x in self.values]
        return Parts(self.e, values, self.are_rows)

    def joined(self, axis: Any) -> Value:
        """Return the arrays one after the other; along no axis, all their elements."""
        if not self.are_rows:
            return joined(self.e, self.values, axis)
        if axis is None:
            return reshaped(self.values[0], (self.values[0].type.size,))
        at, shape = axis_argument(axis, len(self.shape)), self.shape
        whole = (*shape[:at], self.values[0].shape[0] * shape[at], *shape[at + 1 :])
        return reshaped(move_axis(self.values[0], 0, at), whole)

    def stacked(self, axis: Any) -> Value:
        """Return the arrays along a new axis."""
        at = axis_argument(axis, len(self.shape) + 1)
        if self.are_rows:
            return move_axis(self.values[0], 0, at)
        return stack(self.e, self.values, at)


def concatenate(e: Emitter, arrays: Any, /, axis: Any = 0, out: Any = None, **options: Any) -> Sym:
    """The rule of ``np.concatenate``."""
    return Sym(Parts.of(e, arrays, out=out, **options).joined(axis), fresh=True)


def joined(e: Emitter, parts: Sequence[Value], axis: Any) -> Value:
    """Return arrays one after the other; along no axis, all their elements."""
    if axis is None:
        return join([reshaped(x, (x.type.size,)) for x in parts], 0)
    at = axis_argument(axis, parts[0].ndim)
    first = parts[0].shape
    for x in parts[1:]:
        e.must_equal((*x.shape[:at], *x.shape[at + 1 :]), (*first[:at], *first[at + 1 :]))
    return join(parts, at)


def stack_rule(e: Emitter, arrays: Any, axis: Any = 0, out: Any = None, **options: Any) -> Sym:
    """The rule of ``np.stack``."""
    return Sym(Parts.of(e, arrays, out=out, **options).stacked(axis), fresh=True)


def vstack(e: Emitter, tup: Any, **options: Any) -> Sym:
    """The rule of ``np.vstack``."""
    parts = Parts.of(e, tup, **options).reshaped(lambda s: (*(1,) * (2 - len(s)), *s))
    return Sym(parts.joined(0), fresh=True)


def hstack(e: Emitter, tup: Any, **options: Any) -> Sym:
    """The rule of ``np.hstack``."""
    parts = Parts.of(e, tup, **options).reshaped(lambda s: s or (1,))
    return Sym(parts.joined(min(len(parts.shape) - 1, 1)), fresh=True)


def dstack(e: Emitter, tup: Any) -> Sym:
    """The rule of ``np.dstack``."""
    return Sym(Parts.of(e, tup).reshaped(volume).joined(2), fresh=True)


def column_stack(e: Emitter, tup: Any) -> Sym:
    """The rule of ``np.column_stack``."""
    parts = Parts.of(e, tup).reshaped(lambda s: s if len(s) > 1 else (product(s), 1))
    return Sym(parts.joined(1), fresh=True)


def append(e: Emitter, arr: Any, values: Any, axis: Any = None) -> Sym:
    """The rule of ``np.append``."""
    return Sym(joined(e, same_dtype(e, (arr, values)), axis), fresh=True)


# -- apart --------------------------------------------------------------------------------------


def array_split(e: Emitter, ary: Any, indices_or_sections: Any, axis: Any = 0) -> list[Sym]:
    """The rule of ``np.array_split`` and ``np.split``."""
    x = array(e, ary)
    at = axis_argument(axis, x.ndim)
    bounds = _bounds(indices_or_sections, x.shape[at])
    parts = (
        slice_range(e, slice(start, stop), x.shape[at])
        for start, stop in zip((0, *bounds), (*bounds, None), strict=True)
    )
    return [Sym(take_axis(x, at, p.start, p.length)) for p in parts]


def _bounds(sections: Any, length: Dim) -> tuple[Dim, ...]:
    """Return where the second part begins, the third, and so on."""
    if isinstance(sections, (list, tuple)):
        return tuple(sections)
    if isinstance(sections, Sym) and sections.ndim:
        raise Unsupported("a split at places that depend on data")
    count = integer(sections, "a number of sections")
    if isinstance(length, Size):
        part, rest = length // count, length % count
        if rest != 0:
            raise Unsupported(f"a length {length} that is not a multiple of {count} by structure")
        return tuple(part * i for i in range(1, count))
    part, rest = divmod(length, count)
    return tuple(part * i + min(i, rest) for i in range(1, count))


def hsplit(e: Emitter, ary: Any, indices_or_sections: Any) -> list[Sym]:
    """The rule of ``np.hsplit``."""
    axis = min(array(e, ary).ndim - 1, 1)
    return array_split(e, ary, indices_or_sections, axis)


def vsplit(e: Emitter, ary: Any, indices_or_sections: Any) -> list[Sym]:
    """The rule of ``np.vsplit``."""
    return array_split(e, ary, indices_or_sections, 0)


def dsplit(e: Emitter, ary: Any, indices_or_sections: Any) -> list[Sym]:
    """The rule of ``np.dsplit``."""
    return array_split(e, ary, indices_or_sections, 2)


# -- repeated -----------------------------------------------------------------------------------


def repeat(e: Emitter, a: Any, repeats: Any, axis: Any = None) -> Sym:
    """The rule of ``np.repeat``."""
    x = array(e, a)
    if axis is None:
        x, axis = reshaped(x, (x.type.size,)), 0
    at = axis_argument(axis, x.ndim)
    if isinstance(repeats, (list, tuple)):
        if len(repeats) != 1:
            raise Unsupported("a count of its own for each element; repeat with one count")
        (repeats,) = repeats
    count = repeats if isinstance(repeats, Size) else integer(repeats, "repeats")
    shape = (*x.shape[: at + 1], count, *x.shape[at + 1 :])
    axes = tuple(axis for axis in range(len(shape)) if axis != at + 1)
    long = (*x.shape[:at], x.shape[at] * count, *x.shape[at + 1 :])
    return Sym(reshaped(broadcast_to(x, shape=shape, axes=axes), long), fresh=True)


def tile(e: Emitter, A: Any, reps: Any) -> Sym:
    """The rule of ``np.tile``."""
    x = array(e, A)
    counts = tuple(reps) if isinstance(reps, (list, tuple)) else (reps,)
    counts = tuple(c if isinstance(c, Size) else integer(c, "reps") for c in counts)
    ndim = max(x.ndim, len(counts))
    lengths = (*(1,) * (ndim - x.ndim), *x.shape)
    counts = (*(1,) * (ndim - len(counts)), *counts)
    shape = tuple(n for pair in zip(counts, lengths, strict=True) for n in pair)
    axes = tuple(range(2 * (ndim - x.ndim) + 1, 2 * ndim, 2))
    tiled = broadcast_to(x, shape=shape, axes=axes)
    return Sym(reshaped(tiled, tuple(map(_times, counts, lengths))), fresh=True)


def _times(a: Dim, b: Dim) -> Dim:
    return a * b


def roll(e: Emitter, a: Any, shift: Any, axis: Any = None) -> Sym:
    """The rule of ``np.roll``."""
    x = array(e, a)
    if axis is None:
        line = reshaped(x, (x.type.size,))
        return Sym(reshaped(_rolled(e, line, shift, 0), x.shape), fresh=True)
    axes = axis if isinstance(axis, (list, tuple)) else (axis,)
    shifts = shift if isinstance(shift, (list, tuple)) else (shift,)
    count = max(len(axes), len(shifts))
    axes, shifts = (tuple(s) * (count if len(s) == 1 else 1) for s in (axes, shifts))
    for by, at in zip(shifts, axes, strict=True):
        x = _rolled(e, x, by, axis_argument(at, x.ndim))
    return Sym(x, fresh=True)


def _rolled(e: Emitter, x: Value, shift: Any, axis: int) -> Value:
    length = x.shape[axis]
    by: Dim = shift if isinstance(shift, Size) else integer(shift, "a shift")
    if isinstance(by, int) and isinstance(length, int):
        by = by % (length or 1)
    elif not e.holds(0, "<=", by):
        by = by + length
    if not (e.holds(0, "<=", by) and e.holds(by, "<=", length)):
        return _rolled_round(e, x, by, axis)
    if by == 0:
        return x
    tail = take_axis(x, axis, length - by, by)
    return join([tail, take_axis(x, axis, 0, length - by)], axis)


def _rolled_round(e: Emitter, x: Value, by: Dim, axis: int) -> Value:
    """Return an array shifted by a number that may be more than its length."""
    if not e.holds(1, "<=", x.shape[axis]):
        raise Unsupported("a shift by more than the length of an axis that may have none")
    shape = (x.shape[axis],)
    places = e.builder.emit(iota, (), {"shape": shape, "axis": 0, "dtype": INT64})
    places = subtract(places, spread(e.value(by), shape))
    places = remainder(places, spread(e.value(x.shape[axis]), shape))
    return getitem(e, Sym(x), (*(slice(None),) * axis, places)).value


# -- padded -------------------------------------------------------------------------------------

Widths = list[tuple[Dim, Dim]]


def pad(
    e: Emitter,
    array: Any,  # NumPy's name of its parameter
    pad_width: Any,
    mode: Any = "constant",
    *,
    constant_values: Any = 0,
    **options: Any,
) -> Sym:
    """The rule of ``np.pad``."""
    no_options(options)
    (x,) = same_dtype(e, [array])
    widths = _widths(pad_width, x.ndim)
    if mode == "constant":
        if isinstance(constant_values, (list, tuple)):
            raise Unsupported("several constants for padding; pad with one constant")
        fill = constant_values
        if isinstance(fill, Sym) and fill.weak is None:
            fill = Sym(fill.value, scalar=True)  # NumPy takes it out of an array
        return Sym(padded(e, x, widths, e.stored(fill, x.dtype)))
    if not isinstance(mode, str) or mode not in _EDGES:
        raise Unsupported(f"padding with mode={mode!r}; concatenate the parts instead")
    for axis, (before, after) in enumerate(widths):
        x = _EDGES[mode](e, x, axis, before, after)
    return Sym(x, fresh=True)


def _widths(given: Any, ndim: int) -> Widths:
    """Return how much is added before and after along each axis."""
    if isinstance(given, (dict, Sym)):
        raise Unsupported("a pad width that is not made of numbers, lists and tuples")
    if not isinstance(given, (list, tuple)):
        return [(given, given)] * ndim
    rows = [tuple(row) if isinstance(row, (list, tuple)) else row for row in given]
    if not isinstance(rows[0], tuple):
        rows = [tuple(rows)]
    pairs = [row if len(row) == 2 else row * 2 for row in rows if isinstance(row, tuple)]
    return pairs if len(pairs) == ndim else pairs * ndim


def padded(e: Emitter, x: Value, widths: Widths, fill: Value) -> Value:
    """Return an array with ``fill`` before and after it along each axis."""
    shape = tuple(a + n + b for (a, b), n in zip(widths, x.shape, strict=True))
    whole = e.broadcast(fill, shape)
    start = tuple(before for before, _ in widths)
    out: Value = slice_update(whole, x, start=start, step=(1,) * x.ndim)
    return out


def _edge(e: Emitter, x: Value, axis: int, before: Dim, after: Dim) -> Value:
    last = x.shape[axis] - 1
    ends = [_stretched(x, axis, 0, before), x, _stretched(x, axis, last, after)]
    return join([part for part in ends if part.shape[axis] != 0], axis)


def _stretched(x: Value, axis: int, place: Dim, count: Dim) -> Value:
    """Return one place along an axis, ``count`` times."""
    shape = (*x.shape[:axis], *x.shape[axis + 1 :])
    axes = tuple(a for a in range(x.ndim) if a != axis)
    point = reshaped(take_axis(x, axis, place, 1), shape)
    whole = (*x.shape[:axis], count, *x.shape[axis + 1 :])
    return broadcast_to(point, shape=whole, axes=axes) if axes else spread(point, whole)


def _mirrored(skip: int) -> Any:
    """Return how to pad with a reflection, the edge itself skipped or not."""

    def extend(e: Emitter, x: Value, axis: int, before: Dim, after: Dim) -> Value:
        length = x.shape[axis]
        _fits(e, before, after, length - skip)
        parts = [
            flip(take_axis(x, axis, skip, before), axis),
            x,
            flip(take_axis(x, axis, length - skip - after, after), axis),
        ]
        return join([part for part in parts if part.shape[axis] != 0], axis)

    return extend


def _wrapped(e: Emitter, x: Value, axis: int, before: Dim, after: Dim) -> Value:
    length = x.shape[axis]
    _fits(e, before, after, length)
    parts = [take_axis(x, axis, length - before, before), x, take_axis(x, axis, 0, after)]
    return join([part for part in parts if part.shape[axis] != 0], axis)


def _fits(e: Emitter, before: Dim, after: Dim, limit: Dim) -> None:
    if not (e.holds(before, "<=", limit) and e.holds(after, "<=", limit)):
        raise Unsupported("padding by more than the array has; concatenate the parts instead")


_EDGES = {
    "edge": _edge,
    "reflect": _mirrored(1),
    "symmetric": _mirrored(0),
    "wrap": _wrapped,
}

RULES: dict[Any, Any] = {
    np.concatenate: concatenate,
    np.stack: stack_rule,
    np.vstack: vstack,
    np.hstack: hstack,
    np.dstack: dstack,
    np.column_stack: column_stack,
    np.append: append,
    np.split: array_split,
    np.array_split: array_split,
    np.hsplit: hsplit,
    np.vsplit: vsplit,
    np.dsplit: dsplit,
    np.repeat: repeat,
    np.tile: tile,
    np.roll: roll,
    np.pad: pad,
}
