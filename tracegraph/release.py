"""The end of a recording: stand-ins in what the function returns become what they stand for."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any

from tracegraph import tree
from tracegraph.containers import KINDS, is_dataclass
from tracegraph.made import attributes_of, is_made
from tracegraph.recording import Recording
from tracegraph.standin import ContainerStandIn, Traced, TracedSize
from tracegraph.values import real_of


def release(recording: Recording, value: Any) -> Any:
    """Return a result without stand-ins.

    Lists and dicts that the function made are changed in place, so that they stay the objects that
    the function may have kept elsewhere; copies of outside containers become those containers.
    """
    return _release(recording, value, {})


def release_leaked(recording: Recording, *, made: bool = True) -> None:
    """Leave no stand-in in what the function made, wherever it may have stored it.

    Without ``made`` only in what it is known to have stored outside.
    """
    seen: dict[int, Any] = {}
    for one in [*recording.leaked, *(recording.made.values() if made else ())]:
        _release(recording, one, seen)


def release_exception(error: BaseException | None) -> None:
    """Release what an exception and those before it hold: ``assert`` makes one of recorded text."""
    while error is not None:
        if any(real_of(one) is not one for one in error.args):
            error.args = real_of(error.args)
        error = error.__context__


def _release(recording: Recording, value: Any, seen: dict[int, Any]) -> Any:
    kind = type(value)
    if kind is Traced or kind is TracedSize or issubclass(kind, ContainerStandIn):
        return value.actual
    if id(value) in seen:
        return seen[id(value)]
    if recording.externals.place_of(value) is not None:
        return value
    really = recording.externals.really(value)
    if really is not value:
        return really
    if is_made(recording, value) and not isinstance(value, tuple):
        seen[id(value)] = value
        _release_attributes(recording, value, seen)
        return value
    in_place = IN_PLACE.get(kind) or (_release_fields if is_dataclass(kind) else None)
    if in_place is not None:
        seen[id(value)] = value
        in_place(recording, value, seen)
        return value
    if kind is tuple or kind is frozenset:
        return kind(_release(recording, item, seen) for item in value)
    if issubclass(kind, tuple) and hasattr(kind, "_fields"):
        return kind(*(_release(recording, item, seen) for item in value))
    return value if KINDS[kind] is None else _release_container(value)


def _release_attributes(recording: Recording, made: Any, seen: dict[int, Any]) -> None:
    for name, value in attributes_of(made).items():
        released = _release(recording, value, seen)
        if released is not value:
            object.__setattr__(made, name, released)


def _release_container(value: Any) -> Any:
    """Return a container of another kind; the same one where nothing in it was recorded."""
    leaves, treedef = tree.flatten(value)
    released = [real_of(leaf) for leaf in leaves]
    if all(new is old for new, old in zip(released, leaves, strict=True)):
        return value
    return tree.unflatten(treedef, released)


def _release_list(recording: Recording, value: list[Any], seen: dict[int, Any]) -> None:
    value[:] = [_release(recording, item, seen) for item in value]


def _release_dict(recording: Recording, value: dict[Any, Any], seen: dict[int, Any]) -> None:
    for key, item in value.items():
        value[key] = _release(recording, item, seen)


def _release_set(recording: Recording, value: set[Any], seen: dict[int, Any]) -> None:
    items = [_release(recording, item, seen) for item in value]
    value.clear()
    value.update(items)


def _release_fields(recording: Recording, value: Any, seen: dict[int, Any]) -> None:
    """Release what a dataclass holds, also if it is frozen."""
    kind: Any = KINDS[type(value)]
    children, names = kind.flatten(value)
    for name, child in zip(names, list(children), strict=True):
        released = _release(recording, child, seen)
        if released is not child:
            object.__setattr__(value, name, released)


def _release_cells(
    recording: Recording, function: types.FunctionType, seen: dict[int, Any]
) -> None:
    for cell in function.__closure__ or ():
        try:
            content = cell.cell_contents
        except ValueError:  # an empty cell holds no stand-in
            continue
        released = _release(recording, content, seen)
        if released is not content:
            cell.cell_contents = released


IN_PLACE: dict[type, Callable[[Recording, Any, dict[int, Any]], None]] = {
    list: _release_list,
    dict: _release_dict,
    set: _release_set,
    types.FunctionType: _release_cells,
}
"""What changes the contents of mutable results."""
