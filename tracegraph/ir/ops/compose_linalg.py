"""Compositions that the rules of linear algebra need: parts of matrices, and what they share.

Matrices stand in the last two axes; the axes before them are a batch.
"""

from __future__ import annotations

from tracegraph.ir.graph import Value, item_types
from tracegraph.ir.ops.arithmetic import add, multiply
from tracegraph.ir.ops.broadcast import broadcast_to, full_like, sum_
from tracegraph.ir.ops.choice import select
from tracegraph.ir.ops.compare import equal, less
from tracegraph.ir.ops.complexes import complex_, conjugate, real
from tracegraph.ir.ops.compose import iota_beside
from tracegraph.ir.ops.control import item
from tracegraph.ir.ops.family import INEXACT, type_error
from tracegraph.ir.ops.linalg import matmul, matrix_transpose
from tracegraph.ir.types import PART, ArrayType, DType


def adjoint(x: Value) -> Value:
    """Return the conjugate transpose."""
    turned = matrix_transpose(x)
    out: Value = conjugate(turned) if x.dtype.kind == "c" else turned
    return out


def products(*matrices: Value) -> Value:
    """Return the product of matrices, from the left."""
    out = matrices[0]
    for matrix in matrices[1:]:
        out = matmul(out, matrix)
    return out


def real_part(x: Value) -> Value:
    """Return the real part, also of what is real."""
    out: Value = real(x) if x.dtype.kind == "c" else x
    return out


def as_dtype_of(x: Value, like: Value) -> Value:
    """Return real numbers in the dtype of ``like``, which may be complex."""
    out: Value = complex_(x, full_like(x, 0)) if like.dtype != x.dtype else x
    return out


def _places(x: Value) -> tuple[Value, Value]:
    return iota_beside(x, x.shape, x.ndim - 2), iota_beside(x, x.shape, x.ndim - 1)


def is_diagonal(x: Value) -> Value:
    """Return where the diagonal is."""
    out: Value = equal(*_places(x))
    return out


def where(mask: Value, x: Value) -> Value:
    """Return ``x`` where a mask holds, else 0."""
    out: Value = select(mask, x, full_like(x, 0))
    return out


def strictly_lower(x: Value) -> Value:
    """Return what is below the diagonal, with zeros elsewhere."""
    rows, columns = _places(x)
    return where(less(columns, rows), x)


def diagonal_matrix(x: Value) -> Value:
    """Return the diagonal in its place, with zeros elsewhere."""
    return where(is_diagonal(x), x)


def diagonal(x: Value) -> Value:
    """Return the diagonal as a vector."""
    out: Value = sum_(diagonal_matrix(x), axes=(x.ndim - 2,))
    return out


def trace(x: Value) -> Value:
    """Return the sum of the diagonal."""
    out: Value = sum_(diagonal_matrix(x), axes=(x.ndim - 2, x.ndim - 1))
    return out


def in_rows(vector: Value, like: Value) -> Value:
    """Return a vector repeated in every row: ``out[i, j] = vector[j]``."""
    axes = (*range(like.ndim - 2), like.ndim - 1)
    out: Value = broadcast_to(vector, shape=like.shape, axes=axes)
    return out


def in_columns(vector: Value, like: Value) -> Value:
    """Return a vector repeated in every column: ``out[i, j] = vector[i]``."""
    out: Value = broadcast_to(vector, shape=like.shape, axes=tuple(range(like.ndim - 1)))
    return out


def scale_columns(x: Value, factors: Value) -> Value:
    """Return a matrix times a diagonal matrix, whose diagonal is real or of its dtype."""
    out: Value = multiply(x, in_rows(as_dtype_of(factors, x), x))
    return out


def hermitian(x: Value, lower: bool) -> Value:
    """Return the Hermitian matrix of which NumPy reads one triangle."""
    read = x if lower else adjoint(x)
    below = strictly_lower(read)
    parts = diagonal_matrix(as_dtype_of(real_part(read), read))
    out: Value = add(add(below, adjoint(below)), parts)
    return out


# -- what the operations share ------------------------------------------------------------------


def part_of(dtype: DType) -> DType:
    """Return the dtype of the parts of a complex number, or a real dtype itself."""
    return PART.get(dtype, dtype)


def check_matrices(name: str, x: ArrayType, *, square: bool = False) -> None:
    """Raise unless a type is that of matrices of inexact numbers."""
    if x.ndim < 2 or x.dtype.kind not in INEXACT:
        raise type_error(name, "matrices of inexact numbers", x)
    if square and x.shape[-1] != x.shape[-2]:
        raise type_error(name, "square matrices", x)


def results_of(whole: Value) -> list[Value]:
    """Return the results of an operation that has several."""
    return [item(whole, index=index) for index in range(len(item_types(whole.node.type)))]
