"""Variables that hold containers: a loop carries what is in these, place by place.

``state = (x, (t, n))`` is taken apart into what its places hold, which are named like variables:
``state`` itself is a `Node`, and ``state[0]``, ``state[1][0]``, ``state[1][1]`` are carried as any
variable is. Each iteration is given containers that are put together anew, and so is what follows
the loop. Which of them are new objects, and which are still those from before, is asked place by
place too, as far as anybody can tell.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from tracegraph.containers import KINDS, Kind
from tracegraph.control.items import Changed, Item, Node, Same, kind_of_container
from tracegraph.control.restoring import reached
from tracegraph.control.variables import (
    ANY,
    LIST,
    UNBOUND,
    UNKNOWN,
    Cell,
    content,
    kind_of,
    set_content,
)
from tracegraph.ir.errors import AbstractValueError
from tracegraph.recording import Recording

WHOLE = "$whole "
"""With a place, whether it holds the very container that it held before the loop."""


class Trees:
    """The variables that a loop binds, taken apart.

    Parameters
    ----------
    recording : Recording
        Where the loop is drawn.
    functions : sequence
        What an iteration calls, which reaches all that is older.
    cells : mapping of str to cell
        The variables.
    scratched : callable, optional
        Gives a context in which others, that nobody reads afterwards, hold nothing.

    ``renewed`` are the places that some iteration gives a new container, ``kept`` those of them
    that another way leaves as they are. Of tuples in ``unclear`` ones nobody can tell which they
    are. ``why`` says of variables why they are not carried.
    """

    def __init__(
        self,
        recording: Recording,
        functions: Sequence[Any],
        cells: Mapping[str, Cell],
        scratched: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self.recording, self.functions, self.scratched = recording, functions, scratched
        held = {name: content(cell) for name, cell in cells.items()}
        # What an iteration is given comes first: other names are those of the same containers.
        names = sorted(held, key=lambda name: kind_of_container(held[name]) is None)
        self.held = {name: held[name] for name in names}
        self.cells: dict[str, Cell] = {name: cells[name] for name in names}
        self.changed = Changed(recording)
        self._is_more_known = False
        self.renewed: set[str] = set()
        self.kept: set[str] = set()
        self.unclear: set[str] = set()
        self.why: dict[str, str] = {}
        self.originals: dict[str, Any] = {}
        self._roots: dict[str, str] = {}
        self._known: dict[Hashable, Any] = {}
        self._older: dict[int, Any] | None = None
        # Of the iteration that is drawn: what it is given, what that held, and what it has made.
        self._given: dict[str, Any] = {}
        self._current: Callable[[str], Any] = self.held.__getitem__
        self._items: dict[str, list[Any]] = {}
        self._seen: dict[int, tuple[str, Any]] = {}
        self._new: set[str] = set()
        self._left: set[str] = set()
        self._ever_left: set[str] = set()
        self.before = self._taken_apart(self.held, self.originals)

    def root(self, place: str) -> str:
        """Return the variable that a place is in."""
        return self._roots.get(place, place)

    # -- before the loop ------------------------------------------------------------------------

    def _taken_apart(self, held: dict[str, Any], originals: dict[str, Any]) -> dict[str, Any]:
        """Return what all places hold at first."""
        found: dict[str, Any] = {}
        seen = {id(one): place for place, one in originals.items()}
        pending = [*reversed(held.items())]
        while pending:
            place, value = pending.pop()
            kind = self._kind(value)
            if kind is None:
                found[place] = value
            elif id(value) in seen and not isinstance(value, tuple):
                originals[place] = value
                found[place] = self._same(seen[id(value)])
            else:
                originals[place], seen[id(value)] = value, place
                node = found[place] = self._node(place, value, kind)
                pending += reversed([*zip(node.places, self._children(node, value), strict=True)])
        return found

    def _kind(self, value: Any) -> Kind | None:
        """Return how a container is taken apart; a list of stacked items is not."""
        growing = self.recording.lists.get(value)
        return None if growing is not None and growing.runs else kind_of_container(value)

    def _node(self, place: str, value: Any, kind: Kind) -> Node:
        items, aux = kind.flatten(value)
        places = tuple(kind.paths(place, aux, len(list(items))))
        self._roots |= dict.fromkeys(places, self.root(place))
        key = (place, type(value), aux, len(places))
        found: Node = self._known.setdefault(key, Node(type(value), kind, aux, places))
        return found

    def _children(self, node: Node, value: Any) -> list[Any]:
        return list(node.kind.flatten(value)[0])

    def _same(self, place: str) -> Same:
        found: Same = self._known.setdefault(place, Same(place))
        return found

    # -- an iteration ---------------------------------------------------------------------------

    def begin(self) -> None:
        """Forget the iteration that was drawn before; nothing is known of this one."""
        self._new, self._ever_left = set(), set()

    def give(self, current: Callable[[str], Any], emptied: Collection[str]) -> None:
        """Let variables hold what they do at the beginning of an iteration.

        Parameters
        ----------
        current : callable
            Gives what a place holds then.
        emptied : collection of str
            The variables that hold nothing then.
        """
        self._given, self._items, self._current = {}, {}, current
        for name, cell in self.cells.items():
            set_content(cell, UNBOUND if name in emptied else self._made(name))

    def _made(self, place: str) -> Any:
        """Return what a place holds in the iteration."""
        entry = self._current(place)
        if type(entry) is Same:
            return self._given.setdefault(place, self._given.get(entry.place, UNBOUND))
        if type(entry) is not Node:
            return entry
        items = [self._made(item) for item in entry.places]
        made = self.originals[place]
        if place in self.renewed:
            made = entry.kind.build(entry.aux, [*items])
            self.recording.remade[id(made)] = made
            self._items[place] = items
        self._given[place] = made
        return made

    def follow(
        self, changed: Sequence[tuple[Any, list[Any]]], variables: Iterable[tuple[str, Cell]]
    ) -> bool:
        """Let items of lists and dicts that an iteration changes be variables, if they can be."""
        if not changed:
            return False
        self._check_unbound([owner for owner, _ in changed])
        items = self.changed.follow(changed, variables)
        if items is None or not items.keys().isdisjoint(self.cells):
            return False
        held = {place: content(item) for place, item in items.items()}
        self.cells |= items
        self.held |= held
        self.before |= self._taken_apart(held, self.originals)
        self._check_unbound([owner for owner, _ in changed])
        self._is_more_known = True
        return True

    def _check_unbound(self, owners: Sequence[Any]) -> None:
        """Raise where places that a loop binds, or items, hold what it changes in place."""
        for place, one in self.originals.items():
            if any(one is owner for owner in owners):
                kind = type(one).__name__
                raise AbstractValueError(
                    f"{place} is a {kind} that is changed in place, and so is what holds it, or it "
                    "is bound anew in a loop; do one of both"
                )

    def new_places(self) -> dict[str, Any] | None:
        """Return what all places hold at first, if there are new ones since that was asked."""
        is_more, self._is_more_known = self._is_more_known, False
        return self.before if is_more else None

    def put_back(self) -> None:
        """Let variables hold what they did before the loop."""
        self.changed.put_back()
        for name, cell in self.cells.items():
            set_content(cell, self.held[name])

    def ended(self, atom: Callable[[Any], Any]) -> dict[str, Any]:
        """Return what all places hold at the end of an iteration.

        ``atom`` gives that of what is not taken apart. The variables are as before then.

        Raises
        ------
        AbstractValueError
            A container has another name, or was changed in place.
        """
        held = {name: content(cell) for name, cell in self.cells.items()}
        self.changed.check()
        self.put_back()
        self._check_given()
        self._seen, self._left = {}, set()
        found: dict[str, Any] = {}
        for name, value in held.items():
            self._end(name, value, found, atom)
        return found

    def _check_given(self) -> None:
        """Raise where containers were changed that were put together for the iteration."""
        for place, items in self._items.items():
            entry = self._current(place)
            now = entry.items(self._given[place])
            if now is None or any(a is not b for a, b in zip(now, items, strict=True)):
                raise AbstractValueError(
                    f"{place} is a {entry.cls.__name__} that is changed in place, and bound anew "
                    "in a loop; do one of both"
                )

    def _end(
        self, place: str, value: Any, found: dict[str, Any], atom: Callable[[Any], Any]
    ) -> None:
        if place in self._given and self._given[place] is value and value is not UNBOUND:
            self._stay(place, found)
            return
        kind = self._kind(value)
        if kind is None or self._grows(place, value):
            found[place] = atom(value)
        elif isinstance(value, tuple):
            if not self._is_older(value) and id(value) not in self._seen:
                self._open(place, value, kind, found, atom)
            elif self._is_outside(value):
                found[place] = UNKNOWN
                self._explain_other_name(place, type(value))
            else:
                self.unclear.add(place)
                self._open(place, value, kind, found, atom)
        elif id(value) in self._seen:
            found[place] = self._same(self._seen[id(value)][0])
        elif self._is_older(value):
            raise AbstractValueError(
                f"{place} becomes another name of a {type(value).__name__} in a loop; bind a copy "
                "of it"
            )
        else:
            self._open(place, value, kind, found, atom)

    def _open(
        self,
        place: str,
        value: Any,
        kind: Kind,
        found: dict[str, Any],
        atom: Callable[[Any], Any],
    ) -> None:
        """Take up a container that is new, and all in it."""
        self._seen[id(value)] = place, value
        self._new.add(place)
        node = found[place] = self._node(place, value, kind)
        for item, one in zip(node.places, self._children(node, value), strict=True):
            self._end(item, one, found, atom)

    def _explain_other_name(self, place: str, cls: type) -> None:
        before = self.before.get(place, ANY)
        if type(before) is Node or before is ANY:
            why = (
                f"{place} becomes another name of a {cls.__name__} that was there before; bind a "
                "new one, (*t,)"
            )
        else:
            why = _changing(place, _described(before), f"a {cls.__name__}")
        self.why[self.root(place)] = why

    def _grows(self, place: str, value: Any) -> bool:
        """Return whether a list is one that only variables hold, and no state of the loop."""
        before = self.before.get(place)
        is_state = type(before) is Node and before.items(value) is not None
        return not is_state and self.recording.lists.is_open(value)

    def _stay(self, place: str, found: dict[str, Any]) -> None:
        """Take up a place that still holds what it was given."""
        entry = found[place] = self._current(place)
        if type(entry) is Same:
            if id(self._given[place]) not in self._seen:
                raise AbstractValueError(
                    f"{place} and {entry.place} are one container only at first; bind copies"
                )
            return
        if type(entry) is Node:
            self._left.add(place)
            self._ever_left.add(place)
            self._seen[id(self._given[place])] = place, self._given[place]
            for item in entry.places:
                self._stay(item, found)

    def _is_older(self, value: Any) -> bool:
        """Return whether a container was there before the iteration."""
        if self._older is None:
            with self.scratched():
                self._older = reached(self.recording, self.functions)
        is_given = any(value is one for one in self._given.values())
        return is_given or self._is_outside(value) or id(value) in self._older

    def _is_outside(self, value: Any) -> bool:
        """Return whether a container is one from outside, or the first iteration's may be."""
        given = [self.originals[place] for place, one in self._given.items() if one is value]
        way_to = self.recording.externals.way_to
        return any(way_to(one) is not None for one in (value, *given))

    def check_returned(self, value: Any) -> None:
        """Raise where an iteration that has ended returns what somebody else may know.

        Raises
        ------
        AbstractValueError
            It returns a list, say, that a variable holds too.
        """
        pending, seen = [value], {*self._seen}
        while pending:
            one = pending.pop()
            kind = KINDS[type(one)]
            if kind is None or one is None:
                continue
            pending += kind.flatten(one)[0]
            if not isinstance(one, tuple) and (id(one) in seen or self._is_older(one)):
                raise AbstractValueError(
                    f"a loop returns a {type(one).__name__} that has a name; return a copy, or "
                    "`break` and return it behind the loop"
                )
            seen.add(id(one))

    # -- what is learned ------------------------------------------------------------------------

    def flags(self, before: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
        """Return for places of which that is asked whether they hold what they held at first."""
        return {
            flag: place in self._left and given.get(flag, True)
            for flag in before
            if (place := flag.removeprefix(WHOLE)) != flag
        }

    def learns(self, *, may_be_empty: bool) -> dict[str, bool]:
        """Take up which containers are new after an iteration; return the flags of the others."""
        self.renewed |= self._new
        mine = {place for place in self.renewed if place in self.originals}
        self.kept = mine if may_be_empty else mine & self._ever_left
        is_drawn = self.recording.drawn is not None
        return {} if is_drawn else {WHOLE + place: True for place in self.kept}

    def why_unclear(self) -> str | None:
        """Return why nobody can tell which list or dict a variable holds afterwards."""
        for place in self.kept if self.recording.drawn is not None else ():
            old = self.originals[place]
            if isinstance(old, (list, dict)):
                return (
                    f"{place} is an older {type(old).__name__} or a new one, as data decides; bind "
                    "a new one on each way"
                )
        return None

    def explain(self, place: str, before: Any, after: Any) -> None:
        """Note why what holds a container cannot be carried."""
        is_variable = place == self.root(place) and type(self.cells.get(place)) is not Item
        if is_variable and type(before) is not Node and before is not ANY:
            return
        why = _changing(place, _described(before), _described(after))
        self.why.setdefault(self.root(place), why)


def _changing(place: str, before: str, after: str) -> str:
    return f"{place} is {before} and then {after} in a loop; let it be one thing from the start"


def _described(entry: Any) -> str:
    if type(entry) is Node:
        return f"a {entry.cls.__name__} of {len(entry.places)}"
    if type(entry) is Same or entry is LIST:
        return "a container"
    if entry is ANY or entry is UNBOUND:
        return "nothing"
    return "something else" if entry is UNKNOWN else f"a {kind_of(entry).__name__}"
