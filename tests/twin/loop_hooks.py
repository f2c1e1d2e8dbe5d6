"""Hooks that run the iterations of loops themselves, and all that can be seen of a call."""

import re
import sys
import traceback
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from types import FunctionType
from typing import Any

from tracegraph.twin import Exit, PlainHooks, make_twin


class Here(PlainHooks):
    """Every loop is run by its hook, through one of its functions; what is scratch is unbound."""

    def __init__(self, is_plain: bool) -> None:
        self.is_plain = is_plain

    def loop(self, iterable: Any, body: Any, plain: Any, names: Any, exit: Exit | None, /) -> Any:
        run = plain if self.is_plain else body
        for item in iterable:
            with scratched(body, names[-1]):
                is_left = left(run(item), exit)
            if is_left:
                break
        return ()

    def while_(
        self, test: Any, body: Any, plain_test: Any, plain: Any, names: Any, exit: Exit | None, /
    ) -> Callable[[], bool]:
        test, run = (plain_test, plain) if self.is_plain else (test, body)
        while test():
            with scratched(body, names[-1]):
                is_left = left(run(), exit)
            if is_left:
                break
        return lambda: False


@contextmanager
def scratched(body: Any, scratch: Collection[str]) -> Iterator[None]:
    """Within this, and behind it, the scratch variables of an iteration are unbound at first."""
    cells = dict(zip(body.__code__.co_freevars, body.__closure__ or (), strict=True))
    assert cells.keys() >= {*scratch}

    def unbind() -> None:
        for name in scratch:
            with suppress(ValueError):
                del cells[name].cell_contents

    unbind()
    try:
        yield
    finally:
        unbind()


class InTurns(PlainHooks):
    """Iterations are run by the twin and by the hook in turns."""

    def loop(self, iterable: Any, body: Any, plain: Any, names: Any, exit: Exit | None, /) -> Any:
        return self._items(iter(iterable), (plain, body), exit)

    def _items(self, items: Iterator[Any], runs: Any, exit: Exit | None) -> Iterator[Any]:
        for number, item in enumerate(items):
            if number % 3 == 0:
                yield item
            elif left(runs[number % 3 - 1](item), exit):
                return

    def while_(
        self, test: Any, body: Any, plain_test: Any, plain: Any, names: Any, exit: Exit | None, /
    ) -> Callable[[], bool]:
        asked = count()
        return lambda: not next(asked) or (plain_test() and not left(plain(), exit))


def left(value: Any, exit: Exit | None) -> bool:
    """Whether an iteration has left its loop; if so it is noted."""
    if value is None:
        return False
    assert exit is not None
    exit.value = value
    assert ("break" if value is True else "return") in exit.kinds
    return True


HOOKS: dict[str, Callable[[], PlainHooks]] = {
    "body": lambda: Here(False),
    "plain": lambda: Here(True),
    "in turns": InTurns,
}


def twin_by(how: str, function: Callable[..., Any]) -> FunctionType:
    assert isinstance(function, FunctionType)
    return make_twin(function, lambda _: HOOKS[how]())


class Log:
    """What a function says of itself while it runs."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def __call__(self, *things: Any) -> Any:
        self.said.append(re.sub("0x[0-9a-f]+", "", repr(things)))
        return things


_UNBOUND = re.compile(
    r"cannot access (?:local|free) variable ('\w+') "
    "where it is not associated with a value(?: in enclosing scope)?"
)


def told(function: Callable[..., Any], *args: Any, forgiving: bool = False) -> list[str]:
    """All that can be seen of a call: what it logs and returns, or raises, and where.

    Forgiving: frames between may differ, and the kind of error about a variable.
    """
    log = Log()
    try:
        log("returned", function(log, *args))
    except Exception as error:
        filename = function.__code__.co_filename
        frames = traceback.extract_tb(error.__traceback__)
        places: list[Any] = [(f.name, f.lineno) for f in frames if f.filename == filename]
        if sys.version_info < (3, 12) and isinstance(error, NameError):
            # Once it is warm, 3.11 tells the line of the store before the load that fails.
            places[-1] = places[-1][0]
        if forgiving:
            places = places[-1:]
        causes = type(error.__cause__), type(error.__context__)
        log("raised", type(error), str(error), *causes, places)
    return [_forgiven(said) for said in log.said] if forgiving else log.said


def _forgiven(said: str) -> str:
    """The text without what tells the function's own variables from those of one around it."""
    return _UNBOUND.sub(r"\1", said).replace("UnboundLocalError", "NameError")
