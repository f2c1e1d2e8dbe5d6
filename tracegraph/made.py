"""Objects that a recorded function makes: until it returns their attributes may hold stand-ins.

What an object's class says of it (methods, properties, constants) comes from outside: it is assumed
to stay as it is, and checked at each compiled call.
"""

from __future__ import annotations

import builtins
import collections
import dataclasses
import inspect
import reprlib
import types
from typing import Any

from tracegraph.assumptions import ANSWERS, is_library
from tracegraph.places import Place, fixed_place
from tracegraph.recording import Recording
from tracegraph.standin import Traced, TracedSize
from tracegraph.twin import is_twin_code

MISSING = object()
NAMED_ITEM = type(vars(collections.namedtuple("NAMED_ITEM", "item"))["item"])
"""What a named tuple's class has for each item."""


def is_made(recording: Recording, value: Any) -> bool:
    """Return whether the function made an object."""
    return id(value) in recording.made


def note_made(recording: Recording, value: Any) -> Any:
    """Remember an object that the function made, and return it."""
    recording.made[id(value)] = value
    return value


def note_object(recording: Recording, value: Any) -> Any:
    """Remember what a library made, if it is an object with attributes, and return it."""
    is_object = is_plain_class(type(value)) or type(value) is types.SimpleNamespace
    return note_made(recording, value) if is_object else value


def holds_made(recording: Recording, values: Any) -> bool:
    """Return whether an object that the function made is among some values."""
    return any(is_made(recording, value) for value in values)


def is_plain_class(kind: Any) -> bool:
    """Return whether making an instance of a class only stores what it is given."""
    if not isinstance(kind, type) or operators_of_instances(kind):
        return False
    if issubclass(kind, tuple) and hasattr(kind, "_fields"):
        return kind.__init__ is object.__init__
    init = inspect.getattr_static(kind, "__init__")
    is_dataclass = dataclasses.is_dataclass(kind) and not hasattr(kind, "__post_init__")
    return is_dataclass and _is_generated(init) and all(map(_is_plain_field, _fields(kind)))


def _fields(kind: Any) -> tuple[dataclasses.Field[Any], ...]:
    return dataclasses.fields(kind)


def _is_plain_field(field: dataclasses.Field[Any]) -> bool:
    """Return whether no code of a user makes what a field holds."""
    return field.default_factory in (dataclasses.MISSING, list, dict, set)


def operators_of_instances(kind: type) -> list[str]:
    """Return the special methods that a user wrote in a class, and that no hook sees."""
    bases = (base for base in kind.__mro__ if not is_library(base.__module__))
    written = ((name, static) for base in bases for name, static in vars(base).items())
    return [name for name, static in written if name in UNSEEN and not _is_generated(static)]


UNSEEN = ANSWERS - {"__enter__", "__exit__"} | {"__str__", "__repr__", "__format__", "__hash__"}
"""What Python calls by itself; what a ``with`` statement calls is hooked."""

GENERATED = ("<string>", dataclasses.__file__, reprlib.__file__, collections.__file__)


def _is_generated(static: Any) -> bool:
    """Return whether ``dataclasses`` or ``collections`` wrote a method: of the fields alone."""
    if static is None:  # the hash of a class that compares
        return True
    return isinstance(static, types.FunctionType) and static.__code__.co_filename in GENERATED


def _definer(kind: type, name: str) -> type:
    return next(base for base in kind.__mro__ if name in vars(base))


def can_be_made(kind: Any) -> bool:
    """Return whether an instance comes from ``object.__new__`` and the class's own ``__init__``."""
    if not isinstance(kind, type) or is_library(kind.__module__):
        return False
    usual = (
        inspect.getattr_static(type(kind), "__call__") is vars(type)["__call__"]
        and inspect.getattr_static(kind, "__new__") is vars(object)["__new__"]
        and inspect.getattr_static(kind, "__setattr__") is vars(object)["__setattr__"]
    )
    init = inspect.getattr_static(kind, "__init__")
    is_known = isinstance(init, types.FunctionType | types.WrapperDescriptorType)
    return usual and is_known and not hasattr(kind, "__del__") and not operators_of_instances(kind)


def plain_object(recording: Recording, kind: Any, args: Any, kwargs: Any) -> Any:
    """Return a new instance of a class that only stores what it is given."""
    if not issubclass(kind, tuple):
        init = inspect.getattr_static(kind, "__init__")
        recording.externals.load(fixed_place(kind).attribute("__init__"), init)
    return note_made(recording, kind(*args, **kwargs))


