"""The standard's extension for linear algebra; four of its functions are in the main namespace."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np

from tracegraph.array_api.signatures import (
    Axes,
    Contraction,
    DType,
    Product,
    Unary,
    Vectors,
    of_tensors,
)
from tracegraph.dispatch import apply
from tracegraph.tensor import Tensor, wrap

__all__ = [
    "cholesky", "cross", "det", "diagonal", "eig", "eigh", "eigvals", "eigvalsh", "inv", "matmul",
    "matrix_norm", "matrix_power", "matrix_rank", "matrix_transpose", "outer", "pinv", "qr",
    "slogdet", "solve", "svd", "svdvals", "tensordot", "trace", "vecdot", "vector_norm",
]  # fmt: skip

MatrixNorm = float | Literal["fro", "nuc"]

matmul: Product = of_tensors(np.matmul)
matrix_transpose: Unary = of_tensors(np.matrix_transpose)
tensordot: Contraction = of_tensors(np.tensordot)
vecdot: Vectors = of_tensors(np.vecdot)

cross: Vectors = of_tensors(np.linalg.cross)
det: Unary = of_tensors(np.linalg.det)
eigvalsh: Unary = of_tensors(np.linalg.eigvalsh)
inv: Unary = of_tensors(np.linalg.inv)
outer: Product = of_tensors(np.linalg.outer)
solve: Product = of_tensors(np.linalg.solve)
svdvals: Unary = of_tensors(np.linalg.svdvals)


class Eigen(NamedTuple):
    """What ``eig`` and ``eigh`` give."""

    eigenvalues: Tensor
    eigenvectors: Tensor


class QR(NamedTuple):
    """What ``qr`` gives."""

    Q: Tensor
    R: Tensor


class SignAndLogarithm(NamedTuple):
    """What ``slogdet`` gives."""

    sign: Tensor
    logabsdet: Tensor


class SVD(NamedTuple):
    """What ``svd`` gives."""

    U: Tensor
    S: Tensor
    Vh: Tensor


def cholesky(x: Tensor, /, *, upper: bool = False) -> Tensor:
    """Return the triangular factors of positive definite matrices."""
    factors: Tensor = wrap(apply(np.linalg.cholesky, x, upper=upper))
    return factors


def diagonal(x: Tensor, /, *, offset: int = 0) -> Tensor:
    """Return the diagonals of matrices, as a view."""
    view: Tensor = wrap(apply(np.diagonal, x, offset, -2, -1))
    return view


def trace(x: Tensor, /, *, offset: int = 0, dtype: DType | None = None) -> Tensor:
    """Return the sums of the diagonals of matrices."""
    sums: Tensor = wrap(apply(np.trace, x, offset, -2, -1, dtype))
    return sums


def eig(x: Tensor, /) -> Eigen:
    """Return eigenvalues and eigenvectors of square matrices: complex, also where all are real.

    Examples
    --------
    >>> from tracegraph import array_api as xp
    >>> xp.linalg.eig(xp.asarray([[2.0, 0.0], [0.0, 3.0]])).eigenvalues
    Tensor([2.+0.j, 3.+0.j], dtype=complex128)
    """
    values, vectors = apply(np.linalg.eig, x)
    return Eigen(_complex(values), _complex(vectors))


def eigvals(x: Tensor, /) -> Tensor:
    """Return the eigenvalues of square matrices: complex, also where all are real."""
    return _complex(apply(np.linalg.eigvals, x))


def _complex(values: Any) -> Tensor:
    return Tensor(values.astype(np.result_type(values.dtype, np.complex64), copy=False))


def eigh(x: Tensor, /) -> Eigen:
    """Return eigenvalues and eigenvectors of symmetric or Hermitian matrices."""
    return Eigen(*wrap(apply(np.linalg.eigh, x)))


def matrix_norm(x: Tensor, /, *, keepdims: bool = False, ord: MatrixNorm = "fro") -> Tensor:
    """Return a norm of matrices."""
    norms: Tensor = wrap(apply(np.linalg.matrix_norm, x, keepdims=keepdims, ord=ord))
    return norms


def vector_norm(
    x: Tensor, /, *, axis: Axes | None = None, keepdims: bool = False, ord: float = 2
) -> Tensor:
    """Return a norm of vectors along some axes, of all elements if there is none given."""
    norms: Tensor = wrap(apply(np.linalg.vector_norm, x, axis=axis, keepdims=keepdims, ord=ord))
    return norms


def matrix_power(x: Tensor, n: int, /) -> Tensor:
    """Return the product of ``n`` times the same square matrices."""
    power: Tensor = wrap(apply(np.linalg.matrix_power, x, n))
    return power


def matrix_rank(x: Tensor, /, *, rtol: float | Tensor | None = None) -> Tensor:
    """Return how many singular values are larger than ``rtol`` times the largest."""
    ranks: Tensor = wrap(apply(np.linalg.matrix_rank, x, rtol=rtol))
    return ranks


def pinv(x: Tensor, /, *, rtol: float | Tensor | None = None) -> Tensor:
    """Return pseudo-inverses, in which small singular values count as zero."""
    inverses: Tensor = wrap(apply(np.linalg.pinv, x, rtol=rtol))
    return inverses


def qr(x: Tensor, /, *, mode: Literal["reduced", "complete"] = "reduced") -> QR:
    """Return factors of matrices: one with orthonormal columns, one upper triangular."""
    return QR(*wrap(apply(np.linalg.qr, x, mode=mode)))


def slogdet(x: Tensor, /) -> SignAndLogarithm:
    """Return the sign of determinants, and the logarithm of their absolute value."""
    return SignAndLogarithm(*wrap(apply(np.linalg.slogdet, x)))


def svd(x: Tensor, /, *, full_matrices: bool = True) -> SVD:
    """Return singular values, and the orthonormal factors to both sides of them."""
    return SVD(*wrap(apply(np.linalg.svd, x, full_matrices=full_matrices)))
