"""What a recorded function changes outside: names and attributes it stores, memory it writes.

What was stored is read from here for the rest of the call; that it is stored again in each compiled
call is an effect.
"""

from __future__ import annotations

from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any

import numpy as np

from tracegraph.codegen.signature import Input, OtherObject, Structure
from tracegraph.containers import is_dataclass
from tracegraph.images import check_iterations, root_of
from tracegraph.outside import OutsideContainer
from tracegraph.places import Place
from tracegraph.standin import ContainerStandIn, Storage, Traced, TracedSize, no_value
from tracegraph.values import is_abstract, real_of

if TYPE_CHECKING:
    from tracegraph.recording import Recording

DELETED = object()
"""What is known of an attribute that the function has deleted."""


class Changes:
    """The part of the registry that knows what the function did to what it reached."""

    recording: Recording
    inputs: list[Input]
    positions: dict[tuple[Any, ...], int]
    places: dict[int, Place]
    reals: list[Any]

    def __init__(self) -> None:
        self.originals: dict[int, Any] = {}
        self._arrays: dict[int, Traced] = {}
        self._stands_for: dict[int, tuple[Any, Any]] = {}
        self._containers: dict[int, OutsideContainer] = {}
        self._keep: list[Any] = []
        self._overlay: dict[Any, Any] = {}

    # -- names and attributes -------------------------------------------------------------------

    def stored_at(self, place: Place) -> tuple[bool, Any]:
        """Return whether the function has stored a global or outer variable, and what."""
        return place.key in self._overlay, self._overlay.get(place.key)

    def store_at(self, place: Place, value: Any) -> None:
        """Let a global or outer variable be another value for the rest of the call."""
        self._overlay[place.key] = value

    def stored(self, owner: Any, name: str) -> tuple[bool, Any]:
        """Return whether ``owner.name`` is what the function has stored, here or in a class."""
        kinds = owner.__mro__ if isinstance(owner, type) else (owner, *type(owner).__mro__)
        for holder in kinds:
            key = (id(holder), name)
            if key in self._overlay:
                return True, self._overlay[key]
            if name in getattr(holder, "__dict__", ()):
                break
        return False, None

    def store(self, owner: Any, name: str, value: Any) -> None:
        """Let an attribute be another value for the rest of the call."""
        self._keep.append(owner)
        self._overlay[id(owner), name] = value

    # -- what leaves ----------------------------------------------------------------------------

    def really(self, value: Any) -> Any:
        """Return the object that a value stands for, or the value itself."""
        kind = type(value)
        if kind is Traced or kind is TracedSize or issubclass(kind, ContainerStandIn):
            return value.actual
        if is_method_of_stand_in(value):
            return getattr(value.__self__.actual, value.__name__)
        made, actual = self._stands_for.get(id(value), (None, None))
        return actual if made is value else value

    def leaving(self, value: Any) -> Any:
        """Return what is really stored outside of the function for a value.

        A container that the function made stays the object that it is. What it holds is released
        when the function has returned, or before code that is not followed may look at it.
        """
        real, kind = self.really(value), type(value)
        if real is not value:
            if kind is Traced and is_abstract(value):
                no_value("what is stored outside of the function")
            return real
        if self.places.get(id(value)) is not None:
            return value
        if kind in (list, dict, set, FunctionType) or is_dataclass(kind):
            self.recording.leaked.append(value)
            return value
        if kind is tuple:
            return tuple(map(self.leaving, value))
        if issubclass(kind, tuple) and hasattr(kind, "_fields"):
            return kind(*map(self.leaving, value))
        return real_of(value)

    # -- memory ---------------------------------------------------------------------------------

    def before_write(self, storage: Storage) -> None:
        """End the recording where a write reaches memory that another input shows too."""
        check_iterations(self.recording, storage)
        memory = root_of(storage)
        is_outside = storage.external and storage is memory
        if is_outside or storage.born < self.recording.drawn_since:
            self.recording.note_outer_write(storage)
        storage = memory
        if not storage.external or storage.written:
            return
        for traced in self._arrays.values():
            if traced.storage is not storage and self._may_overlap(traced.storage, storage):
                self.recording.give_up(
                    "an array is written in place and another input shares its memory; pass a copy"
                )
        self.snapshot(storage)

    def _may_overlap(self, one: Storage, other: Storage) -> bool:
        """Return whether memory may be shared: in this call, or in any that is like it."""
        if self.recording.permissive:
            return bool(np.shares_memory(one.array, other.array))
        return np.may_share_memory(one.owner, other.owner)

    def snapshot(self, storage: Storage) -> None:
        """Keep the content that an input had when it was read."""
        for traced in self._arrays.values():
            if traced.storage is storage:
                index = next(i for i, real in enumerate(self.reals) if real is traced.actual)
                if index not in self.originals:
                    self.originals[index] = traced.actual.copy()

    # -- objects --------------------------------------------------------------------------------

    def resync(self) -> None:
        """Take over what code that is not followed did to the containers."""
        for container in self._containers.values():
            container.resync()

    def tell_apart(self, owner: Any) -> None:
        """Assume that a changed object is none of the others of its class that were reached."""
        real = self.really(owner)
        place = owner.place if isinstance(owner, OutsideContainer) else self.places.get(id(real))
        if place is None or place.key not in self.positions:
            return
        number = self.positions[place.key]
        for other in set(self.positions.values()):
            spec = self.inputs[other]
            if (
                other != number
                and isinstance(spec, Structure)
                and spec.type is type(real)
                and spec.source is not place.source
            ):
                self.inputs.append(OtherObject(source=spec.source, other=number))


def is_method_of_stand_in(value: Any) -> bool:
    """Return whether a value is a bound method of what stands for an outside container."""
    return type(value) is MethodType and issubclass(type(value.__self__), ContainerStandIn)
