"""Running loops that were drawn: the user's own text gives the values, the graph has one node."""

from __future__ import annotations

import functools
import operator
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from tracegraph.control import own_text
from tracegraph.control.binding import Binding, Real
from tracegraph.control.drawing import forget, values_of
from tracegraph.control.exchanges import ExchangedError
from tracegraph.control.iterations import NotYetError
from tracegraph.control.outcome import Left, State
from tracegraph.control.repeats import NO_TRIPS, Repeated, asks_data
from tracegraph.control.statements import Statement
from tracegraph.control.variables import UNBOUND, LoopCode, Trips, content
from tracegraph.control.worth import LOOPS, SHORT, StraightCodeError, is_worth, runs
from tracegraph.evaluate import holds
from tracegraph.ir.errors import AbstractValueError
from tracegraph.iterables import Fresh, Items, items_of
from tracegraph.pen import Fallback
from tracegraph.recording import Recording
from tracegraph.values import site_of, user_site

PEELED = 2
"""So many iterations may be recorded before the others are drawn: names have their types then."""


def rest_of(recording: Recording, iterable: Any, code: LoopCode) -> Any:
    """Run a ``for`` if it can be drawn, and return what is left to run over."""
    items = items_of(recording, iterable)
    if items is None:
        return iterable
    run = _drawn if items.is_data or is_worth(recording, items.distance) else _short
    found = run(recording, items, code)
    if found is None:
        return iterable
    is_over, rest = found
    if type(iterable) is Fresh:
        iterable.begun = rest
    return () if is_over else rest


Rest = tuple[bool, Iterator[Any]]
"""Whether a loop is over, and the items that are left."""


def _drawn(recording: Recording, items: Items, code: LoopCode) -> Rest | None:
    """Run a loop that may be drawn; None if nothing was run."""
    form = Statement if code.exit is None and not items.is_data else Repeated
    for begun in range(PEELED + 1):
        trips, may_peel = Trips(items, begun), begun < PEELED
        why, rest = _try_over(recording, form, code, trips, may_peel=may_peel)
        if isinstance(why, ExchangedError):
            trips = Trips(items, begun, why.period)
            why, rest = _try_periods(recording, form, code, trips, may_peel=may_peel)
        if why is None:
            return trips.period == 1, rest
        if not isinstance(why, NotYetError) or begun == PEELED:
            if not isinstance(why, StraightCodeError):
                count = operator.index(recording.size(items.count)) - begun
                recording.unroll(code.body.__code__, count)
            return (False, _left(recording, items, begun)) if begun else None
        if recording.drawn is not None and not _has_more(recording, items, begun):
            return True, iter(())
        left = code.iterate(items.at(begun))
        if left is not None:
            assert code.exit is not None, "only a loop with exits is left"
            code.exit.value = left
            return True, _left(recording, items, begun + 1)
        are_few = recording.drawn is None and not is_worth(recording, items.count - begun - 1)
        if not recording.is_noting or are_few:
            return False, _left(recording, items, begun + 1)
    raise AssertionError("the last iteration that is peeled is followed by the others")


def _try_over(
    recording: Recording, form: type[Statement], code: LoopCode, trips: Trips, *, may_peel: bool
) -> tuple[AbstractValueError | None, Iterator[Any]]:
    """Run a loop over items if it can be drawn, else return why not; and what is left of them."""
    real = iter(()) if recording.is_abstract else trips.real()
    why = _try(recording, form(recording, code, trips), real, may_peel=may_peel)
    return why, _ended(recording, code, real)


def _try_periods(
    recording: Recording, form: type[Statement], code: LoopCode, trips: Trips, *, may_peel: bool
) -> tuple[AbstractValueError | None, Iterator[Any]]:
    """Run a loop of which several iterations count as one; else as ``_try_over``."""
    if not runs(recording, trips.count):
        return StraightCodeError("it is over before each name has its array again"), iter(())
    why, _ = _try_over(recording, form, code, trips, may_peel=may_peel)
    return why, _behind(recording, trips)


