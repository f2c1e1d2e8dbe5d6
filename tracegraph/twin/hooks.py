"""What a twin asks of its owner: one method for each construct of the user's function."""

from collections.abc import Callable
from typing import Any, Protocol

Bound = tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]
"""The names that an iteration binds: those that somebody may read behind the loop, those that only
further iterations read, and those that nobody reads once it is over."""


class Exit:
    """How a loop that hooks have run was left: what the twin then does in its place.

    Attributes
    ----------
    kinds : tuple of str
        The ways out that stand in the body, "break", "return" or both, and "else" where the loop
        has an `else`: without it nobody asks whether it was left by `break`.
    value : None, True or a tuple
        None: the loop was not left, so its `else` follows; True: by `break`; `(e,)`: by `return e`.
    """

    __slots__ = ("kinds", "value")

    def __init__(self, *kinds: str) -> None:
        self.kinds = kinds
        self.value: Any = None


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

    def held(self, value: Any, /) -> Any:
        """As `new`, for a list that is bound to variables alone."""

    def used(self, value: Any, /) -> Any:
        """The value of a variable to which such a list may be bound, where it is read otherwise
        than for an attribute or an item, as a positional argument, or to be augmented: `call`,
        `getattr`, `getitem` and `inplace` see these."""

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
        """What a comprehension runs over, or a loop of which nothing else is told; an iterable."""

    def loop(
        self,
        iterable: Any,
        body: Callable[[Any], Any],
        plain: Callable[[Any], Any],
        names: Bound,
        exit: Exit | None,
        /,
    ) -> Any:
        """What a `for` statement runs over; returns an iterable, of whose items the twin runs each.

        `body(item)` runs one iteration too, with hooks, and `plain(item)` without any. Both act on
        the very variables of the twin, which are their closure cells: `names` are those that an
        iteration may bind, others are only read. They return None; True after `break`; `(e,)` in
        place of `return e`.

        So iterations may be run here, or whenever the twin asks for the next item, and only the
        rest be given to the twin. If one that was run here left the loop, what it returned goes
        into `exit.value`, and no item may follow. Without `exit` the body can leave the loop by an
        exception alone; what is run while the twin asks for an item must not raise StopIteration.
        A variable that is not bound raises NameError here, and its subclass UnboundLocalError where
        the twin runs the iteration.
        """

    def while_(
        self,
        test: Callable[[], Any],
        body: Callable[[], Any],
        plain_test: Callable[[], Any],
        plain: Callable[[], Any],
        names: Bound,
        exit: Exit | None,
        /,
    ) -> Callable[[], bool]:
        """As `loop`, for a `while` statement. What it returns is called ahead of each test.

        True: the twin evaluates the test, and runs an iteration if it holds. False: the loop has
        been run to its end, the failing test included, or left as `exit.value` tells.
        """

    def rebinds(self, names: tuple[str, ...], /) -> None:
        """A function or class inside the twin starts that may bind these variables around it.

        They are the twin's own, so no hook is called where they are stored.
        """

    def store_global(self, name: str, value: Any, /) -> Any:
        """Returns what is to be stored in the global `name`."""

    def store_cell(self, name: str, value: Any, /) -> Any:
        """Returns what is to be stored in a variable of a function around the user's function."""

    def caught(self) -> tuple[()]:
        """An exception leaves the body of a `try` or `with`, and may be caught; returns no types.

        What this raises takes its place.
        """

    def frame_access(self, name: str, /) -> None:
        """Something follows that no hook can follow: `locals()`, `eval(...)`, `del` of a global."""
