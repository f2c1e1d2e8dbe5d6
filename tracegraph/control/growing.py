"""Lists that a loop appends to: each iteration gives rows of a stack, which the loop carries.

What is appended is one value among others that an iteration ends with, so that it is chosen where
ways meet.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from tracegraph.control.variables import LIST, UNKNOWN, kind_of, start_value
from tracegraph.ir.errors import AbstractValueError
from tracegraph.ir.graph import Value
from tracegraph.ir.ops.structural import reshape
from tracegraph.ir.record import record
from tracegraph.ir.size_values import hint
from tracegraph.ir.sizes import Dim, Symbol
from tracegraph.ir.types import type_symbols
from tracegraph.lists import Growing, Mark
from tracegraph.numpy.arguments import join
from tracegraph.recording import Recording
from tracegraph.rows import Run
from tracegraph.standin import ABSENT, PYTHON_SCALARS, Storage, Traced, TracedSize

GROWN = "$grown "
"""With the number of a list, what is appended to it; with that of an item, this."""

LAST = "$last "
"""With the number of a list, its last item, which the loop looks at."""


@record
class Appended:
    """What a loop appends to one list.

    Parameters
    ----------
    list : Growing
        The list.
    kind : type
        That of all items.
    rows : Value
        The items of an iteration, along a first axis.
    arrays : dict of int to Storage
        The memory of those that may have other names.
    count : int or Size
        How many iterations there are.
    """

    list: Growing
    kind: type
    rows: Value
    arrays: dict[int, Storage]
    count: Dim

    @property
    def stacked(self) -> tuple[Dim, ...]:
        """The shape of what the loop carries."""
        shape = self.rows.shape
        return (self.count, *(shape[1:] if shape[0] == 1 else shape))

    def update(self) -> Value:
        """Return what an iteration puts into its row of that."""
        shape = self.rows.shape
        return _reshaped(self.rows, shape[1:]) if shape[0] == 1 else self.rows

    def flat(self, stack: Value) -> Value:
        """Return what the loop carried as a stack of items."""
        shape = self.rows.shape
        return _reshaped(stack, (self.count * shape[0], *shape[1:]))


def _reshaped(value: Value, shape: tuple[Dim, ...]) -> Value:
    out: Value = value if value.shape == shape else reshape(value, shape=shape)
    return out


# -- an iteration ---------------------------------------------------------------------------------


class Growth:
    """What an iteration appends to lists that are older than it, on all ways through it."""

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self._marks: list[Mark] = []
        self._pieces: list[list[Any]] = []
        self.lasts: dict[str, Growing] = {}
        self._wanted: set[Growing] = set()
        self._shared: set[str] = set()
        self._names: dict[str, Any] = {}
        self._doubtful: Collection[str] = ()

    @contextmanager
    def on_one_way(self, given: Mapping[str, Traced]) -> Iterator[None]:
        """Within this lists grow; afterwards they hold what they held."""
        lasts = {growing: given[name] for name, growing in self.lasts.items()}
        with self.recording.lists.drawn(lasts, self._wanted) as self._marks:
            yield

    def last_items(self, given: Mapping[str, Traced]) -> dict[str, Any]:
        """Return the last items of the lists of which the loop looks at these."""
        found: dict[str, Any] = {}
        for name, growing in self.lasts.items():
            item = self.recording.lists.last(growing)
            found[name] = item
            if type(item) is Traced and item.storage is given[name].storage:
                raise AbstractValueError(
                    "a loop appends the last item of a list again; append a copy"
                )
        return found

    def new_last_items(self) -> dict[str, Any]:
        """Take up the lists of whose last items the loop looks at; return these ahead of it."""
        grown = [mark[0] for mark, pieces in zip(self._marks, self._pieces, strict=True) if pieces]
        known = {*self.lasts.values()}
        new = [one for one in grown if one in self._wanted and one not in known]
        names = {f"{LAST}{len(known) + k}": growing for k, growing in enumerate(new)}
        self.lasts |= names
        return {name: self.recording.lists.last(growing) for name, growing in names.items()}

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
        self._shared = set()
        self._pieces = [[*mark[0].pieces(mark)] for mark in self._marks]
        for number, (mark, pieces) in enumerate(zip(self._marks, self._pieces, strict=True)):
            if pieces and not mark[0].is_open:
                raise AbstractValueError(
                    "a loop does more with a list than to append to it, or the list has another "
                    "name; use an array, or look at the list behind the loop"
                )
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
            {**held, **names, **{f"given {k}": one for k, one in given.items()}}
        )
        for number, pieces in enumerate(self._pieces):
            told = [_described(piece, arrays) for piece in pieces]
            names[f"{GROWN}{number}"] = ", ".join(told)
            self._shared |= _shared(number, pieces, arrays)
        return names

    def taken(self, names: Mapping[str, Any], doubtful: Collection[str]) -> dict[str, Any]:
        """Keep what is appended on all ways, and return the other names."""
        self._names = {name: held for name, held in names.items() if name.startswith(GROWN)}
        self._doubtful = [name for name in doubtful if name.startswith(GROWN)]
        return {name: held for name, held in names.items() if name not in self._names}

    def appended(
        self, count: Dim | None, within: Collection[Symbol], given: Collection[Storage], first: int
    ) -> list[Appended]:
        """Return what the loop appends.

        Parameters
        ----------
        count : int, Size or None
            How many iterations there are, if that is known.
        within : collection of Symbol
            What differs between them.
        given : collection of Storage
            The arrays that an iteration is given.
        first : int
            The first storage that it makes.

        Raises
        ------
        AbstractValueError
            That is not the same in each iteration.
        """
        found = []
        for number, pieces in enumerate(self._pieces):
            if self._names[f"{GROWN}{number}"] is UNKNOWN:
                raise AbstractValueError(
                    "a loop appends to a list on some ways only, or something else on each; append "
                    "in every iteration, or assign to the items of an array"
                )
            if pieces and count is None:
                raise AbstractValueError(
                    "a loop appends to a list, and data decides how often it runs; use a `for` "
                    "over a range without `break`, or assign to the items of an array"
                )
            if pieces:
                assert count is not None, "a loop without a count raises"
                found.append(self._of_list(number, count, given, first))
        for one in found:
            sizes = {*type_symbols([one.rows.type])}
            if not sizes.isdisjoint(within) or any(size.hint is None for size in sizes):
                raise AbstractValueError(
                    "a loop appends arrays of different sizes; pad them to one size"
                )
        return found

    def _of_list(self, number: int, count: Dim, given: Collection[Storage], first: int) -> Appended:
        """Return what the loop appends to one list."""
        kinds: list[type] = []
        rows: list[Value] = []
        arrays: dict[int, Storage] = {}
        start = 0
        for place, piece in enumerate(self._pieces[number]):
            name = f"{GROWN}{number} {place}"
            item = self._item(name)
            value = start_value(self.recording, item)
            if type(piece) is Run:
                kinds.append(piece.kind)
                named = {k: f"{name} {k}" for k in piece.named}
            else:
                kinds.append(kind_of(item))
                named = {0: name} if kinds[-1] is np.ndarray else {}
                value = _reshaped(value, (1, *value.shape))
            for k, its in named.items():
                storage = self._item(its).storage
                if storage not in given and (storage.born < first or storage.external):
                    raise AbstractValueError(
                        "a loop appends an array that was there before; append a copy, x.copy()"
                    )
                if its in self._shared:
                    arrays[start + k] = storage
            rows.append(value)
            start += hint(value.shape[0]) or 0
        types = {(value.dtype, value.shape[1:]) for value in rows}
        if len(types) > 1 or len({*kinds}) > 1:
            raise AbstractValueError(
                "a loop appends items of different types; use a list for each type"
            )
        return Appended(self._marks[number][0], kinds[0], join(rows, 0), arrays, count)

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


def _shared(number: int, pieces: list[Any], arrays: Mapping[Storage, list[str]]) -> set[str]:
    """Return the names of the items that have others too."""
    found = set()
    for place, piece in enumerate(pieces):
        name = f"{GROWN}{number} {place}"
        for k, one in _arrays(piece).items():
            if len(arrays[one.storage]) > 1:
                found.add(f"{name} {k}" if type(piece) is Run else name)
    return found
