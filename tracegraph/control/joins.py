"""Where the two sides of a fork become one again: what differs is chosen by a ``cond``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

import numpy as np

from tracegraph.control.drawing import (
    Body,
    Journal,
    Part,
    Predicate,
    joint,
    part_since,
    shared,
    values_of,
)
from tracegraph.control.variables import (
    ANY,
    GROWN,
    NUMPYS,
    OTHER_NAME,
    UNKNOWN,
    is_same,
    kind_of,
    may_be_carried,
    start_value,
)
from tracegraph.ir.autodiff import zeros
from tracegraph.ir.errors import AbstractValueError
from tracegraph.ir.graph import Graph, Node, Value
from tracegraph.ir.ops.broadcast import literal
from tracegraph.ir.ops.choice import select
from tracegraph.ir.ops.control import cond, items
from tracegraph.ir.record import record
from tracegraph.ir.sizes import Dim
from tracegraph.layouts import Order, order_of
from tracegraph.recording import Recording
from tracegraph.standin import ABSENT, PYTHON_SCALARS, Storage, Traced


@record
class End:
    """Where a way through a function ends.

    Parameters
    ----------
    names : dict of str to object
        What the variables hold.
    memory : dict of Storage to Value
        The content of what was written.
    assumed : list of Predicate
        What is assumed of values on the way.
    """

    names: dict[str, Any]
    memory: dict[Storage, Value]
    assumed: list[Predicate]


@dataclass(eq=False)
class Fork:
    """A question, with its answer on the way that is drawn.

    ``size`` is set where the question is whether that is at least zero; ``drawn`` are the nodes
    before it. ``then`` is where the side for true ends, once it is drawn; None if it raises.
    """

    predicate: Value
    size: Dim | None
    drawn: frozenset[Node]
    answer: bool = True
    then: End | None = None


class Ways(Protocol):
    """What a join asks of the function that is drawn."""

    @property
    def recording(self) -> Recording: ...

    @property
    def journal(self) -> Journal: ...

    @property
    def given(self) -> frozenset[Storage]: ...

    @property
    def borrowed(self) -> set[str]: ...

    @property
    def mixed(self) -> set[str]: ...

    @property
    def mixable(self) -> Mapping[frozenset[type], type]: ...

    @property
    def kept(self) -> dict[str, Storage]: ...


def joined(ways: Ways, fork: Fork, orelse: End | None) -> End | None:
    """Return where both sides of a fork end, as one.

    It is assumed that a side that raises is not taken; None if both do.

    Raises
    ------
    AbstractValueError
        Arrays have other names on one side than on the other.
    """
    ends = [end for end in (fork.then, orelse) if end is not None]
    if not ends:
        return None
    join = _Join(ways, fork, fork.then, orelse)
    sides = [{} if end is None else end.names for end in (fork.then, orelse)]
    names = {
        name: join.name(name, [side.get(name, ANY) for side in sides])
        for name in sides[0] | sides[1]
    }
    memory = {storage: join.memory(storage) for storage in ways.journal}
    holds = join.choose()
    return End(
        {
            name: one.stand_in(ways.recording) if type(one) is _Choice else one
            for name, one in names.items()
        },
        {storage: one.value for storage, one in memory.items()},
        [(holds, True)] if holds is not None else [],
    )


@dataclass(eq=False)
class _Choice:
    """A value that differs between the sides of a fork.

    Some are chosen ``apart`` from the others, so that these are the same without them.
    """

    sides: tuple[Value, Value]
    number: type | None = None
    apart: bool = False
    order: Order | None = None
    still: _Choice | None = None
    found: Value | None = None
    traced: Traced | None = None

    @property
    def value(self) -> Value:
        assert self.found is not None, "values are chosen before they are used"
        return self.found

    def stand_in(self, recording: Recording) -> Traced:
        """Return its stand-in, which is one for all names of it."""
        if self.traced is None:
            self.traced = recording.fresh(ABSENT, self.value, self.number, self.order)
            self.traced.storage.still = None if self.still is None else self.still.value
        return self.traced


class _Join:
    """Collects what differs between the sides of a fork, and chooses it all at once.

    On a side that raises, what the other one computes is zero.
    """

    def __init__(self, ways: Ways, fork: Fork, then: End | None, orelse: End | None) -> None:
        self.ways, self.recording, self.fork = ways, ways.recording, fork
        self.ends = (then, orelse)
        self.choices: list[_Choice] = []
        self.partners: dict[Storage, Storage] = {}
        self.arrays: dict[Storage, _Choice] = {}

    # -- what differs ---------------------------------------------------------------------------

    def name(self, name: str, sides: Sequence[Any]) -> Any:
        """Return what a variable holds: the same on both sides, a choice, or ``UNKNOWN``."""
        found = [one for one in sides if one is not ANY]
        one, other = found[0], found[-1]
        if self._is_common(found):
            self._check_partners(name, found)
            return one
        kind = kind_of(one)
        numpys = self.ways.mixable.get(frozenset((kind, kind_of(other))))
        if numpys is not None:
            self.ways.mixed.add(name)
            kind = numpys
        elif not (may_be_carried(one) and may_be_carried(other)) or kind is not kind_of(other):
            return UNKNOWN
        values = [None if x is ANY else self._value(x) for x in sides]
        if len({value.type for value in values if value is not None}) > 1:
            return UNKNOWN
        if kind is not np.ndarray:
            number = kind if kind in PYTHON_SCALARS else None
            return self._choice(values, number, apart=name.startswith(NUMPYS))
        if not (self._is_own(one) and self._is_own(other)):
            self.ways.borrowed.add(name)
        known = [s for x in found for s in (x.storage, x.storage.shares) if s in self.ways.given]
        if known and any(self.ways.kept.setdefault(name, s) is not s for s in known):
            self.ways.borrowed.add(name)
        order = order_of(one)
        if order != order_of(other):
            return UNKNOWN
        self._check_partners(name, found)
        if one.storage not in self.arrays:
            self.arrays[one.storage] = self._choice(values)
            self.arrays[one.storage].order = order
            self.arrays[one.storage].still = self._still(sides) if known else None
        return self.arrays[one.storage]

    def _value(self, held: Any) -> Value:
        """Return the value of what a variable holds; what was given is handed on unread."""
        is_given = type(held) is Traced and held.storage in self.ways.given and not held.path
        if is_given and held.storage.shares is None:
            return cast(Value, held.storage.value)
        return start_value(self.recording, held)

    def _still(self, sides: Sequence[Any]) -> _Choice | None:
        """Return whether an array is the one that was given, if that is known on both sides."""
        found: list[Value | None] = []
        for side in sides:
            storage = None if side is ANY else side.storage
            if storage is None or storage.shares not in self.ways.given:
                is_given = storage in self.ways.given
                found.append(None if storage is None else start_value(self.recording, is_given))
            elif storage.still is None:
                return None
            else:
                found.append(storage.still)
        return self._choice(found, bool, apart=True)

    def memory(self, storage: Storage) -> _Choice:
        """Return the content of memory."""
        before = self.ways.journal[storage][0]
        return self._choice(
            [None if end is None else end.memory.get(storage, before) for end in self.ends]
        )

    def _is_common(self, found: Sequence[Any]) -> bool:
        """Return whether a variable holds the same, whichever side is taken."""
        one = found[0]
        if len(found) > 1 or type(one) is not Traced:
            return is_same(one, found[-1])
        return not self._is_new(one.storage.value)

    def _is_new(self, value: Value) -> bool:
        """Return whether a value was computed behind the fork."""
        builder = self.recording.builder
        return value.node not in self.fork.drawn and value.node not in builder.params

    def _is_own(self, traced: Traced) -> bool:
        """Return whether an array is all of memory that the function has made, or was given."""
        storage = traced.storage
        is_made = storage.born >= self.recording.drawn_since and not storage.external
        if traced.path or storage.shares not in (None, *self.ways.given):
            return False
        return is_made or storage in self.ways.given

    def _check_partners(self, name: str, found: Sequence[Any]) -> None:
        """Raise where what shares an array on one side does not do so on the other."""
        one, other = found[0], found[-1]
        if len(found) < 2 or kind_of(one) is not np.ndarray:
            return
        for mine, its in ((one.storage, other.storage), (other.storage, one.storage)):
            if self.partners.setdefault(mine, its) is not its:
                what = "what is appended to a list" if name.startswith(GROWN) else name
                raise AbstractValueError(OTHER_NAME.format(what))

    def _choice(
        self, values: Sequence[Value | None], number: type | None = None, *, apart: bool = False
    ) -> _Choice:
        """Return the choice of one of two values; zeros stand for one that nobody looks at."""
        builder = self.recording.builder
        known = next(value for value in values if value is not None)
        first, last = (zeros(builder, known.type) if x is None else x for x in values)
        choice = _Choice((first, last), number, apart)
        if first.node is last.node:
            choice.found = first
        self.choices.append(choice)
        return choice

    # -- the branch -----------------------------------------------------------------------------

    def choose(self) -> Value | None:
        """Add the branch, and return whether what was assumed holds."""
        for choice in self.choices:
            if choice.found is None and not any(map(self._is_computed, choice.sides)):
                choice.found = select(self.fork.predicate, *choice.sides)
        open_ = [choice for choice in self.choices if choice.found is None]
        together = [choice for choice in open_ if not choice.apart]
        apart = [choice for choice in open_ if choice.apart]
        is_checked = any(end is None or end.assumed for end in self.ends)
        if apart:
            self._branch(apart, is_checked)
        return self._branch(together, is_checked) if together or is_checked else None

    def _branch(self, open_: Sequence[_Choice], is_checked: bool) -> Value | None:
        """Add a branch for some choices."""
        parts = [
            part_since(self.recording, self.fork.drawn, [], [*values, *_predicates(end)])
            for values, end in zip(self._sides(open_), self.ends, strict=True)
        ]
        frontier = joint(parts)
        graphs = [
            self._graph(part, end, frontier, len(open_), is_checked)
            for part, end in zip(parts, self.ends, strict=True)
        ]
        builder = self.recording.builder
        operands = [self.fork.predicate, *values_of(self.recording, frontier)]
        found = items(builder.emit(cond, operands, {"then": graphs[0], "orelse": graphs[1]}))
        for choice, value in zip(open_, found, strict=False):
            choice.found = value
        return found[-1] if is_checked else None

    def _is_computed(self, value: Value) -> bool:
        """Return whether a value is more than a number that is known ahead of the fork."""
        return bool(value.shape) or (value.node.op is not literal and self._is_new(value))

    def _sides(self, choices: Sequence[_Choice]) -> list[list[Value]]:
        return [[choice.sides[side] for choice in choices] for side in (0, 1)]

    def _graph(
        self, part: Part, end: End | None, frontier: Sequence[Node], count: int, is_checked: bool
    ) -> Graph:
        """Return the graph of one side."""
        body = Body([], frontier, is_checked=is_checked)
        found = body.add(part)
        flags = []
        if is_checked and end is None:
            flags = [body.literal(False)]
        elif is_checked and end is not None:
            flags = [body.holds(None, [expect for _, expect in end.assumed], found[count:])]
        return shared(self.recording, body.build([*found[:count], *flags]))


def _predicates(end: End | None) -> list[Value]:
    return [] if end is None else [predicate for predicate, _ in end.assumed]
