"""What tests of twins share: functions made from text, watched hooks, comparison of outcomes."""

import linecache
from collections.abc import Callable
from itertools import count
from textwrap import dedent
from types import FunctionType
from typing import Any, cast

from tracegraph.twin import Hooks, PlainHooks, make_twin

_numbers = count()


def define(source: str, name: str = "f", **names: Any) -> FunctionType:
    """The function `name` of a file with this text, in which `names` are globals."""
    filename, source = f"<twin test {next(_numbers)}>", dedent(source)
    linecache.cache[filename] = (len(source), None, source.splitlines(True), filename)
    namespace = {"__name__": "twin_test", **names}
    exec(compile(source, filename, "exec", dont_inherit=True), namespace)
    return cast(FunctionType, namespace[name])


def plain_twin(function: Callable[..., Any]) -> FunctionType:
    """The twin that should differ in nothing."""
    return make_twin(cast(FunctionType, function), lambda _: PlainHooks())


class Watcher:
    """Hooks with Python's meaning that note each call, as (hook, argument, ...)."""

    def __init__(self) -> None:
        self.seen: list[tuple[Any, ...]] = []

    def __getattr__(self, name: str) -> Callable[..., Any]:
        plain = getattr(PlainHooks(), name)

        def hook(*args: Any, **kwargs: Any) -> Any:
            self.seen.append((name, *args, kwargs) if kwargs else (name, *args))
            return plain(*args, **kwargs)

        return hook

    def of(self, *hooks: str) -> list[tuple[Any, ...]]:
        """The calls of these hooks."""
        return [event for event in self.seen if event[0] in hooks]


def watched(function: Callable[..., Any]) -> tuple[FunctionType, Watcher]:
    """A twin, and what will note the calls of its hooks."""
    watcher = Watcher()
    return make_twin(cast(FunctionType, function), lambda _: cast(Hooks, watcher)), watcher


def outcome(function: Callable[..., Any], *args: Any, **kwargs: Any) -> tuple[Any, ...]:
    """What a call came to: the value and its type, or the exception, its words and its causes."""
    try:
        value = function(*args, **kwargs)
    except Exception as error:
        causes = type(error.__cause__), type(error.__context__)
        return "raised", type(error), str(error), *causes
    return "returned", type(value), value