def _behind(recording: Recording, trips: Trips) -> Iterator[Any]:
    """Yield the items that are left over where several iterations count as one."""
    left = trips.items.count - trips.behind
    for k in range(trips.period - 1):
        if recording.ask_size(k + 1, "<=", left):
            yield trips.items.at(recording.size(trips.behind + k))


def _has_more(recording: Recording, items: Items, begun: int) -> bool:
    """Return whether there are more items than were taken, on the way that is drawn."""
    if items.is_data:
        return bool(items.count > begun)
    return recording.ask_size(1, "<=", items.count - begun)


def _left(recording: Recording, items: Items, begun: int) -> Iterator[Any]:
    """Yield the items behind the first ones."""
    for number in range(begun, operator.index(recording.size(items.count))):
        yield items.at(number)


def _ended(recording: Recording, code: LoopCode, real: Iterator[Any]) -> Iterator[Any]:
    """Yield what a loop has left in its iterator, which is not known to the graph."""
    for item in real if code.exit is not None else ():
        recording.give_up("an iterator is used after a loop that was left")
        yield item


def _joined(recording: Recording, items: Items, code: LoopCode) -> Rest | None:
    """Run the iterations of a short loop inside of what is drawn, each with one way out."""
    if recording.paths is None or code.exit is not None or not isinstance(items.count, int):
        return None
    for number in range(items.count):
        run = functools.partial(_iterate, code, items.at(number))
        recording.paths.joined([code.body], run, code.cells())
    return True, iter(())


def _iterate(code: LoopCode, item: Any) -> Any:
    with code.scratched():
        return code.body(item)


def _short(recording: Recording, items: Items, code: LoopCode) -> Rest | None:
    """Run a short loop: as one operation if it looks at data, else its iterations one by one.

    One by one they leave more that can be followed, such as lists, views and exceptions.
    """
    if isinstance(items.count, int) and items.count > 1:
        form, trips = Statement if code.exit is None else Repeated, Trips(items)
        real = iter(()) if recording.is_abstract else trips.real()
        if _as_one(recording, form(recording, code, trips, is_short=True), real):
            return True, _ended(recording, code, real)
    return _joined(recording, items, code)


def _as_one(recording: Recording, loop: Statement, real: Iterator[Any] | None) -> bool:
    """Run a loop of few iterations as one operation, unless it is better not."""
    code, text = loop.code, loop.code.body.__code__
    if text in recording.straight:
        return False
    made, raised = AbstractValueError.made, recording.raises
    try:
        with _forgotten_if_raised(recording):
            left = _outcome(recording, loop)
            is_followed = all(_is_left(left, name, code) for name in code.cells())
            if loop.leaves_known_items() or not is_followed or recording.raises > raised:
                raise StraightCodeError("what it leaves is followed better one by one")
    except AbstractValueError:
        AbstractValueError.made = made  # it is not the user's code that has caught it
        recording.straight.add(text)
        return False
    _bind(recording, loop, left, real)
    return True


@contextmanager
def _forgotten_if_raised(recording: Recording) -> Iterator[None]:
    """Within this a loop may be drawn; if it is not taken for that, nothing is left of it."""
    state, known = State(recording), {*recording.builder.nodes}
    try:
        yield
    except AbstractValueError:
        state.restore()
        new = [node for node in recording.builder.nodes if node not in known]
        forget(recording, values_of(recording, [node for node in new if node.op in LOOPS]))
        raise


def _is_left(left: Left, name: str, code: LoopCode) -> bool:
    """Return whether what a name holds after a loop is known.

    An array that is found by a loop that is left early may be a view.
    """
    is_found = left.started[name] is UNBOUND and code.exit is not None
    if is_found and left.kinds.get(name) is np.ndarray:
        return False
    known = (left.values, left.sizes, left.same, left.aliases, left.constants)
    return any(name in names for names in known)


