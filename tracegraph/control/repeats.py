"""Loops whose number of iterations depends on data: ``while``, and what is left on the way.

Such a loop carries more than its names: how it was left, whether an iteration ran, and for a range
the number of the iteration, which is data here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tracegraph import tree
from tracegraph.control.drawing import Drawn, Journal, draw
from tracegraph.control.drawn_whiles import RepeatedLoop
from tracegraph.control.iterations import WHAT
from tracegraph.control.joins import End
from tracegraph.control.outcome import Ends, Left
from tracegraph.control.paths import Paths
from tracegraph.control.statements import Statement
from tracegraph.control.variables import (
    BROKEN,
    LEFT,
    NUMBER,
    RAN,
    RETURNED,
    RETURNING,
    LoopCode,
    Trips,
    content,
)
from tracegraph.control.worth import StraightCodeError, depends_on_data
from tracegraph.ir.bodies import fresh_name
from tracegraph.ir.errors import AbstractValueError
from tracegraph.ir.graph import Value
from tracegraph.ir.ops.arithmetic import add
from tracegraph.ir.ops.compare import equal, less, logical_and, logical_not, logical_or
from tracegraph.ir.sizes import Dim, Size
from tracegraph.ir.types import BOOL, INT64
from tracegraph.iterables import Items
from tracegraph.recording import Recording
from tracegraph.standin import ABSENT, Traced, TracedSize

TEST = "$test"

NO_TRIPS = Trips(Items(0, lambda number: number, tuple, 0))
"""What a loop that runs over nothing has for its items."""


@dataclass(eq=False)
class Repeated(Statement):
    """A loop that runs as long as its condition holds and nothing leaves it."""

    asked: Drawn = field(default_factory=lambda: Drawn(None, []))
    ends: Ends = field(init=False)
    whole: RepeatedLoop = field(init=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.is_while:
            self.carried.append(NUMBER)

    @property
    def is_while(self) -> bool:
        return self.code.test is not None

    def own_variables(self) -> Mapping[str, Any]:
        return {LEFT: 0, **({RAN: False} if self.is_while else {NUMBER: self.trips.begun})}

    def new_index(self) -> Size | None:
        return None

    def surely_runs(self) -> bool:
        """Return whether it is known that an iteration ran; around all loops that is guarded."""
        if self.recording.drawn is None:
            return True
        return not self.is_while and not self.trips.items.is_data and super().surely_runs()

    def may_be_empty(self) -> bool:
        return self.is_while or super().may_be_empty()

    def runs(self, times: int) -> bool:
        return False

    def last_sizes(self, index: Size | None) -> dict[str, Dim]:
        return {}

    # -- one iteration --------------------------------------------------------------------------

    def iteration(self, index: Size | None) -> dict[str, Any]:
        if self.is_while:
            return {**self._left_by(self.code.body()), RAN: True}
        number = self.given[NUMBER]
        left = self._left_by(self.code.body(self.trips.items.at(number)))
        after = add(number.value, self.recording.emitter.literal(1, INT64))
        return {**left, NUMBER: self.recording.fresh(ABSENT, after, int)}

    def _left_by(self, left: Any) -> dict[str, Any]:
        """Return how an iteration was left, from what its function returns: see ``twin.Exit``."""
        self.returned = left[0] if isinstance(left, tuple) else None
        if left is None:
            return {LEFT: 0}
        if left is True:
            return {LEFT: BROKEN}
        leaves, structure = tree.flatten(left[0])
        if self.structure is None:
            self.structure = structure
        elif self.structure != structure:
            raise AbstractValueError(
                "a loop returns different containers; return the same at each place"
            )
        return {LEFT: RETURNING, **{f"{RETURNED}{k}": leaf for k, leaf in enumerate(leaves)}}

    # -- the condition --------------------------------------------------------------------------

    def looped(
        self,
        init: list[Value],
        sources: list[Value],
        ends: Ends,
        drawn: Drawn,
        index: Size | None,
    ) -> tuple[list[Value], Value | None]:
        literal, carried = (
            self.recording.emitter.literal,
            dict(zip(self.carried, sources, strict=False)),
        )
        asked, goes_on = self.asked, []
        if LEFT in carried:
            goes_on.append(equal(carried[LEFT], literal(0, INT64)))
        if not self.is_while:
            goes_on.append(less(carried[NUMBER], self._count()))
        else:
            if type(asked.result) is Traced:
                goes_on.append(asked.result.value)
            elif not asked.result:
                raise AbstractValueError("the condition of a loop is always false")
        condition = goes_on[0] if goes_on else literal(True, BOOL)
        for one in goes_on[1:]:
            condition = logical_and(condition, one)
        asked = self._unless_left(asked, carried.get(LEFT))
        if self.is_while and self.is_short:
            carries = init, sources, ends.targets
            if not depends_on_data(self.recording, condition, *carries):
                raise StraightCodeError("its iterations are counted by Python's numbers")
        if ends.appended and self.recording.is_abstract:
            raise AbstractValueError(
                "a loop within a loop or under vmap appends to a list, and data decides how often "
                "it runs; use a `for` over a range without `break`, or assign to the items of an "
                "array"
            )
        updates = [update for one in ends.appended for update in one.updates()]
        self.ends = ends
        self.whole = RepeatedLoop(
            self.recording, init, sources, asked, condition, drawn, ends.targets, updates
        )
        return self.whole.looped()

    def period(self) -> int:
        return 1

    def leaves_known_items(self) -> bool:
        return False

    def counted(self, left: Left, trips: int) -> Left:
        """Return what the loop leaves; if it appends to lists it is run as often as is counted.

        Then nobody needs what ``looped`` has added, when it was not known how often that is.
        """
        if not self.ends.appended:
            return left
        return self.left(self.ends, *self.whole.counted(trips))

    def _count(self) -> Value:
        count = self.trips.items.count
        if self.trips.items.is_data:
            return self.recording.value_of(count)
        return self.recording.emitter.value(count, INT64)

    def _unless_left(self, asked: Drawn, left: Value | None) -> Drawn:
        """Return what the condition assumes, which is not looked at once the loop was left."""
        if left is None:
            return asked
        is_left = logical_not(equal(left, self.recording.emitter.literal(0, INT64)))
        holds = [one if expect else logical_not(one) for one, expect in asked.assumed]
        return Drawn(asked.result, [(logical_or(is_left, one), True) for one in holds])

    def learns(self, written: Journal) -> bool:
        if super().learns(written):
            return True
        if self.is_while:
            self.asked = self.condition()
        return self.learns_looks()  # the condition may look at some too

    def condition(self) -> Drawn:
        """Draw the condition of a ``while``; the result is a bool with or without a value.

        Raises
        ------
        AbstractValueError
            It does more than to compute.
        """
        recording, written = self.recording, Journal()
        given = frozenset(one.storage for one in self.given.values())
        paths = Paths(recording, written, given, fresh_name("k"), outer=recording.paths)

        def explore() -> End:
            return paths.explore(self._tested)

        drawn = draw(recording, WHAT, [self.code.test], explore, written)
        if written:
            raise AbstractValueError(
                "the condition of a loop writes into an array; write in its body"
            )
        return Drawn(drawn.result.names[TEST], drawn.result.assumed)

    def _tested(self) -> dict[str, Any]:
        """Ask the condition, and return its answer."""
        with self.growth.on_one_way(self.given), self.variables():
            before = {name: content(cell) for name, cell in self.cells.items()}
            answer = self._truth(self.code.test())
            if any(content(cell) is not before[name] for name, cell in self.cells.items()):
                raise AbstractValueError(
                    "the condition of a loop binds a name; bind it in the body"
                )
            if self.growth.has_grown():
                raise AbstractValueError(
                    "the condition of a loop appends to a list; append in its body"
                )
            return {TEST: answer}

    def _truth(self, answer: Any) -> Any:
        """Return the truth of an answer, without a value where it is data."""
        if type(answer) is TracedSize:
            answer = answer != 0
        if type(answer) is not Traced:
            return bool(answer)
        return self.recording.fresh(ABSENT, self.recording.truth_of(answer), bool)


def asks_data(recording: Recording, code: LoopCode) -> bool:
    """Return whether the condition of a ``while`` looks at data ahead of its first iteration."""
    return type(Repeated(recording, code, NO_TRIPS).condition().result) is Traced
