"""A loop as the twin gives it: one iteration as a function, and the variables that it binds."""

from __future__ import annotations

import enum
import itertools
import traceback
import types
from collections.abc import Collection, Container, Iterator
from contextlib import contextmanager
from types import CellType
from typing import Any, Protocol

import numpy as np

from tracegraph.ir.graph import Value, attrs_key
from tracegraph.ir.record import record
from tracegraph.ir.size_values import hint
from tracegraph.ir.sizes import floordiv
from tracegraph.iterables import Items
from tracegraph.recording import Recording
from tracegraph.standin import PYTHON_SCALARS, Storage, Traced, TracedSize
from tracegraph.twin import Bound, Exit, is_twin_code


class Special(enum.Enum):
    """What a variable may hold that is no value."""

    UNBOUND = "nothing"
    UNKNOWN = "what differs between the ways through a body, and cannot be chosen by a branch"
    ANY = "whatever, as nobody looks at it"
    LIST = "a list that an iteration makes, and only variables hold"


UNBOUND, UNKNOWN, ANY, LIST = Special.UNBOUND, Special.UNKNOWN, Special.ANY, Special.LIST

LEFT, RAN, NUMBER = "$left", "$ran", "$number"
"""Variables of a loop itself: how it was left, whether it ran, the number of the iteration."""

RETURNED, KEPT, NUMPYS = "$returned ", "$kept ", "$numpy "
"""With a number, a part of what it returns; with a name, whether that keeps its array, or holds
NumPy's number and not Python's."""

GROWN = "$grown "
"""With the number of a list, what is appended to it; with that of an item, this."""

BROKEN, RETURNING = 1, 2
"""How a loop is left, if not in the end: by ``break``, by ``return``."""


OTHER_NAME = (
    "{} becomes another name of an array on some ways through a loop; bind a copy of it, or use "
    "np.where"
)
"""Why a loop is not drawn in which data decides which names are one array."""


@record
class LoopCode:
    """What the twin makes of a loop.

    Parameters
    ----------
    body, plain : function
        One iteration, with hooks and without.
    names : tuple of tuple of str
        What the loop binds, free variables of both: see ``twin.Bound``.
    exit : Exit or None
        How the loop was left, if it can be.
    test, plain_test : function or None
        The condition of a ``while``, with hooks and without.
    """

    body: Any
    plain: Any
    names: Bound
    exit: Exit | None = None
    test: Any = None
    plain_test: Any = None

    def cells(self) -> dict[str, CellType]:
        """Return the variables that the loop binds for somebody to read."""
        behind, inside, _ = self.names
        return self._cells({*behind, *inside})

    @contextmanager
    def scratched(self) -> Iterator[None]:
        """Within this the variables that nobody reads afterwards are unbound; then as before."""
        before = [(cell, content(cell)) for cell in self._cells(self.names[2]).values()]
        for cell, _ in before:
            set_content(cell, UNBOUND)
        try:
            yield
        finally:
            for cell, held in before:
                set_content(cell, held)

    def run(self, items: Iterator[Any] | None) -> tuple[int, Any]:
        """Run the user's own text over real items, or as long as the condition holds.

        Returns
        -------
        tuple of int and object
            How many iterations there were, and how the loop was left: see ``twin.Exit``.
        """
        found: tuple[int, Any] = self._in_function(self._run, items)
        return found

    def iterate(self, item: Any) -> Any:
        """Run one iteration of a ``for``, with hooks; returns how the loop was left."""
        return self._in_function(self.body, item)

    def _in_function(self, run: Any, given: Any) -> Any:
        """Run iterations, and raise what they would in the user's function."""
        try:
            return run(given)
        except NameError as error:
            own = self._own_error(error)
            if own is error:
                raise
        raise own  # here, where nothing is handled that the user's function does not handle

    def _run(self, items: Iterator[Any] | None) -> tuple[int, Any]:
        trips = 0
        for trips, given in enumerate(self._holding() if items is None else items, 1):
            left = self.plain() if items is None else self.plain(given)
            if left is not None:
                return trips, left
        return trips, None

    def _holding(self) -> Iterator[bool]:
        """Yield as long as the condition holds."""
        while self.plain_test():
            yield True

    def _own_error(self, error: NameError) -> NameError:
        """Return what Python raises where the user's function reads a name that is not bound.

        An iteration is a function of its own here, to which the variable belongs to one around it.
        """
        texts = [one.__code__ for one in (self.body, self.plain, self.plain_test) if one]
        *_, (frame, _) = traceback.walk_tb(error.__traceback__)
        is_own = frame.f_code in texts and any(error.name in names for names in self.names)
        if not is_own or not str(error).startswith(f"cannot access free variable {error.name!r}"):
            return error
        said = f"cannot access local variable {error.name!r}"
        own = UnboundLocalError(f"{said} where it is not associated with a value")
        return own.with_traceback(error.__traceback__)

    def _cells(self, names: Collection[str]) -> dict[str, CellType]:
        free = zip(self.body.__code__.co_freevars, self.body.__closure__ or (), strict=True)
        return {name: cell for name, cell in free if name in names}


