"""Which containers loops take apart, and lists and dicts that they change in place.

Of the latter the items are variables of the loop. The container stays the object that it is, for
all who know it: what an iteration is given, and what the loop leaves, is put into it.
"""

from __future__ import annotations

import types
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from tracegraph.containers import KINDS, Kind
from tracegraph.control.restoring import content_of, put_content
from tracegraph.control.variables import UNBOUND, Cell, content
from tracegraph.ir.errors import AbstractValueError
from tracegraph.ir.record import record
from tracegraph.recording import Recording
from tracegraph.twin import is_twin_code


@record
class Node:
    """What stands in the place of a container: its class, what else it is, where its items are."""

    cls: type
    kind: Kind
    aux: Hashable
    places: tuple[str, ...]

    def items(self, real: Any) -> list[Any] | None:
        """Return the items of another container; None if that is not alike."""
        if type(real) is not self.cls:
            return None
        items, aux = self.kind.flatten(real)
        found = list(items)
        return found if aux == self.aux and len(found) == len(self.places) else None


@record
class Same:
    """What stands in the place of a container that another place holds too."""

    place: str


PLAIN_KEYS = (str, int, bool, float, type(None))


def kind_of_container(value: Any) -> Kind | None:
    """Return how a container is taken apart: tuples, named tuples, lists and dicts are."""
    cls = type(value)
    if cls is tuple:
        return KINDS[cls] if value else None
    if cls is list:
        return KINDS[cls]
    if cls is dict:
        return KINDS[cls] if all(map(_is_plain_key, value)) else None
    is_named = cls.__bases__ == (tuple,) and type(getattr(cls, "_fields", None)) is tuple
    return KINDS[cls] if is_named and value else None


def _is_plain_key(key: Any) -> bool:
    if type(key) is tuple:
        return all(map(_is_plain_key, key))
    return type(key) in PLAIN_KEYS and bool(key == key)  # not a NaN, which may be a key twice


class Item:
    """An item of a list or a dict, as if it were the cell of a variable."""

    def __init__(self, owner: Any, key: Any) -> None:
        self.owner, self.key = owner, key

    @property
    def cell_contents(self) -> Any:
        """What it is."""
        return self.owner[self.key]

    @cell_contents.setter
    def cell_contents(self, value: Any) -> None:
        self.owner[self.key] = value


Variables = Mapping[str, Cell]
"""What a loop binds, or changes in place."""


class Changed:
    """Lists and dicts that a loop changes in place, without adding or removing items.

    Parameters
    ----------
    recording : Recording
        Where the loop is drawn.
    """

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self.owners: list[tuple[str, Any, list[Any]]] = []
        self._known: Mapping[int, Any] = {}
        self._older: dict[int, Any] = {}

    def follow(
        self, changed: Sequence[tuple[Any, list[Any]]], variables: Iterable[tuple[str, Cell]]
    ) -> dict[str, Item] | None:
        """Follow what was changed, as far as nobody else can see it meanwhile.

        Parameters
        ----------
        changed : sequence of tuple of object and list
            What an iteration has changed, and what it then held; it is as before now.
        variables : iterable of tuple of str and cell
            All that the user's own text reaches, with names.

        Returns
        -------
        items : dict of str to Item, or None
            The items, by their places; None if they cannot be followed.
        """
        places = _places(self.recording, variables)
        found: dict[str, Item] = {}
        for owner, now in changed:
            place = None if places is None else places.get(id(owner))
            kind = kind_of_container(owner)
            if place is None or kind is None or not self._has_its_items(owner, now):
                return None
            self.owners.append((place, owner, content_of(owner)))
            keys = list(owner) if type(owner) is dict else range(len(owner))
            names = kind.paths(place, kind.flatten(owner)[1], len(owner))
            found |= {name: Item(owner, key) for name, key in zip(names, keys, strict=True)}
        return found

    def _has_its_items(self, owner: Any, now: list[Any]) -> bool:
        before = content_of(owner)
        if len(before) != len(now):
            return False
        return type(owner) is list or all(
            a is b for a, b in zip(before[::2], now[::2], strict=True)
        )

    def check(self) -> None:
        """Raise where items were added or removed.

        Raises
        ------
        AbstractValueError
            They were.
        """
        for place, owner, before in self.owners:
            now = content_of(owner)
            is_alike = len(now) == len(before)
            if not is_alike or (type(owner) is dict and now[::2] != before[::2]):
                raise AbstractValueError(
                    f"{place} gets or loses items in a loop; make all of them ahead of it"
                )

    def put_back(self) -> None:
        """Let all hold what they held before the loop."""
        for _, owner, before in self.owners:
            put_content(owner, before)

    def real(self, known: Mapping[int, Any], cell: Cell) -> Any:
        """Return what a variable or an item really is; ``known`` has the real containers."""
        return known[id(cell.owner)][cell.key] if isinstance(cell, Item) else content(cell)

    def take_over(self, known: Mapping[int, Any]) -> None:
        """Let all hold what the real ones hold that were in their place; ``known`` has these."""
        old = {id(real): number for number, real in known.items()}
        held = {id(one): one for _, owner, _ in self.owners for one in content_of(owner)}
        self._older = {real: held[number] for real, number in old.items() if number in held}
        self._known = known
        for _, owner, _ in self.owners:
            put_content(owner, content_of(known[id(owner)]))

    def give_up(self) -> None:
        """Let all hold the very containers that they still hold, as nothing else does that."""
        for _, owner, _ in self.owners:
            put_content(owner, [self._older.get(id(one), one) for one in content_of(owner)])


def _places(recording: Recording, variables: Iterable[tuple[str, Cell]]) -> dict[int, str] | None:
    """Return the names of lists and dicts, by identity; None if they may be known elsewhere too."""
    if recording.leaked:
        return None
    found: dict[int, str] = {}
    pending = [(name, content(cell), True) for name, cell in variables]
    pending += [("", one, False) for one in _in_open_lists(recording)]
    while pending:
        place, value, is_variable = pending.pop()
        kind = kind_of_container(value)
        if kind is None:
            if value is not UNBOUND and not _is_quiet(value, is_variable=is_variable):
                return None
        elif id(value) not in found and not recording.lists.is_open(value):
            if recording.externals.way_to(value) is None:
                found[id(value)] = place
            items, aux = kind.flatten(value)
            parts = list(items)
            pending += [
                (name, one, False)
                for name, one in zip(kind.paths(place, aux, len(parts)), parts, strict=True)
            ]
    return found


def _in_open_lists(recording: Recording) -> Iterator[Any]:
    """Yield what would hide a container from those who look for it."""
    for growing, *_ in recording.lists.marks():
        if growing.is_open and any(kind_of_container(item) for item in growing.items):
            yield [].append


def _is_quiet(value: Any, *, is_variable: bool) -> bool:
    """Return whether what is no container leads to none that is not found otherwise."""
    if isinstance(value, types.FunctionType):
        return is_variable and is_twin_code(value.__code__)
    if isinstance(value, types.BuiltinMethodType):
        owner = value.__self__
        return owner is None or isinstance(owner, (types.ModuleType, type))
    return not isinstance(value, types.MethodType)
