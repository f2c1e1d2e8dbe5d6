"""Linear equations, inverses and determinants, by the kernels of ``numpy.linalg``.

The axes before a matrix are a batch. Derivatives are those of Giles (2008), "Collected matrix
derivative results for forward and reverse mode algorithmic differentiation"; that of the
pseudo-inverse is Golub and Pereyra's (1973).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tracegraph.ir.graph import Op, Tangent, Value
from tracegraph.ir.lowering import CALLOUT
from tracegraph.ir.ops.arithmetic import add, add_tangents, multiply, negative, subtract
from tracegraph.ir.ops.broadcast import batched_alike, full_like
from tracegraph.ir.ops.choice import select
from tracegraph.ir.ops.complexes import complex_, imag
from tracegraph.ir.ops.compose_linalg import (
    adjoint,
    check_matrices,
    is_diagonal,
    part_of,
    products,
    real_part,
    results_of,
    trace,
)
from tracegraph.ir.ops.family import type_error
from tracegraph.ir.ops.linalg import matmul, matrix_transpose
from tracegraph.ir.sizes import Dim
from tracegraph.ir.types import ArrayType, TupleType


def on_matrices(
    name: str,
    eager: Callable[..., Any],
    type_rule: Callable[..., Any],
    jvp: Callable[..., Any],
) -> Op:
    """Return an operation on matrices, of which it takes any batch."""

    def batch(operands: Sequence[Value], batched: Sequence[bool], size: Dim, **attrs: Any) -> Any:
        del batched, size
        whole = op(*operands, **attrs)
        return results_of(whole) if isinstance(whole.node.type, TupleType) else whole

    op = Op(
        name=name,
        type_rule=type_rule,
        eager=eager,
        lower=CALLOUT,
        jvp=jvp,
        transpose=None,
        batch=batch,
    )
    return op


def tangent_of(tangents: Sequence[Tangent]) -> Value:
    """Return the tangent of the one operand."""
    (tangent,) = tangents
    assert tangent is not None
    return tangent


# -- inverses -----------------------------------------------------------------------------------


def _inv_type(a: ArrayType) -> ArrayType:
    check_matrices("inv", a, square=True)
    return a


inv: Op = on_matrices(
    "inv",
    np.linalg.inv,
    _inv_type,
    jvp=lambda primals, tangents, out: negative(products(out, tangent_of(tangents), out)),
)
"""``inv(a)``: the inverses of square matrices."""


def _pinv_type(a: ArrayType, *, rcond: float) -> ArrayType:
    del rcond
    check_matrices("pinv", a)
    return a.with_shape((*a.shape[:-2], a.shape[-1], a.shape[-2]))


def without(matrix: Value) -> Value:
    """Return the unit matrix minus another."""
    unit = select(is_diagonal(matrix), full_like(matrix, 1), full_like(matrix, 0))
    out: Value = subtract(unit, matrix)
    return out


def _pinv_jvp(
    primals: Sequence[Value], tangents: Sequence[Tangent], out: Value, *, rcond: float
) -> Tangent:
    """Golub and Pereyra's formula, which holds where the rank does not change."""
    del rcond
    (a,), da = primals, tangent_of(tangents)
    turned = adjoint(da)
    first = products(out, da, out)
    rows = products(out, adjoint(out), turned, without(matmul(a, out)))
    columns = products(without(matmul(out, a)), turned, adjoint(out), out)
    total: Value = subtract(add(rows, columns), first)
    return total


pinv: Op = on_matrices(
    "pinv",
    lambda a, *, rcond: np.linalg.pinv(a, rcond=rcond),
    _pinv_type,
    jvp=_pinv_jvp,
)
"""``pinv(a, rcond=)``: pseudo-inverses; singular values up to ``rcond`` of the largest are 0."""


# -- equations ----------------------------------------------------------------------------------


def _solve_type(a: ArrayType, b: ArrayType, *, zeros: bool = False) -> ArrayType:
    del zeros
    check_matrices("solve", a, square=True)
    if a.dtype != b.dtype or a.ndim != b.ndim or a.shape[:-1] != b.shape[:-1]:
        raise type_error("solve", "[*batch, n, n] and [*batch, n, k] of one dtype", a, b)
    return b


def _solve_eager(a: Any, b: Any, *, zeros: bool = False) -> Any:
    if not zeros:
        return np.linalg.solve(a, b)
    counts = np.any(b != 0, axis=-2, keepdims=True)
    unit = np.eye(a.shape[-1], dtype=a.dtype)
    found = np.linalg.solve(np.where(counts.any(axis=-1, keepdims=True), a, unit), b)
    return np.where(counts, found, found.dtype.type(0))


def _solve_jvp(
    primals: Sequence[Value], tangents: Sequence[Tangent], out: Value, *, zeros: bool = False
) -> Tangent:
    del zeros
    a, (da, db) = primals[0], tangents
    changed = None if da is None else negative(matmul(da, out))
    right = add_tangents(db, changed)
    assert right is not None
    found: Value = solve(a, right, zeros=True)
    return found


def _solve_transpose(
    ct: Value, operands: Sequence[Value], linear: Sequence[bool], *, zeros: bool = False
) -> list[Tangent]:
    del linear, zeros
    return [None, solve(matrix_transpose(operands[0]), ct, zeros=True)]


def _solve_batch(
    operands: Sequence[Value], batched: Sequence[bool], size: Dim, **attrs: Any
) -> Value:
    out: Value = solve(*batched_alike(operands, batched, size), **attrs)
    return out


solve: Op = Op(
    name="solve",
    type_rule=_solve_type,
    eager=_solve_eager,
    lower=CALLOUT,
    jvp=_solve_jvp,
    transpose=_solve_transpose,
    batch=_solve_batch,
)
"""``solve(a, b)``: the x with ``a @ x = b``, for matrices b. It is linear in b.

``solve(a, b, zeros=True)`` is what derivatives solve: a column of zeros gives zeros, whatever the
matrix is, which is not looked at where all columns are zeros.
"""


# -- determinants -------------------------------------------------------------------------------


def _det_type(a: ArrayType) -> ArrayType:
    check_matrices("det", a, square=True)
    return a.with_shape(a.shape[:-2])


det: Op = on_matrices(
    "det",
    lambda a: np.asarray(np.linalg.det(a)),
    _det_type,
    jvp=lambda primals, tangents, out: multiply(
        out, trace(matmul(inv(primals[0]), tangent_of(tangents)))
    ),
)
"""``det(a)``: determinants. The derivative needs the inverse, so of a singular matrix it raises."""


def _slogdet_type(a: ArrayType) -> TupleType:
    check_matrices("slogdet", a, square=True)
    batch = a.shape[:-2]
    return TupleType((ArrayType(a.dtype, batch), ArrayType(part_of(a.dtype), batch)))


def _slogdet_jvp(primals: Sequence[Value], tangents: Sequence[Tangent], out: Value) -> Any:
    change = trace(matmul(inv(primals[0]), tangent_of(tangents)))
    if change.dtype.kind != "c":
        return [None, change]
    sign, _ = results_of(out)
    turn = complex_(full_like(imag(change), 0), imag(change))
    return [multiply(sign, turn), real_part(change)]


slogdet: Op = on_matrices(
    "slogdet",
    lambda a: tuple(map(np.asarray, np.linalg.slogdet(a))),
    _slogdet_type,
    jvp=_slogdet_jvp,
)
"""``slogdet(a)``: sign and logarithm of the absolute value of determinants."""

OPS = (inv, pinv, solve, det, slogdet)
