"""The end of a recording: stand-ins in what the function returns become what they stand for."""

from __future__ import annotations

import types
from typing import Any

from tracegraph import tree
from tracegraph.containers import KINDS
from tracegraph.recording import Recording
from tracegraph.standin import Traced, TracedSize
from tracegraph.values import real_of


def release(recording: Recording, value: Any) -> Any:
    """Return a result without stand-ins.

    Lists and dicts that the function made are changed in place, so that they stay the objects that
    the function may have kept elsewhere; copies of outside containers become those containers.
    """
    return _release(recording, value, {})


def _release(recording: Recording, value: Any, seen: dict[int, Any]) -> Any:
    kind = type(value)
    if kind is Traced or kind is TracedSize:
        return value.real
    if id(value) in seen:
        return seen[id(value)]
    if recording.externals.place_of(value) is not None:
        return value
    copy = recording.externals.copy_of(value)
    if copy is not None:
        return copy.real
    if kind is list:
        seen[id(value)] = value
        value[:] = [_release(recording, item, seen) for item in value]
    elif kind is dict:
        seen[id(value)] = value
        for key, item in value.items():
            value[key] = _release(recording, item, seen)
    elif kind is types.FunctionType:
        _release_cells(recording, value, seen)
    elif kind is tuple:
        return tuple(_release(recording, item, seen) for item in value)
    elif KINDS[kind] is not None:
        return tree.tree_map(real_of, value)
    return value


def _release_cells(
    recording: Recording, function: types.FunctionType, seen: dict[int, Any]
) -> None:
    seen[id(function)] = function
    for cell in function.__closure__ or ():
        try:
            content = cell.cell_contents
        except ValueError:  # an empty cell holds no stand-in
            continue
        released = _release(recording, content, seen)
        if released is not content:
            cell.cell_contents = released
