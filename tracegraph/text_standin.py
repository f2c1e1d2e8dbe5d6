"""Stand-ins of strings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tracegraph.pen import Pen


class Text:
    """Stands for a string made of recorded values: text that is printed or returned, not looked at.

    Parameters
    ----------
    recording : Recording
        The recording it belongs to.
    function : callable
        Makes the string from real values.
    args : tuple
        What it is made of, stand-ins among them.
    real : str
        The string.
    """

    __slots__ = ("actual", "args", "function", "recording")

    def __init__(
        self, recording: Pen, function: Callable[..., str], args: tuple[Any, ...], real: str
    ) -> None:
        self.recording, self.function, self.args, self.actual = recording, function, args, real

    @property  # type: ignore[misc]  # isinstance asks for it
    def __class__(self) -> type:
        return str

    def _release(self) -> str:
        self.recording.give_up("text made of recorded values is used other than to be printed")
        return self.actual

    def __str__(self) -> str:
        return self._release()

    __repr__ = __str__

    def __format__(self, spec: str) -> str:
        return format(self._release(), spec)

    def __hash__(self) -> int:
        return hash(self._release())

    def __eq__(self, other: object) -> bool:
        return self._release() == other

    def __len__(self) -> int:
        return len(self._release())

    def __add__(self, other: Any) -> Any:
        return self._release() + other

    def __radd__(self, other: Any) -> Any:
        return other + self._release()

    def __mul__(self, times: Any) -> Any:
        return self._release() * times

    __rmul__ = __mul__

    def __mod__(self, values: Any) -> Any:
        return self._release() % values

    def __getitem__(self, index: Any) -> str:
        return self._release()[index]

    def __contains__(self, part: Any) -> bool:
        return part in self._release()

    def __iter__(self) -> Iterator[str]:
        return iter(self._release())

    def __lt__(self, other: Any) -> Any:
        return self._release() < other

    def __gt__(self, other: Any) -> Any:
        return self._release() > other

    def __getattr__(self, name: str) -> Any:
        return getattr(self._release(), name)
