"""Loads and stores on behalf of a recorded function: globals, attributes and items."""

from __future__ import annotations

import builtins
import inspect
import operator
import types
from typing import Any

import numpy as np

from tracegraph.assumptions import is_library
from tracegraph.attributes import Method
from tracegraph.ir.streams import is_stream
from tracegraph.made import is_made, made_attribute, place_of_class, set_made_attribute
from tracegraph.places import Place, fixed_place, global_place
from tracegraph.recording import Effect, Recording
from tracegraph.standin import ArrayHolder, Traced, TracedSize, no_value
from tracegraph.twin import is_twin_code
from tracegraph.values import is_abstract, real_of, stand_ins


def load(recording: Recording, place: Place, value: Any) -> Any:
    """Return what the function sees of an outside value."""
    if type(value) in (Traced, TracedSize):
        return value
    return recording.externals.load(place, value)


def property_of(recording: Recording, owner: Any, name: str) -> Any:
    """Return the function behind a property of an outside object, or None for other attributes."""
    if recording.externals.place_of(owner) is None and not is_made(recording, owner):
        return None
    static = inspect.getattr_static(type(owner), name, None)
    if not isinstance(static, property) or static.fget is None:
        return None
    code = getattr(static.fget, "__code__", None)
    if code is None or not is_twin_code(code):
        recording.externals.load(fixed_place(type(owner)).attribute(name), static)
    return static.fget


def get_attribute(recording: Recording, owner: Any, name: str) -> Any:
    """Return ``owner.name``, for anything but a property."""
    kind = type(owner)
    if kind is Traced:
        return owner.recording.attribute(owner, name)
    if kind is TracedSize:
        return builtins.getattr(operator.index(owner), name)
    if kind is Method or issubclass(kind, ArrayHolder):
        return builtins.getattr(owner, name)
    if issubclass(kind, types.ModuleType):
        return _module_attribute(recording, owner, name)
    special = _inherited if kind is super else _of_generator if is_stream(owner) else None
    if special is not None:
        return special(recording, owner, name)
    place = recording.externals.place_of(owner) or place_of_class(owner)
    if place is None:
        return made_attribute(recording, owner, name)
    was_stored, value = recording.externals.stored(owner, name)
    if was_stored:
        return value
    try:
        value = builtins.getattr(owner, name)
    except AttributeError:
        recording.give_up(f"whether an outside object has the attribute {name!r} is asked")
        raise
    if _note_method(recording, place.attribute(name), owner, value):
        return value
    return load(recording, place.attribute(name), value)


def _note_method(recording: Recording, place: Place, owner: Any, value: Any) -> bool:
    """Assume that a method of an outside object stays; return whether it is one."""
    if type(value) is not types.MethodType:
        return False
    of_class = value.__self__ is type(owner)
    if value.__self__ is not owner and not of_class:
        return False
    recording.externals.load(place.attribute("__func__"), value.__func__)
    if of_class:  # it may read the class's attributes
        recording.externals.load(place.attribute("__self__"), value.__self__)
    return True


def _module_attribute(recording: Recording, module: types.ModuleType, name: str) -> Any:
    value = builtins.getattr(module, name)
    if is_library(module.__name__) and (callable(value) or name in LIBRARY_CONSTANTS):
        return value
    if isinstance(value, types.ModuleType) and is_library(value.__name__):
        return value
    return load(recording, global_place(vars(module), name), value)


LIBRARY_CONSTANTS = frozenset(
    "pi e tau inf nan euler_gamma newaxis c_ index_exp mgrid ogrid r_ s_".split()
)
"""What the modules of Python and NumPy hold that nobody changes."""


def _of_generator(recording: Recording, owner: Any, name: str) -> Any:
    """Return a method of a random generator; what else it has changes with each draw."""
    value = builtins.getattr(owner, name)
    if not callable(value):
        recording.give_up(f"the attribute {name!r} of a random generator is read; read it outside")
    return value


def _inherited(recording: Recording, owner: Any, name: str) -> Any:
    """Return an attribute that ``super()`` finds, and assume that its class keeps it."""
    value = builtins.getattr(owner, name)
    order = type(owner.__self__).__mro__
    for kind in order[order.index(owner.__thisclass__) + 1 :]:
        if name in vars(kind):
            place = fixed_place(kind).attribute(name)
            recording.externals.load(place, builtins.getattr(kind, name))
            break
    return value


def get_item(recording: Recording, owner: Any, index: Any) -> Any:
    """Return ``owner[index]``."""
    kind = type(owner)
    if kind is Traced or issubclass(kind, ArrayHolder) or not recording.is_noting:
        return owner[index]
    if kind is np.ndarray:
        return recording.call(operator.getitem, (owner, index), {})
    is_outside = recording.externals.place_of(owner) is not None
    if issubclass(kind, (list, tuple, dict, str)) and not is_outside:
        if type(index) is Traced:
            index = recording.observe(index)
        return owner[index]
    if owner is np.s_ or owner is np.index_exp:
        return owner[index]
    if any(owner is one for one in (np.mgrid, np.ogrid, np.r_, np.c_)):
        return recording.call(owner.__getitem__, (index,), {})
    if is_outside or stand_ins(index):
        recording.give_up(f"an item of a {kind.__name__} is read")
    return owner[real_of(index)]


def leaving(recording: Recording, value: Any) -> Any:
    """Return what is really stored outside of the function for a value.

    A container must stay the object that it is: it is stored itself, and the recording ends; what
    it holds is released when the function has returned.
    """
    recording.side_effects += 1
    if any(map(is_abstract, stand_ins(value))):
        no_value("what is stored outside of the function")
    if is_made(recording, value):
        reason = "an object that the function made is stored outside; return what it holds"
        recording.give_up(reason, lost=False)
        return value
    if type(value) in (list, dict, set):
        reason = "a container that the function made is stored outside; return it instead"
        recording.give_up(reason, lost=False)
        recording.leaked.append(value)
        return value
    return real_of(value)


def set_item(recording: Recording, owner: Any, index: Any, value: Any) -> None:
    """Assign ``owner[index]``; items of outside containers end the recording."""
    if type(owner) is Traced or issubclass(type(owner), ArrayHolder):
        operator.setitem(owner, index, value)
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
    """Assign ``owner.name``: now, and of an outside object again in each compiled call."""
    if type(owner) is Traced:
        setattr(owner, name, value)
        return
    if set_made_attribute(recording, owner, name, value):
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
    builtins.setattr(owner, name, leaving(recording, value))


# -- calls --------------------------------------------------------------------------------------
