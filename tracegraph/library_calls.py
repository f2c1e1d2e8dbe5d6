"""Functions and classes of the standard library that a recorded function may use.

They only rearrange what they are given, or call functions they are given: those are followed.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import itertools
import operator
import types
from collections.abc import Callable
from typing import Any

Follow = Callable[[Any], Any]
"""Gives, for a function, one whose calls by other code are recorded."""

Form = Callable[..., Any]


def _plainly(function: Any) -> Form:
    return lambda follow, *args, **kwargs: function(*args, **kwargs)


def _following(function: Any, position: int, name: str = "") -> Form:
    """Return the form of a function that calls one argument."""

    def form(follow: Follow, *args: Any, **kwargs: Any) -> Any:
        given = [
            follow(arg) if i == position and callable(arg) else arg for i, arg in enumerate(args)
        ]
        if callable(kwargs.get(name)):
            kwargs[name] = follow(kwargs[name])
        return function(*given, **kwargs)

    return form


def _generator_manager(follow: Follow, function: Any, args: Any, kwargs: Any) -> Any:
    """Make what a function decorated by ``contextlib.contextmanager`` returns."""
    return _GENERATOR_MANAGER(follow(function), args, kwargs)


_GENERATOR_MANAGER: Any = contextlib._GeneratorContextManager

LIBRARY: dict[Any, Form] = {
    **{
        one: _plainly(one)
        for one in (
            itertools.chain, itertools.chain.from_iterable, itertools.combinations,
            itertools.combinations_with_replacement, itertools.count, itertools.cycle,
            itertools.islice, itertools.pairwise, itertools.permutations, itertools.product,
            itertools.repeat, itertools.zip_longest, contextlib.nullcontext, contextlib.suppress,
            dataclasses.replace, types.SimpleNamespace, bin, oct,
        )
    },
    itertools.starmap: _following(itertools.starmap, 0),
    itertools.takewhile: _following(itertools.takewhile, 0),
    itertools.dropwhile: _following(itertools.dropwhile, 0),
    itertools.filterfalse: _following(itertools.filterfalse, 0),
    itertools.accumulate: _following(itertools.accumulate, 1, "func"),
    itertools.groupby: _following(itertools.groupby, 1, "key"),
    functools.reduce: _following(functools.reduce, 0),
    _GENERATOR_MANAGER: _generator_manager,
}  # fmt: skip
"""The recordable form of each: ``form(follow, *args, **kwargs)``."""


# -- objects that are called -----------------------------------------------------------------------


def _items(follow: Follow, getter: Any, owner: Any) -> Any:
    names = getter.__reduce__()[1]
    found = tuple(follow(_item)(owner, name) for name in names)
    return found[0] if len(names) == 1 else found


def _item(owner: Any, index: Any) -> Any:
    return owner[index]


def _attributes(follow: Follow, getter: Any, owner: Any) -> Any:
    names = getter.__reduce__()[1]
    found = tuple(functools.reduce(follow(getattr), name.split("."), owner) for name in names)
    return found[0] if len(names) == 1 else found


def _method(follow: Follow, caller: Any, owner: Any) -> Any:
    make, state = caller.__reduce__()
    named = {} if make is operator.methodcaller else make.keywords
    name, *args = state if make is operator.methodcaller else (*make.args, *state)
    return follow(follow(getattr)(owner, name))(*args, **named)


GETTERS: dict[type, Form] = {
    operator.itemgetter: _items,
    operator.attrgetter: _attributes,
    operator.methodcaller: _method,
}
"""What a call of such an object does: ``form(follow, object, owner)``."""


# -- the statement `with` --------------------------------------------------------------------------


class Manager:
    """Stands for a context manager of a user's class: what the statement calls is followed."""

    def __init__(self, follow: Follow, manager: Any) -> None:
        self._follow, self._manager = follow, manager

    def __enter__(self) -> Any:
        return self._follow(type(self._manager).__enter__)(self._manager)

    def __exit__(self, *error: Any) -> Any:
        return self._follow(type(self._manager).__exit__)(self._manager, *error)


def named_tuple_method(function: Any, args: Any) -> bool:
    """Return whether a call is a named tuple's own method, which only rearranges its items."""
    is_named = bool(args) and isinstance(args[0], tuple) and hasattr(args[0], "_fields")
    return is_named and function.__name__ in ("_replace", "_asdict")
