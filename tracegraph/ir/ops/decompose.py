"""Decompositions of matrices, by the kernels of ``numpy.linalg``.

The axes before a matrix are a batch. Derivatives are those of Giles (2008), "Collected matrix
derivative results for forward and reverse mode algorithmic differentiation"; the one of Cholesky's
is Murray's (2016), those of complex singular vectors Wan and Zhang's (2019). They are not finite
where eigenvalues or singular values are equal.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tracegraph.ir.errors import DifferentiationError
from tracegraph.ir.graph import Op, Tangent, Value
from tracegraph.ir.ops.arithmetic import add, divide, multiply, reciprocal, square, subtract, times
from tracegraph.ir.ops.boxes import concatenate
from tracegraph.ir.ops.broadcast import full_like
from tracegraph.ir.ops.choice import select
from tracegraph.ir.ops.complexes import complex_, imag
from tracegraph.ir.ops.compose import take_axis
from tracegraph.ir.ops.compose_linalg import (
    adjoint,
    as_dtype_of,
    check_matrices,
    diagonal,
    diagonal_matrix,
    hermitian,
    in_columns,
    in_rows,
    is_diagonal,
    part_of,
    products,
    real_part,
    results_of,
    scale_columns,
    strictly_lower,
)
from tracegraph.ir.ops.linalg import matmul
from tracegraph.ir.ops.solve import inv, on_matrices, tangent_of, without
from tracegraph.ir.sizes import minimum
from tracegraph.ir.types import ArrayType, TupleType


def _arrays(results: Any) -> tuple[Any, ...]:
    return tuple(map(np.asarray, results))


# -- Cholesky -----------------------------------------------------------------------------------


def _cholesky_type(a: ArrayType, *, upper: bool) -> ArrayType:
    del upper
    check_matrices("cholesky", a, square=True)
    return a


def _cholesky_jvp(
    primals: Sequence[Value], tangents: Sequence[Tangent], out: Value, *, upper: bool
) -> Tangent:
    del primals
    change = hermitian(tangent_of(tangents), lower=not upper)
    factor = adjoint(out) if upper else out
    inverse = inv(factor)
    middle = products(inverse, change, adjoint(inverse))
    halves = add(strictly_lower(middle), times(diagonal_matrix(middle), 0.5))
    moved = matmul(factor, halves)
    return adjoint(moved) if upper else moved


cholesky: Op = on_matrices(
    "cholesky",
    lambda a, *, upper: np.linalg.cholesky(a, upper=True) if upper else np.linalg.cholesky(a),
    _cholesky_type,
    jvp=_cholesky_jvp,
)
"""``cholesky(a, upper=)``: the triangular factor of Hermitian matrices.

