"""Recording: the eager run of a function, and the graph that is noted while it runs.

The eager run is the truth: NumPy computes on the caller's real arrays, once. The recording only
notes. Where something cannot be noted it gives up: the pen drops, nothing is raised, restarted or
repeated, and the run goes on with plain values.
"""

from __future__ import annotations

import operator
import warnings
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import FunctionType
from typing import Any

import numpy as np

from tracegraph.attributes import function_of
from tracegraph.externals import Externals
from tracegraph.images import is_written, storing
from tracegraph.inplace import is_array, named_out, writes_first
from tracegraph.ir.errors import AbstractValueError, TracegraphError
from tracegraph.ir.graph import Node
from tracegraph.lists import Lists
from tracegraph.numpy.callouts import RULES as CALLOUTS
from tracegraph.numpy.callouts import NumpyCall, shares_memory
from tracegraph.numpy.emit import Emitter, Sym, Unsupported
from tracegraph.numpy.table import RULES
from tracegraph.outside import opened
from tracegraph.pen import Fallback, fault_text
from tracegraph.places import fixed_place
from tracegraph.policy import Policy
from tracegraph.results import Results
from tracegraph.standin import ABSENT, Traced, no_value
from tracegraph.twin import Hooks
from tracegraph.values import (
    all_python_scalars,
    arrays_in,
    examples,
    is_abstract,
    is_numpy,
    name_of,
    operands_of,
    real_of,
    remake,
    stand_ins,
    user_site,
)
from tracegraph.views import write_through

__all__ = ["Fallback", "Recording", "active", "paused"]

NODE_LIMIT = 50_000
"""How many operations one recording may hold: a Python loop is unrolled up to this."""

_active: ContextVar[Recording | None] = ContextVar("tracegraph recording", default=None)


def active() -> Recording | None:
    """Return the recording that is going on in this context, or None."""
    return _active.get()


@contextmanager
def paused() -> Iterator[None]:
    """Within this nothing is recorded: for our own work on real values."""
    token = _active.set(None)
    try:
        yield
    finally:
        _active.reset(token)


