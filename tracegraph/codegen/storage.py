"""Where the values of nodes are: a buffer, and the place in it of each index."""

from __future__ import annotations

from collections.abc import Sequence

from tracegraph.ir.lowering import Index
from tracegraph.ir.record import record
from tracegraph.ir.sizes import Dim, symbol
from tracegraph.ir.types import Shape


@record(eq=True)
class Storage:
    """A buffer with the distance, in elements, between neighbours along each axis."""

    buffer: str
    strides: tuple[Dim, ...]

    def place(self, index: Index) -> Dim:
        offset: Dim = 0
        for i, stride in zip(index, self.strides, strict=True):
            offset = offset + i * stride
        return offset


def strides_of(shape: Shape, order: Sequence[int] | None = None) -> tuple[Dim, ...]:
    """Return the strides of contiguous memory whose axes lie in ``order``, the last one fastest."""
    strides: list[Dim] = [0] * len(shape)
    step: Dim = 1
    for axis in reversed(range(len(shape)) if order is None else order):
        strides[axis] = step
        step = step * shape[axis]
    return tuple(strides)


def domain_index(shape: Shape) -> Index:
    """Return the index that loops over a shape run through; axes of length 1 need no loop."""
    return tuple(
        0 if length == 1 else symbol(f"i{axis}", bound=length) for axis, length in enumerate(shape)
    )
