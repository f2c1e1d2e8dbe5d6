"""``record``: immutable data classes that are cheap to define and to make.

``dataclass(frozen=True)`` compiles up to six methods for each class while a module is imported, and
sets every field through ``object.__setattr__``: with a hundred classes that was half of the import
time. A record is frozen for the type checker, and an ordinary data class at run time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar, dataclass_transform, overload

T = TypeVar("T")


@overload
def record(cls: type[T], /) -> type[T]: ...
@overload
def record(
    *, eq: bool = False, kw_only: bool = False, slots: bool = False
) -> Callable[[type[T]], type[T]]: ...
@dataclass_transform(frozen_default=True, eq_default=False, field_specifiers=(field,))
def record(
    cls: Any = None, /, *, eq: bool = False, kw_only: bool = False, slots: bool = False
) -> Any:
    """Make a class a record: compared by identity, or with ``eq`` by its fields.

    Parameters
    ----------
    cls : type
        A class with annotated fields.
    eq : bool
        Whether records with equal fields are equal, and hashed by their fields.
    kw_only : bool
        Whether fields are given by keyword only.
    slots : bool
        Whether instances have slots instead of a ``__dict__``.

    Examples
    --------
    >>> @record(eq=True)
    ... class Point:
    ...     x: int
    ...     y: int
    >>> Point(1, 2) == Point(1, 2)
    True
    >>> Point(1, 2)
    Point(x=1, y=2)
    """
    if cls is None:
        return lambda one: record_class(one, eq, kw_only, slots)
    return record_class(cls, eq, kw_only, slots)


def record_class(cls: type[T], eq: bool, kw_only: bool, slots: bool) -> type[T]:
    """Return the data class, with the one ``__repr__`` that all records share."""
    if "__repr__" not in vars(cls):
        cls.__repr__ = show  # type: ignore[method-assign]  # mypy takes methods for constants
    hashed = eq and "__hash__" not in vars(cls)
    return dataclass(eq=eq, unsafe_hash=hashed, repr=False, kw_only=kw_only, slots=slots)(cls)


def show(self: Any) -> str:
    """Return ``Name(field=value, ...)``."""
    fields = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__dataclass_fields__)
    return f"{type(self).__qualname__}({fields})"
