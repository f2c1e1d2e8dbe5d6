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

import functools
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tracegraph.control.drawing import Journal, draw, forget, source
from tracegraph.control.drawn_loops import looped, new_index
from tracegraph.control.variables import UNBOUND, LoopCode, Trips, content, set_content
from tracegraph.ir.autodiff import zeros
from tracegraph.ir.errors import AbstractValueError
from tracegraph.ir.graph import Value, attrs_key, item_types
from tracegraph.ir.ops.broadcast import broadcast_to
from tracegraph.ir.record import record
from tracegraph.ir.size_values import substitute
from tracegraph.ir.sizes import Dim, Size, Symbol, nonnegative
from tracegraph.ir.slicing import dependents
from tracegraph.ir.types import type_symbols
from tracegraph.recording import Recording
from tracegraph.standin import (
    ABSENT,
    PYTHON_SCALARS,
    Storage,
    Traced,
    TracedSize,
    dim_of,
)

ROUNDS = 8
"""So often a body is drawn anew because it changes more than was known."""

WRITTEN_OUT = 512
"""So many operations on whole arrays, element by element, are better one kernel than a loop."""

WHAT = "a loop"

CONSTANTS = (*PYTHON_SCALARS, str, bytes, type(None), type(UNBOUND))
"""What a name may hold that is no array: it is the same after every iteration."""


class NotYetError(AbstractValueError):
    """A name has its type only after the first iteration."""


@record
class Left:
    """What a loop leaves.

    Parameters
    ----------
    values : dict of str to Value
        What names stand for; ``kinds`` has the type of each.
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
    started : tuple
        What names held before the loop.
    """

    values: dict[str, Value]
    kinds: dict[str, type]
    sizes: dict[str, Dim]
    same: dict[str, Any]
    aliases: dict[str, str]
    constants: dict[str, Any]
    memory: dict[Storage, Value]
    holds: Value | None
    started: tuple[Any, ...]


@dataclass(eq=False)
class Statement:
    """A loop whose body is drawn.

    ``carried`` are names with a value for the next iteration, ``emptied`` names that an iteration
    binds before it reads them, ``memory`` what it writes into and has not made itself.
    """

    recording: Recording
    code: LoopCode
    trips: Trips
    carried: list[str] = field(default_factory=list)
    emptied: list[str] = field(default_factory=list)
    memory: list[Storage] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.cells = self.code.cells()
        self.before = {name: content(cell) for name, cell in self.cells.items()}
        self.given: dict[str, Traced] = {}
        self.after: dict[str, Any] = {}
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

    def _round(self) -> Left | None:
        """Return the loop, or None where it changes more than was known: that is known now."""
        recording = self.recording
        index = new_index(recording, self.trips.count)
        init, sources = self._starts()
        state, written = _State(recording), Journal()
        contents = [(storage, storage.value, storage.version) for storage in self.memory]
        ends = None
        try:
            run = functools.partial(self._run, index, sources)
            drawn = draw(recording, WHAT, [self.code.body], run, written)
            ends = None if self._learns(written) else self._ends(index, sources)
            if ends is not None:
                self._check_worth(sources, index)
        finally:
            for storage, value, version in (*((s, *o) for s, o in written.items()), *contents):
                storage.value, storage.version = value, version
            if ends is None:
                state.restore()
                forget(recording, sources, symbol_of(index))
        if ends is None:
            return None
        for value in ends.last.values():
            init.append(zeros(recording.builder, value.type))
            sources.append(source(recording, value.type))
        found, holds = looped(recording, init, sources, ends.targets, drawn, index)
        return self._left(ends, found, holds)

    def _check_worth(self, sources: list[Value], index: Size) -> None:
        """Raise where written out the loop would be one kernel, with all its values in registers.

        As a loop it would write whole arrays in each iteration.
        """
        nodes = self.recording.builder.nodes
        body = dependents(nodes, [s.node for s in sources], [symbol_of(index)])
        arrays = [node for node in body if any(type.shape for type in item_types(node.type))]
        is_fused = all(node.op.elementwise or node.op is broadcast_to for node in arrays)
        count = self.trips.count
        is_short = isinstance(count, int) and 0 < count * len(arrays) <= WRITTEN_OUT
        if is_fused and is_short and self.recording.drawn is None:
            raise AbstractValueError("it is short enough to be one kernel")

    # -- one iteration --------------------------------------------------------------------------

    def _starts(self) -> tuple[list[Value], list[Value]]:
        """Return what is carried at first, and what stands for it in any iteration."""
        init = [start_value(self.recording, self.before[name]) for name in self.carried]
        init += [storage.value for storage in self.memory]
        return init, [source(self.recording, value.type) for value in init]

    def _run(self, index: Size, sources: list[Value]) -> None:
        """Run an iteration, and take down what it leaves; the variables are then as before."""
        recording, count = self.recording, len(self.carried)
        self.first = recording.drawn_since
        for name, value in zip(self.carried, sources, strict=False):
            kind = kind_of(self.before[name])
            number = kind if kind in PYTHON_SCALARS else None
            self.given[name] = recording.fresh(ABSENT, value, number)
            set_content(self.cells[name], self.given[name])
        for name in self.emptied:
            set_content(self.cells[name], UNBOUND)
        for storage, value in zip(self.memory, sources[count:], strict=True):
            storage.value = value
        try:
            self.code.body(recording.size(self.trips.at(index)))
            self.after = {name: content(cell) for name, cell in self.cells.items()}
        except NameError as error:
            raise NotYetError(f"{error} in its first iteration") from error
        finally:
            for name, cell in self.cells.items():
                set_content(cell, self.before[name])

    def _learns(self, written: Journal) -> bool:
        """Take up what an iteration changes, and return whether that is more than was known."""
        known = len(self.carried) + len(self.emptied) + len(self.memory)
        for name, value in self.after.items():
            if name in self.carried or name in self.emptied or is_same(self.before[name], value):
                continue
            can_carry = may_be_carried(self.before[name]) and may_be_carried(value)
            (self.carried if can_carry else self.emptied).append(name)
        self.memory += [s for s in written if s not in self.memory]
        return len(self.carried) + len(self.emptied) + len(self.memory) > known

    # -- what it leaves -------------------------------------------------------------------------

    def _ends(self, index: Size, sources: list[Value]) -> Ends:
        """Return what an iteration ends with."""
        carried = [
            self._next(name, known) for name, known in zip(self.carried, sources, strict=False)
        ]
        self._check_exchanges()
        last = self._last_values(symbol_of(index))
        memory = [storage.value for storage in self.memory]
        end = {symbol_of(index): self.trips.count - 1}
        sizes = {
            name: substitute(dim_of(self.after[name]), end)
            for name in (self.emptied if self._surely_runs else ())
            if type(self.after[name]) is TracedSize
        }
        for name in self.emptied:
            if type(self.after[name]) not in (Traced, TracedSize, *CONSTANTS):
                raise AbstractValueError(
                    f"{name} is bound to a {kind_of(self.after[name]).__name__}"
                )
        return Ends([*carried, *memory, *last.values()], last, sizes)

    @property
    def _surely_runs(self) -> bool:
        """Whether there is an iteration; around all loops that has been asked."""
        return self.recording.drawn is None or nonnegative(self.trips.count - 1)

    def _next(self, name: str, known: Value) -> Value:
        """Return what a name is carried on with, of the type that it had."""
        given, found = self.given[name], self.after[name]
        if given.storage.written:
            raise AbstractValueError(f"{name} is written in place and bound anew")
        if kind_of(found) is not given.kind:
            raise NotYetError(f"{name} changes its type")
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
        arrays = {n: one for n, one in self.given.items() if one.kind is np.ndarray}
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

    def _last_values(self, index: Symbol) -> dict[str, Value]:
        """Return what the last iteration leaves in names, if it is made there and has one size."""
        found: dict[str, Value] = {}
        for name in self.emptied if self._surely_runs else ():
            traced = self.after[name]
            if type(traced) is not Traced or traced.storage.shares is not None or traced.path:
                continue
            names = (*self.carried, *found)
            is_known = any(is_same(traced, self.after[other]) for other in names)
            value = self.recording.value_of(traced)
            if (
                self._is_new(traced)
                and not is_known
                and index not in set(type_symbols([value.type]))
            ):
                found[name] = value
        return found

    def _left(self, ends: Ends, found: list[Value], holds: Value | None) -> Left:
        count, rest = len(self.carried), len(self.carried) + len(self.memory)
        values = dict(zip(self.carried, found[:count], strict=True))
        values |= dict(zip(ends.last, found[rest:], strict=True))
        kinds = {name: kind_of(self.after[name]) for name in values}
        memory = dict(zip(self.memory, found[count:rest], strict=True))
        changed = {*self.carried, *self.emptied}
        same = {name: old for name, old in self.before.items() if name not in changed}
        aliases = {
            name: other
            for name in (self.emptied if self._surely_runs else ())
            for other in values
            if name not in values and is_same(self.after[name], self.after[other])
        }
        names = self.emptied if self._surely_runs else ()
        constants = {n: self.after[n] for n in names if type(self.after[n]) in CONSTANTS}
        started = tuple(self.before.values())
        return Left(values, kinds, ends.sizes, same, aliases, constants, memory, holds, started)


