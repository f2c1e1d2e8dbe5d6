"""What stands for a ``range`` that runs as far as a symbolic size, or data, says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from tracegraph.ir.sizes import Dim
from tracegraph.standin import ContainerStandIn, no_value

if TYPE_CHECKING:
    from tracegraph.sizing import Sizing


class SizeRange(ContainerStandIn):
    """Stands for a ``range`` of symbolic sizes; asked for its items it is one of numbers."""

    __slots__ = ("recording", "start", "step", "stop")

    actual: range

    def __init__(self, recording: Sizing, start: Dim, stop: Dim, step: int, actual: range) -> None:
        self.recording, self.actual = recording, actual
        self.start, self.stop, self.step = start, stop, step

    @property  # type: ignore[misc]  # isinstance asks for it
    def __class__(self) -> type:
        return range

    def opened(self) -> range:
        """Return it as a range of numbers; the trace holds for these from then on."""
        if self.recording.is_noting:
            self.recording.ask_size(self.start, "==", self.actual.start)
            self.recording.ask_size(self.stop, "==", self.actual.stop)
        return self.actual

    def __iter__(self) -> Iterator[int]:
        return iter(self.opened())

    def __reversed__(self) -> Iterator[int]:
        return reversed(self.opened())

    def __len__(self) -> int:
        return len(self.opened())

    def __bool__(self) -> bool:
        return bool(self.opened())

    def __contains__(self, item: Any) -> bool:
        return item in self.opened()

    def __getitem__(self, index: Any) -> Any:
        if index == slice(1, None):
            first = self.start + self.step
            return SizeRange(self.recording, first, self.stop, self.step, self.actual[1:])
        return self.opened()[index]

    def __eq__(self, other: object) -> bool:
        return self.opened() == (other.opened() if type(other) is SizeRange else other)

    def __hash__(self) -> int:
        return hash(self.opened())

    def __repr__(self) -> str:
        return repr(self.opened())

    def __getattr__(self, name: str) -> Any:
        return getattr(self.opened(), name)


class DataRange:
    """Stands for a ``range`` whose bounds are numbers without a value: only loops run over it.

    Parameters
    ----------
    start, stop : int, TracedSize or Traced
        Python's whole numbers, one of them without a value.
    step : int
        What is between two items.
    """

    __slots__ = ("start", "step", "stop")

    def __init__(self, start: Any, stop: Any, step: int) -> None:
        self.start, self.stop, self.step = start, stop, step

    @property  # type: ignore[misc]  # isinstance asks for it
    def __class__(self) -> type:
        return range

    @property
    def count(self) -> Any:
        """How many items there are, if that is not negative: a whole number without a value."""
        first, end = (self.start, self.stop) if self.step > 0 else (self.stop, self.start)
        distance = end if type(first) is int and not first else end - first
        size = abs(self.step)
        return distance if size == 1 else (distance + (size - 1)) // size

    def _refuse(self, *_: Any) -> Any:
        no_value("a range of a number that is computed, where no `for` runs over it,")

    __iter__ = __reversed__ = __len__ = __bool__ = __contains__ = __getitem__ = _refuse
    __eq__ = __hash__ = __repr__ = __getattr__ = _refuse
