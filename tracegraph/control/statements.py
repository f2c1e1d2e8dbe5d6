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

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tracegraph import tree
from tracegraph.control.drawing import Drawn, Journal, draw, forget, source
from tracegraph.control.drawn_loops import looped, new_index
from tracegraph.control.joins import End
from tracegraph.control.outcome import Ends, Left, State, symbol_of
from tracegraph.control.paths import Paths
from tracegraph.control.variables import (
    ANY,
    KEPT,
    UNBOUND,
    UNKNOWN,
    LoopCode,
    Special,
    Trips,
    content,
    is_constant,
    is_same,
    kind_of,
    may_be_carried,
    set_content,
    start_value,
)
from tracegraph.control.worth import check_worth
from tracegraph.ir.autodiff import zeros
from tracegraph.ir.bodies import fresh_name
from tracegraph.ir.errors import AbstractValueError
from tracegraph.ir.graph import Value
from tracegraph.ir.size_values import substitute
from tracegraph.ir.sizes import Dim, Size, Symbol, nonnegative
from tracegraph.ir.types import type_symbols
from tracegraph.recording import Recording
from tracegraph.standin import ABSENT, PYTHON_SCALARS, Storage, Traced, TracedSize, dim_of

ROUNDS = 8
"""So often a body is drawn anew because it changes more than was known."""

WHAT = "a loop"


class NotYetError(AbstractValueError):
    """A name has its type only after the first iteration."""


