"""Loads and stores on behalf of a recorded function: globals, attributes and items."""

from __future__ import annotations

import builtins
import inspect
import operator
import types
from functools import partial
from typing import Any

import numpy as np

from tracegraph.assumptions import is_library
from tracegraph.changes import DELETED
from tracegraph.codegen.signature import Missing
from tracegraph.containers import is_dataclass
from tracegraph.inplace import Flags
from tracegraph.ir.streams import is_stream
from tracegraph.made import is_made, made_attribute, place_of_class, set_made_attribute
from tracegraph.outside import CONTAINERS
from tracegraph.places import Place, cell_place, fixed_place, global_place
from tracegraph.recording import Recording
from tracegraph.standin import ArrayHolder, ContainerStandIn, Traced, TracedSize
from tracegraph.twin import is_twin_code
from tracegraph.values import real_of, stand_ins


def load(recording: Recording, place: Place, value: Any) -> Any:
    """Return what the function sees of an outside value, or what it has stored there."""
    if type(value) in (Traced, TracedSize):
        return value
    if recording.is_noting:
        was_stored, stored = recording.externals.stored_at(place)
        if was_stored:
            return stored
    return recording.externals.load(place, value)


def property_of(recording: Recording, owner: Any, name: str) -> Any:
    """Return the property that an attribute of an object is, or None for others."""
    if recording.externals.place_of(owner) is None and not is_made(recording, owner):
        return None
    static = inspect.getattr_static(type(owner), name, None)
    if not isinstance(static, property) or static.fget is None:
        return None
    code = getattr(static.fget, "__code__", None)
    if code is None or not is_twin_code(code):
        recording.externals.load(fixed_place(type(owner)).attribute(name), static)
    return static


def get_attribute(recording: Recording, owner: Any, name: str) -> Any:
    """Return ``owner.name``, for anything but a property."""
    owner = recording.with_constants(owner) if type(owner) is np.ndarray else owner
    kind = type(owner)
    if kind is Traced:
        return owner.recording.attribute(owner, name)
    if kind is TracedSize:
        return builtins.getattr(operator.index(owner), name)
    if issubclass(kind, types.ModuleType):
        return _module_attribute(recording, owner, name)
    special = _inherited if kind is super else _of_generator if is_stream(owner) else None
    if special is not None:
        return special(recording, owner, name)
    place = recording.externals.place_of(owner) or place_of_class(owner)
    if place is None:
        return made_attribute(recording, owner, name)
    return _outside_attribute(recording, owner, name, place)


def _outside_attribute(recording: Recording, owner: Any, name: str, place: Place) -> Any:
    was_stored, value = recording.externals.stored(owner, name)
    if was_stored:
        return _stored(recording, owner, name, value)
    if name == "__dict__":
        recording.give_up("the attributes of an outside object are used as a dict")
    try:
        value = builtins.getattr(owner, name)
    except AttributeError:
        _note_missing(recording, place.attribute(name))
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


def _note_missing(recording: Recording, place: Place) -> None:
    recording.externals.add(place.part("missing"), Missing(source=place.source))


def _stored(recording: Recording, owner: Any, name: str, value: Any) -> Any:
    """Return an attribute that the function has stored, as reading it gives it."""
    is_own = name in getattr(owner, "__dict__", ()) or not hasattr(type(owner), name)
    if value is DELETED or (not is_own and hasattr(type(value), "__get__")):
        recording.give_up(f"the attribute {name!r} is read, which the function made a class give")
        return builtins.getattr(owner, name)
    return value


def _module_attribute(recording: Recording, module: types.ModuleType, name: str) -> Any:
    if name == "__dict__":
        recording.give_up("the names of a module are used as a dict")
    try:
        value = builtins.getattr(module, name)
    except AttributeError:
        if not is_library(module.__name__):
            _note_missing(recording, fixed_place(module).attribute(name))
        raise
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
    is_known = kind is Traced or issubclass(kind, (ArrayHolder, ContainerStandIn))
    if is_known or not recording.is_noting:
        return owner[index]
    if kind is np.ndarray:
        return recording.call(operator.getitem, (owner, index), {})
    is_outside = recording.externals.place_of(owner) is not None
    if issubclass(kind, (list, tuple, dict, str)) and not is_outside:
        if type(index) is Traced:
            index = recording.observe(index, "a place in a list, or a key in a dict,")
        return owner[index]
    if owner is np.s_ or owner is np.index_exp:
        return owner[index]
    if any(owner is one for one in (np.mgrid, np.ogrid, np.r_, np.c_)):
        return recording.call(owner.__getitem__, (index,), {})
    if is_outside or stand_ins(index):
        recording.give_up(f"an item of a {kind.__name__} is read")
    return owner[_observed(index)]


def _observed(index: Any) -> Any:
    """Return an index of what no recording follows: sizes in it are bound to what they are."""
    if type(index) is TracedSize:
        return operator.index(index)
    if type(index) is tuple:
        return tuple(map(_observed, index))
    if type(index) is slice:
        return slice(*map(_observed, (index.start, index.stop, index.step)))
    return real_of(index)