@record
class Trips:
    """The iterations of a loop that are left: all but the first ``begun`` ones.

    Where names change places, ``period`` of them count as one: then each name has its own again.
    """

    items: Items
    begun: int = 0
    period: int = 1

    @property
    def count(self) -> Any:
        """How many there are: see ``Items``."""
        left = self.items.count - self.begun
        return left if self.period == 1 else floordiv(left, self.period)

    @property
    def behind(self) -> Any:
        """The number of the first item that is behind them."""
        return self.begun + self.count * self.period

    def at(self, number: Any) -> Iterator[Any]:
        """Yield the items of one iteration."""
        for k in range(self.period):
            yield self.items.at(self.begun + number * self.period + k)

    def real(self) -> Iterator[Any]:
        """Return the real items."""
        end = None if self.items.is_data else hint(self.behind)
        return itertools.islice(self.items.real(), self.begun, end)


class Cell(Protocol):
    """What holds a variable: a cell of Python's, or what acts as one."""

    cell_contents: Any


def content(cell: Cell) -> Any:
    """Return what a variable holds, ``UNBOUND`` where that is nothing."""
    try:
        return cell.cell_contents
    except ValueError:
        return UNBOUND


def set_content(cell: Cell, value: Any) -> None:
    """Let a variable hold a value, or nothing."""
    if value is not UNBOUND:
        cell.cell_contents = value
    elif content(cell) is not UNBOUND:
        del cell.cell_contents


def named_variables(*functions: Any) -> list[tuple[str, CellType]]:
    """Return the variables that functions reach, those of functions that they may call too."""
    found: dict[int, tuple[str, CellType]] = {}
    pending = [*functions]
    while pending:
        one = pending.pop()
        for name, cell in zip(one.__code__.co_freevars, one.__closure__ or (), strict=True):
            if id(cell) in found or name.startswith("$"):  # those are the twin's own
                continue
            found[id(cell)] = name, cell
            value = content(cell)
            if type(value) is types.FunctionType and is_twin_code(value.__code__):
                pending.append(value)
    return list(found.values())


def start_value(recording: Recording, given: Any) -> Value:
    """Return the value of what a name holds."""
    if type(given) is Traced:
        return recording.value_of(given)
    return recording.emitter.value(given.size if type(given) is TracedSize else given)


def kind_of(given: Any) -> type:
    """Return the type of what a name holds, or stands for."""
    if type(given) is TracedSize:
        return int
    return given.kind if type(given) is Traced else type(given)


def is_constant(value: Any) -> bool:
    """Return whether what a name holds is the same after every iteration if it is after one."""
    kinds = (*PYTHON_SCALARS, str, bytes, type(None))
    return value is UNBOUND or type(value) in kinds


def may_be_carried(value: Any) -> bool:
    """Return whether a name that holds this can have another value in each iteration."""
    if type(value) is Traced:
        is_point = isinstance(value.actual, np.ndarray) and not value.actual.ndim
        return not is_point  # without a value it could not be told from a number
    return type(value) in (*PYTHON_SCALARS, TracedSize)


def is_one(before: Any, after: Any) -> bool:
    """Return whether two names hold one object, if that is an array; else whether the same."""
    if type(before) is Traced and before.kind is np.ndarray:
        return before is after
    return is_same(before, after)


def is_same(before: Any, after: Any) -> bool:
    """Return whether two names hold the same: arrays in the same memory, which may be views."""
    if before is after:
        return True
    if type(before) is Traced and type(after) is Traced:
        return before.storage is after.storage and before.path == after.path
    if type(before) is TracedSize and type(after) is TracedSize:
        return before.size == after.size
    is_plain = type(before) is type(after) and isinstance(after, (*PYTHON_SCALARS, str))
    return is_plain and bool(attrs_key(before) == attrs_key(after))


def keep_apart(found: Traced, storage: Storage, written: Container[Storage]) -> None:
    """Let an array that may be another one be read until that is written, and not be written.

    If that was ``written`` since its content was taken for this array, it is not read at all.
    """
    shared = found.storage.shares = storage.shares or storage
    seen = shared.version if storage.shares is None else storage.seen
    found.storage.seen = -1 if shared in written else seen
