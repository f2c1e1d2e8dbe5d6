"""Who needs which element of which node: one walk over a graph, from the outputs up.

The walk decides what is stored. A node's users are all visited before the node, so when its turn
comes every place at which it is needed is known: it is stored if it cannot be pulled, or if being
computed at each of these places costs more than memory does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from tracegraph.codegen.matrices import matrix_of
from tracegraph.codegen.pull import Element, element, is_pulled
from tracegraph.codegen.roots import (
    GEMM,
    PRODUCT,
    STEP,
    Root,
    loops_of,
    matrix_by_vector,
    root_of,
)
from tracegraph.codegen.storage import Storage, domain_index, strides_of
from tracegraph.ir.bodies import has_effect
from tracegraph.ir.counted import counters, mentioned
from tracegraph.ir.graph import Graph, Node
from tracegraph.ir.lowering import Fold, Index, Recurrence, Scan, Scatter
from tracegraph.ir.scalar import Scalar, ScalarBuilder
from tracegraph.ir.sizes import Call, Size, Symbol, product, symbols
from tracegraph.ir.types import ArrayType, Shape

COSTLY = 24
"""So many scalar operations recomputed are dearer than storing and reading a value."""

Place: TypeAlias = "tuple[object, Index]"
"""A domain of loops, and an index in terms of it."""


@dataclass(eq=False)
class Demands:
    """The places where each node is needed.

    Parameters
    ----------
    graph : Graph
        The graph that is scheduled.
    forced : set of Node
        Nodes that must be stored whatever the walk thinks; it adds those that steps need.
    storages : mapping of Node to Storage
        Where what is in memory already is; what will be stored lies in its own order.
    """

    graph: Graph
    forced: set[Node]
    storages: Mapping[Node, Storage]
    roots: list[Root] = field(default_factory=list)
    weights: dict[Node, tuple[int, bool]] = field(default_factory=dict)
    counters: dict[Symbol, Node] = field(default_factory=dict)
    _probe: ScalarBuilder = field(default_factory=ScalarBuilder)
    _places: dict[Node, dict[Place, set[Root]]] = field(default_factory=dict)

    def walk(self, tops: Iterable[Root]) -> None:
        """Find the roots in topological order, the given ``tops`` after all others."""
        self._weigh()
        self.counters = counters(self.graph)
        late, found = list(tops), []
        for root in late:
            self._enter(root)
        for node in reversed(self.graph.nodes):
            places = self._places.get(node, {})
            if not places and node not in self.forced and not has_effect(node):
                continue
            if is_pulled(node) and node not in self.forced and not self._is_dear(node, places):
                self._inline(node, places)
            else:
                found.append(self._root(node))
                self._note_reads(node, places)
                self._enter(found[-1])
        for param in self.graph.params:
            self._note_reads(param, self._places.get(param, {}))
        self.roots = [*reversed(found), *late]

    def _order(self, node: Node, roots: Iterable[Root], computed: int) -> None:
        """Let roots come after what counts the sizes, and checks the places, that a node needs.

        ``computed`` says how many places that depend on data were met before the node was read.
        """
        found: set[Node] = set()
        if self.counters:
            sizes = {s for one in (node, *node.operands) for s in mentioned(one)}
            found = {self.counters[s] for s in sizes & self.counters.keys()} - {node}
            self.forced.update(found)
        scatters = isinstance(node.op.lower, Scatter)
        if found or scatters or len(self._probe.indices) > computed:
            for root in roots:
                root.after.update(found)
                root.relies = True

    def _note_reads(self, node: Node, places: dict[Place, set[Root]]) -> None:
        for (_, index), users in places.items():
            for root in users:
                root.reads.append((node, index))

    def _weigh(self) -> None:
        """Estimate how much computing one element costs, and whether by elementary functions."""
        for node in self.graph:
            if not is_pulled(node) or node in self.forced:
                continue
            known = [self.weights.get(o, (1, False)) for o in node.operands]
            cost = 1 + sum(w for w, _ in known)
            heavy = node.op.heavy or any(h for _, h in known)
            self.weights[node] = min(cost, 10**6), heavy

    def _is_dear(self, node: Node, places: dict[Place, set[Root]]) -> bool:
        """Return whether computing a node wherever it is needed is dearer than storing it."""
        cost, heavy = self.weights[node]
        extra = len(places) - 1
        if extra > 0 and (heavy or cost * extra > COSTLY):
            return True
        return heavy and any(self._repeats(node, place) for place in places)

    def _repeats(self, node: Node, place: Place) -> bool:
        """Return whether a value would be computed again and again by an outer loop."""
        domain, index = place
        if not isinstance(domain, tuple) or domain in ((), index):
            return False
        if _is_stretched(node.array_type.shape, _looped(domain), index):
            return True
        used = {s.name for dim in index for s in symbols(dim)}
        axes = [axis for axis in range(len(domain)) if f"i{axis}" in used]
        skipped = [axis for axis in range(len(domain)) if axis not in axes and domain[axis] != 1]
        return bool(axes) and bool(skipped) and min(skipped) < max(axes)

    def _need(self, node: Node, place: Place, users: Iterable[Root]) -> None:
        self._places.setdefault(node, {}).setdefault(place, set()).update(users)

    def _enter(self, root: Root) -> None:
        computed = len(self._probe.indices)
        if root.kind == STEP:
            self.forced.update(o for o in root.node.operands if is_pulled(o))
        if root.kind == GEMM:
            self.forced.update(o for o in root.node.operands if self._moved_from(o) is None)
        for operand, domain, index in self._entries(root):
            self._need(operand, (domain, index), (root,))
        self._order(root.node, (root,), computed)

    def _entries(self, root: Root) -> list[tuple[Node, object, Index]]:
        """Return the elements of operands that a root's loops need, and in which domain."""
        node, index = root.node, root.index
        if root.kind == "copy":
            return [(node, root.domain, index)]
        if root.kind == "map":
            return [(o, root.domain, at) for o, at in self._read_by(node, index)[0]]
        if root.kind == PRODUCT:
            x, y = node.operands
            left, right = product_indices(index)
            return [(x, root.domain, left), (y, root.domain, right)]
        if isinstance(node.op.lower, (Fold, Scan, Recurrence)) and root.kind != STEP:
            return [(o, root.domain, index) for o in node.operands]
        return [
            (o, (node, k), domain_index(o.type.shape) if isinstance(o.type, ArrayType) else ())
            for k, o in enumerate(node.operands)
            if k or root.kind != "update"
        ]

    def _read_by(self, node: Node, index: Index) -> tuple[list[tuple[Node, Index]], Scalar]:
        """Return the elements of operands that a pulled node's rule reads, and its result."""
        found: list[tuple[Node, Index]] = []
        operands = [self._noting(operand, found) for operand in node.operands]
        return found, element(self._probe, node, index, operands)

    def _noting(self, operand: Node, found: list[tuple[Node, Index]]) -> Element:
        def read(at: Index) -> Scalar:
            found.append((operand, at))
            dtype = operand.array_type.dtype
            return self._probe.make("result", (), dtype, name=(id(operand), at))

        return Element(operand.array_type, read)

    def _moved_from(self, node: Node) -> Node | None:
        """Return the stored node, if any, whose elements a node holds elsewhere, or is."""
        while is_pulled(node) and node not in self.forced:
            found, result = self._read_by(node, domain_index(node.array_type.shape))
            if len(found) != 1 or result.op != "result":
                return None
            node = found[0][0]
        return node

    def _root(self, node: Node) -> Root:
        """Return how a node is computed; BLAS gets no matrix that would have to be made for it.

        A vector meets each element of a matrix once, which storing it would double.
        """
        root = root_of(node)
        matrix = matrix_by_vector(root)
        if matrix is None or self._is_readable(matrix):
            return root
        return loops_of(node)

    def _is_readable(self, matrix: Node) -> bool:
        """Return whether BLAS can read a matrix where it is."""
        base = self._moved_from(matrix)
        if base is None:
            return False
        made = Storage("made", strides_of(base.array_type.shape))
        return matrix_of(matrix, {base: self.storages.get(base, made)}) is not None

    def _inline(self, node: Node, places: dict[Place, set[Root]]) -> None:
        computed = len(self._probe.indices)
        for (domain, index), users in places.items():
            if not self._is_probed(index):
                for root in users:
                    root.cone.append((domain, node, index))
            for operand, at in self._read_by(node, index)[0]:
                self._need(operand, (domain, at), users)
        self._order(node, [root for users in places.values() for root in users], computed)

    def _is_probed(self, index: Index) -> bool:
        """Return whether an index holds a place that only stands in for data here."""
        return any(s in self._probe.indices for dim in index for s in symbols(dim))


def _looped(domain: tuple[Any, ...]) -> Shape:
    """Return the shape that loops run over: of boxes and scatters, that of one operand."""
    if isinstance(domain[0], Node):
        shape: Shape = domain[0].operands[domain[1]].array_type.shape
        return shape
    return domain


def _is_stretched(shape: Shape, domain: Shape, index: Index) -> bool:
    """Return whether neighbours of a loop read one element of fewer, by a quotient."""
    few, many = product(shape), product(domain)
    is_smaller = isinstance(few, int) and isinstance(many, int) and few < many
    atoms = (
        a for dim in index if isinstance(dim, Size) for monomial, _ in dim.terms for a in monomial
    )
    return is_smaller and any(isinstance(atom, Call) for atom in atoms)


def product_indices(index: Index) -> tuple[Index, Index]:
    """Return where the factors of a matrix product are read: ``index`` is batch, m, n, k."""
    *batch, m, n, k = index
    return (*batch, m, k), (*batch, k, n)
