"""Loops as statements: one node of the graph each, drawn from one run of the body.

The twin gives a loop its iteration as a function of the names that it binds, twice: with hooks and
without. The hooked one is drawn as the function of a ``tg.fori_loop`` is: the number of the
iteration is a size, and what an iteration changes for the next one, names and memory, has no value.
Which these are turns up when it is run; it is run anew until nothing new turns up. Then the other
one, the user's own text, runs over real arrays and supplies the values.

Where a body is more than a function of what it is given, nothing has happened yet, and the loop is
recorded iteration by iteration.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tracegraph.control.appended import Appended, stack_for
from tracegraph.control.drawing import Drawn, Journal, forget, source
from tracegraph.control.drawn_loops import looped, with_row
from tracegraph.control.exchanges import (
    LONGEST_PERIOD,
    ExchangedError,
    exchanged,
    handed_on,
    period_of,
)
from tracegraph.control.filling import Arrays
from tracegraph.control.growing import Ending
from tracegraph.control.items import Node, Same
from tracegraph.control.iterations import Iteration, NotYetError
from tracegraph.control.outcome import Ends, Left, State, symbol_of
from tracegraph.control.rebuilding import Containers, containers_of
from tracegraph.control.variables import (
    LIST,
    OTHER_NAME,
    UNKNOWN,
    Special,
    content,
    is_constant,
    is_one,
    is_same,
    kind_of,
    start_value,
)
from tracegraph.control.worth import check_straight, check_worth
from tracegraph.images import root_of
from tracegraph.ir.autodiff import zeros
from tracegraph.ir.errors import AbstractValueError
from tracegraph.ir.graph import Value
from tracegraph.ir.size_values import substitute
from tracegraph.ir.sizes import Dim, Size, Symbol, nonnegative
from tracegraph.ir.types import type_symbols
from tracegraph.layouts import order_of
from tracegraph.standin import Traced, TracedSize, dim_of

ROUNDS = 8
"""So often a body is drawn anew because it changes more than was known."""


@dataclass(eq=False)
class Statement(Iteration):
    """A ``for`` over known items of which each iteration runs: its body is drawn.

    ``is_short`` says that it is to be one operation only if it is no straight code.
    """

    is_short: bool = False

    def drawn(self) -> Left:
        """Return the loop as a node of the graph.

        Raises
        ------
        AbstractValueError
            An iteration is more than a function of what it is given.
        """
        for _ in range(ROUNDS):
            found = self._round()
            if found is not None:
                return found
        raise AbstractValueError(
            "what a loop changes is different in each iteration; change the same arrays and names"
        )

    def learns(self, written: Journal) -> bool:
        period = self.period()
        if 1 < period <= LONGEST_PERIOD and self.trips.period == 1:
            raise ExchangedError(period)
        return super().learns(written)

    def period(self) -> int:
        """Return after how many iterations each array has the names again that it had."""
        return period_of(self.before, self.after)

    # -- what the forms of loops differ in ------------------------------------------------------

    def looped(
        self,
        init: list[Value],
        sources: list[Value],
        ends: Ends,
        drawn: Drawn,
        index: Size | None,
    ) -> tuple[list[Value], Value | None]:
        """Add the loop, and return what it carries out; last, whether what was assumed holds.

        Behind what ``ends`` has there are the stacks of what it appends to lists.
        """
        assert index is not None, "a for loop counts its iterations"
        recording, count = self.recording, self.trips.count
        updates = [update for one in ends.appended for update in one.updates()]
        stacks = [stack_for(recording.emitter, update, count) for update in updates]
        carried = [source(recording, stack.type) for stack in stacks]
        rows = [with_row(*pair, index) for pair in zip(carried, updates, strict=True)]
        init.extend(stacks)
        sources.extend(carried)
        check_worth(recording, sources, index, count)
        return looped(recording, init, sources, [*ends.targets, *rows], drawn, index)

    def leaves_known_items(self) -> bool:
        """Return whether it is known how many items it appends to some list."""
        return self.growth.is_sure

    def counted(self, left: Left, trips: int) -> Left:
        """Return what the loop leaves, once it is known how often it ran in this call."""
        del trips
        return left

    def last_sizes(self, index: Size | None) -> dict[str, Dim]:
        """Return the names that hold sizes after the last iteration."""
        assert index is not None, "a for loop counts its iterations"
        end = {symbol_of(index): self.trips.count - 1}
        return {
            name: substitute(dim_of(self.after[name]), end)
            for name in self._known()
            if type(self.after[name]) is TracedSize
        }

    # -- the loop -------------------------------------------------------------------------------

    def _round(self) -> Left | None:
        """Return the loop, or None where it changes more than was known: that is known now."""
        recording, index = self.recording, self.new_index()
        before = [(storage, storage.value, storage.version) for storage in self.memory]
        init, sources = self.starts()
        state, written, asked = State(recording), Journal(), recording.asked
        left = None
        try:
            drawn = self.draw(index, sources, written)
            if not self.learns(written):
                if self.is_short and recording.asked == asked:
                    check_straight(recording, sources, index)
                ends = self._ends(index, sources)
                for value in ends.last.values():
                    init.append(zeros(recording.builder, value.type))
                    sources.append(source(recording, value.type))
                left = self.left(ends, *self.looped(init, sources, ends, drawn, index))
        finally:
            for storage, value, version in before:
                storage.value, storage.version = value, version
            if left is None:
                state.restore()
                forget(recording, sources, None if index is None else symbol_of(index))
        return left

    # -- what it leaves -------------------------------------------------------------------------

    def _ends(self, index: Size | None, sources: list[Value]) -> Ends:
        """Return what an iteration ends with."""
        carried = [
            self._next(name, known) for name, known in zip(self.carried, sources, strict=False)
        ]
        self._check_exchanges()
        for name in self.emptied:
            found = self.after[name]
            kinds = (Traced, TracedSize, Special, Node, Same)
            is_followed = type(found) in kinds or is_constant(found)
            if not is_followed:
                raise AbstractValueError(
                    f"{name} is bound to a {kind_of(found).__name__} in a loop; bind arrays"
                )
        sizes = self.last_sizes(index)
        last = self._last_values(() if index is None else (symbol_of(index),), sizes)
        memory = [self.contents[storage] for storage in self.memory]
        appended = self._appended(index)
        self._check_starts()
        return Ends([*carried, *memory, *last.values()], last, sizes, appended)

    def _appended(self, index: Size | None) -> list[Appended]:
        """Return what the loop appends to lists."""
        given = {one.storage for one in self.given.values()}
        within = () if index is None else (symbol_of(index),)
        held = {
            name: one.storage
            for name, one in self.after.items()
            if type(one) is Traced and (name in self.carried or self.is_behind(name))
        }
        found = self.growth.appended(Ending(within, given, self.first, held))
        is_counted = self.recording.is_abstract and not isinstance(self.trips.count, int)
        if is_counted and any(self._arrays().are_named([*one.arrays.values()]) for one in found):
            raise AbstractValueError(
                "a loop appends an array that has another name; append a copy, x.copy()"
            )
        return found

    def _arrays(self) -> Arrays:
        """Return which arrays are one."""
        held = {
            name: one.storage
            for name, one in self.after.items()
            if type(one) is Traced and one.kind is np.ndarray and not one.path
        }
        carried = {
            self.given[name].storage: name
            for name in self.carried
            if type(self.before[name]) is Traced
        }
        after = {storage: held[name] for storage, name in carried.items() if name in held}
        started = {storage: self.before[carried[storage]] for storage in after}
        return Arrays(after, started, held, self.kept_arrays())

    def _known(self) -> list[str]:
        """Return the names of which it is known what they are bound to by the last iteration."""
        is_known = self.surely_runs()
        return [name for name in self.emptied if is_known or self._is_own(name)]

    def _is_own(self, name: str) -> bool:
        """Return whether a name is one of the loop itself, and not the user's."""
        return self.trees.root(name) not in self.cells

    def _next(self, name: str, known: Value) -> Value:
        """Return what a name is carried on with, of the type that it had."""
        given, found = self.given[name], self.after[name]
        kind = np.float64 if name in self.mixed else given.kind
        if found is UNKNOWN or kind_of(found) is not kind:
            raise NotYetError(f"{name} changes its type in a loop; let it have one from the start")
        if name in self.borrowed:
            raise AbstractValueError(OTHER_NAME.format(name))
        if type(found) is Traced:
            self._check_own(name, found)
        value = known if found is given else start_value(self.recording, found)
        if value.type != known.type:
            raise NotYetError(
                f"{name} is {known.type} and then {value.type} in a loop; keep its dtype and shape"
            )
        if kind is np.ndarray and order_of(found) != given.storage.order:
            raise NotYetError(
                f"{name} lies in memory otherwise after an iteration; use np.ascontiguousarray"
            )
        return value

    def _check_own(self, name: str, found: Traced) -> None:
        """Raise where a name becomes another name of memory that was there before."""
        is_given = any(found.storage is one.storage for one in self.given.values())
        if found.kind is np.ndarray and not is_given and not self._is_new(found):
            raise AbstractValueError(
                f"{name} becomes another name of an array in a loop; bind a copy of it"
            )

    def _check_starts(self) -> None:
        """Raise where an array is read that has another name at first, by which it is written.

        Until its name is bound anew, what is carried for that is not what it holds.
        """
        for name, storage in self.kept.items():
            storage.is_read |= name not in self.given or self.given[name].storage is not storage
        memory = {root_of(storage) for storage in self.memory}
        for name in self.carried:
            before, given = self.before[name], self.given[name].storage
            if type(before) is not Traced or before.kind is not np.ndarray or not given.is_read:
                continue
            if root_of(before.storage.shares or before.storage) in memory:
                raise NotYetError(
                    f"{name} is at first another name of an array that a loop writes; bind a copy "
                    "of it, x.copy()"
                )

    def _check_exchanges(self) -> None:
        """Raise where names only change places: which array is whose depends on how often."""
        given = {name: self.given[name] for name in self.carried}
        handed = handed_on(given, self.after)
        name = exchanged(handed)
        if name is not None:
            raise AbstractValueError(
                f"{name} only changes places with other names in a loop; bind copies"
            )
        self._check_handed(handed)

    def _check_handed(self, handed: Mapping[str, str | None]) -> None:
        """Raise where an array may be that of another name from before the loop."""
        for name in handed:
            steps, at = 0, handed[name]
            while at is not None:
                steps, at = steps + 1, handed.get(at)
            if steps and self.tells_handed(name) and not self.runs(steps + 1):
                raise AbstractValueError(
                    f"{name} becomes the array of another name in a loop that may be over then; "
                    "bind a copy of it"
                )

    def tells_handed(self, name: str) -> bool:
        """Return whether it is asked if a name may hold the array of another from before."""
        is_outermost = self.recording.drawn is None and self.is_behind(name)
        return is_outermost or self.trees.root(name) != name

    def runs(self, times: int) -> bool:
        """Return whether so many iterations run; around all loops the trace is bound to that."""
        count = self.trips.count
        if isinstance(count, int) or self.recording.drawn is not None:
            return nonnegative(count - times)
        return bool(self.recording.ask_size(times, "<=", count))

    def _is_new(self, found: Traced) -> bool:
        """Return whether an iteration has made what a stand-in looks at."""
        return found.storage.born >= self.first and not found.storage.external

    def _is_made(self, name: str, found: Traced) -> bool:
        """Return whether what a name holds was made by an iteration, or returned by it."""
        if not self._is_own(name):
            return self._is_new(found)
        return not any(found is content(cell) for cell in self.code.body.__closure__ or ())

    def _last_values(self, within: Sequence[Symbol], sizes: Collection[str]) -> dict[str, Value]:
        """Return what the last iteration leaves in names, if it is made there and has one size."""
        found: dict[str, Value] = {}
        for name in self._known():
            traced = self.after[name]
            if type(traced) is TracedSize and name not in sizes:
                found[name] = start_value(self.recording, traced)
            if type(traced) is not Traced or traced.storage.shares is not None or traced.path:
                continue
            names = {*self.carried, *found} - {*self.growth.looks}
            is_known = any(is_same(traced, self.after[other]) for other in names)
            value = self.recording.value_of(traced)
            sizes_of = set(type_symbols([value.type]))
            has_one_size = sizes_of.isdisjoint(within) and all(s.hint is not None for s in sizes_of)
            if self._is_made(name, traced) and not is_known and has_one_size:
                found[name] = value
        return found

    def _is_constant(self, name: str) -> bool:
        """Return whether a name holds what it does after every iteration that binds it."""
        found = self.after[name]
        is_returned = type(found) is Traced and self._is_own(name)
        return is_constant(found) or (is_returned and not self._is_made(name, found))

    def _containers(self) -> Containers:
        """Return what containers variables hold behind the loop."""
        roots = {name for name in self.cells if name not in self.emptied or self.surely_runs()}
        return containers_of(self.trees, self.after, roots)

    def left(self, ends: Ends, found: list[Value], holds: Value | None) -> Left:
        """Return what the loop leaves.

        Parameters
        ----------
        ends : Ends
            What an iteration ends with.
        found : list of Value
            What the loop carries out; stacks of what it appends stand last, if there are any yet.
        holds : Value or None
            Whether what was assumed is so.
        """
        count, rest = len(self.carried), len(self.carried) + len(self.memory)
        values = dict(zip(self.carried, found[:count], strict=True))
        values |= dict(zip(ends.last, found[rest:], strict=False))
        stacks = iter(found[rest + len(ends.last) :])
        pairs = [(one, [*itertools.islice(stacks, one.width)]) for one in ends.appended]
        kinds = {name: kind_of(self.after[name]) for name in values}
        orders = {name: order_of(self.after[name]) for name in values if kinds[name] is np.ndarray}
        memory = dict(zip(self.memory, found[count:rest], strict=True))
        changed = {*self.carried, *self.emptied}
        same = {name: old for name, old in self.before.items() if name not in changed}
        names = self._known()
        aliases = {
            name: other
            for name in names
            for other in values
            if name not in values
            and other not in self.growth.looks
            and type(self.after[name]) is Traced
            and is_one(self.after[name], self.after[other])
        }
        constants = {
            name: self.after[name]
            for name in names
            if name not in values and name not in aliases and self._is_constant(name)
        }
        return Left(
            values, kinds, orders, ends.sizes, same, aliases, constants, memory, holds, self.before,
            tuple(self.carried), self.kept_arrays(), self.structure,
            [pair for pair in pairs if pair[1]], self._arrays(),
            frozenset(name for name in names if self.after[name] is LIST),
            self._containers(), frozenset(name for name in self.after if not self.is_behind(name)),
        )  # fmt: skip
