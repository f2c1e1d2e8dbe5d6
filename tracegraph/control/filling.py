"""Behind a loop that has appended to lists: these hold what it has appended.

An array that was appended may have other names still, or have been there before: such an item is
that very array. The others stand for rows of a stack.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from tracegraph.control.appended import Appended
from tracegraph.ir.graph import Value
from tracegraph.ir.record import record
from tracegraph.ir.size_values import hint
from tracegraph.ir.types import ArrayType
from tracegraph.numpy.emit import Unsupported
from tracegraph.recording import Recording
from tracegraph.rows import Named, Run
from tracegraph.standin import ABSENT, Storage, Traced
from tracegraph.values import check_type
from tracegraph.views import owner_of


@record
class Arrays:
    """Which arrays are one.

    Parameters
    ----------
    after : dict of Storage to Storage
        What an iteration hands on, by the array that it is given in its place.
    started : dict of Storage to Traced
        What that is in the first iteration.
    held : dict of str to Storage
        What names hold after an iteration.
    kept : frozenset of str
        Those that may hold what they held before the loop instead.
    """

    after: dict[Storage, Storage]
    started: dict[Storage, Traced]
    held: dict[str, Storage]
    kept: frozenset[str]

    def at(self, storage: Storage, number: int) -> Any:
        """Return what tells an array of an iteration: one from before, or who has made it when."""
        while storage in self.after:
            if not number:
                return self.started[storage]
            storage, number = self.after[storage], number - 1
        return storage, number

    def are_named(self, arrays: Collection[Storage]) -> bool:
        """Return whether arrays may be from before, or have names behind the loop."""
        ends = {one for name, one in self.held.items() if name not in self.kept}
        ends |= {*self.after.values()}
        return any(one in ends or one in self.after for one in arrays)


class Filling:
    """Lets lists hold what a loop has appended.

    Parameters
    ----------
    recording : Recording
        Where it ran.
    arrays : Arrays
        Which arrays are one.
    variables : dict of str to object
        What variables hold behind the loop.
    started : dict of str to object
        What they held before it.
    owners : set of int
        The arrays that are known, by identity.
    """

    def __init__(
        self,
        recording: Recording,
        arrays: Arrays,
        variables: Mapping[str, Any],
        started: Mapping[str, Any],
        owners: set[int],
    ) -> None:
        self.recording, self.arrays, self.owners = recording, arrays, owners
        self.variables = {
            arrays.held[name]: one
            for name, one in variables.items()
            if name in arrays.held
            and type(one) is Traced
            and one.storage.shares is None
            and one is not started.get(name)
        }
        self.known: dict[Any, Traced] = {}

    def fill(self, appended: Appended, stacks: Sequence[Value], reals: list[Any]) -> None:
        """Append the items to a list; without values only as a run.

        Raises
        ------
        Unsupported
            They are not what was drawn.
        """
        growing, recording = appended.list, self.recording
        rows = appended.flat(recording.emitter, stacks, len(reals))
        run = Run(rows, appended.kind, len(growing.items), 0, {})
        if not recording.is_abstract:
            self._check(appended, run, reals)
        for place, item in self._named(appended, run, reals):
            run.named[place] = Named(item, item.storage.version)
        if not recording.is_abstract:
            items = [run.item(recording, place, real) for place, real in enumerate(reals)]
            run.is_followed = bool(items) and self._is_followed(appended, run.named, items)
            if items and len(items) - 1 not in run.named:
                items[-1] = run.item(recording, run.count - 1, reals[-1])
            if run.kind is np.ndarray:
                for place, (item, real) in enumerate(zip(items, reals, strict=True)):
                    self._check_own(item, real, place in run.named)
            growing.items.extend(items)
            run.filled = len(items)
        growing.runs.append(run)

    def _is_followed(
        self, appended: Appended, named: Mapping[int, Named], items: Sequence[Traced]
    ) -> bool:
        """Return whether the last item is the last row, or what a variable holds, in any case."""
        if len(items) - 1 not in named:
            return True
        storage = appended.arrays[max(appended.arrays)]
        return storage not in self.arrays.after and items[-1] is self.variables.get(storage)

    def _check(self, appended: Appended, run: Run, reals: list[Any]) -> None:
        """Raise where the real items are of another type than was drawn."""
        if len(reals) != hint(run.count):
            raise Unsupported(f"{len(reals)} items were appended to a list, not {run.count}")
        type_ = ArrayType(appended.rows.dtype, appended.rows.shape[1:])
        for real in reals:
            if type(real) is not run.kind:
                raise Unsupported(
                    f"a list takes a {type(real).__name__}, not a {run.kind.__name__}"
                )
            check_type(type_, real)

    def _check_own(self, item: Traced, real: Any, is_named: bool) -> None:
        """Raise where an array is another than was drawn."""
        if item.likeness is not real:
            raise Unsupported("a list takes another array than was recorded; append a copy")
        if not is_named and (owner_of(real) is not real or id(real) in self.owners):
            raise Unsupported("an array of a list shares its memory with another one")
        self.owners.add(id(real))

    def _named(
        self, appended: Appended, run: Run, reals: list[Any]
    ) -> Iterator[tuple[int, Traced]]:
        """Yield the items that are not theirs alone, with their places."""
        length, step = hint(run.count), hint(appended.rows.shape[0])
        if not appended.arrays or length is None or step is None:
            return
        count = length // step  # where only some ways append: those iterations that did
        if not count:
            return
        for storage, one in self.variables.items():
            self.known.setdefault(self.arrays.at(storage, count - 1), one)
        for number in range(count):
            for offset, storage in appended.arrays.items():
                place, key = number * step + offset, self.arrays.at(storage, number)
                item = key if type(key) is Traced else self.known.get(key)
                if item is None:
                    item = run.item(self.recording, place, reals[place] if reals else ABSENT)
                    self.known[key] = item
                yield place, item
