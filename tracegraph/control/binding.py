"""After a loop that was drawn: names and memory are what it leaves, and so is how it was left."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from tracegraph import tree
from tracegraph.control.filling import Filling
from tracegraph.control.items import kind_of_container
from tracegraph.control.outcome import Left
from tracegraph.control.trees import WHOLE
from tracegraph.control.variables import (
    BROKEN,
    KEPT,
    LEFT,
    NUMPYS,
    RAN,
    RETURNED,
    RETURNING,
    UNBOUND,
    LoopCode,
    content,
    is_same,
    keep_apart,
    set_content,
)
from tracegraph.ir.errors import UndecidedError
from tracegraph.ir.graph import Value
from tracegraph.ir.ops.compare import equal, logical_and
from tracegraph.ir.record import record
from tracegraph.ir.types import BOOL, INT64
from tracegraph.lists import Growing
from tracegraph.numpy.emit import Unsupported, in_range
from tracegraph.recording import Recording
from tracegraph.standin import ABSENT, PYTHON_SCALARS, Storage, Traced, TracedSize, no_value
from tracegraph.values import real_of
from tracegraph.views import owner_of


@record
class Real:
    """What a loop did on real values.

    Parameters
    ----------
    trips : int
        How many iterations there were.
    left : None, True or a tuple
        How it was left: see ``twin.Exit``.
    appended : dict of Growing to list
        What it has appended to lists.
    given : dict of str to object
        What variables held before it.
    """

    trips: int = 0
    left: Any = None
    appended: Mapping[Growing, list[Any]] = MappingProxyType({})
    given: Mapping[str, Any] = MappingProxyType({})


class Binding:
    """Binds the names of a loop to stand-ins of what it leaves, without values in a drawing."""

    def __init__(self, recording: Recording, code: LoopCode, left: Left, real: Real) -> None:
        self.recording, self.code, self.left, self.real = recording, code, left, real
        self.cells = left.containers.cells
        known = [*recording.externals.reals]
        known += [old.actual for old in left.started.values() if type(old) is Traced]
        # What is returned may be what a name holds too: then it is one array.
        self.returning: dict[int, Traced] = {}
        self.held: dict[str, Any] = {}
        self.reals: dict[str, Any] = {}
        self.started: dict[str, Any] = {}
        self.owners = {id(owner_of(array)) for array in known if isinstance(array, np.ndarray)}

    def bind(self) -> None:
        """Let names, memory and the exit be what the loop leaves."""
        recording, left = self.recording, self.left
        if left.holds is not None:
            self._assume(left.holds)
        for storage, value in left.memory.items():
            recording.side_effects += storage.external
            recording.externals.before_write(storage)
            storage.write(value)
        self._bind_names()
        self._fill_lists()
        if self.code.exit is not None:
            self.code.exit.value = self._exit()

    def _bind_names(self) -> None:
        """Let variables hold what the loop leaves in them."""
        left, is_run = self.left, self._is_run()
        if not is_run:
            self.held = {name: one for name, one in left.started.items()}
            for name, cell in self.cells.items():
                set_content(cell, left.containers.originals.get(name, left.started[name]))
            return
        try:
            self._take_parts()
        except Unsupported as why:
            self.recording.give_up(f"after a loop {why}")
            left.containers.changed.give_up()
            return
        for name, real in sorted(self.reals.items(), key=lambda one: one[0] in left.unread):
            if not left.containers.is_container(name) and name not in left.aliases:
                self.held[name] = self._held(name, real)
        for name, other in left.aliases.items():
            if other in self.held:
                self.held[name] = self.held[other]
        found = left.containers.whole(self.recording, self.held, self._is_whole)
        for name, one in found.items():
            set_content(self.cells[name], one)

    def _held(self, name: str, real: Any) -> Any:
        """Return what a name holds that is no container."""
        left = self.left
        if name in left.same:
            return self._same(name, real)
        if name in left.sizes:
            return self.recording.size(left.sizes[name])
        return self._stand_in(name, real)

    def _same(self, name: str, real: Any) -> Any:
        """Return what a name held before, which to the graph it holds on all ways.

        In fact it may be another object that shows the same, such as ``x[:]``.
        """
        started = self.left.started[name]
        known = real_of(started) if type(started) in (Traced, TracedSize) else started
        is_plain = isinstance(known, (*PYTHON_SCALARS, str, np.ndarray, np.generic))
        if self.recording.is_abstract or not is_plain or known is real or is_same(known, real):
            return started
        self.recording.give_up(f"after a loop {name} is bound on a way that was not foreseen")
        return real

    def _take_parts(self) -> None:
        """Take up what there is in variables, and in the containers that they hold."""
        if self.recording.is_abstract:
            self.reals = self.left.containers.parts(dict.fromkeys(self.cells, ABSENT))
        else:
            held = {name: content(cell) for name, cell in self.cells.items()}
            self.reals = self.left.containers.parts(held)
            self.started = self.left.containers.started(self.real.given)

    def _is_whole(self, place: str) -> bool:
        """Return whether a place still holds its container; the trace is bound to that."""
        left, flag = self.left, WHOLE + place
        if flag in left.values:
            is_kept = self.started[place] is self.reals[place]
            self.recording.guard(left.values[flag], is_kept)
            return is_kept
        return bool(left.same.get(flag, False) or left.constants.get(flag, False))

    def _assume(self, holds: Value) -> None:
        """Bind the trace to what was assumed, which nobody has looked at in this call."""
        self.recording.guard(holds, True)
        if not self.recording.is_abstract:
            self.recording.unverified.append(holds)

    def _fill_lists(self) -> None:
        """Let lists hold what was appended to them."""
        left = self.left
        filling = Filling(self.recording, left.arrays, self.held, left.started, self.owners)
        reals = {**self.real.appended}
        try:
            for appended, stacks in left.appended:
                filling.fill(appended, stacks, reals.get(appended.list, []))
                reals.pop(appended.list, None)
            if reals:
                raise Unsupported("a list has grown that was not appended to")
        except Unsupported as why:
            self.recording.give_up(f"after a loop {why}")
        for growing, items in reals.items():
            growing.items.extend(items)

    def _is_run(self) -> bool:
        """Return whether an iteration ran, which the trace is bound to where names show it."""
        settled = {*self.left.same, *self.left.carried} - self.left.containers.renewed
        if RAN not in self.left.values or self.recording.is_abstract or settled >= {*self.cells}:
            return True
        ran = self.real.trips > 0
        self.recording.guard(self.left.values[RAN], ran)
        return ran

    # -- how it was left ------------------------------------------------------------------------

    def _exit(self) -> Any:
        """Return what the twin learns of how the loop was left, as far as it asks."""
        assert self.code.exit is not None, "a loop without exits is not left"
        kinds = self.code.exit.kinds
        if LEFT not in self.left.values:
            if self.real.left is not None:  # where rounding decides, Python may go another way
                self.recording.give_up("a loop is left on a way that was not foreseen")
            return self.real.left
        if "return" in kinds and self._is_left(RETURNING, isinstance(self.real.left, tuple)):
            return (self._returned(),)
        if "break" in kinds and "else" in kinds and self._is_left(BROKEN, self.real.left is True):
            return True
        return None

    def _is_left(self, how: int, really: bool) -> bool:
        """Return whether the loop was left in some way; the trace is bound to that."""
        recording = self.recording
        is_left: Value = equal(self.left.values[LEFT], recording.emitter.literal(how, INT64))
        if not recording.is_abstract:
            recording.guard(is_left, really)
            return really
        if recording.paths is None:
            no_value("how a loop was left", UndecidedError)
        return recording.paths.decide(is_left)

    def _returned(self) -> Any:
        structure = self.left.structure
        assert structure is not None, "a loop that returns has been seen to"
        if self.recording.is_abstract:
            reals: list[Any] = [ABSENT] * structure.num_leaves
        else:
            reals = tree.flatten(self.real.left[0])[0]
        leaves = []
        for k, real in enumerate(reals):
            name = f"{RETURNED}{k}"
            other = self.left.aliases.get(name)
            if other in self.held:
                leaves.append(self.held[other])
            else:
                leaves.append(self._stand_in(other or name, real))
        return tree.unflatten(structure, leaves)

    # -- names ----------------------------------------------------------------------------------

    def _stand_in(self, name: str, real: Any) -> Any:
        """Return the stand-in of a name; what is not as it was drawn ends the recording."""
        if self.recording.is_abstract:
            return self._abstract(name)
        try:
            return self._of_real(name, real)
        except Unsupported as why:
            if name not in self.left.unread:
                self.recording.give_up(f"after a loop {why}")
            return real

    def _abstract(self, name: str) -> Any:
        """Return what a name holds after a loop in a body that is drawn."""
        if name not in self.left.values:
            if name not in self.left.constants:
                self.recording.unsettled[id(self.cells[name])] = self.cells[name]
            return self.left.constants.get(name, UNBOUND)
        kind = self.left.kinds[name] if self._is_numpys(name) else float
        number = kind if kind in PYTHON_SCALARS else None
        order = self.left.orders.get(name)
        found = self.recording.fresh(ABSENT, self.left.values[name], number, order)
        if name in self.left.kept:
            started = self.left.started[name].storage
            keep_apart(found, started, self.left.memory)
            found.storage.still = self._still(KEPT + name, started)
        return found

    def _still(self, flag: str, started: Storage) -> Value | None:
        """Return whether a name holds the array that it held before, if that is known."""
        still = self.left.values.get(flag)
        if still is None or started.shares is None:
            return still
        return None if started.still is None else logical_and(still, started.still)

    def _of_real(self, name: str, real: Any) -> Any:
        if name in self.left.constants:
            known = self.left.constants[name]
            is_known = known.actual is real if type(known) is Traced else is_same(known, real)
            if not is_known:
                is_empty = known is UNBOUND or real is UNBOUND
                what = "bound or not" if is_empty else f"{real!r} or {known!r}"
                raise Unsupported(f"{name} is {what}, as data decides; bind it before the loop")
            return known
        if name in self.left.lists:
            self.recording.lists.lose(real)
            return real
        if name not in self.left.values:
            return unfollowed(self.recording, real)
        if id(real) in self.returning:
            return self.returning[id(real)]
        if name in self.left.kept and self._is_kept(name, real):
            return self.left.started[name]
        is_numpys = self._is_numpys(name, isinstance(real, np.generic))
        self._check(name, real, self.left.kinds[name] if is_numpys else float)
        found = self.recording.fresh(real, self.left.values[name])
        if isinstance(real, np.ndarray) and isinstance(self.real.left, tuple):
            self.returning[id(real)] = found
        return found

    def _is_numpys(self, name: str, really: bool = True) -> bool:
        """Return whether a name that may hold Python's float holds NumPy's, or anything else."""
        left, flag = self.left, NUMPYS + name
        if flag not in left.values:
            return bool(left.same.get(flag, left.constants.get(flag, True)))
        if not self.recording.is_abstract:
            self.recording.guard(left.values[flag], really)
            return really
        if self.recording.paths is None:
            no_value("the type of a number that a loop leaves", UndecidedError)
        return self.recording.paths.decide(left.values[flag])

    def _is_kept(self, name: str, real: Any) -> bool:
        """Return whether a name still holds its array; the trace is bound to that."""
        left, flag = self.left, KEPT + name
        if flag in left.values:
            is_kept = left.started[name].actual is real
            self.recording.guard(left.values[flag], is_kept)
            return is_kept
        return bool(left.same.get(flag, False) or left.constants.get(flag, False))

    def _check(self, name: str, real: Any, kind: type) -> None:
        if type(real) is not kind:
            raise Unsupported(f"{name} is a {type(real).__name__}, not a {kind.__name__}")
        if isinstance(real, int) and not in_range(real, INT64):
            raise Unsupported(f"{name} is a whole number outside of int64; use a float")
        if kind is np.ndarray:
            owner = owner_of(real)
            if owner is not real or id(owner) in self.owners:
                raise Unsupported(f"{name} shares its memory with another array")
            self.owners.add(id(owner))


def unfollowed(recording: Recording, real: Any) -> Any:
    """Return a stand-in with a value that nothing in the graph computes: its use is the end."""
    if real is UNBOUND:
        raise Unsupported("a name is bound or not, as data decides; bind it before the loop")
    if isinstance(real, tuple) and (kind := kind_of_container(real)) is not None:
        items, aux = kind.flatten(real)
        made = kind.build(aux, [unfollowed(recording, item) for item in items])
        recording.remade[id(made)] = made
        return made
    if not isinstance(real, (np.ndarray, np.generic, *PYTHON_SCALARS)):
        raise Unsupported(
            f"a name holds a {type(real).__name__} or something else, as data decides; bind it to "
            "a number or an array before the loop"
        )
    storage = Storage(recording.emitter.literal(True, BOOL), None, array=real)
    storage.shares, storage.seen = storage, -1  # of another version than it was seen in
    return Traced(recording, real, storage)
