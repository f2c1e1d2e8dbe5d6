"""What stand-ins for outside containers share: looking, changing, and answering Python."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator
from copy import copy as shallow_copy
from typing import TYPE_CHECKING, Any

from tracegraph.places import Place
from tracegraph.standin import ContainerStandIn

if TYPE_CHECKING:
    from tracegraph.recording import Recording


def _answer(function: Callable[..., Any]) -> Any:
    """Return a special method that answers by what the container holds."""

    def method(self: OutsideContainer, *operands: Any) -> Any:
        return function(self.opened(), *map(opened, operands))

    return method


def _reflected(function: Callable[..., Any]) -> Any:
    def method(self: OutsideContainer, other: Any) -> Any:
        return function(opened(other), self.opened())

    return method


def _changed(function: Callable[..., Any]) -> Any:
    """Return a special method that changes the container in a way that is not followed."""

    def method(self: OutsideContainer, other: Any) -> Any:
        kind = type(self.actual).__name__
        self.recording.give_up(f"an outside {kind} is changed by an operator; use its methods")
        result = function(self.actual, self.recording.externals.leaving(other))
        return self if result is self.actual else result

    return method


class OutsideContainer(ContainerStandIn):
    """What all kinds share: changes are effects, and what only answers looks inside.

    Parameters
    ----------
    recording : Recording
        The recording it belongs to.
    place : Place
        The way that led to it.
    actual : list, dict, set or deque
        The container itself, always up to date.

    ``_copy`` is what it holds, with stand-ins, once the function has looked at all of it;
    ``_entry`` what it held at the call, and ``_log`` what the function did to it since.
    """

    __slots__ = ("_copy", "_entry", "_log", "place", "recording")

    def __init__(self, recording: Recording, place: Place, actual: Any) -> None:
        self.recording, self.place, self.actual = recording, place, actual
        self._copy: Any = None
        self._entry = actual
        self._log: list[tuple[str, tuple[Any, ...]]] = []

    @property  # type: ignore[misc]  # isinstance asks for it
    def __class__(self) -> type:
        return type(self.actual)

    # -- looking --------------------------------------------------------------------------------

    def opened(self) -> Any:
        """Return what it holds, of its own class and with stand-ins; all of it is guarded now."""
        if not self.recording.is_noting:
            return self.actual
        if self._copy is None:
            made = self._filled()
            if not self.recording.is_noting:
                return self.actual
            for name, args in self._log:
                getattr(made, name)(*args)
            self._copy = made
        return self._copy

    def _filled(self) -> Any:
        """Return a copy with stand-ins of what it held at the call."""
        raise AssertionError("each kind is looked at in its own way")

    def _load(self, place: Place, value: Any) -> Any:
        return self.recording.externals.load(place, value)

    @property
    def _is_untouched(self) -> bool:
        return self._copy is None and not self._log and self.recording.is_noting

    def _exists(self, place: Place, value: Any) -> None:
        """Assume that there is an item of this type, whatever it is."""
        self._load(place.attribute("__class__"), type(value))

    def length(self) -> Any:
        """Return its length, which may be a symbol."""
        if not self._is_untouched:
            return len(self.opened())
        return self._load(self.place.length(), len(self._entry))

    # -- changing -------------------------------------------------------------------------------

    def perform(self, name: str, *args: Any) -> Any:
        """Do what changes the container by a method of that name: now, and in compiled calls."""
        recording, externals = self.recording, self.recording.externals
        recording.no_effect_in_drawn("changing a container from outside")
        if self._entry is self.actual and self._copy is None:
            self._entry = shallow_copy(self.actual)
        method = getattr(type(self.actual), name)
        real = [externals.leaving(arg) for arg in args]
        with recording.giving_up_if_raised(method):
            result = method(self.actual, *real)
        recording.note_effect(method, (self, *args))
        if self._copy is None:
            self._log.append((name, args))
            return result
        seen = getattr(self._copy, name)(*args)
        return seen if recording.is_noting else result

    def resync(self) -> None:
        """Take over what code that is not followed did to the container."""
        if self._copy is None and not self.recording.is_noting:
            return
        really = self.recording.externals.really
        known = [*_items(self._entry if self._copy is None else self._copy)]
        for _, args in self._log:
            known += args
        seen = {id(really(item)): item for item in known}
        if self._copy is None:
            self._copy = shallow_copy(self.actual)
        _refill(self._copy, self.actual, [seen.get(id(x), x) for x in _items(self.actual)])

    def __getattr__(self, name: str) -> Any:
        if name in MUTATORS:
            self.recording.give_up(
                f"{type(self.actual).__name__}.{name} of an outside container is called; change it "
                "by items, or return the values instead"
            )
            return getattr(self.actual, name)
        return getattr(self.opened(), name)

    def __hash__(self) -> int:
        return hash(self.actual)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.opened())

    def __len__(self) -> int:
        return operator.index(self.length())

    def __bool__(self) -> bool:
        return bool(self.length())

    def __contains__(self, item: Any) -> bool:
        return item in self.opened()

    def __getitem__(self, index: Any) -> Any:
        return self.opened()[index]

    def __setitem__(self, index: Any, value: Any) -> None:
        self.opened()
        self.perform("__setitem__", index, value)

    def __delitem__(self, index: Any) -> None:
        self.opened()
        self.perform("__delitem__", index)

    def __repr__(self) -> str:
        return repr(self.opened())

    def clear(self) -> None:
        """``x.clear()``."""
        self.perform("clear")

    # -- operators; of what a container lacks, it raises what it raises ---------------------------

    __add__, __radd__ = _answer(operator.add), _reflected(operator.add)
    __mul__, __rmul__ = _answer(operator.mul), _reflected(operator.mul)
    __sub__, __rsub__ = _answer(operator.sub), _reflected(operator.sub)
    __and__, __rand__ = _answer(operator.and_), _reflected(operator.and_)
    __or__, __ror__ = _answer(operator.or_), _reflected(operator.or_)
    __xor__, __rxor__ = _answer(operator.xor), _reflected(operator.xor)
    __truediv__, __rtruediv__ = _answer(operator.truediv), _reflected(operator.truediv)
    __floordiv__, __rfloordiv__ = _answer(operator.floordiv), _reflected(operator.floordiv)
    __mod__, __rmod__ = _answer(operator.mod), _reflected(operator.mod)
    __pow__, __rpow__ = _answer(operator.pow), _reflected(operator.pow)
    __matmul__, __rmatmul__ = _answer(operator.matmul), _reflected(operator.matmul)
    __lshift__, __rlshift__ = _answer(operator.lshift), _reflected(operator.lshift)
    __rshift__, __rrshift__ = _answer(operator.rshift), _reflected(operator.rshift)

    __iadd__ = _changed(operator.iadd)
    __imul__ = _changed(operator.imul)
    __isub__ = _changed(operator.isub)
    __iand__ = _changed(operator.iand)
    __ior__ = _changed(operator.ior)
    __ixor__ = _changed(operator.ixor)
    __itruediv__ = _changed(operator.itruediv)
    __ifloordiv__ = _changed(operator.ifloordiv)
    __imod__ = _changed(operator.imod)
    __ipow__ = _changed(operator.ipow)
    __imatmul__ = _changed(operator.imatmul)
    __ilshift__ = _changed(operator.ilshift)
    __irshift__ = _changed(operator.irshift)

    __eq__ = _answer(operator.eq)
    __ne__ = _answer(operator.ne)
    __lt__ = _answer(operator.lt)
    __le__ = _answer(operator.le)
    __gt__ = _answer(operator.gt)
    __ge__ = _answer(operator.ge)
    __neg__ = _answer(operator.neg)
    __pos__ = _answer(operator.pos)
    __invert__ = _answer(operator.invert)
    __abs__ = _answer(operator.abs)
    __reversed__ = _answer(reversed)


MUTATORS = frozenset(
    "append appendleft clear extend extendleft insert pop popleft popitem remove reverse rotate "
    "sort add discard update difference_update intersection_update symmetric_difference_update "
    "setdefault move_to_end subtract".split()
)
"""Methods of builtin containers that change them."""


def looked_at(value: Any) -> Any:
    """Return what a builtin looks into; the containers within stay what they are."""
    return value.opened() if issubclass(type(value), OutsideContainer) else value


def opened(value: Any) -> Any:
    """Return nested arguments with outside containers as plain ones that hold stand-ins."""
    kind = type(value)
    if issubclass(kind, ContainerStandIn):
        inside = value.opened()
        return inside if inside is value else opened(inside)
    if kind in (tuple, list):
        items = [opened(item) for item in value]
        same = all(new is old for new, old in zip(items, value, strict=True))
        return value if same else kind(items)
    if kind is dict:
        named = {key: opened(item) for key, item in value.items()}
        return value if all(named[key] is value[key] for key in value) else named
    return value


def _items(container: Any) -> Iterable[Any]:
    return container.values() if isinstance(container, dict) else container


def _refill(container: Any, like: Any, items: list[Any]) -> None:
    """Give a container the items of another, each as the function has it."""
    container.clear()
    if isinstance(like, dict):
        for key, item in zip(like, items, strict=True):
            container[key] = item
    else:
        (container.update if isinstance(like, set) else container.extend)(items)
