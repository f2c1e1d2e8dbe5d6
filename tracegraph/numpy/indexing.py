"""Reading and writing ``x[index]``: integers, slices, arrays of integers, masks, and all mixed.

An index is split in two: a *box*, the basic part, which is a view; and arrays of integers, which
select along axes of that view. Where there are integers that data decides, and no arrays, the
element or part that all integers name comes first, and what the slices see of that is a view.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tracegraph.ir.graph import Value
from tracegraph.ir.ops.broadcast import broadcast_to, sum_
from tracegraph.ir.ops.choice import select
from tracegraph.ir.ops.compare import equal
from tracegraph.ir.ops.contract import permuted
from tracegraph.ir.ops.index import gather, scatter, scatter_add
from tracegraph.ir.ops.selection import flatnonzero
from tracegraph.ir.ops.structural import inverse
from tracegraph.ir.record import record
from tracegraph.ir.size_values import hint
from tracegraph.ir.sizes import Dim, Size, product
from tracegraph.ir.types import BOOL, INT64, DType, Shape
from tracegraph.numpy.arguments import array, reshaped
from tracegraph.numpy.computed_places import inside
from tracegraph.numpy.emit import Emitter, Sym, Unsupported
from tracegraph.numpy.slices import Box, Range, point, slice_range


@dataclass
class Selection:
    """What an index means for an array of some shape.

    Parameters
    ----------
    box : Box
        The view that its slices, integers and new axes name; axes with arrays are whole there.
    shape : tuple of int or Size
        That of the view, with the axes of each mask taken together.
    arrays : dict of int to Value
        For axes of ``shape``, the places to select: int64, inside, of one shape.
    place : int
        Where the axes of those arrays go, among the other axes of ``shape``.
    """

    box: Box
    shape: Shape
    arrays: dict[int, Value]
    place: int

    @property
    def axes(self) -> tuple[int, ...]:
        return tuple(sorted(self.arrays))

    def _order(self, ndim: int) -> tuple[int, ...]:
        """Return which axis of a gather's result becomes each axis of NumPy's result."""
        batch = next(iter(self.arrays.values())).ndim
        rest = range(batch, batch + ndim - len(self.arrays))
        return (*rest[: self.place], *range(batch), *rest[self.place :])

    def read(self, x: Value) -> Value:
        view = reshaped(self.box.read(x), self.shape)
        if not self.arrays:
            return view
        taken = gather(view, *(self.arrays[axis] for axis in self.axes), axes=self.axes)
        return permuted(taken, self._order(view.ndim))

    def write(self, e: Emitter, x: Value, new: Value, op: Any = scatter) -> Value:
        view = reshaped(self.box.read(x), self.shape)
        if not self.arrays:
            fitted = without_leading_ones(e, new, view.ndim)
            return self.box.write(x, e.broadcast(fitted, view.shape))
        indices = [self.arrays[axis] for axis in self.axes]
        order = self._order(view.ndim)
        rest = (dim for axis, dim in enumerate(view.shape) if axis not in self.axes)
        taken: Shape = (*indices[0].shape, *rest)
        fitted = without_leading_ones(e, new, len(order))
        updates = permuted(e.broadcast(fitted, tuple(taken[i] for i in order)), inverse(order))
        return self.box.write(x, op(view, updates, *indices, axes=self.axes))


def without_leading_ones(e: Emitter, new: Value, ndim: int) -> Value:
    """Drop axes that an assigned array has too many: NumPy lets them be of length 1."""
    extra = max(new.ndim - ndim, 0)
    e.must_equal(new.shape[:extra], (1,) * extra)
    return reshaped(new, new.shape[extra:])


def select_parts(e: Emitter, x: Value, index: Any, new: Value | None = None) -> Selection:
    """Return what an index means where it is read, or where ``new`` is written."""
    items = expanded(index_items(e, index), x.ndim)
    reader = _Reader(e, x.shape)
    for item in items:
        reader.take(item)
    return reader.selection(_is_split(items), new)


def index_items(e: Emitter, index: Any) -> list[Any]:
    """Return the items of an index; arrays and lists are values, all else is as it was."""
    return [_item(e, item) for item in (index if isinstance(index, tuple) else (index,))]


def _item(e: Emitter, item: Any) -> Any:
    if item is None or item is Ellipsis or isinstance(item, (slice, Size)):
        return item
    if isinstance(item, (bool, np.bool_)):
        return e.value(item, BOOL)
    if isinstance(item, (list, tuple)):
        value = e.cast(array(e, item), INT64) if len(item) == 0 else array(e, item)
    elif isinstance(item, (Sym, Value)):
        value = item.value if isinstance(item, Sym) else item
    else:
        return operator.index(item)
    if value.dtype.kind not in "biu":
        raise Unsupported(f"an index of dtype {value.dtype}; use integers, slices or masks")
    return value if value.dtype == BOOL else e.cast(value, INT64)


def is_mask(item: Any) -> bool:
    """Return whether an item of an index is an array of booleans."""
    return isinstance(item, Value) and item.dtype == BOOL


def expanded(items: list[Any], ndim: int) -> list[Any]:
    """Return items with the slices that an ellipsis, or the end, stands for."""
    used = sum(_axes_used(item) for item in items)
    # The ellipsis stays: it keeps arrays apart even where it stands for nothing.
    whole = [slice(None)] * (ndim - used)
    for at, item in enumerate(items):
        if item is Ellipsis:
            return [*items[: at + 1], *whole, *items[at + 1 :]]
    return [*items, *whole]


def _axes_used(item: Any) -> int:
    if item is None or item is Ellipsis:
        return 0
    return item.ndim if is_mask(item) else 1


def _is_point(item: Any) -> bool:
    return isinstance(item, (int, Size, Value))


def _is_split(items: Sequence[Any]) -> bool:
    """Return whether something else stands between the integers and arrays of an index."""
    places = [at for at, item in enumerate(items) if _is_point(item)]
    return bool(places) and places[-1] - places[0] >= len(places)


@dataclass
class _Reader:
    """Reads an index from left to right."""

    e: Emitter
    shape: Shape
    ranges: list[Range] = field(default_factory=list)
    view: list[Dim] = field(default_factory=list)
    merged: list[Dim] = field(default_factory=list)
    arrays: dict[int, Value] = field(default_factory=dict)
    masks: dict[int, Value] = field(default_factory=dict)
    place: int | None = None

    def take(self, item: Any) -> None:
        if item is None:
            self.view.append(1)
            self.merged.append(1)
        elif item is Ellipsis:
            pass
        elif isinstance(item, slice):
            self._keep(slice_range(self.e, item, self._length))
        elif is_mask(item):
            self._mask(item)
        else:
            self._point(item)

    @property
    def _length(self) -> Dim:
        return self.shape[len(self.ranges)]

    def _keep(self, part: Range) -> None:
        self.ranges.append(part)
        self.view.append(part.length)
        self.merged.append(part.length)

    def _mask(self, mask: Value) -> None:
        """Select by a mask: at its places, counted over all its axes."""
        if self.place is None:
            self.place = len(self.merged)
        at = len(self.ranges)
        lengths = self.shape[at : at + mask.ndim]
        self.e.must_equal(mask.shape, lengths)
        self.masks[len(self.merged)] = mask
        self.ranges += [Range(0, length, 1) for length in lengths]
        self.view += lengths
        self.merged.append(product(lengths))

    def _point(self, item: Any) -> None:
        if self.place is None:
            self.place = len(self.merged)
        if isinstance(item, Value):
            self.arrays[len(self.merged)] = inside(self.e, item, self._length)
            self._keep(Range(0, self._length, 1))
        else:
            self.ranges.append(point(self.e, item, self._length))

    def selection(self, is_split: bool, new: Value | None) -> Selection:
        """Return what was read; ``new`` is what is written there, None where it is read."""
        box, shape = Box(tuple(self.ranges), tuple(self.view)), tuple(self.merged)
        place = 0 if is_split else self.place or 0
        ndim = max([1, *(index.ndim for index in self.arrays.values())])
        behind = len(shape) - len(self.arrays) - len(self.masks) - place
        for axis, mask in self.masks.items():
            if new is None:
                self.arrays[axis] = self.e.selected(mask, _seen_length(self.e, place + ndim - 1))
            else:
                self.arrays[axis] = _places_for(self.e, mask, new, behind)
        joint = self.e.align(list(self.arrays.values()))
        arrays = dict(zip(self.arrays, joint, strict=True))
        return Selection(box, shape, arrays, place)


def _seen_length(e: Emitter, axis: int) -> int | None:
    """Return the length that an axis of the result had, None inside vmap."""
    return e.given.shape[axis] if isinstance(e.given, np.ndarray) else None


def _places_for(e: Emitter, mask: Value, new: Value, behind: int) -> Value:
    """Return the places of a mask that are written, as many as there are values.

    ``behind`` says how many axes stand behind that of the places.
    """
    axis = new.ndim - behind - 1
    given: Dim = new.shape[axis] if axis >= 0 else 1
    flat = reshaped(mask, (product(mask.shape),))
    count = e.counts.get(flat.node)
    if count is not None and given in (1, count):
        return e.selected(flat, hint(count))
    if hint(given) in (1, None):
        raise Unsupported(
            "how many values are written where a mask holds is not known; use np.where"
        )
    # NumPy has found that there are as many values as places.
    total = sum_(e.cast(flat, INT64), axes=(0,))
    e.guard(equal(total, e.value(given, INT64)), True, str(given).encode())
    fixed: Value = flatnonzero(flat, count=given)
    return fixed


# -- the rules ----------------------------------------------------------------------------------


def getitem(e: Emitter, x: Any, index: Any) -> Sym:
    """The rule of ``x[index]``."""
    value = array(e, x)
    items = index if isinstance(index, tuple) else (index,)
    fresh = any(map(_makes_a_copy, items))
    part = _named_part(e, value, index_items(e, index))
    if part is None:
        return Sym(select_parts(e, value, index).read(value), fresh=fresh)
    seen = part.read(value)
    return Sym(select_parts(e, seen, part.rest).read(seen), fresh=fresh)


def _makes_a_copy(item: Any) -> bool:
    """Return whether what an item of an index selects is a copy: also by an array without axes."""
    if isinstance(item, Sym):
        return item.weak is bool or item.dtype == BOOL or not (item.scalar or item.weak)
    return isinstance(item, (Value, bool, np.bool_, np.ndarray, list, tuple))


def setitem(e: Emitter, x: Sym, index: Any, new: Any) -> Sym:
    """The rule of ``x[index] = new``: the complete new content of x."""
    items = index_items(e, index)
    update = _update(e, new, x.dtype, items)
    masked = _write_masked(e, x.value, items, update) if any(map(is_mask, items)) else None
    if masked is not None:
        return Sym(masked)
    part = _named_part(e, x.value, items)
    if part is not None:
        seen = part.read(x.value)
        new = select_parts(e, seen, part.rest, update).write(e, seen, update)
        return Sym(part.write(x.value, new))
    return Sym(select_parts(e, x.value, index, update).write(e, x.value, update))


def _update(e: Emitter, new: Any, dtype: DType, items: Sequence[Any]) -> Value:
    """Return what is written, cast as NumPy does it at places that items of an index name."""
    many = any(_is_array(item) and (item.ndim or is_mask(item)) for item in items)
    if many or isinstance(new, (list, tuple)):
        return array(e, new, dtype)
    return e.stored(new, dtype)


@record
class _NamedPart:
    """The part of an array that the integers of an index name, and what is left of the index."""

    places: dict[int, Value]
    rest: tuple[Any, ...]

    def read(self, x: Value) -> Value:
        out: Value = gather(x, *self.places.values(), axes=tuple(self.places))
        return out

    def write(self, x: Value, new: Value) -> Value:
        out: Value = scatter(x, new, *self.places.values(), axes=tuple(self.places))
        return out


def _named_part(e: Emitter, x: Value, items: Sequence[Any]) -> _NamedPart | None:
    """Return the part that integers name; None without one that data decides, or with arrays."""
    arrays = [item for item in items if _is_array(item)]
    if not arrays or any(item.ndim or is_mask(item) for item in arrays):
        return None
    places: dict[int, Value] = {}
    rest: list[Any] = []
    axis = 0
    for item in expanded([*items], x.ndim):
        if _is_array(item):
            places[axis] = inside(e, item, x.shape[axis])
        elif _is_point(item):
            places[axis] = e.value(point(e, item, x.shape[axis]).start, INT64)
        else:
            rest.append(item)
        axis += _axes_used(item)
    return _NamedPart(places, tuple(rest))


def _write_masked(e: Emitter, x: Value, items: list[Any], new: Value) -> Value | None:
    """Write one number, or one row for all, where a mask holds; None if it is not that."""
    items = expanded(items, x.ndim)
    if sum(map(_is_array, items)) > 1:
        return None
    at, mask = next((i, item) for i, item in enumerate(items) if is_mask(item))
    e_items = [*items[:at], *[slice(None)] * mask.ndim, *items[at + 1 :]]
    view_axis = sum(not isinstance(i, (int, Size)) and i is not Ellipsis for i in items[:at])
    parts = select_parts(e, x, tuple(e_items))
    view = parts.box.read(x)
    axes = tuple(range(view_axis, view_axis + mask.ndim))
    e.must_equal(mask.shape, tuple(view.shape[axis] for axis in axes))
    holds = mask if mask.shape == view.shape else broadcast_to(mask, shape=view.shape, axes=axes)
    update = _for_every_place(e, new, view.shape[view_axis + mask.ndim :], view_axis)
    if update is None:
        return None
    return parts.box.write(x, select(holds, e.broadcast(update, view.shape), view))


def _is_array(item: Any) -> bool:
    return isinstance(item, Value)


def _for_every_place(e: Emitter, new: Value, row: Shape, before: int) -> Value | None:
    """Return what is written at each place that a mask selects, if it is the same at all."""
    if new.ndim == len(row) + 1 and new.shape[0] == 1 and not before:
        new = reshaped(new, new.shape[1:])
    return None if new.ndim > len(row) else e.broadcast(new, row)


def add_at(e: Emitter, x: Sym, indices: Any, b: Any) -> Sym:
    """The rule of ``np.add.at``: every update counts, also where places repeat."""
    items = index_items(e, indices)
    if any(map(is_mask, items)) or not any(map(_is_array, items)) or x.dtype == BOOL:
        raise Unsupported("np.add.at with anything but arrays of integers; write x[index] += b")
    update = e.cast(array(e, b), x.dtype)
    return Sym(select_parts(e, x.value, indices).write(e, x.value, update, scatter_add))


RULES: dict[Any, Any] = {
    operator.getitem: getitem,
    operator.setitem: setitem,
    np.add.at: add_at,
}
