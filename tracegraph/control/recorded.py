"""Loops and branches inside a recording: one node each, whose graphs are drawn once.

What cannot be drawn ends the recording with its reason, and plain Python goes on from there; where
there are no values to go on with, as inside ``vmap``, it is an error.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from tracegraph.control.given import following
from tracegraph.ir.errors import AbstractValueError
from tracegraph.recording import Recording, active

Function = Callable[..., Any]


def run(
    what: str,
    plain: Callable[[Callable[[Any], Function]], Any],
    drawn: Callable[[Recording], Any],
) -> Any:
    """Return what a loop or branch gives, recorded where a recording is going on.

    Parameters
    ----------
    what : str
        The function, for messages.
    plain : callable
        ``plain(follow)`` computes the result in Python, calling ``follow(f)`` in the place of f.
    drawn : callable
        ``drawn(recording)`` adds it to a recording.
    """
    recording = active()
    if recording is None:
        return plain(lambda function: function)
    if recording.is_noting:
        try:
            return drawn(recording)
        except Exception as error:
            # Whatever was wrong with the drawing: where there are values, Python computes with
            # them, and raises what is to be raised.
            if recording.is_abstract:
                raise
            recording.give_up(f"{what} cannot be recorded: {error}")
    elif recording.is_abstract:
        raise AbstractValueError(f"{what} cannot be followed: {recording.failure}")
    return plain(partial(following, recording))
