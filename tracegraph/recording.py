"""Recording: the eager run of a function, and the graph that is noted while it runs.

The eager run is the truth: NumPy computes on the caller's real arrays, once. The recording only
notes. Where something cannot be noted it gives up: the pen drops, nothing is raised, restarted or
repeated, and the run goes on with plain values.
"""

from __future__ import annotations

import operator
import sys
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import numpy as np

from tracegraph.codegen.signature import SizeCheck
from tracegraph.externals import Externals, Policy, fixed_place
from tracegraph.ir.graph import Builder, Node, Site, Value
from tracegraph.ir.ops.control import guard
from tracegraph.ir.sizes import Dim, Size, hint
from tracegraph.ir.types import INT64, ArrayType, is_supported
from tracegraph.numpy.emit import Emitter, Sym, Unsupported
from tracegraph.numpy.table import METHODS, RULES, VIEW_ATTRIBUTES, WRITERS
from tracegraph.standin import (
    ABSENT,
    PYTHON_SCALARS,
    Storage,
    Text,
    Traced,
    TracedSize,
    dim_of,
    is_size,
    no_value,
)
from tracegraph.views import owner_of, view_path, write_through

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


@dataclass(frozen=True)
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


@dataclass(frozen=True, eq=False)
class Effect:
    """Something to be done after the computation: ``function(*args)``, with stand-ins among them."""

    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


