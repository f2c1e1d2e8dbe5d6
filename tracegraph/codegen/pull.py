"""Pulling: the scalar expression of a node's element, down to loads of what is stored."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import product as all_indices
from typing import Any

from tracegraph.codegen.storage import Storage
from tracegraph.ir.graph import Node
from tracegraph.ir.loops import identity
from tracegraph.ir.lowering import Fold, Index, Pull
from tracegraph.ir.record import record
from tracegraph.ir.scalar import Scalar, ScalarBuilder
from tracegraph.ir.sizes import Dim, product
from tracegraph.ir.types import BOOL, ArrayType, DType

FEW = 8
"""Reductions of at most so many elements are written out as expressions."""

PLAIN = ("add", "multiply", "maximum", "minimum", "logical_or", "logical_and")


@record(eq=True)
class Element:
    """An operand as element rules see it."""

    type: ArrayType
    read: Callable[[Index], Scalar]

    def __call__(self, index: Index, /) -> Scalar:
        return self.read(index)


def is_pulled(node: Node) -> bool:
    """Return whether a node's elements are expressions of its operands' elements."""
    lower = node.op.lower
    if not isinstance(node.type, ArrayType):
        return False
    if isinstance(lower, Pull):
        return all([operand.array_type.dtype.kind in lower.kinds for operand in node.operands])
    return is_small_fold(node)


def is_small_fold(node: Node) -> bool:
    """Return whether a node is a reduction of so few elements that no loop is worth it."""
    lower = node.op.lower
    if not isinstance(lower, Fold) or lower.combine not in PLAIN:
        return False
    shape = node.operands[0].array_type.shape
    count = product(shape[axis] for axis in dict(node.attrs)["axes"])
    return isinstance(count, int) and 0 < count <= FEW


def element(b: ScalarBuilder, node: Node, index: Index, operands: Iterable[Element]) -> Scalar:
    """Return the element of a pulled node at ``index``."""
    attrs: dict[str, Any] = dict(node.attrs)
    lower = node.op.lower
    if isinstance(lower, Pull):
        return lower.element(b, index, *operands, type=node.array_type, **attrs)
    assert isinstance(lower, Fold)
    (x,) = operands
    places = _places(index, x.type.shape, attrs["axes"])
    values = [accumulated(b, lower.combine, x(at), node.array_type.dtype) for at in places]
    if _start_is_seen(lower.combine, x.type.dtype):
        values.insert(0, b.const(identity(lower.combine, x.type.dtype), x.type.dtype))
    total = values[0]
    for value in values[1:]:
        total = b.apply(combination(lower.combine), total, value)
    return total


def _start_is_seen(combine: str, dtype: DType) -> bool:
    """Return whether NumPy's start, 0 or 1, shows in signs of zeros or beside infinities."""
    return dtype.kind in {"add": "fc", "multiply": "c"}.get(combine, "")


def _places(index: Index, shape: tuple[Dim, ...], axes: tuple[int, ...]) -> Iterable[Index]:
    """Yield the places that a small reduction combines for ``index``."""
    ranges = [range(shape[axis]) for axis in axes]  # type: ignore[arg-type]  # they are ints
    for inner in all_indices(*ranges):
        own, rest = dict(zip(axes, inner, strict=True)), iter(index)
        yield tuple(own[axis] if axis in own else next(rest) for axis in range(len(shape)))


def combination(combine: str) -> str:
    """Return the scalar operation of a fold."""
    return {"logical_or": "bitwise_or", "logical_and": "bitwise_and"}.get(combine, combine)


def accumulated(b: ScalarBuilder, combine: str, value: Scalar, dtype: DType) -> Scalar:
    """Return an element in the dtype that it is combined in."""
    if combine in ("argmax", "argmin"):
        return value
    return b.cast(value, BOOL if combine.startswith("logical") else dtype)


@dataclass(eq=False)
class Puller:
    """Pulls elements of a graph's nodes, each place once.

    Parameters
    ----------
    b : ScalarBuilder
        Makes the scalars, which are shared between pullers of one program.
    storages : mapping of Node to Storage
        Nodes that are read from memory.
    known : dict
        Elements that are at hand already, by node and index.
    """

    b: ScalarBuilder
    storages: Mapping[Node, Storage]
    known: dict[tuple[Node, Index], Scalar] = field(default_factory=dict)

    def at(self, node: Node, index: Index) -> Scalar:
        """Return an element: known, read or computed."""
        found = self.known.get((node, index))
        if found is None:
            storage = self.storages.get(node)
            if storage is None:
                found = self.computed(node, index)
            else:
                dtype = node.array_type.dtype
                found = self.b.load(storage.buffer, storage.place(index), dtype)
            self.known[node, index] = found
        return found

    def computed(self, node: Node, index: Index) -> Scalar:
        """Return an element computed from those of the operands, stored or not."""
        return element(self.b, node, index, self.operands(node))

    def operands(self, node: Node) -> list[Element]:
        return [Element(o.array_type, self.reader(o)) for o in node.operands]

    def reader(self, node: Node) -> Callable[[Index], Scalar]:
        return lambda index: self.at(node, index)
