"""Stand-ins: what a recorded function computes with in place of arrays and numbers.

A stand-in holds the real value that the eager run computed and knows its value in the graph. It is
no subclass of what it stands for; ``__class__`` answers ``isinstance``. Every operation on it is a
call of the recording, which runs NumPy on the real values and notes the operation.
"""

from __future__ import annotations

import itertools
import operator
import weakref
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

import numpy as np

from tracegraph.ir.errors import AbstractValueError
from tracegraph.ir.graph import Node, Op, Value
from tracegraph.ir.sizes import Dim, Size
from tracegraph.ir.types import ArrayType
from tracegraph.operators import IN_PLACE, Operators
from tracegraph.pending import Pending, like_of

if TYPE_CHECKING:
    from tracegraph.attributes import Attributes
    from tracegraph.images import Image
    from tracegraph.sizing import Sizing


class Absent:
    """The real value of a stand-in that has none: inside ``vmap``, a loop or a branch."""

    def __repr__(self) -> str:
        return "<no value>"


ABSENT = Absent()
PYTHON_SCALARS = (bool, int, float, complex)
_births = itertools.count()


def next_birth() -> int:
    """Return a number above that of all storages so far."""
    return next(_births)


class ArrayHolder:
    """Base of what holds an array for users: ``Tensor`` and its kin."""

    __slots__ = ()

    def _read(self) -> Any:
        """Return the array, as a stand-in while a recording goes on."""
        raise AssertionError("a holder says how it is read")


class ContainerStandIn:
    """Base of what stands for something that holds others, which is kept as ``actual``."""

    __slots__ = ("actual",)

    actual: Any

    def opened(self) -> Any:
        """Return what it holds."""
        raise AssertionError("a stand-in says what it holds")


class Storage:
    """Memory: its whole content as a value of the graph, replaced by each write.

    Parameters
    ----------
    value : Value
        The present content.
    owner : ndarray or None
        The real array that owns the memory.
    array : ndarray, optional
        The real array whose content ``value`` is; the owner unless given.
    external : bool
        Whether it was reached from outside.

    A storage that ``shares`` another's memory in a way that is no structural view is good for
    reading while the other has the version that was ``seen``. ``reshaped`` is how the array looks
    at its own memory once another shape was assigned to it. ``born`` counts storages, and says of
    one with ``images`` when it was last ``looked`` at, whose ``stores`` are what it was written
    through; ``stand_ins`` are those that look at it, where somebody has to know.
    ``number`` is the type of a Python number without value. Of an array without value ``order`` has
    the axes from slow to fast, but is None for one that has axes and is C-contiguous, and for a
    number; ``strides`` are those of its elements where they lie apart, if they are known.
    ``is_read_only`` says whether NumPy would not write into it, and ``still``, where it is
    known, whether it is the very array that it ``shares`` memory with, or a new one. ``is_read``
    says whether anybody has asked for its content: to hand it on from one iteration of a loop to
    the next is not to read it.
    """

    __slots__ = (
        "array", "born", "external", "images", "is_read", "is_read_only", "looked", "number",
        "order", "owner", "reshaped", "seen", "shares", "stand_ins", "still", "stores", "strides",
        "value", "version",
    )  # fmt: skip

    def __init__(
        self, value: Value, owner: Any, *, array: Any = None, external: bool = False
    ) -> None:
        self.value, self.owner, self.external = value, owner, external
        self.array = owner if array is None else array
        self.version = 0
        self.shares: Storage | None = None
        self.seen = 0
        self.reshaped: tuple[Step, ...] = ()
        self.born = next_birth()
        self.images: tuple[Image, ...] = ()
        self.looked = -1
        self.stores: tuple[Traced, ...] = ()
        self.stand_ins: list[weakref.ref[Traced]] | None = None
        self.number: type | None = None
        self.order: tuple[int, ...] | None = None
        self.strides: tuple[int, ...] | None = None
        self.is_read = self.is_read_only = False
        self.still: Value | None = None

    @property
    def written(self) -> bool:
        return self.version > 0

    @property
    def type(self) -> ArrayType:
        """The type of the content."""
        return self.value.type

    def write(self, value: Value, times: int = 1) -> None:
        """Replace the content, by what so many writes have made of it."""
        if self.shares is not None:
            raise AssertionError("memory that is known by parts is never written")
        self.value = value
        self.version += times


