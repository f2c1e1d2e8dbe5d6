"""What a loop may run over whole: iterables whose items are known by their numbers.

``zip``, ``enumerate`` and ``reversed`` of such are such themselves, until somebody asks for the
first item otherwise.
"""

from __future__ import annotations

import builtins
import functools
import operator
from collections.abc import Callable, Iterator
from typing import Any

from tracegraph.ir.graph import Value
from tracegraph.ir.ops.arithmetic import add, multiply
from tracegraph.ir.ops.choice import minimum
from tracegraph.ir.record import record
from tracegraph.ir.sizes import floordiv
from tracegraph.ir.types import INT64
from tracegraph.numpy.emit import in_range
from tracegraph.ranges import DataRange, SizeRange
from tracegraph.recording import Recording
from tracegraph.standin import ABSENT, Traced, dim_of, is_size
from tracegraph.values import real_of


@record
class Items:
    """The items of an iterable.

    Parameters
    ----------
    count : int, Size or Traced
        How many there are, if that is not negative; a Python int without a value where data says.
    at : callable
        ``at(k)`` gives one by its number: a size, or a Python int without a value.
    real : callable
        Returns an iterable of the real items.
    distance : int, Size or Traced
        At least ``count``, of the same sign.
    """

    count: Any
    at: Callable[[Any], Any]
    real: Callable[[], Any]
    distance: Any

    @property
    def is_data(self) -> bool:
        """Return whether how many there are has no value."""
        return builtins.type(self.count) is Traced


class Fresh:
    """Stands for an iterator that ``zip``, ``enumerate`` or ``reversed`` gives.

    Parameters
    ----------
    kind : type
        What it stands for.
    items : Items
        What it gives, as long as it has not ``begun``.
    begin : callable
        Returns the iterator itself.
    """

    __slots__ = ("begin", "begun", "items", "kind")

    def __init__(self, kind: type, items: Items, begin: Callable[[], Iterator[Any]]) -> None:
        self.kind, self.items, self.begin = kind, items, begin
        self.begun: Iterator[Any] | None = None

    @property  # type: ignore[misc]  # isinstance asks for it
    def __class__(self) -> type:
        return self.kind

    def __iter__(self) -> Fresh:
        return self

    def __next__(self) -> Any:
        if self.begun is None:
            self.begun = self.begin()
        return next(self.begun)


def items_of(recording: Recording, iterable: Any) -> Items | None:
    """Return the items of an iterable, if they are known by their numbers."""
    if not recording.is_noting:
        return None
    kind = builtins.type(iterable)
    if kind is Fresh:
        return iterable.items if iterable.begun is None else None
    if kind is range:
        start, stop, step = iterable.start, iterable.stop, iterable.step
        if not all(in_range(number, INT64) for number in (start, stop, step, stop - start)):
            return None  # a length that is no size, or numbers that are no int64
        return _of_range(recording, iterable.start, iterable.step, len(iterable), iterable)
    if kind is SizeRange:
        step = iterable.step
        distance = (iterable.stop - iterable.start) * (1 if step > 0 else -1)
        count = floordiv(distance + (abs(step) - 1), abs(step))
        items = _of_range(recording, iterable.start, step, count, iterable.actual)
        return Items(count, items.at, items.real, distance)
    if kind is DataRange:
        return _of_range(recording, iterable.start, iterable.step, iterable.count, iterable)
    if kind is Traced and not iterable.is_python_scalar and iterable.value.shape:
        return _of_array(recording, iterable)
    return None


def _of_range(recording: Recording, start: Any, step: int, count: Any, real: Any) -> Items:
    def at(number: Any) -> Any:
        if is_size(number):
            return recording.size(start + step * dim_of(number))
        literal, first = recording.emitter.literal, _value_of(recording, start)
        item = add(first, multiply(number.value, literal(step, INT64)))
        return recording.fresh(ABSENT, item, int)

    return Items(count, at, lambda: real, count)


def _value_of(recording: Recording, number: Any) -> Value:
    if builtins.type(number) is Traced:
        return recording.value_of(number)
    return recording.emitter.value(number, INT64)


def _of_array(recording: Recording, array: Traced) -> Items:
    def at(number: Any) -> Any:
        return recording.call(operator.getitem, (array, number), {})

    count = array.value.shape[0]
    return Items(count, at, lambda: real_of(array), count)


# -- their builtins -------------------------------------------------------------------------------


def zipped(recording: Recording, *iterables: Any, strict: bool = False) -> Any:
    """Return the recordable form of ``zip``."""
    known = [items_of(recording, each) for each in iterables]
    parts = [part for part in known if part is not None]
    if strict or not parts or len(parts) < len(known):
        return zip(*iterables, strict=strict)
    count = functools.reduce(functools.partial(_smaller, recording), [part.count for part in parts])
    items = Items(
        count,
        lambda number: tuple(part.at(number) for part in parts),
        lambda: zip(*(part.real() for part in parts), strict=False),
        count,
    )
    return Fresh(zip, items, lambda: iter(zip(*iterables, strict=False)))


def _smaller(recording: Recording, one: Any, other: Any) -> Any:
    """Return the smaller of two numbers of items."""
    if Traced not in map(builtins.type, (one, other)):
        return recording.emitter.smaller(one, other)
    value = minimum(_value_of(recording, one), _value_of(recording, other))
    return recording.fresh(ABSENT, value, int)


def enumerated(recording: Recording, iterable: Any, start: Any = 0) -> Any:
    """Return the recordable form of ``enumerate``."""
    part = items_of(recording, iterable)
    if part is None or not is_size(start):
        return enumerate(iterable, start)
    numbers = _of_range(recording, dim_of(start), 1, part.count, range(0))
    items = Items(
        part.count,
        lambda number: (numbers.at(number), part.at(number)),
        lambda: enumerate(part.real(), real_of(start)),
        part.distance,
    )
    return Fresh(enumerate, items, lambda: iter(enumerate(iterable, start)))


def backwards(recording: Recording, sequence: Any) -> Any:
    """Return the recordable form of ``reversed``."""
    part = items_of(recording, sequence)
    if part is None or builtins.type(sequence) is Fresh:
        return reversed(sequence)
    last = part.count - 1

    def at(number: Any) -> Any:
        return part.at(_of_range(recording, last, -1, part.count, range(0)).at(number))

    items = Items(part.count, at, lambda: reversed(part.real()), part.distance)
    return Fresh(reversed, items, lambda: iter(reversed(sequence)))
