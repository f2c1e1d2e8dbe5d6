"""Finding the objects that a signature names: arguments, globals, cells, attributes, items ..."""

from __future__ import annotations

import struct
import sys
from collections.abc import Hashable
from typing import Any

import numpy as np

from tracegraph.codegen.entry_text import MISS, Text
from tracegraph.codegen.signature import (
    Applied,
    Argument,
    Attribute,
    Cell,
    Entry,
    Fixed,
    Global,
    Key,
    Length,
    Root,
    Source,
    Step,
)
from tracegraph.ir.record import record

_EQUAL_BY_VALUE = (int, str, bytes)


class Sources:
    """Each path is followed once; what it finds is owned by the frame, arguments by the caller."""

    def __init__(self, text: Text) -> None:
        self.text = text
        self._found: dict[tuple[Hashable, ...], str] = {}

    def resolve(self, source: Source) -> str:
        """Return the object that a source leads to."""
        path: tuple[Hashable, ...] = (_root_key(source.root),)
        if path not in self._found:
            self._found[path] = self._root(source.root)
        for step in source.steps:
            owner, path = self._found[path], (*path, _step_key(step))
            if path not in self._found:
                self._found[path] = self._step(owner, step)
        return self._found[path]

    def require_missing(self, source: Source) -> None:
        """Go on where the last step of a source leads nowhere."""
        text, step = self.text, source.steps[-1]
        owner = self.resolve(Source(source.root, source.steps[:-1]))
        if isinstance(step, Attribute):
            there = text.call("PyObject_HasAttr", owner, text.object(_interned(step.name)))
        else:
            assert isinstance(step, Entry)
            there = text.call("PyDict_Contains", owner, text.object(step.key))
        text.require_equal("i32", there, "0", text.raised(MISS))

    def _root(self, root: Root) -> str:
        text = self.text
        if isinstance(root, Argument):
            return text.load("ptr", "%args", 8 * root.position)
        if isinstance(root, Fixed):
            return text.object(root.value)
        if isinstance(root, Cell):
            return self._owned(text.call("PyCell_Get", text.object(root.cell)))
        return self._global(root)

    def _global(self, root: Global) -> str:
        text = self.text
        name = text.object(_interned(root.name))
        result = text.slot("ptr")
        found = text.call("PyDict_GetItemWithError", text.object(root.namespace), name)
        text.do(f"store ptr {found}, ptr {result}")
        if root.builtins is not None:
            with text.when(text.let(f"icmp eq ptr {found}, null")):
                found = text.call("PyDict_GetItemWithError", text.object(root.builtins), name)
                text.do(f"store ptr {found}, ptr {result}")
        return self._lent(text.load("ptr", result))

    def _step(self, owner: str, step: Step) -> str:
        text = self.text
        if isinstance(step, Attribute):
            name = text.object(_interned(step.name))
            return self._owned(text.call("PyObject_GetAttr", owner, name))
        if isinstance(step, Applied):
            function = text.object(step.function)
            made = text.call("PyObject_CallFunctionObjArgs", function, owner, "null")
            return self._owned(made)
        if isinstance(step, Entry):
            key = text.object(step.key)
            return self._lent(text.call("PyDict_GetItemWithError", owner, key))
        if isinstance(step, Key):
            return self._owned(text.call("PyObject_GetItem", owner, text.object(step.key)))
        length = text.call("PyObject_Size", owner)
        text.require(text.let(f"icmp sge i64 {length}, 0"), text.raised(MISS))
        return self._owned(text.call("PyLong_FromLongLong", length))

    def _lent(self, value: str) -> str:
        """Take a reference to what a dict only lends, before anything else can run."""
        self.text.require_object(value, self.text.raised(MISS))
        self.text.call("Py_IncRef", value)
        self.text.owning(value)
        return value

    def _owned(self, value: str) -> str:
        self.text.require_object(value, self.text.raised(MISS))
        self.text.owning(value)
        return value


def _interned(name: str) -> str:
    return sys.intern(name)


def _root_key(root: Root) -> Hashable:
    if isinstance(root, Argument):
        return root
    if isinstance(root, Global):
        return Global, id(root.namespace), root.name
    return type(root), id(root.cell if isinstance(root, Cell) else root.value)


def _step_key(step: Step) -> Hashable:
    """Keys are told apart by identity: an equal key may still find another item."""
    if isinstance(step, (Attribute, Length)):
        return step
    return type(step), id(step.function if isinstance(step, Applied) else step.key)


@record
class _Identity:
    """Something that only equals itself."""

    value: Any


def same_value(value: Any, expected: Any) -> bool:
    """Return whether a guarded constant is what it was: equal, and of the same type all through.

    Numbers are compared by bits, so that ``-0.0`` differs from ``0.0`` and a NaN equals itself.
    Objects of other types are compared by identity only.
    """
    if value is expected:
        return True
    kind = type(expected)
    if type(value) is not kind:
        return False
    if kind is tuple:
        return len(value) == len(expected) and all(map(same_value, value, expected))
    if kind is slice:
        ends = ((one.start, one.stop, one.step) for one in (value, expected))
        return all(map(same_value, *ends))
    return bool(_leaf_bits(value) == _leaf_bits(expected))


def _leaf_bits(value: Any) -> Any:
    """Return something that is equal for equal constants, and for no two other objects."""
    kind = type(value)
    if kind is float:
        return struct.pack("<d", value)
    if kind is complex:
        return struct.pack("<dd", value.real, value.imag)
    if isinstance(value, np.generic):
        return value.dtype, value.tobytes()
    plain = kind in _EQUAL_BY_VALUE or isinstance(value, np.dtype)
    return value if plain else _Identity(value)
