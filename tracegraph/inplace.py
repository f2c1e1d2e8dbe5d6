"""Attributes of arrays that are assigned, and methods that change an array itself."""

from __future__ import annotations

import functools
import math
import operator
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from tracegraph.attributes import Attributes, Method, MethodCall
from tracegraph.geometry import axes_order
from tracegraph.images import root_of, same_array
from tracegraph.ir.graph import Value
from tracegraph.ir.ops.boxes import concatenate, slice_
from tracegraph.numpy.arguments import reshaped
from tracegraph.numpy.assignments import (
    assign_flat,
    assign_imag,
    assign_real,
    read_flat,
    write_flat,
)
from tracegraph.numpy.callouts import NumpyCall
from tracegraph.numpy.emit import Emitter, Sym, Unsupported
from tracegraph.numpy.table import RULES, WRITERS, WRITING_METHODS
from tracegraph.standin import ABSENT, ContainerStandIn, Storage, Traced, no_value
from tracegraph.values import operands_of, real_of
from tracegraph.views import view_path

if TYPE_CHECKING:
    from tracegraph.externals import Externals

LIST_LIMIT = 256
"""How many elements ``tolist`` may give as numbers that are followed."""


class InPlace(Attributes):
    """The part of a recording that follows changes of arrays by their attributes."""

    externals: Externals

    def attribute(self, traced: Traced, name: str) -> Any:
        """Return ``traced.name``."""
        special = SPECIAL.get(name)
        if special is None or traced.is_python_scalar:
            return super().attribute(traced, name)
        if not self.is_noting and traced.actual is not ABSENT:
            return getattr(traced.actual, name)
        return special(self, traced)

    def set_attribute(self, traced: Traced, name: str, value: Any) -> None:
        """Assign ``traced.name``."""
        if name in ASSIGNMENTS:
            self.call(ASSIGNMENTS[name], (traced, value), {})
            return
        if traced.actual is not ABSENT:
            self.no_effect_in_drawn(f"assigning the attribute {name!r} of an array from outside")
        if name == "shape" and self.is_noting and traced.actual is not ABSENT:
            self._set_shape(traced, value)
        else:
            self.give_up(f"the attribute {name!r} of an array is assigned; {INSTEAD.get(name, '')}")
            setattr(traced.actual, name, real_of(value))

    def _set_shape(self, traced: Traced, shape: Any) -> None:
        """Give the array itself another shape: the caller's too, where it came from outside."""
        self.no_effect_in_drawn("assigning the shape of an array")
        memory, before = root_of(traced.storage), self.present_value(traced)
        is_whole = traced.actual is memory.array
        if is_whole and memory.external:
            self.externals.snapshot(memory)
        with self.giving_up_if_raised(np.reshape):
            traced.actual.shape = real_of(shape)
        if before is None:
            return
        wanted = operands_of(self, shape)
        try:
            after: Sym = RULES[np.reshape](self.emitter, Sym(before), wanted)
        except Unsupported as why:
            self.give_up(f"the shape of an array is assigned: {why}")
            return
        path = view_path(after.value.node, before.node)
        if path is None or axes_order(traced.actual) != tuple(range(traced.actual.ndim)):
            self.give_up("the shape of an array that is not C-contiguous is assigned; use reshape")
            return
        for one in same_array(traced):
            object.__setattr__(one, "path", (*one.path, *path))
            if is_whole and not memory.external:
                one.storage.reshaped = one.path
        if is_whole and memory.external:
            self.note_effect(setattr, (traced, "shape", shape))


INSTEAD = {
    "shape": "use reshape",
    "dtype": "use astype, or view outside of the compiled function",
    "strides": "use slices and transposes",
}
"""What to write instead of assigning an attribute."""

ASSIGNMENTS: dict[str, Callable[..., Any]] = {
    "flat": assign_flat,
    "real": assign_real,
    "imag": assign_imag,
}


class Flat(ContainerStandIn):
    """Stands for ``x.flat``."""

    __slots__ = ("_next", "owner", "recording")

    def __init__(self, recording: InPlace, owner: Traced) -> None:
        self.recording, self.owner, self._next = recording, owner, 0
        if owner.actual is not ABSENT:
            self.actual = owner.actual.flat

    @property  # type: ignore[misc]  # isinstance asks for it
    def __class__(self) -> type:
        return np.flatiter

    def opened(self) -> Any:
        """Return the iterator itself: what NumPy makes of it may share the array's memory."""
        self.recording.give_up("x.flat is handed to a function; use x.ravel()")
        return self.actual

    def copy(self) -> Any:
        """``x.flat.copy()``."""
        return Method(self.recording, self.owner, "flatten")()

    def __getitem__(self, index: Any) -> Any:
        return self.recording.call(read_flat, (self.owner, index), {})

    def __setitem__(self, index: Any, new: Any) -> None:
        self.recording.call(write_flat, (self.owner, index, new), {})

    def __len__(self) -> int:
        return operator.index(self.owner.size)

    def __iter__(self) -> Flat:
        return self

    def __next__(self) -> Any:
        if self._next >= len(self):
            raise StopIteration
        self._next += 1
        return self[self._next - 1]

    def __getattr__(self, name: str) -> Any:
        self.recording.give_up(f"the attribute {name!r} of x.flat is used; index it instead")
        return getattr(self.actual, name)


