"""``record``: immutable data classes that are cheap to define and to make.

``dataclass`` compiles up to six methods for each class while a module is imported: with a hundred
classes that was a third of the import time, half of it with ``frozen=True``. Records share their
methods, and the code of their ``__init__`` but for the names. A record is frozen for the type
checker; at run time nothing is paid for that.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, field, make_dataclass
from types import CodeType, FunctionType
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

    Fields are written as in a ``dataclass``; ``field`` may say ``default``, ``compare`` and
    ``repr``. A default is shared by all records, so it must be immutable. Fields are not inherited.

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
    ...     y: int = 0
    >>> Point(1) == Point(1, 0)
    True
    >>> replace(Point(1), y=2)
    Point(x=1, y=2)
    """
    if cls is None:
        return lambda one: record_class(one, eq, kw_only, slots)
    return record_class(cls, eq, kw_only, slots)


def replace(one: T, **changes: Any) -> T:
    """Return a record like another but for some fields."""
    names: tuple[str, ...] = type(one).__match_args__  # type: ignore[attr-defined]  # a record's
    return type(one)(**{**{name: getattr(one, name) for name in names}, **changes})


def record_class(cls: type[T], eq: bool, kw_only: bool, slots: bool) -> type[T]:
    """Return the class with the methods of a record; those that it has stay."""
    own = dict(vars(cls))
    fields = {name: _as_field(own.pop(name, MISSING)) for name in own.get("__annotations__", ())}
    names = tuple(fields)
    made: dict[str, Any] = {"__init__": _init(cls, fields, kw_only), "__match_args__": names}
    made |= {"__repr__": show, "__shown__": tuple(n for n, f in fields.items() if f.repr)}
    if eq:
        made |= _comparison(tuple(name for name, one in fields.items() if one.compare))
    if slots:
        del own["__dict__"], own["__weakref__"]
        return type(cls.__name__, cls.__bases__, {**made, **own, "__slots__": names})
    for name in fields.keys() & vars(cls).keys():
        delattr(cls, name)
    for name in made.keys() - own.keys():
        setattr(cls, name, made[name])
    return cls


def _as_field(given: Any) -> Field[Any]:
    found: Field[Any] = given if isinstance(given, Field) else field(default=given)
    if found.default_factory is not MISSING:
        raise TypeError("the default of a record's field is one immutable value")
    return found


def _init(cls: type, fields: Mapping[str, Field[Any]], kw_only: bool) -> FunctionType:
    names = tuple(fields)
    defaults = {name: one.default for name, one in fields.items() if one.default is not MISSING}
    if not kw_only and names[len(names) - len(defaults) :] != tuple(defaults):
        raise TypeError(f"{cls.__name__}: a field without default follows one with a default")
    code = _init_code(len(names)).replace(co_varnames=("self", *names), co_names=names)
    if kw_only:
        code = code.replace(co_argcount=1, co_kwonlyargcount=len(names))
    init = FunctionType(code, globals(), "__init__")
    if kw_only:
        init.__kwdefaults__ = defaults
    else:
        init.__defaults__ = tuple(defaults.values())
    init.__qualname__ = f"{cls.__qualname__}.__init__"
    return init


@functools.cache
def _init_code(count: int) -> CodeType:
    """Return what ``dataclass`` makes for so many fields, to be had under other names."""
    made = make_dataclass("Template", [f"field{number}" for number in range(count)])
    code: CodeType = made.__init__.__code__  # type: ignore[misc]  # the class is known
    return code


def _comparison(names: tuple[str, ...]) -> dict[str, Any]:
    # With another name the getter returns a tuple, whatever the number of fields is.
    values = operator.attrgetter("__class__", *names)

    def __eq__(self: Any, other: Any) -> Any:
        return values(self) == values(other) if type(self) is type(other) else NotImplemented

    def __hash__(self: Any) -> int:
        return hash(values(self))

    return {"__eq__": __eq__, "__hash__": __hash__}


def show(self: Any) -> str:
    """Return ``Name(field=value, ...)``."""
    fields = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__shown__)
    return f"{type(self).__qualname__}({fields})"
