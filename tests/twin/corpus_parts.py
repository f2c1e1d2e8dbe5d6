"""What the functions of the corpus work on, and how they are called."""

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from types import FunctionType, ModuleType
from typing import Any


def helper(x: Any, *rest: Any, function: Any = None, self: Any = None, **more: Any) -> Any:
    return x, rest, function, self, more


def doubled(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def inner(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs) * 2

    return inner


def labelled(label: str) -> Callable[[Any], Any]:
    def attach(thing: Any) -> Any:
        thing.labels = [*getattr(thing, "labels", []), label]
        return thing

    return attach


@dataclass
class Box:
    value: Any = 0
    items: dict[Any, Any] = field(default_factory=dict)

    def __getitem__(self, index: Any) -> Any:
        return self.items.get(repr(index), 0)

    def __setitem__(self, index: Any, value: Any) -> None:
        self.items[repr(index)] = value

    def __delitem__(self, index: Any) -> None:
        del self.items[repr(index)]

    def __enter__(self) -> "Box":
        return self

    def __exit__(self, *exception: Any) -> bool:
        self.value = exception[0]
        return exception[0] is KeyError


# The arguments of the functions that need some.
ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "calls_with_everything": ([7, 8], {"w": 9}),
    "frame_names": (1,),
    "frame_names_through_an_alias": (1,),
    "star_read_after_keyword": ([],),
}


def cases(module: ModuleType) -> list[FunctionType]:
    """The functions that a module of the corpus defines."""
    functions = [thing for thing in vars(module).values() if isinstance(thing, FunctionType)]
    return [function for function in functions if function.__module__ == module.__name__]
