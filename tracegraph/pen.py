"""The pen of a recording: whether it still notes, and the graph that it draws."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import CellType, CodeType, FunctionType
from typing import Any, NoReturn, Protocol

from tracegraph.callables import is_harmless
from tracegraph.effects import Effect
from tracegraph.images import look
from tracegraph.ir.errors import AbstractValueError
from tracegraph.ir.graph import Builder, Graph, Node, Site, Value
from tracegraph.ir.record import record
from tracegraph.ir.sizes import Dim, Symbol, symbols
from tracegraph.numpy.emit import Emitter, Unsupported
from tracegraph.pending import Waits
from tracegraph.standin import Storage, Traced, TracedSize
from tracegraph.twin import Hooks
from tracegraph.values import name_of, user_site


def fault_text(fault: Exception) -> str:
    """Return what is said of an exception that should not have come."""
    text = repr(fault).partition("\\n")[0]
    return f"{text[:200]}; this is a fault of tracegraph, please report it"


@record(eq=True)
class Fallback:
    """Why and where a function could not be recorded.

    Parameters
    ----------
    reason : str
        What was met, and what to write instead.
    site : Site or None
        The user's line.
    """

    reason: str
    site: Site | None

    @property
    def file(self) -> str | None:
        return self.site.filename if self.site else None

    @property
    def line(self) -> int | None:
        return self.site.line if self.site else None

    def __str__(self) -> str:
        return f"{self.site}: {self.reason}" if self.site else self.reason


class Answer(Protocol):
    """A question about a value, with its answer; ``size`` is there if that is asked about."""

    @property
    def predicate(self) -> Value: ...

    @property
    def size(self) -> Dim | None: ...

    @property
    def answer(self) -> bool: ...


class Questions(Protocol):
    """Answers questions about what has no value in a function that is drawn."""

    def decide(self, predicate: Value) -> bool:
        """Return whether a bool is true on the way that is drawn."""

    def decide_size(self, size: Dim, predicate: Value) -> bool:
        """Return whether a size is at least zero, which ``predicate`` says, on that way."""

    def next_index(self) -> str:
        """Return a name for the index of a loop inside."""

    def answers(self) -> list[Answer]:
        """Return what was asked before on that way."""

    def joined(
        self,
        functions: Sequence[Any],
        run: Callable[[], Any],
        cells: Mapping[str, CellType] | None = None,
    ) -> Any:
        """Call a part of what is drawn; behind it all ways through it are one.

        Parameters
        ----------
        functions : sequence
            What they can reach stays as it is, if there are several ways.
        run : callable
            Calls the part.
        cells : mapping of str to cell, optional
            The variables that the part binds.
        """


OUTER_WRITE = "writing into an array from outside"

UNWRITTEN: dict[Storage, tuple[Value, int]] = {}
"""The journal of a function that is mapped: it writes into nothing that was there before."""

UNROLLED = 100
"""How many iterations of loops that cannot be drawn one recording may hold."""


class Pen:
    """What every part of a recording uses.

    Parameters
    ----------
    permissive : bool
        For a derivative that is computed once: what only hinders a replay (an effect, a call of
        unknown code on known values) does not end the recording.

    ``raised`` says whether an exception ended it, ``transforming`` counts the transformations that
    are under way, ``side_effects`` what was done to the world outside, which cannot be done again.
    ``effects`` are what compiled calls will do, ``leaked`` containers with stand-ins in them that
    the function made and stored outside. ``asked`` is how often what is drawn asked data,
    ``raises`` how often it raised and ``doubts`` how often not by a statement, ``straight`` are the
    bodies of short loops that are better not drawn, ``unsettled`` variables, by identity, that hold
    what is not known behind a loop inside. ``drawn`` is the name of the function that is drawing
    the body of a loop or a branch, ``drawn_since`` from which storage on arrays are made in there,
    and ``indices`` how often the loops run whose iterations symbols count. ``journal`` has what
    memory held that was there before an iteration and that it changes, where that can be drawn,
    and is ``UNWRITTEN`` where a function is mapped;
    ``undrawn`` why loops, by their bodies, are recorded iteration by iteration, ``unrolled`` how
    many such iterations there are. ``paths`` answers questions about what has no value, ``bodies``
    are the graphs of loops and branches, ``naturals`` bools that say whether a size is at least
    zero. ``remade`` are containers, by identity, of which nobody can tell whether they are others,
    as a loop binds them anew. ``waiting`` has the real values that nobody asked for yet; None where
    all are computed at once. ``unverified`` says of loops whether what they assume of values is
    so: nobody has looked.
    """

    emitter: Emitter
    hooks_for: Callable[[FunctionType], Hooks] | None

    def __init__(self, *, permissive: bool) -> None:
        self.builder = Builder()
        self.failure: Fallback | None = None
        self.unreplayable: Fallback | None = None
        self.raised = False
        self.permissive = permissive
        self.transforming = 0
        self.side_effects = 0
        self.effects: list[Effect] = []
        self.leaked: list[Any] = []
        self.follows = True
        self.asked = self.raises = self.doubts = 0
        self.straight: set[CodeType] = set()
        self.unsettled: dict[int, Any] = {}
        self.drawn: str | None = None
        self.drawn_since = 0
        self.indices: dict[Symbol, Dim] = {}
        self.journal: dict[Storage, tuple[Value, int]] | None = None
        self.undrawn: dict[CodeType, Fallback] = {}
        self.unrolled = 0
        self.remade: dict[int, Any] = {}
        self.paths: Questions | None = None
        self.bodies: dict[Any, Graph] = {}
        self.naturals: dict[Node, Dim] = {}
        self.waiting: Waits | None = None
        self.unverified: list[Value] = []
        self.closed = False

    @property
    def is_noting(self) -> bool:
        return not self.closed and self.failure is None

    def give_up(self, reason: str, *, lost: bool = True, site: Site | None = None) -> None:
        """Drop the pen. Only the first reason is kept.

        ``lost`` says whether values are no longer known to the graph. Where only a replay would go
        wrong, a derivative that is being computed is followed to its end. What is drawn has no
        values to go on with: there it is raised.
        """
        if not self.is_noting:
            return
        if self.drawn is not None:
            raise AbstractValueError(reason)
        if self.waiting is not None:
            self.waiting.compute()  # from now on nobody keeps what the inputs hold
        why = Fallback(reason, site or user_site())
        if lost:
            self.failure = why
        else:
            self.unreplayable = self.unreplayable or why
            self.settle()

    def limit_length(self, most: int) -> None:
        """Give up where a graph has more nodes than this."""
        if len(self.builder.nodes) > most:
            self.give_up(
                f"more than {most} operations in one call: a Python loop was unrolled; use array "
                "operations instead of the loop"
            )

    def unroll(self, body: CodeType, count: int) -> None:
        """Count iterations that are recorded one by one, and give up where those are many."""
        self.unrolled += count
        if self.unrolled > UNROLLED:
            why = self.undrawn[body]
            self.give_up(
                f"a loop of more than {UNROLLED} iterations cannot be captured: {why.reason}",
                site=why.site,
                lost=False,
            )

    def settle(self) -> None:
        """Drop the pen for what only hinders a replay, unless a derivative needs it still."""
        if not self.permissive and not self.transforming:
            self.failure = self.failure or self.unreplayable

    def note_effect(
        self, function: Callable[..., Any], args: tuple[Any, ...], **options: Any
    ) -> None:
        """Note that something was done to the world outside, and is to be done in each call."""
        self.no_effect_in_drawn("what it does to the world outside")
        self.side_effects += 1
        if self.is_noting:
            self.effects.append(Effect(function, args, options.pop("kwargs", {}), **options))

    def no_effect_in_drawn(self, what: str) -> None:
        """Raise where a function that is drawn once, and not run, does more than to compute."""
        if self.drawn is not None:
            self._refuse(what, self.drawn)

    def _refuse(self, what: str, by: str) -> NoReturn:
        raise AbstractValueError(
            f"{what} cannot be part of a function that {by} is given: it would be done "
            "once, not as often as the function runs; return values instead"
        )

    def note_outer_write(self, storage: Storage) -> None:
        """Take notice of a write into memory that what is drawn has not made itself."""
        if self.journal is UNWRITTEN:
            self._refuse(OUTER_WRITE, "tg.vmap")
        if self.journal is None:
            self.no_effect_in_drawn(OUTER_WRITE)
        else:
            self.journal.setdefault(storage, (storage.value, storage.version))

    def varies(self, x: Any) -> bool:
        """Return whether a value is a size that differs between the iterations of a loop."""
        return type(x) is TracedSize and not self.indices.keys().isdisjoint(symbols(x.size))

    def leave_to(self, function: Any) -> None:
        """Count what code that is not followed may do."""
        self.no_effect_in_drawn(f"the call of {name_of(function)}, which cannot be recorded,")
        self.side_effects += not is_harmless(function)

    @contextmanager
    def giving_up_if_raised(self, what: Any) -> Iterator[None]:
        """Within this an exception ends the recording: whether it comes depends on values."""
        try:
            yield
        except Exception as error:
            if self.drawn is not None:
                raise
            self.raised |= self.is_noting
            self.give_up(
                f"{name_of(what)} raised {type(error).__name__} for recorded values; test the "
                "values before the call instead of catching the exception",
                lost=False,
            )
            raise

    def value_of(self, traced: Traced) -> Value:
        """Return the present value of a stand-in in this recording's graph."""
        shared = traced.storage.shares
        traced.storage.is_read = True
        if shared is not None:
            shared.is_read = True
        if shared is traced.storage:
            raise Unsupported(
                "a name is read behind a loop which data has bound to one of several things, such "
                "as None or a number, or to an array that is not followed"
            )
        if shared is not None and shared.version != traced.storage.seen:
            raise Unsupported("memory was written that this value is a view of, by data or parts")
        if traced.recording is not self:
            raise Unsupported("a value of a finished recording is used; return it instead")
        look(self, traced, traced.storage if shared is None else shared)
        return traced.value

    def present_value(self, traced: Traced) -> Value | None:
        """Return its present value, or None where the recording has to give up for that."""
        try:
            return self.value_of(traced)
        except Unsupported as why:
            self.give_up(f"the value of an array is used: {why}")
            return None

    def fresh(
        self,
        real: Any,
        value: Value,
        number: type | None = None,
        order: tuple[int, ...] | None = None,
    ) -> Traced:
        """Return a stand-in for a new array or number."""
        raise AssertionError("a recording makes stand-ins")

    def ask_size(self, a: Dim, relation: str, b: Dim) -> bool:
        """Answer a question about sizes, and let the trace be bound to the answer."""
        raise AssertionError("a recording knows its sizes")

    def call(self, function: Any, args: Any, kwargs: Any, rule: Any = None) -> Any:
        """Run a function on real values, and note what it does."""
        raise AssertionError("a recording calls")

    def array_of_unknown_origin(self, array: Any) -> Traced:
        """Return the stand-in of an array that is met without one."""
        raise AssertionError("a recording knows its arrays")