class _State:
    """What a recording has noted beside its graph, to go back to."""

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self.reasons = recording.failure, recording.unreplayable, recording.raised
        self.lengths = len(recording.size_checks), len(recording.cuts)

    def restore(self) -> None:
        """Forget what was noted since."""
        recording, (checks, cuts) = self.recording, self.lengths
        recording.failure, recording.unreplayable, recording.raised = self.reasons
        del recording.size_checks[checks:], recording.cuts[cuts:]


@record
class Ends:
    """What an iteration ends with: the values of all that is carried, and what else is known."""

    targets: list[Value]
    last: dict[str, Value]
    sizes: dict[str, Dim]


def symbol_of(index: Size) -> Symbol:
    """Return the symbol that a size is."""
    ((counter,), _) = index.terms[0]
    assert isinstance(counter, Symbol)
    return counter


def start_value(recording: Recording, given: Any) -> Value:
    """Return the value of what a name holds."""
    if type(given) is Traced:
        return recording.value_of(given)
    return recording.emitter.value(given.size if type(given) is TracedSize else given)


def kind_of(given: Any) -> type:
    """Return the type of what a name holds, or stands for."""
    if type(given) is TracedSize:
        return int
    return given.kind if type(given) is Traced else type(given)


def may_be_carried(value: Any) -> bool:
    """Return whether a name that holds this can have another value in each iteration."""
    if type(value) is Traced:
        is_point = isinstance(value.actual, np.ndarray) and not value.actual.ndim
        return not is_point  # without a value it could not be told from a number
    return type(value) in (*PYTHON_SCALARS, TracedSize)


def is_same(before: Any, after: Any) -> bool:
    """Return whether two names hold the same."""
    if before is after:
        return True
    if type(before) is Traced and type(after) is Traced:
        return before.storage is after.storage and before.path == after.path
    is_plain = type(before) is type(after) and isinstance(after, (*PYTHON_SCALARS, str))
    return is_plain and bool(attrs_key(before) == attrs_key(after))
