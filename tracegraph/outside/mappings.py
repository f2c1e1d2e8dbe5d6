"""Stand-ins for dicts and their kin from outside."""

from __future__ import annotations

import operator
from collections import Counter, OrderedDict, abc, defaultdict
from copy import copy as shallow_copy
from enum import Enum
from typing import TYPE_CHECKING, Any

import numpy as np

from tracegraph.codegen.signature import Missing, Structure
from tracegraph.outside.base import OutsideContainer, opened
from tracegraph.places import Place
from tracegraph.standin import Traced, TracedSize

if TYPE_CHECKING:
    from tracegraph.recording import Recording

SIMPLE_KEYS = frozenset({str, int, bool, bytes, float, complex, type(None), type})
"""The exact classes of keys whose items can be guarded one by one: hashing runs no user's code."""

BUILTIN_FACTORIES = (list, dict, set, int, float, complex, str, tuple, bool)

GONE = object()
"""What is known of a key that the function has deleted."""

UNFOLLOWED_OR = OutsideContainer.__dict__["__ior__"]

LATER = object()
"""An item that the function has not loaded: it may only want to know that it is there."""


class OutsideDict(OutsideContainer):
    """Stands for a dict, a defaultdict or a Counter.

    ``_written`` has what the function stored, by key; ``_is_cleared`` says that nothing else is
    there any more.
    """

    __slots__ = ("_is_cleared", "_written")

    def __init__(self, recording: Recording, place: Place, actual: Any) -> None:
        super().__init__(recording, place, actual)
        self._written: dict[Any, Any] = {}
        self._is_cleared = False

    def _filled(self) -> Any:
        place, entry = self.place, self._entry
        keys = tuple(entry)
        if isinstance(entry, OrderedDict):
            self.recording.give_up(f"the order of {place} is not checked; use a dict", lost=False)
        elif not all(map(is_simple, keys)):
            self.recording.give_up(f"{place} has keys that are no strings, numbers or types")
        else:
            spec = Structure(source=place.source, type=type(entry), keys=keys)
            self.recording.externals.add(place.part("keys"), spec)
        made = shallow_copy(entry)  # keeps the class, and a defaultdict's factory
        made.update({key: self._load(place.entry(key), value) for key, value in entry.items()})
        return made

    def perform(self, name: str, *args: Any) -> Any:
        """Do what changes the container by a method of that name: now, and in compiled calls."""
        result = super().perform(name, *args)
        if name == "clear":
            self._written.clear()
            self._is_cleared = True
        elif name == "__setitem__":
            self._written[args[0]] = args[1]
        else:
            self._written[args[0]] = GONE
        return result

    def _key(self, key: Any) -> Any:
        """Return a key as a plain value; recorded numbers and objects in it are guarded."""
        kind = type(key)
        if kind is Traced:
            return self.recording.observe(key)
        if kind is TracedSize:
            return operator.index(key)
        if kind is tuple:
            return tuple(map(self._key, key))
        if self.recording.is_noting:
            self.recording.externals.bind_identities(key, key)
        return key

    def _find(self, key: Any) -> tuple[bool, Any]:
        """Return whether there is an item, which is guarded, and what is known of it."""
        if not self.recording.is_noting:
            return key in self.actual, self.actual.get(key)
        if self._copy is None and key in self._written:
            value = self._written[key]
            return value is not GONE, value
        if self._copy is None and self._is_cleared:
            return False, None
        if self._copy is not None or not is_simple(key):
            content = self.opened()
            return key in content, content.get(key)
        if key in self._entry:
            return True, LATER
        missing = self.place.entry(key)
        self.recording.externals.add(missing.part("missing"), Missing(source=missing.source))
        return False, None

    def _item(self, key: Any, value: Any) -> Any:
        """Return an item that was found."""
        return self._load(self.place.entry(key), self._entry[key]) if value is LATER else value

    def _missing(self, key: Any) -> Any:
        """Do what the class does for a key that is not there."""
        actual = self.actual
        if not self.recording.is_noting or not isinstance(actual, defaultdict):
            return actual[key]
        factory = self._load(self.place.attribute("default_factory"), actual.default_factory)
        if factory not in BUILTIN_FACTORIES:
            self.recording.give_up("a defaultdict calls a factory that is no builtin class")
            return actual[key]
        self[key] = made = factory()
        return made

    def __getitem__(self, key: Any) -> Any:
        key = self._key(key)
        found, value = self._find(key)
        return self._item(key, value) if found else self._missing(key)

    def __contains__(self, key: Any) -> bool:
        key = self._key(key)
        found, value = self._find(key)
        if value is LATER:
            self._exists(self.place.entry(key), self._entry[key])
        return found

    def __setitem__(self, key: Any, value: Any) -> None:
        self.perform("__setitem__", self._key(key), value)

    def __delitem__(self, key: Any) -> None:
        key = self._key(key)
        self.__contains__(key)
        self.perform("__delitem__", key)

    def get(self, key: Any, default: Any = None) -> Any:
        """``x.get(key, default)``."""
        key = self._key(key)
        found, value = self._find(key)
        return self._item(key, value) if found else default

    def setdefault(self, key: Any, default: Any = None) -> Any:
        """``x.setdefault(key, default)``."""
        key = self._key(key)
        found, value = self._find(key)
        if found:
            return self._item(key, value)
        self[key] = default
        return default

    def pop(self, key: Any, *default: Any) -> Any:
        """``x.pop(key, default)``."""
        key = self._key(key)
        found, value = self._find(key)
        if not found:
            return self.actual.pop(key, *default)
        value = self._item(key, value)
        self.perform("__delitem__", key)
        return value

    def popitem(self) -> Any:
        """``x.popitem()``."""
        content = self.opened()
        if not content:
            return self.actual.popitem()  # raises
        key = next(reversed(content))
        return key, self.pop(key)

    def update(self, *others: Any, **named: Any) -> None:
        """``x.update(other, **named)``."""
        if isinstance(self.actual, Counter):
            self.recording.give_up("an outside Counter is updated; add to its items instead")
            self.actual.update(*map(opened, others), **named)
            return
        for key, value in dict(*others, **named).items():
            self[key] = value

    def __ior__(self, other: Any) -> Any:  # type: ignore[misc]  # takes more than `|` does
        if isinstance(self.actual, Counter):
            return UNFOLLOWED_OR(self, other)
        self.update(other)
        return self


def is_simple(key: Any) -> bool:
    """Return whether a key may be looked up by itself: hashing it runs no user's code."""
    if type(key) is tuple:
        return all(map(is_simple, key))
    return type(key) in SIMPLE_KEYS or isinstance(key, (np.dtype, np.generic, Enum))


abc.Mapping.register(OutsideDict)
