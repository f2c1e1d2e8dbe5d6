"""What a loop that is drawn ends with and leaves, and what is forgotten where it is drawn anew."""

from __future__ import annotations

from typing import Any

from tracegraph import tree
from tracegraph.control.appended import Appended
from tracegraph.control.filling import Arrays
from tracegraph.control.rebuilding import Containers
from tracegraph.ir.graph import Value
from tracegraph.ir.record import record
from tracegraph.ir.sizes import Dim, Size, Symbol, symbols
from tracegraph.ir.slicing import dependents
from tracegraph.layouts import Order
from tracegraph.recording import Recording
from tracegraph.standin import Storage


@record
class Left:
    """What a loop leaves.

    Parameters
    ----------
    values : dict of str to Value
        What names stand for; ``kinds`` has the type of each, ``orders`` that of the axes of arrays.
    sizes : dict of str to int or Size
        Names for sizes.
    same : dict of str to object
        Names that hold what they held before.
    aliases : dict of str to str
        Names for what another name stands for too.
    constants : dict of str to object
        Names that hold this after every iteration. What is in none of these is not followed.
    memory : dict of Storage to Value
        The new content of memory.
    holds : Value or None
        Whether what was assumed of values is so.
    started : dict of str to object
        What names held before the loop.
    carried : tuple of str
        Names that had a value before, too.
    kept : frozenset of str
        Names of arrays that may still be those which they were names of before.
    structure : TreeDef or None
        The structure of what it returns.
    appended : list of tuple of Appended and list of Value
        What it appends to lists, with the stacks of that.
    arrays : Arrays
        Which arrays are one.
    lists : frozenset of str
        The names of lists that each iteration makes; what is in them is not followed.
    containers : Containers
        The containers that variables hold.
    unread : frozenset of str
        The names that nobody reads behind the loop.
    """

    values: dict[str, Value]
    kinds: dict[str, type]
    orders: dict[str, Order | None]
    sizes: dict[str, Dim]
    same: dict[str, Any]
    aliases: dict[str, str]
    constants: dict[str, Any]
    memory: dict[Storage, Value]
    holds: Value | None
    started: dict[str, Any]
    carried: tuple[str, ...]
    kept: frozenset[str]
    structure: tree.TreeDef | None
    appended: list[tuple[Appended, list[Value]]]
    arrays: Arrays
    lists: frozenset[str]
    containers: Containers
    unread: frozenset[str]


@record
class Ends:
    """What an iteration ends with: the values of all that is carried, and what else is known."""

    targets: list[Value]
    last: dict[str, Value]
    sizes: dict[str, Dim]
    appended: list[Appended]


def symbol_of(index: Size) -> Symbol:
    """Return the symbol that a size is."""
    ((counter,), _) = index.terms[0]
    assert isinstance(counter, Symbol)
    return counter


class State:
    """What a recording has noted beside its graph, to go back to."""

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self.reasons = recording.failure, recording.unreplayable, recording.raised
        self.lengths = len(recording.size_checks), len(recording.cuts)
        self.counts = {*recording.emitter.counts}

    def restore(self) -> None:
        """Forget what was noted since."""
        recording, (checks, cuts) = self.recording, self.lengths
        recording.failure, recording.unreplayable, recording.raised = self.reasons
        del recording.size_checks[checks:], recording.cuts[cuts:]
        self._restore_counts()

    def _restore_counts(self) -> None:
        """Forget the counted sizes that are new: they have no value, and later ones do."""
        builder, counts = self.recording.builder, self.recording.emitter.counts
        new = [what for what in counts if what not in self.counts]
        if new:
            forgotten = [s for what in new for s in symbols(counts.pop(what))]
            builder.forget({*dependents(builder.nodes, (), forgotten)})