def set_item(recording: Recording, owner: Any, index: Any, value: Any) -> None:
    """Assign ``owner[index]``."""
    kind = type(owner)
    if kind is Traced or issubclass(kind, (ArrayHolder, ContainerStandIn)):
        operator.setitem(owner, index, value)
        return
    if kind is np.ndarray and recording.is_noting:
        recording.call(operator.setitem, (owner, index, value), {})
        return
    if not isinstance(owner, (list, dict)):
        recording.give_up(f"an item of a {kind.__name__} is assigned")
    if not recording.is_noting:  # nobody knows any more whose container this is
        index, value = real_of(index), recording.externals.leaving(value)
    owner[index] = value


def all_leaving(recording: Recording, owner: Any, values: Any) -> Any:
    """Return what a container is changed by, once nobody knows any more whose it is."""
    if type(owner) not in CONTAINERS:
        return values
    leaving = recording.externals.leaving
    if type(values) in (list, tuple):
        return [leaving(value) for value in values]
    return {k: leaving(v) for k, v in values.items()} if type(values) is dict else real_of(values)


def set_attribute(recording: Recording, owner: Any, name: str, value: Any) -> None:
    """Assign ``owner.name``: now, and of an outside object again in each compiled call."""
    if type(owner) is Traced:
        setattr(owner, name, value)
        return
    if type(owner) is Flags:
        owner.assign(name, value)
        return
    if issubclass(type(owner), ContainerStandIn):
        builtins.setattr(owner.actual, name, value)  # raises
    if set_made_attribute(recording, owner, name, value):
        return
    externals = recording.externals
    is_outside = externals.place_of(owner) is not None
    why = why_not_stored(owner, name)
    is_made_inside = recording.is_noting and not is_outside and is_dataclass(type(owner))
    if why is None and is_made_inside:
        builtins.setattr(owner, name, value)
        return
    if why is not None or not is_outside:
        recording.give_up(
            f"the attribute {name!r} of an object is assigned, and {why or 'it was made inside'}; "
            "return the value instead"
        )
    if recording.is_noting:
        recording.no_effect_in_drawn(f"assigning the attribute {name!r}")
        _note_stored(recording, owner, name, value)
        recording.note_effect(builtins.setattr, (owner, name, value))
    builtins.setattr(owner, name, externals.leaving(value))


def _note_stored(recording: Recording, owner: Any, name: str, value: Any) -> None:
    if isinstance(owner, types.ModuleType):
        recording.externals.store_at(global_place(vars(owner), name), value)
    else:
        recording.externals.store(owner, name, value)


def delete_attribute(recording: Recording, owner: Any, name: str) -> None:
    """Do ``del owner.name``: now, and of an outside object again in each compiled call."""
    recording.no_effect_in_drawn(f"deleting the attribute {name!r}")
    externals = recording.externals
    place = externals.place_of(owner)
    is_own = name in getattr(owner, "__dict__", ()) and not isinstance(owner, types.ModuleType)
    if place is None or not is_own or why_not_stored(owner, name) is not None:
        recording.give_up("an attribute is deleted")
    elif not externals.stored(owner, name)[0]:
        there = place.attribute(name).attribute("__class__")
        externals.load(there, type(vars(owner)[name]))
    with recording.giving_up_if_raised(builtins.delattr):
        builtins.delattr(owner, name)
    if recording.is_noting:
        externals.store(owner, name, DELETED)
        recording.note_effect(builtins.delattr, (owner, name))


def why_not_stored(owner: Any, name: str) -> str | None:
    """Return why assigning an attribute does more than to store it, or None."""
    kind = type(owner)
    if kind.__setattr__ not in PLAIN_STORES or kind.__delattr__ not in PLAIN_STORES:
        return f"{kind.__name__} has a __setattr__ of its own"
    static = inspect.getattr_static(kind, name, None)
    if hasattr(static, "__set__") and not isinstance(static, types.MemberDescriptorType):
        return f"a {type(static).__name__} of its class takes the value"
    return None


PLAIN_STORES: tuple[Any, ...] = tuple(
    getattr(kind, name)
    for kind in (object, type, types.ModuleType, types.SimpleNamespace, types.FunctionType)
    for name in ("__setattr__", "__delattr__")
)
"""What stores or deletes an attribute and does nothing else."""


def store_global(recording: Recording, namespace: dict[str, Any], name: str, value: Any) -> Any:
    """Return what is really stored in a global; compiled calls store it too."""
    recording.no_effect_in_drawn(f"assigning the global {name!r}")
    recording.externals.store_at(global_place(namespace, name), value)
    recording.note_effect(partial(operator.setitem, namespace, name), (value,))
    return recording.externals.leaving(value)


def store_cell(recording: Recording, cell: types.CellType, value: Any) -> Any:
    """Return what is really stored in an outer variable; compiled calls store it too."""
    recording.no_effect_in_drawn("assigning an outer variable")
    recording.externals.store_at(cell_place(cell), value)
    recording.note_effect(partial(builtins.setattr, cell, "cell_contents"), (value,))
    return recording.externals.leaving(value)
