"""A group of roots -> the loop program of one kernel."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tracegraph.codegen.demand import product_indices
from tracegraph.codegen.groups import Group, Member
from tracegraph.codegen.plan import PlanBuffer
from tracegraph.codegen.pull import Puller, accumulated
from tracegraph.codegen.roots import PRODUCT, Root, winning
from tracegraph.codegen.storage import Storage, domain_index
from tracegraph.ir.graph import Node
from tracegraph.ir.loops import (
    PLACES,
    Buffer,
    Fold,
    For,
    Program,
    Statement,
    Store,
    fold_leaf,
    scalars,
    statements,
)
from tracegraph.ir.lowering import Fold as FoldLowering
from tracegraph.ir.lowering import Index
from tracegraph.ir.scalar import Scalar, ScalarBuilder
from tracegraph.ir.sizes import Dim, Size, Symbol
from tracegraph.ir.types import DType, Shape


@dataclass(eq=False)
class Assembler:
    """Builds the program of a group.

    Parameters
    ----------
    storages : mapping of Node to Storage
        Where stored nodes are; a reduction that only its own group uses is nowhere.
    targets : mapping of Root to Storage
        Where each root writes.
    """

    storages: Mapping[Node, Storage]
    targets: Mapping[Root, Storage]
    b: ScalarBuilder = field(default_factory=ScalarBuilder)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def program(
        self, name: str, body: Sequence[Statement], buffers: Mapping[str, PlanBuffer]
    ) -> Program:
        """Return a program of statements that were built here."""
        bare = Program(name, (), tuple(body), self.b.indices)
        names: dict[str, None] = {s.attr("buffer"): None for s in scalars(bare) if s.op == "load"}
        for statement in statements(bare.body):
            if isinstance(statement, Store):
                names[statement.buffer] = None
        return Program(
            name, tuple(Buffer(n, buffers[n].dtype) for n in names), bare.body, bare.indices
        )

    def copied(self, node: Node, target: Storage) -> tuple[Statement, ...]:
        """Return the loops that copy a stored node elsewhere."""
        shape = node.array_type.shape
        index = domain_index(shape)
        value = Puller(self.b, self.storages).at(node, index)
        return nest(shape, range(len(shape)), (Store(target.buffer, target.place(index), value),))

    # ---- groups of maps and reductions

    def group(self, group: Group) -> tuple[Statement, ...]:
        """Return the statements of a group: loops over rows, and the passes inside."""
        known: dict[tuple[Node, Index], Scalar] = {}
        body: list[Statement] = []
        for turn in range(1 + max(m.turn for m in group.members)):
            members = [m for m in group.members if m.turn == turn]
            body += self._pass(group, [m for m in members if not m.row], known)
            body += self._rows(group, [m for m in members if m.row], known)
        axes = group.kept
        first = next((m.root for m in group.members if m.root in self.targets), None)
        if first is not None and not group.reduces:
            axes = _loop_order(axes, self.targets[first])
        return nest(group.domain, axes, body)

    def _pass(
        self, group: Group, members: Sequence[Member], known: dict[tuple[Node, Index], Scalar]
    ) -> list[Statement]:
        """Return the loops over the combined axes, with the stores and folds of one pass."""
        puller = Puller(self.b, self.storages, dict(known))
        stores, folds = [], []
        for member in members:
            root = member.root
            value = self._value(root, puller, group.index)
            if root.kind in ("fold", PRODUCT):
                folds.append((root, self._fold(root, value)))
            else:
                puller.known[root.node, group.index] = value
                target = self.targets[root]
                stores.append(Store(target.buffer, target.place(group.index), value))
        results = [fold.result for _, fold in folds]
        loops, totals = self._folding(group, stores, [fold for _, fold in folds])
        body: list[Statement] = list(loops)
        for (root, _), total in zip(folds, totals or results, strict=True):
            body += self._keep_row(root, total, group.row_index, known)
        return body

    def _rows(
        self, group: Group, members: Sequence[Member], known: dict[tuple[Node, Index], Scalar]
    ) -> list[Statement]:
        body: list[Statement] = []
        for member in members:
            puller = Puller(self.b, self.storages, dict(known))
            value = self._value(member.root, puller, group.row_index)
            body += self._keep_row(member.root, value, group.row_index, known)
        return body

    def _keep_row(
        self,
        root: Root,
        value: Scalar,
        index: Index,
        known: dict[tuple[Node, Index], Scalar],
    ) -> list[Statement]:
        if root.kind != "copy":
            value = self.b.cast(value, root.node.array_type.dtype)
            known[root.node, index] = value
        target = self.targets.get(root)
        return [] if target is None else [Store(target.buffer, target.place(index), value)]

    def _value(self, root: Root, puller: Puller, index: Index) -> Scalar:
        """Return the element that a root stores or combines, computed without deep recursion."""
        ready(root, puller, root.domain)
        node = root.node
        if root.kind == "map":
            return puller.computed(node, index)
        if root.kind == "copy":
            return puller.at(node, index)
        if root.kind == PRODUCT:
            places = product_indices(index)
            factors = [puller.at(x, at) for x, at in zip(node.operands, places, strict=True)]
            return self._term(factors, winning(node))
        lower = node.op.lower
        assert isinstance(lower, FoldLowering)
        value = puller.at(node.operands[0], index)
        return accumulated(self.b, lower.combine, value, node.array_type.dtype)

    def _term(self, factors: Sequence[Scalar], zeros: Sequence[bool]) -> Scalar:
        """Return the product of two elements, or zero where that of a factor wins."""
        word = "bitwise_and" if factors[0].dtype.kind == "b" else "multiply"
        term = self.b.apply(word, *factors)
        for factor, wins in zip(factors, zeros, strict=True):
            if wins:
                zero = self.b.const(0, factor.dtype)
                term = self.b.select(self.b.apply("equal", factor, zero), zero, term)
        return term

    def _fold(self, root: Root, value: Scalar) -> Fold:
        lower = root.node.op.lower
        combine = lower.combine if isinstance(lower, FoldLowering) else "add"
        if value.dtype.kind == "b" and combine not in PLACES:
            combine = {"add": "logical_or", "maximum": "logical_or", "minimum": "logical_and",
                       "multiply": "logical_and"}.get(combine, combine)  # fmt: skip
        place = None
        if combine in PLACES:
            axis = next(a for a in range(len(root.domain)) if a not in root.kept)
            place = self.b.size(root.index[axis])
        return Fold(combine, value, self._leaf(combine, value.dtype), place)

    def _leaf(self, combine: str, dtype: DType) -> Scalar:
        return fold_leaf(self.b, f"r{next(self._numbers)}", combine, dtype)

    def _folding(
        self, group: Group, stores: Sequence[Store], folds: Sequence[Fold]
    ) -> tuple[tuple[Statement, ...], list[Scalar]]:
        """Return nested loops over the combined axes: folds of folds."""
        body: tuple[Statement, ...] = tuple(stores)
        totals: list[Scalar] = []
        current = list(folds)
        axes = [axis for axis in group.inner if group.domain[axis] != 1]
        for axis in reversed(axes):
            body = (For(_symbol(group.index[axis]), group.domain[axis], body, tuple(current)),)
            totals = [f.result for f in current]
            current = [
                Fold(f.combine, f.result, self._leaf(f.combine, f.value.dtype)) for f in current
            ]
        if not axes and folds:
            # Every combined axis has length 1: its only element is the result.
            totals = [self.b.const(0, f.result.dtype) if f.place is not None else f.value
                      for f in folds]  # fmt: skip
        return body, totals


def ready(root: Root, puller: Puller, domain: object) -> None:
    """Compute what a root needs, operands first, so that no rule recurses deeply."""
    for where, node, index in reversed(root.cone):
        if where == domain:
            puller.at(node, index)


def nest(domain: Shape, axes: Iterable[int], body: Sequence[Statement]) -> tuple[Statement, ...]:
    """Return loops over some axes of a domain, the first outermost, around statements."""
    inner = tuple(body)
    for axis in reversed(tuple(axes)):
        if domain[axis] != 1:
            inner = (For(Symbol(f"i{axis}", bound=domain[axis]), domain[axis], inner),)
    return inner


def _symbol(index: Dim) -> Symbol:
    assert isinstance(index, Size)
    symbol = index.terms[0][0][0]
    assert isinstance(symbol, Symbol)
    return symbol


def _loop_order(axes: Sequence[int], target: Storage) -> tuple[int, ...]:
    """Return axes with those last in memory innermost; equal to C order for C-contiguous memory."""
    strides = target.strides
    if 1 not in strides:
        return tuple(axes)
    return tuple(sorted(axes, key=lambda axis: _rank(strides[axis]), reverse=True))


def _rank(stride: Dim) -> tuple[int, int]:
    """Order strides: constants by size below symbolic ones, those by their number of factors."""
    if isinstance(stride, int):
        return 0, stride
    return max(len(m) for m, _ in stride.terms), max(abs(f) for _, f in stride.terms)
