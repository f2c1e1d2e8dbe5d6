"""Roots: the nodes of a graph that are computed by loops or steps of their own."""

from __future__ import annotations

from dataclasses import dataclass, field

from tracegraph.codegen.pull import FEW, is_pulled
from tracegraph.codegen.storage import domain_index
from tracegraph.ir.graph import Node
from tracegraph.ir.loops import PLACES
from tracegraph.ir.lowering import (
    Boxes,
    Contract,
    Fold,
    Index,
    Piece,
    Pull,
    Recurrence,
    Scan,
    Scatter,
)
from tracegraph.ir.size_values import typical
from tracegraph.ir.sizes import Dim, product
from tracegraph.ir.types import ArrayType, Shape

PRODUCT, GEMM, STEP = "product", "gemm", "step"

SMALL_PRODUCT = 4096
"""Matrix products of fewer multiplications are loops: a call of BLAS costs more."""

THIN = 8
"""A vector times a matrix with fewer rows or columns is a loop: that is no slower, and fuses."""


@dataclass(eq=False)
class Root:
    """A node that is computed by loops of its own.

    Parameters
    ----------
    node : Node
        What is computed.
    kind : str
        map, copy (of the node itself), fold, product, scan, boxes, scatter, update (either of the
        two into memory that holds the first operand already); gemm or step for what is no kernel.
    domain : tuple of int or Size
        The shape that its loops run over.
    kept : tuple of int
        The axes of the domain that index the result: all but those a reduction combines.
    cone : list of (domain, Node, index)
        The elements that are computed on the way, users before what they use.
    reads : list of (Node, index)
        The elements of other roots that are read.
    after : set of Node
        What counts the sizes that it mentions.
    relies : bool
        Whether it reads or writes at places that only the guards before it make safe.
    """

    node: Node
    kind: str
    domain: Shape = ()
    kept: tuple[int, ...] = ()
    cone: list[tuple[object, Node, Index]] = field(default_factory=list)
    reads: list[tuple[Node, Index]] = field(default_factory=list)
    after: set[Node] = field(default_factory=set)
    relies: bool = False

    @property
    def index(self) -> Index:
        return domain_index(self.domain)


def copy_of(node: Node) -> Root:
    """Return the root that copies a node's elements elsewhere."""
    shape = node.array_type.shape
    return Root(node, "copy", shape, tuple(range(len(shape))))


def update_of(node: Node) -> Root:
    """Return the root that writes what a node changes into its first operand's memory."""
    return Root(node, "update")


def is_update(node: Node, base: Node) -> bool:
    """Return whether a node is ``base`` with something written into it, at distinct places."""
    if not isinstance(node.op.lower, Boxes | Scatter) or node.operands[0] is not base:
        return False
    if isinstance(node.op.lower, Scatter):
        return not any(place.array_type.shape for place in node.operands[2:])
    pieces = node.op.lower.pieces([o.array_type for o in node.operands], **dict(node.attrs))
    ndim = node.array_type.ndim
    whole = Piece(0, (0,) * ndim, (1,) * ndim)
    return node.type == base.type and pieces[0] == whole and all(p.operand for p in pieces[1:])


def root_of(node: Node) -> Root:
    """Return how a node is computed by loops, or by a step that is no kernel."""
    if not _is_native(node):
        return Root(node, STEP)
    lower, shape = node.op.lower, node.array_type.shape
    every = tuple(range(len(shape)))
    if is_pulled(node):
        return Root(node, "map", shape, every)
    if isinstance(lower, Fold):
        domain = node.operands[0].array_type.shape
        axes = dict(node.attrs)["axes"]
        return Root(node, "fold", domain, tuple(a for a in range(len(domain)) if a not in axes))
    if isinstance(lower, Contract):
        return _contraction(node)
    kinds = {Scan: "scan", Recurrence: "scan", Boxes: "boxes", Scatter: "scatter"}
    return Root(node, kinds.get(type(lower), STEP), shape, every)


def _contraction(node: Node) -> Root:
    """Return how a matrix product is computed: by BLAS where it is large enough, else by loops."""
    type = node.array_type
    *batch, m, n = type.shape
    k = node.operands[0].array_type.shape[-1]
    work = product((*batch, m, n, k))
    small = isinstance(work, int) and work <= SMALL_PRODUCT
    thin = type.dtype.kind == "c" and isinstance(k, int) and k <= FEW
    by_vector = 1 in (m, n) and _is_small_matrix(n if m == 1 else m, k)
    outer = k == 1 and any(winning(node))
    if type.dtype.kind not in "fc" or by_vector or small or thin or outer:
        return loops_of(node)
    return Root(node, GEMM)


def winning(node: Node) -> tuple[bool, bool]:
    """Return of which factors of a matrix product the zeros win."""
    zeros: tuple[bool, bool] = dict(node.attrs).get("zeros", (False, False))
    return zeros


def _is_small_matrix(m: Dim, k: Dim) -> bool:
    """Return whether a matrix that is multiplied by a vector is small, as far as is known."""
    rows, columns = typical(m), typical(k)
    known = [length for length in (rows, columns) if length is not None]
    small = rows is not None and columns is not None and rows * columns <= SMALL_PRODUCT
    return small or min(known, default=THIN) < THIN


def loops_of(node: Node) -> Root:
    """Return the root that computes a matrix product by loops."""
    shape = node.array_type.shape
    domain = (*shape, node.operands[0].array_type.shape[-1])
    return Root(node, PRODUCT, domain, tuple(range(len(shape))))


def matrix_by_vector(root: Root) -> Node | None:
    """Return the matrix, where BLAS would multiply one by a vector."""
    if root.kind != GEMM:
        return None
    x, y = root.node.operands
    *_, m, n = root.node.array_type.shape
    return x if n == 1 else y if m == 1 else None


def _is_native(node: Node) -> bool:
    types = (node.type, *(o.type for o in node.operands))
    if not all(isinstance(t, ArrayType) for t in types):
        return False
    lower = node.op.lower
    if isinstance(lower, Fold) and lower.combine in PLACES:
        return node.operands[0].array_type.dtype.kind != "c"
    return not isinstance(lower, Pull) or is_pulled(node)
