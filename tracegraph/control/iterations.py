"""One iteration of a loop, drawn: what it is given, on all ways through it, and what it changes.

What it carries on to the next turns up when it is run: it is drawn anew until nothing new does.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tracegraph import tree
from tracegraph.control.drawing import Drawn, Journal, draw, source
from tracegraph.control.drawn_loops import new_index
from tracegraph.control.growing import Growth, check_alike
from tracegraph.control.items import Item, Same
from tracegraph.control.joins import End
from tracegraph.control.mixing import agreed, flags_of
from tracegraph.control.outcome import symbol_of
from tracegraph.control.paths import Paths
from tracegraph.control.trees import Trees
from tracegraph.control.variables import (
    ANY,
    KEPT,
    NUMPYS,
    UNBOUND,
    UNKNOWN,
    LoopCode,
    Trips,
    is_one,
    is_same,
    kind_of,
    may_be_carried,
    named_variables,
    start_value,
)
from tracegraph.ir.bodies import fresh_name
from tracegraph.ir.errors import AbstractValueError, TracegraphError
from tracegraph.ir.graph import Node, Value
from tracegraph.ir.ops.compare import logical_and
from tracegraph.ir.sizes import Size, nonnegative
from tracegraph.layouts import order_of
from tracegraph.pen import fault_text
from tracegraph.recording import Recording
from tracegraph.standin import ABSENT, PYTHON_SCALARS, Storage, Traced

WHAT = "a loop"


class NotYetError(AbstractValueError):
    """A name has its type only after the first iteration."""


@dataclass(eq=False)
class Iteration:
    """An iteration of a ``for`` over known items.

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
        functions, cells = [self.code.body], self.code.cells()
        self.trees = Trees(self.recording, functions, cells, self.code.scratched)
        self.cells = self.trees.cells
        self.before = {**self.trees.before, **self.own_variables()}
        self.given: dict[str, Traced] = {}
        self.after: dict[str, Any] = {}
        self.contents: dict[Storage, Value] = {}
        self.borrowed: set[str] = set()
        self.kept: Mapping[str, Storage] = {}
        self.mixed: set[str] = set()
        self.newly_mixed: set[str] = set()
        self.growth = Growth(self.recording)
        self.first = 0
        self.returned: Any = None

    def _held(self, place: str) -> Any:
        """Return what a place holds at the beginning of any iteration."""
        return self.given[place] if place in self.carried else self.before[place]

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
        for item in self.trips.at(self.recording.size(index)):
            self.code.body(item)
        return {}

    def surely_runs(self) -> bool:
        """Return whether there is an iteration; around all loops that has been asked."""
        count = self.trips.count
        if self.recording.drawn is None or nonnegative(count - 1):
            return True
        varies = self.recording.emitter.varies(count)
        return not varies and bool(self.recording.ask_size(1, "<=", count))

    def may_be_empty(self) -> bool:
        """Return whether it may have no iteration, so that names keep what they hold."""
        return not self.surely_runs()

    # -- drawing it -----------------------------------------------------------------------------

    def starts(self) -> tuple[list[Value], list[Value]]:
        """Return what is carried at first, and what stands for it in any iteration."""
        recording = self.recording
        init = [start_value(recording, self.before[name]) for name in self.carried]
        init += [storage.value for storage in self.memory]
        sources = [source(recording, value.type) for value in init]
        for name, value in zip(self.carried, sources, strict=False):
            kind = np.float64 if name in self.mixed else kind_of(self.before[name])
            number = kind if kind in PYTHON_SCALARS else None
            order = order_of(self.before[name]) if kind is np.ndarray else None
            self.given[name] = recording.fresh(ABSENT, value, number, order)
        for storage, value in zip(self.memory, sources[len(self.carried) :], strict=True):
            storage.value = value
        return init, sources

    def draw(self, index: Size | None, sources: list[Value], written: Journal) -> Drawn:
        """Draw an iteration, on all ways through it."""
        self.trees.begin()
        self.growth.begin()
        end, paths = self._explored(index, written, {})
        if self.mixed:
            given, first = self.given, self.first
            floats = {
                name: self.recording.fresh(ABSENT, given[name].value, float) for name in self.mixed
            }
            self.given = given | floats
            pythons, _ = self._explored(index, written, paths.drawn)
            self.given, self.first = given, first
            flags = {**self.before, **given}
            check_alike(end.names, pythons.names)
            end = agreed(self.recording, end, pythons, flags, sources, self.mixed)
        self.after = self.growth.taken(end.names, {*paths.borrowed, *paths.kept, *paths.mixed})
        self.contents = {storage: storage.value for storage in self.memory} | end.memory
        self.borrowed, self.kept, self.newly_mixed = paths.borrowed, paths.kept, paths.mixed
        return Drawn(None, end.assumed)

    def _explored(
        self,
        index: Size | None,
        written: Journal,
        like: Mapping[tuple[bool, ...], frozenset[Node]],
    ) -> tuple[End, Paths]:
        """Return where an iteration ends on all ways."""
        recording = self.recording
        given = frozenset(one.storage for one in self.given.values())
        prefix = fresh_name("k") if index is None else symbol_of(index).name
        paths = Paths(recording, written, given, prefix, outer=recording.paths, like=like)

        def explore() -> End:
            return paths.explore(lambda: self._way(index))

        drawn = draw(recording, WHAT, [self.code.body], explore, written, self._may_change)
        return drawn.result, paths

    def _may_change(self, changed: list[tuple[Any, list[Any]]]) -> bool:
        """Return whether an iteration may change these lists and dicts; it is drawn anew then."""
        plains = (one for one in (self.code.plain, self.code.plain_test) if one is not None)
        return self.trees.follow(changed, named_variables(*plains))

    def _way(self, index: Size | None) -> dict[str, Any]:
        """Run an iteration, and return what it leaves; the variables are then as before."""
        self.first = self.recording.drawn_since
        with self.growth.on_one_way(self.given), self.variables():
            own = self.iteration(index)
            try:
                return self._way_ended(own)
            except TracegraphError:
                raise
            except Exception as fault:  # it is not the user's code that raises
                raise AbstractValueError(fault_text(fault)) from fault

    def _way_ended(self, own: dict[str, Any]) -> dict[str, Any]:
        """Return what an iteration leaves on this way, beside what the loop's own variables are."""
        looks = self.growth.looked_at()
        names = self.trees.ended(self.growth.without_list)
        for name, cell in self.cells.items():
            if names[name] is UNBOUND and id(cell) in self.recording.unsettled:
                names[name] = UNKNOWN
        self.trees.check_returned(self.returned)
        kept = self._still_kept(names) | self.trees.flags(self.before, self.given)
        kinds = flags_of(names, self.mixed)
        grown = self.growth.names(names, self.given)
        return {**names, **own, **looks, **kept, **kinds, **grown}

    def _still_kept(self, names: Mapping[str, Any]) -> dict[str, Any]:
        """Return which of the names that may keep their array still do."""
        kept: dict[str, Any] = {}
        for flag in self.before:
            name = flag.removeprefix(KEPT)
            if name != flag:
                still = self._still(name, names[name])
                kept[flag] = self._both(still, self.given.get(flag, True))
        return kept

    def _still(self, name: str, held: Any) -> Any:
        """Return whether a name holds the array that an iteration is given for it.

        Raises
        ------
        AbstractValueError
            Nobody knows: it may be that of another name.
        """
        given = self.given[name]
        if held is given:
            return True
        if type(held) is not Traced or held.storage.shares is None:
            return False
        if held.storage.shares is given.storage and held.storage.still is not None:
            return self.recording.fresh(ABSENT, held.storage.still, bool)
        if any(held.storage.shares is one.storage for one in self.given.values()):
            raise AbstractValueError(
                f"{name} may be an array from before a loop, or a new one, as a loop or a function "
                "inside decides; bind a copy in either case"
            )
        return False

    def _both(self, one: Any, other: Any) -> Any:
        """Return whether two bools are true, each known or without value."""
        if type(one) is not Traced or type(other) is not Traced:
            return (one and other) if type(one) is not Traced else (other and one)
        return self.recording.fresh(ABSENT, logical_and(one.value, other.value), bool)

    def is_behind(self, name: str) -> bool:
        """Return whether somebody may read a name behind the loop, or another one for the same."""
        if self._is_read(name):
            return True
        held = self.after.get(name)
        others = (one for other, one in self.after.items() if self._is_read(other))
        return type(held) is Traced and any(is_same(held, one) for one in others)

    def _is_read(self, name: str) -> bool:
        root = self.trees.root(name)
        return root not in self.code.cells() or root in self.code.names[0]

    @contextmanager
    def variables(self) -> Iterator[None]:
        """Within this the variables hold what they do at the beginning of any iteration."""
        self.trees.give(self._held, self.emptied)
        try:
            with self.code.scratched():
                yield
        except NameError as error:
            raise NotYetError(self._not_carried(error)) from error
        finally:
            self.trees.put_back()

    def _not_carried(self, error: NameError) -> str:
        """Return why an iteration cannot read a name that each one binds."""
        name = error.name or ""
        if name in self.trees.why:
            return self.trees.why[name]
        held = self.before.get(name, UNBOUND)
        if held is UNBOUND:
            return f"{error} in its first iteration; bind it before the loop"
        kind = kind_of(held).__name__
        return f"{name} is a {kind}, which a loop cannot carry; carry arrays and numbers"

    def learns(self, written: Journal) -> bool:
        """Take up what an iteration changes, and return whether that is more than was known."""
        new = self.trees.new_places()
        if new is not None:
            self.before |= new
            return True
        known = self._known_changes()
        for name in self.carried:
            if self.given[name].storage in written:
                raise AbstractValueError(
                    f"{name} is written in place and bound anew in a loop; do one of both"
                )
        for name, value in self.after.items():
            before = self.before.setdefault(name, ANY)
            if name in self.carried or name in self.emptied or self._stays(before, value):
                continue
            is_in_emptied = self.trees.root(name) in self.emptied
            if may_be_carried(before) and may_be_carried(value) and not is_in_emptied:
                self.carried.append(name)
            else:
                self._empty(name, before, value)
        self.memory += [s for s in written if s not in self.memory]
        self.learns_looks()
        whole = self.trees.learns(may_be_empty=self.may_be_empty())
        unclear = self.trees.why_unclear()
        if unclear is not None:
            raise AbstractValueError(unclear)
        if self._known_changes() != known or self._learns_mixed():
            return True
        kept = self.kept_arrays() - {*self.growth.looks}
        flags = {KEPT + name: True for name in filter(self.is_behind, kept)}
        flags |= whole
        flags = {flag: True for flag in flags if flag not in self.before}
        self.before |= flags
        return bool(flags)

    def learns_looks(self) -> bool:
        """Take up what the loop looks at of lists, and return whether that is more than before."""
        looks = self.growth.new_looks()
        if any(not may_be_carried(item) for item in looks.values()):
            raise AbstractValueError(
                "a loop looks at the last item of a list; it must be a number or an array"
            )
        self.before |= looks
        self.carried += looks
        return bool(looks)

    def _known_changes(self) -> list[Collection[Any]]:
        """Return what is known of what an iteration changes."""
        return [[*one] for one in (self.carried, self.emptied, self.memory, self.trees.renewed)]

    def _stays(self, before: Any, value: Any) -> bool:
        """Return whether a place holds what it held before."""
        is_lost = type(before) is Same and self.trees.root(before.place) in self.emptied
        return is_one(before, value) and not is_lost

    def _empty(self, name: str, before: Any, value: Any) -> None:
        """Let a variable hold nothing at the beginning of an iteration, all of a container."""
        root = self.trees.root(name)
        self.trees.explain(name, before, value)
        if type(self.cells.get(root)) is Item:
            raise NotYetError(self.trees.why[root])
        for one in dict.fromkeys((root, name)):
            if one not in self.emptied:
                self.emptied.append(one)
        self.carried = [one for one in self.carried if self.trees.root(one) != root]
        self.mixed.intersection_update(self.carried)

    def _learns_mixed(self) -> bool:
        """Take up which names may hold Python's float or NumPy's, and return whether any do."""
        new = self.newly_mixed - self.mixed
        if not new.isdisjoint(self.growth.looks):
            raise AbstractValueError(
                "a loop appends a Python float or NumPy's, as data decides; append float(x)"
            )
        for name in new:
            kind = kind_of(self.before[name])
            if kind in (float, np.float64):
                self.before[NUMPYS + name] = kind is np.float64
                self.mixed.add(name)
            else:
                self.after[name] = UNKNOWN
        return not new.isdisjoint(self.mixed)

    def kept_arrays(self) -> frozenset[str]:
        """Return the names that may hold the very array that they held before the loop."""
        arrays = {name for name in self.carried if self.given[name].kind is np.ndarray}
        if self.may_be_empty():
            return frozenset(arrays)
        given = {self.given[name].storage for name in arrays}
        ends = {name: self.after[name].storage for name in arrays}
        same = {name for name, end in ends.items() if end in given or end.shares in given}
        return frozenset(arrays & {*self.kept, *same})
