"""The buffers of one plan, as scheduling names them."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from tracegraph.codegen.groups import Group
from tracegraph.codegen.plan import PlanBuffer
from tracegraph.codegen.storage import Storage, strides_of
from tracegraph.ir.errors import GraphError
from tracegraph.ir.record import replace
from tracegraph.ir.size_values import largest
from tracegraph.ir.sizes import Dim, Symbol, maximum, product, symbols
from tracegraph.ir.types import ArrayType, DType

_LOOP_INDEX = re.compile(r"(i|at)\d+.*")
"""The names that loops inside kernels have."""


@dataclass(eq=False)
class Buffers:
    """All buffers by name.

    Parameters
    ----------
    counted : collection of Symbol
        The sizes that are counted on the way: the arena is taken before they are known.
    trips : dict of Symbol to int or Size
        The loops whose steps are being scheduled, by index, from the outermost: what these steps
        need has room for every iteration.
    """

    counted: Collection[Symbol] = ()
    named: dict[str, PlanBuffer] = field(default_factory=dict)
    trips: dict[Symbol, Dim] = field(default_factory=dict)

    def add(self, name: str, dtype: DType, size: Dim, kind: str) -> str:
        """Add a buffer and return its name."""
        if kind == "temp" and any(symbol in self.counted for symbol in symbols(size)):
            kind = "object"
        self.named[name] = PlanBuffer(name, dtype, size, kind)
        return name

    def fresh(self, dtype: DType, size: Dim, kind: str = "temp") -> str:
        """Add a buffer with a new name and return that."""
        return self.add(f"tmp{len(self.named)}", dtype, size, kind)

    def new(self, type: ArrayType, kind: str = "temp") -> Storage:
        """Return new memory for an array."""
        size = product(map(self._room, type.shape))
        return Storage(self.fresh(type.dtype, size, kind), strides_of(type.shape))

    def _room(self, dim: Dim) -> Dim:
        """Return a size that no iteration of the loops around exceeds."""
        for index, trip in reversed(self.trips.items()):
            found = largest(dim, index, trip)
            if found is None:
                raise GraphError(f"no size is known that {dim} keeps below in all iterations")
            dim = found
        # Where a loop has no iteration, nothing says that the sizes inside make sense.
        return maximum(dim, 0) if self.trips else dim

    @contextlib.contextmanager
    def inside(self, index: Symbol, trip: Dim) -> Iterator[None]:
        """Name buffers for the steps of a loop."""
        if index in self.trips or _LOOP_INDEX.fullmatch(index.name):
            raise GraphError(f"a loop inside another must not be numbered by {index} too")
        self.trips[index] = trip
        yield
        del self.trips[index]

    def scratch(self, group: Group, dtype: DType) -> Storage:
        """Return memory for one row of a group: the next row overwrites it."""
        if not group.reduces or len(group.domain) - 1 not in group.inner:
            return self.new(ArrayType(dtype, group.domain))
        shape = tuple(1 if axis in group.kept else n for axis, n in enumerate(group.domain))
        row = self.new(ArrayType(dtype, shape))
        strides = strides_of(shape)
        still = tuple(0 if axis in group.kept else strides[axis] for axis in range(len(shape)))
        return replace(row, strides=still)

    def as_object(self, name: str) -> None:
        """Make a buffer an ndarray of its own, because a callout reads it."""
        if self.named[name].kind == "temp":
            self.named[name] = replace(self.named[name], kind="object")
