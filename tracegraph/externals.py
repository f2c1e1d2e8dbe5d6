"""Provenance: what a recorded function reached from outside, by which way, and what was assumed.

An object reached through arguments, globals, cells or attributes is *external*. Arrays and floats
among them are live inputs, read again at each call; of everything else the call depends on, the
compiled function checks at its entry that it is what it was.

Tuples are handed to the function as tuples of stand-ins; for containers that can change there are
stand-ins of their own.
"""

from __future__ import annotations

import functools
import io
import itertools
import types
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from tracegraph.assumptions import (
    CONSTANTS,
    CYTHON_FUNCTION,
    IDENTITIES,
    belongs_to_library,
    operators_of,
)
from tracegraph.changes import Changes
from tracegraph.codegen.signature import (
    ArrayInput,
    ExactObject,
    Input,
    SameObject,
    ScalarInput,
    SizeInput,
    Structure,
)
from tracegraph.geometry import strides_in_order
from tracegraph.images import check_met
from tracegraph.ir.sizes import Dim, Size, Symbol, symbol
from tracegraph.ir.streams import is_stream
from tracegraph.ir.types import ArrayType, is_supported
from tracegraph.outside import CONTAINERS, OutsideContainer
from tracegraph.places import Place
from tracegraph.policy import Policy
from tracegraph.standin import Storage, Traced, TracedSize
from tracegraph.views import owner_of

if TYPE_CHECKING:
    from tracegraph.recording import Recording

LARGEST_SIZE = 2**31
"""Ints below this may become symbols, so that their sums and products are far from overflow."""


