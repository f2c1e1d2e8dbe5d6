"""Lists that a recorded function makes and fills: what loops append, as rows of stacked values.

The twin says which lists only variables hold, and whenever one is used in another way than to
append to it or to pass it to a function. Until then such a list may grow in a loop that is one node
of the graph: that gives one stack of all that was appended, and the items are its rows, which the
graph computes where they are asked for. A function that takes all items at once takes the stack.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from tracegraph.callables import lookup
from tracegraph.ir.graph import Value
from tracegraph.ir.ops.arithmetic import add
from tracegraph.ir.size_values import hint
from tracegraph.ir.sizes import Dim
from tracegraph.ir.types import INT64
from tracegraph.numpy.arguments import join, reshaped
from tracegraph.numpy.callouts import example_of
from tracegraph.numpy.emit import Sym
from tracegraph.rows import Named, Run, by_rows, is_row
from tracegraph.standin import ABSENT, PYTHON_SCALARS, Traced, TracedSize
from tracegraph.values import real_of

TAKING_ALL: dict[Any, bool] = dict.fromkeys((
    np.stack, np.vstack, np.hstack, np.dstack, np.column_stack, np.concatenate,
    np.array, np.asarray, np.asanyarray, np.sum, np.mean, np.prod, np.max, np.min, np.std, np.var,
), True)  # fmt: skip
"""NumPy functions that give for a list what they give for the array of its items."""

APPENDING = ("append", "extend")


@dataclass(eq=False)
class Growing:
    """A list that the function has made.

    Parameters
    ----------
    items : list
        The list itself.
    since : int
        ``drawn_since`` where it was made: in the body that is drawn, or before.

    It ``is_open`` as long as nobody can look at it unseen; once it ``is_lost`` nobody may.
    """

    items: list[Any]
    since: int
    is_open: bool = True
    is_lost: bool = False
    runs: list[Run] = field(default_factory=list)

    @property
    def length(self) -> Dim:
        length: Dim = len(self.items)
        for run in self.runs:
            length = length + run.count - run.filled
        return length

    def pieces(self, mark: Mark | None = None) -> Iterator[Any]:
        """Yield the items, with runs in the place of theirs; only those since a mark."""
        _, place, runs, filled = mark or (self, 0, 0, 0)
        place += sum(run.filled for run in self.runs[:runs]) - filled
        for run in self.runs[runs:]:
            yield from self.items[place : run.start]
            yield run
            place = run.start + run.filled
        yield from self.items[place:]

    def mark(self) -> Mark:
        """Return how much it holds."""
        return self, len(self.items), len(self.runs), sum(run.filled for run in self.runs)

    def restore(self, mark: Mark) -> None:
        """Hold what it held."""
        _, length, runs, filled = mark
        filled = sum(run.filled for run in self.runs[:runs]) - filled
        del self.items[length + filled :], self.runs[runs:]

    def is_whole(self, run: Run) -> bool:
        """Return whether the rows of a run are what its items are."""
        if not all(named.is_same for named in run.named.values()):
            return False
        items = self.items[run.start : run.start + run.filled]
        return all(place in run.named or is_row(item) for place, item in enumerate(items))


Mark = tuple[Growing, int, int, int]
"""A list, how many items and runs it had, and how many items of these runs."""


LAST, LENGTH = "last", "length"
"""What a loop may look at of a list that it appends to: its last item, and how long it is."""

Look = tuple[str, Growing]


class Drawn(NamedTuple):
    """An iteration that is drawn: what lists held before it, and what it is given of them."""

    marks: dict[Growing, Mark]
    given: Mapping[Look, Any]
    wanted: set[Look]


class Lists:
    """The lists of a recording."""

    def __init__(self, recording: Any) -> None:
        self.recording = recording
        self._known: dict[int, Growing] = {}
        self._drawn: list[Drawn] = []

    def add(self, items: list[Any]) -> None:
        """Take notice of a list that only variables hold."""
        self._known[id(items)] = Growing(items, self.recording.drawn_since)

    def lose(self, items: list[Any]) -> None:
        """Take notice of a list that holds real values, which nothing in the graph computes."""
        self.add(items)
        self._known[id(items)].is_open = False
        self._known[id(items)].is_lost = True

    def get(self, items: Any) -> Growing | None:
        """Return what is known of a list, if it is such a one."""
        return self._known.get(id(items)) if type(items) is list else None

    def is_open(self, items: Any) -> bool:
        """Return whether a value is a list that nobody looks at unseen."""
        growing = self.get(items)
        return growing is not None and growing.is_open

    # -- loops ----------------------------------------------------------------------------------

    def marks(self) -> list[Mark]:
        """Return what the lists hold."""
        return [one.mark() for one in self._known.values()]

    def restore(self, marks: Sequence[Mark]) -> None:
        """Let the lists hold what they held, and forget those that were made since."""
        self._known = {id(mark[0].items): mark[0] for mark in marks}
        for mark in marks:
            mark[0].restore(mark)

    @contextmanager
    def drawn(self, given: Mapping[Look, Any], wanted: set[Look]) -> Iterator[list[Mark]]:
        """Within this an iteration is drawn; afterwards the lists hold what they held.

        Parameters
        ----------
        given : mapping of Look to object
            What the last items and the lengths of lists are in any iteration.
        wanted : set of Look
            Takes those that are looked at, of lists that were there before.
        """
        marks = self.marks()
        self._drawn.append(Drawn({mark[0]: mark for mark in marks}, given, wanted))
        try:
            yield marks
        finally:
            self._drawn.pop()
            self.restore(marks)

    def last(self, growing: Growing) -> Any:
        """Return the last item of a list, which nobody looks at otherwise."""
        for drawn, mark in self._around(growing):
            if [*growing.pieces(mark)]:
                break
            drawn.wanted.add((LAST, growing))
            if (LAST, growing) in drawn.given:
                return drawn.given[LAST, growing]
        return self._last(growing)

    def _around(self, growing: Growing) -> Iterator[tuple[Drawn, Mark]]:
        """Yield the iterations that a list is older than, with what it held, from the inside."""
        for drawn in reversed(self._drawn):
            mark = drawn.marks.get(growing)
            if mark is None:
                return
            yield drawn, mark

    def _last(self, growing: Growing) -> Any:
        run = growing.runs[-1] if growing.runs else None
        if run is None or run.start + run.filled < len(growing.items):
            return growing.items[-1]
        if run.filled and run.is_followed and self.recording.ask_size(1, "<=", run.count):
            return growing.items[-1]
        if run.filled or not isinstance(run.count, int):
            self.use(growing.items)
            return growing.items[-1]
        item = run.item(self.recording, run.count - 1, ABSENT)
        if run.kind is np.ndarray:
            run.named.setdefault(run.count - 1, Named(item, item.storage.version))
        return item

    @contextmanager
    def holding_reals(self, appended: dict[Growing, list[Any]]) -> Iterator[None]:
        """Within this open lists hold real items; takes what is appended to them meanwhile.

        If an exception leaves it, that stays in the lists.
        """
        before = {one: [*one.items] for one in self._known.values() if one.is_open}
        for one, items in before.items():
            one.items[:] = map(real_of, items)
        try:
            yield
            for one, items in before.items():
                if len(one.items) > len(items):
                    appended[one] = one.items[len(items) :]
                    del one.items[len(items) :]
        finally:
            for one, items in before.items():
                one.items[: len(items)] = items

    # -- uses -----------------------------------------------------------------------------------

    def use(self, items: Any) -> None:
        """Take notice of a use after which somebody may look at a list: how long it is, say.

        Raises
        ------
        AbstractValueError
            It has no length that is a number.
        """
        growing = self.get(items)
        if growing is None or not self.recording.is_noting:
            return
        growing.is_open = False
        if growing.is_lost:
            self.recording.give_up("a list is used behind the loop that makes it anew each time")
        for run in growing.runs:
            count = operator.index(self.recording.size(run.count))
            if not run.filled and self.recording.is_abstract:
                self._fill(growing, run, count)

    def _fill(self, growing: Growing, run: Run, count: int) -> None:
        """Put items without values where they belong."""
        items = [run.item(self.recording, place, ABSENT) for place in range(count)]
        growing.items[run.start : run.start] = items
        run.filled = count
        for other in growing.runs[growing.runs.index(run) + 1 :]:
            other.start += count

    def passed(self, function: Any, args: Sequence[Any]) -> None:
        """Take notice of a call: most functions may do anything with a list."""
        for place, arg in enumerate(args):
            growing = self.get(arg)
            if growing is not None and not (place == 0 and self._takes_all(function, growing)):
                self.use(arg)

    def _takes_all(self, function: Any, growing: Growing) -> bool:
        is_older = growing.since != self.recording.drawn_since
        is_known = function is len or (lookup(TAKING_ALL, function) and not is_older)
        return bool(is_known) and growing.is_open

    def length(self, items: Any) -> Any:
        """Return the length of a list, as the user sees it."""
        growing = self.get(items)
        if growing is None or not growing.is_open or not self.recording.is_noting:
            return len(items)
        for drawn, mark in self._around(growing):
            drawn.wanted.add((LENGTH, growing))
            if (LENGTH, growing) in drawn.given:
                return self._longer(drawn.given[LENGTH, growing], growing.pieces(mark))
        return self.recording.size(growing.length)

    def _longer(self, length: Any, pieces: Iterator[Any]) -> Any:
        """Return a length that has no value with what was appended since."""
        emitter = self.recording.emitter
        more: Dim = 0
        for piece in pieces:
            more = more + (piece.count if type(piece) is Run else 1)
        value = add(self.recording.value_of(length), emitter.value(more, INT64))
        return self.recording.fresh(ABSENT, value, int)

    # -- all items at once ----------------------------------------------------------------------

    def stacked(self, function: Any, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return operands of a rule, with a stack in the place of a list of rows."""
        is_list = args and type(args[0]) in (list, tuple)
        if not is_list or not lookup(TAKING_ALL, function):
            return args
        stack = self._stack(args[0])
        return args if stack is None else (Sym(stack, fresh=True), *args[1:])

    def examples(self, function: Any, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return arguments, with an example of each item in the place of a list without them."""
        growing = self.get(args[0]) if args else None
        if growing is None or not growing.is_open or not lookup(TAKING_ALL, function):
            return args
        if all(run.filled or hint(run.count) == 0 for run in growing.runs):
            return args
        found: list[Any] = []
        for piece in growing.pieces():
            found.extend(example_of(piece.stack.type) if type(piece) is Run else [piece])
        return (found, *args[1:])

    def _stack(self, items: Any) -> Value | None:
        """Return the array of all items; None where that is nothing but them."""
        growing = self.get(items)
        if growing is not None and growing.is_open:
            is_whole = all(growing.is_whole(run) and self._has_items(run) for run in growing.runs)
            stack = self._joined([*growing.pieces()]) if is_whole else None
            if stack is not None:
                return stack
            self.use(items)  # it is taken item by item
        return self._joined(list(by_rows(items)))

    def _has_items(self, run: Run) -> bool:
        """Return whether a loop has appended anything, if data decides that: nothing has no type.

        The type of the whole depends on which items there are.
        """
        is_counted = self.recording.emitter.is_counted(run.count)
        return not is_counted or self.recording.ask_size(1, "<=", run.count)

    def _joined(self, pieces: list[Any]) -> Value | None:
        emitter = self.recording.emitter
        if not any(type(piece) is Run for piece in pieces):
            return None
        values: list[Value] = []
        for piece in pieces:
            if type(piece) is Run:
                values.append(piece.stack)
            elif type(piece) in (Traced, TracedSize, *PYTHON_SCALARS) or isinstance(
                piece, np.generic
            ):
                value = self._value(piece)
                values.append(reshaped(value, (1, *value.shape)))
            else:
                return None
        if any(value.shape[1:] != values[0].shape[1:] for value in values):
            return None
        dtype = np.result_type(*(value.dtype for value in values))
        return join([emitter.cast(value, dtype) for value in values], 0)

    def _value(self, item: Any) -> Value:
        value: Value
        if type(item) is Traced:
            value = self.recording.value_of(item)
        else:
            value = self.recording.emitter.value(item.size if type(item) is TracedSize else item)
        return value
