"""Slices: which box of an array a basic index names, whatever the sizes are."""

from __future__ import annotations

from typing import Any

from tracegraph.ir.graph import Value
from tracegraph.ir.ops.boxes import slice_, slice_update
from tracegraph.ir.record import record
from tracegraph.ir.sizes import Dim, Size, floordiv, nonnegative
from tracegraph.numpy.arguments import integer, reshaped
from tracegraph.numpy.emit import Emitter, Sym, Unsupported


@record(eq=True)
class Range:
    """Part of an axis: ``start + step * i`` for each i below ``length``."""

    start: Dim
    length: Dim
    step: int


@record(eq=True)
class Box:
    """A basic index: part of each axis, and the shape in which the view shows it."""

    ranges: tuple[Range, ...]
    shape: tuple[Dim, ...]

    def read(self, x: Value) -> Value:
        """Return what the index sees."""
        if not self._is_all(x):
            x = slice_(
                x,
                start=tuple(r.start for r in self.ranges),
                shape=self._lengths,
                step=tuple(r.step for r in self.ranges),
            )
        return reshaped(x, self.shape)

    def write(self, x: Value, new: Value) -> Value:
        """Return ``x`` with other content where the index sees it."""
        new = reshaped(new, self._lengths)
        if self._is_all(x):
            return new
        starts, steps = (tuple(r.start for r in self.ranges), tuple(r.step for r in self.ranges))
        out: Value = slice_update(x, new, start=starts, step=steps)
        return out

    @property
    def _lengths(self) -> tuple[Dim, ...]:
        return tuple(r.length for r in self.ranges)

    def _is_all(self, x: Value) -> bool:
        return all(r == Range(0, dim, 1) for r, dim in zip(self.ranges, x.shape, strict=True))


def bound(x: Any) -> Dim:
    """Return a bound of a slice, or a plain index."""
    if isinstance(x, Sym):
        raise Unsupported("a slice whose bounds depend on data; use np.where with np.arange")
    return x if isinstance(x, Size) else integer(x, "a slice bound")


def from_start(e: Emitter, place: Dim, length: Dim) -> Dim:
    """Return a place that may be counted from the end, counted from the start."""
    if nonnegative(place):
        return place
    return place if e.holds(0, "<=", place) else length + place


def point(e: Emitter, index: Any, length: Dim) -> Range:
    """Return the one place that an integer names."""
    place = from_start(e, bound(index), length)
    if not (e.holds(0, "<=", place) and e.holds(place, "<", length)):
        raise Unsupported(f"the index {index} is outside an axis of length {length}")
    return Range(place, 1, 1)


def slice_range(e: Emitter, index: slice, length: Dim) -> Range:
    """Return the part of an axis that a slice names."""
    step = 1 if index.step is None else integer(index.step, "a slice step")
    low, high = (0, length) if step > 0 else (-1, length - 1)
    first, last = (low, high) if step > 0 else (high, low)
    start = first if index.start is None else _clamped(e, index.start, length, low, high)
    stop = last if index.stop is None else _clamped(e, index.stop, length, low, high)
    distance = stop - start if step > 0 else start - stop
    if abs(step) == 1 and e.varies(distance) and nonnegative(distance):
        return Range(start, distance, step)  # of a length that grows from nothing
    if not e.holds(1, "<=", distance):
        return Range(0, 0, step)
    return Range(start, floordiv(distance + abs(step) - 1, abs(step)), step)


def _clamped(e: Emitter, place: Any, length: Dim, low: Dim, high: Dim) -> Dim:
    at = from_start(e, bound(place), length)
    if not e.holds(low, "<=", at):
        return low
    return e.smaller(at, high)