class Recording:
    """One eager run and its graph.

    Parameters
    ----------
    policy : Policy, optional
        What earlier calls taught about the inputs.
    permissive : bool
        For a derivative that is computed once: what only hinders a replay (an effect, a call of
        unknown code on known values) does not end the recording.
    """

    def __init__(self, policy: Policy | None = None, *, permissive: bool = False) -> None:
        self.builder = Builder()
        self.failure: Fallback | None = None
        self.closed = False
        self.externals = Externals(self, policy)
        self.size_checks: list[SizeCheck] = []
        self.effects: list[Effect] = []
        self.guards: list[Node] = []
        self.decisions: list[bool] = []
        self.emitter = Emitter(self.builder, self.ask_size, self.guard)
        self.permissive = permissive
        self.follows_code = True
        self.is_abstract = False
        self.variables: dict[int, tuple[Any, Any]] = {}
        self.watchers: list[dict[int, Any]] = []
        self.unreplayable: Fallback | None = None
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

    @property
    def is_noting(self) -> bool:
        return not self.closed and self.failure is None

    def give_up(self, reason: str, *, lost: bool = True, site: Site | None = None) -> None:
        """Drop the pen. Only the first reason is kept.

        ``lost`` says whether values are no longer known to the graph; where only a replay would go
        wrong, a permissive recording goes on.
        """
        if not self.is_noting:
            return
        why = Fallback(reason, site or user_site())
        if self.permissive and not lost:
            self.unreplayable = self.unreplayable or why
        else:
            self.failure = why

    def known_values(self) -> dict[Node, Any]:
        """Return the arrays of the inputs, and of values that stand-ins still hold unwritten."""
        known: dict[Node, Any] = {}
        for node, reference in self._alive.items():
            traced = reference()
            if traced is not None and not traced.storage.written:
                known[node] = np.asarray(traced.real)
        externals = self.externals
        for index, (param, real) in enumerate(
            zip(self.builder.params, externals.reals, strict=True)
        ):
            known[param] = np.asarray(externals.originals.get(index, real))
        return known

    # -- calls ----------------------------------------------------------------------------------

    def call(
        self,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        rule: Callable[..., Any] | None = None,
    ) -> Any:
        """Run a function on real values, and note what it does."""
        if not self.is_noting:
            return function(*real_of(args), **real_of(kwargs))
        if rule is None and all_python_scalars(args) and not is_numpy(function):
            return self.call_on_python_scalars(function, args, kwargs)
        self.builder.site = user_site()
        rule = rule or RULES.get(function)
        before = self._before_write(function, args, kwargs)
        real = self._run(function, args, kwargs)
        if rule is None:
            self.give_up(f"{name_of(function)} cannot be recorded")
            return real
        return self._note(function, rule, args, kwargs, real, before)

    def _run(self, function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        if any(is_abstract(x) for x in stand_ins((args, kwargs))):
            return ABSENT
        return function(*real_of(args), **real_of(kwargs))

    def _note(
        self,
        function: Callable[..., Any],
        rule: Callable[..., Any],
        args: Any,
        kwargs: Any,
        real: Any,
        target: Any,
    ) -> Any:
        try:
            operands, options = self._operands(args), self._operands(kwargs)
            if target is not None:
                options.pop("out", None)
            sym = rule(self.emitter, *operands, **options)
            if target is not None:
                return self._written(target, sym, function, real)
            return self.wrap(real, sym, args)
        except Unsupported as why:
            self.give_up(f"{name_of(function)}: {why}")
            return real
        finally:
            if len(self.builder.nodes) > NODE_LIMIT:
                self.give_up(
                    f"more than {NODE_LIMIT} operations in one call: a Python loop was unrolled; "
                    "use array operations instead of the loop"
                )

    def _operands(self, value: Any) -> Any:
        """Return arguments as rules see them."""
        kind = type(value)
        if kind is Traced:
            weak = type(value.real) if value.is_python_scalar else None
            return Sym(self.value_of(value), weak)
        if kind is TracedSize:
            return value.size
        if kind in (tuple, list):
            return kind(self._operands(item) for item in value)
        if kind is dict:
            return {key: self._operands(item) for key, item in value.items()}
        if kind is slice:
            return slice(*(self._operands(x) for x in (value.start, value.stop, value.step)))
        if isinstance(value, np.ndarray):
            return self._operands(self.array_of_unknown_origin(value))
        return value

    def array_of_unknown_origin(self, array: Any) -> Traced:
        known = self.externals.known_array(array)
        if known is None and self.permissive and type(array) is np.ndarray:
            known = self.externals.load(fixed_place(array), array)
        if not isinstance(known, Traced):
            raise Unsupported(
                "an array meets recorded values whose origin is not known; make it with NumPy "
                "functions inside the compiled function, or pass it as an argument"
            )
        return known

    def value_of(self, traced: Traced) -> Value:
        """Return the present value of a stand-in in this recording's graph."""
        if traced.recording is not self:
            raise Unsupported("a value of a finished recording is used; return it instead")
        return traced.value

    # -- results --------------------------------------------------------------------------------

    def wrap(self, real: Any, sym: Any, args: Any = ()) -> Any:
        """Return the stand-in for what a call returned."""
        if isinstance(sym, (tuple, list)):
            reals = [ABSENT] * len(sym) if real is ABSENT else real
            items = [self.wrap(r, s, args) for r, s in zip(reals, sym, strict=True)]
            return tuple(items) if real is ABSENT else remake(real, items)
        if not isinstance(sym, Sym):
            return real
        if real is ABSENT:
            return self._wrap_abstract(sym, args)
        check_type(sym.value.type, real)
        if isinstance(real, np.ndarray):
            return self._wrap_array(real, sym.value, args)
        return self._new(real, sym.value)

    def _new(self, real: Any, value: Value) -> Traced:
        traced = Traced(self, real, Storage(value, owner_of(real)))
        self._alive[value.node] = weakref.ref(traced)
        return traced

    def _wrap_array(self, real: Any, value: Value, args: Any) -> Traced:
        arrays = [x for x in stand_ins(args) if isinstance(x.real, np.ndarray)]
        for traced in arrays:
            if traced.real is real:
                return traced
        owner = owner_of(real)
        for traced in arrays:
            if owner_of(traced.real) is owner and real.size:
                return self._view(real, value, traced)
        return self._new(real, value)

    def _view(self, real: Any, value: Value, traced: Traced) -> Traced:
        path = view_path(value.node, self.value_of(traced).node)
        if path is None:
            raise Unsupported("the way in which its result shares memory cannot be followed")
        return Traced(self, real, traced.storage, (*traced.path, *path))

    def _wrap_abstract(self, sym: Sym, args: Any) -> Traced:
        for traced in stand_ins(args):
            path = view_path(sym.value.node, self.value_of(traced).node)
            if path is not None and traced.kind is np.ndarray:
                return Traced(self, ABSENT, traced.storage, (*traced.path, *path))
        return Traced(self, ABSENT, Storage(sym.value, None))

    def fresh(self, real: Any, value: Value) -> Traced:
        """Return a stand-in for a new array or number; ``ABSENT`` where it has no value."""
        if real is ABSENT:
            return Traced(self, ABSENT, Storage(value, None))
        check_type(value.type, real)
        return self._new(real, value)

    # -- writes ---------------------------------------------------------------------------------

    def _before_write(self, function: Any, args: Any, kwargs: Any) -> Any:
        """Return the stand-in that a call writes into, after checking that this can be followed."""
        target = kwargs.get("out")
        if isinstance(target, tuple) and len(target) == 1:
            (target,) = target
        if target is None and function in WRITERS and len(args):
            target = args[0]
        if type(target) is Traced and (target.kind is np.ndarray):
            self.externals.before_write(target.storage)
            return target
        return None

    def _written(self, target: Traced, sym: Any, function: Any, real: Any) -> Any:
        """Make what a rule returned the new content of ``target``."""
        if not isinstance(sym, Sym):
            raise Unsupported("its `out` cannot be followed")
        old = self.value_of(target)
        new = self.emitter.broadcast(self.emitter.cast(sym.value, old.dtype), old.shape)
        target.storage.value = write_through(target.storage.value, target.path, new)
        target.storage.written = True
        return real if function is operator.setitem or real is None else target

    # -- questions ------------------------------------------------------------------------------

    def guard(self, predicate: Value, expect: bool) -> None:
        """Make the trace hold only where ``predicate`` is ``expect``."""
        number = len(self.guards)
        attrs = {"expect": bool(expect), "number": number}
        self.guards.append(self.builder.emit(guard, (predicate,), attrs).node)
        self.decisions.append(bool(expect))

    def take_guards(self, start: int) -> list[tuple[Node, bool]]:
        """Remove the guards from number ``start`` on, and return them with their answers."""
        taken = list(zip(self.guards[start:], self.decisions[start:], strict=True))
        del self.guards[start:], self.decisions[start:]
        dropped = {node for node, _ in taken}
        self.builder.nodes[:] = [n for n in self.builder.nodes if n not in dropped]
        return taken

    def observe_truth(self, traced: Traced) -> Any:
        """Return the truth of a value, which the trace is then bound to."""
        if traced.real is ABSENT:
            no_value("the truth of an array")
        truth = bool(traced.real)
        if self.is_noting:
            self.builder.site = user_site()
            value = self.value_of(traced)
            if value.shape:
                value = self.emitter_reshape(value)
            self.guard(self.emitter.cast(value, np.dtype(bool)), truth)
        return truth

    def emitter_reshape(self, value: Value) -> Value:
        sym = RULES[np.reshape](self.emitter, Sym(value), ())
        result: Value = sym.value
        return result

    def observe(self, traced: Traced) -> Any:
        """Return the real value of a scalar, which the trace is then bound to, bit by bit."""
        if traced.real is ABSENT:
            no_value("the value of an array")
        if self.is_noting:
            self.builder.site = user_site()
            value = self.value_of(traced)
            if value.shape:
                value = self.emitter_reshape(value)
            self._bind(value, traced.real)
        return traced.real

    def _bind(self, value: Value, real: Any) -> None:
        seen = np.asarray(real).reshape(())[()]
        if seen.dtype.kind == "f" and seen == 0:
            sign = RULES[np.signbit](self.emitter, Sym(value)).value
            self.guard(sign, bool(np.signbit(seen)))
        elif seen != seen:
            self.guard(RULES[np.isnan](self.emitter, Sym(value)).value, True)
            return
        equal = RULES[np.equal](self.emitter, Sym(value), self._literal(seen)).value
        self.guard(equal, True)

    def _literal(self, number: Any) -> Sym:
        return Sym(self.emitter.literal(number, number.dtype))

    def escape(self, traced: Traced, why: str) -> Any:
        """Return the real value for code that is not recorded; for an array the recording ends."""
        if traced.real is ABSENT:
            no_value("code that is not recorded")
        self.give_up(f"an array reaches code that cannot be recorded: {why}")
        return traced.real

    # -- numbers of Python ----------------------------------------------------------------------

    def call_on_python_scalars(self, function: Any, args: Any, kwargs: Any) -> Any:
        """Python's own arithmetic: floats stay symbolic, anything else is bound to its value."""
        real = function(*real_of(args), **real_of(kwargs))
        rule = RULES.get(function)
        floats = type(real) is float or type(real) is bool
        if rule is None or kwargs or not floats or function not in PYTHON_FLOAT:
            for traced in stand_ins(args):
                self.observe(traced)
            return real
        self.builder.site = user_site()
        operands = [self._operands(x) for x in args]
        if any(isinstance(x, int) and abs(x) > 2**53 for x in args):
            for traced in stand_ins(args):
                self.observe(traced)
            return real
        if function is operator.truediv:
            zero = self._literal(np.float64(0))
            self.guard(RULES[np.equal](self.emitter, operands[1], zero).value, False)
        wide = np.dtype(np.float64)
        values = [Sym(self.emitter.value(x, wide)) for x in operands]
        return Traced(self, real, Storage(rule(self.emitter, *values).value, None))

    def convert(self, kind: type, x: Any) -> Any:
        """Return ``float(x)``, ``int(x)``, ``bool(x)`` or ``complex(x)``, symbolic where it can be."""
        real = kind(x.real) if x.real is not ABSENT else no_value(f"{kind.__name__}()")
        if not self.is_noting:
            return real
        if kind is bool:
            return self.observe_truth(x) if type(x) is Traced else bool(x)
        if type(x) is TracedSize and kind is int:
            return x
        self.builder.site = user_site()
        value = self._operands(x)
        value = value.value if isinstance(value, Sym) else self.emitter.value(value, INT64)
        source, target = value.dtype.kind, np.dtype(kind)
        if (source, target.kind) not in CONVERSIONS:
            return kind(self.observe(x))
        if value.shape:
            value = self.emitter_reshape(value)
        return Traced(self, real, Storage(self.emitter.cast(value, target), None))

    # -- sizes ----------------------------------------------------------------------------------

    def size(self, dim: Dim) -> Any:
        """Return a size as the user sees it."""
        if not isinstance(dim, Size):
            return dim
        real = hint(dim)
        if real is None:
            no_value("a size that depends on data")
        return TracedSize(self, dim, real) if self.is_noting else real

    def ask_size(self, a: Dim, relation: str, b: Dim) -> bool:
        """Answer a question about sizes with the values seen; the entry checks the answer."""
        left, right = hint(a), hint(b)
        if left is None or right is None:
            no_value("a size that depends on data")
        answer = bool(RELATIONS[relation](left, right))
        if isinstance(a, Size) or isinstance(b, Size):
            self.size_checks.append(SizeCheck(a, relation, b, answer))  # type: ignore[arg-type]  # a key of RELATIONS
        return answer

    def observe_size(self, size: TracedSize) -> int:
        if self.is_noting:
            self.ask_size(size.size, "==", size.real)
        return size.real

    def operate_size(self, function: Any, *operands: Any) -> Any:
        """Return an operator's result where an operand is a size."""
        if not self.is_noting:
            return function(*real_of(operands))
        if all(map(is_size, operands)):
            if function in SYMBOLIC_SIZE:
                return self.size(SYMBOLIC_SIZE[function](*map(dim_of, operands)))
            if function in SIZE_QUESTIONS:
                relation, swap, negate = SIZE_QUESTIONS[function]
                a, b = map(dim_of, operands[::-1] if swap else operands)
                return self.ask_size(a, relation, b) is not negate
        if any(type(x) is Traced for x in operands):
            return self.call(function, operands, {})
        if any(type(x) in (float, np.float64) for x in operands) and function in PYTHON_FLOAT:
            return self.call(function, tuple(map(self._size_as_scalar, operands)), {})
        return function(*(operator.index(x) if type(x) is TracedSize else x for x in operands))

    def _size_as_scalar(self, x: Any) -> Any:
        if type(x) is not TracedSize:
            return x
        return Traced(self, x.real, Storage(self.emitter.value(x.size, INT64), None))

    # -- attributes of stand-ins ----------------------------------------------------------------

    def attribute(self, traced: Traced, name: str) -> Any:
        """Return ``traced.name``."""
        if name in VIEW_ATTRIBUTES:
            rule = VIEW_ATTRIBUTES[name]
            return self.call(operator.attrgetter(name), (traced,), {}, rule)
        if name in SHAPE_ATTRIBUTES and self.is_noting:
            return SHAPE_ATTRIBUTES[name](self, self.value_of(traced).type)
        if name in METHODS:
            return Method(self, traced, name)
        real = traced.real
        if real is ABSENT:
            no_value(f"the attribute {name!r}")
        found = getattr(real, name)
        if callable(found) or name in ("flat", "data", "ctypes", "base", "__array_interface__"):
            return getattr(self.escape(traced, f"its attribute {name!r} is used"), name)
        return found

    def set_attribute(self, traced: Traced, name: str, value: Any) -> None:
        """Assign ``traced.name``."""
        self.give_up(f"the attribute {name!r} of an array is assigned; use reshape or astype")
        setattr(traced.real, name, real_of(value))

    def length(self, traced: Traced) -> Any:
        """Return ``len(traced)``, a size."""
        if not self.is_noting:
            return len(traced.real)
        shape = self.value_of(traced).shape
        if not shape:
            return len(traced.real)
        return self.size(shape[0])


class Method:
    """A method of a stand-in, such as ``x.sum``."""

    __slots__ = ("name", "owner", "recording")

    def __init__(self, recording: Recording, owner: Traced, name: str) -> None:
        self.recording, self.owner, self.name = recording, owner, name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        method = operator.methodcaller(self.name, *real_of(args), **real_of(kwargs))
        del method
        return self.recording.call(
            MethodCall.of(self.name), (self.owner, *args), kwargs, METHODS[self.name]
        )


class MethodCall:
    """``getattr(x, name)(*args)`` as a function of x, one object for each name."""

    _made: dict[str, MethodCall] = {}

    def __init__(self, name: str) -> None:
        self.__name__ = name

    @classmethod
    def of(cls, name: str) -> MethodCall:
        return cls._made.setdefault(name, cls(name))

    def __call__(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        return getattr(x, self.__name__)(*args, **kwargs)


CONVERSIONS = frozenset(
    [(source, "f") for source in "biuf"] + [(source, "c") for source in "biufc"] + [("b", "i"), ("i", "i")]
)
"""Conversions to Python numbers that no value makes fail or leave int64."""

SHAPE_ATTRIBUTES: dict[str, Callable[[Recording, ArrayType], Any]] = {
    "shape": lambda r, t: tuple(map(r.size, t.shape)),
    "ndim": lambda r, t: t.ndim,
    "size": lambda r, t: r.size(t.size),
    "dtype": lambda r, t: t.dtype,
    "itemsize": lambda r, t: t.dtype.itemsize,
    "nbytes": lambda r, t: r.size(t.size * t.dtype.itemsize),
}
RELATIONS: dict[str, Callable[[int, int], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
}
SYMBOLIC_SIZE = {
    operator.add: operator.add, operator.sub: operator.sub, operator.mul: operator.mul,
    operator.iadd: operator.add, operator.isub: operator.sub, operator.imul: operator.mul,
    operator.pos: operator.pos,
}  # fmt: skip
SIZE_QUESTIONS = {  # function: (relation, operands swapped, answer negated)
    operator.eq: ("==", False, False),
    operator.ne: ("==", False, True),
    operator.lt: ("<", False, False),
    operator.le: ("<=", False, False),
    operator.gt: ("<", True, False),
    operator.ge: ("<=", True, False),
}
PYTHON_FLOAT = {
    operator.add, operator.sub, operator.mul, operator.truediv, operator.neg, operator.pos,
    operator.abs, operator.iadd, operator.isub, operator.imul, operator.itruediv,
    operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne,
}  # fmt: skip
"""Operators on Python floats that mean what they mean on float64, division by zero aside."""


def real_of(value: Any) -> Any:
    """Return a value with every stand-in in its containers replaced by what it stands for."""
    kind = type(value)
    if kind is Traced or kind is TracedSize or kind is Text:
        return value.real
    if kind in (tuple, list):
        return kind(map(real_of, value))
    if kind is dict:
        return {key: real_of(item) for key, item in value.items()}
    if kind is slice:
        return slice(real_of(value.start), real_of(value.stop), real_of(value.step))
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return kind(*map(real_of, value))
    return value


def stand_ins(value: Any) -> list[Traced]:
    """Return the stand-ins of arrays and numbers in nested arguments."""
    found: list[Traced] = []
    stack = [value]
    while stack:
        item = stack.pop()
        if type(item) is Traced:
            found.append(item)
        elif type(item) in (tuple, list):
            stack.extend(reversed(item))
        elif type(item) is dict:
            stack.extend(reversed(item.values()))
        elif type(item) is slice:
            stack.extend((item.step, item.stop, item.start))
    return found


def is_numpy(function: Any) -> bool:
    """Return whether a function is NumPy's, whose results are arrays or NumPy scalars."""
    module = getattr(function, "__module__", None) or ""
    return isinstance(function, np.ufunc) or module.partition(".")[0] == "numpy"


def is_abstract(traced: Traced) -> bool:
    return traced.real is ABSENT


def all_python_scalars(args: tuple[Any, ...]) -> bool:
    """Return whether all arguments are Python numbers, stand-ins for them included."""
    return bool(args) and all(
        (type(x) is Traced and x.is_python_scalar) or type(x) in PYTHON_SCALARS for x in args
    )


def check_type(type_: ArrayType, real: Any) -> None:
    """Raise Unsupported where the graph's type is not that of the real result."""
    array = np.asarray(real)
    if not is_supported(array.dtype):
        raise Unsupported(f"the dtype {array.dtype} is not supported; use float64")
    if array.dtype != type_.dtype or tuple(map(hint, type_.shape)) != array.shape:
        raise Unsupported(
            f"its result {array.dtype}{list(array.shape)} was recorded as {type_}; this is a fault "
            "of tracegraph"
        )


def remake(real: Any, items: list[Any]) -> Any:
    """Return items in a container like the real one."""
    if hasattr(real, "_fields"):
        return type(real)(*items)
    return type(real)(items) if type(real) in (tuple, list) else tuple(items)


def name_of(function: Any) -> str:
    """Return a function's name for messages."""
    name = getattr(function, "__qualname__", getattr(function, "__name__", repr(function)))
    module = getattr(function, "__module__", None)
    return f"{module}.{name}" if module and module not in ("builtins", "_operator") else str(name)


def user_site() -> Site | None:
    """Return the innermost line of the stack that is not ours or NumPy's."""
    frame = sys._getframe(1)
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if module.partition(".")[0] not in ("tracegraph", "numpy"):
            return Site(frame.f_code.co_filename, frame.f_lineno)
        frame = frame.f_back  # type: ignore[assignment]  # None ends the loop
    return None
