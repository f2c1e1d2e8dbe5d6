"""One door for NumPy functions called on Tensors: recorded where a recording is going on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tracegraph.places import fixed_place
from tracegraph.recording import Recording, active
from tracegraph.standin import ArrayHolder, Traced
from tracegraph.values import real_of


def held(value: Any) -> Any:
    """Return nested arguments with the arrays of holders in their places."""
    if isinstance(value, ArrayHolder):
        return value._read()
    kind = type(value)
    if kind in (tuple, list):
        return kind(map(held, value))
    if kind is dict:
        return {key: held(item) for key, item in value.items()}
    if kind is slice:
        return slice(held(value.start), held(value.stop), held(value.step))
    return value


ASKED: dict[Any, str] = {np.shape: "shape", np.ndim: "ndim", np.size: "size"}
"""NumPy functions that ask for an attribute."""


def apply(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call a NumPy function on arguments that may be holders; the result has none."""
    recording = active()
    seen, named = held(args), held(kwargs)
    if function in ASKED and len(seen) == 1:
        return getattr(seen[0], ASKED[function]) if type(seen[0]) is Traced else function(*seen)
    if recording is None or not recording.is_noting:
        return function(*real_of(seen), **real_of(named))
    return recording.call(function, seen, named)


def current_data(data: Any) -> Any:
    """Return what a holder's data is now: a stand-in of a recording that has ended is its array."""
    kind = type(data)
    if kind is Traced and data.recording.is_noting:
        return data
    data = real_of(data)
    recording = active()
    if recording is None or not recording.is_noting:
        return data
    return load_fixed(recording, data)


def load_fixed(recording: Recording, array: Any) -> Any:
    """Return the stand-in of an array that is known by itself, not by a way that leads to it."""
    known = recording.externals.known_array(array)
    return recording.externals.load(fixed_place(array), array) if known is None else known


def as_real(data: Any) -> Any:
    """Return the real array of a holder's data."""
    real = real_of(data)
    return real if isinstance(real, np.ndarray) else np.asarray(real)


def seen_by_user(data: Any) -> Any:
    """Return what ``.numpy()`` gives: a stand-in only to code that is recorded itself."""
    if type(data) is Traced and data.recording.follows:
        return data
    return as_real(data)
