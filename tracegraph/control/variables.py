"""A loop as the twin gives it: one iteration as a function, and the variables that it binds."""

from __future__ import annotations

from types import CellType
from typing import Any

from tracegraph.ir.record import record
from tracegraph.ir.sizes import Dim

UNBOUND = object()
"""What an empty variable holds."""


@record
class LoopCode:
    """What the twin makes of a loop.

    Parameters
    ----------
    body, plain : function
        One iteration, with hooks and without.
    names : tuple of str
        What the loop binds; free variables of both.
    """

    body: Any
    plain: Any
    names: tuple[str, ...]

    def cells(self) -> dict[str, CellType]:
        """Return the variables that the loop binds."""
        free = zip(self.body.__code__.co_freevars, self.body.__closure__ or (), strict=True)
        return {name: cell for name, cell in free if name in self.names}


@record
class Trips:
    """The items of a loop: ``start + step * k`` for each k below ``count``."""

    start: Dim
    step: int
    count: Dim

    def at(self, place: Dim) -> Dim:
        """Return the item of an iteration."""
        return self.start + place * self.step


def content(cell: CellType) -> Any:
    """Return what a variable holds, ``UNBOUND`` where that is nothing."""
    try:
        return cell.cell_contents
    except ValueError:
        return UNBOUND


def set_content(cell: CellType, value: Any) -> None:
    """Let a variable hold a value, or nothing."""
    if value is not UNBOUND:
        cell.cell_contents = value
    elif content(cell) is not UNBOUND:
        del cell.cell_contents
