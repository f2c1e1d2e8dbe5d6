"""How the results and effects of a call are put together from the values that native code gives.

A container that the function made and that stands in several places, as a result and in an outside
list for example, is one object at each call: it is built first, and a ``Slot`` stands for it.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from tracegraph import tree
from tracegraph.codegen.signature import Output
from tracegraph.containers import KINDS, is_dataclass, register_node
from tracegraph.effects import Effect
from tracegraph.generators import leaving
from tracegraph.ir.record import record
from tracegraph.ir.streams import is_stream
from tracegraph.numpy.emit import Unsupported
from tracegraph.places import Place
from tracegraph.recording import Recording
from tracegraph.rows import MANY, Run, by_rows, whole_of
from tracegraph.standin import PYTHON_SCALARS, Storage, Traced
from tracegraph.values import stand_ins


class Outside:
    """An outside object or container itself, not to be taken apart."""

    def __init__(self, place: Place) -> None:
        self.place = place


class MadeSet:
    """A set among the results: its items count, in the order in which they stood."""

    def __init__(self, kind: type, items: list[Any]) -> None:
        self.kind, self.items = kind, items


register_node(MadeSet, lambda made: (made.items, made.kind), lambda kind, items: kind(items))


class MadeList:
    """A list among the results, many items of which are the rows of a few arrays.

    ``kinds`` are for each child that is such an array the type of the items, None for an item.
    """

    def __init__(self, kinds: tuple[type | None, ...], children: list[Any]) -> None:
        self.kinds, self.children = kinds, children


def _made_list(kinds: tuple[type | None, ...], children: list[Any]) -> list[Any]:
    """Return the list, of arrays and numbers of their own."""
    made: list[Any] = []
    for kind, child in zip(kinds, children, strict=True):
        if kind is None:
            made.append(child)
        elif kind is np.ndarray:
            made.extend(row.copy() for row in child)
        else:
            made.extend(child.tolist() if kind in PYTHON_SCALARS else child)
    return made


register_node(MadeList, lambda made: (made.children, made.kinds), _made_list)


class Slot:
    """A container that was built before."""

    def __init__(self, number: int) -> None:
        self.number = number


@record
class Piece:
    """A structure over values from ``start`` on, in some of which containers built before stand."""

    structure: Any
    start: int
    end: int
    slots: tuple[tuple[int, int], ...]

    def build(self, values: list[Any], built: list[Any]) -> Any:
        """Put the piece together."""
        for position, number in self.slots:
            values[position] = built[number]
        return tree.unflatten(self.structure, values[self.start : self.end])

    def is_like(self, container: Any) -> bool:
        """Return whether the piece is built as a container is, of values alone."""
        return not self.slots and bool(self.structure == tree.flatten(container)[1])


class Assembly:
    """Takes results and effects apart.

    Parameters
    ----------
    recording : Recording
        What knows outside objects.
    output, shown : callable
        Give the output of a leaf, and that of a leaf as it was when an effect looked at it.
    """

    def __init__(
        self,
        recording: Recording,
        output: Callable[[Any], Output],
        shown: Callable[[Any], Output],
    ) -> None:
        self.externals, self._recording = recording.externals, recording
        self.outputs: list[Output] = []
        self._output, self._shown = output, shown
        self._shared: set[int] = set()
        self._uses: Counter[Storage] = Counter()
        self._numbers: dict[int, int] = {}
        self._containers: list[Piece] = []

    def of(self, result: Any, effects: Sequence[Effect]) -> tuple[Any, Any]:
        """Return the native container of the results, or the function that finishes them."""
        kept = [(effect.args, effect.kwargs) for effect in effects if not effect.by_value]
        self._shared = self._several_times([result, *kept])
        pieces = [
            (effect.function, self._piece((effect.args, effect.kwargs), effect.by_value))
            for effect in effects
        ]
        whole = self._piece(result, False)
        if not effects and not self._containers:
            for kind, like in _native_containers(len(self.outputs)):
                if whole.is_like(like):
                    return kind, None
        calls = tuple((function, piece, _is_plain(piece)) for function, piece in pieces)
        return tuple, functools.partial(
            _finish, tuple(self._containers), calls, whole, whole.is_like(0)
        )

    def _several_times(self, values: Any) -> set[int]:
        """Return the containers made inside that stand in several places."""
        seen: set[int] = set()
        shared: set[int] = set()
        pending = list(values)
        while pending:
            value = pending.pop()
            if type(value) is Traced:
                self._uses[value.storage] += 1
            elif not self._is_own(value):
                pending.extend(value if isinstance(value, tuple) else ())
            elif id(value) in seen:
                shared.add(id(value))
            else:
                seen.add(id(value))
                pending.extend(_children(value))
        return shared

    def _is_own(self, value: Any) -> bool:
        """Return whether a value is a container with identity that the function made."""
        kind = type(value)
        if kind not in (list, dict, set) and not is_dataclass(kind):
            return False
        return self.externals.way_to(value) is None

    def _piece(self, value: Any, by_value: bool) -> Piece:
        return self._flat(self._mark(value), by_value)

    def _flat(self, marked: Any, by_value: bool) -> Piece:
        leaves, structure = tree.flatten(marked)
        start = len(self.outputs)
        self.outputs.extend(map(self._shown if by_value else self._output, leaves))
        slots = [(start + i, leaf.number) for i, leaf in enumerate(leaves) if type(leaf) is Slot]
        return Piece(structure, start, start + len(leaves), tuple(slots))

    def _mark(self, value: Any) -> Any:
        """Replace outside objects by what they are, and shared containers by their slots."""
        place = self.externals.way_to(value)
        if place is not None:
            return Outside(place)
        if is_stream(value):
            return leaving(self._recording, value)
        if id(value) in self._shared:
            return self._slot(value)
        return self._inside(value)

    def _slot(self, value: Any) -> Slot:
        if id(value) not in self._numbers:
            self._numbers[id(value)] = -1
            piece = self._flat(self._inside(value), False)
            self._numbers[id(value)] = len(self._containers)
            self._containers.append(piece)
        number = self._numbers[id(value)]
        if number < 0:
            raise Unsupported("a container that holds itself is returned or stored; take it apart")
        return Slot(number)

    def _inside(self, value: Any) -> Any:
        kind: Any = type(value)
        if kind is list and len(value) > MANY:
            return self._list(value)
        if kind in (tuple, list):
            return kind(map(self._mark, value))
        if kind is dict:
            return {key: self._mark(item) for key, item in value.items()}
        if isinstance(value, tuple) and hasattr(value, "_fields"):
            return kind(*map(self._mark, value))
        if kind is set or (kind is frozenset and stand_ins(list(value))):
            return MadeSet(kind, list(map(self._mark, value)))
        if not is_dataclass(kind):
            return value
        how: Any = KINDS[kind]
        children, aux = how.flatten(value)
        return how.build(aux, list(map(self._mark, children)))

    def _list(self, items: list[Any]) -> Any:
        """Take apart a list, not into all its items where these are rows."""
        kinds: list[type | None] = []
        children: list[Any] = []
        for piece in by_rows(items):
            if type(piece) is not Run:
                kinds.append(None)
                children.append(self._mark(piece))
                continue
            rows = items[piece.start : piece.start + piece.filled]
            kind = rows[0].kind
            if all(map(self._is_plain_row, rows)):
                kinds.append(kind)
                children.append(whole_of(self._recording, piece.stack))
            else:
                kinds += [None] * len(rows)
                children += map(self._mark, rows)
        return MadeList(tuple(kinds), children)

    def _is_plain_row(self, row: Traced) -> bool:
        """Return whether an item is nowhere else, and lies in memory as a copy does."""
        array = row.storage.array
        is_array = isinstance(array, np.ndarray)
        return self._uses[row.storage] == 1 and not (is_array and not array.flags.carray)


def _native_containers(count: int) -> list[tuple[type | None, Any]]:
    """Return the results that native code makes by itself: one value, a tuple, a list."""
    return [(None, 0), (tuple, (0,) * count), (list, [0] * count)]


def _is_plain(piece: Piece) -> bool:
    """Return whether an effect is called with the values themselves."""
    return piece.is_like(((0,) * (piece.end - piece.start), {}))


def _children(container: Any) -> Iterable[Any]:
    if isinstance(container, (dict, set)):
        return container.values() if isinstance(container, dict) else container
    kind: Any = KINDS[type(container)]
    found: Iterable[Any] = kind.flatten(container)[0]
    return found


def _finish(
    containers: tuple[Piece, ...],
    effects: tuple[tuple[Callable[..., Any], Piece, bool], ...],
    whole: Piece,
    is_single: bool,
    outputs: tuple[Any, ...],
) -> Any:
    """Perform the effects and return the result."""
    values: list[Any] = list(outputs)
    built: list[Any] = []
    for piece in containers:
        built.append(piece.build(values, built))
    for function, piece, is_plain in effects:
        if is_plain:
            function(*outputs[piece.start : piece.end])
        else:
            args, kwargs = piece.build(values, built)
            function(*args, **kwargs)
    return outputs[whole.start] if is_single else whole.build(values, built)