class Recording(Results):
    """One eager run and its graph.

    Parameters
    ----------
    hooks_for : callable
        Gives the hooks of a user function's twin.
    policy : Policy, optional
        What earlier calls taught about the inputs.
    permissive : bool
        For a derivative that is computed once: what only hinders a replay does not end it.
    follows : bool
        Whether functions are recorded by their twins; a tape's are only where it draws.
    """

    def __init__(
        self,
        hooks_for: Callable[[FunctionType], Hooks] | None = None,
        policy: Policy | None = None,
        *,
        permissive: bool = False,
        follows: bool = True,
    ) -> None:
        super().__init__(permissive=permissive)
        self.hooks_for, self.follows = hooks_for, follows
        self.emitter = Emitter(self.builder, self.ask_size, self.guard, indices=self.indices)
        self.externals = Externals(self, policy)
        self.is_abstract = False
        self.variables: dict[int, tuple[Any, Any]] = {}
        self.streams: dict[int, Any] = {}
        self.watchers: list[dict[int, Any]] = []
        self.kept: list[Traced] | None = None
        self.made: dict[int, Any] = {}
        self.lists = Lists(self)
        self._alive: dict[Node, weakref.ref[Traced]] = {}

    # -- the life of a recording ----------------------------------------------------------------

    @contextmanager
    def activate(self) -> Iterator[Recording]:
        """Make this the active recording; afterwards its stand-ins are plain values."""
        token = _active.set(self)
        try:
            yield self
        finally:
            _active.reset(token)
            self.closed = True

    def freeze(self) -> None:
        """Keep what the inputs hold now: the recording is evaluated after they may have changed."""
        self._alive.clear()
        for index, real in enumerate(self.externals.reals):
            if isinstance(real, np.ndarray) and index not in self.externals.originals:
                self.externals.originals[index] = real.copy()

    def known_values(self) -> dict[Node, Any]:
        """Return the arrays of the inputs, and of values that stand-ins still hold unwritten."""
        known: dict[Node, Any] = {}
        for node, reference in self._alive.items():
            traced = reference()
            if traced is not None and traced.is_there and not is_written(traced.storage):
                known[node] = np.asarray(traced.actual)
        externals = self.externals
        pairs = zip(self.builder.params, externals.reals, strict=True)
        for index, (param, real) in enumerate(pairs):
            known[param] = np.asarray(externals.originals.get(index, real))
        return known

    # -- calls ----------------------------------------------------------------------------------

    def call(
        self,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        rule: Callable[..., Any] | NumpyCall | None = None,
    ) -> Any:
        """Run a function on real values, and note what it does."""
        args, kwargs = opened(args), opened(kwargs)
        if not self.is_noting:
            if any(map(is_abstract, stand_ins((args, kwargs)))):
                no_value(name_of(function))
            return function(*real_of(args), **real_of(kwargs))
        args, kwargs = named_out(function, self.with_constants(args), kwargs)
        kwargs = {name: self.with_constants(value) for name, value in kwargs.items()}
        args = self.with_numbers(args)
        if rule is None and all_python_scalars(args) and not is_numpy(function):
            return self.call_on_python_scalars(function, args, kwargs)
        self.builder.site = user_site()
        rule = rule or RULES.get(function)
        before = self._before_write(function, rule, args, kwargs)
        with self.giving_up_if_raised(function):
            real, like = self._run(function, args, kwargs)
        if rule is None:
            self.give_up(f"{name_of(function)} cannot be recorded")
            return real
        return self._note(function, rule, args, kwargs, real, like, before)

    def _run(self, function: Callable[..., Any], args: Any, kwargs: Any) -> tuple[Any, Any]:
        """Return what a function gives, twice; without values ``ABSENT``, and what examples give.

        Running it on examples raises NumPy's own exceptions about shapes and dtypes.
        """
        likely = self.lists.examples(function, args)
        is_drawn = self.drawn is not None or likely is not args
        if is_drawn or any(map(is_abstract, stand_ins((args, kwargs)))):
            with np.errstate(all="ignore"), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                given, options = examples(self, likely), examples(self, kwargs)
                self.lent = arrays_in((given, options))
                return ABSENT, function(*given, **options)
        real = function(*real_of(args), **real_of(kwargs))
        return real, real

    def _note(
        self,
        function: Callable[..., Any],
        rule: Callable[..., Any] | NumpyCall,
        args: Any,
        kwargs: Any,
        real: Any,
        like: Any,
        target: Any,
    ) -> Any:
        try:
            if target is not None:
                return self._note_written(function, rule, args, kwargs, real, target)
            if isinstance(rule, NumpyCall):
                return self._note_numpy_call(rule, args, kwargs, real, like)
            return self._note_by_rule(function, rule, args, kwargs, real, like)
        except Unsupported as why:
            self.give_up(f"{name_of(function)}: {why}")
        except TracegraphError:
            raise
        except Exception as fault:
            # The eager result is right whatever happened to the notes of it.
            self.give_up(f"{name_of(function)}: {fault_text(fault)}")
        finally:
            self.limit_length(NODE_LIMIT)
        if real is ABSENT:
            who = self.drawn or "vmap"
            raise AbstractValueError(f"{who} cannot follow this call: {self.failure}")
        return real

    def _note_by_rule(
        self, function: Any, rule: Any, args: Any, kwargs: Any, real: Any, like: Any
    ) -> Any:
        """Note what a rule says; a call that it does not take may still be a call of NumPy."""
        operands = operands_of(self, self.lists.stacked(function, args))
        options = operands_of(self, kwargs)
        self.emitter.given, self.emitter.is_example = like, real is ABSENT
        try:
            found = self.wrap(real, rule(self.emitter, *operands, **options), args)
            return remake(like, list(found)) if type(found) is tuple else found
        except Unsupported:
            callout = CALLOUTS.get(function_of(function))
            if callout is None:
                raise
            return self._note_numpy_call(callout, args, kwargs, real, like)
        finally:
            # NumPy resizes only what nobody else refers to.
            self.emitter.given, self.emitter.is_example = None, False
            self.lent = ()

    def _note_numpy_call(
        self, rule: NumpyCall, args: Any, kwargs: Any, real: Any, like: Any
    ) -> Any:
        results = like if isinstance(like, (tuple, list)) else (like,)
        # A result may be an argument itself (histogram), or one array twice (diag_indices).
        given = stand_ins((args, kwargs))
        made = {id(x.actual): x for x in given if isinstance(x.actual, np.ndarray)}
        if shares_memory(results, [x.actual for x in made.values()]) or self.is_lent(results):
            raise Unsupported("it gives views of what it is given; copy what it gives")
        operands, options = operands_of(self, args), operands_of(self, kwargs)
        values = rule.note(self.emitter, results, operands, options, guess=real is ABSENT)
        for each, value in zip(results, values, strict=True):
            if id(each) not in made:
                made[id(each)] = self.fresh(ABSENT if real is ABSENT else each, value)
        found = [made[id(each)] for each in results]
        return remake(like, found) if results is like else found[0]

    def _note_written(
        self, function: Any, rule: Any, args: Any, kwargs: Any, real: Any, target: Any
    ) -> Any:
        """Note a call that writes its result into an array."""
        if function is operator.setitem:
            args = (target, *args[1:])
        operands, options = operands_of(self, args), operands_of(self, kwargs)
        if isinstance(rule, NumpyCall):
            if not rule.can_write:
                raise Unsupported("its `out` cannot be followed; assign what it gives")
            (value,) = rule.note(self.emitter, (target.actual,), operands, options)
            return self._written(target, Sym(value), rule, real, True)
        options.pop("out", None)
        where = options.pop("where", True) if isinstance(function, np.ufunc) else True
        sym = rule(self.emitter, *operands, **options)
        if not isinstance(target, tuple):
            return self._written(target, sym, function, real, where)
        return tuple(
            self._written(one, s, function, r, where) if is_array(one) else self.wrap(r, s, args)
            for one, s, r in zip(target, sym, real, strict=True)
        )

    @property
    def takes_constants(self) -> bool:
        """Return whether arrays of unknown origin may be constants: the graph is used once."""
        return self.permissive or self.unreplayable is not None

    def with_constants(self, value: Any) -> Any:
        """Return what is given with arrays that may be constants as their stand-ins.

        They may be written, or looked at by a view.
        """
        if type(value) is tuple:
            return tuple(map(self.with_constants, value))
        if type(value) is not np.ndarray or not self.takes_constants or not self.is_noting:
            return value
        return self.known(value)

    def known(self, value: Any) -> Any:
        """Return a value that transformations are given, with an array as its stand-in."""
        if type(value) is not np.ndarray:
            return value
        try:
            return self.array_of_unknown_origin(value)
        except Unsupported as why:
            self.give_up(str(why))
            return value

    def array_of_unknown_origin(self, array: Any) -> Traced:
        known = self.externals.known_array(array)
        if known is None and self.takes_constants and type(array) is np.ndarray:
            known = self.externals.load(fixed_place(array), array)
        if not isinstance(known, Traced):
            raise Unsupported(
                "an array meets recorded values whose origin is not known; make it with NumPy "
                "functions inside the compiled function, or pass it as an argument"
            )
        return known

    # -- writes ---------------------------------------------------------------------------------

    def _before_write(self, function: Any, rule: Any, args: Any, kwargs: Any) -> Any:
        """Return the stand-in that a call writes into, after checking that this can be followed."""
        target = kwargs.get("out")
        if isinstance(target, tuple) and len(target) == 1:
            (target,) = target
        if isinstance(target, tuple):
            for one in filter(is_array, target):
                self.externals.before_write(one.storage)
            return target
        if target is None and len(args) and (writes_first(function) or writes_first(rule)):
            target = args[0]
        if is_array(target):
            target = storing(target) if function is operator.setitem else target
            self.externals.before_write(target.storage)
            return target
        return None

    def _written(self, target: Traced, sym: Any, function: Any, real: Any, where: Any) -> Any:
        """Make what a rule returned the new content of ``target``, or of a part of it."""
        if not isinstance(sym, Sym):
            raise Unsupported("its `out` cannot be followed")
        if target.storage.shares is not None:
            raise Unsupported("a view of single elements is written; write the whole array")
        old = self.value_of(target)
        new = self.emitter.broadcast(self.emitter.cast(sym.value, old.dtype), old.shape)
        if where is not True:
            new = RULES[np.copyto](self.emitter, Sym(old), Sym(new), where=where).value
        self.side_effects += target.storage.external
        if target.storage.images:
            target.storage.stores = (*target.storage.stores, target)
        target.storage.write(write_through(target.storage.value, target.path, new))
        return real if function is operator.setitem or real is None else target
