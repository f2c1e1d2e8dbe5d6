"""A generator's state for one compiled call: locked, read, and stored when the call has succeeded.

The compiled call draws from a copy of the state. Meanwhile nobody else may draw from the generator,
or both would draw the same numbers: its lock is held until the new state is stored, or until the
call leaves and nobody refers to what it was given.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

from tracegraph.ir.streams import Handle, State, Stream, bits_of

PATIENCE = 1.0
"""Seconds to wait for a lock. Two calls that each have a lock that the other one wants go on then:
one of them runs eagerly."""

_holders: dict[int, int] = {}
"""The thread in whose compiled call a bit generator is held, by its address."""


class Held:
    """A generator and the state that it had when its lock was taken."""

    __slots__ = ("_handle", "_hold", "state")

    state: State

    def __init__(self, owner: Any, hold: Iterator[None] | None = None) -> None:
        self._handle, self._hold = Handle(owner), hold
        self.state = self._handle.read()

    @property
    def owner(self) -> Any:
        return self._handle.owner

    def store(self, state: State) -> None:
        """Put the generator into a new state, and let others draw."""
        self._handle.write(state)
        self._hold = None


def held(owner: Any) -> Held:
    """Take the lock of a generator or bit generator, and read its state.

    Raises
    ------
    RuntimeError
        A compiled call of this thread holds it already: under another name, or further up.
    TimeoutError
        Others hold it for long.
    """
    bits = bits_of(owner)
    if _holders.get(id(bits)) == threading.get_ident():
        raise RuntimeError("the generator is held already")
    hold = _locked(bits)
    next(hold)
    return Held(owner, hold)


def _locked(bits: Any) -> Iterator[None]:
    """Hold a lock while this is suspended: CPython closes it when the last reference goes."""
    if not bits.lock.acquire(timeout=PATIENCE):
        raise TimeoutError("the generator is locked")
    _holders[id(bits)] = threading.get_ident()
    try:
        yield
    finally:
        del _holders[id(bits)]
        bits.lock.release()


class Unseeded:
    """Where states come from that nobody chose: a new one each time it is asked."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    @property
    def state(self) -> State:
        return Handle(self._stream.new()).read()
