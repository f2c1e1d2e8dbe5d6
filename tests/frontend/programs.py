"""Programs made from text, each in a module of its own, so that what they reach can be changed."""

import linecache
import warnings
from collections.abc import Callable
from itertools import count
from textwrap import dedent
from types import FunctionType
from typing import Any

import numpy as np

import tracegraph as tg
from tests.frontend.support import Call, Counted, agree, call

_numbers = count()
SHOWN = (bool, int, float, complex, str, list, dict, np.ndarray, np.generic)


class Namespace:
    """A program's module; `state` is what comparisons see of it."""

    def __init__(self, names: dict[str, Any]) -> None:
        self.names = names

    def run(self, source: str) -> None:
        """Run a statement in the module, with its source at hand."""
        exec(compiled(source), self.names)

    def state(self) -> dict[str, Any]:
        shown = {name: _shown(v) for name, v in self.names.items() if not name.startswith("__")}
        return {name: value for name, value in shown.items() if value is not None}


def _shown(value: Any) -> Any:
    if isinstance(value, SHOWN):
        return value
    if isinstance(value, type) or type(value).__module__ == "program":
        names = vars(value) if hasattr(value, "__dict__") else {}
        return {n: v for n, v in names.items() if isinstance(v, SHOWN) and n[:2] != "__"}
    return None


def compiled(source: str) -> Any:
    """The code of a text that `inspect` finds."""
    filename, text = f"<program {next(_numbers)}>", dedent(source)
    linecache.cache[filename] = (len(text), None, text.splitlines(True), filename)
    return compile(text, filename, "exec", dont_inherit=True)


def program(source: str, **names: Any) -> Callable[[], tuple[FunctionType, Namespace]]:
    """A maker of the function `f` of a text and of the module around it."""

    def make() -> tuple[FunctionType, Namespace]:
        module = Namespace({"__name__": "program", "np": np, **names})
        module.run(source)
        return module.names["f"], module

    return make


def after(change: str, *args: Any, **kwargs: Any) -> Call:
    """A call before which a statement is run in the program's module."""
    return Call(args, kwargs, lambda module: module.run(change))


def agrees(source: str, *calls: Any, native: int | None = None, **names: Any) -> Counted:
    """Check that a program and its compiled form agree call by call."""
    return agree(program(source, **names), *calls, native=native)


def sees(source: str, change: str, *args: Any, native: int | None = None) -> Counted:
    """Check that two calls, then a change of the module, then two calls agree."""
    return agrees(
        source, call(*args), call(*args), after(change, *args), call(*args), native=native
    )


def warned(function: Any, *args: Any) -> list[warnings.WarningMessage]:
    """The FallbackWarnings of one call."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        function(*args)
    return [w for w in caught if issubclass(w.category, tg.FallbackWarning)]
