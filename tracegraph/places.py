"""Places: the ways by which a recorded function reaches objects outside of it."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any

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
    Source,
    Step,
)
from tracegraph.ir.record import record


@record
class Place:
    """A way to an external object; ``key`` is equal for equal ways."""

    source: Source
    key: tuple[Any, ...]

    def attribute(self, name: str) -> Place:
        return self._step(Attribute(name), ("attribute", name))

    def item(self, key: Any) -> Place:
        return self._step(Key(key), ("item", type(key), key))

    def applied(self, function: Callable[[Any], Any]) -> Place:
        """Return the way to what a function gives of the object."""
        return self._step(Applied(function), ("applied", id(function)))

    def entry(self, key: Any) -> Place:
        """Return the way to an item of a dict, which its class does not make if it is missing."""
        return self._step(Entry(key), ("item", type(key), key))

    def length(self) -> Place:
        """Return the way to the number of items."""
        return self._step(Length(), ("length",))

    def part(self, name: str) -> Place:
        """Return the same way under another key, for one more assumption of what it leads to."""
        return Place(self.source, (*self.key, name))

    def _step(self, step: Step, key: tuple[Any, ...]) -> Place:
        return Place(Source(self.source.root, (*self.source.steps, step)), (*self.key, key))

    def __str__(self) -> str:
        root = self.source.root
        if isinstance(root, Argument):
            text = f"argument {root.position}"
        elif isinstance(root, Global):
            text = f"global {root.name}"
        else:
            text = "a closure's variable" if isinstance(root, Cell) else "an object"
        for step in self.source.steps:
            if isinstance(step, Applied):
                text = f"{step.function.__name__}({text})"
            elif isinstance(step, Length):
                text = f"the length of {text}"
            else:
                text += f".{step.name}" if isinstance(step, Attribute) else f"[{step.key!r}]"
        return text


def argument_place(position: int) -> Place:
    """Return the way to an argument of the call, keywords counted behind the others."""
    return Place(Source(Argument(position)), ("argument", position))


def global_place(namespace: dict[str, Any], name: str) -> Place:
    """Return the way to what a name means in a module: a global, else a builtin."""
    builtins = namespace.get("__builtins__")
    known = vars(builtins) if isinstance(builtins, types.ModuleType) else builtins
    return Place(Source(Global(namespace, name, known)), ("global", id(namespace), name))


def cell_place(cell: types.CellType) -> Place:
    """Return the way to the content of a closure's cell."""
    return Place(Source(Cell(cell)), ("cell", id(cell)))


def fixed_place(value: Any) -> Place:
    """Return the way to an object that is known by itself."""
    return Place(Source(Fixed(value)), ("fixed", id(value)))
