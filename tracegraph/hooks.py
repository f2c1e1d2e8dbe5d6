"""What the twin of a user's function does at each construct while it is recorded."""

from __future__ import annotations

import builtins
import functools
import types
from typing import Any

from tracegraph.calls import attribute_of, call, followed
from tracegraph.library_calls import Manager
from tracegraph.made import manager_of
from tracegraph.objects import get_item, load, set_attribute, set_item
from tracegraph.places import cell_place, global_place
from tracegraph.recording import active
from tracegraph.standin import Text, Traced
from tracegraph.text import formatted, holds_recorded, is_asked_itself, joined, text_of
from tracegraph.twin import PlainHooks
from tracegraph.twin.plain import INPLACE
from tracegraph.values import real_of


class RecordingHooks(PlainHooks):
    """The hooks of one function; they are plain where nothing is being recorded."""

    def __init__(self, function: types.FunctionType) -> None:
        self.namespace = function.__globals__
        names = function.__code__.co_freevars
        self.cells = dict(zip(names, function.__closure__ or (), strict=True))

    # -- loads ----------------------------------------------------------------------------------

    def load_global(self, name: str, value: Any, /) -> Any:
        recording = active()
        if recording is None:
            return value
        return load(recording, global_place(self.namespace, name), value)

    def load_cell(self, name: str, value: Any, /) -> Any:
        recording = active()
        if recording is None or name not in self.cells:
            return value
        return load(recording, cell_place(self.cells[name]), value)

    def getattr(self, owner: Any, name: str, /) -> Any:
        recording = active()
        if recording is None or not recording.is_noting:
            return builtins.getattr(owner, name)
        return attribute_of(recording, owner, name)

    def getitem(self, owner: Any, index: Any, /) -> Any:
        recording = active()
        if recording is None:
            return owner[index]
        return get_item(recording, owner, index)

    # -- stores ---------------------------------------------------------------------------------

    def setattr(self, owner: Any, name: str, value: Any, /) -> None:
        recording = active()
        if recording is None:
            builtins.setattr(owner, name, value)
        else:
            set_attribute(recording, owner, name, value)

    def setitem(self, owner: Any, index: Any, value: Any, /) -> None:
        recording = active()
        if recording is None:
            owner[index] = value
        else:
            set_item(recording, owner, index, value)

    def delattr(self, owner: Any, name: str, /) -> None:
        give_up("an attribute is deleted")
        builtins.delattr(owner, name)

    def delitem(self, owner: Any, index: Any, /) -> None:
        recording = active()
        if recording is not None and recording.externals.copy_of(owner) is not None:
            recording.give_up("an item of an outside container is deleted")
        del owner[index]

    def store_global(self, name: str, value: Any, /) -> Any:
        give_up(f"the global {name} is assigned; return the value instead", lost=False)
        return released(value)

    def store_cell(self, name: str, value: Any, /) -> Any:
        give_up(f"the outer variable {name} is assigned; return the value instead", lost=False)
        return released(value)

    def inplace(self, operator: str, left: Any, right: Any, /) -> Any:
        recording = active()
        function = INPLACE[operator]
        is_container = type(left) in (list, dict)
        if is_container and recording is not None and recording.externals.copy_of(left) is not None:
            recording.give_up("an outside container is changed in place")
        return function(left, right)

    # -- the rest -------------------------------------------------------------------------------

    def call(self, function: Any, /, *args: Any, **kwargs: Any) -> Any:
        recording = active()
        if recording is None:
            return function(*args, **kwargs)
        return call(recording, function, args, kwargs)

    def manager(self, value: Any, /) -> Any:
        recording = active()
        if recording is None or not recording.is_noting or not manager_of(recording, value):
            return value
        return Manager(functools.partial(followed, recording), value)

    def is_(self, left: Any, right: Any, /) -> Any:
        if type(left) is Traced and type(right) is Traced:
            one, other = left.storage, right.storage
            if one is not other and one.external and other.external:
                give_up("whether two outside arrays are one object is asked")
        if type(left) is Traced or type(right) is Traced:
            return real_of(left) is real_of(right)
        recording = active()
        if recording is not None and recording.is_noting:
            recording.externals.bind_identities(left, right)
        return left is right

    def format(self, value: Any, conversion: str, spec: Any, /) -> Any:
        if is_asked_itself(value) or not holds_recorded((value, spec)):
            return super().format(value, conversion, spec)
        return text_of(formatted, value, conversion, spec)

    def joined(self, /, *parts: Any) -> Any:
        if any(type(part) is Text for part in parts):
            return text_of(joined, *parts)
        return "".join(parts)

    def frame_access(self, name: str, /) -> None:
        give_up(f"{name} looks into the running function; pass the values as arguments")


def hooks_for(function: types.FunctionType) -> RecordingHooks:
    """Return the hooks that a twin of ``function`` is bound to."""
    return RecordingHooks(function)


def give_up(reason: str, *, lost: bool = True) -> None:
    """Drop the pen of the active recording, if there is one."""
    recording = active()
    if recording is not None:
        recording.give_up(reason, lost=lost)
        recording.side_effects += 1


def released(value: Any) -> Any:
    """Return a value as it may leave: no stand-ins in it."""
    return real_of(value)


# -- loads and stores on objects ----------------------------------------------------------------
