"""What the twin of a user's function does at each construct while it is recorded."""

from __future__ import annotations

import builtins
import functools
import sys
import traceback
import types
from collections.abc import Callable
from typing import Any

from tracegraph.calls import assign_attribute, attribute_of, call, followed
from tracegraph.control.running import WhileLoop, rest_of
from tracegraph.control.variables import LoopCode
from tracegraph.images import root_of
from tracegraph.ir.errors import AbstractValueError
from tracegraph.library_calls import Manager
from tracegraph.lists import APPENDING
from tracegraph.made import manager_of
from tracegraph.objects import (
    all_leaving,
    delete_attribute,
    get_item,
    load,
    set_item,
    store_cell,
    store_global,
)
from tracegraph.outside import opened
from tracegraph.places import cell_place, global_place
from tracegraph.recording import active
from tracegraph.standin import Traced
from tracegraph.text import formatted, holds_recorded, is_asked_itself, joined, text_of
from tracegraph.text_standin import Text
from tracegraph.twin import Bound, Exit, PlainHooks, is_twin_code


class RecordingHooks(PlainHooks):
    """The hooks of one function; they are plain where nothing is being recorded."""

    def __init__(self, function: types.FunctionType) -> None:
        self.namespace = function.__globals__
        names = function.__code__.co_freevars
        self.cells = dict(zip(names, function.__closure__ or (), strict=True))

    # -- loads ----------------------------------------------------------------------------------

    def load_global(self, name: str, value: Any, /) -> Any:
        recording = active()
        if recording is None:
            return value
        return load(recording, global_place(self.namespace, name), value)

    def load_cell(self, name: str, value: Any, /) -> Any:
        recording = active()
        if recording is None or name not in self.cells:
            return value
        return load(recording, cell_place(self.cells[name]), value)

    def getattr(self, owner: Any, name: str, /) -> Any:
        recording = active()
        if recording is None or not recording.is_noting:
            return builtins.getattr(owner, name)
        if name not in APPENDING:
            recording.lists.use(owner)
        return attribute_of(recording, owner, name)

    def getitem(self, owner: Any, index: Any, /) -> Any:
        recording = active()
        if recording is None:
            return owner[index]
        growing = recording.lists.get(owner)
        if growing is not None and growing.is_open and type(index) is int and index == -1:
            return recording.lists.last(growing)
        recording.lists.use(owner)
        return get_item(recording, owner, index)

    # -- stores ---------------------------------------------------------------------------------

    def setattr(self, owner: Any, name: str, value: Any, /) -> None:
        recording = active()
        if recording is None:
            builtins.setattr(owner, name, value)
        else:
            assign_attribute(recording, owner, name, value)

    def setitem(self, owner: Any, index: Any, value: Any, /) -> None:
        recording = active()
        if recording is None:
            owner[index] = value
        else:
            set_item(recording, owner, index, value)

    def delattr(self, owner: Any, name: str, /) -> None:
        recording = active()
        if recording is None:
            builtins.delattr(owner, name)
        else:
            delete_attribute(recording, owner, name)

    def store_global(self, name: str, value: Any, /) -> Any:
        recording = active()
        return value if recording is None else store_global(recording, self.namespace, name, value)

    def store_cell(self, name: str, value: Any, /) -> Any:
        recording = active()
        if recording is None or name not in self.cells:
            return value
        return store_cell(recording, self.cells[name], value)

    def inplace(self, operator: str, left: Any, right: Any, /) -> Any:
        recording = active()
        if recording is not None and operator != "+=":
            recording.lists.use(left)
        if recording is not None and not recording.is_noting:
            right = all_leaving(recording, left, right)
        return super().inplace(operator, left, right)

    # -- lists ----------------------------------------------------------------------------------

    def held(self, value: Any, /) -> Any:
        recording = active()
        if recording is not None:
            recording.lists.add(value)
        return value

    def used(self, value: Any, /) -> Any:
        recording = active()
        if recording is not None:
            recording.lists.use(value)
        return value

    # -- the rest -------------------------------------------------------------------------------

    def call(self, function: Any, /, *args: Any, **kwargs: Any) -> Any:
        recording = active()
        if recording is None:
            return function(*args, **kwargs)
        recording.lists.passed(function, args)
        return call(recording, function, args, kwargs)

    def loop(
        self,
        iterable: Any,
        body: Callable[[Any], Any],
        plain: Callable[[Any], Any],
        names: Bound,
        exit: Exit | None,
        /,
    ) -> Any:
        """Let the twin run a ``for`` statement.

        A recording may run it here instead: draw one run of ``body`` through its closure cells, run
        ``plain`` for the values, and return what is left to run, which may be nothing.
        """
        recording = active()
        if recording is None or not recording.is_noting:
            return self.iter(iterable)
        return self.iter(rest_of(recording, iterable, LoopCode(body, plain, names, exit)))

    def while_(
        self,
        test: Callable[[], Any],
        body: Callable[[], Any],
        plain_test: Callable[[], Any],
        plain: Callable[[], Any],
        names: Bound,
        exit: Exit | None,
        /,
    ) -> Callable[[], bool]:
        """Let the twin run a ``while`` statement, or run it here as ``loop`` does."""
        recording = active()
        if recording is None or not recording.is_noting:
            return super().while_(test, body, plain_test, plain, names, exit)
        code = LoopCode(body, plain, names, exit, test, plain_test)
        return WhileLoop(recording, code)

    def rebinds(self, names: tuple[str, ...], /) -> None:
        """End a drawing: what an iteration does to these variables no other hook sees."""
        recording = active()
        if recording is not None and recording.journal is not None:
            recording.no_effect_in_drawn(f"assigning the outer variable {names[0]!r}")

    def manager(self, value: Any, /) -> Any:
        recording = active()
        if recording is None or not recording.is_noting or not manager_of(recording, value):
            return value
        return Manager(functools.partial(followed, recording), value)

    def is_(self, left: Any, right: Any, /) -> Any:
        if type(left) is Traced and type(right) is Traced:
            one, other = root_of(left.storage), root_of(right.storage)
            if one is not other and one.external and other.external:
                give_up("whether two outside arrays are one object is asked", lost=False)
        recording = active()
        if recording is None:
            return left is right
        if recording.is_noting and type(left) is not Traced and type(right) is not Traced:
            recording.externals.bind_identities(left, right)
            is_one = left is right or type(left) is not type(right)
            if not is_one and (id(left) in recording.remade or id(right) in recording.remade):
                give_up("whether a container that a loop carries is another one is asked")
        really = recording.externals.really
        return really(left) is really(right)

    def format(self, value: Any, conversion: str, spec: Any, /) -> Any:
        value = opened(value)
        if is_asked_itself(value) or not holds_recorded((value, spec)):
            return super().format(value, conversion, spec)
        return text_of(formatted, value, conversion, spec)

    def joined(self, /, *parts: Any) -> Any:
        if any(type(part) is Text for part in parts):
            return text_of(joined, *parts)
        return "".join(parts)

    def caught(self) -> tuple[()]:
        """End a drawing in which an exception may be caught that comes of a missing value.

        That is what reading a name raises that is not bound there, or a function that was called
        with examples. The user's own ``raise`` and ``assert`` are ways as any.
        """
        recording, error = active(), sys.exception()
        if recording is None or not recording.is_abstract or isinstance(error, AbstractValueError):
            return ()
        *_, (frame, _) = traceback.walk_tb(None if error is None else error.__traceback__)
        if isinstance(error, NameError) or not is_twin_code(frame.f_code):
            raise AbstractValueError(
                f"an exception may be caught that comes of a missing value ({error}); test values "
                "in the place of catching what they raise"
            )
        return ()

    def frame_access(self, name: str, /) -> None:
        give_up(f"{name} looks into the running function; pass the values as arguments")


def hooks_for(function: types.FunctionType) -> RecordingHooks:
    """Return the hooks that a twin of ``function`` is bound to."""
    return RecordingHooks(function)


def give_up(reason: str, *, lost: bool = True) -> None:
    """Drop the pen of the active recording, if there is one."""
    recording = active()
    if recording is not None:
        recording.give_up(reason, lost=lost)
        recording.side_effects += 1


# -- loads and stores on objects ----------------------------------------------------------------
