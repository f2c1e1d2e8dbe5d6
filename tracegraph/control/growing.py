"""Lists that a loop appends to: each iteration gives rows of a stack, which the loop carries.

What is appended is one value among others that an iteration ends with, so that it is chosen where
ways meet.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from tracegraph.control.appended import Appended
from tracegraph.control.variables import GROWN, LIST, UNKNOWN, kind_of, start_value
from tracegraph.ir.errors import AbstractValueError
from tracegraph.ir.graph import Value
from tracegraph.ir.record import record
from tracegraph.ir.size_values import hint
from tracegraph.ir.sizes import Symbol
from tracegraph.ir.types import type_symbols
from tracegraph.lists import LAST, LENGTH, Look, Mark
from tracegraph.numpy.arguments import join, reshaped
from tracegraph.recording import Recording
from tracegraph.rows import Run
from tracegraph.standin import ABSENT, PYTHON_SCALARS, Storage, Traced, TracedSize

ADDED = " added"
"""Behind the number of a list: whether anything is appended to it."""

GIVEN = "given "
"""With a name, what an iteration is given for it."""

LOOKED = "$looked "
"""With a number, what the loop looks at of a list: its last item, or how long it is."""


# -- an iteration ---------------------------------------------------------------------------------

OTHERWISE = (
    "a loop does more with a list than to append to it, or the list has another name; use an "
    "array, or look at the list behind the loop"
)
"""Why a loop is not drawn that looks at a list."""


@record
class Ending:
    """What is known of arrays where an iteration ends.

    Parameters
    ----------
    within : collection of Symbol
        The sizes that differ between the iterations.
    given : collection of Storage
        The arrays that an iteration is given.
    first : int
        The first storage that it makes.
    held : mapping of str to Storage
        The arrays of names that somebody reads after it.
    """

    within: Collection[Symbol]
    given: Collection[Storage]
    first: int
    held: Mapping[str, Storage]

    def is_of_iteration(self, storage: Storage) -> bool:
        """Return whether an array is given to the iteration, or made by it."""
        return storage in self.given or (storage.born >= self.first and not storage.external)


class Growth:
    """What an iteration appends to lists that are older than it, on all ways through it."""

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self._marks: list[Mark] = []
        self._pieces: dict[int, list[Any]] = {}
        self.looks: dict[str, Look] = {}
        self._wanted: set[Look] = set()
        self._shared: dict[str, list[str]] = {}
        self._staying: dict[int, set[str]] = {}
        self._names: dict[str, Any] = {}
        self._doubtful: Collection[str] = ()

    def begin(self) -> None:
        """Forget what was found when an iteration was drawn before."""
        self._pieces, self._shared, self._staying = {}, {}, {}

    @property
    def is_sure(self) -> bool:
        """Whether all ways through the iteration that was drawn last append to some list."""
        return any(self._names[f"{GROWN}{number}{ADDED}"] is True for number in self._pieces)

    @contextmanager
    def on_one_way(self, given: Mapping[str, Traced]) -> Iterator[None]:
        """Within this lists grow; afterwards they hold what they held."""
        looks = {look: given[name] for name, look in self.looks.items()}
        with self.recording.lists.drawn(looks, self._wanted) as self._marks:
            yield

    def has_grown(self) -> bool:
        """Return whether anything was appended on this way."""
        return any([*mark[0].pieces(mark)] for mark in self._marks)

    def looked_at(self) -> dict[str, Any]:
        """Return what the loop looks at of lists, as it is at the end of this way."""
        return {name: self._looked_at(look) for name, look in self.looks.items()}

    def _check_lasts(self, found: list[list[Any]], given: Mapping[str, Traced]) -> None:
        """Raise where the last item of a list, which may be any array, is appended to one."""
        lasts = {given[name].storage for name, (kind, _) in self.looks.items() if kind == LAST}
        arrays = (one for pieces in found for piece in pieces for one in _arrays(piece).values())
        if any(one.storage in lasts for one in arrays):
            raise AbstractValueError(
                "a loop appends the last item of a list again; append a copy, x.copy()"
            )

    def _looked_at(self, look: Look) -> Any:
        kind, growing = look
        lists = self.recording.lists
        return lists.last(growing) if kind == LAST else lists.length(growing.items)

    def new_looks(self) -> dict[str, Any]:
        """Take up what the loop looks at of lists; return what that is ahead of it."""
        grown = [self._marks[number][0] for number in sorted(self._pieces)]
        known = {*self.looks.values()}
        looks = [(kind, growing) for growing in grown for kind in (LAST, LENGTH)]
        new = [look for look in looks if look in self._wanted and look not in known]
        names = {f"{LOOKED}{len(known) + k}": look for k, look in enumerate(new)}
        self.looks |= names
        return {name: self._looked_at(look) for name, look in names.items()}

    def without_list(self, held: Any) -> Any:
        """Return what a variable holds, ``LIST`` for a list that this iteration has made."""
        lists = self.recording.lists
        is_new = lists.is_open(held) and all(mark[0].items is not held for mark in self._marks)
        return LIST if is_new else held

    def names(self, held: Mapping[str, Any], given: Mapping[str, Traced]) -> dict[str, Any]:
        """Return what was appended on this way, as what variables hold at its end.

        Parameters
        ----------
        held : mapping of str to object
            What variables hold.
        given : mapping of str to Traced
            What an iteration is given.
        """
        names: dict[str, Any] = {}
        found = [[*mark[0].pieces(mark)] for mark in self._marks]
        self._check_lasts(found, given)
        for number, (mark, pieces) in enumerate(zip(self._marks, found, strict=True)):
            if pieces and not mark[0].is_open:
                raise AbstractValueError(OTHERWISE)
            for place, piece in enumerate(pieces):
                name = f"{GROWN}{number} {place}"
                if type(piece) is not Run:
                    names[name] = piece
                    continue
                if not mark[0].is_whole(piece):
                    raise AbstractValueError(
                        "a loop writes into an array after appending it; append a copy"
                    )
                names[name] = self.recording.fresh(ABSENT, piece.stack)
                names |= {f"{name} {k}": named.item for k, named in piece.named.items()}
        arrays = _names_of_arrays(
            {**held, **names, **{f"{GIVEN}{k}": one for k, one in given.items()}}
        )
        staying = {name for name, one in given.items() if held.get(name) is one}
        for number, pieces in enumerate(found):
            names[f"{GROWN}{number}{ADDED}"] = bool(pieces)
            if not pieces:
                self._staying[number] = self._staying.get(number, staying) & staying
            else:
                told = [_described(piece, arrays) for piece in pieces]
                names[f"{GROWN}{number}"] = ", ".join(told)
                self._pieces[number] = pieces
                self._shared |= _shared(number, pieces, arrays)
        return names

    def taken(self, names: Mapping[str, Any], doubtful: Collection[str]) -> dict[str, Any]:
        """Keep what is appended on all ways, and return the other names."""
        self._names = {name: held for name, held in names.items() if name.startswith(GROWN)}
        self._doubtful = [name for name in doubtful if name.startswith(GROWN)]
        return {name: held for name, held in names.items() if name not in self._names}

    def appended(self, ending: Ending) -> list[Appended]:
        """Return what the loop appends.

        Raises
        ------
        AbstractValueError
            That is not the same in each iteration.
        """
        found = []
        for number in sorted(self._pieces):
            if not self._marks[number][0].is_open:  # a way that does not append looks at it
                raise AbstractValueError(OTHERWISE)
            if self._names[f"{GROWN}{number}"] is UNKNOWN:
                raise AbstractValueError(
                    "a loop appends something else to a list on each way; append the same, or "
                    "assign to the items of an array"
                )
            found.append(self._of_list(number, ending))
        for one in found:
            sizes = {*type_symbols([one.rows.type])}
            if not sizes.isdisjoint(ending.within) or any(size.hint is None for size in sizes):
                raise AbstractValueError(
                    "a loop appends arrays of different sizes; pad them to one size"
                )
            if one.added is not None and self.recording.is_abstract:
                raise AbstractValueError(
                    "a loop within a loop or under vmap appends to a list on some ways only; "
                    "append in every iteration, or assign to the items of an array"
                )
        return found

    def _of_list(self, number: int, ending: Ending) -> Appended:
        """Return what the loop appends to one list."""
        always = self._names[f"{GROWN}{number}{ADDED}"]
        kinds: list[type] = []
        rows: list[Value] = []
        arrays: dict[int, Storage] = {}
        start = 0
        for place, piece in enumerate(self._pieces[number]):
            name = f"{GROWN}{number} {place}"
            kind, value, named = self._rows(name, piece)
            for k, its in named.items():
                storage = self._made(its, ending)
                if its in self._shared:
                    partner = None if always is True else self._partner(number, its, ending.held)
                    arrays[start + k] = partner or storage
            kinds.append(kind)
            rows.append(value)
            start += hint(value.shape[0]) or 0
        types = {(value.dtype, value.shape[1:]) for value in rows}
        if len(types) > 1 or len({*kinds}) > 1:
            raise AbstractValueError(
                "a loop appends items of different types; use a list for each type"
            )
        added = None if always is True else start_value(self.recording, always)
        return Appended(self._marks[number][0], kinds[0], join(rows, 0), arrays, added)

    def _rows(self, name: str, piece: Any) -> tuple[type, Value, dict[int, str]]:
        """Return the type of items that are appended at once, their rows, and the arrays' names."""
        item = self._item(name)
        value = start_value(self.recording, item)
        if type(piece) is Run:
            return piece.kind, value, {k: f"{name} {k}" for k in piece.named}
        kind = kind_of(item)
        return kind, reshaped(value, (1, *value.shape)), {0: name} if kind is np.ndarray else {}

    def _made(self, its: str, ending: Ending) -> Storage:
        """Return the memory of an item that is an array, if the iteration made that."""
        storage: Storage = self._item(its).storage
        if not ending.is_of_iteration(storage):
            raise AbstractValueError(
                "a loop appends an array that was there before; append a copy, x.copy()"
            )
        return storage

    def _partner(self, number: int, its: str, held: Mapping[str, Storage]) -> Storage | None:
        """Return the array of the names that an item has besides, where not all ways append it.

        If these hold what they did on the other ways, it is theirs until the next one is appended.
        """
        names = self._shared[its]
        others = {held[name] for name in names if name in held}
        stays = all(name in self._staying[number] for name in names if name in held)
        is_elsewhere = any(name.startswith((GROWN, GIVEN)) for name in names)
        if is_elsewhere or not stays or len(others) > 1:
            raise AbstractValueError(
                "a loop appends an array on some ways only that is in another list too, or whose "
                "name others bind to another one; append a copy, x.copy()"
            )
        return others.pop() if others else None

    def _item(self, name: str) -> Any:
        """Return an item, if it is followed."""
        item = self._names[name]
        if name in self._doubtful or item is UNKNOWN:
            raise AbstractValueError(
                "a loop appends what may be an older array, or a number of another type, as data "
                "decides; append a copy, x.copy()"
            )
        kinds = (Traced, TracedSize, *PYTHON_SCALARS)
        if type(item) not in kinds and not isinstance(item, np.generic):
            raise AbstractValueError(
                f"a loop appends a {type(item).__name__}; append arrays and numbers"
            )
        is_array = type(item) is Traced and kind_of(item) is np.ndarray
        if is_array and (item.path or item.storage.shares is not None):
            raise AbstractValueError("a loop appends a view to a list; append a copy, x.copy()")
        return item


