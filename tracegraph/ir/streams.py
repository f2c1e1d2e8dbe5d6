"""The state of NumPy's random generators as arrays, and generators that are put into a state.

NumPy gives the state of a bit generator as a dict, which takes up to 100 us to read and write. Here
it is copied from and to the memory of the bit generator. How that memory is laid out is tried on
live generators first: a stream whose draws do not agree afterwards is not known, and its draws are
not recorded.
"""

from __future__ import annotations

import ctypes
import functools
import struct
import sys
from typing import Any

import numpy as np

from tracegraph.ir.record import record

State = np.ndarray[Any, np.dtype[np.uint64]]

PARTS: dict[str, tuple[tuple[int | None, int, int], ...]] = {
    "PCG64": ((0, 0, 32), (None, 8, 8)),
    "PCG64DXSM": ((0, 0, 32), (None, 8, 8)),
    "MT19937": ((None, 0, 2500),),
    "Philox": ((0, 0, 32), (8, 0, 16), (None, 16, 48)),
    "SFC64": ((None, 0, 40),),
}
"""Where the state is: behind the pointer at an offset or in the structure itself; offset; bytes."""

POSITIONS: dict[str, tuple[int, int]] = {"MT19937": (2496, 624), "Philox": (48, 4)}
"""Where a state keeps an index into itself, and the largest one: NumPy trusts it blindly."""


@record
class Stream:
    """A class of generators over a class of bit generators: one kind of state.

    A ``RandomState`` has a number of its own beside the bits: every second normal number.
    """

    name: str
    kind: type
    bits: type

    def new(self, *seed: Any) -> Any:
        """Return a new generator, seeded as NumPy does it."""
        if self.kind is np.random.RandomState and self.bits is np.random.MT19937:
            return np.random.RandomState(*seed)
        return self.kind(self.bits(*seed))


STREAMS = tuple(f"{kind}({bits})" for kind in ("Generator", "RandomState") for bits in PARTS)
"""The names of all kinds of states."""


@functools.cache
def stream(name: str) -> Stream:
    """Return the kind of state of a name. This loads ``numpy.random``, which takes its time."""
    kind, bits = name.removesuffix(")").split("(")
    return Stream(name, getattr(np.random, kind), getattr(np.random, bits))


@functools.cache
def kinds() -> dict[type, str]:
    """Return the classes of generators and bit generators with their names."""
    names = ("Generator", "RandomState", *PARTS)
    return {getattr(np.random, name): name for name in names}


def is_stream(value: Any) -> bool:
    """Return whether a value is a generator or bit generator of NumPy's own classes."""
    return "numpy.random" in sys.modules and type(value) in kinds()


def bits_of(owner: Any) -> Any:
    """Return the bit generator of a generator; it is its own."""
    if isinstance(owner, np.random.RandomState):
        return owner._bit_generator
    return getattr(owner, "bit_generator", owner)


def stream_of(owner: Any) -> Stream | None:
    """Return the kind of a generator or bit generator, None where its memory is not known."""
    bits = bits_of(owner)
    kind = "Generator" if bits is owner else kinds().get(type(owner))
    name = f"{kind}({kinds().get(type(bits))})"
    return stream(name) if name in STREAMS and _is_understood(name) else None


class Handle:
    """The memory of one generator's state.

    ``left_at`` may remember the state in which a borrowed generator was left.
    """

    __slots__ = ("_parts", "_position", "_size", "left_at", "owner")

    left_at: State | None

    def __init__(self, owner: Any) -> None:
        self.owner, self.left_at = owner, None
        bits = bits_of(owner)
        base = bits.ctypes.state_address
        parts = [
            ((base if behind is None else _pointer(base + behind)) + offset, size)
            for behind, offset, size in PARTS[kinds()[type(bits)]]
        ]
        if isinstance(owner, np.random.RandomState):
            parts.append((id(owner) + _gauss_offset(), 16))
        self._parts, self._position = parts, POSITIONS.get(kinds()[type(bits)])
        self._size = -(-sum(size for _, size in parts) // 8) * 8

    def read(self) -> State:
        """Return a copy of the state, which nobody can change."""
        found = b"".join([ctypes.string_at(address, size) for address, size in self._parts])
        return np.frombuffer(found.ljust(self._size, b"\0"), np.uint64)

    def write(self, state: State) -> None:
        """Put the generator into a state."""
        given, start = state.tobytes(), 0
        if self._position is not None:
            place, largest = self._position
            (index,) = struct.unpack_from("i", given, place)
            if not 0 <= index <= largest:
                raise ValueError(f"no state of a random generator: it goes on at number {index}")
        for address, size in self._parts:
            ctypes.memmove(address, given[start : start + size], size)
            start += size


def _pointer(address: int) -> int:
    return ctypes.c_void_p.from_address(address).value or 0


_idle: dict[str, list[Handle]] = {name: [] for name in STREAMS}


def borrow(name: str) -> Handle:
    """Return a generator that nobody else uses until it is given back."""
    try:
        return _idle[name].pop()
    except IndexError:
        return Handle(stream(name).new(0))


def give_back(name: str, handle: Handle) -> None:
    """Let others use a borrowed generator."""
    _idle[name].append(handle)


@functools.cache
def state_size(name: str) -> int:
    """Return how many words a state has."""
    return Handle(stream(name).new(0)).read().size


@functools.cache
def _gauss_offset() -> int:
    """Return where a RandomState keeps whether it has a normal number in reserve, and the number.

    Zero where that is not found.
    """
    owner, number = np.random.RandomState(0), 0.8414709848078965
    found = []
    for reserve in (1, 0):
        owner.set_state({**owner.get_state(legacy=False), "has_gauss": reserve, "gauss": number})
        memory = ctypes.string_at(id(owner), np.random.RandomState.__basicsize__)
        start = memory.find(struct.pack("d", number)) - 8
        is_there = start > 0 and struct.unpack_from("i", memory, start) == (reserve,)
        found.append(start if is_there else 0)
    return found[0] if found[0] == found[1] else 0


@functools.cache
def _is_understood(name: str) -> bool:
    """Return whether a generator that is given the memory of another one draws what that draws."""
    if stream(name).kind is np.random.RandomState and not _gauss_offset():
        return False
    one, other = stream(name).new(1), stream(name).new(2)
    _draw_oddly(one)
    Handle(other).write(Handle(one).read())
    return all(map(np.array_equal, _draw_oddly(one), _draw_oddly(other)))


def _draw_oddly(owner: Any) -> list[Any]:
    """Draw so much that all of a state matters, and so that parts of numbers are kept back."""
    integers = getattr(owner, "integers", None) or owner.randint
    halves, normal = integers(0, 2**31, 3, np.uint32), owner.standard_normal(3)
    return [halves, normal, bits_of(owner).random_raw(1300)]
