"""Stand-ins for lists, deques and sets from outside."""

from __future__ import annotations

import operator
from collections import abc
from collections.abc import Iterable, Iterator
from copy import copy as shallow_copy
from typing import Any

import numpy as np

from tracegraph.outside.base import OutsideContainer
from tracegraph.standin import ArrayHolder, Traced, TracedSize
from tracegraph.values import real_of

LENGTHS = 8
"""How many lengths of a sequence that is looked at and changed get a trace each."""


def is_of_numpy(value: Any) -> bool:
    """Return whether a value takes an operator over from a list: then NumPy answers."""
    if type(value) is Traced:
        return not value.is_python_scalar
    return isinstance(value, (np.ndarray, np.generic, ArrayHolder))


class _Sequence(OutsideContainer):
    """What lists and deques share."""

    __slots__ = ()

    def _filled(self) -> Any:
        if self._log:
            self._expect_few_lengths()
        length = operator.index(self._load(self.place.length(), len(self._entry)))
        items = [self._load(self.place.item(i), self._entry[i]) for i in range(length)]
        made = shallow_copy(self._entry)
        made.clear()
        made.extend(items)
        return made

    def _expect_few_lengths(self) -> None:
        """Give up where what is both looked at and changed needs a trace for each length."""
        seen = self.recording.externals.policy.ints.get(self.place.length().key, ())
        if len(set(seen)) > LENGTHS:
            reason = f"{self.place} is looked at and grows from call to call; look at single items"
            self.recording.give_up(reason, lost=False)

    def perform(self, name: str, *args: Any) -> Any:
        """Do what changes the container by a method of that name: now, and in compiled calls."""
        if self._copy is not None:
            self._expect_few_lengths()
        return super().perform(name, *args)

    def length(self) -> Any:
        """Return its length: that at the call, and what the function has added since."""
        if self._copy is not None or not self.recording.is_noting:
            return len(self.opened())
        before = len(self._entry)
        return self._load(self.place.length(), before) + (len(self.actual) - before)

    def _position(self, index: Any) -> int | None:
        """Return an index of an item there is while nothing was looked at or changed."""
        if type(index) is Traced and not isinstance(index.actual, (int, np.integer)):
            with self.recording.giving_up_if_raised(list.__getitem__):
                self.actual[index.actual]  # raises
        if type(index) in (int, bool, Traced, TracedSize) and self._is_untouched:
            position = operator.index(index)
            if -len(self._entry) <= position < len(self._entry):
                return position
        return None

    def _appended(self) -> list[Any] | None:
        """Return what was appended where nothing else was done, and nothing looked at."""
        if self._copy is not None or not self.recording.is_noting or not self._log:
            return None
        if {name for name, _ in self._log} != {"append"}:
            return None
        added = [args[0] for _, args in self._log]
        return added if len(added) <= len(self.actual) else None  # a deque may be bounded

    def __getitem__(self, index: Any) -> Any:
        position, end = self._position(index), self._appended()
        if position is not None:
            return self._load(self.place.item(position), self._entry[position])
        if end is not None and type(index) is int and -len(end) <= index < 0:
            return end[index]
        return self.opened()[index]

    def __setitem__(self, index: Any, value: Any) -> None:
        if type(index) is slice:
            self.opened()
            self.perform("__setitem__", index, tuple(value))
            return
        position = self._position(index)
        if position is None:
            self.opened()
        else:
            self._exists(self.place.item(position), self._entry[position])
        self.perform("__setitem__", index if position is None else position, value)

    def append(self, value: Any) -> None:
        """``x.append(value)``."""
        self.perform("append", value)

    def insert(self, index: Any, value: Any) -> None:
        """``x.insert(index, value)``."""
        self.perform("insert", operator.index(index), value)

    def reverse(self) -> None:
        """``x.reverse()``."""
        self.perform("reverse")

    def remove(self, value: Any) -> None:
        """``x.remove(value)``."""
        self.opened()
        self.perform("remove", value)

    def extend(self, values: Iterable[Any]) -> None:
        """``x.extend(values)``."""
        if isinstance(values, Iterator):
            for value in values:
                self.perform("append", value)
        else:
            self.perform("extend", tuple(values))

    def __iadd__(self, values: Any) -> Any:  # type: ignore[misc]  # takes more than `+` does
        if is_of_numpy(values):
            return NotImplemented
        self.extend(values)
        return self

    def __imul__(self, times: Any) -> Any:  # type: ignore[misc]  # its own way, as above
        real = real_of(times)
        if (is_of_numpy(times) and np.ndim(real)) or not hasattr(type(real), "__index__"):
            return NotImplemented
        self.perform("__imul__", operator.index(times))
        return self


class OutsideList(_Sequence):
    """Stands for a list."""

    __slots__ = ()

    def pop(self, index: Any = -1) -> Any:
        """``x.pop(index)``."""
        position = self._position(index)
        if position is None:
            self.opened()
            return self.perform("pop", index)
        value = self[position]
        self.perform("pop", position)
        return value

    def sort(self, *, key: Any = None, reverse: Any = False) -> None:
        """``x.sort(key=key, reverse=reverse)``."""
        if key is not None:
            self.recording.give_up(
                "an outside list is sorted by a key; assign x[:] = sorted(x, key=key) instead"
            )
            self.actual.sort(key=key, reverse=reverse)
            return
        self[:] = sorted(self.opened(), reverse=reverse)


class OutsideDeque(_Sequence):
    """Stands for a deque."""

    __slots__ = ()

    def length(self) -> Any:
        """Return its length, which may be bounded."""
        return OutsideContainer.length(self)

    def appendleft(self, value: Any) -> None:
        """``x.appendleft(value)``."""
        self.perform("appendleft", value)

    def extendleft(self, values: Iterable[Any]) -> None:
        """``x.extendleft(values)``."""
        for value in values:
            self.perform("appendleft", value)

    def rotate(self, steps: Any = 1) -> None:
        """``x.rotate(steps)``."""
        self.perform("rotate", operator.index(steps))

    def pop(self) -> Any:
        """``x.pop()``."""
        self.opened()
        return self.perform("pop")

    def popleft(self) -> Any:
        """``x.popleft()``."""
        self.opened()
        return self.perform("popleft")


class OutsideSet(OutsideContainer):
    """Stands for a set: it can be added to; looking into it ends the recording."""

    __slots__ = ()

    def _filled(self) -> Any:
        self.recording.give_up("a set from outside is looked at; use a dict or a list")
        return self.actual

    def length(self) -> Any:
        """Return its length."""
        if self._is_untouched:
            return self._load(self.place.length(), len(self._entry))
        return len(self.opened())

    def add(self, value: Any) -> None:
        """``x.add(value)``."""
        self.perform("add", value)

    def discard(self, value: Any) -> None:
        """``x.discard(value)``."""
        self.perform("discard", value)

    def update(self, *others: Iterable[Any]) -> None:
        """``x.update(*others)``."""
        for other in others:
            for value in other:
                self.perform("add", value)


abc.Sequence.register(_Sequence)
