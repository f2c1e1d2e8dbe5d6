"""Calling the twin of a user's function in its place."""

from __future__ import annotations

import types
from typing import Any

from tracegraph.assumptions import missing_globals
from tracegraph.ir.graph import Site
from tracegraph.objects import load
from tracegraph.places import fixed_place
from tracegraph.recording import Recording
from tracegraph.twin import TwinError, make_twin
from tracegraph.values import real_of


def call_twin(recording: Recording, function: types.FunctionType, args: Any, kwargs: Any) -> Any:
    """Call the twin of a user's function."""
    if recording.hooks_for is None or not recording.follows:
        return function(*args, **kwargs)
    try:
        twin = make_twin(function, recording.hooks_for)
        missing = missing_globals(function)
        if missing:
            recording.give_up(
                f"the global {missing[0]} does not exist: whether it will is not known"
            )
        load(recording, fixed_place(function).attribute("__code__"), function.__code__)
    except TwinError as error:
        site = Site(error.filename, error.line)
        recording.give_up(f"it has no source to record: {error.reason}", site=site)
        return function(*real_of(args), **real_of(kwargs))
    twin.__defaults__ = _loaded_defaults(recording, function)
    twin.__kwdefaults__ = _loaded_kwdefaults(recording, function)
    return twin(*args, **kwargs)


def _loaded_defaults(recording: Recording, function: types.FunctionType) -> Any:
    defaults = function.__defaults__
    if not defaults:
        return defaults
    place = fixed_place(function).attribute("__defaults__")
    return tuple(load(recording, place.item(i), value) for i, value in enumerate(defaults))


def _loaded_kwdefaults(recording: Recording, function: types.FunctionType) -> Any:
    defaults = function.__kwdefaults__
    if not defaults:
        return defaults
    place = fixed_place(function).attribute("__kwdefaults__")
    return {k: load(recording, place.item(k), value) for k, value in defaults.items()}
