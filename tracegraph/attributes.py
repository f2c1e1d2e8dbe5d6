"""Attributes and methods of stand-ins."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from tracegraph.geometry import PARTS
from tracegraph.guards import Guards
from tracegraph.ir.types import ArrayType
from tracegraph.numpy.emit import Sym
from tracegraph.numpy.table import METHODS, VIEW_ATTRIBUTES
from tracegraph.sizing import Sizing
from tracegraph.standin import ABSENT, ContainerStandIn, Traced, no_value


class Attributes(Guards, Sizing):
    """The part of a recording that knows what an array's names mean."""

    def attribute(self, traced: Traced, name: str) -> Any:
        """Return ``traced.name``."""
        if traced.is_python_scalar:
            return self._of_number(traced, name)
        if name in VIEW_ATTRIBUTES:
            rule = VIEW_ATTRIBUTES[name]
            return self.call(operator.attrgetter(name), (traced,), {}, rule)
        if name in SHAPE_ATTRIBUTES and self.is_noting:
            return SHAPE_ATTRIBUTES[name](self, traced.value.type)
        if name in METHODS:
            return Method(self, traced, name)
        real = traced.actual
        if real is ABSENT:
            no_value(f"the attribute {name!r}")
        found = getattr(real, name)
        if name in FIXED_ATTRIBUTES or not self.is_noting:
            return found
        return getattr(self.escape(traced, f"its attribute {name!r} is used"), name)

    def _of_number(self, traced: Traced, name: str) -> Any:
        """Return an attribute of a Python number."""
        if name == "real" and traced.kind is not complex:
            return self.convert(int, traced) if traced.kind is bool else traced
        is_part = name in PARTS and traced.kind is complex
        if traced.actual is ABSENT and not is_part:
            no_value(f"the attribute {name!r}")
        found = ABSENT
        if traced.actual is not ABSENT:
            found = getattr(traced.actual, name)  # raises what the number raises
        if is_part and self.is_noting:
            part = VIEW_ATTRIBUTES[name](self.emitter, Sym(self.value_of(traced)))
            return self.fresh(found, part.value, float)
        return getattr(self.observe(traced, cuts=True), name)

    def set_attribute(self, traced: Traced, name: str, value: Any) -> None:
        """Assign ``traced.name``."""
        raise AssertionError("a recording follows assignments")

    def length(self, traced: Traced) -> Any:
        """Return ``len(traced)``, a size."""
        if traced.actual is ABSENT and not self.is_noting:
            no_value("the length of an array that left vmap")
        if not self.is_noting:
            return len(traced.actual)
        shape = traced.value.shape
        if not shape:
            return len(traced.actual)
        return self.size(shape[0])


FIXED_ATTRIBUTES = frozenset({"device", "__doc__", "__module__", "__array_priority__"})
"""What depends on neither the content of an array nor on how it lies in memory."""


class Method(ContainerStandIn):
    """A method of a stand-in, such as ``x.sum``."""

    __slots__ = ("name", "owner", "recording")

    def __init__(self, recording: Attributes, owner: Traced, name: str) -> None:
        self.recording, self.owner, self.name = recording, owner, name
        if owner.actual is not ABSENT:
            self.actual = getattr(owner.actual, name)

    def opened(self) -> Any:
        """Return itself: it holds nothing."""
        return self

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.recording.call(
            MethodCall.of(self.name), (self.owner, *args), kwargs, METHODS[self.name]
        )


class MethodCall:
    """``getattr(x, name)(*args)`` as a function of x, one object for each name."""

    _made: ClassVar[dict[str, MethodCall]] = {}

    def __init__(self, name: str) -> None:
        self.__name__, self.__qualname__ = name, f"ndarray.{name}"
        self.__module__ = "numpy"

    @classmethod
    def of(cls, name: str) -> MethodCall:
        return cls._made.setdefault(name, cls(name))

    def __call__(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        return getattr(x, self.__name__)(*args, **kwargs)


def function_of(function: Any) -> Any:
    """Return the function of NumPy that a method is, where there is one of its name."""
    return getattr(np, function.__name__, None) if isinstance(function, MethodCall) else function


SHAPE_ATTRIBUTES: dict[str, Callable[[Attributes, ArrayType], Any]] = {
    "shape": lambda r, t: tuple(map(r.size, t.shape)),
    "ndim": lambda r, t: t.ndim,
    "size": lambda r, t: r.size(t.size),
    "dtype": lambda r, t: t.dtype,
    "itemsize": lambda r, t: t.dtype.itemsize,
    "nbytes": lambda r, t: r.size(t.size * t.dtype.itemsize),
}