@dataclass(eq=False)
class Statement:
    """A ``for`` over known items of which each iteration runs: its body is drawn.

    ``carried`` are names with a value for the next iteration, ``emptied`` names that an iteration
    binds before it reads them, ``memory`` what it writes into and has not made itself.
    ``structure`` is the structure of what it returns.
    """

    recording: Recording
    code: LoopCode
    trips: Trips
    carried: list[str] = field(default_factory=list)
    emptied: list[str] = field(default_factory=list)
    memory: list[Storage] = field(default_factory=list)
    structure: tree.TreeDef | None = None

    def __post_init__(self) -> None:
        self.cells = self.code.cells()
        self.before = {name: content(cell) for name, cell in self.cells.items()}
        self.before |= self.own_variables()
        self.given: dict[str, Traced] = {}
        self.after: dict[str, Any] = {}
        self.contents: dict[Storage, Value] = {}
        self.borrowed: set[str] = set()
        self.kept: Collection[str] = ()
        self.first = 0

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
        raise AbstractValueError("what the loop changes is different in each iteration")

    # -- what the forms of loops differ in ------------------------------------------------------

    def own_variables(self) -> Mapping[str, Any]:
        """Return what the loop itself carries, with what that is at first."""
        return {}

    def new_index(self) -> Size | None:
        """Return the number of the iteration that is drawn."""
        return new_index(self.recording, self.trips.count)

    def iteration(self, index: Size | None) -> dict[str, Any]:
        """Run an iteration, and return what the loop's own variables are after it."""
        assert index is not None, "a for loop counts its iterations"
        self.code.body(self.trips.items.at(self.recording.size(self.trips.begun + index)))
        return {}

    def looped(
        self,
        init: list[Value],
        sources: list[Value],
        targets: list[Value],
        drawn: Drawn,
        index: Size | None,
    ) -> tuple[list[Value], Value | None]:
        """Add the loop, and return what it carries out; last, whether what was assumed holds."""
        assert index is not None, "a for loop counts its iterations"
        check_worth(self.recording, sources, index, self.trips.count)
        return looped(self.recording, init, sources, targets, drawn, index)

    def last_sizes(self, index: Size | None) -> dict[str, Dim]:
        """Return the names that hold sizes after the last iteration."""
        assert index is not None, "a for loop counts its iterations"
        end = {symbol_of(index): self.trips.count - 1}
        return {
            name: substitute(dim_of(self.after[name]), end)
            for name in self._known()
            if type(self.after[name]) is TracedSize
        }

    def surely_runs(self) -> bool:
        """Return whether there is an iteration; around all loops that has been asked."""
        return self.recording.drawn is None or nonnegative(self.trips.count - 1)

    def may_be_empty(self) -> bool:
        """Return whether it may have no iteration, so that names keep what they hold."""
        return not self.surely_runs()

    # -- one iteration --------------------------------------------------------------------------

    def _round(self) -> Left | None:
        """Return the loop, or None where it changes more than was known: that is known now."""
        recording, index = self.recording, self.new_index()
        before = [(storage, storage.value, storage.version) for storage in self.memory]
        init, sources = self._starts()
        state, written = State(recording), Journal()
        left = None
        try:
            drawn = self._drawn(index, sources, written)
            if not self._learns(written):
                ends = self._ends(index, sources)
                for value in ends.last.values():
                    init.append(zeros(recording.builder, value.type))
                    sources.append(source(recording, value.type))
                left = self._left(ends, *self.looped(init, sources, ends.targets, drawn, index))
        finally:
            for storage, value, version in before:
                storage.value, storage.version = value, version
            if left is None:
                state.restore()
                forget(recording, sources, None if index is None else symbol_of(index))
        return left

    def _starts(self) -> tuple[list[Value], list[Value]]:
        """Return what is carried at first, and what stands for it in any iteration."""
        recording = self.recording
        init = [start_value(recording, self.before[name]) for name in self.carried]
        init += [storage.value for storage in self.memory]
        sources = [source(recording, value.type) for value in init]
        for name, value in zip(self.carried, sources, strict=False):
            kind = kind_of(self.before[name])
            number = kind if kind in PYTHON_SCALARS else None
            self.given[name] = recording.fresh(ABSENT, value, number)
        for storage, value in zip(self.memory, sources[len(self.carried) :], strict=True):
            storage.value = value
        return init, sources

    def _drawn(self, index: Size | None, sources: list[Value], written: Journal) -> Drawn:
        """Draw an iteration, on all ways through it."""
        recording = self.recording
        given = frozenset(one.storage for one in self.given.values())
        prefix = fresh_name("k") if index is None else symbol_of(index).name
        paths = Paths(recording, written, given, prefix, outer=recording.paths)

        def explore() -> End:
            return paths.explore(lambda: self._way(index))

        drawn = draw(recording, WHAT, [self.code.body], explore, written)
        end: End = drawn.result
        self.after = end.names
        self.contents = {storage: storage.value for storage in self.memory} | end.memory
        self.borrowed, self.kept = paths.borrowed, paths.kept
        return Drawn(None, end.assumed)

    def _way(self, index: Size | None) -> dict[str, Any]:
        """Run an iteration, and return what it leaves; the variables are then as before."""
        self.first = self.recording.drawn_since
        with self._variables():
            own = self.iteration(index)
            names = {name: content(cell) for name, cell in self.cells.items()}
            return {**names, **own, **self._still_kept(names)}

    def _still_kept(self, names: Mapping[str, Any]) -> dict[str, Any]:
        """Return which of the names that may keep their array still do."""
        kept: dict[str, Any] = {}
        for flag in self.before:
            name = flag.removeprefix(KEPT)
            if name != flag:
                is_same_one = is_same(names[name], self.given[name])
                kept[flag] = is_same_one and self.given.get(flag, True)
        return kept

    @contextmanager
    def _variables(self) -> Iterator[None]:
        """Within this the variables hold what they do at the beginning of any iteration."""
        for name, cell in self.cells.items():
            held = self.given[name] if name in self.carried else self.before[name]
            set_content(cell, UNBOUND if name in self.emptied else held)
        try:
            yield
        except NameError as error:
            raise NotYetError(f"{error} in its first iteration") from error
        finally:
            for name, cell in self.cells.items():
                set_content(cell, self.before[name])

    def _learns(self, written: Journal) -> bool:
        """Take up what an iteration changes, and return whether that is more than was known."""
        known = len(self.carried) + len(self.emptied) + len(self.memory)
        for name in self.carried:
            if self.given[name].storage in written:
                raise AbstractValueError(f"{name} is written in place and bound anew")
        for name, value in self.after.items():
            before = self.before.setdefault(name, ANY)
            if name in self.carried or name in self.emptied or is_same(before, value):
                continue
            can_carry = may_be_carried(before) and may_be_carried(value)
            (self.carried if can_carry else self.emptied).append(name)
        self.memory += [s for s in written if s not in self.memory]
        if len(self.carried) + len(self.emptied) + len(self.memory) > known:
            return True
        flags = {KEPT + name: True for name in self._kept() if self.recording.drawn is None}
        flags = {flag: True for flag in flags if flag not in self.before}
        self.before |= flags
        return bool(flags)

    # -- what it leaves -------------------------------------------------------------------------

    def _ends(self, index: Size | None, sources: list[Value]) -> Ends:
        """Return what an iteration ends with."""
        carried = [
            self._next(name, known) for name, known in zip(self.carried, sources, strict=False)
        ]
        self._check_exchanges()
        for name in self.emptied:
            found = self.after[name]
            is_followed = type(found) in (Traced, TracedSize, Special) or is_constant(found)
            if not is_followed:
                raise AbstractValueError(f"{name} is bound to a {kind_of(found).__name__}")
        sizes = self.last_sizes(index)
        last = self._last_values(() if index is None else (symbol_of(index),), sizes)
        memory = [self.contents[storage] for storage in self.memory]
        return Ends([*carried, *memory, *last.values()], last, sizes)

    def _known(self) -> list[str]:
        """Return the names of which it is known what they are bound to by the last iteration."""
        is_known = self.surely_runs()
        return [name for name in self.emptied if is_known or name not in self.cells]

    def _next(self, name: str, known: Value) -> Value:
        """Return what a name is carried on with, of the type that it had."""
        given, found = self.given[name], self.after[name]
        if found is UNKNOWN or kind_of(found) is not given.kind:
            raise NotYetError(f"{name} changes its type")
        if name in self.borrowed:
            raise AbstractValueError(f"{name} becomes another name of an array on some ways")
        if type(found) is Traced:
            self._check_own(name, found)
        value = start_value(self.recording, found)
        if value.type != known.type:
            raise NotYetError(f"{name} is {known.type} and then {value.type}")
        return value

    def _check_own(self, name: str, found: Traced) -> None:
        """Raise where a name becomes another name of memory that was there before."""
        is_given = any(found.storage is one.storage for one in self.given.values())
        if found.kind is np.ndarray and not is_given and not self._is_new(found):
            raise AbstractValueError(f"{name} becomes another name of an array")

    def _check_exchanges(self) -> None:
        """Raise where names only change places: which array is whose depends on how often."""
        arrays = {n: self.given[n] for n in self.carried if self.given[n].kind is np.ndarray}
        names = {one.storage: name for name, one in arrays.items()}
        ends = {n: self.after[n] for n in arrays if type(self.after[n]) is Traced}
        handed = {n: names.get(end.storage) for n, end in ends.items()}
        for name in handed:
            at = handed[name]
            for _ in handed:
                at = None if at is None else handed.get(at)
            if at is not None:
                raise AbstractValueError(f"{name} only changes places with other names")

    def _is_new(self, found: Traced) -> bool:
        """Return whether an iteration has made what a stand-in looks at."""
        return found.storage.born >= self.first and not found.storage.external

    def _is_made(self, name: str, found: Traced) -> bool:
        """Return whether what a name holds was made by an iteration, or returned by it."""
        if name in self.cells:
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
            names = (*self.carried, *found)
            is_known = any(is_same(traced, self.after[other]) for other in names)
            value = self.recording.value_of(traced)
            has_one_size = set(within).isdisjoint(type_symbols([value.type]))
            if self._is_made(name, traced) and not is_known and has_one_size:
                found[name] = value
        return found

    def _kept(self) -> frozenset[str]:
        """Return the names that may hold the very array that they held before the loop."""
        arrays = {name for name in self.carried if self.given[name].kind is np.ndarray}
        if self.may_be_empty():
            return frozenset(arrays)
        given = {self.given[name].storage for name in arrays}
        ends = {name: self.after[name].storage for name in arrays}
        same = {name for name, end in ends.items() if end in given or end.shares in given}
        return frozenset(arrays & {*self.kept, *same})

    def _is_constant(self, name: str) -> bool:
        """Return whether a name holds what it does after every iteration that binds it."""
        found = self.after[name]
        is_returned = type(found) is Traced and name not in self.cells
        return is_constant(found) or (is_returned and not self._is_made(name, found))

    def _left(self, ends: Ends, found: list[Value], holds: Value | None) -> Left:
        count, rest = len(self.carried), len(self.carried) + len(self.memory)
        values = dict(zip(self.carried, found[:count], strict=True))
        values |= dict(zip(ends.last, found[rest:], strict=True))
        kinds = {name: kind_of(self.after[name]) for name in values}
        memory = dict(zip(self.memory, found[count:rest], strict=True))
        changed = {*self.carried, *self.emptied}
        same = {name: old for name, old in self.before.items() if name not in changed}
        names = self._known()
        aliases = {
            name: other
            for name in names
            for other in values
            if name not in values and is_same(self.after[name], self.after[other])
        }
        constants = {
            name: self.after[name]
            for name in names
            if name not in values and name not in aliases and self._is_constant(name)
        }
        return Left(
            values, kinds, ends.sizes, same, aliases, constants, memory, holds, self.before,
            tuple(self.carried), self._kept(), self.structure,
        )  # fmt: skip