def check_alike(one: Mapping[str, Any], other: Mapping[str, Any]) -> None:
    """Raise where the numbers appended are Python's or NumPy's as those are that the loop is given.

    Parameters
    ----------
    one, other : mapping of str to object
        What names hold at the end of an iteration, if it is given these or those.
    """
    for name, held in one.items():
        if name.startswith(GROWN) and kind_of(held) is not kind_of(other.get(name)):
            raise AbstractValueError(
                "a loop appends a Python float or NumPy's, as data decides; append float(x)"
            )


def _names_of_arrays(held: Mapping[str, Any]) -> dict[Storage, list[str]]:
    """Return the names of each array.

    Raises
    ------
    AbstractValueError
        Something is appended that is not the array itself that a name is bound to, as ``x[:]`` is.
    """
    found: dict[Storage, list[str]] = {}
    for name, one in held.items():
        if type(one) is not Traced or kind_of(one) is not np.ndarray:
            continue
        names = found.setdefault(one.storage, [])
        appended = any(each.startswith(GROWN) for each in (name, *names))
        if names and appended and held[names[0]] is not one:
            raise AbstractValueError("a loop appends a view to a list; append a copy, x.copy()")
        names.append(name)
    return found


def _arrays(piece: Any) -> dict[int, Traced]:
    """Return the arrays that are appended by their names."""
    if type(piece) is Run:
        return {place: named.item for place, named in piece.named.items()}
    is_array = type(piece) is Traced and kind_of(piece) is np.ndarray
    return {0: piece} if is_array else {}


def _described(piece: Any, arrays: Mapping[Storage, list[str]]) -> str:
    """Return what has to be the same on all ways."""
    names = [(place, arrays[one.storage]) for place, one in sorted(_arrays(piece).items())]
    if type(piece) is Run:
        return f"{piece.count} {piece.kind.__name__} {names}"
    return f"{kind_of(piece).__name__} {names}"


def _shared(
    number: int, pieces: list[Any], arrays: Mapping[Storage, list[str]]
) -> dict[str, list[str]]:
    """Return the names of the items that have others too, with these."""
    found = {}
    for place, piece in enumerate(pieces):
        name = f"{GROWN}{number} {place}"
        for k, one in _arrays(piece).items():
            its = f"{name} {k}" if type(piece) is Run else name
            others = [other for other in arrays[one.storage] if other != its]
            if others:
                found[its] = others
    return found
