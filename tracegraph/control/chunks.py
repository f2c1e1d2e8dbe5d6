"""How many iterations of a checkpointed loop belong together."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from tracegraph.ir.errors import AbstractValueError
from tracegraph.ir.size_values import hint, largest
from tracegraph.ir.sizes import Dim, symbols
from tracegraph.recording import Recording


def check_checkpoint(what: str, checkpoint: Any) -> bool | int:
    """Return the option ``checkpoint``: whether, or the length of a chunk.

    Raises
    ------
    TypeError
        It is neither a bool nor an integer.
    ValueError
        It is an integer below 1.
    """
    if isinstance(checkpoint, (bool, np.bool_)):
        return bool(checkpoint)
    try:
        length = operator.index(checkpoint)
    except TypeError:
        raise TypeError(
            f"checkpoint of {what} is True, False or the number of iterations in a chunk, "
            f"got {checkpoint!r}"
        ) from None
    if length < 1:
        raise ValueError(f"a chunk of {what} has at least one iteration, got checkpoint={length}")
    return length


def chunk_length(recording: Recording, trip: Dim, checkpoint: bool | int) -> int | None:
    """Return how many iterations of a loop are one chunk, or None where there are no chunks.

    Without a number that is the power of two nearest to the root of their number: of n iterations
    at most 2.13 times the root of n sets of values are kept then, and what was recorded holds for
    all loops up to four times as long.
    """
    if checkpoint is False:
        return None
    if checkpoint is not True:
        return checkpoint
    most = _most(recording, trip)
    seen = hint(most)
    if seen is None:
        raise AbstractValueError(
            f"the number of iterations, {trip}, depends on data: give the length of a chunk, "
            "checkpoint=100"
        )
    chunk = 1
    while 2 * chunk * chunk < seen:
        chunk *= 2
    recording.ask_size(most, "<=", 2 * chunk * chunk)
    if chunk > 1:
        recording.ask_size(chunk * chunk, "<", 2 * most)
    return chunk


def _most(recording: Recording, trip: Dim) -> Dim:
    """Return a number of iterations that a loop within loops does not exceed."""
    most = trip
    while (index := next((s for s in symbols(most) if s in recording.indices), None)) is not None:
        found = largest(most, index, recording.indices[index])
        if found is None:
            raise AbstractValueError(
                f"it is not known how often at most a loop of {trip} iterations runs: give the "
                "length of a chunk, checkpoint=100"
            )
        most = found
    return most
