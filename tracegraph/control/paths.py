"""The ways through a function that is drawn: where it asks for what has no value, it forks.

The function is run anew for each way, with the answers of that way, and what was drawn on the two
sides of a fork becomes the graphs of a ``cond``. As equal nodes are one, what lies before a fork is
drawn once, and what both sides compute alike stays outside.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tracegraph.control.drawing import Journal, Predicate
from tracegraph.control.joins import End, Fork, joined
from tracegraph.ir.errors import AbstractValueError, TracegraphError
from tracegraph.ir.graph import Value
from tracegraph.ir.sizes import Dim, nonnegative
from tracegraph.pen import Answer, Questions
from tracegraph.recording import Recording
from tracegraph.standin import Storage

MOST_WAYS = 64
"""Through so many ways a function is drawn; each ``if`` of a sequence may double them."""


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

    ``borrowed`` are the names that become other names of arrays that were there before, on some way
    but not on all; ``kept`` those that keep the array that was given, on some way but not on all.
    """

    recording: Recording
    journal: Journal
    given: frozenset[Storage]
    index: str
    forks: list[Fork] = field(default_factory=list)
    met: int = 0
    loops: int = 0
    raised: Exception | None = None
    borrowed: set[str] = field(default_factory=set)
    kept: set[str] = field(default_factory=set)
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
        if self.met == len(self.forks):
            drawn = frozenset(self.recording.builder.nodes)
            self.forks.append(Fork(predicate, size, drawn))
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
        raise AbstractValueError(
            f"there are more than {MOST_WAYS} ways through the body of a loop; use np.where"
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
            return None
        finally:
            assumed = self._taken(start)
            memory = {storage: storage.value for storage in self.journal}
            for storage, (value, version) in self.journal.items():
                storage.value, storage.version = value, version
        return End(names, memory, assumed)

    def _taken(self, start: int) -> list[Predicate]:
        taken, builder = self.recording.take_guards(start), self.recording.builder
        return [(Value(builder, node.operands[0]), expect) for node, expect in taken]
