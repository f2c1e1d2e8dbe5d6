"""What functions that are drawn may not change, and is put back if they do.

Outside objects are guarded by the recording. What the recorded function itself has made, lists say,
are real objects: they are compared with what they held before.
"""

from __future__ import annotations

import functools
import types
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from tracegraph.containers import KINDS, is_dataclass
from tracegraph.made import attributes_of, is_made
from tracegraph.pickling import Portable
from tracegraph.recording import Recording
from tracegraph.standin import Traced, no_value
from tracegraph.values import is_abstract

EMPTY = object()
"""The content of a cell that has none."""


@contextmanager
def unchanged(
    recording: Recording,
    functions: Sequence[Any],
    may_change: Callable[[list[tuple[Any, list[Any]]]], bool] | None = None,
) -> Iterator[None]:
    """Within this, what functions can reach stays as it is.

    ``may_change`` is asked whether things may, and what they then hold; they are put back as well.

    Raises
    ------
    AbstractValueError
        It did not; it is again what it was.
    """
    before = Content(recording, functions)
    before.check_iterators()
    try:
        yield
    finally:
        changed = before.put_back()
    if may_change is None or not may_change(changed):
        before.check([one for one, _ in changed])


class Content:
    """What is in all that functions can reach.

    Iterators have no content that can be compared, or put back.
    """

    def __init__(self, recording: Recording, functions: Sequence[Any]) -> None:
        self.recording = recording
        self.iterators: list[Any] = []
        found = _reachable(recording, functions, {}, self.iterators)
        self.before = [(one, content_of(one)) for one in found]

    def put_back(self) -> list[tuple[Any, list[Any]]]:
        """Let everything hold what it held, and return what did not, with what that held."""
        found = [(one, content_of(one), old) for one, old in self.before]
        changed = [(one, now, old) for one, now, old in found if not _same(now, old)]
        for one, _, old in changed:
            put_content(one, old)
        return [(one, now) for one, now, _ in changed]

    @contextmanager
    def taking_values_only(self) -> Iterator[None]:
        """Within this, nothing comes to hold what has no value; or it is put back.

        Raises
        ------
        AbstractValueError
            Something did.
        """
        try:
            yield
        finally:
            changed = self._put_back_abstract()
        if changed:
            no_value("what is stored outside of the function")

    def _put_back_abstract(self) -> bool:
        """Let what has come to hold what has no value hold what it held; return if any did."""
        changed = [(one, old) for one, old in self.before if self._is_without_value(one, old)]
        for one, old in changed:
            put_content(one, old)
        return bool(changed)

    def _is_without_value(self, one: Any, old: Sequence[Any]) -> bool:
        known = {*map(id, old)}
        new = [part for part in content_of(one) if id(part) not in known]
        leaves = reached(self.recording, new).values()
        return any(type(leaf) is Traced and is_abstract(leaf) for leaf in leaves)

    def check_iterators(self) -> None:
        """Raise where an iterator can be reached."""
        if self.iterators:
            self.recording.no_effect_in_drawn("advancing an iterator from outside")

    def check(self, changed: Sequence[Any]) -> None:
        """Raise if something changed."""
        if changed:
            kind = type(changed[0]).__name__
            what = "an outer variable" if kind == "cell" else f"a {kind} from outside"
            self.recording.no_effect_in_drawn(f"changing {what}")


def reached(recording: Recording, functions: Iterable[Any]) -> dict[int, Any]:
    """Return all that functions lead to, by identity."""
    found: dict[int, Any] = {}
    _reachable(recording, functions, found, [])
    return found


def _reachable(
    recording: Recording, functions: Iterable[Any], seen: dict[int, Any], iterators: list[Any]
) -> list[Any]:
    """Return the containers, variables and objects that functions lead to, without iterators."""
    found: list[Any] = []
    pending = list(functions)
    while pending:
        one = pending.pop()
        if id(one) in seen:
            continue
        seen[id(one)] = one
        if isinstance(one, Iterator):
            iterators.append(one)
        if _can_change(recording, one):
            found.append(one)
            pending.extend(content_of(one))
        else:
            pending.extend(_inside(one))
    return found


def _can_change(recording: Recording, one: Any) -> bool:
    kind = type(one)
    is_plain = kind in (types.CellType, list, dict, set, deque)
    return is_plain or is_dataclass(kind) or is_made(recording, one)


def _inside(one: Any) -> Iterable[Any]:
    """Return what an object that does not change leads to."""
    kind = type(one)
    if kind is types.FunctionType:
        named = (one.__kwdefaults__ or {}).values()
        return [*(one.__closure__ or ()), *(one.__defaults__ or ()), *named]
    if kind is types.MethodType:
        return [one.__self__, one.__func__]
    if kind is types.BuiltinMethodType:  # of a list, say
        return [one.__self__]
    if isinstance(one, Portable):  # what a transformation has made of a function
        return [vars(one)["__wrapped__"]]
    if kind is functools.partial:
        return [one.func, *one.args, *one.keywords.values()]
    container = KINDS[kind]
    return () if container is None else container.flatten(one)[0]


def content_of(one: Any) -> list[Any]:
    """Return what is in a container, variable or object; keys stand before their values."""
    if type(one) is types.CellType:
        try:
            return [one.cell_contents]
        except ValueError:
            return [EMPTY]
    if type(one) is dict:
        return [part for pair in one.items() for part in pair]
    if isinstance(one, (list, set, deque)):
        return list(one)
    return [part for pair in attributes_of(one).items() for part in pair]


def _same(one: Sequence[Any], other: Sequence[Any]) -> bool:
    return len(one) == len(other) and all(a is b for a, b in zip(one, other, strict=True))


def put_content(one: Any, content: list[Any]) -> None:
    """Let a container, variable or object hold what `content_of` has returned."""
    if type(one) is types.CellType:
        one.cell_contents = content[0]
    elif type(one) is dict:
        one.clear()
        one.update(zip(content[::2], content[1::2], strict=True))
    elif isinstance(one, (list, deque)):
        one.clear()
        one.extend(content)
    elif isinstance(one, set):
        one.clear()
        one.update(content)
    else:
        for name, value in zip(content[::2], content[1::2], strict=True):
            object.__setattr__(one, name, value)