NumPy reads one triangle of the matrix, so only its elements have derivatives.
"""


# -- eigenvalues of Hermitian matrices ----------------------------------------------------------


def _eigh_type(a: ArrayType, *, lower: bool) -> TupleType:
    del lower
    check_matrices("eigh", a, square=True)
    return TupleType((ArrayType(part_of(a.dtype), a.shape[:-1]), a))


def _gaps(values: Value, like: Value) -> Value:
    """Return ``1 / (values[j] - values[i])``, and 0 on the diagonal."""
    gaps = subtract(in_rows(values, like), in_columns(values, like))
    on = is_diagonal(gaps)
    safe = select(on, full_like(gaps, 1), gaps)
    out: Value = select(on, full_like(gaps, 0), reciprocal(safe))
    return out


def _eigh_jvp(
    primals: Sequence[Value], tangents: Sequence[Tangent], out: Value, *, lower: bool
) -> Any:
    del primals
    values, vectors = results_of(out)
    change = products(adjoint(vectors), hermitian(tangent_of(tangents), lower), vectors)
    turn = multiply(as_dtype_of(_gaps(values, change), change), change)
    return [real_part(diagonal(change)), matmul(vectors, turn)]


eigh: Op = on_matrices(
    "eigh",
    lambda a, *, lower: _arrays(np.linalg.eigh(a, "L" if lower else "U")),
    _eigh_type,
    jvp=_eigh_jvp,
)
"""``eigh(a, lower=)``: eigenvalues, ascending, and eigenvectors; of one triangle of the matrix."""


def _eigvalsh_jvp(
    primals: Sequence[Value], tangents: Sequence[Tangent], out: Value, *, lower: bool
) -> Tangent:
    del out
    _, vectors = results_of(eigh(primals[0], lower=lower))
    change = products(adjoint(vectors), hermitian(tangent_of(tangents), lower), vectors)
    return real_part(diagonal(change))


eigvalsh: Op = on_matrices(
    "eigvalsh",
    lambda a, *, lower: np.linalg.eigvalsh(a, "L" if lower else "U"),
    lambda a, *, lower: _eigh_type(a, lower=lower).items[0],
    jvp=_eigvalsh_jvp,
)
"""``eigvalsh(a, lower=)``: the eigenvalues alone, which NumPy computes in another way."""


# -- QR -----------------------------------------------------------------------------------------


def _qr_type(a: ArrayType) -> TupleType:
    check_matrices("qr", a)
    *batch, m, n = a.shape
    k = minimum(m, n)
    return TupleType((a.with_shape((*batch, m, k)), a.with_shape((*batch, k, n))))


def _qr_jvp(primals: Sequence[Value], tangents: Sequence[Tangent], out: Value) -> Any:
    """Of the first square of a wide matrix, whose other columns are only turned."""
    del primals
    (q, r), change = results_of(out), tangent_of(tangents)
    count = q.shape[-1]
    is_wide = r.shape[-1] != count
    dq, dr = _qr_tangents(q, columns(r, 0, count), columns(change, 0, count))
    if is_wide:
        rest = r.shape[-1] - count
        turned = matmul(adjoint(dq), matmul(q, columns(r, count, rest)))
        moved = matmul(adjoint(q), columns(change, count, rest))
        dr = concatenate(dr, add(turned, moved), axis=dr.ndim - 1)
    return [dq, dr]


def columns(x: Value, start: Any, count: Any) -> Value:
    """Return some columns of matrices."""
    return x if count == x.shape[-1] else take_axis(x, x.ndim - 1, start, count)


def _qr_tangents(q: Value, r: Value, change: Value) -> tuple[Value, Value]:
    scaled = matmul(change, inv(r))
    inside = matmul(adjoint(q), scaled)
    lower = strictly_lower(inside)
    turn = subtract(lower, adjoint(lower))
    if inside.dtype.kind == "c":
        angles = imag(diagonal_matrix(inside))
        turn = add(turn, complex_(full_like(angles, 0), angles))
    dq: Value = add(matmul(q, subtract(turn, inside)), scaled)
    return dq, matmul(subtract(inside, turn), r)


qr: Op = on_matrices("qr", lambda a: _arrays(np.linalg.qr(a)), _qr_type, jvp=_qr_jvp)
"""``qr(a)``: the reduced factors: orthonormal columns, and an upper triangle."""


# -- singular values ----------------------------------------------------------------------------


def _svd_type(a: ArrayType, *, full: bool) -> TupleType:
    check_matrices("svd", a)
    *batch, m, n = a.shape
    k = minimum(m, n)
    left, right = (m, n) if full else (k, k)
    u, vh = a.with_shape((*batch, m, left)), a.with_shape((*batch, right, n))
    return TupleType((u, ArrayType(part_of(a.dtype), (*batch, k)), vh))


def _svd_jvp(
    primals: Sequence[Value], tangents: Sequence[Tangent], out: Value, *, full: bool
) -> Any:
    (a,), change = primals, tangent_of(tangents)
    u, s, vh = results_of(out)
    if full and a.shape[-1] != a.shape[-2]:
        raise DifferentiationError(
            "np.linalg.svd of matrices that are not square has no derivative where it gives full "
            f"bases, which are not unique{_at(out)}; give it full_matrices=False"
        )
    v = adjoint(vh)
    inside = products(adjoint(u), change, v)
    scaled = scale_columns(inside, s)  # dP S
    other = scale_columns(adjoint(inside), s)  # dP^H S
    gaps = as_dtype_of(_gaps(square(s), inside), inside)
    turn_u = multiply(gaps, add(scaled, adjoint(scaled)))
    turn_v = multiply(gaps, add(other, adjoint(other)))
    if inside.dtype.kind == "c":
        turn_u = add(turn_u, _phases(inside, s))
    du, dv = matmul(u, turn_u), matmul(v, turn_v)
    inverse = reciprocal(s)
    if u.shape[-2] != u.shape[-1]:
        outside = matmul(without(matmul(u, adjoint(u))), matmul(change, v))
        du = add(du, scale_columns(outside, inverse))
    if v.shape[-2] != v.shape[-1]:
        outside = matmul(without(matmul(v, vh)), matmul(adjoint(change), u))
        dv = add(dv, scale_columns(outside, inverse))
    return [du, real_part(diagonal(inside)), adjoint(dv)]


def _at(out: Value) -> str:
    return f" ({out.node.site})" if out.node.site else ""


def _phases(inside: Value, s: Value) -> Value:
    """Return the change of phases: ``1j * imag(diag) / s``."""
    angles = divide(imag(diagonal_matrix(inside)), in_rows(s, imag(inside)))
    out: Value = complex_(full_like(angles, 0), angles)
    return out


svd: Op = on_matrices(
    "svd",
    lambda a, *, full: _arrays(np.linalg.svd(a, full_matrices=full)),
    _svd_type,
    jvp=_svd_jvp,
)
"""``svd(a, full=)``: left vectors, singular values descending, right vectors conjugated."""


def singular_values_tangent(a: Value, change: Value) -> Value:
    """Return the tangent of the singular values."""
    u, _, vh = results_of(svd(a, full=False))
    return real_part(diagonal(products(adjoint(u), change, adjoint(vh))))


svdvals: Op = on_matrices(
    "svdvals",
    lambda a: np.linalg.svd(a, compute_uv=False),
    lambda a: _svd_type(a, full=False).items[1],
    jvp=lambda primals, tangents, out: singular_values_tangent(primals[0], tangent_of(tangents)),
)
"""``svdvals(a)``: the singular values alone, which NumPy computes in another way."""

OPS = (cholesky, eigh, eigvalsh, qr, svd, svdvals)