def new_object(recording: Recording, kind: Any) -> tuple[Any, Any]:
    """Return a new instance, and its ``__init__``, which is to be called."""
    init = inspect.getattr_static(kind, "__init__")
    if isinstance(init, types.FunctionType) and not is_twin_code(init.__code__):
        recording.externals.load(fixed_place(kind).attribute("__init__"), init)
    return note_made(recording, object.__new__(kind)), init


def manager_of(recording: Recording, value: Any) -> bool:
    """Return whether a context manager is an object that the function made of a user's class."""
    enter = inspect.getattr_static(type(value), "__enter__", None)
    if not is_made(recording, value) or not isinstance(enter, types.FunctionType):
        return False
    for name in ("__enter__", "__exit__"):
        static = getattr(type(value), name, None)
        if isinstance(static, types.FunctionType) and not is_twin_code(static.__code__):
            recording.externals.load(fixed_place(type(value)).attribute(name), static)
    return True


def place_of_class(value: Any) -> Place | None:
    """Return the way to a user's class that was reached by the type of an object."""
    if not isinstance(value, type) or is_library(value.__module__):
        return None
    methods = (one for one in vars(value).values() if isinstance(one, types.FunctionType))
    made_inside = any(is_twin_code(one.__code__) for one in methods)
    return None if made_inside else fixed_place(value)


# -- attributes -----------------------------------------------------------------------------------


def made_attribute(recording: Recording, owner: Any, name: str) -> Any:
    """Return an attribute of an object that was not reached from outside, properties aside."""
    kind = type(owner)
    if is_library(kind.__module__) or isinstance(owner, type):
        return builtins.getattr(owner, name)
    static = inspect.getattr_static(kind, name, MISSING)
    own = getattr(owner, "__dict__", {})
    if static is MISSING or (name in own and not hasattr(type(static), "__set__")):
        return builtins.getattr(owner, name)
    value = builtins.getattr(owner, name)
    if not recording.is_noting or is_library(_definer(kind, name).__module__):
        return value
    return _of_class(recording, kind, name, static, value)


def _of_class(recording: Recording, kind: type, name: str, static: Any, value: Any) -> Any:
    """Return what a class gives its instances, having noted that it must stay so."""
    place = fixed_place(kind).attribute(name)
    load = recording.externals.load
    if isinstance(static, types.FunctionType):
        if not is_twin_code(static.__code__):
            load(place, static)
        return value
    if isinstance(static, staticmethod):
        return load(place, value) if not is_twin_code(value.__code__) else value
    if isinstance(static, classmethod):
        if not is_twin_code(value.__func__.__code__):
            load(place.attribute("__func__"), value.__func__)
            load(place.attribute("__self__"), value.__self__)
        return value
    if isinstance(static, types.MemberDescriptorType) or type(static) is NAMED_ITEM:
        return value
    if hasattr(type(static), "__get__"):
        recording.give_up(f"the attribute {name!r} is made by a {type(static).__name__}")
        return value
    is_recorded = type(static) in (Traced, TracedSize)  # of a class that the function made
    return value if is_recorded else load(place, value)


def set_made_attribute(recording: Recording, owner: Any, name: str, value: Any) -> bool:
    """Assign an attribute of an object that the function made; return whether that was possible."""
    static = inspect.getattr_static(type(owner), name, None)
    is_slot = isinstance(static, types.MemberDescriptorType)
    if not is_made(recording, owner) or (hasattr(type(static), "__set__") and not is_slot):
        return False
    builtins.setattr(owner, name, value)
    return True


# -- the end --------------------------------------------------------------------------------------


def slots_of(kind: type) -> list[str]:
    """Return the attributes of instances that stand in no ``__dict__``."""
    return [
        name
        for base in kind.__mro__
        for name, static in vars(base).items()
        if isinstance(static, types.MemberDescriptorType)
    ]


def attributes_of(made: Any) -> dict[str, Any]:
    """Return the attributes that an object itself holds."""
    own = dict(getattr(made, "__dict__", {}))
    found = ((name, getattr(made, name, MISSING)) for name in slots_of(type(made)))
    return own | {name: value for name, value in found if value is not MISSING}
