"""Behind a loop, containers are put together of what it leaves in their places."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

from tracegraph.control.items import Changed, Node, Same, Variables
from tracegraph.control.trees import Trees
from tracegraph.control.variables import UNBOUND
from tracegraph.ir.record import record
from tracegraph.numpy.emit import Unsupported
from tracegraph.recording import Recording
from tracegraph.standin import ABSENT


@record
class Containers:
    """The containers in variables behind a loop.

    Parameters
    ----------
    cells : dict of str to cell or Item
        The variables.
    changed : Changed
        The containers that the loop changes in place.
    entries : dict of str to object
        What places hold after an iteration, and variables that are no containers.
    originals : dict of str to object
        The containers that places held before the loop.
    renewed : frozenset of str
        The places that an iteration gives new ones.
    kept : frozenset of str
        Those of them that may still hold the old one.
    unclear : frozenset of str
        The places of tuples that may be others too.
    """

    cells: Variables
    changed: Changed
    entries: dict[str, Any]
    originals: dict[str, Any]
    renewed: frozenset[str]
    kept: frozenset[str]
    unclear: frozenset[str]

    def parts(self, held: Mapping[str, Any]) -> dict[str, Any]:
        """Return the real values of all places that may have changed; absent ones are in none.

        Raises
        ------
        Unsupported
            A real container is another than was drawn.
        """
        found: dict[str, Any] = {}
        for place, real, items in self._walk(held):
            if items is None:
                raise Unsupported(f"{place} is another container than was drawn")
            found[place] = real
        return found

    def started(self, held: Mapping[str, Any]) -> dict[str, Any]:
        """Return the real values of places ahead of the loop, as far as they are as behind it."""
        return {place: real for place, real, _ in self._walk(held)}

    def _walk(self, held: Mapping[str, Any]) -> Iterator[tuple[str, Any, Sequence[Any] | None]]:
        """Yield places with what is there, and its items; None for those of other containers."""
        pending = [*held.items()][::-1]
        while pending:
            place, real = pending.pop()
            entry = self.entries.get(place)
            items: Sequence[Any] | None = ()
            if type(entry) is Node and place in self.renewed:
                absent = [ABSENT] * len(entry.places)
                items = absent if real is ABSENT else entry.items(real)
                pending += reversed([*zip(entry.places, items or (), strict=False)])
            yield place, real, items

    def is_container(self, place: str) -> bool:
        """Return whether a place holds a container."""
        return type(self.entries.get(place)) in (Node, Same)

    def whole(
        self,
        recording: Recording,
        names: Mapping[str, Any],
        is_kept: Callable[[str], bool],
    ) -> dict[str, Any]:
        """Return what variables hold.

        Parameters
        ----------
        recording : Recording
            Where the loop was run.
        names : mapping of str to object
            What is in them and in other places, if that is no container.
        is_kept : callable
            Tells of a place whether it still holds the old container.
        """
        made: dict[str, Any] = {}

        def build(place: str) -> Any:
            if place in made:
                return made[place]
            entry = self.entries.get(place)
            if type(entry) is Same:
                return build(entry.place)
            if type(entry) is not Node:
                return names[place]
            old = self.originals.get(place)
            if place not in self.renewed:
                return old
            items = [build(item) for item in entry.places]
            if any(item is UNBOUND for item in items):
                made[place] = UNBOUND
            elif place in self.kept and not recording.is_abstract and is_kept(place):
                made[place] = old
            else:
                made[place] = entry.kind.build(entry.aux, items)
            if place in self.unclear or (place in self.kept and recording.is_abstract):
                recording.remade[id(made[place])] = made[place]
            return made[place]

        return {name: build(name) for name in self.cells}


def containers_of(trees: Trees, ends: Mapping[str, Any], variables: Collection[str]) -> Containers:
    """Return the containers in some variables, by what places hold at the end."""
    entries = {place: one for place, one in ends.items() if trees.root(place) in variables}
    parts = (frozenset(one) for one in (trees.renewed, trees.kept, trees.unclear))
    return Containers(trees.cells, trees.changed, entries, trees.originals, *parts)