class WhileLoop:
    """Says ahead of each test of a ``while`` whether the twin goes on, until the loop is drawn.

    Iterations whose test looks at no data are Python's, if they are few, and nothing in them does.
    """

    def __init__(self, recording: Recording, code: LoopCode) -> None:
        self.recording, self.code = recording, code
        self.begun = self.peeled = 0
        self.is_recorded = False

    def __call__(self) -> bool:
        recording, code = self.recording, self.code
        if not recording.is_noting:
            return True
        if self.is_recorded:
            recording.unroll(code.body.__code__, 1)
            return True
        self.begun += 1
        if self.begun <= SHORT and not self._asks_data():
            if self.begun == 1:
                loop = Repeated(recording, code, NO_TRIPS, is_short=True)
                return not _as_one(recording, loop, None)
            return True
        loop = Repeated(recording, code, NO_TRIPS)
        why = _try(recording, loop, None, may_peel=self.peeled < PEELED)
        if why is None:
            return False
        self.peeled += 1
        self.is_recorded = not isinstance(why, NotYetError) or self.peeled > PEELED
        return True

    def _asks_data(self) -> bool:
        try:
            with _own_exceptions():
                return asks_data(self.recording, self.code)
        except AbstractValueError:
            if self.recording.drawn is not None:
                raise
            self.is_recorded = True
            return False


def _try(
    recording: Recording,
    loop: Statement,
    items: Iterator[Any] | None,
    *,
    may_peel: bool = False,
) -> AbstractValueError | None:
    """Run a loop if it can be drawn, else return why not.

    Without values to go on with that is raised, unless another iteration, or several as one, help.
    """
    text, made = loop.code.body.__code__, AbstractValueError.made
    try:
        if text in recording.undrawn:
            raise AbstractValueError(recording.undrawn[text].reason)
        with _forgotten_if_raised(recording):
            left = _sure_outcome(recording, loop)
        _bind(recording, loop, left, items)
    except AbstractValueError as why:
        goes_on = isinstance(why, ExchangedError) or (may_peel and isinstance(why, NotYetError))
        if recording.drawn is not None and not goes_on:
            raise
        AbstractValueError.made = made  # it is not the user's code that has caught it
        if not goes_on and not isinstance(why, StraightCodeError):
            recording.undrawn.setdefault(text, Fallback(str(why), site_of(why) or user_site()))
        return why
    return None


def _sure_outcome(recording: Recording, loop: Statement) -> Left:
    """Return what a loop leaves, if no way is taken that raised where values have examples.

    In fact such a way may do anything.
    """
    doubts = recording.doubts
    left = _outcome(recording, loop)
    if recording.is_abstract or recording.doubts == doubts or left.holds is None:
        return left
    with _own_exceptions():  # behind such a way the graph computes with zeros, which may raise
        is_sure = holds(recording, left.holds)
    if not is_sure:
        raise AbstractValueError(
            "a loop goes a way that raises where its values are not known; see what an index is "
            "before it is used, or use np.where"
        )
    return left


def _outcome(recording: Recording, loop: Statement) -> Left:
    """Return what a loop leaves, which is drawn; otherwise nothing has happened yet."""
    if not all(
        own_text.may_be_given(recording, content(cell)) for cell in own_text.variables_of(loop.code)
    ):
        raise AbstractValueError(
            "a loop uses an object that is not followed; use arrays, numbers and containers of them"
        )
    with _own_exceptions():
        return loop.drawn()


def _bind(recording: Recording, loop: Statement, left: Left, items: Iterator[Any] | None) -> None:
    """Run the user's own text, if there are values, and let variables hold what the loop leaves."""
    code = loop.code
    real = Real()
    if not recording.is_abstract:
        real = own_text.run(recording, items, loop)
        left = loop.counted(left, real.trips)
    Binding(recording, code, left, real).bind()


@contextmanager
def _own_exceptions() -> Iterator[None]:
    """Within this an exception of the user's means that the loop raises it, or goes another way."""
    try:
        yield
    except AbstractValueError:
        raise
    except Exception as error:
        raise AbstractValueError(f"{type(error).__name__}: {error}") from error