class Step(NamedTuple):
    """One step of a view path: a structural operation with its attributes.

    ``places`` are its operands but for the first one: the places of a view that data decides.
    """

    op: Op
    attrs: dict[str, Any]
    places: tuple[Node, ...] = ()

    def __call__(self, value: Value) -> Value:
        """Return what the step sees of a value."""
        out: Value = self.op(value, *self.at(value), **self.attrs)
        return out

    def at(self, value: Value) -> list[Value]:
        """Return the places, in the graph of a value."""
        return [Value(value.builder, place) for place in self.places]


class Traced(Operators):
    """Stands for an array, a NumPy scalar or a Python number.

    Parameters
    ----------
    recording : Recording
        The recording it belongs to.
    real : ndarray, np.generic or Python number, returned as ``actual``
        What the eager run computed, or what will compute it; ``ABSENT`` inside ``vmap``.
    storage : Storage
        The memory it looks at.
    path : tuple of Step
        How it looks at it: structural operations applied to the storage's content.
    """

    __slots__ = ("__weakref__", "held", "path", "recording", "storage")

    recording: Attributes
    held: Any
    storage: Storage
    path: tuple[Step, ...]

    def __init__(
        self, recording: Attributes, real: Any, storage: Storage, path: tuple[Step, ...] = ()
    ) -> None:
        object.__setattr__(self, "recording", recording)
        object.__setattr__(self, "held", real)
        object.__setattr__(self, "storage", storage)
        object.__setattr__(self, "path", path)
        if storage.stand_ins is not None:
            storage.stand_ins.append(weakref.ref(self))

    @property
    def actual(self) -> Any:
        """What the eager run computed; a value that was not asked for before is computed now."""
        return self.held.now() if type(self.held) is Pending else self.held

    @property
    def likeness(self) -> Any:
        """What has the type and layout of ``actual``; its content may not be there yet."""
        return like_of(self.held)

    @property
    def is_there(self) -> bool:
        """Whether its real value was computed."""
        return type(self.held) is not Pending or self.held.is_settled

    @property
    def value(self) -> Value:
        """Its present value in the graph."""
        value = self.storage.value
        for step in self.path:
            value = step(value)
        return value

    @property
    def kind(self) -> type:
        """The Python type that it stands for."""
        likeness = self.likeness
        if likeness is not ABSENT:
            return type(likeness)
        if self.storage.number is not None:
            return self.storage.number
        type_ = self.storage.type if not self.path else self.value.type
        is_array = type_.shape or self.storage.order is not None
        return np.ndarray if is_array else type_.dtype.type

    @property
    def is_python_scalar(self) -> bool:
        return type(self.likeness) in PYTHON_SCALARS or self.storage.number is not None

    @property  # type: ignore[misc]  # isinstance asks for it
    def __class__(self) -> type:
        return self.kind

    def _operate(self, function: Callable[..., Any], *operands: Any) -> Any:
        if any(issubclass(type(operand), ArrayHolder) for operand in operands):
            if function not in IN_PLACE:
                return NotImplemented
            self, other = operands
            operands = (self, other._read())
        return self.recording.call(function, operands, {})

    def __getattr__(self, name: str) -> Any:
        return self.recording.attribute(self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        self.recording.set_attribute(self, name, value)

    def __array_ufunc__(self, ufunc: Any, method: str, *args: Any, **kwargs: Any) -> Any:
        if any(isinstance(operand, ArrayHolder) for operand in args):
            return NotImplemented
        function = ufunc if method == "__call__" else getattr(ufunc, method)
        return self.recording.call(function, args, kwargs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if any(issubclass(kind, ArrayHolder) for kind in types):
            return NotImplemented
        return self.recording.call(function, args, kwargs)

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        real = self.recording.escape(self, "its memory is handed to code that is not recorded")
        return np.array(real, dtype=dtype, copy=copy)

    def __getitem__(self, index: Any) -> Any:
        return self.recording.call(operator.getitem, (self, index), {})

    def __setitem__(self, index: Any, value: Any) -> None:
        self.recording.call(operator.setitem, (self, index, value), {})

    def __iter__(self) -> Iterator[Any]:
        known = self.actual is not ABSENT
        if self.kind is not np.ndarray or (known and not np.ndim(self.actual)):
            return iter(self.actual)  # raises what the number or the array without axes raises
        return self._items()

    def _items(self) -> Iterator[Any]:
        yield from map(self.__getitem__, range(operator.index(self.recording.length(self))))

    def __len__(self) -> int:
        return operator.index(self.recording.length(self))

    def __contains__(self, item: Any) -> bool:
        return bool((self == item).any())

    def __bool__(self) -> bool:
        return bool(self.recording.observe_truth(self))

    def __float__(self) -> float:
        return float(self.recording.observe(self, "float()", cuts=True))

    def __int__(self) -> int:
        return int(self.recording.observe(self, "int()"))

    def __complex__(self) -> complex:
        return complex(self.recording.observe(self, "complex()", cuts=True))

    def __index__(self) -> int:
        return operator.index(self.recording.observe(self, "a place in a list, or a length,"))

    def __hash__(self) -> int:
        return hash(self.recording.observe(self, "a key in a dict or a set"))

    def __round__(self, digits: Any = None) -> Any:
        real = self.recording.observe(self, "round()")
        return round(real) if digits is None else round(real, digits)

    def __repr__(self) -> str:
        return repr(self.recording.escape(self, "it is turned into text"))

    def __str__(self) -> str:
        return str(self.recording.escape(self, "it is turned into text"))

    def __format__(self, spec: str) -> str:
        return format(self.recording.escape(self, "it is turned into text"), spec)

    def __reduce_ex__(self, protocol: Any) -> Any:
        return self.recording.escape(self, "it is pickled or copied").__reduce_ex__(protocol)


class TracedSize(Operators):
    """Stands for a Python int that is a symbolic size: ``x.shape[0]``, or an int that varies.

    Arithmetic stays symbolic. A question about it (``==``, ``<``, ``bool``) becomes a check at the
    entry of the compiled function; asked for its number it is checked to be that number.
    """

    __slots__ = ("actual", "recording", "size")

    def __init__(self, recording: Sizing, size: Size, real: int) -> None:
        self.recording, self.size, self.actual = recording, size, real

    def _operate(self, function: Callable[..., Any], *operands: Any) -> Any:
        return self.recording.operate_size(function, *operands)

    @property  # type: ignore[misc]  # isinstance asks for it
    def __class__(self) -> type:
        return int

    def __index__(self) -> int:
        return self.recording.observe_size(self)

    __int__ = __index__

    def __hash__(self) -> int:
        return hash(operator.index(self))

    def __bool__(self) -> bool:
        return bool(self != 0)

    def __round__(self, digits: Any = None) -> int:
        return round(operator.index(self), digits)

    def __float__(self) -> float:
        return float(operator.index(self))

    def __repr__(self) -> str:
        return repr(operator.index(self))

    def __format__(self, spec: str) -> str:
        return format(operator.index(self), spec)

    def __getattr__(self, name: str) -> Any:
        return getattr(operator.index(self), name)


def is_size(value: Any) -> bool:
    """Return whether a value is a Python int or stands for one as a size."""
    return type(value) in (int, TracedSize)


def dim_of(value: Any) -> Dim:
    """Return the dimension that an int or a size stand-in is."""
    return value.size if type(value) is TracedSize else int(value)


def no_value(what: str, error: type[AbstractValueError] = AbstractValueError) -> NoReturn:
    """Raise the error of a stand-in that has no value, where one is needed."""
    raise error(
        f"{what} needs a value where arrays and numbers have none: inside vmap, in loops that are "
        "captured, and in what tg.cond and loops such as tg.scan are given; compute with the array "
        "instead, as by np.where or tg.cond"
    )
