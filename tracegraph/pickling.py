"""What is made of users' functions looks, is copied and is pickled as functions are.

A function is pickled as a name by which it is found again, and copied by not copying it. What is
made of a function by a decorator stands under the function's name, so it is pickled by that name
too; under any other name it is pickled as the function and what was made of it. Nothing that was
recorded or compiled is pickled: the copy records anew.
"""

from __future__ import annotations

import functools
import sys
import types
from collections.abc import Callable
from typing import Any


class Portable:
    """Base of what is made of a function. Subclasses have a state that can be pickled.

    ``own`` names the attributes of an instance besides those that begin with an underscore; others
    were set by users, or on the function.
    """

    own: frozenset[str] = frozenset()

    def look_like(self, function: Callable[..., Any]) -> None:
        """Take over name, documentation, signature and attributes of a function."""
        made: Any = self
        functools.update_wrapper(made, function, updated=())
        known = getattr(function, "__dict__", {})
        if isinstance(function, Portable):
            known = {k: v for k, v in known.items() if k[0] != "_" and k not in function.own}
        vars(self).update(known)
        vars(self)["__wrapped__"] = function  # not the one of the function's own attributes

    def __copy__(self) -> Any:
        return self

    def __deepcopy__(self, memo: Any) -> Any:
        return self

    def __reduce_ex__(self, protocol: Any) -> Any:
        module, name = getattr(self, "__module__", None), getattr(self, "__qualname__", None)
        if _found(module, name) is self and not (module == "__main__" and _is_by_value(1)):
            return name
        return super().__reduce_ex__(protocol)


def _found(module: Any, name: Any) -> Any:
    """Return what a dotted name leads to, as ``pickle`` looks for it."""
    found = sys.modules.get(module) if isinstance(module, str) else None
    for part in name.split(".") if isinstance(name, str) else ():
        found = getattr(found, part, None)
    return found


def _is_by_value(depth: int) -> bool:
    """Return whether cloudpickle asks, which takes along what ``__main__`` defines.

    It replaces the treatment of functions and classes alone; of other objects it pickles what
    ``__reduce_ex__`` says, which is not told who asks.
    """
    module = sys._getframe(1 + depth).f_globals.get("__name__", "")
    return str(module).rpartition(".")[2].startswith("cloudpickle")


def file_of(function: Any) -> str | None:
    """Return the file that a function was written in."""
    code = getattr(function, "__code__", None)
    return None if code is None else code.co_filename


def with_file(function: Any, filename: str | None) -> Any:
    """Return a function that came without the name of its file, as cloudpickle sends them.

    Whether the file is there, and says what the function does, is checked where it is read.
    """
    nameless = isinstance(function, types.FunctionType) and function.__code__.co_filename[:1] == "<"
    if filename is not None and nameless:
        function.__code__ = _renamed(function.__code__, filename)
    return function


def _renamed(code: types.CodeType, filename: str) -> types.CodeType:
    consts = (
        _renamed(one, filename) if isinstance(one, types.CodeType) else one
        for one in code.co_consts
    )
    return code.replace(co_filename=filename, co_consts=tuple(consts))
