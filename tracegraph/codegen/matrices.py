"""Matrix products as steps for BLAS: operands are read where they are, transposed or in part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tracegraph.codegen.plan import Gemm, Matrix
from tracegraph.codegen.pull import Puller
from tracegraph.codegen.roots import Root, winning
from tracegraph.codegen.storage import Storage, domain_index
from tracegraph.ir.graph import Node
from tracegraph.ir.scalar import ScalarBuilder
from tracegraph.ir.size_values import substitute
from tracegraph.ir.sizes import Dim, Symbol, coefficient, nonnegative, product, symbols
from tracegraph.ir.types import Shape


def matrix_product(
    root: Root, storages: Mapping[Node, Storage], target: Storage
) -> Gemm | set[Node]:
    """Return the step of a matrix product, or the operands that must be stored for it first."""
    node = root.node
    found = [matrix_of(o, storages) for o in node.operands]
    if any(f is None for f in found):
        return {o for o, f in zip(node.operands, found, strict=True) if f is None}
    a, b = (f for f in found if f is not None)
    *batch, m, n = node.array_type.shape
    k = node.operands[0].array_type.shape[-1]
    c = Matrix(target.buffer, 0, n, m * n, transposed=False)
    return Gemm(node.array_type.dtype, product(batch), m, n, k, a, b, c, winning(node))


def matrix_of(node: Node, storages: Mapping[Node, Storage]) -> Matrix | None:
    """Return where the matrices of a node are in memory, if they are as BLAS can read them."""
    shape = node.array_type.shape
    index = domain_index(shape)
    scalar = Puller(ScalarBuilder(), storages).at(node, index)
    if scalar.op != "load":
        return None
    offset: Dim = scalar.attr("offset")
    own = [Symbol(f"i{axis}") for axis in range(len(shape))]
    if any(s.name.startswith("at") and s not in own for s in symbols(offset)):
        return None
    strides = [coefficient(offset, s) for s in own]
    step = _step(shape[:-2], strides[:-2])
    if step is None:
        return None
    start = substitute(offset, dict.fromkeys(own, 0))
    return _oriented(scalar.attr("buffer"), start, step, shape[-2:], strides[-2:])


def _oriented(
    buffer: str, start: Dim, step: Dim, shape: Shape, strides: Sequence[Dim | None]
) -> Matrix | None:
    """Return the matrix by rows, or else by columns."""
    (m, n), (down, right) = shape, strides
    if down is None or right is None:
        return None
    if right == 1 or n == 1:
        leading = n if m == 1 else down
        return Matrix(buffer, start, leading, step, False) if _covers(leading, n) else None
    if down == 1 or m == 1:
        leading = m if n == 1 else right
        return Matrix(buffer, start, leading, step, True) if _covers(leading, m) else None
    return None


def _covers(leading: Dim, length: Dim) -> bool:
    """Return whether rows do not overlap."""
    return nonnegative(leading - length)


def _step(batch: Shape, strides: Sequence[Dim | None]) -> Dim | None:
    """Return the one distance between matrices of a stack, whose axes must be in order."""
    step: Dim = 0
    expected: Dim | None = None
    for length, stride in zip(reversed(batch), reversed(strides), strict=True):
        if length == 1:
            continue
        if stride is None or (expected is not None and stride != expected):
            return None
        step = stride if expected is None else step
        expected = stride * length
    return step