class Flags(ContainerStandIn):
    """Stands for ``x.flags``."""

    __slots__ = ("owner", "recording")

    def __init__(self, recording: InPlace, owner: Traced) -> None:
        if owner.actual is ABSENT:
            no_value("how an array lies in memory")
        self.recording, self.owner, self.actual = recording, owner, owner.actual.flags

    def opened(self) -> Any:
        """Return the real flags."""
        self.recording.give_up("the flags of an array are used; ask for single ones")
        return self.actual

    def __getattr__(self, name: str) -> Any:
        # Contiguity is what a trace is bound to; who may write, an argument's trace is not.
        if name != "c_contiguous" and self.owner.storage.external:
            self.recording.give_up(f"the flag {name} of an array from outside is asked")
        return getattr(self.actual, name)

    def __getitem__(self, name: str) -> Any:
        self.actual[name]  # raises what NumPy raises
        return getattr(self, NAMES.get(name, name.lower()))

    def assign(self, name: str, value: Any) -> None:
        """Assign a flag."""
        self.recording.no_effect_in_drawn("assigning a flag of an array from outside")
        if name != "writeable" or self.owner.storage.external:
            self.recording.give_up(f"the flag {name} of an array is assigned")
        setattr(self.actual, name, real_of(value))

    def __setitem__(self, name: str, value: Any) -> None:
        self.assign(NAMES.get(name, name.lower()), value)


NAMES = {"C": "c_contiguous", "F": "f_contiguous", "W": "writeable", "O": "owndata", "A": "aligned"}
"""The short names of flags."""


def strides(recording: InPlace, x: Traced) -> Any:
    """Return ``x.strides``, where the trace is bound to all of them."""
    shape = x.storage.value.shape
    is_bound = all(isinstance(dim, int) and dim > 1 for dim in shape)
    if x.actual is ABSENT:
        no_value("how an array lies in memory")
    if not is_bound or (x.storage.external and not x.storage.array.flags.c_contiguous):
        recording.give_up("the strides of an array are used; use its shape")
    return x.actual.strides


def setflags(recording: InPlace, x: Traced, **flags: Any) -> None:
    """Do ``x.setflags(write=False)``."""
    if set(flags) != {"write"}:
        recording.give_up("flags other than write are set; set x.flags.writeable")
        x.actual.setflags(**flags)
        return
    Flags(recording, x).assign("writeable", flags["write"])


def tolist(recording: InPlace, x: Traced) -> Any:
    """Return ``x.tolist()``: nested lists of numbers that are followed."""
    if x.actual is ABSENT:
        no_value("a list")
    if not np.ndim(x.actual):
        return Method(recording, x, "item")()
    if np.size(x.actual) > LIST_LIMIT and recording.is_noting:
        recording.give_up(f"an array of more than {LIST_LIMIT} elements is turned into a list")
    if not recording.is_noting:
        return x.actual.tolist()
    parts = (x[position] for position in range(operator.index(recording.length(x))))
    # An element may be the one where the recording gives up: from there on they are real.
    return [tolist(recording, p) if type(p) is Traced else p.tolist() for p in parts]


def resize(recording: InPlace, x: Traced, *shape: Any, refcheck: Any = True) -> None:
    """Do ``x.resize(shape)``: an array of the function gets memory of another size."""
    if x.actual is ABSENT:
        no_value("an array that is resized")
    recording.no_effect_in_drawn("resizing an array from outside")
    storage = x.storage
    real = tuple(map(real_of, shape))
    is_own = x.actual is storage.array and not storage.external
    # What the recording itself holds of the array is no reference of the user's.
    is_alone = is_own and sys.getrefcount(x.actual) <= OUR_REFERENCES
    before = recording.present_value(x) if recording.is_noting else None
    with recording.giving_up_if_raised(np.resize):
        x.actual.resize(*real, refcheck=bool(refcheck) and not is_alone)
    if not recording.is_noting:
        return
    if not is_alone or before is None or not isinstance(before.type.size, int):
        recording.give_up("an array that others see is resized; use np.resize or np.pad")
        return
    value = _resized(recording.emitter, before, x.actual.shape)
    object.__setattr__(x, "storage", Storage(value, x.actual, array=x.actual))
    object.__setattr__(x, "path", ())


def _resized(e: Emitter, before: Value, shape: tuple[int, ...]) -> Value:
    """Return the first elements of an array, and zeros where there are more."""
    size, old = math.prod(shape), before.type.size
    assert isinstance(old, int)
    flat = reshaped(before, (old,))
    if size > old:
        flat = concatenate(flat, e.full((size - old,), 0, before.dtype), axis=0)
    else:
        flat = slice_(flat, start=(0,), shape=(size,), step=(1,))
    return reshaped(flat, shape)


OUR_REFERENCES = 4
"""The references to an array of which no user knows: its stand-in has one, its storage two, and the
question how many there are has one."""

SPECIAL: dict[str, Callable[[InPlace, Traced], Any]] = {
    "flags": Flags,
    "flat": Flat,
    "setflags": lambda recording, x: functools.partial(setflags, recording, x),
    "strides": strides,
    "tolist": lambda recording, x: functools.partial(tolist, recording, x),
    "resize": lambda recording, x: functools.partial(resize, recording, x),
}
"""Attributes and methods that are no calls of NumPy on the array."""


def is_array(value: Any) -> bool:
    """Return whether a value stands for an array."""
    return type(value) is Traced and value.kind is np.ndarray


def named_out(function: Any, args: Any, kwargs: Any) -> tuple[Any, Any]:
    """Return a ufunc's arguments with an ``out`` that was given by position under its name."""
    if not isinstance(function, np.ufunc) or len(args) <= function.nin:
        return args, kwargs
    return args[: function.nin], {**kwargs, "out": args[function.nin :]}


def writes_first(function: Any) -> bool:
    """Return whether a function writes into its first argument."""
    if isinstance(function, MethodCall):
        return function.__name__ in WRITING_METHODS
    if isinstance(function, NumpyCall):
        return function.writes_first
    return function in WRITERS
