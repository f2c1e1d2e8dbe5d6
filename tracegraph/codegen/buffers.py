"""The buffers of one plan, as scheduling names them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from tracegraph.codegen.groups import Group
from tracegraph.codegen.plan import PlanBuffer
from tracegraph.codegen.storage import Storage, strides_of
from tracegraph.ir.record import replace
from tracegraph.ir.sizes import Dim, Symbol, product, symbols
from tracegraph.ir.types import ArrayType, DType


@dataclass(eq=False)
class Buffers:
    """All buffers by name.

    Parameters
    ----------
    counted : collection of Symbol
        The sizes that are counted on the way: the arena is taken before they are known.
    """

    counted: Collection[Symbol] = ()
    named: dict[str, PlanBuffer] = field(default_factory=dict)

    def add(self, name: str, dtype: DType, size: Dim, kind: str) -> str:
        """Add a buffer and return its name."""
        if kind == "temp" and any(symbol in self.counted for symbol in symbols(size)):
            kind = "object"
        self.named[name] = PlanBuffer(name, dtype, size, kind)
        return name

    def fresh(self, dtype: DType, size: Dim, kind: str = "temp") -> str:
        """Add a buffer with a new name and return that."""
        return self.add(f"tmp{len(self.named)}", dtype, size, kind)

    def new(self, type: ArrayType) -> Storage:
        """Return new memory for an array."""
        return Storage(self.fresh(type.dtype, product(type.shape)), strides_of(type.shape))

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

    def is_input(self, name: str) -> bool:
        return self.named[name].kind == "input"
