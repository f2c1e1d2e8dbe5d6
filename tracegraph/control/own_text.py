"""The user's own text of a loop, run on real values: what a drawn loop gives comes from it."""

from __future__ import annotations

import types
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from tracegraph.containers import KINDS
from tracegraph.control.binding import Real
from tracegraph.control.items import kind_of_container
from tracegraph.control.statements import Statement
from tracegraph.control.variables import UNBOUND, LoopCode, content, named_variables, set_content
from tracegraph.lists import Growing
from tracegraph.recording import Recording, paused
from tracegraph.standin import ArrayHolder, ContainerStandIn, Traced, TracedSize
from tracegraph.text_standin import Text
from tracegraph.values import real_of

PLAIN: tuple[Any, ...] = (
    bool, int, float, complex, str, bytes, range, type(None), type(Ellipsis), type, np.generic,
    np.dtype, np.ufunc, types.ModuleType, types.BuiltinFunctionType,
)  # fmt: skip
"""What the user's own text may be given as it is."""


def variables_of(code: LoopCode) -> list[types.CellType]:
    """Return the variables that the user's own text of a loop reaches."""
    plains = (one for one in (code.plain, code.plain_test) if one is not None)
    return [cell for _, cell in named_variables(*plains)]


def may_be_given(recording: Recording, value: Any) -> bool:
    """Return whether a real value can be put in the place of one that is recorded."""
    kind = type(value)
    if value is UNBOUND or issubclass(kind, PLAIN) or kind in (Traced, TracedSize, np.ndarray):
        return True
    if kind in (list, tuple, dict) or kind_of_container(value) is not None:
        items = value.values() if kind is dict else value
        return all(may_be_given(recording, item) for item in items)
    if kind is types.FunctionType:
        # Its defaults stay what they are, so that none may be a stand-in.
        defaults = (*(value.__defaults__ or ()), *(value.__kwdefaults__ or {}).values())
        return all(issubclass(type(default), PLAIN) for default in defaults)
    if kind is Text or issubclass(kind, ArrayHolder) or KINDS[kind] is not None:
        return False
    is_outside = recording.externals.place_of(value) is not None and not hasattr(value, "__next__")
    return is_outside or issubclass(kind, ContainerStandIn)


@contextmanager
def real_values(
    recording: Recording, variables: Iterable[types.CellType], loop: Statement
) -> Iterator[dict[str, Any]]:
    """Within this variables hold real values; what a loop changes stays what it leaves there.

    A list that nobody looks at stays what it is: the loop may append to it. Gives what variables of
    the loop hold at first.
    """
    bound = {id(cell) for cell in loop.code.cells().values()}
    before = [(cell, content(cell)) for cell in variables]
    known: dict[int, Any] = {}
    for cell, value in before:
        if value is not UNBOUND and not recording.lists.is_open(value):
            set_content(cell, _real(value, known))
    changed = loop.trees.changed
    items = loop.trees.cells.items()
    given = {name: changed.real(known, cell) for name, cell in items}
    try:
        yield given
    finally:
        for cell, value in before:
            if id(cell) not in bound:
                set_content(cell, value)
        changed.take_over(known)


def _real(value: Any, known: dict[int, Any]) -> Any:
    """Return a real value; what is one container stays one."""
    kind = kind_of_container(value)
    if kind is None:
        return real_of(value)
    if id(value) not in known:
        items, aux = kind.flatten(value)
        known[id(value)] = kind.build(aux, [_real(item, known) for item in items])
    return known[id(value)]


def run(recording: Recording, items: Iterator[Any] | None, loop: Statement) -> Real:
    """Run a loop over real items, and return what it did; its variables then hold real values."""
    code = loop.code
    appended: dict[Growing, list[Any]] = {}
    try:
        with (
            recording.lists.holding_reals(appended),
            real_values(recording, variables_of(code), loop) as given,
            paused(),
        ):
            trips, left = code.run(items)
    except BaseException as error:
        recording.raised = True
        loop.trees.changed.give_up()
        recording.give_up(f"a loop raised {type(error).__name__}; test the values before it")
        raise
    return Real(trips, left, appended, given)
