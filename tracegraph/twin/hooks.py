"""What a twin asks of its owner: one method for each construct of the user's function."""

from typing import Any, Protocol


class Hooks(Protocol):
    """Each method is called in place of a construct, with values that Python has evaluated.

    All parameters are positional-only, so that `f(function=1)` and `f(self=2)` reach `call` intact.
    """

    def call(self, function: Any, /, *args: Any, **kwargs: Any) -> Any:
        """`function(*args, **kwargs)`, decorators of nested definitions included."""

    def load_global(self, name: str, value: Any, /) -> Any:
        """A global or builtin `name` was read as `value`; returns what the twin goes on with."""

    def load_cell(self, name: str, value: Any, /) -> Any:
        """As `load_global`, for a variable of a function around the user's function."""

    def getattr(self, owner: Any, name: str, /) -> Any:
        """`owner.name`; a private name inside a class arrives mangled."""

    def getitem(self, owner: Any, index: Any, /) -> Any:
        """`owner[index]`; slices arrive as `slice` objects."""

    def setattr(self, owner: Any, name: str, value: Any, /) -> None:
        """`owner.name = value`, in any position where a target can stand."""

    def setitem(self, owner: Any, index: Any, value: Any, /) -> None:
        """`owner[index] = value`, in any position where a target can stand."""

    def delattr(self, owner: Any, name: str, /) -> None:
        """`del owner.name`."""

    def delitem(self, owner: Any, index: Any, /) -> None:
        """`del owner[index]`."""

    def inplace(self, operator: str, left: Any, right: Any, /) -> Any:
        """The value of `left += right`; `operator` is "+=", "-=" and so on. The twin stores it."""

    def new(self, value: Any, /) -> Any:
        """A list, dict or set that a display or comprehension has just made."""

    def is_(self, left: Any, right: Any, /) -> Any:
        """`left is right`."""

    def contains(self, container: Any, item: Any, /) -> Any:
        """`item in container`."""

    def format(self, value: Any, conversion: str, spec: Any, /) -> Any:
        """One `{value!conversion:spec}` of an f-string; conversion is "", "r", "s" or "a"."""

    def manager(self, value: Any, /) -> Any:
        """What a `with` statement enters; returns a context manager."""

    def joined(self, /, *parts: Any) -> Any:
        """An f-string: its constant parts and what `format` returned, in order."""

    def iter(self, iterable: Any, /) -> Any:
        """What a `for` loop or comprehension runs over; returns an iterable."""

    def store_global(self, name: str, value: Any, /) -> Any:
        """Returns what is to be stored in the global `name`."""

    def store_cell(self, name: str, value: Any, /) -> Any:
        """Returns what is to be stored in a variable of a function around the user's function."""

    def frame_access(self, name: str, /) -> None:
        """Something follows that no hook can follow: `locals()`, `eval(...)`, `del` of a global."""
