"""What a loop appends to a list: rows of a stack, one for each iteration.

Where data decides whether an iteration appends, a second stack has a bool for each of them, and
behind the loop the rows are selected by it.
"""

from __future__ import annotations

from collections.abc import Sequence

from tracegraph.ir.graph import Value
from tracegraph.ir.ops.index import gather
from tracegraph.ir.record import record
from tracegraph.ir.size_values import hint
from tracegraph.ir.sizes import Dim
from tracegraph.lists import Growing
from tracegraph.numpy.arguments import reshaped
from tracegraph.numpy.emit import Emitter
from tracegraph.standin import Storage


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
    added : Value or None
        Whether an iteration appends them, if it does not do so in any case.
    """

    list: Growing
    kind: type
    rows: Value
    arrays: dict[int, Storage]
    added: Value | None

    def updates(self) -> Sequence[Value]:
        """Return what an iteration puts into its row of each stack that the loop carries."""
        shape = self.rows.shape
        rows = reshaped(self.rows, shape[1:]) if shape[0] == 1 else self.rows
        return [rows] if self.added is None else [rows, self.added]

    @property
    def width(self) -> int:
        """How many stacks there are of it."""
        return 1 if self.added is None else 2

    def flat(self, emitter: Emitter, stacks: Sequence[Value], length: int) -> Value:
        """Return what the loop carried as one stack of items; so many are seen while recording."""
        shape, (rows, *added) = self.rows.shape, stacks
        for mask in added:
            seen = length // (hint(shape[0]) or 1)
            rows = gather(rows, emitter.selected(mask, seen), axes=(0,))
        return reshaped(rows, (rows.shape[0] * shape[0], *shape[1:]))


def stack_for(emitter: Emitter, update: Value, count: Dim) -> Value:
    """Return what a loop carries at first that has a row for each of so many iterations."""
    return emitter.full((count, *update.shape), 0, update.dtype)