class Externals(Changes):
    """The registry of one recording."""

    def __init__(self, recording: Recording, policy: Policy | None = None) -> None:
        super().__init__()
        self.recording = recording
        self.policy = policy or Policy()
        self.inputs: list[Input] = []
        self.params: list[tuple[int, str]] = []
        self.places: dict[int, Place] = {}
        self.positions: dict[tuple[Any, ...], int] = {}
        self.reals: list[Any] = []
        self.shapes: dict[tuple[Any, ...], tuple[int, ...]] = {}
        self.seen_ints: dict[tuple[Any, ...], int] = {}
        self._loaded: dict[tuple[Any, ...], Any] = {}
        self._stand_ins: dict[int, tuple[Any, Any]] = {}
        self._ways: dict[int, Place] = {}
        self._names: dict[tuple[str, tuple[int, ...]], str] = {}

    # -- loading --------------------------------------------------------------------------------

    def load(self, place: Place, value: Any) -> Any:
        """Return what the function sees of an external value, and note what is assumed of it."""
        if not self.recording.is_noting:
            made, actual = self._stand_ins.get(id(value), (value, value))
            return made if actual is value else value
        if place.key in self._loaded:
            return self._loaded[place.key]
        seen = self._loaded[place.key] = self._load(place, value)
        self._keep.append(value)
        return seen

    def _load(self, place: Place, value: Any) -> Any:
        kind = type(value)
        for kinds, method in LOADERS:
            if kind in kinds:
                return method(self, place, value)
        if issubclass(kind, tuple) and hasattr(kind, "_fields"):
            return self._tuple(place, value)
        if is_stream(value):
            return self._object(place, value)
        own = getattr(kind, "__tracegraph_load__", None)
        if own is not None:
            return own(self, place, value)
        if issubclass(kind, np.generic):
            return self._number(place, value)
        if issubclass(kind, np.dtype):
            return self._exact(place, value)
        if issubclass(kind, IDENTITIES) or kind.__name__ == CYTHON_FUNCTION:
            return self._identity(place, value)
        if issubclass(kind, np.ndarray):
            self.recording.give_up(
                f"{place} is a {kind.__name__}; only plain ndarrays are compiled: use np.asarray"
            )
            return value
        return self._object(place, value)

    def add(self, place: Place, spec: Input) -> int:
        """Note an input, and return its number."""
        self.positions[place.key] = len(self.inputs)
        self.inputs.append(spec)
        return len(self.inputs) - 1

    def _array(self, place: Place, value: Any) -> Any:
        known = self._arrays.get(id(value))
        if known is not None:
            other = next(i for i, real in self.params_of_arrays() if real is value)
            self.add(place, SameObject(source=place.source, other=other))
            return known
        others = [traced.storage for traced in self._arrays.values()]
        if any(one.written and np.may_share_memory(one.owner, value) for one in others):
            self.recording.give_up(
                f"{place} shares memory with an array that was written in place; pass a copy"
            )
            return value
        if not is_supported(value.dtype) or not value.flags.aligned:
            self.recording.give_up(
                f"{place} has the dtype {value.dtype}, which is not compiled; use astype(float)"
            )
            return value
        check_met(value, [one.storage for one in self._arrays.values()])
        self.shapes[place.key] = value.shape
        type_ = ArrayType(value.dtype, self._dims(place, value.shape))
        layout = self._layout(type_, value)
        param = self.recording.builder.parameter(type_)
        buffer = f"in{len(self.params)}"
        number = self.add(
            place,
            ArrayInput(source=place.source, type=type_, layout=layout, buffer=buffer),
        )
        self.params.append((number, buffer))
        self.reals.append(value)
        storage = Storage(param, owner_of(value), array=value, external=True)
        traced = Traced(self.recording, value, storage)
        self._arrays[id(value)] = traced
        return traced

    def _layout(self, type_: ArrayType, array: Any) -> tuple[Dim, ...] | None:
        """Return None for a C-contiguous array, else its strides in elements.

        Strides that no shape tells are symbols; their order is checked, because NumPy's results
        have the order of their operands.
        """
        if array.flags.c_contiguous:
            return None
        strides: list[Dim] = [
            symbol(f"stride{len(self.params)}_{axis}", lower=-(2**63), hint=step // array.itemsize)
            for axis, step in enumerate(array.strides)
        ]
        if array.flags.f_contiguous:
            told = strides_in_order(type_.shape, tuple(reversed(range(array.ndim))))
            # No shape tells the stride of an axis of length 1: NumPy leaves any number there.
            triples = zip(type_.shape, strides, told, strict=True)
            return tuple([own if dim == 1 else stride for dim, own, stride in triples])
        self._bind_layout(type_, strides)
        return tuple(strides)

    def _bind_layout(self, type_: ArrayType, strides: list[Dim]) -> None:
        """Check what NumPy's results look at: signs, order, and which neighbours are contiguous."""
        ask = self.recording.ask_size
        signs = [1 if ask(0, "<", stride) else -1 for stride in strides]
        for axis, stride in enumerate(strides[:-1]):
            ask(stride, "==", type_.shape[axis + 1] * strides[axis + 1])
        ask(strides[-1], "==", 1)
        lengths = [sign * stride for sign, stride in zip(signs, strides, strict=True)]
        for one, other in itertools.combinations(lengths, 2):
            if not ask(one, "<", other):
                ask(one, "==", other)

    def params_of_arrays(self) -> list[tuple[int, Any]]:
        """Return input number and real value of each parameter of the graph."""
        return [(n, real) for (n, _), real in zip(self.params, self.reals, strict=True)]

    def _dims(self, place: Place, shape: tuple[int, ...]) -> tuple[int | Size, ...]:
        return tuple(map(self._dim, self.policy.histories(place.key, shape)))

    def _dim(self, history: tuple[int, ...]) -> int | Size:
        """Return a symbol for a length that varies; lengths of one history are one symbol."""
        length = history[-1]
        if length < 2 or len(set(history)) == 1 or self.policy.is_static:
            return length
        return symbol(self._name("n", history), lower=2, hint=length)

    def _name(self, kind: str, history: tuple[int, ...]) -> str:
        return self._names.setdefault((kind, history), f"{kind}{len(self._names)}")

    @property
    def has_symbols(self) -> bool:
        """Return whether a size or an int is a symbol in this recording."""
        return bool(self._names)

    def _number(self, place: Place, value: Any) -> Any:
        array = np.asarray(value)
        if not is_supported(array.dtype):
            self.recording.give_up(f"{place} has the dtype {array.dtype}, which is not compiled")
            return value
        kind = array.dtype if isinstance(value, np.generic) else type(value)
        param = self.recording.builder.parameter(ArrayType(array.dtype))
        buffer = f"in{len(self.params)}"
        number = self.add(place, ScalarInput(source=place.source, kind=kind, buffer=buffer))
        self.params.append((number, buffer))
        self.reals.append(value)
        return Traced(self.recording, value, Storage(param, None, external=True))

    def _int(self, place: Place, value: int) -> Any:
        self.seen_ints[place.key] = value
        history = (*self.policy.ints.get(place.key, ()), value)
        if self.policy.is_static or len(set(history)) == 1 or not 0 <= value < LARGEST_SIZE:
            return self._exact(place, value)
        name = self._name("k", (*history, len(self._names)))
        size = symbol(name, hint=value, bound=LARGEST_SIZE)
        self.add(place, SizeInput(source=place.source, symbol=Symbol(name, hint=value)))
        self.recording.ask_size(size, "<", LARGEST_SIZE)
        return TracedSize(self.recording, size, value)

    def _exact(self, place: Place, value: Any) -> Any:
        self.add(place, ExactObject(source=place.source, value=value))
        return value

    def _identity(self, place: Place, value: Any) -> Any:
        """Assume that a function, class or module stays the same; its attributes have places."""
        self._exact(place, value)
        if not belongs_to_library(value):
            self.places.setdefault(id(value), place)
        owner = getattr(value, "__self__", None)
        if isinstance(value, types.MethodType) or is_stream(owner):
            self.load(place.attribute("__self__"), owner)
        return value

    def _partial(self, place: Place, value: Any) -> Any:
        """Look into a ``functools.partial``."""
        self.add(place, Structure(source=place.source, type=type(value)))
        function = self.load(place.attribute("func"), value.func)
        args = self.load(place.attribute("args"), value.args)
        keywords = self.load(place.attribute("keywords"), value.keywords)
        return functools.partial(function, *args, **keywords)

    def add_identity(self, place: Place, value: Any) -> None:
        """Assume that a place leads to this very object."""
        self.add(place, ExactObject(source=place.source, value=value))
        self.places.setdefault(id(value), place)

    def _object(self, place: Place, value: Any) -> Any:
        own = operators_of(type(value))
        if own and not isinstance(value, io.IOBase):
            self.recording.give_up(
                f"{place} is a {type(value).__name__}, which answers {own[0]} itself: what it "
                "answers is not known"
            )
            return value
        known = self.places.get(id(value))
        if known is not None and known.key in self.positions:
            self.add(place, SameObject(source=place.source, other=self.positions[known.key]))
            return value
        self.add(place, Structure(source=place.source, type=type(value)))
        self.places[id(value)] = place
        return value

    def _tuple(self, place: Place, value: Any) -> Any:
        known = self._stand_ins.get(id(value))
        if known is not None:
            self.add(place, SameObject(source=place.source, other=self._known_at(value)))
            return known[0]
        self.add(place, Structure(source=place.source, type=type(value), length=len(value)))
        if value == ():  # there is only one: the function's own is the same object
            return value
        inner = [self.load(place.item(i), v) for i, v in enumerate(value)]
        made = type(value)(*inner) if hasattr(value, "_fields") else type(value)(inner)
        self.note_stand_in(made, value, place)
        return made

    def _container(self, place: Place, value: Any) -> Any:
        known = self._containers.get(id(value))
        if known is not None:
            self.add(place, SameObject(source=place.source, other=self.positions[known.place.key]))
            return known
        self.add(place, Structure(source=place.source, type=type(value)))
        made = CONTAINERS[type(value)](self.recording, place, value)
        self._containers[id(value)] = made
        return made

    def note_stand_in(self, made: Any, actual: Any, place: Place) -> None:
        """Remember what stands in for an outside tuple or Tensor."""
        self._stands_for[id(made)] = (made, actual)
        self._stand_ins[id(actual)] = (made, actual)
        self._ways[id(actual)] = place

    def _known_at(self, actual: Any) -> int:
        return self.positions[self._ways[id(actual)].key]

    # -- what is known of an object -------------------------------------------------------------

    def known_array(self, array: Any) -> Traced | None:
        """Return the stand-in of an external array, if it was met."""
        return self._arrays.get(id(array))

    def place_of(self, owner: Any) -> Place | None:
        """Return the way by which an object was reached, or None for an object made inside."""
        return self.places.get(id(owner))

    def bind_identities(self, left: Any, right: Any) -> None:
        """Assume that two outside objects stay what they are, because ``is`` was asked of them."""
        if left is None or right is None or isinstance(left, bool) or isinstance(right, bool):
            return  # what these are not, their types tell already
        for value in (left, right):
            self._bind_identity(value)

    def way_to(self, value: Any) -> Place | None:
        """Return the way by which an object was reached, if a value is it or stands for it."""
        if isinstance(value, OutsideContainer):
            return value.place
        real = value.likeness if type(value) is Traced else self.really(value)
        return self.place_of(value) if real is value else self._ways.get(id(real))

    def _bind_identity(self, value: Any) -> None:
        place, real = self.way_to(value), self.really(value)
        if place is not None and isinstance(self.inputs[self.positions[place.key]], Structure):
            self.inputs.append(ExactObject(source=place.source, value=real))

    def stand_for(self, made: Any, place: Place) -> None:
        """Let an object that was made inside count as the one at a place."""
        self._keep.append(made)
        self.places[id(made)] = place

    # -- the end --------------------------------------------------------------------------------

    def facts(self) -> dict[Any, str]:
        """Return what is assumed of each place, as text that differs where assumptions do."""
        return {key: _fact(self.inputs[number]) for key, number in self.positions.items()}


def _fact(spec: Input) -> str:
    if isinstance(spec, ArrayInput):
        return f"{spec.type} {spec.layout}"
    if isinstance(spec, ExactObject):
        return f"{type(spec.value)} {spec.value!r} {id(spec.value)}"
    if isinstance(spec, ScalarInput):
        return f"{spec.kind}"
    if isinstance(spec, SameObject):
        return f"same as {spec.other}"
    if isinstance(spec, Structure):
        return f"{spec.type} {spec.length} {spec.keys}"
    return type(spec).__name__


LOADERS: tuple[tuple[tuple[type, ...], Callable[[Externals, Place, Any], Any]], ...] = (
    ((np.ndarray,), Externals._array),
    ((float, complex), Externals._number),
    ((bool,), Externals._exact),
    ((int,), Externals._int),
    (CONSTANTS, Externals._exact),
    ((tuple,), Externals._tuple),
    (tuple(CONTAINERS), Externals._container),
    ((functools.partial,), Externals._partial),
)
