"""Arrays whose names change places in a loop: which is whose depends on how often it runs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from tracegraph.control.variables import kind_of
from tracegraph.ir.errors import AbstractValueError
from tracegraph.standin import Traced

LONGEST_PERIOD = 4
"""So many iterations count as one at most: each ``if`` in them doubles the ways through all."""


class ExchangedError(AbstractValueError):
    """Arrays that were there before a loop change places in it, in so many iterations."""

    def __init__(self, period: int) -> None:
        super().__init__("names of arrays change places in a loop; bind copies")
        self.period = period


def period_of(before: Mapping[str, Any], after: Mapping[str, Any]) -> int:
    """Return after how many iterations each array has the names again that it had.

    Parameters
    ----------
    before, after : mapping of str to object
        What names hold ahead of the loop, and after an iteration.
    """
    arrays = {name: one for name, one in before.items() if kind_of(one) is np.ndarray}
    then = {
        name: next((n for n, one in arrays.items() if one is after[name]), name)
        for name in arrays
        if after.get(name, arrays[name]) is not arrays[name]
    }
    return math.lcm(*(_length_of_cycle(then, name) for name in then))


def _length_of_cycle(then: Mapping[str, str | None], name: str) -> int:
    """Return after how many steps a name comes back to itself; 1 if it does not."""
    at: str | None = name
    for length in range(1, len(then) + 1):
        at = None if at is None else then.get(at)
        if at == name:
            return length
    return 1


def handed_on(given: Mapping[str, Traced], after: Mapping[str, Any]) -> dict[str, str | None]:
    """Return for each name of an array which name has had its array when the iteration began."""
    arrays = {name: one for name, one in given.items() if one.kind is np.ndarray}
    names = {one.storage: name for name, one in arrays.items()}
    ends = {name: after[name] for name in arrays if type(after[name]) is Traced}
    return {name: names.get(end.storage) for name, end in ends.items()}


def exchanged(handed: Mapping[str, str | None]) -> str | None:
    """Return a name that only changes places with others, if there is one."""
    for name in handed:
        at = handed[name]
        for _ in handed:
            at = None if at is None else handed.get(at)
        if at is not None:
            return name
    return None
