"""Rows of stacks: items of lists, which the graph computes where they are asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from tracegraph.ir.graph import Value
from tracegraph.ir.ops.compose import take_axis
from tracegraph.ir.size_values import hint
from tracegraph.ir.sizes import Dim
from tracegraph.ir.types import ArrayType
from tracegraph.numpy.arguments import reshaped
from tracegraph.standin import ABSENT, PYTHON_SCALARS, Storage, Traced
from tracegraph.views import owner_of

MANY = 8
"""Longer lists of rows are returned by their stacks."""


class Row(Storage):
    """An array or a number of its own whose content is a row of a stack, until it is written."""

    __slots__ = ("_own", "place", "stack")

    def __init__(self, stack: Value, place: Dim, owner: Any, array: Any) -> None:
        self.stack, self.place = stack, place
        super().__init__(stack, owner, array=array)
        self._own: Value | None = None

    @property
    def value(self) -> Value:
        return row_of(self.stack, self.place) if self._own is None else self._own

    @value.setter
    def value(self, value: Value) -> None:
        self._own = value

    @property
    def type(self) -> ArrayType:
        return ArrayType(self.stack.dtype, self.stack.shape[1:])


def is_row(item: Any) -> bool:
    """Return whether an item is what a row of a stack is."""
    if type(item) is not Traced or item.path or type(item.storage) is not Row:
        return False
    return not (item.storage.written or item.storage.reshaped)


def row_of(stack: Value, place: Dim) -> Value:
    """Return ``stack[place]``."""
    return reshaped(take_axis(stack, 0, place, 1), stack.shape[1:])


class Named(NamedTuple):
    """An item that variables hold too, and the version in which its memory was appended."""

    item: Traced
    version: int

    @property
    def is_same(self) -> bool:
        """Whether it is what was appended."""
        storage = self.item.storage
        return not self.item.path and not storage.reshaped and storage.version == self.version


@dataclass(eq=False)
class Run:
    """What one loop has appended.

    Parameters
    ----------
    stack : Value
        Has the items for rows.
    kind : type
        That of the items.
    start : int
        Where they begin in the list.
    filled : int
        How many of them stand in the list: all, or none where they have no values.
    named : dict of int to Named
        The items that are no memory of their own.
    is_followed : bool
        Whether the stand-in of the last item stands for the last one, however many there are.
    """

    stack: Value
    kind: type
    start: int
    filled: int
    named: dict[int, Named]
    is_followed: bool = False

    @property
    def count(self) -> Dim:
        count: Dim = self.stack.shape[0]
        return count

    def item(self, recording: Any, place: Dim, real: Any) -> Traced:
        """Return the stand-in of an item."""
        if isinstance(place, int) and place in self.named:
            return self.named[place].item
        if real is ABSENT:
            storage = Row(self.stack, place, None, None)
            storage.number = self.kind if self.kind in PYTHON_SCALARS else None
        else:
            storage = Row(self.stack, place, owner_of(real), real)
        return Traced(recording, real, storage)


def by_rows(items: Sequence[Any]) -> Iterator[Any]:
    """Yield items, with a run for rows that follow each other in a stack."""
    place = 0
    while place < len(items):
        rows = _rows_from(items, place)
        if len(rows) < 2:
            yield items[place]
            place += 1
        else:
            part = take_axis(rows[0].stack, 0, rows[0].place, len(rows))
            yield Run(part, object, place, len(rows), {})
            place += len(rows)


def _rows_from(items: Sequence[Any], place: int) -> list[Row]:
    """Return the rows of one stack that stand one after the other from a place on."""
    rows: list[Row] = []
    while place < len(items) and is_row(items[place]):
        row: Row = items[place].storage
        # The last row has a size for its place. Who has one with a number there has looked at the
        # list (`Lists.use`), which bound the trace to how many there are.
        follows = not rows or hint(row.place - rows[-1].place) == 1
        if not follows or row.stack.node is not (rows or [row])[0].stack.node:
            break
        rows.append(row)
        place += 1
    return rows


def whole_of(recording: Any, stack: Value) -> Traced:
    """Return a stand-in for a stack; the content of its real value does not count."""
    like = np.empty([hint(dim) or 0 for dim in stack.shape], stack.dtype)
    return Traced(recording, like, Storage(stack, like))
