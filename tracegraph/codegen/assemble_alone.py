"""Programs of the roots that are alone in their kernel: scans, boxes and scatters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tracegraph.codegen.assemble import Assembler, nest, ready
from tracegraph.codegen.pull import Element, Puller, combination
from tracegraph.codegen.roots import Root
from tracegraph.codegen.storage import Storage, domain_index
from tracegraph.ir.graph import Node
from tracegraph.ir.loops import Carry, For, Statement, Store, carry_leaves, identity
from tracegraph.ir.lowering import Boxes, Index, Piece, Recurrence, Scan, Scatter
from tracegraph.ir.scalar import Scalar
from tracegraph.ir.sizes import Symbol
from tracegraph.ir.types import FLOAT64, WHOLE, DType, Shape


def alone(a: Assembler, root: Root) -> tuple[Statement, ...]:
    """Return the statements of a root that shares its kernel with no other."""
    if root.kind == "scan":
        return _scan(a, root)
    return _scatter(a, root) if isinstance(root.node.op.lower, Scatter) else _boxes(a, root)


def _scan(a: Assembler, root: Root) -> tuple[Statement, ...]:
    """Loops over the other axes, and inside one that carries the running value."""
    node, index, target = root.node, root.index, a.targets[root]
    axis = dict(node.attrs)["axis"]
    puller = Puller(a.b, a.storages)
    ready(root, puller, root.domain)
    dtype, initial = _running(node)
    values = [a.b.cast(puller.at(operand, index), dtype) for operand in node.operands]
    others = [k for k in range(len(root.domain)) if k != axis]
    start = a.b.const(initial, dtype)
    alone = root.domain[axis] == 1
    state, result = (start, start) if alone else carry_leaves(a.b, "running", dtype)
    total = _following(a, node, state, values)
    if _copies_first(node):
        is_first = a.b.apply("equal", a.b.size(index[axis]), a.b.size(0))
        total = a.b.select(is_first, values[0], total)
    value = a.b.cast(total, node.array_type.dtype)
    store = Store(target.buffer, target.place(index), value)
    if alone:
        return nest(root.domain, others, (store,))
    carry = Carry(state, start, total, result)
    loop = For(
        Symbol(f"i{axis}", bound=root.domain[axis]), root.domain[axis], (store,), (), (carry,)
    )
    return nest(root.domain, others, (loop,))


def _running(node: Node) -> tuple[DType, Any]:
    """Return dtype and start of what is handed on along an axis."""
    dtype = node.array_type.dtype
    if isinstance(node.op.lower, Recurrence):
        start = node.op.lower.start
        is_complex = dtype.kind == "c"
        return (WHOLE[FLOAT64], complex(start, start)) if is_complex else (FLOAT64, start)
    assert isinstance(node.op.lower, Scan)
    if node.op.lower.combine == "add" and dtype.kind == "f":
        return dtype, -0.0  # the first value stays what it is: 0 + -0.0 is 0.0
    return dtype, identity(node.op.lower.combine, dtype)


def _copies_first(node: Node) -> bool:
    """Return whether a start would be seen in the first value: no complex number is neutral."""
    return isinstance(node.op.lower, Scan) and node.array_type.dtype.kind == "c"


def _following(a: Assembler, node: Node, before: Scalar, values: Sequence[Scalar]) -> Scalar:
    """Return the value after ``before``."""
    lower = node.op.lower
    if isinstance(lower, Recurrence):
        return lower.step(a.b, before, *values)
    assert isinstance(lower, Scan)
    return a.b.apply(combination(lower.combine), before, *values)


def _boxes(a: Assembler, root: Root) -> tuple[Statement, ...]:
    node, target = root.node, a.targets[root]
    lower = node.op.lower
    assert isinstance(lower, Boxes)
    types = [o.array_type for o in node.operands]
    pieces: Sequence[Piece] = lower.pieces(types, **dict(node.attrs))
    body: tuple[Statement, ...] = ()
    for piece in pieces[1:] if root.kind == "update" else pieces:
        body += _piece(a, root, piece, target)
    return body


def _piece(a: Assembler, root: Root, piece: Piece, target: Storage) -> tuple[Statement, ...]:
    """Loops over one operand's shape that write its elements where they belong."""
    operand = root.node.operands[piece.operand]
    shape: Shape = operand.array_type.shape
    puller = Puller(a.b, a.storages)
    ready(root, puller, (root.node, piece.operand))
    if shape == ():
        shape = root.node.array_type.shape
        value, index = puller.at(operand, ()), domain_index(shape)
    else:
        index = domain_index(shape)
        value = puller.at(operand, index)
    at: Index = index
    if piece.start:
        moved = zip(index, piece.start, piece.step, strict=True)
        at = tuple(first + step * i for i, first, step in moved)
    store = Store(target.buffer, target.place(at), value)
    return nest(shape, range(len(shape)), (store,))


def _scatter(a: Assembler, root: Root) -> tuple[Statement, ...]:
    """Copy the base if it is elsewhere, then combine the updates one after the other, in order."""
    node, target = root.node, a.targets[root]
    lower = node.op.lower
    assert isinstance(lower, Scatter)
    base, updates, *indices = node.operands
    body = () if root.kind == "update" else _piece(a, root, Piece(0, (), ()), target)
    puller = Puller(a.b, a.storages)
    for k in range(len(node.operands)):
        ready(root, puller, (node, k))
    shape = updates.array_type.shape
    index = domain_index(shape)
    attrs: dict[str, Any] = dict(node.attrs)
    operands = [Element(o.array_type, puller.reader(o)) for o in indices]
    place = lower.place(a.b, index, *operands, type=base.array_type, **attrs)
    value = puller.at(updates, index)
    if lower.combine != "assign":
        # A single update stands beside the copy of the base, and adjacent stores are made at once:
        # it reads the base itself.
        is_single = all(dim == 1 for dim in shape)
        load = a.b.load(target.buffer, target.place(place), value.dtype)
        before = puller.at(base, place) if is_single else load
        value = a.b.apply(combination(lower.combine), before, value)
    store = Store(target.buffer, target.place(place), value)
    return body + nest(shape, range(len(shape)), (store,))
