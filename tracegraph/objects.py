"""Loads and stores on behalf of a recorded function: globals, attributes and items."""

from __future__ import annotations

import builtins
import inspect
import operator
import sys
import types
from typing import Any

import numpy as np

from tracegraph.attributes import Method
from tracegraph.externals import Place, fixed_place, global_place
from tracegraph.numpy.table import RULES
from tracegraph.recording import Effect, Recording
from tracegraph.standin import ArrayHolder, Traced, TracedSize
from tracegraph.values import real_of, stand_ins


def load(recording: Recording, place: Place, value: Any) -> Any:
    """Return what the function sees of an outside value."""
    if type(value) in (Traced, TracedSize):
        return value
    return recording.externals.load(place, value)


def property_of(recording: Recording, owner: Any, name: str) -> Any:
    """Return the function behind a property of an outside object, or None for other attributes."""
    if recording.externals.place_of(owner) is None:
        return None
    static = inspect.getattr_static(type(owner), name, None)
    return static.fget if isinstance(static, property) else None


def get_attribute(recording: Recording, owner: Any, name: str) -> Any:
    """Return ``owner.name``, for anything but a property."""
    if type(owner) in (Traced, TracedSize, Method) or isinstance(owner, ArrayHolder):
        return builtins.getattr(owner, name)
    if isinstance(owner, types.ModuleType):
        return _module_attribute(recording, owner, name)
    place = recording.externals.place_of(owner)
    if place is None:
        return builtins.getattr(owner, name)
    was_stored, value = recording.externals.stored(owner, name)
    if was_stored:
        return value
    try:
        value = builtins.getattr(owner, name)
    except AttributeError:
        recording.give_up(f"whether an outside object has the attribute {name!r} is asked")
        raise
    if isinstance(value, types.MethodType) and value.__self__ is owner:
        recording.externals.load(fixed_place(type(owner)).attribute(name), value.__func__)
        return value
    return load(recording, place.attribute(name), value)


def _module_attribute(recording: Recording, module: types.ModuleType, name: str) -> Any:
    value = builtins.getattr(module, name)
    if is_library(module.__name__):
        return value
    return load(recording, global_place(vars(module), name), value)


def is_library(module: str) -> bool:
    """Return whether nobody is expected to change a module's names: NumPy's, Python's and ours."""
    top = module.partition(".")[0]
    return top in ("numpy", "tracegraph") or top in sys.stdlib_module_names


def get_item(recording: Recording, owner: Any, index: Any) -> Any:
    if type(owner) is Traced or isinstance(owner, ArrayHolder) or not recording.is_noting:
        return owner[index]
    if isinstance(owner, np.ndarray) and type(owner) is np.ndarray:
        return recording.call(operator.getitem, (owner, index), {})
    is_outside = recording.externals.place_of(owner) is not None
    if isinstance(owner, (list, tuple, dict, str)) and not is_outside:
        if type(index) is Traced:
            index = recording.observe(index)
        return owner[index]
    if RULES.get(owner) is not None:
        return recording.call(owner, (index,), {})
    if recording.externals.place_of(owner) is not None or stand_ins(index):
        recording.give_up(f"an item of a {type(owner).__name__} is read")
    return owner[real_of(index)]


def set_item(recording: Recording, owner: Any, index: Any, value: Any) -> None:
    if type(owner) is Traced or isinstance(owner, ArrayHolder):
        operator.setitem(owner, index, value)  # type: ignore[call-overload]  # both have items
        return
    if type(owner) is np.ndarray and recording.is_noting:
        recording.call(operator.setitem, (owner, index, value), {})
        return
    copy = recording.externals.copy_of(owner)
    if copy is not None:
        recording.give_up("an item of an outside container is assigned; return the value instead")
    if copy is None and not isinstance(owner, (list, dict)):
        recording.give_up(f"an item of a {type(owner).__name__} is assigned")
        index, value = real_of(index), real_of(value)
    owner[index] = value


def set_attribute(recording: Recording, owner: Any, name: str, value: Any) -> None:
    if type(owner) is Traced:
        setattr(owner, name, value)
        return
    place = recording.externals.place_of(owner)
    static = inspect.getattr_static(type(owner), name, None)
    if place is None or hasattr(static, "__set__"):
        recording.give_up(
            f"the attribute {name!r} of an object is assigned; return the value instead"
        )
    if recording.is_noting:
        recording.externals.store(owner, name, value)
        recording.effects.append(Effect(builtins.setattr, (owner, name, value), {}))
    builtins.setattr(owner, name, real_of(value))


# -- calls --------------------------------------------------------------------------------------
