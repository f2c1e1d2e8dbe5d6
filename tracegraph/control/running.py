"""Running loops that were drawn: the user's own text gives the values, the graph has one node."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from tracegraph.containers import KINDS
from tracegraph.control.statements import Left, NotYetError, Statement, is_same
from tracegraph.control.variables import UNBOUND, LoopCode, Trips, content, set_content
from tracegraph.ir.errors import AbstractValueError
from tracegraph.ir.sizes import floordiv, nonnegative
from tracegraph.ir.types import BOOL
from tracegraph.numpy.emit import Unsupported
from tracegraph.pen import Fallback
from tracegraph.ranges import SizeRange
from tracegraph.recording import Recording, paused
from tracegraph.standin import (
    ABSENT,
    PYTHON_SCALARS,
    ArrayHolder,
    ContainerStandIn,
    Storage,
    Text,
    Traced,
    TracedSize,
)
from tracegraph.twin import is_twin_code
from tracegraph.values import real_of, user_site
from tracegraph.views import owner_of

SHORT = 8
"""A loop of at most so many iterations is recorded one by one: straight code is faster."""

PEELED = 2
"""So many iterations may be recorded before the others are drawn: names have their types then."""

PLAIN: tuple[Any, ...] = (
    bool, int, float, complex, str, bytes, range, type(None), type(Ellipsis), type, np.generic,
    np.dtype, np.ufunc, types.ModuleType, types.BuiltinFunctionType,
)  # fmt: skip
"""What the user's own text may be given as it is."""


def rest_of(recording: Recording, iterable: Any, code: LoopCode) -> Any:
    """Run a loop if it can be drawn, and return what is left to run over."""
    rest = iterable
    for _ in range(PEELED + 1):
        trips = trips_of(recording, rest)
        if trips is None or not recording.is_noting:
            return rest
        try:
            _capture(recording, rest, trips, code)
            return ()
        except AbstractValueError as why:
            if recording.drawn is not None:
                raise
            recording.undrawn.append(Fallback(str(why), user_site()))
            if not isinstance(why, NotYetError):
                return rest
        code.body(recording.size(rest.start))
        rest = rest[1:]
    return rest


def trips_of(recording: Recording, iterable: Any) -> Trips | None:
    """Return what a loop runs over, if it can be drawn and is worth it."""
    if type(iterable) is range and len(iterable) > SHORT:
        return Trips(iterable.start, iterable.step, len(iterable))
    if type(iterable) is not SizeRange:
        return None
    start, stop, step = iterable.start, iterable.stop, iterable.step
    distance = stop - start if step > 0 else start - stop
    if recording.drawn is None and not recording.ask_size(1, "<=", distance):
        return None
    if not nonnegative(distance) and not recording.ask_size(0, "<=", distance):
        return None
    return Trips(start, step, floordiv(distance + (abs(step) - 1), abs(step)))


def _capture(recording: Recording, iterable: Any, trips: Trips, code: LoopCode) -> None:
    variables = variables_of(code.plain)
    if not all(may_be_given(recording, content(cell)) for cell in variables):
        raise AbstractValueError("the loop uses an object that is not followed")
    try:
        left = Statement(recording, code, trips).drawn()
    except AbstractValueError:
        raise
    except Exception as error:  # the user's own: the loop raises it, or goes another way
        raise AbstractValueError(f"{type(error).__name__}: {error}") from error
    if not recording.is_abstract:
        _run(recording, real_of(iterable), code, variables)
    _bind(recording, code, left)


# -- the user's own text --------------------------------------------------------------------------


def variables_of(function: Any) -> list[types.CellType]:
    """Return the variables that a function reaches, those of functions that it may call too."""
    found: dict[int, types.CellType] = {}
    pending = [function]
    while pending:
        one = pending.pop()
        for name, cell in zip(one.__code__.co_freevars, one.__closure__ or (), strict=True):
            if id(cell) in found or name.startswith("$"):  # those are the twin's own
                continue
            found[id(cell)] = cell
            value = content(cell)
            if type(value) is types.FunctionType and is_twin_code(value.__code__):
                pending.append(value)
    return list(found.values())


