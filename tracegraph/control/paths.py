"""The ways through a function that is drawn: where it asks for what has no value, it forks.

The function is run anew for each way, with the answers of that way, and what was drawn on the two
sides of a fork becomes the graphs of a ``cond``. As equal nodes are one, what lies before a fork is
drawn once, and what both sides compute alike stays outside.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import CellType
from typing import Any, ClassVar, NoReturn

import numpy as np

from tracegraph.control.drawing import Journal, Predicate, drawing
from tracegraph.control.joins import End, Fork, joined
from tracegraph.control.rebuilding import containers_of
from tracegraph.control.restoring import Content
from tracegraph.control.trees import Trees
from tracegraph.control.variables import (
    OTHER_NAME,
    UNBOUND,
    UNKNOWN,
    content,
    keep_apart,
    set_content,
)
from tracegraph.ir.errors import AbstractValueError, TracegraphError
from tracegraph.ir.graph import Node, Value
from tracegraph.ir.sizes import Dim, nonnegative
from tracegraph.pen import Answer, Questions
from tracegraph.recording import Recording
from tracegraph.standin import Storage
from tracegraph.tree import TreeDef, flatten, unflatten
from tracegraph.twin.make import is_raised_by_statement
from tracegraph.values import stand_ins

FLOATS: Mapping[frozenset[type], type] = {frozenset((float, np.float64)): np.float64}
"""Types of numbers of which some ways may have one and some the other, and what is then had."""

MOST_WAYS = 64
"""Through so many ways a function is drawn; each ``if`` of a sequence may double them."""


class ApartError(TracegraphError):
    """What the ways through a part end with cannot be one behind it; it may be further on."""


@dataclass(eq=False)
class Paths:
    """Draws all ways through a function.

    Parameters
    ----------
    recording : Recording
        Where it is drawn.
    journal : Journal
        What memory held before it was written.
    given : frozenset of Storage
        The arrays that the function is given to bind anew.
    index : str
        The name of the index of the loop that it is the body of, from which others' are made.
    like : mapping, optional
        What is ``drawn`` ahead of the forks, by the answers before, where that was drawn already.

    ``borrowed`` are the names that become other names of arrays that were there before, on some way
    but not on all; ``kept`` those that keep an array that was given, on some way but not on all,
    with that. ``versions`` are the last ones of what was written. ``is_forked`` says whether there
    are several ways, ``mixed`` are names of a Python float on some and of NumPy's on others.
    """

    mixable: ClassVar[Mapping[frozenset[type], type]] = FLOATS

    recording: Recording
    journal: Journal
    given: frozenset[Storage]
    index: str
    forks: list[Fork] = field(default_factory=list)
    met: int = 0
    loops: int = 0
    raised: Exception | None = None
    borrowed: set[str] = field(default_factory=set)
    kept: dict[str, Storage] = field(default_factory=dict)
    versions: dict[Storage, int] = field(default_factory=dict)
    is_forked: bool = False
    mixed: set[str] = field(default_factory=set)
    like: Mapping[tuple[bool, ...], frozenset[Node]] = field(default_factory=dict)
    drawn: dict[tuple[bool, ...], frozenset[Node]] = field(default_factory=dict)
    outer: Questions | None = None

    # -- questions ------------------------------------------------------------------------------

    def decide(self, predicate: Value) -> bool:
        """Return whether a bool is true on this way."""
        if predicate.node in self.recording.naturals:
            return self.decide_size(self.recording.naturals[predicate.node], predicate)
        for fork in self.answers():
            if fork.predicate.node is predicate.node:
                return fork.answer
        return self._fork(predicate, None)

    def decide_size(self, size: Dim, predicate: Value) -> bool:
        """Return whether a size is at least zero on this way."""
        for fork in self.answers():
            if fork.size is None:
                continue
            natural = fork.size if fork.answer else -1 - fork.size
            if nonnegative(size - natural):
                return True
            if nonnegative(-1 - size - natural):
                return False
        return self._fork(predicate, size)

    def answers(self) -> list[Answer]:
        """Return what was asked before on this way, around the function that is drawn too."""
        around = [] if self.outer is None else self.outer.answers()
        return [*around, *self.forks[: self.met]]

    def _fork(self, predicate: Value, size: Dim | None) -> bool:
        if self.met == MOST_WAYS:
            self._too_many()
        self.recording.asked += size is None
        if self.met == len(self.forks):
            way = tuple(fork.answer for fork in self.forks)
            nodes = frozenset(self.recording.builder.nodes)
            drawn = self.drawn[way] = self.like.get(way, nodes)
            self.forks.append(Fork(predicate, size, drawn))
            self.is_forked = True
        fork = self.forks[self.met]
        self.met += 1
        return fork.answer

    def next_index(self) -> str:
        """Return the name of the index of the next loop; it is the same on all ways."""
        self.loops += 1
        return f"{self.index}_{self.loops}"

    # -- all ways -------------------------------------------------------------------------------

    def explore(self, run: Callable[[], dict[str, Any]]) -> End:
        """Return where all ways end, as one.

        Parameters
        ----------
        run : callable
            Runs the function from its beginning, and returns what variables hold afterwards.

        Raises
        ------
        AbstractValueError
            There are too many ways, or what they end with cannot be one.
        Exception
            All ways raise; this is what the last one raised.
        """
        recording, outer = self.recording, self.recording.paths
        recording.paths = self
        try:
            for _ in range(MOST_WAYS):
                end = self._way(run)
                while self.forks and not self.forks[-1].answer:
                    end = joined(self, self.forks.pop(), end)
                if not self.forks:
                    return self._only(end)
                self.forks[-1].then, self.forks[-1].answer = end, False
        finally:
            recording.paths = outer
        self._too_many()

    def _too_many(self) -> NoReturn:
        raise AbstractValueError(
            f"there are more than {MOST_WAYS} ways through a function or the body of a loop; use "
            "np.where, or tg.cond, whose ways are one behind it"
        )

    def _only(self, end: End | None) -> End:
        if end is None:
            assert self.raised is not None, "a way ends or raises"
            raise self.raised
        return end

    def _way(self, run: Callable[[], dict[str, Any]]) -> End | None:
        """Return where one way ends; None where it raises."""
        self.met = self.loops = 0
        start = len(self.recording.guards)
        try:
            names = run()
        except TracegraphError:
            raise
        except Exception as error:
            self.raised = error
            self.recording.raises += 1
            self.recording.doubts += not is_raised_by_statement(error)
            return None
        finally:
            assumed = self._taken(start)
            memory = {storage: storage.value for storage in self.journal}
            for storage, (value, version) in self.journal.items():
                self.versions[storage] = max(storage.version, self.versions.get(storage, 0))
                storage.value, storage.version = value, version
        return End(names, memory, assumed)

    def _taken(self, start: int) -> list[Predicate]:
        taken, builder = self.recording.take_guards(start), self.recording.builder
        return [(Value(builder, node.operands[0]), expect) for node, expect in taken]

    # -- parts ----------------------------------------------------------------------------------

    def joined(
        self,
        functions: Sequence[Any],
        run: Callable[[], Any],
        cells: Mapping[str, CellType] | None = None,
    ) -> Any:
        """Call a part of what is drawn; behind it all ways through it are one, if they can be."""
        part = Part(self.recording, self, functions, run, cells)
        try:
            return part.call()
        except ApartError:
            part.reset()
        return run()


RESULT = "$result "


class Part:
    """A part of a function that is drawn: a call, or an iteration of a short loop.

    Parameters
    ----------
    recording : Recording
        Where it is drawn.
    around : Questions
        Answers what is asked around it.
    functions : sequence
        What it can reach.
    run : callable
        Runs it, and returns what it returns.
    cells : mapping of str to cell, optional
        The variables that it binds.
    """

    paths_type: type[Paths] = Paths

    def __init__(
        self,
        recording: Recording,
        around: Questions,
        functions: Sequence[Any],
        run: Callable[[], Any],
        cells: Mapping[str, CellType] | None = None,
    ) -> None:
        self.recording, self.run, self.cells = recording, run, cells or {}
        self.trees = Trees(recording, functions, self.cells)
        self.held: dict[str, Any] = {}
        self.reached = Content(self.recording, functions)
        arrays = stand_ins([*self.trees.held.values(), *functions])
        given = frozenset(one.storage for one in arrays)
        index = around.next_index()
        self.paths = self.paths_type(self.recording, Journal(), given, index, outer=around)
        self.result: Any = None
        self.structure: TreeDef | None = None

    def call(self) -> Any:
        """Run the part on all ways, and return what it returns.

        Raises
        ------
        ApartError
            What the ways end with cannot be one; nothing has changed.
        """
        recording = self.recording
        assert recording.drawn is not None, "parts are of what is drawn"
        with drawing(recording, recording.drawn, self.paths.journal):
            try:
                end = self.paths.explore(self._way)
            except TracegraphError:
                raise
            except Exception as error:  # what it has written until then is forgotten
                why = f"a function raises {type(error).__name__}: {error}"
                raise AbstractValueError(why) from error
        self._check(end)
        for predicate, expect in end.assumed:
            recording.guard(predicate, expect)
        for storage, value in end.memory.items():
            recording.externals.before_write(storage)
            storage.write(value)
            # Views that were made inside are good for reading if they saw the last version.
            storage.version = max(self.paths.versions[storage], storage.version)
        if not self.paths.is_forked:
            for name, cell in self.cells.items():
                set_content(cell, self.held[name])
            return self.result
        self._bind(end.names)
        assert self.structure is not None, "a way ends with a result"
        leaves = [self._joined(name, end.names[name]) for name in self._results()]
        return unflatten(self.structure, leaves)

    def _results(self) -> list[str]:
        """Return the names of what it returns, where there are several ways."""
        if self.structure is None or not self.paths.is_forked:
            return []
        return [f"{RESULT}{k}" for k in range(self.structure.num_leaves)]

    def reset(self) -> None:
        """Let variables hold what they did before."""
        self.trees.put_back()

    def _way(self) -> dict[str, Any]:
        """Run the part once, and return what it binds and returns."""
        if self.paths.is_forked:
            self.reached.check_iterators()
        self.trees.give(self.trees.before.__getitem__, ())
        self.result = self.returned()
        self.held = {name: content(cell) for name, cell in self.cells.items()}
        names = self.trees.ended(lambda held: held)
        if self.paths.is_forked:
            self.reached.check([one for one, _ in self.reached.put_back()])
        leaves, structure = flatten(self.result)
        if self.structure not in (None, structure):
            raise ApartError(
                "a function returns other containers on some ways; return the same on all"
            )
        self.structure = structure
        return names | {f"{RESULT}{k}": leaf for k, leaf in enumerate(leaves)}

    def returned(self) -> Any:
        """Run the part on one way."""
        return self.run()

    def takes_mixed(self) -> bool:
        """Return whether a number may be Python's on some ways and NumPy's on others."""
        return False

    def _bind(self, ends: Mapping[str, Any]) -> None:
        """Let variables hold what the ways end with."""
        containers = containers_of(self.trees, ends, self.cells)
        places = [place for place in containers.entries if not containers.is_container(place)]
        names = {place: self._joined(place, ends[place]) for place in places}
        found = containers.whole(self.recording, names, lambda _: False)
        for name, cell in self.cells.items():
            set_content(cell, found[name])

    def _check(self, end: End) -> None:
        """Raise where what the ways end with cannot be one."""
        paths = self.paths
        if any(end.names[name] is UNKNOWN for name in self._results()):
            raise ApartError(
                "a function returns other objects on some ways than on others: return the same "
                "containers of arrays and numbers, of the same dtypes and shapes"
            )
        self.trees.learns(may_be_empty=False)
        unclear = self.trees.why_unclear()
        if unclear is not None:
            raise ApartError(unclear)
        names = [name for name in end.names if end.names[name] is not UNKNOWN]
        for name in names:
            what = "what a function returns" if name.startswith(RESULT) else name
            if name in paths.mixed and not self.takes_mixed():
                raise ApartError(f"{what} is Python's number on some ways only; use np.float64")
            if name in paths.borrowed:
                raise ApartError(OTHER_NAME.format(what))

    def _joined(self, name: str, found: Any) -> Any:
        """Return what a variable holds behind the part."""
        if found is UNKNOWN:
            return UNBOUND
        if name in self.paths.kept:
            keep_apart(found, self.paths.kept[name], self.paths.journal)
        return found