def may_be_given(recording: Recording, value: Any) -> bool:
    """Return whether a real value can be put in the place of one that is recorded."""
    kind = type(value)
    if value is UNBOUND or issubclass(kind, PLAIN) or kind in (Traced, TracedSize, np.ndarray):
        return True
    if kind in (list, tuple, dict):
        items = value.values() if kind is dict else value
        return all(may_be_given(recording, item) for item in items)
    if kind is types.FunctionType:
        # Its defaults stay what they are, so that none may be a stand-in.
        defaults = (*(value.__defaults__ or ()), *(value.__kwdefaults__ or {}).values())
        return all(issubclass(type(default), PLAIN) for default in defaults)
    if kind is Text or issubclass(kind, ArrayHolder) or KINDS[kind] is not None:
        return False
    is_outside = recording.externals.place_of(value) is not None and not hasattr(value, "__next__")
    return is_outside or issubclass(kind, ContainerStandIn)


@contextmanager
def real_values(variables: Iterable[types.CellType], bound: set[int]) -> Iterator[None]:
    """Within this variables hold real values; what a loop binds stays what it leaves there."""
    before = [(cell, content(cell)) for cell in variables]
    for cell, value in before:
        if value is not UNBOUND:
            set_content(cell, real_of(value))
    try:
        yield
    finally:
        for cell, value in before:
            if id(cell) not in bound:
                set_content(cell, value)


def _run(
    recording: Recording, items: Any, code: LoopCode, variables: Iterable[types.CellType]
) -> None:
    bound = {id(cell) for cell in code.cells().values()}
    try:
        with real_values(variables, bound), paused():
            for item in items:
                code.plain(item)
    except BaseException as error:
        recording.raised = True
        recording.give_up(f"a loop raised {type(error).__name__}; test the values before it")
        raise


# -- afterwards -----------------------------------------------------------------------------------


def _bind(recording: Recording, code: LoopCode, left: Left) -> None:
    """Let names and memory be what the loop leaves."""
    if left.holds is not None:
        recording.guard(left.holds, True)
    for storage, value in left.memory.items():
        recording.side_effects += storage.external
        recording.externals.before_write(storage)
        storage.write(value)
    cells = code.cells()
    of_name = _abstract if recording.is_abstract else _Real(recording, left).of_name
    for name, cell in cells.items():
        if name in left.same:
            set_content(cell, left.same[name])
        elif name in left.sizes:
            set_content(cell, recording.size(left.sizes[name]))
        elif name not in left.aliases:
            set_content(cell, of_name(recording, left, name, content(cell)))
    for name, other in left.aliases.items():
        set_content(cells[name], content(cells[other]))


OfName = Callable[[Recording, Left, str, Any], Any]


def _abstract(recording: Recording, left: Left, name: str, real: Any) -> Any:
    """Return what a name holds after a loop in a body that is drawn."""
    del real
    if name not in left.values:
        return left.constants.get(name, UNBOUND)
    kind = left.kinds[name]
    number = kind if kind in PYTHON_SCALARS else None
    return recording.fresh(ABSENT, left.values[name], number)


class _Real:
    """Gives names stand-ins for what the user's own text has left in them."""

    def __init__(self, recording: Recording, left: Left) -> None:
        known = [*recording.externals.reals]
        known += [old.actual for old in left.started if type(old) is Traced]
        self.owners = {id(owner_of(array)) for array in known if isinstance(array, np.ndarray)}

    def of_name(self, recording: Recording, left: Left, name: str, real: Any) -> Any:
        """Return the stand-in of a name; what is not as it was drawn ends the recording."""
        try:
            if name in left.constants:
                self._check_constant(name, real, left.constants[name])
                return real
            if name not in left.values:
                return unfollowed(recording, real)
            self._check(name, real, left.kinds[name])
            return recording.fresh(real, left.values[name])
        except Unsupported as why:
            recording.give_up(f"after a loop {why}")
            return real

    def _check_constant(self, name: str, real: Any, known: Any) -> None:
        if not is_same(known, real):
            raise Unsupported(f"{name} is {real!r}, and was drawn as {known!r}")

    def _check(self, name: str, real: Any, kind: type) -> None:
        if type(real) is not kind:
            raise Unsupported(f"{name} is a {type(real).__name__}, not a {kind.__name__}")
        if kind is np.ndarray:
            owner = owner_of(real)
            if owner is not real or id(owner) in self.owners:
                raise Unsupported(f"{name} shares its memory with another array")
            self.owners.add(id(owner))


def unfollowed(recording: Recording, real: Any) -> Any:
    """Return a stand-in with a value that nothing in the graph computes: its use is the end."""
    if not isinstance(real, np.ndarray | np.generic):
        raise Unsupported(f"a name holds a {type(real).__name__}")
    storage = Storage(recording.emitter.literal(True, BOOL), None, array=real)
    storage.shares, storage.seen = storage, -1  # of another version than it was seen in
    return Traced(recording, real, storage)
